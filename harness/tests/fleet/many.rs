//! A site of 200 post offices: planned, and scheduled.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use harness::site::Site as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::ansible::{Ansible, played};
use crate::memory::wait_and_watch;
use crate::post_office::{servers, settings};

const POST_OFFICES: usize = 200;
const SOURCES: usize = 20;
const DESTINATIONS: usize = 25;

/// What all of it may have at the same time, in kibibytes: Ansible with this many forks, a module and gwmigrate in each.
const FORKS: &str = "4";
const MEMORY_MAX: u64 = 400 * 1024;

const WINDOW_HOURS: f64 = 8.0;
const FACTOR: f64 = 2.0;
const PER_SOURCE: usize = 2;

/// A post office of the simulated inventory.
struct Planned {
    source: String,
    destination: String,
    stage_one_seconds: f64,
    cut_over_seconds: f64,
}

fn site() -> BTreeMap<String, Planned> {
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(200);
    let one = |number: usize| {
        let planned = Planned {
            source: format!("nw{}", random.random_range(0..SOURCES)),
            destination: format!("lin{}", random.random_range(0..DESTINATIONS)),
            // From minutes to more than any night has.
            stage_one_seconds: 3600.0 * 6.0 * random.random::<f64>().powi(3),
            cut_over_seconds: 60.0 + 1800.0 * random.random::<f64>(),
        };
        (format!("po{number:03}"), planned)
    };
    (0..POST_OFFICES).map(one).collect()
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn two_hundred_post_offices_are_planned_in_bounded_memory_and_scheduled_within_their_limits() {
    let folder = tempfile::Builder::new()
        .prefix(&format!("gwrehearse-many-{}", std::process::id()))
        .rand_bytes(0)
        .tempdir()
        .expect("a folder");
    let Some(ansible) = Ansible::install(folder.path()) else {
        return;
    };
    let embedded = servers(&folder.path().join("servers"), 5, false);
    let site = site();
    let jobs = folder.path().join("servers/destination");
    let mut hosts = BTreeMap::new();
    fs::create_dir(folder.path().join("gwmigrate")).expect("created");
    for (name, one) in &site {
        let mut sheet = settings(embedded.sheet());
        sheet["destination"]["job_folder"] = json!(jobs.join(name));
        hosts.insert(
            name.clone(),
            json!({
                "gwmigrate_source_server": one.source,
                "gwmigrate_destination": one.destination,
                "gwmigrate_settings": sheet,
            }),
        );
        // As `gwmigrate --json check` ends.
        let estimate = json!({
            "stage_one_seconds": one.stage_one_seconds,
            "delta_seconds": one.cut_over_seconds / 2.0,
            "downtime_seconds": one.cut_over_seconds / 2.0,
        });
        let end = json!({ "console": "end", "result": { "estimate": estimate } });
        fs::write(ansible.kept(&format!("{name}.check.json")), end.to_string()).expect("written");
    }
    ansible.write_inventory(&json!({ "gwmigrate_program": embedded.migrator() }), &hosts);

    let child = ansible.begin("stage_one", &json!({}), &["--check", "--forks", FORKS]);
    let (output, kibibytes) = wait_and_watch(child);
    let planned = played(&output);
    println!(
        "{POST_OFFICES} plans with {FORKS} forks: {} MiB at most",
        kibibytes / 1024
    );
    assert!(planned.is_fine, "{}", planned.output);
    assert_eq!(
        planned.changed().len(),
        POST_OFFICES,
        "each would be copied"
    );
    assert!(kibibytes > 0 && kibibytes < MEMORY_MAX, "{kibibytes} KiB");
    let begun = fs::read_dir(&jobs).expect("listed").flatten();
    let begun = begun.filter(|entry| site.contains_key(entry.file_name().to_str().unwrap_or("")));
    assert_eq!(begun.count(), 0, "a plan begins no job");

    let planned = ansible.play("schedule", &json!({}), &["--forks", FORKS]);
    assert!(planned.is_fine, "{}", planned.output);
    let schedule = fs::read(ansible.kept("schedule.json")).expect("a schedule");
    let schedule: Value = serde_json::from_slice(&schedule).expect("JSON");
    let waves = check_schedule(&schedule, &site);
    let groups = fs::read_to_string(ansible.kept("waves.ini")).expect("groups");
    for (number, wave) in (1..).zip(&waves) {
        let group = format!("[wave_{number}]\n{}\n", wave.join("\n"));
        assert!(groups.contains(&group), "{groups}");
    }
    println!(
        "{} waves in {} nights",
        waves.len(),
        schedule["nights"].as_array().expect("nights").len()
    );
    Box::new(embedded).stop();
}

/// Whether every post office is in one wave, or named because it fits into no night, and no limit is broken; gives the waves.
fn check_schedule(schedule: &Value, site: &BTreeMap<String, Planned>) -> Vec<Vec<String>> {
    let waves: Vec<Vec<String>> = serde_json::from_value(schedule["waves"].clone()).expect("waves");
    let fits = |one: &Planned| {
        one.stage_one_seconds.max(one.cut_over_seconds) * FACTOR <= WINDOW_HOURS * 3600.0
    };
    let mut expected: Vec<&String> = site
        .iter()
        .filter(|(_, one)| fits(one))
        .map(|(name, _)| name)
        .collect();
    let mut placed: Vec<&String> = waves.iter().flatten().collect();
    assert!(expected.len() < site.len(), "some fit into no night");
    placed.sort();
    expected.sort();
    assert_eq!(placed, expected, "each once");
    let too_long = schedule["too_long"].as_array().expect("a list").iter();
    let too_long: BTreeSet<&str> = too_long.filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(too_long.len() + placed.len(), site.len());

    for night in schedule["nights"].as_array().expect("nights") {
        let night = night.as_array().expect("jobs");
        let seconds = |job: &Value, name: &str| job[name].as_f64().expect("seconds");
        for job in night {
            assert!(
                seconds(job, "end_seconds") <= WINDOW_HOURS * 3600.0,
                "{job}"
            );
            let moment = seconds(job, "start_seconds");
            let now = night.iter().filter(|other| {
                seconds(other, "start_seconds") <= moment && moment < seconds(other, "end_seconds")
            });
            let now: Vec<&Value> = now.collect();
            let shared = |what: &str| now.iter().filter(|other| other[what] == job[what]).count();
            assert!(shared("source") <= PER_SOURCE, "{job}");
            assert!(shared("destination") <= 1, "{job}");
            assert!(now.len() <= 10, "{job}");
            let one = &site[job["name"].as_str().expect("a name")];
            assert_eq!(job["source"], one.source.as_str());
        }
    }
    waves
}
