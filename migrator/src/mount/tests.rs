mod rclone;

use super::*;
use crate::remote::Privilege;
use crate::worksheet::{MountClient, NetworkSource};
use secrecy::{ExposeSecret as _, SecretString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SECRET: &str = "geheim,=$'";

fn source(protocol: Protocol, share: &str) -> NetworkSource {
    NetworkSource {
        protocol,
        client: MountClient::Kernel,
        server: "nwserver1".into(),
        share: share.into(),
        folder: "po/sales".into(),
        user: "admin.novell".into(),
        password: None,
        mount_point: "/mnt/nwserver1/mail".into(),
        options: Vec::new(),
    }
}

fn plan_with(
    source: &NetworkSource,
    password: &str,
    privilege: Privilege,
) -> Result<MountPlan, MountError> {
    let password = SecretString::from(password);
    MountRequest {
        source,
        address: Some("10.0.0.7"),
        password: Some(&password),
        private_folder: Path::new("/job/private"),
        privilege,
    }
    .to_plan()
}

fn plan(source: &NetworkSource) -> MountPlan {
    plan_with(source, SECRET, Privilege::AsIs).expect("plan")
}

fn lines(commands: &[crate::remote::RemoteCommand]) -> Vec<String> {
    commands
        .iter()
        .map(|command| command.shell_line().expect("line"))
        .collect()
}

fn refused_setting(
    change: impl FnOnce(&mut NetworkSource),
    protocol: Protocol,
    password: &str,
) -> &'static str {
    let mut source = source(
        protocol,
        if protocol == Protocol::Nfs {
            "/export"
        } else {
            "mail"
        },
    );
    change(&mut source);
    match plan_with(&source, password, Privilege::AsIs) {
        Err(MountError::Setting { setting, .. }) => setting,
        other => panic!("{other:?}"),
    }
}

#[test]
fn cifs_mounts_with_a_credentials_file() {
    let plan = plan(&source(Protocol::Cifs, "mail"));
    assert_eq!(
        lines(&plan.commands),
        [
            "mkdir -p -- /mnt/nwserver1/mail",
            "mount -t cifs //nwserver1/mail /mnt/nwserver1/mail -o \
             'credentials=/job/private/credentials.cifs,ro,iocharset=utf8,nosuid,nodev,noexec,ip=10.0.0.7'",
        ]
    );
    let content = plan.private_files[0].content.expose_secret();
    assert_eq!(
        content,
        format!("username=admin.novell\npassword={SECRET}\n")
    );
    assert_eq!(
        plan.post_office,
        PathBuf::from("/mnt/nwserver1/mail/po/sales")
    );
    assert_eq!(
        plan.needs,
        Needs {
            programs: &["mount.cifs"],
            file_systems: &["cifs"]
        }
    );
}

#[test]
fn cifs_tells_the_domain_of_the_user_and_takes_more_options_last() {
    let mut source = source(Protocol::Cifs, "mail");
    source.user = "CORP\\migration".into();
    source.options = vec!["vers=2.1".into(), "rw".into()];
    let plan = plan(&source);
    let content = plan.private_files[0].content.expose_secret();
    assert_eq!(
        content,
        format!("username=migration\npassword={SECRET}\ndomain=CORP\n")
    );
    assert!(lines(&plan.commands)[1].ends_with("ip=10.0.0.7,vers=2.1,rw'"));
}

#[test]
fn ncp_mounts_as_documented_with_the_password_in_a_file() {
    let plan = plan(&source(Protocol::Ncp, "MAIL"));
    assert_eq!(
        lines(&plan.commands),
        [
            "mkdir -p -- /mnt/nwserver1/mail",
            "env 'HOME=/job/private' ncpmount -m -t 900 -r 100 -o tcp,ro -S nwserver1 -A 10.0.0.7 -U admin.novell -V MAIL \
             /mnt/nwserver1/mail",
        ]
    );
    assert_eq!(
        plan.private_files[0].path,
        PathBuf::from("/job/private/.nwclient")
    );
    assert_eq!(
        plan.private_files[0].content.expose_secret(),
        format!("nwserver1/admin.novell {SECRET}\n")
    );
}

/// What is said in `options` stands behind our own, where `ncpmount` lets it win: a login to the bindery, or another way there.
#[test]
fn ncp_takes_more_options_last() {
    let mut source = source(Protocol::Ncp, "MAIL");
    source.options = vec!["-b".into(), "-o".into(), "udp".into()];
    let plan = plan(&source);
    assert!(
        lines(&plan.commands)[1].ends_with("-V MAIL -b -o udp /mnt/nwserver1/mail"),
        "{plan}"
    );
}

