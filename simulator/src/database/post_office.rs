//! The post office database: the post office itself, its users, its libraries.

use postoffice::flaim::{Database, Error, FieldValue, MemoryFileSet, Record, Version};
use postoffice::names::RelativePath;
use serde::{Deserialize, Serialize};

use super::build::{Building, record, text};
use super::schema::{LIBRARIES, POST_OFFICES, USERS, host, post_office};
use super::{failed, open};
use crate::error::SimulatorError;

/// A user of a post office.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The file identifier, part of the name of the user's database: three letters or digits, in a few old sites two.
    pub fid: String,
    /// The name that people see.
    pub display_name: String,
}

/// A library of a post office.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Library {
    /// Its folder below `gwdms`, in the case that it has on the disk.
    pub folder: String,
    /// The path of its document storage area as the source server names it; `None` where documents are in the
    /// post office.
    pub documents: Option<String>,
}

/// What a post office database says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PostOffice {
    pub(crate) name: String,
    pub(crate) users: Vec<User>,
    pub(crate) libraries: Vec<Library>,
}

/// Makes a post office database.
pub(crate) fn create_post_office(
    version: Version,
    content: &PostOffice,
) -> Result<MemoryFileSet, Error> {
    let mut building = Building::new(version, post_office())?;
    let name = FieldValue::Text(&content.name);
    building.record(POST_OFFICES, 1, &[(host::NAME, name)])?;
    for (number, user) in (1..).zip(&content.users) {
        building.record(USERS, number, &user_fields(user))?;
    }
    for (number, library) in (1..).zip(&content.libraries) {
        let mut fields = vec![(host::LIBRARY_FOLDER, FieldValue::Text(&library.folder))];
        if let Some(documents) = &library.documents {
            fields.push((host::LIBRARY_DOCUMENTS, FieldValue::Text(documents)));
        }
        building.record(LIBRARIES, number, &fields)?;
    }
    building.finish()
}

fn user_fields(user: &User) -> [(u16, FieldValue<'_>); 2] {
    [
        (host::USER_FID, FieldValue::Text(&user.fid)),
        (host::USER_NAME, FieldValue::Text(&user.display_name)),
    ]
}

/// The record of one user.
pub(crate) fn user_record(
    database: &Database<&MemoryFileSet>,
    number: u32,
    user: &User,
) -> Result<Record, Error> {
    let version = database.header().version;
    record(version, database.dictionary(), number, &user_fields(user))
}

/// Reads a post office database; one that is not of the simulator's making is an error.
pub(crate) fn read_post_office(
    files: &MemoryFileSet,
    path: &RelativePath,
) -> Result<PostOffice, SimulatorError> {
    let database = open(files).map_err(failed(path))?;
    if *database.dictionary() != post_office() {
        return Err(SimulatorError::NotOfTheSimulator {
            path: path.to_string(),
        });
    }
    let mut content = PostOffice::default();
    let mut each = |container, take: &mut dyn FnMut(&mut PostOffice, &Record)| {
        for record in database.records(container)? {
            take(&mut content, &record?);
        }
        Ok(())
    };
    let read = each(POST_OFFICES, &mut |content, record| {
        content.name = text(record, host::NAME);
    })
    .and_then(|()| {
        each(USERS, &mut |content, record| {
            content.users.push(User {
                fid: text(record, host::USER_FID),
                display_name: text(record, host::USER_NAME),
            });
        })
    })
    .and_then(|()| {
        each(LIBRARIES, &mut |content, record| {
            let documents = text(record, host::LIBRARY_DOCUMENTS);
            content.libraries.push(Library {
                folder: text(record, host::LIBRARY_FOLDER),
                documents: (!documents.is_empty()).then_some(documents),
            });
        })
    });
    read.map_err(failed(path))?;
    Ok(content)
}
