//! A destination without room: temporary, said as what it is, and the next run goes on.

use std::fs;
use std::process::Command;

use protocol::{PassKind, Task, Verdict};

use crate::support::{
    PASS_ONE, Site, build_post_office, contents, site_of_child, wanted, write_old,
};

#[test]
#[ignore = "started by another test"]
fn child_fills_the_destination() {
    let mut site = site_of_child();
    site.options.workers = 1;
    build_post_office(&site.source);
    // At the root, and so the first file that a single thread copies.
    write_old(&site.source.join("BIG.BIN"), &vec![9; 2 << 20], 1);
    site.run(Task::CreateFolders).clean();

    // As a pass leaves the trees that was killed before its first batch was committed.
    site.store().begin_pass(PassKind::StageOne).unwrap();
    fs::write(site.destination.join("offiles/fd0/0a1b2c3d.000"), "attach").unwrap();

    let done = site.run(PASS_ONE);
    assert_eq!(
        done.error_code(),
        Some("destination-full"),
        "{:?}",
        done.result
    );
    assert_eq!(done.worst(), Verdict::Temporary);
    assert!(
        !site.destination.join("big.bin").exists(),
        "no half-written file"
    );

    let grown = Command::new("mount")
        .args(["-o", "remount,size=16m"])
        .arg(&site.destination)
        .status()
        .unwrap();
    assert!(grown.success());
    site.run(PASS_ONE).clean();
    assert_eq!(contents(&site.destination), wanted(&site.source, false));
    assert!(
        site.quarantine().is_empty(),
        "leftovers of the cut-off pass are ours over any pass that stopped early"
    );
    println!("the full destination was resumed");
}

#[test]
fn a_full_destination_is_temporary_and_resumed() {
    let site = Site::empty();
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c"])
        .arg(
            "mount -t tmpfs -o size=1m none \"$0\" || exit 77; \
             exec \"$1\" space::child_fills_the_destination --exact --ignored --nocapture --test-threads=1",
        )
        .arg(&site.destination)
        .arg(std::env::current_exe().unwrap())
        .env("WORKER_TEST_ROOT", &site.root)
        .output();
    let Ok(output) = output else {
        eprintln!("SKIPPED: there is no unshare here, so no small file system can be mounted");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(77) || errors.contains("unshare: unshare failed") {
        eprintln!("SKIPPED: no small file system can be mounted here: {errors}");
        return;
    }
    assert!(
        output.status.success() && text.contains("was resumed"),
        "{text} {errors}"
    );
}
