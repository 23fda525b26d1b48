//! FETCH.

use std::io::{self, Write};
use std::num::NonZeroU32;

use imap_codec::imap_types::ToStatic;
use imap_codec::imap_types::core::{Literal, NString, Vec1};
use imap_codec::imap_types::datetime::DateTime;
use imap_codec::imap_types::fetch::{
    MacroOrMessageDataItemNames, MessageDataItem, MessageDataItemName, Section,
};
use imap_codec::imap_types::flag::{Flag, FlagFetch};
use imap_codec::imap_types::response::Data;

use super::ImapServer;
use super::answer::{Outcome, data};
use super::section::{partial, section};
use super::structure::{envelope, structure};
use super::view::Numbered;
use crate::error::SimulatorError;
use crate::mail::{MailReader, Rendered};
use crate::model::Pointer;

/// The most things that one command asks of a message: each can be as long as the message.
const ITEMS_MAX: usize = 32;

/// Answers a FETCH for some messages of a user.
pub(super) fn fetch(
    server: &ImapServer,
    user: &str,
    messages: &[Numbered<'_>],
    items: &MacroOrMessageDataItemNames<'_>,
    by_uid: bool,
    out: &mut dyn Write,
) -> io::Result<Outcome> {
    let names = match items {
        MacroOrMessageDataItemNames::Macro(short) => short.expand(),
        MacroOrMessageDataItemNames::MessageDataItemNames(names) => names.clone(),
    };
    if names.len() > ITEMS_MAX {
        return Ok(Outcome::bad("too many things are asked for at once"));
    }
    let reader = &mut server.store().reader();
    for (sequence, pointer) in messages {
        let mut rendered = None;
        if names.iter().any(needs_text) {
            // No longer than for reading: a client that takes its time must not keep others waiting.
            let _reading = server.reading();
            match read(reader, user, pointer) {
                Ok(read) => rendered = Some(read),
                Err(error) => return Ok(unreadable(&error)),
            }
        }
        let mut values = Vec::new();
        if by_uid && !names.contains(&MessageDataItemName::Uid) {
            values.extend(NonZeroU32::new(pointer.uid).map(MessageDataItem::Uid));
        }
        for name in &names {
            match item(name, pointer, rendered.as_ref()) {
                Some(value) => values.push(value),
                None => return Ok(Outcome::no("this cannot be fetched")),
            }
        }
        if let (Some(seq), Ok(items)) = (NonZeroU32::new(*sequence), Vec1::try_from(values)) {
            data(out, Data::Fetch { seq, items })?;
        }
    }
    Ok(Outcome::ok("FETCH completed"))
}

/// A message as a client gets it.
fn read(
    reader: &mut MailReader<'_>,
    user: &str,
    pointer: &Pointer,
) -> Result<Rendered, SimulatorError> {
    let message = reader.message(user, pointer)?;
    reader.rendered(&message)
}

/// What a client is told when the store cannot be read: the agent says no more than that, its log does.
pub(super) fn unreadable(error: &SimulatorError) -> Outcome {
    Outcome::no(&crate::describe_error(error))
}

fn needs_text(name: &MessageDataItemName<'_>) -> bool {
    !matches!(
        name,
        MessageDataItemName::Flags | MessageDataItemName::InternalDate | MessageDataItemName::Uid
    )
}

fn item(
    name: &MessageDataItemName<'_>,
    pointer: &Pointer,
    rendered: Option<&Rendered>,
) -> Option<MessageDataItem<'static>> {
    Some(match name {
        MessageDataItemName::Flags => MessageDataItem::Flags(flags(pointer)),
        MessageDataItemName::InternalDate => MessageDataItem::InternalDate(received(pointer)?),
        MessageDataItemName::Uid => MessageDataItem::Uid(NonZeroU32::new(pointer.uid)?),
        MessageDataItemName::Rfc822Size => {
            MessageDataItem::Rfc822Size(u32::try_from(rendered?.bytes.len()).ok()?)
        }
        MessageDataItemName::Envelope => MessageDataItem::Envelope(envelope(rendered?)),
        MessageDataItemName::Body => MessageDataItem::Body(structure(rendered?, false)),
        MessageDataItemName::BodyStructure => {
            MessageDataItem::BodyStructure(structure(rendered?, true))
        }
        MessageDataItemName::Rfc822 => MessageDataItem::Rfc822(bytes(section(rendered?, None))),
        MessageDataItemName::Rfc822Header => {
            let header = section(rendered?, Some(&Section::Header(None)));
            MessageDataItem::Rfc822Header(bytes(header))
        }
        MessageDataItemName::Rfc822Text => {
            let text = section(rendered?, Some(&Section::Text(None)));
            MessageDataItem::Rfc822Text(bytes(text))
        }
        MessageDataItemName::BodyExt {
            section: wanted,
            partial: range,
            ..
        } => {
            let found = section(rendered?, wanted.as_ref());
            let found = match range {
                Some((first, count)) => found.map(|bytes| partial(&bytes, *first, count.get())),
                None => found,
            };
            MessageDataItem::BodyExt {
                section: wanted.as_ref().map(ToStatic::to_static),
                origin: range.map(|(first, _)| first),
                data: bytes(found),
            }
        }
        _ => return None,
    })
}

/// The flags of a message: whether it was read is all that is kept.
fn flags(pointer: &Pointer) -> Vec<FlagFetch<'static>> {
    let seen = pointer.is_read.then_some(FlagFetch::Flag(Flag::Seen));
    seen.into_iter().collect()
}

fn received(pointer: &Pointer) -> Option<DateTime> {
    let time = chrono::DateTime::from_timestamp(pointer.received_seconds, 0)?;
    DateTime::try_from(time.fixed_offset()).ok()
}

/// Bytes as a literal; NIL where there are none.
fn bytes(found: Option<Vec<u8>>) -> NString<'static> {
    let literal = found.and_then(|bytes| Literal::try_from(bytes).ok());
    literal.map_or(NString(None), NString::from)
}
