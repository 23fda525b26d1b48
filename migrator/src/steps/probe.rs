//! Probes for items of the checklist that can be seen from here: what holds need not be confirmed by a person.

use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use crate::controller::Controller;

/// How long a port may take to answer.
const PORT_TIMEOUT: Duration = Duration::from_secs(3);

/// Who confirms what a probe has seen.
pub const PROBE: &str = "probe";

/// What a probe saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Probed {
    /// Whether what the item asks for is so.
    pub holds: bool,
    /// What was seen, in a sentence without a full stop.
    pub seen: String,
}

/// Probes an item of the checklist; `None` where only a person can tell, or where the worksheet says too little.
pub async fn probe(controller: &Controller, item: &str) -> Option<Probed> {
    match item {
        "source-poa-stopped" => source_ports(controller).await,
        "ip-address" => dns_name(controller).await,
        _ => None,
    }
}

/// Whether a port answers within the time that is given to it.
pub(crate) async fn answers(address: &str, port: u16) -> bool {
    let connecting = tokio::net::TcpStream::connect((address, port));
    matches!(
        tokio::time::timeout(PORT_TIMEOUT, connecting).await,
        Ok(Ok(_))
    )
}

async fn source_ports(controller: &Controller) -> Option<Probed> {
    let source = &controller.worksheet.source;
    let address = source.address.as_deref()?;
    if source.poa_ports.is_empty() {
        return None;
    }
    let mut open = Vec::new();
    for port in &source.poa_ports {
        if answers(address, *port).await {
            open.push(port.to_string());
        }
    }
    Some(if open.is_empty() {
        Probed {
            holds: true,
            seen: format!("{} ports of {address} are closed", source.poa_ports.len()),
        }
    } else {
        Probed {
            holds: false,
            seen: format!("{address} still answers on port {}", open.join(", ")),
        }
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
            let seen = format!("{name} cannot be resolved: {error}");
            return Some(Probed { holds: false, seen });
        }
    };
    let shown: Vec<String> = found.iter().map(IpAddr::to_string).collect();
    Some(Probed {
        holds: !found.is_empty() && found.iter().all(|address| *address == wanted),
        seen: format!("{name} leads to {}", shown.join(", ")),
    })
}
