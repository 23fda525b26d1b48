//! Document storage areas on shares of their own, and libraries that nothing is said about.
//!
//! Nobody can mount a share here, so the destination has programs that do what mounting looks like from outside: a line in
//! the table of the mounts, and files below the mount point.

use harness::site::Site as _;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use harness::checks::{Snapshot, compare_trees};

use harness::rehearsal::CommandRun;

use crate::support::{Stage, codes, finding, play_root};

/// What `mount -t cifs SHARE MOUNT_POINT -o OPTIONS` does: the credentials must be there for it.
const MOUNT: &str = r#"#!/bin/sh
credentials=${6#credentials=}
grep -q '^password=open$' "${credentials%%,*}" || { echo 'access denied' >&2; exit 32; }
test -d "$SHARES/${3#//}" || { echo 'no such share' >&2; exit 32; }
rmdir -- "$4" && ln -s "$SHARES/${3#//}" "$4" || exit 32
access=ro
case ,$6, in *,rw,*) access=rw ;; esac
echo "$$ 22 0:$$ / $4 $access - cifs $3 $access" >> "$SHARES/table"
"#;

/// What `umount -- MOUNT_POINT` does, unless the flag says that somebody uses it.
const UNMOUNT: &str = r#"#!/bin/sh
[ -e "$SHARES/busy" ] && { echo 'target is busy' >&2; exit 32; }
test -L "$2" || { echo 'not mounted' >&2; exit 32; }
rm -- "$2" && mkdir -- "$2"
grep -v " $2 r[ow] " "$SHARES/table" > "$SHARES/table.new"
mv "$SHARES/table.new" "$SHARES/table"
"#;

/// Shows the table of the mounts with those that are played, and a kernel that knows them.
const CAT: &str = r#"#!/bin/sh
case $1 in
    /proc/self/mountinfo) exec /bin/cat "$1" "$SHARES/table" ;;
    /proc/filesystems) /bin/cat "$1"; printf 'nodev\tcifs\n'; exit 0 ;;
esac
exec /bin/cat "$@"
"#;

/// Does not remove what is there, as long as the flag is: the connection broke before that.
const RM: &str = r#"#!/bin/sh
[ -e "$SHARES/cut" ] && [ -e "$3" ] && { echo cut >&2; exit 1; }
exec /bin/rm "$@"
"#;

/// A server that lacks what the file `hidden` names, whatever this machine has installed.
const SH: &str = r#"#!/bin/sh
[ "$1" = -c ] && [ -e "$SHARES/hidden" ] || exec /bin/sh "$@"
script=$2
shift 2
exec /bin/sh -c 'command() {
    for last; do :; done
    ! grep -qxF -- "$last" "$SHARES/hidden" && type "$last"
}
'"$script" "$@"
"#;

/// A stage whose document storage area is a share of another server.
struct Shares {
    stage: Stage,
    folder: PathBuf,
}

impl Shares {
    fn new() -> Self {
        let stage = Stage::with(|options| options.site.with_documents = true);
        let folder = stage.folder.path().join("shares");
        let mut shares = Self { stage, folder };
        let bin = shares.folder.join("bin");
        fs::create_dir_all(&bin).expect("made");
        for (name, script) in [
            ("mount", MOUNT),
            ("umount", UNMOUNT),
            ("cat", CAT),
            ("rm", RM),
            ("sh", SH),
        ] {
            let path = bin.join(name);
            fs::write(&path, script).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
        }
        play_root(&bin);
        // What the mount program would start.
        std::os::unix::fs::symlink("/bin/true", bin.join("mount.cifs")).expect("linked");
        fs::write(shares.folder.join("table"), "").expect("written");
        let path = format!("{}:/usr/bin:/bin", bin.display());
        shares
            .stage
            .embedded()
            .server
            .set_environment(BTreeMap::from([
                ("PATH".to_owned(), path),
                ("SHARES".to_owned(), shares.folder.display().to_string()),
            ]));
        for server in ["fs2", "fs3"] {
            fs::create_dir_all(shares.share(server)).expect("made");
            let inside = shares.share(server).join("Contracts");
            std::os::unix::fs::symlink(shares.documents(), inside).expect("linked");
        }
        fs::write(shares.stage.folder.path().join("keys/share"), "open\n").expect("written");
        shares.use_server("fs2");
        shares
    }

