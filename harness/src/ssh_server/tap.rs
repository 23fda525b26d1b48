//! A connection that counts what goes through it and can be cut at any byte.

use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::network::{Budget, Spent};

/// Cuts the connections of a server.
#[derive(Debug)]
pub(super) struct Cutter {
    budget: Budget,
    sockets: Mutex<Vec<Weak<std::net::TcpStream>>>,
}

impl Cutter {
    pub(super) fn new(after_bytes: Option<u64>) -> Self {
        Self {
            budget: Budget::new(after_bytes),
            sockets: Mutex::default(),
        }
    }

    /// Plans a cut.
    pub(super) fn arm(&self, bytes: u64) {
        self.budget.plan(bytes);
    }

    /// Takes a planned cut back; says whether there was one.
    pub(super) fn disarm(&self) -> bool {
        self.budget.take_back()
    }

    /// Cuts all connections.
    pub(super) fn cut(&self) {
        for socket in self
            .sockets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            if let Some(socket) = socket.upgrade() {
                let _ = socket.shutdown(Shutdown::Both);
            }
        }
    }

    fn count(&self, bytes: usize) {
        if self.budget.spend(bytes) != Spent::All {
            self.cut();
        }
    }
}

/// One connection.
pub(super) struct Tap {
    stream: TcpStream,
    /// The same socket once more, for cutting it while the stream is in use.
    _socket: Arc<std::net::TcpStream>,
    cutter: Arc<Cutter>,
}

impl Tap {
    pub(super) fn new(stream: TcpStream, cutter: &Arc<Cutter>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let stream = stream.into_std()?;
        let socket = Arc::new(stream.try_clone()?);
        let mut sockets = cutter
            .sockets
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        sockets.retain(|socket| socket.strong_count() > 0);
        sockets.push(Arc::downgrade(&socket));
        Ok(Self {
            stream: TcpStream::from_std(stream)?,
            _socket: socket,
            cutter: Arc::clone(cutter),
        })
    }
}

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.cutter.count(buffer.filled().len() - before);
        result
    }
}

impl AsyncWrite for Tap {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, data);
        if let Poll::Ready(Ok(count)) = result {
            self.cutter.count(count);
        }
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
