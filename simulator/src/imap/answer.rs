//! What is written back to a client.

use std::io::{self, Write};

use imap_codec::ResponseCodec;
use imap_codec::encode::Encoder as _;
use imap_codec::imap_types::core::{Tag, Text};
use imap_codec::imap_types::response::{
    Code, Data, Response, Status, StatusBody, StatusKind, Tagged,
};

/// How a command ended.
#[derive(Debug)]
pub(super) struct Outcome {
    kind: StatusKind,
    code: Option<Code<'static>>,
    text: String,
}

impl Outcome {
    /// It was done.
    pub(super) fn ok(text: &str) -> Self {
        Self::of(StatusKind::Ok, text)
    }

    /// It was understood and not done.
    pub(super) fn no(text: &str) -> Self {
        Self::of(StatusKind::No, text)
    }

    /// It was not understood, or came when it must not.
    pub(super) fn bad(text: &str) -> Self {
        Self::of(StatusKind::Bad, text)
    }

    fn of(kind: StatusKind, text: &str) -> Self {
        Self {
            kind,
            code: None,
            text: text.to_owned(),
        }
    }

    /// The same, with a code for programs.
    pub(super) fn with(mut self, code: Code<'static>) -> Self {
        self.code = Some(code);
        self
    }

    fn body(self) -> StatusBody<'static> {
        StatusBody {
            kind: self.kind,
            code: self.code,
            text: text(&self.text),
        }
    }

    /// Writes it as the end of a command; without a tag, as a line that belongs to none.
    pub(super) fn write(self, out: &mut dyn Write, tag: Option<Tag<'_>>) -> io::Result<()> {
        let body = self.body();
        let status = match tag {
            Some(tag) => Status::Tagged(Tagged { tag, body }),
            None => Status::Untagged(body),
        };
        response(out, &Response::Status(status))
    }
}

/// Text as an answer may hold it: printable ASCII, and not empty.
pub(super) fn text(text: &str) -> Text<'static> {
    let characters = text.chars();
    let printable: String = characters
        .map(|character| match character {
            ' '..='~' => character,
            _ => '?',
        })
        .collect();
    Text::try_from(printable).unwrap_or_else(|_| Text::unvalidated("-"))
}

/// Writes data that no command has asked for by its tag.
pub(super) fn data(out: &mut dyn Write, data: Data<'_>) -> io::Result<()> {
    response(out, &Response::Data(data))
}

fn response(out: &mut dyn Write, response: &Response<'_>) -> io::Result<()> {
    out.write_all(&ResponseCodec::default().encode(response).dump())
}
