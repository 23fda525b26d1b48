//! A link between two servers of a rehearsal, and what disturbs it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Conditions, Passage, Proxy};

/// What happens to a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disturbance {
    /// The connection that carries the last of so many more bytes is closed, once.
    Cut(u64),
    /// The same with a reset, as when a machine was started anew.
    Reset(u64),
    /// Nothing passes for so many seconds, and nobody is told.
    Silent(u64),
    /// Each byte is under way for so many milliseconds, one way.
    Latency(u64),
    /// So many bytes a second pass each link, all connections together.
    Throttle(u64),
}

impl Disturbance {
    /// What is written before the number, and the number.
    fn parts(self) -> (&'static str, u64) {
        match self {
            Self::Cut(bytes) => ("cut", bytes),
            Self::Reset(bytes) => ("reset", bytes),
            Self::Silent(seconds) => ("silent", seconds),
            Self::Latency(milliseconds) => ("latency", milliseconds),
            Self::Throttle(bytes) => ("throttle", bytes),
        }
    }

    /// The one of a name, where there is one.
    pub fn named(name: &str, number: NonZeroU64) -> Option<Self> {
        let value = number.get();
        match name {
            "cut" => Some(Self::Cut(value)),
            "reset" => Some(Self::Reset(value)),
            "silent" => Some(Self::Silent(value)),
            "latency" => Some(Self::Latency(value)),
            "throttle" => Some(Self::Throttle(value)),
            _ => None,
        }
    }
}

impl fmt::Display for Disturbance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, number) = self.parts();
        write!(formatter, "{name}={number}")
    }
}

/// A link between two servers: a proxy, and the disturbance that is in force.
#[derive(Debug, Clone)]
pub struct Link {
    proxy: Arc<Proxy>,
    in_force: Arc<Mutex<InForce>>,
}

#[derive(Debug, Default)]
struct InForce {
    /// How many there were; tells one that has been lifted from the one that followed.
    number: u64,
    disturbance: Option<Disturbance>,
    /// How many bytes had passed when it began.
    bytes_before: u64,
}

impl Link {
    /// A link from a new port at an address of this machine.
    ///
    /// # Errors
    /// What listening says.
    pub fn start(listen: SocketAddr, target: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            proxy: Arc::new(Proxy::start(listen, target)?),
            in_force: Arc::default(),
        })
    }

    /// Where it begins.
    pub fn address(&self) -> SocketAddr {
        self.proxy.address()
    }

    /// Disturbs it, from now until [`Link::calm`].
    pub fn disturb(&self, disturbance: Disturbance) {
        let mut in_force = self.in_force();
        in_force.number += 1;
        in_force.disturbance = Some(disturbance);
        in_force.bytes_before = self.proxy.bytes();
        let mut conditions = Conditions::default();
        match disturbance {
            Disturbance::Cut(bytes) => self.proxy.cut_after_bytes(bytes),
            Disturbance::Reset(bytes) => self.proxy.reset_after_bytes(bytes),
            Disturbance::Silent(seconds) => {
                conditions.passage = Passage::BlackHole;
                self.open_after(Duration::from_secs(seconds), in_force.number);
            }
            Disturbance::Latency(milliseconds) => conditions.latency_milliseconds = milliseconds,
            Disturbance::Throttle(bytes) => conditions.bytes_per_second = NonZeroU64::new(bytes),
        }
        self.proxy.set(conditions);
    }

    /// Ends the disturbance; says whether it struck, as far as that can be seen from here: a cut did where it was made, what
    /// makes bytes late or slow where any passed.  Of a silence nothing is seen.
    pub fn calm(&self) -> bool {
        let mut in_force = self.in_force();
        in_force.number += 1;
        self.proxy.set(Conditions::default());
        match in_force.disturbance.take() {
            None | Some(Disturbance::Silent(_)) => true,
            Some(Disturbance::Cut(_) | Disturbance::Reset(_)) => !self.proxy.take_back_cut(),
            Some(Disturbance::Latency(_) | Disturbance::Throttle(_)) => {
                self.proxy.bytes() > in_force.bytes_before
            }
        }
    }

    /// The server at its end goes away: connections end, and new ones are refused.
    pub fn close(&self) {
        self.proxy.set(Conditions {
            passage: Passage::Refuse,
            ..Conditions::default()
        });
        self.proxy.reset_connections();
    }

    /// It is there again.
    pub fn open(&self) {
        self.proxy.set(Conditions::default());
    }

    fn open_after(&self, silence: Duration, number: u64) {
        let link = self.clone();
        std::thread::spawn(move || {
            std::thread::sleep(silence);
            if link.in_force().number == number {
                link.open();
            }
        });
    }

    fn in_force(&self) -> MutexGuard<'_, InForce> {
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A network of a rehearsal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// Between the controller and the destination.
    Link,
    /// Between the destination and the file server of the source.
    Share,
}

/// Both networks of a rehearsal between servers.
#[derive(Debug)]
pub struct Networks {
    /// Between the controller and the destination.
    pub link: Link,
    /// Between the destination and the file server of the source.
    pub share: Link,
}

impl Networks {
    /// Disturbs one of them, until [`Networks::calm`].
    pub fn disturb(&self, network: Network, disturbance: Disturbance) {
        let link = match network {
            Network::Link => &self.link,
            Network::Share => &self.share,
        };
        link.disturb(disturbance);
    }

    /// Ends all disturbances; says whether they struck, as [`Link::calm`] does.
    pub fn calm(&self) -> bool {
        let (of_link, of_share) = (self.link.calm(), self.share.calm());
        of_link && of_share
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::time::Instant;

    use super::*;

    fn echo() -> Link {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("listens");
        let target = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let mut byte = [0];
                while stream.read(&mut byte).is_ok_and(|read| read > 0) {
                    if stream.write_all(&byte).is_err() {
                        break;
                    }
                }
            }
        });
        Link::start(SocketAddr::from(([127, 0, 0, 1], 0)), target).expect("a link")
    }

    fn ask(link: &Link) -> io::Result<u8> {
        let mut stream = TcpStream::connect(link.address())?;
        stream.write_all(&[7])?;
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    #[test]
    fn a_disturbance_that_nobody_met_did_not_strike() {
        let link = echo();
        for disturbance in [
            Disturbance::Cut(1),
            Disturbance::Reset(1),
            Disturbance::Latency(1),
            Disturbance::Throttle(1000),
        ] {
            link.disturb(disturbance);
            assert!(!link.calm(), "{disturbance}");
            link.disturb(disturbance);
            let _ = ask(&link);
            assert!(link.calm(), "{disturbance}");
            assert_eq!(ask(&link).expect("calm again"), 7, "{disturbance}");
        }
    }

    #[test]
    fn a_reset_is_seen_as_one() {
        let link = echo();
        link.disturb(Disturbance::Reset(1));
        let error = ask(&link).expect_err("reset");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert!(link.calm());
    }

    #[test]
    fn a_silence_ends_by_itself_and_not_one_that_followed() {
        let link = echo();
        let began = Instant::now();
        link.disturb(Disturbance::Silent(1));
        assert_eq!(ask(&link).expect("in the end"), 7);
        assert!(began.elapsed() >= Duration::from_millis(900));
        link.disturb(Disturbance::Silent(1));
        assert!(link.calm());
        let began = Instant::now();
        link.disturb(Disturbance::Silent(2));
        assert_eq!(ask(&link).expect("in the end"), 7);
        assert!(began.elapsed() >= Duration::from_millis(1900));
    }
}
