//! The worksheet: the TOML file that says everything about a job.
//!
//! ```text
//! text -> read (by the table of fields) -> values -> build (rules between fields) -> Worksheet
//!                    |                                     |
//!                    +------------- problems --------------+--> all at once, each with its line
//! ```
//!
//! Invariants:
//! 1. A setting that is not in the table is an error, and so is one that makes no sense with the kind of source.
//! 2. Every problem is told at once.
//! 3. A secret never stands in a worksheet, and what stands where one was expected is never shown.

mod areas;
mod build;
mod field;
mod model;
mod problem;
mod read;
mod secret;
mod suggest;
mod template;
#[cfg(test)]
mod tests;
mod value;

pub use model::{
    Certificate, CopySettings, Destination, DocumentArea, GuardianEngine, GuardianSettings,
    HostAndPort, LowPorts, MailboxTest, MountClient, NetworkSource, Package, PackageKind, Platform,
    Poa, PostOffice, Protocol, Source, SourceAccess, Worksheet,
};
pub use problem::{Problem, WorksheetProblems};
pub use secret::{SecretError, SecretReference, SecretSource};
pub use template::template;

use problem::Problems;

impl Worksheet {
    /// Reads a worksheet, or tells everything that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, WorksheetProblems> {
        let mut problems = Problems::new(text);
        let filled = read::read(text, &mut problems);
        let worksheet = build::build(filled, &mut problems);
        if problems.is_empty() {
            Ok(worksheet)
        } else {
            Err(problems.finish())
        }
    }
}
