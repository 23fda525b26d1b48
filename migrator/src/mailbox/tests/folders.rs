//! Folders and messages that a server does not give, beside others that it does.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use super::server::{
    Answer, End, WORDS, body_row, is_bodies, is_headers, mail, serve, serve_whole, three,
};
use super::*;

/// A server that lists these rows beside the INBOX.
fn listing(rows: &'static [&'static str]) -> ServerAddress {
    serve(three(), move |command, answer, _| {
        list(command, answer, rows);
    })
}

fn list(command: &str, answer: &mut Answer, rows: &[&str]) {
    if command.starts_with("LIST") {
        let inbox = std::iter::once(&"() \"/\" INBOX");
        let rows = inbox.chain(rows).map(|row| format!("* LIST {row}\r\n"));
        answer.rows = rows.collect();
    }
}

#[tokio::test]
async fn a_folder_that_a_server_lists_and_refuses_is_unread_and_all_others_are_compared() {
    let rows = &["() \"/\" Public", "() \"/\" Cabinet"];
    let refusing = serve(three(), |command, answer, _| {
        list(command, answer, rows);
        if command == "EXAMINE \"Public\"" {
            answer.rows.clear();
            answer.end = End::Tagged(format!("NO {WORDS}"));
        }
    });
    for (side, request) in both_sides(&refusing, &listing(rows)) {
        let comparison = compared(compare(&request).await);
        assert_eq!(comparison.folders["INBOX"].same_bytes, 3);
        assert_eq!(comparison.folders["Cabinet"].at_destination, Some(0));
        let unread = comparison.folders["Public"].why_unread().expect("unread");
        assert_eq!(unread.side.word(), side);
        assert!(
            unread.text.contains(WORDS) && !unread.is_temporary,
            "{unread:?}"
        );
        // Mail that can be read at the source alone is missing at the destination.
        let differs = comparison.folders["Public"].differs();
        assert_eq!(differs, side == "destination");
    }
    // At neither: the folder is told, and nothing differs.
    let request = request(refusing.clone(), refusing);
    let answer = compare(&request).await;
    assert!(passes(&answer), "{answer:?}");
    assert_eq!(compared(answer).folders["Public"].unread.len(), 2);
}

#[tokio::test]
async fn a_folder_in_which_the_connection_breaks_each_time_is_unread_alone() {
    let rows = &["() \"/\" Breaks", "() \"/\" Cabinet"];
    let breaking = serve(three(), |command, answer, _| {
        list(command, answer, rows);
        if command == "EXAMINE \"Breaks\"" {
            answer.end = End::Closed;
        }
    });
    for (side, request) in both_sides(&breaking, &listing(rows)) {
        let comparison = compared(compare(&request).await);
        assert_eq!(comparison.folders["INBOX"].same_bytes, 3);
        assert!(comparison.folders["Cabinet"].unread.is_empty());
        let unread = comparison.folders["Breaks"].why_unread().expect("unread");
        assert_eq!((unread.side.word(), unread.is_temporary), (side, true));
    }
}

#[tokio::test]
async fn a_connection_that_breaks_once_is_made_again() {
    let breaks = AtomicU32::new(0);
    let once = serve(three(), move |command, answer, _| {
        if is_headers(command) && breaks.fetch_add(1, Ordering::Relaxed) == 0 {
            answer.rows.truncate(1);
            answer.end = End::Closed;
        }
    });
    let request = request(once, serve_whole(three()));
    let answer = compare(&request).await;
    assert!(passes(&answer), "{answer:?}");
    assert_eq!(compared(answer).folders["INBOX"].same_bytes, 3);
}

