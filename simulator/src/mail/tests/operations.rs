//! What an agent does, compared with a model of it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::database::Writer;
use crate::model::{Address, AttachedFile, Draft, INBOX, MessageTruth, Placement, Pointer, Truth};

fn draft(number: u32, body_bytes: usize, attachment_bytes: usize) -> Draft {
    Draft {
        id: format!("{number}@test.example"),
        from: Address {
            name: "Ünal Zoë 🦀".into(),
            address: "zoe@test.example".into(),
        },
        recipients: vec![Address::default()],
        date_seconds: 1_400_000_000,
        subject: format!("Größe {number} 🦀\t!"),
        body: "x".repeat(body_bytes),
        attachment: (attachment_bytes > 0).then(|| AttachedFile {
            name: "file.bin".into(),
            bytes: vec![7; attachment_bytes],
        }),
    }
}

fn placement(user: &str, folder: &str) -> Placement {
    Placement {
        user: user.into(),
        folder: folder.into(),
        is_read: false,
    }
}

/// A post office and what must be in it.
struct Site {
    _scratch: tempfile::TempDir,
    folder: PathBuf,
    store: MailStore,
    users: Vec<String>,
}

impl Site {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let folder = post_office(scratch.path(), NameCase::Mixed);
        let store = store(&folder, NameLookup::AnyCase);
        let users = store.reader().users().unwrap();
        Self {
            _scratch: scratch,
            folder,
            store,
            users: users.into_iter().map(|user| user.fid).collect(),
        }
    }

    fn apply(&self, changes: &[MailChange]) {
        let writer = Writer::alone(None);
        apply(&tree::open_folder(&self.folder).unwrap(), changes, &writer).unwrap();
    }

    fn pointers(&self, user: &str) -> Vec<Pointer> {
        self.store.reader().mailbox(user).unwrap().pointers
    }
}

#[test]
fn a_message_to_many_is_stored_once_and_goes_with_its_last_pointer() {
    let site = Site::new();
    let before = truth(&site.folder).unwrap();
    let files_before = files(&site.folder);
    let places: Vec<Placement> = site
        .users
        .iter()
        .map(|user| placement(user, INBOX))
        .collect();
    let draft = draft(1, 3000, 5000);
    let delivered = deliver(&mut site.store.reader(), &draft, 2, &places).unwrap();
    site.apply(&delivered.changes);
    let after = truth(&site.folder).unwrap();
    assert_eq!(
        after.messages.len(),
        before.messages.len() + site.users.len()
    );
    let digest = digest_text(&delivered.rendered);
    let found = after.messages.iter().filter(|one| one.digest == digest);
    assert_eq!(found.count(), site.users.len());
    assert_eq!(files(&site.folder).len(), files_before.len() + 2);
    let stored = site.store.reader().messages_files(2).unwrap().content;
    assert_eq!(stored.messages.last(), Some(&delivered.message));

    for (user, pointer) in site.users.iter().zip(&delivered.pointers) {
        assert_eq!(files(&site.folder).len(), files_before.len() + 2);
        let changes = purge(&mut site.store.reader(), user, pointer.number).unwrap();
        site.apply(&changes);
    }
    assert_eq!(files(&site.folder), files_before);
    assert_eq!(truth(&site.folder).unwrap().messages, before.messages);
    // Neither the record nor the numbers in folders are used again.
    let again = deliver(&mut site.store.reader(), &draft, 2, &places).unwrap();
    assert!(again.message.number > delivered.message.number);
    for (first, second) in delivered.pointers.iter().zip(&again.pointers) {
        assert!(second.uid > first.uid);
    }
}

