//! Logging in: with each given way that the server offers, until it asks for nothing more.
//!
//! A server may want more than one step, and says after each what it takes next.  So it is asked again after
//! each step that it took, and a way is tried when it is offered.  No key and no password is tried twice: servers count.

use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use ssh2::{ErrorCode, Session};

use super::error::RemoteError;
use super::keys::read_key;
use super::options::timed_out;
use super::options::{Authentication, ConnectOptions, PERSON_SECONDS};
use super::prompts::Answers;

/// What libssh2 says where the server did not accept a way to log in.
const REFUSED: [i32; 3] = [-18, -19, -48];

/// What libssh2 says of a password that must be changed.
const EXPIRED: ErrorCode = ErrorCode::Session(-20);

/// What libssh2 says where a server that had accepted a key did not let it in with its signature: it wants more steps.
const SIGNATURE_NOT_ENOUGH: &str = "Invalid signature";

/// What libssh2 says where the server accepts a key that the agent does not sign with.
const NOT_SIGNED: &str = "Callback returned error";

/// More steps than any server wants.
const STEPS_MAX: usize = 8;

/// Logs in, or says what was tried and what the server accepts.
pub(super) fn authenticate(
    options: &ConnectOptions,
    session: &Session,
    socket: &TcpStream,
) -> Result<(), RemoteError> {
    let login = Login {
        options,
        session,
        socket,
        // The library says "none" worked by an empty list and by being logged in.
        offered: offered(options, session).map_err(|error| disconnected(options, &error))?,
        tried: Vec::new(),
        refused: 0,
        steps: 0,
        password_given: false,
        prompts_refused: false,
        is_key_refused: false,
    };
    login.run()
}

/// The methods that the server takes now.
fn offered(options: &ConnectOptions, session: &Session) -> Result<String, ssh2::Error> {
    session.auth_methods(&options.user).map(str::to_owned)
}

/// A login under way.
struct Login<'a> {
    options: &'a ConnectOptions,
    session: &'a Session,
    socket: &'a TcpStream,
    /// The methods that the server takes now.
    offered: String,
    /// What was tried, each with what came of it.
    tried: Vec<String>,
    /// How many keys and passwords the server has refused.
    refused: usize,
    /// How many steps it has taken.
    steps: usize,
    password_given: bool,
    prompts_refused: bool,
    /// Whether the agent has shown the key of the file already, in vain.
    is_key_refused: bool,
}

impl<'a> Login<'a> {
    fn run(mut self) -> Result<(), RemoteError> {
        let mut ways: Vec<&'a Authentication> = self.options.authentication.iter().collect();
        while !self.session.authenticated() && self.steps < STEPS_MAX {
            if let Some(at) = ways.iter().position(|way| self.is_offered(way)) {
                self.attempt(ways.remove(at))?;
            } else if self.may_ask() {
                self.answer_prompts(None)?;
            } else {
                break;
            }
        }
        if self.session.authenticated() {
            return Ok(());
        }
        let not_offered = |way: &&Authentication| match way {
            Authentication::Agent { .. } => "agent: keys are not asked for".to_owned(),
            Authentication::Key { path, .. } => {
                format!("key {}: keys are not asked for", path.display())
            }
            Authentication::Password(_) => "password: it is not asked for".to_owned(),
        };
        self.tried.extend(ways.iter().map(not_offered));
        Err(RemoteError::AuthenticationRefused {
            user: self.options.user.as_str().into(),
            host: self.options.host.as_str().into(),
            tried: self.tried,
            accepted: self.offered.into(),
        })
    }

    fn offers(&self, method: &str) -> bool {
        self.offered.split(',').any(|offered| offered == method)
    }

    fn is_offered(&self, way: &Authentication) -> bool {
        match way {
            Authentication::Agent { .. } | Authentication::Key { .. } => self.offers("publickey"),
            Authentication::Password(_) => {
                self.offers("password")
                    || (self.offers("keyboard-interactive") && !self.prompts_refused)
            }
        }
    }

