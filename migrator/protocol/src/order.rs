//! Orders: what the controller wants done.

use serde::{Deserialize, Serialize};

use super::Bandwidth;

/// What a pair of folders is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AreaKind {
    /// The post office itself.
    PostOffice,
    /// A remote document storage area of one of its libraries.
    Documents,
}

/// One source folder and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AreaOrder {
    /// Number of the area in this job; the post office is 0.
    pub id: u32,
    /// What it is.
    pub kind: AreaKind,
    /// What people call it.
    pub label: String,
    /// The folder of the mounted source, absolute.
    pub source: String,
    /// The folder at the destination, absolute.
    pub destination: String,
}

/// Which pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PassKind {
    /// Users are working; a database that stays locked may be left to the next pass.
    StageOne,
    /// Nobody is working; nothing may be left out.
    StageTwo,
}

impl std::fmt::Display for PassKind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::StageOne => "stage-one",
            Self::StageTwo => "stage-two",
        })
    }
}

/// What decides how trees are copied and proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CopyOptions {
    /// Threads; 0 lets the worker choose.
    pub workers: usize,
    /// Whether the logs of the agents are copied too.
    pub agent_logs: bool,
    /// Refuse to remove more than this share of the files at the destination, in percent.
    pub removal_limit_percent: u32,
    /// How often a file that changes while it is read is tried again.
    pub retries: u32,
    /// How long the lock of a database is waited for, in seconds.
    pub lock_wait_seconds: u64,
    /// How far the clock of the source may be off, in seconds, on top of the granularity of its times.
    pub clock_allowance_seconds: u64,
    /// For how long a queued item must have stood still before it counts as whole, in seconds: longer than what any client of
    /// the source remembers (a second), and than the pauses of a slow writer.
    pub still_seconds: u64,
    /// How much may be taken from the source each second; none where that is not limited.
    #[serde(default)]
    pub bandwidth: Option<Bandwidth>,
    /// Whether databases are proven while users work, too; the seal reads them in any case.
    pub prove_databases: bool,
    /// What the seal reads whole on both sides.
    pub read_again: ReadAgain,
    /// Whether the server of the source is asked for each folder and file, past the attributes that the client of the mount has
    /// cached: where somebody else mounted it, for how long it caches them is not known.
    pub bypass_attribute_cache: bool,
}

/// The most that a clock may be off, in seconds: what is ahead by more is no matter of clocks, but a time that cannot be.
pub const CLOCK_ALLOWANCE_SECONDS_MAX: u64 = 24 * 60 * 60;

impl Default for CopyOptions {
    fn default() -> Self {
        Self {
            workers: 0,
            agent_logs: true,
            removal_limit_percent: 20,
            retries: 3,
            lock_wait_seconds: 30,
            clock_allowance_seconds: 2,
            still_seconds: 10,
            bandwidth: None,
            prove_databases: false,
            read_again: ReadAgain::Unproven,
            bypass_attribute_cache: false,
        }
    }
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("(secret)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

/// What the seal reads whole on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadAgain {
    /// What is not proven, and always the databases, the guardian and the queues.
    #[default]
    Unproven,
    /// Everything, whatever is proven.
    Everything,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "kebab-case")]
pub enum Task {
    /// Walk the source and say what is there: counts, sizes, collisions, odd names, special files.
    Inventory {
        /// Only count; the pass that follows reports what it meets.
        only_count: bool,
    },
    /// Make the folders that every post office has, and prove that the destination is empty or ours.
    CreateFolders,
    /// Copy what differs.
    Pass {
        /// Which pass.
        kind: PassKind,
    },
    /// Prove that certificate and key fit, and copy them or say what else is wrong with them.
    Certificates {
        /// The certificate file at the source, absolute on the destination's mount.
        certificate: String,
        /// The key file.
        key: String,
        /// Where both go, a folder of the destination, absolute; nowhere when they are only looked at.
        target: Option<String>,
        /// The name that clients will use, where it is known.
        dns_name: Option<String>,
        /// The password of the key, where it has one; crosses by standard input only.
        key_password: Option<Secret>,
    },
    /// List the libraries of the post office and their document storage areas.
    Documents,
    /// Prove that nothing writes to the source: locks free, nothing modified during a quiet window.
    AtRest {
        /// Length of the window, in seconds.
        quiet_seconds: u64,
    },
    /// Make every name at the destination lower case.
    Lowercase {
        /// Only say what would be renamed.
        plan_only: bool,
    },
    /// Give renamed entries their old names again.
    UndoLowercase,
    /// Look at the guardian at the destination, or make the names in it lower case.
    Guardian {
        /// Which of these.
        action: GuardianAction,
    },
    /// Carry the message queues over.
    Queues {
        /// Whether the destination's agents may be at work already, so that nothing there is touched.
        live: bool,
    },
    /// Prove copies: read both sides of every file whole that is not proven, and write down what is equal.
    Prove,
    /// Compare both trees entry by entry and write the seal.
    Seal,
    /// Read what the source holds once more, as far as it was not read since it came to rest.
    VerifySource,
    /// Copy one file of the source into the job folder, for a person to look at.
    Fetch {
        /// Its path, as findings show it.
        subject: String,
    },
    /// Compare the destination with its seal.
    Verify,
    /// Compare the source with what was sealed of it, by names, sizes and times.
    CompareSource,
    /// Look whether anybody has worked at the destination since it was sealed.
    LookForWork,
    /// Give the destination to the user that its agents run as.
    Owner {
        /// Number of the user.
        user: u32,
        /// Number of the group.
        group: u32,
        /// Only count what would change.
        plan_only: bool,
    },
    /// Remove everything of this job at the destination except the job folder.
    Abandon {
        /// Only say what would be removed.
        plan_only: bool,
    },
}

