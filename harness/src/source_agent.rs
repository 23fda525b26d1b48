//! The agent that works on the simulated source while it is migrated: a process of its own, as in life.

use std::ffi::OsString;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use simulator::{Acknowledged, RESTING, read_journal};

use crate::certificate::CertificateFiles;
use crate::error::{HarnessError, io_error};

/// The name of the simulator's program.
const SIMULATOR: &str = "gwsim";

/// How long it may take until it is at work, and until it has ended.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// How long to sleep between two looks.
const NAP: Duration = Duration::from_millis(10);

/// What an agent of the source is told to do.
#[derive(Debug, Clone, Copy)]
pub struct AgentOrders {
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
}

/// Where an agent of the source works; paths are those of the machine that it runs on.
#[derive(Debug, Clone)]
pub struct AgentPlace {
    /// The post office.
    pub home: PathBuf,
    /// The certificate with which it offers encryption.
    pub certificate: Option<CertificateFiles>,
    /// The address that it listens on; the loopback address where nothing is said.
    pub ip: Option<IpAddr>,
    /// Its ports: for clients, of the status page, and of IMAP.
    pub ports: Option<[u16; 3]>,
}

/// The process of an agent, on this machine or on another.
pub trait AgentProcess: Send + std::fmt::Debug {
    /// With which code it ended, where it has; `-1` stands for an end by a signal.
    ///
    /// # Errors
    /// What the system says.
    fn exit_code(&mut self) -> io::Result<Option<i64>>;

    /// Sends it a signal.
    ///
    /// # Errors
    /// What the system says.
    fn signal(&mut self, signal: Signal) -> io::Result<()>;
}

/// A process of this machine; it is killed where it is not stopped.
#[derive(Debug)]
struct Here(Child);

impl AgentProcess for Here {
    fn exit_code(&mut self) -> io::Result<Option<i64>> {
        let status = self.0.try_wait()?;
        Ok(status.map(|status| status.code().map_or(-1, i64::from)))
    }

