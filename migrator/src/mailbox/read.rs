//! Reading a mailbox at one server: its folders, the messages in them, and the digests of those that are chosen.
//!
//! A connection that breaks off in a folder is made again, and the folder read once more; a folder, or a message, that breaks it
//! each time is given up alone, so that all others are read.

use std::collections::{BTreeMap, BTreeSet};

use postoffice::names::printable;

use super::connect::{ConnectionFacts, Login, log_in};
use super::conversation::{Conversation, quoted};
use super::list::{Listed, folder_name};
use super::view::{Message, Opened, View, whole_message};
use super::{MailboxError, MailboxRequest, ServerAddress};

/// What names a message: it stays the same however a server shows the rest.
const IDENTITY: &str = "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE FROM SUBJECT)]";

/// How many messages are asked for whole at once.
const MESSAGES_AT_ONCE: usize = 20;

/// How often something is tried: a folder in which messages did not come, because the source is at work and they may have been
/// removed meanwhile, and whatever the connection broke in.
const TRIES_MAX: usize = 3;

/// How many messages of a folder may break the connection each time until the folder is given up.
const BREAKING_MAX: usize = 10;

/// One folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Folder {
    /// Its messages, in the order of the server.
    pub(super) messages: Vec<Message>,
    /// Why messages that were chosen could not be read, by their number.
    pub(super) unread: BTreeMap<u32, String>,
}

/// Which messages of a folder are read whole.
#[derive(Debug, Clone)]
pub(super) enum Choice {
    /// So many, evenly spread; 0 for all.
    Sample(u64),
    /// Those with these identities.
    Identities(BTreeSet<String>),
}

impl Choice {
    fn of(&self, view: &View) -> Vec<u32> {
        match self {
            Self::Sample(how_many) => sample(view, *how_many),
            Self::Identities(identities) => {
                let chosen = view
                    .messages()
                    .filter(|one| identities.contains(&one.identity));
                chosen.map(|one| one.uid).collect()
            }
        }
    }
}

/// So many messages, evenly spread; all where that is 0 or they are fewer.
fn sample(view: &View, how_many: u64) -> Vec<u32> {
    let wanted = usize::try_from(how_many).unwrap_or(usize::MAX);
    let all: Vec<u32> = view.messages().map(|one| one.uid).collect();
    if wanted == 0 || all.len() <= wanted {
        return all;
    }
    (0..wanted)
        .filter_map(|position| all.get(position * all.len() / wanted).copied())
        .collect()
}

/// Why something was not read.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The server gives nothing at all any more.
    Server(MailboxError),
    /// This folder cannot be read; the server may give others.
    Folder(MailboxError),
}

/// A mailbox at one server.
pub(super) struct Reader<'a> {
    request: &'a MailboxRequest,
    server: &'a ServerAddress,
    conversation: Option<Conversation>,
    /// What the latest connection was like.
    pub(super) facts: ConnectionFacts,
}

/// The folders of a mailbox, by name, with the bytes that open them; and rows that were not understood.
#[derive(Debug, Default)]
pub(super) struct Folders {
    pub(super) names: BTreeMap<String, Vec<u8>>,
    pub(super) unclear: Vec<String>,
}

/// What is known of a folder from the tries before.
#[derive(Debug, Default)]
struct Tried {
    /// Digests by number, which hold as long as the folder says that its numbers do.
    digests: BTreeMap<u32, String>,
    validity: Option<u32>,
    /// Messages in which the connection broke while they alone were asked for; they are asked for last.
    breaking: BTreeSet<u32>,
    /// The messages that are asked for.
    asked: Vec<u32>,
    /// Messages that are given up, and why.
    unread: BTreeMap<u32, MailboxError>,
    one_by_one: bool,
    /// Whether any message came whole: then the server works, and a message that breaks the connection is to blame itself.
    some_came: bool,
}

impl Tried {
    /// Takes note of a connection that broke; gives the error back where it counts as a try of the folder.
    fn note_break(&mut self, error: MailboxError) -> Option<MailboxError> {
        let asked = std::mem::take(&mut self.asked);
        let [uid] = asked[..] else {
            self.one_by_one |= !asked.is_empty();
            return Some(error);
        };
        let is_first = self.breaking.insert(uid);
        if !self.some_came || self.unread.len() == BREAKING_MAX {
            return Some(error);
        }
        if !is_first {
            self.unread.insert(uid, error);
        }
        None
    }

