use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use super::*;
use crate::create::{CreateOptions, create};
use crate::describe::describe;
use crate::model::{GuardianKind, NameCase};

const TIME_SECONDS: u64 = 1_500_000_001;

type Files = BTreeMap<RelativePath, (Vec<u8>, SystemTime)>;

fn files(folder: &Path) -> Files {
    let root = tree::open_folder(folder).unwrap();
    let mut files = BTreeMap::new();
    for entry in tree::entries(&root).unwrap() {
        if entry.is_file {
            let modified = root
                .metadata(tree::as_path(&entry.path))
                .unwrap()
                .modified()
                .unwrap();
            let bytes = tree::read(&root, &entry.path).unwrap();
            files.insert(entry.path, (bytes, modified.into_std()));
        }
    }
    files
}

fn churned(seed: u64, operations: usize) -> (Files, Files, ChurnReport, usize) {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("po");
    let options = CreateOptions {
        folder: folder.clone(),
        documents: None,
        seed: 5,
        files: 300,
        case: NameCase::Mixed,
        guardian: GuardianKind::Flaim,
    };
    create(&options).unwrap();
    let before = files(&folder);
    let time = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(TIME_SECONDS));
    let report = churn(
        &folder,
        &ChurnOptions {
            seed,
            operations,
            time,
        },
    )
    .unwrap();
    (
        before,
        files(&folder),
        report,
        describe(&folder).unwrap().users.len(),
    )
}

#[test]
fn fifteen_operations_have_every_kind_and_the_report_is_the_whole_truth() {
    let (before, after, report, users) = churned(3, 15);
    assert_eq!(report.operations.len(), 15);
    let kinds: BTreeSet<_> = report
        .operations
        .iter()
        .map(|operation| operation.kind)
        .collect();
    assert_eq!(kinds.len(), ChurnKind::ALL.len());
    let new_users = report
        .operations
        .iter()
        .filter(|operation| operation.kind == ChurnKind::NewUser)
        .count();
    assert_eq!(users, 12 + new_users);

    let reported: BTreeSet<_> = report
        .operations
        .iter()
        .flat_map(|operation| std::iter::once(&operation.path).chain(&operation.others))
        .collect();
    for path in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        if before.get(path) != after.get(path) {
            assert!(reported.contains(path), "{path} changed without a word");
        }
    }
    for operation in &report.operations {
        // What was made and taken again in the same churn leaves no trace.
        let same_path = report
            .operations
            .iter()
            .filter(|other| other.path == operation.path);
        let taken_again = same_path.count() > 1 && !after.contains_key(&operation.path);
        let differs = before.get(&operation.path) != after.get(&operation.path);
        assert!(differs || taken_again, "{operation:?}");
        if let Some((_, modified)) = after.get(&operation.path)
            && operation.kind != ChurnKind::RenamedCase
        {
            let since = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap();
            assert_eq!(
                since,
                Duration::from_secs(TIME_SECONDS - 1),
                "{operation:?}"
            );
        }
    }
}

#[test]
fn kinds_do_what_they_say() {
    let (before, after, report, _) = churned(4, ChurnKind::ALL.len());
    for operation in &report.operations {
        let (old, new) = (before.get(&operation.path), after.get(&operation.path));
        let bytes = |file: Option<&(Vec<u8>, SystemTime)>| file.map(|file| file.0.len());
        match operation.kind {
            ChurnKind::ChangedDatabase => assert_eq!(bytes(old), bytes(new)),
            ChurnKind::GrownDatabase => assert!(bytes(old) < bytes(new)),
            ChurnKind::Consumed | ChurnKind::PurgedBlob => assert_eq!(new, None),
            ChurnKind::RenamedCase => {
                let other = operation.others.first().unwrap();
                assert!(
                    other
                        .as_bytes()
                        .eq_ignore_ascii_case(operation.path.as_bytes())
                );
                assert!(!after.contains_key(other) && new.is_some());
            }
            ChurnKind::DeliveredMail => {
                assert!(old.is_some() || !after.contains_key(&operation.path));
                assert!(matches!(operation.mail[..], [MailEvent::Arrived(_), ..]));
            }
            ChurnKind::ReadMail | ChurnKind::MovedMail | ChurnKind::PurgedMail => {
                assert!(old.is_some() && new.is_some() && operation.mail.len() == 1);
            }
            ChurnKind::SentMail
            | ChurnKind::NewBlob
            | ChurnKind::NewUser
            | ChurnKind::NewMessageDatabase
            | ChurnKind::QueuedIn
            | ChurnKind::QueuedOut => {
                let mut others = report.operations.iter();
                let taken_again = others
                    .any(|other| other.kind != operation.kind && other.path == operation.path);
                assert!(old.is_none() && (new.is_some() || taken_again));
            }
        }
    }
}

#[test]
fn the_same_seed_does_the_same() {
    let (first, second) = (churned(9, 60), churned(9, 60));
    assert_eq!(first.2, second.2);
    assert_eq!(first.1, second.1);
    assert_ne!(churned(10, 60).2, first.2);
}

#[test]
fn an_empty_folder_is_no_post_office() {
    let scratch = tempfile::tempdir().unwrap();
    let refused = churn(
        scratch.path(),
        &ChurnOptions {
            seed: 1,
            operations: 1,
            time: None,
        },
    );
    assert!(matches!(
        refused,
        Err(SimulatorError::NotAPostOffice { .. })
    ));
}

#[test]
fn databases_stay_sound_and_catalogued_whatever_happens_to_them() {
    use crate::database;
    use postoffice::flaim::{CheckOptions, check};
    for guardian in [GuardianKind::Flaim, GuardianKind::Opaque] {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("po");
        let options = CreateOptions {
            folder: folder.clone(),
            documents: None,
            seed: 5,
            files: 300,
            case: NameCase::Mixed,
            guardian,
        };
        create(&options).unwrap();
        let options = ChurnOptions {
            seed: 6,
            operations: 80,
            time: None,
        };
        let report = churn(&folder, &options).unwrap();
        let root = tree::open_folder(&folder).unwrap();
        let mut changed = 0;
        for operation in &report.operations {
            let control = std::iter::once(&operation.path)
                .chain(&operation.others)
                .find(|path| path.as_bytes().to_ascii_lowercase().ends_with(b".db"));
            if let Some(control) = control
                && let Ok(files) = database::load(&root, control)
            {
                let report = check(&files, CheckOptions::default()).unwrap();
                assert_eq!(report.findings, [], "{control}");
                changed += 1;
            }
        }
        assert!(changed > 20, "{changed}");
        let entries = tree::entries(&root).unwrap();
        let guardian = entries
            .iter()
            .find(|entry| crate::describe::is_guardian(&entry.path));
        let stores = database::stores(&root, &guardian.unwrap().path).unwrap();
        let paths: BTreeSet<String> = stores.iter().map(crate::model::Store::path).collect();
        let mut users = 0;
        for entry in entries {
            let lower = entry.path.to_string().to_ascii_lowercase();
            if lower.starts_with("ofuser/user") && lower.strip_suffix(".db").is_some() {
                assert!(paths.contains(&entry.path.to_string()), "{}", entry.path);
                users += 1;
            }
        }
        assert!(users > 12);
    }
}
