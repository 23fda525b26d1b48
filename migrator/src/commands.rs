//! The commands of an administrator, one file each.

pub mod abandon;
pub mod accept;
pub mod check;
pub mod finish;
pub mod lowercase;
pub mod plan;
pub mod prepare;
pub mod queues;
pub mod report;
pub mod stage_one;
pub mod stage_two;
pub mod status;
pub mod test_mailbox;
pub mod verify;
pub mod watch;
pub mod wish;

mod ending;
