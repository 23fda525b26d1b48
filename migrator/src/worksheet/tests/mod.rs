mod areas;
mod templates;
mod values;

use super::*;
use crate::remote::Privilege;
use protocol::{Explain as _, ReadAgain, Verdict};
use std::path::PathBuf;

const SMALL: &str = r#"
[source]
kind = "mounted"
path = "/mnt/source/po"
platform = "netware"

[destination]
host = "gw1"

[post_office]
name = "Sales"
folder = "/gwsystem/sales"
"#;

/// The messages about a worksheet, each with its line.
fn complaints(text: &str) -> Vec<String> {
    let problems = Worksheet::parse(text).expect_err("problems");
    let line = |problem: &Problem| {
        problem
            .line
            .map_or_else(|| "-".to_owned(), |line| line.to_string())
    };
    problems
        .problems()
        .iter()
        .map(|problem| format!("{}: {}", line(problem), problem.message))
        .collect()
}

/// The one message about a worksheet that is right but for one replacement.
fn complaint(from: &str, to: &str) -> String {
    assert!(SMALL.contains(from), "{from}");
    let complaints = complaints(&SMALL.replace(from, to));
    assert_eq!(complaints.len(), 1, "{complaints:#?}");
    complaints.into_iter().next().expect("one")
}

/// Only what somebody else has mounted can be a copy that nobody works on.
#[test]
fn a_copy_that_nobody_works_on_is_mounted_already() {
    let said = "platform = \"netware\"\nlive = false";
    let text = SMALL.replace("platform = \"netware\"", said);
    assert!(!Worksheet::parse(&text).expect("right").source.live);
    let nfs = "kind = \"nfs\"\nserver = \"nw1\"\nshare = \"/mail\"\nlive = false";
    let told = complaint("kind = \"mounted\"\npath = \"/mnt/source/po\"", nfs);
    assert!(told.contains("`live`"), "{told}");
}

#[test]
fn a_small_worksheet_gets_the_defaults() {
    let worksheet = Worksheet::parse(SMALL).expect("right");
    assert_eq!(
        worksheet.source.access,
        SourceAccess::Mounted {
            path: "/mnt/source/po".into()
        }
    );
    assert_eq!(worksheet.source.platform, Platform::Netware);
    assert_eq!(worksheet.source.clock_allowance_seconds, 2);
    assert!(worksheet.source.live);
    let destination = &worksheet.destination;
    assert_eq!(
        (
            destination.port,
            destination.user.as_str(),
            destination.agent
        ),
        (22, "root", true)
    );
    assert_eq!(destination.privilege, Privilege::AsIs);
    assert_eq!(
        (
            destination.connect_timeout_seconds,
            destination.keepalive_seconds
        ),
        (30, 15)
    );
    assert_eq!(
        destination.job_folder,
        PathBuf::from("/var/opt/novell/groupwise/migration/sales")
    );
    assert_eq!(
        (
            worksheet.post_office.name.as_str(),
            worksheet.post_office.job.as_str()
        ),
        ("Sales", "sales")
    );
    assert_eq!(
        (worksheet.poa.http_port, worksheet.poa.client_port),
        (7181, 1677)
    );
    let copy = CopySettings {
        still_seconds: 10,
        bandwidth: None,
        bandwidth_in_stage_two: false,
        workers: None,
        agent_logs: true,
        removal_limit_percent: 20,
        retries: 3,
        quiet_seconds: 10,
        lock_wait_seconds: 30,
    };
    assert_eq!(worksheet.copy, copy);
    let guardian = GuardianSettings {
        engine: GuardianEngine::Auto,
        gwcheck: None,
        options_file: None,
    };
    assert_eq!(worksheet.guardian, guardian);
    let seal = SealSettings {
        read_again: ReadAgain::Unproven,
        prove_databases: false,
    };
    assert_eq!(worksheet.seal, seal);
    assert_eq!(
        (worksheet.documents.len(), worksheet.mailbox_test),
        (0, None)
    );
}

const FULL: &str = r#"
[source]
kind = "cifs"
server = "fs1"
share = "mail"
folder = "po/sales"
user = "migration"
password = { file = "/root/password" }
options = ["vers=2.1"]
platform = "windows"
address = "10.0.0.7"
poa_ports = [1677, 7101]

[destination]
host = "gw1"
port = 2222
key = "id"
key_password = { environment = "KEY_PASSWORD" }
agent = false
privilege = "sudo"

[post_office]
name = "sales office"
folder = "/gwsystem/sales"
job = "sales-2"

[poa]
package = "groupwise.TAR.GZ"
certificate = "../agents/sales.pem"
key = "../agents/sales.key"
key_password = { prompt = true }

[copy]
workers = 8

[guardian]
engine = "gwcheck"
gwcheck = "/opt/gwcheckt"
options_file = "store.opt"

[seal]
read_again = "everything"

[[documents.area]]
library = "one"
source = "/mnt/a"
destination = "/gw/a"

[[documents.area]]
library = "two"
source = "/mnt/B"
destination = "/gw/b"

[mailbox_test]
user = "test"
password = { prompt = true }
source_imap = "fs1:143"
destination_imap = "[::1]:1143"
sample_messages = 50
"#;