impl Task {
    /// Name of the task, for events and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Inventory { .. } => "inventory",
            Self::CreateFolders => "create-folders",
            Self::Pass {
                kind: PassKind::StageOne,
            } => "stage-one-pass",
            Self::Pass {
                kind: PassKind::StageTwo,
            } => "stage-two-pass",
            Self::Certificates { .. } => "certificates",
            Self::Documents => "documents",
            Self::AtRest { .. } => "at-rest",
            Self::Lowercase { .. } => "lowercase",
            Self::UndoLowercase => "undo-lowercase",
            Self::Guardian { .. } => "guardian",
            Self::Queues { .. } => "queues",
            Self::Prove => "prove",
            Self::Seal => "seal",
            Self::VerifySource => "verify-source",
            Self::Fetch { .. } => "fetch",
            Self::Verify => "verify",
            Self::CompareSource => "compare-source",
            Self::LookForWork => "look-for-work",
            Self::Owner { .. } => "owner",
            Self::Abandon { .. } => "abandon",
        }
    }

    /// Whether the task works on what this job has at the destination, so that another folder there would be an accident.
    pub fn needs_own_destination(&self) -> bool {
        matches!(
            self,
            Self::Pass { .. }
                | Self::Lowercase { .. }
                | Self::UndoLowercase
                | Self::Guardian { .. }
                | Self::Queues { .. }
                | Self::Prove
                | Self::Seal
                | Self::VerifySource
                | Self::Fetch { .. }
                | Self::Verify
                | Self::CompareSource
                | Self::LookForWork
                | Self::Owner { .. }
                | Self::Abandon { .. }
        )
    }

    /// Whether the task writes anywhere but in the job folder, or reads what another task of this job wrote.
    pub fn writes(&self) -> bool {
        self.needs_own_destination() || matches!(self, Self::CreateFolders)
    }

    /// Whether the task reads the source while users work, there or at the destination, so that a limit for it holds.
    pub fn is_for_working_users(&self) -> bool {
        matches!(
            self,
            Self::Inventory { .. }
                | Self::Pass {
                    kind: PassKind::StageOne
                }
                | Self::Prove
                | Self::VerifySource
                | Self::Fetch { .. }
        )
    }

    /// Whether users are out and wait for its end.
    pub fn is_while_users_wait(&self) -> bool {
        matches!(
            self,
            Self::Pass {
                kind: PassKind::StageTwo
            } | Self::AtRest { .. }
                | Self::Lowercase { plan_only: false }
                | Self::Guardian { .. }
                | Self::Queues { live: false }
                | Self::Seal
        )
    }

    /// Whether the task reads the source at all; the others run also when it is no longer mounted.
    pub fn needs_source(&self) -> bool {
        !matches!(
            self,
            Self::Lowercase { .. }
                | Self::UndoLowercase
                | Self::Guardian { .. }
                | Self::Verify
                | Self::LookForWork
                | Self::Owner { .. }
                | Self::Abandon { .. }
        )
    }
}

/// What is wanted of the guardian at the destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuardianAction {
    /// Say what it is and how many names would change.
    Look,
    /// Convert it with the built-in engine.
    Convert,
    /// Take it as converted by somebody else, and make its fall-back copies the same.
    Accept {
        /// By whom.
        engine: String,
    },
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// [`super::PROTOCOL`] of the controller.
    pub protocol: u32,
    /// Name of the job.
    pub job: String,
    /// Number of the order in this job, counted up by the worker when it takes the order; 0 before that.
    #[serde(default)]
    pub number: u64,
    /// A text of the controller by which it recognises its own order when the answer to it was lost.
    #[serde(default)]
    pub token: String,
    /// The folders it is about; the post office first.
    pub areas: Vec<AreaOrder>,
    /// What to do.
    #[serde(flatten)]
    pub task: Task,
    /// How to copy.
    #[serde(default)]
    pub options: CopyOptions,
}
