//! Whole migrations between containers.

use harness::rehearsal::{self, FaultKind, RehearsalOptions, RehearsalOutcome};

use crate::support::{has_engine, rehearsal as options};

fn holds(options: &RehearsalOptions) -> RehearsalOutcome {
    let outcome = rehearsal::run(options, &mut |_| {}).expect("carried out");
    let failures: Vec<_> = outcome
        .checks
        .iter()
        .filter(|check| !check.holds())
        .collect();
    assert!(outcome.holds(), "{failures:#?}\n{}", options.command_line());
    outcome
}

#[test]
fn a_post_office_moves_from_a_share_to_another_server_while_users_work() {
    if !has_engine("a whole migration between containers") {
        return;
    }
    let outcome = holds(&options(1));
    let mount = outcome
        .steps
        .iter()
        .find(|line| line.step == protocol::Step::MountSource)
        .expect("mounted");
    assert_eq!(
        mount.detail,
        "//source/groupwise (fuse.rclone) at /mnt/gwsource; //source/documents (fuse.rclone) at /mnt/gwdocuments"
    );
    // Locks do not reach the source through this mount, and that is said.
    let says_so = outcome.commands.iter().any(|run| {
        run.findings
            .iter()
            .any(|finding| finding.code == "no-locks")
    });
    assert!(says_so);
}

#[test]
fn a_share_that_goes_away_and_comes_back_loses_nothing() {
    if !has_engine("a share that goes away") {
        return;
    }
    let mut options = options(2);
    let fault = |text: &str| text.parse().expect("a fault");
    options.faults = vec![
        fault("stage-one:source-gone"),
        fault("stage-two:source-gone"),
    ];
    let outcome = holds(&options);
    let struck: Vec<_> = outcome
        .commands
        .iter()
        .filter(|run| {
            run.fault
                .as_ref()
                .is_some_and(|fault| fault.kind == FaultKind::SourceGone)
        })
        .collect();
    assert_eq!(struck.len(), 2);
    // The seed has the document storage area on another server.
    let mut mounts = outcome
        .steps
        .iter()
        .filter(|one| one.step == protocol::Step::MountSource);
    assert_eq!(
        mounts.next_back().expect("mounted").detail,
        "//source/groupwise (fuse.rclone) at /mnt/gwsource; //documents/groupwise (fuse.rclone) at /mnt/gwdocuments"
    );
}

/// The seed has the destination let in an ordinary user, whom sudo lets run what `gwmigrate profile sudoers` prints.
#[test]
fn an_ordinary_user_with_sudo_moves_a_post_office_over_a_slow_network() {
    if !has_engine("an ordinary user with sudo") {
        return;
    }
    let mut options = options(3);
    let fault = |text: &str| text.parse().expect("a fault");
    options.faults = vec![
        fault("stage-one:latency=5"),
        fault("stage-two:kill=3"),
        fault("queues:share-reset=400"),
    ];
    let outcome = holds(&options);
    let refused = "the destination let the migrator run every command";
    assert!(outcome.checks.iter().any(|check| check.name == refused));
}
