//! What a rehearsal in containers does when it is interrupted: what it started goes with it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

#[cfg(feature = "containers")]
use crate::containers;

/// The exit code of a rehearsal that was interrupted.
const INTERRUPTED: i32 = 130;

/// Knows whether this process has been interrupted.
#[derive(Debug)]
pub struct Interrupt {
    has_come: Arc<AtomicBool>,
}

impl Interrupt {
    /// Does not come back where the process has been interrupted: the rehearsal fails when its containers go, and that is
    /// not how the process is to end.
    pub fn leave_the_end_to_it(&self) {
        while self.has_come.load(Ordering::SeqCst) {
            std::thread::park();
        }
    }
}

/// From now on an interrupted process removes its containers and networks, and ends.
///
/// # Errors
/// What the system says of handling signals.
pub fn remove_containers_when_interrupted() -> io::Result<Interrupt> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let has_come = Arc::new(AtomicBool::new(false));
    let interrupt = Interrupt {
        has_come: Arc::clone(&has_come),
    };
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            has_come.store(true, Ordering::SeqCst);
            #[cfg(feature = "containers")]
            if let Err(error) = containers::remove_own() {
                // The next rehearsal sweeps what is left.
                tracing::warn!(%error, "a container or network was left behind");
            }
            std::process::exit(INTERRUPTED);
        }
    });
    Ok(interrupt)
}
