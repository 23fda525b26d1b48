//! Telling a program of this machine what happens: `[notify]` of the worksheet.
//!
//! Whatever becomes of that program, the migration goes on; that it failed is a finding.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::process::Stdio;
use std::time::Duration;

use postoffice::names::printable;
use protocol::{Finding, Severity, Verdict};
use serde::Serialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::{CommandOutcome, Controller, now_milliseconds};
use crate::steps::secrets;

/// The version of what is told.
const NOTICE_VERSION: u32 = 1;

/// How much is kept of what the program says of its failure, in bytes.
const SAID_BYTES_MAX: u64 = 1024;

/// How many findings are named in one notice.
const FINDINGS_MAX: usize = 20;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Notice {
    /// A command has ended.
    CommandEnded {
        /// Its name.
        command: String,
        /// What it came to.
        verdict: Verdict,
        /// Its exit code.
        exit_code: u8,
        /// How many findings of each code nobody has accepted.
        open: BTreeMap<String, u64>,
        /// The command that comes next, where that is known.
        next: Option<String>,
        /// How to go back from here, where that is known.
        back: Option<String>,
    },
    /// Somebody must look at what a command has found.
    PersonNeeded {
        /// The name of the command.
        command: String,
        /// What it came to.
        verdict: Verdict,
        /// The findings that nobody has accepted, the worst first, and no more than some of them.
        findings: Vec<Finding>,
    },
    /// The POA at the source counts as stopped: users are out.
    UsersOut,
    /// The Linux POA has been started for users.
    UsersMayWork,
}

/// A notice, and what it is about.
#[derive(Debug, Serialize)]
struct Told<'a> {
    v: u32,
    job: &'a str,
    post_office: &'a str,
    destination: &'a str,
    /// By the clock of this machine, since 1970.
    at_milliseconds: i64,
    #[serde(flatten)]
    notice: &'a Notice,
}

impl Controller {
    /// Tells what happened, where the worksheet names a program for it; a failure of that is reported as a finding.
    pub async fn tell(&mut self, notice: &Notice) {
        if let Some(finding) = self.notify(notice).await {
            self.report(finding);
        }
    }

    /// Tells how a command ended, and that somebody is needed, where that is so; what fails is one more finding of the command.
    pub async fn tell_end(&self, command: &str, outcome: &mut CommandOutcome) {
        let is_open = |finding: &&Finding| finding.severity() > Severity::Note;
        let mut open: Vec<Finding> = outcome.findings.iter().filter(is_open).cloned().collect();
        open.sort_by_key(|finding| std::cmp::Reverse(finding.counts_as()));
        let mut by_code = BTreeMap::new();
        for finding in &open {
            *by_code.entry(finding.code.to_string()).or_insert(0) += 1;
        }
        open.truncate(FINDINGS_MAX);
        let (command, verdict) = (command.to_owned(), outcome.verdict);
        let mut notices = vec![Notice::CommandEnded {
            command: command.clone(),
            verdict,
            exit_code: verdict.exit_code(),
            open: by_code,
            next: outcome.next.clone(),
            back: outcome.back.clone(),
        }];
        if verdict >= Verdict::NeedsAttention {
            notices.push(Notice::PersonNeeded {
                command,
                verdict,
                findings: open,
            });
        }
        for notice in &notices {
            let Some(mut finding) = self.notify(notice).await else {
                continue;
            };
            protocol::mark(&self.accepted, &mut finding);
            // Said once, however often it failed.
            if outcome
                .findings
                .iter()
                .all(|other| other.code != finding.code)
            {
                self.console.finding(&finding);
                outcome.verdict = outcome.verdict.max(finding.counts_as());
                outcome.findings.push(finding);
            }
        }
    }

    async fn notify(&self, notice: &Notice) -> Option<Finding> {
        let settings = &self.worksheet.notify;
        let (program, arguments) = settings.command.split_first()?;
        let told = Told {
            v: NOTICE_VERSION,
            job: &self.worksheet.post_office.job,
            post_office: &self.worksheet.post_office.name,
            destination: &self.worksheet.destination.host,
            at_milliseconds: now_milliseconds(),
            notice,
        };
        let mut text = serde_json::to_vec(&told).ok()?;
        text.push(b'\n');
        let limit = Duration::from_secs(settings.timeout_seconds);
        let mut command = Command::new(program);
        command.args(arguments);
        for secret in secrets::environment_variables(&self.worksheet) {
            command.env_remove(secret);
        }
        let why = match tokio::time::timeout(limit, run(command, &text)).await {
            Ok(Ok(())) => return None,
            Ok(Err(why)) => why,
            Err(_) => format!(
                "it had not ended after {} seconds, and was ended",
                limit.as_secs()
            ),
        };
        let finding = Finding::new(
            "notify-failed",
            Verdict::NeedsAttention,
            format!("The program that is to be told what happens failed: {why}"),
            "Nothing else is changed by that. Correct `command` in [notify], and tell by yourself who has to know",
        );
        Some(finding.about(program.as_bytes()))
    }
}

/// Runs the program to its end; it is ended where this is not waited for any more.
async fn run(mut command: Command, text: &[u8]) -> Result<(), String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // Ctrl-C at the terminal is for the migration.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| error.to_string())?;
    if let Some(mut input) = child.stdin.take() {
        // One that does not want to read it all may end all the same.
        let _ = input.write_all(text).await;
    }
    let mut said = Vec::new();
    let mut errors = child.stderr.take();
    let listen = async {
        if let Some(errors) = &mut errors {
            let _ = errors.take(SAID_BYTES_MAX).read_to_end(&mut said).await;
            // One that says more must not wait for a reader.
            let _ = tokio::io::copy(errors, &mut tokio::io::sink()).await;
        }
        std::future::pending::<Infallible>().await
    };
    let status = tokio::select! {
        status = child.wait() => status.map_err(|error| error.to_string())?,
        never = listen => match never {},
    };
    if status.success() {
        return Ok(());
    }
    if let Some(errors) = errors {
        // What it left behind may hold the pipe open for ever; the time limit holds for that as well.
        let rest = SAID_BYTES_MAX.saturating_sub(said.len() as u64);
        let _ = errors.take(rest).read_to_end(&mut said).await;
    }
    let said = printable(said.trim_ascii());
    Err(if said.is_empty() {
        status.to_string()
    } else {
        format!("{status}: {said}")
    })
}