    /// The chosen messages that are still to be asked for, in the order in which they are.
    fn open(&self, chosen: &[u32]) -> Vec<u32> {
        let is_open = |uid: &u32| !self.digests.contains_key(uid) && !self.unread.contains_key(uid);
        let mut open: Vec<u32> = chosen.iter().copied().filter(is_open).collect();
        open.sort_by_key(|uid| self.breaking.contains(uid));
        open
    }
}

impl<'a> Reader<'a> {
    /// Connects and logs in.
    pub(super) async fn new(
        request: &'a MailboxRequest,
        server: &'a ServerAddress,
    ) -> Result<Self, MailboxError> {
        let mut reader = Self {
            request,
            server,
            conversation: None,
            facts: ConnectionFacts::default(),
        };
        reader.conversation().await?;
        Ok(reader)
    }

    /// The connection, made again where it broke.
    async fn conversation(&mut self) -> Result<&mut Conversation, MailboxError> {
        let conversation = if let Some(conversation) = self.conversation.take() {
            conversation
        } else {
            let Login {
                conversation,
                facts,
            } = log_in(self.request, self.server).await?;
            self.facts = facts;
            conversation
        };
        Ok(self.conversation.insert(conversation))
    }

    /// The folders that can hold messages.
    pub(super) async fn folders(&mut self) -> Result<Folders, MailboxError> {
        let mut folders = Folders::default();
        for listed in self.conversation().await?.list().await? {
            match listed {
                Listed::NoFolder => {}
                Listed::Unclear(row) => folders.unclear.push(printable(&row)),
                Listed::Folder(bytes) => {
                    let mut name = folder_name(&bytes);
                    // Two ways to write one name: both are read, and the second one is called by its bytes.
                    if folders
                        .names
                        .get(&name)
                        .is_some_and(|other| *other != bytes)
                    {
                        name = printable(&bytes);
                    }
                    folders.names.insert(name, bytes);
                }
            }
        }
        Ok(folders)
    }

    /// What the server says of a folder now.
    pub(super) async fn opened(&mut self, name: &[u8]) -> Result<Opened, MailboxError> {
        Ok(self.open(name).await?.opened())
    }

