//! From bytes to lines, and nothing lost on the way.

use super::{FILE_BYTES_MAX, Introducer, Line, Piece, StartupFile, StartupFileError, Written};

/// What Windows editors write at the beginning of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

pub(super) fn parse(bytes: &[u8]) -> Result<StartupFile, StartupFileError> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(StartupFileError::TooLarge { bytes: bytes.len() });
    }
    let mut lines = Vec::new();
    for (index, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let number = index + 1;
        let text_bytes = line
            .strip_suffix(b"\r\n")
            .or(line.strip_suffix(b"\n"))
            .map_or(line.len(), <[u8]>::len);
        let (text, end) = line.split_at(text_bytes);
        let pieces = Cursor {
            line: number,
            text,
            at: 0,
            pieces: Vec::new(),
        }
        .pieces()?;
        lines.push(Line {
            number,
            pieces,
            end: end.to_vec(),
        });
    }
    Ok(StartupFile { lines })
}

/// Blanks between words.  Control-Z is one of them: DOS editors end a file with it.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | 0x0b | 0x0c | 0x1a)
}

pub(super) fn is_blank_text(text: &[u8]) -> bool {
    text.strip_prefix(BYTE_ORDER_MARK)
        .unwrap_or(text)
        .iter()
        .copied()
        .all(is_blank)
}

/// Text without what only DOS and Windows put there.
pub(super) fn plain_text(text: &[u8]) -> Vec<u8> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    text.iter()
        .copied()
        .filter(|&byte| byte != 0x1a && byte != b'\r')
        .collect()
}

pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

struct Cursor<'a> {
    line: usize,
    text: &'a [u8],
    at: usize,
    pieces: Vec<Piece>,
}

impl<'a> Cursor<'a> {
    fn pieces(mut self) -> Result<Vec<Piece>, StartupFileError> {
        if self.line == 1 && self.text.starts_with(BYTE_ORDER_MARK) {
            self.at = BYTE_ORDER_MARK.len();
        }
        let mut from = 0;
        loop {
            self.skip_blanks();
            let comment = match self.peek() {
                None | Some(b';') => true,
                Some(b'#') => self.pieces.is_empty(),
                Some(_) => false,
            };
            let end = if comment { self.text.len() } else { self.at };
            if end > from {
                self.pieces.push(Piece::Text(self.text[from..end].to_vec()));
            }
            if comment {
                return Ok(self.pieces);
            }
            let written = self.switch()?;
            self.pieces.push(Piece::Switch(written));
            from = self.at;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(is_blank) {
            self.at += 1;
        }
    }

    fn take(&mut self, belongs: impl Fn(u8) -> bool) -> &'a [u8] {
        let from = self.at;
        while self.peek().is_some_and(&belongs) {
            self.at += 1;
        }
        &self.text[from..self.at]
    }

    fn switch(&mut self) -> Result<Written, StartupFileError> {
        let introducer = self.introducer()?;
        let name: String = self
            .take(is_name_byte)
            .iter()
            .map(|&byte| char::from(byte))
            .collect();
        if name.is_empty() {
            return Err(StartupFileError::NoSwitchName { line: self.line });
        }
        let (separator, value) = match self.peek() {
            None => (Vec::new(), None),
            Some(separator @ (b'-' | b'=')) => {
                self.at += 1;
                (vec![separator], Some(self.value()?))
            }
            Some(byte) if is_blank(byte) => self.value_after_blanks(introducer)?,
            Some(_) => return Err(StartupFileError::NotASwitch { line: self.line }),
        };
        Ok(Written {
            introducer,
            name,
            separator,
            value,
        })
    }

    fn introducer(&mut self) -> Result<Introducer, StartupFileError> {
        let rest = &self.text[self.at..];
        let introducer = match rest {
            [b'-', b'-', ..] => Introducer::DoubleDash,
            [b'-', ..] => Introducer::Dash,
            [b'/', ..] => Introducer::Slash,
            _ => return Err(StartupFileError::NotASwitch { line: self.line }),
        };
        self.at += introducer.as_bytes().len();
        Ok(introducer)
    }

    /// The value that follows blanks, if what follows is one; otherwise the blanks are left to the next piece.
    fn value_after_blanks(
        &mut self,
        introducer: Introducer,
    ) -> Result<(Vec<u8>, Option<Vec<u8>>), StartupFileError> {
        let from = self.at;
        let separator = self.take(is_blank).to_vec();
        let is_value = match self.peek() {
            None | Some(b'-' | b';') => false,
            Some(b'/') => introducer != Introducer::Slash,
            Some(_) => true,
        };
        if is_value {
            return Ok((separator, Some(self.value()?)));
        }
        self.at = from;
        Ok((Vec::new(), None))
    }

    fn value(&mut self) -> Result<Vec<u8>, StartupFileError> {
        let from = self.at;
        let mut quoted = false;
        while let Some(byte) = self.peek() {
            if byte == b'"' {
                quoted = !quoted;
            } else if is_blank(byte) && !quoted {
                break;
            }
            self.at += 1;
        }
        if quoted {
            return Err(StartupFileError::UnclosedQuote { line: self.line });
        }
        Ok(self.text[from..self.at].to_vec())
    }
}
