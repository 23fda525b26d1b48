//! seccomp: system calls that a copy never needs answer "operation not permitted".
//!
//! A deny list, because the calls that memory allocators, threads and SQLite make differ between versions of the C
//! library; what is denied is what would lead out: programs, processes, sockets, mounts, signals, other ways to open,
//! and all that changes a file but its bytes, its name, or its times through an open handle.
//!
//! A process can make calls by the numbers of another convention than its own.  Those of a 32-bit program (`int 0x80` on
//! x86-64) come with another architecture, and the first lines of what `seccompiler` makes of a list kill whoever
//! makes them.  Those of x32 come with the native architecture and a bit in the number, and older kernels answer to the
//! bare numbers 512 to 547 as well: all of them are above [`FIRST_UNKNOWN`].

mod arguments;
mod calls;

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompFilter, SeccompRule, TargetArch, sock_filter,
};

use crate::error::{Result, WorkerError};
use protocol::Task;

/// The first number that is answered as by a kernel without it, with all above.  Nothing that a worker does needs a call
/// that is younger than Linux 5.13; C libraries try them and fall back.  From 424 on, numbers are the same on every
/// architecture.
const FIRST_UNKNOWN: u32 = 443;

/// Calls below it that are answered so as well: seccomp does not see what their arguments point to, and C libraries
/// fall back to the older call, whose arguments it sees.
const UNSEEN: [libc::c_long; 2] = [libc::SYS_clone3, libc::SYS_openat2];

/// Puts the list in force for a task that may need second links to rename; says whether this architecture has one.
pub(super) fn restrict(task: &Task, needs_links: bool) -> Result<bool> {
    let Ok(architecture) = TargetArch::try_from(std::env::consts::ARCH) else {
        return Ok(false);
    };
    let denied = denied(task, needs_links, std::process::id(), architecture)
        .map_err(|error| refused(&error.to_string()))?;
    Ok(apply(&unknown())? && apply(&denied)?)
}

fn refused(text: &str) -> WorkerError {
    WorkerError::Sandbox {
        text: text.to_owned(),
    }
}

fn apply(program: &BpfProgram) -> Result<bool> {
    match seccompiler::apply_filter(program) {
        Ok(()) => Ok(true),
        // A kernel built without seccomp; reported as missing.
        Err(seccompiler::Error::Seccomp(error) | seccompiler::Error::Prctl(error))
            if error.raw_os_error() == Some(libc::EINVAL) =>
        {
            Ok(false)
        }
        Err(error) => Err(refused(&error.to_string())),
    }
}

/// What is denied to a task of the process with this number.
fn denied(
    task: &Task,
    needs_links: bool,
    process: u32,
    architecture: TargetArch,
) -> std::result::Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        calls::all().map(|call| (call, Vec::new())).collect();
    rules.extend(arguments::rules(task, needs_links, process)?);
    let answer = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, answer, architecture)?.try_into()
}

/// What is answered as by a kernel without it.
///
/// Written by hand, because the library has no "from this number on".
fn unknown() -> BpfProgram {
    let absent = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs();
    let mut program = vec![
        // The number of the call: the first field of `struct seccomp_data`.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0),
        skip_unless(libc::BPF_JGE, FIRST_UNKNOWN),
        statement(libc::BPF_RET | libc::BPF_K, absent),
    ];
    for call in UNSEEN {
        program.push(skip_unless(libc::BPF_JEQ, number(call)));
        program.push(statement(libc::BPF_RET | libc::BPF_K, absent));
    }
    program.push(statement(
        libc::BPF_RET | libc::BPF_K,
        libc::SECCOMP_RET_ALLOW,
    ));
    program
}

/// Skips one instruction unless the number compares so.
fn skip_unless(comparison: u32, number: u32) -> sock_filter {
    sock_filter {
        jf: 1,
        ..statement(libc::BPF_JMP | comparison | libc::BPF_K, number)
    }
}

/// One instruction; its codes have 16 bits.
#[allow(clippy::cast_possible_truncation)]
fn statement(code: u32, value: u32) -> sock_filter {
    sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k: value,
    }
}

/// The number of a call as the kernel compares it; they are small.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn number(call: libc::c_long) -> u32 {
    call as u32
}

// The numbers that they try are those of this architecture.
#[cfg(all(test, target_arch = "x86_64"))]
mod tests;
