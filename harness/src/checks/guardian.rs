//! Whether the guardian of the destination is that of the source with its file names in lower case.
//!
//! Looked at with the simulator's own reader and the rule for names written once more; nothing of the migrator's work on
//! guardians is believed.

use std::io;
use std::path::Path;

use simulator::GuardianKind;
use simulator::database::{guardian_kind, guardian_stores};
use simulator::model::Store;

/// The fall-back copies, by the folder that holds them.
const FALL_BACKS: [&str; 2] = ["", "ofmsg/guardbak"];

/// The files of a guardian, and what each is called in a fall-back copy.
const FILES: [(&str, &str); 2] = [
    ("ngwguard.db", "ngwguard.fbk"),
    ("ngwguard.01", "ngwguard.fbk.01"),
];

/// Whether the file at this path of a tree, in lower case and with a slash in front, belongs to the guardian, whose bytes
/// change on purpose.
pub(super) fn is_guardian_file(path: &[u8]) -> bool {
    let Some(name) = path.strip_prefix(b"/") else {
        return false;
    };
    let copy = name.strip_prefix(b"ofmsg/guardbak/").unwrap_or(name);
    if let Some(rest) = copy.strip_prefix(b"ngwguard.fbk") {
        return rest.is_empty() || is_number_of_a_file(rest);
    }
    match name.strip_prefix(b"ngwguard") {
        Some(b".db" | b".rfl") => true,
        Some(rest) => is_number_of_a_file(rest) || is_number_of_a_log(rest),
        None => false,
    }
}

/// Whether this is how the further files of a database end: `.01`, `.0g`, `.00x`.
fn is_number_of_a_file(end: &[u8]) -> bool {
    let Some([first, rest @ ..]) = end.strip_prefix(b".") else {
        return false;
    };
    let has_length = (1..=2).contains(&rest.len());
    first.is_ascii_digit() && has_length && rest.iter().all(u8::is_ascii_alphanumeric)
}

/// Whether this is how a roll-forward log ends: `00001.log`.
fn is_number_of_a_log(end: &[u8]) -> bool {
    let number = end.strip_suffix(b".log").unwrap_or_default();
    number.len() == 5 && number.iter().all(u8::is_ascii_alphanumeric)
}

/// Whether it is a guardian of the older generation: who converts one counts a change in it, whatever its names are.
///
/// # Errors
/// What reading says.
pub(super) fn is_opaque(source: &Path) -> io::Result<bool> {
    let kind = guardian_kind(source).map_err(io::Error::other)?;
    Ok(kind == GuardianKind::Opaque)
}

/// Whether the guardian of a post office names a file with a capital letter.
///
/// # Errors
/// What reading says.
pub(super) fn holds_capitals(source: &Path) -> io::Result<bool> {
    let stores = guardian_stores(source).map_err(io::Error::other)?;
    Ok(stores.iter().any(|store| *store != lowered(store)))
}

/// The store with the names of its files in lower case, and everything else as it is.
fn lowered(store: &Store) -> Store {
    Store {
        folder: store.folder.to_ascii_lowercase(),
        name: store.name.to_ascii_lowercase(),
        file: store.file.to_ascii_lowercase(),
        ..store.clone()
    }
}

/// Compares the guardians of two post offices; gives one line for everything that is not as it must be.
///
/// # Errors
/// What reading says.
pub fn compare_guardians(source: &Path, destination: &Path) -> io::Result<Vec<String>> {
    let read = |folder: &Path| guardian_stores(folder).map_err(io::Error::other);
    let before = read(source)?;
    let after = match read(destination) {
        Ok(after) => after,
        Err(error) => return Ok(vec![format!("the guardian cannot be read: {error}")]),
    };
    let mut failures = Vec::new();
    if before.len() != after.len() {
        failures.push(format!(
            "the guardian catalogues {} stores, at the source {}",
            after.len(),
            before.len()
        ));
    }
    for (old, new) in before.iter().zip(&after) {
        failures.extend(compare_stores(old, new));
    }
    for store in &after {
        let path = store.path();
        if std::fs::symlink_metadata(destination.join(&path)).is_err() {
            failures.push(format!(
                "the guardian names {path}, and there is no such file"
            ));
        }
    }
    failures.extend(stale_fall_backs(destination)?);
    Ok(failures)
}

fn compare_stores(old: &Store, new: &Store) -> Option<String> {
    let wanted = lowered(old);
    (*new != wanted).then(|| format!("the store {wanted:?} became {new:?}"))
}

/// The fall-back copies that an agent could bring old names back from.
fn stale_fall_backs(destination: &Path) -> io::Result<Vec<String>> {
    let mut failures = Vec::new();
    for folder in FALL_BACKS {
        for (file, copy) in FILES {
            let original = destination.join(file);
            if !original.exists() {
                continue;
            }
            let copied = destination.join(folder).join(copy);
            let is_equal = std::fs::read(&copied).ok() == Some(std::fs::read(&original)?);
            if !is_equal {
                failures.push(format!("{} is not the guardian", copied.display()));
            }
        }
    }
    Ok(failures)
}

