//! The running agent, read by an ordinary client: Python's imaplib.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const GWSIM: &str = env!("CARGO_BIN_EXE_gwsim");

/// Reads every mailbox and writes each message into a file; every second user over TLS.
const SCRIPT: &str = r#"
import email, imaplib, json, pathlib, re, ssl, sys, time
plain, encrypted, accounts, folder = sys.argv[1:]
accounts = json.loads(pathlib.Path(accounts).read_text())["accounts"]
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
count = 0
for number, account in enumerate(accounts):
    host, port = (encrypted if number % 2 else plain).rsplit(":", 1)
    if number % 2:
        client = imaplib.IMAP4_SSL(host, int(port), ssl_context=context)
    else:
        client = imaplib.IMAP4(host, int(port))
    if number % 4 == 0:
        client.starttls(context)
    client.login(account["user"], account["password"])
    kind, folders = client.list()
    assert kind == "OK", folders
    for line in folders:
        name = re.fullmatch(rb'\(\) "/" "?([^"]*)"?', line).group(1).decode()
        quoted = '"%s"' % name
        kind, status = client.status(quoted, "(MESSAGES UNSEEN)")
        assert kind == "OK", status
        messages, unseen = map(int, re.search(rb"MESSAGES (\d+) UNSEEN (\d+)", status[0]).groups())
        kind, exists = client.select(quoted, readonly=True)
        assert kind == "OK" and int(exists[0]) == messages, exists
        assert len(client.search(None, "UNSEEN")[1][0].split()) == unseen
        uids = client.uid("SEARCH", None, "ALL")[1][0].split()
        assert len(uids) == messages
        for uid in uids:
            kind, parts = client.uid("FETCH", uid, "(FLAGS INTERNALDATE ENVELOPE BODYSTRUCTURE BODY.PEEK[])")
            assert kind == "OK", parts
            received = int(time.mktime(imaplib.Internaldate2tuple(parts[0][0])))
            read = b"\\Seen" in imaplib.ParseFlags(parts[0][0])
            text = parts[0][1]
            parsed = email.message_from_bytes(text)
            assert not parsed.defects and parsed["Message-ID"] and parsed["Date"], text
            attached = [part for part in parsed.walk() if part.get_filename()]
            assert (b"octet-stream" in parts[0][0]) == bool(attached), parts[0][0]
            assert all(part.get_payload(decode=True) for part in attached)
            file = "%d.eml" % count
            count += 1
            (pathlib.Path(folder) / file).write_bytes(text)
            print(json.dumps([account["user"], name, int(uid), parsed["Message-ID"].strip("<>"), received, read, file]))
    client.logout()
"#;

/// An agent that is ended whatever happens.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn gwsim(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(GWSIM).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?} {output:?}");
    output.stdout
}

/// A certificate that vouches for itself, and its key.
fn certificate(folder: &Path) -> (PathBuf, PathBuf) {
    use openssl::asn1::Asn1Time;
    let key = openssl::pkey::PKey::from_rsa(openssl::rsa::Rsa::generate(2048).unwrap()).unwrap();
    let mut builder = openssl::x509::X509::builder().unwrap();
    builder.set_pubkey(&key).unwrap();
    let (before, after) = (Asn1Time::days_from_now(0), Asn1Time::days_from_now(1));
    builder.set_not_before(&before.unwrap()).unwrap();
    builder.set_not_after(&after.unwrap()).unwrap();
    let digest = openssl::hash::MessageDigest::sha256();
    builder.sign(&key, digest).unwrap();
    let (certificate, private) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, builder.build().to_pem().unwrap()).unwrap();
    std::fs::write(&private, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    (certificate, private)
}

