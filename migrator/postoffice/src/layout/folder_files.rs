//! The files of one folder: the rows of the table are compared with its path once, and then only with names.

use super::pattern::{FolderRole, database_name, name_matches, role_of_folder};
use super::table::{self, FileRow, Form};
use super::{FileClass, RelativePath};

/// What the files of one folder are, by their names.
#[derive(Debug)]
pub struct FolderFiles {
    /// The rows that a file of this folder can match, in the order of the table.
    rows: Vec<(Rest, FileClass)>,
}

/// What a row still asks of a name, the folder having the right path.
#[derive(Debug, Clone, Copy)]
enum Rest {
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

    pub(super) fn new(rows: &'static [FileRow], folder: &RelativePath) -> Self {
        let folder: Vec<&[u8]> = folder.components().collect();
        let rows = rows
            .iter()
            .filter_map(|row| Some((rest_of(row, &folder)?, row.class)));
        Self {
            rows: rows.collect(),
        }
    }

    /// What the file of this name is.
    pub fn class_of(&self, name: &[u8]) -> FileClass {
        let mut rows = self.rows.iter();
        rows.find(|(rest, _)| rest.is_met_by(name))
            .map_or(FileClass::Other, |(_, class)| *class)
    }
}

impl Rest {
    fn is_met_by(self, name: &[u8]) -> bool {
        match self {
            Self::Anything => true,
            Self::Name(form) => name_matches(form.as_bytes(), name),
            Self::Database(base) => database_name(base, name).is_some(),
        }
    }
}

/// What the row asks of the name of a file in this folder; none where none can match.
fn rest_of(row: &FileRow, folder: &[&[u8]]) -> Option<Rest> {
    match row.form {
        Form::File => rest_of_path(row.pattern, folder),
        Form::Database => Some(match role_of_folder(row.pattern, folder)? {
            FolderRole::Databases(base) => Rest::Database(base),
            FolderRole::Logs(_) => Rest::Anything,
        }),
    }
}

fn rest_of_path(pattern: &'static str, folder: &[&[u8]]) -> Option<Rest> {
    let mut forms = pattern.split('/');
    for name in folder {
        match forms.next()? {
            "**" => return Some(Rest::Anything),
            form if name_matches(form.as_bytes(), name) => {}
            _ => return None,
        }
    }
    match (forms.next()?, forms.next()) {
        ("**", _) => Some(Rest::Anything),
        (form, None) => Some(Rest::Name(form)),
        _ => None,
    }
}
