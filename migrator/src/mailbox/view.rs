//! The messages of an open folder, as the responses of its server tell them and change them.

use std::collections::BTreeMap;

use async_imap::imap_proto::{
    AttributeValue, MailboxDatum, MessageSection, Response, ResponseCode, SectionPath,
};
use serde::{Deserialize, Serialize};

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// Its number, which stays as long as the folder says so.
    pub(super) uid: u32,
    /// Digest of the header fields that name it.
    pub(super) identity: String,
    /// When it arrived, in seconds since 1970; 0 where the server does not say.
    pub(super) arrived_seconds: i64,
    /// BLAKE3 of its bytes, where it was chosen for that.
    pub(super) digest: Option<String>,
}

/// What a server says of a folder when it is opened; where all of it stays the same, so did the messages (RFC 3501, 2.3.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Opened {
    /// What the numbers of the messages are bound to; none where the server does not say.
    pub(super) validity: Option<u32>,
    /// The number that the next message will have.
    pub(super) next: Option<u32>,
    /// How many messages there are.
    pub(super) messages: u32,
}

/// How IMAP writes a date and time (RFC 3501, section 9).
const DATE_TIME: &str = "%d-%b-%Y %H:%M:%S %z";

/// A folder that was opened.
///
/// The source is at work meanwhile: what is removed moves all positions behind it, and what arrives comes behind the messages
/// that were there.
#[derive(Debug, Default)]
pub(super) struct View {
    /// What the server said before the folder was open, and whether it said how many messages there are.
    opened: Opened,
    is_announced: bool,
    /// How many of those were not removed since; they have the positions from 1.
    remaining: u32,
    /// What was told about messages, by their position.
    rows: BTreeMap<u32, Message>,
}

impl View {
    /// Takes note of a response to the command that opens the folder.
    pub(super) fn note_opening(&mut self, response: &Response<'_>) {
        match response {
            Response::MailboxData(MailboxDatum::Exists(count)) => {
                self.is_announced = true;
                self.opened.messages = *count;
                self.remaining = *count;
            }
            Response::Data { outcome, .. } => match outcome.code {
                Some(ResponseCode::UidValidity(validity)) => self.opened.validity = Some(validity),
                Some(ResponseCode::UidNext(next)) => self.opened.next = Some(next),
                _ => {}
            },
            _ => {}
        }
    }

    /// Takes note of a response while the folder is open.
    ///
    /// What is no use is left aside, such as changed flags; what is missing because of that shows itself in [`Self::remaining`] and
    /// [`Self::listed`].
    pub(super) fn note(&mut self, response: &Response<'_>) {
        match response {
            Response::Expunge(position) => self.remove(*position),
            Response::Fetch(position, values) => self.note_message(*position, values),
            // What arrives meanwhile may be listed or not; neither is wrong.
            _ => {}
        }
    }

    /// Whether it was said how many messages there are.
    pub(super) fn is_announced(&self) -> bool {
        self.is_announced
    }

    /// What was said when the folder was opened.
    pub(super) fn opened(&self) -> Opened {
        self.opened
    }

    /// Gives messages the digests that are known by their numbers; one number for two messages is none.
    pub(super) fn know(&mut self, digests: &BTreeMap<u32, String>) {
        let mut times: BTreeMap<u32, u32> = BTreeMap::new();
        for message in self.rows.values() {
            *times.entry(message.uid).or_insert(0) += 1;
        }
        for message in self.rows.values_mut() {
            if times.get(&message.uid) == Some(&1) {
                message.digest = digests.get(&message.uid).cloned();
            }
        }
    }

    /// The digests of these messages, as far as they came.
    pub(super) fn digests_of(&self, numbers: &[u32]) -> BTreeMap<u32, String> {
        let asked = self.rows.values().filter(|one| numbers.contains(&one.uid));
        asked
            .filter_map(|one| Some((one.uid, one.digest.clone()?)))
            .collect()
    }

    /// How many of them must be there still.
    pub(super) fn remaining(&self) -> usize {
        usize::try_from(self.remaining).unwrap_or(usize::MAX)
    }