    fn signal(&mut self, signal: Signal) -> io::Result<()> {
        Ok(kill_process(Pid::from_child(&self.0), signal)?)
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        // One that was stopped has ended already, and then both fail.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The arguments of the simulator's program; `folder` is for the journal, on the machine that the agent runs on.
pub fn agent_arguments(orders: &AgentOrders, place: &AgentPlace, folder: &Path) -> Vec<OsString> {
    let at = |name: &str| {
        folder
            .join(format!("{name}-{}", orders.number))
            .into_os_string()
    };
    let mut arguments: Vec<OsString> = ["poa", "--role", "source", "--home"]
        .map(OsString::from)
        .to_vec();
    arguments.push(place.home.clone().into_os_string());
    arguments.extend([
        "--journal".into(),
        at("journal"),
        "--daemon-ready-file".into(),
        at("ready"),
    ]);
    if let Some(ip) = place.ip {
        arguments.extend(["--ip".into(), ip.to_string().into()]);
    }
    if let Some(files) = &place.certificate {
        arguments.extend([
            "--certfile".into(),
            files.certificate.clone().into_os_string(),
        ]);
        arguments.extend(["--keyfile".into(), files.plain_key.clone().into_os_string()]);
    }
    let mut numbers = vec![
        ("--seed", orders.seed),
        ("--operations-per-second", orders.operations_per_second),
        ("--pause-milliseconds", orders.pause_milliseconds),
        ("--maintenance-every", orders.maintenance_every),
    ];
    if let Some([client, http, imap]) = place.ports {
        numbers.extend([
            ("--port", client.into()),
            ("--httpport", http.into()),
            ("--imapport", imap.into()),
        ]);
    }
    for (name, number) in numbers {
        arguments.extend([name.into(), number.to_string().into()]);
    }
    arguments
}

/// An agent at work; it is killed where it is not stopped.
#[derive(Debug)]
pub struct SourceAgent {
    process: Box<dyn AgentProcess>,
    journal: PathBuf,
}

impl SourceAgent {
    /// Starts it on this machine, and waits until it is at work; `folder` is for its journal.
    ///
    /// # Errors
    /// What starting it says, and an agent that ends at once.
    pub fn start_here(
        program: &Path,
        folder: &Path,
        orders: &AgentOrders,
        place: &AgentPlace,
    ) -> Result<Self, HarnessError> {
        let bin = folder.join(format!("{SIMULATOR}-{}", orders.number));
        let link = bin.join(SIMULATOR);
        std::fs::create_dir_all(&bin).map_err(io_error("create", &bin))?;
        std::os::unix::fs::symlink(program, &link).map_err(io_error("link", &link))?;
        let child = Command::new(&link)
            .args(agent_arguments(orders, place, folder))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(io_error("run", &link))?;
        Self::of_process(Box::new(Here(child)), folder, orders.number)
    }

    /// An agent that was just started, once it is at work; `folder` is that of its journal, seen from this machine.
    ///
    /// # Errors
    /// An agent that ends at once, or does not come to work.
    pub fn of_process(
        process: Box<dyn AgentProcess>,
        folder: &Path,
        number: u64,
    ) -> Result<Self, HarnessError> {
        let at = |name: &str| folder.join(format!("{name}-{number}"));
        let (journal, ready) = (at("journal"), at("ready"));
        let mut agent = Self { process, journal };
        agent.wait_until("start", || ready.exists())?;
        Ok(agent)
    }

    /// What it has done so far.
    ///
    /// # Errors
    /// What reading its journal says.
    pub fn journal(&self) -> Result<Vec<Acknowledged>, HarnessError> {
        Ok(read_journal(&self.journal)?)
    }

    /// Lets it rest: it goes on serving clients and changes nothing from now on.  Gives all that it did.
    ///
    /// # Errors
    /// An agent that does not rest, or ended earlier.
    pub fn rest(&mut self) -> Result<Vec<Acknowledged>, HarnessError> {
        self.signal(Signal::USR1)?;
        let path = self.journal.clone();
        let is_resting = || {
            let journal = read_journal(&path).unwrap_or_default();
            journal.last().is_some_and(|entry| entry.kind == RESTING)
        };
        self.wait_until("rest", is_resting)?;
        self.journal()
    }

    fn signal(&mut self, signal: Signal) -> Result<(), HarnessError> {
        let failed = io_error("signal", &self.journal);
        self.process.signal(signal).map_err(failed)
    }

    fn exit_code(&mut self, what: &'static str) -> Result<Option<i64>, HarnessError> {
        let failed = io_error(what, &self.journal);
        self.process.exit_code().map_err(failed)
    }

    /// Tells it to end, and gives all that it did.
    ///
    /// # Errors
    /// An agent that has not ended well, or ended earlier.
    pub fn stop(mut self) -> Result<Vec<Acknowledged>, HarnessError> {
        let failed = |cause: String| HarnessError::SourceAgent { cause };
        if let Some(code) = self.exit_code("stop")? {
            return Err(failed(format!("it ended by itself with {code}")));
        }
        self.signal(Signal::TERM)?;
        let began = Instant::now();
        loop {
            match self.exit_code("stop")? {
                Some(0) => return self.journal(),
                Some(code) => return Err(failed(format!("it ended with {code}"))),
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
        is_so: impl Fn() -> bool,
    ) -> Result<(), HarnessError> {
        let began = Instant::now();
        while !is_so() {
            let ended = self.exit_code(what)?;
            let cause = match ended {
                Some(code) => format!("it ended at once with {code}"),
                None if began.elapsed() > WAIT_MAX => "it does not come to work".to_owned(),
                None => {
                    std::thread::sleep(NAP);
                    continue;
                }
            };
            return Err(HarnessError::SourceAgent { cause });
        }
        Ok(())
    }
}
