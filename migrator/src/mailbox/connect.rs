//! Connecting and logging in, with TLS wherever the server has it.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use async_imap::{Client, Session};
use openssl::ssl::{Ssl, SslContext, SslMethod, SslVerifyMode};
use openssl::x509::X509;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::{MailboxError, MailboxRequest, ServerAddress};

/// The port on which TLS comes before anything else.
const PORT_WITH_TLS: u16 = 993;

/// What a connection was like.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConnectionFacts {
    /// Whether TLS was in use.
    pub is_encrypted: bool,
    /// Whether the server showed the certificate that was copied; none where it was not in use or none was copied.
    pub certificate_fits: Option<bool>,
}

/// What a session runs over: plain, or TLS.
pub(super) trait Transport: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug> Transport for T {}

/// A session that is logged in.
pub(super) struct Login {
    pub(super) session: Session<Box<dyn Transport>>,
    pub(super) facts: ConnectionFacts,
}

/// Connects, asks for TLS where it is offered, and logs in.
pub(super) async fn log_in(
    request: &MailboxRequest,
    server: &ServerAddress,
) -> Result<Login, MailboxError> {
    let limit = Duration::from_secs(request.timeout_seconds);
    let address = format!("{}:{}", server.host, server.port);
    let unreachable = |cause: String| MailboxError::Unreachable {
        address: address.clone(),
        cause,
    };
    let connecting = TcpStream::connect((server.host.as_str(), server.port));
    let stream = tokio::time::timeout(limit, connecting)
        .await
        .map_err(|_| unreachable(format!("no answer in {} s", limit.as_secs())))?
        .map_err(|error| unreachable(error.to_string()))?;
    let session = async {
        let mut facts = ConnectionFacts::default();
        let mut stream: Box<dyn Transport> = Box::new(stream);
        let mut greeted = false;
        if server.port == PORT_WITH_TLS {
            stream = encrypt(stream, server, request, &mut facts).await?;
        } else {
            let mut client = Client::new(stream);
            greeting(&mut client, &address).await?;
            greeted = true;
            // Asked for rather than looked for: a server without it says so.
            let offered = client.run_command_and_check_ok("STARTTLS", None).await;
            stream = client.into_inner();
            if offered.is_ok() {
                stream = encrypt(stream, server, request, &mut facts).await?;
            }
        }
        let mut client = Client::new(stream);
        if !greeted {
            greeting(&mut client, &address).await?;
        }
        let session = client
            .login(&request.user, &request.password.0)
            .await
            .map_err(|(error, _)| MailboxError::Login {
                address: address.clone(),
                cause: error.to_string(),
            })?;
        Ok(Login { session, facts })
    };
    tokio::time::timeout(limit, session)
        .await
        .map_err(|_| unreachable(format!("no login in {} s", limit.as_secs())))?
}

async fn greeting(
    client: &mut Client<Box<dyn Transport>>,
    address: &str,
) -> Result<(), MailboxError> {
    let failed = |cause: String| MailboxError::Protocol {
        address: address.to_owned(),
        operation: "greet".to_owned(),
        cause,
    };
    match client.read_response().await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(failed("it closed the connection".into())),
        Err(error) => Err(failed(error.to_string())),
    }
}

async fn encrypt(
    stream: Box<dyn Transport>,
    server: &ServerAddress,
    request: &MailboxRequest,
    facts: &mut ConnectionFacts,
) -> Result<Box<dyn Transport>, MailboxError> {
    let failed = |cause: String| MailboxError::Tls {
        address: format!("{}:{}", server.host, server.port),
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
        .map_err(|error| failed(error.to_string()))?;
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
