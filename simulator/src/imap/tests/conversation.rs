//! Commands and their answers.

use super::*;
use crate::database::Writer;
use crate::mail::{apply, move_message, purge};
use crate::model::{INBOX, MessageTruth};

#[test]
fn nobody_reads_anything_before_logging_in() {
    let served = Served::new();
    let mut client = Client::connect(served.plain);
    for command in [
        "LIST \"\" *",
        "SELECT INBOX",
        "FETCH 1 BODY[]",
        "STATUS INBOX (MESSAGES)",
    ] {
        assert!(client.ask(command).1.starts_with("BAD"), "{command}");
    }
    client.ok("NOOP");
    assert_eq!(
        client.ok("CAPABILITY"),
        ["* CAPABILITY IMAP4REV1 STARTTLS\r\n"]
    );
    let user = &served.accounts[0].user;
    let password = &served.accounts[0].password;
    assert!(
        client
            .ask(&format!("LOGIN {user} wrong"))
            .1
            .starts_with("NO")
    );
    assert!(
        client
            .ask(&format!("LOGIN nobody {password}"))
            .1
            .starts_with("NO")
    );
    // The name in any case, the password as a literal, on the last attempt.
    client.send(format!("A LOGIN {} {{{}}}\r\n", user.to_uppercase(), password.len()).as_bytes());
    assert_eq!(client.line(), "+ Ready\r\n");
    client.send(format!("{password}\r\n").as_bytes());
    assert!(client.answers("A").1.starts_with("OK"));
    assert!(client.ask("LOGIN a b").1.starts_with("BAD"));
    assert!(client.ask("FETCH 1 FLAGS").1.starts_with("BAD"));
    let (answers, last) = client.ask("LOGOUT");
    assert!(answers[0].starts_with(b"* BYE") && last.starts_with("OK"));
    assert_eq!(client.line(), "");
}

#[test]
fn three_wrong_passwords_end_the_connection() {
    let served = Served::new();
    let mut client = Client::connect(served.plain);
    for _ in 0..2 {
        assert!(client.ask("LOGIN a b").1.starts_with("NO"));
    }
    let (answers, last) = client.ask("LOGIN a b");
    assert!(answers[0].starts_with(b"* BYE") && last.starts_with("NO"));
    assert_eq!(client.line(), "");
}

#[test]
fn folders_are_listed_by_pattern() {
    let served = Served::new();
    let mut client = served.client(0);
    assert_eq!(
        client.ok("LIST \"\" \"\""),
        ["* LIST (\\Noselect) \"/\" \"\"\r\n"]
    );
    let top = client.ok("LIST \"\" %");
    assert_eq!(top.len(), 4, "{top:?}");
    assert_eq!(client.ok("LIST \"\" inbox"), ["* LIST () \"/\" INBOX\r\n"]);
    let all = client.ok("LSUB \"\" *");
    let below = client.ok("LIST Cabinet/ %");
    assert_eq!(all.len(), top.len() + below.len());
    assert!(!below.is_empty());
    assert_eq!(client.ok("LIST \"\" Nothing").len(), 0);
}

