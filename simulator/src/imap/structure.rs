//! ENVELOPE and BODYSTRUCTURE of the shapes that messages here have: text, or text and one file.

use imap_codec::imap_types::body::{
    BasicFields, Body, BodyStructure, Disposition, MultiPartExtensionData, SinglePartExtensionData,
    SpecificFields,
};
use imap_codec::imap_types::core::{IString, Literal, NString, Vec1};
use imap_codec::imap_types::envelope::{Address, Envelope};

use super::section::value;
use crate::mail::{MediaType, Rendered, RenderedPart};

/// The envelope of a message, out of its header.
pub(super) fn envelope(rendered: &Rendered) -> Envelope<'static> {
    let field = |name| NString(value(rendered, name).map(|text| string(&text)));
    let from = addresses(&value(rendered, "From").unwrap_or_default());
    Envelope {
        date: field("Date"),
        subject: field("Subject"),
        // A message without these two fields has them from its sender.
        sender: from.clone(),
        reply_to: from.clone(),
        from,
        to: addresses(&value(rendered, "To").unwrap_or_default()),
        cc: Vec::new(),
        bcc: Vec::new(),
        in_reply_to: NString(None),
        message_id: field("Message-ID"),
    }
}

/// The addresses of a field as the renderer writes them: each with an angle bracket at its end, and none in its name but
/// in a quoted one.
fn addresses(field: &str) -> Vec<Address<'static>> {
    let mut found = Vec::new();
    let (mut start, mut is_quoted, mut is_escaped) = (0, false, false);
    for (position, character) in field.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            '>' if !is_quoted => {
                found.extend(field.get(start..position).and_then(address));
                start = position + 1;
            }
            _ => {}
        }
    }
    found
}

fn address(text: &str) -> Option<Address<'static>> {
    let (name, place) = text.rsplit_once('<')?;
    let (mailbox, host) = place.split_once('@').unwrap_or((place, ""));
    let name = name.trim_start_matches(',').trim();
    let name = match name
        .strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'))
    {
        Some(quoted) => quoted.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => name.to_owned(),
    };
    Some(Address {
        name: NString((!name.is_empty()).then(|| string(&name))),
        adl: NString(None),
        mailbox: NString(Some(string(mailbox))),
        host: NString(Some(string(host))),
    })
}

/// The structure of a message; with what only BODYSTRUCTURE tells, or without.
pub(super) fn structure(rendered: &Rendered, is_extended: bool) -> BodyStructure<'static> {
    let bodies: Vec<BodyStructure<'static>> = rendered
        .parts
        .iter()
        .map(|part| single(rendered, part, is_extended))
        .collect();
    match (Vec1::try_from(bodies.clone()), &rendered.boundary) {
        (Ok(bodies), Some(boundary)) => BodyStructure::Multi {
            bodies,
            subtype: string("mixed"),
            extension_data: is_extended.then(|| MultiPartExtensionData {
                parameter_list: vec![(string("boundary"), string(boundary))],
                tail: None,
            }),
        },
        _ => bodies.into_iter().next().unwrap_or_else(|| empty()),
    }
}

fn single(rendered: &Rendered, part: &RenderedPart, is_extended: bool) -> BodyStructure<'static> {
    let bytes = rendered.bytes.get(part.start..part.end).unwrap_or_default();
    let lines = bytes.split(|byte| *byte == b'\n').count() - 1;
    let file_name = |name: &str| vec![(string(name), string(&part.name))];
    let (specific, parameter_list, disposition) = match part.media {
        MediaType::Text => (
            SpecificFields::Text {
                subtype: string("plain"),
                number_of_lines: u32::try_from(lines).unwrap_or(u32::MAX),
            },
            vec![(string("charset"), string("utf-8"))],
            None,
        ),
        MediaType::File => (
            SpecificFields::Basic {
                r#type: string("application"),
                subtype: string("octet-stream"),
            },
            file_name("name"),
            Some((string("attachment"), file_name("filename"))),
        ),
    };
    BodyStructure::Single {
        body: Body {
            basic: BasicFields {
                parameter_list,
                id: NString(None),
                description: NString(None),
                content_transfer_encoding: string(part.encoding),
                size: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            },
            specific,
        },
        extension_data: is_extended.then_some(SinglePartExtensionData {
            md5: NString(None),
            tail: Some(Disposition {
                disposition,
                tail: None,
            }),
        }),
    }
}

/// A message without any part, which the renderer never makes.
fn empty() -> BodyStructure<'static> {
    BodyStructure::Single {
        body: Body {
            basic: BasicFields {
                parameter_list: Vec::new(),
                id: NString(None),
                description: NString(None),
                content_transfer_encoding: string("7bit"),
                size: 0,
            },
            specific: SpecificFields::Text {
                subtype: string("plain"),
                number_of_lines: 0,
            },
        },
        extension_data: None,
    }
}

/// Text as a string of the protocol; a NUL, which it cannot hold, becomes a question mark.
fn string(text: &str) -> IString<'static> {
    let text = text.replace('\0', "?");
    IString::try_from(text).unwrap_or_else(|_| IString::Literal(Literal::unvalidated(Vec::new())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{compose, render};
    use crate::model::{Address as Person, AttachedFile, Draft};

    fn text(string: &NString<'_>) -> Option<String> {
        let bytes = string.0.as_ref()?.as_ref();
        Some(String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[test]
    fn an_envelope_has_the_addresses_that_were_written() {
        let people = [
            ("Plain Name", "plain@a.example"),
            ("Comma, \"Quote\" <and> \\ more", "hard@b.example"),
            ("", "bare@c.example"),
            ("no host", "nobody"),
        ];
        let person = |(name, address): (&str, &str)| Person {
            name: name.into(),
            address: address.into(),
        };
        let draft = Draft {
            id: "1@a.example".into(),
            from: person(people[1]),
            recipients: people.map(person).to_vec(),
            subject: "Some subject".into(),
            attachment: Some(AttachedFile::default()),
            ..Draft::default()
        };
        let composed = compose(&draft, 1, |_| false).unwrap();
        let rendered = render(&composed.message, &composed.contents).unwrap();
        let envelope = envelope(&rendered);
        assert_eq!(text(&envelope.subject).unwrap(), "Some subject");
        assert_eq!(text(&envelope.message_id).unwrap(), "<1@a.example>");
        let seen: Vec<_> = envelope
            .to
            .iter()
            .map(|one| (text(&one.name), text(&one.mailbox), text(&one.host)))
            .collect();
        let expected = people.map(|(name, address)| {
            let (mailbox, host) = address.split_once('@').unwrap_or((address, ""));
            let name = (!name.is_empty()).then(|| name.to_owned());
            (name, Some(mailbox.to_owned()), Some(host.to_owned()))
        });
        assert_eq!(seen, expected);
        assert_eq!(envelope.from, envelope.to[1..2]);
    }
}
