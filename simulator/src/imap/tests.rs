use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};

use super::*;
use crate::create::{CreateOptions, create};
use crate::mail::{Account, NameLookup, accounts, truth};
use crate::model::{GuardianKind, NameCase, Truth};
use crate::tree;

mod anything;
mod conversation;
mod hostile;
mod mailboxes;

/// A post office that is served.
pub(super) struct Served {
    _scratch: tempfile::TempDir,
    pub(super) folder: PathBuf,
    pub(super) plain: SocketAddr,
    pub(super) encrypted: SocketAddr,
    pub(super) accounts: Vec<Account>,
    pub(super) truth: Truth,
}

/// A certificate that vouches for itself, and its key, in files.
fn identity(folder: &std::path::Path) -> TlsIdentity {
    use openssl::asn1::Asn1Time;
    use openssl::hash::MessageDigest;
    use openssl::x509::X509;
    let key = openssl::rsa::Rsa::generate(2048).unwrap();
    let key = openssl::pkey::PKey::from_rsa(key).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_pubkey(&key).unwrap();
    let before = Asn1Time::days_from_now(0).unwrap();
    let after = Asn1Time::days_from_now(1).unwrap();
    builder.set_not_before(&before).unwrap();
    builder.set_not_after(&after).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let (certificate, private) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, builder.build().to_pem().unwrap()).unwrap();
    std::fs::write(&private, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    TlsIdentity::read(&certificate, &private, None).unwrap()
}

impl Served {
    pub(super) fn new() -> Self {
        Self::with(Encryption::Offered)
    }

    pub(super) fn with(encryption: impl FnOnce(TlsIdentity) -> Encryption) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("po");
        let options = CreateOptions {
            folder: folder.clone(),
            documents: None,
            seed: 5,
            files: 300,
            case: NameCase::Lower,
            guardian: GuardianKind::Flaim,
        };
        create(&options).unwrap();
        let root = tree::open_folder(&folder).unwrap();
        let store = MailStore::new(root, NameLookup::Exact);
        let encryption = encryption(identity(scratch.path()));
        let server = Arc::new(ImapServer::new(store, Arc::default(), encryption));
        let listen = |is_encrypted| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            serve(Arc::clone(&server), listener, is_encrypted);
            address
        };
        Self {
            plain: listen(false),
            encrypted: listen(true),
            accounts: accounts(&folder).unwrap().accounts,
            truth: truth(&folder).unwrap(),
            folder,
            _scratch: scratch,
        }
    }

    /// A client that is logged in.
    pub(super) fn client(&self, position: usize) -> Client<TcpStream> {
        let mut client = Client::connect(self.plain);
        let account = &self.accounts[position];
        client.ok(&format!("LOGIN {} {}", account.user, account.password));
        client
    }
}

pub(super) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_mins(1)))
        .unwrap();
    stream
}

pub(super) fn encrypt(stream: TcpStream) -> openssl::ssl::SslStream<TcpStream> {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    let mut configuration = builder.build().configure().unwrap();
    configuration.set_verify_hostname(false);
    configuration.connect("localhost", stream).unwrap()
}

/// A client that shares no code with the server.
pub(super) struct Client<S: Read + Write> {
    pub(super) stream: BufReader<S>,
    number: u32,
}

impl Client<TcpStream> {
    pub(super) fn connect(address: SocketAddr) -> Self {
        Self::greeted(connect(address))
    }
}

impl<S: Read + Write> Client<S> {
    pub(super) fn greeted(stream: S) -> Self {
        let mut client = Self::over(stream);
        assert_eq!(client.line(), "* OK GroupWise IMAP4rev1 Server Ready\r\n");
        client
    }

    pub(super) fn over(stream: S) -> Self {
        Self {
            stream: BufReader::new(stream),
            number: 0,
        }
    }

    pub(super) fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line).unwrap();
        String::from_utf8(line).unwrap()
    }

    /// Sends bytes as they are.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).unwrap();
        self.stream.get_mut().flush().unwrap();
    }

    /// Sends a command; the untagged answers, literals in them, and the last line without its tag.
    pub(super) fn ask(&mut self, command: &str) -> (Vec<Vec<u8>>, String) {
        self.number += 1;
        let tag = format!("T{}", self.number);
        self.send(format!("{tag} {command}\r\n").as_bytes());
        self.answers(&tag)
    }

    pub(super) fn answers(&mut self, tag: &str) -> (Vec<Vec<u8>>, String) {
        let mut untagged = Vec::new();
        loop {
            let mut answer = Vec::new();
            loop {
                let mut line = Vec::new();
                self.stream.read_until(b'\n', &mut line).unwrap();
                assert!(line.ends_with(b"\r\n"), "the connection ended");
                answer.extend_from_slice(&line);
                let Some(length) = literal(&line) else { break };
                let mut bytes = vec![0; length];
                self.stream.read_exact(&mut bytes).unwrap();
                answer.extend_from_slice(&bytes);
            }
            if let Some(last) = answer.strip_prefix(format!("{tag} ").as_bytes()) {
                let last = String::from_utf8(last.to_vec()).unwrap();
                return (untagged, last.trim_end().to_owned());
            }
            untagged.push(answer);
        }
    }

    /// The same, as text, where it must be done.
    pub(super) fn ok(&mut self, command: &str) -> Vec<String> {
        let (untagged, last) = self.ask(command);
        assert!(last.starts_with("OK"), "{command}: {last}");
        let texts = untagged.into_iter();
        texts
            .map(|answer| String::from_utf8(answer).unwrap())
            .collect()
    }
}

/// The length of the literal that a line announces.
fn literal(line: &[u8]) -> Option<usize> {
    let line = std::str::from_utf8(line).ok()?.trim_end();
    line.strip_suffix('}')?.rsplit_once('{')?.1.parse().ok()
}
