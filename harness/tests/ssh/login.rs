//! Reaching the server and logging in.

use std::os::unix::fs::PermissionsExt as _;

use gwmigrate::remote::{Authentication, Remote, RemoteError};
use harness::ssh_server::KeyPair;
use protocol::{Explain as _, Verdict};

use super::{Site, shell};

#[tokio::test]
async fn a_key_logs_in_and_the_greeting_tells_the_host_key() {
    let site = Site::new().await;
    let connected = Remote::connect(site.options()).await.expect("connected");
    assert!(
        connected.host_key_fingerprint.starts_with("SHA256:"),
        "{connected:?}"
    );
    assert!(
        connected.server_banner.starts_with("SSH-2.0-russh"),
        "{connected:?}"
    );
    let output = connected
        .remote
        .run(&shell("echo hello"), Vec::new())
        .await
        .expect("run");
    assert_eq!(output.text(), "hello");
}

#[tokio::test]
async fn a_password_logs_in_through_either_method() {
    for keyboard_interactive in [false, true] {
        let site = Site::with(|options| {
            options.authorized_key = None;
            options.password = Some("a secret".into());
            options.keyboard_interactive = keyboard_interactive;
        })
        .await;
        let mut options = site.options();
        options.authentication = vec![Authentication::Password("a secret".into())];
        let remote = Remote::connect(options.clone())
            .await
            .expect("connected")
            .remote;
        assert_eq!(
            remote
                .run(&shell("exit 3"), Vec::new())
                .await
                .expect("run")
                .status
                .to_string(),
            "exit code 3"
        );

        options.authentication = vec![Authentication::Password("a wrong secret".into())];
        let error = Remote::connect(options)
            .await
            .map(|_| ())
            .expect_err("refused");
        let method = if keyboard_interactive {
            "keyboard-interactive"
        } else {
            "password"
        };
        let RemoteError::AuthenticationRefused {
            tried, accepted, ..
        } = &error
        else {
            panic!("{error:?}")
        };
        assert_eq!(
            (tried.join(), &**accepted),
            (format!("{method}: refused"), method)
        );
        assert!(!error.to_finding().to_string().contains("a wrong secret"));
    }
}

trait Join {
    fn join(&self) -> String;
}

impl Join for Vec<String> {
    fn join(&self) -> String {
        self.as_slice().join(",")
    }
}

