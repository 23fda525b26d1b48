//! Invented people, and what they write: subjects, texts, names of files and folders.

use std::collections::BTreeSet;

use fake::Fake;
use fake::faker::filesystem::en::FileName;
use fake::faker::internet::en::SafeEmail;
use fake::faker::lorem::en::{Sentence, Word, Words};
use fake::faker::name::en::{FirstName, LastName, Name};
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

use crate::model::{Address, AttachedFile, User};
use crate::random::Sizes;

/// Where text breaks its lines.
const LINE_CHARACTERS: usize = 72;

/// A subject.
pub(crate) fn subject(generator: &mut ChaCha8Rng) -> String {
    let words: Vec<String> = Words(2..7).fake_with_rng(generator);
    capitalised(&words.join(" "))
}

/// The name of a folder.
pub(crate) fn folder(generator: &mut ChaCha8Rng) -> String {
    let word: &str = Word().fake_with_rng(generator);
    capitalised(word)
}

/// Text of at least so many bytes, its lines divided by CR LF.
pub(crate) fn body(generator: &mut ChaCha8Rng, bytes_min: usize) -> String {
    let mut body = String::new();
    let mut column = 0;
    while body.len() < bytes_min {
        let sentence: String = Sentence(5..15).fake_with_rng(generator);
        for word in sentence.split(' ') {
            let line_end = column > 0 && column + word.len() >= LINE_CHARACTERS;
            body.push_str(match (column, line_end) {
                (0, _) => "",
                (_, true) => "\r\n",
                _ => " ",
            });
            column = if line_end { 0 } else { column } + word.len() + 1;
            body.push_str(word);
        }
    }
    body.push_str("\r\n");
    body
}

/// A file with random bytes.
pub(crate) fn file(generator: &mut ChaCha8Rng, sizes: Sizes) -> AttachedFile {
    let mut bytes = vec![0; sizes.draw(generator)];
    generator.fill_bytes(&mut bytes);
    let name = FileName().fake_with_rng(generator);
    AttachedFile { name, bytes }
}

/// Somebody whose mailbox is elsewhere.
pub(crate) fn outsider(generator: &mut ChaCha8Rng) -> Address {
    Address {
        name: Name().fake_with_rng(generator),
        address: SafeEmail().fake_with_rng(generator),
    }
}

/// Text with a capital at its beginning.
pub(crate) fn capitalised(text: &str) -> String {
    let mut text = text.to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// Users with distinct FIDs; the first two have the two-letter FIDs of sites that came from WordPerfect Office.
pub(crate) fn users(generator: &mut ChaCha8Rng, count: usize) -> Vec<User> {
    let mut taken = BTreeSet::new();
    (0..count)
        .map(|number| user(generator, if number < 2 { 2 } else { 3 }, &mut taken))
        .collect()
}

/// One more user, whose FID is not among `taken`; it is added there.
pub(crate) fn user(
    generator: &mut ChaCha8Rng,
    fid_characters: usize,
    taken: &mut BTreeSet<String>,
) -> User {
    let first: &str = FirstName().fake_with_rng(generator);
    let last: &str = LastName().fake_with_rng(generator);
    let display_name = format!("{first} {last}");
    loop {
        let fid: String = (0..fid_characters)
            .map(|_| fid_character(generator))
            .collect();
        if taken.insert(fid.clone()) {
            return User { fid, display_name };
        }
    }
}

fn fid_character(generator: &mut ChaCha8Rng) -> char {
    const CHARACTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    char::from(CHARACTERS[generator.random_range(0..CHARACTERS.len())])
}
