//! Which files are copied together: a database is a set of files, and so is the guardian with its fall-back copies.
//!
//! A data file beside another's header, or a new guardian beside an old log, would make an agent replay the wrong
//! changes.  So all members of a unit are copied under one lock, and given their names together.

use std::collections::BTreeMap;

use postoffice::flaim::{DatabaseFile, Header, Version, base_of};
use postoffice::layout::{CopyRule, FileClass};
use postoffice::names::RelativePath;

use super::context::{FileTask, PassContext};

/// The name of the guardian itself, in lower case.
const GUARDIAN: &[u8] = b"ngwguard.db";

/// Files that are copied whole or not at all.
#[derive(Debug)]
pub(super) struct Unit {
    /// What they are.
    pub(super) class: FileClass,
    /// The files; the one that is locked for all stands last, because it gets its name last.
    pub(super) members: Vec<FileTask>,
}

impl Unit {
    /// The file whose lock stands for all, and whose header says whether anything moved.
    pub(super) fn control(&self) -> Option<&FileTask> {
        self.members.last()
    }

    /// Whether the destination has none of it: a member beside older ones is left to a pass that copies all of them.
    pub(super) fn is_new(&self) -> bool {
        self.members.iter().all(|member| !member.listed)
    }

    fn new(mut members: Vec<FileTask>) -> Self {
        members.sort_by_key(|task| (is_control(task), task.pair.path.clone(), task.name.clone()));
        let class = members.last().map_or(FileClass::Other, |task| task.class);
        Self { class, members }
    }
}

/// The databases first, each with its companions, then one unit for the guardian of each area.
pub(super) fn units_of(context: &PassContext<'_>, tasks: Vec<FileTask>) -> Vec<Unit> {
    let mut units: BTreeMap<(bool, usize, RelativePath), Vec<FileTask>> = BTreeMap::new();
    for task in tasks {
        let is_guardian = task.class.copy_rule() == CopyRule::AtomicSet;
        let path = task.pair.path.join(&task.name);
        let database = if is_guardian {
            RelativePath::root()
        } else {
            let area = &context.areas[task.pair.area];
            area.database_of(&path).unwrap_or(path)
        };
        let key = (is_guardian, task.pair.area, database);
        units.entry(key).or_default().push(task);
    }
    units.into_values().map(Unit::new).collect()
}

/// Whether this is the file that the others belong to, the guardian before its fall-back copies.
fn is_control(task: &FileTask) -> u8 {
    let is_database = base_of(&task.name).len() < task.name.len();
    u8::from(is_database) + u8::from(task.name == GUARDIAN)
}

/// Which file of which database a name is, for databases whose headers are known.
#[derive(Debug, Default)]
pub(super) struct KnownHeaders(Vec<(RelativePath, Vec<u8>, Header)>);

impl KnownHeaders {
    /// Remembers the header of the control file `name` in the folder `folder`.
    pub(super) fn learn(&mut self, folder: &RelativePath, name: &[u8], header: Header) {
        let base = base_of(name).to_vec();
        self.0.push((folder.clone(), base, header));
    }

    /// The header of the database that a file belongs to, and which of its files it is; control files are none.
    pub(super) fn find(
        &self,
        folder: &RelativePath,
        name: &[u8],
    ) -> Option<(&Header, DatabaseFile)> {
        self.0.iter().find_map(|(known, base, header)| {
            let version: Version = header.version;
            let file = DatabaseFile::of_name(base, name, version)?;
            (known == folder && file != DatabaseFile::CONTROL).then_some((header, file))
        })
    }
}
