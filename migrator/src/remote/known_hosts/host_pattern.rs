//! The first field of a known-hosts line: which hosts it is about.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

/// The hosts that a line is about.
#[derive(Debug, Clone)]
pub(super) enum HostPatterns {
    /// Names and wildcards, each perhaps negated.
    Plain(Vec<Pattern>),
    /// One name, hidden behind a salt.
    Hashed { salt: Vec<u8>, digest: Vec<u8> },
}

/// One name or wildcard of a list.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    negated: bool,
    text: Vec<u8>,
}

impl HostPatterns {
    /// Reads the field, or `None` where it is malformed.
    pub(super) fn parse(field: &str) -> Option<Self> {
        if let Some(hashed) = field.strip_prefix("|1|") {
            let (salt, digest) = hashed.split_once('|')?;
            let (salt, digest) = (STANDARD.decode(salt).ok()?, STANDARD.decode(digest).ok()?);
            return (!salt.is_empty() && digest.len() == 20)
                .then_some(Self::Hashed { salt, digest });
        }
        if field.starts_with('|') {
            return None;
        }
        let patterns: Vec<Pattern> = field
            .split(',')
            .map(|item| {
                let (negated, text) = item
                    .strip_prefix('!')
                    .map_or((false, item), |text| (true, text));
                Pattern {
                    negated,
                    text: text.to_ascii_lowercase().into_bytes(),
                }
            })
            .collect();
        patterns
            .iter()
            .all(|pattern| !pattern.text.is_empty())
            .then_some(Self::Plain(patterns))
    }

    /// Whether the line is about this host, named as known-hosts files name it, in lower case.
    pub(super) fn matches(&self, host: &str) -> bool {
        match self {
            Self::Plain(patterns) => {
                let mut found = false;
                for pattern in patterns
                    .iter()
                    .filter(|pattern| is_wildcard_match(&pattern.text, host.as_bytes()))
                {
                    if pattern.negated {
                        return false;
                    }
                    found = true;
                }
                found
            }
            Self::Hashed { salt, digest } => Hmac::<Sha1>::new_from_slice(salt).is_ok_and(|mac| {
                mac.chain_update(host.as_bytes())
                    .verify_slice(digest)
                    .is_ok()
            }),
        }
    }
}

/// `*` stands for any bytes, `?` for one; linear in the text for each star, so that no pattern can stall.
fn is_wildcard_match(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while from < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[from] => {
                at += 1;
                from += 1;
            }
            _ => {
                // Let the last star take one byte more.
                let Some((star_at, star_from)) = star else {
                    return false;
                };
                star = Some((star_at, star_from + 1));
                at = star_at + 1;
                from = star_from + 1;
            }
        }
    }
    pattern[at..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        let table = [
            ("gw1", "gw1", true),
            ("gw1", "gw10", false),
            ("gw?", "gw1", true),
            ("gw?", "gw", false),
            ("*", "anything", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("10.0.*.1", "10.0.7.1", true),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
            ("[gw1]:2222", "[gw1]:2222", true),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(
                is_wildcard_match(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn a_negated_pattern_wins_wherever_it_stands() {
        let patterns = HostPatterns::parse("*.example.com,!bad.example.com").expect("patterns");
        assert!(patterns.matches("good.example.com"));
        assert!(!patterns.matches("bad.example.com"));
        assert!(
            !HostPatterns::parse("!bad.example.com")
                .expect("patterns")
                .matches("other")
        );
    }

    #[test]
    fn malformed_fields_are_refused() {
        for field in ["a,,b", "|1|x", "|1|AAAA|BBBB", "|2|AAAA|BBBB", "!", "|1||"] {
            assert!(HostPatterns::parse(field).is_none(), "{field}");
        }
    }
}
