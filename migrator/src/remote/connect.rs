//! Reaching the destination, checking its host key, and logging in; all on the session thread.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use ssh2::{MethodType, Session};

use super::authenticate::{authenticate, disconnected};
use super::command::RemoteCommand;
use super::connection::{Connection, is_fatal};
use super::error::{RemoteError, ShownKey};
use super::known_hosts::{self, HostKeyState, KnownHosts, Position, host_name_in_files};
use super::offer;
use super::options::{ConnectOptions, timed_out};

/// What libssh2 says where no common algorithm was found: key exchange failure, or no method.
const NO_COMMON_ALGORITHM: [i32; 3] = [-5, -8, -17];

/// The time-out code of libssh2.
const TIMED_OUT: i32 = -9;

/// What is known of a server after logging in.
pub(super) struct Greeting {
    pub(super) host_key_fingerprint: String,
    pub(super) server_banner: String,
}

/// Connects, refuses a host key that is not known, and logs in.
pub(super) fn connect(options: &ConnectOptions) -> Result<(Connection, Greeting), RemoteError> {
    let known_hosts = KnownHosts::read(&options.known_hosts)?;
    let timeout = Duration::from_secs(options.connect_timeout_seconds.max(1));
    let (stream, address) = reach(options, Instant::now() + timeout)?;
    let socket = stream
        .try_clone()
        .map_err(|error| unreachable(options, &error))?;
    let mut session = Session::new().map_err(|error| handshake(options, &error))?;
    session.set_timeout(u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX));
    prefer_known_types(
        &session,
        &known_hosts.key_types(&options.host, options.port),
    );
    session.set_tcp_stream(stream);
    session.handshake().map_err(|error| match error.code() {
        ssh2::ErrorCode::Session(TIMED_OUT) => timed_out(options, "shaking hands"),
        ssh2::ErrorCode::Session(code) if NO_COMMON_ALGORITHM.contains(&code) => {
            offer::find_mismatch(&session, address, timeout)
                .unwrap_or_else(|| handshake(options, &error))
        }
        _ => handshake(options, &error),
    })?;
    let host_key_fingerprint = check_host_key(options, &known_hosts, &session)?;
    authenticate(options, &session, &socket)?;
    let server_banner = session
        .banner_bytes()
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let idle = session.channel_session().map_err(|error| {
        if is_fatal(&error) {
            disconnected(options, &error)
        } else {
            RemoteError::RequestRefused {
                what: "open a channel",
                cause: error.message().to_owned(),
            }
        }
    })?;
    session.set_blocking(false);
    let connection = Connection {
        session,
        socket,
        idle,
        host: options.host.clone(),
        keepalive_seconds: u32::try_from(options.keepalive_seconds.max(1)).unwrap_or(u32::MAX),
        answer_timeout: timeout,
    };
    connection.keep_alive();
    Ok((
        connection,
        Greeting {
            host_key_fingerprint,
            server_banner: server_banner.unwrap_or_default(),
        },
    ))
}

fn reach(
    options: &ConnectOptions,
    deadline: Instant,
) -> Result<(TcpStream, SocketAddr), RemoteError> {
    let addresses = (options.host.as_str(), options.port)
        .to_socket_addrs()
        .map_err(|error| RemoteError::NameNotResolved {
            host: options.host.clone(),
            cause: error.to_string(),
        })?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(timed_out(options, "reaching the server"));
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => {
                stream
                    .set_nodelay(true)
                    .map_err(|error| unreachable(options, &error))?;
                return Ok((stream, address));
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                return Err(timed_out(options, "reaching the server"));
            }
            Err(error) => last = error,
        }
    }
    Err(unreachable(options, &last))
}

/// Asks for the types of host key that are known before others, so that a host which has several keys shows one
/// that can be compared.
fn prefer_known_types(session: &Session, known: &[String]) {
    let Ok(mut supported) = session.supported_algs(MethodType::HostKey) else {
        return;
    };
    // Host certificates cannot be checked here, so they are not asked for.
    supported.retain(|name| !name.contains("-cert-"));
    supported.sort_by_key(|name| {
        let key_type = if name.starts_with("rsa-sha2-") {
            "ssh-rsa"
        } else {
            name
        };
        known
            .iter()
            .position(|known| known == key_type)
            .unwrap_or(known.len())
    });
    // Where the library takes no preference, the check of the key itself still stands.
    let _ = session.method_pref(MethodType::HostKey, &supported.join(","));
}

fn check_host_key(
    options: &ConnectOptions,
    known_hosts: &KnownHosts,
    session: &Session,
) -> Result<String, RemoteError> {
    let Some((bytes, _)) = session.host_key() else {
        return Err(RemoteError::Handshake {
            host: options.host.clone(),
            cause: "the server showed no host key".into(),
        });
    };
    let key = Box::new(ShownKey {
        host: host_name_in_files(&options.host, options.port),
        algorithm: known_hosts::algorithm(bytes),
        fingerprint: known_hosts::fingerprint(bytes),
    });
    let line = || known_hosts::line_to_add(&options.host, options.port, bytes).into();
    let at = |position: &Position| position.to_string().into();
    Err(
        match known_hosts.check(&options.host, options.port, bytes) {
            HostKeyState::Match => return Ok(key.fingerprint),
            HostKeyState::Unknown => RemoteError::HostKeyUnknown {
                key,
                line: line(),
                skipped: known_hosts
                    .malformed()
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
            },
            HostKeyState::Changed { known_at } => {
                // Quoted by the same function as commands, because a person will paste it into a shell.
                let remove = RemoteCommand::new("ssh-keygen")
                    .argument("-f")
                    .argument(&known_at.path)
                    .arguments(["-R", &key.host]);
                RemoteError::HostKeyChanged {
                    key,
                    known_at: at(&known_at),
                    remove: remove.to_string().into(),
                }
            }
            HostKeyState::Revoked { revoked_at } => RemoteError::HostKeyRevoked {
                key,
                revoked_at: at(&revoked_at),
            },
            HostKeyState::OnlyCertificateAuthority { authority_at } => {
                RemoteError::HostKeyOnlyCertificateAuthority {
                    key,
                    authority_at: at(&authority_at),
                    line: line(),
                }
            }
        },
    )
}

fn unreachable(options: &ConnectOptions, error: &io::Error) -> RemoteError {
    RemoteError::Unreachable {
        host: options.host.clone(),
        port: options.port,
        cause: error.to_string(),
    }
}

fn handshake(options: &ConnectOptions, error: &ssh2::Error) -> RemoteError {
    RemoteError::Handshake {
        host: options.host.clone(),
        cause: error.message().to_owned(),
    }
}
