//! Whether the POA at the source is off, as its ports tell.
//!
//! A port that nobody answers at may be closed; it may as well be behind a firewall, at another address, or on a machine
//! that is off.  So a port is closed only where this job has seen it open before, and where it is refused now, to this machine
//! and to the destination.  Everything else is for a person to say (ARCHITECTURE.md rule 9b).

use std::collections::BTreeSet;
use std::net::IpAddr;

use protocol::{Answer, ChecklistItem, JobState, PROBE, Request, ask_port};

use crate::controller::{Controller, StepError};

/// What its ports say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourcePoa {
    /// Somebody listens.
    Answers(String),
    /// Every port was seen open by this job before, and all are refused now.
    Closed(String),
    /// The worksheet says that the source is a copy that nobody serves; nothing is asked.
    Nobody,
    /// It cannot be told; why.
    Unknown(String),
}

/// What is said of a source that is not live.
pub(crate) const NOT_LIVE: &str =
    "the source is a copy that nobody works on, by the worksheet's live = false";

/// One port of it, from both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourcePort {
    pub(crate) address: String,
    pub(crate) port: u16,
    here: Answer<()>,
    destination: Answer<()>,
}

impl SourcePort {
    pub(crate) fn is_open(&self) -> bool {
        self.here == Answer::Yes(()) || self.destination == Answer::Yes(())
    }

    /// Why it is not known to be closed; none where both sides are refused.
    pub(crate) fn trouble(&self) -> Option<String> {
        let sides = [
            ("this machine", &self.here),
            ("the destination", &self.destination),
        ];
        sides.into_iter().find_map(|(side, state)| match state {
            Answer::CouldNotAsk(why) => Some(format!(
                "port {} cannot be asked from {side}: {why}",
                self.port
            )),
            Answer::Yes(()) | Answer::No => None,
        })
    }
}

/// Asks every port that the worksheet names, from this machine and from the destination.
///
/// # Errors
/// A destination that could not be asked.
pub(crate) async fn ask(controller: &Controller) -> Result<Vec<SourcePort>, StepError> {
    let source = &controller.worksheet.source;
    let Some(address) = &source.address else {
        return Ok(Vec::new());
    };
    let mut ports = Vec::new();
    for &port in &source.poa_ports {
        let asked = address.clone();
        let here = tokio::task::spawn_blocking(move || ask_port(&asked, port));
        let destination = controller.port(address, port).await?;
        let here = here
            .await
            .unwrap_or_else(|error| Answer::CouldNotAsk(error.to_string()));
        ports.push(SourcePort {
            address: address.clone(),
            port,
            here,
            destination,
        });
    }
    Ok(ports)
}

/// Looks, and remembers which ports are open.
///
/// # Errors
/// As [`ask`]; what the job store says.
pub(crate) async fn look(controller: &Controller) -> Result<SourcePoa, StepError> {
    if !controller.worksheet.source.live {
        return Ok(SourcePoa::Nobody);
    }
    let ports = ask(controller).await?;
    let open = ports.iter().filter(|port| port.is_open());
    let open: Vec<(String, u16)> = open.map(|port| (port.address.clone(), port.port)).collect();
    if !open.is_empty() {
        controller.call(&Request::SawPorts { ports: open }).await?;
    }
    Ok(judge(&ports, &controller.state().await?))
}

fn judge(ports: &[SourcePort], state: &JobState) -> SourcePoa {
    let Some(first) = ports.first() else {
        return SourcePoa::Unknown("the worksheet names no address and ports of it".into());
    };
    let address = &first.address;
    if let Some(open) = ports.iter().find(|port| port.is_open()) {
        return SourcePoa::Answers(format!("{address}, port {}", open.port));
    }
    if let Some(trouble) = ports.iter().find_map(SourcePort::trouble) {
        return SourcePoa::Unknown(trouble);
    }
    let mut unseen = ports
        .iter()
        .filter(|port| !state.has_seen_open(address, port.port));
    match unseen.next() {
        Some(unseen) => SourcePoa::Unknown(format!(
            "port {} of {address} is closed, but this job has never seen it open",
            unseen.port
        )),
        None => SourcePoa::Closed(format!("{} ports of {address} closed", ports.len())),
    }
}

/// Makes sure that it is off: by its ports, or by a person's word where they cannot tell; says which.
///
/// # Errors
/// A refusal where it answers, which withdraws a confirmation that says otherwise; a finding for a person where nothing says
/// that it is off.
pub(crate) async fn require_off(controller: &Controller) -> Result<String, StepError> {
    match look(controller).await? {
        SourcePoa::Closed(seen) => Ok(seen),
        SourcePoa::Nobody => Ok(NOT_LIVE.to_owned()),
        SourcePoa::Answers(at) => Err(answers(controller, &at).await?),
        SourcePoa::Unknown(why) => {
            let state = controller.state().await?;
            match state.confirmed(&ChecklistItem::SourcePoaStopped) {
                Some(line) if line.by != PROBE => Ok(format!(
                    "{} confirmed that it is stopped, which its ports do not tell ({why})",
                    line.by
                )),
                _ => Err(StepError::person(
                    "source-poa-unknown",
                    format!("Nothing says whether the POA at the source is stopped: {why}"),
                    format!(
                        "See that it is, then say so: gwmigrate prepare --confirm {} --by NAME; then run the same command \
                         again; nothing was changed",
                        ChecklistItem::SourcePoaStopped
                    ),
                )),
            }
        }
    }
}

