//! Names of GroupWise files that stand in clear text in bytes of any kind.
//!
//! A guardian of an older generation cannot be read, but where it keeps its names in clear text, what a tool did to them
//! can be seen.  Where it does not, nothing is found, and nothing is claimed.
//!
//! Only a text that is a name or a path as a whole counts: a title that speaks of `LIB000A` is a user's own, and stays.

use crate::layout;

/// The longest text that is looked at, in bytes; a longer one is no path.
const RUN_BYTES_MAX: usize = 512;
/// The shortest name that counts, in bytes.
const NAME_BYTES_MIN: usize = 4;

/// Finds names while bytes stream by.  Memory follows the number of names found.
#[derive(Debug, Clone, Default)]
pub struct VisibleNames {
    run: Vec<u8>,
    found: Vec<Vec<u8>>,
}

impl VisibleNames {
    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if is_text_byte(*byte) {
                // One byte more than the longest says that it is too long.
                if self.run.len() <= RUN_BYTES_MAX {
                    self.run.push(*byte);
                }
            } else {
                self.end_run();
            }
        }
    }

    /// The names, in the order in which they stand there.
    pub fn finish(mut self) -> Vec<Vec<u8>> {
        self.end_run();
        self.found
    }

    fn end_run(&mut self) {
        let is_path = self.run.len() <= RUN_BYTES_MAX && self.run.iter().copied().all(is_name_byte);
        if is_path {
            let names = self.run.split(|byte| matches!(byte, b'/' | b'\\'));
            let known = names.filter(|name| name.len() >= NAME_BYTES_MIN && is_known(name));
            self.found.extend(known.map(<[u8]>::to_vec));
        }
        self.run.clear();
    }
}

fn is_text_byte(byte: u8) -> bool {
    byte == b' ' || byte.is_ascii_graphic()
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/' | b'\\')
}

fn is_known(name: &[u8]) -> bool {
    layout::is_known_file_name(name) || layout::is_known_folder_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pieces: &[&[u8]]) -> Vec<String> {
        let mut names = VisibleNames::default();
        for piece in pieces {
            names.push(piece);
        }
        let found = names.finish();
        found
            .into_iter()
            .map(|name| String::from_utf8(name).unwrap())
            .collect()
    }

    #[test]
    fn names_are_found_between_other_bytes_and_across_pieces() {
        let bytes =
            b"\x00\x06OFUSER\x0bUSERABC.DB\x00title of Things\xffGWDMS/LIB000A\x00ofmsg\\msg3.db";
        let all = [
            "OFUSER",
            "USERABC.DB",
            "GWDMS",
            "LIB000A",
            "ofmsg",
            "msg3.db",
        ];
        assert_eq!(found(&[bytes]), all);
        for at in 0..bytes.len() {
            let (first, second) = bytes.split_at(at);
            assert_eq!(found(&[first, second]), all, "cut at {at}");
        }
        assert_eq!(
            found(&[b"\x00ARCHIVE of LIB000A\x00(MSG1.DB)\x00"]),
            Vec::<String>::new(),
            "what a user wrote about names is no name"
        );
        assert_eq!(
            found(&[b"no names here, \x00 at all"]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn endless_runs_end() {
        assert_eq!(found(&[&vec![b'A'; 100_000]]), Vec::<String>::new());
    }
}
