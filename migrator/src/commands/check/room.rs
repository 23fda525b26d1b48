//! Whether the destination has room for what is at the source, and for what comes until stage two.

use protocol::InventoryReport;

use super::report::Judged;
use crate::numbers;

/// How much a post office is taken to grow until stage two, in percent.
const GROWTH_PERCENT: u64 = 10;

pub(super) fn judge(inventory: &InventoryReport) -> [(&'static str, Judged); 2] {
    let needed =
        |of: fn(&protocol::AreaInventory) -> u64| inventory.areas.iter().map(of).sum::<u64>();
    let (files, bytes) = (needed(|area| area.files), needed(|area| area.bytes));
    let free = inventory.destination_free_bytes;
    let room = match fit(bytes, free) {
        Fit::Well => Judged::pass(format!(
            "{} free, {} needed",
            numbers::bytes(free),
            numbers::bytes(bytes)
        )),
        Fit::Tightly => Judged::warning(
            format!(
                "{} free and {} needed today; {GROWTH_PERCENT} % more would not fit",
                numbers::bytes(free),
                numbers::bytes(bytes)
            ),
            "Give the destination more room before stage one: the post office grows until stage two",
        ),
        Fit::Not => Judged::fail(
            format!(
                "{} free, {} needed",
                numbers::bytes(free),
                numbers::bytes(bytes)
            ),
            "Give the destination more room before stage one",
        )
        .told(),
    };
    let free = inventory.destination_free_inodes;
    let inodes = if free == 0 {
        Judged::pass("the file system counts no inodes")
    } else {
        let text = format!(
            "{} more files fit, {} needed",
            numbers::count(free),
            numbers::count(files)
        );
        let remedy = "Use a file system with more inodes for the post office";
        match fit(files, free) {
            Fit::Well => Judged::pass(text),
            Fit::Tightly => Judged::warning(text, remedy),
            Fit::Not => Judged::fail(text, remedy).told(),
        }
    };
    [("destination-room", room), ("destination-inodes", inodes)]
}

enum Fit {
    Well,
    Tightly,
    Not,
}

fn fit(needed: u64, free: u64) -> Fit {
    if needed > free {
        Fit::Not
    } else if needed.saturating_add(needed / 100 * GROWTH_PERCENT) > free {
        Fit::Tightly
    } else {
        Fit::Well
    }
}
