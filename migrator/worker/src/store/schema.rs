//! The tables of the job store.

use rusqlite::Connection;

use crate::error::{Result, WorkerError};

/// The layout number; it changes with every change to [`TABLES`] that an older program would misread.
const LAYOUT: i64 = 8;

const TABLES: &str = "
-- Small facts of the job, by name; the value is JSON.
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- Which operation began which generation of the trees.
CREATE TABLE IF NOT EXISTS generation (id INTEGER PRIMARY KEY, operation TEXT NOT NULL, at INTEGER NOT NULL);

-- What is proven of the trees as they are; an operation that makes it untrue takes the row with it.
CREATE TABLE IF NOT EXISTS proof (
    name TEXT PRIMARY KEY, generation INTEGER NOT NULL, at INTEGER NOT NULL
) WITHOUT ROWID;

-- The seal: one row, with the document that `seal.json` holds too.
CREATE TABLE IF NOT EXISTS seal (id INTEGER PRIMARY KEY CHECK (id = 1), document TEXT NOT NULL);

-- Whether users may have worked at the destination: the last row counts, the others say how it came about.
CREATE TABLE IF NOT EXISTS life (
    id INTEGER PRIMARY KEY, state TEXT NOT NULL, at INTEGER NOT NULL, by TEXT NOT NULL, note TEXT NOT NULL
);

-- What only a person could say.
CREATE TABLE IF NOT EXISTS word (
    id INTEGER PRIMARY KEY, said TEXT NOT NULL, at INTEGER NOT NULL, by TEXT NOT NULL, note TEXT NOT NULL
);

-- Ports of the source's POA that were seen open, and when last.
CREATE TABLE IF NOT EXISTS seen_port (
    address TEXT NOT NULL, port INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (address, port)
) WITHOUT ROWID;

-- The folders of the job and the mounts below them, as stage one saw them; a value is JSON.
CREATE TABLE IF NOT EXISTS place (
    area INTEGER NOT NULL, side TEXT NOT NULL, seen TEXT NOT NULL, PRIMARY KEY (area, side)
) WITHOUT ROWID;

