//! Random commands, in the thread of the test, where no panic can hide.

use std::fmt::Write as _;
use std::io;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;
use crate::imap::reader::{Reader, Received};
use crate::imap::session::{Next, Session};

/// A connection whose client has said everything already, piece by piece.
struct Said {
    pieces: Vec<Vec<u8>>,
    heard: Vec<u8>,
}

impl Read for Said {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(piece) = self.pieces.first_mut() else {
            return Ok(0);
        };
        let count = piece.len().min(buffer.len());
        buffer[..count].copy_from_slice(&piece[..count]);
        piece.drain(..count);
        if piece.is_empty() {
            self.pieces.remove(0);
        }
        Ok(count)
    }
}

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.heard.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a server says to bytes that come in such pieces.
fn hear(served: &Served, pieces: Vec<Vec<u8>>) -> Vec<u8> {
    let root = tree::open_folder(&served.folder).unwrap();
    let store = MailStore::new(root, NameLookup::Exact);
    let server = ImapServer::new(store, Arc::default(), Encryption::None);
    let mut session = Session::new(&server, false);
    let mut reader = Reader::default();
    let pieces = pieces.into_iter().filter(|piece| !piece.is_empty());
    let mut said = Said {
        pieces: pieces.collect(),
        heard: Vec::new(),
    };
    loop {
        match reader.next(&mut said).unwrap() {
            Received::Command(command) => {
                let mut out = Vec::new();
                let next = session.answer(command, &mut out).unwrap();
                said.heard.extend(out);
                if next == Next::HangUp {
                    return said.heard;
                }
            }
            Received::Nonsense(_) => said.heard.extend_from_slice(b"nonsense\r\n"),
            Received::TooLong | Received::End => return said.heard,
        }
    }
}

/// Words of the protocol, put together at random.
fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "FETCH",
        "UID",
        "SEARCH",
        "SELECT",
        "EXAMINE",
        "STATUS",
        "LIST",
        "LSUB",
        "NOOP",
        "CLOSE",
        "1",
        "0",
        "*",
        "1:*",
        "*:4",
        "4294967295",
        "(",
        ")",
        "\"\"",
        "\"a\\\"b\"",
        "INBOX",
        "Trash",
        "ALL",
        "FULL",
        "FLAGS",
        "BODY[]",
        "BODY[1]",
        "BODY[1.2.3]",
        "BODY[HEADER.FIELDS (To)]",
        "BODY[TEXT]<0.10>",
        "BODY[2.MIME]",
        "BODYSTRUCTURE",
        "ENVELOPE",
        "(UID FLAGS)",
        "NOT",
        "OR",
        "SEEN",
        "SINCE 1-Jan-2012",
        "BEFORE 31-Feb-2012",
        "HEADER Message-ID x",
        "FROM @",
        "CHARSET",
        "UTF-8",
        "MESSAGES",
        "(UIDNEXT UNSEEN)",
        "%",
        "{3}\r\nabc",
        "{0+}\r\n",
        "\u{e4}",
        "\0",
    ]);
    prop::collection::vec(word, 0..7).prop_map(|words| words.join(" "))
}

/// Commands that can work, so that what is behind the parser is reached.
fn likely() -> impl Strategy<Value = String> {
    let item = prop::sample::select(vec![
        "FLAGS",
        "UID",
        "BODY[]",
        "BODY[1]",
        "BODY[2]",
        "BODY[3.1]",
        "BODY[1.MIME]",
        "BODY",
        "BODYSTRUCTURE",
        "ENVELOPE",
        "INTERNALDATE",
        "RFC822.SIZE",
        "BODY[TEXT]<7.9>",
        "BODY.PEEK[HEADER.FIELDS.NOT (To Subject)]",
    ]);
    let set = prop::sample::select(vec!["1", "*", "3:1", "2,4,900", "4294967295:*"]);
    let key = prop::sample::select(vec![
        "ALL",
        "SEEN",
        "NOT UNSEEN",
        "OR FROM a TO b",
        "UID 1:*",
        "3:*",
        "LARGER 3000",
        "TEXT q",
        "BODY z",
        "SENTSINCE 2-Feb-2013",
        "HEADER X-None x",
        "KEYWORD k",
        "(SEEN OLD)",
    ]);
    prop_oneof![
        (set, prop::collection::vec(item, 1..4))
            .prop_map(|(set, items)| format!("FETCH {set} ({})", items.join(" "))),
        prop::collection::vec(key, 1..4).prop_map(|keys| format!("SEARCH {}", keys.join(" "))),
        prop::sample::select(vec![
            "NOOP",
            "SELECT Trash",
            "EXAMINE INBOX",
            "CLOSE",
            "LIST \"\" *"
        ])
        .prop_map(str::to_owned),
    ]
}

/// Tries so many values of a kind on one post office.
fn try_all<S: Strategy>(
    cases: u32,
    strategy: &S,
    test: impl Fn(&Served, S::Value) -> Result<(), TestCaseError>,
) {
    let served = Served::new();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(cases));
    let outcome = runner.run(strategy, |value| test(&served, value));
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn random_commands_get_one_answer_each() {
    let commands = prop::collection::vec(prop_oneof![words(), likely()], 1..6);
    try_all(96, &(commands, 1..60usize), |served, (commands, size)| {
        let account = &served.accounts[0];
        let (user, password) = (&account.user, &account.password);
        let mut text = format!("L LOGIN {user} {password}\r\nS SELECT INBOX\r\n");
        for (number, command) in commands.iter().enumerate() {
            write!(text, "T{number} {command}\r\n").unwrap();
        }
        text.push_str("END NOOP\r\n");
        let pieces = text.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
        let heard = String::from_utf8_lossy(&hear(served, pieces)).into_owned();
        let ends = ["\r\nEND OK", "\r\nEND NO"];
        prop_assert!(ends.iter().any(|end| heard.contains(end)), "{}", heard);
        Ok(())
    });
}

#[test]
fn random_bytes_get_whole_lines_and_nothing_of_anybody() {
    let piece = prop::collection::vec(any::<u8>(), 0..80);
    let pieces = prop::collection::vec(piece, 0..20);
    try_all(256, &pieces, |served, pieces| {
        let lines_said = pieces.concat().split(|&byte| byte == b'\n').count() - 1;
        let heard = hear(served, pieces);
        prop_assert!(heard.is_empty() || heard.ends_with(b"\r\n"), "{:?}", heard);
        let heard = String::from_utf8_lossy(&heard).into_owned();
        prop_assert!(heard.lines().count() <= lines_said + 1, "{}", heard);
        // Nobody has logged in.
        for data in ["FETCH", "LIST", "SEARCH", "EXISTS", "FLAGS"] {
            prop_assert!(!heard.contains(&format!("* {data}")), "{}", heard);
        }
        prop_assert!(!heard.contains(" EXISTS"), "{}", heard);
        Ok(())
    });
}