#[test]
fn reading_and_moving_change_what_they_say() {
    let site = Site::new();
    let user = &site.users[3];
    let pointer = site.pointers(user)[0].clone();
    let changes = mark_read(
        &mut site.store.reader(),
        user,
        pointer.number,
        !pointer.is_read,
    );
    site.apply(&changes.unwrap());
    let changed = site.pointers(user)[0].clone();
    assert_eq!(
        changed,
        Pointer {
            is_read: !pointer.is_read,
            ..pointer.clone()
        }
    );
    let same = mark_read(
        &mut site.store.reader(),
        user,
        pointer.number,
        !pointer.is_read,
    );
    assert!(same.unwrap().is_empty());
    let mut uids = BTreeSet::new();
    for _ in 0..3 {
        for folder in ["Trash", INBOX] {
            let changes = move_message(&mut site.store.reader(), user, pointer.number, folder);
            site.apply(&changes.unwrap());
            let moved = site.pointers(user)[0].clone();
            assert!(uids.insert((moved.folder, moved.uid)));
        }
    }
    truth(&site.folder).unwrap();
}

#[test]
fn what_is_not_there_is_said_and_changes_nothing() {
    let site = Site::new();
    let user = &site.users[0];
    let mut reader = site.store.reader();
    let not_found = |outcome: Result<Vec<MailChange>, SimulatorError>| {
        assert!(
            matches!(
                outcome,
                Err(SimulatorError::Mail(
                    MailError::NotFound { .. } | MailError::Missing { .. }
                ))
            ),
            "{outcome:?}"
        );
    };
    not_found(mark_read(&mut reader, user, 99_999, true));
    not_found(purge(&mut reader, user, 99_999));
    not_found(move_message(&mut reader, user, 1, "Nowhere"));
    not_found(mark_read(&mut reader, "../x", 1, true));
    let nowhere = [placement(user, "Nowhere")];
    not_found(deliver(&mut reader, &draft(1, 1, 0), 0, &nowhere).map(|done| done.changes));
    let missing = [placement(user, INBOX)];
    not_found(deliver(&mut reader, &draft(1, 1, 0), 254, &missing).map(|done| done.changes));
    assert!(deliver(&mut reader, &draft(1, 1, 0), 0, &[]).is_err());
}

#[test]
fn stopped_between_two_writes_no_pointer_leads_nowhere() {
    let site = Site::new();
    let root = tree::open_folder(&site.folder).unwrap();
    let places = [
        placement(&site.users[0], INBOX),
        placement(&site.users[1], INBOX),
    ];
    let delivered = deliver(&mut site.store.reader(), &draft(1, 3000, 3000), 0, &places).unwrap();
    assert_eq!(delivered.changes.len(), 5);
    for change in &delivered.changes {
        change.apply(&root, &Writer::alone(None)).unwrap();
        truth(&site.folder).unwrap();
    }
    for position in 0..2 {
        let number = delivered.pointers[position].number;
        let changes = purge(&mut site.store.reader(), &site.users[position], number).unwrap();
        assert_eq!(changes.len(), [2, 4][position]);
        for change in &changes {
            change.apply(&root, &Writer::alone(None)).unwrap();
            truth(&site.folder).unwrap();
        }
    }
}

/// One thing that an agent does; numbers are taken modulo what there is.
#[derive(Debug, Clone)]
enum Operation {
    Deliver(Vec<usize>, usize, usize),
    Mark(usize, usize, bool),
    Move(usize, usize, bool),
    Purge(usize, usize),
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        (
            prop::collection::vec(0..12usize, 1..4),
            0..4000usize,
            0..4000usize
        )
            .prop_map(|(users, body, file)| Operation::Deliver(users, body, file)),
        (0..12usize, any::<usize>(), any::<bool>())
            .prop_map(|(user, pointer, is_read)| Operation::Mark(user, pointer, is_read)),
        (0..12usize, any::<usize>(), any::<bool>())
            .prop_map(|(user, pointer, trash)| Operation::Move(user, pointer, trash)),
        (0..12usize, any::<usize>()).prop_map(|(user, pointer)| Operation::Purge(user, pointer)),
    ]
}

/// What the model keeps of a message in a mailbox: folder, digest, read state.
type Kept = BTreeMap<(String, String, String, bool), usize>;

