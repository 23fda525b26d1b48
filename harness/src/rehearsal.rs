//! A whole migration, rehearsed: both stages, with changes to the source in between, and what must hold afterwards.

mod answers;
mod command;
mod expected;
mod fault;
mod folder;
mod late_item;
mod outcome;
mod play;
mod run;
mod under_fault;
mod users;

pub use command::migrate;
pub use expected::EXPECTED_FINDINGS;
pub use fault::{Fault, FaultKind};
pub use folder::make_page_again;
pub use outcome::{CommandRun, RehearsalOutcome};
pub use play::folder_in_any_case;
pub use run::run;

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use simulator::{GuardianKind, NameCase};

use crate::ssh_server::{KeyError, SshServerError};

/// Where the simulated servers of a rehearsal run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum BackEnd {
    /// Folders of this machine and an ssh server inside this process.
    #[default]
    Embedded,
    /// Containers of a Docker engine, with a network between them and a real share.
    Containers,
    /// The source as a container, the destination as an emulated machine with a kernel of its own, which mounts the share
    /// itself.  Slow: its processors are emulated.
    Vm,
}

impl BackEnd {
    /// Whether both servers are apart, with a network between them and a share.
    pub fn has_share(self) -> bool {
        self != Self::Embedded
    }
}

/// How a rehearsal is to be.
#[derive(Debug, Clone)]
pub struct RehearsalOptions {
    /// Where the simulated servers run.
    pub back_end: BackEnd,
    /// The program that plays all roles; usually the one that is running.
    pub program: PathBuf,
    /// What everything is derived from.
    pub seed: u64,
    /// How many files the post office has.
    pub files: usize,
    /// The case of the names.
    pub case: NameCase,
    /// The generation of the guardian.
    pub guardian: GuardianKind,
    /// Who is to convert it, as the worksheet says it; the migrator's own choice where nothing is said.
    pub guardian_engine: Option<String>,
    /// How many operations change the source before each repeated pass.
    pub churn: usize,
    /// How many operations the agent of the source begins in a second while the second pass runs; 0 for none.
    pub source_rate: u64,
    /// What strikes, in the order of the commands; the trees must come out the same.
    pub faults: Vec<Fault>,
    /// Whether the Linux POA is installed and run.
    pub with_poa: bool,
    /// The folder of the rehearsal; a new one where none is named.
    pub folder: Option<PathBuf>,
    /// Whether the trees are kept afterwards; the reports always are.
    pub keep: bool,
}

impl RehearsalOptions {
    /// The command that rehearses the same again.
    pub fn command_line(&self) -> String {
        let mut named = match self.back_end {
            BackEnd::Embedded => String::new(),
            BackEnd::Containers => " --backend containers".to_owned(),
            BackEnd::Vm => " --backend vm".to_owned(),
        };
        if self.guardian == GuardianKind::Opaque {
            named.push_str(" --guardian opaque");
        }
        if let Some(engine) = &self.guardian_engine {
            let _ = write!(named, " --engine {engine}");
        }
        for fault in &self.faults {
            let _ = write!(named, " --fault {fault}");
        }
        format!(
            "gwrehearse --size {} --case {} --seed {} --churn {} --source-rate {}{named}",
            self.files, self.case, self.seed, self.churn, self.source_rate
        )
    }
}

/// Why a rehearsal could not be carried out; that the migration failed is no error but an outcome.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RehearsalError {
    /// A file or folder of the rehearsal.
    #[error("Could not {operation} {}: {cause}", path.display())]
    Io {
        /// What was being done, as a verb.
        operation: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// The simulator.
    #[error(transparent)]
    Simulator(#[from] simulator::SimulatorError),
    /// The ssh server.
    #[error(transparent)]
    Server(#[from] SshServerError),
    /// Its keys.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The containers.
    #[error(transparent)]
    Containers(#[from] crate::containers::ContainersError),
    /// The emulated machine.
    #[error(transparent)]
    Machine(#[from] crate::machine::MachineError),
    /// The back end cannot have this fault.
    #[error(
        "Between servers no empty folder can stand where the share was; use the fault source-gone"
    )]
    NoSuchFault,
    /// The back end cannot have this fault for another reason.
    #[error("This back end cannot have the fault {fault}; use --backend embedded")]
    OnlyEmbedded {
        /// Which fault.
        fault: &'static str,
    },
    /// Nothing can be mounted.
    #[error(
        "No file system could be mounted at {}: {cause}. Run as root, or in name spaces of your own: `unshare -rm gwrehearse ...`", path.display()
    )]
    MayNotMount {
        /// Where.
        path: PathBuf,
        /// What the program said.
        cause: String,
    },
    /// The back end has no such network.
    #[error(
        "There is no network between the servers of this back end that could be disturbed; use --backend containers"
    )]
    NoNetwork,
    /// The agent of the source.
    #[error("The agent of the source does not work as it should: {cause}")]
    SourceAgent {
        /// What it does instead.
        cause: String,
    },
    /// The migrator printed something that is no JSON.
    #[error("`gwmigrate {command}` printed no result: {cause}")]
    NoResult {
        /// Which command.
        command: String,
        /// Why.
        cause: String,
    },
}

/// Turns an error of the system into one of the rehearsal.
pub(crate) fn io_error(
    operation: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> RehearsalError {
    let path = path.to_owned();
    move |cause| RehearsalError::Io {
        operation,
        path,
        cause,
    }
}
