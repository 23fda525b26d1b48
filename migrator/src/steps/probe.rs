//! Probes for items of the checklist that can be seen from here: what holds need not be confirmed by a person.

use std::net::IpAddr;

use protocol::ChecklistItem;
use serde::Serialize;

use super::source_poa::{self, SourcePoa};
use crate::controller::{Controller, StepError};

/// What a probe saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Probed {
    /// Whether what the item asks for is so, whatever a person says; none where only a person can tell.
    pub holds: Option<bool>,
    /// What was seen, in a sentence without a full stop.
    pub seen: String,
}

/// Probes an item of the checklist; `None` where there is no probe for it, or where the worksheet says too little.
///
/// # Errors
/// A question that could not be asked.
pub async fn probe(
    controller: &Controller,
    item: &ChecklistItem,
) -> Result<Option<Probed>, StepError> {
    Ok(match item {
        ChecklistItem::SourcePoaStopped => Some(match source_poa::look(controller).await? {
            SourcePoa::Closed(seen) => Probed {
                holds: Some(true),
                seen,
            },
            SourcePoa::Nobody => Probed {
                holds: Some(true),
                seen: source_poa::NOT_LIVE.to_owned(),
            },
            SourcePoa::Answers(at) => Probed {
                holds: Some(false),
                seen: format!("it still answers at {at}"),
            },
            SourcePoa::Unknown(why) => Probed {
                holds: None,
                seen: why,
            },
        }),
        ChecklistItem::IpAddress => dns_name(controller).await,
        _ => None,
    })
}

/// Whether the name that clients use leads to the new address.
async fn dns_name(controller: &Controller) -> Option<Probed> {
    let poa = &controller.worksheet.poa;
    let name = poa.dns_name.as_deref()?;
    let wanted: IpAddr = poa.ip.as_deref()?.parse().ok()?;
    let found: Vec<IpAddr> = match tokio::net::lookup_host((name, poa.client_port)).await {
        Ok(addresses) => addresses.map(|address| address.ip()).collect(),
        Err(error) => {
            return Some(Probed {
                holds: None,
                seen: format!("{name} cannot be resolved: {error}"),
            });
        }
    };
    let shown: Vec<String> = found.iter().map(IpAddr::to_string).collect();
    let leads_there = !found.is_empty() && found.iter().all(|address| *address == wanted);
    Some(Probed {
        // Names are changed last, so one that still leads elsewhere says nothing about the POA object.
        holds: leads_there.then_some(true),
        seen: format!("{name} leads to {}", shown.join(", ")),
    })
}
