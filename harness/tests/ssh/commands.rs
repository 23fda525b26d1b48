//! Running commands.

use std::time::Duration;

use gwmigrate::remote::{ExitStatus, OUTPUT_BYTES_MAX, Remote, RemoteCommand, RemoteError};
use protocol::Explain as _;
use tokio::time::{sleep, timeout};

use super::{Site, eventually, shell};

#[tokio::test]
async fn input_both_outputs_and_status_go_through() {
    let site = Site::new().await;
    let remote = site.connect().await;
    let output = remote
        .run(
            &shell("cat; echo oops >&2; exit 7"),
            b"in\0put\xff".to_vec(),
        )
        .await
        .expect("run");
    assert_eq!(output.stdout, b"in\0put\xff");
    assert_eq!(output.stderr, b"oops\n");
    assert_eq!(output.status, ExitStatus::Code(7));
    let error = output
        .require_success(&shell("x"))
        .expect_err("7 is no success");
    assert!(error.to_string().ends_with("sh -c x: oops"), "{error}");
}

/// The library waited in a call only until the next sign of life was due, and the connection counted as gone.
#[tokio::test]
async fn an_answer_may_take_longer_than_the_time_between_signs_of_life() {
    let site = Site::with(|options| options.opens_after = Duration::from_secs(3)).await;
    let mut options = site.options();
    options.keepalive_seconds = 2;
    let remote = Remote::connect(options).await.expect("connected").remote;
    let output = remote.run(&shell("echo yes"), Vec::new()).await;
    assert_eq!(output.expect("run").text(), "yes");
    let uploaded = remote.upload_bytes(b"x".to_vec(), &site.path("file")).await;
    assert_eq!(uploaded.expect("uploaded").bytes, 1);
}

#[tokio::test]
async fn awkward_arguments_arrive_unchanged() {
    let site = Site::new().await;
    let remote = site.connect().await;
    let words = [
        "",
        "a b",
        "it's",
        "$HOME `id` \"x\"",
        "line\nbreak",
        "tab\t",
        "ä",
        "*",
    ];
    let command = RemoteCommand::new("printf")
        .argument("[%s]")
        .arguments(words);
    let output = remote.run(&command, Vec::new()).await.expect("run");
    assert_eq!(
        output.text(),
        words.map(|word| format!("[{word}]")).concat()
    );
}

#[tokio::test]
async fn a_signal_is_no_exit_code() {
    let site = Site::new().await;
    let output = site
        .connect()
        .await
        .run(&shell("kill -TERM $PPID"), Vec::new())
        .await
        .expect("run");
    assert_eq!(output.status, ExitStatus::Signal("TERM".into()));
    assert!(output.require_success(&shell("x")).is_err());
}

#[tokio::test]
async fn much_output_on_both_streams_does_not_stall() {
    let site = Site::new().await;
    let remote = site.connect().await;
    let script =
        "head -c 5000000 /dev/zero >&2; head -c 5000000 /dev/zero; head -c 1000000 /dev/zero >&2";
    let output = remote.run(&shell(script), Vec::new()).await.expect("run");
    assert_eq!(
        (output.stdout.len(), output.stderr.len()),
        (5_000_000, 6_000_000)
    );
}

#[tokio::test]
async fn much_input_comes_back() {
    let site = Site::new().await;
    let input: Vec<u8> = (0..6_000_000_u32)
        .map(|number| number.to_le_bytes()[0] ^ number.to_le_bytes()[1])
        .collect();
    let output = site
        .connect()
        .await
        .run(&RemoteCommand::new("cat"), input.clone())
        .await
        .expect("run");
    assert!(output.stdout == input);
}

#[tokio::test]
async fn a_command_that_does_not_read_its_input_still_ends() {
    let site = Site::new().await;
    let output = site
        .connect()
        .await
        .run(&shell("exit 4"), vec![7; 4_000_000])
        .await
        .expect("run");
    assert_eq!(output.status, ExitStatus::Code(4));
}

#[tokio::test]
async fn endless_output_is_cut_off() {
    let site = Site::new().await;
    let remote = site.connect().await;
    let error = remote
        .run(&RemoteCommand::new("yes"), Vec::new())
        .await
        .expect_err("endless");
    let bytes_max = OUTPUT_BYTES_MAX;
    assert_eq!(
        error,
        RemoteError::OutputTooLarge {
            command: "yes".into(),
            bytes_max
        }
    );
    // The connection is still good, and the command has nobody left to write to.
    assert_eq!(
        remote
            .run(&shell("echo on"), Vec::new())
            .await
            .expect("run")
            .text(),
        "on"
    );
    eventually("yes is gone", || site.server.processes() == 0).await;
}

