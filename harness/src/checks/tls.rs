//! Which certificate a port answers with, asked as a client asks.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use openssl::ssl::{SslConnector, SslMethod, SslStream, SslVerifyMode};
use openssl::x509::X509;

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// What the status page of an agent that encrypts it failed to do; nothing where it answers with this certificate.
///
/// # Errors
/// What reading the certificate says.
pub fn check_status_page(address: SocketAddr, certificate: &Path) -> io::Result<Vec<String>> {
    let name = format!("the status page at {address}");
    check(&name, certificate, || {
        let mut stream = encrypt(connect(address)?)?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        if !answer.starts_with(b"HTTP/1.0 200") {
            return Err(io::Error::other("it shows no page"));
        }
        Ok(stream)
    })
}

/// The same of IMAP, encrypted with STARTTLS.
///
/// # Errors
/// As [`check_status_page`].
pub fn check_imap(address: SocketAddr, certificate: &Path) -> io::Result<Vec<String>> {
    check(&format!("IMAP at {address}"), certificate, || {
        let stream = connect(address)?;
        let mut lines = BufReader::new(&stream);
        let mut line = String::new();
        lines.read_line(&mut line)?;
        (&stream).write_all(b"a STARTTLS\r\n")?;
        line.clear();
        lines.read_line(&mut line)?;
        if !line.starts_with("a OK") {
            return Err(io::Error::other(format!("it answers {line:?}")));
        }
        encrypt(stream)
    })
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    Ok(stream)
}

/// Nobody vouches for a rehearsal's certificate; it is compared with the file instead.
fn encrypt(stream: TcpStream) -> io::Result<SslStream<TcpStream>> {
    let mut connector = SslConnector::builder(SslMethod::tls_client())?;
    connector.set_verify(SslVerifyMode::NONE);
    let connected = connector.build().connect("poa.example", stream);
    connected.map_err(|error| io::Error::other(error.to_string()))
}

fn check(
    name: &str,
    certificate: &Path,
    answer: impl FnOnce() -> io::Result<SslStream<TcpStream>>,
) -> io::Result<Vec<String>> {
    let wanted = X509::from_pem(&std::fs::read(certificate)?)?.to_der()?;
    Ok(match answer() {
        Err(error) => vec![format!("{name}: {error}")],
        Ok(stream) => match stream.ssl().peer_certificate() {
            Some(found) if found.to_der()? == wanted => Vec::new(),
            _ => vec![format!("{name} has another certificate")],
        },
    })
}