-- The journal of the steps: one row per step, with its last run.
CREATE TABLE IF NOT EXISTS step (
    name TEXT PRIMARY KEY, first INTEGER NOT NULL, runs INTEGER NOT NULL, state TEXT NOT NULL,
    began INTEGER NOT NULL, ended INTEGER, detail TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS pass (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, began INTEGER NOT NULL, ended INTEGER,
    counts TEXT NOT NULL DEFAULT '{}'
);

-- The manifest: what was copied, what the source said then and what the destination said after.  Folder and name are
-- those at the destination.
CREATE TABLE IF NOT EXISTS file (
    area INTEGER NOT NULL, folder BLOB NOT NULL, name BLOB NOT NULL,
    size INTEGER NOT NULL, modified_s INTEGER NOT NULL, modified_ns INTEGER NOT NULL, racy INTEGER NOT NULL,
    written_modified_s INTEGER NOT NULL, written_modified_ns INTEGER NOT NULL,
    written_changed_s INTEGER NOT NULL, written_changed_ns INTEGER NOT NULL, written_inode INTEGER NOT NULL,
    digest BLOB NOT NULL, pass INTEGER NOT NULL,
    PRIMARY KEY (area, folder, name)
) WITHOUT ROWID;

-- Folders that this job made at the destination; made by pass 0 are those that every post office has.
CREATE TABLE IF NOT EXISTS folder (
    area INTEGER NOT NULL, path BLOB NOT NULL, pass INTEGER NOT NULL, PRIMARY KEY (area, path)
) WITHOUT ROWID;

-- The plan of a pass for what is to go from the destination; `copied` where it is in the manifest.
CREATE TABLE IF NOT EXISTS removal (
    area INTEGER NOT NULL, folder BLOB NOT NULL, name BLOB NOT NULL, kind TEXT NOT NULL, copied INTEGER NOT NULL,
    PRIMARY KEY (area, folder, name)
) WITHOUT ROWID;

-- The plan of the lowercase sweep, kept so that it can be undone.  A row holds many names of one folder, as a JSON array
-- of [old name, new name, inode, whether only the old link goes]; its folders have the names that they had before its sweep.
CREATE TABLE IF NOT EXISTS rename (
    sweep INTEGER NOT NULL, depth INTEGER NOT NULL, id INTEGER NOT NULL, area INTEGER NOT NULL,
    folder BLOB NOT NULL, how_many INTEGER NOT NULL, names TEXT NOT NULL,
    PRIMARY KEY (sweep, depth, id)
) WITHOUT ROWID;
-- The levels of the plan that are not done yet, or not wholly; all others are done.
CREATE TABLE IF NOT EXISTS open_level (
    sweep INTEGER NOT NULL, depth INTEGER NOT NULL, PRIMARY KEY (sweep, depth)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS set_aside (
    id INTEGER PRIMARY KEY, area INTEGER NOT NULL, path BLOB NOT NULL, kept_as TEXT NOT NULL, reason TEXT NOT NULL,
    at INTEGER NOT NULL
);

-- What was carried from the queues.  `placing` is written before the item appears in its queue.
CREATE TABLE IF NOT EXISTS queue_item (
    folder BLOB NOT NULL, name BLOB NOT NULL, size INTEGER NOT NULL,
    modified_s INTEGER NOT NULL, modified_ns INTEGER NOT NULL, digest BLOB NOT NULL, state TEXT NOT NULL,
    PRIMARY KEY (folder, name)
) WITHOUT ROWID;

-- When the inodes of items last changed that are about to appear in their queues, as said before that; the rows
-- go once these are in their queues.
CREATE TABLE IF NOT EXISTS placing (
    folder BLOB NOT NULL, name BLOB NOT NULL, changed_s INTEGER NOT NULL, changed_ns INTEGER NOT NULL,
    PRIMARY KEY (folder, name)
) WITHOUT ROWID;

-- Items of the queues of the source that stood still while it was proven to be at rest; `since` by the clock that runs since
-- the destination was started, in milliseconds.
CREATE TABLE IF NOT EXISTS standing (
    folder BLOB NOT NULL, name BLOB NOT NULL, size INTEGER NOT NULL,
    modified_s INTEGER NOT NULL, modified_ns INTEGER NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY (folder, name)
) WITHOUT ROWID;

-- The ledger of proofs: files that were read whole on both sides, what both said of themselves before that, and when it was;
-- `source_read` is the number of the last pass that had begun when the source was read last, because a clock may be set back.
-- Folder and name are those at the destination.
CREATE TABLE IF NOT EXISTS proven (
    area INTEGER NOT NULL, folder BLOB NOT NULL, name BLOB NOT NULL, digest BLOB NOT NULL,
    source_size INTEGER, source_modified_s INTEGER, source_modified_ns INTEGER,
    source_changed_s INTEGER, source_changed_ns INTEGER,
    size INTEGER NOT NULL, modified_s INTEGER NOT NULL, modified_ns INTEGER NOT NULL,
    changed_s INTEGER NOT NULL, changed_ns INTEGER NOT NULL, inode INTEGER NOT NULL,
    read INTEGER NOT NULL, source_read INTEGER NOT NULL, racy INTEGER NOT NULL,
    PRIMARY KEY (area, folder, name)
) WITHOUT ROWID;

-- Files of the source that have no counterpart on purpose: logs of a guardian that was converted.
CREATE TABLE IF NOT EXISTS sealed_source (
    area INTEGER NOT NULL, folder BLOB NOT NULL, name BLOB NOT NULL, size INTEGER NOT NULL,
    modified_s INTEGER NOT NULL, modified_ns INTEGER NOT NULL,
    PRIMARY KEY (area, folder, name)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS finding (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, origin TEXT NOT NULL, code TEXT NOT NULL, verdict TEXT NOT NULL,
    subject TEXT NOT NULL, text TEXT NOT NULL, remedy TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS finding_origin ON finding (origin);
-- How many findings of each code the last run of an origin had, also of those not kept whole.
CREATE TABLE IF NOT EXISTS finding_count (
    origin TEXT NOT NULL, code TEXT NOT NULL, how_many INTEGER NOT NULL, worst TEXT NOT NULL,
    PRIMARY KEY (origin, code)
) WITHOUT ROWID;

-- Findings that a person has accepted: one of a code, about one thing and with one text, or a whole code.
CREATE TABLE IF NOT EXISTS accepted (
    id INTEGER PRIMARY KEY, code TEXT NOT NULL, extent TEXT NOT NULL, subject TEXT NOT NULL, said TEXT NOT NULL,
    by TEXT NOT NULL, note TEXT NOT NULL, at INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS checklist (
    item TEXT PRIMARY KEY, confirmed_by TEXT NOT NULL, note TEXT NOT NULL, at INTEGER NOT NULL
) WITHOUT ROWID;
";

/// Makes the tables where there are none, and refuses a store of another layout.
pub(super) fn prepare(connection: &Connection) -> Result<()> {
    let found: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(WorkerError::store("read its layout"))?;
    match found {
        0 => {
            // Two processes may find the store new at once; making the tables twice changes nothing.
            let batch =
                format!("BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {LAYOUT}; COMMIT;");
            connection
                .execute_batch(&batch)
                .map_err(WorkerError::store("make its tables"))
        }
        // A table that is younger than the store may be missing.
        LAYOUT => connection
            .execute_batch(TABLES)
            .map_err(WorkerError::store("make its younger tables")),
        _ => Err(WorkerError::StoreLayout {
            found,
            known: LAYOUT,
        }),
    }
}
