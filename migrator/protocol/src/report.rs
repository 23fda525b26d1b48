//! What comes out of each task.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AreaKind, Survey};

/// What came out of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "kebab-case")]
pub enum TaskReport {
    /// The task has nothing to tell but its counts and findings.
    Plain,
    /// Of an inventory.
    Inventory(InventoryReport),
    /// Of a pass.
    Pass(PassReport),
    /// Of the look for document storage areas.
    Documents(DocumentReport),
    /// Of the proof that the source is at rest.
    AtRest(AtRestReport),
    /// Of a lowercase sweep.
    Lowercase(LowercaseReport),
    /// Of a look at the guardian, or of its conversion.
    Guardian(GuardianReport),
    /// Of the queues.
    Queues(QueueReport),
    /// Of proving copies while users work.
    Prove(ProveReport),
    /// Of a seal or of its verification.
    Seal(SealReport),
    /// Of reading the source once more after the cut-over.
    VerifySource(VerifySourceReport),
    /// Of bringing a file of the source into the job folder.
    Fetch(FetchReport),
    /// Of giving the destination to a user.
    Owner(OwnerReport),
    /// Of comparing a side with what was sealed of it, by names, sizes and times.
    Unmoved(UnmovedReport),
    /// Of undoing the job, or of the plan for it.
    Abandon(AbandonReport),
}

/// The report of a kind of task, taken out of [`TaskReport`]; the whole where it is of another kind.
macro_rules! taken_out {
    ($($report:ident $of:ident),* $(,)?) => {$(
        impl TryFrom<TaskReport> for $report {
            type Error = TaskReport;

            fn try_from(report: TaskReport) -> Result<Self, TaskReport> {
                match report {
                    TaskReport::$of(report) => Ok(report),
                    other => Err(other),
                }
            }
        }
    )*};
}

taken_out!(
    InventoryReport Inventory,
    PassReport Pass,
    DocumentReport Documents,
    AtRestReport AtRest,
    LowercaseReport Lowercase,
    GuardianReport Guardian,
    QueueReport Queues,
    ProveReport Prove,
    SealReport Seal,
    VerifySourceReport VerifySource,
    FetchReport Fetch,
    OwnerReport Owner,
    UnmovedReport Unmoved,
    AbandonReport Abandon,
);

/// What undoing a job removes and sets aside, or would.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AbandonReport {
    /// Each file and folder at the top of a destination folder, in order.
    pub lines: Vec<AbandonLine>,
    /// Destination folders that the job never took, or has given back: they are left as they are.
    #[serde(default)]
    pub not_taken: Vec<String>,
}

/// One entry at the top of a destination folder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AbandonLine {
    /// What the area is called, and the name of the entry in it.
    pub path: String,
    /// Files that go.
    pub files: u64,
    /// How many bytes that frees.
    pub bytes: u64,
    /// Entries that are set aside.
    pub set_aside: u64,
}

/// What the source holds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct InventoryReport {
    /// Per area.
    pub areas: Vec<AreaInventory>,
    /// How much the destination can take, in bytes, until the first of its file systems is full.
    pub destination_free_bytes: u64,
    /// The same in files; 0 where no file system has such a limit.
    pub destination_free_inodes: u64,
    /// The granularity of the times of the source, in nanoseconds.
    pub granularity_nanoseconds: u64,
    /// How many files per second the walk looked at.
    pub files_per_second: f64,
    /// How long all of it took, in milliseconds.
    #[serde(default)]
    pub milliseconds: u64,
    /// What a check wants to know besides; none where files were only counted.
    #[serde(default)]
    pub survey: Option<Survey>,
}

/// What one area holds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AreaInventory {
    /// What people call it.
    pub label: String,
    /// What it is.
    pub kind: Option<AreaKind>,
    /// Folders.
    pub folders: u64,
    /// Files.
    pub files: u64,
    /// Bytes of those files.
    pub bytes: u64,
    /// Files of each class, by the name of the class.
    pub classes: BTreeMap<String, u64>,
    /// Bytes of each class.
    pub class_bytes: BTreeMap<String, u64>,
    /// Names with a capital letter.
    pub names_with_capitals: u64,
}

/// What a pass did.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PassReport {
    /// Number of the pass in this job.
    pub pass: i64,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
    /// Files that will be copied again by the next pass because their times are too fresh to be trusted.
    pub racy_files: u64,
}

/// One library of the post office.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Library {
    /// Its folder name at the destination.
    pub name: String,
    /// Documents that it keeps inside the post office.
    pub documents_inside: u64,
    /// Where its remote document storage area goes, where the worksheet maps one.
    pub mapped_to: Option<String>,
}

/// The libraries and their document storage areas.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DocumentReport {
    /// The libraries.
    pub libraries: Vec<Library>,
}

/// Whether the source is at rest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AtRestReport {
    /// How long it was watched, in seconds.
    pub quiet_seconds: u64,
    /// Databases whose locks were tried.
    pub locks_tried: u64,
    /// Databases whose lock somebody held.
    pub locks_held: u64,
    /// Entries that changed during the window.
    pub changed: u64,
}

