//! The folders that a server lists (RFC 3501, 7.2.2; RFC 5258), and their names.
//!
//! Read byte by byte, because a name is what its bytes say: the library gives quoted names back with their backslashes, as if a
//! literal had said them, and ends at the first name that is no UTF-8, with which every other folder would be lost.

use std::io;

use base64::Engine as _;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use postoffice::names::printable;
use tokio::io::AsyncReadExt as _;

use super::conversation::Transport;

/// How much a server may say of its folders, in bytes.
const LIST_BYTES_MAX: usize = 64 << 20;

/// How much is read at once, in bytes.
const PIECE_BYTES: usize = 16 * 1024;

/// The base64 of names (RFC 3501, 5.1.3).
const NAME_BASE64: GeneralPurpose = GeneralPurpose::new(
    &IMAP_MUTF7,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone),
);

/// The mailbox that every user has, in any case (RFC 3501, 5.1).
pub(super) const INBOX: &str = "INBOX";

/// Attributes of names that are no folders: they hold others, or they are only subscribed to (RFC 5258, 3).
const NO_FOLDERS: [&[u8]; 2] = [b"\\noselect", b"\\nonexistent"];

/// One row of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Listed {
    /// Something that says that it can be opened, by these bytes.
    Folder(Vec<u8>),
    /// Something that says that it cannot.
    NoFolder,
    /// A row that is none, as it came.
    Unclear(Vec<u8>),
}

/// A response, with everything that belongs to it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A row of the list.
    Row(Listed),
    /// An untagged response: its first word and the rest.
    Untagged(Vec<u8>, Vec<u8>),
    /// The tagged end: the tag, the status and the rest.
    End(Vec<u8>, Vec<u8>, Vec<u8>),
    /// Nothing of this protocol.
    Unintelligible(Vec<u8>),
}

