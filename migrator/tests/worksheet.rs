//! What is told about a worksheet before anything is connected to, as a black box: the destination of these tests answers
//! nobody, so that exit code 4 means that the worksheet was fine.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A folder with a worksheet, and with everything that it names beside it.
struct Sheet {
    folder: tempfile::TempDir,
}

const TEXT: &str = r#"
[source]
kind = "mounted"
path = "/mnt/source/po"
platform = "windows"

[destination]
host = "127.0.0.1"
port = 1
key = "keys/id"
key_password = { file = "keys/phrase" }
agent = false
known_hosts = ["keys/known_hosts"]
connect_timeout_seconds = 5

[post_office]
name = "sales"
folder = "/gwsystem/sales"

[poa]
package = "agents.tar.gz"
profile = "mine.toml"

[guardian]
options_file = "store.opt"

[mailbox_test]
user = "test"
password = { file = "keys/mailbox" }
source_imap = "127.0.0.1:1143"
destination_imap = "127.0.0.1:1144"
"#;

impl Sheet {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("keys")).unwrap();
        let profile = run(
            Command::new(env!("CARGO_BIN_EXE_gwmigrate")).args(["profile", "show", "portable"])
        );
        let sheet = Self { folder };
        sheet.write("mine.toml", &String::from_utf8(profile.stdout).unwrap());
        for name in [
            "keys/id",
            "keys/phrase",
            "keys/known_hosts",
            "keys/mailbox",
            "agents.tar.gz",
            "store.opt",
        ] {
            sheet.write(name, "something\n");
        }
        sheet.write("worksheet.toml", TEXT);
        sheet
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// The worksheet with one line replaced.
    fn replace(&self, from: &str, to: &str) {
        assert!(TEXT.contains(from), "{from}");
        self.write("worksheet.toml", &TEXT.replace(from, to));
    }

    /// Runs a command from another folder, without a terminal; says the exit code and everything that was printed.
    fn run(&self, arguments: &[&str]) -> (i32, String) {
        let output = run(Command::new("setsid")
            .arg("--wait")
            .arg(env!("CARGO_BIN_EXE_gwmigrate"))
            .arg("--worksheet")
            .arg(self.folder.path().join("worksheet.toml"))
            .args(arguments)
            .current_dir("/")
            .stdin(Stdio::null()));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (
            output.status.code().unwrap(),
            text + &String::from_utf8_lossy(&output.stderr),
        )
    }
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

/// Where the worksheet says something, as findings name it.
fn line(wanted: &str) -> String {
    let number = TEXT.lines().position(|line| line.contains(wanted)).unwrap();
    format!("line {}", number + 1)
}

