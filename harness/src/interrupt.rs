//! What a rehearsal in containers does when it is interrupted: what it started goes with it.

use std::io;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::containers;

/// The exit code of a rehearsal that was interrupted.
const INTERRUPTED: i32 = 130;

/// From now on an interrupted process removes its containers and networks, and ends.
///
/// # Errors
/// What the system says of handling signals.
pub fn remove_containers_when_interrupted() -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            if let Err(error) = containers::remove_own() {
                // The next rehearsal sweeps what is left.
                tracing::warn!(%error, "a container or network was left behind");
            }
            std::process::exit(INTERRUPTED);
        }
    });
    Ok(())
}
