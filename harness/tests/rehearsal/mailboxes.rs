//! `test-mailbox` against servers that answer as no server should.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use harness::site::Site as _;

use crate::support::{Stage, codes, finding};

/// How a server plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Play {
    Whole,
    /// Its INBOX has no messages.
    Empty,
    /// The connection ends behind the first of its three messages.
    BreaksOff,
    /// It says NO behind the first of its three messages.
    Refuses,
    /// It lists no folder at all.
    NoFolder,
    /// It lists a folder as well that it does not open.
    OddFolder,
    /// It makes the bytes of each message anew each time.
    Changes,
}

/// A server with an INBOX of three messages; how it plays can be changed while it runs.
struct Server {
    address: SocketAddr,
    play: Arc<Mutex<Play>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("bound");
        let address = listener.local_addr().expect("an address");
        let play = Arc::new(Mutex::new(Play::Whole));
        let shared = Arc::clone(&play);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let play = *shared.lock().expect("no panic");
                // A client that went away is the client's business.
                let _ = serve(&stream.expect("a connection"), play);
            }
        });
        Self { address, play }
    }

    fn plays(&self, play: Play) {
        *self.play.lock().expect("no panic") = play;
    }
}

fn serve(mut stream: &TcpStream, play: Play) -> std::io::Result<()> {
    let lines = BufReader::new(stream).lines();
    stream.write_all(b"* OK ready\r\n")?;
    for line in lines {
        let line = line?;
        let (tag, command) = line.split_once(' ').unwrap_or((&line, ""));
        let is_listing = command.contains("HEADER.FIELDS");
        let mut rows = rows(command, play);
        let breaks = is_listing && matches!(play, Play::BreaksOff | Play::Refuses);
        if breaks {
            rows.truncate(1);
        }
        let end = match command {
            "STARTTLS" => "BAD it is not offered",
            "EXAMINE \"Public \\\"Folders\\\"\"" => "NO it is none",
            _ if breaks => "NO the store is damaged",
            _ => "OK completed",
        };
        stream.write_all(rows.concat().as_bytes())?;
        if breaks && play == Play::BreaksOff {
            return Ok(());
        }
        write!(stream, "{tag} {end}\r\n")?;
    }
    Ok(())
}

fn rows(command: &str, play: Play) -> Vec<String> {
    let text = |uid: u32| format!("Message-ID: <{uid}@example>\r\n\r\n");
    let messages = (1..=3).map(|number: u32| (number, number + 10));
    if command.starts_with("LIST") && play != Play::NoFolder {
        let inbox = "* LIST () \"/\" INBOX\r\n".to_owned();
        let odd = "* LIST () \"/\" \"Public \\\"Folders\\\"\"\r\n".to_owned();
        let is_odd = play == Play::OddFolder;
        std::iter::once(inbox)
            .chain(is_odd.then_some(odd))
            .collect()
    } else if command.starts_with("EXAMINE") {
        let count = if play == Play::Empty { 0 } else { 3 };
        vec![format!("* {count} EXISTS\r\n")]
    } else if command.contains("HEADER.FIELDS") {
        let row = |(number, uid)| {
            let text = text(uid);
            let length = text.len();
            format!(
                "* {number} FETCH (UID {uid} INTERNALDATE \"01-Jan-2020 10:00:00 +0000\" BODY[HEADER.FIELDS \
                 (MESSAGE-ID DATE FROM SUBJECT)] {{{length}}}\r\n{text})\r\n"
            )
        };
        messages.map(row).collect()
    } else if command.contains("BODY.PEEK[]") {
        let time = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .expect("a clock");
        let row = |(number, uid)| {
            let mut text = text(uid);
            if play == Play::Changes {
                let _ = write!(text, "{time:?}");
            }
            let length = text.len();
            format!("* {number} FETCH (UID {uid} BODY[] {{{length}}}\r\n{text})\r\n")
        };
        messages.map(row).collect()
    } else {
        Vec::new()
    }
}

/// What the journal says about the last test.
fn detail(stage: &Stage) -> String {
    let run = stage.migrate(&["status"]);
    let steps = run.result["status"]["steps"].as_array().expect("steps");
    let line = steps.iter().find(|line| line["step"] == "test-mailbox");
    let detail = line.map(|line| line["detail"].as_str().unwrap_or_default());
    detail.unwrap_or_default().to_owned()
}

