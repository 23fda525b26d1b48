//! What many entries say of themselves, as one number.

/// A sum of digests, the same in whatever order they come; of nothing, it is the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DigestSum {
    lanes: [u64; 4],
    digests: u64,
}

impl DigestSum {
    /// Adds a digest.
    pub(crate) fn add(&mut self, digest: &blake3::Hash) {
        let (bytes, _) = digest.as_bytes().as_chunks::<8>();
        for (lane, bytes) in self.lanes.iter_mut().zip(bytes) {
            *lane = lane.wrapping_add(u64::from_le_bytes(*bytes));
        }
        self.digests += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum_of(names: &[&str]) -> DigestSum {
        let mut sum = DigestSum::default();
        for name in names {
            sum.add(&blake3::hash(name.as_bytes()));
        }
        sum
    }

    #[test]
    fn the_order_makes_no_difference_and_everything_else_does() {
        let sum = sum_of(&["a", "b", "c"]);
        assert_eq!(sum, sum_of(&["c", "a", "b"]));
        for other in [
            &["a", "b"][..],
            &["a", "b", "d"],
            &["a", "b", "c", "c"],
            &[],
        ] {
            assert_ne!(sum, sum_of(other), "{other:?}");
        }
    }
}
