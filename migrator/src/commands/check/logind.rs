//! Whether the destination lets the worker outlive the connection that started it.

use postoffice::names::printable;

use super::report::Judged;
use crate::controller::{Controller, StepError};
use crate::remote::{Output, RemoteCommand};

/// The settings of logind that decide, in the order that they are asked for in (logind.conf(5)).
const SETTINGS: [&str; 3] = ["KillUserProcesses", "KillExcludeUsers", "KillOnlyUsers"];

/// What `busctl` says where nobody asks logind to end anything, because there is none.
const NO_LOGIND: [&str; 5] = [
    "not been booted with systemd",
    "onnect to bus",
    "onnect system bus",
    "was not provided by any .service",
    "login1.service not found",
];

/// Asks logind whether it ends what a user left running at the end of a session; the worker is such a process.
pub(super) async fn stays_running(controller: &Controller) -> Result<Judged, StepError> {
    let ask = RemoteCommand::new("busctl")
        .arguments([
            "get-property",
            "org.freedesktop.login1",
            "/org/freedesktop/login1",
            "org.freedesktop.login1.Manager",
        ])
        .arguments(SETTINGS);
    let output = controller.link()?.run(&ask, Vec::new()).await?;
    Ok(judge(&output, &controller.worksheet.destination.user))
}

fn judge(output: &Output, user: &str) -> Judged {
    let said = String::from_utf8_lossy(&output.stderr);
    let is_missing = output.status == crate::remote::ExitStatus::Code(127);
    if is_missing || NO_LOGIND.iter().any(|words| said.contains(words)) {
        return Judged::pass("no logind ends the worker with its connection");
    }
    let text = output.text();
    let lines: Vec<&str> = text.lines().collect();
    let ("b true" | "b false", true, 3) = (
        lines.first().copied().unwrap_or_default(),
        output.status.is_success(),
        lines.len(),
    ) else {
        let said = printable([&*output.stderr, &output.stdout].concat().trim_ascii());
        return Judged::warning(
            format!("it cannot be told whether logind ends the worker with its connection: {said}"),
            "Look for KillUserProcesses in /etc/systemd/logind.conf and logind.conf.d at the destination; it must not be `yes`",
        );
    };
    // A list of texts: `as 2 "root" "other"`.
    let names = |line: &str| line.split('"').skip(1).step_by(2).any(|name| name == user);
    let is_for_all = lines[2] == "as 0";
    if lines[0] == "b false" || names(lines[1]) || !(is_for_all || names(lines[2])) {
        return Judged::pass("the worker goes on when its connection ends");
    }
    Judged::fail(
        format!(
            "logind ends what {user} leaves running (KillUserProcesses=yes), so the worker dies with each connection"
        ),
        format!(
            "At the destination, as root: mkdir -p /etc/systemd/logind.conf.d && printf '[Login]\\nKillExcludeUsers=root {user}\\n' > \
             /etc/systemd/logind.conf.d/gwmigrate.conf && systemctl restart systemd-logind; or log in as root, whom logind leaves alone"
        ),
    )
}

#[cfg(test)]
mod tests {
    use protocol::Verdict;

    use super::*;
    use crate::remote::ExitStatus;

    fn said(code: i32, stdout: &str, stderr: &str) -> Output {
        Output {
            status: ExitStatus::Code(code),
            stdout: stdout.into(),
            stderr: stderr.into(),
        }
    }

    #[test]
    fn logind_ends_the_worker_only_where_it_says_so_for_this_user() {
        use Verdict::{Done, NeedsAttention, Refused};
        for (output, verdict) in [
            (said(0, "b true\nas 1 \"root\"\nas 0\n", ""), Refused),
            (
                said(0, "b true\nas 2 \"root\" \"migrate\"\nas 0\n", ""),
                Done,
            ),
            (said(0, "b true\nas 0\nas 1 \"migrate\"\n", ""), Refused),
            (said(0, "b true\nas 0\nas 1 \"migrate2\"\n", ""), Done),
            (said(0, "b false\nas 1 \"root\"\nas 0\n", ""), Done),
            (said(127, "", "sh: 1: busctl: not found\n"), Done),
            (
                said(
                    1,
                    "",
                    "System has not been booted with systemd as init system (PID 1). Can't operate.\n",
                ),
                Done,
            ),
            (
                said(
                    1,
                    "",
                    "Failed to connect to bus: No such file or directory\n",
                ),
                Done,
            ),
            (
                said(1, "", "Failed to get property: Access denied\n"),
                NeedsAttention,
            ),
            (said(0, "", ""), NeedsAttention),
            (said(0, "b true\n", ""), NeedsAttention),
            (said(1, "b false\nas 0\nas 0\n", ""), NeedsAttention),
        ] {
            let judged = judge(&output, "migrate");
            assert_eq!(judged.verdict, verdict, "{output:?}: {judged:?}");
        }
    }
}
