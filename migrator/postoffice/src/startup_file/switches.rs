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

/// What becomes of a switch in the startup file of the Linux agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLinux {
    /// It means the same there.
    Same,
    /// It means nothing there, or must not stand in the file: it is left out, for this reason.
    LeftOut(&'static str),
    /// It is kept, and a person must know this about it.
    Told(&'static str),
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
    /// What becomes of it on Linux.
    pub on_linux: OnLinux,
}

/// Where the agents for message transfer meet.  `mtpinipaddr` and `mtpinport` are read, `mtpoutport` is recalled.
pub(super) const MESSAGE_TRANSFER: &[&str] = &["mtpinipaddr", "mtpinport", "mtpoutport"];

const fn read(name: &'static str, value_kind: ValueKind) -> KnownSwitch {
    KnownSwitch {
        name,
        value_kind,
        evidence: Evidence::Read,
        on_linux: OnLinux::Same,
    }
}

const fn recalled(name: &'static str, value_kind: ValueKind) -> KnownSwitch {
    KnownSwitch {
        name,
        value_kind,
        evidence: Evidence::Recalled,
        on_linux: OnLinux::Same,
    }
}

impl KnownSwitch {
    const fn on_linux(mut self, on_linux: OnLinux) -> Self {
        self.on_linux = on_linux;
        self
    }
}

/// gwpoa(1) of GroupWise 8 and 2014: "it cannot be placed in the startup file".
const COMMAND_LINE_ALONE: OnLinux =
    OnLinux::LeftOut("it is for the command line alone, and the Linux agent takes it from no file");

/// The agent of NetWare and Windows logs in at the server of a post office that is elsewhere (recalled).
const REMOTE_LOGIN: OnLinux = OnLinux::LeftOut(
    "it is a login of the agent at the old server; the Linux agent has its post office on its own disk",
);

const SWITCHES: &[KnownSwitch] = &[
    read("home", ValueKind::Path),
    read("show", ValueKind::Plain).on_linux(COMMAND_LINE_ALONE),
    read("help", ValueKind::Plain).on_linux(COMMAND_LINE_ALONE),
    // A support document: the agent of NetWare and Windows then shows which access to a file fails.
    read("rights", ValueKind::Plain).on_linux(OnLinux::LeftOut(
        "it is a diagnosis of rights by the agents of NetWare and Windows",
    )),
    // The help of the agent's own web console, "Read Configuration from Database".
    read("noconfig", ValueKind::Plain).on_linux(OnLinux::Told(
        "the agent takes nothing from the administration's database, so what is changed there for the new server (address, ports, \
         certificates) has no effect",
    )),
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
    recalled("user", ValueKind::Plain).on_linux(REMOTE_LOGIN),
    recalled("password", ValueKind::Secret).on_linux(REMOTE_LOGIN),
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
        None if is_secret_name(name) => ValueKind::Secret,
        Some(kind @ (ValueKind::Path | ValueKind::Address | ValueKind::Secret)) => kind,
        Some(ValueKind::Plain) | None if is_address(value) => ValueKind::Address,
        Some(ValueKind::Plain) | None if is_path(value) => ValueKind::Path,
        _ => ValueKind::Plain,
    }
}

/// Whether a switch that is not known sounds like one with a password.
fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["pass", "pwd"].iter().any(|part| name.contains(part))
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
