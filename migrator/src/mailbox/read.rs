//! Reading a mailbox: its folders, the messages in them, and the digests of those that are chosen.

use std::collections::{BTreeMap, BTreeSet};

use async_imap::imap_proto::{MailboxDatum, NameAttribute, Response};
use postoffice::names::printable;
use serde::{Deserialize, Serialize};

use super::connect::{ConnectionFacts, Login, log_in};
use super::conversation::{Conversation, quoted};
use super::view::{Message, Row, View};
use super::{MailboxError, MailboxRequest, ServerAddress};

/// What names a message: it stays the same however a server shows the rest.
const IDENTITY: &str = "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE FROM SUBJECT)]";

/// How many messages are asked for whole at once.
const MESSAGES_AT_ONCE: usize = 20;

/// How often a folder is read in which messages did not come: the source is at work, and they may have been removed meanwhile.
const LOOKS_MAX: usize = 3;

/// One folder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Folder {
    /// Its messages, in the order of the server.
    pub messages: Vec<Message>,
}

/// A mailbox as one server shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// What the connection was like.
    pub connection: ConnectionFacts,
    /// The folders by their name, as the server spells it.
    pub folders: BTreeMap<String, Folder>,
}

/// The messages to be read whole, by their identity, for each folder.
pub(super) type Chosen = BTreeMap<String, BTreeSet<String>>;

impl Snapshot {
    /// The messages that were read whole.
    pub(super) fn chosen(&self) -> Chosen {
        let folders = self.folders.iter();
        folders
            .map(|(name, folder)| {
                let whole = folder.messages.iter().filter(|one| one.digest.is_some());
                let identities = whole.map(|one| one.identity.clone()).collect();
                (name.clone(), identities)
            })
            .collect()
    }
}

/// Reads a mailbox; `chosen` names what is read whole, and where it names nothing, the request's sample decides.
pub(super) async fn read_mailbox(
    request: &MailboxRequest,
    server: &ServerAddress,
    chosen: Option<&Chosen>,
) -> Result<Snapshot, MailboxError> {
    let Login {
        conversation,
        facts,
    } = log_in(request, server).await?;
    let mut reader = Reader {
        conversation,
        address: server.to_string(),
    };
    let mut snapshot = Snapshot {
        connection: facts,
        folders: BTreeMap::new(),
    };
    for name in reader.folders().await? {
        let choose = |view: &View| match chosen {
            Some(chosen) => {
                let folder = chosen.get(&name);
                let is_chosen = |row: &&Row| {
                    folder.is_some_and(|identities| identities.contains(&row.message.identity))
                };
                view.rows().filter(is_chosen).map(|row| row.uid).collect()
            }
            None => sample(view, request.sample_messages),
        };
        let folder = reader.folder(&name, choose).await?;
        snapshot.folders.insert(name, folder);
    }
    // Everything was read; the answer to a good-bye changes nothing any more.
    let _ = reader
        .conversation
        .ask("say good-bye", "LOGOUT", |_| {})
        .await;
    Ok(snapshot)
}

/// So many messages, evenly spread; all where that is 0 or they are fewer.
fn sample(view: &View, how_many: u64) -> Vec<u32> {
    let wanted = usize::try_from(how_many).unwrap_or(usize::MAX);
    let all: Vec<u32> = view.rows().map(|row| row.uid).collect();
    if wanted == 0 || all.len() <= wanted {
        return all;
    }
    (0..wanted)
        .filter_map(|position| all.get(position * all.len() / wanted).copied())
        .collect()
}

struct Reader {
    conversation: Conversation,
    address: String,
}

impl Reader {
    /// The folders that can hold messages.
    async fn folders(&mut self) -> Result<Vec<String>, MailboxError> {
        let mut names = Vec::new();
        let asking = self
            .conversation
            .ask("list its folders", "LIST \"\" *", |response| {
                if let Response::MailboxData(MailboxDatum::List(found)) = response
                    && !found.name_attributes.contains(&NameAttribute::NoSelect)
                {
                    names.push(found.name.to_string());
                }
            });
        asking.await?;
        Ok(names)
    }

    /// A folder with all of its messages, and the bytes of those that are chosen.
    async fn folder(
        &mut self,
        name: &str,
        choose: impl Fn(&View) -> Vec<u32>,
    ) -> Result<Folder, MailboxError> {
        let mut looks = 1;
        loop {
            match self.look(name, &choose).await {
                Err(MailboxError::Incomplete { .. }) if looks < LOOKS_MAX => looks += 1,
                outcome => return outcome,
            }
        }
    }

    async fn look(
        &mut self,
        name: &str,
        choose: impl Fn(&View) -> Vec<u32>,
    ) -> Result<Folder, MailboxError> {
        let mut view = self.open(name).await?;
        let shown = printable(name.as_bytes());
        if view.remaining() == 0 {
            return Ok(Folder::default());
        }
        let operation = format!("list the messages of {shown}");
        let command = format!("UID FETCH 1:* (UID INTERNALDATE {IDENTITY})");
        self.conversation
            .ask(&operation, &command, |response| view.note(response))
            .await?;
        let (listed, remaining) = (view.listed(), view.remaining());
        self.require_all(&operation, listed, remaining)?;
        let chosen = choose(&view);
        let operation = format!("hand out messages of {shown}");
        for numbers in chosen.chunks(MESSAGES_AT_ONCE) {
            let list: Vec<String> = numbers.iter().map(u32::to_string).collect();
            let command = format!("UID FETCH {} (UID BODY.PEEK[])", list.join(","));
            self.conversation
                .ask(&operation, &command, |response| view.note(response))
                .await?;
        }
        let asked: BTreeSet<u32> = chosen.iter().copied().collect();
        let came = view.rows().filter(|row| row.message.digest.is_some());
        let came = came.filter(|row| asked.contains(&row.uid)).count();
        self.require_all(&operation, came, chosen.len())?;
        Ok(Folder {
            messages: view.into_messages(),
        })
    }

    /// Opens a folder for reading alone.
    async fn open(&mut self, name: &str) -> Result<View, MailboxError> {
        let operation = format!("open the folder {}", printable(name.as_bytes()));
        let failed = |cause: &str| MailboxError::Protocol {
            address: self.address.clone(),
            operation: operation.clone(),
            cause: cause.to_owned(),
        };
        let name =
            quoted(name).ok_or_else(|| failed("no folder can be asked for by such a name"))?;
        let mut view = View::default();
        self.conversation
            .ask(&operation, &format!("EXAMINE {name}"), |response| {
                view.note_opening(response);
            })
            .await?;
        match view.announced() {
            Some(_) => Ok(view),
            None => Err(failed("it does not say how many messages there are")),
        }
    }

    fn require_all(&self, operation: &str, came: usize, wanted: usize) -> Result<(), MailboxError> {
        if came == wanted {
            return Ok(());
        }
        Err(MailboxError::Incomplete {
            address: self.address.clone(),
            operation: operation.to_owned(),
            came,
            wanted,
        })
    }
}
