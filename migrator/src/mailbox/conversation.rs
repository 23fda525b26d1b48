//! Commands and their answers, each of which is read to its own tagged line (RFC 3501, 2.2.2).
//!
//! async-imap parses what comes.  Its streams are not used: they end at a tagged NO, and where the connection ends, just as
//! at a tagged OK.

use std::{fmt, io};

use async_imap::Client;
use async_imap::imap_proto::{Outcome, Response, Status};
use postoffice::names::printable;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use zeroize::Zeroizing;

use super::MailboxError;
use super::list::{Line, Lines, Listed};

/// What a conversation runs over: plain, or TLS.
pub(super) trait Transport: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug> Transport for T {}

/// How much of what a server says is shown, in characters: answers may be as long as messages.
const SHOWN_MAX: usize = 200;

/// A connection over which commands are answered one after the other.
pub(super) struct Conversation {
    client: Client<Box<dyn Transport>>,
    address: String,
    commands: u32,
}

impl Conversation {
    /// Goes on over a connection on which the server has greeted already.
    pub(super) fn over(stream: Box<dyn Transport>, address: &str) -> Self {
        Self {
            client: Client::new(stream),
            address: address.to_owned(),
            commands: 0,
        }
    }

    /// Begins with the greeting of the server.
    pub(super) async fn greeted(
        stream: Box<dyn Transport>,
        address: &str,
    ) -> Result<Self, MailboxError> {
        let mut conversation = Self::over(stream, address);
        let operation = "greet";
        conversation
            .read(operation, |response| {
                Some(match response {
                    Response::Data {
                        status: Status::Ok, ..
                    } => Ok(()),
                    Response::Data {
                        status: Status::PreAuth,
                        ..
                    } => Err(MailboxError::Login {
                        address: address.to_owned(),
                        cause: "somebody is logged in from the beginning (PREAUTH), and nothing says who".into(),
                    }),
                    Response::Data { status, outcome } => Err(broken(
                        address,
                        operation,
                        words(status, outcome),
                    )),
                    _ => Err(broken(address, operation, "this is no greeting")),
                })
            })
            .await?;
        Ok(conversation)
    }

    /// The connection itself; what the server sent and nobody read is gone.
    pub(super) fn into_inner(self) -> Box<dyn Transport> {
        self.client.into_inner()
    }

    /// Sends a command and hands over each untagged response, up to the tagged OK of this very command.
    ///
    /// # Errors
    /// [`MailboxError::Refused`] for its tagged NO or BAD, [`MailboxError::Protocol`] for everything else that is no OK.
    pub(super) async fn ask(
        &mut self,
        operation: &str,
        command: &[u8],
        mut take: impl FnMut(&Response<'_>),
    ) -> Result<(), MailboxError> {
        let own_tag = self.send(operation, command).await?;
        let address = self.address.clone();
        self.read(operation, |response| match response {
            Response::Done {
                tag,
                status,
                outcome,
            } => Some(match status {
                _ if tag.0 != own_tag => Err(broken(
                    &address,
                    operation,
                    "it answers a command that was not given",
                )),
                Status::Ok => Ok(()),
                Status::No | Status::Bad => Err(MailboxError::Refused {
                    address: address.clone(),
                    operation: operation.to_owned(),
                    answer: words(status, outcome),
                }),
                _ => Err(broken(&address, operation, words(status, outcome))),
            }),
            // An untagged NO is a warning, and the command goes on.
            Response::Data {
                status: status @ (Status::Bye | Status::Bad),
                outcome,
            } => Some(Err(broken(&address, operation, words(status, outcome)))),
            untagged => {
                take(untagged);
                None
            }
        })
        .await
    }

    /// Everything that the server lists as a folder.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(super) async fn list(&mut self) -> Result<Vec<Listed>, MailboxError> {
        let operation = "list its folders";
        let own_tag = self.send(operation, b"LIST \"\" *").await?;
        let address = self.address.clone();
        let mut lines = Lines::of(self.client.get_mut());
        let mut rows = Vec::new();
        loop {
            let line = lines.next().await;
            match line.map_err(|error| broken(&address, operation, cause(&error)))? {
                Line::Row(row) => rows.push(row),
                Line::Untagged(status, text)
                    if ["BYE", "BAD"].iter().any(|one| one.as_bytes() == status) =>
                {
                    return Err(broken(&address, operation, said(&status, &text)));
                }
                Line::Untagged(..) => {}
                Line::Unintelligible(line) => {
                    let text = String::from_utf8_lossy(&line);
                    let text = format!("its answer is unintelligible: {}", shown(&text));
                    return Err(broken(&address, operation, text));
                }
                Line::End(tag, ..) if tag != own_tag.as_bytes() => {
                    let text = "it answers a command that was not given";
                    return Err(broken(&address, operation, text));
                }
                Line::End(_, status, _) if status == b"OK" => return Ok(rows),
                Line::End(_, status, text) if status == b"NO" || status == b"BAD" => {
                    return Err(MailboxError::Refused {
                        address,
                        operation: operation.to_owned(),
                        answer: said(&status, &text),
                    });
                }
                Line::End(_, status, text) => {
                    return Err(broken(&address, operation, said(&status, &text)));
                }
            }
        }
    }

