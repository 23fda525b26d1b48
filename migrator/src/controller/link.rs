//! The connection to the destination together with what depends on it: the lease of this controller.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use postoffice::names::printable;
use protocol::{Finding, LeaseAnswer, LeaseHolder, Verdict};
use tokio::sync::mpsc;

use super::could_not_ask;
use super::error::StepError;
use crate::remote::{
    ConnectOptions, Connected, ExitStatus, Followed, Held, Output, Privilege, Remote,
    RemoteCommand, RemoteError, Uploaded,
};

/// The folder in the job folder for files with secrets, while the source is being mounted.
pub(crate) const PRIVATE_FOLDER: &str = "private";

/// Name of the worker's program in the job folder.
pub const PROGRAM_FILE: &str = "gwmigrate";

/// What is done for a controller alone that holds the lease.
const LEASED: [&str; 2] = ["start", "call"];

/// Where an upload arrives that root puts into its place.
const ARRIVED: &str = ".gwmigrate-upload";

/// How many lines of a command may wait to be taken.
const LINES_MAX: usize = 64;

/// How often a broken connection is made anew before the controller gives up; the worker goes on all the same.
const RECONNECTS_MAX: usize = 10;

/// How long to wait before the first attempt; doubled each time, up to [`RECONNECT_PAUSE_MAX`].
const RECONNECT_PAUSE: Duration = Duration::from_millis(250);
const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(30);

/// A connection, and the lease of the job where it is held.
///
/// A connection that breaks is made again, and the lease taken again with it: nothing of a job depends on one link.
#[derive(Debug)]
pub struct Link {
    remote: Mutex<Remote>,
    lease: tokio::sync::Mutex<Option<Held>>,
    options: ConnectOptions,
    job_folder: PathBuf,
    privilege: Privilege,
    holder: Mutex<Option<LeaseHolder>>,
    breaks: AtomicU64,
}

impl Link {
    /// A link over a connection that was made.
    pub fn new(
        connected: Connected,
        options: ConnectOptions,
        job_folder: PathBuf,
        privilege: Privilege,
    ) -> Self {
        Self {
            remote: Mutex::new(connected.remote),
            lease: tokio::sync::Mutex::new(None),
            options,
            job_folder,
            privilege,
            holder: Mutex::new(None),
            breaks: AtomicU64::new(0),
        }
    }

    /// The connection as it is now.
    pub fn remote(&self) -> Remote {
        self.remote
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How often the connection broke and was made again.
    pub fn breaks(&self) -> u64 {
        self.breaks.load(Ordering::Relaxed)
    }

    /// Runs a command, once more over a new connection where the link breaks; so every command must bear being run twice.
    ///
    /// # Errors
    /// What the command or the connection says, after some attempts to connect again.
    pub async fn run(&self, command: &RemoteCommand, stdin: Vec<u8>) -> Result<Output, StepError> {
        let run = async || Ok(self.remote().run(command, stdin.clone()).await);
        self.over_new_connections(run).await
    }

    /// Runs a command that takes as long as it needs and does not bear being run twice at the same time; none where the link
    /// broke meanwhile and was made again: whether the command still runs has to be asked.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn run_once(&self, command: &RemoteCommand) -> Result<Option<Output>, StepError> {
        match self.remote().run_to_its_end(command).await {
            Err(error) if is_broken(&error) => {
                // Any command makes the connection again.
                self.mount_table().await?;
                Ok(None)
            }
            outcome => Ok(Some(outcome?)),
        }
    }

    /// Runs a command that must succeed, as [`Self::run`].
    ///
    /// # Errors
    /// As [`Self::run`]; that it ended with another code than 0.
    pub async fn succeed(&self, command: &RemoteCommand) -> Result<Output, StepError> {
        let output = self.run(command, Vec::new()).await?;
        Ok(output.require_success(command)?)
    }

    /// Does something, once more over a new connection where the link breaks.
    async fn over_new_connections<T>(
        &self,
        mut attempt: impl AsyncFnMut() -> Result<Result<T, RemoteError>, StepError>,
    ) -> Result<T, StepError> {
        let mut pauses = pauses();
        loop {
            match attempt().await? {
                Err(error) if is_broken(&error) && wait(&mut pauses).await => {
                    self.try_reconnect().await?;
                }
                outcome => return Ok(outcome?),
            }
        }
    }

    /// Runs a command for as long as it says something, and passes on each line of that; once more over a new connection where
    /// the link breaks, so that every such command must bear being run twice.  Gives how it ended.
    ///
    /// # Errors
    /// As [`Self::run`]; what `take` says of a line.
    pub async fn run_with_lines(
        &self,
        command: &RemoteCommand,
        stdin: Vec<u8>,
        take: &mut (dyn FnMut(&[u8]) -> Result<(), StepError> + Send),
    ) -> Result<Followed, StepError> {
        let run = async || {
            let (sender, mut lines) = mpsc::channel(LINES_MAX);
            let remote = self.remote();
            let following = remote.follow_with(command, stdin.clone(), sender);
            let taking = async {
                while let Some(line) = lines.recv().await {
                    take(&line)?;
                }
                Ok::<(), StepError>(())
            };
            let (followed, taken) = tokio::join!(following, taking);
            taken?;
            Ok(followed)
        };
        self.over_new_connections(run).await
    }

