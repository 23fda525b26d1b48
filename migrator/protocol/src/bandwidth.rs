//! How much may be taken from the source each second, by the time of day.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::numbers;

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// Less than this each second is no limit that anybody means.
const LIMIT_BYTES_MIN: u64 = 1024;

/// From a time of day on, so much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    /// Minutes since midnight.
    from: u16,
    /// Bytes each second; none where there is no limit.
    limit: Option<NonZeroU64>,
}

/// A limit for each time of the day, as `20M` or `08:00,20M 18:00,off`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bandwidth(Vec<Slot>);

/// A text that says no limit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "must be a limit for each second, as \"20M\" (K, M or G, or off), or times of day with limits, as \"08:00,20M 18:00,off\""
)]
pub struct NotABandwidth;

impl Bandwidth {
    /// The limit at a time of day, in bytes each second; none where there is none.
    pub fn at(&self, minute: u16) -> Option<NonZeroU64> {
        let before = self.0.iter().rev().find(|slot| slot.from <= minute);
        // Before the first time of a day, the last one of the day before holds.
        before.or(self.0.last()).and_then(|slot| slot.limit)
    }
}

impl Bandwidth {
    /// The mean of a day, in bytes each second, where `unlimited` is what can be taken without a limit; none where nothing is
    /// known of that.
    pub fn mean(&self, unlimited: f64) -> Option<f64> {
        #[allow(clippy::cast_precision_loss)]
        let of = |minute| {
            self.at(minute)
                .map_or(unlimited, |limit| limit.get() as f64)
        };
        let mean = (0..DAY).map(of).sum::<f64>() / f64::from(DAY);
        (mean > 0.0).then_some(mean)
    }
}

impl FromStr for Bandwidth {
    type Err = NotABandwidth;

    fn from_str(text: &str) -> Result<Self, NotABandwidth> {
        if let Ok(limit) = limit(text.trim()) {
            return Ok(Self(vec![Slot { from: 0, limit }]));
        }
        let slot = |word: &str| {
            let (time, said) = word.split_once(',')?;
            Some(Slot {
                from: minute(time)?,
                limit: limit(said).ok()?,
            })
        };
        let slots: Option<Vec<Slot>> = text.split_whitespace().map(slot).collect();
        let mut slots = slots.ok_or(NotABandwidth)?;
        slots.sort_unstable_by_key(|slot| slot.from);
        let are_apart = slots.windows(2).all(|pair| pair[0].from < pair[1].from);
        if slots.is_empty() || !are_apart {
            return Err(NotABandwidth);
        }
        Ok(Self(slots))
    }
}

/// A limit, or none at all.
fn limit(text: &str) -> Result<Option<NonZeroU64>, NotABandwidth> {
    if text == "off" {
        return Ok(None);
    }
    let bytes = bytes(text).and_then(NonZeroU64::new);
    bytes.map(Some).ok_or(NotABandwidth)
}

/// A number with K, M or G behind it, in bytes.
fn bytes(text: &str) -> Option<u64> {
    let unit = match text.chars().last()? {
        'k' | 'K' => 1 << 10,
        'm' | 'M' => 1 << 20,
        'g' | 'G' => 1 << 30,
        _ => return None,
    };
    let number: u64 = text.get(..text.len() - 1)?.parse().ok()?;
    let bytes = number.checked_mul(unit)?;
    (bytes >= LIMIT_BYTES_MIN).then_some(bytes)
}

/// Minutes since midnight of `HH:MM`.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two_digits = |text: &str| {
        let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<u16>().ok()).flatten()
    };
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute < DAY).then_some(minute)
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = |limit: Option<NonZeroU64>| {
            limit.map_or_else(
                || "off".to_owned(),
                |limit| format!("{}K", limit.get() >> 10),
            )
        };
        if let [Slot { from: 0, limit }] = self.0[..] {
            return formatter.write_str(&written(limit));
        }
        let slots = self.0.iter().map(|slot| {
            let (hours, minutes) = (slot.from / 60, slot.from % 60);
            format!("{hours:02}:{minutes:02},{}", written(slot.limit))
        });
        formatter.write_str(&slots.collect::<Vec<_>>().join(" "))
    }
}

impl From<Bandwidth> for String {
    fn from(bandwidth: Bandwidth) -> Self {
        bandwidth.to_string()
    }
}

impl TryFrom<String> for Bandwidth {
    type Error = NotABandwidth;

    fn try_from(text: String) -> Result<Self, NotABandwidth> {
        text.parse()
    }
}

/// A limit, in words.
pub fn limit_in_words(limit: NonZeroU64) -> String {
    format!("at most {}/s", numbers::bytes(limit.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, minute: u16) -> Option<u64> {
        let bandwidth: Bandwidth = text.parse().expect(text);
        let again: Bandwidth = bandwidth.to_string().parse().expect("what it writes");
        assert_eq!(again, bandwidth);
        bandwidth.at(minute).map(NonZeroU64::get)
    }

    #[test]
    fn a_limit_holds_always_or_from_a_time_of_day_to_the_next() {
        assert_eq!(at("20M", 0), Some(20 << 20));
        assert_eq!(at("off", 700), None);
        let day = "18:00,off 08:00,20M";
        for (minute, limit) in [
            (0, None),
            (8 * 60 - 1, None),
            (8 * 60, Some(20 << 20)),
            (18 * 60 - 1, Some(20 << 20)),
            (18 * 60, None),
            (DAY - 1, None),
        ] {
            assert_eq!(at(day, minute), limit, "{minute}");
        }
        let half: Bandwidth = "00:00,20M 12:00,off".parse().expect("a limit");
        let mean = half.mean(f64::from(40 << 20)).expect("a mean");
        assert!((mean - f64::from(30 << 20)).abs() < 1.0, "{mean}");
        // One time alone holds for the whole day.
        assert_eq!(at("08:00,1g", 0), Some(1 << 30));
        assert_eq!(at("08:00,512k 18:00,1G", 0), Some(1 << 30));
    }

    #[test]
    fn what_says_no_limit_is_refused() {
        for text in [
            "",
            " ",
            "20",
            "20 M",
            "M",
            "-1M",
            "0M",
            "1B",
            "off,20M",
            "8:00,20M",
            "24:00,20M",
            "08:60,20M",
            "08:00",
            "08:00,20M 08:00,off",
            "08:00,20M 20M",
            "99999999999999999999G",
            "08:00,20Mé",
            "20é",
            "Mon-08:00,20M",
        ] {
            assert_eq!(text.parse::<Bandwidth>(), Err(NotABandwidth), "{text}");
        }
    }
}
