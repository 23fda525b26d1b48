//! The layout of a post office: which folder and file is what.
//!
//! The layout is a table of patterns; this module looks paths up in it.  Paths are relative to the root of the post
//! office, compared as bytes and without regard to ASCII case, because NetWare and Windows keep any.
//!
//! Two rules decide where the table is silent.  Whatever stands in a message queue is mail; whatever else is unknown
//! is [`FileClass::Other`] and copied in every pass.  Losing a file is worse than copying one too many.

mod class;
mod pattern;
mod table;
#[cfg(test)]
mod tests;

pub use class::{CopyOrder, CopyRule, FileClass, FolderClass};

use crate::names::RelativePath;
use pattern::{FolderRole, database_name, name_matches, role_of_folder};
use table::{FileRow, Form};

/// The files that the root of every post office holds, in lower case.  A folder without them is no post office, or
/// an empty mount point.
pub const MARKERS: &[&str] = &["wphost.db", "ngwguard.db"];

/// The number of the last folder with attachments, `offiles/fdf6`.
pub const BLOB_FOLDER_LAST: u8 = 0xf6;

/// The number of priorities of a queue: folders `0` to `7`.
pub const PRIORITIES: u8 = 8;

/// What the file at `path` is; for many files of one folder, [`FolderFiles`].
pub fn classify_file(path: &RelativePath) -> FileClass {
    look_up(FolderFiles::in_post_office, path)
}

/// What the file at `path` below the root of a document storage area outside the post office is.
pub fn classify_document(path: &RelativePath) -> FileClass {
    look_up(FolderFiles::in_documents, path)
}

fn look_up(files_of: fn(&RelativePath) -> FolderFiles, path: &RelativePath) -> FileClass {
    path.split().map_or(FileClass::Other, |(folder, name)| {
        files_of(&folder).class_of(name)
    })
}

/// What the files of one folder are, by their names.
#[derive(Debug)]
pub struct FolderFiles {
    /// The rows that a file of this folder can match, in the order of the table.
    rows: Vec<(NameRule, FileClass)>,
}

/// What a row still asks of a name, the folder having the right path.
#[derive(Debug, Clone, Copy)]
enum NameRule {
    /// Nothing.
    Anything,
    /// This form.
    Name(&'static str),
    /// To be a file of a database of this form.
    Database(&'static str),
}

impl FolderFiles {
    /// Those of a folder of a post office.
    pub fn in_post_office(folder: &RelativePath) -> Self {
        Self::new(table::FILES, folder)
    }

    /// Those of a folder of a document storage area outside the post office.
    pub fn in_documents(folder: &RelativePath) -> Self {
        Self::new(table::DOCUMENT_FILES, folder)
    }

    fn new(rows: &'static [FileRow], folder: &RelativePath) -> Self {
        let folder: Vec<&[u8]> = folder.components().collect();
        let rows = rows
            .iter()
            .filter_map(|row| Some((rule_of(row, &folder)?, row.class)));
        Self {
            rows: rows.collect(),
        }
    }

    /// What the file of this name is.
    pub fn class_of(&self, name: &[u8]) -> FileClass {
        let mut rows = self.rows.iter();
        rows.find(|(rule, _)| rule.is_met_by(name))
            .map_or(FileClass::Other, |(_, class)| *class)
    }
}

impl NameRule {
    fn is_met_by(self, name: &[u8]) -> bool {
        match self {
            Self::Anything => true,
            Self::Name(form) => name_matches(form.as_bytes(), name),
            Self::Database(base) => database_name(base, name).is_some(),
        }
    }
}

/// What the row asks of the name of a file in this folder; none where none can match.
fn rule_of(row: &FileRow, folder: &[&[u8]]) -> Option<NameRule> {
    match row.form {
        Form::File => rule_of_path(row.pattern, folder),
        Form::Database => Some(match role_of_folder(row.pattern, folder)? {
            FolderRole::Databases(base) => NameRule::Database(base),
            FolderRole::Logs(_) => NameRule::Anything,
        }),
    }
}

fn rule_of_path(pattern: &'static str, folder: &[&[u8]]) -> Option<NameRule> {
    let mut forms = pattern.split('/');
    for name in folder {
        match forms.next()? {
            "**" => return Some(NameRule::Anything),
            form if name_matches(form.as_bytes(), name) => {}
            _ => return None,
        }
    }
    match (forms.next()?, forms.next()) {
        ("**", _) => Some(NameRule::Anything),
        (form, None) => Some(NameRule::Name(form)),
        _ => None,
    }
}

/// The database that the file at `path` belongs to: its path in lower case, without `.db`.
///
/// All files of one database have the same; `None` for what is no part of a database.
pub fn database_of(path: &RelativePath) -> Option<RelativePath> {
    base_in(table::FILES, path)
}

/// The same for a document storage area outside the post office.
pub fn document_database_of(path: &RelativePath) -> Option<RelativePath> {
    base_in(table::DOCUMENT_FILES, path)
}

/// The first row that the whole path matches.
fn row_of<'a>(rows: &'a [FileRow], names: &[&[u8]]) -> Option<&'a FileRow> {
    rows.iter().find(|row| match row.form {
        Form::File => pattern::path_matches(row.pattern, names),
        Form::Database => pattern::database_base(row.pattern, names).is_some(),
    })
}

