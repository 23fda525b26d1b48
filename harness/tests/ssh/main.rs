//! The ssh client of production against the embedded ssh server.

#![allow(clippy::expect_used, clippy::unwrap_used, missing_docs)]

mod commands;
mod following;
mod holding;
mod host_keys;
mod login;
mod mounting;
mod shells;
mod steps;
mod uploads;

use std::path::PathBuf;
use std::time::Duration;

use gwmigrate::remote::{Authentication, ConnectOptions, Remote, RemoteCommand, RemoteError};
use harness::ssh_server::{KeyPair, SshServer, SshServerOptions};
use tempfile::TempDir;
use tokio::time::sleep;

/// A server, a key that it lets in, and a known-hosts file that has it.
struct Site {
    folder: TempDir,
    server: SshServer,
}

impl Site {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A site whose server was started with changed options.
    async fn with(change: impl FnOnce(&mut SshServerOptions)) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let key = KeyPair::generate().expect("key");
        key.write_private(&folder.path().join("key"))
            .expect("key file");
        let mut options = SshServerOptions::new(folder.path());
        options.authorized_key = Some(key.public_line());
        change(&mut options);
        let server = SshServer::start(options).await.expect("server");
        let site = Self { folder, server };
        site.know(&site.server.known_hosts_line());
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes this the only line of the known-hosts file.
    fn know(&self, line: &str) {
        std::fs::write(self.path("known_hosts"), format!("# known\n{line}\n"))
            .expect("known hosts");
    }

    fn options(&self) -> ConnectOptions {
        let mut options = ConnectOptions::new("127.0.0.1", "root");
        options.port = self.server.address().port();
        options.known_hosts = vec![self.path("known_hosts")];
        options.authentication = vec![Authentication::Key {
            path: self.path("key"),
            passphrase: None,
        }];
        options.connect_timeout_seconds = 10;
        options.command_timeout_seconds = 30;
        options
    }

    async fn connect(&self) -> Remote {
        Remote::connect(self.options())
            .await
            .expect("connected")
            .remote
    }

    async fn refusal(&self) -> RemoteError {
        Remote::connect(self.options())
            .await
            .map(|_| ())
            .expect_err("refused")
    }
}

/// A command for the remote shell.
fn shell(script: &str) -> RemoteCommand {
    RemoteCommand::new("sh").argument("-c").argument(script)
}

/// Waits until something is so, or gives up after ten seconds.
async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..500 {
        if is_so() {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("never: {what}");
}
