//! Who logs in at the destination: root, or an ordinary user whom sudo lets run what the migrator prints.

use std::process::{Command, Stdio};

use super::{Containers, ContainersError};
use crate::error::{HarnessError, io_error};
use crate::site::Site as _;

/// The ordinary user.
const USER: &str = "migrator";

/// What sudo is told besides what the migrator prints: a rehearsal tells its worker through the environment when a fault is
/// to strike, and looks afterwards at what was refused.
const REHEARSAL: &str =
    "Defaults env_keep += \"GWREHEARSE_*\"\nDefaults logfile=/var/log/sudo.log, loglinelen=0\n";

/// Who logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Login {
    /// Root.
    Root,
    /// An ordinary user with `sudo -n`, and nothing but the commands that the migrator prints.
    Sudo,
}

impl Login {
    /// The seed chooses it.
    pub(super) fn of(seed: u64) -> Self {
        if seed.is_multiple_of(3) {
            Self::Sudo
        } else {
            Self::Root
        }
    }

    /// The name of the user.
    pub(crate) fn user(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Sudo => USER,
        }
    }

    /// What the worksheet says because of it.
    pub(crate) fn lines(self) -> Option<(String, String)> {
        let line = || ("destination".to_owned(), "privilege = \"sudo\"".to_owned());
        (self == Self::Sudo).then(line)
    }

    /// The home folder of the user.
    pub(super) fn home(self) -> &'static str {
        match self {
            Self::Root => "/root",
            Self::Sudo => "/home/migrator",
        }
    }
}

impl Containers {
    /// Makes the ordinary user, where there is to be one, and installs the sudoers file as the runbook says.
    ///
    /// # Errors
    /// What the server and the migrator say.
    pub(super) fn make_login(&self) -> Result<(), HarnessError> {
        if self.login == Login::Root {
            return Ok(());
        }
        self.run("destination", &["useradd", "--create-home", USER])?;
        let letting_in = "install -d -m 700 -o migrator -g migrator /home/migrator/.ssh && \
             install -m 600 -o migrator -g migrator /root/.ssh/authorized_keys /home/migrator/.ssh/";
        self.run("destination", &["sh", "-c", letting_in])?;
        self.install_sudoers("rehearsal", REHEARSAL)?;
        let migrator = self.migrator();
        let printed = Command::new(&migrator)
            .args(["profile", "sudoers", "--worksheet"])
            .arg(self.worksheet_path())
            .stdin(Stdio::null())
            .output()
            .map_err(io_error("run", &migrator))?;
        if !printed.status.success() {
            let said = String::from_utf8_lossy(&printed.stderr).trim().to_owned();
            let failed = ContainersError::Command {
                server: "controller",
                command: "gwmigrate profile sudoers".into(),
                code: printed.status.code().unwrap_or(-1).into(),
                said,
            };
            return Err(failed.into());
        }
        self.install_sudoers("gwmigrate", &String::from_utf8_lossy(&printed.stdout))?;
        Ok(())
    }

    /// What sudo refused since the server was started.
    ///
    /// # Errors
    /// What the server says.
    pub(super) fn refused_by_sudo(&self) -> Result<Vec<String>, ContainersError> {
        if self.login == Login::Root {
            return Ok(Vec::new());
        }
        let log = self.run("destination", &["cat", "/var/log/sudo.log"])?;
        let refused = |line: &&str| line.contains("not allowed") || line.contains("password");
        Ok(log.lines().filter(refused).map(str::to_owned).collect())
    }

    fn install_sudoers(&self, name: &str, text: &str) -> Result<(), ContainersError> {
        let script = "printf '%s' \"$2\" >/tmp/sudoers && visudo -c -f /tmp/sudoers && \
             install -m 0440 /tmp/sudoers \"/etc/sudoers.d/$1\"";
        self.run("destination", &["sh", "-c", script, "sh", name, text])?;
        Ok(())
    }
}
