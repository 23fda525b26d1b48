//! A connection to the sshd of the destination, whose host key is known.

use std::path::PathBuf;

use crate::controller::{Controller, Link, StepError, StepOutcome};
use crate::remote::{Authentication, ConnectOptions, Remote};
use crate::steps::secrets::{KEY_PASSPHRASE, LOGIN_PASSWORD};
use protocol::Explain as _;

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
    let mut detail = format!(
        "{}, host key {}",
        connected.server_banner, connected.host_key_fingerprint
    );
    if !connected.shell_complaint.is_empty() {
        let said = &connected.shell_complaint;
        detail.push_str(&format!("; left out, the login shell says: {said}"));
    }
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
    let secret = |reference: &crate::worksheet::SecretReference, what: &str| {
        controller
            .local
            .secret(reference, what)
            .map_err(|error| StepError::from(error.to_finding()))
    };
    if let Some(path) = &destination.key {
        let passphrase = match &destination.key_password {
            Some(reference) => Some(secret(reference, KEY_PASSPHRASE)?),
            None => None,
        };
        options.authentication.push(Authentication::Key {
            path: path.clone(),
            passphrase,
        });
    }
    if let (true, Some(socket)) = (destination.agent, &controller.local.agent_socket) {
        options.authentication.push(Authentication::Agent {
            socket: socket.clone(),
        });
    }
    if let Some(reference) = &destination.password {
        options
            .authentication
            .push(Authentication::Password(secret(reference, LOGIN_PASSWORD)?));
    }
    Ok(options)
}
