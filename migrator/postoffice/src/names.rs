//! Names of files and folders, as bytes.
//!
//! NetWare and Windows keep names in the case somebody once typed and find them in any case; Linux compares
//! bytes.  This module holds the one rule by which a name becomes lower case, and the relative path that the
//! rest of the migrator passes around.  Nothing here touches a file system.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest name of one file or folder, in bytes, that Linux file systems take.
pub const NAME_BYTES_MAX: usize = 255;

/// The deepest path, in components, that the migrator follows; GroupWise itself stays under ten.
pub const PATH_DEPTH_MAX: usize = 64;

/// What lower-casing makes of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LowerCased {
    /// The name has no capital letter and stays.
    Already,
    /// The name, which is valid UTF-8 then, changes to this one, of the same length.
    Changed(String),
    /// The name stays as it is and must be reported.
    Kept(KeptReason),
}

/// Why a name is kept although it may hold capital letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeptReason {
    /// The bytes are not valid UTF-8, so what a capital letter would be is unknown.
    NotUtf8,
    /// A capital letter outside ASCII; GroupWise would not find the name either way.
    NonAsciiCapital,
}

/// The lower-case form of one name: ASCII letters only, same length.
///
/// A name that is not valid UTF-8, or that has a capital letter outside ASCII, is kept whole.
pub fn lower_case(name: &[u8]) -> LowerCased {
    if is_lower_case_ascii(name) {
        return LowerCased::Already;
    }
    match std::str::from_utf8(name) {
        Err(_) => LowerCased::Kept(KeptReason::NotUtf8),
        Ok(text) if text.chars().any(|c| !c.is_ascii() && c.is_uppercase()) => {
            LowerCased::Kept(KeptReason::NonAsciiCapital)
        }
        Ok(text) if name.iter().any(u8::is_ascii_uppercase) => {
            LowerCased::Changed(text.to_ascii_lowercase())
        }
        Ok(_) => LowerCased::Already,
    }
}

/// Nearly all names are, so that this is asked first.
fn is_lower_case_ascii(name: &[u8]) -> bool {
    let is_lower = |byte: &u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    name.iter().all(is_lower)
}

/// The name under which a source name stands at the destination: its lower-case form, or itself where it is kept.
pub fn destination_name(name: &[u8]) -> Vec<u8> {
    match lower_case(name) {
        LowerCased::Changed(lowered) => lowered.into_bytes(),
        LowerCased::Already | LowerCased::Kept(_) => name.to_vec(),
    }
}

/// Whether bytes name one entry and are no path, however long they are: not empty, not `.` or `..`, no slash, no NUL.
///
/// Clients of other servers list names that are longer than [`NAME_BYTES_MAX`].
pub fn is_one_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name != b"."
        && name != b".."
        && !name.iter().any(|&byte| byte == b'/' || byte == 0)
}

/// Whether bytes can be the name of one directory entry: not empty, not `.` or `..`, no slash, no NUL, at most
/// [`NAME_BYTES_MAX`] bytes.
pub fn is_entry_name(name: &[u8]) -> bool {
    name.len() <= NAME_BYTES_MAX && is_one_name(name)
}

/// A path below some root: names joined by `/`, no leading slash, never `.` or `..`; empty for the root itself.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct RelativePath(Vec<u8>);