#[test]
fn a_full_worksheet_says_what_it_says() {
    let worksheet = Worksheet::parse(FULL).expect("right");
    let SourceAccess::Network(network) = &worksheet.source.access else {
        panic!("{worksheet:?}")
    };
    assert_eq!(
        (network.protocol, network.server.as_str()),
        (Protocol::Cifs, "fs1")
    );
    assert_eq!(
        network.password,
        Some(SecretReference::File("/root/password".into()))
    );
    assert_eq!(network.mount_point, PathBuf::from("/mnt/gwmigrate-sales-2"));
    assert_eq!(worksheet.source.poa_ports, [1677, 7101]);
    assert_eq!(
        worksheet.destination.key_password,
        Some(SecretReference::Environment("KEY_PASSWORD".into()))
    );
    assert_eq!(worksheet.destination.privilege, Privilege::Sudo);
    assert_eq!(
        worksheet.poa.package.expect("package").kind,
        PackageKind::TarGz
    );
    assert_eq!(
        worksheet.poa.certificate.expect("certificate").key_password,
        Some(SecretReference::Prompt)
    );
    assert_eq!(worksheet.copy.workers, Some(8));
    let path = worksheet.documents[1].access.path();
    assert_eq!(path, PathBuf::from("/mnt/B"));
    let guardian = GuardianSettings {
        engine: GuardianEngine::GwCheck,
        gwcheck: Some("/opt/gwcheckt".into()),
        options_file: Some("store.opt".into()),
    };
    assert_eq!(worksheet.guardian, guardian);
    assert_eq!(worksheet.seal.read_again, ReadAgain::Everything);
    let test = worksheet.mailbox_test.expect("test");
    assert_eq!(test.sample_messages, 50);
    let imap = test.destination_imap;
    assert_eq!((imap.host.as_str(), imap.port), ("::1", 1143));
}

#[test]
fn several_mistakes_are_told_at_once_with_their_lines() {
    let text = r#"
[source]
kind = "cifs"
server = 5
password = "geheim"
path = "/x"
platform = "windows"
[destinaton]
host = "gw1"
[post_office]
nmae = "sales"
folder = "/gwsystem/Sales"
[poa]
http_port = 70000
"#;
    assert_eq!(
        complaints(text),
        [
            "2: `share` is missing in [source]; for example: share = \"mail\"",
            "2: `user` is missing in [source]; for example: user = \"migration\"",
            "4: `server` must be a text in quotes, and is a whole number",
            "5: `password` must not stand in the worksheet itself, where others can read it; it must say where the \
             secret is to be found: { file = \"…\" }, { environment = \"NAME\" } or { prompt = true }",
            "6: `path` makes no sense with kind = \"cifs\"",
            "8: there is no section `destinaton`; did you mean [destination]?",
            "10: `name` is missing in [post_office]; for example: name = \"sales\"",
            "11: there is no setting `nmae` in [post_office]; did you mean `name`?",
            "12: `folder` must be all lower case: on Linux GroupWise finds nothing else",
            "14: `http_port` must be from 1 to 65535",
            "-: the section [destination] is missing",
        ]
    );
}

#[test]
fn problems_show_their_lines_and_no_secret() {
    let text = SMALL.replace(
        "host = \"gw1\"",
        "host = \"gw1\"\npassword = \"geheim\"\nport = 0",
    );
    let problems = Worksheet::parse(&text).expect_err("problems");
    let shown = problems.to_string();
    assert!(
        shown.starts_with("The worksheet has 2 mistakes\n  line 9: password = …\n"),
        "{shown}"
    );
    assert!(
        shown.contains("\n  line 10: port = 0\n      `port` must be from 1 to 65535"),
        "{shown}"
    );
    let findings = problems.findings();
    assert_eq!(findings.len(), 2);
    assert_eq!(
        (findings[1].subject.as_str(), findings[1].verdict),
        ("line 10", Verdict::Usage)
    );
    assert_eq!(
        (problems.code(), problems.verdict()),
        ("worksheet", Verdict::Usage)
    );
    let all = format!("{shown}{problems:?}{findings:?}{}", problems.to_finding());
    assert!(!all.contains("geheim"), "{all}");
}

#[test]
fn a_password_over_several_lines_is_not_shown_either() {
    let text = SMALL.replace(
        "host = \"gw1\"",
        "host = \"gw1\"\npassword = \"\"\"\nein \\geheim\n\"\"\"",
    );
    let shown = Worksheet::parse(&text).expect_err("problems").to_string();
    assert!(
        shown.contains("this is no TOML") && !shown.contains("geheim"),
        "{shown}"
    );
}

#[test]
fn text_that_is_no_toml_is_told_and_nothing_is_called_missing() {
    let complaints = complaints(&SMALL.replace("host = \"gw1\"", "host = \"gw1"));
    assert!(
        complaints
            .iter()
            .all(|complaint| !complaint.contains("missing")),
        "{complaints:?}"
    );
    assert!(
        complaints
            .iter()
            .any(|complaint| complaint.starts_with("8: this is no TOML")),
        "{complaints:?}"
    );
}
