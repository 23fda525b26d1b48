//! The Linux POA: its software, its startup file, its control command, and whether it answers.
//!
//! Places and commands are those of the profile ([`crate::profile`]); nothing here knows them.

mod gwha;
mod install;
mod ports;
mod process;
mod service;
mod start;
mod startup;
mod stop;

use std::ffi::OsString;
use std::time::{Duration, Instant};

pub(crate) use gwha::release as release_gwha;
pub(crate) use install::{install, look_at_package};
pub(crate) use ports::{
    ANOTHER_PORT, another_kept_port, below_1024, opened, remedy as port_remedy, require_free, taken,
};
pub(crate) use process::process;
pub(crate) use service::{kept_path, other_agents, unregister};
pub(crate) use start::start;
pub(crate) use startup::{
    configure, correct_kept, foresee, kept, place, require_place, require_ready, startup_path,
};
pub(crate) use stop::{stop_if_running, stop_test_poa};

use crate::controller::{Controller, StepError};
use crate::profile::Naming;
use crate::remote::RemoteCommand;
use protocol::Answer;

/// The test run listens here alone, so that neither the live MTA nor a user reaches it.
pub(crate) const ISOLATED_ADDRESS: &str = "127.0.0.1";

/// How long a POA may take to answer on its port, and how often it is asked.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
const ANSWER_INTERVAL: Duration = Duration::from_millis(200);

/// Whether the worksheet names POA software at all.
pub(crate) fn is_wanted(controller: &Controller) -> bool {
    controller.worksheet.poa.is_wanted()
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
        .argument(name)
        .detached())
}

/// What the port of the agent's web console says, seen from the destination.
async fn port_state(controller: &Controller, address: &str) -> Result<Answer<()>, StepError> {
    controller
        .port(address, controller.worksheet.poa.http_port)
        .await
}

/// Waits until the port of the agent is open, or refused.
async fn wait_for(
    controller: &Controller,
    address: &str,
    wanted: Answer<()>,
) -> Result<(), StepError> {
    let until = Instant::now() + ANSWER_TIMEOUT;
    loop {
        let state = port_state(controller, address).await?;
        if state == wanted {
            return Ok(());
        }
        if Instant::now() >= until {
            return Err(does_not(controller, address, &wanted, &state));
        }
        tokio::time::sleep(ANSWER_INTERVAL).await;
    }
}

fn does_not(
    controller: &Controller,
    address: &str,
    wanted: &Answer<()>,
    state: &Answer<()>,
) -> StepError {
    let code = match wanted {
        Answer::Yes(()) => "poa-does-not-answer",
        _ => "poa-does-not-stop",
    };
    let text = match state {
        Answer::Yes(()) => "still answers".to_owned(),
        Answer::No => "does not answer".to_owned(),
        Answer::CouldNotAsk(why) => format!("cannot be asked ({why})"),
    };
    let port = controller.worksheet.poa.http_port;
    StepError::refused(
        code,
        format!(
            "The Linux POA {text} at {address}, port {port}, after {} s",
            ANSWER_TIMEOUT.as_secs()
        ),
        "Look at its log at the destination, and whether something starts it again",
    )
}

/// Why the agent may run, or may be started by something; none where it is certain that it does not.
pub(crate) async fn why_it_may_run(controller: &Controller) -> Result<Option<String>, StepError> {
    if is_wanted(controller) {
        if let Some(process) = process(controller).await? {
            return Ok(Some(format!("it runs as process {}", process.pid)));
        }
        if gwha::may_start_it(controller).await? {
            return Ok(Some(
                "the high-availability service of the destination runs and may start it".into(),
            ));
        }
    }
    let poa = &controller.worksheet.poa;
    let mut addresses = vec![ISOLATED_ADDRESS.to_owned(), live_address(controller)];
    addresses.dedup();
    for address in &addresses {
        for port in [poa.http_port, poa.client_port] {
            match controller.port(address, port).await? {
                Answer::No => {}
                Answer::Yes(()) => {
                    return Ok(Some(format!("something answers at {address}, port {port}")));
                }
                Answer::CouldNotAsk(why) => {
                    return Ok(Some(format!("port {port} cannot be asked: {why}")));
                }
            }
        }
    }
    Ok(None)
}