    /// The folder that a server gives away as `docs`.
    fn share(&self, server: &str) -> PathBuf {
        self.folder.join(server).join("docs")
    }

    /// The documents, as they lie on that server.
    fn documents(&self) -> PathBuf {
        self.stage.folder.path().join("source/DOCS")
    }

    fn mount_point(&self) -> PathBuf {
        self.stage.folder.path().join("destination/mnt-docs")
    }

    fn use_server(&mut self, server: &str) {
        let keys = self.stage.folder.path().join("keys/share");
        let access = format!(
            "kind = \"cifs\"\nserver = \"{server}\"\nshare = \"docs\"\nfolder = \"Contracts\"\nuser = \"reader\"\n\
             password = {{ file = \"{}\" }}\nmount_point = \"{}\"",
            keys.display(),
            self.mount_point().display()
        );
        let embedded = self.stage.embedded_mut();
        embedded.sheet.documents_access = Some(access);
        embedded.write_worksheet().expect("written");
    }

    /// Adds a line to what the worksheet says of the area.
    fn add_access(&mut self, line: &str) {
        let embedded = self.stage.embedded_mut();
        let access = embedded.sheet.documents_access.as_mut().expect("an area");
        *access = format!("{access}\n{line}");
        embedded.write_worksheet().expect("written");
    }

    /// Runs a stage one that is cut off between the mount and the removal of its password; gives what counts the files with
    /// secrets that are left.
    fn cut_off_while_mounting(&self) -> impl Fn() -> usize + use<> {
        let cut = self.folder.join("cut");
        fs::write(&cut, "").expect("written");
        let run = self.stage.migrate(&["stage-one"]);
        finding(&run, "remote-command-failed");
        fs::remove_file(&cut).expect("removed");
        let secrets = self.stage.embedded().sheet.job_folder.join("private");
        move || fs::read_dir(&secrets).map_or(0, Iterator::count)
    }

    fn table(&self) -> String {
        fs::read_to_string(self.folder.join("table")).expect("read")
    }
}

/// Confirms what a post office with documents needs before stage two.
fn confirm_everything(stage: &Stage) {
    stage.prepare_with(&["document-locations"]);
}

