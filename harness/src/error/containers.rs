//! What can go wrong with containers.

use testcontainers::TestcontainersError;
use testcontainers::bollard;

/// Why containers could not do what a rehearsal needs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContainersError {
    /// No engine answers.
    #[error("No Docker engine answers: {0}")]
    NoEngine(String),
    /// The engine refused something.
    #[error("The Docker engine could not {operation}: {cause}")]
    Engine {
        /// What was wanted, as a verb.
        operation: &'static str,
        /// Why not.
        cause: bollard::errors::Error,
    },
    /// An image or a container.
    #[error("Could not {operation}: {cause}")]
    Container {
        /// What was wanted, as a verb.
        operation: &'static str,
        /// Why not.
        cause: TestcontainersError,
    },
    /// The image that the others begin with can neither be pulled nor made here.
    #[error("The base image {image} could not be pulled ({pulled}), nor made here: {made}")]
    NoBaseImage {
        /// Its name.
        image: &'static str,
        /// Why it could not be pulled.
        pulled: String,
        /// Why it could not be made.
        made: String,
    },
    /// A command in a container failed.
    #[error("`{command}` in the {server} ended with {code}: {said}")]
    Command {
        /// Which container.
        server: &'static str,
        /// What was run.
        command: String,
        /// With which code it ended.
        code: i64,
        /// What it said.
        said: String,
    },
    /// The engine left something out of an answer.
    #[error("The Docker engine told no {0}")]
    Untold(&'static str),
}

/// Says what was tried when the engine refuses.
pub(crate) fn tried(
    operation: &'static str,
) -> impl FnOnce(bollard::errors::Error) -> ContainersError {
    move |cause| ContainersError::Engine { operation, cause }
}
