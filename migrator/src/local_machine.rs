//! What the controller takes from the machine that it is started on, handed in by `gwmigrate` or a rehearsal.
//!
//! Libraries never read the environment themselves (ARCHITECTURE, invariant 9): whoever calls them says where the home
//! folder is, which agent answers, and where secrets come from.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::SecretString;

use crate::worksheet::{SecretError, SecretReference, SecretSource};

/// What the controller is given.
#[derive(Clone)]
pub struct LocalMachine {
    /// The file of gwmigrate that is uploaded as the worker: usually the one that is running.
    pub program: PathBuf,
    /// The home folder of the administrator, for the default of `known_hosts`.
    pub home: Option<PathBuf>,
    /// The socket of the ssh agent, where one runs.
    pub agent_socket: Option<PathBuf>,
    /// Who is at work, for the lease and the journal.
    pub who: String,
    /// Whether the lease of the job is taken from a controller that holds it.
    pub take_over: bool,
    /// The time zone of this machine, for limits by the time of day.
    pub zone: jiff::tz::TimeZone,
    /// Where files, variables and prompts for secrets come from.
    pub secrets: Arc<Mutex<dyn SecretSource + Send>>,
}

impl LocalMachine {
    /// The secret that a reference stands for.
    ///
    /// # Errors
    /// What getting it says; never the secret itself.
    pub fn secret(
        &self,
        reference: &SecretReference,
        what: &str,
    ) -> Result<SecretString, SecretError> {
        let mut source = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        reference.resolve(what, &mut *source)
    }
}