#[tokio::test]
async fn a_hanging_command_times_out_and_the_connection_stays() {
    let site = Site::new().await;
    let connect = async |seconds| {
        let mut options = site.options();
        options.command_timeout_seconds = seconds;
        let connected = gwmigrate::remote::Remote::connect(options).await;
        connected.expect("connected").remote
    };
    // Neither command ends before the file is there.
    let hangs = "until [ -e go ]; do sleep 0.1; done; echo gone";
    let patient = connect(3600).await;
    let waiting = tokio::spawn(async move { patient.run(&shell(hangs), Vec::new()).await });
    eventually("it runs", || site.server.processes() > 0).await;
    let remote = connect(1).await;
    let error = remote
        .run(&shell(hangs), Vec::new())
        .await
        .expect_err("hangs");
    assert_eq!(
        error,
        RemoteError::CommandTimedOut {
            command: format!("sh -c '{hangs}'"),
            seconds: 1
        }
    );
    let unlimited = remote.clone();
    let unlimited = tokio::spawn(async move { unlimited.run_to_its_end(&shell(hangs)).await });
    sleep(Duration::from_secs(2)).await;
    assert!(!unlimited.is_finished(), "for as long as it needs");
    // It was the limit of that connection, and none that every connection has.
    assert!(!waiting.is_finished(), "begun before, and limited later");
    std::fs::write(site.path("go"), "").expect("written");
    let output = waiting.await.expect("a task").expect("run");
    assert_eq!(output.text(), "gone");
    let output = unlimited.await.expect("a task").expect("run");
    assert_eq!(output.text(), "gone");
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
async fn commands_run_side_by_side() {
    const COMMANDS: usize = 6;
    let site = Site::new().await;
    let remote = site.connect().await;
    let folder = site.path("here");
    std::fs::create_dir(&folder).expect("folder");
    // Each ends when all of them have begun, and so none of them where one had to wait for another's end.
    let runs = (0..COMMANDS).map(|number| {
        let remote = remote.clone();
        let script = format!(
            "cd '{}' && : > {number} && until [ $(ls | wc -l) = {COMMANDS} ]; do sleep 0.05; done; echo {number}",
            folder.display()
        );
        tokio::spawn(async move { remote.run(&shell(&script), Vec::new()).await })
    });
    for (number, run) in runs.collect::<Vec<_>>().into_iter().enumerate() {
        assert_eq!(
            run.await.expect("task").expect("run").text(),
            number.to_string()
        );
    }
}

#[tokio::test]
async fn a_cut_ends_a_run_and_a_new_connection_works() {
    let site = Site::new().await;
    let remote = site.connect().await;
    let running = {
        let remote = remote.clone();
        tokio::spawn(async move { remote.run(&shell("sleep 60"), Vec::new()).await })
    };
    eventually("the command runs", || site.server.processes() > 0).await;
    site.server.drop_connections();
    let error = timeout(Duration::from_secs(5), running)
        .await
        .expect("in time")
        .expect("task")
        .expect_err("cut");
    assert!(
        matches!(error, RemoteError::Disconnected { .. }),
        "{error:?}"
    );
    assert!(error.verdict().try_again());
    let again = remote
        .run(&shell("true"), Vec::new())
        .await
        .expect_err("stays lost");
    assert!(
        matches!(again, RemoteError::Disconnected { .. }),
        "{again:?}"
    );
    let anew = gwmigrate::remote::Remote::connect(remote.options().clone())
        .await
        .expect("connected")
        .remote;
    assert_eq!(
        anew.run(&shell("echo on"), Vec::new())
            .await
            .expect("run")
            .text(),
        "on"
    );
}

#[tokio::test]
async fn a_cut_at_any_byte_is_a_lost_connection() {
    let site = Site::new().await;
    for bytes in [0, 1, 40, 100, 500, 2000, 20_000] {
        let remote = site.connect().await;
        site.server.cut_after_bytes(bytes);
        let command = shell("head -c 100000 /dev/zero");
        let result = timeout(Duration::from_secs(10), remote.run(&command, Vec::new()))
            .await
            .expect("in time");
        assert!(
            matches!(result, Err(RemoteError::Disconnected { .. })),
            "{bytes}: {result:?}"
        );
    }
}

#[tokio::test]
async fn a_command_that_detached_itself_outlives_its_connection_but_not_the_server() {
    let site = Site::new().await;
    let remote = site.connect().await;
    let detach =
        shell("setsid sh -c 'echo $$ > pid; exec sleep 600' < /dev/null > /dev/null 2>&1 &");
    let output = remote.run(&detach, Vec::new()).await.expect("run");
    output.require_success(&detach).expect("started");
    let pid = || std::fs::read_to_string(site.path("pid")).unwrap_or_default();
    eventually("it tells its number", || pid().ends_with('\n')).await;
    let command_line = format!("/proc/{}/cmdline", pid().trim());
    site.server.drop_connections();
    sleep(Duration::from_millis(200)).await;
    assert_eq!(site.server.processes(), 1);
    assert!(!std::fs::read(&command_line).expect("alive").is_empty());
    site.server.stop().await;
    // One that nobody has waited for yet has an empty line.
    assert!(std::fs::read(&command_line).unwrap_or_default().is_empty());
}

#[tokio::test]
async fn commands_see_the_environment_that_was_given_and_nothing_else() {
    let site = Site::with(|options| {
        options.environment.insert("SITE".into(), "one".into());
    })
    .await;
    let output = site
        .connect()
        .await
        .run(&shell("echo $SITE $CARGO_MANIFEST_DIR; pwd"), Vec::new())
        .await
        .expect("run");
    let folder = site.folder.path().canonicalize().expect("folder");
    assert_eq!(output.text(), format!("one\n{}", folder.display()));
}

#[tokio::test]
async fn a_quiet_connection_stays_up_through_keepalives() {
    let site = Site::new().await;
    let mut options = site.options();
    options.keepalive_seconds = 2;
    let remote = gwmigrate::remote::Remote::connect(options)
        .await
        .expect("connected")
        .remote;
    // Longer than three unanswered signs of life take.
    sleep(Duration::from_secs(8)).await;
    assert_eq!(
        remote
            .run(&shell("echo on"), Vec::new())
            .await
            .expect("run")
            .text(),
        "on"
    );
}
