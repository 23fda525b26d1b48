//! Carrying out mount plans; a real mount needs root and a server, so the commands here are stand-ins.

use std::path::Path;

use gwmigrate::mount::{
    MountError, MountPlan, Mounted, Needs, PrivateFile, PrivateForm, Proof, Wanted,
};
use gwmigrate::remote::{Privilege, RemoteCommand};
use protocol::{Explain as _, Verdict};

use super::{Site, shell};

/// A plan whose one command is this script, with a secret beside it.
fn plan(site: &Site, script: &str) -> MountPlan {
    let wanted = Wanted {
        file_systems: &["cifs"],
        source: Some("//fs1/mail".into()),
    };
    MountPlan {
        needs: Needs {
            programs: &[],
            file_systems: &[],
        },
        private_files: vec![PrivateFile {
            path: site.path("private/credentials"),
            content: "a secret".into(),
            form: PrivateForm::AsIs,
        }],
        commands: vec![shell(script)],
        undo: vec![RemoteCommand::new("touch").argument(site.path("undone"))],
        proof: Proof {
            path: site.path("mount"),
            wanted: Some(wanted),
        },
        post_office: site.path("mount"),
        privilege: Privilege::AsIs,
    }
}

#[tokio::test]
async fn what_is_mounted_already_is_proven_without_doing_anything() {
    let site = Site::new().await;
    let remote = site.connect().await;
    let plan = Mounted::plan(site.folder.path());
    let mount = plan.mount(&remote).await.expect("proven");
    assert!(
        site.folder.path().starts_with(&mount.mount_point),
        "{mount:?}"
    );
    plan.unmount(&remote).await.expect("nothing to do");
}

#[tokio::test]
async fn the_secret_is_there_for_the_command_and_gone_when_that_fails() {
    let site = Site::new().await;
    let remote = site.connect().await;
    let script = format!(
        "cd '{}' && cp private/credentials seen && exit 32",
        site.folder.path().display()
    );
    let error = plan(&site, &script)
        .mount(&remote)
        .await
        .expect_err("the command failed");
    assert!(
        matches!(&error, MountError::Failed { said } if said.contains("32")),
        "{error:?}"
    );
    assert_eq!(
        std::fs::read_to_string(site.path("seen")).expect("seen"),
        "a secret"
    );
    assert!(!site.path("private/credentials").exists());
    let log = site.server.log().join("\n");
    assert!(!log.contains("a secret"), "{log}");
}

/// By itself the kernel offers no dialect of an old server, which hangs up on it again and again.
#[tokio::test]
async fn a_server_that_hangs_up_is_an_old_one_until_its_dialect_is_named() {
    let site = Site::new().await;
    let remote = site.connect().await;
    for (options, verdict) in [
        ("ro", Verdict::NeedsAttention),
        ("ro,vers=1.0", Verdict::Temporary),
    ] {
        let script = format!("echo 'mount error(112): Host is down' >&2; : {options}; exit 32");
        let error = plan(&site, &script).mount(&remote).await;
        let error = error.expect_err("the command failed");
        assert_eq!(error.verdict(), verdict, "{options}: {error:?}");
        let names_it = error.guidance().contains("options = [\"vers=1.0\"]");
        assert_eq!(names_it, verdict == Verdict::NeedsAttention, "{error:?}");
    }
}

#[tokio::test]
async fn a_command_that_mounts_nothing_is_no_mount() {
    let site = Site::new().await;
    let remote = site.connect().await;
    let error = plan(&site, "true")
        .mount(&remote)
        .await
        .expect_err("nothing is mounted");
    assert!(matches!(error, MountError::NotMounted { .. }), "{error:?}");
    assert_eq!(error.verdict(), Verdict::Refused);
    assert!(!site.path("private/credentials").exists());
}

#[tokio::test]
async fn something_else_at_the_mount_point_is_neither_covered_nor_unmounted() {
    let site = Site::new().await;
    let remote = site.connect().await;
    let mut plan = plan(
        &site,
        &format!("touch '{}'", site.path("mounted").display()),
    );
    plan.proof.path = Path::new("/").to_owned();
    assert!(matches!(
        plan.mount(&remote).await,
        Err(MountError::Other { .. })
    ));
    assert!(matches!(
        plan.unmount(&remote).await,
        Err(MountError::Other { .. })
    ));
    assert!(!site.path("mounted").exists() && !site.path("undone").exists());
}

#[tokio::test]
async fn what_is_not_mounted_is_not_unmounted() {
    let site = Site::new().await;
    plan(&site, "true")
        .unmount(&site.connect().await)
        .await
        .expect("nothing to do");
    assert!(!site.path("undone").exists());
}
