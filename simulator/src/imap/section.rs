//! Pieces of a rendered message that a client can ask for.

use imap_codec::imap_types::core::AString;
use imap_codec::imap_types::fetch::{Part, Section};

use crate::mail::{Rendered, RenderedPart};

/// The bytes of a section; `None` where the message has no such part.
pub(super) fn section(rendered: &Rendered, section: Option<&Section<'_>>) -> Option<Vec<u8>> {
    let (header, text) = rendered.bytes.split_at_checked(rendered.header_bytes)?;
    match section {
        None => Some(rendered.bytes.clone()),
        Some(Section::Header(None)) => Some(header.to_vec()),
        Some(Section::Text(None)) => Some(text.to_vec()),
        Some(Section::HeaderFields(None, names)) => Some(fields(header, |field| {
            names.as_ref().iter().any(|name| is_named(field, name))
        })),
        Some(Section::HeaderFieldsNot(None, names)) => Some(fields(header, |field| {
            !names.as_ref().iter().any(|name| is_named(field, name))
        })),
        Some(Section::Part(number)) => {
            let part = part(rendered, number)?;
            rendered.bytes.get(part.start..part.end).map(<[u8]>::to_vec)
        }
        Some(Section::Mime(number)) => {
            let part = part(rendered, number)?;
            let bytes = rendered.bytes.get(part.header_start..part.start)?;
            Some(bytes.to_vec())
        }
        // Headers and texts of parts exist only in messages within messages.
        Some(_) => None,
    }
}

fn part<'a>(rendered: &'a Rendered, number: &Part) -> Option<&'a RenderedPart> {
    let [number] = number.0.as_ref() else {
        return None;
    };
    let index = usize::try_from(number.get()).ok()?.checked_sub(1)?;
    rendered.parts.get(index)
}

fn is_named(field: &[u8], name: &AString<'_>) -> bool {
    field.eq_ignore_ascii_case(name.as_ref())
}

/// The fields of a header whose name is wanted, and the empty line behind them.
fn fields(header: &[u8], is_wanted: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut found = Vec::new();
    let mut takes = false;
    for line in header.split_inclusive(|byte| *byte == b'\n') {
        let is_continued = line.starts_with(b" ") || line.starts_with(b"\t");
        if !is_continued {
            let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
            takes = line.contains(&b':') && is_wanted(name);
        }
        if takes {
            found.extend_from_slice(line);
        }
    }
    found.extend_from_slice(b"\r\n");
    found
}

/// The value of a header field on one line; `None` where the message has none of that name.
pub(super) fn value(rendered: &Rendered, name: &str) -> Option<String> {
    let header = rendered.bytes.get(..rendered.header_bytes)?;
    let field = fields(header, |field| field.eq_ignore_ascii_case(name.as_bytes()));
    let field = String::from_utf8_lossy(&field).replace("\r\n", "");
    let (_, value) = field.split_once(':')?;
    Some(value.trim().to_owned())
}

/// Part of a section, as `<first.count>` asks for it.
pub(super) fn partial(bytes: &[u8], first: u32, count: u32) -> Vec<u8> {
    let start = usize::try_from(first)
        .unwrap_or(usize::MAX)
        .min(bytes.len());
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let end = start.saturating_add(count).min(bytes.len());
    bytes.get(start..end).unwrap_or_default().to_vec()
}
