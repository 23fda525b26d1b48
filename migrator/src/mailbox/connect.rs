//! Connecting and logging in, with TLS wherever the server has it.

use std::pin::Pin;
use std::time::Duration;

use openssl::ssl::{ErrorCode, Ssl, SslContext, SslMethod, SslVerifyMode};
use openssl::x509::X509;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;
use zeroize::Zeroizing;

use super::conversation::{Conversation, Transport, cause, quoted};
use super::{MailboxError, MailboxRequest, ServerAddress};

/// The port on which TLS comes before anything else.
const PORT_WITH_TLS: u16 = 993;

/// What the server is asked for by STARTTLS and the handshake, as a verb.
const BEGIN_TLS: &str = "begin TLS";

/// What a connection was like.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConnectionFacts {
    /// Whether TLS was in use.
    pub is_encrypted: bool,
    /// Whether the server showed the certificate that was copied; none where it was not in use or none was copied.
    pub certificate_fits: Option<bool>,
}

/// A connection over which the user is logged in.
pub(super) struct Login {
    pub(super) conversation: Conversation,
    pub(super) facts: ConnectionFacts,
}

/// Connects, asks for TLS where it is offered, and logs in.
pub(super) async fn log_in(
    request: &MailboxRequest,
    server: &ServerAddress,
) -> Result<Login, MailboxError> {
    let address = server.to_string();
    let mut facts = ConnectionFacts::default();
    let stream = connect(request, server).await?;
    let mut conversation = if server.port == PORT_WITH_TLS {
        let stream = encrypt(stream, server, request, &mut facts).await?;
        Conversation::greeted(stream, &address).await?
    } else {
        let mut conversation = Conversation::greeted(stream, &address).await?;
        // Asked for rather than looked for: a server without it says so.  Whatever else comes is no such answer.
        match conversation.ask(BEGIN_TLS, b"STARTTLS", |_| {}).await {
            Ok(()) => {
                let stream = conversation.into_inner();
                let stream = encrypt(stream, server, request, &mut facts).await?;
                Conversation::over(stream, &address)
            }
            Err(MailboxError::Refused { .. }) => conversation,
            Err(error) => return Err(error),
        }
    };
    let refused = |cause: String| MailboxError::Login {
        address: address.clone(),
        cause,
    };
    let password = quoted(request.password.0.as_bytes()).map(Zeroizing::new);
    let (Some(user), Some(password)) = (quoted(request.user.as_bytes()), password) else {
        return Err(refused(
            "a user and a password for IMAP are one line each".into(),
        ));
    };
    let command = Zeroizing::new([b"LOGIN ", &*user, b" ", &**password].concat());
    let asking = conversation.ask("log in", &command, |_| {});
    match asking.await {
        Ok(()) => Ok(Login {
            conversation,
            facts,
        }),
        Err(MailboxError::Refused { answer, .. }) => Err(refused(answer)),
        Err(error) => Err(error),
    }
}

/// A connection on which neither side may be silent for longer than the request says.
async fn connect(
    request: &MailboxRequest,
    server: &ServerAddress,
) -> Result<Box<dyn Transport>, MailboxError> {
    let limit = Duration::from_secs(request.timeout_seconds);
    let unreachable = |cause: String| MailboxError::Unreachable {
        address: server.to_string(),
        cause,
    };
    let connecting = TcpStream::connect((server.host.as_str(), server.port));
    let stream = tokio::time::timeout(limit, connecting)
        .await
        .map_err(|_| unreachable(format!("no answer in {} s", limit.as_secs())))?
        .map_err(|error| unreachable(error.to_string()))?;
    let mut stream = TimeoutStream::new(stream);
    stream.set_read_timeout(Some(limit));
    stream.set_write_timeout(Some(limit));
    Ok(Box::new(Box::pin(stream)))
}

async fn encrypt(
    stream: Box<dyn Transport>,
    server: &ServerAddress,
    request: &MailboxRequest,
    facts: &mut ConnectionFacts,
) -> Result<Box<dyn Transport>, MailboxError> {
    let failed = |cause: String| MailboxError::Tls {
        address: server.to_string(),
        cause,
    };
    let wrong = |error: openssl::error::ErrorStack| failed(error.to_string());
    // Agents make certificates of their own, so no authority vouches for them; what counts is whether it is the one that
    // was copied, and that is looked at below and told.
    let mut context = SslContext::builder(SslMethod::tls_client()).map_err(wrong)?;
    context.set_verify(SslVerifyMode::NONE);
    let mut tls = Ssl::new(&context.build()).map_err(wrong)?;
    if server.host.parse::<std::net::IpAddr>().is_err() {
        tls.set_hostname(&server.host).map_err(wrong)?;
    }
    let mut stream = tokio_openssl::SslStream::new(tls, stream).map_err(wrong)?;
    Pin::new(&mut stream)
        .connect()
        .await
        .map_err(|error| match error.io_error() {
            _ if error.code() != ErrorCode::SYSCALL => failed(error.to_string()),
            // The connection broke, which says nothing about TLS.
            broke => MailboxError::Protocol {
                address: server.to_string(),
                operation: BEGIN_TLS.to_owned(),
                cause: broke.map_or_else(|| "it ended the connection".to_owned(), cause),
            },
        })?;
    facts.is_encrypted = true;
    facts.certificate_fits = request
        .certificate
        .as_deref()
        .map(|copied| is_same_certificate(copied, stream.ssl().peer_certificate().as_ref()));
    Ok(Box::new(stream))
}

fn is_same_certificate(copied: &[u8], shown: Option<&X509>) -> bool {
    let copied = X509::from_pem(copied).or_else(|_| X509::from_der(copied));
    let der = |certificate: &X509| certificate.to_der().ok();
    match (copied, shown) {
        (Ok(copied), Some(shown)) => der(&copied).is_some() && der(&copied) == der(shown),
        _ => false,
    }
}
