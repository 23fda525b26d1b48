//! What the event log says of the orders that a job has had.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use rustix::io::Errno;

use crate::capabilities::open_folder;
use crate::error::{Result, WorkerError};
use crate::events::EVENT_FILE;
use protocol::{
    CURVE_POINTS_MAX, Count, Counts, CurvePoint, Event, EventKind, ORDERS_MAX, OrderLine,
};

/// The latest orders, oldest first; none where there is no event log yet.
///
/// However long the log is, each order is told by a few points of its curve.
pub(super) fn history(job_folder: &Path) -> Result<Vec<OrderLine>> {
    let failed = |source| WorkerError::JobFolder {
        operation: "read",
        name: EVENT_FILE.into(),
        source,
    };
    let job = open_folder("the job folder", job_folder)?;
    match job.open_file(EVENT_FILE.as_bytes()) {
        Ok((file, _)) => orders(BufReader::new(File::from(file))).map_err(failed),
        Err(Errno::NOENT) => Ok(Vec::new()),
        Err(errno) => Err(failed(errno.into())),
    }
}

/// The orders of a log; lines that are no events, as one that a worker was killed in, are left out.
fn orders(mut log: impl BufRead) -> std::io::Result<Vec<OrderLine>> {
    let mut orders: VecDeque<Growing> = VecDeque::new();
    let mut line = Vec::new();
    while log.read_until(b'\n', &mut line)? > 0 {
        if let Ok(event) = serde_json::from_slice::<Event>(&line) {
            if let EventKind::Started { task, .. } = &event.what {
                if orders.len() == ORDERS_MAX {
                    orders.pop_front();
                }
                orders.push_back(Growing::new(&event, task));
            }
            // One order runs at a time, so an event belongs to the last one or to none that is told.
            if let Some(order) = orders
                .back_mut()
                .filter(|one| one.line.order == event.order)
            {
                order.add(&event);
            }
        }
        line.clear();
    }
    Ok(orders.into_iter().map(|order| order.line).collect())
}

/// An order whose events are being read.
struct Growing {
    line: OrderLine,
    /// Every how many events of progress become a point.
    stride: u64,
    progress_events: u64,
}

impl Growing {
    fn new(event: &Event, task: &str) -> Self {
        Self {
            line: OrderLine {
                order: event.order,
                task: task.to_owned(),
                began_milliseconds: event.at_milliseconds,
                last_milliseconds: event.at_milliseconds,
                verdict: None,
                curve: Vec::new(),
            },
            stride: 1,
            progress_events: 0,
        }
    }

    fn add(&mut self, event: &Event) {
        self.line.last_milliseconds = event.at_milliseconds;
        match &event.what {
            EventKind::Progress { counts, .. } => {
                if self.progress_events.is_multiple_of(self.stride) {
                    self.thin_out();
                    self.line.curve.push(point(event.at_milliseconds, counts));
                }
                self.progress_events += 1;
            }
            EventKind::Finished {
                verdict, counts, ..
            } => {
                self.thin_out();
                self.line.curve.push(point(event.at_milliseconds, counts));
                self.line.verdict = Some(*verdict);
            }
            EventKind::Started { .. }
            | EventKind::Phase { .. }
            | EventKind::Finding(_)
            | EventKind::Wished { .. } => {}
        }
    }

    /// Leaves every second point where there is room for no more.
    fn thin_out(&mut self) {
        let curve = &mut self.line.curve;
        if curve.len() < CURVE_POINTS_MAX {
            return;
        }
        let mut is_kept = false;
        curve.retain(|_| {
            is_kept = !is_kept;
            is_kept
        });
        self.stride *= 2;
    }
}

fn point(at_milliseconds: i64, counts: &Counts) -> CurvePoint {
    let count = |what| counts.get(&what).copied();
    CurvePoint {
        at_milliseconds,
        files: count(Count::FilesSeen).unwrap_or(0),
        bytes: count(Count::BytesCopied)
            .or_else(|| count(Count::BytesSeen))
            .unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use protocol::{PROTOCOL, Protections, Verdict};

    use super::*;

    fn line(order: u64, at_milliseconds: i64, what: EventKind) -> String {
        let event = Event {
            v: PROTOCOL,
            at_milliseconds,
            order,
            what,
        };
        serde_json::to_string(&event).unwrap() + "\n"
    }

    fn started(order: u64) -> String {
        let what = EventKind::Started {
            version: String::new(),
            pid: 1,
            task: "stage-one-pass".to_owned(),
            protections: Protections::default(),
        };
        line(order, 0, what)
    }

    fn counts(files: u64) -> Counts {
        Counts::from([(Count::FilesSeen, files), (Count::BytesCopied, files * 10)])
    }

    #[test]
    fn a_long_order_keeps_its_shape_in_few_points_and_a_torn_line_ends_nothing() {
        let mut log = started(1) + "{\"v\":3,\"at_mill\n" + &started(2);
        for at in 1..=10_000 {
            let what = EventKind::Progress {
                counts: counts(at),
                limit: None,
            };
            log += &line(2, i64::try_from(at).unwrap(), what);
        }
        log += &line(
            2,
            10_001,
            EventKind::Finished {
                verdict: Verdict::Done,
                counts: counts(10_001),
                findings: std::collections::BTreeMap::new(),
                report: None,
            },
        );
        let [cut_off, whole] = &orders(log.as_bytes()).unwrap()[..] else {
            panic!("two orders");
        };
        assert_eq!((cut_off.verdict, cut_off.curve.len()), (None, 0));
        assert_eq!(whole.verdict, Some(Verdict::Done));
        assert!((CURVE_POINTS_MAX / 2..=CURVE_POINTS_MAX).contains(&whole.curve.len()));
        assert!(whole.curve.is_sorted_by_key(|point| point.files));
        let last = whole.curve.last().unwrap();
        assert_eq!((last.files, last.bytes), (10_001, 100_010));
        let widest = whole
            .curve
            .windows(2)
            .map(|two| two[1].files - two[0].files);
        assert!(widest.max().unwrap() <= 2 * 10_000 / (CURVE_POINTS_MAX as u64 / 2));
    }

    #[test]
    fn only_the_latest_orders_are_told() {
        let log: String = (0..ORDERS_MAX as u64 + 7).map(started).collect();
        let orders = orders(log.as_bytes()).unwrap();
        assert_eq!(orders.len(), ORDERS_MAX);
        assert_eq!(orders[0].order, 7);
    }
}
