//! Faults of a rehearsal's schedule: each strikes during one command, and the same command, run again, must go on.
//!
//! They come from outside, as in life: a signal, a broken connection, a source that is gone, a lock that another program
//! holds.  The migrator has no part in them.

use std::fmt;
use std::str::FromStr;

use rand::RngExt as _;
use rand::SeedableRng as _;
use serde::{Deserialize, Serialize};

use super::BackEnd;

/// The commands that a fault may strike.
const COMMANDS: [&str; 3] = ["stage-one", "stage-two", "queues"];

/// The last moment of the journal that every such command reaches, also for the smallest post office.
const SURE_MOMENT: u64 = 4;

/// The most bytes after which every such command still has something to say over its connection.
const SURE_BYTES: u64 = 4096;

/// The longest time that every such command takes, also for the smallest post office on a fast machine.
const SURE_MILLISECONDS: u64 = 40;

/// The longest silence between both servers; longer than a pass over the smallest post office, shorter than any time-out.
const SILENT_SECONDS_MAX: u64 = 8;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The worker is killed at this moment of the job's journal, counted from 1 in each worker.
    Kill(u64),
    /// The controller is killed so many milliseconds after it was started.
    ControllerKilled(u64),
    /// All connections are cut after so many bytes, both ways together.
    Cut(u64),
    /// The post office is not where it was, as when a mount was lost.
    SourceGone,
    /// Where the post office was is an empty folder, as a mount point is when nothing is mounted.
    SourceEmpty,
    /// The connection between both servers is cut after so many bytes.
    ShareCut(u64),
    /// Nothing passes between both servers for so many seconds, and nobody is told.
    ShareSilent(u64),
    /// Another program holds the lock of the post office database for longer than is waited.
    LockHeld,
}

/// One fault of the schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The command of the migrator that it strikes, the first time that it is run.
    pub command: String,
    /// What happens.
    pub kind: FaultKind,
}

impl Fault {
    /// So many faults that a back end can have, drawn from a seed.
    pub fn draw_on(back_end: BackEnd, seed: u64, how_many: usize) -> Vec<Self> {
        match back_end {
            BackEnd::Embedded => Self::draw(seed, how_many),
            BackEnd::Containers => Self::draw_between_servers(seed, how_many),
        }
    }

    /// So many faults, drawn from a seed; each is one that is sure to strike.
    pub fn draw(seed: u64, how_many: usize) -> Vec<Self> {
        let mut generator = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let mut drawn: Vec<Self> = Vec::new();
        for command in COMMANDS.iter().cycle().take(how_many) {
            let kind = match generator.random_range(0..6) {
                5 => FaultKind::SourceEmpty,
                4 => FaultKind::ControllerKilled(generator.random_range(1..=SURE_MILLISECONDS)),
                0 => FaultKind::Kill(generator.random_range(1..=SURE_MOMENT)),
                1 => FaultKind::SourceGone,
                // The queues have no databases.
                2 if *command != "queues" => FaultKind::LockHeld,
                _ => FaultKind::Cut(generator.random_range(1..=SURE_BYTES)),
            };
            drawn.push(Self {
                command: (*command).to_owned(),
                kind,
            });
        }
        drawn
    }

    /// The same between servers that have a network between them.
    pub fn draw_between_servers(seed: u64, how_many: usize) -> Vec<Self> {
        let mut generator = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let commands = COMMANDS.iter().cycle().take(how_many);
        let drawn = commands.map(|command| {
            let kind = match generator.random_range(0..7) {
                0 => FaultKind::Kill(generator.random_range(1..=SURE_MOMENT)),
                1 => FaultKind::SourceGone,
                // The queues have no databases.
                2 if *command != "queues" => FaultKind::LockHeld,
                3 => FaultKind::ShareSilent(generator.random_range(1..=SILENT_SECONDS_MAX)),
                4 => FaultKind::ControllerKilled(generator.random_range(1..=SURE_MILLISECONDS)),
                5 => FaultKind::ShareCut(generator.random_range(1..=SURE_BYTES)),
                _ => FaultKind::Cut(generator.random_range(1..=SURE_BYTES)),
            };
            Self {
                command: (*command).to_owned(),
                kind,
            }
        });
        drawn.collect()
    }

