//! Certificates that are wrong somehow: told by `check` and by stage one before anything is copied.

use harness::site::Site as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use harness::certificate::{CertificateFiles, CertificateOptions, make_certificate};
use harness::rehearsal::CommandRun;

use crate::support::{Stage, codes, finding};

/// A stage whose source has a certificate like that.
fn with_certificate(options: &CertificateOptions<'_>) -> Stage {
    let mut stage = Stage::new();
    let folder = stage.folder.path().to_owned();
    let files = make_certificate(&folder.join("source/CERTS"), &folder.join("keys"), options);
    use_files(&mut stage, files.expect("made"));
    stage
}

fn use_files(stage: &mut Stage, files: CertificateFiles) {
    stage.embedded_mut().sheet.certificate = Some(files);
    stage.embedded().write_worksheet().expect("written");
}

fn has_copied_anything(stage: &Stage) -> bool {
    let copied = stage.destination().join("wphost.db");
    let certificates = stage
        .embedded()
        .sheet
        .install_folder
        .as_ref()
        .expect("named")
        .join("certificates");
    copied.exists() || certificates.exists()
}

/// The line about the certificate.
fn line(run: &CommandRun) -> serde_json::Value {
    let lines = run.result["lines"].as_array().expect("lines");
    let mut lines = lines.iter().filter(|line| line["check"] == "certificate");
    lines.next().expect("the line").clone()
}

fn assert_refused(stage: &Stage, code: &str) {
    for command in ["check", "stage-one"] {
        let run = stage.expect(&[command], 5);
        finding(&run, code);
        if command == "check" {
            assert_eq!(line(&run)["verdict"], "refused");
        }
    }
    assert!(!has_copied_anything(stage), "{code}");
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_key_that_cannot_be_used_stops_before_anything_is_copied() {
    let mut stage = with_certificate(&CertificateOptions {
        key_password: Some("right"),
        ..CertificateOptions::default()
    });
    let files = stage.embedded().sheet.certificate.clone().expect("files");
    let password = files.key_password_file.clone().expect("a password");
    fs::write(&password, "wrong").expect("written");
    assert_refused(&stage, "key-password-wrong");

    let none = CertificateFiles {
        key_password_file: None,
        ..files.clone()
    };
    use_files(&mut stage, none);
    assert_refused(&stage, "key-password-missing");

    let folder = stage.folder.path().to_owned();
    fs::create_dir(folder.join("other-keys")).expect("made");
    let other = CertificateOptions::default();
    let other = make_certificate(&folder.join("other"), &folder.join("other-keys"), &other);
    let mismatched = CertificateFiles {
        certificate: other.expect("made").certificate,
        key: files.plain_key.clone(),
        key_password_file: None,
        ..files.clone()
    };
    use_files(&mut stage, mismatched);
    assert_refused(&stage, "key-does-not-fit");

    fs::write(&files.certificate, "no certificate").expect("written");
    use_files(&mut stage, files.clone());
    assert_refused(&stage, "certificate-unreadable");

    fs::remove_file(&files.certificate).expect("removed");
    assert_refused(&stage, "certificate-unreadable");
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_certificate_that_clients_will_refuse_is_told_beforehand_and_stops_nothing() {
    for (from_days, until_days, code) in [
        (-30, -1, "certificate-expired"),
        (10, 30, "certificate-not-yet-valid"),
    ] {
        let stage = with_certificate(&CertificateOptions {
            from_days,
            until_days,
            ..CertificateOptions::default()
        });
        let run = stage.expect(&["check"], 1);
        finding(&run, code);
        finding(&run, "certificate-self-signed");
        assert_eq!(line(&run)["verdict"], "person");
        assert!(!has_copied_anything(&stage));
        let run = stage.expect(&["stage-one"], 1);
        finding(&run, code);
        assert!(has_copied_anything(&stage));
    }
}

#[test]
fn a_certificate_for_another_name_is_told() {
    let mut stage = with_certificate(&CertificateOptions {
        name: "old.example",
        ..CertificateOptions::default()
    });
    let line = ("poa".to_owned(), "dns_name = \"new.example\"".to_owned());
    stage.embedded_mut().sheet.extra.push(line);
    stage.embedded().write_worksheet().expect("written");
    let run = stage.migrate(&["check"]);
    let found = finding(&run, "certificate-other-name");
    assert!(found.text.contains("old.example") && found.text.contains("new.example"));
    assert!(Path::new(&found.subject).ends_with("POA.CRT"), "{found:#?}");
    stage.embedded_mut().sheet.extra[0].1 = "dns_name = \"old.example\"".to_owned();
    stage.embedded().write_worksheet().expect("written");
    let run = stage.migrate(&["check"]);
    assert!(
        !codes(&run).contains(&"certificate-other-name"),
        "{:#?}",
        run.findings
    );
}

/// Two post offices go to one server, and both call their files poa.crt and poa.key.
#[test]
fn a_certificate_of_another_post_office_is_never_written_over() {
    let stage = with_certificate(&CertificateOptions::default());
    let folder = stage.embedded().sheet.install_folder.clone();
    let folder = folder.expect("a folder").join("certificates");
    fs::create_dir_all(&folder).expect("made");
    let key = folder.join("poa.key");
    fs::write(&key, "the key of another post office").expect("written");
    for command in ["check", "stage-one"] {
        let run = stage.migrate(&[command]);
        let kept = fs::read_to_string(&key).expect("read");
        assert_eq!(kept, "the key of another post office", "{command}");
        assert_eq!(run.exit_code, Some(5), "{command}: {:#?}", run.findings);
        let code = if command == "check" {
            "certificate"
        } else {
            "file-of-somebody"
        };
        let found = finding(&run, code);
        assert!(
            found.text.contains(key.to_str().expect("UTF-8")),
            "{found:#?}"
        );
        assert!(!stage.destination().join("wphost.db").exists());
    }
    // The very same file, which another job has put there: it is used, stays as it is, and is not taken away with this job.
    let files = stage.embedded().sheet.certificate.clone().expect("files");
    fs::copy(&files.key, &key).expect("copied");
    let before = fs::metadata(&key).expect("there");
    let run = stage.migrate(&["stage-one"]);
    assert!(run.exit_code <= Some(1), "{:#?}", run.findings);
    assert!(folder.join("poa.crt").exists());
    stage.expect(&["abandon", "--yes"], 0);
    let after = fs::metadata(&key).expect("there");
    let of = |found: &fs::Metadata| (found.ino(), found.ctime(), found.ctime_nsec());
    assert_eq!(of(&before), of(&after));
    assert!(!folder.join("poa.crt").exists());
}

/// The same file, which another post office uses as well: it stays whose it is when everything else is given to the POA's user.
#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_key_that_another_post_office_uses_is_not_given_away() {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED: only root can give anything away");
        return;
    }
    let mut stage = with_certificate(&CertificateOptions::default());
    let line = ("poa".to_owned(), "run_as_user = \"nobody\"".to_owned());
    stage.embedded_mut().sheet.extra.push(line);
    stage.embedded().write_worksheet().expect("written");
    let folder = stage.embedded().sheet.install_folder.clone();
    let folder = folder.expect("a folder").join("certificates");
    fs::create_dir_all(&folder).expect("made");
    let files = stage.embedded().sheet.certificate.clone().expect("files");
    fs::copy(&files.key, folder.join("poa.key")).expect("copied");
    stage.migrate(&["stage-one"]);
    stage.prepare();
    stage.migrate(&["stage-two"]);
    let run = stage.expect(&["finish"], 1);
    let owner = |name: &str| fs::metadata(folder.join(name)).expect("there").uid();
    assert_eq!(owner("poa.key"), 0, "{:#?}", run.findings);
    assert_ne!(owner("poa.crt"), 0);
    let key = folder.join("poa.key").display().to_string();
    let mut told = run.findings.iter();
    assert!(
        told.any(|one| one.code == "folder-not-ours" && one.subject == key),
        "{:#?}",
        run.findings
    );
}