    /// Whether the questions of the server are the way on: where it took a step, or was offered nothing that it refused.
    fn may_ask(&self) -> bool {
        self.offers("keyboard-interactive")
            && !self.prompts_refused
            && (self.steps > 0 || self.refused == 0)
    }

    fn attempt(&mut self, way: &'a Authentication) -> Result<(), RemoteError> {
        match way {
            Authentication::Agent { socket, only } => self.try_agent(socket, only.as_deref()),
            Authentication::Key { .. } if self.is_key_refused => Ok(()),
            Authentication::Key { path, passphrase } => self.try_key(path, passphrase.as_ref()),
            Authentication::Password(password) => self.try_password(password),
        }
    }

    fn try_agent(&mut self, socket: &Path, only: Option<&[u8]>) -> Result<(), RemoteError> {
        let listed = self.session.agent().and_then(|mut agent| {
            agent.set_identity_path(socket)?;
            agent.connect()?;
            agent.list_identities()?;
            Ok((agent.identities()?, agent))
        });
        let (mut identities, agent) = match listed {
            Ok(listed) => listed,
            Err(error) => {
                self.tried.push(format!("agent: {}", error.message()));
                return Ok(());
            }
        };
        let held = identities.len();
        if let Some(blob) = only {
            identities.retain(|identity| identity.blob() == blob);
            if identities.is_empty() {
                let text = format!("agent: none of its {held} keys is the one of `key`");
                self.tried.push(text);
                return Ok(());
            }
        }
        let refused_before = self.refused;
        for identity in &identities {
            let result = agent.userauth(&self.options.user, identity);
            let name = format!("agent, key {}", identity.comment());
            self.judge_key(&name, result, Ok)?;
            if self.session.authenticated() || !self.offers("publickey") {
                break;
            }
        }
        self.is_key_refused = only.is_some() && self.refused > refused_before;
        Ok(())
    }

    fn try_key(
        &mut self,
        path: &Path,
        passphrase: Option<&SecretString>,
    ) -> Result<(), RemoteError> {
        let key = read_key(path, passphrase.is_some())?;
        let passphrase = passphrase.map(SecretString::expose_secret);
        let result =
            self.session
                .userauth_pubkey_memory(&self.options.user, None, &key, passphrase);
        let name = format!("key {}", path.display());
        self.judge_key(&name, result, |cause| {
            Err(RemoteError::KeyUnusable {
                path: path.to_owned(),
                cause,
            })
        })
    }

    /// What came of a key; `unusable` tells what the library says of one that the server was not asked about.
    fn judge_key(
        &mut self,
        name: &str,
        result: Result<(), ssh2::Error>,
        unusable: impl FnOnce(String) -> Result<String, RemoteError>,
    ) -> Result<(), RemoteError> {
        let Err(error) = result else {
            return Ok(());
        };
        if is_disconnected(&error) {
            return Err(self.hung_up(&error));
        }
        if error.message().starts_with(SIGNATURE_NOT_ENOUGH) {
            return self.took_a_step(name);
        }
        if error.message() == NOT_SIGNED {
            self.tried
                .push(format!("{name}: the server takes it, but it does not sign"));
        } else if is_refusal(&error) {
            self.refused += 1;
            self.tried.push(format!("{name}: refused"));
        } else {
            let cause = unusable(error.message().to_owned())?;
            self.tried.push(format!("{name}: {cause}"));
        }
        Ok(())
    }

    fn try_password(&mut self, password: &'a SecretString) -> Result<(), RemoteError> {
        // Its questions say what is asked for; the other method takes whatever it gets for a password.
        if self.offers("keyboard-interactive") && !self.prompts_refused {
            self.answer_prompts(Some(password))?;
        }
        if self.session.authenticated() || self.password_given || !self.offers("password") {
            return Ok(());
        }
        self.password_given = true;
        let result = self
            .session
            .userauth_password(&self.options.user, password.expose_secret());
        self.judge_answers("password", result).map(drop)
    }