#[test]
fn paths_are_relative_to_the_worksheet() {
    let sheet = Sheet::new();
    for command in ["check", "stage-one", "test-mailbox"] {
        let (code, text) = sheet.run(&[command]);
        assert_eq!(code, 4, "{command}: {text}");
        assert!(text.contains("[remote-unreachable]"), "{text}");
    }
    // The folder of a worksheet without one is where the command is run.
    let output = run(Command::new(env!("CARGO_BIN_EXE_gwmigrate"))
        .args(["check", "--offline"])
        .current_dir(sheet.folder.path()));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn what_is_named_and_missing_is_a_mistake_with_its_line() {
    for name in [
        "keys/id",
        "keys/phrase",
        "keys/known_hosts",
        "keys/mailbox",
        "agents.tar.gz",
        "mine.toml",
        "store.opt",
    ] {
        let sheet = Sheet::new();
        let path = sheet.folder.path().join(name);
        let is_told = |text: &str| text.contains(&path.display().to_string());
        fs::remove_file(&path).unwrap();
        for arguments in [&["check"][..], &["check", "--offline"], &["stage-one"]] {
            let (code, text) = sheet.run(arguments);
            assert_eq!(code, 2, "{name}: {text}");
            assert!(text.contains(&line(name)) && is_told(&text), "{text}");
        }
        // A folder is no file.
        fs::create_dir(&path).unwrap();
        let (code, text) = sheet.run(&["check", "--offline"]);
        assert!(code == 2 && text.contains(&line(name)), "{name}: {text}");
    }
}

#[test]
fn only_what_a_command_needs_must_be_there_later() {
    let sheet = Sheet::new();
    for name in ["keys/mailbox", "agents.tar.gz"] {
        fs::remove_file(sheet.folder.path().join(name)).unwrap();
    }
    let (code, text) = sheet.run(&["status"]);
    assert_eq!(code, 4, "{text}");
    let (code, text) = sheet.run(&["test-mailbox"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("[secret-file-unreadable]"), "{text}");
}

#[test]
fn a_secret_that_cannot_be_had_is_told_before_anything_else() {
    let sheet = Sheet::new();
    let prompt = "{ prompt = true }";
    let unset = "{ environment = \"GWMIGRATE_TEST_UNSET\" }";
    let poa = "profile = \"mine.toml\"";
    let with_key = format!("{poa}\ncertificate = \"a.pem\"\nkey = \"a.key\"\nkey_password = ");
    let mounted = "kind = \"mounted\"\npath = \"/mnt/source/po\"";
    let share = "kind = \"cifs\"\nserver = \"fs1\"\nshare = \"mail\"\nuser = \"m\"\npassword = ";
    let (phrase, mailbox) = ("{ file = \"keys/phrase\" }", "{ file = \"keys/mailbox\" }");
    for (from, to, commands) in [
        (phrase, String::new(), &["check", "status", "verify"][..]),
        (mailbox, String::new(), &["test-mailbox"]),
        (
            mounted,
            share.to_owned(),
            &["check", "stage-one", "stage-two", "queues", "finish"],
        ),
        (poa, with_key, &["check", "stage-one"]),
    ] {
        for (reference, code) in [
            (prompt, "[secret-prompt-failed]"),
            (unset, "[secret-environment-unset]"),
        ] {
            sheet.replace(from, &format!("{to}{reference}"));
            for command in commands {
                let (exit_code, text) = sheet.run(&[command]);
                assert_eq!(exit_code, 2, "{command} with {reference}: {text}");
                assert!(text.contains(code), "{text}");
                assert!(!text.contains("STOP"), "no step began: {text}");
            }
        }
    }
}

#[test]
fn a_check_offline_looks_at_the_worksheet_alone() {
    let sheet = Sheet::new();
    let (code, text) = sheet.run(&["check", "--offline"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("Done"), "{text}");
    // Nobody is asked for anything.
    sheet.replace("{ file = \"keys/phrase\" }", "{ prompt = true }");
    let (code, text) = sheet.run(&["check", "--offline"]);
    assert_eq!(code, 0, "{text}");
    sheet.replace("port = 1", "port = 0");
    let (code, text) = sheet.run(&["--json", "check", "--offline"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains(&line("port = 1")), "{text}");
    let (code, _) = sheet.run(&["--worksheet", "/nowhere", "check", "--offline"]);
    assert_eq!(code, 2);
}

#[test]
fn what_is_absolute_stays_as_it_is() {
    let sheet = Sheet::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let key = elsewhere.path().join("id");
    sheet.replace("\"keys/id\"", &format!("{:?}", key.display().to_string()));
    let (code, text) = sheet.run(&["check", "--offline"]);
    assert_eq!(code, 2, "{text}");
    fs::write(&key, "something").unwrap();
    fs::remove_file(Path::new(sheet.folder.path()).join("keys/id")).unwrap();
    let (code, text) = sheet.run(&["check", "--offline"]);
    assert_eq!(code, 0, "{text}");
}

/// It is asked before there is a worksheet, and connects to nothing.
#[test]
fn the_options_of_mounts_are_explained_without_a_worksheet() {
    let explain = |more: &[&str]| {
        let folder = tempfile::tempdir().expect("a folder");
        let output = Command::new(env!("CARGO_BIN_EXE_gwmigrate"))
            .current_dir(folder.path())
            .args(more)
            .args(["check", "--explain", "mount"])
            .output()
            .expect("run");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let text = explain(&[]);
    for (option, why) in [
        ("ro ", "never written"),
        ("soft ", "not a worker that hangs"),
        ("nobrl", "locks"),
        ("-o tcp,ro", "UDP"),
        ("--read-only", "nothing can be written"),
    ] {
        let mut lines = text
            .lines()
            .filter(|line| line.trim_start().starts_with(option));
        let line = lines.next().expect(option);
        assert!(line.contains(why), "{line}");
    }
    let json = explain(&["--json"]);
    let kinds = json
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    assert_eq!(
        kinds
            .filter(|table| table["given"][0]["why"].is_string())
            .count(),
        4,
        "{json}"
    );
}
