//! The switches that the converter knows, and how sure it is of each.

/// What the value of a switch names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// A file or folder of the server.
    Path,
    /// An address of the server or of another one.
    Address,
    /// A password.
    Secret,
    /// Anything else.
    Plain,
}

/// Where the knowledge about a switch comes from (post-office-layout.md 4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// Read in a manual or a support document.
    Read,
    /// Recalled, and confirmed by no source that was read.
    Recalled,
}

/// A switch of the Post Office Agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownSwitch {
    /// Its name, in lower case.
    pub name: &'static str,
    /// What its value names.
    pub value_kind: ValueKind,
    /// How sure that is.
    pub evidence: Evidence,
}

/// Where the agents for message transfer meet.  `mtpinipaddr` and `mtpinport` are read, `mtpoutport` is recalled.
pub(super) const MESSAGE_TRANSFER: &[&str] = &["mtpinipaddr", "mtpinport", "mtpoutport"];

const fn read(name: &'static str, value_kind: ValueKind) -> KnownSwitch {
    KnownSwitch {
        name,
        value_kind,
        evidence: Evidence::Read,
    }
}

const fn recalled(name: &'static str, value_kind: ValueKind) -> KnownSwitch {
    KnownSwitch {
        name,
        value_kind,
        evidence: Evidence::Recalled,
    }
}

const SWITCHES: &[KnownSwitch] = &[
    read("home", ValueKind::Path),
    read("show", ValueKind::Plain),
    read("help", ValueKind::Plain),
    read("rights", ValueKind::Plain),
    read("httpport", ValueKind::Plain),
    read("httpuser", ValueKind::Plain),
    read("httppassword", ValueKind::Secret),
    read("httpssl", ValueKind::Plain),
    read("httprefresh", ValueKind::Plain),
    read("peakrefreshinterval", ValueKind::Plain),
    read("mtpinipaddr", ValueKind::Address),
    read("mtpinport", ValueKind::Plain),
    recalled("mtpoutport", ValueKind::Plain),
    recalled("ip", ValueKind::Address),
    recalled("port", ValueKind::Plain),
    recalled("log", ValueKind::Path),
    recalled("loglevel", ValueKind::Plain),
    recalled("work", ValueKind::Path),
    recalled("certfile", ValueKind::Path),
    recalled("keyfile", ValueKind::Path),
    recalled("keypasswd", ValueKind::Secret),
    recalled("keypassword", ValueKind::Secret),
    recalled("user", ValueKind::Plain),
    recalled("password", ValueKind::Secret),
    recalled("imap", ValueKind::Plain),
    recalled("imapport", ValueKind::Plain),
    recalled("imapssl", ValueKind::Plain),
    recalled("imapsslport", ValueKind::Plain),
    recalled("soap", ValueKind::Plain),
    recalled("soapport", ValueKind::Plain),
    recalled("soapssl", ValueKind::Plain),
    recalled("cluster", ValueKind::Plain),
    recalled("noqf", ValueKind::Plain),
    recalled("ldapipaddr", ValueKind::Address),
    recalled("ldapsslkey", ValueKind::Path),
    recalled("ldappwd", ValueKind::Secret),
];

/// What is known about a switch, named in any case.
pub fn known_switch(name: &str) -> Option<&'static KnownSwitch> {
    SWITCHES
        .iter()
        .find(|known| known.name.eq_ignore_ascii_case(name))
}

/// What a value names: what is known about the switch, or else what the value looks like.
pub(super) fn value_kind(name: &str, value: &[u8]) -> ValueKind {
    match known_switch(name).map(|known| known.value_kind) {
        Some(kind @ (ValueKind::Path | ValueKind::Address | ValueKind::Secret)) => kind,
        Some(ValueKind::Plain) | None if is_address(value) => ValueKind::Address,
        Some(ValueKind::Plain) | None if is_path(value) => ValueKind::Path,
        _ => ValueKind::Plain,
    }
}

/// `\\server\…`, `X:\…`, `volume:…`, `/…`, or anything with a backslash.
fn is_path(value: &[u8]) -> bool {
    let volume = value
        .iter()
        .position(|&byte| byte == b':')
        .is_some_and(|colon| colon > 0);
    value.first() == Some(&b'/') || value.contains(&b'\\') || volume
}

/// An IP address, with a port or without.
fn is_address(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else {
        return false;
    };
    text.parse::<std::net::IpAddr>().is_ok() || text.parse::<std::net::SocketAddr>().is_ok()
}
