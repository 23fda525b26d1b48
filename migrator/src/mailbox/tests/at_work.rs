//! Mailboxes that change while they are read, and answers that leave out what was asked for.

use super::server::{
    Answer, End, Mail, body_row, header_row, is_bodies, is_headers, mail, serve, serve_whole, three,
};
use super::*;

/// A server that changes the rows of some answers.
fn with_rows(
    is_changed: fn(&str) -> bool,
    change: impl Fn(&mut Vec<String>) + Send + Sync + 'static,
) -> ServerAddress {
    serve(three(), move |command, answer, _| {
        if is_changed(command) {
            change(&mut answer.rows);
        }
    })
}

/// A change of the rows of an answer.
type Change = fn(&mut Vec<String>);

#[tokio::test]
async fn fewer_rows_than_messages_are_an_error() {
    let changes: [(&str, Change); 7] = [
        ("the first is missing", |rows| drop(rows.remove(0))),
        ("the last is missing", |rows| drop(rows.pop())),
        ("all are missing", Vec::clear),
        ("one comes twice", |rows| rows[1] = rows[0].clone()),
        ("one is without a UID", |rows| {
            rows[1] = rows[1].replace("UID 12 ", "");
        }),
        ("one is without its header", |rows| {
            rows[1] = "* 2 FETCH (UID 12)\r\n".into();
        }),
        ("one has no header", |rows| {
            rows[1] = "* 2 FETCH (UID 12 BODY[HEADER.FIELDS (SUBJECT)] NIL)\r\n".into();
        }),
    ];
    for (name, change) in changes {
        let broken = with_rows(is_headers, change);
        for (side, request) in both_sides(&broken, &serve_whole(three())) {
            let (is_temporary, text) = failure(compare(&request).await, side);
            assert!(is_temporary, "{name}: {text}");
            assert!(
                text.contains("failed to list the messages of INBOX") && text.contains(" of 3 "),
                "{name}: {text}"
            );
        }
    }
}

#[tokio::test]
async fn a_body_that_was_asked_for_and_does_not_come_is_an_error() {
    let changes: [(&str, Change); 6] = [
        ("one is missing", |rows| drop(rows.remove(1))),
        ("all are missing", Vec::clear),
        ("one is nothing", |rows| {
            rows[1] = "* 2 FETCH (UID 12 BODY[] NIL)\r\n".into();
        }),
        ("one is empty", |rows| {
            rows[1] = "* 2 FETCH (UID 12 BODY[] \"\")\r\n".into();
        }),
        ("one is a part", |rows| {
            rows[1] = "* 2 FETCH (UID 12 BODY[]<0> {4}\r\ntext)\r\n".into();
        }),
        ("only flags come", |rows| {
            rows[1] = "* 2 FETCH (UID 12 FLAGS (\\Seen))\r\n".into();
        }),
    ];
    for (name, change) in changes {
        let broken = with_rows(is_bodies, change);
        for (side, request) in both_sides(&broken, &serve_whole(three())) {
            let (is_temporary, text) = failure(compare(&request).await, side);
            assert!(is_temporary, "{name}: {text}");
            assert!(
                text.contains("failed to hand out messages of INBOX") && text.contains(" of 3 "),
                "{name}: {text}"
            );
        }
    }
}

#[tokio::test]
async fn two_messages_with_one_number_are_not_told_apart() {
    let twice = || vec![mail(11), mail(11), mail(12)];
    let broken = serve(twice(), |command, answer, _| {
        if is_bodies(command) {
            answer.rows.remove(0);
        }
    });
    for (side, request) in both_sides(&broken, &serve_whole(twice())) {
        let (is_temporary, text) = failure(compare(&request).await, side);
        assert!(is_temporary && text.contains("2 of 3 came"), "{text}");
    }
}

#[tokio::test]
async fn a_folder_that_does_not_say_how_many_messages_it_has_is_not_empty() {
    let is_inbox = |command: &str| command == "EXAMINE \"INBOX\"";
    let broken = with_rows(is_inbox, |rows| rows.retain(|row| !row.contains("EXISTS")));
    for (side, request) in both_sides(&broken, &serve_whole(three())) {
        let (is_temporary, text) = failure(compare(&request).await, side);
        assert!(is_temporary && text.contains("how many messages"), "{text}");
    }
}

