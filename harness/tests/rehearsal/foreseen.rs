//! What a later step would stop at is seen by `check`, with the same words; and what the step itself says when it stops.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use harness::rehearsal::CommandRun;
use harness::site::Site as _;

use crate::support::{Stage, finding, play_root};

/// A stage with a POA whose startup file at the source ends with these lines, and these lines in [poa].
fn with_poa(startup: &str, poa: &[&str]) -> Stage {
    let mut stage = Stage::with(|options| options.site.with_poa = true);
    let path = stage.source().join(&stage.embedded().created.startup_file);
    let file = OpenOptions::new().append(true).open(path);
    write!(file.expect("opened"), "{startup}").expect("written");
    for line in poa {
        let line = ("poa".to_owned(), (*line).to_owned());
        stage.embedded_mut().sheet.extra.push(line);
    }
    stage.embedded().write_worksheet().expect("written");
    stage
}

/// Its destination's user is root, whoever runs this test.
fn as_root(stage: Stage) -> Stage {
    let bin = stage.folder.path().join("programs");
    fs::create_dir(&bin).expect("made");
    play_root(&bin);
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let path = BTreeMap::from([("PATH".to_owned(), path)]);
    stage.embedded().server.set_environment(path);
    stage
}

/// The line of a check is not fine; gives what it says and its remedy.
fn told(run: &CommandRun, check: &str, verdict: &str) -> (String, String) {
    let lines = run.result["lines"].as_array().expect("lines");
    let mut named = lines.iter().filter(|line| line["check"] == check);
    let line = named.next().expect("the line");
    assert_eq!(line["verdict"], verdict, "{line}");
    let text = |key: &str| line[key].as_str().expect("a text").to_owned();
    (text("text"), text("remedy"))
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_startup_file_that_is_not_at_its_place_is_seen_and_the_source_is_blamed() {
    let stage = with_poa("", &["startup_file = \"NOSUCH.POA\""]);
    for command in ["check", "stage-one"] {
        let run = stage.expect(&[command], 5);
        let found = finding(&run, "startup-file");
        assert!(found.text.contains("NOSUCH.POA"), "{found:#?}");
        assert!(found.remedy.contains("[poa] startup_file"), "{found:#?}");
        if command == "check" {
            told(&run, "startup-file", "refused");
        }
    }
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_line_that_names_the_old_server_is_to_be_corrected_in_the_copy_that_is_used() {
    let stage = with_poa("/work-SYS:\\WORK\r\n", &[]);
    let run = stage.expect(&["check"], 1);
    let (text, _) = told(&run, "startup-file", "person");
    assert!(text.contains("--work"), "{text}");
    let run = stage.migrate(&["stage-one"]);
    let mut found = run.findings.iter();
    let found =
        found.find(|finding| finding.code == "startup-file-path" && finding.subject == "work");
    let found = found.expect("the finding");
    let name = format!("{}.poa", stage.embedded().sheet.post_office.to_lowercase());
    let copy = stage.embedded().sheet.job_folder.join("startup").join(name);
    assert!(
        found.remedy.contains(copy.to_str().expect("UTF-8")),
        "{found:#?}"
    );
    // The remedy, to the letter.
    let text = fs::read_to_string(&copy).expect("read");
    stage.prepare();
    stage.migrate(&["stage-two"]);
    let run = stage.expect(&["finish"], 1);
    finding(&run, "startup-file-path");
    let line = text
        .lines()
        .find(|line| line.contains("--work"))
        .expect("the line");
    fs::write(&copy, text.replace(line, "--work /tmp")).expect("written");
    stage.expect(&["finish"], 0);
    stage.embedded().stop_poa().expect("stopped");
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn switches_of_the_old_server_that_mean_nothing_on_linux_are_left_out_with_their_secrets() {
    let secret = "Sesam7";
    let startup =
        format!("/User-.agent.example\r\n/PASSWORD-{secret}\r\n/rights /show\r\n/noconfig\r\n");
    let stage = with_poa(&startup, &[]);
    let run = stage.expect(&["check"], 1);
    let (text, _) = told(&run, "startup-file", "person");
    for left_out in ["--user", "--password", "--rights", "--show"] {
        assert!(text.contains(&format!("{left_out} is left out")), "{text}");
    }
    assert!(!format!("{run:?}").contains(secret), "told");
    let run = stage.migrate(&["stage-one"]);
    let mut found = run.findings.iter();
    let found = found.find(|one| one.code == "startup-file-switch" && one.subject == "noconfig");
    let found = found.expect("the finding");
    assert!(found.remedy.contains("startup"), "{found:#?}");
    let name = format!("{}.poa", stage.embedded().sheet.post_office.to_lowercase());
    let copy = stage.embedded().sheet.job_folder.join("startup").join(name);
    let text = fs::read_to_string(&copy).expect("read");
    for gone in [secret, "--user", "--password", "--rights", "--show"] {
        assert!(!text.contains(gone), "{gone}: {text}");
    }
    // The remedy, to the letter.
    stage.prepare();
    stage.migrate(&["stage-two"]);
    fs::write(&copy, text.replace("--noconfig", "")).expect("written");
    stage.expect(&["finish"], 0);
    stage.embedded().stop_poa().expect("stopped");
}

#[test]
fn a_user_that_is_not_there_and_ports_that_it_may_not_open_are_seen_before_users_are_out() {
    let stage = as_root(with_poa("", &["run_as_user = \"gwnobodyhere\""]));
    let run = stage.expect(&["check"], 5);
    let (_, remedy) = told(&run, "run-as-user", "refused");
    assert!(
        remedy.contains("useradd") && remedy.contains("gwnobodyhere"),
        "{remedy}"
    );

    let mut stage = as_root(with_poa("/imap-enabled\r\n", &["run_as_user = \"nobody\""]));
    let run = stage.expect(&["check"], 5);
    let (text, remedy) = told(&run, "run-as-user", "refused");
    assert!(text.contains("port 143"), "{text}");
    // The remedy, to the letter.
    let line = "low_ports = \"capability\"";
    assert!(remedy.contains(line), "{remedy}");
    let line = ("poa".to_owned(), line.to_owned());
    stage.embedded_mut().sheet.extra.push(line);
    stage.embedded().write_worksheet().expect("written");
    let run = stage.migrate(&["check"]);
    told(&run, "run-as-user", "done");
}

#[test]
fn a_key_whose_password_the_poa_is_never_given_is_seen() {
    let stage = Stage::with(|options| {
        options.site.with_poa = true;
        options.site.with_mailbox_test = true;
    });
    let run = stage.migrate(&["check"]);
    told(&run, "startup-file", "person");
    let path = stage.source().join(&stage.embedded().created.startup_file);
    let text = fs::read_to_string(&path).expect("read");
    let without: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("/keypasswd"))
        .collect();
    assert!(without.len() < text.lines().count(), "{text}");
    fs::write(&path, without.join("\r\n")).expect("written");
    let run = stage.expect(&["check"], 5);
    let (text, remedy) = told(&run, "startup-file", "refused");
    assert!(
        text.contains("password of its key") && remedy.contains("--keypassw"),
        "{text}: {remedy}"
    );
}

#[test]
fn folders_of_the_system_are_no_folders_of_a_job() {
    for folder in ["/etc", "/usr/bin", "/proc/1"] {
        let mut stage = Stage::new();
        stage.embedded_mut().sheet.destination = folder.into();
        stage.embedded().write_worksheet().expect("written");
        let run = stage.expect(&["check"], 5);
        let found = finding(&run, "folder-of-the-system");
        assert!(found.text.contains(folder), "{found:#?}");
        told(&run, "places", "refused");
    }
    let mut stage = Stage::new();
    stage.embedded_mut().sheet.job_folder = "/tmp".into();
    stage.embedded().write_worksheet().expect("written");
    let run = stage.expect(&["check"], 5);
    finding(&run, "folder-of-the-system");
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_taken_port_is_seen_and_named_where_it_stops_the_poa() {
    let free = TcpListener::bind("127.0.0.1:0").expect("bound");
    let imap = free.local_addr().expect("bound").port();
    let stage = with_poa(&format!("/imap-enabled\r\n/imapport-{imap}\r\n"), &[]);
    let run = stage.expect(&["check"], 5);
    let (text, _) = told(&run, "destination-ports", "refused");
    assert!(text.contains(&imap.to_string()), "{text}");
    let run = stage.expect(&["stage-one"], 5);
    let found = finding(&run, "port-taken");
    assert!(found.text.contains(&imap.to_string()), "{found:#?}");
    assert!(found.remedy.contains("ss -ltnp"), "{found:#?}");
    drop(free);
    // The ports of the POA of this job itself are not taken.
    let run = stage.migrate(&["stage-one"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    let run = stage.migrate(&["check"]);
    told(&run, "destination-ports", "done");
    stage.embedded().stop_poa().expect("stopped");
}

#[test]
fn a_package_of_another_generation_or_version_is_seen() {
    let mut stage = Stage::with(|options| options.site.with_poa = true);
    let bin = stage.folder.path().join("package-managers");
    fs::create_dir(&bin).expect("made");
    let say = |name: &str, script: &str| {
        let path = bin.join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
    };
    play_root(&bin);
    // What the package managers say, word for word.
    say(
        "dpkg-query",
        "for name; do :; done; echo \"dpkg-query: no packages found matching $name\" >&2; exit 1",
    );
    say(
        "dpkg-deb",
        "for file; do :; done; test -s \"$file\" && echo 'groupwise-of-old 8.0.3'",
    );
    let path = format!("{}:/usr/bin:/bin", bin.display());
    stage
        .embedded()
        .server
        .set_environment(BTreeMap::from([("PATH".to_owned(), path)]));
    let package = stage.folder.path().join("agents.deb");
    fs::write(&package, "a package").expect("written");
    let sheet = &mut stage.embedded_mut().sheet;
    sheet.package = Some(package);
    sheet
        .extra
        .push(("post_office".to_owned(), "domain = \"main\"".to_owned()));
    stage.embedded().write_worksheet().expect("written");
    let run = stage.migrate(&["check"]);
    let (text, remedy) = told(&run, "poa-package", "person");
    assert!(
        text.contains("groupwise-of-old") && remedy.contains("generation"),
        "{text}: {remedy}"
    );
    say("dpkg-query", "echo 'installed 7.0.0'");
    let run = stage.migrate(&["check"]);
    let (text, _) = told(&run, "poa-package", "person");
    assert!(text.contains("7.0.0"), "{text}");
    say(
        "dpkg-deb",
        "echo 'dpkg-deb: error: this is not a Debian format archive' >&2; exit 2",
    );
    let run = stage.expect(&["check"], 5);
    told(&run, "poa-package", "refused");
}

#[test]
fn a_database_that_cannot_be_opened_is_not_counted_as_free() {
    let stage = Stage::new();
    let folder =
        harness::rehearsal::folder_in_any_case(stage.source(), &["ofuser"]).expect("there");
    std::os::unix::fs::symlink("/nowhere", folder.join("USERZZZ.DB")).expect("linked");
    let run = stage.expect(&["check"], 1);
    let (text, _) = told(&run, "source-busy", "person");
    assert!(text.contains("1 of"), "{text}");
    let about = |code: &str| {
        let mut found = run.findings.iter().filter(|finding| finding.code == code);
        found.any(|finding| finding.subject.ends_with("USERZZZ.DB"))
    };
    assert!(about("source-unreadable"), "{:#?}", run.findings);
}