/// The responses to one command, as they come.
pub(super) struct Lines<'a> {
    stream: &'a mut dyn Transport,
    buffer: Vec<u8>,
    taken: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn of(stream: &'a mut dyn Transport) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
            taken: 0,
        }
    }

    /// The next response.
    ///
    /// # Errors
    /// `UnexpectedEof` where the connection ends; what the connection says; an answer that does not end.
    pub(super) async fn next(&mut self) -> io::Result<Line> {
        loop {
            if let Some(length) = response_length(&self.buffer[self.taken..]) {
                let response = &self.buffer[self.taken..self.taken + length];
                self.taken += length;
                return Ok(parse(response));
            }
            if self.buffer.len() > LIST_BYTES_MAX {
                return Err(io::Error::other("the list does not end"));
            }
            self.buffer.reserve(PIECE_BYTES);
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// How long the response is that these bytes begin with, its line end and its literals included; none where it is not whole.
fn response_length(bytes: &[u8]) -> Option<usize> {
    let mut position = 0;
    loop {
        let end = position + line_length(&bytes[position..])?;
        match literal_length(&bytes[position..end]) {
            None => return Some(end),
            Some(literal) => position = end.checked_add(literal).filter(|&at| at <= bytes.len())?,
        }
    }
}

fn line_length(bytes: &[u8]) -> Option<usize> {
    let end = bytes.iter().position(|&byte| byte == b'\n');
    end.map(|end| end + 1)
}

/// The length of the literal that follows a line, where one does: `{5}`, or `{5+}`.
fn literal_length(line: &[u8]) -> Option<usize> {
    let inner = line.trim_ascii_end().strip_suffix(b"}")?;
    let inner = inner.strip_suffix(b"+").unwrap_or(inner);
    let begin = inner.iter().rposition(|&byte| byte == b'{')?;
    number(&inner[begin + 1..])
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn parse(response: &[u8]) -> Line {
    let text = response.trim_ascii_end();
    let (first, rest) = word(text);
    let (second, rest) = word(rest);
    let is_word = |bytes: &[u8]| !bytes.is_empty() && bytes.iter().all(u8::is_ascii_alphanumeric);
    if !is_word(second) {
        return Line::Unintelligible(text.to_vec());
    }
    match first {
        b"*" if second.eq_ignore_ascii_case(b"LIST") => {
            // The line end is no part of a row, but may be of a literal in it.
            let row = response.strip_suffix(b"\n").unwrap_or(response);
            let row = row.strip_suffix(b"\r").unwrap_or(row);
            let row = &row[row.len().min(first.len() + second.len() + 2)..];
            let unclear = || Listed::Unclear(text.to_vec());
            Line::Row(listed(row).unwrap_or_else(unclear))
        }
        b"*" => Line::Untagged(second.to_ascii_uppercase(), rest.to_vec()),
        tag if is_word(tag) => Line::End(tag.to_vec(), second.to_ascii_uppercase(), rest.to_vec()),
        _ => Line::Unintelligible(text.to_vec()),
    }
}

/// A word and what follows the blank behind it.
fn word(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|&byte| byte == b' ') {
        None => (bytes, &[]),
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
    }
}

/// A row behind `* LIST `: attributes in brackets, the separator of the hierarchy, the name.
fn listed(row: &[u8]) -> Option<Listed> {
    let row = row.strip_prefix(b"(")?;
    let end = row.iter().position(|&byte| byte == b')')?;
    let mut attributes = row[..end].split(|&byte| byte == b' ');
    let is_no_folder = attributes.any(|attribute| {
        let known = |no_folder: &&[u8]| attribute.eq_ignore_ascii_case(no_folder);
        NO_FOLDERS.iter().any(known)
    });
    let rest = row[end + 1..].strip_prefix(b" ")?;
    let rest = match rest.strip_prefix(b"\"") {
        Some(_) => quoted(rest)?.1,
        // NIL: the names have no hierarchy.
        None => rest.strip_prefix(b"NIL").or(rest.strip_prefix(b"nil"))?,
    };
    let rest = rest.strip_prefix(b" ")?;
    let name = match rest.first()? {
        b'"' => quoted(rest)?.0,
        b'{' => literal(rest)?,
        // Some servers leave the quotation marks out where there are blanks in a name.
        _ => rest.to_vec(),
    };
    Some(if is_no_folder {
        Listed::NoFolder
    } else {
        Listed::Folder(name)
    })
}

/// A quoted string, and what follows it.
fn quoted(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut text = Vec::new();
    let mut rest = bytes.strip_prefix(b"\"")?;
    loop {
        match rest {
            [b'"', behind @ ..] => return Some((text, behind)),
            [b'\\', byte, behind @ ..] | [byte, behind @ ..] => {
                text.push(*byte);
                rest = behind;
            }
            [] => return None,
        }
    }
}

/// A literal, which is all that its length says.
fn literal(bytes: &[u8]) -> Option<Vec<u8>> {
    let line = line_length(bytes)?;
    let length = literal_length(&bytes[..line])?;
    let behind = bytes.get(line..)?;
    behind.get(..length).map(<[u8]>::to_vec)
}

/// What a folder is called, so that both servers call it the same however they write it down.
pub(super) fn folder_name(bytes: &[u8]) -> String {
    if bytes.eq_ignore_ascii_case(INBOX.as_bytes()) {
        return INBOX.to_owned();
    }
    let text = std::str::from_utf8(bytes).map(|text| decoded(text).unwrap_or_else(|| text.into()));
    text.unwrap_or_else(|_| printable(bytes))
}

/// A name in modified UTF-7 (RFC 3501, 5.1.3); none where it is not in that.
fn decoded(text: &str) -> Option<String> {
    let mut name = String::new();
    let mut rest = text;
    while let Some((plain, behind)) = rest.split_once('&') {
        name.push_str(plain);
        let (shifted, behind) = behind.split_once('-')?;
        if shifted.is_empty() {
            name.push('&');
        } else {
            let bytes = NAME_BASE64.decode(shifted).ok()?;
            let (units, []) = bytes.as_chunks::<2>() else {
                return None;
            };
            let units = units.iter().map(|unit| u16::from_be_bytes(*unit));
            let characters = char::decode_utf16(units).collect::<Result<String, _>>();
            name.push_str(&characters.ok()?);
        }
        rest = behind;
    }
    name.push_str(rest);
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Line {
        let bytes = format!("* LIST {text}\r\n").into_bytes();
        assert_eq!(response_length(&bytes), Some(bytes.len()), "{text}");
        for cut in 0..bytes.len() {
            assert_eq!(response_length(&bytes[..cut]), None, "{text}: {cut}");
        }
        parse(&bytes)
    }

    #[test]
    fn a_name_is_what_its_bytes_say_however_it_is_written() {
        for (text, name) in [
            (r#"() "/" "a \"b\" \\c""#, r#"a "b" \c"#),
            ("() \"/\" {9}\r\na \"b\" \\\\c", r#"a "b" \\c"#),
            ("() \"/\" {9+}\r\na \"b\" \\\\c", r#"a "b" \\c"#),
            ("() \"\\\\\" {2}\r\n\r\n", "\r\n"),
            ("(\\HasNoChildren \\Trash) NIL plain", "plain"),
            (
                "() \"/\" without quotation marks",
                "without quotation marks",
            ),
            ("() \"/\" \"\"", ""),
        ] {
            let expected = Line::Row(Listed::Folder(name.into()));
            assert_eq!(row(text), expected, "{text}");
        }
        let latin = b"* LIST () \"/\" \"Entw\xfcrfe\"\r\n";
        let expected = Listed::Folder(b"Entw\xfcrfe".to_vec());
        assert_eq!(parse(latin), Line::Row(expected));
    }

    #[test]
    fn what_is_no_folder_is_told_from_what_is_unclear() {
        for text in [
            "(\\Noselect) \"/\" Public",
            "(\\HasChildren \\NOSELECT) \"/\" Public",
            "(\\NonExistent \\Subscribed) \"/\" Gone",
        ] {
            assert_eq!(row(text), Line::Row(Listed::NoFolder), "{text}");
        }
        for text in ["", "()", "() \"/\"", "() \"/\" \"open", "x", "() / a"] {
            let parsed = row(text);
            assert!(matches!(parsed, Line::Row(Listed::Unclear(_))), "{text}");
        }
    }

    #[test]
    fn other_responses_are_what_they_are() {
        for (text, expected) in [
            ("* BYE over", Line::Untagged(b"BYE".into(), b"over".into())),
            ("* 3 EXISTS", Line::Untagged(b"3".into(), b"EXISTS".into())),
            (
                "A0001 no not now",
                Line::End(b"A0001".into(), b"NO".into(), b"not now".into()),
            ),
            (
                "A0001 OK",
                Line::End(b"A0001".into(), b"OK".into(), b"".into()),
            ),
            ("* \u{0}\u{1}", Line::Unintelligible(b"* \0\x01".into())),
            ("+ go on", Line::Unintelligible(b"+ go on".into())),
            ("", Line::Unintelligible(b"".into())),
        ] {
            assert_eq!(parse(format!("{text}\r\n").as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn a_folder_is_called_the_same_however_a_server_encodes_it() {
        for (bytes, name) in [
            (&b"inbox"[..], "INBOX"),
            (b"Entw&APw-rfe", "Entwürfe"),
            ("Entwürfe".as_bytes(), "Entwürfe"),
            (b"A &- B", "A & B"),
            (b"&U,BTFw-", "台北"),
            (b"&2D3eAA-", "😀"),
            // None of these is modified UTF-7, so they stay as they are.
            (b"A & B", "A & B"),
            (b"&APw", "&APw"),
            (b"&2D0-", "&2D0-"),
            (b"&A-", "&A-"),
            (b"&?-", "&?-"),
            (b"Entw\xfcrfe", "Entw\\xfcrfe"),
        ] {
            assert_eq!(folder_name(bytes), name);
        }
    }
}
