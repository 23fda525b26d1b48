//! LIST, STATUS and SELECT.

use std::borrow::Cow;
use std::io::{self, Write};
use std::num::NonZeroU32;

use imap_codec::imap_types::core::QuotedChar;
use imap_codec::imap_types::flag::{Flag, FlagNameAttribute};
use imap_codec::imap_types::mailbox::{ListMailbox, Mailbox as Name};
use imap_codec::imap_types::response::{Code, Data};
use imap_codec::imap_types::status::{StatusDataItem, StatusDataItemName};

use regex::Regex;

use super::answer::{Outcome, data};
use super::view::View;
use crate::model::{INBOX, Mailbox};

/// What stands between the name of a folder and that of one in it.
const DELIMITER: char = '/';

/// The name of a folder as it is stored; `None` where it is no text.
pub(super) fn stored_name(name: &Name<'_>) -> Option<String> {
    match name {
        Name::Inbox => Some(INBOX.to_owned()),
        Name::Other(other) => {
            let bytes: &[u8] = other.inner().as_ref();
            std::str::from_utf8(bytes).ok().map(str::to_owned)
        }
    }
}

/// Answers LIST; with `is_subscribed` LSUB, which is the same because everything counts as subscribed.
pub(super) fn list(
    mailbox: &Mailbox,
    reference: &Name<'_>,
    pattern: &ListMailbox<'_>,
    is_subscribed: bool,
    out: &mut dyn Write,
) -> io::Result<Outcome> {
    let pattern: &[u8] = match pattern {
        ListMailbox::Token(token) => token.as_ref(),
        ListMailbox::String(string) => string.as_ref(),
    };
    let done = Outcome::ok(if is_subscribed {
        "LSUB completed"
    } else {
        "LIST completed"
    });
    let mut answer = |name: &str, items: Vec<FlagNameAttribute<'static>>| {
        let delimiter = QuotedChar::try_from(DELIMITER).ok();
        let Ok(mailbox) = Name::try_from(name.to_owned()) else {
            return Ok(());
        };
        let found = if is_subscribed {
            Data::Lsub {
                items,
                delimiter,
                mailbox,
            }
        } else {
            Data::List {
                items,
                delimiter,
                mailbox,
            }
        };
        data(out, found)
    };
    if pattern.is_empty() {
        // The way to ask for the delimiter.
        answer("", vec![FlagNameAttribute::Noselect])?;
        return Ok(done);
    }
    let reference = stored_name(reference).unwrap_or_default();
    let pattern = reference + &String::from_utf8_lossy(pattern);
    for folder in &mailbox.folders {
        let is_inbox = folder.name == INBOX;
        let fits = matches(&pattern, &folder.name)
            || is_inbox && matches(&pattern.to_ascii_uppercase(), INBOX);
        if fits {
            answer(&folder.name, Vec::new())?;
        }
    }
    Ok(done)
}

/// Whether a name fits a pattern, in which `*` is anything and `%` anything without a delimiter.
///
/// A pattern that is too large for a regular expression fits nothing.
fn matches(pattern: &str, name: &str) -> bool {
    let form: String = pattern
        .chars()
        .map(|character| match character {
            '*' => ".*".to_owned(),
            '%' => format!("[^{DELIMITER}]*"),
            _ => regex::escape(character.encode_utf8(&mut [0; 4])),
        })
        .collect();
    Regex::new(&format!("(?s)^{form}$")).is_ok_and(|form| form.is_match(name))
}

/// Answers STATUS.
pub(super) fn status(
    mailbox: &Mailbox,
    name: &Name<'_>,
    wanted: &[StatusDataItemName],
    out: &mut dyn Write,
) -> io::Result<Outcome> {
    let Some(view) = stored_name(name).and_then(|name| View::of(mailbox, &name)) else {
        return Ok(Outcome::no("there is no such folder"));
    };
    let mut items = Vec::new();
    for item in wanted {
        let value = match item {
            StatusDataItemName::Messages => Some(StatusDataItem::Messages(count(&view))),
            StatusDataItemName::Recent => Some(StatusDataItem::Recent(0)),
            StatusDataItemName::UidNext => {
                NonZeroU32::new(view.folder.next_uid).map(StatusDataItem::UidNext)
            }
            StatusDataItemName::UidValidity => {
                NonZeroU32::new(view.folder.uid_validity).map(StatusDataItem::UidValidity)
            }
            StatusDataItemName::Unseen => Some(StatusDataItem::Unseen(unread(&view))),
            _ => None,
        };
        match value {
            Some(value) => items.push(value),
            None => return Ok(Outcome::no("this is not known about a folder")),
        }
    }
    let answer = Data::Status {
        mailbox: name.clone(),
        items: Cow::Owned(items),
    };
    data(out, answer)?;
    Ok(Outcome::ok("STATUS completed"))
}

fn count(view: &View) -> u32 {
    u32::try_from(view.pointers.len()).unwrap_or(u32::MAX)
}

fn unread(view: &View) -> u32 {
    let unread = view.pointers.iter().filter(|pointer| !pointer.is_read);
    u32::try_from(unread.count()).unwrap_or(u32::MAX)
}

/// Tells a client about the folder that it has selected.
pub(super) fn selected(view: &View, out: &mut dyn Write) -> io::Result<Outcome> {
    data(out, Data::Flags(vec![Flag::Seen]))?;
    data(out, Data::Exists(count(view)))?;
    data(out, Data::Recent(0))?;
    let mut first_unread = view.all().filter(|(_, pointer)| !pointer.is_read);
    let first_unread = first_unread
        .next()
        .and_then(|(number, _)| NonZeroU32::new(number));
    let codes = [
        first_unread.map(Code::Unseen),
        Some(Code::PermanentFlags(Vec::new())),
        NonZeroU32::new(view.folder.uid_validity).map(Code::UidValidity),
        NonZeroU32::new(view.folder.next_uid).map(Code::UidNext),
    ];
    for code in codes.into_iter().flatten() {
        Outcome::ok("told").with(code).write(out, None)?;
    }
    Ok(Outcome::ok("the folder can be read").with(Code::ReadOnly))
}

/// Tells a client what changed in its folder since it looked last: first what is gone, then what is new.
pub(super) fn changed(old: &View, new: &View, out: &mut dyn Write) -> io::Result<()> {
    let is_in = |view: &View, uid| view.pointers.iter().any(|pointer| pointer.uid == uid);
    let gone = old.all().filter(|(_, pointer)| !is_in(new, pointer.uid));
    // From the end on, because each that goes moves those behind it.
    let mut gone: Vec<u32> = gone.map(|(number, _)| number).collect();
    gone.reverse();
    for number in &gone {
        if let Some(number) = NonZeroU32::new(*number) {
            data(out, Data::Expunge(number))?;
        }
    }
    if old.pointers.len() - gone.len() != new.pointers.len() {
        data(out, Data::Exists(count(new)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_what_they_should() {
        for (pattern, name, fits) in [
            ("*", "Cabinet/Projects", true),
            ("%", "Cabinet/Projects", false),
            ("%", "Cabinet", true),
            ("Cab*/%", "Cabinet/Projects", true),
            ("%/%", "Cabinet/Projects", true),
            ("%/%", "Cabinet", false),
            ("*s", "Cabinet/Projects", true),
            ("Cabinet", "Cabinet/Projects", false),
            ("", "", true),
            ("%%%%%%", "", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
        let hostile = "*%".repeat(8000);
        assert!(!matches(&format!("{hostile}x"), "Cabinet/Projects"));
    }
}