/// Two post offices of a server have one certificate: the job that had put it there took it from the other one's agent.
#[test]
fn what_another_agent_uses_by_now_stays_when_the_job_is_abandoned() {
    let stage = with_certificate(&CertificateOptions::default());
    stage.migrate(&["stage-one"]);
    let folder = stage.embedded().sheet.install_folder.clone();
    let folder = folder.expect("a folder");
    let (certificate, key) = ("certificates/poa.crt", "certificates/poa.key");
    assert!(folder.join(certificate).exists());
    let other = folder.join("share/other.poa");
    fs::create_dir_all(folder.join("share")).expect("made");
    let named = folder.join(certificate).display().to_string();
    let says = format!("/home \"/mail/other\"\r\n/certfile \"{named}\"\r\n");
    fs::write(&other, says).expect("written");
    let plan = stage.migrate(&["abandon"]).result["system"].clone();
    let staying = plan["staying"].as_array().expect("a list");
    let mut staying = staying.iter().filter(|one| one["what"] == *named);
    let why = staying.next().expect("it stays")["why"].to_string();
    assert!(why.contains("other.poa"), "{why}");
    let files = plan["files"].to_string();
    assert!(
        files.contains(key) && !files.contains(certificate),
        "{files}"
    );
    stage.expect(&["abandon", "--yes"], 0);
    assert!(folder.join(certificate).exists());
    assert!(!folder.join(key).exists());
}

/// Both go to one folder, in lower case: the key was written over the certificate, and "they fit" was said.
#[test]
fn certificate_and_key_that_would_get_one_name_are_a_mistake() {
    let mut stage = with_certificate(&CertificateOptions::default());
    let files = stage.embedded().sheet.certificate.clone().expect("files");
    let with_name = |file: &std::path::Path, name: &str| {
        let renamed = file.with_file_name(name);
        fs::copy(file, &renamed).expect("copied");
        renamed
    };
    let key_folder = stage.folder.path().join("source/KEYS");
    fs::create_dir_all(&key_folder).expect("made");
    let key = key_folder.join("SALES.PEM");
    fs::copy(&files.key, &key).expect("copied");
    let renamed = CertificateFiles {
        certificate: with_name(&files.certificate, "sales.pem"),
        key,
        ..files
    };
    use_files(&mut stage, renamed);
    stage.usage(&["check", "--offline"]);
    stage.usage(&["stage-one"]);
    assert!(!has_copied_anything(&stage));
}
