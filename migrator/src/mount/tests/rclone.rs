//! The plan with rclone.

use std::process::{Command, Stdio};

use super::*;

/// A source that rclone mounts.
fn share() -> NetworkSource {
    let mut source = source(Protocol::Cifs, "mail");
    source.client = MountClient::Rclone;
    source
}

#[test]
fn rclone_mounts_the_share_under_its_own_name_and_keeps_no_old_picture_of_it() {
    let plan = plan(&share());
    let [look, _, line] = &lines(&plan.commands)[..] else {
        panic!("{plan}");
    };
    assert_eq!(
        look,
        "rclone --config /job/private/rclone.conf lsf --dirs-only --max-depth 1 --contimeout 15s --timeout 60s --retries 1 \
         --low-level-retries 1 -- source:mail"
    );
    for part in [
        "rclone --config /job/private/rclone.conf mount --daemon",
        "--read-only --vfs-cache-mode off --dir-cache-time 1s --attr-timeout 1s",
        "--smb-encoding None",
        "--devname //nwserver1/mail -- source:mail /mnt/nwserver1/mail",
    ] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    assert_eq!(
        plan.proof.wanted,
        Some(Wanted {
            file_systems: &["fuse.rclone"],
            source: Some("//nwserver1/mail".into()),
        })
    );
    assert_eq!(plan.needs.programs, ["rclone", "fusermount3"]);
}

#[test]
fn what_is_said_of_the_connection_holds_for_the_look_before_the_mount_as_well() {
    let mut source = share();
    let said = [
        "--smb-spn",
        "cifs/fs1",
        "--buffer-size",
        "1M",
        "--smb-idle-timeout=5s",
        "x",
    ];
    source.options = said.map(str::to_owned).into();
    let plan = plan(&source);
    let lines = lines(&plan.commands);
    assert!(
        lines[0].contains(" 1 --smb-spn cifs/fs1 '--smb-idle-timeout=5s' -- source:mail"),
        "{}",
        lines[0]
    );
    assert!(lines[2].contains("--buffer-size 1M"), "{}", lines[2]);
}

#[test]
fn the_password_comes_first_and_the_configuration_names_the_address() {
    let mut source = share();
    source.user = "CORP\\migration".into();
    let plan = plan(&source);
    assert_eq!(
        plan.private_files[0].content.expose_secret(),
        format!(
            "{SECRET}\n[source]\ntype = smb\nhost = 10.0.0.7\nuser = migration\ndomain = CORP\n"
        )
    );
    assert!(!plan.to_string().contains(SECRET));
}

#[test]
fn values_that_would_change_the_configuration_are_refused() {
    let refused = |change: fn(&mut NetworkSource), password: &str| {
        let mut source = share();
        change(&mut source);
        match plan_with(&source, password, Privilege::AsIs) {
            Err(MountError::Setting { setting, .. }) => setting,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        refused(|source| source.user = "a\npass = x".into(), SECRET),
        "user"
    );
    assert_eq!(refused(|source| source.user = " a".into(), SECRET), "user");
    assert_eq!(
        refused(|source| source.share = "mail:x".into(), SECRET),
        "share"
    );
    assert_eq!(
        refused(|source| source.server = "a/b".into(), SECRET),
        "server"
    );
    assert_eq!(refused(|_| {}, ""), "password");
    assert_eq!(refused(|_| {}, "two\nlines"), "password");
}

/// The script runs with a stand-in for rclone that writes its standard input in capitals, as the real one hides it.
#[test]
fn the_password_is_hidden_on_its_way_into_the_file_and_is_in_no_argument_list() {
    let folder = tempfile::tempdir().expect("folder");
    let stand_in = folder.path().join("rclone");
    std::fs::write(
        &stand_in,
        "#!/bin/sh\n[ \"$1 $2\" = 'obscure -' ] || exit 9\ntr a-z A-Z\n",
    )
    .expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&stand_in, mode).expect("set");
    let plan = plan(&share());
    let mut file = plan.private_files[0].clone();
    file.path = folder.path().join("private/rclone.conf");
    let line = file
        .write_command(Privilege::AsIs)
        .shell_line()
        .expect("line");
    assert!(!line.contains(SECRET));
    let line = format!("PATH='{}':$PATH; {line}", folder.path().display());
    let mut child = Command::new("sh")
        .args(["-c", &line])
        .stdin(Stdio::piped())
        .spawn()
        .expect("started");
    let content = file.content.expose_secret().as_bytes();
    std::io::Write::write_all(&mut child.stdin.take().expect("open"), content).expect("written");
    assert!(child.wait().expect("ended").success());
    let hidden = SECRET.to_uppercase();
    assert_eq!(
        std::fs::read_to_string(&file.path).expect("read"),
        format!("[source]\ntype = smb\nhost = 10.0.0.7\nuser = admin.novell\npass = {hidden}\n")
    );
    let mode = std::fs::metadata(&file.path).expect("there").permissions();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777,
        0o600
    );
}
