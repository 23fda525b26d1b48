//! A job store with a row that cannot be read: an error that names table and row, never a default, and never "run it again".

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use protocol::{
    ChecklistItem, Explain as _, Extent, Finding, GuardianAction, Reply, Request, Step, StepState,
    Task, Verdict,
};
use rusqlite::Connection;
use worker::service::call;

use crate::support::{
    LOWERCASE, PASS_ONE, PASS_TWO, QUEUES, QUEUES_LIVE, Site, contents, write_old,
};

const MARKER: &str = ".gwmigrate-owner.json";

/// Everything that reads the store; that which writes to the trees comes last.
fn tasks() -> Vec<Task> {
    vec![
        Task::Verify,
        Task::VerifySource,
        Task::CompareSource,
        Task::LookForWork,
        Task::Abandon { plan_only: true },
        Task::Guardian {
            action: GuardianAction::Look,
        },
        Task::Lowercase { plan_only: true },
        QUEUES_LIVE,
        QUEUES,
        PASS_ONE,
        PASS_TWO,
        LOWERCASE,
        Task::UndoLowercase,
        Task::Seal,
    ]
}

/// A site with something in nearly every table.
fn site() -> Site {
    let site = Site::fast().filled();
    for task in [PASS_ONE, PASS_TWO] {
        site.run(task).clean();
    }
    fs::rename(
        site.destination.join("ofviews/win"),
        site.destination.join("ofviews/WIN"),
    )
    .unwrap();
    for task in [LOWERCASE, QUEUES, Task::Seal] {
        site.run(task).clean();
    }
    let say = |request| assert_eq!(call(&site.job, request), Reply::Done);
    say(Request::BeginStep {
        step: Step::Seal,
        at_milliseconds: None,
    });
    say(Request::Confirm {
        item: ChecklistItem::Replicated,
        by: "Ann".into(),
        note: String::new(),
    });
    let found = Finding::new("name-kept", Verdict::NeedsAttention, "seen", "look").about(b"a");
    say(Request::EndStep {
        step: Step::Seal,
        state: StepState::Done,
        detail: String::new(),
        findings: vec![found],
    });
    say(Request::Accept {
        code: "name-kept".into(),
        extent: Extent::Finding,
        subject: "a".into(),
        by: "Ann".into(),
        note: "known".into(),
    });
    say(Request::SawPorts {
        ports: vec![("fs1".into(), 1677)],
    });
    site
}

/// Makes the store what it was, and the marker of the destination, which knows the generation.
fn restore(site: &Site, kept: &Path, marker: &[u8]) {
    fs::write(site.destination.join(MARKER), marker).unwrap();
    for name in ["job.sqlite", "job.sqlite-wal", "job.sqlite-shm"] {
        let _ = fs::remove_file(site.job.join(name));
    }
    fs::copy(kept, site.job.join("job.sqlite")).unwrap();
}

/// What reading the store says, over all that reads it; what is wrong with the store alone.
fn said(site: &Site) -> Vec<Finding> {
    let mut said = Vec::new();
    for request in [Request::Status, Request::Findings] {
        if let Reply::Failed(finding) = call(&site.job, request) {
            said.push(finding);
        }
    }
    let names = || -> BTreeSet<String> {
        let paths = contents(&site.destination).into_keys();
        paths.map(|path| path.to_ascii_lowercase()).collect()
    };
    let before = names();
    for task in tasks() {
        let done = site.run(task.clone());
        if let Err(error) = &done.result {
            said.push(error.to_finding());
            // A task that stops so has lost nothing of what the source has.
            let after = names();
            let gone = before.difference(&after).next();
            assert_eq!(gone, None, "{}: {error}", task.name());
        }
    }
    said
}

