//! A message as RFC 5322 and MIME have it.
//!
//! The bytes follow from the record and its parts alone and hold all of them, so their digest covers all that is stored.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::error::MailError;
use crate::model::{Address, Message};

/// The longest line that a message may have, its end not counted.
const LINE_BYTES_MAX: usize = 998;

/// How many bytes become one line of base64.
const BASE64_LINE_BYTES: usize = 57;

/// How many bytes of text become one encoded word, which may not have more than 75 characters.
const ENCODED_WORD_BYTES: usize = 42;

/// The parts of a message, read.
#[derive(Debug, Clone, Default)]
pub(crate) struct PartContents {
    pub(crate) recipients: Vec<u8>,
    pub(crate) body: Vec<u8>,
    pub(crate) attachment: Option<Vec<u8>>,
}

/// What kind of thing a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// `text/plain` in UTF-8.
    Text,
    /// `application/octet-stream`.
    File,
}

/// One part of a rendered message that holds something, multiparts not counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedPart {
    /// What it is.
    pub media: MediaType,
    /// Its transfer encoding.
    pub encoding: &'static str,
    /// The value of its `name` parameter as it stands in the message; empty where it has none.
    pub name: String,
    /// Where its own header begins; in a message of one part, that of the message.
    pub header_start: usize,
    /// Where its content begins.
    pub start: usize,
    /// Where that ends.
    pub end: usize,
}

/// A rendered message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// All of it.
    pub bytes: Vec<u8>,
    /// How many bytes the header has, the empty line behind it counted.
    pub header_bytes: usize,
    /// What divides its parts; `None` where it has one.
    pub boundary: Option<String>,
    /// Its parts.
    pub parts: Vec<RenderedPart>,
}

impl Rendered {
    /// BLAKE3 of all of it.
    pub fn digest(&self) -> blake3::Hash {
        blake3::hash(&self.bytes)
    }
}

/// A part that is about to be written.
struct Content<'a> {
    media: MediaType,
    name: String,
    bytes: &'a [u8],
    is_plain: bool,
}

impl Content<'_> {
    fn encoding(&self) -> &'static str {
        match (self.media, self.is_plain) {
            (MediaType::Text, true) if self.bytes.is_ascii() => "7bit",
            (MediaType::Text, true) => "8bit",
            _ => "base64",
        }
    }

    fn header(&self) -> String {
        let encoding = self.encoding();
        let kind = match self.media {
            MediaType::Text => "Content-Type: text/plain; charset=utf-8\r\n".to_owned(),
            MediaType::File => {
                let name = parameter(&self.name);
                format!(
                    "Content-Type: application/octet-stream;\r\n name{name}\r\n\
                     Content-Disposition: attachment;\r\n filename{name}\r\n"
                )
            }
        };
        format!("{kind}Content-Transfer-Encoding: {encoding}\r\n\r\n")
    }

    fn push(&self, bytes: &mut Vec<u8>, header_start: usize) -> RenderedPart {
        bytes.extend_from_slice(self.header().as_bytes());
        let start = bytes.len();
        if self.encoding() == "base64" {
            for line in self.bytes.chunks(BASE64_LINE_BYTES) {
                bytes.extend_from_slice(STANDARD.encode(line).as_bytes());
                bytes.extend_from_slice(b"\r\n");
            }
        } else {
            bytes.extend_from_slice(self.bytes);
        }
        RenderedPart {
            media: self.media,
            encoding: self.encoding(),
            name: self.name.clone(),
            header_start,
            start,
            end: bytes.len(),
        }
    }
}

/// Renders a message.
pub(crate) fn render(message: &Message, contents: &PartContents) -> Result<Rendered, MailError> {
    let boundary = boundary(message);
    let text = Content {
        media: MediaType::Text,
        name: String::new(),
        bytes: &contents.body,
        is_plain: is_plain(&contents.body, &boundary),
    };
    let mut bytes = header(message, &contents.recipients)?.into_bytes();
    let Some(attachment) = &contents.attachment else {
        let part = text.push(&mut bytes, 0);
        return Ok(Rendered {
            header_bytes: part.start,
            boundary: None,
            parts: vec![part],
            bytes,
        });
    };
    let file = Content {
        media: MediaType::File,
        name: message
            .attachment
            .as_ref()
            .map(|file| file.name.clone())
            .unwrap_or_default(),
        bytes: attachment,
        is_plain: false,
    };
    let kind = format!("Content-Type: multipart/mixed;\r\n boundary=\"{boundary}\"\r\n\r\n");
    bytes.extend_from_slice(kind.as_bytes());
    let header_bytes = bytes.len();
    let mut parts = Vec::new();
    for (position, content) in [text, file].iter().enumerate() {
        // The line end before a boundary belongs to the boundary.
        let line_end = if position == 0 { "" } else { "\r\n" };
        bytes.extend_from_slice(format!("{line_end}--{boundary}\r\n").as_bytes());
        let header_start = bytes.len();
        parts.push(content.push(&mut bytes, header_start));
    }
    bytes.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    Ok(Rendered {
        bytes,
        header_bytes,
        boundary: Some(boundary),
        parts,
    })
}

