//! Whether anybody listens at a port: asked by the controller from its machine and by the worker from the destination; and
//! whose an address is.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::time::Duration;

use crate::Answer;

/// How long a port may take to answer.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Whether anybody listens at a port, seen from the machine that this runs on.  No where it says that nobody does; neither where
/// the name does not resolve, the machine cannot be reached, or something keeps silent.  Where the name has several addresses, one that is open decides; it is refused where all are that can be
/// reached from here at all.
pub fn ask_port(address: &str, port: u16) -> Answer<()> {
    let addresses = match resolved(address, port) {
        Ok(addresses) => addresses,
        Err(why) => return Answer::CouldNotAsk(why),
    };
    let mut is_refused = false;
    let mut unknown = None;
    let mut without_route = None;
    for socket in addresses {
        match TcpStream::connect_timeout(&socket, TIMEOUT) {
            Ok(_) => return Answer::Yes(()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => is_refused = true,
            Err(error) if has_no_route(&error) => {
                without_route = Some(format!("{socket}: {error}"));
            }
            Err(error) => unknown = Some(format!("{socket}: {error}")),
        }
    }
    match unknown.or(without_route.filter(|_| !is_refused)) {
        Some(why) => Answer::CouldNotAsk(why),
        None if is_refused => Answer::No,
        None => Answer::CouldNotAsk(format!("{address} has no address")),
    }
}

/// Whether the machine that this runs on has an address itself, be it a second one of an interface: no socket takes an address of
/// another machine for its own (bind(2), `EADDRNOTAVAIL`).  Nothing is sent.
pub fn has_address(address: &str) -> Answer<()> {
    let addresses = match resolved(address, 0) {
        Ok(addresses) => addresses,
        Err(why) => return Answer::CouldNotAsk(why),
    };
    let mut unknown = None;
    for socket in addresses {
        match UdpSocket::bind(socket) {
            Ok(_) => return Answer::Yes(()),
            Err(error) if has_no_route(&error) => {}
            Err(error) => unknown = Some(format!("{}: {error}", socket.ip())),
        }
    }
    unknown.map_or(Answer::No, Answer::CouldNotAsk)
}

/// What a name stands for; why it stands for nothing.
fn resolved(address: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    match (address, port).to_socket_addrs() {
        Ok(addresses) => Ok(addresses.collect()),
        Err(error) => Err(format!("{address} does not resolve: {error}")),
    }
}

/// Whether this machine has no way to addresses of this kind, as one without IPv6.
fn has_no_route(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::Unsupported
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_refused_and_neither_are_told_apart() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
        let port = listener.local_addr().expect("bound").port();
        assert_eq!(ask_port("127.0.0.1", port), Answer::Yes(()));
        drop(listener);
        assert_eq!(ask_port("127.0.0.1", port), Answer::No);
        // A name that never exists (RFC 6761).
        let seen = ask_port("nowhere.invalid", port);
        assert!(matches!(seen, Answer::CouldNotAsk(_)), "{seen:?}");
    }

    #[test]
    fn an_address_is_of_this_machine_or_of_another_one() {
        assert_eq!(has_address("127.0.0.1"), Answer::Yes(()));
        // Nobody has one of the addresses for documentation (RFC 5737).
        assert_eq!(has_address("192.0.2.1"), Answer::No);
        let seen = has_address("nowhere.invalid");
        assert!(matches!(seen, Answer::CouldNotAsk(_)), "{seen:?}");
    }
}