#[cfg(test)]
mod tests {
    use super::*;
    use simulator::{CreateOptions, GuardianKind, NameCase};
    use std::fs;

    #[test]
    fn guardian_files_are_those_of_the_guardian_alone() {
        for (path, is_one) in [
            ("/ngwguard.db", true),
            ("/ngwguard.01", true),
            ("/ngwguard.fbk", true),
            ("/ngwguard.fbk.01", true),
            ("/ngwguard.rfl", true),
            ("/ngwguard00001.log", true),
            ("/ofmsg/guardbak/ngwguard.fbk.01", true),
            ("/ngwguard.00x", true),
            ("/ofmsg/guardbak/ngwguard.fbk", true),
            ("/ngwguard.dc", false),
            ("/ngwguard.old", false),
            ("/ngwguard.bak", false),
            ("/ngwguard.db.1", false),
            ("/ngwguard.fbk.old", false),
            ("/ngwguard/0000.log", false),
            ("/ofmsg/guardbak/ngwguard.fbkx", false),
            ("/ofmsg/guardbak/ngwguard.db", false),
            ("/wphost.db", false),
            ("/ofuser/ngwguard.db", false),
            ("/ngwguardian.txt", false),
            ("/ofmsg/guardbak/other", false),
        ] {
            assert_eq!(is_guardian_file(path.as_bytes()), is_one, "{path}");
        }
    }

    fn post_office(folder: &Path, case: NameCase, guardian: GuardianKind) {
        simulator::create(&CreateOptions {
            folder: folder.to_owned(),
            documents: None,
            seed: 3,
            files: 300,
            case,
            guardian,
        })
        .expect("made");
    }

    #[test]
    fn a_guardian_in_lower_case_is_that_of_the_source_and_every_harm_is_seen() {
        for kind in [GuardianKind::Flaim, GuardianKind::Opaque] {
            let folder = tempfile::tempdir().expect("a folder");
            let (upper, lower) = (folder.path().join("u"), folder.path().join("l"));
            post_office(&upper, NameCase::Upper, kind);
            post_office(&lower, NameCase::Lower, kind);
            let compared = || compare_guardians(&upper, &lower).expect("compared");
            assert_eq!(compared(), Vec::<String>::new(), "{kind:?}");

            // A catalogued file under another name.
            let user = lower.join("ofuser");
            fs::rename(&user, lower.join("OFUSER")).expect("renamed");
            assert!(
                compared().iter().any(|line| line.contains("no such file")),
                "{kind:?}"
            );
            fs::rename(lower.join("OFUSER"), &user).expect("renamed");

            // A fall-back copy that is older.
            let fall_back = lower.join("ngwguard.fbk");
            let bytes = fs::read(&fall_back).expect("read");
            fs::write(&fall_back, b"old").expect("written");
            assert!(
                compared()
                    .iter()
                    .any(|line| line.contains("is not the guardian")),
                "{kind:?}"
            );
            fs::write(&fall_back, bytes).expect("written");

            // Names that were left.
            let left = compare_guardians(&upper, &upper).expect("compared");
            assert!(
                left.iter().any(|line| line.contains("became")),
                "{kind:?}: {left:?}"
            );
            assert_eq!(compared(), Vec::<String>::new(), "{kind:?}");
        }
    }

    #[test]
    fn each_changed_part_of_a_store_and_a_lost_store_are_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let (upper, lower) = (folder.path().join("u"), folder.path().join("l"));
        post_office(&upper, NameCase::Upper, GuardianKind::Opaque);
        post_office(&lower, NameCase::Lower, GuardianKind::Opaque);
        let path = lower.join("ngwguard.db");
        let good = simulator::database::OpaqueGuardian::parse(&fs::read(&path).expect("read"))
            .expect("one");
        let changes: [fn(&mut Store); 5] = [
            |store| store.title.push('!'),
            |store| store.name.make_ascii_uppercase(),
            |store| store.password[0] ^= 0x20,
            |store| store.number += 1,
            |store| store.parent += 1,
        ];
        for change in changes {
            let mut changed = good.clone();
            change(&mut changed.stores[0]);
            fs::write(&path, changed.to_bytes()).expect("written");
            let failures = compare_guardians(&upper, &lower).expect("compared");
            assert!(
                failures.iter().any(|line| line.contains("became")),
                "{failures:?}"
            );
        }
        let mut fewer = good;
        fewer.stores.pop();
        fs::write(&path, fewer.to_bytes()).expect("written");
        let failures = compare_guardians(&upper, &lower).expect("compared");
        assert!(
            failures.iter().any(|line| line.contains("catalogues")),
            "{failures:?}"
        );
    }
}
