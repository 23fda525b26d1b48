//! Following the output of commands.

use std::time::Duration;

use gwmigrate::remote::{ExitStatus, RemoteCommand, RemoteError};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::{Site, eventually, shell};

#[tokio::test]
async fn following_delivers_lines_as_they_come_and_none_in_half() {
    let site = Site::new().await;
    let remote = site.connect().await;
    let (sender, mut lines) = mpsc::channel(4);
    let script =
        "echo one; sleep 0.3; printf two; sleep 0.3; echo -more; printf half; exec sleep 60";
    let following = tokio::spawn(async move { remote.follow(&shell(script), sender).await });
    assert_eq!(lines.recv().await.expect("a line"), b"one");
    assert_eq!(lines.recv().await.expect("a line"), b"two-more");
    sleep(Duration::from_millis(300)).await;
    site.server.drop_connections();
    let result = timeout(Duration::from_secs(5), following)
        .await
        .expect("in time")
        .expect("task");
    assert!(
        matches!(result, Err(RemoteError::Disconnected { .. })),
        "{result:?}"
    );
    assert_eq!(lines.recv().await, None);
}

#[tokio::test]
async fn following_goes_on_behind_the_last_line_after_a_cut() {
    let site = Site::new().await;
    let file = site.path("events");
    let writer = shell(&format!(
        "for i in $(seq 1 60000); do echo line $i; done > '{}'",
        file.display()
    ));
    site.connect()
        .await
        .run(&writer, Vec::new())
        .await
        .expect("written");
    let (mut offset, mut seen, mut cuts) = (0, Vec::new(), 0);
    while seen.len() < 60_000 {
        let remote = site.connect().await;
        site.server.cut_after_bytes(250_000);
        let command = RemoteCommand::new("tail")
            .argument("-c")
            .argument(format!("+{}", offset + 1))
            .argument("-f");
        let command = command.argument(file.as_os_str());
        let (sender, mut lines) = mpsc::channel(4);
        let following = tokio::spawn(async move { remote.follow(&command, sender).await });
        while let Some(line) = lines.recv().await {
            offset += line.len() + 1;
            seen.push(String::from_utf8(line).expect("text"));
            if seen.len() == 60_000 {
                break;
            }
        }
        drop(lines);
        cuts += usize::from(following.await.expect("task").is_err());
    }
    assert!(cuts >= 2, "{cuts}");
    assert!(
        seen.iter()
            .enumerate()
            .all(|(index, line)| *line == format!("line {}", index + 1))
    );
}

#[tokio::test]
async fn following_tells_the_status_and_what_stood_behind_the_last_line() {
    let site = Site::new().await;
    let (sender, mut lines) = mpsc::channel(4);
    let followed = site
        .connect()
        .await
        .follow(&shell("echo a; printf b; echo c >&2; exit 5"), sender)
        .await;
    let followed = followed.expect("followed");
    assert_eq!(
        (followed.status, followed.rest),
        (Some(ExitStatus::Code(5)), b"b".to_vec())
    );
    assert_eq!(followed.stderr, b"c\n");
    assert_eq!(
        (lines.recv().await, lines.recv().await),
        (Some(b"a".to_vec()), None)
    );
}

#[tokio::test]
async fn a_slow_follower_slows_the_command_down_and_loses_nothing() {
    let site = Site::new().await;
    let remote = site.connect().await;
    let (sender, mut lines) = mpsc::channel(1);
    let command = shell("seq 1 400000");
    let following = tokio::spawn({
        let remote = remote.clone();
        async move { remote.follow(&command, sender).await }
    });
    sleep(Duration::from_millis(500)).await;
    // While that one waits, another command has its turn.
    assert_eq!(
        remote
            .run(&shell("echo on"), Vec::new())
            .await
            .expect("run")
            .text(),
        "on"
    );
    let mut expected = 0_u32;
    while let Some(line) = lines.recv().await {
        expected += 1;
        assert_eq!(line, expected.to_string().into_bytes());
    }
    assert_eq!(expected, 400_000);
    assert_eq!(
        following.await.expect("task").expect("followed").status,
        Some(ExitStatus::Code(0))
    );
}

#[tokio::test]
async fn following_stops_when_nobody_listens_or_waits() {
    let site = Site::new().await;
    let remote = site.connect().await;
    let endless = shell("while echo x; do sleep 0.05; done");
    let (sender, lines) = mpsc::channel(4);
    drop(lines);
    let followed = timeout(Duration::from_secs(5), remote.follow(&endless, sender))
        .await
        .expect("in time");
    assert_eq!(followed.expect("stopped").status, None);
    let (sender, _lines) = mpsc::channel(4);
    assert!(
        timeout(Duration::from_millis(500), remote.follow(&endless, sender))
            .await
            .is_err()
    );
    eventually("both commands are gone", || site.server.processes() == 0).await;
    assert_eq!(
        remote
            .run(&shell("echo on"), Vec::new())
            .await
            .expect("run")
            .text(),
        "on"
    );
}