#[test]
fn an_area_on_another_server_is_mounted_copied_sealed_and_unmounted_with_the_rest() {
    let shares = Shares::new();
    let stage = &shares.stage;
    let before = Snapshot::take(&shares.documents()).expect("taken");
    let hidden = shares.folder.join("hidden");
    fs::write(&hidden, "mount.cifs\n").expect("written");
    let run = stage.expect(&["check"], 5);
    let found = finding(&run, "mount-possible");
    assert!(found.remedy.contains("cifs-utils"), "{found:#?}");
    fs::remove_file(&hidden).expect("removed");
    let run = stage.migrate(&["check"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    assert_eq!(shares.table(), "", "the check leaves it as it was");
    assert!(!shares.mount_point().exists());

    let run = stage.migrate(&["stage-one"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    assert!(
        shares.table().contains("cifs //fs2/docs"),
        "{}",
        shares.table()
    );
    let secrets = stage.embedded().sheet.job_folder.join("private");
    let left = fs::read_dir(secrets).map_or(0, Iterator::count);
    assert_eq!(left, 0, "no password stays at the destination");

    confirm_everything(stage);
    let run = stage.migrate(&["stage-two"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    assert_eq!(shares.table(), "");
    assert!(!shares.mount_point().exists());
    let (_, source, destination) = stage.embedded().sheet.documents.clone().expect("an area");
    assert_eq!(
        compare_trees(&source, &destination, 1).expect("compared"),
        Vec::<String>::new()
    );
    assert_eq!(stage.differences(), Vec::<String>::new());
    let after = Snapshot::take(&shares.documents()).expect("taken");
    assert_eq!(before.differences(&after), Vec::<String>::new());
}

/// A share that can be written through the mount of the job, because the worksheet asks for that, is told by every command that
/// mounts it, and by nothing of one that is mounted read-only.
#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_share_that_can_be_written_is_told() {
    let mut shares = Shares::new();
    let point = shares.mount_point().display().to_string();
    let about = |run: &CommandRun, code: &str| {
        let of_code = run.findings.iter().filter(|one| one.code == code);
        of_code.filter(|one| one.text.contains(&point)).count()
    };
    let run = shares.stage.migrate(&["check"]);
    assert_eq!(about(&run, "source-read-only"), 0, "{:#?}", run.findings);
    shares.add_access("options = [\"rw\"]");
    let run = shares.stage.expect(&["check"], 1);
    assert_eq!(about(&run, "source-read-only"), 1, "{:#?}", run.findings);
    let run = shares.stage.expect(&["stage-one"], 1);
    let found = finding(&run, "source-writable");
    assert_eq!(found.subject, point);
    assert!(
        found.text.contains("//fs2/docs, cifs") && found.remedy.contains("Take `rw` out"),
        "{found:#?}"
    );
    // What is corrected in the worksheet is mounted as before until somebody unmounts it.
    shares.use_server("fs2");
    let run = shares.stage.migrate(&["stage-one"]);
    finding(&run, "source-writable");
    fs::remove_file(shares.mount_point()).expect("removed");
    fs::create_dir(shares.mount_point()).expect("made");
    fs::write(shares.folder.join("table"), "").expect("written");
    let run = shares.stage.migrate(&["stage-one"]);
    assert!(
        !codes(&run).contains(&"source-writable"),
        "{:#?}",
        run.findings
    );
}

/// The same for what somebody else has mounted, also below the folder of the source; `ro` of the file system is enough.
#[test]
fn a_source_that_somebody_else_mounted_writable_is_told() {
    let shares = Shares::new();
    let source = shares.stage.source().display().to_string();
    let table = |text: String| fs::write(shares.folder.join("table"), text).expect("written");
    let told = |code: &str, command: &str| {
        let run = shares.stage.migrate(&[command]);
        let of_code = run.findings.iter().filter(|one| one.code == code);
        let texts: Vec<String> = of_code.map(|one| one.text.clone()).collect();
        texts.join("\n")
    };
    for (mounts, expected) in [
        (
            format!("9001 22 0:901 / {source} rw - nfs4 nw1:/vol/mail rw\n"),
            Some("nw1:/vol/mail, nfs4"),
        ),
        (
            format!("9001 22 0:901 / {source} rw - nfs4 nw1:/vol/mail ro\n"),
            None,
        ),
        (
            format!("9001 22 0:901 / {source} ro - nfs4 nw1:/vol/mail rw\n"),
            None,
        ),
    ] {
        table(mounts.clone());
        for (code, command) in [
            ("source-read-only", "check"),
            ("source-writable", "stage-one"),
        ] {
            let text = told(code, command);
            match expected {
                Some(expected) => assert!(text.contains(expected), "{command}: {text}"),
                None => assert!(!text.contains("nw1:"), "{command} {mounts}: {text}"),
            }
        }
    }
}

#[test]
fn an_area_from_another_server_than_before_is_refused() {
    let mut shares = Shares::new();
    shares.stage.migrate(&["stage-one"]);
    shares.use_server("fs3");
    // Something else is still mounted there.
    let run = shares.stage.expect(&["stage-one"], 5);
    assert!(
        codes(&run).contains(&"source-mount-other"),
        "{:#?}",
        run.findings
    );
    // Nothing is any more: it is mounted, and recognised as another one.
    fs::remove_file(shares.mount_point()).expect("removed");
    fs::write(shares.folder.join("table"), "").expect("written");
    let run = shares.stage.expect(&["stage-one"], 5);
    let found = finding(&run, "source-changed");
    assert!(
        found.text.contains("//fs2/docs") && found.text.contains("//fs3/docs"),
        "{found:#?}"
    );
}

/// Cut off between the mount and the removal of its password, the next run found the mount good and left the password there.
#[test]
fn a_password_that_an_earlier_run_left_behind_goes_with_the_next_one() {
    let shares = Shares::new();
    let left = shares.cut_off_while_mounting();
    assert_eq!((left(), shares.table().lines().count()), (1, 1));
    let run = shares.stage.migrate(&["stage-one"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    assert_eq!(left(), 0);
}

/// The next run mounts in another way, whose secrets are in other files, or mounts nothing.
#[test]
fn a_password_goes_with_the_next_run_in_whatever_way_that_mounts() {
    let mut shares = Shares::new();
    let left = shares.cut_off_while_mounting();
    assert_eq!(left(), 1);
    let folder = shares.documents();
    let embedded = shares.stage.embedded_mut();
    let access = format!("kind = \"mounted\"\nsource = \"{}\"", folder.display());
    embedded.sheet.documents_access = Some(access);
    embedded.write_worksheet().expect("written");
    let run = shares.stage.migrate(&["stage-one"]);
    assert_eq!(left(), 0, "{:#?}", run.findings);
}

#[test]
fn an_empty_share_is_no_empty_area() {
    let mut shares = Shares::new();
    shares.use_server("fs3");
    let inside = shares.share("fs3").join("Contracts");
    fs::remove_file(&inside).expect("removed");
    fs::create_dir(&inside).expect("made");
    let run = shares.stage.expect(&["stage-one"], 5);
    finding(&run, "source-marker-missing");
}

/// The first stage one that mounted a wrong share made the job one of that share for ever: `abandon` forgot all but that.
#[test]
fn what_a_source_was_mounted_from_is_forgotten_with_the_job() {
    let mut shares = Shares::new();
    shares.use_server("fs3");
    let run = shares.stage.migrate(&["stage-one"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    shares.stage.expect(&["abandon", "--yes"], 0);
    assert_eq!(shares.table(), "");
    shares.use_server("fs2");
    let run = shares.stage.migrate(&["stage-one"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
}

/// The way back from a stage one that was refused before it took a folder was refused as well, and the source stayed mounted.
#[test]
fn a_job_that_has_taken_no_folder_can_be_abandoned_and_leaves_what_is_not_its_own() {
    let mut shares = Shares::new();
    shares.use_server("fs3");
    let (_, _, area) = shares
        .stage
        .embedded()
        .sheet
        .documents
        .clone()
        .expect("an area");
    let post_office = shares.stage.destination().to_owned();
    let somebodys = [&area, &post_office].map(|folder| folder.join("somebodys.txt"));
    for file in &somebodys {
        fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        fs::write(file, "somebody's").expect("written");
    }
    let run = shares.stage.expect(&["stage-one"], 5);
    finding(&run, "destination-not-empty");
    let status = shares.stage.expect(&["status"], 0);
    let back = status.result["back"].as_str().expect("a text").to_owned();
    assert!(back.contains("gwmigrate abandon"), "{back}");
    assert!(shares.table().contains("//fs3/docs"));

    let run = shares.stage.expect(&["abandon"], 3);
    finding(&run, "nothing-taken");
    assert!(shares.table().contains("//fs3/docs"), "only shown");
    let run = shares.stage.expect(&["abandon", "--yes"], 3);
    finding(&run, "nothing-taken");
    assert_eq!(shares.table(), "");
    for file in &somebodys {
        let folder = file.parent().expect("a folder");
        assert_eq!(fs::read_dir(folder).map_or(0, Iterator::count), 1);
        assert_eq!(fs::read(file).expect("there"), b"somebody's");
        fs::remove_file(file).expect("removed");
    }
    // Nor is the job one of the share that it mounted then.
    shares.use_server("fs2");
    let run = shares.stage.migrate(&["stage-one"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
}

/// Of two folders, the first was taken when the second one stopped stage one.
#[test]
fn only_the_folders_that_were_taken_are_undone() {
    let shares = Shares::new();
    let stage = &shares.stage;
    let (_, _, area) = stage.embedded().sheet.documents.clone().expect("an area");
    let file = area.join("somebodys.txt");
    fs::create_dir_all(&area).expect("made");
    fs::write(&file, "somebody's").expect("written");
    finding(&stage.expect(&["stage-one"], 5), "destination-not-empty");
    let marker = stage.destination().join(".gwmigrate-owner.json");
    assert!(marker.exists(), "the first is taken");
    let run = stage.expect(&["abandon", "--yes"], 0);
    let undone = finding(&run, "abandoned");
    let shown = area.display().to_string();
    assert!(undone.text.contains(&shown), "{undone:#?}");
    assert!(!marker.exists());
    assert_eq!(fs::read(&file).expect("there"), b"somebody's");
    assert_eq!(shares.table(), "");
}

/// Cut off behind the job store had forgotten the job, nothing could take the mount away any more.
#[test]
fn what_abandon_left_when_it_was_cut_off_goes_with_the_next_one() {
    let shares = Shares::new();
    let stage = &shares.stage;
    let run = stage.migrate(&["stage-one"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    let busy = shares.folder.join("busy");
    fs::write(&busy, "").expect("written");
    let run = stage.migrate(&["abandon", "--yes"]);
    assert!(run.exit_code != Some(0), "{:#?}", run.findings);
    assert_eq!(
        fs::read_dir(stage.destination()).map_or(9, Iterator::count),
        0
    );
    assert!(shares.table().contains("//fs2/docs"));
    fs::remove_file(&busy).expect("removed");
    let run = stage.expect(&["abandon", "--yes"], 3);
    finding(&run, "nothing-taken");
    assert_eq!(shares.table(), "");
    stage.expect(&["abandon", "--yes"], 3);
    let run = stage.migrate(&["stage-one"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
}

/// What a seal says of each folder was kept under what the folder is called, so of two folders of one library it kept one, and
/// `verify` found the other one changed.
#[test]
fn two_areas_of_one_library_and_one_called_like_the_post_office_are_sealed_and_verified_each() {
    let mut stage = Stage::with(|options| options.site.with_documents = true);
    let name = stage.embedded().sheet.post_office.clone();
    let (_, source, _) = stage.embedded().sheet.documents.clone().expect("an area");
    let others = ["second", "third"].map(|folder| {
        let source = stage.folder.path().join("source").join(folder);
        fs::create_dir_all(source.join("FD1")).expect("made");
        fs::write(source.join("FD1/DOC.001"), folder).expect("written");
        source
    });
    let places = ["first", "second"].map(|folder| {
        let place = folder_of(&stage, &format!("documents-{folder}"));
        fs::create_dir_all(&place).expect("made");
        place
    });
    // The harness knows of one area: this stands between its library and its destination.
    let access = format!(
        "source = {source:?}\ndestination = {:?}\n\
         [[documents.area]]\nlibrary = \"lib0001\"\nsource = {:?}\ndestination = {:?}\n\
         [[documents.area]]\nlibrary = {name:?}\nsource = {:?}",
        places[0], others[0], places[1], others[1]
    );
    let embedded = stage.embedded_mut();
    embedded.sheet.documents_access = Some(access);
    embedded.write_worksheet().expect("written");
    let run = stage.migrate(&["stage-one"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    confirm_everything(&stage);
    let run = stage.migrate(&["stage-two"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    let run = stage.expect(&["verify"], 0);
    let digests = &run.result["root_digests"];
    assert_eq!(
        digests.as_object().map_or(0, serde_json::Map::len),
        4,
        "{:#}",
        run.result
    );
}

/// The worksheet without its areas.
fn unmapped() -> Stage {
    let mut stage = Stage::with(|options| options.site.with_documents = true);
    stage.embedded_mut().sheet.documents = None;
    stage.embedded().write_worksheet().expect("written");
    stage
}

fn folder_of(stage: &Stage, name: &str) -> PathBuf {
    Path::new(stage.destination())
        .parent()
        .expect("a folder")
        .join(name)
}

#[test]
fn a_library_that_nothing_is_said_about_stops_before_users_are_out_with_the_lines_to_add() {
    let mut stage = unmapped();
    let run = stage.expect(&["stage-one"], 1);
    assert!(codes(&run).contains(&"library"), "{:#?}", run.findings);
    for command in [&["prepare"][..], &["stage-two"]] {
        let run = stage.expect(command, 1);
        let found = finding(&run, "library-unmapped");
        let place = folder_of(&stage, "documents/lib0001");
        let lines = format!(
            "[[documents.area]]\nlibrary = \"lib0001\"\nsource = \"/FOLDER/AS/MOUNTED\"\ndestination = \"{}\"",
            place.display()
        );
        assert!(found.remedy.contains(&lines), "{}", found.remedy);
    }
    // Mapped now, and not copied yet.
    let source = stage.folder.path().join("source/DOCS");
    let place = folder_of(&stage, "documents/lib0001");
    stage.embedded_mut().sheet.documents = Some(("lib0001".to_owned(), source, place));
    stage.embedded().write_worksheet().expect("written");
    let run = stage.expect(&["prepare"], 1);
    finding(&run, "area-not-copied");
    let run = stage.migrate(&["stage-one"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    let run = stage.expect(&["prepare"], 1);
    finding(&run, "checklist-open");
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_person_may_say_that_a_library_has_no_documents() {
    let stage = unmapped();
    stage.migrate(&["stage-one"]);
    let run = stage.expect(
        &["prepare", "--confirm", "library-lib000a-has-no-documents"],
        2,
    );
    let found = finding(&run, "unknown-item");
    assert!(
        found.remedy.contains("library-lib0001-has-no-documents"),
        "{found:#?}"
    );
    let run = stage.expect(
        &["prepare", "--confirm", "library-lib0001-has-no-documents"],
        1,
    );
    finding(&run, "checklist-open");
    stage.prepare();
    let run = stage.migrate(&["stage-two"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    assert_eq!(stage.differences(), Vec::<String>::new());
}

/// Has the worksheet map no area any more, or this one.
fn map(stage: &mut Stage, area: Option<(String, PathBuf, PathBuf)>) {
    stage.embedded_mut().sheet.documents = area;
    stage.embedded().write_worksheet().expect("written");
}

/// A worksheet that lost an area which was copied already: pass, sweep and seal were of the post office alone, the job was sealed
/// without what the users had changed in the area meanwhile, and abandoning it left the folder with its marker.
#[test]
fn an_area_that_the_worksheet_has_lost_stops_the_job_until_it_is_named_again() {
    let mut stage = Stage::with(|options| options.site.with_documents = true);
    let inside = stage.source().join("GWDMS/LIB0001/DOCS/FD1");
    fs::create_dir_all(&inside).expect("made");
    fs::write(inside.join("INSIDE.001"), "a document").expect("written");
    let run = stage.migrate(&["stage-one"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    let area = stage.embedded().sheet.documents.clone().expect("an area");
    let (_, _, copied) = area.clone();
    let marker = copied.join(".gwmigrate-owner.json");
    assert!(marker.exists());

    map(&mut stage, None);
    stage.prepare();
    for arguments in [
        &["stage-one"][..],
        &["stage-two"],
        &["abandon"],
        &["abandon", "--yes"],
    ] {
        let run = stage.expect(arguments, 5);
        let found = finding(&run, "area-left-out");
        let folder = copied.display().to_string();
        assert!(
            found.text.contains(&folder) && found.remedy.contains("[[documents.area]]"),
            "{arguments:?}: {found:#?}"
        );
    }
    assert!(marker.exists());

    map(&mut stage, Some(area));
    stage.expect(&["abandon", "--yes"], 0);
    assert_eq!(fs::read_dir(&copied).map_or(0, Iterator::count), 0);
    // What was given back may be left out.
    map(&mut stage, None);
    let run = stage.migrate(&["stage-one"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
}
