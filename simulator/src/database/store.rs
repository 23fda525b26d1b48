//! Library databases, and all others that no mailbox needs: items with a subject and a body, in folders.

use crate::flaim::{CreateError, DatabaseOptions, FieldValue};
use fake::Fake;
use fake::faker::lorem::en::{Sentence, Words};
use postoffice::flaim::MemoryFileSet;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::records::DatabaseBuilder;
use super::schema::{ITEMS, item, items};
use crate::fake_data::capitalised;

/// How many folders a database has.
const FOLDERS: u32 = 3;

/// How much a database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreSize {
    /// A library's, and what is as large.
    Small,
    /// What waits for many users.
    Deferred,
}

impl StoreSize {
    fn items(self, generator: &mut ChaCha8Rng) -> u32 {
        match self {
            Self::Small => generator.random_range(3..20),
            Self::Deferred => generator.random_range(40..120),
        }
    }

    fn sentences(self, generator: &mut ChaCha8Rng) -> usize {
        match self {
            Self::Small => generator.random_range(1..4),
            Self::Deferred => generator.random_range(2..8),
        }
    }
}

/// Makes a database with items.
pub(crate) fn create_store(
    options: DatabaseOptions,
    size: StoreSize,
    generator: &mut ChaCha8Rng,
) -> Result<MemoryFileSet, CreateError> {
    let mut builder = DatabaseBuilder::new(options, items())?;
    for number in 1..=FOLDERS {
        let name: Vec<String> = Words(1..3).fake_with_rng(generator);
        let name = capitalised(&name.join(" "));
        builder.record(ITEMS, number, &[(item::SUBJECT, FieldValue::Text(&name))])?;
    }
    for number in FOLDERS + 1..=FOLDERS + size.items(generator) {
        let subject: Vec<String> = Words(2..7).fake_with_rng(generator);
        let subject = capitalised(&subject.join(" "));
        let sentences = size.sentences(generator);
        let body: Vec<String> = (0..sentences)
            .map(|_| Sentence(5..15).fake_with_rng(generator))
            .collect();
        let body = body.join(" ");
        let folder = generator.random_range(1..=FOLDERS);
        let fields = [
            (item::SUBJECT, FieldValue::Text(&subject)),
            (item::BODY, FieldValue::Text(&body)),
            (item::BYTES, FieldValue::Number(body.len() as i128)),
            (item::FOLDER, FieldValue::Context(folder)),
        ];
        builder.record(ITEMS, number, &fields)?;
    }
    builder.finish()
}
