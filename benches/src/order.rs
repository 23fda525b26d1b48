//! The order that a worker is given, for one post office.

use std::path::Path;

use protocol::{AreaKind, AreaOrder, CopyOptions, Order, PROTOCOL, Task};

/// An order for the trees of one post office, with the options that a worksheet has where it says nothing.
pub fn order(source: &Path, destination: &Path, task: Task) -> Order {
    Order {
        protocol: PROTOCOL,
        job: "benchmark".into(),
        number: 0,
        token: String::new(),
        areas: vec![AreaOrder {
            id: 0,
            kind: AreaKind::PostOffice,
            label: "post office".into(),
            source: source.display().to_string(),
            destination: destination.display().to_string(),
        }],
        task,
        options: CopyOptions::default(),
    }
}