/// Columns whose value decides nothing, or which SQLite itself keeps.
const TOLD_ONLY: [(&str, &str); 5] = [
    // A number that nobody asks for.
    ("file", "pass"),
    ("folder", "pass"),
    // An order, for people.
    ("step", "first"),
    ("sealed", "size"),
    ("rename", "how_many"),
];

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_row_that_cannot_be_read_is_said_with_its_table_and_never_taken_for_something_else() {
    let site = site();
    let kept = site.root.join("kept.sqlite");
    drop(Connection::open(site.job.join("job.sqlite")).unwrap());
    fs::copy(site.job.join("job.sqlite"), &kept).unwrap();
    let marker = fs::read(site.destination.join(MARKER)).unwrap();
    let columns = columns(&kept);
    assert!(columns.len() > 60, "{columns:?}");
    let (mut silent, mut wrong) = (Vec::new(), Vec::new());
    for (table, column, is_blob, is_key) in columns {
        restore(&site, &kept, &marker);
        // A row of another name is one that is missing.
        if (&*table, &*column) == ("meta", "name") {
            continue;
        }
        if !damage(&site.job.join("job.sqlite"), &table, &column, is_blob) {
            continue;
        }
        let said = said(&site);
        for finding in &said {
            let is_damage =
                (&*finding.code, finding.verdict) == ("job-store-damaged", Verdict::Unproven);
            // A row that is not found under its key is one that is missing.
            let is_missing = is_key && finding.verdict == Verdict::Refused;
            if !(is_missing || (is_damage && finding.text.contains(&table))) {
                wrong.push(format!(
                    "{table}.{column}: {} {}",
                    finding.code, finding.text
                ));
            }
        }
        let is_told_only = TOLD_ONLY.contains(&(&table, &column));
        if said.is_empty() && !is_told_only && !is_key {
            silent.push(format!("{table}.{column}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "said as something else");
    assert_eq!(silent, Vec::<String>::new(), "taken for something else");
}

/// Every column of every table: table, column, whether it holds bytes, whether it is of the key.
fn columns(store: &Path) -> Vec<(String, String, bool, bool)> {
    let connection = Connection::open(store).unwrap();
    let query = "SELECT t.name, c.name, c.type, c.pk > 0 FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table'";
    let mut statement = connection.prepare(query).unwrap();
    let rows = statement
        .query_map([], |row| {
            let is_blob = row.get::<_, String>(2)? == "BLOB";
            Ok((row.get(0)?, row.get(1)?, is_blob, row.get(3)?))
        })
        .unwrap();
    rows.map(Result::unwrap).collect()
}

/// Puts something into a column that this program never writes there; says whether the table has a row.
fn damage(store: &Path, table: &str, column: &str, is_blob: bool) -> bool {
    let connection = Connection::open(store).unwrap();
    let value = if is_blob { "'/../x'" } else { "x'fffe'" };
    let key = "SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk";
    let mut statement = connection.prepare(key).unwrap();
    let key: Vec<String> = statement
        .query_map([table], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let key = key.join(", ");
    let update = format!(
        "UPDATE {table} SET {column} = {value} WHERE ({key}) = (SELECT {key} FROM {table} LIMIT 1)"
    );
    match connection.execute(&update, []) {
        Ok(rows) => rows > 0,
        // The number of a row is nothing but a number.
        Err(_) => false,
    }
}

#[test]
fn a_store_of_another_layout_is_refused_and_stays_as_it_is() {
    for layout in [7, 9] {
        let site = site();
        let file = site.job.join("job.sqlite");
        let store = Connection::open(&file).unwrap();
        store.pragma_update(None, "user_version", layout).unwrap();
        drop(store);
        let before = fs::read(&file).unwrap();
        let Reply::Failed(finding) = call(&site.job, Request::Status) else {
            panic!("layout {layout} was read");
        };
        let said = (&*finding.code, finding.verdict);
        assert_eq!(said, ("job-store-layout", Verdict::Refused), "{finding}");
        assert_eq!(fs::read(&file).unwrap(), before);
    }
}

#[test]
fn a_file_of_the_store_that_is_no_store_is_damage_as_well() {
    let site = site();
    write_old(&site.job.join("job.sqlite"), &[7; 8192], 1);
    let done = call(&site.job, Request::Status);
    let Reply::Failed(finding) = done else {
        panic!("{done:?}");
    };
    assert_eq!(
        (&*finding.code, finding.verdict),
        ("job-store-damaged", Verdict::Unproven)
    );
}

/// A store of last night does not know what happened since; where there is no newer one, the job is undone and begun anew.
#[test]
fn where_only_an_older_store_is_left_the_job_can_be_undone() {
    let site = Site::fast().filled();
    site.run(Task::CreateFolders).clean();
    site.run(PASS_ONE).clean();
    let store = site.job.join("job.sqlite");
    let kept = site.root.join("of last night");
    fs::copy(&store, &kept).unwrap();
    site.run(PASS_ONE).clean();
    for name in ["job.sqlite-wal", "job.sqlite-shm"] {
        let _ = fs::remove_file(site.job.join(name));
    }
    fs::copy(&kept, &store).unwrap();
    let done = site.run(PASS_ONE);
    done.assert_refused("job-store-older");
    let remedy = done.result.as_ref().unwrap_err().guidance();
    assert!(remedy.contains("gwmigrate abandon --yes"), "{remedy}");
    site.run(Task::Abandon { plan_only: false }).clean();
}
