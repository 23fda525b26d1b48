//! What only the destination has, and names that are not lower case.

use std::sync::Arc;

use postoffice::names::{LowerCased, lower_case};

use super::compare::Comparison;
use crate::error::{Result, WorkerError};
use crate::tree::{Entry, Kind, Later, Pair};

impl Comparison<'_> {
    /// An entry that only the destination has: fine where it is nobody's data, or a folder of every post office that holds
    /// nothing else, which its own visit says.
    pub(super) fn extra(
        &self,
        pair: &Arc<Pair>,
        entry: &Entry,
        later: &Later<'_, Self>,
    ) -> Result<()> {
        let path = pair.path.join(&entry.name);
        let kind = pair
            .destination
            .kind_of(entry)
            .map_err(|errno| WorkerError::writing("look at", &path, errno))?;
        let is_fine = match kind {
            Kind::Folder => {
                !pair.has_source()
                    || self.area.is_of_the_file_system(&path)
                    || self.store.folder_made_by(self.area.id, &path)? == Some(0)
            }
            Kind::File => self.leaves_out(&path),
            Kind::Symlink | Kind::Special => false,
        };
        if !is_fine {
            self.differs("seal-extra", &path, "the source does not have it");
        } else if kind == Kind::Folder {
            later.folder(pair.inside_destination(&entry.name));
        }
        // A name that the source has too is lower case.
        let has_capital = matches!(lower_case(&entry.name), LowerCased::Changed(_));
        if has_capital && !self.leaves_out(&path) {
            let text = "its name has a capital letter";
            self.differs("seal-not-lower-case", &path, text);
        }
        Ok(())
    }
}