    /// How many of those were listed.
    pub(super) fn listed(&self) -> usize {
        self.rows.range(..=self.remaining).count()
    }

    /// The messages, in the order of the server.
    pub(super) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.rows.values()
    }

    /// The same, without the rest.
    pub(super) fn into_messages(self) -> Vec<Message> {
        self.rows.into_values().collect()
    }

    fn remove(&mut self, position: u32) {
        if (1..=self.remaining).contains(&position) {
            self.remaining -= 1;
        }
        let behind = self.rows.split_off(&position);
        let moved = behind.into_iter().filter(|(from, _)| *from > position);
        self.rows.extend(moved.map(|(from, row)| (from - 1, row)));
    }

    fn note_message(&mut self, position: u32, values: &[AttributeValue<'_>]) {
        let Some(uid) = uid(values).filter(|_| position > 0) else {
            return;
        };
        if let Some(header) = values.iter().find_map(header) {
            let message = Message {
                uid,
                identity: identity(header),
                arrived_seconds: values.iter().find_map(arrived_seconds).unwrap_or(0),
                digest: None,
            };
            self.rows.insert(position, message);
        } else if let Some(body) = values.iter().find_map(body)
            && let Some(row) = self.rows.get_mut(&position)
            && row.uid == uid
        {
            row.digest = Some(digest(body));
        }
    }
}

/// The number and the digest of a whole message, where a response is one.
pub(super) fn whole_message(response: &Response<'_>) -> Option<(u32, String)> {
    match response {
        Response::Fetch(_, values) => Some((uid(values)?, digest(values.iter().find_map(body)?))),
        _ => None,
    }
}

fn digest(body: &[u8]) -> String {
    blake3::hash(body).to_hex().to_string()
}

