//! How long users wait, operation by operation: the same files change in trees of several sizes, after a stage one that
//! copies and proves, and what follows until the seal is timed beside what other tools take for the same.

mod reading;
mod table;

use protocol::{GuardianAction, PassKind, Task};

use super::bare::Operation;
use super::check::{require_equal, require_lower_case, total};
use super::field::copy_whole;
use super::limits;
use super::measure::{Plan, Sample, Step, measure};
use super::options::{Options, Tree};
use super::ours::Job;
use super::peers::{self, Found, Peer};
use super::places::Places;
use super::slow::{Line, Mounted, mount};
use super::{Result, say, trees};

use reading::{Reading, Wanted};
use table::render;

/// How many files the simulator makes, whatever the size of the tree: 200 users, their databases and the queues.
const SIMULATED: u32 = 8000;
const CHANGED_FILES: usize = 1000;
const CHANGED_DATABASES: usize = 200;

/// What no tool can do without, whatever has changed: the pass, the seal and its last look each look at every file of both
/// sides.
const LIMIT: &str = "limit: three looks at each file";
const LOOKS: usize = 3;

/// What the users wait for, but for the quiet window.
fn downtime() -> [(&'static str, Task); 6] {
    [
        ("at rest", Task::AtRest { quiet_seconds: 0 }),
        (
            "pass",
            Task::Pass {
                kind: PassKind::StageTwo,
            },
        ),
        ("lowercase", Task::Lowercase { plan_only: false }),
        (
            "guardian",
            Task::Guardian {
                action: GuardianAction::Convert,
            },
        ),
        ("queues", Task::Queues { live: false }),
        ("seal", Task::Seal),
    ]
}

/// One operation of one round.
#[derive(Debug, Clone)]
struct Part {
    name: String,
    sample: Sample,
    /// What it read of the source, in bytes, and how many questions it asked there, where that is known.
    source_bytes: Option<u64>,
    questions: Option<u64>,
}

/// One round.
#[derive(Debug, Default)]
struct Round {
    /// While users work.
    before: Vec<Part>,
    /// While they are out.
    ours: Vec<Part>,
    /// What the other tools do in their place; nothing where they take no part.
    peer: Vec<Part>,
    /// What a bare loop takes for the looks alone; nothing where that takes no part.
    limit: Vec<Part>,
    wanted: Wanted,
    reading: Reading,
}

/// Everybody's rounds on one tree.
struct Runs {
    files: u32,
    /// How much comes over the line of a late source in a second; none for a local disk.
    megabytes_per_second: Option<u32>,
    notes: Vec<String>,
    rounds: Vec<Round>,
}

/// Measures the trees of all sizes of the command line.
pub(super) fn measure_downtime(options: &Options, places: &Places) -> Result<String> {
    let mut all = Vec::new();
    for files in options.sizes() {
        all.push(run(options, places, files)?);
    }
    render(&all)
}

fn run(options: &Options, places: &Places, files: u32) -> Result<Runs> {
    let downtime = Downtime {
        options,
        places,
        job: if options.late {
            &places.slow_job
        } else {
            &places.job
        },
        peer: peers::compared_stage_two()
            .filter(|peer| options.wants(peer.name))
            .find_map(|peer| Some((peer, peer.find()?))),
    };
    trees::make_with(&places.source, Tree::Small, files, SIMULATED, options.seed)?;
    let mut notes = vec![
        "Two waits are left out, for nobody works on these trees: the quiet window, and the seconds that a queued item must \
         have stood still"
            .to_owned(),
    ];
    match &downtime.peer {
        Some((peer, found)) => notes.push(format!("{}: {}", peer.name, found.version)),
        None => notes.push("Ours alone".to_owned()),
    }
    let mut rounds = Vec::new();
    for round in 0..options.rounds {
        rounds.push(downtime.round(round)?);
    }
    Ok(Runs {
        files,
        megabytes_per_second: options.late.then_some(options.megabytes_per_second),
        notes,
        rounds,
    })
}

struct Downtime<'a> {
    options: &'a Options,
    places: &'a Places,
    job: &'a Job,
    peer: Option<(&'static Peer, Found)>,
}

impl Downtime<'_> {
    fn round(&self, number: u32) -> Result<Round> {
        let (job, places) = (self.job, self.places);
        let mut round = Round::default();
        job.begin()?;
        let at_once = self.mounted(Line::AT_ONCE)?;
        for (name, steps) in [("first copy", job.first_copy()?), ("prove", job.prove()?)] {
            round.before.push(self.part(name, steps, None)?);
        }
        drop(at_once);
        if self.peer.is_some() {
            copy_whole(places, &places.source, &places.peer)?;
        }
        let changed = trees::change_some(
            &places.source,
            self.options.seed + u64::from(number),
            CHANGED_FILES,
            CHANGED_DATABASES,
        )?;
        round.wanted = Wanted::of(&places.source, changed)?;
        let mounted = self.mounted(self.narrow())?;
        rustix::fs::sync();
        for (name, task) in downtime() {
            let part = self.part(name, vec![job.step(task)?], mounted.as_ref())?;
            round.reading.add(&part, job, round.wanted.queues)?;
            round.ours.push(part);
        }
        if let Some(mounted) = &mounted {
            round.reading.take_counters(&mounted.read())?;
        }
        drop(mounted);
        if !job.folder.join(worker::seal::SEAL_FILE).exists() {
            return Err("ours did not seal".into());
        }
        require_equal(&places.source, &job.destination, true)?;
        round.limit = self.limit_round()?;
        round.peer = self.peer_round()?;
        Ok(round)
    }

    /// The looks alone; mounted anew, so that they find nothing of what ours asked.
    fn limit_round(&self) -> Result<Vec<Part>> {
        if !self.options.wants(LIMIT) {
            return Ok(Vec::new());
        }
        let mounted = self.mounted(self.narrow())?;
        let threads = limits::THREADS[0];
        // The names of the two are not the same any more.
        let mut looks = Vec::new();
        for tree in [&self.job.source, &self.job.destination] {
            let look = limits::command(Operation::Stat, threads, &[tree])?;
            looks.extend(vec![Step::new(look); LOOKS]);
        }
        let name = format!("{LIMIT}, {threads} threads");
        let part = self.part(&name, looks, mounted.as_ref())?;
        Ok(vec![part])
    }

    /// What the other tools do; mounted anew, so that they find nothing of what ours asked.
    fn peer_round(&self) -> Result<Vec<Part>> {
        let Some((peer, found)) = &self.peer else {
            return Ok(Vec::new());
        };
        let places = self.places;
        let mounted = self.mounted(self.narrow())?;
        rustix::fs::sync();
        let mut parts = Vec::new();
        for step in peer.steps(found, &self.job.source, &places.peer) {
            let is_word = |argument: &&String| !argument.starts_with('/');
            let words: Vec<_> = step.command[1..].iter().take_while(is_word).collect();
            let program = step.command[0].rsplit('/').next().unwrap_or_default();
            let name = words
                .iter()
                .fold(program.to_owned(), |line, word| format!("{line} {word}"));
            parts.push(self.part(&name, vec![step], mounted.as_ref())?);
        }
        drop(mounted);
        require_lower_case(&places.peer, total(&places.source)?.files)?;
        Ok(parts)
    }

    fn narrow(&self) -> Line {
        Line::late_and_narrow(self.options.megabytes_per_second)
    }

    /// The source where it is reached by a line.
    fn mounted(&self, line: Line) -> Result<Option<Mounted>> {
        if !self.options.late {
            return Ok(None);
        }
        mount(&self.places.source, &self.job.source, line).map(Some)
    }

    fn part(&self, name: &str, steps: Vec<Step>, mounted: Option<&Mounted>) -> Result<Part> {
        let count = || mounted.map(|mounted| (mounted.read().values().sum(), mounted.questions()));
        let before: Option<(u64, u64)> = count();
        let plan = Plan {
            steps,
            written: self.places.folder.clone(),
            log: self.places.folder.join("downtime.log"),
        };
        let sample = measure(&plan, &self.places.folder)?;
        let asked = before
            .zip(count())
            .map(|(before, after)| (after.0 - before.0, after.1 - before.1));
        say(&format!(
            "{name}: {:.2} s, {:.1} s of processors, {} MiB",
            sample.seconds,
            sample.processor_seconds,
            sample.peak_kib >> 10
        ))?;
        Ok(Part {
            name: name.to_owned(),
            sample,
            source_bytes: asked.map(|(bytes, _)| bytes),
            questions: asked.map(|(_, questions)| questions),
        })
    }
}
