//! Ports below 1024, which only root may open, or a program with the one capability for it.

use postoffice::startup_file::StartupFile;

use crate::controller::{Controller, StepError};

/// The first port that everybody may open.
const FIRST_FREE: u16 = 1024;

/// What the agent opens where the startup file enables a protocol and names no port: switch that enables, switch of the
/// port, port.
const DEFAULTS: [(&str, &str, u16); 2] =
    [("imap", "imapport", 143), ("imapssl", "imapsslport", 993)];

/// Where the agent connects to, not what it opens.
const NOT_OPENED: &str = "mtpoutport";

/// The capability, as `setcap` takes it.
const CAPABILITY: &str = "cap_net_bind_service=+ep";

/// The ports below 1024 that an agent with this startup file opens, sorted.
pub(super) fn below_1024(startup: &StartupFile) -> Vec<u16> {
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
        .filter(|port| (1..FIRST_FREE).contains(port))
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// The ports in words.
pub(super) fn shown(ports: &[u16]) -> String {
    let numbers: Vec<String> = ports.iter().map(u16::to_string).collect();
    match ports {
        [_] => format!("port {}", numbers.join("")),
        _ => format!("ports {}", numbers.join(", ")),
    }
}

pub(super) fn refused(
    controller: &Controller,
    user: &str,
    ports: &[u16],
) -> Result<StepError, StepError> {
    let program = controller.profile()?.agent.program;
    Ok(StepError::refused(
        "low-ports",
        format!(
            "The startup file has the POA open {}, and below 1024 only root may; {user} may not",
            shown(ports)
        ),
        format!(
            "Say [poa] low_ports = \"capability\" to give {} the right to open them (a new version of its package takes \
             that away again), or change the ports in the POA's settings to 1024 or above; nothing was changed",
            program.display()
        ),
    ))
}

/// Gives the agent's program the capability.
pub(super) async fn allow(controller: &Controller) -> Result<(), StepError> {
    let program = controller.profile()?.agent.program;
    let link = controller.link()?;
    let command = link
        .command("setcap")
        .argument(CAPABILITY)
        .argument(program);
    link.run(&command, Vec::new())
        .await?
        .require_success(&command)?;
    Ok(())
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
