//! Secrets by reference: a worksheet says where a secret is to be found, never what it is.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use protocol::{Explain, Verdict};
use secrecy::{ExposeSecret as _, SecretString};

/// Where a secret is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretReference {
    /// In a file, whose last line end does not count.
    File(PathBuf),
    /// In an environment variable.
    Environment(String),
    /// With the person who starts the migrator.
    Prompt,
}

/// What gets secrets from where they are; the caller has the environment and the terminal, this library has not.
pub trait SecretSource {
    /// All of a file.
    fn file(&mut self, path: &Path) -> io::Result<SecretString>;

    /// An environment variable, or `None` where it is not set.
    fn environment(&mut self, name: &str) -> Option<SecretString>;

    /// What a person types when asked for this, without showing it.
    fn prompt(&mut self, what: &str) -> io::Result<SecretString>;

    /// What a person types as the answer to a question of a server, such as one for a code that is good once; never kept.
    ///
    /// # Errors
    /// That nobody can be asked.
    fn answer(&mut self, question: &str) -> io::Result<SecretString> {
        let _ = question;
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// A source that keeps what a person has typed, so that nobody is asked twice for the same.
#[derive(Debug)]
pub struct AskedOnce<S> {
    inner: S,
    typed: BTreeMap<String, SecretString>,
}

impl<S> AskedOnce<S> {
    /// Nothing was asked yet.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            typed: BTreeMap::new(),
        }
    }
}

impl<S: SecretSource> SecretSource for AskedOnce<S> {
    fn file(&mut self, path: &Path) -> io::Result<SecretString> {
        self.inner.file(path)
    }

    fn environment(&mut self, name: &str) -> Option<SecretString> {
        self.inner.environment(name)
    }

    fn prompt(&mut self, what: &str) -> io::Result<SecretString> {
        if let Some(typed) = self.typed.get(what) {
            return Ok(typed.clone());
        }
        let typed = self.inner.prompt(what)?;
        self.typed.insert(what.to_owned(), typed.clone());
        Ok(typed)
    }

    fn answer(&mut self, question: &str) -> io::Result<SecretString> {
        self.inner.answer(question)
    }
}

/// Why a secret could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Its file cannot be read.
    #[error("The file {} with the {what} cannot be read: {cause}", path.display())]
    File {
        /// What the secret is.
        what: String,
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Its environment variable is not set.
    #[error("The environment variable {name} with the {what} is not set")]
    Environment {
        /// What the secret is.
        what: String,
        /// The variable.
        name: String,
    },
    /// Nobody could be asked.
    #[error("Nobody could be asked for the {what}: {cause}")]
    Prompt {
        /// What the secret is.
        what: String,
        /// Why.
        cause: io::Error,
    },
    /// It is there, and empty.
    #[error("The {what} is empty")]
    Empty {
        /// What the secret is.
        what: String,
    },
}

impl SecretReference {
    /// Gets the secret; `what` names it in questions and errors, as in "password of root on gw1".
    pub fn resolve(
        &self,
        what: &str,
        source: &mut dyn SecretSource,
    ) -> Result<SecretString, SecretError> {
        let what = what.to_owned();
        let secret = match self {
            Self::File(path) => {
                let secret = source.file(path);
                let secret = secret.map_err(|cause| SecretError::File {
                    what: what.clone(),
                    path: path.clone(),
                    cause,
                })?;
                let text = secret.expose_secret();
                let line = text.strip_suffix('\n').unwrap_or(text);
                SecretString::from(line.strip_suffix('\r').unwrap_or(line))
            }
            Self::Environment(name) => {
                source
                    .environment(name)
                    .ok_or_else(|| SecretError::Environment {
                        what: what.clone(),
                        name: name.clone(),
                    })?
            }
            Self::Prompt => source.prompt(&what).map_err(|cause| SecretError::Prompt {
                what: what.clone(),
                cause,
            })?,
        };
        if secret.expose_secret().is_empty() {
            return Err(SecretError::Empty { what });
        }
        Ok(secret)
    }
}

impl Explain for SecretError {
    fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "secret-file-unreadable",
            Self::Environment { .. } => "secret-environment-unset",
            Self::Prompt { .. } => "secret-prompt-failed",
            Self::Empty { .. } => "secret-empty",
        }
    }

    fn verdict(&self) -> Verdict {
        Verdict::Usage
    }

    fn guidance(&self) -> String {
        match self {
            Self::File { .. } => {
                "Correct the path in the worksheet, or the permissions of the file".into()
            }
            Self::Environment { name, .. } => {
                format!("Set {name} for this command, or name another variable")
            }
            Self::Prompt { .. } => {
                "Run on a terminal, or say in the worksheet where the secret is to be found".into()
            }
            Self::Empty { .. } => "Put the secret where the worksheet says that it is".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl SecretSource for Fixed {
        fn file(&mut self, path: &Path) -> io::Result<SecretString> {
            match path.to_str() {
                Some("/lf") => Ok(" a b \n".into()),
                Some("/crlf") => Ok("x\r\n".into()),
                Some("/two") => Ok("x\n\n".into()),
                Some("/empty") => Ok("\n".into()),
                _ => Err(io::ErrorKind::NotFound.into()),
            }
        }

        fn environment(&mut self, name: &str) -> Option<SecretString> {
            (name == "SET").then(|| "from the environment".into())
        }

        fn prompt(&mut self, what: &str) -> io::Result<SecretString> {
            if what == "nobody" {
                Err(io::ErrorKind::NotConnected.into())
            } else {
                Ok(format!("typed {what}").into())
            }
        }
    }

    fn resolve(reference: &SecretReference, what: &str) -> Result<String, &'static str> {
        let secret = reference.resolve(what, &mut Fixed);
        secret
            .map(|secret| secret.expose_secret().to_owned())
            .map_err(|error| error.code())
    }

    #[test]
    fn secrets_come_from_where_the_reference_says() {
        let file = |path: &str| SecretReference::File(path.into());
        assert_eq!(resolve(&file("/lf"), "x").as_deref(), Ok(" a b "));
        assert_eq!(resolve(&file("/crlf"), "x").as_deref(), Ok("x"));
        assert_eq!(resolve(&file("/two"), "x").as_deref(), Ok("x\n"));
        assert_eq!(
            resolve(&SecretReference::Environment("SET".into()), "x").as_deref(),
            Ok("from the environment")
        );
        assert_eq!(
            resolve(&SecretReference::Prompt, "x").as_deref(),
            Ok("typed x")
        );
    }

    #[test]
    fn each_way_to_fail_has_its_code() {
        assert_eq!(
            resolve(&SecretReference::File("/absent".into()), "x"),
            Err("secret-file-unreadable")
        );
        assert_eq!(
            resolve(&SecretReference::File("/empty".into()), "x"),
            Err("secret-empty")
        );
        assert_eq!(
            resolve(&SecretReference::Environment("UNSET".into()), "x"),
            Err("secret-environment-unset")
        );
        assert_eq!(
            resolve(&SecretReference::Prompt, "nobody"),
            Err("secret-prompt-failed")
        );
    }
}
