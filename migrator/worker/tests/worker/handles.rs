//! A worker that may open few files.

use std::fs;
use std::path::Path;
use std::process::Command;

use protocol::{AreaKind, AreaOrder, Order, Task};

use crate::support::{
    LOWERCASE, PASS_ONE, PASS_TWO, QUEUES, Site, age_folders, build_post_office, child, contents,
    wanted, write_old,
};

/// As many libraries as a post office can have, each with a document storage area of its own.
const LIBRARIES: u32 = 255;

/// The folders of the largest of these.
const FOLDERS: u64 = 4_000;

/// A post office with areas for documents, each with some folders in folders.
fn site_with_areas(libraries: u32, folders: u64) -> Site {
    let mut site = Site::fast();
    // The most threads that there can be.
    site.options.workers = 64;
    build_post_office(&site.source);
    for number in 0..64 {
        let path = format!("OFFILES/FD{number:X}/A/B/{number}.000");
        write_old(&site.source.join(path), b"attachment", number);
    }
    age_folders(&site.source);
    for area in 1..=libraries {
        let root = site.root.join(format!("areas/{area}"));
        let folders = if area == 1 { folders } else { 3 };
        for folder in 0..folders {
            let path = format!("DOCS/F{:X}/G{folder:X}/{folder}.DOC", folder % 16);
            write_old(&root.join(path), b"document", folder);
        }
        age_folders(&root);
        fs::create_dir_all(site.root.join(format!("moved/{area}"))).unwrap();
    }
    site
}

fn order(site: &Site, task: &Task, libraries: u32) -> Order {
    let mut order = site.order(task.clone());
    order.areas.extend((1..=libraries).map(|area| {
        AreaOrder {
            id: area,
            kind: AreaKind::Documents,
            label: format!("library {area}"),
            source: site
                .root
                .join(format!("areas/{area}"))
                .display()
                .to_string(),
            destination: site
                .root
                .join(format!("moved/{area}"))
                .display()
                .to_string(),
        }
    }));
    order
}

/// Runs an order in a process that may open so many files; gives all that it said.
fn run_with(site: &Site, order: &Order, limits: &str) -> String {
    fs::write(site.root.join("order"), serde_json::to_vec(order).unwrap()).unwrap();
    let run = child("service::child_runs_an_order", site);
    let output = Command::new("prlimit")
        .arg(format!("--nofile={limits}"))
        .arg(run.get_program())
        .args(run.get_args())
        .env("WORKER_TEST_ROOT", &site.root)
        .output()
        .unwrap();
    let events = fs::read_to_string(site.job.join("events.jsonl")).unwrap_or_default();
    let answer = fs::read_to_string(site.root.join("output")).unwrap_or_default();
    format!(
        "{}{answer}{events}",
        String::from_utf8_lossy(&output.stdout)
    )
}

fn require_copied(source: &Path, destination: &Path) {
    assert_eq!(contents(destination), wanted(source, true));
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn as_many_libraries_as_there_can_be_are_moved_with_a_thousand_open_files() {
    let site = site_with_areas(LIBRARIES, FOLDERS);
    let tasks = [
        Task::Inventory { only_count: false },
        Task::CreateFolders,
        PASS_ONE,
        Task::Prove,
        Task::AtRest { quiet_seconds: 0 },
        PASS_TWO,
        LOWERCASE,
        QUEUES,
        Task::Seal,
        Task::Verify,
    ];
    for task in &tasks {
        let said = run_with(&site, &order(&site, task, LIBRARIES), "256:1024");
        // The items in its queues are old, which an inventory tells.
        let is_told = matches!(task, Task::Inventory { .. }) && said.contains("verdict: Ok(Nee");
        let is_done = said.contains("verdict: Ok(Done)") || said.contains("verdict: Ok(Nothing");
        let told: Vec<&str> = said
            .lines()
            .filter(|line| line.contains("finding\""))
            .collect();
        assert!(is_done || is_told, "{}: {told:#?}", task.name());
    }
    require_copied(&site.source, &site.destination);
    for area in [1, 2, LIBRARIES] {
        let area = area.to_string();
        let moved = site.root.join("moved").join(&area);
        require_copied(&site.root.join("areas").join(&area), &moved);
    }
}

/// Where even the folders of the areas are too many, that is said, and nothing is taken for unreadable.
#[test]
fn where_too_few_files_can_be_open_that_is_what_is_said() {
    let libraries = 40;
    let site = site_with_areas(libraries, 3);
    let mut seen = 0;
    for limit in [40, 60, 80, 100, 110, 120] {
        for task in [Task::CreateFolders, PASS_ONE] {
            let limits = format!("{limit}:{limit}");
            let said = run_with(&site, &order(&site, &task, libraries), &limits);
            let verdict = said.lines().find(|line| line.contains("verdict: "));
            let last = format!("{limit} {}: {verdict:?}", task.name());
            if said.contains("verdict: Ok(Done)") {
                continue;
            }
            seen += 1;
            assert!(
                said.contains("open files") || said.contains("too-many-open-files"),
                "{limit}: {said}"
            );
            assert!(!said.contains("source-unreadable"), "{limit}: {last}");
        }
    }
    assert!(seen > 0);
}
