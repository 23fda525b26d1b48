//! Names that are listed and cannot be opened, and what else a listing may show.

use std::fs;
use std::path::Path;

use fuser::FileType;
use rustix::io::Errno;

use crate::odd_mount::Odd;
use crate::shown::Shown;
use crate::support::{codes, finding};

#[test]
#[ignore = "slow: .ci/run runs it"]
fn names_that_are_listed_and_cannot_be_opened_are_named_in_every_stage_until_they_are_renamed() {
    let Some(site) = Shown::new() else { return };
    let folder = "OFFILES/FD0";
    // As a server's name with a blank or a dot at its end, or with characters that the client maps, is seen.
    let odd = [
        ("BLANK.001 ", Errno::NOENT),
        ("DOT.", Errno::NOENT),
        ("COLON\u{f022}A", Errno::INVAL),
        ("OTHER.001", Errno::NAMETOOLONG),
        ("WIDE\u{ff0e}", Errno::ILSEQ),
    ];
    let run = site.stage.migrate(&["stage-one"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    for (name, errno) in odd {
        let refused = Some(errno.raw_os_error());
        let odd = Odd {
            refused,
            ..Odd::default()
        };
        site.mount.play(format!("{folder}/{name}"), odd);
    }
    for (arguments, exit_code) in [(["check"], 1), (["stage-one"], 1)] {
        let run = site.stage.expect(&arguments, exit_code);
        let found = codes(&run);
        let named = found.iter().filter(|code| **code == "listed-not-there");
        assert_eq!(named.count(), odd.len(), "{:#?}", run.findings);
    }
    site.stage.prepare();
    let run = site.stage.expect(&["stage-two"], 6);
    let named = run
        .findings
        .iter()
        .find(|finding| finding.code == "listed-not-there")
        .expect("named");
    assert!(named.remedy.contains("ename it"), "{named:#?}");
    assert!(!codes(&run).contains(&"vanished"), "{:#?}", run.findings);
    // Renamed at the server.
    for (index, (name, _)) in odd.into_iter().enumerate() {
        site.mount.mend(format!("{folder}/{name}"));
        fs::write(
            site.behind.join(folder).join(format!("NEW{index}.001")),
            b"x",
        )
        .expect("made");
    }
    site.is_done(&site.stage.migrate(&["stage-two"]));
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_copy_of_what_can_no_longer_be_opened_stays_and_so_does_a_folder() {
    let Some(site) = Shown::new() else { return };
    fs::write(site.behind.join("OFFILES/FD0/KEPT.001"), b"x").expect("made");
    fs::create_dir(site.behind.join("OFFILES/FD0/INNER")).expect("made");
    fs::write(site.behind.join("OFFILES/FD0/INNER/B.001"), b"y").expect("made");
    let run = site.stage.migrate(&["stage-one"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    let refused = Odd {
        refused: Some(Errno::NOENT.raw_os_error()),
        ..Odd::default()
    };
    site.mount.play("OFFILES/FD0/KEPT.001", refused);
    site.mount.play("OFFILES/FD0/INNER", refused);
    let run = site.stage.expect(&["stage-one"], 1);
    let found = codes(&run);
    let named = found.iter().filter(|code| **code == "listed-not-there");
    assert_eq!(named.count(), 2, "{:#?}", run.findings);
    site.stage.prepare();
    site.stage.expect(&["stage-two"], 6);
    assert!(site.copy("offiles/fd0/kept.001").exists());
    assert!(site.copy("offiles/fd0/inner/b.001").exists());
    site.mount.mend("OFFILES/FD0/KEPT.001");
    site.mount.mend("OFFILES/FD0/INNER");
    site.is_done(&site.stage.migrate(&["stage-two"]));
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_file_that_can_be_looked_at_and_not_opened_is_named() {
    let Some(site) = Shown::new() else { return };
    let path = "OFFILES/FD0/HALF.001";
    fs::write(site.behind.join(path), b"x").expect("made");
    let odd = Odd {
        not_opened: Some(Errno::NOENT.raw_os_error()),
        ..Odd::default()
    };
    site.mount.play(path, odd);
    let run = site.stage.expect(&["stage-one"], 1);
    finding(&run, "listed-not-there");
    site.mount.mend(path);
    let run = site.stage.migrate(&["stage-one"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    site.stage.prepare();
    site.is_done(&site.stage.migrate(&["stage-two"]));
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn what_is_listed_as_a_file_and_is_a_folder_is_named_until_it_is_put_right() {
    let Some(site) = Shown::new() else { return };
    let folder = "OFFILES/FD0/JUNCTION";
    fs::create_dir(site.behind.join(folder)).expect("made");
    let file = "OFFILES/FD0/SHADOW.001";
    fs::write(site.behind.join(file), b"x").expect("made");
    let as_file = Odd {
        listed_as: Some(FileType::RegularFile),
        ..Odd::default()
    };
    let as_folder = Odd {
        listed_as: Some(FileType::Directory),
        ..Odd::default()
    };
    site.mount.play(folder, as_file);
    site.mount.play(file, as_folder);
    let run = site.stage.expect(&["stage-one"], 1);
    let found = codes(&run);
    let named = found.iter().filter(|code| **code == "listed-otherwise");
    assert_eq!(named.count(), 2, "{:#?}", run.findings);
    site.stage.prepare();
    let run = site.stage.expect(&["stage-two"], 6);
    assert!(!codes(&run).contains(&"vanished"), "{:#?}", run.findings);
    site.mount.mend(folder);
    site.mount.mend(file);
    site.is_done(&site.stage.migrate(&["stage-two"]));
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_name_that_is_listed_twice_is_one_file_or_is_named() {
    let Some(site) = Shown::new() else { return };
    let once = "OFFILES/FD0/AGAIN.001";
    let other = "OFFILES/FD0/OTHER.001";
    for path in [once, other] {
        fs::write(site.behind.join(path), b"x").expect("made");
    }
    let again = Odd {
        listed: Some(2),
        ..Odd::default()
    };
    let as_another = Odd {
        is_another: true,
        ..again
    };
    site.mount.play(once, again);
    let run = site.stage.migrate(&["stage-one"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    site.mount.play(other, as_another);
    let run = site.stage.expect(&["check"], 1);
    finding(&run, "listed-twice");
    let run = site.stage.expect(&["stage-one"], 1);
    assert!(finding(&run, "listed-twice").subject.contains("OTHER.001"));
    site.stage.prepare();
    finding(&site.stage.expect(&["stage-two"], 6), "listed-twice");
    // The other one is renamed on the server.
    site.mount.mend(other);
    fs::write(site.behind.join("OFFILES/FD0/OTHER2.001"), b"y").expect("made");
    site.is_done(&site.stage.migrate(&["stage-two"]));
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn two_names_that_open_one_file_are_named_and_never_sealed_over() {
    let Some(site) = Shown::new() else { return };
    fs::write(site.behind.join("OFFILES/FD0/TWO.001"), b"x").expect("made");
    site.mount
        .lead("OFFILES/FD0/TWO.001.", "OFFILES/FD0/TWO.001");
    finding(&site.stage.expect(&["check"], 1), "same-file");
    finding(&site.stage.expect(&["stage-one"], 1), "same-file");
    site.stage.prepare();
    let run = site.stage.expect(&["stage-two"], 6);
    finding(&run, "same-file");
    assert!(
        !site
            .stage
            .embedded()
            .sheet
            .job_folder
            .join("seal.json")
            .exists()
    );
    // Renamed on the server.
    site.mount.mend("OFFILES/FD0/TWO.001.");
    fs::write(site.behind.join("OFFILES/FD0/THIRD.001"), b"y").expect("made");
    site.is_done(&site.stage.migrate(&["stage-two"]));
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn names_that_no_folder_of_linux_holds_are_named_until_they_are_shorter() {
    let Some(site) = Shown::new() else { return };
    // As a Windows server's 255 characters are seen, of three bytes each.
    let long = format!("OFFILES/FD0/{}", "\u{20ac}".repeat(255));
    fs::write(site.behind.join("OFFILES/FD0/LONG.001"), b"x").expect("made");
    site.mount.lead(&long, "OFFILES/FD0/LONG.001");
    site.mount.play(
        "OFFILES/FD0/LONG.001",
        Odd {
            listed: Some(0),
            ..Odd::default()
        },
    );
    finding(&site.stage.expect(&["check"], 1), "name-too-long");
    finding(&site.stage.expect(&["stage-one"], 1), "name-too-long");
    site.stage.prepare();
    finding(&site.stage.expect(&["stage-two"], 6), "name-too-long");
    site.mount.mend(&long);
    site.mount.mend("OFFILES/FD0/LONG.001");
    site.is_done(&site.stage.migrate(&["stage-two"]));
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn names_that_the_client_maps_are_copied_as_shown_and_said() {
    let Some(site) = Shown::new() else { return };
    let name = "OFFILES/FD0/MAPPED\u{f029}";
    fs::write(site.behind.join(name), b"x").expect("made");
    finding(&site.stage.expect(&["check"], 1), "name-mapped");
    finding(&site.stage.expect(&["stage-one"], 1), "name-mapped");
    fs::rename(
        site.behind.join(name),
        site.behind.join("OFFILES/FD0/PLAIN.001"),
    )
    .expect("renamed");
    site.stage.migrate(&["stage-one"]);
    site.stage.prepare();
    site.is_done(&site.stage.migrate(&["stage-two"]));
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_database_with_a_member_that_cannot_be_opened_keeps_its_copies_and_is_named() {
    let Some(site) = Shown::new() else { return };
    let run = site.stage.migrate(&["stage-one"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    let folder = fs::read_dir(site.behind.join("OFUSER")).expect("listed");
    let name = folder
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .find(|name| Path::new(name).extension().is_some_and(|end| end == "DB"))
        .expect("a database");
    let path = format!("OFUSER/{name}");
    let copy = site.copy(path.to_lowercase());
    let before = fs::read(&copy).expect("read");
    site.mount.play(
        &path,
        Odd {
            refused: Some(Errno::NOENT.raw_os_error()),
            ..Odd::default()
        },
    );
    let run = site.stage.expect(&["stage-one"], 1);
    assert!(finding(&run, "listed-not-there").subject.contains(&name));
    assert_eq!(fs::read(&copy).expect("read"), before);
    site.mount.mend(&path);
    let run = site.stage.migrate(&["stage-one"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn an_item_of_a_queue_that_cannot_be_opened_is_named_and_carried_when_it_can() {
    let Some(site) = Shown::new() else { return };
    let run = site.stage.migrate(&["stage-one"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    site.stage.prepare();
    let item = "WPCSOUT/OFS/4/0000ABCD.001";
    fs::create_dir_all(site.behind.join("WPCSOUT/OFS/4")).expect("made");
    fs::write(site.behind.join(item), b"mail").expect("made");
    site.mount.play(
        item,
        Odd {
            refused: Some(Errno::NOENT.raw_os_error()),
            ..Odd::default()
        },
    );
    let run = site.stage.expect(&["stage-two"], 6);
    assert!(
        finding(&run, "listed-not-there")
            .subject
            .contains("0000ABCD")
    );
    assert!(
        !codes(&run).contains(&"queues-not-at-rest"),
        "{:#?}",
        run.findings
    );
    site.mount.mend(item);
    site.is_done(&site.stage.migrate(&["stage-two"]));
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn what_cannot_be_opened_any_more_after_the_seal_stops_the_finish_until_it_can() {
    let Some(site) = Shown::new() else { return };
    site.stage.migrate(&["stage-one"]);
    site.stage.prepare();
    site.is_done(&site.stage.migrate(&["stage-two"]));
    fs::write(site.behind.join("OFFILES/FD0/SEALED.001"), b"x").expect("made");
    site.is_done(&site.stage.migrate(&["stage-two"]));
    let refused = Odd {
        refused: Some(Errno::NOENT.raw_os_error()),
        ..Odd::default()
    };
    let odd = ["OFFILES/FD0/SEALED.001", "OFFILES/FD0/COME.001 "];
    for path in odd {
        site.mount.play(path, refused);
    }
    let run = site.stage.expect(&["finish"], 5);
    for path in odd {
        let is_it = |finding: &&protocol::Finding| {
            finding.code == "source-changed-since-seal" && finding.subject == path
        };
        assert_eq!(
            run.findings.iter().filter(is_it).count(),
            1,
            "{:#?}",
            run.findings
        );
        site.mount.mend(path);
    }
    let run = site.stage.migrate(&["finish"]);
    assert!(
        !codes(&run).contains(&"source-changed-since-seal"),
        "{:#?}",
        run.findings
    );
}
