//! One connection: logging in, and what each channel is for.

use std::collections::HashMap;
use std::sync::Arc;

use russh::keys::PublicKey;
use russh::server::{
    Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Response, VerifiedPublicKey,
};
use russh::{Channel, ChannelId};

use super::Shared;
use super::command;
use super::sftp::Sftp;

/// The handler of one connection.
pub(super) struct Session {
    shared: Arc<Shared>,
    /// Channels on which nothing runs yet.
    channels: HashMap<ChannelId, Channel<Msg>>,
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            channels: HashMap::new(),
        }
    }

    fn is_authorized(&self, key: &PublicKey) -> bool {
        self.shared
            .authorized_key
            .as_ref()
            .is_some_and(|authorized| authorized.key_data() == key.key_data())
    }

    fn judge(&self, user: &str, method: &str, is_right: bool) -> Auth {
        let outcome = if is_right { "accepted" } else { "refused" };
        self.shared.note(format!("{outcome} {method} of {user}"));
        if is_right {
            Auth::Accept
        } else {
            Auth::reject()
        }
    }
}

impl Handler for Session {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        let options = &self.shared.options;
        let is_right =
            !options.keyboard_interactive && options.password.as_deref() == Some(password);
        Ok(self.judge(user, "password", is_right))
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        let options = &self.shared.options;
        if !options.keyboard_interactive || options.password.is_none() {
            return Ok(Auth::reject());
        }
        let Some(mut response) = response else {
            return Ok(Auth::Partial {
                name: "".into(),
                instructions: "".into(),
                prompts: vec![("Password: ".into(), false)].into(),
            });
        };
        let answer = response.next();
        let is_right = answer.as_deref() == options.password.as_deref().map(str::as_bytes);
        Ok(self.judge(user, "keyboard-interactive", is_right))
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
        Ok(self.judge(user, "publickey", self.is_authorized(key.public_key)))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
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
