//! What a share says that cannot be mounted: its user, its name and its server are three findings.
//!
//! The stand-ins for `rclone` and `mount` say word for word what the real ones said (rclone 1.60.1 to Samba 4.17; mount.cifs
//! 7.0, whose numbers are the kernel's).

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use harness::site::Site as _;
use harness::worksheet::{ShareClient, ShareSheet};

use crate::support::{Stage, codes, finding, play_root};

/// Plays rclone and one server, 127.0.0.1, with one share, `mail`, for one user, `reader`, whose password is `open`.
const RCLONE: &str = r#"#!/bin/sh
[ "$1" = obscure ] && exec cat
configuration=$2
for word; do [ "${before-}" = -- ] && remote=$word; before=$word; done
value() { sed -n "s/^$1 = //p" "$configuration"; }
fail() {
    echo "2026/11/29 09:10:04 ERROR : : error listing: $1" >&2
    echo "2026/11/29 09:10:04 Failed to lsf with 2 errors: last error was: error in ListJSON: $1" >&2
    exit "${2:-1}"
}
case $3 in
    lsf)
        case $(value host) in
            127.0.0.1) ;;
            *.invalid) fail "couldn't connect SMB: dial tcp: lookup $(value host) on 10.255.255.53:53: no such host" ;;
            *) fail "couldn't connect SMB: dial tcp $(value host):445: connect: connection refused" 5 ;;
        esac
        echo login >> "$SHARES/logins"
        [ "$(value user)" = locked ] && fail "couldn't connect SMB: response error: The user account has been automatically locked because too many invalid logon attempts or password change attempts have been requested."
        [ "$(value pass)" = open ] || fail "couldn't connect SMB: response error: The attempted logon is invalid. This is either due to a bad username or authentication information."
        case $remote in
            source:mail) echo po/; exit 0 ;;
            source:closed) fail "couldn't initialize SMB: permission denied" ;;
            *) fail "couldn't initialize SMB: response error: {Network Name Not Found} The specified share name cannot be found on the remote server." ;;
        esac ;;
    mount)
        # The real one mounts whatever it is told, and says nothing before somebody looks into it.
        for point; do :; done
        rmdir -- "$point" && ln -s "$SHARES/nothing" "$point"
        echo "99 22 0:99 / $point ro - fuse.rclone //fs1/mail ro" >> "$SHARES/table" ;;
esac
"#;

/// Plays `mount -t cifs SHARE MOUNT_POINT -o OPTIONS`, which says what the file `says` has.
const MOUNT: &str = r#"#!/bin/sh
echo login >> "$SHARES/logins"
cat "$SHARES/says" >&2
exit 32
"#;

const UMOUNT: &str = r#"#!/bin/sh
for point; do :; done
rm -- "$point" && mkdir -- "$point"
: > "$SHARES/table"
"#;

/// Shows the table of the mounts with those that are played, and a kernel that knows them.
const CAT: &str = r#"#!/bin/sh
case $1 in
    /proc/self/mountinfo) exec /bin/cat "$1" "$SHARES/table" ;;
    /proc/filesystems) exec /bin/cat "$SHARES/filesystems" ;;
esac
exec /bin/cat "$@"
"#;

struct Share {
    stage: Stage,
    folder: PathBuf,
}

impl Share {
    fn new() -> Self {
        let stage = Stage::new();
        let folder = stage.folder.path().join("share");
        let bin = folder.join("bin");
        fs::create_dir_all(&bin).expect("made");
        for (name, script) in [
            ("rclone", RCLONE),
            ("mount", MOUNT),
            ("mount.cifs", MOUNT),
            ("fusermount3", MOUNT),
            ("umount", UMOUNT),
            ("cat", CAT),
            // A kernel without modules.
            ("modprobe", "#!/bin/sh\nexit 1\n"),
        ] {
            let path = bin.join(name);
            fs::write(&path, script).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
        }
        play_root(&bin);
        fs::write(folder.join("table"), "").expect("written");
        let known = "nodev\tcifs\nnodev\tfuse\n";
        fs::write(folder.join("filesystems"), known).expect("written");
        let path = format!("{}:/usr/bin:/bin", bin.display());
        let environment = BTreeMap::from([
            ("PATH".to_owned(), path),
            ("SHARES".to_owned(), folder.display().to_string()),
        ]);
        stage.embedded().server.set_environment(environment);
        Self { stage, folder }
    }

