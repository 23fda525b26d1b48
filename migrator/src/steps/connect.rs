//! A connection to the sshd of the destination, whose host key is known.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use secrecy::SecretString;

use crate::controller::{Controller, Link, StepError, StepOutcome};
use crate::remote::{Authentication, ConnectOptions, Person, Remote, public_half};
use crate::steps::secrets::{KEY_PASSPHRASE, LOGIN_PASSWORD};

/// How long a command of the destination may run; passes are followed, not waited for.
const COMMAND_TIMEOUT_SECONDS: u64 = 600;

/// Connects, unless a step before has.
///
/// # Errors
/// An unknown or changed host key is refused; see [`crate::remote::RemoteError`].
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    if controller.link().is_ok() {
        return Ok(StepOutcome::Done("connected already".into()));
    }
    let options = options(controller)?;
    let connected = Remote::connect(options.clone()).await?;
    let said = match connected.shell_complaint.as_str() {
        "" => String::new(),
        said => format!("; the login shell says each time, which is left out: {said}"),
    };
    let detail = format!(
        "{}, host key {}{said}",
        connected.server_banner, connected.host_key_fingerprint
    );
    let destination = &controller.worksheet.destination;
    let (job_folder, privilege) = (destination.job_folder.clone(), destination.privilege);
    controller.use_link(Link::new(connected, options, job_folder, privilege));
    Ok(StepOutcome::Done(detail))
}

fn options(controller: &Controller) -> Result<ConnectOptions, StepError> {
    let destination = &controller.worksheet.destination;
    let mut options = ConnectOptions::new(&destination.host, &destination.user);
    options.port = destination.port;
    options.connect_timeout_seconds = destination.connect_timeout_seconds;
    options.keepalive_seconds = destination.keepalive_seconds;
    options.command_timeout_seconds = COMMAND_TIMEOUT_SECONDS;
    options.known_hosts = if destination.known_hosts.is_empty() {
        let of_user = controller
            .local
            .home
            .iter()
            .map(|home| home.join(".ssh/known_hosts"));
        of_user
            .chain([PathBuf::from("/etc/ssh/ssh_known_hosts")])
            .collect()
    } else {
        destination.known_hosts.clone()
    };
    let local = &controller.local;
    let passphrase = match (&destination.key, &destination.key_password) {
        (Some(_), Some(reference)) => Some(local.secret(reference, KEY_PASSPHRASE)?),
        _ => None,
    };
    let agent = controller.local.agent_socket.as_ref();
    options.authentication = ways_with_keys(
        destination.key.as_deref(),
        passphrase,
        agent.filter(|_| destination.agent).cloned(),
    );
    if let Some(reference) = &destination.password {
        options.authentication.push(Authentication::Password(
            local.secret(reference, LOGIN_PASSWORD)?,
        ));
    }
    let secrets = Arc::clone(&controller.local.secrets);
    options.person = Some(Person::new(move |question| {
        let mut secrets = secrets.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.answer(question).ok()
    }));
    Ok(options)
}

/// The ways to log in with keys, in the order that they are tried in.
///
/// Servers count the keys that they refuse, so an agent is asked for the key of the worksheet alone, and first, because it
/// needs no passphrase.  Where it cannot be told which of its keys that is, all of them come last.
fn ways_with_keys(
    key: Option<&Path>,
    passphrase: Option<SecretString>,
    agent: Option<PathBuf>,
) -> Vec<Authentication> {
    let half = key.and_then(public_half);
    let is_alone = half.as_ref().is_some_and(|half| half.is_alone);
    let key = key.filter(|_| !is_alone || agent.is_none());
    let key = key.map(|path| Authentication::Key {
        path: path.to_owned(),
        passphrase,
    });
    let is_known = half.is_some();
    let only = half.map(|half| half.blob);
    let agent = agent.map(|socket| Authentication::Agent { socket, only });
    let ways = if is_known { [agent, key] } else { [key, agent] };
    ways.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_asked_for_the_key_of_the_worksheet_alone() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("key");
        let agent = || Some(PathBuf::from("/agent"));
        let ways = |agent| format!("{:?}", ways_with_keys(Some(&path), None, agent));
        let (key, all) = (
            format!("Key({})", path.display()),
            "Agent(/agent, all keys)",
        );
        let one = "Agent(/agent, one key)";

        std::fs::write(&path, "-----BEGIN RSA PRIVATE KEY-----\n").expect("write");
        assert_eq!(ways(agent()), format!("[{key}, {all}]"));
        assert_eq!(ways(None), format!("[{key}]"));
        let line =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
        std::fs::write(folder.path().join("key.pub"), line).expect("write");
        assert_eq!(ways(agent()), format!("[{one}, {key}]"));
        std::fs::write(&path, line).expect("write");
        assert_eq!(ways(agent()), format!("[{one}]"));
        assert_eq!(ways(None), format!("[{key}]"), "refused by what it is");
        assert_eq!(
            format!("{:?}", ways_with_keys(None, None, agent())),
            format!("[{all}]")
        );
    }
}
