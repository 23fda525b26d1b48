//! Numbers as people read them.

pub(crate) use protocol::numbers::{bytes, count, milliseconds_between, things};
use protocol::{Count, Counts};

/// A moment, to the second.
pub(crate) fn moment(milliseconds: i64) -> String {
    jiff::Timestamp::from_millisecond(milliseconds).map_or_else(
        |_| "an unknown time".to_owned(),
        |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}

/// A span of time.
pub(crate) fn span(milliseconds: u64) -> String {
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100),
        60_000..3_600_000 => format!(
            "{} min {} s",
            milliseconds / 60_000,
            milliseconds / 1000 % 60
        ),
        _ => format!(
            "{} h {} min",
            milliseconds / 3_600_000,
            milliseconds / 60_000 % 60
        ),
    }
}

/// One count of a task.
pub(crate) fn count_of(counts: &Counts, what: Count) -> u64 {
    counts.get(&what).copied().unwrap_or(0)
}

/// What a pass did, in one line.
pub(crate) fn pass(counts: &Counts) -> String {
    let mut parts = vec![
        format!(
            "{} copied ({})",
            things(count_of(counts, Count::FilesCopied), "file"),
            bytes(count_of(counts, Count::BytesCopied))
        ),
        format!(
            "{} unchanged",
            count(count_of(counts, Count::FilesUnchanged))
        ),
    ];
    for (what, word) in [
        (Count::FilesRemoved, "removed"),
        (Count::SetAside, "set aside"),
        (Count::FilesDeferred, "left to the next pass"),
    ] {
        if count_of(counts, what) > 0 {
            parts.push(format!("{} {word}", count(count_of(counts, what))));
        }
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(span(59_900), "59.9 s");
        assert_eq!(span(3_600_000), "1 h 0 min");
    }
}
