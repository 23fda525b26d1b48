//! A worker that kills itself at its n-th sign of life.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use protocol::{Count, Expected, Finding, Order};
use worker::monitor::{JournalMoment, Monitor, Tally};

use crate::support::site_of_child;

/// Passes everything on, and kills this process at one of the calls.
struct Mortal {
    tally: Tally,
    left: AtomicU32,
}

impl Mortal {
    fn live(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            let _ = rustix::process::kill_process(
                rustix::process::getpid(),
                rustix::process::Signal::KILL,
            );
            loop {
                std::thread::park();
            }
        }
    }
}

impl Monitor for Mortal {
    fn phase(&self, name: &'static str, expected: Expected) {
        self.live();
        self.tally.phase(name, expected);
    }

    fn count(&self, what: Count, how_many: u64) {
        self.live();
        self.tally.count(what, how_many);
    }

    fn finding(&self, finding: Finding) {
        self.live();
        self.tally.finding(finding);
    }

    fn journal(&self, _moment: JournalMoment) {
        self.live();
    }
}

#[test]
#[ignore = "started by another test"]
fn child_is_killed_at_a_sign() {
    let site = site_of_child();
    let order: Order = serde_json::from_slice(&fs::read(site.root.join("order")).unwrap()).unwrap();
    let sign = std::env::var("WORKER_TEST_SIGN").unwrap().parse().unwrap();
    let mortal = Arc::new(Mortal {
        tally: Tally::default(),
        left: AtomicU32::new(sign),
    });
    let monitor = Arc::clone(&mortal) as Arc<dyn Monitor>;
    site.run_watched(&order, &monitor, &mortal.tally).unwrap();
}
