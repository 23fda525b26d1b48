//! Which algorithms a server offers, read from its first packet.
//!
//! The ssh library only says that no common algorithm was found.  That first packet is not encrypted, so a second
//! connection can read it and name the kind of algorithm that is missing.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use ssh2::{MethodType, Session};

use super::error::RemoteError;

/// The longest first packet that is read, in bytes; real ones have about 2 KiB.
const PACKET_BYTES_MAX: u32 = 64 * 1024;

/// The most bytes that a server may send before its version line.
const BANNER_BYTES_MAX: usize = 16 * 1024;

/// The number of the packet that lists the algorithms (RFC 4253, section 7.1).
const KEX_INIT: u8 = 20;

/// What a server offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    banner: String,
    lists: Vec<Vec<String>>,
}

/// Kinds of algorithms, their place in the packet, and what the library calls them.
const KINDS: [(&str, usize, MethodType); 4] = [
    ("key exchange method", 0, MethodType::Kex),
    ("host key type", 1, MethodType::HostKey),
    ("cipher", 2, MethodType::CryptCs),
    ("message authentication code", 4, MethodType::MacCs),
];

/// The mismatch between a server and gwmigrate, or `None` where none can be seen.
pub(super) fn find_mismatch(
    session: &Session,
    address: SocketAddr,
    timeout: Duration,
) -> Option<RemoteError> {
    let offer = read_offer(address, timeout).ok()?;
    KINDS.iter().find_map(|&(kind, place, method)| {
        let accepted: Vec<String> = session
            .supported_algs(method)
            .ok()?
            .into_iter()
            .map(str::to_owned)
            .collect();
        let offered = offer.lists.get(place)?;
        mismatch(kind, offered, &accepted, &offer.banner)
    })
}

fn mismatch(
    kind: &'static str,
    offered: &[String],
    accepted: &[String],
    banner: &str,
) -> Option<RemoteError> {
    if offered.iter().any(|name| accepted.contains(name)) {
        return None;
    }
    Some(RemoteError::AlgorithmMismatch {
        kind,
        offered: offered.join(", "),
        accepted: accepted.join(", "),
        server_banner: banner.to_owned(),
    })
}

fn read_offer(address: SocketAddr, timeout: Duration) -> io::Result<Offer> {
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    stream
        .write_all(concat!("SSH-2.0-gwmigrate_", env!("CARGO_PKG_VERSION"), "\r\n").as_bytes())?;
    parse_offer(&mut stream)
}

fn parse_offer(stream: &mut impl Read) -> io::Result<Offer> {
    let banner = read_banner(stream)?;
    let mut head = [0; 5];
    stream.read_exact(&mut head)?;
    let [a, b, c, d, padding] = head;
    let length = u32::from_be_bytes([a, b, c, d]);
    let payload_length = length
        .checked_sub(1 + u32::from(padding))
        .filter(|_| length <= PACKET_BYTES_MAX);
    let mut payload = vec![0; payload_length.ok_or_else(malformed)? as usize];
    stream.read_exact(&mut payload)?;
    // One byte of packet number and 16 of cookie stand before the lists.
    let mut rest = payload
        .get(17..)
        .filter(|_| payload[0] == KEX_INIT)
        .ok_or_else(malformed)?;
    let mut lists = Vec::new();
    for _ in 0..6 {
        let (length, after) = rest.split_first_chunk::<4>().ok_or_else(malformed)?;
        let (names, after) = after
            .split_at_checked(u32::from_be_bytes(*length) as usize)
            .ok_or_else(malformed)?;
        lists.push(
            String::from_utf8_lossy(names)
                .split(',')
                .map(str::to_owned)
                .collect(),
        );
        rest = after;
    }
    Ok(Offer { banner, lists })
}

fn read_banner(stream: &mut impl Read) -> io::Result<String> {
    let mut line = Vec::new();
    for _ in 0..BANNER_BYTES_MAX {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        match byte[0] {
            b'\n' if line.starts_with(b"SSH-") => {
                return Ok(String::from_utf8_lossy(line.trim_ascii()).into_owned());
            }
            b'\n' => line.clear(),
            byte => line.push(byte),
        }
    }
    Err(malformed())
}

fn malformed() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "not the first packet of an ssh server",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// The first words of a server that offers these lists.
    fn first_packet(lists: [&str; 6]) -> Vec<u8> {
        let mut payload = vec![KEX_INIT];
        payload.extend_from_slice(&[7; 16]);
        for list in lists {
            payload.extend_from_slice(&u32::try_from(list.len()).expect("short").to_be_bytes());
            payload.extend_from_slice(list.as_bytes());
        }
        let mut bytes = b"Welcome\r\nSSH-2.0-OpenSSH_4.2\r\n".to_vec();
        bytes.extend_from_slice(
            &u32::try_from(payload.len() + 5)
                .expect("short")
                .to_be_bytes(),
        );
        bytes.push(4);
        bytes.extend_from_slice(&payload);
        bytes.extend_from_slice(&[0; 4]);
        bytes
    }

    fn serve_once(bytes: Vec<u8>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let address = listener.local_addr().expect("address");
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("accept");
            stream.write_all(&bytes).expect("write");
            let _ = stream.read(&mut [0; 64]);
        });
        address
    }

    #[test]
    fn an_old_server_is_told_by_the_kind_that_is_missing() {
        let modern = [
            "curve25519-sha256",
            "ssh-ed25519",
            "aes256-ctr",
            "aes256-ctr",
            "hmac-sha2-256",
            "hmac-sha2-256",
        ];
        let session = Session::new().expect("session");
        for (place, old, kind) in [
            (0, "diffie-hellman-group1-sha1", "key exchange method"),
            (1, "ssh-dss", "host key type"),
            (2, "arcfour", "cipher"),
            (4, "hmac-md5-96", "message authentication code"),
        ] {
            let mut lists = modern;
            lists[place] = old;
            let address = serve_once(first_packet(lists));
            let error =
                find_mismatch(&session, address, Duration::from_secs(5)).expect("a mismatch");
            let RemoteError::AlgorithmMismatch {
                kind: found,
                offered,
                server_banner,
                ..
            } = error
            else {
                panic!("{error}");
            };
            assert_eq!(
                (found, offered.as_str(), server_banner.as_str()),
                (kind, old, "SSH-2.0-OpenSSH_4.2")
            );
        }
        let address = serve_once(first_packet(modern));
        assert_eq!(
            find_mismatch(&session, address, Duration::from_secs(5)),
            None
        );
    }

    #[test]
    fn nonsense_is_an_error_and_no_panic() {
        for bytes in [
            &b""[..],
            b"SSH-2.0-x\r\n",
            b"SSH-2.0-x\r\n\xff\xff\xff\xff\x04",
            b"SSH-2.0-x\r\n\x00\x00\x00\x01\x04",
            b"SSH-2.0-x\r\n\x00\x00\x00\x02\x00\x14",
            b"SSH-2.0-x\r\n\x00\x00\x00\x16\x00\x140123456789abcdef\xff\xff\xff\xff",
        ] {
            assert!(parse_offer(&mut &bytes[..]).is_err(), "{bytes:?}");
        }
    }
}
