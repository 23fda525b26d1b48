use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use postoffice::names::RelativePath;

use super::*;
use crate::create::{CreateOptions, create, planned_truth};
use crate::database::Writer;
use crate::error::SimulatorError;
use crate::model::{
    Draft, FolderTruth, GuardianKind, INBOX, NameCase, Part, Placement, Truth, User,
};
use crate::tree;

mod damage;
mod operations;
mod rendering;

pub(super) fn options(folder: &Path, seed: u64, case: NameCase) -> CreateOptions {
    CreateOptions {
        folder: folder.to_owned(),
        documents: None,
        seed,
        files: 300,
        case,
        guardian: GuardianKind::Flaim,
    }
}

pub(super) fn post_office(scratch: &Path, case: NameCase) -> PathBuf {
    let folder = scratch.join("po");
    create(&options(&folder, 5, case)).unwrap();
    folder
}

pub(super) fn store(folder: &Path, lookup: NameLookup) -> MailStore {
    MailStore::new(tree::open_folder(folder).unwrap(), lookup)
}

/// The files below a folder that a message may need, with their paths.
pub(super) fn files(folder: &Path) -> Vec<RelativePath> {
    let root = tree::open_folder(folder).unwrap();
    let entries = tree::entries(&root).unwrap().into_iter();
    entries
        .filter(|entry| entry.is_file)
        .map(|entry| entry.path)
        .collect()
}

/// Every name in lower case, as a migration leaves it.
fn lower_case_everything(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let lower = folder.join(name.to_ascii_lowercase());
        fs::rename(&path, &lower).unwrap();
        if lower.is_dir() {
            lower_case_everything(&lower);
        }
    }
}

#[test]
fn what_was_planned_is_what_is_read_whatever_the_case() {
    for (seed, case) in [
        (1, NameCase::Mixed),
        (2, NameCase::Upper),
        (3, NameCase::Lower),
    ] {
        let scratch = tempfile::tempdir().unwrap();
        let options = options(&scratch.path().join("po"), seed, case);
        create(&options).unwrap();
        let planned = planned_truth(&options).unwrap();
        assert_eq!(truth(&options.folder).unwrap(), planned);
        let users: BTreeSet<&str> = planned.folders.iter().map(|one| &*one.user).collect();
        assert_eq!(users.len(), 12);
        assert!(planned.messages.len() > 400);
        let digests: BTreeSet<&str> = planned.messages.iter().map(|one| &*one.digest).collect();
        let ids: BTreeSet<&str> = planned
            .messages
            .iter()
            .map(|one| &*one.message_id)
            .collect();
        assert_eq!(digests.len(), ids.len());
        assert!(ids.len() > 200 && ids.len() < planned.messages.len() / 2);
    }
}

#[test]
fn a_migrated_store_is_read_by_exact_names_and_a_source_is_not() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = post_office(scratch.path(), NameCase::Upper);
    let before = truth(&folder).unwrap();
    let exact = store(&folder, NameLookup::Exact);
    assert!(matches!(
        exact.reader().users(),
        Err(SimulatorError::Mail(MailError::Missing { .. }))
    ));
    lower_case_everything(&folder);
    assert_eq!(truth(&folder).unwrap(), before);
    let mut reader = exact.reader();
    for user in reader.users().unwrap() {
        let mailbox = reader.mailbox(&user.fid).unwrap();
        for pointer in &mailbox.pointers {
            let message = reader.message(&user.fid, pointer).unwrap();
            let digest = digest_text(&reader.rendered(&message).unwrap());
            assert!(
                before
                    .messages
                    .iter()
                    .any(|one| one.user == user.fid && one.digest == digest)
            );
        }
    }
}

#[test]
fn long_parts_are_blobs_and_short_ones_are_not() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = post_office(scratch.path(), NameCase::Lower);
    let store = store(&folder, NameLookup::Exact);
    let mut reader = store.reader();
    let (mut blobs, mut inline) = (0, 0);
    for number in reader.message_databases().unwrap() {
        for message in reader.messages_files(number).unwrap().content.messages {
            let attachment = message.attachment.as_ref().map(|file| &file.content);
            for part in [Some(&message.recipients), Some(&message.body), attachment] {
                match part {
                    Some(Part::Inline(bytes)) => {
                        assert!(bytes.len() < 2048);
                        inline += 1;
                    }
                    Some(Part::Blob(blob)) => {
                        assert!(blob.bytes >= 2048);
                        let file = fs::metadata(folder.join(blob.path())).unwrap();
                        assert_eq!(file.len(), blob.bytes);
                        blobs += 1;
                    }
                    None => {}
                }
            }
        }
    }
    assert!(blobs > 40 && inline > 300, "{blobs} {inline}");
}

