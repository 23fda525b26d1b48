//! Uploading files.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gwmigrate::remote::RemoteError;
use protocol::Explain as _;
use tokio::time::timeout;

use super::{Site, shell};

/// How many bytes the large upload has.
const LARGE_BYTES: usize = 30_000_000;

fn large() -> Vec<u8> {
    let mut bytes = vec![0; LARGE_BYTES];
    blake3::Hasher::new()
        .update(b"a large file")
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

/// The names in the folder that an upload may have left behind.
fn left_behind(site: &Site) -> Vec<String> {
    let names = std::fs::read_dir(site.folder.path()).expect("folder");
    names
        .map(|entry| {
            entry
                .expect("entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name.contains(".part"))
        .collect()
}

#[tokio::test]
async fn a_large_file_arrives_whole_with_its_mode() {
    let site = Site::new().await;
    let remote = site.connect().await;
    let bytes = large();
    std::fs::write(site.path("local"), &bytes).expect("local file");
    let arrived = AtomicU64::new(0);
    let progress = |bytes| {
        assert!(
            arrived.swap(bytes, Ordering::Relaxed) < bytes,
            "progress never goes back"
        );
    };
    let uploaded = remote
        .upload(&site.path("local"), &site.path("target"), 0o750, progress)
        .await
        .expect("uploaded");
    assert_eq!(
        (uploaded.bytes, uploaded.blake3),
        (LARGE_BYTES as u64, blake3::hash(&bytes))
    );
    assert!(std::fs::read(site.path("target")).expect("target") == bytes);
    assert_eq!(
        std::fs::metadata(site.path("target"))
            .expect("target")
            .permissions()
            .mode()
            & 0o7777,
        0o750
    );
    assert!(arrived.load(Ordering::Relaxed) > 0);
    assert_eq!(left_behind(&site), Vec::<String>::new());
}

#[tokio::test]
async fn an_upload_replaces_what_stands_there_and_commands_run_beside_it() {
    let site = Site::new().await;
    let remote = site.connect().await;
    std::fs::write(site.path("local"), large()).expect("local file");
    std::fs::write(site.path("target"), "older and longer than nothing").expect("target");
    let (local, target) = (site.path("local"), site.path("target"));
    let upload = remote.upload(&local, &target, 0o644, |_| {});
    let beside = shell("echo beside");
    let (upload, run) = tokio::join!(upload, remote.run(&beside, Vec::new()));
    assert_eq!(
        upload.expect("uploaded").blake3,
        blake3::hash(&std::fs::read(site.path("target")).expect("target"))
    );
    assert_eq!(run.expect("run").text(), "beside");
}

#[tokio::test]
async fn small_secrets_are_readable_by_their_owner_only() {
    let site = Site::new().await;
    let target = site.path("credentials");
    let uploaded = site
        .connect()
        .await
        .upload_bytes(b"password=x\n".to_vec(), &target)
        .await
        .expect("uploaded");
    assert_eq!(uploaded.bytes, 11);
    assert_eq!(std::fs::read(&target).expect("target"), b"password=x\n");
    assert_eq!(
        std::fs::metadata(&target)
            .expect("target")
            .permissions()
            .mode()
            & 0o7777,
        0o600
    );
}

#[tokio::test]
async fn an_empty_file_can_be_uploaded() {
    let site = Site::new().await;
    let uploaded = site
        .connect()
        .await
        .upload_bytes(Vec::new(), &site.path("empty"))
        .await
        .expect("uploaded");
    assert_eq!((uploaded.bytes, uploaded.blake3), (0, blake3::hash(b"")));
    assert_eq!(
        std::fs::metadata(site.path("empty")).expect("target").len(),
        0
    );
}

#[tokio::test]
async fn what_cannot_be_written_or_read_is_told_and_the_connection_stays() {
    let site = Site::new().await;
    let remote = site.connect().await;
    let error = remote
        .upload_bytes(b"x".to_vec(), &site.path("absent/target"))
        .await
        .expect_err("no folder");
    let RemoteError::Sftp { what, cause, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!((*what, cause.as_str()), ("create", "no such file"));
    let error = remote
        .upload(&site.path("absent"), &site.path("target"), 0o600, |_| {})
        .await
        .expect_err("no file");
    assert_eq!(error.code(), "upload-source-unreadable");
    // A folder in the target's place is not replaced.
    std::fs::create_dir(site.path("folder")).expect("folder");
    let error = remote
        .upload_bytes(b"x".to_vec(), &site.path("folder"))
        .await
        .expect_err("a folder");
    assert!(
        matches!(
            error,
            RemoteError::Sftp {
                what: "replace",
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(left_behind(&site), Vec::<String>::new());
    assert_eq!(
        remote
            .run(&shell("echo on"), Vec::new())
            .await
            .expect("run")
            .text(),
        "on"
    );
}

#[tokio::test]
async fn a_full_disk_is_told_as_such_and_leaves_nothing() {
    let site = Site::with(|options| options.disk_full_after_bytes = Some(3_000_000)).await;
    let remote = site.connect().await;
    std::fs::write(site.path("local"), large()).expect("local file");
    let error = remote
        .upload(&site.path("local"), &site.path("target"), 0o600, |_| {})
        .await
        .expect_err("full");
    assert!(matches!(error, RemoteError::NoSpace { .. }), "{error:?}");
    assert_eq!(left_behind(&site), Vec::<String>::new());
    assert!(!site.path("target").exists());
}

#[tokio::test]
async fn a_cut_upload_leaves_the_target_as_it_was() {
    let site = Site::new().await;
    let remote = site.connect().await;
    std::fs::write(site.path("local"), large()).expect("local file");
    std::fs::write(site.path("target"), "before").expect("target");
    site.server.cut_after_bytes(5_000_000);
    let (local, target) = (site.path("local"), site.path("target"));
    let upload = timeout(
        Duration::from_secs(20),
        remote.upload(&local, &target, 0o600, |_| {}),
    );
    let error = upload.await.expect("in time").expect_err("cut");
    assert!(
        matches!(error, RemoteError::Disconnected { .. }),
        "{error:?}"
    );
    assert_eq!(
        std::fs::read(site.path("target")).expect("target"),
        b"before"
    );
}

#[tokio::test]
async fn an_upload_that_nobody_waits_for_is_cleaned_up() {
    let site = Site::new().await;
    let remote = site.connect().await;
    std::fs::write(site.path("local"), large()).expect("local file");
    let (local, target) = (site.path("local"), site.path("target"));
    let upload = remote.upload(&local, &target, 0o600, |_| {});
    assert!(timeout(Duration::from_millis(30), upload).await.is_err());
    assert_eq!(
        remote
            .run(&shell("echo on"), Vec::new())
            .await
            .expect("run")
            .text(),
        "on"
    );
    assert_eq!(left_behind(&site), Vec::<String>::new());
    assert!(!target.exists());
}
