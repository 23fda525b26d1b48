use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// One example of every kind of file, in the case that a source server may have, and its class.
const EXAMPLES: &[(&[u8], FileClass)] = &[
    (b"WPHOST.DB", FileClass::PostOfficeDatabase),
    (b"ngwguard.db", FileClass::Guardian),
    (b"NGWGUARD.FBK", FileClass::Guardian),
    (b"ngwguard.rfl", FileClass::Guardian),
    (b"ngwguard.01", FileClass::Guardian),
    (b"ngwguard.0g", FileClass::Guardian),
    (b"ngwguard.00x", FileClass::Guardian),
    (b"ngwguard00001.log", FileClass::Guardian),
    (b"ngwguard.rfl/00000001.log", FileClass::Guardian),
    (b"ofmsg/guardbak/ngwguard.fbk", FileClass::Guardian),
    (b"ngwguard.fbk.01", FileClass::Guardian),
    (b"NGWGUARD.FBK00001.LOG", FileClass::Guardian),
    (b"ofmsg/guardbak/ngwguard.fbk.01", FileClass::Guardian),
    (b"ofmsg/guardbak/ngwguard.01", FileClass::Other),
    (b"ngwguard.dc", FileClass::Dictionary),
    (b"GWPO.DC", FileClass::Dictionary),
    (b"ngwguard.lck", FileClass::Lock),
    (b"ngwguard.old", FileClass::Other),
    (b"ngwguard.rfl/deeper/00000001.log", FileClass::Other),
    (b"ofuser/user1a2.db", FileClass::UserDatabase),
    (b"ofuser/userab.db", FileClass::UserDatabase),
    (b"OFUSER/USER1A2.01", FileClass::UserDatabase),
    (b"ofuser/user1a2.rfl/00000001.log", FileClass::UserDatabase),
    (b"ofuser/user1a2.lck", FileClass::Lock),
    (b"ofuser/pu00abc.db", FileClass::PrimeUserDatabase),
    (b"ofuser/user1a2.tmp", FileClass::Other),
    (b"ofmsg/msg254.db", FileClass::MessageDatabase),
    (b"ofmsg/msg7.db", FileClass::MessageDatabase),
    (b"ofmsg/ngwdfr.db", FileClass::DeferredDatabase),
    (b"ofmsg/wphost.db", FileClass::Other),
    (b"gwdms/dmsh.db", FileClass::LibraryDatabase),
    (b"gwdms/lib002F/dmdd002f.db", FileClass::LibraryDatabase),
    (b"GWDMS/LIB000A/DMSD000A.DB", FileClass::LibraryDatabase),
    (b"gwdms/lib000A/notes.db", FileClass::LibraryDatabase),
    (b"gwdms/lib000A/docs/fdF6/0a1b2c3d.000", FileClass::Document),
    (
        b"gwdms/lib000A/archive/A000000/0a1b2c3d",
        FileClass::Document,
    ),
    (b"gwdms/lib000A/docs/fd1/keep.lck", FileClass::Document),
    (b"gwdms/lib000A/index/x.idx", FileClass::Index),
    (b"gwdms/lib000/dmdd002f.db", FileClass::Other),
    (b"offiles/fdF6/0a1b2c3d", FileClass::Blob),
    (b"offiles/fd0/two\nlines", FileClass::Blob),
    (b"offiles/fd0/\xff\xfe", FileClass::Blob),
    (b"offiles/fd0/x.lck", FileClass::Blob),
    (b"offiles/fd100/x", FileClass::Other),
    (b"offiles/stray", FileClass::Other),
    (b"ofuser/index/0001.IDX", FileClass::Index),
    (b"ofuser/index/0001.inc", FileClass::Index),
    (b"ofviews/win/mail.vew", FileClass::View),
    (b"ofviews/win/pr\x81fung.vew", FileClass::View),
    (b"OFVIEWS/WIN/VIEWS.INI", FileClass::View),
    (b"ofwork/ofdirect/x", FileClass::Other),
    (b"oftemp/x", FileClass::Temporary),
    (b"oftemp", FileClass::Other),
    (b"wpcsout/ofs/0312poa.001", FileClass::Log),
    (b"WPCSOUT/OFS/0312POA.00A", FileClass::Log),
    (b"wpcsout/ofs/4/0312poa.001", FileClass::Queued),
    (b"wpcsout/ofs/0312poa.0012", FileClass::Queued),
    (b"wpcsout/ofs/312poa.001", FileClass::Queued),
    (b"wpcsin/4/0a1b2c3d.001", FileClass::Queued),
    (b"WPCSOUT/ads/2/x.lck", FileClass::Queued),
    (b"wpcsout/unknown/x", FileClass::Queued),
    (b"wpcsin", FileClass::Queued),
    (b"wpcsinx/4/x", FileClass::Other),
    (b"ngwcheck.db", FileClass::CheckDatabase),
    (b"ngwcheck.log", FileClass::Log),
    (b"0312gwbk.001", FileClass::Log),
    (b"SALES.POA", FileClass::StartupFile),
    (b"sales.crt", FileClass::Certificate),
    (b"sales.key", FileClass::Certificate),
    (b"readme.txt", FileClass::Other),
];

