//! The journal of the steps, kept at the destination; what happens before it can be reached is caught up on.

use protocol::{Finding, Request, Step, StepState};

use super::client::call;
use super::error::StepError;
use super::link::Link;
use super::now_milliseconds;

/// The journal as the controller sees it.
#[derive(Debug, Default)]
pub(super) struct Journal {
    is_open: bool,
    waiting: Vec<Request>,
}

impl Journal {
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    pub(super) async fn open(&mut self, link: &Link) -> Result<(), StepError> {
        self.is_open = true;
        for request in std::mem::take(&mut self.waiting) {
            call(link, &request).await?;
        }
        Ok(())
    }

    pub(super) async fn begin(&mut self, link: Option<&Link>, step: Step) -> Result<(), StepError> {
        let at_milliseconds = (!self.is_open).then(now_milliseconds);
        self.write(
            link,
            Request::BeginStep {
                step,
                at_milliseconds,
            },
        )
        .await
    }

    pub(super) async fn end(
        &mut self,
        link: Option<&Link>,
        step: Step,
        state: StepState,
        detail: &str,
        findings: &[Finding],
    ) -> Result<(), StepError> {
        self.write(
            link,
            Request::EndStep {
                step,
                state,
                detail: detail.to_owned(),
                findings: findings.to_vec(),
            },
        )
        .await
    }

    async fn write(&mut self, link: Option<&Link>, request: Request) -> Result<(), StepError> {
        match link {
            Some(link) if self.is_open => call(link, &request).await.map(|_| ()),
            _ => {
                self.waiting.push(request);
                Ok(())
            }
        }
    }
}