#[tokio::test]
async fn names_with_quotation_marks_backslashes_and_other_alphabets_are_opened_as_they_are() {
    const ROWS: &[&str] = &[
        r#"() "/" "a \"b\" \\c""#,
        "() \"/\" {6}\r\nx\\\"y\\z",
        "() \"/\" \"Entw&APw-rfe\"",
        "() NIL \"&\"",
        "(\\NonExistent) \"/\" Gone",
        "(\\HasChildren \\Noselect) \"/\" Shared",
    ];
    let opened = Arc::new(Mutex::new(BTreeSet::new()));
    let seen = Arc::clone(&opened);
    let server = serve(three(), move |command, answer, _| {
        list(command, answer, ROWS);
        if let Some(name) = command.strip_prefix("EXAMINE ") {
            seen.lock().unwrap().insert(name.to_owned());
        }
    });
    let request = request(server.clone(), server);
    let answer = compare(&request).await;
    assert!(passes(&answer), "{answer:?}");
    let names: Vec<String> = compared(answer).folders.into_keys().collect();
    let expected = ["&", "Entwürfe", "INBOX", r#"a "b" \c"#, r#"x\"y\z"#];
    assert_eq!(names, expected);
    let opened = opened.lock().unwrap().iter().cloned().collect::<Vec<_>>();
    let expected = [
        r#""&""#,
        r#""Entw&APw-rfe""#,
        r#""INBOX""#,
        r#""a \"b\" \\c""#,
        r#""x\\\"y\\z""#,
    ];
    assert_eq!(opened, expected);
}

#[tokio::test]
async fn a_row_that_is_none_is_told_and_all_others_are_compared() {
    let odd = listing(&["() / Cabinet", "() \"/\" \"Cabinet\""]);
    for (side, request) in both_sides(&odd, &listing(&["() \"/\" Cabinet"])) {
        let answer = compare(&request).await;
        assert!(passes(&answer), "{answer:?}");
        let comparison = compared(answer);
        let [(unclear, row)] = &comparison.unclear[..] else {
            panic!("{comparison:?}");
        };
        assert_eq!(
            (unclear.word(), row.as_str()),
            (side, "* LIST () / Cabinet")
        );
        assert_eq!(comparison.folders["Cabinet"].at_source, Some(0));
    }
}

/// What a server does with one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Refuses,
    Breaks,
}

#[tokio::test]
async fn a_message_that_a_server_does_not_hand_out_is_unread_alone() {
    for way in [Way::Refuses, Way::Breaks] {
        for bad in [11, 12, 15] {
            let server = serve(three(), move |command, answer, _| {
                if is_bodies(command) && command.contains(&bad.to_string()) {
                    answer.rows.clear();
                    answer.end = match way {
                        Way::Refuses => End::Tagged(format!("NO {WORDS}")),
                        Way::Breaks => End::Closed,
                    };
                }
            });
            for (side, request) in both_sides(&server, &serve_whole(three())) {
                let case = format!("{side}, {way:?} {bad}");
                let comparison = compared(compare(&request).await);
                let inbox = &comparison.folders["INBOX"];
                assert_eq!((inbox.same, inbox.same_bytes), (3, 2), "{case}: {inbox:?}");
                assert_eq!(inbox.unread_messages, 1, "{case}");
                assert!(inbox.why_unread().is_none(), "{case}: {inbox:?}");
                // What the source gives and the destination does not is no copy.
                assert_eq!(inbox.differs(), side == "destination", "{case}");
            }
        }
    }
}

/// A server that makes the bytes of a message anew each time, or each time up to the second.
fn changing(until: u32) -> ServerAddress {
    let times = AtomicU32::new(0);
    serve(three(), move |command, answer, _| {
        if is_bodies(command) {
            let time = times.fetch_add(1, Ordering::Relaxed).min(until);
            for row in &mut answer.rows {
                if row.contains("UID 12 ") {
                    let mut message = mail(12);
                    let _ = writeln!(message.body, "--boundary {time}\r");
                    *row = body_row(2, &message);
                }
            }
        }
    })
}

#[tokio::test]
async fn a_message_that_differs_from_itself_is_no_difference() {
    for (side, request) in both_sides(&changing(u32::MAX), &serve_whole(three())) {
        let answer = compare(&request).await;
        assert!(passes(&answer), "{side}: {answer:?}");
        let comparison = compared(answer);
        let inbox = &comparison.folders["INBOX"];
        let counts = (inbox.same_bytes, inbox.other_bytes, inbox.changing);
        assert_eq!(counts, (2, 0, 1), "{side}");
    }
    // One that is the same each time, and another than that of the source, is a difference.
    let request = request(serve_whole(three()), changing(0));
    let comparison = compared(compare(&request).await);
    let inbox = &comparison.folders["INBOX"];
    assert_eq!((inbox.other_bytes, inbox.changing), (1, 0));
}