#[tokio::test]
async fn changed_flags_and_warnings_disturb_nothing() {
    let is_any = |command: &str| !command.is_empty() && command != "STARTTLS";
    let chatty = with_rows(is_any, |rows| {
        rows.insert(0, "* 2 FETCH (FLAGS (\\Seen))\r\n".into());
        rows.insert(1, "* NO [ALERT] the disk is nearly full\r\n".into());
        rows.push("* 3 FETCH (UID 15 FLAGS ())\r\n".into());
        rows.push("* 0 RECENT\r\n".into());
    });
    for (side, request) in both_sides(&chatty, &serve_whole(three())) {
        let answer = compare(&request).await;
        assert!(passes(&answer), "{side}: {answer:?}");
        assert_eq!(compared(answer).folders["INBOX"].same_bytes, 3);
    }
}

#[tokio::test]
async fn what_arrives_while_a_folder_is_read_is_fine_listed_or_not() {
    for is_listed in [false, true] {
        let alive = serve(three(), move |command, answer, messages| {
            if is_headers(command) && messages.len() == 3 {
                messages.push(mail(20));
                answer.rows.push("* 4 EXISTS\r\n".into());
                if is_listed {
                    answer.rows.push(header_row(4, &messages[3]));
                }
            }
        });
        let there = [three(), vec![mail(20)]].concat();
        let answer = compare(&request(alive, serve_whole(there))).await;
        assert!(passes(&answer), "{answer:?}");
        let folder = &compared(answer).folders["INBOX"];
        let wanted = 3 + u64::from(is_listed);
        assert_eq!((folder.same, folder.same_bytes), (wanted, wanted));
    }
}

#[tokio::test]
async fn what_is_removed_while_a_folder_is_listed_is_not_missed() {
    let alive = serve(three(), |command, answer, messages| {
        if is_headers(command) && messages.len() == 3 {
            let gone = messages.remove(1);
            assert_eq!(gone.uid, 12);
            // Listed as the second, and then as what follows has its place.
            answer.rows.truncate(2);
            answer.rows.push("* 2 EXPUNGE\r\n".into());
            answer.rows.push(header_row(2, &messages[1]));
        }
    });
    let answer = compare(&request(alive, serve_whole(three()))).await;
    assert!(passes(&answer), "{answer:?}");
    let folder = &compared(answer).folders["INBOX"];
    let counts = (folder.same, folder.same_bytes, folder.missing_at_source);
    assert_eq!(counts, (2, 2, 1), "{folder:?}");
}

/// A server whose second message is removed when bodies are asked for the first time: announced, or handed out as nothing.
fn removed_before_its_body_came(is_announced: bool) -> ServerAddress {
    serve(
        three(),
        move |command, answer: &mut Answer, messages: &mut Vec<Mail>| {
            if is_bodies(command) && messages.len() == 3 {
                messages.remove(1);
                answer.rows = if is_announced {
                    let rest = body_row(2, &messages[1]);
                    vec![answer.rows[0].clone(), "* 2 EXPUNGE\r\n".into(), rest]
                } else {
                    answer.rows[1] = "* 2 FETCH (UID 12 BODY[] NIL)\r\n".into();
                    std::mem::take(&mut answer.rows)
                };
            }
        },
    )
}

#[tokio::test]
async fn a_folder_is_read_again_where_a_message_went_before_its_body_came() {
    for is_announced in [true, false] {
        let alive = removed_before_its_body_came(is_announced);
        let answer = compare(&request(alive, serve_whole(three()))).await;
        assert!(passes(&answer), "{answer:?}");
        let folder = &compared(answer).folders["INBOX"];
        let counts = (folder.same, folder.same_bytes, folder.missing_at_source);
        assert_eq!(counts, (2, 2, 1), "{folder:?}");

        // What goes at the destination is missing there.
        let alive = removed_before_its_body_came(is_announced);
        let answer = compare(&request(serve_whole(three()), alive)).await;
        let folder = &compared(answer).folders["INBOX"];
        assert_eq!(folder.missing_at_destination, 1, "{folder:?}");
        assert!(folder.differs());
    }
}

#[tokio::test]
async fn a_sample_is_compared_byte_by_byte_and_the_rest_by_its_headers() {
    let mut damaged = three();
    damaged[2].body.push('x');
    let mut request = request(serve_whole(three()), serve_whole(damaged));
    request.sample_messages = 1;
    let folder = &compared(compare(&request).await).folders["INBOX"];
    assert_eq!((folder.same, folder.same_bytes), (3, 1), "{folder:?}");
}

#[tokio::test]
async fn an_answer_to_another_command_is_no_answer() {
    let broken = serve(three(), |command, answer, _| {
        if command.starts_with("LIST") {
            answer.rows.push("A9999 OK completed\r\n".into());
            answer.end = End::Open;
        }
    });
    for (side, request) in both_sides(&broken, &serve_whole(three())) {
        let (is_temporary, text) = failure(compare(&request).await, side);
        assert!(is_temporary && text.contains("list its folders"), "{text}");
    }
}
