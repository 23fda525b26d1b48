//! Both stages of a tiny post office, while it changes and its server goes away and comes back, in each way that the kernel of
//! the destination mounts the source.

use std::time::Instant;

use harness::back_end::BackEnd;
use harness::containers::Way;
use harness::machine::Machine;
use harness::rehearsal::{Fault, RehearsalOptions, RehearsalOutcome, run_at};
use simulator::{GuardianKind, NameCase};

use crate::support::{booted, note, program};

/// What strikes: the server is silent while the second stage begins, and away for the whole of another command.
const FAULTS: [&str; 2] = ["stage-two:share-silent=30", "queues:source-gone"];

fn moves(way: Way, back_end: BackEnd, files: usize, with_poa: bool) -> RehearsalOutcome {
    // It stays where anything does not hold.
    let folder = tempfile::tempdir().expect("a folder").keep();
    let faults = FAULTS.iter().map(|fault| fault.parse::<Fault>());
    let options = RehearsalOptions {
        back_end,
        program: program(),
        seed: 1,
        files,
        case: NameCase::Mixed,
        guardian: GuardianKind::Flaim,
        guardian_engine: None,
        churn: 20,
        source_rate: 10,
        faults: faults.collect::<Result<_, _>>().expect("faults"),
        with_poa,
        folder: Some(folder.clone()),
        keep: false,
    };
    let began = Instant::now();
    let machine = Machine::on(&booted(), way, &folder, &options.site(), &mut note);
    let site = Box::new(machine.expect("started"));
    let outcome = run_at(site, began, &options, &mut note).expect("carried out");
    let failures: Vec<_> = outcome
        .checks
        .iter()
        .filter(|check| !check.holds())
        .collect();
    assert!(outcome.holds(), "{failures:#?}\n{}", options.command_line());
    std::fs::remove_dir_all(&folder).expect("removed");
    outcome
}

/// What the step that mounts said last.
fn mounted(outcome: &RehearsalOutcome) -> &str {
    let mut steps = outcome
        .steps
        .iter()
        .filter(|one| one.step == protocol::Step::MountSource);
    &steps.next_back().expect("mounted").detail
}

/// What `check` said of locks, and whether a pass said that it does not rely on them.
fn locks(outcome: &RehearsalOutcome) -> (String, bool) {
    let lines = outcome.commands[0].result["lines"].as_array();
    let mut lines = lines.into_iter().flatten();
    let line = lines.find(|line| line["check"] == "locks-shared");
    let mut findings = outcome.commands.iter().flat_map(|run| &run.findings);
    (
        line.expect("a line")["text"].to_string(),
        findings.any(|finding| finding.code == "no-locks"),
    )
}

#[test]
#[ignore = "an emulated machine is slow; .ci/vm runs this"]
fn a_post_office_comes_by_nfs_3() {
    let outcome = moves(Way::Nfs3, BackEnd::VmNfs3, 300, false);
    assert!(mounted(&outcome).contains(":/groupwise (nfs) at /mnt/gwsource"));
    // What the server's own programs make of them is known there alone.
    let (said, not_relied_on) = locks(&outcome);
    assert!(said.contains("locks: unknown") && not_relied_on, "{said}");
}

#[test]
#[ignore = "an emulated machine is slow; .ci/vm runs this"]
fn a_post_office_comes_by_nfs_4_2() {
    let outcome = moves(Way::Nfs4, BackEnd::VmNfs4, 300, false);
    assert!(mounted(&outcome).contains(":/groupwise (nfs4) at /mnt/gwsource"));
    let (said, not_relied_on) = locks(&outcome);
    assert!(said.contains("locks: unknown") && not_relied_on, "{said}");
}

#[test]
#[ignore = "an emulated machine is slow; .ci/vm runs this"]
fn a_post_office_comes_by_smb_1() {
    let outcome = moves(Way::Smb1, BackEnd::VmSmb1, 300, false);
    assert!(mounted(&outcome).contains("//source/groupwise (cifs) at /mnt/gwsource"));
    // This client hands locks on to the source, and that was measured.
    let (said, not_relied_on) = locks(&outcome);
    assert!(said.contains("locks: shared") && !not_relied_on, "{said}");
}

/// The last, because it installs software on the machine.
#[test]
#[ignore = "an emulated machine is slow; .ci/vm runs this"]
fn a_post_office_moves_through_the_kernels_own_cifs_client() {
    let outcome = moves(Way::Smb3, BackEnd::Vm, 300, true);
    assert_eq!(
        mounted(&outcome),
        "//source/groupwise (cifs) at /mnt/gwsource; //source/documents (cifs) at /mnt/gwdocuments"
    );
    let (said, not_relied_on) = locks(&outcome);
    assert!(said.contains("locks: shared") && !not_relied_on, "{said}");
}
