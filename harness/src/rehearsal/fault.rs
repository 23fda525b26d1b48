//! Faults of a rehearsal's schedule: each strikes during one command, and the same command, run again, must go on.
//!
//! They come from outside, as in life: a signal, a broken connection, a source that is gone, a lock that another program
//! holds.  The migrator has no part in them.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use rand::RngExt as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::back_end::BackEnd;
use crate::network::{Disturbance, Network};

/// The commands that a fault may strike.
const COMMANDS: [&str; 5] = ["stage-one", "stage-two", "finish", "queues", VERIFY_SOURCE];

/// `verify --source`, as a fault names it.
const VERIFY_SOURCE: &str = "verify-source";

/// What happens before the POA is started for users, or while it is.
const FINISHES: [FaultKind; 4] = [
    FaultKind::SecondStageTwo,
    FaultKind::WayBack,
    FaultKind::KilledIn(Phase(FINISH_PHASE)),
    FaultKind::AgentDoesNotStart,
];

/// How many of these there are between servers, where the POA belongs to its server.
const FINISHES_BETWEEN_SERVERS: usize = 3;

/// The phases of the workers, each with a command that is sure to come to it.
const PHASES: [(&str, &str); 14] = [
    ("stage-one", "copy"),
    ("stage-one", "copy the databases"),
    ("stage-one", "look for what was made meanwhile"),
    ("stage-one", "remove what the source no longer has"),
    ("stage-one", "set the times of the folders"),
    ("stage-one", "prove everything else"),
    ("stage-two", "wait whether anything changes"),
    ("stage-two", "copy the databases and the rest"),
    ("stage-two", "rename"),
    ("stage-two", "carry the queues over"),
    ("stage-two", "look at both trees again"),
    ("finish", "compare the source with the seal"),
    ("queues", "carry the queues over"),
    (VERIFY_SOURCE, "read the source once more"),
];

/// The one of `finish` among them.
const FINISH_PHASE: usize = 11;

/// A phase of a worker, by its number among [`PHASES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase(usize);

impl Phase {
    /// What the worker calls it.
    pub fn name(self) -> &'static str {
        PHASES.get(self.0).map_or("", |(_, name)| name)
    }

    /// The phases that a command is sure to come to.
    fn of(command: &str) -> impl Iterator<Item = Self> {
        let numbers = 0..PHASES.len();
        numbers
            .filter(move |number| PHASES[*number].0 == command)
            .map(Self)
    }

    /// As it is written in a fault.
    fn text(self) -> String {
        self.name().replace(' ', "-")
    }
}

/// The last moment of the journal that every such command reaches, also for the smallest post office.
const SURE_MOMENT: u64 = 4;

/// The most bytes after which every such command still has something to say over its connection.
const SURE_BYTES: u64 = 4096;

/// The longest time that every such command takes, also for the smallest post office on a fast machine.
const SURE_MILLISECONDS: u64 = 40;

/// The longest silence that is drawn: longer than a pass over the smallest post office, shorter than any time-out.
const SILENT_SECONDS_MAX: u64 = 8;

/// How long bytes are under way at most where that is drawn; as on a line across a continent.
const LATENCY_MILLISECONDS_MAX: u64 = 20;

/// How many bytes a second pass where that is drawn: as on an old network.
const BYTES_PER_SECOND: std::ops::RangeInclusive<u64> = 200_000..=1_000_000;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The worker is killed at this moment of the job's journal, counted from 1 in each worker.
    Kill(u64),
    /// The worker is killed when it begins this phase.
    KilledIn(Phase),
    /// The controller is killed so many milliseconds after it was started.
    ControllerKilled(u64),
    /// A network is disturbed.
    Disturbed(Network, Disturbance),
    /// The post office is not where it was, as when a mount was lost.
    SourceGone,
    /// Where the post office was is an empty folder, as a mount point is when nothing is mounted.
    SourceEmpty,
    /// Another program holds the lock of the post office database for longer than is waited.
    LockHeld,
    /// Some folders of the destination have file systems of their own, from now on.
    InnerMounts,
    /// Users worked at the source again, and stage two ran a second time.
    SecondStageTwo,
    /// The documented way back was gone, users worked at the source, and a pass of stage one ran.
    WayBack,
    /// The Linux POA cannot be started.
    AgentDoesNotStart,
    /// An item of a queue of the source is still being written.
    LateItem,
    /// All times in the queues of the source moved by an hour, as daylight saving does to some servers.
    ShiftedClock,
}

