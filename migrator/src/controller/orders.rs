//! Orders to the worker, made from the worksheet.

use protocol::{
    AreaKind, AreaOrder, Bandwidth, CopyOptions, Finding, Order, PROTOCOL, Task, TaskReport,
    Verdict,
};

use super::link::token;
use super::{Controller, Finished, StepError, client};
use crate::numbers::count;

impl Controller {
    /// The folders of this job: the post office, then the document storage areas that the worksheet maps.
    ///
    /// No two of them are called the same: a seal has the digest of each under what it is called.
    pub fn area_orders(&self) -> Vec<AreaOrder> {
        let sheet = &self.worksheet;
        let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
        let mut areas = vec![AreaOrder {
            id: 0,
            kind: AreaKind::PostOffice,
            label: sheet.post_office.name.clone(),
            source: text(&self.source_folder()),
            destination: text(&sheet.post_office.folder),
        }];
        areas.extend((1_u32..).zip(&sheet.documents).map(|(id, area)| AreaOrder {
            id,
            kind: AreaKind::Documents,
            label: area.library.clone(),
            source: text(&area.access.path()),
            destination: text(&area.destination),
        }));
        tell_apart(&mut areas);
        areas
    }

    /// How the worksheet wants things copied.
    pub fn copy_options(&self) -> CopyOptions {
        let copy = &self.worksheet.copy;
        CopyOptions {
            workers: copy.workers.unwrap_or(0),
            agent_logs: copy.agent_logs,
            removal_limit_percent: copy.removal_limit_percent,
            retries: copy.retries,
            lock_wait_seconds: copy.lock_wait_seconds,
            clock_allowance_seconds: self.worksheet.source.clock_allowance_seconds,
            still_seconds: self.still_seconds(),
            // Whoever gives an order says whether it is limited.
            bandwidth: None,
            prove_databases: self.worksheet.seal.prove_databases,
            read_again: self.worksheet.seal.read_again,
            bypass_attribute_cache: self.worksheet.may_cache_attributes(),
        }
    }

    /// For how long an item of a queue must stand still; nobody writes any into a copy.
    pub fn still_seconds(&self) -> u64 {
        let is_live = self.worksheet.source.live;
        if is_live {
            self.worksheet.copy.still_seconds
        } else {
            0
        }
    }

    /// How much a task may take from the source: users work there, unless it is one of stage two.
    fn bandwidth(&self, task: &Task) -> Option<Bandwidth> {
        let copy = &self.worksheet.copy;
        let is_limited = task.is_for_working_users() || copy.bandwidth_in_stage_two;
        copy.bandwidth.clone().filter(|_| is_limited)
    }

    /// Has the worker do a task on the folders of this job.
    ///
    /// # Errors
    /// [`StepError::Task`] where its findings stop the step; they have been shown.
    pub async fn order(&mut self, task: Task) -> Result<Finished, StepError> {
        let areas = self.area_orders();
        let name = task.name();
        self.run_task(areas, task).await?.into_result(name)
    }

    /// The same, for what it reports.
    ///
    /// # Errors
    /// As [`Controller::order`]; [`StepError::Protocol`] where the report is of another kind.
    pub async fn report_of<R: TryFrom<TaskReport>>(&mut self, task: Task) -> Result<R, StepError> {
        let name = task.name();
        let report = self.order(task).await?.report;
        let report = report.and_then(|report| R::try_from(report).ok());
        report.ok_or_else(|| StepError::Protocol {
            text: format!("the task {name} ended without its report"),
        })
    }

    /// Has the worker do a task on the given folders; the end is wanted whatever its findings say, which have been shown.
    ///
    /// # Errors
    /// What the connection says.
    pub async fn run_task(
        &mut self,
        areas: Vec<AreaOrder>,
        task: Task,
    ) -> Result<Finished, StepError> {
        let order = Order {
            protocol: PROTOCOL,
            job: self.worksheet.post_office.job.clone(),
            number: 0,
            token: token(),
            areas,
            options: CopyOptions {
                bandwidth: self.bandwidth(&task),
                ..self.copy_options()
            },
            task,
        };
        let console = self.console();
        let accepted = &self.accepted;
        let link = self.link()?;
        let carrying = client::carry_out(link, &order, accepted, console.as_ref());
        let finished = tokio::select! {
            finished = carrying => finished?,
            () = self.interrupt.happened(1) => return Err(self.interrupted().await),
        };
        self.take(&finished);
        Ok(finished)
    }

