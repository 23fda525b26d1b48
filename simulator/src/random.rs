//! Everything random, from one seed.
//!
//! Each folder and each decision has a generator of its own, derived from the seed and a label, so that the result
//! depends neither on the order of the work nor on how many threads do it.  No floating point: its last bits differ
//! among machines.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// 2009-01-01 00:00:00 UTC, before which no simulated file was changed.
const MODIFIED_SECONDS_MIN: i64 = 1_230_768_000;

/// 2016-01-01 00:00:00 UTC, from which on no simulated file was changed.
const MODIFIED_SECONDS_END: i64 = 1_451_606_400;

/// A generator for one purpose.
pub(crate) fn generator(seed: u64, label: &[u8]) -> ChaCha8Rng {
    let mut hasher = blake3::Hasher::new_derive_key("gwsim 1: generator of a label");
    hasher.update(&seed.to_le_bytes());
    hasher.update(label);
    ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
}

/// A time between 2009 and 2015 in seconds since 1970, even as NetWare and FAT keep times.
pub(crate) fn modified_seconds(generator: &mut ChaCha8Rng) -> i64 {
    generator.random_range(MODIFIED_SECONDS_MIN / 2..MODIFIED_SECONDS_END / 2) * 2
}

/// How large files of a kind are: octaves, each twice the one before, with how often they occur.
///
/// Falling weights of octaves come close to the log-normal sizes of real attachments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    bytes_min: u32,
    weights: &'static [u32],
}

/// Attachments and documents: at least 2 KB, because smaller ones stay in the message database.
pub(crate) const ATTACHMENTS: Sizes = Sizes {
    bytes_min: 2048,
    weights: &[40, 30, 18, 9, 3],
};

/// Attachments where there are so many that making them must be cheap.
pub(crate) const SMALL_ATTACHMENTS: Sizes = Sizes {
    bytes_min: 1024,
    weights: &[35, 35, 25, 5],
};

/// Queued messages.
pub(crate) const QUEUED: Sizes = Sizes {
    bytes_min: 256,
    weights: &[30, 40, 20, 10],
};

/// QuickFinder indexes.
pub(crate) const INDEXES: Sizes = Sizes {
    bytes_min: 8192,
    weights: &[60, 30, 10],
};

/// Logs, views, small indexes.
pub(crate) const SMALL_FILES: Sizes = Sizes {
    bytes_min: 512,
    weights: &[30, 40, 30],
};

impl Sizes {
    /// Sizes from `bytes_min` on, one weight for each octave.
    pub(crate) const fn new(bytes_min: u32, weights: &'static [u32]) -> Self {
        Self { bytes_min, weights }
    }

    /// One size in bytes.
    pub(crate) fn draw(self, generator: &mut ChaCha8Rng) -> usize {
        let mut left = generator.random_range(0..self.weights.iter().sum::<u32>());
        let mut octave = self.bytes_min;
        for &weight in self.weights {
            if left < weight {
                break;
            }
            left -= weight;
            octave *= 2;
        }
        (octave + generator.random_range(0..octave)) as usize
    }
}

/// The lower-case name of an attachment, document or queue item: eight hexadecimal digits, most with an extension.
/// What real ones look like is not documented; both halves are opaque.
pub(crate) fn opaque_name(generator: &mut ChaCha8Rng) -> String {
    let number: u32 = generator.random();
    if generator.random_range(0..4) == 0 {
        return format!("{number:08x}");
    }
    format!("{number:08x}.{:03x}", generator.random_range(0..0x1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_stay_in_their_octaves_and_reach_all() {
        let mut generator = generator(1, b"sizes");
        let mut octaves = [0; 5];
        for _ in 0..2000 {
            let bytes = ATTACHMENTS.draw(&mut generator);
            octaves[(bytes / 2048).ilog2() as usize] += 1;
        }
        assert!(octaves.iter().all(|&count| count > 20), "{octaves:?}");
        assert!(
            octaves[0] > octaves[2] && octaves[2] > octaves[4],
            "{octaves:?}"
        );
    }

    #[test]
    fn labels_and_seeds_make_different_generators() {
        let first = |seed, label: &[u8]| generator(seed, label).random::<u64>();
        assert_eq!(first(1, b"a"), first(1, b"a"));
        assert_ne!(first(1, b"a"), first(1, b"b"));
        assert_ne!(first(1, b"a"), first(2, b"a"));
    }
}
