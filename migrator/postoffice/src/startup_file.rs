//! Startup files of the Post Office Agent: reading, changing and converting them.
//!
//! A startup file is text with one switch per line, or several: `/home-\\server\vol\po` on NetWare and Windows,
//! `--home /gwsystem/po` on Linux.  Everything that is not changed keeps its bytes: comments, blank lines, line ends,
//! unknown switches, and values in whatever code page the source server had.
//!
//! What is read, in the words of a grammar:
//!
//! ```text
//! line    = blank* ( (';' | '#') anything | ( switch blank* )* ( ';' anything )? )
//! switch  = ('/' | '-' | '--') name ( ('-' | '=') value | blank+ value )?
//! value   = ( byte that is neither blank nor quote | '"' anything but quote '"' )*
//! ```
//!
//! After a blank, a word that begins like a switch is the next switch and not a value.  `/` begins a switch only
//! where the switch before it was written with a slash, because the paths of Linux begin with one.
//!
//! Values may be secret (`--httppassword`); neither errors nor `Debug` show any.

mod convert;
mod error;
mod parse;
mod switches;
#[cfg(test)]
mod tests;

use std::fmt;

pub use convert::{Change, ChangeKind, Conversion, Converted, PathValue, Replacement, SwitchNote};
pub use error::StartupFileError;
pub use switches::{Evidence, KnownSwitch, OnLinux, ValueKind, known_switch};

/// The largest startup file that is read; real ones, most of it comments, have some 30,000 bytes.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// How many characters of a post office's name NetWare keeps in the name of its startup file.
const NETWARE_NAME_CHARACTERS: usize = 8;

/// The name of the startup file of a post office's agent, in lower case.
pub fn startup_file_name(post_office: &str, netware: bool) -> String {
    let characters = if netware {
        NETWARE_NAME_CHARACTERS
    } else {
        usize::MAX
    };
    let mut name: String = post_office.chars().take(characters).collect();
    name.make_ascii_lowercase();
    name.push_str(".poa");
    name
}

/// How a switch is introduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Introducer {
    /// `/name`, on NetWare and Windows.
    Slash,
    /// `-name`.
    Dash,
    /// `--name`, on Linux.
    DoubleDash,
}

impl Introducer {
    fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::Slash => b"/",
            Self::Dash => b"-",
            Self::DoubleDash => b"--",
        }
    }
}

/// One switch as it is written.
#[derive(Clone, PartialEq, Eq)]
struct Written {
    introducer: Introducer,
    name: String,
    /// What stands between name and value.
    separator: Vec<u8>,
    /// The value as written, quotes included; `None` where the switch has none.
    value: Option<Vec<u8>>,
}

impl Written {
    fn value(&self) -> Option<Vec<u8>> {
        let unquoted = |raw: &Vec<u8>| raw.iter().copied().filter(|&byte| byte != b'"').collect();
        self.value.as_ref().map(unquoted)
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.introducer.as_bytes());
        bytes.extend_from_slice(self.name.as_bytes());
        if let Some(value) = &self.value {
            bytes.extend_from_slice(&self.separator);
            bytes.extend_from_slice(value);
        }
    }
}

/// A part of a line.
#[derive(Clone, PartialEq, Eq)]
enum Piece {
    /// Blanks and comments.
    Text(Vec<u8>),
    Switch(Written),
}

/// A line with its end.
#[derive(Clone, PartialEq, Eq)]
struct Line {
    /// The number in the file that was read; 0 for a line that was added.
    number: usize,
    pieces: Vec<Piece>,
    end: Vec<u8>,
}

/// A startup file.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct StartupFile {
    lines: Vec<Line>,
}

/// One switch of a startup file.
#[derive(Clone, PartialEq, Eq)]
pub struct Switch<'a> {
    /// The line that it stands on, counted from 1; 0 where it was added and not read.
    pub line: usize,
    /// How it is introduced.
    pub introducer: Introducer,
    /// Its name in the case that it is written in.
    pub name: &'a str,
    /// Its value without quotes; `None` where it has none.
    pub value: Option<Vec<u8>>,
}

impl StartupFile {
    /// Reads a startup file.
    pub fn parse(bytes: &[u8]) -> Result<Self, StartupFileError> {
        parse::parse(bytes)
    }

