//! The state of one connection: who is logged in, which folder is selected, and what each command does then.

use std::io::{self, Write};

use imap_codec::imap_types::command::{Command, CommandBody};
use imap_codec::imap_types::core::{AString, Vec1};
use imap_codec::imap_types::mailbox::Mailbox as Name;
use imap_codec::imap_types::response::{Capability, Data};

use super::ImapServer;
use super::answer::{Outcome, data};
use super::fetch::{fetch, unreadable};
use super::folders::{changed, list, selected, status, stored_name};
use super::search::search;
use super::tls::Encryption;
use super::view::View;
use crate::error::{MailError, SimulatorError};
use crate::model::Mailbox;

/// How often a password may be wrong on one connection.
const FAILURES_MAX: usize = 3;

/// What the connection does after a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It goes on.
    GoOn,
    /// It is encrypted from here on.
    Encrypt,
    /// It ends.
    HangUp,
}

/// One connection's state.
pub(super) struct Session<'a> {
    server: &'a ImapServer,
    is_encrypted: bool,
    failures: usize,
    user: Option<String>,
    view: Option<View>,
}

impl<'a> Session<'a> {
    pub(super) fn new(server: &'a ImapServer, is_encrypted: bool) -> Self {
        Self {
            server,
            is_encrypted,
            failures: 0,
            user: None,
            view: None,
        }
    }

    pub(super) fn is_logged_in(&self) -> bool {
        self.user.is_some()
    }