/// Whether it is back, once users work at the destination: agents that were started with their server take what arrives in its
/// queues, and send what is carried from there.
///
/// # Errors
/// As [`look`].
pub(crate) async fn is_back(controller: &Controller) -> Result<SourcePoa, StepError> {
    if has_its_address(controller).await? {
        return Ok(SourcePoa::Unknown(
            "its address is that of the destination now".into(),
        ));
    }
    look(controller).await
}

/// Makes sure that it is not back; that nothing can be asked is no reason to stop, because a person has said what is to be believed, or
/// users work at the destination already.  Gives why nothing could be asked.
///
/// # Errors
/// A refusal where it answers.
pub(crate) async fn require_silent(controller: &Controller) -> Result<Option<String>, StepError> {
    match is_back(controller).await? {
        SourcePoa::Answers(at) => Err(answers(controller, &at).await?),
        SourcePoa::Unknown(why) => Ok(Some(why)),
        SourcePoa::Closed(_) | SourcePoa::Nobody => Ok(None),
    }
}

/// Whether the destination has the address of the old one, first or as a further one: a port of that is the Linux POA's own then.
async fn has_its_address(controller: &Controller) -> Result<bool, StepError> {
    let (source, poa) = (&controller.worksheet.source, &controller.worksheet.poa);
    let ports = [poa.http_port, poa.client_port];
    let Some(address) = &source.address else {
        return Ok(false);
    };
    if !source.poa_ports.iter().any(|port| ports.contains(port)) {
        return Ok(false);
    }
    // What this machine calls the destination may be an address that is translated on the way.
    let ours = addresses(&controller.worksheet.destination.host).await;
    Ok(!addresses(address).await.is_disjoint(&ours)
        || controller.is_own_address(address).await? == Answer::Yes(()))
}

/// What a name stands for; nothing where nobody knows it.
async fn addresses(name: &str) -> BTreeSet<IpAddr> {
    let found = tokio::net::lookup_host((name, 0)).await;
    found
        .map(|found| found.map(|address| address.ip()).collect())
        .unwrap_or_default()
}

/// The refusal where it answers; a confirmation that says otherwise is withdrawn.
///
/// # Errors
/// What the job store says.
pub(crate) async fn answers(controller: &Controller, at: &str) -> Result<StepError, StepError> {
    let state = controller.state().await?;
    let mut withdrawn = "";
    if state.confirmed(&ChecklistItem::SourcePoaStopped).is_some() {
        let item = ChecklistItem::SourcePoaStopped;
        controller.call(&Request::Withdraw { item }).await?;
        withdrawn = "; what was confirmed about that is withdrawn";
    }
    Ok(StepError::refused(
        "source-poa-answers",
        format!("The POA at the source still answers at {at}{withdrawn}"),
        "Stop the POA at the source, then run the same command again; nothing was changed",
    ))
}

#[cfg(test)]
mod tests {
    use protocol::SeenPort;

    use super::*;

    fn port(port: u16, here: Answer<()>, destination: Answer<()>) -> SourcePort {
        SourcePort {
            address: "fs1".into(),
            port,
            here,
            destination,
        }
    }

    #[test]
    fn closed_is_what_was_open_and_is_refused_to_both_sides() {
        let (open, refused) = (|| Answer::Yes(()), || Answer::No);
        let silent = || Answer::CouldNotAsk("timed out".into());
        let seen = |ports: &[u16]| {
            let seen = |&port: &u16| SeenPort {
                address: "fs1".into(),
                port,
                at_milliseconds: 1,
            };
            JobState {
                seen_ports: ports.iter().map(seen).collect(),
                ..JobState::default()
            }
        };
        let two = |first: SourcePort| vec![first, port(2, refused(), refused())];
        let both = seen(&[1, 2]);
        assert!(matches!(
            judge(&two(port(1, refused(), refused())), &both),
            SourcePoa::Closed(_)
        ));
        for (ports, state) in [
            (Vec::new(), both.clone()),
            (two(port(1, refused(), refused())), seen(&[])),
            (two(port(1, refused(), refused())), seen(&[1])),
            (two(port(1, silent(), refused())), both.clone()),
            (two(port(1, refused(), silent())), both.clone()),
        ] {
            let judged = judge(&ports, &state);
            assert!(
                matches!(judged, SourcePoa::Unknown(_)),
                "{ports:?} {judged:?}"
            );
        }
        for ports in [
            two(port(1, open(), refused())),
            two(port(1, silent(), open())),
        ] {
            let judged = judge(&ports, &both);
            assert!(matches!(judged, SourcePoa::Answers(_)), "{ports:?}");
        }
    }
}
