//! Login shells that print, that do not run commands, and that are no POSIX shells.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use gwmigrate::remote::{Remote, RemoteCommand, RemoteError};
use protocol::{Explain as _, Verdict};

use super::{Site, shell};

/// A site whose login shell is this script; `run` in it runs what is asked for.
async fn site(script: &str) -> Site {
    let folder = tempfile::tempdir().expect("folder").keep();
    let path = folder.join("login-shell");
    std::fs::write(
        &path,
        format!("#!/bin/sh\nrun() {{ /bin/sh \"$@\"; }}\n{script}\n"),
    )
    .expect("write");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("chmod");
    Site::with(|options| options.login_shell = path).await
}

/// The greeting passed as the user's number, and was told as another architecture or a passing time-out later.
#[tokio::test]
async fn a_login_shell_that_prints_is_refused_by_what_it_prints() {
    for script in [
        "echo '*** Welcome to gw1 ***'; run \"$@\"",
        "printf 'Welcome without an end'; run \"$@\"",
        "run \"$@\"; echo 'Welcome and good-bye'",
        "run \"$@\"; status=$?; printf 'Welcome back' >&2; exit $status",
        "echo Welcome; echo first; exec /bin/sh \"$@\"",
    ] {
        let error = site(script).await.refusal().await;
        assert_eq!(error.code(), "remote-shell-prints", "{script}: {error:?}");
        assert_eq!(error.verdict(), Verdict::Refused);
        let told = error.to_finding().to_string();
        for words in ["Welcome", ".bashrc", "/etc/profile.d", "interactive"] {
            assert!(told.contains(words), "{script}: {told}");
        }
    }
}

#[tokio::test]
async fn the_remedy_of_a_login_shell_that_prints_is_enough() {
    let site = site("[ -t 1 ] && echo Welcome; run \"$@\"").await;
    let remote = site.connect().await;
    let output = remote.run(&shell("echo hello"), Vec::new()).await;
    assert_eq!(output.expect("run").text(), "hello");
}

/// What is said on the standard error alone disturbs nothing but the judging of that.
#[tokio::test]
async fn complaints_of_a_startup_file_are_told_and_are_none_of_a_command() {
    let site =
        site("echo 'mesg: ttyname failed: Inappropriate ioctl for device' >&2; run \"$@\"").await;
    let connected = Remote::connect(site.options()).await.expect("connected");
    assert_eq!(
        connected.shell_complaint,
        "mesg: ttyname failed: Inappropriate ioctl for device"
    );
    let output = connected
        .remote
        .run(&shell("echo out; echo err >&2; exit 1"), Vec::new())
        .await
        .expect("run");
    assert_eq!(
        (&*output.stdout, &*output.stderr),
        (&b"out\n"[..], &b"err\n"[..])
    );
    let held = connected
        .remote
        .hold(&shell("echo held; cat"))
        .await
        .expect("held");
    assert_eq!(held.first_line, b"held");
    held.close().await.expect("ended");
}

#[tokio::test]
async fn a_login_shell_that_runs_nothing_gives_no_answer() {
    for (script, said) in [
        (
            "echo 'This account is currently not available.'; exit 1",
            "not available",
        ),
        ("exit 0", "exit code 0"),
        (
            "echo 'WARNING: Your password has expired.' >&2; exit 1",
            "has expired",
        ),
    ] {
        let error = site(script).await.refusal().await;
        let RemoteError::ShellFailed { .. } = &error else {
            panic!("{script}: {error:?}")
        };
        let told = error.to_finding().to_string();
        assert!(told.contains(said), "{told}");
        assert_eq!(told.contains("change it"), said == "has expired", "{told}");
    }
}

/// A menu that waits for a key keeps every command; it is not a server that is down for a while.
#[tokio::test]
async fn a_login_shell_that_waits_is_told_with_its_words() {
    let site = site("printf 'Press enter'; sleep 60").await;
    let mut options = site.options();
    options.connect_timeout_seconds = 1;
    let error = Remote::connect(options)
        .await
        .map(|_| ())
        .expect_err("waits");
    assert_eq!(error.code(), "remote-shell-failed", "{error:?}");
    assert!(error.to_string().contains("Press enter"), "{error}");
}

/// Those of the other shells that are here; what they disagree on is tested without them beside `frame`.
#[tokio::test]
async fn any_login_shell_runs_a_command_as_it_is() {
    let mut tried = 0;
    for program in [
        "/bin/sh",
        "/bin/bash",
        "/bin/tcsh",
        "/usr/bin/tcsh",
        "/usr/bin/fish",
    ] {
        if !Path::new(program).exists() {
            continue;
        }
        tried += 1;
        let site = Site::with(|options| options.login_shell = program.into()).await;
        let folder = site.path("it's !here! \\ and\nthere");
        std::fs::create_dir(&folder).expect("folder");
        let file = folder.join("f");
        let remote = site.connect().await;
        remote
            .upload_bytes(b"x".to_vec(), &file)
            .await
            .expect("uploaded");
        let list = RemoteCommand::new("cat").argument(file);
        let output = remote.run(&list, Vec::new()).await.expect("run");
        assert_eq!(
            (output.text().as_str(), output.status.is_success()),
            ("x", true),
            "{program}"
        );
    }
    assert!(tried > 0);
}

/// A startup file that prints for sftp alone: the library waits for the rest of what it takes for an answer.
#[tokio::test]
async fn text_in_front_of_sftp_is_no_passing_trouble() {
    for greeting in ["\0\0\0\x40Welcome", "Welcome to gw1\n", "\0\0\0\x05Welcome"] {
        let site = Site::with(|options| options.sftp_greeting = greeting.into()).await;
        let mut options = site.options();
        options.connect_timeout_seconds = 1;
        let remote = Remote::connect(options).await.expect("connected").remote;
        let error = remote
            .upload_bytes(b"x".to_vec(), &site.path("file"))
            .await
            .expect_err("no sftp");
        assert_eq!(
            error.code(),
            "remote-request-refused",
            "{greeting:?}: {error:?}"
        );
        let told = error.to_finding().to_string();
        assert!(
            told.contains("transfer files") && told.contains("login shell"),
            "{told}"
        );
    }
}
