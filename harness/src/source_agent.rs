//! The agent that works on the simulated source while it is migrated: a process of its own, as in life.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use simulator::{Acknowledged, RESTING, read_journal};

use crate::certificate::CertificateFiles;
use crate::programs::SIMULATOR;
use crate::rehearsal::{RehearsalError, io_error};

/// How long it may take until it is at work, and until it has ended.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// How long to sleep between two looks.
const NAP: Duration = Duration::from_millis(10);

/// What an agent of the source is started with.
#[derive(Debug, Clone)]
pub struct SourceAgentOptions<'a> {
    /// The program that plays all roles.
    pub program: &'a Path,
    /// The post office.
    pub home: &'a Path,
    /// The folder for its journal.
    pub folder: &'a Path,
    /// Tells the journals of several agents in one folder apart.
    pub number: u64,
    /// What it does is derived from this.
    pub seed: u64,
    /// How many operations it begins in a second.
    pub operations_per_second: u64,
    /// How long it rests behind each piece that it writes, with the lock held.
    pub pause_milliseconds: u64,
    /// Every how many operations it holds a lock for long; 0 for never.
    pub maintenance_every: u64,
    /// Its ports: for clients, of the status page, and of IMAP.
    pub ports: Option<[u16; 3]>,
    /// The certificate with which it offers encryption.
    pub certificate: Option<&'a CertificateFiles>,
}

/// An agent at work; it is killed where it is not stopped.
#[derive(Debug)]
pub struct SourceAgent {
    child: Child,
    journal: PathBuf,
}

impl SourceAgent {
    /// Starts it, and waits until it is at work.
    ///
    /// # Errors
    /// What starting it says, and an agent that ends at once.
    pub fn start(options: &SourceAgentOptions<'_>) -> Result<Self, RehearsalError> {
        let at = |name: &str| options.folder.join(format!("{name}-{}", options.number));
        let program = at(SIMULATOR).join(SIMULATOR);
        std::fs::create_dir_all(at(SIMULATOR)).map_err(io_error("create", &program))?;
        std::os::unix::fs::symlink(options.program, &program)
            .map_err(io_error("link", &program))?;
        let (journal, ready) = (at("journal"), at("ready"));
        let mut command = Command::new(&program);
        command.args(["poa", "--role", "source", "--home"]);
        command.arg(options.home).arg("--journal").arg(&journal);
        command.arg("--daemon-ready-file").arg(&ready);
        let mut numbers = vec![
            ("--seed", options.seed),
            ("--operations-per-second", options.operations_per_second),
            ("--pause-milliseconds", options.pause_milliseconds),
            ("--maintenance-every", options.maintenance_every),
        ];
        if let Some([client, http, imap]) = options.ports {
            numbers.extend([
                ("--port", client.into()),
                ("--httpport", http.into()),
                ("--imapport", imap.into()),
            ]);
        }
        if let Some(files) = options.certificate {
            command.arg("--certfile").arg(&files.certificate);
            command.arg("--keyfile").arg(&files.plain_key);
        }
        for (name, number) in numbers {
            command.arg(name).arg(number.to_string());
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(io_error("run", &program))?;
        let mut agent = Self { child, journal };
        agent.wait_until("start", &program, || ready.exists())?;
        Ok(agent)
    }

    /// What it has done so far.
    ///
    /// # Errors
    /// What reading its journal says.
    pub fn journal(&self) -> Result<Vec<Acknowledged>, RehearsalError> {
        Ok(read_journal(&self.journal)?)
    }

    /// Lets it rest: it goes on serving clients and changes nothing from now on.  Gives all that it did.
    ///
    /// # Errors
    /// An agent that does not rest, or ended earlier.
    pub fn rest(&mut self) -> Result<Vec<Acknowledged>, RehearsalError> {
        self.signal(Signal::USR1)?;
        let path = self.journal.clone();
        let is_resting = || {
            let journal = read_journal(&path).unwrap_or_default();
            journal.last().is_some_and(|entry| entry.kind == RESTING)
        };
        self.wait_until("rest", &path, is_resting)?;
        self.journal()
    }

    fn signal(&self, signal: Signal) -> Result<(), RehearsalError> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| RehearsalError::SourceAgent {
            cause: "it has no number".to_owned(),
        })?;
        kill_process(pid, signal).map_err(|errno| io_error("signal", &self.journal)(errno.into()))
    }

    /// Tells it to end, and gives all that it did.
    ///
    /// # Errors
    /// An agent that has not ended well, or ended earlier.
    pub fn stop(mut self) -> Result<Vec<Acknowledged>, RehearsalError> {
        let failed = |cause: String| RehearsalError::SourceAgent { cause };
        if let Some(status) = self
            .child
            .try_wait()
            .map_err(io_error("stop", &self.journal))?
        {
            return Err(failed(format!("it ended by itself, {status}")));
        }
        self.signal(Signal::TERM)?;
        let began = Instant::now();
        loop {
            match self
                .child
                .try_wait()
                .map_err(io_error("stop", &self.journal))?
            {
                Some(status) if status.success() => return self.journal(),
                Some(status) => return Err(failed(format!("it ended with {status}"))),
                None if began.elapsed() > WAIT_MAX => {
                    return Err(failed("it does not end".to_owned()));
                }
                None => std::thread::sleep(NAP),
            }
        }
    }

    fn wait_until(
        &mut self,
        what: &'static str,
        path: &Path,
        is_so: impl Fn() -> bool,
    ) -> Result<(), RehearsalError> {
        let began = Instant::now();
        while !is_so() {
            let ended = self.child.try_wait().map_err(io_error(what, path))?;
            let cause = match ended {
                Some(status) => format!("it ended at once, {status}"),
                None if began.elapsed() > WAIT_MAX => "it does not come to work".to_owned(),
                None => {
                    std::thread::sleep(NAP);
                    continue;
                }
            };
            return Err(RehearsalError::SourceAgent { cause });
        }
        Ok(())
    }
}

impl Drop for SourceAgent {
    fn drop(&mut self) {
        // One that was stopped has ended already, and then both fail.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
