//! What is torn or lost shows itself.

use super::*;
use crate::database::{Edit, MessagesChange, edited};
use crate::model::Truth;
use crate::tree::WriteMode;

/// What the truth says when one file is changed by `harm`, the file put back afterwards.
fn after(folder: &Path, path: &str, harm: impl FnOnce(&Path)) -> Result<Truth, SimulatorError> {
    let file = folder.join(path);
    let bytes = fs::read(&file).unwrap();
    harm(&file);
    let outcome = truth(folder);
    fs::write(&file, bytes).unwrap();
    outcome
}

fn mail_error(outcome: Result<Truth, SimulatorError>) -> MailError {
    match outcome {
        Err(SimulatorError::Mail(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn some_blob(folder: &Path) -> String {
    let root = tree::open_folder(folder).unwrap();
    let blobs = referenced_blobs(&root).unwrap();
    String::from_utf8(blobs.into_iter().next().unwrap()).unwrap()
}

#[test]
fn a_blob_that_is_missing_short_or_other_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = post_office(scratch.path(), NameCase::Lower);
    let blob = some_blob(&folder);
    let missing = mail_error(after(&folder, &blob, |file| fs::remove_file(file).unwrap()));
    assert!(matches!(missing, MailError::BlobMissing { path, .. } if path == blob));
    let short = mail_error(after(&folder, &blob, |file| {
        fs::write(file, b"short").unwrap();
    }));
    assert!(matches!(short, MailError::BlobDiffers { what: "size", .. }));
    let other = mail_error(after(&folder, &blob, |file| {
        let mut bytes = fs::read(file).unwrap();
        bytes[100] ^= 1;
        fs::write(file, bytes).unwrap();
    }));
    assert!(matches!(
        other,
        MailError::BlobDiffers { what: "digest", .. }
    ));
    truth(&folder).unwrap();
}

#[test]
fn every_file_of_a_user_or_message_database_is_needed_whole() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = post_office(scratch.path(), NameCase::Lower);
    let good = truth(&folder).unwrap();
    let mut tried = 0;
    for path in files(&folder) {
        let path = path.to_string();
        let is_mail = path.starts_with("ofuser/user") || path.starts_with("ofmsg/msg");
        if !is_mail || path.strip_suffix(".lck").is_some() {
            continue;
        }
        tried += 1;
        assert!(
            after(&folder, &path, |file| fs::remove_file(file).unwrap()).is_err(),
            "{path} lost"
        );
        // The last block is in use whatever the database is: a new one ends behind its last block.
        let torn = after(&folder, &path, |file| {
            let mut bytes = fs::read(file).unwrap();
            let last = bytes.len().saturating_sub(4096);
            bytes[last..].fill(0x55);
            fs::write(file, bytes).unwrap();
        });
        if path.strip_suffix(".01").is_some() {
            assert!(torn.is_err(), "{path} torn");
        }
    }
    assert!(tried >= 2 * (12 + 5), "{tried}");
    assert_eq!(truth(&folder).unwrap(), good);
}

#[test]
fn pointers_that_lead_nowhere_are_found() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = post_office(scratch.path(), NameCase::Mixed);
    let store = store(&folder, NameLookup::AnyCase);
    let found = store.reader().messages_files(0).unwrap();
    let last = found.content.messages.last().unwrap().number;
    let change = MessagesChange {
        removed: vec![last],
        messages: Vec::new(),
        next: found.content.next,
    };
    let new = edited(&found.files, Edit::Messages(&change)).unwrap();
    let root = tree::open_folder(&folder).unwrap();
    crate::database::save(
        &root,
        &found.control,
        &found.files,
        &new,
        WriteMode::default(),
    )
    .unwrap();
    let error = mail_error(truth(&folder));
    assert!(
        matches!(
            error,
            MailError::PointerLeadsNowhere { ref database, message, .. }
                if database == "ofmsg/msg0.db" && message == last
        ),
        "{error}"
    );
}

#[test]
fn something_that_is_no_post_office_has_no_truth() {
    let scratch = tempfile::tempdir().unwrap();
    assert!(matches!(
        truth(scratch.path()),
        Err(SimulatorError::NotAPostOffice { .. })
    ));
}
