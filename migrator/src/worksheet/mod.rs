//! The worksheet: the TOML file that says everything about a job.
//!
//! ```text
//! model (a struct for each section, whose fields say how they are read) -> schema --> template
//!                                                                            |
//! text -> TOML with spans -> read: sections of checked values -> build: what others decide, rules -> Worksheet
//!                                    |                             |
//!                                    +---------- problems ---------+--> all at once, each with its line
//! ```
//!
//! Invariants:
//! 1. A setting that no section has is an error, and so is one that makes no sense with the kind of source.
//! 2. Every problem is told at once.
//! 3. Files of this machine are relative to the worksheet, and one that is needed and missing is a problem of its line.
//! 4. A secret never stands in a worksheet, and what stands where one was expected is never shown.

mod build;
mod kinds;
mod model;
mod problem;
mod read;
mod schema;
mod secret;
mod source;
mod template;
#[cfg(test)]
mod tests;
mod value;

pub use kinds::{Generation, HostAndPort, MountClient, Package, PackageKind, Protocol, SourceKind};
pub use model::{
    Certificate, CopySettings, Destination, DocumentArea, GuardianEngine, GuardianSettings,
    LowPorts, MailboxTest, NotifySettings, Platform, Poa, PostOffice, SealSettings, Source,
    Worksheet,
};
pub use problem::{Problem, WorksheetProblems};
pub use secret::{AskedOnce, SecretError, SecretReference, SecretSource};
pub use source::{NetworkSource, SourceAccess};
pub use template::template;
pub use value::Needed;

use std::path::Path;

use problem::Problems;
use value::Local;

impl Worksheet {
    /// Reads a worksheet, or tells everything that is wrong with it; nobody looks whether the files that it names are there.
    pub fn parse(text: &str) -> Result<Self, WorksheetProblems> {
        Self::from_text(text, None)
    }

    /// The same for a worksheet in a folder, which the files that it names are relative to; those that are needed must be
    /// there.
    pub fn parse_in(folder: &Path, text: &str, needed: Needed) -> Result<Self, WorksheetProblems> {
        Self::from_text(text, Some(Local { folder, needed }))
    }

    fn from_text(text: &str, local: Option<Local<'_>>) -> Result<Self, WorksheetProblems> {
        let mut problems = Problems::new(text);
        let worksheet = build::read(text, local, &mut problems);
        problems.finish(worksheet)
    }

    /// Whether the client of any source may cache attributes for longer than a second.
    pub fn may_cache_attributes(&self) -> bool {
        let documents = self.documents.iter().map(|area| &area.access);
        let mut all = std::iter::once(&self.source.access).chain(documents);
        all.any(SourceAccess::may_cache_attributes)
    }
}
