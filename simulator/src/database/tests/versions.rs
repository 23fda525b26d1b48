//! Databases of every version.

use postoffice::flaim::{
    LOG_HEADER_OFFSET, LowercaseLimits, NameProfile, Recovery, apply_lowercase, log_checksum,
    plan_lowercase, probe_files, recover,
};

use super::*;
use crate::model::{Address, Folder, Mailbox, Message, Part, Pointer, PostOffice};

const DATA: DatabaseFile = DatabaseFile::Numbered(1);

/// A catalogue that is large enough for trees of several levels.
fn many_stores() -> Vec<Store> {
    let store = |number: u32| Store {
        title: format!("Store {number} of SOMEBODY"),
        folder: format!("GWDMS/LIB{number:04X}"),
        name: format!("DMSD{number:04X}.DB"),
        number,
        parent: 1,
        password: vec![b'A'; 16],
        ..Store::default()
    };
    (1..=600).map(store).collect()
}

fn mailbox() -> Mailbox {
    let folder = Folder {
        number: 1,
        name: "INBOX".into(),
        next_uid: 400,
        uid_validity: 1,
    };
    let pointer = |number| Pointer {
        number,
        folder: 1,
        uid: number,
        database: 1,
        message: number,
        is_read: number % 2 == 0,
        received_seconds: 1_300_000_000,
    };
    Mailbox {
        password: "secret".into(),
        send_database: 1,
        folders: vec![folder],
        pointers: (1..400).map(pointer).collect(),
    }
}

fn messages() -> Vec<Message> {
    let message = |number| Message {
        number,
        id: format!("{number}@sales.example"),
        from: Address::default(),
        date_seconds: 1_300_000_000,
        subject: "Grüße, Привет".into(),
        recipients: Part::Inline(b"a@b\tA\n".to_vec()),
        body: Part::Inline(vec![b'x'; 700]),
        attachment: None,
        uses: 1,
    };
    (1..60).map(message).collect()
}

/// One database of each kind.
fn databases(version: Version) -> Vec<MemoryFileSet> {
    let mut generator = generator(u64::from(version.number()), b"databases of a version");
    let content = PostOffice {
        name: "Sales".into(),
        ..PostOffice::default()
    };
    let mut drawn = || options(version, &mut generator);
    let all = [
        catalogue(drawn(), &many_stores()),
        create_post_office(drawn(), &content),
        create_mailbox(drawn(), &mailbox()),
        create_messages(drawn(), &messages()),
    ];
    let small = drawn();
    let store = create_store(small, StoreSize::Deferred, &mut generator);
    all.into_iter().chain([store]).map(Result::unwrap).collect()
}

fn assert_sound(files: &MemoryFileSet, version: Version) {
    let report = check(files, CheckOptions::default()).unwrap();
    assert_eq!(report.findings, [], "{version}");
    assert_eq!(report.header.version, version);
    assert_eq!(report.header.version_text, version);
}

/// The files of a database whose agent was stopped when it had written blocks of a change in place, and the images of those
/// blocks before, but not the headers (flaim-format.md 10).
fn stopped(old: &MemoryFileSet, new: &MemoryFileSet, version: Version) -> MemoryFileSet {
    let mut files = new.clone();
    let mut control = old.get(DatabaseFile::CONTROL).unwrap().clone();
    let block_size = control.len();
    let pairs = old.get(DATA).unwrap().chunks(block_size);
    for (before, after) in pairs.zip(new.get(DATA).unwrap().chunks(block_size)) {
        if before != after {
            let mut image = before.to_vec();
            image[12] |= 0x30;
            (image[0], image[31]) = (image[0] ^ 0x30, image[31].wrapping_add(0x30));
            control.extend(image);
        }
    }
    assert!(control.len() > block_size, "{version}");
    let mut headers: [u8; 2048] = control[..2048].try_into().unwrap();
    let mut set = |offset: usize, bytes: &[u8]| {
        headers[LOG_HEADER_OFFSET + offset..][..bytes.len()].copy_from_slice(bytes);
    };
    set(16, &u32::try_from(control.len()).unwrap().to_le_bytes());
    set(32, &u32::try_from(block_size).unwrap().to_le_bytes());
    let sum = log_checksum(&headers, version);
    headers[LOG_HEADER_OFFSET + 44..][..2].copy_from_slice(&sum.to_le_bytes());
    control[..2048].copy_from_slice(&headers);
    files.insert(DatabaseFile::CONTROL, control);
    files
}

#[test]
fn every_version_is_drawn() {
    let drawn: BTreeSet<Version> = (0..200).map(version).collect();
    assert!(drawn.into_iter().eq(Version::all()));
}

#[test]
fn databases_of_every_version_are_sound_and_can_be_changed_and_recovered() {
    for version in Version::all() {
        for old in databases(version) {
            assert_sound(&old, version);
            let header = probe_files(&old).unwrap();
            assert_eq!(header.unusual_fields(), [], "{version}");
            let serials = header.serial_numbers();
            let has_serials = serials != SerialNumbers::default();
            assert_eq!(has_serials, version.has_long_log_header(), "{version}");
            let new = edited(&old, Edit::Note).unwrap();
            assert_sound(&new, version);
            assert_eq!(probe_files(&new).unwrap().serial_numbers(), serials);
            let grown = edited(&new, Edit::Grow(20_000)).unwrap();
            assert_sound(&grown, version);
            let mut recovered = stopped(&old, &new, version);
            let recovery = recover(&mut recovered, Limits::default()).unwrap();
            let images = |recovery: Recovery| recovery.blocks_rolled_back > 0;
            assert!(recovery.is_some_and(images), "{version}");
            assert_sound(&recovered, version);
            assert_eq!(recovered.get(DATA), old.get(DATA), "{version}");
        }
    }
}

#[test]
fn the_guardian_of_every_version_can_be_lower_cased() {
    let path = RelativePath::root().join(b"ngwguard.db");
    let lower = |mut store: Store| {
        store.folder.make_ascii_lowercase();
        store.name.make_ascii_lowercase();
        store
    };
    let expected: Vec<Store> = many_stores().into_iter().map(lower).collect();
    let (profile, limits) = (NameProfile::Guardian, LowercaseLimits::default());
    for version in Version::all() {
        let mut files = databases(version).swap_remove(0);
        let plan = plan_lowercase(&files, &profile, limits).unwrap();
        assert_eq!(plan.changes.len(), 2 * expected.len(), "{version}");
        apply_lowercase(&mut files, &plan, limits).unwrap();
        assert_sound(&files, version);
        assert_eq!(
            guardian::read(&files, &path).unwrap(),
            expected,
            "{version}"
        );
    }
}
