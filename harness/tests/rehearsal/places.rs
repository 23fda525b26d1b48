//! Two places are two places (ARCHITECTURE.md rule 9d): nothing is written at the source by whatever path it is
//! reached, and nothing into the empty folder that an unmounted disk leaves behind.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::checks::Snapshot;
use harness::rehearsal::{CommandRun, folder_in_any_case};
use harness::site::Site as _;

use crate::support::{Stage, finding, in_own_mounts};

/// The commands that must refuse folders that are not apart, and do nothing else.
fn refused(stage: &Stage, what: &str) {
    let source = Snapshot::take(stage.source()).expect("taken");
    let destination = Snapshot::take(stage.destination()).ok();
    for command in ["check", "stage-one"] {
        let run = stage.migrate(&[command]);
        assert_eq!(
            run.exit_code,
            Some(5),
            "{what}, {command}: {:#?}",
            run.findings
        );
        let overlap = finding(&run, "places-overlap");
        assert!(overlap.text.contains("source"), "{what}: {overlap:#?}");
        let now = Snapshot::take(stage.source()).expect("taken");
        assert_eq!(
            source.differences(&now),
            Vec::<String>::new(),
            "{what}, {command}"
        );
        let now = Snapshot::take(stage.destination()).ok();
        assert_eq!(destination.is_some(), now.is_some(), "{what}, {command}");
    }
}

/// Makes the change to the folders of the worksheet.
fn with_folders(change: impl FnOnce(&mut Stage)) -> Stage {
    let mut stage = Stage::new();
    change(&mut stage);
    stage.embedded().write_worksheet().expect("written");
    stage
}

#[test]
fn folders_that_are_not_apart_are_refused_before_anything_is_written() {
    let below = with_folders(|stage| {
        // A destination must have a lower-case name, and the folder of the source has not.
        let link = stage.folder.path().join("link");
        symlink(stage.source(), &link).expect("linked");
        stage.embedded_mut().sheet.destination = link.join("new");
    });
    refused(&below, "a destination below the source");
    let above = with_folders(|stage| {
        let folder = stage.source().parent().expect("a folder").to_owned();
        stage.embedded_mut().sheet.destination = folder;
    });
    refused(&above, "a source below the destination");
    let same = with_folders(|stage| {
        // By another path that leads there.
        let link = stage.folder.path().join("link");
        symlink(stage.source(), &link).expect("linked");
        stage.embedded_mut().sheet.destination = link;
    });
    refused(&same, "a link to the source");
    let inside = with_folders(|stage| {
        let link = stage.folder.path().join("link");
        symlink(stage.source().parent().expect("a folder"), &link).expect("linked");
        let name = stage.source().file_name().expect("a name").to_owned();
        stage.embedded_mut().sheet.job_folder = link.join(name).join("job");
    });
    refused(&inside, "a job folder inside the source");
}

fn mount(arguments: &[&str], target: &Path) {
    let status = Command::new("mount").args(arguments).arg(target).status();
    assert!(
        status.expect("run").success(),
        "mount {arguments:?} {}",
        target.display()
    );
}

