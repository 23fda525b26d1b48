//! The ports of the agent.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::SimulatorError;
use crate::imap::{ConnectionCount, TlsIdentity};

/// The longest request line with headers that is read.
const REQUEST_BYTES_MAX: usize = 8192;

/// How long one request may take.
const REQUEST_SECONDS_MAX: u64 = 5;

/// What the status page shows.
#[derive(Debug)]
pub(super) struct Status {
    /// The folder of the post office, printable.
    pub(super) home: String,
    /// When the agent was started.
    pub(super) started: Instant,
    /// How many clients have connected so far.
    pub(super) clients: AtomicU64,
    /// The connections over which mailboxes are being read; `None` where IMAP is not served.
    pub(super) imap: Option<ConnectionCount>,
}

/// Opens a port.
pub(super) fn listen(ip: IpAddr, port: u16) -> Result<TcpListener, SimulatorError> {
    TcpListener::bind((ip, port)).map_err(|source| SimulatorError::Io {
        operation: "listen",
        what: format!("on {ip}:{port}"),
        source,
    })
}

/// Accepts clients, says nothing, and hangs up: that the port answers is all there is to see.
pub(super) fn accept_clients(listener: TcpListener, status: Arc<Status>) {
    thread::spawn(move || {
        for _ in listener.incoming().flatten() {
            status.clients.fetch_add(1, Ordering::Relaxed);
        }
    });
}

/// Answers `GET /` with the status page, encrypted where there is a certificate.
pub(super) fn answer_http(
    listener: TcpListener,
    status: Arc<Status>,
    identity: Option<TlsIdentity>,
) {
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A caller that hangs up or sends nonsense is its own problem.
            let _ = serve_page(stream, &status, identity.as_ref());
        }
    });
}

fn serve_page(
    mut stream: TcpStream,
    status: &Status,
    identity: Option<&TlsIdentity>,
) -> io::Result<()> {
    let limit = Some(Duration::from_secs(REQUEST_SECONDS_MAX));
    stream.set_read_timeout(limit)?;
    stream.set_write_timeout(limit)?;
    let Some(identity) = identity else {
        return answer(&mut stream, status);
    };
    let mut stream = identity.accept(stream)?;
    answer(&mut stream, status)?;
    // The client is told that this is all; whether it answers is its own business.
    let _ = stream.shutdown();
    Ok(())
}

fn answer(mut stream: impl Read + Write, agent: &Status) -> io::Result<()> {
    let request = read_request(&mut stream)?;
    let mut words = request.split(u8::is_ascii_whitespace);
    let (status, page) = match (words.next(), words.next()) {
        (Some(b"GET"), Some(b"/")) => ("200 OK", status_page(agent)),
        (Some(b"GET"), Some(_)) => ("404 Not Found", "<p>Not found</p>\n".to_owned()),
        _ => ("400 Bad Request", "<p>Bad request</p>\n".to_owned()),
    };
    let bytes = page.len();
    write!(
        stream,
        "HTTP/1.0 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {bytes}\r\n\r\n{page}"
    )
}

fn read_request(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let began = Instant::now();
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let late = began.elapsed() > Duration::from_secs(REQUEST_SECONDS_MAX);
        let count = stream.read(&mut buffer)?;
        if count == 0 || late || request.len() + count > REQUEST_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        request.extend_from_slice(&buffer[..count]);
    }
    Ok(request)
}

fn status_page(agent: &Status) -> String {
    let mut page =
        String::from("<html><head><title>GroupWise POA (simulated)</title></head><body>\n");
    let version = env!("CARGO_PKG_VERSION");
    let seconds = agent.started.elapsed().as_secs();
    let home = agent.home.replace('&', "&amp;").replace('<', "&lt;");
    let clients = agent.clients.load(Ordering::Relaxed);
    let imap = agent.imap.as_ref();
    let imap = imap.map_or_else(|| "disabled".to_owned(), |count| count.now().to_string());
    for (label, value) in [
        ("Version", version.to_owned()),
        ("Post Office Directory", home),
        ("Up Time", format!("{seconds} seconds")),
        ("Client/Server Connections", clients.to_string()),
        ("IMAP Connections", imap),
    ] {
        let _ = writeln!(page, "<p>{label}: {value}</p>");
    }
    page.push_str("</body></html>\n");
    page
}
