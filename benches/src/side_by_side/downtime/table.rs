//! The timeline of the users' downtime, as Markdown.

use std::fmt::Write as _;

use super::super::Result;
use super::super::measure::Sample;
use super::super::report::{median, shown};
use super::super::slow::WAIT;
use super::{CHANGED_DATABASES, Part, Round, Runs};

/// The tables of all sizes, and how the downtime grows from one to the next.
pub(super) fn render(all: &[Runs]) -> Result<String> {
    let mut text = String::new();
    for runs in all {
        text += &table(runs)?;
    }
    for (small, large) in all.iter().zip(all.iter().skip(1)) {
        let sides: [(&str, Side); 2] = [
            ("Downtime", |round| &round.ours),
            ("The limit", |round| &round.limit),
        ];
        for (name, side) in sides {
            let [less, more] = [small, large].map(|runs| median_seconds(runs, side));
            if less > 0.0 {
                writeln!(
                    text,
                    "- {name} of {} files by that of {} files: {:.2}",
                    large.files,
                    small.files,
                    more / less
                )?;
            }
        }
    }
    Ok(text)
}

fn table(runs: &Runs) -> Result<String> {
    let rounds = &runs.rounds;
    let place = runs.megabytes_per_second.map_or_else(
        || "local disk".to_owned(),
        |rate| {
            format!(
                "late source ({} ms a question, {rate} MB/s)",
                WAIT.as_millis()
            )
        },
    );
    let mut text = format!(
        "## {} files, {place}, {} rounds\n\n",
        runs.files,
        rounds.len()
    );
    for note in &runs.notes {
        writeln!(text, "- {note}")?;
    }
    text += "\n| operation | median s | lowest – highest | processors s | peak MiB | read by its processes, MiB | read of the source, MiB | questions |\n\
             |---|---|---|---|---|---|---|---|\n";
    rows(&mut text, rounds, "users work: ", |round| &round.before)?;
    rows(&mut text, rounds, "", |round| &round.ours)?;
    sum(&mut text, rounds, "**users are out**", |round| &round.ours)?;
    rows(&mut text, rounds, "", |round| &round.limit)?;
    if rounds.iter().any(|round| !round.peer.is_empty()) {
        rows(&mut text, rounds, "peer: ", |round| &round.peer)?;
        sum(&mut text, rounds, "**peer**", |round| &round.peer)?;
    }
    text += "\n";
    notes(&mut text, rounds)?;
    Ok(text)
}

/// What takes part in a round.
type Side = fn(&Round) -> &Vec<Part>;

fn median_seconds(runs: &Runs, side: Side) -> f64 {
    let sums = runs
        .rounds
        .iter()
        .map(|round| total(side(round)).sample.seconds);
    median(sums.collect())
}

fn rows(text: &mut String, rounds: &[Round], prefix: &str, side: Side) -> Result<()> {
    let first = rounds.first().map(side).into_iter().flatten();
    for (number, part) in first.enumerate() {
        let parts: Vec<Part> = rounds
            .iter()
            .filter_map(|round| side(round).get(number).cloned())
            .collect();
        row(text, &format!("{prefix}{}", part.name), &parts)?;
    }
    Ok(())
}

fn sum(text: &mut String, rounds: &[Round], name: &str, side: Side) -> Result<()> {
    let parts: Vec<Part> = rounds.iter().map(|round| total(side(round))).collect();
    row(text, name, &parts)
}

/// All operations of one round as one.
fn total(parts: &[Part]) -> Part {
    let add = |count: fn(&Part) -> Option<u64>| parts.iter().map(count).sum::<Option<u64>>();
    let mut sample = Sample::default();
    for part in parts {
        sample.seconds += part.sample.seconds;
        sample.processor_seconds += part.sample.processor_seconds;
        sample.settle_seconds += part.sample.settle_seconds;
        sample.read_bytes += part.sample.read_bytes;
        sample.peak_kib = sample.peak_kib.max(part.sample.peak_kib);
    }
    Part {
        name: String::new(),
        sample,
        source_bytes: add(|part| part.source_bytes),
        questions: add(|part| part.questions),
    }
}

fn row(text: &mut String, name: &str, parts: &[Part]) -> Result<()> {
    let of = |field: fn(&Part) -> f64| parts.iter().map(field).collect::<Vec<f64>>();
    let known = |field: fn(&Part) -> Option<f64>, decimals: usize| {
        let numbers: Vec<f64> = parts.iter().filter_map(field).collect();
        if numbers.is_empty() {
            String::new()
        } else {
            format!("{:.decimals$}", median(numbers))
        }
    };
    let seconds = of(|part| part.sample.seconds);
    let least = seconds.iter().copied().fold(f64::INFINITY, f64::min);
    let most = seconds.iter().copied().fold(0.0, f64::max);
    let peak = parts.iter().map(|part| part.sample.peak_kib).max();
    writeln!(
        text,
        "| {name} | {} | {} – {} | {} | {} | {:.1} | {} | {} |",
        shown(median(seconds)),
        shown(least),
        shown(most),
        shown(median(of(|part| part.sample.processor_seconds))),
        peak.unwrap_or(0) >> 10,
        median(of(|part| mebibytes(part.sample.read_bytes))),
        known(|part| part.source_bytes.map(mebibytes), 1),
        known(|part| part.questions.map(as_double), 0),
    )?;
    Ok(())
}

fn notes(text: &mut String, rounds: &[Round]) -> Result<()> {
    let Some(last) = rounds.last() else {
        return Ok(());
    };
    let ratios: Vec<f64> = rounds
        .iter()
        .filter(|round| !round.peer.is_empty())
        .map(|round| total(&round.ours).sample.seconds / total(&round.peer).sample.seconds)
        .collect();
    if !ratios.is_empty() {
        writeln!(
            text,
            "- Downtime of ours by that of the peer: {:.3}",
            median(ratios)
        )?;
    }
    let (wanted, reading) = (&last.wanted, &last.reading);
    writeln!(
        text,
        "- To be read of the source while users are out: {:.1} MiB, which are {} changed files of {:.1} MiB, all {} files of \
         databases ({CHANGED_DATABASES} of them changed) of {:.1} MiB, and {} files of the queues of {:.1} MiB",
        mebibytes(wanted.bytes()),
        wanted.changed.files,
        mebibytes(wanted.changed.bytes),
        wanted.databases.files,
        mebibytes(wanted.databases.bytes),
        wanted.queues.files,
        mebibytes(wanted.queues.bytes),
    )?;
    let times = |bytes| as_double(bytes) / as_double(wanted.bytes().max(1));
    writeln!(
        text,
        "- Read of it as the reports say (copied by the pass, queued, read at the seal): {:.1} MiB, {:.2} times that",
        mebibytes(reading.reported),
        times(reading.reported)
    )?;
    if let Some(counted) = &reading.counted {
        writeln!(
            text,
            "- Read of it as the late source counted: {:.1} MiB, {:.2} times that; each byte once: {:.1} MiB, {:.2} times; \
             no file more than {:.1} times",
            mebibytes(counted.all),
            times(counted.all),
            mebibytes(counted.once),
            times(counted.once),
            counted.most_often
        )?;
    }
    text.push('\n');
    Ok(())
}

fn mebibytes(bytes: u64) -> f64 {
    as_double(bytes) / f64::from(1 << 20)
}

// What is counted here is far below what a double holds exactly.
#[allow(clippy::cast_precision_loss)]
fn as_double(count: u64) -> f64 {
    count as f64
}