    /// The same with the real rclone.
    fn with_rclone(program: &Path) -> Self {
        let share = Self::new();
        let stand_in = share.folder.join("bin/rclone");
        fs::remove_file(&stand_in).expect("removed");
        std::os::unix::fs::symlink(program, stand_in).expect("linked");
        share
    }

    /// Says how the source is mounted.
    fn use_share(&mut self, client: ShareClient, address: &str, share: &str, login: (&str, &str)) {
        let password_file = self.stage.folder.path().join("keys/share");
        fs::write(&password_file, format!("{}\n", login.1)).expect("written");
        let mount_point = self.stage.folder.path().join("destination/mnt");
        let embedded = self.stage.embedded_mut();
        address.clone_into(&mut embedded.sheet.source_address);
        embedded.sheet.share = Some(ShareSheet {
            client,
            server: "fs1".into(),
            share: share.into(),
            folder: "po".into(),
            user: login.0.into(),
            password_file,
            mount_point,
            options: Vec::new(),
        });
        embedded.write_worksheet().expect("written");
    }

    /// Says that the source is a NetWare volume.
    fn use_netware(&mut self) {
        self.use_share(ShareClient::Kernel, "127.0.0.1", "MAIL", ("reader", "open"));
        let path = self.stage.embedded().worksheet_path();
        let text = fs::read_to_string(&path).expect("read");
        let text = text.replacen("kind = \"cifs\"\nclient = \"kernel\"", "kind = \"ncp\"", 1);
        fs::write(path, text).expect("written");
    }

    /// Says at which port rclone finds the server.
    fn use_port(&mut self, port: u16) {
        let embedded = self.stage.embedded_mut();
        let share = embedded.sheet.share.as_mut().expect("a share");
        share.options = vec![format!("--smb-port={port}")];
        embedded.write_worksheet().expect("written");
    }

    /// How often somebody logged in, or tried to.
    fn take_logins(&self) -> usize {
        let path = self.folder.join("logins");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let _ = fs::remove_file(path);
        text.lines().count()
    }

    /// A command stops with this finding, which is the only one about mounting and has the word.
    fn stops(&self, command: &str, exit_code: i32, code: &str, word: &str) {
        let run = self.stage.expect(&[command], exit_code);
        let found = finding(&run, code);
        assert!(found.text.contains(word), "{word}: {found:#?}");
        let is_mounting = |code: &&str| code.starts_with("mount-") || code.starts_with("source-");
        let about: Vec<_> = codes(&run).into_iter().filter(is_mounting).collect();
        assert_eq!(about, [code], "{:#?}", run.findings);
        assert_eq!(
            fs::read_to_string(self.folder.join("table")).expect("read"),
            ""
        );
    }
}

#[test]
fn user_share_and_server_of_rclone_are_three_findings_and_no_login_is_tried_twice() {
    let mut share = Share::new();
    let (reader, rclone) = (("reader", "open"), ShareClient::Rclone);
    for command in ["check", "stage-one"] {
        for login in [("reader", "wrong"), ("locked", "open")] {
            share.use_share(rclone, "127.0.0.1", "mail", login);
            share.stops(command, 2, "mount-login-refused", "//fs1/mail");
            assert_eq!(share.take_logins(), 1, "{command} {login:?}");
        }
        for (name, word) in [
            ("nosuch", "cannot be found"),
            ("closed", "permission denied"),
        ] {
            share.use_share(rclone, "127.0.0.1", name, reader);
            share.stops(command, 2, "mount-share-refused", word);
            assert_eq!(share.take_logins(), 1, "{command} {name}");
        }
        for (address, word) in [("10.0.0.7", "refused"), ("fs1.invalid", "no such host")] {
            share.use_share(rclone, address, "mail", reader);
            share.stops(command, 4, "mount-server-unreachable", word);
            assert_eq!(share.take_logins(), 0, "{command} {address}");
        }
    }
}