    /// What the server can do, on this connection, now.
    pub(super) fn capabilities(&self) -> Vec1<Capability<'static>> {
        let mut capabilities = vec![Capability::Imap4Rev1];
        if !self.is_encrypted && self.server.encryption.identity().is_some() {
            capabilities.push(Capability::StartTls);
        }
        if self.login_is_refused() {
            capabilities.push(Capability::LoginDisabled);
        }
        Vec1::try_from(capabilities).unwrap_or_else(|_| Vec1::from(Capability::Imap4Rev1))
    }

    fn login_is_refused(&self) -> bool {
        !self.is_encrypted && matches!(self.server.encryption, Encryption::Required(_))
    }

    /// Does what a command says and writes the answers.
    pub(super) fn answer(
        &mut self,
        command: Command<'static>,
        out: &mut dyn Write,
    ) -> io::Result<Next> {
        let mut next = Next::GoOn;
        let outcome = match command.body {
            CommandBody::Capability => {
                data(out, Data::Capability(self.capabilities()))?;
                Outcome::ok("CAPABILITY completed")
            }
            CommandBody::Logout => {
                bye(out, "GroupWise IMAP4rev1 Server logging out")?;
                next = Next::HangUp;
                Outcome::ok("LOGOUT completed")
            }
            CommandBody::StartTLS => {
                if self.is_encrypted || self.server.encryption.identity().is_none() {
                    Outcome::bad("STARTTLS is not offered")
                } else if self.user.is_some() {
                    Outcome::bad("STARTTLS comes before LOGIN")
                } else {
                    next = Next::Encrypt;
                    Outcome::ok("begin now")
                }
            }
            CommandBody::Login { username, password } => {
                let outcome = self.log_in(&username, password.declassify());
                if self.failures >= FAILURES_MAX {
                    bye(out, "too many wrong passwords")?;
                    next = Next::HangUp;
                }
                outcome
            }
            body => self.logged_in(body, out)?,
        };
        outcome.write(out, Some(command.tag))?;
        Ok(next)
    }

    fn log_in(&mut self, user: &AString<'_>, password: &AString<'_>) -> Outcome {
        if self.user.is_some() {
            return Outcome::bad("somebody is logged in already");
        }
        if self.login_is_refused() {
            return Outcome::no("LOGIN needs STARTTLS first");
        }
        let name = String::from_utf8_lossy(user.as_ref()).to_ascii_lowercase();
        match self.password_of(&name) {
            Ok(Some(expected)) if same(expected.as_bytes(), password.as_ref()) => {
                self.user = Some(name);
                self.failures = 0;
                Outcome::ok("LOGIN completed")
            }
            Ok(_) => {
                self.failures += 1;
                Outcome::no("the user or the password is wrong")
            }
            Err(error) => unreadable(&error),
        }
    }

    /// The password of a user; `None` where nobody has this name.
    fn password_of(&self, name: &str) -> Result<Option<String>, SimulatorError> {
        let _reading = self.server.reading();
        let mut reader = self.server.store().reader();
        let mut users = reader.users()?.into_iter();
        match users.find(|user| user.fid.eq_ignore_ascii_case(name)) {
            Some(user) => Ok(Some(reader.mailbox(&user.fid)?.password)),
            None => Ok(None),
        }
    }

    /// Commands for somebody who is logged in.
    fn logged_in(
        &mut self,
        body: CommandBody<'static>,
        out: &mut dyn Write,
    ) -> io::Result<Outcome> {
        let Some(user) = self.user.clone() else {
            return Ok(match body {
                CommandBody::Noop => Outcome::ok("NOOP completed"),
                _ => Outcome::bad("nobody is logged in"),
            });
        };
        match body {
            CommandBody::List {
                reference,
                mailbox_wildcard,
            } => with(self.mailbox(&user), |mailbox| {
                list(mailbox, &reference, &mailbox_wildcard, false, out)
            }),
            CommandBody::Lsub {
                reference,
                mailbox_wildcard,
            } => with(self.mailbox(&user), |mailbox| {
                list(mailbox, &reference, &mailbox_wildcard, true, out)
            }),
            CommandBody::Status {
                mailbox: name,
                item_names,
            } => with(self.mailbox(&user), |mailbox| {
                status(mailbox, &name, &item_names, out)
            }),
            CommandBody::Select { mailbox, .. } | CommandBody::Examine { mailbox, .. } => {
                self.select(&user, &mailbox, out)
            }
            CommandBody::Noop | CommandBody::Check => self.look_again(&user, out),
            CommandBody::Create { .. }
            | CommandBody::Delete { .. }
            | CommandBody::Rename { .. }
            | CommandBody::Subscribe { .. }
            | CommandBody::Unsubscribe { .. }
            | CommandBody::Append { .. } => Ok(Outcome::no("mailboxes can only be read")),
            body => self.in_folder(&user, body, out),
        }
    }

    fn mailbox(&self, user: &str) -> Result<Mailbox, SimulatorError> {
        let _reading = self.server.reading();
        self.server.store().reader().mailbox(user)
    }

    fn select(&mut self, user: &str, name: &Name<'_>, out: &mut dyn Write) -> io::Result<Outcome> {
        // A folder that cannot be selected leaves none selected.
        self.view = None;
        let mailbox = match self.mailbox(user) {
            Ok(mailbox) => mailbox,
            Err(error) => return Ok(unreadable(&error)),
        };
        match stored_name(name).and_then(|name| View::of(&mailbox, &name)) {
            Some(view) => {
                let outcome = selected(&view, out)?;
                self.view = Some(view);
                Ok(outcome)
            }
            None => Ok(Outcome::no("there is no such folder")),
        }
    }

    /// Tells what changed in the selected folder.
    fn look_again(&mut self, user: &str, out: &mut dyn Write) -> io::Result<Outcome> {
        let done = Outcome::ok("NOOP completed");
        let Some(old) = &self.view else {
            return Ok(done);
        };
        let mailbox = match self.mailbox(user) {
            Ok(mailbox) => mailbox,
            Err(error) => return Ok(unreadable(&error)),
        };
        let Some(new) = View::of(&mailbox, &old.folder.name) else {
            self.view = None;
            return Ok(Outcome::no("the folder is gone"));
        };
        changed(old, &new, out)?;
        self.view = Some(new);
        Ok(done)
    }

    /// Commands for a selected folder.
    fn in_folder(
        &mut self,
        user: &str,
        body: CommandBody<'static>,
        out: &mut dyn Write,
    ) -> io::Result<Outcome> {
        let Some(view) = &self.view else {
            return Ok(Outcome::bad(
                "no folder is selected, or this is not supported",
            ));
        };
        match body {
            CommandBody::Fetch {
                sequence_set,
                macro_or_item_names,
                uid,
                ..
            } => {
                let messages = view.chosen(&sequence_set, uid);
                fetch(self.server, user, &messages, &macro_or_item_names, uid, out)
            }
            CommandBody::Search {
                charset,
                criteria,
                uid,
            } => {
                let keys = criteria.as_ref();
                search(self.server, user, view, charset.as_ref(), keys, uid, out)
            }
            CommandBody::Close | CommandBody::Unselect => {
                self.view = None;
                Ok(Outcome::ok("the folder is closed"))
            }
            CommandBody::Store { .. }
            | CommandBody::Copy { .. }
            | CommandBody::Move { .. }
            | CommandBody::Expunge => Ok(Outcome::no("mailboxes can only be read")),
            _ => Ok(Outcome::bad("this is not supported")),
        }
    }
}

/// Goes on with a mailbox that could be read.
fn with(
    mailbox: Result<Mailbox, SimulatorError>,
    answer: impl FnOnce(&Mailbox) -> io::Result<Outcome>,
) -> io::Result<Outcome> {
    match mailbox {
        Ok(mailbox) => answer(&mailbox),
        Err(SimulatorError::Mail(MailError::Missing { .. })) => {
            Ok(Outcome::no("the mailbox is gone"))
        }
        Err(error) => Ok(unreadable(&error)),
    }
}

/// Says that the connection ends.
pub(super) fn bye(out: &mut dyn Write, why: &str) -> io::Result<()> {
    writeln!(out, "* BYE {}\r", super::answer::text(why))
}

/// Whether two secrets are the same, in a time that does not depend on where they differ.
fn same(first: &[u8], second: &[u8]) -> bool {
    blake3::hash(first) == blake3::hash(second)
}
