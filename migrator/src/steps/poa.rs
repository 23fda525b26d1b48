//! The Linux POA: its software, its startup file, its control command, and whether it answers.
//!
//! Places and commands are those of the profile ([`crate::profile`]); nothing here knows them.

pub(super) mod file;
mod gwha;
mod install;
mod process;
mod service;
mod start;
mod startup;
mod stop;

use std::ffi::OsString;
use std::time::{Duration, Instant};

pub(crate) use file::{put, read};
pub(crate) use gwha::release as release_gwha;
pub(crate) use install::install;
pub(crate) use process::process;
pub(crate) use service::{kept_path, other_agents, unregister};
pub(crate) use start::start;
pub(crate) use startup::{configure, kept, place, startup_path};
pub(crate) use stop::stop_if_running;

use crate::controller::{Controller, StepError};
use crate::profile::Naming;
use crate::remote::RemoteCommand;

/// The fact that says whether the Linux POA runs: `test`, `stopped` or `live`.
pub(crate) const POA_FACT: &str = "poa";

/// The test run listens here alone, so that neither the live MTA nor a user reaches it.
pub(crate) const ISOLATED_ADDRESS: &str = "127.0.0.1";

/// How long a POA may take to answer on its port, and how often it is asked.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
const ANSWER_INTERVAL: Duration = Duration::from_millis(200);

/// Whether the worksheet names POA software at all.
pub(crate) fn is_wanted(controller: &Controller) -> bool {
    let poa = &controller.worksheet.poa;
    poa.package.is_some()
        || poa.control.is_some()
        || poa.generation.is_some()
        || poa.profile.is_some()
}

/// Where the agent listens once it serves users, seen from the destination.
pub(crate) fn live_address(controller: &Controller) -> String {
    let ip = controller.worksheet.poa.ip.clone();
    ip.unwrap_or_else(|| ISOLATED_ADDRESS.into())
}

/// The control command with one of its verbs for this POA.
fn control(controller: &Controller, verb: &str) -> Result<RemoteCommand, StepError> {
    let control = controller.profile()?.control;
    let name = match control.names {
        Naming::StartupFile => startup_path(controller)?.into_os_string(),
        Naming::Service => OsString::from(control.service.unwrap_or_default()),
    };
    Ok(controller
        .link()?
        .command(control.command)
        .argument(verb)
        .argument(name))
}

/// Whether the port of the agent answers.
async fn answers(controller: &Controller, address: &str) -> Result<bool, StepError> {
    let link = controller.link()?;
    let port = controller.worksheet.poa.http_port;
    let command = link
        .worker("probe")
        .argument("--address")
        .argument(address)
        .argument("--port")
        .argument(port.to_string());
    Ok(link.run(&command, Vec::new()).await?.status.is_success())
}

/// Waits until the port of the agent answers, or no longer does.
async fn wait_for(controller: &Controller, address: &str, wanted: bool) -> Result<(), StepError> {
    let until = Instant::now() + ANSWER_TIMEOUT;
    while answers(controller, address).await? != wanted {
        if Instant::now() >= until {
            let (code, text) = if wanted {
                ("poa-does-not-answer", "does not answer")
            } else {
                ("poa-does-not-stop", "still answers")
            };
            let port = controller.worksheet.poa.http_port;
            return Err(StepError::refused(
                code,
                format!(
                    "The Linux POA {text} at {address}, port {port}, after {} s",
                    ANSWER_TIMEOUT.as_secs()
                ),
                "Look at its log at the destination, and whether something starts it again",
            ));
        }
        tokio::time::sleep(ANSWER_INTERVAL).await;
    }
    Ok(())
}
