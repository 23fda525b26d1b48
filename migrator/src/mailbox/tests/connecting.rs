//! What comes before the first folder: the greeting, STARTTLS and LOGIN.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::server::{Answer, End, WORDS, serve, serve_whole, three};
use super::*;

/// A change of an answer.
type Change = fn(&mut Answer);

/// A server that changes its answer to one command, and how many passwords it was told.
fn answering(command: &'static str, change: Change) -> (ServerAddress, Arc<AtomicUsize>) {
    let logins = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&logins);
    let address = serve(three(), move |given, answer, _| {
        let verb = given.split(' ').next().unwrap_or_default();
        if verb == "LOGIN" {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        if verb == command {
            change(answer);
        }
    });
    (address, logins)
}

fn say(answer: &mut Answer, row: &str, end: End) {
    answer.rows = vec![row.to_owned()];
    answer.end = end;
}

/// Answers that are no whole ones, whatever the command is.
const BROKEN: [(&str, Change); 5] = [
    ("closed", |answer| say(answer, "", End::Closed)),
    ("closed within", |answer| say(answer, "A00", End::Closed)),
    ("BYE", |answer| {
        say(answer, "* BYE the moon is in the way\r\n", End::Closed);
    }),
    ("garbled", |answer| {
        say(answer, "\u{0}\r\n", answer.end.clone());
    }),
    ("untagged BAD", |answer| {
        say(answer, "* BAD the moon is in the way\r\n", End::Open);
    }),
];

#[tokio::test]
async fn a_greeting_is_an_ok_and_nothing_else() {
    let more: [(&str, Change); 3] = [
        ("NO", |answer| {
            say(answer, "* NO the moon is in the way\r\n", End::Open);
        }),
        ("tagged", |answer| say(answer, "A0001 OK\r\n", End::Open)),
        ("data", |answer| say(answer, "* 3 EXISTS\r\n", End::Open)),
    ];
    for (name, change) in BROKEN.into_iter().chain(more) {
        let (broken, logins) = answering("", change);
        for (side, request) in both_sides(&broken, &serve_whole(three())) {
            let (is_temporary, text) = failure(compare(&request).await, side);
            assert!(
                is_temporary && text.contains("failed to greet"),
                "{name}: {text}"
            );
            let has_words = matches!(name, "BYE" | "NO" | "untagged BAD");
            assert_eq!(text.contains(WORDS), has_words, "{name}: {text}");
        }
        assert_eq!(logins.load(Ordering::Relaxed), 0, "{name}");
    }
}

#[tokio::test]
async fn whoever_is_logged_in_from_the_beginning_is_not_the_user() {
    let (broken, logins) = answering("", |answer| {
        say(answer, "* PREAUTH welcome\r\n", End::Open);
    });
    for (side, request) in both_sides(&broken, &serve_whole(three())) {
        let (is_temporary, text) = failure(compare(&request).await, side);
        assert!(!is_temporary && text.contains("PREAUTH"), "{text}");
    }
    assert_eq!(logins.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn only_a_no_means_that_there_is_no_tls() {
    for change in [
        |answer: &mut Answer| answer.end = End::Tagged("NO not here".into()),
        |answer: &mut Answer| answer.end = End::Tagged("BAD what is that".into()),
    ] {
        let (plain, _) = answering("STARTTLS", change);
        let answer = compare(&request(plain.clone(), plain)).await;
        assert!(passes(&answer), "{answer:?}");
        let comparison = compared(answer);
        // The step says so in its text.
        assert!(!comparison.source.is_encrypted && !comparison.destination.is_encrypted);
    }
    let more: [(&str, Change); 3] = [
        ("another command's", |answer| {
            say(answer, "A9999 BAD what is that\r\n", End::Open);
        }),
        ("tagged BYE", |answer| {
            answer.end = End::Tagged("BYE".into());
        }),
        ("gone before the handshake", |answer| {
            say(answer, "A0001 OK begin\r\n", End::Closed);
        }),
    ];
    for (name, change) in BROKEN.into_iter().chain(more) {
        let (broken, logins) = answering("STARTTLS", change);
        for (side, request) in both_sides(&broken, &serve_whole(three())) {
            let (is_temporary, text) = failure(compare(&request).await, side);
            assert!(is_temporary && text.contains("begin TLS"), "{name}: {text}");
        }
        assert_eq!(
            logins.load(Ordering::Relaxed),
            0,
            "{name}: no password in plain"
        );
    }
}

#[tokio::test]
async fn tls_that_is_offered_and_fails_is_not_done_without() {
    let (broken, logins) = answering("STARTTLS", |answer| {
        say(answer, "A0001 OK begin\r\n", End::Open);
        // What the client takes for the server's part of the handshake.
        answer.pause = std::time::Duration::from_millis(100);
        answer.rows.push("A0001 OK is no TLS\r\n".into());
    });
    for (side, request) in both_sides(&broken, &serve_whole(three())) {
        let (is_temporary, text) = failure(compare(&request).await, side);
        assert!(
            !is_temporary && text.contains("TLS with the IMAP server"),
            "{text}"
        );
    }
    assert_eq!(logins.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_refused_login_is_told_from_one_that_got_no_answer() {
    for change in [
        |answer: &mut Answer| answer.end = End::Tagged(format!("NO {WORDS}")),
        |answer: &mut Answer| answer.end = End::Tagged(format!("BAD {WORDS}")),
    ] {
        let (closed, _) = answering("LOGIN", change);
        for (side, request) in both_sides(&closed, &serve_whole(three())) {
            let (is_temporary, text) = failure(compare(&request).await, side);
            assert!(
                !is_temporary && text.contains("refused the login"),
                "{text}"
            );
            assert!(text.contains(WORDS), "{text}");
        }
    }
    for (name, change) in BROKEN {
        let (broken, _) = answering("LOGIN", change);
        for (side, request) in both_sides(&broken, &serve_whole(three())) {
            let (is_temporary, text) = failure(compare(&request).await, side);
            assert!(
                is_temporary && text.contains("failed to log in"),
                "{name}: {text}"
            );
        }
    }
}

#[tokio::test]
async fn nobody_there_is_temporary() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let nobody = ServerAddress {
        host: "127.0.0.1".into(),
        port: listener.local_addr().unwrap().port(),
    };
    drop(listener);
    for (side, request) in both_sides(&nobody, &serve_whole(three())) {
        let (is_temporary, text) = failure(compare(&request).await, side);
        assert!(is_temporary && text.contains("cannot be reached"), "{text}");
    }
}

#[tokio::test]
async fn what_cannot_be_said_on_one_line_is_not_sent() {
    let (server, logins) = answering("LOGIN", |_| {});
    let mut request = request(server.clone(), server);
    request.password = Secret("secret\r\nA0003 LOGOUT".into());
    let (is_temporary, text) = failure(compare(&request).await, "source");
    assert!(!is_temporary && text.contains("refused the login") && !text.contains("secret"));
    assert_eq!(logins.load(Ordering::Relaxed), 0);
}
