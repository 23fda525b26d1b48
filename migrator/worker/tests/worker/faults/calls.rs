//! The system calls that are counted, and how each of them names what it is about.

use seccompiler::{SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};

/// Where a call has the name or handle of what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A handle in this argument.
    Handle(usize),
    /// A handle of a folder in the first argument and a name in the second.
    Within,
    /// A path in the first argument.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    Path,
}

/// What a call does, as far as a fault cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It only looks.
    Looks,
    /// It takes a lock or gives it back.
    Locks,
    /// It takes up to as many bytes as its third argument says.
    Reads,
    /// It gives as many bytes as its third argument says.
    Writes,
    /// It may need room for a name or for data, or finds out that there was none.
    NeedsRoom,
    /// It changes something and needs no room.
    Changes,
}

/// One system call.
pub(super) struct Call {
    pub(super) number: libc::c_long,
    pub(super) shape: Shape,
    pub(super) effect: Effect,
}

macro_rules! call {
    ($number:ident, $shape:expr, $effect:ident) => {
        Call {
            number: libc::$number,
            shape: $shape,
            effect: Effect::$effect,
        }
    };
}

/// The calls that every architecture has.
const EVERYWHERE: &[Call] = &[
    call!(SYS_openat, Shape::Within, NeedsRoom),
    call!(SYS_openat2, Shape::Within, Looks),
    call!(SYS_getdents64, Shape::Handle(0), Looks),
    call!(SYS_statx, Shape::Within, Looks),
    call!(SYS_newfstatat, Shape::Within, Looks),
    call!(SYS_fstat, Shape::Handle(0), Looks),
    call!(SYS_readlinkat, Shape::Within, Looks),
    call!(SYS_faccessat, Shape::Within, Looks),
    call!(SYS_fcntl, Shape::Handle(0), Locks),
    call!(SYS_flock, Shape::Handle(0), Locks),
    call!(SYS_ioctl, Shape::Handle(0), Looks),
    call!(SYS_mmap, Shape::Handle(4), Looks),
    call!(SYS_read, Shape::Handle(0), Reads),
    call!(SYS_pread64, Shape::Handle(0), Reads),
    call!(SYS_write, Shape::Handle(0), Writes),
    call!(SYS_pwrite64, Shape::Handle(0), Writes),
    call!(SYS_copy_file_range, Shape::Handle(2), NeedsRoom),
    call!(SYS_ftruncate, Shape::Handle(0), NeedsRoom),
    call!(SYS_fallocate, Shape::Handle(0), NeedsRoom),
    call!(SYS_fsync, Shape::Handle(0), NeedsRoom),
    call!(SYS_fdatasync, Shape::Handle(0), NeedsRoom),
    call!(SYS_syncfs, Shape::Handle(0), NeedsRoom),
    call!(SYS_mkdirat, Shape::Within, NeedsRoom),
    call!(SYS_linkat, Shape::Within, NeedsRoom),
    call!(SYS_symlinkat, Shape::Within, NeedsRoom),
    call!(SYS_renameat2, Shape::Within, NeedsRoom),
    call!(SYS_unlinkat, Shape::Within, Changes),
    call!(SYS_utimensat, Shape::Within, Changes),
    call!(SYS_fchmod, Shape::Handle(0), Changes),
    call!(SYS_fchmodat, Shape::Within, Changes),
    call!(SYS_fchown, Shape::Handle(0), Changes),
    call!(SYS_fchownat, Shape::Within, Changes),
];

/// The older calls that C libraries still make where there are any.
#[cfg(target_arch = "x86_64")]
const OLDER: &[Call] = &[
    call!(SYS_open, Shape::Path, Looks),
    call!(SYS_stat, Shape::Path, Looks),
    call!(SYS_lstat, Shape::Path, Looks),
    call!(SYS_access, Shape::Path, Looks),
    call!(SYS_readlink, Shape::Path, Looks),
    call!(SYS_mkdir, Shape::Path, NeedsRoom),
    call!(SYS_renameat, Shape::Within, NeedsRoom),
    call!(SYS_rename, Shape::Path, NeedsRoom),
    call!(SYS_unlink, Shape::Path, Changes),
    call!(SYS_rmdir, Shape::Path, Changes),
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[Call] = &[];

/// All of them.
pub(super) fn all() -> impl Iterator<Item = &'static Call> {
    EVERYWHERE.iter().chain(OLDER)
}

/// The call with this number, where it is one that is counted.
pub(super) fn find(number: libc::c_long) -> Option<&'static Call> {
    all().find(|call| call.number == number)
}

/// When the calls of a kind are to be seen by a tracer: at once, or only with these arguments.
///
/// The locks inside the job store are left out: SQLite takes and gives a thousand of them in each step, all in the same
/// two functions.  Other uses of `fcntl` cannot fail.
pub(super) fn rules_of(call: &Call, only_changes: bool) -> Vec<SeccompRule> {
    let is = |argument, operator, value| {
        let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value);
        SeccompRule::new(vec![condition.unwrap()]).unwrap()
    };
    let open_flag = libc::O_CREAT.unsigned_abs().into();
    match call.number {
        libc::SYS_fcntl => [libc::F_OFD_SETLK, libc::F_OFD_SETLKW]
            .map(|command| is(1, SeccompCmpOp::Eq, command.unsigned_abs().into()))
            .into(),
        libc::SYS_openat if only_changes => {
            vec![is(2, SeccompCmpOp::MaskedEq(open_flag), open_flag)]
        }
        _ => Vec::new(),
    }
}
