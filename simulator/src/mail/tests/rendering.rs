//! A message as bytes.

use base64::Engine as _;

use super::*;
use crate::model::{Address, Attachment, Message, Part};

fn message(id: &str) -> Message {
    Message {
        number: 1,
        id: id.into(),
        from: Address {
            name: "Zoe \"Z\" Unal".into(),
            address: "1a2@sales.example".into(),
        },
        date_seconds: 1_300_000_000,
        subject: "Lunch".into(),
        recipients: Part::Inline(Vec::new()),
        body: Part::Inline(Vec::new()),
        attachment: None,
        uses: 1,
    }
}

fn contents(body: &str) -> PartContents {
    PartContents {
        recipients: b"a@b.example\tA B\nc@d.example\t\n".to_vec(),
        body: body.as_bytes().to_vec(),
        attachment: None,
    }
}

#[test]
fn a_plain_message_has_exactly_these_bytes() {
    let rendered = render(&message("1.2@sales.example"), &contents("Hello.\r\n")).unwrap();
    let expected = "Message-ID: <1.2@sales.example>\r\n\
        Date: Sun, 13 Mar 2011 07:06:40 +0000\r\n\
        From: \"Zoe \\\"Z\\\" Unal\" <1a2@sales.example>\r\n\
        To: \"A B\" <a@b.example>,\r\n <c@d.example>\r\n\
        Subject: Lunch\r\n\
        MIME-Version: 1.0\r\n\
        Content-Type: text/plain; charset=utf-8\r\n\
        Content-Transfer-Encoding: 7bit\r\n\
        \r\n\
        Hello.\r\n";
    assert_eq!(String::from_utf8(rendered.bytes).unwrap(), expected);
    assert_eq!(rendered.header_bytes, expected.len() - 8);
}

#[test]
fn an_attachment_makes_it_multipart_and_each_part_says_where_it_is() {
    let mut message = message("x@y");
    message.attachment = Some(Attachment {
        name: "Prüfung 1.pdf".into(),
        content: Part::Inline(Vec::new()),
    });
    let mut contents = contents("Grüße\r\n");
    contents.attachment = Some((0..200).collect());
    let rendered = render(&message, &contents).unwrap();
    let text = String::from_utf8(rendered.bytes.clone()).unwrap();
    assert!(text.contains(" filename*=utf-8''Pr%C3%BCfung%201.pdf\r\n"));
    let [body, file] = &rendered.parts[..] else {
        panic!("{:?}", rendered.parts);
    };
    assert_eq!(&text[body.start..body.end], "Grüße\r\n");
    assert_eq!((body.encoding, file.encoding), ("8bit", "base64"));
    let boundary = rendered.boundary.unwrap();
    assert!(text.ends_with(&format!("\r\n--{boundary}--\r\n")));
    assert_eq!(text.matches(&format!("--{boundary}")).count(), 3);
    let encoded = text[file.start..file.end].replace("\r\n", "");
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded);
    assert_eq!(decoded.unwrap(), contents.attachment.unwrap());
    assert!(text[file.header_start..].starts_with("Content-Type: application/octet-stream"));
}

#[test]
fn every_stored_part_is_in_the_digest() {
    let mut of_all = BTreeSet::new();
    let mut add = |message: &Message, contents: &PartContents| {
        let rendered = render(message, contents).unwrap();
        of_all.insert(digest_text(&rendered));
    };
    let (base, parts) = (message("x@y"), contents("Text\r\n"));
    add(&base, &parts);
    for change in 0..6 {
        let (mut message, mut parts) = (base.clone(), parts.clone());
        match change {
            0 => message.id.push('1'),
            1 => message.from.name.push('1'),
            2 => message.date_seconds += 1,
            3 => message.subject.push('1'),
            4 => parts.body.push(b'1'),
            _ => parts.recipients.extend(b"e@f\tE\n"),
        }
        add(&message, &parts);
    }
    let mut with_file = base.clone();
    for (name, bytes) in [("a", &b"1"[..]), ("b", b"1"), ("a", b"2")] {
        with_file.attachment = Some(Attachment {
            name: name.into(),
            content: Part::Inline(Vec::new()),
        });
        let mut parts = parts.clone();
        parts.attachment = Some(bytes.to_vec());
        add(&with_file, &parts);
    }
    assert_eq!(of_all.len(), 10);
}

#[test]
fn nothing_in_a_message_can_end_its_header_or_its_part() {
    let mut message = message("x>\r\nBcc: evil@example.org\r\n\r\n");
    message.subject = "one\r\nBcc: evil@example.org".into();
    message.from.name = "\"\r\nBcc: evil@example.org\r\n\r\n".into();
    message.from.address = "a@b>\r\nBcc: evil@example.org".into();
    let plain = render(&message, &contents("x")).unwrap();
    let header = String::from_utf8(plain.bytes[..plain.header_bytes].to_vec()).unwrap();
    assert!(!header.contains("\r\nBcc"), "{header}");
    assert_eq!(header.matches("\r\n\r\n").count(), 1);
    for body in [
        "bare\nline ends",
        "a\rb",
        "nul\0",
        &"long".repeat(300),
        "--=_",
    ] {
        let mut contents = contents(body);
        contents.attachment = Some(Vec::new());
        let mut with_file = message.clone();
        with_file.attachment = Some(Attachment {
            name: "\"\r\n".into(),
            content: Part::Inline(Vec::new()),
        });
        let rendered = render(&with_file, &contents).unwrap();
        let boundary = format!("--{}", rendered.boundary.clone().unwrap());
        let text = String::from_utf8(rendered.bytes.clone()).unwrap();
        assert_eq!(text.matches(&boundary).count(), 3);
        assert!(
            text.split("\r\n")
                .all(|line| line.len() <= 998 && !line.contains(['\r', '\n', '\0']))
        );
        // Text that forges the boundary of its own message.
        contents.body = format!("\r\n{boundary}--\r\n").into_bytes();
        let forged = render(&with_file, &contents).unwrap();
        let text = String::from_utf8(forged.bytes).unwrap();
        assert_eq!(text.matches(&boundary).count(), 3);
    }
}

#[test]
fn a_date_that_cannot_be_shown_is_an_error() {
    let mut message = message("x@y");
    message.date_seconds = i64::MAX;
    assert!(matches!(
        render(&message, &contents("x")),
        Err(MailError::Date { .. })
    ));
}
