use super::field::{FIELDS, Need, SECTIONS};
use super::*;
use crate::remote::Privilege;
use std::path::PathBuf;
use worker::finding::{Explain as _, Verdict};

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
        workers: None,
        agent_logs: true,
        removal_limit_percent: 20,
        retries: 3,
        quiet_seconds: 10,
        lock_wait_seconds: 30,
    };
    assert_eq!(worksheet.copy, copy);
    assert_eq!(
        (worksheet.documents.len(), worksheet.mailbox_test),
        (0, None)
    );
}

#[test]
fn a_full_worksheet_says_what_it_says() {
    let text = r#"
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
"#;
    let worksheet = Worksheet::parse(text).expect("right");
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
    assert_eq!(worksheet.documents[1].source, PathBuf::from("/mnt/B"));
    let imap = worksheet.mailbox_test.expect("test").destination_imap;
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

#[test]
fn each_bad_value_is_refused() {
    let path = r#"path = "/mnt/source/po""#;
    let folder = r#"folder = "/gwsystem/sales""#;
    let host = r#"host = "gw1""#;
    let table = [
        (
            path,
            r#"path = "mnt/po""#,
            "4: `path` must be a path from the root, beginning with `/`",
        ),
        (
            path,
            r#"path = "/mnt/../po""#,
            "4: `path` must not have `.` or `..` in it",
        ),
        (path, r#"path = "/""#, "4: `path` must not be the root"),
        (path, r#"path = """#, "4: `path` must not be empty"),
        (
            path,
            r#"path = "/a\u001b""#,
            "4: `path` must not hold control characters",
        ),
        (
            folder,
            r#"folder = "/gwsystem/Übung""#,
            "12: `folder` must be all lower case: on Linux GroupWise finds nothing else",
        ),
        (
            r#"platform = "netware""#,
            r#"platform = "os2""#,
            "5: `platform` must be one of netware, windows, linux",
        ),
        (
            r#"name = "Sales""#,
            r#"name = "Sales office""#,
            "11: this cannot name the job as well; give it a name of its own, as in job = \"sales\"",
        ),
        (
            r#"name = "Sales""#,
            "name = \"S\"\njob = \"A b\"",
            "12: `job` must be made of lower-case letters, digits, `_` and `-`",
        ),
        (
            host,
            "host = \"gw1\"\nport = -1",
            "9: `port` must be from 1 to 65535",
        ),
        (
            host,
            "host = \"gw1\"\nport = \"22\"",
            "9: `port` must be a whole number, and is a text",
        ),
        (
            host,
            "host = \"gw1\"\nagent = \"no\"",
            "9: `agent` must be true or false, and is a text",
        ),
        (
            host,
            "host = \"gw1\"\nagent = false",
            "9: without the agent there is no way to log in; give `key` or `password`",
        ),
        (
            host,
            "host = \"gw1\"\nkey_password = { prompt = true }",
            "9: `key_password` needs `key`",
        ),
        (
            host,
            "host = \"gw1\"\nknown_hosts = \"x\"",
            "9: `known_hosts` must be a list of texts, and is a text",
        ),
        (
            host,
            "host = \"gw1\"\nknown_hosts = [1]",
            "9: `known_hosts` must be a list of texts, and is a whole number",
        ),
        (
            host,
            "host = \"gw1\"\nhots = \"gw1\"",
            "9: there is no setting `hots` in [destination]; did you mean `host`?",
        ),
        (
            host,
            "host = \"gw1\"\n[poa]\npackage = \"a.zip\"",
            "10: `package` must end in .rpm, .deb, .tar.gz or .tgz",
        ),
        (
            host,
            "host = \"gw1\"\n[poa]\ncertificate = \"a\"",
            "10: `certificate` needs `key`",
        ),
        (
            host,
            "host = \"gw1\"\n[poa]\nkey = \"a\"",
            "10: `key` needs `certificate`",
        ),
        (
            host,
            "host = \"gw1\"\n[copy]\nremoval_limit_percent = 101",
            "10: `removal_limit_percent` must be from 0 to 100",
        ),
        (
            host,
            "host = \"gw1\"\n[[copy]]\nretries = 1",
            "9: `copy` must be a section, written as [copy]",
        ),
        (
            host,
            "host = \"gw1\"\n[documents]\nareas = 1",
            "10: [documents] has nothing but [[documents.area]]",
        ),
        (
            host,
            "host = \"gw1\"\n[documents.area]\nlibrary = \"x\"",
            "9: it must be written as [[documents.area]]",
        ),
        (
            r#"kind = "mounted""#,
            r#"kind = "ftp""#,
            "3: `kind` must be one of mounted, cifs, ncp, nfs",
        ),
        (
            host,
            "host = \"gw1\"\nagent = false\nkey = 5",
            "10: `key` must be a text in quotes, and is a whole number",
        ),
        (
            "[source]",
            "colour = 1\n[source]",
            "2: there is no setting `colour`",
        ),
    ];
    for (from, to, expected) in table {
        assert_eq!(complaint(from, to), expected, "{to}");
    }
}

#[test]
fn secrets_stand_in_no_other_form() {
    for wrong in [
        "\"x\"",
        "5",
        "{}",
        "{ prompt = false }",
        "{ file = \"a\", prompt = true }",
        "{ files = \"a\" }",
        "{ file = \"\" }",
        "{ environment = \"A=B\" }",
    ] {
        let message = complaint(
            r#"host = "gw1""#,
            &format!("host = \"gw1\"\npassword = {wrong}"),
        );
        assert!(message.contains("{ prompt = true }"), "{wrong}: {message}");
    }
}

#[test]
fn shares_are_not_led_out_of() {
    for (folder, expected) in [
        ("/po", "relative to the share"),
        ("\\\\po", "relative to the share"),
        ("a\\\\po", "with `/` between folders"),
        ("../po", "lead out of the share"),
    ] {
        let text = SMALL.replace(
            "kind = \"mounted\"\npath = \"/mnt/source/po\"",
            &format!("kind = \"nfs\"\nserver = \"s\"\nshare = \"/x\"\nfolder = \"{folder}\""),
        );
        let complaints = complaints(&text);
        assert!(
            complaints.len() == 1 && complaints[0].contains(expected),
            "{folder}: {complaints:?}"
        );
    }
}

/// The template with the settings on that a filter chooses, and the sections that they are in.
fn switched_on(kind: Option<Protocol>, all: bool) -> String {
    let mut section = String::new();
    let mut lines = Vec::new();
    for line in template(kind).lines() {
        let bare = line.strip_prefix('#').unwrap_or(line);
        if bare.starts_with('[') {
            section = bare.trim_matches(['[', ']']).to_owned();
            lines.push(if all {
                bare.to_owned()
            } else {
                line.to_owned()
            });
            continue;
        }
        let name = bare.split(" = ").next().unwrap_or_default();
        let field = FIELDS
            .iter()
            .find(|field| field.section == section && field.name == name);
        let is_required = SECTIONS
            .iter()
            .any(|one| one.name == section && one.is_required);
        let on = field.is_some_and(|field| all || is_required && field.need == Need::Required);
        lines.push(if on { bare.to_owned() } else { line.to_owned() });
    }
    lines.join("\n")
}

#[test]
fn templates_are_worksheets() {
    for kind in [
        None,
        Some(Protocol::Cifs),
        Some(Protocol::Ncp),
        Some(Protocol::Nfs),
    ] {
        Worksheet::parse(&switched_on(kind, false)).expect("with what is required");
        let all = Worksheet::parse(&switched_on(kind, true)).expect("with everything");
        assert!(
            all.mailbox_test.is_some() && all.documents.len() == 1 && all.poa.certificate.is_some()
        );
        assert!(
            template(kind)
                .lines()
                .all(|line| line.chars().count() <= 120),
            "lines are short"
        );
    }
    let untouched = Worksheet::parse(&template(None)).expect_err("something is required");
    assert!(
        untouched
            .problems()
            .iter()
            .all(|problem| problem.message.contains("is missing in")),
        "{untouched}"
    );
}

#[test]
fn defaults_and_examples_of_the_table_are_right() {
    for field in FIELDS {
        let literals = [
            Some(field.example),
            if let Need::Default(value) = field.need {
                Some(value)
            } else {
                None
            },
        ];
        for literal in literals.into_iter().flatten() {
            let value = toml::de::DeValue::parse(literal).expect(field.name);
            value::check(field.kind, value.get_ref()).expect(field.name);
        }
        assert!(
            SECTIONS.iter().any(|section| section.name == field.section),
            "{}",
            field.section
        );
        assert!(!field.doc.ends_with('.'), "{}", field.doc);
    }
}