fn uid(values: &[AttributeValue<'_>]) -> Option<u32> {
    values.iter().find_map(|value| match value {
        AttributeValue::Uid(uid) => Some(*uid),
        _ => None,
    })
}

/// The fields of the header that were asked for.
fn header<'a>(value: &'a AttributeValue<'_>) -> Option<&'a [u8]> {
    match value {
        AttributeValue::BodySection {
            section: Some(SectionPath::Full(MessageSection::Header)),
            index: None,
            data,
        } => data.as_deref(),
        _ => None,
    }
}

/// A whole message.
fn body<'a>(value: &'a AttributeValue<'_>) -> Option<&'a [u8]> {
    match value {
        // Some servers hand out an empty one for what is gone (RFC 2180, 4.1); no message is empty.
        AttributeValue::BodySection {
            section: None,
            index: None,
            data,
        } => data.as_deref().filter(|bytes| !bytes.is_empty()),
        _ => None,
    }
}

fn arrived_seconds(value: &AttributeValue<'_>) -> Option<i64> {
    let AttributeValue::InternalDate(text) = value else {
        return None;
    };
    let time = jiff::fmt::strtime::parse(DATE_TIME, text.trim_start()).ok()?;
    Some(time.to_timestamp().ok()?.as_second())
}

/// What names a message: the header fields, without what servers fold or space differently.
fn identity(header: &[u8]) -> String {
    let text = String::from_utf8_lossy(header);
    let mut fields: Vec<String> = Vec::new();
    for line in text.lines() {
        let is_folded = line.starts_with([' ', '\t']);
        match fields.last_mut() {
            Some(last) if is_folded => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ if line.trim().is_empty() => {}
            _ => {
                let (name, value) = line.split_once(':').unwrap_or((line, ""));
                fields.push(format!("{}:{}", name.to_ascii_lowercase(), value.trim()));
            }
        }
    }
    fields.sort_unstable();
    blake3::hash(fields.join("\n").as_bytes())
        .to_hex()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_arrival_is_read_with_either_form_of_its_day() {
        for (text, seconds) in [
            (" 1-Jan-2020 10:00:00 +0100", Some(1_577_869_200)),
            ("01-Jan-2020 10:00:00 +0100", Some(1_577_869_200)),
            ("17-Jul-1996 02:44:25 -0700", Some(837_596_665)),
            ("yesterday", None),
        ] {
            let value = AttributeValue::InternalDate(text.into());
            assert_eq!(arrived_seconds(&value), seconds, "{text}");
        }
    }

    fn view(announced: u32, responses: &[&str]) -> View {
        let mut view = View::default();
        view.note_opening(&Response::MailboxData(MailboxDatum::Exists(announced)));
        for response in responses {
            let text = format!("* {response}\r\n");
            let (_, response) = Response::parse(text.as_bytes()).expect("a response");
            view.note(&response);
        }
        view
    }

    fn uids(view: &View) -> Vec<u32> {
        view.messages().map(|one| one.uid).collect()
    }

    /// A row of a listing.
    fn row(position: u32, uid: u32) -> String {
        format!("{position} FETCH (UID {uid} BODY[HEADER.FIELDS (SUBJECT)] {{5}}\r\nabcde)")
    }

    #[test]
    fn what_is_removed_meanwhile_moves_the_rest_and_is_not_missed() {
        let rows = [row(1, 11), row(2, 12), row(3, 15), row(2, 15)];
        // The second goes after it was listed, and the third is listed where it is then.
        let whole = view(3, &[&rows[0], &rows[1], "2 EXPUNGE", &rows[3]]);
        assert_eq!((whole.remaining(), whole.listed()), (2, 2));
        assert_eq!(uids(&whole), [11, 15]);
        // All are listed, and then the first goes.
        let whole = view(3, &[&rows[0], &rows[1], &rows[2], "1 EXPUNGE", "2 EXISTS"]);
        assert_eq!((whole.remaining(), whole.listed()), (2, 2));
        assert_eq!(uids(&whole), [12, 15]);
        // The first goes, but of those that stay only one is listed.
        let partly = view(3, &[&rows[0], &rows[1], "1 EXPUNGE"]);
        assert_eq!((partly.remaining(), partly.listed()), (2, 1));
        // Nothing can go from where nothing is.
        let odd = view(1, &["0 EXPUNGE", "7 EXPUNGE"]);
        assert_eq!((odd.remaining(), odd.listed()), (1, 0));
    }

    #[test]
    fn what_arrives_meanwhile_does_not_stand_for_what_was_there() {
        let rows = [row(1, 11), row(2, 12), row(3, 15)];
        let view = view(2, &[&rows[0], "3 EXISTS", &rows[2]]);
        assert_eq!((view.remaining(), view.listed()), (2, 1));
    }

    #[test]
    fn rows_without_what_was_asked_for_are_none() {
        for response in [
            "1 FETCH (FLAGS (\\Seen))",
            "1 FETCH (UID 11 FLAGS (\\Seen))",
            "1 FETCH (BODY[HEADER.FIELDS (SUBJECT)] {5}\r\nabcde)",
            "1 FETCH (UID 11 BODY[HEADER.FIELDS (SUBJECT)] NIL)",
            "1 FETCH (UID 11 BODY[TEXT] {5}\r\nabcde)",
            "1 FETCH (UID 11 BODY[] {5}\r\nabcde)",
        ] {
            assert_eq!(view(1, &[response]).listed(), 0, "{response}");
        }
    }

    #[test]
    fn a_body_counts_where_it_is_whole_and_of_that_message() {
        let listed = row(1, 11);
        for (response, counts) in [
            ("1 FETCH (UID 11 BODY[] {5}\r\nabcde)", true),
            ("1 FETCH (UID 12 BODY[] {5}\r\nabcde)", false),
            ("2 FETCH (UID 11 BODY[] {5}\r\nabcde)", false),
            ("1 FETCH (BODY[] {5}\r\nabcde)", false),
            ("1 FETCH (UID 11 BODY[] NIL)", false),
            ("1 FETCH (UID 11 BODY[] \"\")", false),
            ("1 FETCH (UID 11 BODY[]<0> {5}\r\nabcde)", false),
        ] {
            let view = view(1, &[&listed, response]);
            let has_digest = view.messages().all(|one| one.digest.is_some());
            assert_eq!(has_digest, counts, "{response}");
        }
    }
}
