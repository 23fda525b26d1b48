//! Reference sets: which records have one key of an index (flaim-format.md 8.1, 8.2).

use super::bytes::Walk;
use super::damage::Damage;

/// The byte before the domain of an element.
const DOMAIN: u8 = 0xfc;
/// The byte before the length of a long run.
const LONG_RUN: u8 = 0xf8;

/// Reads a variable-length number (flaim-format.md 8.1).
fn read_number(walk: &mut Walk<'_>) -> Option<u32> {
    let first = walk.u8()?;
    let (high, bytes) = match first {
        0x00..=0x7f => (first, 0),
        0x80..=0xbf => (first & 0x3f, 1),
        0xc0..=0xcf => (first & 0x0f, 2),
        0xd0..=0xdf => (first & 0x0f, 3),
        0xe0..=0xef => (0, 4),
        _ => return None,
    };
    let rest = walk.take(bytes)?;
    Some(
        rest.iter()
            .fold(u32::from(high), |sum, byte| sum << 8 | u32::from(*byte)),
    )
}

/// The domain that stands at the front of an element's data, where one does.
pub(super) fn domain(data: &[u8]) -> Result<Option<u32>, Damage> {
    let mut walk = Walk::new(data);
    if walk.u8() != Some(DOMAIN) {
        return Ok(None);
    }
    read_number(&mut walk)
        .map(Some)
        .ok_or(Damage::ReferenceCode)
}

/// The references of one element, in descending order.
///
/// A run is counted down, never laid out, so a few bytes that mean millions of records cost no memory.
pub(super) struct References {
    data: Vec<u8>,
    position: usize,
    current: Option<u32>,
    run_left: u32,
    lowest_allowed: u32,
}

impl References {
    /// The references in the data of one element, of which there are at most 250 bytes.
    pub(super) fn new(data: &[u8]) -> Result<Self, Damage> {
        let mut walk = Walk::new(data);
        let mut lowest_allowed = 1;
        if let Some(domain) = domain(data)? {
            walk.u8();
            read_number(&mut walk);
            let lowest = domain.checked_mul(256).ok_or(Damage::ReferenceDomain)?;
            lowest_allowed = lowest.max(1);
        }
        Ok(Self {
            data: data.to_vec(),
            position: walk.position(),
            current: None,
            run_left: 0,
            lowest_allowed,
        })
    }

    /// The next reference; `None` behind the last.
    pub(super) fn next(&mut self) -> Result<Option<u32>, Damage> {
        let step = if self.run_left > 0 {
            self.run_left -= 1;
            1
        } else if self.current.is_some() {
            match self.read_step()? {
                Some(step) => step,
                None => return Ok(None),
            }
        } else {
            let highest = self.read(read_number).ok_or(Damage::ReferenceCode)?;
            return self.accept(highest).map(Some);
        };
        let below = self
            .current
            .and_then(|current| current.checked_sub(step))
            .filter(|_| step > 0);
        self.accept(below.ok_or(Damage::ReferenceOrder)?).map(Some)
    }

    fn accept(&mut self, reference: u32) -> Result<u32, Damage> {
        if reference == 0 {
            return Err(Damage::ReferenceOrder);
        }
        if reference < self.lowest_allowed {
            return Err(Damage::ReferenceDomain);
        }
        self.current = Some(reference);
        Ok(reference)
    }

    /// How far below the next reference lies; `None` at the end of the element.
    fn read_step(&mut self) -> Result<Option<u32>, Damage> {
        let Some(code) = self.data.get(self.position).copied() else {
            return Ok(None);
        };
        let run = match code {
            0xf0..=0xf7 => {
                self.position += 1;
                u32::from(code & 0x07) + 2
            }
            LONG_RUN => {
                self.position += 1;
                self.read(read_number)
                    .filter(|length| *length > 0)
                    .ok_or(Damage::ReferenceCode)?
            }
            _ => {
                let step = self.read(read_number).ok_or(Damage::ReferenceCode)?;
                return Ok(Some(step));
            }
        };
        self.run_left = run - 1;
        Ok(Some(1))
    }

    fn read<T>(&mut self, read: impl Fn(&mut Walk<'_>) -> Option<T>) -> Option<T> {
        let mut walk = Walk::new(self.data.get(self.position..)?);
        let value = read(&mut walk)?;
        self.position += walk.position();
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(data: &[u8]) -> Result<Vec<u32>, Damage> {
        let mut references = References::new(data)?;
        let mut numbers = Vec::new();
        while let Some(number) = references.next()? {
            numbers.push(number);
        }
        Ok(numbers)
    }

    #[test]
    fn runs_and_steps() {
        assert_eq!(all(&[0x0a]), Ok(vec![10]));
        assert_eq!(all(&[0x0a, 0x01, 0x03]), Ok(vec![10, 9, 6]));
        assert_eq!(all(&[0x0a, 0xf1, 0x02]), Ok(vec![10, 9, 8, 7, 5]));
        assert_eq!(all(&[0x0a, 0xf8, 0x04]), Ok(vec![10, 9, 8, 7, 6]));
        assert_eq!(all(&[0xfc, 0x01, 0x81, 0x01]), Ok(vec![257]));
    }

    #[test]
    fn impossible_lists_are_damage() {
        assert_eq!(all(&[]), Err(Damage::ReferenceCode));
        assert_eq!(all(&[0x00]), Err(Damage::ReferenceOrder));
        assert_eq!(all(&[0x02, 0x00]), Err(Damage::ReferenceOrder));
        assert_eq!(
            all(&[0x02, 0xf8, 0xef, 0xff, 0xff, 0xff, 0xff]),
            Err(Damage::ReferenceOrder)
        );
        assert_eq!(all(&[0xfc, 0x02, 0x05]), Err(Damage::ReferenceDomain));
        assert_eq!(all(&[0xff]), Err(Damage::ReferenceCode));
    }
}
