//! Commands, run as sshd runs them.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::sync::PoisonError;

use russh::server::{Handle, Msg};
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;

use super::{Shared, processes};

/// The path that programs are looked for on, as a login shell of root has it.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How much is read from a command at once, in bytes.
const PIECE_BYTES: usize = 32 * 1024;

/// The number of the channel's stream for the standard error (RFC 4254, section 5.2).
const STDERR: u32 = 1;

/// Starts a command in a process group of its own, in a clean environment.
pub(super) fn start(shared: &Shared, line: &[u8]) -> io::Result<Child> {
    let environment = shared
        .environment
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let shell = &shared.options.login_shell;
    let mut words = shared.options.run_under.iter().map(String::as_str);
    let mut command = match words.next() {
        None => Command::new(shell),
        Some(program) => {
            let mut command = Command::new(program);
            command.args(words).arg(shell);
            command
        }
    };
    command
        .arg("-c")
        .arg(OsStr::from_bytes(line))
        .env_clear()
        .env("PATH", PATH)
        .envs(environment)
        .env(processes::VARIABLE, shared.mark.value())
        .current_dir(&shared.options.working_folder)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// Connects a command with its channel until both outputs have ended, or the client closes the channel.
///
/// A client that goes away takes the command's standard input and outputs with it, but does not kill it: that is how
/// sshd does it, and what lets a worker outlive its connection.
pub(super) async fn serve(mut child: Child, channel: Channel<Msg>, handle: Handle) {
    let (reader, writer) = channel.split();
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let closed = feed(reader, stdin);
    let outputs = async {
        tokio::join!(
            pump(stdout, &writer, None),
            pump(stderr, &writer, Some(STDERR))
        )
    };
    tokio::pin!(closed, outputs);
    tokio::select! {
        () = &mut closed => {}
        _ = &mut outputs => tokio::select! {
            () = &mut closed => {}
            status = child.wait() => {
                if let Ok(status) = status {
                    finish(status, &writer, &handle).await;
                }
                return;
            }
        },
    }
    // Nobody is there to hear how the command ends; its end is awaited so that no zombie stays.
    tokio::spawn(async move { child.wait().await });
}

/// Passes the client's data to the command; returns when the client closes the channel or is gone.
///
/// What the command does not read waits here, so that it never holds up the other channels of the connection.
async fn feed(mut reader: ChannelReadHalf, stdin: Option<ChildStdin>) {
    let (pieces, mut waiting) = mpsc::unbounded_channel::<Vec<u8>>();
    let writing = tokio::spawn(async move {
        let Some(mut stdin) = stdin else { return };
        while let Some(piece) = waiting.recv().await {
            if stdin.write_all(&piece).await.is_err() {
                return;
            }
        }
    });
    let mut pieces = Some(pieces);
    loop {
        match reader.wait().await {
            Some(ChannelMsg::Data { data }) => {
                if let Some(pieces) = &pieces {
                    let _ = pieces.send(data.to_vec());
                }
            }
            Some(ChannelMsg::Eof) => pieces = None,
            Some(ChannelMsg::Close) | None => break,
            Some(_) => {}
        }
    }
    // The client is gone: a command that reads its input slowly gets no more of it.
    writing.abort();
}

async fn pump(
    output: Option<impl AsyncRead + Unpin>,
    writer: &ChannelWriteHalf<Msg>,
    stream: Option<u32>,
) {
    let Some(mut output) = output else { return };
    let mut buffer = vec![0; PIECE_BYTES];
    loop {
        let Ok(count @ 1..) = output.read(&mut buffer).await else {
            return;
        };
        let piece = buffer[..count].to_vec();
        // Sending waits until the client's window has room: that is what slows the command down.
        let sent = match stream {
            None => writer.data_bytes(piece).await,
            Some(stream) => writer.extended_data_bytes(stream, piece).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

async fn finish(status: ExitStatus, writer: &ChannelWriteHalf<Msg>, handle: &Handle) {
    let _ = writer.eof().await;
    if let Some(number) = status.signal() {
        let _ = handle
            .exit_signal_request(
                writer.id(),
                signal_name(number),
                false,
                String::new(),
                String::new(),
            )
            .await;
    } else {
        let code = status
            .code()
            .and_then(|code| u32::try_from(code).ok())
            .unwrap_or(255);
        let _ = writer.exit_status(code).await;
    }
    let _ = writer.close().await;
}

fn signal_name(number: i32) -> Sig {
    match number {
        1 => Sig::HUP,
        2 => Sig::INT,
        3 => Sig::QUIT,
        6 => Sig::ABRT,
        9 => Sig::KILL,
        11 => Sig::SEGV,
        13 => Sig::PIPE,
        15 => Sig::TERM,
        other => Sig::Custom(other.to_string()),
    }
}