fn path(bytes: &[u8]) -> RelativePath {
    RelativePath::from_bytes(bytes).expect("a relative path")
}

#[test]
fn every_example_has_its_class() {
    for (bytes, class) in EXAMPLES {
        assert_eq!(classify_file(&path(bytes)), *class, "{:?}", path(bytes));
    }
}

#[test]
fn every_class_has_an_example() {
    let seen: BTreeSet<FileClass> = EXAMPLES.iter().map(|(_, class)| *class).collect();
    let all: BTreeSet<FileClass> = FileClass::ALL.into_iter().collect();
    assert_eq!(all.len(), FileClass::ALL.len());
    assert_eq!(seen, all);
}

/// Bytes of an example with the case of each ASCII letter flipped where the mask says so.
fn mangle(bytes: &[u8], mask: &[bool]) -> Vec<u8> {
    let flip = |byte: u8| match byte {
        b if b.is_ascii_lowercase() => b.to_ascii_uppercase(),
        b => b.to_ascii_lowercase(),
    };
    bytes
        .iter()
        .zip(mask.iter().cycle())
        .map(|(&byte, &flipped)| if flipped { flip(byte) } else { byte })
        .collect()
}

/// Names that the rows of the table are about, and others, in any case.
fn telling_name() -> impl Strategy<Value = String> {
    let names = EXAMPLES
        .iter()
        .flat_map(|(path, _)| path.split(|&byte| byte == b'/'));
    let names: Vec<String> = names
        .filter_map(|name| String::from_utf8(name.to_vec()).ok())
        .collect();
    let any = "[a-zA-Z0-9.]{1,8}".prop_filter("no name of an entry", |name| {
        crate::names::is_entry_name(name.as_bytes())
    });
    prop_oneof![proptest::sample::select(names), any]
}

