//! Logging in to Debian's sshd, with PAM, where it wants more than one step and counts.

use std::process::Command;
use std::time::Duration;

use gwmigrate::remote::{Authentication, ConnectOptions, Remote, RemoteCommand, RemoteError};
use harness::containers::Containers;
use harness::site::{Site as _, SiteOptions};
use protocol::Explain as _;

use crate::support::{has_engine, program};

/// A user for each kind of login, all with the key of the rehearsal and the same password.
const PREPARE: &str = r#"
set -eu
for name in key-password password-key key-code; do
    useradd --create-home --shell /bin/bash "$name"
    echo "$name:the password" | chpasswd
    mkdir "/home/$name/.ssh"
    cp /root/.ssh/authorized_keys "/home/$name/.ssh/"
    chown -R "$name" "/home/$name/.ssh"
done
echo 'echo Welcome' >> /root/.bashrc
cat > /etc/ssh/sshd_config.d/steps.conf <<'END'
Match User key-password
    PasswordAuthentication yes
    AuthenticationMethods publickey,password
Match User password-key
    PasswordAuthentication yes
    AuthenticationMethods password,publickey
Match User key-code
    KbdInteractiveAuthentication yes
    AuthenticationMethods publickey,keyboard-interactive
    MaxAuthTries 2
END
kill -HUP 1
"#;

#[test]
fn sshd_of_debian_lets_in_with_as_many_steps_as_it_wants() {
    if !has_engine("logging in with several steps") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let options = SiteOptions::bare(program(), 2, 300);
    let site = Containers::start(folder.path(), &options, &mut |_| {}).expect("started");
    let prepared = Command::new("docker")
        .args(["exec", site.destination_id(), "sh", "-c", PREPARE])
        .status()
        .expect("docker")
        .success();
    assert!(prepared);
    let sheet = site.sheet();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let log_in = |user: &str, password: Option<&str>| -> Result<String, RemoteError> {
        let mut options = ConnectOptions::new(sheet.server.ip().to_string(), user);
        options.port = sheet.server.port();
        options.known_hosts = vec![sheet.known_hosts.clone()];
        options.authentication = vec![Authentication::Key {
            path: sheet.key.clone(),
            passphrase: None,
        }];
        let password = password.map(|password| Authentication::Password(password.into()));
        options.authentication.extend(password);
        runtime.block_on(async {
            let remote = Remote::connect(options).await?.remote;
            let who = RemoteCommand::new("id").argument("-un");
            Ok(remote.run(&who, Vec::new()).await?.text())
        })
    };
    // It reads its configuration anew, and lets nobody in meanwhile.
    let is_away =
        |error: RemoteError| matches!(error.code(), "remote-handshake" | "remote-unreachable");
    let mut tries = 0..100;
    while log_in("root", None).is_err_and(is_away) {
        assert!(tries.next().is_some(), "sshd is away");
        std::thread::sleep(Duration::from_millis(100));
    }
    for user in ["key-password", "password-key", "key-code"] {
        assert_eq!(log_in(user, Some("the password")).expect(user), user);
        let code = log_in(user, None).expect_err("one step").code();
        let wanted = if user == "key-code" {
            "remote-prompt-unanswered"
        } else {
            "remote-authentication-refused"
        };
        assert_eq!(code, wanted, "{user}");
    }
    let error = log_in("key-code", Some("a wrong one")).expect_err("wrong");
    assert_eq!(error.code(), "remote-too-many-tries", "{error}");
    let error = log_in("root", None).expect_err("it prints");
    assert_eq!(error.code(), "remote-shell-prints", "{error}");
    assert!(error.to_string().contains("Welcome"), "{error}");
}