impl RelativePath {
    /// The root itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// A path from bytes, or `None` where a component is not a name of a directory entry.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::root());
        }
        bytes
            .split(|&byte| byte == b'/')
            .all(is_entry_name)
            .then(|| Self(bytes.to_vec()))
    }

    /// This path with one more name.
    ///
    /// `name` must be one name ([`is_one_name`]); names that the kernel lists are.
    #[must_use]
    pub fn join(&self, name: &[u8]) -> Self {
        debug_assert!(is_one_name(name), "not one name: {name:?}");
        let mut bytes = Vec::with_capacity(self.0.len() + 1 + name.len());
        bytes.extend_from_slice(&self.0);
        if !bytes.is_empty() {
            bytes.push(b'/');
        }
        bytes.extend_from_slice(name);
        Self(bytes)
    }

    /// The bytes, joined by `/`.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The folder that holds the last name, and that name; `None` for the root.
    pub fn split_last(&self) -> Option<(Self, &[u8])> {
        let name = self.components().next_back()?;
        let folder = self.components().take(self.depth() - 1);
        Some((
            folder.fold(Self::root(), |path, name| path.join(name)),
            name,
        ))
    }

    /// The names, outermost first.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0
            .split(|&byte| byte == b'/')
            .filter(|name| !name.is_empty())
    }

    /// How many names the path has.
    pub fn depth(&self) -> usize {
        self.components().count()
    }

    /// The folder that holds this entry, and its name; `None` for the root.
    pub fn split(&self) -> Option<(Self, &[u8])> {
        if self.0.is_empty() {
            return None;
        }
        match self.0.iter().rposition(|&byte| byte == b'/') {
            Some(slash) => Some((Self(self.0[..slash].to_vec()), &self.0[slash + 1..])),
            None => Some((Self::root(), &self.0)),
        }
    }

    /// The path with each name as it stands at the destination.
    #[must_use]
    pub fn to_destination(&self) -> Self {
        let names: Vec<Vec<u8>> = self.components().map(destination_name).collect();
        Self(names.join(&b'/'))
    }
}

impl fmt::Display for RelativePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&printable(&self.0))
    }
}

impl fmt::Debug for RelativePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{self}\"")
    }
}

/// Bytes of a name as text that is safe on a terminal and in a log: control characters, backslashes and bytes that
/// are not UTF-8 appear as `\xNN`, everything else as it is.
pub fn printable(bytes: &[u8]) -> String {
    use fmt::Write as _;
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() || character == '\\' || is_invisible(character) {
                let mut buffer = [0; 4];
                for byte in character.encode_utf8(&mut buffer).bytes() {
                    let _ = write!(text, "\\x{byte:02x}");
                }
            } else {
                text.push(character);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Characters that reorder or hide what stands beside them on a terminal.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The bytes that [`printable`] wrote down, or `None` where the text has an escape that it never writes.
pub fn from_printable(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = rest.get(at + 1..at + 4)?;
        let digits = escape.strip_prefix('x')?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[at + 4..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ascii_capitals_are_lowered_and_others_are_kept() {
        assert_eq!(
            lower_case(b"lib000A"),
            LowerCased::Changed("lib000a".into())
        );
        assert_eq!(lower_case(b"fd0"), LowerCased::Already);
        assert_eq!(
            lower_case("Übersicht.VEW".as_bytes()),
            LowerCased::Kept(KeptReason::NonAsciiCapital)
        );
        assert_eq!(
            lower_case("Prüfung.VEW".as_bytes()),
            LowerCased::Changed("prüfung.vew".into())
        );
        assert_eq!(lower_case(b"\xffA"), LowerCased::Kept(KeptReason::NotUtf8));
    }

    #[test]
    fn paths_refuse_what_is_no_entry_name() {
        for bad in [&b"/a"[..], b"a//b", b"a/../b", b".", b"a/\0"] {
            assert_eq!(RelativePath::from_bytes(bad), None, "{bad:?}");
        }
        assert!(RelativePath::from_bytes(&[b'a'; 256]).is_none());
    }

    proptest! {
        #[test]
        fn printable_text_has_no_control_character_and_comes_back(bytes: Vec<u8>) {
            let text = printable(&bytes);
            prop_assert!(!text.chars().any(char::is_control));
            prop_assert_eq!(from_printable(&text), Some(bytes));
        }

        #[test]
        fn destination_names_are_stable(bytes in proptest::collection::vec(any::<u8>(), 1..40)) {
            let once = destination_name(&bytes);
            prop_assert_eq!(once.len(), bytes.len());
            prop_assert_eq!(destination_name(&once), once);
        }

        #[test]
        fn split_and_join_are_inverse(names in proptest::collection::vec("[a-zA-Z0-9.]{1,8}", 1..6)) {
            let names: Vec<_> = names.into_iter().filter(|name| is_entry_name(name.as_bytes())).collect();
            prop_assume!(!names.is_empty());
            let path = names.iter().fold(RelativePath::root(), |path, name| path.join(name.as_bytes()));
            let (folder, name) = path.split().expect("not the root");
            prop_assert_eq!(folder.join(name), path.clone());
            prop_assert_eq!(path.depth(), names.len());
        }
    }
}
