//! The POA as its own user: everything that is to be its own, and the agents' file that names the user.
//!
//! ```text
//! user exists, uid.conf names nobody else, ports below 1024 are settled   ── else refused, nothing changed
//!   └▶ plan (how many entries change hands, which folders of the system)  └▶ post office and documents  └▶ certificates, logs  └▶ uid.conf
//! ```
//!
//! That the agent runs as that user is proven when it is started ([`super::start_poa`]).

mod account;
mod folders;
mod ports;
mod uid_conf;

use postoffice::startup_file::StartupFile;
use protocol::{Account, Fact, Finding, Life, OwnerReport, Task, Verdict};

use super::{life, poa};
use crate::controller::{Controller, StepError, StepOutcome};
use crate::numbers;
use crate::worksheet::LowPorts;
pub(crate) use account::account;

/// Gives everything to the user of the worksheet and names it to the agents.
///
/// # Errors
/// A job that is not sealed, a user that does not exist, another user in `uid.conf`, a port that only root may open.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let Some(user) = controller.worksheet.poa.run_as_user.clone() else {
        require_root(controller).await?;
        return Ok(StepOutcome::Skipped(
            "the worksheet names no user, so the POA runs as root; say [poa] run_as_user to let it run with fewer rights"
                .into(),
        ));
    };
    let state = controller.state().await?;
    life::require_sealed(&state)?;
    let is_started = state.life.life == Life::Live || state.is_started_by_hand();
    if is_started && state.facts.runs_as.as_ref() == Some(&user) {
        return Ok(StepOutcome::Done(format!(
            "the POA was started as {user} before"
        )));
    }
    let startup = if poa::is_wanted(controller) {
        poa::kept(controller).await?
    } else {
        StartupFile::default()
    };
    let Settled { account, conf, low } = settle(controller, &user, &startup).await?;
    let folders = folders::plan(controller, &startup, &account, &state).await?;
    let planned = give(controller, &account, true).await?;
    controller.console().note(&format!(
        "{} of {} files and folders are to become {user}'s ({}:{}), readable by nobody else",
        numbers::count(planned.others),
        numbers::count(planned.entries),
        account.uid,
        account.gid
    ));
    folders.show(controller, &user);
    // Files that an agent holds open as root must not change hands under it.
    poa::stop_if_running(controller).await?;
    if !low.is_empty() {
        ports::allow(controller).await?;
    }
    let given = give(controller, &account, false).await?;
    folders.carry_out(controller, &account).await?;
    uid_conf::write(controller, &user, &conf).await?;
    controller.remember(Fact::RunsAs(user.clone())).await?;
    if !conf.others.is_empty() {
        controller.report(for_all_agents(&user, &conf.others));
    }
    Ok(StepOutcome::Done(detail(&user, &given, &low)))
}

/// What must be settled before anything is given away.
struct Settled {
    account: Account,
    conf: uid_conf::Plan,
    low: Vec<u16>,
}

async fn settle(
    controller: &Controller,
    user: &str,
    startup: &StartupFile,
) -> Result<Settled, StepError> {
    let account = account(controller, user).await?;
    let conf = uid_conf::plan(controller, user).await?;
    let low = poa::below_1024(startup);
    if !low.is_empty() && controller.worksheet.poa.low_ports == LowPorts::Refuse {
        return Err(ports::refused(controller, user, &low)?);
    }
    Ok(Settled { account, conf, low })
}

/// Where the worksheet names no user, the agents' file must name none either.
async fn require_root(controller: &Controller) -> Result<(), StepError> {
    if poa::is_wanted(controller) {
        uid_conf::require_nobody(controller).await?;
    }
    Ok(())
}

/// Whether the POA will be able to run as the user of the worksheet, in a sentence; changes nothing.
///
/// # Errors
/// What [`run`] would refuse.
pub(crate) async fn foresee(
    controller: &Controller,
    startup: &StartupFile,
) -> Result<String, StepError> {
    let Some(user) = &controller.worksheet.poa.run_as_user else {
        require_root(controller).await?;
        return Ok("the worksheet names no user: the POA will run as root".into());
    };
    let settled = settle(controller, user, startup).await?;
    folders::require_own_log_folder(controller, startup)?;
    Ok(format!(
        "the POA will run as {user} ({}:{})",
        settled.account.uid, settled.account.gid
    ))
}

fn detail(user: &str, given: &OwnerReport, low: &[u16]) -> String {
    let ports = match low {
        [] => String::new(),
        low => format!("; its program may open {}", ports::shown(low)),
    };
    format!(
        "{} of {} files and folders given to {user}{ports}",
        numbers::count(given.others),
        numbers::count(given.entries)
    )
}

fn for_all_agents(user: &str, others: &[String]) -> Finding {
    Finding::new(
        "uid-conf-for-all",
        Verdict::NeedsAttention,
        format!(
            "The other agents of this server ({}) run as {user} from their next start on as well",
            others.join(", ")
        ),
        "Give their post offices and domains to that user before they are started again",
    )
}

async fn give(
    controller: &mut Controller,
    account: &Account,
    plan_only: bool,
) -> Result<OwnerReport, StepError> {
    let task = Task::Owner {
        user: account.uid,
        group: account.gid,
        plan_only,
    };
    controller.report_of(task).await
}
