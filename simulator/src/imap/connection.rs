//! Accepting connections, and the loop of each.

use std::io::{self, BufWriter, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::ImapServer;
use super::answer::Outcome;
use super::reader::{Reader, Received};
use super::session::{Next, Session, bye};
use super::tls::Stream;

/// What a client is told first; GroupWise says the same.
const GREETING: &str = "* OK GroupWise IMAP4rev1 Server Ready\r\n";

/// How many connections there can be at once.
const CONNECTIONS_MAX: usize = 64;

/// How many lines in a row may be no command.
const NONSENSE_MAX: usize = 10;

/// How long a client may say nothing.
const IDLE_SECONDS_MAX: u64 = 30 * 60;

/// How long a client may take before it is logged in, and to take an answer.
const WAIT_SECONDS_MAX: u64 = 60;

/// How long a client that is being let go may go on sending, with what pauses, and how many bytes.
const LAST_READ_MILLISECONDS_MAX: u64 = 500;
const LAST_BYTES_MAX: u64 = 2 << 20;

/// Serves connections in threads of their own, until the process ends; encrypted from the start, or not.
pub fn serve(server: Arc<ImapServer>, listener: TcpListener, is_encrypted: bool) {
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (server, place) = (Arc::clone(&server), server.connections.take());
            let Some(place) = place else {
                // Whoever is turned away may not even read it.
                let _ = (&stream).write_all(b"* BYE too many connections\r\n");
                continue;
            };
            thread::spawn(move || {
                // A client that hangs up or sends nonsense is its own problem.
                let _ = talk(&server, stream, is_encrypted);
                drop(place);
            });
        }
    });
}

/// How many connections a server has.
#[derive(Debug, Clone, Default)]
pub struct ConnectionCount(Arc<AtomicUsize>);

impl ConnectionCount {
    /// How many there are now.
    pub fn now(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn take(&self) -> Option<Place> {
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        // Dropped at once where there is none, which takes the count back.
        let place = Place(Arc::clone(&self.0));
        (before < CONNECTIONS_MAX).then_some(place)
    }
}

/// One of the places for connections; it is free again when this is dropped.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn talk(server: &ImapServer, tcp: TcpStream, is_encrypted: bool) -> io::Result<()> {
    tcp.set_read_timeout(Some(Duration::from_secs(WAIT_SECONDS_MAX)))?;
    tcp.set_write_timeout(Some(Duration::from_secs(WAIT_SECONDS_MAX)))?;
    let control = tcp.try_clone()?;
    let outcome = greet_and_converse(server, tcp, &control, is_encrypted);
    let_go(&control)?;
    outcome
}

/// Ends a connection so that the client hears the last answer: what it still sends is taken for a while, because closing
/// with unread bytes would make the system throw away what was not delivered yet.
fn let_go(control: &TcpStream) -> io::Result<()> {
    control.shutdown(Shutdown::Write)?;
    control.set_read_timeout(Some(Duration::from_millis(LAST_READ_MILLISECONDS_MAX)))?;
    io::copy(&mut control.take(LAST_BYTES_MAX), &mut io::sink()).map(|_| ())
}

fn greet_and_converse(
    server: &ImapServer,
    tcp: TcpStream,
    control: &TcpStream,
    is_encrypted: bool,
) -> io::Result<()> {
    let mut stream = match server.encryption.identity().filter(|_| is_encrypted) {
        Some(identity) => Stream::encrypted(tcp, identity)?,
        None => Stream::Plain(tcp),
    };
    stream.write_all(GREETING.as_bytes())?;
    stream.flush()?;
    let mut is_encrypted = is_encrypted;
    while let Next::Encrypt = converse(server, &mut stream, control, is_encrypted)? {
        let (Stream::Plain(tcp), Some(identity)) = (stream, server.encryption.identity()) else {
            return Ok(());
        };
        stream = Stream::encrypted(tcp, identity)?;
        is_encrypted = true;
    }
    Ok(())
}

/// Answers commands until the connection ends or is to be encrypted.
fn converse(
    server: &ImapServer,
    stream: &mut Stream,
    control: &TcpStream,
    is_encrypted: bool,
) -> io::Result<Next> {
    let mut session = Session::new(server, is_encrypted);
    let mut reader = Reader::default();
    let mut nonsense = 0;
    loop {
        let received = reader.next(stream)?;
        let mut out = BufWriter::new(&mut *stream);
        let next = match received {
            Received::Command(command) => {
                nonsense = 0;
                session.answer(command, &mut out)?
            }
            Received::Nonsense(tag) => {
                nonsense += 1;
                Outcome::bad("this is not understood").write(&mut out, tag)?;
                if nonsense < NONSENSE_MAX {
                    Next::GoOn
                } else {
                    bye(&mut out, "nothing was understood")?;
                    Next::HangUp
                }
            }
            Received::TooLong => {
                bye(&mut out, "the command is too long")?;
                Next::HangUp
            }
            Received::End => Next::HangUp,
        };
        out.flush()?;
        drop(out);
        match next {
            Next::GoOn => {}
            // What came behind STARTTLS came from anybody.
            Next::Encrypt if !reader.is_empty() => return Ok(Next::HangUp),
            next => return Ok(next),
        }
        if session.is_logged_in() {
            control.set_read_timeout(Some(Duration::from_secs(IDLE_SECONDS_MAX)))?;
        }
    }
}