proptest! {
    #[test]
    fn a_file_is_in_its_folder_what_its_whole_path_says(
        names in proptest::collection::vec(telling_name(), 1..6)
    ) {
        let names: Vec<&[u8]> = names.iter().map(String::as_bytes).collect();
        let (name, folder) = names.split_last().expect("one at least");
        let folder = folder.iter().fold(RelativePath::root(), |path, name| path.join(name));
        for rows in [table::FILES, table::DOCUMENT_FILES] {
            let class = row_of(rows, &names).map_or(FileClass::Other, |row| row.class);
            prop_assert_eq!(FolderFiles::new(rows, &folder).class_of(name), class);
        }
    }

    #[test]
    fn case_never_changes_a_class(
        example in 0..EXAMPLES.len(),
        mask in proptest::collection::vec(any::<bool>(), 1..40),
    ) {
        let (bytes, class) = EXAMPLES[example];
        let mangled = path(&mangle(bytes, &mask));
        prop_assert_eq!(classify_file(&mangled), class);
        prop_assert_eq!(is_queue(&mangled), is_queue(&path(bytes)));
        let (folder, _) = mangled.split().expect("not the root");
        prop_assert_eq!(classify_folder(&folder), classify_folder(&folder.to_destination()));
    }

    #[test]
    fn no_bytes_below_a_queue_are_anything_but_mail_or_a_log(
        name in proptest::collection::vec(any::<u8>(), 1..20),
        queue in prop_oneof![Just("wpcsin"), Just("wpcsout"), Just("WPCSOUT/ofs"), Just("wpcsin/0")],
    ) {
        prop_assume!(crate::names::is_entry_name(&name));
        let file = path(queue.as_bytes()).join(&name);
        prop_assert!(matches!(classify_file(&file), FileClass::Queued | FileClass::Log));
        prop_assert_eq!(classify_folder(&file), FolderClass::Queue);
    }
}

#[test]
fn folders_have_their_class() {
    for (folder, class) in [
        ("", FolderClass::Root),
        ("OFUSER", FolderClass::Users),
        ("ofuser/INDEX", FolderClass::Indexes),
        ("ofmsg", FolderClass::Messages),
        ("ofmsg/guardbak", FolderClass::GuardianBackup),
        ("offiles", FolderClass::Blobs),
        ("offiles/fdF6", FolderClass::BlobFolder),
        ("offiles/fd100", FolderClass::Other),
        ("ofviews/win", FolderClass::Views),
        ("wpcsin", FolderClass::Queue),
        ("wpcsout/whatever/3", FolderClass::Queue),
        ("gwdms/LIB000A", FolderClass::Library),
        ("gwdms/lib000A/docs/fdFF", FolderClass::LibraryDocuments),
        ("gwdms/lib000A/archive/A000000", FolderClass::Archive),
        ("gwdms/lib000A/index", FolderClass::Indexes),
        ("oftemp", FolderClass::Temporary),
        ("ofwork", FolderClass::Other),
    ] {
        assert_eq!(classify_folder(&path(folder.as_bytes())), class, "{folder}");
    }
}

#[test]
fn documents_outside_the_post_office_have_their_class() {
    for (file, class) in [
        ("fdF6/0a1b2c3d", FileClass::Document),
        ("docs/fd0/x", FileClass::Document),
        ("archive/A000000/x", FileClass::Document),
        ("LIB000A/DMDD000A.DB", FileClass::LibraryDatabase),
        ("LIB000A/docs/fd0/x", FileClass::Document),
        ("index/a.idx", FileClass::Index),
        ("readme.txt", FileClass::Other),
    ] {
        assert_eq!(classify_document(&path(file.as_bytes())), class, "{file}");
    }
}

#[test]
fn rules_and_orders_follow_the_design() {
    for class in FileClass::ALL {
        let (rule, order) = (class.copy_rule(), class.copy_order());
        assert_eq!(
            rule == CopyRule::AtomicSet,
            order == CopyOrder::Guardian,
            "{class}"
        );
        assert_eq!(
            rule == CopyRule::QueueStep,
            order == CopyOrder::Queues,
            "{class}"
        );
        let database = class.to_string().ends_with("database") && class != FileClass::Guardian;
        assert_eq!(rule == CopyRule::UnderLock, database, "{class}");
    }
    assert_eq!(FileClass::Lock.copy_rule(), CopyRule::Never);
    assert_eq!(FileClass::Temporary.copy_rule(), CopyRule::EveryPass);
    assert_eq!(FileClass::Log.copy_rule(), CopyRule::EveryPass);
    assert!(CopyOrder::Bulk < CopyOrder::Views && CopyOrder::Views < CopyOrder::Databases);
    assert!(CopyOrder::Databases < CopyOrder::Guardian && CopyOrder::Guardian < CopyOrder::Queues);
}

