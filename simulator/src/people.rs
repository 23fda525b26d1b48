//! The users of a simulated post office.

use std::collections::BTreeSet;

use fake::Fake;
use fake::faker::name::en::{FirstName, LastName};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::database::User;

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