    /// Answers what the server asks; without the password where it was given already, or where there is none.
    fn answer_prompts(&mut self, password: Option<&'a SecretString>) -> Result<(), RemoteError> {
        let mut answers = Answers {
            options: self.options,
            socket: self.socket,
            password: password.filter(|_| !self.password_given),
            stopped: None,
        };
        let had_password = answers.password.is_some();
        let usual = self.session.timeout();
        if self.options.person.is_some() {
            let longer = Duration::from_secs(PERSON_SECONDS).as_millis();
            let longer = u32::try_from(longer).unwrap_or(u32::MAX);
            self.session.set_timeout(usual.saturating_add(longer));
        }
        let result = self
            .session
            .userauth_keyboard_interactive(&self.options.user, &mut answers);
        self.session.set_timeout(usual);
        if had_password && answers.password.is_none() {
            self.password_given = true;
        }
        if let Some(stopped) = answers.stopped {
            return Err(stopped);
        }
        self.prompts_refused = !self.judge_answers("keyboard-interactive", result)?;
        Ok(())
    }

    /// What came of a password or of answers; false where they were refused.
    fn judge_answers(
        &mut self,
        method: &str,
        result: Result<(), ssh2::Error>,
    ) -> Result<bool, RemoteError> {
        let Err(error) = result else {
            return Ok(true);
        };
        if error.code() == EXPIRED {
            return Err(RemoteError::PasswordExpired {
                user: self.options.user.as_str().into(),
                host: self.options.host.as_str().into(),
                said: "the server asks for another password".into(),
            });
        }
        // The library does not tell a step from a refusal; after a step the server takes something else.
        let now = if is_disconnected(&error) {
            Err(error)
        } else {
            offered(self.options, self.session)
        };
        let now = match now {
            Ok(now) => now,
            // It bears no more, so what it had just been given was wrong; trying that again by itself could lock an account.
            Err(error) => {
                self.refused += 1;
                self.tried.push(format!("{method}: refused"));
                return Err(self.hung_up(&error));
            }
        };
        let is_new = now.split(',').any(|method| !self.offers(method));
        if now.is_empty() || now == self.offered {
            self.refused += 1;
            self.tried.push(format!("{method}: refused"));
            return Ok(self.session.authenticated());
        }
        self.offered = now;
        self.steps += 1;
        // Some servers take a method off the list that failed.
        let told = if is_new { "" } else { "refused, or " };
        self.tried
            .push(format!("{method}: {told}accepted as one step"));
        Ok(true)
    }

    /// The server took this and wants more.
    fn took_a_step(&mut self, name: &str) -> Result<(), RemoteError> {
        self.steps += 1;
        self.tried.push(format!("{name}: accepted as one step"));
        self.offered = offered(self.options, self.session).map_err(|error| self.hung_up(&error))?;
        Ok(())
    }

    /// That the connection ended: because of what was refused before, or by itself.
    fn hung_up(&self, error: &ssh2::Error) -> RemoteError {
        if self.refused == 0 {
            return disconnected(self.options, error);
        }
        RemoteError::TooManyTries {
            user: self.options.user.as_str().into(),
            host: self.options.host.as_str().into(),
            tried: self.tried.clone(),
        }
    }
}

fn is_refusal(error: &ssh2::Error) -> bool {
    matches!(error.code(), ErrorCode::Session(code) if REFUSED.contains(&code))
}

/// What libssh2 says where a connection ended before the server answered; it gives the code of a refusal with it.
const UNANSWERED: &str = "Waiting for ";

/// Whether the connection itself broke: a socket error, a time-out, or an answer that never came.
fn is_disconnected(error: &ssh2::Error) -> bool {
    matches!(
        error.code(),
        ErrorCode::Session(-7 | -9 | -13 | -30 | -43 | -45)
    ) || error.message().starts_with(UNANSWERED)
}

/// What a connection that ended while it was being made is told as.
pub(super) fn disconnected(options: &ConnectOptions, error: &ssh2::Error) -> RemoteError {
    if error.code() == ErrorCode::Session(-9) {
        return timed_out(options, "logging in");
    }
    RemoteError::Disconnected {
        host: options.host.clone(),
        cause: error.message().to_owned(),
    }
}