#[test]
fn markers_are_found_in_any_case() {
    let names: [&[u8]; 3] = [b"WPHOST.DB", b"NgwGuard.db", b"x"];
    assert!(missing_markers(names.into_iter()).is_empty());
    assert_eq!(missing_markers(names[1..].iter().copied()), ["wphost.db"]);
    assert_eq!(missing_markers(std::iter::empty()), MARKERS);
}

#[test]
fn the_skeleton_is_lower_case_with_parents_first() {
    let folders = folder_skeleton();
    let mut seen = BTreeSet::from([RelativePath::root()]);
    for folder in &folders {
        assert_eq!(*folder, folder.to_destination());
        assert!(
            seen.contains(&folder.split().expect("not the root").0),
            "{folder} before its parent"
        );
        assert!(seen.insert(folder.clone()), "{folder} twice");
        let documented =
            classify_folder(folder) != FolderClass::Other || folder.as_bytes() == b"ofwork";
        assert!(documented, "{folder}");
    }
    let blob_folders = folders
        .iter()
        .filter(|path| classify_folder(path) == FolderClass::BlobFolder);
    assert_eq!(blob_folders.count(), 247);
    for last in [
        "offiles/fdf6",
        "wpcsin/7",
        "wpcsout/ads/7",
        "wpcsout/chk/defer",
        "wpcsout/ofs/defer",
    ] {
        assert!(seen.contains(&path(last.as_bytes())), "{last}");
    }
}

#[test]
fn all_files_of_a_database_belong_to_it() {
    let path = |text: &str| {
        text.split('/').fold(RelativePath::root(), |path, name| {
            path.join(name.as_bytes())
        })
    };
    for (file, database) in [
        ("OFUSER/USERABC.DB", Some("ofuser/userabc")),
        ("OFUSER/UserAbc.01", Some("ofuser/userabc")),
        ("ofuser/userabc.0G", Some("ofuser/userabc")),
        ("ofuser/userabc00001.log", Some("ofuser/userabc")),
        ("ofuser/USERABC.RFL/00000001.LOG", Some("ofuser/userabc")),
        ("GWDMS/LIB000A/DMSD000A.01", Some("gwdms/lib000a/dmsd000a")),
        ("gwdms/lib0001/other.db", Some("gwdms/lib0001/other")),
        ("WPHOST.DB", Some("wphost")),
        ("ngwguard.01", Some("ngwguard")),
        ("OFUSER/USERABC.LCK", None),
        ("OFFILES/FD0/USERABC.DB", None),
        ("WPCSIN/4/USERABC.DB", None),
    ] {
        assert_eq!(database_of(&path(file)), database.map(path), "{file}");
    }
}

/// The parts that paths of a post office are made of, and some that none is.
const PARTS: &[&str] = &[
    "offiles", "FD0", "fdF6", "fd100", "ofviews", "WIN", "oftemp", "ofuser", "index", "gwdms",
    "LIB000a", "docs", "archive", "A000000", "ofmsg", "guardbak", "wpcsin", "WPCSOUT", "ofs", "0",
    "ofwork", "unknown", "lib000",
];
const NAMES: &[&str] = &[
    "wphost.db",
    "NGWGUARD.DB",
    "ngwguard.fbk",
    "userabc.db",
    "USERABC.RFL",
    "00000001.log",
    "puxyz.01",
    "msg1.db",
    "dmsh.db",
    "dmdd000a.db",
    "notes.db",
    "dm1.rfl",
    "x",
    "a.vew",
    "a.idx",
];

fn is_watched(class: FileClass) -> bool {
    matches!(
        class.copy_rule(),
        CopyRule::UnderLock | CopyRule::AtomicSet | CopyRule::QueueStep
    )
}

fn folders_above(file: &RelativePath) -> impl Iterator<Item = RelativePath> {
    std::iter::successors(file.split().map(|(folder, _)| folder), |folder| {
        folder.split().map(|(above, _)| above)
    })
}

