//! A whole migration, rehearsed: both stages, with changes to the source in between, and what must hold afterwards.

mod answers;
mod command;
mod expected;
mod fault;
mod folder;
mod late_item;
mod outcome;
mod play;
mod report;
mod run;
mod under_fault;
mod users;

pub use command::migrate;
pub use expected::EXPECTED_FINDINGS;
pub use fault::{Fault, FaultKind};
pub use folder::make_page_again;
pub use outcome::{CommandRun, RehearsalOutcome};
pub use play::folder_in_any_case;
pub use run::{run, run_at};

use std::fmt::Write as _;
use std::path::PathBuf;

use simulator::{GuardianKind, NameCase};

use crate::back_end::BackEnd;
use crate::site::SiteOptions;

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
    /// What its servers are made from.
    pub fn site(&self) -> SiteOptions {
        SiteOptions {
            program: self.program.clone(),
            seed: self.seed,
            files: self.files,
            case: self.case,
            guardian: self.guardian,
            guardian_engine: self.guardian_engine.clone(),
            with_documents: true,
            with_poa: self.with_poa,
            with_mailbox_test: self.with_poa && self.source_rate > 0,
        }
    }

    /// The command that rehearses the same again.
    pub fn command_line(&self) -> String {
        let mut named = self.back_end.option().to_owned();
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