/// The kinds without a number, by their names, and the command that each can strike; none for those that strike any command
/// that reads the source.
const NAMED: [(&str, FaultKind, Option<&str>); 9] = [
    ("source-gone", FaultKind::SourceGone, None),
    ("source-empty", FaultKind::SourceEmpty, None),
    ("lock-held", FaultKind::LockHeld, None),
    ("inner-mounts", FaultKind::InnerMounts, Some("stage-one")),
    (
        "second-stage-two",
        FaultKind::SecondStageTwo,
        Some("finish"),
    ),
    ("way-back", FaultKind::WayBack, Some("finish")),
    (
        "agent-does-not-start",
        FaultKind::AgentDoesNotStart,
        Some("finish"),
    ),
    ("late-item", FaultKind::LateItem, Some("queues")),
    ("shifted-clock", FaultKind::ShiftedClock, Some("queues")),
];

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
            _ => Self::draw_between_servers(seed, how_many),
        }
    }

    /// The end of a worker in each of the phases that every migration comes to.
    pub fn in_every_phase() -> Vec<Self> {
        let phases = PHASES.iter().enumerate();
        let fault = |(number, (command, _)): (usize, &(&str, &str))| Self {
            command: (*command).to_owned(),
            kind: FaultKind::KilledIn(Phase(number)),
        };
        phases.map(fault).collect()
    }

    /// So many faults, drawn from a seed; each is one that is sure to strike.
    pub fn draw(seed: u64, how_many: usize) -> Vec<Self> {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        let mut drawn: Vec<Self> = Vec::new();
        for command in COMMANDS.iter().cycle().take(how_many) {
            let kind = match (*command, generator.random_range(0..8)) {
                ("finish", number) => FINISHES[number % FINISHES.len()],
                ("queues", 6) => FaultKind::LateItem,
                ("queues", 7) => FaultKind::ShiftedClock,
                // Later they would hide what was copied, and that is refused.
                ("stage-one", 6) if drawn.is_empty() => FaultKind::InnerMounts,
                (_, 5) => FaultKind::SourceEmpty,
                (_, 4) => {
                    FaultKind::ControllerKilled(generator.random_range(1..=SURE_MILLISECONDS))
                }
                (command, 0) => kill(&mut generator, command),
                (_, 1) => FaultKind::SourceGone,
                // The queues have no databases.
                ("stage-one" | "stage-two", 2) => FaultKind::LockHeld,
                _ => {
                    let bytes = generator.random_range(1..=SURE_BYTES);
                    FaultKind::Disturbed(Network::Link, Disturbance::Cut(bytes))
                }
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
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        let commands = COMMANDS.iter().cycle().take(how_many);
        let drawn = commands.map(|command| {
            let kind = match (*command, generator.random_range(0..15)) {
                ("finish", number) => FINISHES[number % FINISHES_BETWEEN_SERVERS],
                ("queues", 13) => FaultKind::LateItem,
                ("queues", 14) => FaultKind::ShiftedClock,
                (command, 0) => kill(&mut generator, command),
                (_, 1) => FaultKind::SourceGone,
                // The queues have no databases.
                ("stage-one" | "stage-two", 2) => FaultKind::LockHeld,
                (_, 3) => {
                    FaultKind::ControllerKilled(generator.random_range(1..=SURE_MILLISECONDS))
                }
                (_, 4..=7) => FaultKind::Disturbed(Network::Link, draw(&mut generator)),
                (_, 8) => {
                    let bytes = generator.random_range(BYTES_PER_SECOND);
                    FaultKind::Disturbed(Network::Share, Disturbance::Throttle(bytes))
                }
                _ => FaultKind::Disturbed(Network::Share, draw(&mut generator)),
            };
            Self {
                command: (*command).to_owned(),
                kind,
            }
        });
        drawn.collect()
    }

    /// Whether it strikes the command of these arguments.
    pub(super) fn strikes(&self, arguments: &[&str]) -> bool {
        match *arguments {
            ["verify", "--source"] => self.command == VERIFY_SOURCE,
            [command, ..] => self.command == command,
            [] => false,
        }
    }

    /// Whether an exit code is one that this fault may lead to.
    pub fn may_end_with(&self, exit_code: Option<i32>) -> bool {
        let Some(exit_code) = exit_code else {
            // Who is killed has none.
            return matches!(self.kind, FaultKind::ControllerKilled(_));
        };
        match self.kind {
            FaultKind::ControllerKilled(_) => false,
            // Temporary, run again; an item that moves is left to the next run.
            FaultKind::Kill(_) | FaultKind::KilledIn(_) | FaultKind::LateItem => exit_code == 4,
            // The controller connects again and goes on, unless it was not yet that far.
            FaultKind::Disturbed(_, disturbance) => match disturbance {
                // Slow is not broken.
                Disturbance::Latency(_) | Disturbance::Throttle(_) => exit_code < 2,
                _ => matches!(exit_code, 0 | 1 | 3 | 4),
            },
            FaultKind::SourceGone | FaultKind::SourceEmpty => matches!(exit_code, 2 | 4 | 5),
            // Left to the next pass in stage one; in stage two nothing may be.
            FaultKind::LockHeld if self.command == "stage-two" => matches!(exit_code, 4..=6),
            // Without that database the test POA may not start.
            FaultKind::LockHeld => matches!(exit_code, 1 | 4),
            FaultKind::InnerMounts | FaultKind::SecondStageTwo | FaultKind::ShiftedClock => {
                exit_code < 2 || exit_code == 3
            }
            FaultKind::WayBack | FaultKind::AgentDoesNotStart => exit_code == 5,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let command = &self.command;
        match self.kind {
            FaultKind::Kill(moment) => write!(formatter, "{command}:kill={moment}"),
            FaultKind::KilledIn(phase) => write!(formatter, "{command}:killed-in={}", phase.text()),
            FaultKind::ControllerKilled(milliseconds) => {
                write!(formatter, "{command}:controller-killed={milliseconds}")
            }
            FaultKind::Disturbed(Network::Link, how) => write!(formatter, "{command}:{how}"),
            FaultKind::Disturbed(Network::Share, how) => {
                write!(formatter, "{command}:share-{how}")
            }
            kind => {
                let named = NAMED.iter().find(|(_, named, _)| *named == kind);
                let name = named.map_or("?", |(name, _, _)| name);
                write!(formatter, "{command}:{name}")
            }
        }
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let usage = || {
            let named = NAMED.map(|(name, _, command)| match command {
                Some(command) => format!("{command}:{name}"),
                None => format!(":{name}"),
            });
            format!(
                "a fault is one of {}, then one of :kill=MOMENT :killed-in=PHASE :controller-killed=MILLISECONDS {}, or of a network, \
                 :cut=BYTES :reset=BYTES :silent=SECONDS :latency=MILLISECONDS :throttle=BYTES-A-SECOND, of that of the \
                 share with share- before it",
                COMMANDS.join(" "),
                named.join(" ")
            )
        };
        let (command, kind) = text.split_once(':').ok_or_else(usage)?;
        if !COMMANDS.contains(&command) {
            return Err(usage());
        }
        let kind = match kind.split_once('=') {
            None => without_number(command, kind).ok_or_else(usage)?,
            Some(("killed-in", text)) => {
                let phase = Phase::of(command).find(|phase| phase.text() == text);
                FaultKind::KilledIn(phase.ok_or_else(usage)?)
            }
            Some((name, number)) if command != "finish" => {
                let number = number.parse().map_err(|_| usage())?;
                with_number(name, number).ok_or_else(usage)?
            }
            Some(_) => return Err(usage()),
        };
        Ok(Self {
            command: command.to_owned(),
            kind,
        })
    }
}

/// The kind of a name, where there is one without a number that can strike this command.
fn without_number(command: &str, kind: &str) -> Option<FaultKind> {
    let (_, kind, only) = NAMED.iter().find(|(name, ..)| *name == kind)?;
    let can_strike = match only {
        Some(only) => *only == command,
        // The queues have no databases, and the end reads no source.
        None => match kind {
            FaultKind::LockHeld => matches!(command, "stage-one" | "stage-two"),
            _ => command != "finish",
        },
    };
    can_strike.then_some(*kind)
}

/// The kind of a name, where there is one with a number.
fn with_number(name: &str, number: NonZeroU64) -> Option<FaultKind> {
    match name {
        "kill" => return Some(FaultKind::Kill(number.get())),
        "controller-killed" => return Some(FaultKind::ControllerKilled(number.get())),
        _ => {}
    }
    let (network, name) = match name.strip_prefix("share-") {
        Some(name) => (Network::Share, name),
        None => (Network::Link, name),
    };
    Some(FaultKind::Disturbed(
        network,
        Disturbance::named(name, number)?,
    ))
}

/// The end of a worker, early in its work or in one of the phases that a command is sure to come to.
fn kill(generator: &mut ChaCha8Rng, command: &str) -> FaultKind {
    let phases: Vec<Phase> = Phase::of(command).collect();
    match phases.get(generator.random_range(0..=phases.len())) {
        Some(phase) => FaultKind::KilledIn(*phase),
        None => FaultKind::Kill(generator.random_range(1..=SURE_MOMENT)),
    }
}

/// A disturbance of either network.  A throttled link is not drawn: the worker's upload would take minutes.
fn draw(generator: &mut ChaCha8Rng) -> Disturbance {
    match generator.random_range(0..4) {
        0 => Disturbance::Cut(generator.random_range(1..=SURE_BYTES)),
        1 => Disturbance::Reset(generator.random_range(1..=SURE_BYTES)),
        2 => Disturbance::Silent(generator.random_range(1..=SILENT_SECONDS_MAX)),
        _ => Disturbance::Latency(generator.random_range(1..=LATENCY_MILLISECONDS_MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phases_are_those_of_their_commands() {
        assert_eq!(PHASES[FINISH_PHASE].0, "finish");
        for command in COMMANDS {
            assert!(Phase::of(command).next().is_some(), "{command}");
        }
    }

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
            "finish:killed-in=copy",
            "stage-one:killed-in=rename",
            "queues:lock-held",
            "finish:lock-held",
            "finish:source-gone",
            "queues:way-back",
            "stage-two:inner-mounts",
        ] {
            assert!(wrong.parse::<Fault>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_kind_is_drawn_between_servers_and_none_that_they_cannot_have() {
        let drawn = Fault::draw_between_servers(1, 300);
        let texts: Vec<String> = drawn.iter().map(Fault::to_string).collect();
        for kind in [
            ":kill=",
            ":killed-in=",
            ":controller-killed=",
            ":source-gone",
            ":lock-held",
            ":cut=",
            ":reset=",
            ":silent=",
            ":latency=",
            ":share-cut=",
            ":share-reset=",
            ":share-silent=",
            ":share-latency=",
            ":share-throttle=",
            ":second-stage-two",
            ":way-back",
            ":late-item",
            ":shifted-clock",
        ] {
            assert!(texts.iter().any(|text| text.contains(kind)), "{kind}");
        }
        let no = [
            ":source-empty",
            ":throttle=",
            ":inner-mounts",
            ":agent-does-not-start",
        ];
        assert!(
            !texts
                .iter()
                .any(|text| no.iter().any(|no| text.contains(no)))
        );
    }

    #[test]
    fn the_same_seed_draws_the_same_faults_and_every_kind_is_drawn() {
        let drawn: Vec<Fault> = (1..100).flat_map(|seed| Fault::draw(seed, 8)).collect();
        assert_eq!(Fault::draw(1, 8), Fault::draw(1, 8));
        assert_ne!(Fault::draw(1, 8), Fault::draw(2, 8));
        for kind in [
            ":kill=",
            ":controller-killed=",
            ":cut=",
            ":source-gone",
            ":source-empty",
            ":lock-held",
            ":inner-mounts",
            ":second-stage-two",
            ":way-back",
            ":agent-does-not-start",
            ":late-item",
            ":shifted-clock",
        ] {
            assert!(
                drawn.iter().any(|fault| fault.to_string().contains(kind)),
                "{kind}"
            );
        }
    }
}