    /// Whether an exit code is one that this fault may lead to (DESIGN section 5).
    pub fn may_end_with(&self, exit_code: Option<i32>) -> bool {
        let Some(exit_code) = exit_code else {
            // Who is killed has none.
            return matches!(self.kind, FaultKind::ControllerKilled(_));
        };
        match self.kind {
            FaultKind::ControllerKilled(_) => false,
            // Temporary, run again.
            FaultKind::Kill(_) => exit_code == 4,
            // The controller connects again and goes on, unless it was not yet that far.
            FaultKind::Cut(_) | FaultKind::ShareCut(_) | FaultKind::ShareSilent(_) => {
                matches!(exit_code, 0 | 1 | 3 | 4)
            }
            FaultKind::SourceGone | FaultKind::SourceEmpty => matches!(exit_code, 2 | 4 | 5),
            // Left to the next pass in stage one; in stage two nothing may be.
            FaultKind::LockHeld if self.command == "stage-two" => matches!(exit_code, 4..=6),
            // Without that database the test POA may not start.
            FaultKind::LockHeld => matches!(exit_code, 1 | 4),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let command = &self.command;
        match self.kind {
            FaultKind::Kill(moment) => write!(formatter, "{command}:kill={moment}"),
            FaultKind::ControllerKilled(milliseconds) => {
                write!(formatter, "{command}:controller-killed={milliseconds}")
            }
            FaultKind::Cut(bytes) => write!(formatter, "{command}:cut={bytes}"),
            FaultKind::SourceGone => write!(formatter, "{command}:source-gone"),
            FaultKind::SourceEmpty => write!(formatter, "{command}:source-empty"),
            FaultKind::ShareCut(bytes) => write!(formatter, "{command}:share-cut={bytes}"),
            FaultKind::ShareSilent(seconds) => {
                write!(formatter, "{command}:share-silent={seconds}")
            }
            FaultKind::LockHeld => write!(formatter, "{command}:lock-held"),
        }
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let usage = || {
            format!(
                "a fault is one of {}, then one of :kill=MOMENT :controller-killed=MILLISECONDS \
                 :cut=BYTES :source-gone :source-empty :share-cut=BYTES :share-silent=SECONDS :lock-held",
                COMMANDS.join(" ")
            )
        };
        let (command, kind) = text.split_once(':').ok_or_else(usage)?;
        if !COMMANDS.contains(&command) {
            return Err(usage());
        }
        let kind = match kind.split_once('=') {
            None if kind == "source-gone" => FaultKind::SourceGone,
            None if kind == "source-empty" => FaultKind::SourceEmpty,
            None if kind == "lock-held" && command != "queues" => FaultKind::LockHeld,
            Some(("kill", moment)) => FaultKind::Kill(positive(moment).ok_or_else(usage)?),
            Some(("controller-killed", milliseconds)) => {
                FaultKind::ControllerKilled(positive(milliseconds).ok_or_else(usage)?)
            }
            Some(("share-cut", bytes)) => FaultKind::ShareCut(positive(bytes).ok_or_else(usage)?),
            Some(("share-silent", seconds)) => {
                FaultKind::ShareSilent(positive(seconds).ok_or_else(usage)?)
            }
            Some(("cut", bytes)) => FaultKind::Cut(positive(bytes).ok_or_else(usage)?),
            _ => return Err(usage()),
        };
        Ok(Self {
            command: command.to_owned(),
            kind,
        })
    }
}

fn positive(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_written_as_it_is_read() {
        let between = Fault::draw_between_servers(3, 60);
        for fault in Fault::draw(3, 60).into_iter().chain(between) {
            assert_eq!(fault.to_string().parse(), Ok(fault));
        }
        for wrong in [
            "",
            "kill=1",
            "stage-one:kill=0",
            "finish:cut=9",
            "queues:lock-held",
        ] {
            assert!(wrong.parse::<Fault>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_same_seed_draws_the_same_faults_and_every_kind_is_drawn() {
        let drawn = Fault::draw(1, 60);
        assert_eq!(drawn, Fault::draw(1, 60));
        assert_ne!(drawn, Fault::draw(2, 60));
        for kind in [
            ":kill=",
            ":controller-killed=",
            ":cut=",
            ":source-gone",
            ":source-empty",
            ":lock-held",
        ] {
            assert!(
                drawn.iter().any(|fault| fault.to_string().contains(kind)),
                "{kind}"
            );
        }
    }
}
