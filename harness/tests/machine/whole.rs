//! Both stages of a tiny post office, through the kernel's cifs client.

use harness::back_end::BackEnd;
use harness::rehearsal::{self, RehearsalOptions};
use simulator::{GuardianKind, NameCase};

use crate::program;

#[test]
#[ignore = "an emulated machine is slow; .ci/vm runs this"]
fn a_post_office_moves_through_the_kernels_own_cifs_client() {
    let options = RehearsalOptions {
        back_end: BackEnd::Vm,
        program: program(),
        seed: 1,
        files: 300,
        case: NameCase::Mixed,
        guardian: GuardianKind::Flaim,
        guardian_engine: None,
        churn: 20,
        source_rate: 10,
        faults: Vec::new(),
        with_poa: true,
        folder: None,
        keep: false,
    };
    let outcome = rehearsal::run(&options, &mut |line| eprintln!("{line}")).expect("carried out");
    let failures: Vec<_> = outcome
        .checks
        .iter()
        .filter(|check| !check.holds())
        .collect();
    assert!(outcome.holds(), "{failures:#?}\n{}", options.command_line());
    let mut details = outcome
        .steps
        .iter()
        .filter(|one| one.step == protocol::Step::MountSource);
    assert_eq!(
        details.next_back().expect("mounted").detail,
        "//source/groupwise (cifs) at /mnt/gwsource; //source/documents (cifs) at /mnt/gwdocuments"
    );
    // This client hands locks on to the source, so nothing says that it does not.
    let mut findings = outcome.commands.iter().flat_map(|run| &run.findings);
    let no_locks = findings.find(|finding| matches!(&*finding.code, "no-locks" | "locks-shared"));
    assert!(no_locks.is_none(), "{no_locks:?}");
}