#[test]
fn select_tells_what_a_client_needs_and_writes_are_refused() {
    let served = Served::new();
    let mut client = served.client(0);
    let (answers, last) = client.ask("SELECT inbox");
    assert!(last.starts_with("OK [READ-ONLY]"), "{last}");
    let text = String::from_utf8(answers.concat()).unwrap();
    for part in [
        "EXISTS",
        "[UIDVALIDITY 1]",
        "[UIDNEXT ",
        "[PERMANENTFLAGS ()]",
        "FLAGS (\\Seen)",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    for command in [
        "STORE 1 +FLAGS (\\Seen)",
        "COPY 1 Trash",
        "EXPUNGE",
        "CREATE New",
        "DELETE Trash",
        "RENAME Trash Other",
    ] {
        assert!(client.ask(command).1.starts_with("NO"), "{command}");
    }
    client.ok("FETCH 1:* BODY[]");
    assert_eq!(truth(&served.folder).unwrap(), served.truth);
    assert!(client.ask("SELECT Nowhere").1.starts_with("NO"));
    assert!(client.ask("FETCH 1 FLAGS").1.starts_with("BAD"));
    client.ok("EXAMINE Trash");
    client.ok("CLOSE");
    assert!(client.ask("FETCH 1 FLAGS").1.starts_with("BAD"));
}

/// The literal of a fetched section of the first message.
fn fetched(client: &mut Client<TcpStream>, section: &str) -> String {
    let (answers, last) = client.ask(&format!("FETCH 1 {section}"));
    assert!(last.starts_with("OK"), "{section}: {last}");
    let answer = String::from_utf8(answers[0].clone()).unwrap();
    let Some((head, rest)) = answer.split_once("}\r\n") else {
        return answer;
    };
    let length: usize = head.rsplit_once('{').unwrap().1.parse().unwrap();
    rest[..length].to_owned()
}

#[test]
fn sections_are_pieces_of_the_whole() {
    let served = Served::new();
    let mut client = served.client(0);
    client.ok("SELECT INBOX");
    let whole = fetched(&mut client, "BODY.PEEK[]");
    assert_eq!(fetched(&mut client, "RFC822"), whole);
    let header = fetched(&mut client, "BODY[HEADER]");
    let text = fetched(&mut client, "BODY[TEXT]");
    assert_eq!(format!("{header}{text}"), whole);
    assert_eq!(fetched(&mut client, "RFC822.HEADER"), header);
    assert_eq!(fetched(&mut client, "RFC822.TEXT"), text);
    assert!(header.ends_with("\r\n\r\n"));
    assert_eq!(fetched(&mut client, "BODY[]<5.10>"), whole[5..15]);
    assert_eq!(fetched(&mut client, "BODY[]<999999.10>"), "");
    let size = client.ok("FETCH 1 RFC822.SIZE");
    assert_eq!(
        size,
        [format!("* 1 FETCH (RFC822.SIZE {})\r\n", whole.len())]
    );
    let some = fetched(&mut client, "BODY[HEADER.FIELDS (subject Message-ID)]");
    let lines: Vec<&str> = some.lines().collect();
    assert_eq!(lines.len(), 3, "{some}");
    assert!(lines[0].starts_with("Message-ID: <") && lines[1].starts_with("Subject: "));
    let others = fetched(&mut client, "BODY[HEADER.FIELDS.NOT (subject Message-ID)]");
    assert_eq!(some.len() + others.len(), header.len() + 2);
    assert!(client.ok("FETCH 1 BODY[9]")[0].contains("NIL"));
    // What every client asks for first.
    let all = &client.ok("FETCH 1 ALL")[0];
    for part in ["FLAGS", "INTERNALDATE \"", "RFC822.SIZE", "ENVELOPE (\""] {
        assert!(all.contains(part), "{part}\n{all}");
    }
}

#[test]
fn the_structure_leads_to_the_parts() {
    let served = Served::new();
    let (mut files, mut plain) = (0, 0);
    for position in 0..3 {
        let mut client = served.client(position);
        client.ok("SELECT INBOX");
        for (number, structure) in (1..).zip(client.ok("FETCH 1:* BODYSTRUCTURE")) {
            let mut part = |part: &str| {
                let (answers, _) = client.ask(&format!("FETCH {number} BODY[{part}]"));
                let answer = String::from_utf8(answers[0].clone()).unwrap();
                let (_, text) = answer.split_once("}\r\n").unwrap();
                text.strip_suffix(")\r\n").unwrap().to_owned()
            };
            let text = part("1");
            let sizes = format!("\"7bit\" {} {}", text.len(), text.matches('\n').count());
            assert!(structure.contains(&sizes), "{structure} {sizes}");
            if structure.contains("\"mixed\"") {
                let file = part("2");
                assert!(structure.contains(&format!("\"base64\" {}", file.len())));
                assert!(part("2.MIME").contains("Content-Disposition: attachment"));
                files += 1;
            } else {
                plain += 1;
            }
        }
    }
    assert!(files > 10 && plain > 30, "{files} {plain}");
}

#[test]
fn searches_find_what_they_say() {
    let served = Served::new();
    let user = &served.accounts[2].user;
    let mut client = served.client(2);
    client.ok("SELECT INBOX");
    let mut numbers = |criteria: &str| -> BTreeSet<u32> {
        let answer = &client.ok(&format!("UID SEARCH {criteria}"))[0];
        let found = answer.trim().strip_prefix("* SEARCH").unwrap();
        found
            .split_whitespace()
            .map(|number| number.parse().unwrap())
            .collect()
    };
    let inbox: Vec<_> = served
        .truth
        .messages
        .iter()
        .filter(|one| one.user == *user && one.folder == INBOX)
        .collect();
    let uids = |wanted: &dyn Fn(&MessageTruth) -> bool| -> BTreeSet<u32> {
        let found = inbox.iter().filter(|one| wanted(one));
        found.map(|one| one.uid).collect()
    };
    let all = uids(&|_| true);
    assert!(all.len() > 10);
    assert_eq!(numbers("ALL"), all);
    assert_eq!(numbers("SEEN"), uids(&|one| one.is_read));
    assert_eq!(numbers("UNSEEN"), uids(&|one| !one.is_read));
    assert_eq!(numbers("NOT SEEN"), uids(&|one| !one.is_read));
    assert_eq!(numbers("OR SEEN UNSEEN"), all);
    assert_eq!(numbers("FLAGGED"), BTreeSet::new());
    // 2012-06-15 00:00:00 UTC.
    let middle = 1_339_718_400;
    assert_eq!(
        numbers("SINCE 15-Jun-2012"),
        uids(&|one| one.received_seconds >= middle)
    );
    assert_eq!(
        numbers("BEFORE 15-Jun-2012"),
        uids(&|one| one.received_seconds < middle)
    );
    let one = inbox[3];
    let command = format!("HEADER Message-ID \"<{}>\"", one.message_id);
    assert_eq!(
        numbers(&command),
        uids(&|other| other.message_id == one.message_id)
    );
    assert_eq!(numbers("SUBJECT \"no such subject\""), BTreeSet::new());
    let inside = numbers("FROM \".example\"");
    assert!(!inside.is_empty() && inside.len() < all.len());
    assert_eq!(numbers("NOT FROM \"@\""), BTreeSet::new());
    assert_eq!(numbers("UID 1:3 SEEN"), numbers("SEEN UID 3:1"));
    assert_eq!(numbers("LARGER 1").len(), all.len());
    assert!(client.ask("SEARCH CHARSET KOI8-R ALL").1.starts_with("NO"));
}

#[test]
fn what_comes_and_goes_is_told_when_a_client_asks() {
    let served = Served::new();
    let user = &served.accounts[0].user;
    let store = MailStore::new(
        tree::open_folder(&served.folder).unwrap(),
        NameLookup::Exact,
    );
    let root = tree::open_folder(&served.folder).unwrap();
    let mut client = served.client(0);
    client.ok("SELECT INBOX");
    assert_eq!(client.ok("NOOP"), Vec::<String>::new());
    let mailbox = store.reader().mailbox(user).unwrap();
    let inbox: Vec<_> = mailbox
        .pointers
        .iter()
        .filter(|one| one.folder == 1)
        .collect();
    let count = inbox.len();
    apply(
        &root,
        &purge(&mut store.reader(), user, inbox[4].number).unwrap(),
        &Writer::alone(None),
    )
    .unwrap();
    apply(
        &root,
        &purge(&mut store.reader(), user, inbox[1].number).unwrap(),
        &Writer::alone(None),
    )
    .unwrap();
    assert_eq!(client.ok("NOOP"), ["* 5 EXPUNGE\r\n", "* 2 EXPUNGE\r\n"]);
    let other = mailbox.pointers.iter().find(|one| one.folder != 1).unwrap();
    let moved = move_message(&mut store.reader(), user, other.number, INBOX).unwrap();
    apply(&root, &moved, &Writer::alone(None)).unwrap();
    assert_eq!(client.ok("NOOP"), [format!("* {} EXISTS\r\n", count - 1)]);
    let next = mailbox.folders[0].next_uid;
    let last = client.ok("FETCH * UID");
    assert_eq!(last, [format!("* {} FETCH (UID {next})\r\n", count - 1)]);
}
