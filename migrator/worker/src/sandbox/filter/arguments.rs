//! The system calls that are denied with some arguments, or to some tasks.

use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{self, Eq, MaskedEq, Ne};
use seccompiler::{BackendError, SeccompCmpArgLen, SeccompCondition, SeccompRule};

use protocol::Task;

type Result<T> = std::result::Result<T, BackendError>;

/// A call and when it is denied; always, where there are no rules.
type Denied = (i64, Vec<SeccompRule>);

/// Commands of `fcntl` that make the kernel send signals to any process, or hold up whoever opens a file.  The library
/// lacks some of the names, and the numbers are those of `asm-generic/fcntl.h`.
const FCNTL_DENIED: [libc::c_int; 5] = [
    8,  // F_SETOWN
    10, // F_SETSIG
    15, // F_SETOWN_EX
    libc::F_SETLEASE,
    libc::F_NOTIFY,
];

/// What is asked of a device or a file system: whether a folder folds case, and what the standard library says to a
/// handle.  Everything else could set flags of files, make or remove what has a name, or speak to a terminal.
const IOCTL_ALLOWED: [libc::Ioctl; 5] = [
    libc::FS_IOC_GETFLAGS,
    libc::FIOCLEX,
    libc::FIONCLEX,
    libc::FIONBIO,
    libc::TCGETS,
];

/// The bits of a mode that let somebody else in, or give a program the rights of its owner.
const MODES_DENIED: [u64; 9] = [
    0o4000, 0o2000, 0o1000, 0o040, 0o020, 0o010, 0o004, 0o002, 0o001,
];

/// The bits that give a program the rights of its owner or its group, also in a mode that a file is made with.
const IDENTITY_MODES: [u64; 2] = [0o4000, 0o2000];

/// Where the kernel's `renameat2` has its flags, and those that are not `RENAME_NOREPLACE`: exchanging two names, and
/// leaving a device behind.
const RENAME_FLAGS: u8 = 4;
const RENAME_DENIED: [u64; 2] = [2, 4];

/// What is denied to a task of the process with this number; `needs_links` where it may have to rename by second links.
pub(super) fn rules(task: &Task, needs_links: bool, process: u32) -> Result<Vec<Denied>> {
    let mut denied = vec![
        // A handle stands for itself where no path is given.
        (libc::SYS_utimensat, vec![when(1, Qword, Ne, 0)?]),
        // A process may end itself, as the C library does after a panic, and harm no other.
        (libc::SYS_kill, vec![when(0, Dword, Ne, process.into())?]),
        (libc::SYS_tgkill, vec![when(0, Dword, Ne, process.into())?]),
        (libc::SYS_prlimit64, vec![when(0, Dword, Ne, 0)?]),
        (libc::SYS_clone, vec![no_thread()?]),
        (libc::SYS_fcntl, any(1, FCNTL_DENIED.map(into_bits))?),
        (libc::SYS_ioctl, vec![other_requests()?]),
        (libc::SYS_renameat2, bits(RENAME_FLAGS, &RENAME_DENIED)?),
        (libc::SYS_openat, opening(2)?),
    ];
    #[cfg(target_arch = "x86_64")]
    denied.push((libc::SYS_open, opening(1)?));
    denied.push((libc::SYS_unshare, leaving(task)?));
    denied.extend(giving_away(task)?);
    // Both are made at the destination only, by what has to make such a thing anew.  A second link is a name for the program in
    // the job folder as well, so nothing else makes any where the file systems can do without.
    let makes_links = matches!(task, Task::UndoLowercase) || (needs_links && task.writes());
    if !makes_links {
        denied.push((libc::SYS_linkat, Vec::new()));
    }
    if !sets_aside(task) {
        denied.push((libc::SYS_symlinkat, Vec::new()));
    }
    Ok(denied)
}

/// Whether a task moves what is not ours into the quarantine, which may be another file system.
fn sets_aside(task: &Task) -> bool {
    matches!(
        task,
        Task::Pass { .. } | Task::Queues { .. } | Task::Abandon { .. }
    )
}

/// Name spaces, and what else threads share: an inventory may give a thread a current folder of its own, in which it asks for
/// attributes by name.
fn leaving(task: &Task) -> Result<Vec<SeccompRule>> {
    match task {
        Task::Inventory { only_count: false } => {
            Ok(vec![when(0, Qword, Ne, into_bits(libc::CLONE_FS))?])
        }
        _ => Ok(Vec::new()),
    }
}

/// Owners and modes, through a handle: for the tasks that give something away, and of those only what they give.
fn giving_away(task: &Task) -> Result<Vec<Denied>> {
    let owners = match task {
        Task::Owner {
            user,
            group,
            plan_only: false,
        } => vec![
            when(1, Dword, Ne, (*user).into())?,
            when(2, Dword, Ne, (*group).into())?,
        ],
        // To whoever owns the queue, which is seen at the destination.
        Task::Queues { .. } => {
            return Ok(vec![(libc::SYS_fchmod, bits(1, &MODES_DENIED)?)]);
        }
        _ => {
            return Ok(vec![
                (libc::SYS_fchown, Vec::new()),
                (libc::SYS_fchmod, Vec::new()),
            ]);
        }
    };
    Ok(vec![
        (libc::SYS_fchown, owners),
        (libc::SYS_fchmod, bits(1, &MODES_DENIED)?),
    ])
}

/// Whether a call of `clone` makes a process.
fn no_thread() -> Result<SeccompRule> {
    let thread = into_bits(libc::CLONE_THREAD);
    when(0, Dword, MaskedEq(thread), 0)
}

fn other_requests() -> Result<SeccompRule> {
    let is_none_of = IOCTL_ALLOWED
        .into_iter()
        .map(|request| SeccompCondition::new(1, Dword, Ne, as_seen(request).into()))
        .collect::<Result<_>>()?;
    SeccompRule::new(is_none_of)
}

/// A request as the kernel sees it, in 32 bits; C libraries differ in the width and the sign of its type.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn as_seen(request: libc::Ioctl) -> u32 {
    request as u32
}

/// Opening in a way in which an older Landlock sees no writing, although the file is cut; and making a file whose mode
/// gives a program the rights of its owner.
fn opening(flags: u8) -> Result<Vec<SeccompRule>> {
    let access = into_bits(libc::O_ACCMODE);
    let cut = into_bits(libc::O_TRUNC);
    let mut rules = vec![
        when(flags, Dword, MaskedEq(access | cut), cut)?,
        when(flags, Dword, MaskedEq(access), access)?,
    ];
    rules.extend(bits(flags + 1, &IDENTITY_MODES)?);
    Ok(rules)
}

/// A rule for each of the values that an argument must not have.
fn any<const COUNT: usize>(argument: u8, values: [u64; COUNT]) -> Result<Vec<SeccompRule>> {
    values
        .into_iter()
        .map(|value| when(argument, Dword, Eq, value))
        .collect()
}

/// A rule for each of the bits that an argument must not have.
fn bits(argument: u8, denied: &[u64]) -> Result<Vec<SeccompRule>> {
    denied
        .iter()
        .map(|&bit| when(argument, Dword, MaskedEq(bit), bit))
        .collect()
}

fn when(
    argument: u8,
    length: SeccompCmpArgLen,
    operator: SeccompCmpOp,
    value: u64,
) -> Result<SeccompRule> {
    SeccompRule::new(vec![SeccompCondition::new(
        argument, length, operator, value,
    )?])
}

/// A flag or a command, which has 32 bits, as the library compares it.
fn into_bits(value: libc::c_int) -> u64 {
    value.cast_unsigned().into()
}