/// Starts the agent from a startup file; the addresses on which it listens, by their names.
fn start(folder: &Path, post_office: &Path, more: &str) -> (Agent, BTreeMap<String, String>) {
    let (certificate, key) = certificate(folder);
    let startup = folder.join("sales.poa");
    let text = format!(
        "--home {}\n--ip 127.0.0.1\n--httpport 0\n--port 0\n--imap enabled\n--imapport 0\n\
         --certfile {}\n--keyfile {}\n{more}\n",
        post_office.display(),
        certificate.display(),
        key.display()
    );
    std::fs::write(&startup, text).unwrap();
    let ready = folder.join("ready");
    let agent = Command::new(GWSIM)
        .args(["poa", "--role", "linux", "--daemon-ready-file"])
        .arg(&ready)
        .arg(format!("@{}", startup.display()))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let agent = Agent(agent);
    let began = Instant::now();
    while !ready.exists() {
        assert!(
            began.elapsed() < Duration::from_mins(1),
            "it does not start"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    let text = std::fs::read_to_string(&ready).unwrap();
    let addresses = text.lines().filter_map(|line| line.split_once(' '));
    let addresses = addresses.map(|(name, address)| (name.to_owned(), address.to_owned()));
    (agent, addresses.collect())
}

/// User, folder, number, name, time, read state and digest of each message.
type Found = BTreeSet<(String, String, u64, String, i64, bool, String)>;

fn truth(post_office: &Path) -> Found {
    let told = gwsim(&["truth", "--json", post_office.to_str().unwrap()]);
    let truth: serde_json::Value = serde_json::from_slice(&told).unwrap();
    let messages = truth["messages"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    messages
        .map(|one| {
            (
                text(&one["user"]),
                text(&one["folder"]),
                one["uid"].as_u64().unwrap(),
                text(&one["message_id"]),
                one["received_seconds"].as_i64().unwrap(),
                one["is_read"].as_bool().unwrap(),
                text(&one["digest"]),
            )
        })
        .collect()
}

#[test]
fn an_ordinary_client_reads_every_mailbox_as_the_truth_has_it() {
    if !Command::new("python3")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
    {
        println!("SKIPPED: there is no python3");
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let post_office = scratch.path().join("po");
    gwsim(&["create", "--case", "lower", post_office.to_str().unwrap()]);
    let expected = truth(&post_office);
    let (agent, addresses) = start(
        scratch.path(),
        &post_office,
        "--imapssl enabled\n--imapsslport 0",
    );
    let accounts = scratch.path().join("accounts.json");
    let listed = gwsim(&["accounts", "--json", post_office.to_str().unwrap()]);
    std::fs::write(&accounts, listed).unwrap();
    let messages = scratch.path().join("messages");
    std::fs::create_dir(&messages).unwrap();
    let output = Command::new("python3")
        .args(["-c", SCRIPT, &addresses["imap"], &addresses["imaps"]])
        .args([&accounts, &messages])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut found = Found::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        type Line = (String, String, u64, String, i64, bool, String);
        let line: Line = serde_json::from_str(line).unwrap();
        let (user, folder, uid, id, received, is_read, file) = line;
        let bytes = std::fs::read(messages.join(file)).unwrap();
        let digest = blake3::hash(&bytes).to_hex().as_str().to_owned();
        found.insert((user, folder, uid, id, received, is_read, digest));
    }
    assert_eq!(found, expected);
    drop(agent);
    // The agent has changed its databases meanwhile, and no message.
    assert_eq!(truth(&post_office), expected);
}

#[test]
fn without_the_switch_or_the_certificate_there_is_no_such_port() {
    let scratch = tempfile::tempdir().unwrap();
    let post_office = scratch.path().join("po");
    gwsim(&["create", "--case", "lower", post_office.to_str().unwrap()]);
    for (switches, expected) in [
        (
            &["--imap", "--imapssl", "enabled"][..],
            "--imapssl needs --certfile and --keyfile",
        ),
        (
            &["--imap", "perhaps"][..],
            "--imap has a value that it cannot have",
        ),
        (
            &["--imap", "--certfile", "/nowhere", "--keyfile", "/nowhere"][..],
            "Cannot read /nowhere",
        ),
    ] {
        let output = Command::new(GWSIM)
            .args(["poa", "--role", "linux", "--home"])
            .arg(&post_office)
            .args(switches)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_certificate_alone_offers_encryption_on_the_one_port() {
    let scratch = tempfile::tempdir().unwrap();
    let post_office = scratch.path().join("po");
    gwsim(&["create", "--case", "lower", post_office.to_str().unwrap()]);
    for (more, offered) in [("", true), ("--imapssl disabled", false)] {
        let folder = tempfile::tempdir().unwrap();
        let (_agent, addresses) = start(folder.path(), &post_office, more);
        assert!(!addresses.contains_key("imaps"));
        let mut stream = std::net::TcpStream::connect(&addresses["imap"]).unwrap();
        stream.write_all(b"a CAPABILITY\r\nb LOGOUT\r\n").unwrap();
        let mut heard = String::new();
        stream.read_to_string(&mut heard).unwrap();
        assert_eq!(heard.contains(" STARTTLS"), offered, "{heard}");
    }
}
