//! Reading a mailbox: its folders, the messages in them, and the digests of those that are chosen.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_imap::Session;
use async_imap::types::{Fetch, NameAttribute};
use futures_util::{Stream, TryStreamExt as _};
use serde::{Deserialize, Serialize};

use super::connect::{ConnectionFacts, Login, Transport, log_in};
use super::{MailboxError, MailboxRequest, ServerAddress};

/// What names a message: it stays the same however a server shows the rest.
const IDENTITY: &str = "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE FROM SUBJECT)]";

/// How many messages are asked for whole at once.
const MESSAGES_AT_ONCE: usize = 20;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Message {
    /// Digest of the header fields that name it.
    pub identity: String,
    /// When it arrived, in seconds since 1970; 0 where the server does not say.
    pub arrived_seconds: i64,
    /// BLAKE3 of its bytes, where it was chosen for that.
    pub digest: Option<String>,
}

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
    let Login { session, facts } = log_in(request, server).await?;
    let mut reader = Reader {
        session,
        address: format!("{}:{}", server.host, server.port),
        limit: Duration::from_secs(request.timeout_seconds),
    };
    let mut snapshot = Snapshot {
        connection: facts,
        folders: BTreeMap::new(),
    };
    for name in reader.folders().await? {
        let choose = |messages: &[(u32, Message)]| match chosen {
            Some(chosen) => messages
                .iter()
                .filter(|(_, one)| {
                    let folder = chosen.get(&name);
                    folder.is_some_and(|identities| identities.contains(&one.identity))
                })
                .map(|(number, _)| *number)
                .collect(),
            None => sample(messages, request.sample_messages),
        };
        let folder = reader.folder(&name, choose).await?;
        snapshot.folders.insert(name, folder);
    }
    // The answer to a good-bye changes nothing any more.
    let _ = reader.session.logout().await;
    Ok(snapshot)
}

/// So many messages, evenly spread; all where that is 0 or they are fewer.
fn sample(messages: &[(u32, Message)], how_many: u64) -> Vec<u32> {
    let wanted = usize::try_from(how_many).unwrap_or(usize::MAX);
    let numbers = messages.iter().map(|(number, _)| *number);
    if wanted == 0 || messages.len() <= wanted {
        return numbers.collect();
    }
    let all: Vec<u32> = numbers.collect();
    (0..wanted)
        .filter_map(|position| all.get(position * all.len() / wanted).copied())
        .collect()
}

struct Reader {
    session: Session<Box<dyn Transport>>,
    address: String,
    limit: Duration,
}

impl Reader {
    fn failed(&self, operation: &str, cause: &dyn std::fmt::Display) -> MailboxError {
        MailboxError::Protocol {
            address: self.address.clone(),
            operation: operation.to_owned(),
            cause: cause.to_string(),
        }
    }

    /// The folders that can hold messages.
    async fn folders(&mut self) -> Result<Vec<String>, MailboxError> {
        let limit = self.limit;
        let listing = async {
            let names = self.session.list(Some(""), Some("*")).await?;
            names.try_collect::<Vec<_>>().await
        };
        let listed = tokio::time::timeout(limit, listing).await;
        let names = listed
            .map_err(|_| self.failed("list its folders", &"no answer"))?
            .map_err(|error| self.failed("list its folders", &error))?;
        Ok(names
            .iter()
            .filter(|name| !name.attributes().contains(&NameAttribute::NoSelect))
            .map(|name| name.name().to_owned())
            .collect())
    }

    async fn folder(
        &mut self,
        name: &str,
        choose: impl FnOnce(&[(u32, Message)]) -> Vec<u32>,
    ) -> Result<Folder, MailboxError> {
        let operation = format!("open the folder {name}");
        let examined = tokio::time::timeout(self.limit, self.session.examine(name)).await;
        let examined = examined
            .map_err(|_| self.failed(&operation, &"no answer"))?
            .map_err(|error| self.failed(&operation, &error))?;
        if examined.exists == 0 {
            return Ok(Folder::default());
        }
        let operation = format!("list the messages of {name}");
        let fields = format!("(UID INTERNALDATE {IDENTITY})");
        let fetched = self.fetch("1:*", &fields, &operation, |fetch| {
            let number = fetch.uid?;
            let arrived = fetch.internal_date().map_or(0, |date| date.timestamp());
            let message = Message {
                identity: identity(fetch),
                arrived_seconds: arrived,
                digest: None,
            };
            Some((number, message))
        });
        let mut messages: Vec<(u32, Message)> = fetched.await?;
        let chosen = choose(&messages);
        let operation = format!("hand out messages of {name}");
        for numbers in chosen.chunks(MESSAGES_AT_ONCE) {
            let list: Vec<String> = numbers.iter().map(u32::to_string).collect();
            let list = list.join(",");
            let fetched = self.fetch(&list, "(UID BODY.PEEK[])", &operation, |fetch| {
                let digest = blake3::hash(fetch.body()?).to_hex().to_string();
                Some((fetch.uid?, digest))
            });
            let digests: BTreeMap<u32, String> = fetched.await?.into_iter().collect();
            for (number, message) in &mut messages {
                if let Some(digest) = digests.get(number) {
                    message.digest = Some(digest.clone());
                }
            }
        }
        let messages = messages.into_iter().map(|(_, message)| message).collect();
        Ok(Folder { messages })
    }

    /// Fetches by unique number where `numbers` are such, and takes from each answer what `take` finds in it.
    async fn fetch<T>(
        &mut self,
        numbers: &str,
        fields: &str,
        operation: &str,
        take: impl Fn(&Fetch) -> Option<T>,
    ) -> Result<Vec<T>, MailboxError> {
        let limit = self.limit;
        let address = self.address.clone();
        let failed = |cause: String| MailboxError::Protocol {
            address: address.clone(),
            operation: operation.to_owned(),
            cause,
        };
        let asking = tokio::time::timeout(limit, self.session.uid_fetch(numbers, fields)).await;
        let stream = asking
            .map_err(|_| failed("no answer".into()))?
            .map_err(|error| failed(error.to_string()))?;
        let mut stream = std::pin::pin!(stream);
        let mut taken = Vec::new();
        while let Some(fetch) = next(&mut stream, limit).await.map_err(&failed)? {
            // Answers that nobody asked for, such as changed flags, have none of it.
            taken.extend(take(&fetch));
        }
        Ok(taken)
    }
}

/// The next answer, or why there is none in time.
async fn next<S>(stream: &mut S, limit: Duration) -> Result<Option<Fetch>, String>
where
    S: Stream<Item = async_imap::error::Result<Fetch>> + Unpin,
{
    match tokio::time::timeout(limit, stream.try_next()).await {
        Ok(Ok(fetch)) => Ok(fetch),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer".to_owned()),
    }
}

/// What names a message: the header fields, without what servers fold or space differently.
fn identity(fetch: &Fetch) -> String {
    let header = fetch.header().unwrap_or_default();
    let text = String::from_utf8_lossy(header);
    let mut fields: Vec<String> = Vec::new();
    for line in text.lines() {
        let is_folded = line.starts_with([' ', '\t']);
        match fields.last_mut() {
            Some(last) if is_folded => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ if line.trim().is_empty() => {}
            _ => {
                let (name, value) = line.split_once(':').unwrap_or((line, ""));
                fields.push(format!("{}:{}", name.to_ascii_lowercase(), value.trim()));
            }
        }
    }
    fields.sort_unstable();
    blake3::hash(fields.join("\n").as_bytes())
        .to_hex()
        .to_string()
}
