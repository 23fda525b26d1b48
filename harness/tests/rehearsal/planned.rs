//! What a command would do, said and not done.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use harness::site::Site as _;

use crate::support::Stage;

/// What is below a folder: of files what they hold.
type Contents = BTreeMap<String, Option<Vec<u8>>>;

fn contents(folder: &Path) -> Contents {
    let mut all = Contents::new();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return all;
    };
    for entry in entries {
        let path = entry.expect("an entry").path();
        let name = path.to_string_lossy().into_owned();
        if path.is_dir() {
            all.extend(contents(&path));
            all.insert(name, None);
        } else {
            all.insert(name, Some(std::fs::read(&path).expect("read")));
        }
    }
    all
}

/// What of two looks is not the same.
fn changed(before: &[Contents; 3], after: &[Contents; 3]) -> Vec<String> {
    let sides = before.iter().zip(after);
    let names = sides.flat_map(|(before, after)| {
        let all: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        all.into_iter()
            .filter(|name| before.get(*name) != after.get(*name))
    });
    names.cloned().collect()
}

#[test]
fn a_plan_names_each_step_and_command_and_leaves_both_sides_as_they_were() {
    let stage = Stage::new();
    let sides = || {
        let job = &stage.embedded().sheet.job_folder;
        [stage.source(), stage.destination(), job].map(contents)
    };
    let steps = |command: &str| -> Vec<String> {
        let run = stage.expect(&[command, "--plan"], 0);
        let steps = run.result["steps"].as_array().expect("a list");
        let names = steps
            .iter()
            .map(|step| step["step"].as_str().expect("a name").to_owned());
        names.collect()
    };
    let before = sides();
    let planned = steps("stage-one");
    assert_eq!((planned[0].as_str(), planned.len()), ("connect", 11));
    assert!(
        sides() == before,
        "a plan before the job has begun changes nothing"
    );

    stage.expect(&["stage-one"], 0);
    let before = sides();
    let run = stage.expect(&["stage-one", "--plan"], 0);
    let folders = &run.result["steps"][2];
    assert_eq!(folders["step"], "create-folders");
    let runs = folders["runs"].to_string();
    let destination = stage.destination().to_string_lossy().into_owned();
    assert!(
        runs.contains(&format!("mkdir -p -- {destination}")),
        "{runs}"
    );
    assert!(folders["last_milliseconds"].is_number(), "{folders:#?}");
    assert!(run.result["known"]["bytes"].as_u64().expect("known") > 0);
    let planned = steps("stage-two");
    assert_eq!(planned.first().map(String::as_str), Some("mount-source"));
    assert_eq!(planned.last().map(String::as_str), Some("unmount"));
    assert_eq!(changed(&before, &sides()), Vec::<String>::new());
}

/// Software that is there already is started and stopped as well, and GWCheck runs whether there is any or not.
#[test]
fn a_plan_names_what_is_run_for_software_that_is_there_already() {
    let mut stage = Stage::new();
    let runs_of = |stage: &Stage, wanted: &str| {
        let run = stage.expect(&["stage-two", "--plan"], 0);
        let steps = run.result["steps"].as_array().expect("a list").clone();
        let step = steps.into_iter().find(|step| step["step"] == wanted);
        step.expect("the step")["runs"].to_string()
    };
    let guardian = runs_of(&stage, "lowercase-guardian");
    assert!(guardian.contains("gwcheck"), "{guardian}");
    assert_eq!(runs_of(&stage, "stop-test-poa"), "[]");
    for line in ["generation = \"2014\"", "service = \"po.dom\""] {
        let line = ("poa".to_owned(), line.to_owned());
        stage.embedded_mut().sheet.extra.push(line);
    }
    stage.embedded().write_worksheet().expect("written");
    let stop = runs_of(&stage, "stop-test-poa");
    assert!(stop.contains("grpwise stop"), "{stop}");
}
