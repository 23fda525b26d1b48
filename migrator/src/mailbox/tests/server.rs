//! An IMAP server that has two folders, and whose answers a test may change before they are sent.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::mailbox::ServerAddress;

/// What the server says where it is to answer with words of its own.
pub(super) const WORDS: &str = "the moon is in the way";

/// A message of the INBOX; the other folder is empty.
#[derive(Debug, Clone)]
pub(super) struct Mail {
    pub(super) uid: u32,
    pub(super) header: String,
    pub(super) body: String,
}

/// Three messages.
pub(super) fn three() -> Vec<Mail> {
    [11, 12, 15].map(mail).to_vec()
}

/// A message.
pub(super) fn mail(uid: u32) -> Mail {
    Mail {
        uid,
        header: format!("Message-ID: <{uid}@example>\r\nSubject: number {uid}\r\n\r\n"),
        body: format!("Message-ID: <{uid}@example>\r\nSubject: number {uid}\r\n\r\ntext {uid}\r\n"),
    }
}

/// The answer to a command, before it is sent; the command of the greeting is empty.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) rows: Vec<String>,
    /// How long the server waits before each of the rows, and before the end.
    pub(super) pause: Duration,
    pub(super) end: End,
}

/// What follows the rows.
#[derive(Debug, Clone)]
pub(super) enum End {
    /// A line with the tag of the command.
    Tagged(String),
    /// Nothing; the server waits for the next command.
    Open,
    /// Nothing; the connection ends.
    Closed,
    /// Nothing ever again, and the connection stays.
    Silent,
}

/// Changes answers, and the messages that later answers are made from.
pub(super) type Script = dyn Fn(&str, &mut Answer, &mut Vec<Mail>) + Send + Sync;

/// Starts a server; it ends with the process.
pub(super) fn serve(
    messages: Vec<Mail>,
    script: impl Fn(&str, &mut Answer, &mut Vec<Mail>) + Send + Sync + 'static,
) -> ServerAddress {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let messages = Arc::new(Mutex::new(messages));
    let script: Arc<Script> = Arc::new(script);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let (messages, script) = (Arc::clone(&messages), Arc::clone(&script));
            // A client that went away is the client's business.
            std::thread::spawn(move || converse(&stream, &messages, &*script));
        }
    });
    ServerAddress {
        host: address.ip().to_string(),
        port: address.port(),
    }
}

/// A server that does nothing wrong.
pub(super) fn serve_whole(messages: Vec<Mail>) -> ServerAddress {
    serve(messages, |_, _, _| {})
}

fn converse(
    stream: &TcpStream,
    messages: &Mutex<Vec<Mail>>,
    script: &Script,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut lines = BufReader::new(stream).lines();
    let mut writer = stream;
    let mut tag = String::new();
    let mut command = String::new();
    loop {
        let mut messages = messages.lock().unwrap();
        let mut answer = answer(&command, &messages);
        script(&command, &mut answer, &mut messages);
        drop(messages);
        for row in &answer.rows {
            std::thread::sleep(answer.pause);
            writer.write_all(row.as_bytes())?;
        }
        std::thread::sleep(answer.pause);
        match answer.end {
            End::Tagged(text) => write!(writer, "{tag} {text}\r\n")?,
            End::Open => {}
            End::Closed => return Ok(()),
            // Until the client goes.
            End::Silent => return lines.try_for_each(|line| line.map(|_| ())),
        }
        let Some(line) = lines.next().transpose()? else {
            return Ok(());
        };
        let (first, rest) = line.split_once(' ').unwrap_or((&line, ""));
        (tag, command) = (first.to_owned(), rest.to_owned());
    }
}

fn answer(command: &str, messages: &[Mail]) -> Answer {
    let numbered = || (1..).zip(messages);
    let mut end = End::Tagged("OK completed".into());
    let rows = if command.is_empty() {
        end = End::Open;
        vec!["* OK ready\r\n".to_owned()]
    } else if command == "STARTTLS" {
        end = End::Tagged("BAD it is not offered".into());
        Vec::new()
    } else if command.starts_with("LIST") {
        let names = ["INBOX", "Cabinet"];
        names
            .map(|name| format!("* LIST () \"/\" \"{name}\"\r\n"))
            .into()
    } else if command.starts_with("EXAMINE \"INBOX\"") {
        vec![
            "* FLAGS (\\Seen)\r\n".to_owned(),
            format!("* {} EXISTS\r\n", messages.len()),
            "* 0 RECENT\r\n".to_owned(),
        ]
    } else if command.starts_with("EXAMINE") {
        vec!["* 0 EXISTS\r\n".to_owned()]
    } else if is_headers(command) {
        numbered()
            .map(|(number, mail)| header_row(number, mail))
            .collect()
    } else if is_bodies(command) {
        let asked = numbered().filter(|(_, mail)| is_asked(command, mail.uid));
        asked.map(|(number, mail)| body_row(number, mail)).collect()
    } else if command == "LOGOUT" {
        vec!["* BYE good-bye\r\n".to_owned()]
    } else {
        Vec::new()
    };
    Answer {
        rows,
        pause: Duration::ZERO,
        end,
    }
}

/// Whether a command asks for the messages of a folder.
pub(super) fn is_headers(command: &str) -> bool {
    command.starts_with("UID FETCH") && command.contains("HEADER.FIELDS")
}

/// Whether a command asks for whole messages.
pub(super) fn is_bodies(command: &str) -> bool {
    command.starts_with("UID FETCH") && command.contains("BODY.PEEK[]")
}

fn is_asked(command: &str, uid: u32) -> bool {
    let numbers = command.split(' ').nth(2).unwrap_or_default();
    numbers.split(',').any(|number| number == uid.to_string())
}

/// A message in the listing of its folder.
pub(super) fn header_row(number: u32, mail: &Mail) -> String {
    format!(
        "* {number} FETCH (UID {} INTERNALDATE \" 1-Jan-2020 10:00:00 +0100\" \
         BODY[HEADER.FIELDS (MESSAGE-ID DATE FROM SUBJECT)] {{{}}}\r\n{})\r\n",
        mail.uid,
        mail.header.len(),
        mail.header
    )
}

/// A whole message.
pub(super) fn body_row(number: u32, mail: &Mail) -> String {
    format!(
        "* {number} FETCH (UID {} BODY[] {{{}}}\r\n{})\r\n",
        mail.uid,
        mail.body.len(),
        mail.body
    )
}