    /// A folder with all of its messages, and the digests of those that are chosen; `tell` hears how many of those came.
    pub(super) async fn folder(
        &mut self,
        name: &[u8],
        choice: &Choice,
        tell: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(Opened, Folder), ReadError> {
        let mut tried = Tried::default();
        let mut tries = 1;
        loop {
            self.conversation().await.map_err(ReadError::Server)?;
            let error = match self.look(name, choice, &mut tried, tell).await {
                Ok(folder) => return Ok(folder),
                Err(error) => error,
            };
            let error = match error {
                MailboxError::Incomplete { .. } => Some(error),
                MailboxError::Protocol { .. } => {
                    // Whatever it would say next is no answer to anything.
                    self.conversation = None;
                    tried.note_break(error)
                }
                _ => return Err(ReadError::Folder(error)),
            };
            match error {
                Some(error) if tries == TRIES_MAX => return Err(ReadError::Folder(error)),
                Some(_) => tries += 1,
                None => {}
            }
        }
    }

    async fn look(
        &mut self,
        name: &[u8],
        choice: &Choice,
        tried: &mut Tried,
        tell: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(Opened, Folder), MailboxError> {
        let mut view = self.open(name).await?;
        let opened = view.opened();
        let shown = folder_name(name);
        let shown = printable(shown.as_bytes());
        if view.remaining() == 0 {
            return Ok((opened, Folder::default()));
        }
        let operation = format!("list the messages of {shown}");
        let command = format!("UID FETCH 1:* (UID INTERNALDATE {IDENTITY})");
        self.ask(&operation, command.as_bytes(), &mut view).await?;
        let (listed, remaining) = (view.listed(), view.remaining());
        self.require_all(&operation, listed, remaining)?;
        let chosen = choice.of(&view);
        if opened.validity.is_none() || opened.validity != tried.validity {
            tried.digests.clear();
            tried.validity = opened.validity;
        }
        view.know(&tried.digests);
        let operation = format!("hand out messages of {shown}");
        self.read_whole(&operation, &chosen, &mut view, tried, tell)
            .await?;
        if tried.unread.len() == chosen.len()
            && let Some((_, error)) = tried.unread.pop_first()
        {
            return Err(error);
        }
        let wanted = chosen.iter().filter(|uid| !tried.unread.contains_key(uid));
        let wanted = wanted.count();
        let asked: BTreeSet<u32> = chosen.iter().copied().collect();
        let came = view.messages().filter(|one| one.digest.is_some());
        let came = came.filter(|one| asked.contains(&one.uid)).count();
        self.require_all(&operation, came, wanted)?;
        let unread = std::mem::take(&mut tried.unread).into_iter();
        let unread = unread.map(|(uid, error)| (uid, error.to_string()));
        Ok((
            opened,
            Folder {
                messages: view.into_messages(),
                unread: unread.into_iter().collect(),
            },
        ))
    }

    /// Reads the chosen messages that are not known yet, a few at once; where the server refuses some, one by one.
    async fn read_whole(
        &mut self,
        operation: &str,
        chosen: &[u32],
        view: &mut View,
        tried: &mut Tried,
        tell: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), MailboxError> {
        let mut open = tried.open(chosen);
        let mut done = chosen.len() - open.len();
        while !open.is_empty() {
            let at_once = if tried.one_by_one {
                1
            } else {
                MESSAGES_AT_ONCE
            };
            let numbers: Vec<u32> = open.iter().take(at_once).copied().collect();
            tried.asked.clone_from(&numbers);
            match self.ask(operation, &whole(&numbers), view).await {
                Ok(()) => {}
                Err(error @ MailboxError::Refused { .. }) => {
                    if let [uid] = numbers[..] {
                        tried.unread.insert(uid, error);
                    } else {
                        tried.one_by_one = true;
                        continue;
                    }
                }
                Err(error) => return Err(error),
            }
            tried.asked.clear();
            let came = view.digests_of(&numbers);
            tried.some_came |= !came.is_empty();
            tried.digests.extend(came);
            open.drain(..numbers.len());
            done += numbers.len();
            tell(done as u64);
        }
        Ok(())
    }

    /// Digests of messages, read once more from a folder whose numbers still mean the same.
    pub(super) async fn again(
        &mut self,
        name: &[u8],
        opened: Opened,
        numbers: &[u32],
    ) -> Result<BTreeMap<u32, String>, MailboxError> {
        let operation = format!("hand out messages of {} again", printable(name));
        let mut digests = BTreeMap::new();
        if self.open(name).await?.opened().validity != opened.validity {
            return Ok(digests);
        }
        let conversation = self.conversation().await?;
        for numbers in numbers.chunks(MESSAGES_AT_ONCE) {
            let command = whole(numbers);
            let asking = conversation.ask(&operation, &command, |response| {
                digests.extend(whole_message(response));
            });
            asking.await?;
        }
        Ok(digests)
    }

    /// Says good-bye; everything was read, so the answer changes nothing any more.
    pub(super) async fn end(mut self) {
        if let Some(conversation) = &mut self.conversation {
            let _ = conversation.ask("say good-bye", b"LOGOUT", |_| {}).await;
        }
    }

    async fn ask(
        &mut self,
        operation: &str,
        command: &[u8],
        view: &mut View,
    ) -> Result<(), MailboxError> {
        let conversation = self.conversation().await?;
        conversation
            .ask(operation, command, |response| view.note(response))
            .await
    }

    /// Opens a folder for reading alone.
    async fn open(&mut self, name: &[u8]) -> Result<View, MailboxError> {
        let operation = format!("open the folder {}", printable(name));
        let address = self.server.to_string();
        let failed = |cause: &str| MailboxError::Protocol {
            address: address.clone(),
            operation: operation.clone(),
            cause: cause.to_owned(),
        };
        let Some(name) = quoted(name) else {
            return Err(MailboxError::Refused {
                address,
                operation,
                answer: "no folder can be asked for by such a name".to_owned(),
            });
        };
        let mut view = View::default();
        let command = [b"EXAMINE ", &*name].concat();
        let conversation = self.conversation().await?;
        conversation
            .ask(&operation, &command, |response| view.note_opening(response))
            .await?;
        if view.is_announced() {
            Ok(view)
        } else {
            Err(failed("it does not say how many messages there are"))
        }
    }

    fn require_all(&self, operation: &str, came: usize, wanted: usize) -> Result<(), MailboxError> {
        if came == wanted {
            return Ok(());
        }
        Err(MailboxError::Incomplete {
            address: self.server.to_string(),
            operation: operation.to_owned(),
            came,
            wanted,
        })
    }
}

/// The command for whole messages.
fn whole(numbers: &[u32]) -> Vec<u8> {
    let list: Vec<String> = numbers.iter().map(u32::to_string).collect();
    format!("UID FETCH {} (UID BODY.PEEK[])", list.join(",")).into_bytes()
}
