//! The certificate and the key with which the server proves itself.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;

use openssl::pkey::PKey;
use openssl::ssl::{SslAcceptor, SslMethod, SslStream};
use openssl::x509::X509;

use crate::error::{SimulatorError, Tried};

/// A certificate and its key, ready for use.
#[derive(Clone)]
pub struct TlsIdentity(SslAcceptor);

impl std::fmt::Debug for TlsIdentity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("TlsIdentity")
    }
}

/// Whether connections can be encrypted.
#[derive(Debug, Clone)]
pub enum Encryption {
    /// They cannot.
    None,
    /// On request, with STARTTLS, and on the port for that.
    Offered(TlsIdentity),
    /// The same, and nobody logs in without.
    Required(TlsIdentity),
}

impl Encryption {
    /// The certificate and key, where there are any.
    pub fn identity(&self) -> Option<&TlsIdentity> {
        match self {
            Self::None => None,
            Self::Offered(identity) | Self::Required(identity) => Some(identity),
        }
    }
}

impl TlsIdentity {
    /// Reads a certificate, with those that vouch for it behind it, and its key, both in PEM.
    ///
    /// # Errors
    /// Where one cannot be read, or the key does not fit the certificate.
    pub fn read(
        certificate: &Path,
        key: &Path,
        passphrase: Option<&[u8]>,
    ) -> Result<Self, SimulatorError> {
        let chain = std::fs::read(certificate).tried_at("read", certificate)?;
        let key_bytes = std::fs::read(key).tried_at("read", key)?;
        let unusable = |path: &Path| {
            let path = path.display().to_string();
            move |error: openssl::error::ErrorStack| SimulatorError::Start {
                text: format!("{path} cannot be used for TLS: {error}"),
            }
        };
        let mut chain = X509::stack_from_pem(&chain)
            .map_err(unusable(certificate))?
            .into_iter();
        let first = chain.next().ok_or_else(|| SimulatorError::Start {
            text: format!("{} holds no certificate", certificate.display()),
        })?;
        // An empty passphrase keeps the library from asking for one on the terminal.
        let passphrase = passphrase.unwrap_or_default();
        let private_key =
            PKey::private_key_from_pem_passphrase(&key_bytes, passphrase).map_err(unusable(key))?;
        let build = || {
            let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
            builder.set_certificate(&first)?;
            for more in chain {
                builder.add_extra_chain_cert(more)?;
            }
            builder.set_private_key(&private_key)?;
            builder.check_private_key()?;
            Ok(builder.build())
        };
        build().map(Self).map_err(unusable(key))
    }

    /// Encrypts a connection that a client opened.
    ///
    /// # Errors
    /// Where the client does not agree on anything, or is gone.
    pub fn accept(&self, stream: TcpStream) -> io::Result<SslStream<TcpStream>> {
        let accepted = self.0.accept(stream);
        accepted.map_err(|error| io::Error::other(error.to_string()))
    }
}

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