/// One planned or finished renaming.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenameLine {
    /// The area.
    pub area: u32,
    /// The folder, escaped.
    pub folder: String,
    /// The old name, escaped.
    pub old: String,
    /// The new name, escaped.
    pub new: String,
}

/// What the lowercase sweep did or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LowercaseReport {
    /// Names that were looked at.
    pub names: u64,
    /// Names in the plan.
    pub planned: u64,
    /// Names that are lower case now and were not.
    pub renamed: u64,
    /// Names that are kept although they may hold capitals.
    pub kept: u64,
    /// The first lines of the plan; the whole plan is in the job store.
    pub lines: Vec<RenameLine>,
}

/// What the guardian is, and what was done to it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GuardianReport {
    /// Whether it was converted before, and nothing of it changed since.
    pub is_converted: bool,
    /// Whether the built-in engine can convert it.
    pub is_known: bool,
    /// Its version, 301 for 3.01, where it is known.
    pub version: Option<u16>,
    /// Stable code of why the built-in engine cannot convert it; empty where it can.
    pub code: String,
    /// What was seen instead.
    pub why: String,
    /// Names that are to become lower case; of an unknown guardian those with capitals that can be seen in it.
    pub names_to_change: u64,
    /// Names that could be seen in an unknown guardian.
    pub names_seen: u64,
    /// Names that were made lower case.
    pub names_changed: u64,
    /// Names with capitals that stay, because they are none of GroupWise's.
    pub left_alone: u64,
    /// Indexes that were rebuilt.
    pub indexes_rebuilt: u64,
    /// Fall-back copies that are the converted guardian now.
    pub fall_backs_replaced: Vec<String>,
}

/// What the queue step did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct QueueReport {
    /// Listings until one brought nothing new.
    pub rounds: u32,
    /// Items carried over by this run.
    pub carried: u64,
    /// Items that stand in the queues of the source.
    pub standing: u64,
    /// Items per queue folder, by its path at the destination.
    pub by_queue: BTreeMap<String, u64>,
}

/// So many files, and so many bytes in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Amount {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Amount {
    /// Adds one file.
    pub fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

impl std::ops::Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            files: self.files + other.files,
            bytes: self.bytes + other.bytes,
        }
    }
}

/// What was proven of the copies while users work.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProveReport {
    /// Read whole on both sides by this run, and equal.
    pub now: Amount,
    /// Proven by an earlier run; nothing of them has moved since.
    pub before: Amount,
    /// Files that have changed since they were copied, or have no copy yet: the next pass copies them.
    pub waiting: u64,
    /// Files that agents write once whose copy has other bytes although sizes and times are equal; the next pass copies
    /// them again.
    pub differences: u64,
}

/// What a seal says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SealReport {
    /// Whether both trees are equal.
    pub sealed: bool,
    /// Files that are proven equal.
    pub files: u64,
    /// How many bytes they have, on each side.
    pub bytes: u64,
    /// Those of them that were read whole on both sides by the seal itself.
    #[serde(default)]
    pub at_the_seal: Amount,
    /// Those of them that were read whole before, while users worked, and of which nothing has moved since.
    #[serde(default)]
    pub before: Amount,
    /// When the oldest of those was read, in milliseconds since 1970 by the clock of the destination; none where there are
    /// none.
    #[serde(default)]
    pub oldest_milliseconds: Option<i64>,
    /// Folders that were compared.
    pub folders: u64,
    /// Entries that differ, are missing or are too many.
    pub differences: u64,
    /// Digest of everything: BLAKE3 over the sorted entries, folder by folder, in hexadecimal; per area.
    pub root_digests: BTreeMap<String, String>,
}

/// What `seal.json` holds, and the job store as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealDocument {
    /// Version of this document.
    pub seal_version: u32,
    /// Name of the job.
    pub job: String,
    /// The generation of the trees that is sealed.
    pub generation: u64,
    /// When it was sealed, in milliseconds since 1970 by the clock of the destination.
    pub sealed_milliseconds: i64,
    /// Since when the source is at rest, by the same clock: what was read after that holds for ever.
    pub at_rest_milliseconds: i64,
    /// What was proven.
    #[serde(flatten)]
    pub report: SealReport,
}

/// How far the source has been read since it came to rest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VerifySourceReport {
    /// Read whole by this run, with the bytes that were proven.
    pub now: Amount,
    /// Read whole since the source came to rest, by the seal or by an earlier run.
    pub before: Amount,
    /// Entries that are not proven: they have come, changed or gone since the seal, cannot be read, or hold other bytes.
    pub differences: u64,
    /// Since when the source is at rest, in milliseconds since 1970 by the clock of the destination.
    pub at_rest_milliseconds: i64,
}

/// What was brought from the source into the job folder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FetchReport {
    /// Where the copies are, from the job folder; one for each area that has such a file.
    pub places: Vec<String>,
}

/// What a side is, compared with what was sealed of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UnmovedReport {
    /// Files that were looked at.
    pub files: u64,
    /// Entries that have come, changed or gone.
    pub changed: u64,
}

/// Whose the destination is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OwnerReport {
    /// Files and folders.
    pub entries: u64,
    /// Those that were somebody else's, or that others might read.
    pub others: u64,
    /// Those that are left alone.
    pub left_alone: u64,
}