#[tokio::test]
async fn the_second_way_is_tried_when_the_first_is_refused() {
    let site = Site::with(|options| options.password = Some("right".into())).await;
    KeyPair::generate()
        .expect("key")
        .write_private(&site.path("other"))
        .expect("key file");
    let mut options = site.options();
    let other = Authentication::Key {
        path: site.path("other"),
        passphrase: None,
    };
    options.authentication = vec![other, Authentication::Password("right".into())];
    Remote::connect(options).await.expect("connected");
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_the_methods_are_told() {
    let site = Site::new().await;
    KeyPair::generate()
        .expect("key")
        .write_private(&site.path("other"))
        .expect("key file");
    let mut options = site.options();
    options.authentication = vec![Authentication::Key {
        path: site.path("other"),
        passphrase: None,
    }];
    let error = Remote::connect(options)
        .await
        .map(|_| ())
        .expect_err("refused");
    assert_eq!(error.verdict(), Verdict::Usage);
    let text = error.to_string();
    assert!(
        text.contains("other: refused") && text.contains("accepts: publickey"),
        "{text}"
    );
}

#[tokio::test]
async fn without_any_way_to_log_in_the_methods_are_told() {
    let site = Site::new().await;
    let mut options = site.options();
    options.authentication = Vec::new();
    let text = Remote::connect(options)
        .await
        .map(|_| ())
        .expect_err("refused")
        .to_string();
    assert!(
        text.contains("tried: nothing; the server accepts: publickey"),
        "{text}"
    );
}

#[tokio::test]
async fn key_files_that_cannot_be_used_are_told_apart() {
    let site = Site::new().await;
    std::fs::write(site.path("nonsense"), "nonsense").expect("write");
    std::fs::set_permissions(
        site.path("nonsense"),
        std::fs::Permissions::from_mode(0o600),
    )
    .expect("chmod");
    let code_of = async |name: &str| {
        let mut options = site.options();
        options.authentication = vec![Authentication::Key {
            path: site.path(name),
            passphrase: None,
        }];
        Remote::connect(options)
            .await
            .map(|_| ())
            .expect_err("refused")
            .code()
    };
    assert_eq!(code_of("nonsense").await, "private-key-unusable");
    assert_eq!(code_of("absent").await, "private-key-unreadable");
    std::fs::set_permissions(site.path("key"), std::fs::Permissions::from_mode(0o644))
        .expect("chmod");
    assert_eq!(code_of("key").await, "private-key-too-open");
}

#[tokio::test]
async fn an_agent_that_is_not_there_is_told() {
    let site = Site::new().await;
    let mut options = site.options();
    options.authentication = vec![Authentication::Agent {
        socket: site.path("no-agent"),
        only: None,
    }];
    let text = Remote::connect(options)
        .await
        .map(|_| ())
        .expect_err("refused")
        .to_string();
    assert!(text.contains("tried: agent: "), "{text}");
}

#[tokio::test]
async fn a_closed_port_is_unreachable_and_passing() {
    let site = Site::new().await;
    let options = site.options();
    site.server.stop().await;
    let error = Remote::connect(options.clone())
        .await
        .map(|_| ())
        .expect_err("closed");
    assert!(
        matches!(error, RemoteError::Unreachable { .. }),
        "{error:?}"
    );
    assert_eq!(error.verdict(), Verdict::Temporary);
    assert_eq!(
        error.subject(),
        format!("127.0.0.1:{}", options.port).into_bytes()
    );
}

#[tokio::test]
async fn a_name_without_an_address_is_told() {
    let site = Site::new().await;
    let mut options = site.options();
    options.host = "no such host".into();
    let error = Remote::connect(options)
        .await
        .map(|_| ())
        .expect_err("no address");
    assert!(
        matches!(error, RemoteError::NameNotResolved { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_server_that_says_nothing_times_out() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let site = Site::new().await;
    let connect = |seconds| {
        let mut options = site.options();
        options.port = listener.local_addr().expect("address").port();
        options.connect_timeout_seconds = seconds;
        async { Remote::connect(options).await.map(|_| ()) }
    };
    let waiting = tokio::spawn(connect(3600));
    // The first one has arrived, and gets no word.
    let silent = {
        let listener = listener.try_clone().expect("the same listener");
        tokio::task::spawn_blocking(move || listener.accept().expect("a connection"))
    };
    let silent = silent.await.expect("a task");
    let error = connect(1).await.expect_err("silence");
    assert!(
        matches!(error, RemoteError::ConnectTimedOut { .. }),
        "{error:?}"
    );
    // It was the limit of that connection, and none that every connection has.
    assert!(!waiting.is_finished(), "begun before, and limited later");
    drop(silent);
    let error = waiting.await.expect("a task").expect_err("closed");
    assert!(
        !matches!(error, RemoteError::ConnectTimedOut { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_port_that_speaks_something_else_is_no_handshake() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("bind");
    let site = Site::new().await;
    let mut options = site.options();
    options.port = listener.local_addr().expect("address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"220 mail ready\r\n").await;
        }
    });
    let error = Remote::connect(options)
        .await
        .map(|_| ())
        .expect_err("no ssh");
    assert!(matches!(error, RemoteError::Handshake { .. }), "{error:?}");
}

/// The first words of an sshd of the age of SLES 10 (RFC 4253, sections 6 and 7.1).
fn old_greeting() -> Vec<u8> {
    let lists = [
        "diffie-hellman-group1-sha1",
        "ssh-dss",
        "arcfour",
        "arcfour",
        "hmac-md5",
        "hmac-md5",
        "none",
        "none",
        "",
        "",
    ];
    let mut payload = vec![20];
    payload.extend_from_slice(&[7; 16]);
    for list in lists {
        payload.extend_from_slice(&u32::try_from(list.len()).expect("short").to_be_bytes());
        payload.extend_from_slice(list.as_bytes());
    }
    payload.extend_from_slice(&[0; 5]);
    // The padding makes the packet's length a multiple of eight.
    let padding = 4 + (8 - (payload.len() + 9) % 8) % 8;
    let length = u32::try_from(payload.len() + padding + 1).expect("short");
    let mut bytes = b"SSH-2.0-OpenSSH_4.2\r\n".to_vec();
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.push(u8::try_from(padding).expect("short"));
    bytes.extend_from_slice(&payload);
    bytes.resize(bytes.len() + padding, 0);
    bytes
}

#[tokio::test]
async fn a_server_of_another_age_is_told_by_what_it_lacks() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("bind");
    let site = Site::new().await;
    let mut options = site.options();
    options.port = listener.local_addr().expect("address").port();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, &old_greeting()).await;
            open.push(stream);
        }
    });
    let error = Remote::connect(options)
        .await
        .map(|_| ())
        .expect_err("too old");
    assert_eq!(error.code(), "remote-algorithm-mismatch");
    let text = error.to_finding().to_string();
    assert!(
        text.contains("offers no key exchange method") && text.contains("SLES 10"),
        "{text}"
    );
}

/// A connection that ended before the server answered was taken for a refusal, which nobody tries again (found by a soak).
#[tokio::test]
async fn a_cut_while_logging_in_is_no_refusal() {
    let site = Site::new().await;
    let mut cut = 0;
    for bytes in (0..6000).step_by(40) {
        site.server.cut_after_bytes(bytes);
        match Remote::connect(site.options()).await {
            Ok(_) => {}
            Err(error) => {
                cut += 1;
                assert_eq!(error.verdict(), Verdict::Temporary, "{bytes}: {error:?}");
            }
        }
        site.server.take_back_cut();
    }
    assert!(cut > 10, "{cut}");
}
