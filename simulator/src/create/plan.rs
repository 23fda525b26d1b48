//! Which folder of a post office holds what.

use std::sync::Arc;

use postoffice::flaim::Version;
use postoffice::layout::{BLOB_FOLDER_LAST, folder_skeleton};
use postoffice::names::RelativePath;
use rand::RngExt;

use super::folders::{Content, FolderPlan, TreePlan};
use super::{CreateOptions, SMALL_ATTACHMENTS_FROM, catalogue, contents, mail};
use crate::database::{create_post_office, failed, options as database_options, version};
use crate::error::SimulatorError;
use crate::fake_data;
use crate::model::{Library, PostOffice, Truth};
use crate::random::{ATTACHMENTS, SMALL_ATTACHMENTS, generator};

/// A whole post office.
pub(super) struct Plan {
    pub(super) post_office: String,
    pub(super) users: usize,
    pub(super) startup_file: String,
    /// The version of the databases.
    pub(super) version: Version,
    pub(super) folders: Vec<FolderPlan>,
    pub(super) documents: Vec<FolderPlan>,
    /// Who has which messages.
    pub(super) truth: Truth,
}

/// Everything that a post office holds.
pub(super) fn post_office(options: &CreateOptions) -> Result<Plan, SimulatorError> {
    let version = version(options.seed);
    let mut generator = generator(options.seed, b"post office");
    let name = contents::post_office_name(&mut generator);
    let users = fake_data::users(&mut generator, (options.files / 40).clamp(12, 1500));
    let mut folders = TreePlan::new(options.seed, options.case);
    for folder in folder_skeleton() {
        folders.at(&String::from_utf8_lossy(folder.as_bytes()));
    }
    let library_documents = options.files / 20;
    let libraries = libraries(options, &mut folders);
    for (folder, documents) in &libraries {
        let count = if documents.is_some() {
            0
        } else {
            library_documents / 2
        };
        contents::library(&mut folders, &mut generator, folder, count);
    }
    let content = PostOffice {
        name: name.clone(),
        users: users.clone(),
        libraries: described(&mut folders, &libraries),
    };
    let path = RelativePath::root().join(b"wphost.db");
    let options_of_host = database_options(version, &mut generator);
    let host = create_post_office(options_of_host, &content).map_err(failed(&path))?;
    contents::root(&mut folders, Content::Database(Arc::new(host)));
    let startup_file = contents::startup_file(&mut folders, &name);
    contents::users(&mut folders, &mut generator, &users, options.case);
    contents::messages(&mut folders);
    let mail = mail::mail(options, &name, &users, (options.files / 400).clamp(5, 255))?;
    let truth = mail.truth(&users);
    mail.add(&mut folders, &users);
    contents::queues(&mut folders, &mut generator, options.files / 200);
    let guardian = catalogue::guardian(&folders, &users, version, options.guardian)?;
    contents::guardian(&mut folders, &guardian);
    blobs(options, &mut folders);
    let mut outside = TreePlan::new(options.seed, options.case);
    contents::documents(&mut outside, &mut generator, "", library_documents.max(20));
    Ok(Plan {
        post_office: name,
        users: users.len(),
        version,
        startup_file: folders.at("").on_disk_name(options.seed, &startup_file),
        folders: folders.finish(),
        documents: outside.finish(),
        truth,
    })
}

/// The libraries by their lower-case folder, each with its document storage area if that is outside.
fn libraries(options: &CreateOptions, folders: &mut TreePlan) -> Vec<(String, Option<String>)> {
    let outside = options
        .documents
        .as_ref()
        .map(|_| "\\\\NW1\\DOCS\\LIB0001".to_owned());
    let mut libraries = vec![("lib000a".to_owned(), None), ("lib002f".to_owned(), None)];
    if outside.is_some() {
        libraries.push(("lib0001".to_owned(), outside));
    }
    for (folder, _) in &libraries {
        folders.at(&format!("gwdms/{folder}"));
    }
    libraries
}

/// The libraries as the post office database has them.
fn described(folders: &mut TreePlan, libraries: &[(String, Option<String>)]) -> Vec<Library> {
    let libraries = libraries.iter();
    libraries
        .map(|(label, documents)| {
            let path = &folders.at(&format!("gwdms/{label}")).path;
            let name = path.components().next_back().unwrap_or_default();
            Library {
                folder: String::from_utf8_lossy(name).into_owned(),
                documents: documents.clone(),
            }
        })
        .collect()
}

/// Fills the post office up to its number of files with attachments of messages that are gone, scattered over their
/// folders.
fn blobs(options: &CreateOptions, folders: &mut TreePlan) {
    let mut generator = generator(options.seed, b"attachments");
    let sizes = if options.files < SMALL_ATTACHMENTS_FROM {
        ATTACHMENTS
    } else {
        SMALL_ATTACHMENTS
    };
    let missing = options.files.saturating_sub(folders.file_count());
    for number in 0..missing {
        // The last folder must never be empty: it is the one whose name has a capital at real sites.
        let folder = match number {
            0 => BLOB_FOLDER_LAST,
            _ => generator.random_range(0..=BLOB_FOLDER_LAST),
        };
        let folder = folders.at(&format!("offiles/fd{folder:x}"));
        folder.opaque += 1;
        folder.opaque_sizes = sizes;
    }
}