/// A server whose numbers hold, and which counts how often messages were handed out.
fn counting(handed_out: &Arc<AtomicU32>, breaks: &Arc<AtomicU32>) -> ServerAddress {
    let (handed_out, breaks) = (Arc::clone(handed_out), Arc::clone(breaks));
    serve(three(), move |command, answer, messages| {
        list(command, answer, &["() \"/\" Zeta"]);
        if command.starts_with("EXAMINE") {
            answer.rows.push("* OK [UIDVALIDITY 7] numbers\r\n".into());
            let next = messages.iter().map(|mail| mail.uid).max().unwrap_or(0) + 1;
            answer.rows.push(format!("* OK [UIDNEXT {next}] next\r\n"));
        }
        if is_bodies(command) {
            handed_out.fetch_add(1, Ordering::Relaxed);
        }
        // The server goes down behind the first folder.
        let is_down = breaks.load(Ordering::Relaxed) > 0;
        if is_down && (command == "EXAMINE \"Zeta\"" || command.is_empty()) {
            if command.is_empty() && breaks.load(Ordering::Relaxed) == 1 {
                return;
            }
            breaks.store(2, Ordering::Relaxed);
            answer.rows.clear();
            answer.end = End::Closed;
        }
    })
}

#[tokio::test]
async fn a_test_that_was_interrupted_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (handed_out, breaks) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(1)));
    let destination = counting(&handed_out, &breaks);
    let none = Arc::new(AtomicU32::new(0));
    let source = counting(&none, &Arc::new(AtomicU32::new(0)));
    let mut request = request(source, destination);
    let mut told = Vec::new();
    let run = async |request: &MailboxRequest, told: &mut Vec<MailboxProgress>| {
        let mut records = Records::open(folder.path(), request);
        compare_mailboxes(request, &mut records, &mut |one| told.push(one)).await
    };
    let (is_temporary, text) = failure(run(&request, &mut told).await, "destination");
    assert!(is_temporary, "{text}");
    assert_eq!(handed_out.load(Ordering::Relaxed), 1);
    let at = told.iter().map(|one| (one.folder.as_str(), one.folders));
    assert!(at.clone().any(|one| one == ("INBOX", 2)), "{told:?}");

    // Up again: the first folder is not read again.
    breaks.store(0, Ordering::Relaxed);
    let comparison = compared(run(&request, &mut told).await);
    assert_eq!(comparison.compared_before, 1);
    assert_eq!(comparison.folders["INBOX"].same_bytes, 3);
    assert_eq!(handed_out.load(Ordering::Relaxed), 1);

    // It came to its end, so the next one begins anew; another question has nothing to do with this one.
    let comparison = compared(run(&request, &mut told).await);
    assert_eq!(comparison.compared_before, 0);
    assert_eq!(handed_out.load(Ordering::Relaxed), 2);
    breaks.store(1, Ordering::Relaxed);
    failure(run(&request, &mut told).await, "destination");
    breaks.store(0, Ordering::Relaxed);
    request.pass_began_seconds += 1;
    let comparison = compared(run(&request, &mut told).await);
    assert_eq!(comparison.compared_before, 0);
}

#[tokio::test]
async fn a_folder_that_has_changed_since_is_compared_anew() {
    let folder = tempfile::tempdir().unwrap();
    let opened = |validity, next, messages| Opened {
        validity,
        next,
        messages,
    };
    let request = request(serve_whole(vec![]), serve_whole(vec![]));
    let was = opened(Some(7), Some(16), 3);
    let compared = FolderComparison {
        same: 3,
        ..FolderComparison::default()
    };
    Records::open(folder.path(), &request).keep("INBOX", was, was, &compared);
    let records = Records::open(folder.path(), &request);
    let record = records.known("INBOX").expect("kept");
    assert_eq!(record.holds(was, was), Some(compared));
    for other in [
        opened(Some(8), Some(16), 3),
        opened(Some(7), Some(17), 3),
        opened(Some(7), Some(16), 2),
        opened(None, Some(16), 3),
    ] {
        assert_eq!(record.holds(other, was), None, "{other:?}");
        assert_eq!(record.holds(was, other), None, "{other:?}");
    }
    // A file that was damaged is none.
    let file = folder.path().join("mailbox-test.jsonl");
    let bytes = std::fs::read(&file).unwrap();
    for length in 0..bytes.len() {
        std::fs::write(&file, &bytes[..length]).unwrap();
        let records = Records::open(folder.path(), &request);
        assert!(records.known("INBOX").is_none(), "{length}");
    }
}