    /// Makes the connection anew; a failure to do so is only an error where waiting cannot mend it.
    pub(super) async fn try_reconnect(&self) -> Result<(), StepError> {
        match self.reconnect().await {
            Err(StepError::Remote(error)) if may_come_back(&error) => {
                tracing::debug!(%error, "could not connect again yet");
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// The job folder at the destination.
    pub fn job_folder(&self) -> &Path {
        &self.job_folder
    }

    /// Uses another job folder from now on, for looking around without a job.
    pub fn use_job_folder(&mut self, folder: PathBuf) {
        self.job_folder = folder;
    }

    /// A command of the destination, with the privilege that the worksheet asks for.
    pub fn command(&self, program: impl Into<std::ffi::OsString>) -> RemoteCommand {
        RemoteCommand::new(program).privileged(self.privilege)
    }

    /// Whether there is something of this name at the destination, where there is no worker yet that could be asked.
    ///
    /// # Errors
    /// What the connection says; a finding with the code `could-not-ask` where the answer is neither yes nor no.
    pub async fn exists(&self, path: &Path) -> Result<bool, StepError> {
        if self.can_be_reached(path).await? {
            return Ok(true);
        }
        // No is certain where the deepest folder above that is there can be searched: a path with a dot behind it is reached by
        // those alone who may.
        for folder in path.ancestors().skip(1) {
            if self.can_be_reached(&folder.join(".")).await? {
                break;
            }
            if self.can_be_reached(folder).await? {
                let shown = printable(folder.as_os_str().as_encoded_bytes());
                let why = format!(
                    "whoever logs in may not look into {shown}; [destination] user or privilege may be missing in the worksheet"
                );
                return Err(could_not_ask(path, &why));
            }
        }
        Ok(false)
    }

    /// Whether `test` sees something at a path: no is also said of what may not be looked at.
    async fn can_be_reached(&self, path: &Path) -> Result<bool, StepError> {
        let command = self
            .command("test")
            .argument("-e")
            .argument(path.to_owned());
        let output = self.run(&command, Vec::new()).await?;
        match &output.status {
            ExitStatus::Code(0) => Ok(true),
            // Also the code of a sudo that could not run it, which says why.
            ExitStatus::Code(1) if output.stderr.is_empty() => Ok(false),
            status => {
                let said = printable(output.stderr.trim_ascii());
                Err(could_not_ask(path, &format!("{status}: {said}")))
            }
        }
    }

    /// Makes a folder that nobody but its owner enters, and those above it, where there is no worker yet that could.
    ///
    /// # Errors
    /// What the connection or the command says.
    pub async fn make_private_folder(&self, folder: &Path) -> Result<(), StepError> {
        let make = self
            .command("mkdir")
            .arguments(["-p", "-m", "0700", "--"])
            .argument(folder.to_owned());
        self.succeed(&make).await.map(drop)
    }

    /// The mount table of the destination, which everybody may read.
    ///
    /// # Errors
    /// What the connection or the command says.
    pub async fn mount_table(&self) -> Result<Vec<u8>, StepError> {
        let table = RemoteCommand::new("cat").argument("/proc/self/mountinfo");
        Ok(self.succeed(&table).await?.stdout)
    }

    /// Uploads a file to where only root may write, where the user who logged in is not root.
    ///
    /// # Errors
    /// What the connection says, or the command that puts the file into its place.
    pub async fn upload(
        &self,
        local: &Path,
        target: &Path,
        mode: u32,
        progress: impl Fn(u64),
    ) -> Result<Uploaded, StepError> {
        if self.privilege == Privilege::AsIs {
            return Ok(self.remote().upload(local, target, mode, progress).await?);
        }
        // Into the folder that the session begins in; commands begin there as well.
        let arrived = Path::new(ARRIVED);
        let uploaded = self.remote().upload(local, arrived, mode, progress).await?;
        let install = self
            .command("install")
            .arguments(["-m", &format!("{mode:04o}"), "-T", "--", ARRIVED])
            .argument(target.to_owned());
        self.succeed(&install).await?;
        let remove = RemoteCommand::new("rm").arguments(["-f", "--", ARRIVED]);
        self.run(&remove, Vec::new()).await?;
        Ok(uploaded)
    }

    /// A command of the worker; one that a controller without its lease must not give says whose it is.
    pub fn worker(&self, verb: &str) -> RemoteCommand {
        let command = RemoteCommand::new(self.job_folder.join(PROGRAM_FILE))
            .privileged(self.privilege)
            .argument("worker")
            .argument(verb)
            .argument("--job-folder")
            .argument(self.job_folder.clone());
        match self.holder() {
            Some(holder) if LEASED.contains(&verb) => {
                command.argument("--lease").argument(holder.token)
            }
            _ => command,
        }
    }

    fn holder(&self) -> Option<LeaseHolder> {
        self.holder
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Takes the lease of the job for this controller, from whoever holds it where `take_over` says so; held until the link
    /// ends.  Says from whom it was taken.
    ///
    /// # Errors
    /// A finding with the code `controller-busy` where another controller has it.
    pub async fn take_lease(
        &self,
        who: &str,
        take_over: bool,
    ) -> Result<Option<LeaseHolder>, StepError> {
        let mut lease = self.lease.lock().await;
        if lease.is_some() {
            return Ok(None);
        }
        // A controller that takes its lease again, over a new connection, is the same one, unless another one had it meanwhile.
        let held_before = self.holder();
        let is_again = held_before.is_some();
        let holder = held_before.unwrap_or_else(|| LeaseHolder {
            who: who.to_owned(),
            token: token(),
            since_milliseconds: super::now_milliseconds(),
        });
        let mut command = self
            .worker("hold")
            .argument("--who")
            .argument(who)
            .argument("--token")
            .argument(holder.token.clone())
            .argument("--since")
            .argument(holder.since_milliseconds.to_string());
        if take_over {
            command = command.argument("--take-over");
        }
        if is_again {
            command = command.argument("--again");
        }
        let held = self.remote().hold(&command).await?;
        let from = match serde_json::from_slice(&held.first_line) {
            Ok(LeaseAnswer::Held { from }) => from,
            Ok(LeaseAnswer::Busy { holder }) => return Err(self.busy(holder.as_ref())),
            Ok(LeaseAnswer::Lost { finding }) => return Err(StepError::from(*finding)),
            Ok(LeaseAnswer::Failed { text }) => return Err(self.not_held(text)),
            Err(error) => {
                return Err(StepError::Protocol {
                    text: error.to_string(),
                });
            }
        };
        *self.holder.lock().unwrap_or_else(PoisonError::into_inner) = Some(holder);
        *lease = Some(held);
        Ok(from)
    }

    fn busy(&self, holder: Option<&LeaseHolder>) -> StepError {
        let who = holder.map_or_else(|| "one that has not said who it is".to_owned(), describe);
        let text = format!("Another controller is at work on this job: {who}");
        let remedy = "See `gwmigrate status`. Wait until it is done, or end it; where its machine is gone, its lease ends one minute \
                      after its last word, and the same command with --take-over takes it at once";
        Finding::new("controller-busy", Verdict::Refused, text, remedy)
            .about(self.job_folder.as_os_str().as_encoded_bytes())
            .into()
    }

    fn not_held(&self, why: String) -> StepError {
        let remedy = "See that the job folder can be written and its disk has room, then run the same command again";
        Finding::new("lease-not-taken", Verdict::Temporary, why, remedy)
            .about(self.job_folder.as_os_str().as_encoded_bytes())
            .into()
    }

    /// Makes the connection anew, and takes the lease again where it was held.
    ///
    /// # Errors
    /// What connecting says.
    pub async fn reconnect(&self) -> Result<(), StepError> {
        // The old lease ends with the old connection; the far end notices that by itself.
        *self.lease.lock().await = None;
        let connected = Remote::connect(self.options.clone()).await?;
        *self.remote.lock().unwrap_or_else(PoisonError::into_inner) = connected.remote;
        self.breaks.fetch_add(1, Ordering::Relaxed);
        if let Some(holder) = self.holder() {
            self.take_lease(&holder.who, false).await?;
        }
        Ok(())
    }

    /// Ends the lease.
    pub async fn end(self) {
        if let Some(lease) = self.lease.into_inner()
            && let Err(error) = lease.close().await
        {
            tracing::debug!(%error, "the lease ended with the connection");
        }
    }
}

/// A text that no other order has, by which an order is recognised when its answer was lost.
pub(super) fn token() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    format!(
        "{}-{}-{}",
        std::process::id(),
        since.as_nanos(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

/// Whether an error says that the link is gone, and nothing else.
pub(super) fn is_broken(error: &RemoteError) -> bool {
    matches!(
        error,
        RemoteError::Disconnected { .. }
            | RemoteError::Unreachable { .. }
            | RemoteError::ConnectTimedOut { .. }
    )
}

/// Whether a destination that was connected once may be reached again later: a machine without its network resolves no names, and
/// a server that is starting may accept a connection and say nothing.
fn may_come_back(error: &RemoteError) -> bool {
    is_broken(error)
        || matches!(
            error,
            RemoteError::NameNotResolved { .. } | RemoteError::Handshake { .. }
        )
}

/// The pauses before a broken connection is made anew, until the controller gives up.
pub(super) fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(RECONNECT_PAUSE)
        .with_max_delay(RECONNECT_PAUSE_MAX)
        .with_max_times(RECONNECTS_MAX)
        .build()
}

/// Waits for the next pause; says whether there was one, so that it makes sense to try once more.
pub(super) async fn wait(pauses: &mut ExponentialBackoff) -> bool {
    let Some(pause) = pauses.next() else {
        return false;
    };
    tokio::time::sleep(pause).await;
    true
}

/// Who holds a lease, and since when.
pub(crate) fn describe(holder: &LeaseHolder) -> String {
    let since = crate::numbers::moment(holder.since_milliseconds);
    format!("{}, since {since}", holder.who)
}