#[test]
fn nfs_mounts_without_a_password() {
    let plan = plan(&source(Protocol::Nfs, "/vol/mail"));
    assert_eq!(
        lines(&plan.commands)[1],
        "mount -t nfs 10.0.0.7:/vol/mail /mnt/nwserver1/mail -o 'ro,soft,timeo=600,retrans=2,actimeo=1,nosuid,nodev,noexec'"
    );
    assert!(plan.private_files.is_empty());
}

/// Whatever a plan gives the mount program by itself is in the table of its kind, with a reason, and shown.
#[test]
fn every_option_of_a_plan_has_its_reason() {
    let mut rclone = source(Protocol::Cifs, "mail");
    rclone.client = MountClient::Rclone;
    let sources = [
        source(Protocol::Cifs, "mail"),
        rclone,
        source(Protocol::Ncp, "MAIL"),
        source(Protocol::Nfs, "/vol/mail"),
    ];
    let shown = explain();
    for (source, table) in sources.iter().zip(OPTION_TABLES) {
        let command = plan(source).commands.last().expect("a command").clone();
        let words = command
            .words()
            .map(|word| word.to_string_lossy().into_owned());
        let words: Vec<String> = words.collect();
        let line = format!(" {} ", words.join(" ").replace(',', " "));
        let options = table.given.iter().chain(table.of_job).chain(table.left_out);
        for one in options {
            assert!(!one.why.is_empty() && shown.contains(one.why), "{one:?}");
        }
        for one in table.given {
            let option = one.option.replace(',', " ");
            assert!(line.contains(&format!(" {option} ")), "{option}: {line}");
        }
        // What is not in the table is the command itself, or an option that is made for the job.
        let explained: Vec<&str> = table
            .given
            .iter()
            .flat_map(|one| one.option.split([' ', ',']))
            .collect();
        let of_job = ["credentials=", "ip=", "HOME=", "--config", "--devname"];
        let is_option = |word: &&str| word.starts_with('-') && word.len() > 2 || word.contains('=');
        let options = line.split(' ').filter(is_option);
        let strange: Vec<&str> = options
            .filter(|word| {
                !explained.contains(word) && !of_job.iter().any(|known| word.starts_with(known))
            })
            .collect();
        assert_eq!(strange, Vec::<&str>::new(), "{line}");
    }
}

#[test]
fn every_command_of_every_kind_becomes_root_where_that_is_asked_for() {
    for (protocol, share) in [
        (Protocol::Cifs, "mail"),
        (Protocol::Ncp, "MAIL"),
        (Protocol::Nfs, "/mail"),
    ] {
        let plan = plan_with(&source(protocol, share), SECRET, Privilege::Sudo).expect("plan");
        let files = plan.private_files.iter();
        let files = files.flat_map(|file| {
            [
                file.write_command(plan.privilege),
                file.remove_command(plan.privilege),
            ]
        });
        let commands: Vec<_> = plan
            .commands
            .iter()
            .chain(&plan.undo)
            .cloned()
            .chain(files)
            .collect();
        assert!(
            lines(&commands)
                .iter()
                .all(|line| line.starts_with("sudo -n -- ")),
            "{commands:?}"
        );
        let undo = [
            "umount -- /mnt/nwserver1/mail",
            "rmdir --ignore-fail-on-non-empty -- /mnt/nwserver1/mail",
        ];
        assert_eq!(
            lines(&plan.undo),
            undo.map(|line| format!("sudo -n -- {line}"))
        );
    }
}

#[test]
fn no_secret_is_shown_or_in_a_command() {
    for (protocol, share) in [
        (Protocol::Cifs, "mail"),
        (Protocol::Ncp, "MAIL"),
        (Protocol::Nfs, "/mail"),
    ] {
        let plan = plan(&source(protocol, share));
        let mut shown = format!("{plan} {plan:?} {:?}", lines(&plan.commands));
        for file in &plan.private_files {
            shown += &file
                .write_command(Privilege::AsIs)
                .shell_line()
                .expect("line");
        }
        assert!(!shown.contains("geheim"), "{shown}");
    }
    let shown = plan(&source(Protocol::Cifs, "mail")).to_string();
    assert!(
        shown.starts_with(
            "write /job/private/credentials.cifs (mode 0600, removed afterwards)\nrun mkdir"
        ),
        "{shown}"
    );
}

