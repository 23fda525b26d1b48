//! What the startup file says.

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::str::FromStr;

use postoffice::startup_file::{Introducer, StartupFile};

use super::serve;
use crate::error::SimulatorError;
use crate::imap::{Encryption, TlsIdentity};

/// The port of the status page where the startup file names none.
const HTTP_PORT: u16 = 7181;

/// The port of the clients where the startup file names none.
const CLIENT_PORT: u16 = 1677;

/// The port of IMAP where the startup file names none.
const IMAP_PORT: u16 = 143;

/// The port of encrypted IMAP where the startup file names none.
const IMAP_TLS_PORT: u16 = 993;

/// What the startup file says.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) home: PathBuf,
    pub(super) http_port: u16,
    pub(super) client_port: u16,
    pub(super) log: Option<PathBuf>,
    /// What the status page is encrypted with; `None` where it is not.
    pub(super) http_identity: Option<TlsIdentity>,
    /// How mailboxes are served; `None` where they are not.
    pub(super) imap: Option<ImapSettings>,
    ip: IpAddr,
}

/// How mailboxes are served.
#[derive(Debug)]
pub(super) struct ImapSettings {
    /// Whether they can be encrypted on their way to a client.
    pub(super) encryption: Encryption,
    port: u16,
    /// The port of connections that are encrypted from the start.
    tls_port: Option<u16>,
}

impl Settings {
    pub(super) fn from(startup: &StartupFile) -> Result<Self, SimulatorError> {
        let home = path(startup, "home").ok_or_else(|| SimulatorError::Start {
            text: "There is no --home switch; switches are lower case and begin with two dashes on Linux".into(),
        })?;
        Ok(Self {
            home,
            ip: parsed(startup, "ip")?.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            http_port: parsed(startup, "httpport")?.unwrap_or(HTTP_PORT),
            client_port: parsed(startup, "port")?.unwrap_or(CLIENT_PORT),
            log: path(startup, "log"),
            http_identity: http_identity(startup)?,
            imap: imap(startup)?,
        })
    }

    pub(super) fn listen(&self, port: u16) -> Result<TcpListener, SimulatorError> {
        serve::listen(self.ip, port)
    }

    /// The listeners for IMAP, each with whether it is encrypted from the start; none where it is not enabled.
    pub(super) fn imap_listeners(&self) -> Result<Vec<(bool, TcpListener)>, SimulatorError> {
        let Some(imap) = &self.imap else {
            return Ok(Vec::new());
        };
        let mut listeners = vec![(false, self.listen(imap.port)?)];
        if let Some(port) = imap.tls_port {
            listeners.push((true, self.listen(port)?));
        }
        Ok(listeners)
    }
}

/// How a protocol is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Disabled,
    Enabled,
    Required,
}

/// The state that a switch gives, `None` where there is none; a switch without a value enables.
fn state(startup: &StartupFile, name: &str) -> Result<Option<State>, SimulatorError> {
    let Some(value) = value(startup, name) else {
        return Ok(None);
    };
    match value.to_ascii_lowercase().as_slice() {
        b"" | b"enabled" => Ok(Some(State::Enabled)),
        b"required" => Ok(Some(State::Required)),
        b"disabled" => Ok(Some(State::Disabled)),
        _ => Err(unusable(name)),
    }
}

fn imap(startup: &StartupFile) -> Result<Option<ImapSettings>, SimulatorError> {
    if matches!(state(startup, "imap")?, None | Some(State::Disabled)) {
        return Ok(None);
    }
    let encrypted = state(startup, "imapssl")?;
    let has_port = matches!(encrypted, Some(State::Enabled | State::Required));
    let tls_port = parsed(startup, "imapsslport")?.unwrap_or(IMAP_TLS_PORT);
    Ok(Some(ImapSettings {
        encryption: encryption(startup, encrypted)?,
        port: parsed(startup, "imapport")?.unwrap_or(IMAP_PORT),
        tls_port: has_port.then_some(tls_port),
    }))
}

/// Offered where there is a certificate with its key, unless it is disabled.
fn encryption(startup: &StartupFile, state: Option<State>) -> Result<Encryption, SimulatorError> {
    if state == Some(State::Disabled) {
        return Ok(Encryption::None);
    }
    Ok(match (state, identity(startup)?) {
        (None, None) => Encryption::None,
        (Some(_), None) => return Err(needs_certificate("imapssl")),
        (Some(State::Required), Some(identity)) => Encryption::Required(identity),
        (_, Some(identity)) => Encryption::Offered(identity),
    })
}

/// What the status page is encrypted with, where that is enabled.
fn http_identity(startup: &StartupFile) -> Result<Option<TlsIdentity>, SimulatorError> {
    match state(startup, "httpssl")? {
        None | Some(State::Disabled) => Ok(None),
        Some(_) => match identity(startup)? {
            None => Err(needs_certificate("httpssl")),
            identity => Ok(identity),
        },
    }
}

/// The certificate and its key, where both are named.
fn identity(startup: &StartupFile) -> Result<Option<TlsIdentity>, SimulatorError> {
    let Some((certificate, key)) = path(startup, "certfile").zip(path(startup, "keyfile")) else {
        return Ok(None);
    };
    let passphrase = value(startup, "keypasswd");
    TlsIdentity::read(&certificate, &key, passphrase.as_deref()).map(Some)
}

fn needs_certificate(switch: &str) -> SimulatorError {
    SimulatorError::Start {
        text: format!("--{switch} needs --certfile and --keyfile"),
    }
}

fn path(startup: &StartupFile, name: &str) -> Option<PathBuf> {
    let bytes = value(startup, name).filter(|bytes| !bytes.is_empty())?;
    Some(PathBuf::from(OsStr::from_bytes(&bytes)))
}

/// The value of a switch, found as on Linux: in lower case, with dashes; empty where it has none.
fn value(startup: &StartupFile, name: &str) -> Option<Vec<u8>> {
    let switches = startup.switches();
    let found = switches
        .filter(|switch| switch.name == name && switch.introducer != Introducer::Slash)
        .last()?;
    Some(found.value.unwrap_or_default())
}

fn parsed<T: FromStr>(startup: &StartupFile, name: &str) -> Result<Option<T>, SimulatorError> {
    match value(startup, name) {
        Some(bytes) if !bytes.is_empty() => {
            let text = String::from_utf8_lossy(&bytes);
            text.parse().map(Some).map_err(|_| unusable(name))
        }
        _ => Ok(None),
    }
}

fn unusable(name: &str) -> SimulatorError {
    SimulatorError::Start {
        text: format!("--{name} has a value that it cannot have"),
    }
}
