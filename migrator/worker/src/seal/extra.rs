//! What only the destination has, and names that are not lower case.

use postoffice::names::{LowerCased, lower_case};

use super::Pair;
use super::compare::Comparison;
use crate::error::{Result, WorkerError};
use crate::marker::is_marker;
use crate::tree::{Entry, Kind};

impl Comparison<'_> {
    /// An entry that only the destination has: fine where it is an empty folder of every post office, or nobody's data.
    pub(super) fn extra(&self, pair: &Pair, entry: &Entry) -> Result<()> {
        if is_marker(&pair.path, &entry.name) {
            return Ok(());
        }
        let path = pair.path.join(&entry.name);
        let failed = |errno| WorkerError::writing("look at", &path, errno);
        let kind = pair.destination.kind_of(entry).map_err(failed)?;
        let is_fine = match kind {
            Kind::Folder => {
                let may_be_empty = self.area.is_of_the_file_system(&path)
                    || self.store.folder_made_by(self.area.id, &path)? == Some(0);
                may_be_empty && self.holds_no_file(pair, entry).map_err(failed)?
            }
            Kind::File => self.leaves_out(&path),
            Kind::Symlink | Kind::Special => false,
        };
        if !is_fine {
            self.differs("seal-extra", &path, "the source does not have it");
        }
        Ok(())
    }

    fn holds_no_file(
        &self,
        pair: &Pair,
        entry: &Entry,
    ) -> std::result::Result<bool, rustix::io::Errno> {
        let path = pair.path.join(&entry.name);
        let mut waiting = vec![(pair.destination.open_folder(&entry.name)?, path)];
        while let Some((folder, path)) = waiting.pop() {
            for inner in folder.list()? {
                let inner_path = path.join(&inner.name);
                match folder.kind_of(&inner)? {
                    Kind::Folder => waiting.push((folder.open_folder(&inner.name)?, inner_path)),
                    // Lock files of the agent are nobody's data here as elsewhere.
                    Kind::File if self.leaves_out(&inner_path) => {}
                    _ => return Ok(false),
                }
            }
        }
        Ok(true)
    }

    /// A name of the destination must have no capital letter.
    pub(super) fn require_lower_case(&self, pair: &Pair, entry: &Entry) {
        if !matches!(lower_case(&entry.name), LowerCased::Changed(_)) {
            return;
        }
        let path = pair.path.join(&entry.name);
        if !self.leaves_out(&path) {
            self.differs(
                "seal-not-lower-case",
                &path,
                "its name has a capital letter",
            );
        }
    }
}