    /// The file as bytes; the same that were read where nothing was changed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for line in &self.lines {
            for piece in &line.pieces {
                match piece {
                    Piece::Text(text) => bytes.extend_from_slice(text),
                    Piece::Switch(written) => written.write(&mut bytes),
                }
            }
            bytes.extend_from_slice(&line.end);
        }
        bytes
    }

    /// The switches in the order of the file.
    pub fn switches(&self) -> impl Iterator<Item = Switch<'_>> {
        self.lines.iter().flat_map(|line| {
            line.pieces.iter().filter_map(|piece| match piece {
                Piece::Text(_) => None,
                Piece::Switch(written) => Some(Switch {
                    line: line.number,
                    introducer: written.introducer,
                    name: &written.name,
                    value: written.value(),
                }),
            })
        })
    }

    /// The value of a switch, named in any case; that of the last one where there are several.
    ///
    /// `None` where there is no such switch, or it has no value.
    pub fn value(&self, name: &str) -> Option<Vec<u8>> {
        let named = |switch: &Switch<'_>| switch.name.eq_ignore_ascii_case(name);
        self.switches().filter(named).last()?.value
    }

    /// Whether there is a switch of this name, in any case.
    pub fn contains(&self, name: &str) -> bool {
        self.switches()
            .any(|switch| switch.name.eq_ignore_ascii_case(name))
    }

    /// Gives a switch a value: each one of this name, or a new last line where there is none.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), StartupFileError> {
        if name.is_empty() || !name.bytes().all(parse::is_name_byte) {
            return Err(StartupFileError::NotAName {
                name: name.to_owned(),
            });
        }
        let quoted = quote(name, value.as_ref())?;
        let mut found = false;
        for written in self
            .written_mut()
            .filter(|written| written.name.eq_ignore_ascii_case(name))
        {
            // After a blank, a value that begins with a slash would be the next switch of a NetWare file.
            if written.introducer == Introducer::Slash {
                written.separator = b"-".to_vec();
            } else if written.separator.is_empty() {
                written.separator = b" ".to_vec();
            }
            written.value = Some(quoted.clone());
            found = true;
        }
        if !found {
            self.append(name, quoted);
        }
        Ok(())
    }

    /// Removes each switch of this name, in any case; a line that has nothing else goes with it.
    pub fn remove(&mut self, name: &str) {
        self.lines.retain_mut(|line| {
            let before = line.pieces.len();
            line.pieces.retain(|piece| match piece {
                Piece::Text(_) => true,
                Piece::Switch(written) => !written.name.eq_ignore_ascii_case(name),
            });
            let blank =
                |piece: &Piece| matches!(piece, Piece::Text(text) if parse::is_blank_text(text));
            before == line.pieces.len() || !line.pieces.iter().all(blank)
        });
    }

    /// The same file for the test run between the stages.
    ///
    /// The agent listens on the loopback address only, and every switch that says where the agents for message
    /// transfer meet is gone.  The source POA still serves the same post office then: were the live MTA to reach the
    /// copy, it would deliver mail into it, and that mail would be lost with the next pass.
    #[must_use]
    pub fn isolated(&self) -> Self {
        let mut file = self.clone();
        for name in switches::MESSAGE_TRANSFER {
            file.remove(name);
        }
        file.remove("ip");
        file.append("ip", b"127.0.0.1".to_vec());
        file
    }

    /// The file for the Linux agent, with what was changed and what a person must look at.
    pub fn convert(&self, conversion: &Conversion) -> Result<Converted, StartupFileError> {
        convert::convert(self, conversion)
    }

    fn written_mut(&mut self) -> impl Iterator<Item = &mut Written> {
        self.lines.iter_mut().flat_map(|line| {
            line.pieces.iter_mut().filter_map(|piece| match piece {
                Piece::Text(_) => None,
                Piece::Switch(written) => Some(written),
            })
        })
    }

    /// Adds a line, in the style of the file.
    fn append(&mut self, name: &str, value: Vec<u8>) {
        let introducer = self
            .switches()
            .next()
            .map_or(Introducer::DoubleDash, |switch| switch.introducer);
        let separator = match introducer {
            Introducer::Slash => b"-".to_vec(),
            Introducer::Dash | Introducer::DoubleDash => b" ".to_vec(),
        };
        let end = self.line_end();
        if let Some(last) = self.lines.last_mut()
            && last.end.is_empty()
        {
            last.end.clone_from(&end);
        }
        let written = Written {
            introducer,
            name: name.to_owned(),
            separator,
            value: Some(value),
        };
        self.lines.push(Line {
            number: 0,
            pieces: vec![Piece::Switch(written)],
            end,
        });
    }

    fn line_end(&self) -> Vec<u8> {
        let ends = self.lines.iter().map(|line| &line.end);
        ends.into_iter()
            .find(|end| !end.is_empty())
            .map_or_else(|| b"\n".to_vec(), Clone::clone)
    }
}

/// A value as it is written: in quotes where it has blanks, is empty, or could be taken for something else.
fn quote(name: &str, value: &[u8]) -> Result<Vec<u8>, StartupFileError> {
    if value.iter().any(|byte| b"\"\r\n".contains(byte)) {
        return Err(StartupFileError::ValueNotWritable {
            name: name.to_owned(),
        });
    }
    let misread = value.first().is_none_or(|first| b"-;".contains(first));
    if misread || value.iter().copied().any(parse::is_blank) {
        return Ok([b"\"", value, b"\""].concat());
    }
    Ok(value.to_vec())
}

impl fmt::Debug for StartupFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.switches()).finish()
    }
}

impl fmt::Debug for Switch<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = if self.value.is_some() { " …" } else { "" };
        write!(formatter, "{}: {}{value}", self.line, self.name)
    }
}
