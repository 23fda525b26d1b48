//! A count of bytes at which something is cut, once.

use std::sync::atomic::{AtomicU64, Ordering};

/// What the counter holds while no cut is planned.
const NEVER: u64 = u64::MAX;

/// Bytes that may still pass before a cut.
#[derive(Debug)]
pub(crate) struct Budget(AtomicU64);

/// How much of what is to pass may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spent {
    /// All of it.
    All,
    /// So many bytes, and then comes the cut.  It is no longer planned.
    UpTo(u64),
}

impl Budget {
    pub(crate) fn new(bytes: Option<u64>) -> Self {
        Self(AtomicU64::new(bytes.unwrap_or(NEVER)))
    }

    /// Plans a cut after so many more bytes.
    pub(crate) fn plan(&self, bytes: u64) {
        self.0.store(bytes, Ordering::SeqCst);
    }

    /// Takes a planned cut back; says whether there was one.
    pub(crate) fn take_back(&self) -> bool {
        self.0.swap(NEVER, Ordering::SeqCst) != NEVER
    }

    /// Counts bytes that pass.
    pub(crate) fn spend(&self, bytes: usize) -> Spent {
        let bytes = bytes as u64;
        let before = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
                NEVER => None,
                left if left <= bytes => Some(NEVER),
                left => Some(left - bytes),
            });
        match before {
            Ok(left) if left <= bytes => Spent::UpTo(left),
            _ => Spent::All,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_strikes_once_at_its_byte() {
        let budget = Budget::new(Some(10));
        assert_eq!(budget.spend(9), Spent::All);
        assert_eq!(budget.spend(5), Spent::UpTo(1));
        assert_eq!(budget.spend(100), Spent::All);
        assert!(!budget.take_back());
    }

    #[test]
    fn a_cut_that_was_taken_back_never_strikes() {
        let budget = Budget::new(None);
        assert!(!budget.take_back());
        budget.plan(3);
        assert!(budget.take_back());
        assert_eq!(budget.spend(100), Spent::All);
    }
}
