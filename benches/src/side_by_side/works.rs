//! The works of the command line: each makes its tree, runs its rounds and keeps its report.

use std::fmt::Write as _;
use std::path::Path;

use super::field::Field;
use super::machine::{can_empty_caches, describe};
use super::options::{Cache, Options, Work, word};
use super::ours::{Job, remove};
use super::places::Places;
use super::report::Table;
use super::rounds::Rounds;
use super::{Result, downtime, growth, say, trees};

/// Runs the works of the command line, one after the other.
pub(super) fn run(options: &Options) -> Result<()> {
    let places = Places::new(&options.folder)?;
    let works = match options.work {
        Work::All => &[
            Work::FirstCopy,
            Work::Unchanged,
            Work::Lowercase,
            Work::Walk,
            Work::StageTwo,
            Work::Seal,
            Work::Prove,
            Work::Downtime,
            Work::Memory,
        ][..],
        _ => std::slice::from_ref(&options.work),
    };
    for &work in works {
        let text = run_one(options, &places, work)?;
        say(&text)?;
        keep(options, work, &text)?;
    }
    let Job {
        destination,
        folder,
        ..
    } = &places.job;
    for folder in [
        &places.source,
        &places.peer,
        &places.before,
        destination,
        folder,
    ] {
        remove(folder)?;
    }
    Ok(())
}

fn run_one(options: &Options, places: &Places, work: Work) -> Result<String> {
    let mut text = heading(options, places, work)?;
    if work == Work::Memory {
        text += &growth::measure_growth(options, places)?;
        return Ok(text);
    }
    if work == Work::Downtime {
        text += &downtime::measure_downtime(options, places)?;
        return Ok(text);
    }
    let is_cold = match options.cache {
        Some(cache) => cache == Cache::Cold,
        // What was copied last is looked at in stage one again after days, and in stage two at once; what is compared is read
        // from the disk in any case, and would be compared in memory by a peer.
        None => matches!(
            work,
            Work::FirstCopy | Work::Unchanged | Work::SlowSource | Work::Seal | Work::Prove
        ),
    };
    let is_cold_here = is_cold && can_empty_caches();
    let rounds = Rounds {
        how_many: options.rounds,
        is_cold: is_cold_here,
        folder: &places.folder,
    };
    if !matches!(work, Work::Lowercase | Work::Walk) {
        trees::make(&places.source, options.tree, options.size(), options.seed)?;
    }
    let field = Field::of(options, places, work);
    let mut notes = field.notes.clone();
    notes.push(match (is_cold, is_cold_here) {
        (true, true) => "Caches are empty before each run".into(),
        (true, false) => "Caches could not be emptied here, so these are warm runs".into(),
        _ => "Caches are as the run before left them".into(),
    });
    let series = rounds.run(&field.contenders)?;
    let table = Table {
        title: format!(
            "{}, {} tree, {} rounds",
            word(&work),
            word(&options.tree),
            options.rounds
        ),
        notes,
        series,
        absent: field.absent,
    };
    Ok(text + &table.render()?)
}

fn heading(options: &Options, places: &Places, work: Work) -> Result<String> {
    let mut text = format!("# {}, {}\n\n", word(&work), today());
    for line in describe(&places.folder) {
        writeln!(text, "- {line}")?;
    }
    let sizes: Vec<String> = options.sizes().iter().map(u32::to_string).collect();
    let late = if options.late {
        let rate = options.megabytes_per_second;
        format!(" --late --megabytes-per-second {rate}")
    } else {
        String::new()
    };
    writeln!(
        text,
        "- `side-by-side --work {} --tree {} --files {}{} --rounds {} --seed {}`\n",
        word(&work),
        word(&options.tree),
        sizes.join(","),
        late,
        options.rounds,
        options.seed
    )?;
    Ok(text)
}

/// The date, in UTC.
fn today() -> jiff::civil::Date {
    let now = jiff::Timestamp::now();
    now.to_zoned_datetime(jiff::tz::TimeZone::UTC).date()
}

fn keep(options: &Options, work: Work, text: &str) -> Result<()> {
    let file = match &options.output {
        Some(file) => file.clone(),
        None => Path::new("benches/results").join(format!(
            "{}-{}-{}.md",
            today(),
            word(&work),
            word(&options.tree)
        )),
    };
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    Ok(std::fs::write(file, text)?)
}
