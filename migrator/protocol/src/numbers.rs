//! Numbers as people read them.

/// A count with commas between the thousands.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count of things, whose name is that of one of them: `1 file`, `2,000 files`.
pub fn things(number: u64, name: &str) -> String {
    if number == 1 {
        return format!("1 {name}");
    }
    let name = match name.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{name}s"),
    };
    format!("{} {name}", count(number))
}

/// Milliseconds from one moment to another, both since 1970; none where the clock went back.
pub fn milliseconds_between(earlier: i64, later: i64) -> u64 {
    u64::try_from(later.saturating_sub(earlier)).unwrap_or(0)
}

/// Bytes in the largest unit that leaves at least one before the point.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if number < 1024 {
        return format!("{number} bytes");
    }
    let mut unit = 0;
    let mut whole = number;
    while whole >= 1024 * 1024 && unit + 1 < UNITS.len() {
        whole /= 1024;
        unit += 1;
    }
    format!(
        "{}.{} {}",
        whole / 1024,
        whole % 1024 * 10 / 1024,
        UNITS[unit]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_bytes_read_well() {
        assert_eq!(things(1, "file"), "1 file");
        assert_eq!(things(0, "file"), "0 files");
        assert_eq!(things(2_000, "entry"), "2,000 entries");
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(bytes(1023), "1023 bytes");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(3_758_096_384), "3.5 GiB");
    }
}