    /// Counts what an order has found.
    pub(super) fn take(&mut self, finished: &Finished) {
        // The console has shown them as they came.
        self.findings.extend(finished.findings.iter().cloned());
        for finding in finished.not_kept() {
            self.report(finding);
        }
    }
}

/// Adds its destination to what a folder is called, where another one is called the same.
///
/// The worker knows a library by what its first area is called, so that one keeps the name of the library alone, and a post office
/// of that name does not.
fn tell_apart(areas: &mut [AreaOrder]) {
    // The post office last.
    let mut order: Vec<usize> = (1..areas.len()).collect();
    order.extend((!areas.is_empty()).then_some(0));
    let mut taken: Vec<String> = Vec::with_capacity(areas.len());
    for index in order {
        let area = &mut areas[index];
        while taken
            .iter()
            .any(|label| label.eq_ignore_ascii_case(&area.label))
        {
            area.label = format!("{} ({})", area.label, area.destination);
        }
        taken.push(area.label.clone());
    }
}

impl Finished {
    /// The end of a task, unless its findings stop the step.
    ///
    /// # Errors
    /// [`StepError::Task`].
    pub fn into_result(self, task: &str) -> Result<Self, StepError> {
        if self.verdict <= Verdict::NeedsAttention {
            return Ok(self);
        }
        let mut findings = self.findings.into_iter();
        let worst = findings.rfind(|finding| finding.verdict == self.verdict);
        Err(StepError::Task {
            task: task.to_owned(),
            verdict: self.verdict,
            worst: worst.map_or_else(
                || "its findings are in the job store".into(),
                |finding| finding.text,
            ),
        })
    }

    /// What was counted and not kept one by one: nobody can have accepted it by what it is about.
    fn not_kept(&self) -> Vec<Finding> {
        let more = self.by_code.iter().filter_map(|(code, how_many)| {
            let kept = self.findings.iter().filter(|found| found.code == *code);
            let worst = kept.clone().map(|found| found.verdict).max()?;
            let more = how_many.saturating_sub(kept.count() as u64);
            // What is worse stops the step.
            (more > 0 && worst == Verdict::NeedsAttention).then(|| {
                let finding = Finding::new(
                    "",
                    Verdict::NeedsAttention,
                    format!("{} more were counted and not kept one by one", count(more)),
                    format!(
                        "Look for the cause of those that are shown; findings.jsonl in the job folder of the destination has each; \
                         `gwmigrate accept {code} --all --by NAME --note WHY` accepts each of them"
                    ),
                );
                Finding {
                    code: code.clone().into(),
                    ..finding
                }
            })
        });
        more.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn no_two_folders_of_a_job_are_called_the_same() {
        let area = |id, label: &str| AreaOrder {
            id,
            kind: AreaKind::Documents,
            label: label.to_owned(),
            source: "/from".to_owned(),
            destination: format!("/to/{id}"),
        };
        let mut areas: Vec<AreaOrder> = (0..)
            .zip([
                "lib0001",
                "LIB0001",
                "lib0001",
                "lib0002",
                "lib0001 (/to/2)",
            ])
            .map(|(id, label)| area(id, label))
            .collect();
        tell_apart(&mut areas);
        let labels: Vec<&str> = areas.iter().map(|area| &*area.label).collect();
        assert_eq!(
            labels,
            [
                "lib0001 (/to/0)",
                "LIB0001",
                "lib0001 (/to/2)",
                "lib0002",
                "lib0001 (/to/2) (/to/4)"
            ]
        );
    }

    #[test]
    fn what_was_only_counted_is_for_a_person_whatever_was_accepted_one_by_one() {
        let found = |code, verdict| Finding::new(code, verdict, "seen", "look");
        let finished = Finished {
            verdict: Verdict::NeedsAttention,
            counts: BTreeMap::new(),
            findings: vec![
                found("name-kept", Verdict::NeedsAttention),
                found("note", Verdict::Done),
                found("whole", Verdict::NeedsAttention),
            ],
            by_code: [("name-kept", 51), ("note", 9), ("whole", 1)]
                .map(|(code, how_many)| (code.to_owned(), how_many))
                .into(),
            report: None,
            protections: protocol::Protections::default(),
        };
        let more = finished.not_kept();
        assert_eq!(more.len(), 1, "{more:#?}");
        assert_eq!(
            (&*more[0].code, more[0].verdict),
            ("name-kept", Verdict::NeedsAttention)
        );
        assert!(more[0].text.starts_with("50 more "), "{more:#?}");
    }
}
