//! Holding commands.

use std::time::Duration;

use gwmigrate::remote::{ExitStatus, RemoteError};
use tokio::time::{sleep, timeout};

use super::{Site, eventually, shell};

#[tokio::test]
async fn a_held_command_lives_until_it_is_let_go() {
    let site = Site::new().await;
    let remote = site.connect().await;
    let script = format!(
        "echo ready $((6*7)); cat > /dev/null; echo ended > '{}'",
        site.path("ended").display()
    );
    let held = remote.hold(&shell(&script)).await.expect("held");
    assert_eq!(held.first_line, b"ready 42");
    assert_eq!(
        remote
            .run(&shell("echo beside"), Vec::new())
            .await
            .expect("run")
            .text(),
        "beside"
    );
    sleep(Duration::from_millis(300)).await;
    assert!(!site.path("ended").exists());
    drop(held);
    eventually("the command noticed", || site.path("ended").exists()).await;
}

#[tokio::test]
async fn a_held_command_can_be_closed_and_tells_its_status() {
    let site = Site::new().await;
    let remote = site.connect().await;
    let held = remote
        .hold(&shell(
            "echo ready; yes | head -c 3000000; cat > /dev/null; exit 9",
        ))
        .await
        .expect("held");
    assert_eq!(held.close().await.expect("closed"), ExitStatus::Code(9));
}

#[tokio::test]
async fn a_held_command_ends_with_its_connection() {
    let site = Site::new().await;
    let script = format!(
        "echo ready; cat > /dev/null; echo ended > '{}'",
        site.path("ended").display()
    );
    let mut held = site
        .connect()
        .await
        .hold(&shell(&script))
        .await
        .expect("held");
    site.server.drop_connections();
    let ended = timeout(Duration::from_secs(5), held.ended())
        .await
        .expect("in time");
    assert!(
        matches!(ended, Err(RemoteError::Disconnected { .. })),
        "{ended:?}"
    );
    eventually("the command noticed", || site.path("ended").exists()).await;
}

#[tokio::test]
async fn a_command_that_ends_before_its_first_line_is_not_held() {
    let site = Site::new().await;
    let error = site
        .connect()
        .await
        .hold(&shell("echo no >&2; exit 3"))
        .await
        .expect_err("no line");
    let RemoteError::CommandFailed { status, stderr, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!((status, stderr.as_str()), (ExitStatus::Code(3), "no"));
}
