//! Every mailbox, as a client finds it, is what the truth says.

use super::*;

/// The bytes of the first literal in an answer.
fn literal_of(answer: &[u8]) -> &[u8] {
    let end = answer
        .windows(3)
        .position(|three| three == b"}\r\n")
        .unwrap();
    let length = literal(&answer[..end + 3]).unwrap();
    &answer[end + 3..end + 3 + length]
}

/// Folder, number, digest and read state of every message of a user.
fn read_all<S: Read + Write>(client: &mut Client<S>) -> BTreeSet<(String, u32, String, bool)> {
    let mut found = BTreeSet::new();
    for line in client.ok("LIST \"\" *") {
        let (_, name) = line.trim_end().split_once(" \"/\" ").unwrap();
        let name = name.trim_matches('"');
        client.ok(&format!("EXAMINE \"{name}\""));
        let (answers, last) = client.ask("FETCH 1:* (UID FLAGS BODY.PEEK[])");
        assert!(last.starts_with("OK"), "{last}");
        for answer in answers {
            let bytes = literal_of(&answer);
            let head = String::from_utf8_lossy(&answer);
            let uid = head.split("UID ").nth(1).unwrap();
            let uid = uid.split([' ', ')']).next().unwrap().parse().unwrap();
            let digest = blake3::hash(bytes).to_hex().as_str().to_owned();
            let is_read = head.split("BODY").next().unwrap().contains("\\Seen");
            assert!(found.insert((name.to_owned(), uid, digest, is_read)));
        }
    }
    found
}

fn expected(truth: &Truth, user: &str) -> BTreeSet<(String, u32, String, bool)> {
    let messages = truth.messages.iter().filter(|one| one.user == user);
    messages
        .map(|one| (one.folder.clone(), one.uid, one.digest.clone(), one.is_read))
        .collect()
}

#[test]
fn every_mailbox_is_served_as_the_truth_has_it() {
    let served = Served::new();
    let mut messages = 0;
    for (position, account) in served.accounts.iter().enumerate() {
        let mut client = served.client(position);
        let found = read_all(&mut client);
        assert_eq!(found, expected(&served.truth, &account.user));
        messages += found.len();
        client.ok("LOGOUT");
    }
    assert_eq!(messages, served.truth.messages.len());
    // Reading has changed nothing.
    assert_eq!(truth(&served.folder).unwrap(), served.truth);
}

#[test]
fn encrypted_from_the_start_or_on_request_it_is_the_same() {
    let served = Served::new();
    let account = &served.accounts[0];
    let login = format!("LOGIN {} {}", account.user, account.password);
    let wanted = expected(&served.truth, &account.user);
    let mut client = Client::greeted(encrypt(connect(served.encrypted)));
    client.ok(&login);
    assert_eq!(read_all(&mut client), wanted);
    assert!(!client.ok("CAPABILITY")[0].contains("STARTTLS"));

    let mut client = Client::connect(served.plain);
    assert!(client.ok("CAPABILITY")[0].contains("STARTTLS"));
    client.ok("STARTTLS");
    let mut client = Client::over(encrypt(client.stream.into_inner()));
    assert!(client.ask("STARTTLS").1.starts_with("BAD"));
    client.ok(&login);
    assert_eq!(read_all(&mut client), wanted);
}

#[test]
fn where_encryption_is_required_nobody_logs_in_without() {
    let served = Served::with(Encryption::Required);
    let account = &served.accounts[0];
    let login = format!("LOGIN {} {}", account.user, account.password);
    let mut client = Client::connect(served.plain);
    assert!(client.ok("CAPABILITY")[0].contains("LOGINDISABLED"));
    assert!(client.ask(&login).1.starts_with("NO"));
    client.ok("STARTTLS");
    let mut client = Client::over(encrypt(client.stream.into_inner()));
    client.ok(&login);

    let served = Served::with(|_| Encryption::None);
    let mut client = Client::connect(served.plain);
    assert!(client.ask("STARTTLS").1.starts_with("BAD"));
}

#[test]
fn status_agrees_with_the_truth() {
    let served = Served::new();
    let account = &served.accounts[1];
    let mut client = served.client(1);
    let folders = served.truth.folders.iter();
    for folder in folders.filter(|folder| folder.user == account.user) {
        let unread =
            served.truth.messages.iter().filter(|one| {
                one.user == folder.user && one.folder == folder.folder && !one.is_read
            });
        let command = format!(
            "STATUS \"{}\" (MESSAGES UNSEEN UIDNEXT UIDVALIDITY)",
            folder.folder
        );
        let answer = &client.ok(&command)[0];
        let expected = format!(
            "(MESSAGES {} UNSEEN {} UIDNEXT {} UIDVALIDITY {})\r\n",
            folder.messages,
            unread.count(),
            folder.next_uid,
            folder.uid_validity
        );
        assert!(answer.ends_with(&expected), "{answer} {expected}");
    }
}

#[test]
fn what_is_lost_is_answered_no_and_the_rest_goes_on() {
    let served = Served::new();
    let root = tree::open_folder(&served.folder).unwrap();
    for blob in crate::mail::referenced_blobs(&root).unwrap() {
        std::fs::remove_file(served.folder.join(String::from_utf8(blob).unwrap())).unwrap();
    }
    let mut refused = BTreeMap::new();
    for position in 0..served.accounts.len() {
        let mut client = served.client(position);
        client.ok("SELECT INBOX");
        for number in 1..20 {
            let (_, last) = client.ask(&format!("FETCH {number} BODY[]"));
            *refused.entry(last.starts_with("NO")).or_insert(0) += 1;
        }
        client.ok("FETCH 1:* FLAGS");
    }
    assert!(refused[&true] > 5 && refused[&false] > 50, "{refused:?}");
}
