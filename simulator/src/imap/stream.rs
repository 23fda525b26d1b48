//! Bytes to and from a client, plain or encrypted.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use openssl::ssl::SslStream;

use super::tls::TlsIdentity;

/// A connection.
pub(super) enum Stream {
    Plain(TcpStream),
    Encrypted(Box<SslStream<TcpStream>>),
}

impl Stream {
    /// The same connection, encrypted.
    pub(super) fn encrypted(stream: TcpStream, identity: &TlsIdentity) -> io::Result<Self> {
        Ok(Self::Encrypted(Box::new(identity.accept(stream)?)))
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Encrypted(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Encrypted(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Encrypted(stream) => stream.flush(),
        }
    }
}