#[test]
fn what_the_kernels_client_says_is_read_as_well() {
    let mut share = Share::new();
    share.use_share(ShareClient::Kernel, "127.0.0.1", "mail", ("reader", "open"));
    let end = "Refer to the mount.cifs(8) manual page (e.g. man mount.cifs) and kernel log messages (dmesg)";
    for (said, exit_code, code) in [
        (
            "mount error(13): Permission denied",
            2,
            "mount-login-refused",
        ),
        (
            "mount error(127): Key has expired",
            2,
            "mount-login-refused",
        ),
        (
            "mount error(2): No such file or directory",
            2,
            "mount-share-refused",
        ),
        (
            "mount error(113): could not connect to 10.0.0.7Unable to find suitable address.",
            4,
            "mount-server-unreachable",
        ),
        (
            "mount error(115): Operation now in progress",
            4,
            "mount-server-unreachable",
        ),
        (
            "mount error: could not resolve address for fs1: Unknown error",
            4,
            "mount-server-unreachable",
        ),
        ("mount error(12): Cannot allocate memory", 1, "mount-failed"),
        ("mount error(22): Invalid argument", 1, "mount-mismatch"),
        (
            "mount error(79): Can not access a needed shared library",
            1,
            "mount-mismatch",
        ),
        (
            "mount error(95): Operation not supported",
            1,
            "mount-mismatch",
        ),
        ("mount error(112): Host is down", 1, "mount-mismatch"),
        (
            "mount error(126): Required key not available",
            1,
            "mount-mismatch",
        ),
        (
            "mount error: cifs filesystem not supported by the system",
            1,
            "mount-no-client",
        ),
    ] {
        fs::write(share.folder.join("says"), format!("{said}\n{end}\n")).expect("written");
        for command in ["check", "stage-one"] {
            share.stops(command, exit_code, code, said);
            assert_eq!(share.take_logins(), 1, "{said}");
        }
    }
}

#[test]
fn where_the_kernel_has_no_client_nothing_is_mounted_and_the_line_that_is_named_helps() {
    let mut share = Share::new();
    share.use_share(ShareClient::Kernel, "127.0.0.1", "mail", ("reader", "open"));
    fs::write(share.folder.join("filesystems"), "nodev\tfuse\n").expect("written");
    let run = share.stage.expect(&["check"], 5);
    let found = finding(&run, "mount-possible");
    assert!(
        found.remedy.contains("client = \"rclone\" in [source]"),
        "{found:#?}"
    );
    assert_eq!(codes(&run), ["mount-possible"], "{:#?}", run.findings);
    assert_eq!(share.take_logins(), 0, "it is not mounted all the same");
    share.use_share(
        ShareClient::Rclone,
        "127.0.0.1",
        "mail",
        ("reader", "wrong"),
    );
    share.stops("check", 2, "mount-login-refused", "//fs1/mail");
    assert_eq!(share.take_logins(), 1);
}