fn kept(truth: &Truth) -> Kept {
    let mut kept = Kept::new();
    for one in &truth.messages {
        let key = (
            one.user.clone(),
            one.folder.clone(),
            one.digest.clone(),
            one.is_read,
        );
        *kept.entry(key).or_default() += 1;
    }
    kept
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn any_sequence_of_operations_does_what_a_model_does(
        operations in prop::collection::vec(operation(), 1..40),
    ) {
        let site = Site::new();
        let mut model = truth(&site.folder).unwrap();
        let unreferenced_before = unreferenced(&site);
        for (number, operation) in (1..).zip(operations) {
            play(&site, &mut model, number, operation);
        }
        let real = truth(&site.folder).unwrap();
        prop_assert_eq!(kept(&real), kept(&model));
        // No two messages of a folder have one number, and no message the next one.
        let numbers: BTreeSet<_> = real
            .messages
            .iter()
            .map(|one| (&one.user, &one.folder, one.uid))
            .collect();
        prop_assert_eq!(numbers.len(), real.messages.len());
        // No blob is left whose message is gone, and none was taken from one that is not.
        for number in 0..5 {
            for message in site.store.reader().messages_files(number).unwrap().content.messages {
                let used = real.messages.iter().filter(|one| one.message_id == message.id);
                prop_assert_eq!(used.count(), usize::try_from(message.uses).unwrap());
            }
        }
        prop_assert_eq!(unreferenced(&site), unreferenced_before);
    }
}

/// How many blobs no message refers to.
fn unreferenced(site: &Site) -> usize {
    let root = tree::open_folder(&site.folder).unwrap();
    let referenced = referenced_blobs(&root).unwrap();
    let blobs = files(&site.folder).into_iter().filter(|path| {
        let lower = path.as_bytes().to_ascii_lowercase();
        lower.starts_with(b"offiles/") && !referenced.contains(&lower)
    });
    blobs.count()
}

fn play(site: &Site, model: &mut Truth, number: u32, operation: Operation) {
    let mut reader = site.store.reader();
    let find = |model: &Truth, user: &str, pointer: usize| {
        let mailbox = site.store.reader().mailbox(user).unwrap();
        let count = mailbox.pointers.len();
        let pointer = mailbox.pointers.get(pointer % count.max(1))?.clone();
        let folder = mailbox
            .folders
            .iter()
            .find(|one| one.number == pointer.folder)?;
        let position = model.messages.iter().position(|one| {
            one.user == user && one.folder == folder.name && one.uid == pointer.uid
        });
        Some((pointer, position.expect("the model has it")))
    };
    match operation {
        Operation::Deliver(users, body, file) => {
            let users: BTreeSet<usize> = users.into_iter().collect();
            let places: Vec<Placement> = users
                .iter()
                .map(|user| placement(&site.users[*user], INBOX))
                .collect();
            let draft = draft(number, body, file);
            let done = deliver(&mut reader, &draft, 1, &places).unwrap();
            site.apply(&done.changes);
            for (place, pointer) in places.iter().zip(&done.pointers) {
                model.messages.push(MessageTruth {
                    user: place.user.clone(),
                    folder: INBOX.into(),
                    message_id: draft.id.clone(),
                    digest: digest_text(&done.rendered),
                    uid: pointer.uid,
                    is_read: false,
                    received_seconds: draft.date_seconds,
                });
            }
        }
        Operation::Mark(user, pointer, is_read) => {
            let user = &site.users[user];
            if let Some((pointer, position)) = find(model, user, pointer) {
                let changes = mark_read(&mut reader, user, pointer.number, is_read).unwrap();
                site.apply(&changes);
                model.messages[position].is_read = is_read;
            }
        }
        Operation::Move(user, pointer, trash) => {
            let user = &site.users[user];
            if let Some((pointer, position)) = find(model, user, pointer) {
                let folder = if trash { "Trash" } else { "Cabinet" };
                let changes = move_message(&mut reader, user, pointer.number, folder).unwrap();
                site.apply(&changes);
                let moved = site.pointers(user).into_iter();
                let mut moved = moved.filter(|one| one.number == pointer.number);
                folder.clone_into(&mut model.messages[position].folder);
                model.messages[position].uid = moved.next().unwrap().uid;
            }
        }
        Operation::Purge(user, pointer) => {
            let user = &site.users[user];
            if let Some((pointer, position)) = find(model, user, pointer) {
                site.apply(&purge(&mut reader, user, pointer.number).unwrap());
                model.messages.remove(position);
            }
        }
    }
}
