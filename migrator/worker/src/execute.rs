//! From a task to the operation that does it.

use crate::abandon::abandon;
use crate::at_rest::prove_at_rest;
use crate::capabilities::Capabilities;
use crate::certificates::certificates;
use crate::copy::run_pass;
use crate::create_folders::create_folders;
use crate::documents::find_libraries;
use crate::error::Result;
use crate::fetch::fetch;
use crate::guardian::guardian;
use crate::inventory::take_inventory;
use crate::lowercase::{lowercase, undo_lowercase};
use crate::monitor::{Monitor, Tally};
use crate::owner::give_to;
use crate::preconditions;
use crate::prove::prove;
use crate::queues::carry_queues;
use crate::seal::{compare_source, look_for_work, seal, verify, verify_source};
use crate::store::JobStore;
use protocol::{Order, Task, TaskReport};

/// Does what an order asks for.
///
/// `tally` holds what `monitor` counts.
///
/// # Errors
/// What the operation says.
pub fn execute(
    order: &Order,
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
    tally: &Tally,
) -> Result<TaskReport> {
    let options = &order.options;
    preconditions::require(order, capabilities, store)?;
    Ok(match &order.task {
        Task::Inventory { only_count } => TaskReport::Inventory(take_inventory(
            capabilities,
            store,
            monitor,
            options,
            *only_count,
        )?),
        Task::CreateFolders => {
            create_folders(capabilities, store, monitor)?;
            TaskReport::Plain
        }
        Task::Pass { kind } => TaskReport::Pass(run_pass(
            capabilities,
            store,
            monitor,
            tally,
            *kind,
            options,
        )?),
        Task::Certificates {
            key_password,
            dns_name,
            ..
        } => {
            let (password, name) = (key_password.as_ref(), dns_name.as_deref());
            certificates(capabilities, monitor, password, name)?;
            TaskReport::Plain
        }
        Task::Documents => TaskReport::Documents(find_libraries(capabilities, monitor, options)?),
        Task::AtRest { quiet_seconds } => TaskReport::AtRest(prove_at_rest(
            capabilities,
            store,
            monitor,
            options,
            *quiet_seconds,
        )?),
        Task::Lowercase { plan_only } => TaskReport::Lowercase(lowercase(
            capabilities,
            store,
            monitor,
            tally,
            options,
            *plan_only,
        )?),
        Task::UndoLowercase => TaskReport::Lowercase(undo_lowercase(capabilities, store, monitor)?),
        Task::Guardian { action } => {
            TaskReport::Guardian(guardian(capabilities, store, monitor, action)?)
        }
        Task::Queues { live } => TaskReport::Queues(carry_queues(
            capabilities,
            store,
            monitor,
            tally,
            options,
            *live,
        )?),
        Task::Prove => TaskReport::Prove(prove(capabilities, store, monitor, options)?),
        Task::Seal => TaskReport::Seal(seal(capabilities, store, monitor, options)?),
        Task::VerifySource => {
            TaskReport::VerifySource(verify_source(capabilities, store, monitor, options)?)
        }
        Task::CompareSource => {
            TaskReport::Unmoved(compare_source(capabilities, store, monitor, options)?)
        }
        Task::LookForWork => {
            TaskReport::Unmoved(look_for_work(capabilities, store, monitor, options)?)
        }
        Task::Fetch { subject } => TaskReport::Fetch(fetch(capabilities, store, monitor, subject)?),
        Task::Verify => TaskReport::Seal(verify(capabilities, store, monitor, options)?),
        Task::Owner {
            user,
            group,
            plan_only,
        } => TaskReport::Owner(give_to(
            capabilities,
            store,
            monitor,
            options,
            (*user, *group),
            *plan_only,
        )?),
        Task::Abandon { plan_only } => {
            TaskReport::Abandon(abandon(capabilities, store, monitor, *plan_only)?)
        }
    })
}
