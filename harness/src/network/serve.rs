//! Where a proxy listens, and the loop that accepts.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;

use super::{Conditions, Passage, Shared, relay};

/// How many connections wait to be accepted.
const BACKLOG: u32 = 128;

/// An address that is kept, whether it is listened on or not.
pub(super) struct Place {
    address: SocketAddr,
    /// Bound and never listening, so that nobody else gets the port while connections are refused.
    _kept: TcpSocket,
    listener: Option<TcpListener>,
}

impl Place {
    /// Takes the address and listens on it.
    pub(super) fn take(wanted: SocketAddr) -> io::Result<Self> {
        let kept = socket(wanted)?;
        let address = kept.local_addr()?;
        Ok(Self {
            address,
            _kept: kept,
            listener: Some(listen(address)?),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Listens or not, as the conditions want it.
    fn follow(&mut self, conditions: Conditions) -> io::Result<()> {
        if conditions.passage == Passage::Refuse {
            self.listener = None;
        } else if self.listener.is_none() {
            self.listener = Some(listen(self.address)?);
        }
        Ok(())
    }
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    socket(address)?.listen(BACKLOG)
}

/// Accepts until the proxy is over; what is still open then ends with it.
pub(super) async fn serve(mut place: Place, shared: Arc<Shared>) {
    let mut conditions = shared.conditions.subscribe();
    let mut is_over = shared.is_over.subscribe();
    let mut connections = JoinSet::new();
    loop {
        let now = *conditions.borrow_and_update();
        if place.follow(now).is_err() {
            // Nobody is let in then, which whoever waits for it sees.
            place.listener = None;
        }
        let accepting = async {
            match &place.listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = is_over.wait_for(|is_over| *is_over) => return,
            _ = conditions.changed() => {}
            Some(_) = connections.join_next() => {}
            accepted = accepting => if let Ok((client, _)) = accepted {
                connections.spawn(relay::relay(client, Arc::clone(&shared)));
            }
        }
    }
}
