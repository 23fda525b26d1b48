//! The ports that the POA opens: which they are, which only root may open, and which something else has.

use postoffice::startup_file::StartupFile;

use protocol::AgentRun;

use crate::controller::{Controller, StepError};
use protocol::Answer;

/// The first port that everybody may open.
const FIRST_FREE: u16 = 1024;

/// What the agent opens where the startup file enables a protocol and names no port: switch that enables, switch of the
/// port, port.
const DEFAULTS: [(&str, &str, u16); 2] =
    [("imap", "imapport", 143), ("imapssl", "imapsslport", 993)];

/// Where the agent connects to, not what it opens.
const NOT_OPENED: &str = "mtpoutport";

/// The ports that an agent with this startup file opens, sorted.
pub(crate) fn opened(startup: &StartupFile) -> Vec<u16> {
    let number = |value: Vec<u8>| std::str::from_utf8(&value).ok()?.trim().parse::<u16>().ok();
    let is_enabled = |switch: &str| {
        startup.contains(switch)
            && startup
                .value(switch)
                .is_none_or(|value| !value.eq_ignore_ascii_case(b"disabled"))
    };
    let mut ports: Vec<u16> = startup
        .switches()
        .filter(|switch| {
            let name = switch.name.to_ascii_lowercase();
            let of_disabled = DEFAULTS
                .iter()
                .any(|(enables, port, _)| name == *port && !is_enabled(enables));
            name.ends_with("port") && name != NOT_OPENED && !of_disabled
        })
        .filter_map(|switch| number(switch.value?))
        .chain(
            DEFAULTS
                .iter()
                .filter(|(enables, port, _)| is_enabled(enables) && !startup.contains(port))
                .map(|(_, _, port)| *port),
        )
        .filter(|&port| port > 0)
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// Those of them that only root may open.
pub(crate) fn below_1024(startup: &StartupFile) -> Vec<u16> {
    let mut ports = opened(startup);
    ports.retain(|&port| port < FIRST_FREE);
    ports
}

/// The ports at which something answers at the destination, at one of the addresses.
///
/// # Errors
/// A question that could not be asked.
pub(crate) async fn taken(
    controller: &Controller,
    addresses: &[&str],
    ports: &[u16],
) -> Result<Vec<u16>, StepError> {
    let mut taken = Vec::new();
    for &port in ports {
        for address in addresses {
            // An address that the destination has not yet is nobody's.
            if controller.port(address, port).await? == Answer::Yes(()) {
                taken.push(port);
                break;
            }
        }
    }
    Ok(taken)
}

/// Makes sure that the agent can open its ports, unless the job says that it runs already; `another` says how it is given another.
///
/// # Errors
/// A refusal that names the first port that something else has; a question that could not be asked.
pub(crate) async fn require_free(
    controller: &Controller,
    startup: &StartupFile,
    address: &str,
    another: &str,
) -> Result<(), StepError> {
    let agent = controller.state().await?.facts.agent;
    let may_run = matches!(agent, Some(AgentRun::Test | AgentRun::Users));
    if may_run || super::process(controller).await?.is_some() {
        return Ok(());
    }
    let taken = taken(controller, &[address], &opened(startup)).await?;
    taken.first().map_or(Ok(()), |&port| {
        Err(StepError::refused(
            "port-taken",
            format!("Something answers at the destination at {address}, port {port}, which the POA is to open"),
            remedy(port, another),
        ))
    })
}

/// How the POA is given another port before its startup file is converted.
pub(crate) const ANOTHER_PORT: &str = "http_port or client_port in [poa], every other one in the startup file at the source; then run \
                                       the same command again";

/// How it is given another one once that file is kept in the job folder.
pub(crate) fn another_kept_port(controller: &Controller) -> String {
    format!(
        "in the startup file that is kept, and for http_port and client_port also in [poa]. {}",
        super::startup::correct_kept(controller)
    )
}

/// What to do about a port that something else has.
pub(crate) fn remedy(port: u16, another: &str) -> String {
    format!(
        "See at the destination, as root, what has it: ss -ltnp sport = :{port}; stop that, or give the POA another port: {another}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_that_only_root_may_open_are_found() {
        for (text, expected) in [
            ("--home /po --port 1677 --httpport 7181", vec![]),
            ("--imap enabled", vec![143]),
            ("--imap", vec![143]),
            ("--imap disabled --imapport 142", vec![]),
            ("--imapport 142", vec![]),
            (
                "--imap enabled --imapport 1143 --imapssl required",
                vec![993],
            ),
            ("--imap enabled --imapport 144 --httpport 80", vec![80, 144]),
            ("--mtpoutport 25 --mtpinport 25", vec![25]),
            ("--port 0", vec![]),
        ] {
            let startup = StartupFile::parse(text.as_bytes()).expect("a startup file");
            assert_eq!(below_1024(&startup), expected, "{text}");
        }
    }
}
