//! The post office database: the post office itself, its users, its libraries.

use postoffice::flaim::{Database, MemoryFileSet, Record};
use postoffice::names::RelativePath;

use super::open_ours;
use super::records::{DatabaseBuilder, record, records_of, text};
use super::schema::{LIBRARIES, POST_OFFICES, USERS, host, post_office};
use crate::error::SimulatorError;
use crate::flaim::{CreateError, DatabaseOptions, FieldValue};
use crate::model::{Library, PostOffice, User};

/// Makes a post office database.
pub(crate) fn create_post_office(
    options: DatabaseOptions,
    content: &PostOffice,
) -> Result<MemoryFileSet, CreateError> {
    let mut builder = DatabaseBuilder::new(options, post_office())?;
    let name = FieldValue::Text(&content.name);
    builder.record(POST_OFFICES, 1, &[(host::NAME, name)])?;
    for (number, user) in (1..).zip(&content.users) {
        builder.record(USERS, number, &user_fields(user))?;
    }
    for (number, library) in (1..).zip(&content.libraries) {
        let mut fields = vec![(host::LIBRARY_FOLDER, FieldValue::Text(&library.folder))];
        if let Some(documents) = &library.documents {
            fields.push((host::LIBRARY_DOCUMENTS, FieldValue::Text(documents)));
        }
        builder.record(LIBRARIES, number, &fields)?;
    }
    builder.finish()
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
) -> Result<Record, CreateError> {
    let version = database.header().version;
    record(version, database.dictionary(), number, &user_fields(user))
}

/// Reads a post office database; one that is not of the simulator's making is an error.
pub(crate) fn read_post_office(
    files: &MemoryFileSet,
    path: &RelativePath,
) -> Result<PostOffice, SimulatorError> {
    let database = open_ours(files, path, |_| post_office())?;
    let mut content = PostOffice::default();
    for record in records_of(&database, POST_OFFICES, path)? {
        content.name = text(&record, host::NAME);
    }
    for record in records_of(&database, USERS, path)? {
        content.users.push(User {
            fid: text(&record, host::USER_FID),
            display_name: text(&record, host::USER_NAME),
        });
    }
    for record in records_of(&database, LIBRARIES, path)? {
        let documents = text(&record, host::LIBRARY_DOCUMENTS);
        content.libraries.push(Library {
            folder: text(&record, host::LIBRARY_FOLDER),
            documents: (!documents.is_empty()).then_some(documents),
        });
    }
    Ok(content)
}