/// No kernel has ncpfs in its tree, and no distribution of today its programs: what is there of both is told at once, and where
/// the rest comes from.
#[test]
fn what_a_netware_volume_needs_is_told_with_where_it_comes_from() {
    let mut share = Share::new();
    share.use_netware();
    let told = |share: &Share| {
        let run = share.stage.expect(&["check"], 5);
        let found = finding(&run, "mount-possible");
        (found.text.clone(), found.remedy.clone())
    };
    let (text, remedy) = told(&share);
    assert_eq!(
        text,
        "the destination has no ncpmount; the kernel of the destination knows no file system ncpfs"
    );
    for word in [
        "ncpfs 2.2.6",
        "EnzephaloN/ncpfs-module",
        "DKMS",
        "taints",
        "Secure Boot",
        "A NetWare server today",
    ] {
        assert!(remedy.contains(word), "{word}: {remedy}");
    }
    let program = share.folder.join("bin/ncpmount");
    fs::write(&program, MOUNT).expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("set");
    let (text, remedy) = told(&share);
    assert!(
        text.starts_with("the destination has ncpmount; the kernel"),
        "{text}"
    );
    assert!(
        !remedy.contains("2.2.6") && remedy.contains("Secure Boot"),
        "{remedy}"
    );
    fs::remove_file(program).expect("removed");
    fs::write(share.folder.join("filesystems"), "nodev\tncpfs\n").expect("written");
    let (text, remedy) = told(&share);
    assert!(
        text.contains("no ncpmount; its kernel has the file system ncpfs"),
        "{text}"
    );
    assert!(
        remedy.contains("2.2.6") && !remedy.contains("Secure Boot"),
        "{remedy}"
    );
}

/// A real Samba of our own, which gives `mail` to the user `nobody` with the password `open`.
struct Samba {
    process: Child,
    port: u16,
}

impl Samba {
    fn start(folder: &Path) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("bound");
        let port = free.local_addr().expect("bound").port();
        drop(free);
        fs::create_dir_all(folder.join("mail/po")).expect("made");
        let at = folder.display();
        let text = format!(
            "[global]\nserver role = standalone server\nsmb ports = {port}\ninterfaces = 127.0.0.1\nbind interfaces only = yes\n\
             state directory = {at}\nlock directory = {at}\ncache directory = {at}\npid directory = {at}\nprivate dir = {at}\n\
             ncalrpc dir = {at}/ncalrpc\npassdb backend = tdbsam:{at}/passdb.tdb\nlog file = {at}/log\ndisable spoolss = yes\n\
             [mail]\npath = {at}/mail\n"
        );
        let configuration = folder.join("smb.conf");
        fs::write(&configuration, text).expect("written");
        let mut password = Command::new("smbpasswd")
            .arg("-c")
            .arg(&configuration)
            .args(["-a", "-s", "nobody"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("started");
        let mut input = password.stdin.take().expect("piped");
        input.write_all(b"open\nopen\n").expect("written");
        drop(input);
        assert!(password.wait().expect("ended").success());
        let process = Command::new("smbd")
            .args(["-F", "--no-process-group", "-s"])
            .arg(&configuration)
            .stdin(Stdio::null())
            .spawn()
            .expect("started");
        let samba = Self { process, port };
        for _ in 0..100 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return samba;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("Samba does not answer");
    }
}

impl Drop for Samba {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_real_rclone_says_to_a_real_server_what_its_stand_in_says() {
    let rclone = Path::new("/usr/bin/rclone");
    let has = |program: &str| Path::new("/usr/sbin").join(program).exists();
    if !rclone.exists() || !has("smbd") || !rustix::process::geteuid().is_root() {
        println!("SKIPPED: this needs rclone and Samba, and root to run it");
        return;
    }
    let mut share = Share::with_rclone(rclone);
    let folder = share.folder.join("samba");
    fs::create_dir(&folder).expect("made");
    let samba = Samba::start(&folder);
    let open = ("nobody", "open");
    for (name, login, exit_code, code) in [
        ("mail", ("nobody", "wrong"), 2, "mount-login-refused"),
        ("mail", ("nobodyhere", "open"), 2, "mount-login-refused"),
        ("nosuch", open, 2, "mount-share-refused"),
    ] {
        share.use_share(ShareClient::Rclone, "127.0.0.1", name, login);
        share.use_port(samba.port);
        share.stops("check", exit_code, code, "//fs1/");
    }
    let port = samba.port;
    drop(samba);
    share.use_share(ShareClient::Rclone, "127.0.0.1", "mail", open);
    share.use_port(port);
    share.stops("check", 4, "mount-server-unreachable", "refused");
}
