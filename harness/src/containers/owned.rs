//! What a rehearsal started, and what rehearsals that are no longer alive left behind.
//!
//! Everything bears a label with the process that owns it.  A process ends a label of its own when it ends; one that was
//! killed could not, and the next start does it instead.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use testcontainers::bollard::models::NetworkCreateRequest;
use testcontainers::bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, RemoveContainerOptionsBuilder,
};

use super::engine::Engine;
use crate::error::{ContainersError, tried};

/// The label; its value names the owner.
const LABEL: &str = "gwrehearse.owner";

/// How often removing is tried again, and how long to wait before.
const ROUNDS_MAX: u32 = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// A rehearsal of a process of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    /// The number of the process.
    pid: u32,
    /// When the process began, because numbers come again.
    began: String,
    /// Tells the rehearsals of one process apart.
    number: u32,
}

impl Owner {
    /// A new rehearsal of this process.
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let pid = std::process::id();
        Self {
            pid,
            began: began(pid).unwrap_or_default(),
            number: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        Some(Self {
            pid: parts.next()?.parse().ok()?,
            began: parts.next()?.to_owned(),
            number: parts.next()?.parse().ok()?,
        })
    }

    fn is_alive(&self) -> bool {
        began(self.pid).is_some_and(|now| now == self.began)
    }

    fn is_of_this_process(&self) -> bool {
        self.pid == std::process::id() && self.is_alive()
    }

    /// The label of what it owns.
    pub(super) fn label(&self) -> (&'static str, String) {
        let Self { pid, began, number } = self;
        (LABEL, format!("{pid}:{began}:{number}"))
    }

    /// A name for something that it owns.
    pub(super) fn name(&self, what: &str) -> String {
        format!("gwrehearse-{}-{}-{what}", self.pid, self.number)
    }
}

/// When a process began, in ticks since the system began (proc(5), `stat`, field 22); none where it is gone.
fn began(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program, which stands before, may hold blanks.
    let (_, after) = stat.rsplit_once(')')?;
    after.split_whitespace().nth(19).map(str::to_owned)
}

/// Makes a network of its own.
///
/// # Errors
/// What the engine says.
pub(super) async fn make_network(
    engine: &Engine,
    owner: &Owner,
    name: &str,
) -> Result<(), ContainersError> {
    let (label, value) = owner.label();
    let request = NetworkCreateRequest {
        name: name.to_owned(),
        labels: Some(HashMap::from([(label.to_owned(), value)])),
        ..NetworkCreateRequest::default()
    };
    let made = engine.docker.create_network(request).await;
    made.map(drop).map_err(tried("make a network"))
}

/// Removes all that a rehearsal owns, whether it runs or not.
///
/// # Errors
/// What the engine says.
pub(super) async fn remove_all_of(engine: &Engine, owner: &Owner) -> Result<(), ContainersError> {
    remove(engine, &|found| found == Some(owner))
        .await
        .map(drop)
}

/// Removes what all rehearsals of this process own.
///
/// # Errors
/// What the engine says.
pub(super) async fn remove_all_of_this_process(engine: &Engine) -> Result<(), ContainersError> {
    let is_ours = |found: Option<&Owner>| found.is_some_and(Owner::is_of_this_process);
    remove(engine, &is_ours).await.map(drop)
}

/// Removes what processes own that are no longer alive; says how many things that were.
///
/// # Errors
/// What the engine says.
pub(super) async fn sweep(engine: &Engine) -> Result<usize, ContainersError> {
    let is_left = |found: Option<&Owner>| !found.is_some_and(Owner::is_alive);
    remove(engine, &is_left).await
}

/// Removes until nothing is left: what is just being started or removed refuses at first, and a network stays as long as
/// somebody is on it.
async fn remove(
    engine: &Engine,
    is_to_go: &dyn Fn(Option<&Owner>) -> bool,
) -> Result<usize, ContainersError> {
    let mut removed = 0;
    for _ in 0..ROUNDS_MAX {
        let (found, outcome) = remove_once(engine, is_to_go).await?;
        match outcome {
            Ok(()) if found == 0 => return Ok(removed),
            // Another round sees whether anything came meanwhile.
            Ok(()) => removed += found,
            Err(error) => tracing::debug!(%error, "not yet removed"),
        }
        tokio::time::sleep(PAUSE).await;
    }
    let (found, outcome) = remove_once(engine, is_to_go).await?;
    outcome.map(|()| removed + found)
}

/// Removes all that is found; says how much that was, and what the engine said of the last that it refused.
async fn remove_once(
    engine: &Engine,
    is_to_go: &dyn Fn(Option<&Owner>) -> bool,
) -> Result<(usize, Result<(), ContainersError>), ContainersError> {
    let filters = HashMap::from([("label", vec![LABEL])]);
    let goes = |labels: &Option<HashMap<String, String>>| {
        let owner = labels.as_ref().and_then(|labels| labels.get(LABEL));
        owner.is_some_and(|owner| is_to_go(Owner::parse(owner).as_ref()))
    };
    let (mut found, mut refused) = (0, Ok(()));
    let mut note = |outcome: Result<(), ContainersError>| {
        found += 1;
        if outcome.is_err() {
            refused = outcome;
        }
    };
    let options = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&filters)
        .build();
    let containers = engine.docker.list_containers(Some(options)).await;
    for container in containers.map_err(tried("list containers"))? {
        if let Some(id) = container.id.as_ref().filter(|_| goes(&container.labels)) {
            let options = RemoveContainerOptionsBuilder::new().force(true).v(true);
            let options = options.build();
            let outcome = engine.docker.remove_container(id, Some(options)).await;
            note(outcome.map_err(tried("remove a container")));
        }
    }
    let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
    let networks = engine.docker.list_networks(Some(options)).await;
    for network in networks.map_err(tried("list networks"))? {
        if let Some(id) = network.id.as_ref().filter(|_| goes(&network.labels)) {
            let outcome = engine.docker.remove_network(id).await;
            note(outcome.map_err(tried("remove a network")));
        }
    }
    Ok((found, refused))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_one_that_ended_or_had_the_same_number_is_not() {
        let this = Owner::new();
        assert!(this.is_alive() && this.is_of_this_process());
        assert_eq!(Owner::parse(&this.label().1).as_ref(), Some(&this));
        let earlier = Owner {
            began: "1".into(),
            ..this.clone()
        };
        assert!(!earlier.is_alive() && !earlier.is_of_this_process());
        let mut child = std::process::Command::new("true").spawn().expect("started");
        let pid = child.id();
        child.wait().expect("ended");
        assert!(!Owner { pid, ..this }.is_alive());
        assert_eq!(Owner::parse("nonsense"), None);
    }
}
