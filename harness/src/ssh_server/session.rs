//! One connection: logging in, and what each channel is for.

use std::collections::HashMap;
use std::sync::Arc;

use russh::keys::PublicKey;
use russh::server::{
    Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Response, VerifiedPublicKey,
};
use russh::{Channel, ChannelId, MethodKind};

use super::Shared;
use super::command;
use super::sftp::Sftp;

/// The handler of one connection.
pub(super) struct Session {
    shared: Arc<Shared>,
    /// Channels on which nothing runs yet.
    channels: HashMap<ChannelId, Channel<Msg>>,
    /// How many of the steps that are wanted were taken.
    steps: usize,
    /// How many questions of keyboard-interactive were answered.
    answered: usize,
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            channels: HashMap::new(),
            steps: 0,
            answered: 0,
        }
    }

    fn is_authorized(&self, key: &PublicKey) -> bool {
        self.shared
            .authorized_key
            .as_ref()
            .is_some_and(|authorized| authorized.key_data() == key.key_data())
    }

    fn judge(&mut self, user: &str, method: MethodKind, is_right: bool) -> Auth {
        let outcome = if is_right { "accepted" } else { "refused" };
        let name: &str = (&method).into();
        self.shared.note(format!("{outcome} {name} of {user}"));
        let steps = &self.shared.options.steps;
        let is_its_turn = steps.get(self.steps).is_none_or(|step| *step == method);
        if !is_right || !is_its_turn {
            return Auth::reject();
        }
        self.steps += 1;
        match steps.get(self.steps) {
            None => Auth::Accept,
            Some(next) => Auth::Reject {
                proceed_with_methods: Some([*next].as_slice().into()),
                partial_success: true,
            },
        }
    }

    /// The questions of keyboard-interactive, each with its answer.
    fn prompts(&self) -> Vec<(String, String)> {
        let options = &self.shared.options;
        let password = options
            .password
            .as_ref()
            .filter(|_| options.prompts.is_empty());
        let asked = password.map(|password| ("Password: ".to_owned(), password.clone()));
        asked.into_iter().chain(options.prompts.clone()).collect()
    }
}

impl Handler for Session {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        let options = &self.shared.options;
        let is_right =
            !options.keyboard_interactive && options.password.as_deref() == Some(password);
        Ok(self.judge(user, MethodKind::Password, is_right))
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        let prompts = self.prompts();
        let options = &self.shared.options;
        let is_wanted = options.keyboard_interactive || !options.prompts.is_empty();
        if !is_wanted || prompts.is_empty() {
            return Ok(Auth::reject());
        }
        let method = MethodKind::KeyboardInteractive;
        if let Some(mut response) = response {
            let given = response.next();
            let (prompt, answer) = &prompts[self.answered.min(prompts.len() - 1)];
            let is_right = given.as_deref() == Some(answer.as_bytes());
            let outcome = if is_right { "right" } else { "wrong" };
            self.shared.note(format!("{outcome} answer to {prompt}"));
            self.answered += 1;
            if !is_right || self.answered == prompts.len() {
                return Ok(self.judge(user, method, is_right));
            }
        } else {
            self.answered = 0;
        }
        let (prompt, _) = prompts[self.answered].clone();
        Ok(Auth::Partial {
            name: "".into(),
            instructions: self.shared.options.instructions.clone().into(),
            prompts: vec![(prompt.into(), false)].into(),
        })
    }

    async fn auth_publickey_offered(
        &mut self,
        _user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(if self.is_authorized(offer.public_key) {
            Auth::Accept
        } else {
            Auth::reject()
        })
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        let is_right = self.is_authorized(key.public_key);
        Ok(self.judge(user, MethodKind::PublicKey, is_right))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        tokio::time::sleep(self.shared.options.opens_after).await;
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn channel_close(
        &mut self,
        channel: ChannelId,
        _session: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        self.channels.remove(&channel);
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        line: &[u8],
        session: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        let Some(open) = self.channels.remove(&channel) else {
            return session.channel_failure(channel);
        };
        self.shared
            .note(format!("command {}", String::from_utf8_lossy(line)));
        match command::start(&self.shared, line) {
            Ok(child) => {
                session.channel_success(channel)?;
                tokio::spawn(command::serve(child, open, session.handle()));
                Ok(())
            }
            Err(error) => {
                self.shared.note(format!("could not run it: {error}"));
                session.channel_failure(channel)
            }
        }
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        match self.channels.remove(&channel) {
            Some(open) if name == "sftp" => {
                session.channel_success(channel)?;
                let greeting = self.shared.options.sftp_greeting.clone();
                if !greeting.is_empty() {
                    session.data(channel, greeting.into_bytes())?;
                }
                russh_sftp::server::run(open.into_stream(), Sftp::new(Arc::clone(&self.shared)))
                    .await;
                Ok(())
            }
            _ => session.channel_failure(channel),
        }
    }
}
