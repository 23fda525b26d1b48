//! SEARCH.

use std::io::{self, Write};
use std::num::NonZeroU32;

use imap_codec::imap_types::core::Charset;
use imap_codec::imap_types::datetime::NaiveDate;
use imap_codec::imap_types::response::{Code, Data};
use imap_codec::imap_types::search::SearchKey;

use super::ImapServer;
use super::answer::{Outcome, data};
use super::fetch::unreadable;
use super::section::{section, value};
use super::view::{Numbered, View};
use crate::error::SimulatorError;
use crate::mail::{MailReader, Rendered};
use crate::model::Message;

/// The most single conditions in one command.
const CONDITIONS_MAX: usize = 256;

/// The seconds of a day.
const DAY_SECONDS: i64 = 86_400;

/// Answers a SEARCH in a folder of a user.
pub(super) fn search(
    server: &ImapServer,
    user: &str,
    view: &View,
    charset: Option<&Charset<'_>>,
    criteria: &[SearchKey<'_>],
    by_uid: bool,
    out: &mut dyn Write,
) -> io::Result<Outcome> {
    let is_known = |charset: &Charset<'_>| {
        let name: &str = charset.as_ref();
        name.eq_ignore_ascii_case("US-ASCII") || name.eq_ignore_ascii_case("UTF-8")
    };
    if charset.is_some_and(|charset| !is_known(charset)) {
        let allowed = Vec::new();
        return Ok(
            Outcome::no("this character set is not known").with(Code::BadCharset { allowed })
        );
    }
    if criteria.len() > CONDITIONS_MAX {
        return Ok(Outcome::bad("too many conditions"));
    }
    let reading = server.reading();
    let mut reader = server.store().reader();
    let mut found = Vec::new();
    for numbered in view.all() {
        let mut candidate = Candidate {
            reader: &mut reader,
            user,
            view,
            numbered,
            read: None,
        };
        match candidate.fits_all(criteria) {
            Ok(true) => {
                let number = if by_uid { numbered.1.uid } else { numbered.0 };
                found.extend(NonZeroU32::new(number));
            }
            Ok(false) => {}
            Err(error) => return Ok(unreadable(&error)),
        }
    }
    drop(reading);
    data(out, Data::Search(found))?;
    Ok(Outcome::ok("SEARCH completed"))
}

/// A message that may fit; it is read only when a condition asks for what it holds.
struct Candidate<'a, 'store> {
    reader: &'a mut MailReader<'store>,
    user: &'a str,
    view: &'a View,
    numbered: Numbered<'a>,
    read: Option<(Message, Rendered)>,
}

impl Candidate<'_, '_> {
    fn fits_all(&mut self, keys: &[SearchKey<'_>]) -> Result<bool, SimulatorError> {
        for key in keys {
            if !self.fits(key)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The parser bounds how deep conditions are in each other.
    fn fits(&mut self, key: &SearchKey<'_>) -> Result<bool, SimulatorError> {
        let pointer = self.numbered.1;
        let day = pointer.received_seconds.div_euclid(DAY_SECONDS);
        Ok(match key {
            SearchKey::And(keys) => self.fits_all(keys.as_ref())?,
            SearchKey::Not(key) => !self.fits(key)?,
            SearchKey::Or(first, second) => self.fits(first)? || self.fits(second)?,
            SearchKey::SequenceSet(set) => self.view.is_chosen(set, false, &self.numbered),
            SearchKey::Uid(set) => self.view.is_chosen(set, true, &self.numbered),
            SearchKey::Seen => pointer.is_read,
            SearchKey::Unseen => !pointer.is_read,
            // Flags that are not kept: no message has one, and every message lacks it.
            SearchKey::Answered
            | SearchKey::Deleted
            | SearchKey::Draft
            | SearchKey::Flagged
            | SearchKey::Keyword(_)
            | SearchKey::New
            | SearchKey::Recent => false,
            SearchKey::All
            | SearchKey::Old
            | SearchKey::Unanswered
            | SearchKey::Undeleted
            | SearchKey::Undraft
            | SearchKey::Unflagged
            | SearchKey::Unkeyword(_) => true,
            SearchKey::Before(date) => day < day_of(date),
            SearchKey::On(date) => day == day_of(date),
            SearchKey::Since(date) => day >= day_of(date),
            _ => self.holds(key)?,
        })
    }

    /// Conditions on what the message holds.
    fn holds(&mut self, key: &SearchKey<'_>) -> Result<bool, SimulatorError> {
        let (message, rendered) = self.read()?;
        let sent = message.date_seconds.div_euclid(DAY_SECONDS);
        let size = u32::try_from(rendered.bytes.len()).unwrap_or(u32::MAX);
        let field = |name: &str| value(rendered, name);
        Ok(match key {
            SearchKey::SentBefore(date) => sent < day_of(date),
            SearchKey::SentOn(date) => sent == day_of(date),
            SearchKey::SentSince(date) => sent >= day_of(date),
            SearchKey::Larger(bytes) => size > *bytes,
            SearchKey::Smaller(bytes) => size < *bytes,
            SearchKey::Subject(text) => contains(message.subject.as_bytes(), text.as_ref()),
            SearchKey::From(text) => {
                let from = format!("{} <{}>", message.from.name, message.from.address);
                contains(from.as_bytes(), text.as_ref())
            }
            SearchKey::To(text) => {
                field("To").is_some_and(|to| contains(to.as_bytes(), text.as_ref()))
            }
            SearchKey::Header(name, text) => {
                let name = String::from_utf8_lossy(name.as_ref()).into_owned();
                field(&name).is_some_and(|found| contains(found.as_bytes(), text.as_ref()))
            }
            SearchKey::Text(text) => contains(&rendered.bytes, text.as_ref()),
            SearchKey::Body(text) => {
                let wanted = imap_codec::imap_types::fetch::Section::Text(None);
                let body = section(rendered, Some(&wanted)).unwrap_or_default();
                contains(&body, text.as_ref())
            }
            // Copies, and whatever else no message here has.
            _ => false,
        })
    }

    fn read(&mut self) -> Result<&(Message, Rendered), SimulatorError> {
        if self.read.is_none() {
            let message = self.reader.message(self.user, self.numbered.1)?;
            let rendered = self.reader.rendered(&message)?;
            self.read = Some((message, rendered));
        }
        self.read.as_ref().ok_or_else(|| SimulatorError::Start {
            text: "A message was read and is not there".to_owned(),
        })
    }
}

/// The day of a date, counted from 1970 on.
fn day_of(date: &NaiveDate) -> i64 {
    let midnight = date.as_ref().and_hms_opt(0, 0, 0);
    midnight.map_or(0, |time| time.and_utc().timestamp().div_euclid(DAY_SECONDS))
}

/// Whether text holds other text, in any case.
fn contains(text: &[u8], wanted: &[u8]) -> bool {
    let lower = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_lowercase();
    lower(text).contains(&lower(wanted))
}
