//! The tables of the job store.

use rusqlite::Connection;

use crate::error::{Result, WorkerError};

/// The layout number; it changes with every change to [`TABLES`] that an older program would misread.
const LAYOUT: i64 = 3;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

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

-- The plan of a pass for what is to go from the destination.
CREATE TABLE IF NOT EXISTS removal (
    area INTEGER NOT NULL, folder BLOB NOT NULL, name BLOB NOT NULL, kind TEXT NOT NULL,
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

CREATE TABLE IF NOT EXISTS sealed (
    area INTEGER NOT NULL, folder BLOB NOT NULL, name BLOB NOT NULL, size INTEGER NOT NULL, digest BLOB NOT NULL,
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
        LAYOUT => Ok(()),
        _ => Err(WorkerError::StoreLayout {
            found,
            known: LAYOUT,
        }),
    }
}
