//! Users at work on the source, played by its agent, and what they see.

use super::play::Play;
use crate::checks::{Check, compare_with_journal};
use crate::error::{HarnessError, io_error};
use crate::source_agent::AgentOrders;

/// How long the agent of the source rests behind each piece that it writes, in milliseconds.
const AGENT_PAUSE_MILLISECONDS: u64 = 5;

/// Every how many operations it holds a lock for long.
const AGENT_MAINTENANCE_EVERY: u64 = 40;

impl Play<'_> {
    /// Starts the agent of the source, which works beside the next passes.
    pub(super) fn users_begin_to_work(&mut self) -> Result<(), HarnessError> {
        self.check_source_untouched()?;
        if self.options.source_rate == 0 {
            return Ok(());
        }
        let orders = AgentOrders {
            number: 1,
            seed: self.options.seed,
            operations_per_second: self.options.source_rate,
            pause_milliseconds: AGENT_PAUSE_MILLISECONDS,
            maintenance_every: AGENT_MAINTENANCE_EVERY,
        };
        self.agent = Some(self.site.start_agent(&orders)?);
        self.users_work = true;
        (self.note)("users begin to work on the source");
        Ok(())
    }

    /// The agent rests; is the source as it says?  One more pass, at night.
    pub(super) fn users_go_home(&mut self) -> Result<(), HarnessError> {
        let Some(agent) = &mut self.agent else {
            return Ok(());
        };
        let journal = agent.rest()?;
        self.users_work = false;
        let source = &self.site.trees().source;
        let failures =
            compare_with_journal(source, &journal).map_err(io_error("compare", source))?;
        let name = "the source holds what its agent acknowledged while passes ran";
        self.checks.push(Check::new(name, failures));
        (self.note)(&format!(
            "users go home: {} operations on the source meanwhile",
            journal.len()
        ));
        self.take_snapshot()?;
        self.migrate(&["stage-one"])?;
        Ok(())
    }

    /// The same mailbox on both servers, read over IMAP as any client would.
    pub(super) fn test_mailbox(&mut self) -> Result<(), HarnessError> {
        let run = self.migrate(&["test-mailbox"])?;
        if self.agent.is_none() || self.site.sheet().mailbox_test.is_none() {
            return Ok(());
        }
        let status = self.report()?.status;
        let line = status.step(protocol::Step::TestMailbox);
        let detail = line.map(|line| line.detail.as_str()).unwrap_or_default();
        let is_same = run.exit_code == Some(0)
            && detail.contains("of them byte for byte")
            && detail.ends_with("encrypted, both with the certificate that was copied");
        let failures = if is_same {
            Vec::new()
        } else {
            vec![format!("{:?}: {detail}", run.exit_code)]
        };
        let name = "a mailbox is the same on both servers, read over IMAP";
        self.checks.push(Check::new(name, failures));
        Ok(())
    }

    pub(super) fn source_agent_stops(&mut self) -> Result<(), HarnessError> {
        let Some(agent) = self.agent.take() else {
            return Ok(());
        };
        // Its last words go into its log, which is in the post office.
        self.check_source_untouched()?;
        agent.stop()?;
        self.take_snapshot()
    }
}