/// The fields that every message has, the type of its content left out.
fn header(message: &Message, recipients: &[u8]) -> Result<String, MailError> {
    let mut header = String::new();
    // Writing to a string cannot fail.
    let _ = write!(header, "Message-ID: <{}>\r\n", token(&message.id));
    let _ = write!(header, "Date: {}\r\n", date(message)?);
    let _ = write!(header, "From: {}\r\n", address(&message.from));
    let recipients = String::from_utf8_lossy(recipients);
    let recipients: Vec<String> = recipients
        .lines()
        .map(|line| {
            let (address, name) = line.split_once('\t').unwrap_or((line, ""));
            self::address(&Address {
                name: name.to_owned(),
                address: address.to_owned(),
            })
        })
        .collect();
    if !recipients.is_empty() {
        let _ = write!(header, "To: {}\r\n", recipients.join(",\r\n "));
    }
    let subject = phrase(&message.subject, str::to_owned);
    let _ = write!(header, "Subject: {subject}\r\nMIME-Version: 1.0\r\n");
    Ok(header)
}

fn date(message: &Message) -> Result<String, MailError> {
    let refused = || MailError::Date {
        message: message.id.clone(),
        seconds: message.date_seconds,
    };
    let time = Timestamp::from_second(message.date_seconds).map_err(|_| refused())?;
    jiff::fmt::rfc2822::to_string(&time.to_zoned_datetime(TimeZone::UTC)).map_err(|_| refused())
}

fn address(address: &Address) -> String {
    let place = token(&address.address);
    if address.name.is_empty() {
        return format!("<{place}>");
    }
    let name = phrase(&address.name, |name| {
        format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
    });
    format!("{name} <{place}>")
}

/// Text of a header field: as `plain` writes it where it is printable ASCII that fits a line, and in encoded words where not.
fn phrase(text: &str, plain: impl FnOnce(&str) -> String) -> String {
    let is_printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if is_printable && text.len() < LINE_BYTES_MAX / 4 && !text.contains("=?") {
        return plain(text);
    }
    let mut words = Vec::new();
    let mut word = String::new();
    for character in text.chars() {
        if word.len() + character.len_utf8() > ENCODED_WORD_BYTES {
            words.push(std::mem::take(&mut word));
        }
        word.push(character);
    }
    words.push(word);
    let encoded: Vec<String> = words
        .iter()
        .map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word)))
        .collect();
    encoded.join("\r\n ")
}

/// What may stand between angle brackets; everything else could end them, or the line.
pub(super) fn token(text: &str) -> String {
    let allowed =
        |character: char| character.is_ascii_graphic() && !"<>,\"()\\".contains(character);
    let characters = text.chars();
    characters
        .map(|character| if allowed(character) { character } else { '_' })
        .collect()
}

/// The value of a parameter with the sign before it: quoted, or as RFC 2231 has it where it is not printable ASCII.
pub(crate) fn parameter(text: &str) -> String {
    let is_plain = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\';
    if text.bytes().all(is_plain) {
        return format!("=\"{text}\"");
    }
    let mut encoded = String::from("*=utf-8''");
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// What divides the parts, the same whenever the message is rendered.
fn boundary(message: &Message) -> String {
    let digest = blake3::hash(message.id.as_bytes()).to_hex();
    format!("=_{}", digest.as_str().get(..24).unwrap_or_default())
}

/// Whether text can stand in a message as it is.
fn is_plain(text: &[u8], boundary: &str) -> bool {
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    let mut lines = text.split("\r\n");
    lines.all(|line| line.len() <= LINE_BYTES_MAX && !line.contains(['\r', '\n', '\0']))
        && !text.contains(&format!("--{boundary}"))
}