/// A stage whose mailboxes are served by these, after stage one.
fn stage_with(source: &Server, destination: &Server, run_under: Vec<String>) -> Stage {
    let mut stage = Stage::with(|options| {
        options.site.with_mailbox_test = true;
        options.run_under = run_under;
    });
    stage.migrate(&["stage-one"]);
    let sheet = &mut stage.embedded_mut().sheet;
    let test = sheet.mailbox_test.as_mut().expect("a mailbox");
    test.source_imap = source.address;
    test.destination_imap = destination.address;
    stage.embedded().write_worksheet().expect("written");
    stage
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_mailbox_that_was_not_read_to_its_end_never_passes() {
    let (source, destination) = (Server::start(), Server::start());
    let stage = stage_with(&source, &destination, Vec::new());
    stage.expect(&["test-mailbox"], 0);
    let said = detail(&stage);
    assert!(said.contains("3 of them byte for byte"), "{said}");
    for (side, server) in [("source", &source), ("destination", &destination)] {
        server.plays(Play::BreaksOff);
        let run = stage.expect(&["test-mailbox"], 4);
        let found = finding(&run, "mailbox-not-read");
        assert_eq!(found.subject, side);
        let address = server.address.to_string();
        let wanted = format!("{address} failed to list the messages of INBOX");
        assert!(found.text.contains(&wanted), "{found:#?}");

        server.plays(Play::Refuses);
        let run = stage.expect(&["test-mailbox"], 1);
        let found = finding(&run, "mailbox-not-read");
        let wanted = "refused to list the messages of INBOX: NO the store is damaged";
        assert!(found.text.contains(wanted), "{found:#?}");

        server.plays(Play::NoFolder);
        let run = stage.expect(&["test-mailbox"], 1);
        let found = finding(&run, "mailbox-without-inbox");
        assert!(
            found.text.contains(&format!("at the {side},")),
            "{found:#?}"
        );
        server.plays(Play::Whole);
    }
    source.plays(Play::NoFolder);
    destination.plays(Play::NoFolder);
    let run = stage.expect(&["test-mailbox"], 1);
    finding(&run, "mailbox-without-inbox");

    source.plays(Play::Empty);
    destination.plays(Play::Empty);
    stage.expect(&["test-mailbox"], 0);
    let said = detail(&stage);
    assert!(
        said.contains("nothing was compared byte for byte"),
        "{said}"
    );
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_folder_that_is_none_and_messages_that_change_by_themselves_do_not_keep_a_test_from_its_end() {
    let (source, destination) = (Server::start(), Server::start());
    let stage = stage_with(&source, &destination, Vec::new());
    let both = |play| {
        source.plays(play);
        destination.plays(play);
    };
    both(Play::OddFolder);
    let run = stage.expect(&["test-mailbox"], 1);
    let found = finding(&run, "mailbox-folder-unread");
    assert!(found.text.contains("NO it is none"), "{found:#?}");
    assert!(detail(&stage).contains("3 of them byte for byte"));
    // Looked at, and accepted.
    let folder = "Public \"Folders\"";
    assert_eq!(found.subject, folder);
    let word = ["--by", "Ann", "--note", "it is none"];
    let arguments = ["accept", "mailbox-folder-unread", folder];
    stage.expect(&[&arguments[..], &word].concat(), 0);
    stage.expect(&["test-mailbox"], 0);

    both(Play::Changes);
    stage.expect(&["test-mailbox"], 0);
    let said = detail(&stage);
    assert!(said.contains("3 have other bytes each time"), "{said}");
}

/// Has the worker's answer to `worker mailbox` end after so many bytes; all else runs as it is.
///
/// The rest is read and dropped: a pipe that is closed would end the command before it has begun, now and then.
fn cut_answer(bytes: u32) -> Vec<String> {
    let script = format!(
        "case \"$3\" in *worker*mailbox*) \"$@\" | {{ head -c {bytes}; cat >/dev/null; }} ;; *) exec \"$@\" ;; esac"
    );
    ["/bin/sh", "-c", &script, "cut-answer"]
        .map(str::to_owned)
        .to_vec()
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_comparison_that_cannot_be_read_is_none() {
    let (source, destination) = (Server::start(), Server::start());
    for bytes in [0, 40] {
        let stage = stage_with(&source, &destination, cut_answer(bytes));
        let run = stage.expect(&["test-mailbox"], 5);
        assert!(codes(&run).contains(&"protocol"), "{:#?}", run.findings);
        assert!(!detail(&stage).contains("byte for byte"));
    }
}
