mod at_work;
mod broken;
mod connecting;
mod folders;
mod server;

use super::*;
use server::{Answer, Mail, serve, serve_whole, three};

const USER: &str = "uabc";

fn request(source: ServerAddress, destination: ServerAddress) -> MailboxRequest {
    MailboxRequest {
        user: USER.into(),
        password: Secret("a \"quoted\" word".into()),
        source,
        destination,
        certificate: None,
        sample_messages: 0,
        // Later than every message, so that each must be at the destination.
        pass_began_seconds: 2_000_000_000,
        timeout_seconds: 10,
    }
}

/// Both sides: what the first server does wrong at one of them, the second does right at the other.
fn both_sides(
    broken: &ServerAddress,
    whole: &ServerAddress,
) -> [(&'static str, MailboxRequest); 2] {
    let (broken, whole) = (broken.clone(), whole.clone());
    [
        ("source", request(broken.clone(), whole.clone())),
        ("destination", request(whole, broken)),
    ]
}

/// Compares without what an earlier run came to.
async fn compare(request: &MailboxRequest) -> MailboxAnswer {
    compare_mailboxes(request, &mut Records::default(), &mut |_| {}).await
}

/// What is said about why no comparison was made, or none of the INBOX, which must have been at this side.
fn failure(answer: MailboxAnswer, side: &str) -> (bool, String) {
    let (failed, is_temporary, text) = match answer {
        MailboxAnswer::Failed {
            side,
            is_temporary,
            text,
        } => (side, is_temporary, text),
        MailboxAnswer::Compared(comparison) => {
            let inbox = comparison.inbox().and_then(FolderComparison::why_unread);
            let unread = inbox.unwrap_or_else(|| panic!("{side}: {comparison:?}"));
            (unread.side, unread.is_temporary, unread.text.clone())
        }
    };
    assert_eq!(failed.word(), side, "{text}");
    (is_temporary, text)
}

/// The comparison, which must have been made.
fn compared(answer: MailboxAnswer) -> MailboxComparison {
    match answer {
        MailboxAnswer::Compared(comparison) => *comparison,
        MailboxAnswer::Failed { side, text, .. } => panic!("{side:?}: {text}"),
    }
}

/// Whether a test of the mailbox would pass.
fn passes(answer: &MailboxAnswer) -> bool {
    match answer {
        MailboxAnswer::Compared(comparison) => {
            comparison.without_inbox().is_empty()
                && !comparison.folders.values().any(FolderComparison::differs)
        }
        MailboxAnswer::Failed { .. } => false,
    }
}

#[tokio::test]
async fn two_servers_that_answer_whole_are_compared() {
    let request = request(serve_whole(three()), serve_whole(three()));
    let answer = compare(&request).await;
    assert!(passes(&answer), "{answer:?}");
    let comparison = compared(answer);
    let folder = &comparison.folders["INBOX"];
    assert_eq!((folder.same, folder.same_bytes), (3, 3), "{folder:?}");
    assert_eq!(comparison.folders["Cabinet"].at_source, Some(0));
}

#[tokio::test]
async fn a_difference_is_seen() {
    let mut damaged = three();
    damaged[1].body.push('x');
    let without: Vec<Mail> = three()[..2].to_vec();
    for there in [damaged, without] {
        let request = request(serve_whole(three()), serve_whole(there));
        let answer = compare(&request).await;
        assert!(compared(answer).folders["INBOX"].differs());
    }
}

#[tokio::test]
async fn a_mailbox_without_an_inbox_is_not_the_one_that_was_meant() {
    for (row, has_inbox) in [
        (None, false),
        (Some("* LIST () \"/\" \"Cabinet\"\r\n"), false),
        (Some("* LIST (\\Noselect) \"/\" \"INBOX\"\r\n"), false),
        (Some("* LIST () \"/\" inbox\r\n"), true),
        (Some("* LIST () \"/\" {5}\r\nInBox\r\n"), true),
    ] {
        let listing_this = move |command: &str, answer: &mut Answer, _: &mut Vec<Mail>| {
            if command.starts_with("LIST") {
                answer.rows = row.map(str::to_owned).into_iter().collect();
            }
        };
        let odd = serve(three(), listing_this);
        for (side, request) in both_sides(&odd, &serve_whole(three())) {
            let comparison = compared(compare(&request).await);
            let without = if has_inbox { vec![] } else { vec![side] };
            assert_eq!(comparison.without_inbox(), without, "{side}: {row:?}");
        }
        let neither = request(odd.clone(), odd);
        let comparison = compared(compare(&neither).await);
        assert_eq!(comparison.without_inbox().is_empty(), has_inbox, "{row:?}");
    }
}

#[tokio::test]
async fn an_empty_mailbox_is_a_mailbox() {
    let request = request(serve_whole(vec![]), serve_whole(vec![]));
    let answer = compare(&request).await;
    assert!(passes(&answer), "{answer:?}");
    assert_eq!(compared(answer).folders["INBOX"].at_source, Some(0));
}
