//! How many file operations a worker makes for one file: what makes a pass fast is guarded by counting, because time
//! cannot be measured on a machine that does other things.
//!
//! Each work runs on a tree with few attachments and on one with many; the difference belongs to the attachments alone.
//! `close` is not counted, nor what SQLite does within its own locks.  A bound that is to rise needs a reason, and a
//! measurement in `benches/README.md`.

use protocol::Task;

use super::kinds::Kind;
use super::scenes::{STEPS, site};
use super::sweep::can_trace;
use super::tracer::Tree;
use super::{SAYS_DONE, STAGE_ONE_PASS, run_traced};
use crate::support::{PASS_ONE, Site, age_folders, write_old};

const FEW: u32 = 40;
const MANY: u32 = 240;

/// The seal, in the list of steps.
const SEAL: usize = 7;

/// What is allowed for each file: operations on the two trees, and on the job folder in hundredths.
struct Budget {
    trees: usize,
    job_hundredths: usize,
}

/// Open, look, read and look again at the source; create, write, set the time and look at the destination.
const FIRST_COPY: Budget = Budget {
    trees: 8,
    job_hundredths: 20,
};
/// One look at each side.
const UNCHANGED: Budget = Budget {
    trees: 2,
    job_hundredths: 20,
};
/// Open, look, read and, when all is read, look again, at each side.  A row of the ledger holds what identifies both sides,
/// so there are some more pages of it than of the manifest.
const SEALED: Budget = Budget {
    trees: 8,
    job_hundredths: 26,
};
/// The same where both sides are as they were proven: look and, when all was looked at, look again, at each side.  The pages
/// of the ledger are read by several readers, each with a cache of its own.
const PROVEN: Budget = Budget {
    trees: 4,
    job_hundredths: 26,
};

fn filled(attachments: u32) -> Site {
    let site = site();
    for number in 0..attachments {
        let path = format!("OFFILES/FD0/{number:08X}.000");
        let bytes = format!("attachment {number}");
        write_old(&site.source.join(path), bytes.as_bytes(), number.into());
    }
    age_folders(&site.source);
    site
}

fn done(site: &Site, task: &Task) {
    let done = site.run(task.clone());
    assert!(done.result.is_ok(), "{:?}", done.result);
}

/// Operations on the trees and on the job folder of one step, after the steps in `before`.
fn count(attachments: u32, before: &[Task], step: usize) -> [usize; 2] {
    let site = filled(attachments);
    for task in before {
        done(&site, task);
    }
    let traced = run_traced(&site, step, Kind::InputOutput, 0);
    assert!(traced.said.contains(SAYS_DONE), "{}", traced.said);
    let job = traced
        .operations
        .iter()
        .filter(|operation| operation.tree == Tree::Job)
        .count();
    [traced.operations.len() - job, job]
}

fn check(what: &str, before: &[Task], step: usize, budget: &Budget) {
    let few = count(FEW, before, step);
    let many = count(MANY, before, step);
    let files = (MANY - FEW) as usize;
    let [trees, job] = [0, 1].map(|tree| many[tree].saturating_sub(few[tree]));
    println!(
        "{what}: {trees} operations on the trees and {job} on the job folder for {files} files"
    );
    assert!(
        trees <= budget.trees * files + files / 10,
        "{what}: {trees} operations on the trees for {files} files, {} allowed for each",
        budget.trees
    );
    assert!(
        job * 100 <= budget.job_hundredths * files,
        "{what}: {job} operations on the job folder for {files} files"
    );
}

#[test]
fn no_more_operations_for_a_file_than_are_needed() {
    if !can_trace() {
        return;
    }
    let (proven, read): (&[Task], Vec<Task>) = {
        let all = &STEPS[..SEAL];
        (
            all,
            all.iter()
                .filter(|&task| *task != Task::Prove)
                .cloned()
                .collect(),
        )
    };
    check("first copy", &STEPS[..1], STAGE_ONE_PASS, &FIRST_COPY);
    let copied = [STEPS[0].clone(), PASS_ONE];
    check("unchanged pass", &copied, STAGE_ONE_PASS, &UNCHANGED);
    check("seal", &read, SEAL, &SEALED);
    check("seal of what is proven", proven, SEAL, &PROVEN);
}
