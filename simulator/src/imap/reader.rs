//! One command at a time, with its literals, out of what a client sends.

use std::io::{self, Read, Write};

use imap_codec::CommandCodec;
use imap_codec::decode::{CommandDecodeError, Decoder as _};
use imap_codec::imap_types::ToStatic as _;
use imap_codec::imap_types::command::Command;
use imap_codec::imap_types::core::{LiteralMode, Tag};

/// The longest command, its literals counted.
const COMMAND_BYTES_MAX: usize = 32 << 10;

/// The most literals in one command: each makes the command be looked at again from its beginning.
const LITERALS_MAX: usize = 16;

/// How much is read at once.
const PIECE_BYTES: usize = 4096;

/// What came.
#[derive(Debug)]
pub(super) enum Received {
    /// A command.
    Command(Command<'static>),
    /// A line that is none; its tag where it has one.
    Nonsense(Option<Tag<'static>>),
    /// A command that is too long; what follows cannot be understood any more.
    TooLong,
    /// The client has hung up.
    End,
}

/// Takes commands out of bytes.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// What was read and not taken yet.
    waiting: Vec<u8>,
}

impl Reader {
    /// Whether nothing waits that the client has sent already.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The next command.
    pub(super) fn next(&mut self, stream: &mut (impl Read + Write)) -> io::Result<Received> {
        let mut command = Vec::new();
        for _ in 0..=LITERALS_MAX {
            match self.line(stream, &mut command)? {
                Line::Whole => {}
                Line::TooLong => return Ok(Received::TooLong),
                Line::End => return Ok(Received::End),
            }
            let (length, mode) = match CommandCodec::default().decode(&command) {
                Ok((_, decoded)) => return Ok(Received::Command(decoded.to_static())),
                Err(CommandDecodeError::LiteralFound { length, mode, .. }) => (length, mode),
                Err(_) => return Ok(Received::Nonsense(tag(&command))),
            };
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if length > COMMAND_BYTES_MAX - command.len().min(COMMAND_BYTES_MAX) {
                return Ok(Received::TooLong);
            }
            if mode == LiteralMode::Sync {
                stream.write_all(b"+ Ready\r\n")?;
                stream.flush()?;
            }
            while self.waiting.len() < length {
                if !self.fill(stream)? {
                    return Ok(Received::End);
                }
            }
            command.extend(self.waiting.drain(..length));
        }
        Ok(Received::TooLong)
    }

    /// Adds the next line, its end included, to a command.
    fn line(&mut self, stream: &mut impl Read, command: &mut Vec<u8>) -> io::Result<Line> {
        let mut looked_at = 0;
        loop {
            let ends = self.waiting[looked_at..]
                .iter()
                .position(|byte| *byte == b'\n');
            if let Some(position) = ends {
                let length = looked_at + position + 1;
                if command.len() + length > COMMAND_BYTES_MAX {
                    return Ok(Line::TooLong);
                }
                command.extend(self.waiting.drain(..length));
                return Ok(Line::Whole);
            }
            looked_at = self.waiting.len();
            if command.len() + looked_at > COMMAND_BYTES_MAX {
                return Ok(Line::TooLong);
            }
            if !self.fill(stream)? {
                return Ok(Line::End);
            }
        }
    }

    /// Reads some more; `false` at the end.
    fn fill(&mut self, stream: &mut impl Read) -> io::Result<bool> {
        let mut piece = [0; PIECE_BYTES];
        let count = stream.read(&mut piece)?;
        self.waiting
            .extend_from_slice(piece.get(..count).unwrap_or_default());
        Ok(count > 0)
    }
}

/// How a line came to its end.
enum Line {
    Whole,
    TooLong,
    End,
}

/// The tag of a line that is no command.
fn tag(line: &[u8]) -> Option<Tag<'static>> {
    let word = line.split(u8::is_ascii_whitespace).next()?;
    Tag::try_from(word.to_vec()).ok()
}