#[test]
fn a_churn_does_with_messages_what_it_says_and_new_users_have_mailboxes() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = post_office(scratch.path(), NameCase::Mixed);
    let before = truth(&folder).unwrap();
    let report = crate::churn(
        &folder,
        &crate::ChurnOptions {
            seed: 3,
            operations: 200,
            time: None,
        },
    )
    .unwrap();
    let after = truth(&folder).unwrap();
    let users_before = before.folders.clone();
    let events = report.operations.iter().flat_map(|one| &one.mail);
    let wanted = events.fold(before, Truth::after);
    assert!(after.messages == wanted.messages, "other messages");
    let users = |folders: &[FolderTruth]| -> BTreeSet<String> {
        folders.iter().map(|one| one.user.clone()).collect()
    };
    let count = |kind| {
        let operations = report.operations.iter();
        operations.filter(|one| one.kind == kind).count()
    };
    assert_eq!(
        users(&after.folders).len(),
        users(&users_before).len() + count(crate::ChurnKind::NewUser)
    );
    for kind in [
        crate::ChurnKind::PurgedBlob,
        crate::ChurnKind::DeliveredMail,
        crate::ChurnKind::SentMail,
        crate::ChurnKind::MovedMail,
        crate::ChurnKind::PurgedMail,
    ] {
        assert!(count(kind) > 5, "{kind}");
    }
}

#[test]
fn a_blob_renamed_in_its_case_alone_is_found_at_a_source_and_not_on_linux() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = post_office(scratch.path(), NameCase::Lower);
    let before = truth(&folder).unwrap();
    let root = tree::open_folder(&folder).unwrap();
    let blobs = referenced_blobs(&root).unwrap();
    for blob in &blobs {
        let blob = folder.join(std::str::from_utf8(blob).unwrap());
        let name = blob.file_name().unwrap().to_str().unwrap();
        fs::rename(&blob, blob.with_file_name(name.to_ascii_uppercase())).unwrap();
    }
    assert_eq!(truth(&folder).unwrap(), before);
    let exact = store(&folder, NameLookup::Exact);
    let mut reader = exact.reader();
    let mut missing = 0;
    for number in reader.message_databases().unwrap() {
        for message in reader.messages_files(number).unwrap().content.messages {
            let outcome = reader.rendered(&message);
            missing += usize::from(matches!(
                outcome,
                Err(SimulatorError::Mail(MailError::BlobMissing { .. }))
            ));
        }
    }
    assert!(missing > 20, "{missing}");
}

#[test]
fn users_and_databases_are_added_once_and_then_get_mail() {
    for guardian in [GuardianKind::Flaim, GuardianKind::Opaque] {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("po");
        create(&CreateOptions {
            guardian,
            ..options(&folder, 5, NameCase::Mixed)
        })
        .unwrap();
        let root = tree::open_folder(&folder).unwrap();
        let store = store(&folder, NameLookup::AnyCase);
        let new = NewUser {
            user: User {
                fid: "zzz".into(),
                display_name: "Zoë Zimmer".into(),
            },
            seed: 1,
            send_database: 77,
        };
        let changes = new_database(&mut store.reader(), 77, 1).unwrap();
        assert!(changes.iter().all(|change| change.database().is_some()));
        apply(&root, &changes, &Writer::alone(None)).unwrap();
        apply(
            &root,
            &new_user(&mut store.reader(), &new).unwrap(),
            &Writer::alone(None),
        )
        .unwrap();
        let again = new_database(&mut store.reader(), 77, 1);
        assert!(matches!(
            again,
            Err(SimulatorError::Mail(MailError::CannotStore { .. }))
        ));
        for fid in ["ZZZ", "", "a/b", "toolong", "..", "é"] {
            let mut other = new.clone();
            other.user.fid = fid.into();
            let refused = new_user(&mut store.reader(), &other);
            assert!(
                matches!(
                    refused,
                    Err(SimulatorError::Mail(MailError::CannotStore { .. }))
                ),
                "{fid}"
            );
        }
        let draft = Draft {
            id: "1@test.example".into(),
            ..Draft::default()
        };
        let inbox = Placement {
            user: "zzz".into(),
            folder: INBOX.into(),
            is_read: false,
        };
        let done = deliver(&mut store.reader(), &draft, 77, &[inbox]).unwrap();
        apply(&root, &done.changes, &Writer::alone(None)).unwrap();
        let truth = truth(&folder).unwrap();
        let own: Vec<_> = truth
            .messages
            .iter()
            .filter(|one| one.user == "zzz")
            .collect();
        assert_eq!(own.len(), 1);
        assert_eq!(own[0].digest, digest_text(&done.rendered));
        let stores = crate::database::guardian_stores(&folder).unwrap();
        let catalogued = |name: &str| stores.iter().filter(|store| store.name == name).count();
        assert_eq!((catalogued("userzzz.db"), catalogued("msg77.db")), (1, 1));
    }
}