fn base_in(rows: &[FileRow], path: &RelativePath) -> Option<RelativePath> {
    let names: Vec<&[u8]> = path.components().collect();
    let row = row_of(rows, &names)?;
    if !matches!(
        row.class.copy_rule(),
        CopyRule::UnderLock | CopyRule::AtomicSet
    ) {
        return None;
    }
    let (depth, base) = match row.form {
        Form::Database => pattern::database_base(row.pattern, &names)?,
        Form::File => {
            let (name, folder) = names.split_last()?;
            (folder.len(), crate::flaim::base_of(name))
        }
    };
    let folder = names.iter().take(depth);
    let base = folder
        .chain([&base])
        .fold(RelativePath::root(), |path, name| {
            path.join(&name.to_ascii_lowercase())
        });
    Some(base)
}

/// What the folder at `path` is for.
pub fn classify_folder(path: &RelativePath) -> FolderClass {
    if path.is_root() {
        return FolderClass::Root;
    }
    let names: Vec<&[u8]> = path.components().collect();
    table::FOLDERS
        .iter()
        .find(|row| pattern::path_matches(row.pattern, &names))
        .map_or(FolderClass::Other, |row| row.class)
}

/// Whether a database or an item of a queue may lie in this folder of a post office, or anywhere below it.
///
/// Only of folders that the layout knows for something else is it certain that none does; an unknown one may hold anything.
pub fn may_hold_databases(folder: &RelativePath) -> bool {
    !is_at_or_below(table::WITHOUT_DATABASES, folder)
}

/// The same for a document storage area outside the post office.
pub fn documents_may_hold_databases(folder: &RelativePath) -> bool {
    !is_at_or_below(table::DOCUMENTS_WITHOUT_DATABASES, folder)
}

fn is_at_or_below(patterns: &[&str], folder: &RelativePath) -> bool {
    let names: Vec<&[u8]> = folder.components().collect();
    patterns.iter().any(|pattern| {
        let above = names.get(..pattern.split('/').count());
        above.is_some_and(|above| pattern::path_matches(pattern, above))
    })
}

/// Whether some file of a post office has a name of this form, wherever it stands.
///
/// Forms that any name has before its extension (attachments, views, queued mail) tell nothing and do not count.
pub fn is_known_file_name(name: &[u8]) -> bool {
    table::FILES.iter().any(|row| {
        let form = row.pattern.rsplit('/').next().unwrap_or_default();
        let stem = form.split('.').next().unwrap_or_default();
        let is_telling = stem.bytes().any(|symbol| symbol.is_ascii_lowercase());
        is_telling
            && match row.form {
                Form::File => pattern::path_matches(form, &[name]),
                Form::Database => pattern::database_base(form, &[name]).is_some(),
            }
    })
}

/// Whether some folder of a post office has this name, wherever it stands.
pub fn is_known_folder_name(name: &[u8]) -> bool {
    let mut forms = table::FOLDERS.iter().flat_map(|row| row.pattern.split('/'));
    forms.any(|form| form != "**" && pattern::path_matches(form, &[name]))
}

/// Whether `path` is one of the two queue folders or anything below them.
pub fn is_queue(path: &RelativePath) -> bool {
    path.components().next().is_some_and(|name| {
        name.eq_ignore_ascii_case(b"wpcsin") || name.eq_ignore_ascii_case(b"wpcsout")
    })
}

/// The markers of a post office that are not among the names in a folder.
pub fn missing_markers<'a>(root_names: impl Iterator<Item = &'a [u8]>) -> Vec<&'static str> {
    let mut missing = MARKERS.to_vec();
    for name in root_names {
        missing.retain(|marker| !marker.as_bytes().eq_ignore_ascii_case(name));
    }
    missing
}

/// Every folder that a Linux Post Office Agent expects in its post office, in lower case, parents first.
pub fn folder_skeleton() -> Vec<RelativePath> {
    let mut folders = Skeleton::default();
    for path in [
        "ofuser/index",
        "ofmsg/guardbak",
        "ofviews/win",
        "ofwork",
        "gwdms",
    ] {
        folders.add(path);
    }
    for number in 0..=BLOB_FOLDER_LAST {
        folders.add(&format!("offiles/fd{number:x}"));
    }
    for queue in ["wpcsin", "wpcsout/ofs", "wpcsout/ads", "wpcsout/chk"] {
        for priority in 0..PRIORITIES {
            folders.add(&format!("{queue}/{priority}"));
        }
    }
    for path in ["wpcsout/chk/defer", "wpcsout/ofs/defer", "wpcsout/problem"] {
        folders.add(path);
    }
    folders.0
}

/// Folders with each parent before its children, none twice.
#[derive(Default)]
struct Skeleton(Vec<RelativePath>);

impl Skeleton {
    fn add(&mut self, path: &str) {
        let mut folder = RelativePath::root();
        for name in path.split('/') {
            folder = folder.join(name.as_bytes());
            if !self.0.contains(&folder) {
                self.0.push(folder.clone());
            }
        }
    }
}
