//! Answers that break off, or that are none.

use std::time::{Duration, Instant};

use super::server::{Answer, End, WORDS, is_bodies, is_headers, mail, serve, serve_whole, three};
use super::*;

/// A name of what is asked, how its command is known, and the words that say so.
type Question = (&'static str, fn(&str) -> bool, &'static str);

const QUESTIONS: [Question; 4] = [
    (
        "LIST",
        |command| command.starts_with("LIST"),
        "list its folders",
    ),
    (
        "EXAMINE",
        |command| command.starts_with("EXAMINE"),
        "open the folder",
    ),
    (
        "UID FETCH of headers",
        is_headers,
        "list the messages of INBOX",
    ),
    (
        "UID FETCH of bodies",
        is_bodies,
        "hand out messages of INBOX",
    ),
];

/// A way in which an answer breaks.
#[derive(Debug, Clone, Copy)]
enum Way {
    No,
    Bad,
    Bye,
    /// A BAD without a tag, and then the end that the answer always has.
    UntaggedBad,
    Closed,
    /// The connection ends in the middle of the next row: behind the beginning of its literal, where it has one.
    ClosedInRow,
    /// Something that is no IMAP follows.
    Garbled,
    Silent,
}

const WAYS: [Way; 7] = [
    Way::No,
    Way::Bad,
    Way::Bye,
    Way::UntaggedBad,
    Way::Closed,
    Way::ClosedInRow,
    Way::Garbled,
];

impl Way {
    /// Breaks an answer behind so many of its rows.
    fn breaks(self, answer: &mut Answer, rows: usize) {
        let next = answer.rows.get(rows).cloned().unwrap_or_default();
        answer.rows.truncate(rows);
        answer.end = match self {
            Self::No => End::Tagged(format!("NO {WORDS}")),
            Self::Bad => End::Tagged(format!("BAD {WORDS}")),
            Self::Bye => {
                answer.rows.push(format!("* BYE {WORDS}\r\n"));
                End::Closed
            }
            Self::UntaggedBad => {
                answer.rows.push(format!("* BAD {WORDS}\r\n"));
                answer.end.clone()
            }
            Self::Closed => End::Closed,
            Self::ClosedInRow => {
                let literal = next.find("}\r\n").map(|position| position + 5);
                let position = literal.unwrap_or(next.len() / 2);
                answer.rows.push(next[..position].to_owned());
                End::Closed
            }
            Self::Garbled => {
                answer.rows.push("* \u{0}\u{1}\r\n".to_owned());
                answer.end.clone()
            }
            Self::Silent => End::Silent,
        };
    }

    fn is_refusal(self) -> bool {
        matches!(self, Self::No | Self::Bad)
    }

    fn has_words(self) -> bool {
        matches!(self, Self::No | Self::Bad | Self::Bye | Self::UntaggedBad)
    }
}

/// A server that breaks its answers to some commands behind so many rows.
fn broken(is_broken: fn(&str) -> bool, way: Way, rows: usize) -> ServerAddress {
    serve(three(), move |command, answer, _| {
        if is_broken(command) {
            way.breaks(answer, rows);
        }
    })
}

#[tokio::test]
async fn an_answer_that_breaks_anywhere_is_no_answer() {
    let whole = serve_whole(three());
    for (name, is_broken, operation) in QUESTIONS {
        let how_many = if name == "LIST" { 2 } else { 3 };
        for way in WAYS {
            let is_in_row = matches!(way, Way::ClosedInRow);
            // Behind all rows it is the tagged line alone that is missing, or another.
            for rows in 0..=(how_many - usize::from(is_in_row)) {
                let broken = broken(is_broken, way, rows);
                for (side, request) in both_sides(&broken, &whole) {
                    let case = format!("{side}, {name}, {way:?} behind {rows} rows");
                    let answer = compare(&request).await;
                    assert!(!passes(&answer), "{case}: {answer:?}");
                    let (is_temporary, text) = failure(answer, side);
                    assert!(text.contains(&broken.to_string()), "{case}: {text}");
                    assert!(text.contains(operation), "{case}: {text}");
                    assert_eq!(is_temporary, !way.is_refusal(), "{case}: {text}");
                    assert_eq!(text.contains(WORDS), way.has_words(), "{case}: {text}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up() {
    let whole = serve_whole(three());
    let mut waiting = tokio::task::JoinSet::new();
    for (name, is_broken, operation) in QUESTIONS {
        let broken = broken(is_broken, Way::Silent, 1);
        for (side, mut request) in both_sides(&broken, &whole) {
            request.timeout_seconds = 2;
            waiting.spawn(async move {
                let (is_temporary, text) = failure(compare(&request).await, side);
                assert!(is_temporary && text.contains(operation), "{name}: {text}");
                assert!(text.contains("nothing for too long"), "{name}: {text}");
            });
        }
    }
    waiting.join_all().await;
}

#[tokio::test]
async fn an_answer_may_take_long_while_something_comes() {
    let slow = serve(vec![mail(11)], |command, answer, _| {
        if is_bodies(command) {
            // One message in pieces, which take longer together than a server may be silent.
            let bytes = answer.rows.concat();
            let pieces = bytes.as_bytes().chunks(bytes.len().div_ceil(8));
            answer.rows = pieces
                .map(|piece| String::from_utf8_lossy(piece).into_owned())
                .collect();
            answer.pause = Duration::from_millis(400);
        }
    });
    let mut request = request(slow, serve_whole(vec![mail(11)]));
    request.timeout_seconds = 2;
    let began = Instant::now();
    let answer = compare(&request).await;
    assert!(passes(&answer), "{answer:?}");
    assert!(began.elapsed() > Duration::from_secs(3));
    assert_eq!(compared(answer).folders["INBOX"].same_bytes, 1);
}

#[tokio::test]
async fn what_follows_the_last_answer_changes_nothing() {
    for way in WAYS {
        let rude = broken(|command| command == "LOGOUT", way, 0);
        for (side, request) in both_sides(&rude, &serve_whole(three())) {
            let answer = compare(&request).await;
            assert!(passes(&answer), "{side}, {way:?}: {answer:?}");
        }
    }
}