fn unmount(target: &Path) {
    let status = Command::new("umount").arg(target).status();
    assert!(
        status.expect("run").success(),
        "umount {}",
        target.display()
    );
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn what_a_mount_leads_to_is_seen() {
    in_own_mounts("places::child_binds_the_source");
}

#[test]
#[ignore = "started by another test"]
fn child_binds_the_source() {
    let stage = Stage::new();
    let destination = stage.destination().to_owned();
    fs::create_dir_all(&destination).expect("made");
    mount(&["--bind", text(stage.source())], &destination);
    refused(&stage, "the source bound to the destination");
    unmount(&destination);
    fs::remove_dir(&destination).expect("nothing was made in it");

    // A part of the source comes into the destination when everything is copied.
    stage.migrate(&["stage-one"]);
    let part = folder_in_any_case(stage.source(), &["offiles"]).expect("a folder");
    mount(&["--bind", text(&part)], &destination.join("offiles"));
    stage.prepare();
    for arguments in [
        &["stage-two"][..],
        &["stage-one"],
        &["abandon", "--yes"],
        &["queues"],
    ] {
        let source = Snapshot::take(stage.source()).expect("taken");
        let run = stage.migrate(arguments);
        assert!(
            run.exit_code >= Some(5),
            "{arguments:?}: {:#?}",
            run.findings
        );
        let now = Snapshot::take(stage.source()).expect("taken");
        assert_eq!(
            source.differences(&now),
            Vec::<String>::new(),
            "{arguments:?}"
        );
    }
    unmount(&destination.join("offiles"));
    stage.expect(&["stage-two"], 0);
    assert_eq!(stage.differences(), Vec::<String>::new());
    println!("the test came to its end");
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn what_stage_one_saw_mounted_must_be_mounted_later() {
    in_own_mounts("places::child_unmounts_the_destination");
}

fn is_refused_for_its_mounts(run: &CommandRun, what: &str) {
    let codes: Vec<&str> = run.findings.iter().map(|finding| &*finding.code).collect();
    let expected = [
        "mounts-changed",
        "destination-marker-missing",
        "mount-appeared",
    ];
    assert_eq!(run.exit_code, Some(5), "{what}: {:#?}", run.findings);
    assert!(
        expected.iter().any(|code| codes.contains(code)),
        "{what}: {codes:?}"
    );
}

/// The files of a folder; none where it is not there.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries.flatten().map(|entry| entry.path()).collect()
}

#[test]
#[ignore = "started by another test"]
fn child_unmounts_the_destination() {
    let stage = Stage::new();
    let destination = stage.destination().to_owned();
    let disk = stage.folder.path().join("disk");
    fs::create_dir_all(&destination).expect("made");
    fs::create_dir(&disk).expect("made");
    mount(&["-t", "tmpfs", "none"], &disk);
    mount(&["--bind", text(&disk)], &destination);
    // The folder of the attachments is a disk of its own.
    fs::create_dir(destination.join("offiles")).expect("made");
    mount(&["-t", "tmpfs", "none"], &destination.join("offiles"));
    stage.migrate(&["stage-one"]);
    stage.prepare();
    stage.expect(&["stage-two"], 0);
    assert_eq!(stage.differences(), Vec::<String>::new());
    stage.expect(&["verify"], 0);

    unmount(&destination.join("offiles"));
    for arguments in [
        &["queues"][..],
        &["stage-two"],
        &["stage-one"],
        &["verify"],
        &["finish"],
    ] {
        is_refused_for_its_mounts(&stage.migrate(arguments), arguments[0]);
        assert!(
            files(&destination.join("offiles")).is_empty(),
            "{arguments:?}"
        );
    }
    unmount(&destination);
    for arguments in [
        &["queues"][..],
        &["stage-two"],
        &["stage-one"],
        &["abandon", "--yes"],
    ] {
        is_refused_for_its_mounts(&stage.migrate(arguments), arguments[0]);
        assert!(
            files(&destination).is_empty(),
            "{arguments:?}: {:?}",
            files(&destination)
        );
    }
    mount(&["--bind", text(&disk)], &destination);
    // Meant to be so: the attachments are on the one disk from now on, and are copied there.
    let word = [
        "stage-one",
        "--accept-mounts",
        "--by",
        "Ann",
        "--note",
        "one disk is enough",
    ];
    let run = stage.migrate(&word);
    assert!(run.exit_code <= Some(1), "{:#?}", run.findings);
    stage.expect(&["stage-two"], 0);
    assert_eq!(stage.differences(), Vec::<String>::new());
    println!("the test came to its end");
}

/// A copy of the post office lies beside it: what it lacks went from the destination, and what was delivered long ago was delivered
/// again.
#[test]
fn another_folder_of_the_same_file_system_is_another_source() {
    let mut stage = Stage::new();
    let source = stage.source().to_owned();
    let older = source.with_file_name("OLDER");
    let copied = Command::new("cp")
        .arg("-a")
        .args([&source, &older])
        .status();
    assert!(copied.expect("run").success());
    fs::write(
        folder_in_any_case(&source, &["ofviews"])
            .expect("a folder")
            .join("NEW.VEW"),
        "new",
    )
    .expect("written");
    stage.migrate(&["stage-one"]);
    stage.prepare();
    let use_source = |stage: &mut Stage, folder: &Path| {
        folder.clone_into(&mut stage.embedded_mut().sheet.source);
        stage.embedded().write_worksheet().expect("written");
    };
    use_source(&mut stage, &older);
    for command in ["stage-two", "stage-one"] {
        let run = stage.expect(&[command], 5);
        let found = finding(&run, "mounts-changed");
        assert!(found.text.contains("OLDER"), "{command}: {found:#?}");
    }
    use_source(&mut stage, &source);
    stage.expect(&["stage-two"], 0);
    assert_eq!(stage.differences(), Vec::<String>::new());
    stage.expect(&["finish"], 0);
    let queue = folder_in_any_case(&older, &["wpcsin"])
        .expect("a queue")
        .join("0");
    fs::create_dir_all(&queue).expect("made");
    fs::write(queue.join("0000FEED.001"), "delivered long ago").expect("written");
    use_source(&mut stage, &older);
    finding(&stage.expect(&["queues"], 5), "mounts-changed");
    // A person may say that it is the same post office.
    let mut stage = Stage::new();
    let moved = stage.source().with_file_name("MOVED");
    stage.migrate(&["stage-one"]);
    fs::rename(stage.source(), &moved).expect("moved");
    use_source(&mut stage, &moved);
    finding(&stage.expect(&["stage-one"], 5), "mounts-changed");
    let word = [
        "stage-one",
        "--accept-mounts",
        "--by",
        "a test",
        "--note",
        "it was renamed",
    ];
    let run = stage.migrate(&word);
    assert!(run.exit_code <= Some(1), "{:#?}", run.findings);
    stage.prepare();
    stage.expect(&["stage-two"], 0);
}

#[test]
fn an_area_that_is_nearly_empty_all_at_once_is_not_emptied() {
    let stage = Stage::with(|options| options.site.with_documents = true);
    stage.migrate(&["stage-one"]);
    let (_, source, destination) = stage.embedded().sheet.documents.clone().expect("an area");
    let copied = Snapshot::take(&destination).expect("taken");
    let kept = stage.folder.path().join("kept");
    fs::rename(&source, &kept).expect("moved");
    fs::create_dir(&source).expect("made");
    fs::write(source.join("ONE.DOC"), "the only one").expect("written");
    let run = stage.expect(&["stage-one"], 5);
    let refused = finding(&run, "too-many-removals");
    assert!(refused.text.contains("lib0001"), "{refused:#?}");
    let now = Snapshot::take(&destination).expect("taken");
    let gone = copied.differences(&now);
    assert!(
        gone.iter().all(|line| !line.contains("is gone")),
        "{gone:?}"
    );
    fs::remove_dir_all(&source).expect("removed");
    fs::rename(&kept, &source).expect("moved");
    let run = stage.migrate(&["stage-one"]);
    assert!(run.exit_code <= Some(1), "{:#?}", run.findings);
}