/// Some path of this form.
fn example_of(pattern: &str) -> RelativePath {
    let parts = pattern.split('/').map(|part| match part {
        "**" => "deep/er/x".to_owned(),
        part => part.replace('*', "X1").replace(['#', '%', '@'], "0"),
    });
    path(parts.collect::<Vec<_>>().join("/").as_bytes())
}

#[test]
fn no_row_of_a_database_or_queue_lies_where_none_is_looked_for() {
    type MayHold = fn(&RelativePath) -> bool;
    let tables: [(_, MayHold); 2] = [
        (table::FILES, may_hold_databases),
        (table::DOCUMENT_FILES, documents_may_hold_databases),
    ];
    for (rows, may_hold) in tables {
        let watched: Vec<_> = rows.iter().filter(|row| is_watched(row.class)).collect();
        assert!(!watched.is_empty());
        for row in watched {
            let form = example_of(row.pattern);
            let (folder, name) = form.split().expect("not the root");
            let logs = folder.join(&[name, b".RFL"].concat()).join(b"1.log");
            for file in [form.clone(), logs] {
                let hidden: Vec<_> = folders_above(&file)
                    .filter(|above| !may_hold(above))
                    .collect();
                assert!(hidden.is_empty(), "{file}: {hidden:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_a_database_or_queued_lies_where_it_is_looked_for(
        parts in proptest::collection::vec(proptest::sample::select(PARTS), 0..5),
        names in proptest::collection::vec(proptest::sample::select(NAMES), 1..3),
    ) {
        let file = parts.iter().chain(&names).fold(RelativePath::root(), |path, part| path.join(part.as_bytes()));
        for above in folders_above(&file) {
            prop_assert!(!is_watched(classify_file(&file)) || may_hold_databases(&above), "{file} {above}");
            prop_assert!(!is_watched(classify_document(&file)) || documents_may_hold_databases(&above), "{file} {above}");
        }
    }
}

#[test]
fn folders_of_other_things_hold_no_databases_and_unknown_ones_may() {
    let split = |may_hold: fn(&RelativePath) -> bool, folders: &[&str], wanted: bool| {
        for folder in folders {
            assert_eq!(may_hold(&path(folder.as_bytes())), wanted, "{folder}");
        }
    };
    let none = [
        "offiles/fd0",
        "OFFILES/FDf6",
        "OfFiles/fdA/deeper",
        "ofviews",
        "OFVIEWS/WIN",
        "oftemp/x",
        "ofuser/INDEX",
        "gwdms/LIB000a/Docs",
        "gwdms/lib00ff/docs/fd1",
        "GWDMS/lib0001/archive/a000000",
        "gwdms/lib0001/index",
    ];
    split(may_hold_databases, &none, false);
    let some = [
        "",
        "offiles",
        "offiles/fd100",
        "offiles/other",
        "ofuser",
        "OFUSER/USERABC.RFL",
        "ofuser/other",
        "ofmsg/GUARDBAK",
        "gwdms",
        "gwdms/LIB000A",
        "gwdms/lib000a/other",
        "gwdms/lib000/docs",
        "docs",
        "fd0",
        "index",
        "wpcsin/0",
        "WPCSOUT/ofs/docs",
        "wpcsout/ofviews",
        "ofwork",
        "unknown/offiles/fd0",
        "ngwguard.rfl",
        "views",
    ];
    split(may_hold_databases, &some, true);
    let none = [
        "FD0",
        "fdF6/x",
        "docs/fd1",
        "Archive/a000000",
        "index",
        "lib000a/docs",
        "LIB000A/INDEX",
    ];
    split(documents_may_hold_databases, &none, false);
    let some = [
        "",
        "lib000A",
        "lib000a/dm1.rfl",
        "lib000a/other",
        "unknown",
        "ofviews",
        "fd100",
        "lib000/docs",
    ];
    split(documents_may_hold_databases, &some, true);
}