    /// Sends a command; gives its tag.
    async fn send(&mut self, operation: &str, command: &[u8]) -> Result<String, MailboxError> {
        self.commands += 1;
        let tag = format!("A{:04}", self.commands);
        let line = Zeroizing::new([tag.as_bytes(), b" ", command, b"\r\n"].concat());
        let stream = self.client.get_mut();
        let sending = async {
            stream.write_all(&line).await?;
            stream.flush().await
        };
        match sending.await {
            Ok(()) => Ok(tag),
            Err(error) => Err(broken(&self.address, operation, cause(&error))),
        }
    }

    /// Reads responses until `decide` says what came of it; where the connection ends before, that is an error.
    async fn read(
        &mut self,
        operation: &str,
        mut decide: impl FnMut(&Response<'_>) -> Option<Result<(), MailboxError>>,
    ) -> Result<(), MailboxError> {
        loop {
            let response = match self.client.read_response().await {
                Ok(Some(response)) => response,
                Ok(None) => {
                    return Err(broken(&self.address, operation, "it ended the connection"));
                }
                Err(error) => return Err(broken(&self.address, operation, cause(&error))),
            };
            if let Some(decision) = decide(response.parsed()) {
                return decision;
            }
        }
    }
}

/// Bytes as a quoted string of IMAP; none where they cannot be one.
pub(super) fn quoted(bytes: &[u8]) -> Option<Vec<u8>> {
    let is_possible = !bytes.iter().any(|byte| b"\r\n\0".contains(byte));
    is_possible.then(|| {
        let mut text = vec![b'"'];
        for &byte in bytes {
            if b"\\\"".contains(&byte) {
                text.push(b'\\');
            }
            text.push(byte);
        }
        text.push(b'"');
        text
    })
}

/// Why reading or writing failed.
pub(super) fn cause(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut => "it said nothing for too long".to_owned(),
        io::ErrorKind::UnexpectedEof => {
            "it ended the connection in the middle of an answer".to_owned()
        }
        // What async-imap says where it does not understand an answer; it shows its parser and the whole of the answer.
        io::ErrorKind::Other => format!(
            "its answer is unintelligible: {}",
            shown(unintelligible(&error.to_string()))
        ),
        _ => error.to_string(),
    }
}

/// The answer alone.
fn unintelligible(text: &str) -> &str {
    let answer = text.split_once(" during parsing of ");
    answer.map_or(text, |(_, answer)| answer.trim_matches('"'))
}

fn broken(address: &str, operation: &str, cause: impl Into<String>) -> MailboxError {
    MailboxError::Protocol {
        address: address.to_owned(),
        operation: operation.to_owned(),
        cause: cause.into(),
    }
}

/// What a server says, as it says it.
fn words(status: &Status, outcome: &Outcome<'_>) -> String {
    let status = format!("{status:?}").to_ascii_uppercase();
    match &outcome.information {
        Some(text) => format!("{status} {}", shown(text)),
        None => status,
    }
}

/// The same of a response that was read byte by byte; a code in brackets is left aside.
fn said(status: &[u8], text: &[u8]) -> String {
    let status = String::from_utf8_lossy(status);
    let text = String::from_utf8_lossy(text);
    let text = match text.split_once("] ") {
        Some((code, behind)) if code.starts_with('[') => behind,
        _ => &text,
    };
    format!("{status} {}", shown(text)).trim_end().to_owned()
}

fn shown(text: &str) -> String {
    let beginning: String = text.chars().take(SHOWN_MAX).collect();
    printable(beginning.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_fits_on_a_line_is_quoted() {
        let expected = br#""a \"b\" \\c""#;
        assert_eq!(quoted(br#"a "b" \c"#).as_deref(), Some(&expected[..]));
        for text in ["a\rb", "a\nA2 LOGOUT", "a\0b"] {
            assert_eq!(quoted(text.as_bytes()), None);
        }
    }

    #[test]
    fn of_an_answer_that_is_not_understood_only_the_answer_is_shown() {
        let error = io::Error::other(
            r#"Error(Error { input: [42, 32], code: Tag }) during parsing of "* nonsense""#,
        );
        assert_eq!(cause(&error), "its answer is unintelligible: * nonsense");
    }

    #[test]
    fn what_a_server_says_is_short_and_harmless_when_it_is_shown() {
        let outcome = Outcome {
            code: None,
            information: Some(format!("\u{1b}[2J{}", "x".repeat(1000)).into()),
        };
        let text = words(&Status::No, &outcome);
        assert!(text.starts_with("NO \\x1b[2Jxxx"), "{text}");
        assert!(text.len() < 2 * SHOWN_MAX, "{text}");
    }
}