#[test]
fn settings_that_a_mount_program_would_misread_are_refused() {
    let (cifs, ncp, nfs) = (Protocol::Cifs, Protocol::Ncp, Protocol::Nfs);
    assert_eq!(
        refused_setting(|source| source.server = "a/b".into(), cifs, "x"),
        "server"
    );
    assert_eq!(
        refused_setting(|source| source.share = "a\\b".into(), cifs, "x"),
        "share"
    );
    assert_eq!(
        refused_setting(|source| source.options = vec!["ro,nobrl".into()], cifs, "x"),
        "options"
    );
    assert_eq!(
        refused_setting(|source| source.user = "a\nb".into(), cifs, "x"),
        "user"
    );
    assert_eq!(refused_setting(|_| {}, cifs, "a\nb"), "password");
    assert_eq!(refused_setting(|_| {}, cifs, ""), "password");
    assert_eq!(
        refused_setting(|source| source.server = "a b".into(), ncp, "x"),
        "server"
    );
    assert_eq!(
        refused_setting(|source| source.user = "a b".into(), ncp, "x"),
        "user"
    );
    assert_eq!(refused_setting(|_| {}, ncp, "a b"), "password");
    assert_eq!(refused_setting(|_| {}, ncp, "-"), "password");
    assert_eq!(
        refused_setting(|source| source.share = "export".into(), nfs, "x"),
        "share"
    );
    assert_eq!(
        refused_setting(|source| source.options = vec!["nolock".into()], nfs, "x"),
        "options"
    );
}

#[test]
fn a_comma_in_the_path_of_the_credentials_is_refused() {
    let password = SecretString::from("x");
    let source = source(Protocol::Cifs, "mail");
    let request = MountRequest {
        source: &source,
        address: None,
        password: Some(&password),
        private_folder: Path::new("/job,1"),
        privilege: Privilege::AsIs,
    };
    assert!(matches!(
        request.to_plan(),
        Err(MountError::Setting {
            setting: "job_folder",
            ..
        })
    ));
}

#[test]
fn what_is_mounted_already_needs_nothing() {
    let plan = Mounted::plan(Path::new("/mnt/po"));
    assert!(plan.commands.is_empty() && plan.undo.is_empty() && plan.private_files.is_empty());
    assert_eq!(
        plan.proof,
        Proof {
            path: "/mnt/po".into(),
            wanted: None
        }
    );
    assert!(plan.needs.has_file_system(""));
}

#[test]
fn the_kernel_is_asked_for_its_file_systems() {
    let needs = Needs {
        programs: &[],
        file_systems: &["nfs", "nfs4"],
    };
    assert!(needs.has_file_system("nodev\tsysfs\n\text4\nnodev\tnfs4\n"));
    assert!(!needs.has_file_system("nodev\tsysfs\n\text4\nnodev\tnfsd\n"));
}

#[test]
fn private_files_are_new_and_readable_by_their_owner_only() {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("folder");
    let file = PrivateFile::new(folder.path().join("new folder/it's"), SECRET.into());
    let run = |command: crate::remote::RemoteCommand, input: &str| {
        let line = command.shell_line().expect("line");
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(line)
            .stdin(Stdio::piped())
            .spawn()
            .expect("sh");
        child
            .stdin
            .take()
            .expect("stdin")
            .write_all(input.as_bytes())
            .expect("write");
        assert!(child.wait().expect("wait").success());
    };
    let write = |input| run(file.write_command(Privilege::AsIs), input);
    write("older");
    // A link in the file's place is replaced, not followed.
    let elsewhere = folder.path().join("elsewhere");
    std::fs::write(&elsewhere, "mine").expect("write");
    std::fs::remove_file(&file.path).expect("remove");
    std::os::unix::fs::symlink(&elsewhere, &file.path).expect("link");
    write(SECRET);
    assert_eq!(std::fs::read_to_string(&elsewhere).expect("read"), "mine");
    assert_eq!(std::fs::read_to_string(&file.path).expect("read"), SECRET);
    let mode = |path: &Path| {
        std::fs::symlink_metadata(path)
            .expect("metadata")
            .permissions()
            .mode()
            & 0o7777
    };
    assert_eq!(
        (mode(&file.path), mode(file.path.parent().expect("parent"))),
        (0o600, 0o700)
    );
    run(file.remove_command(Privilege::AsIs), "");
    assert!(!file.path.exists());
}
