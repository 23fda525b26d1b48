//! seccomp: system calls that a copy never needs answer "operation not permitted".
//!
//! A deny list, because the calls that memory allocators, threads and SQLite make differ between versions of the C
//! library; what is denied is what would lead out: programs, sockets, mounts, other processes, other ways to open.

use std::collections::BTreeMap;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

use crate::error::{Result, WorkerError};

/// What is denied.
const DENIED: &[libc::c_long] = &[
    // Other programs.
    libc::SYS_execve,
    libc::SYS_execveat,
    // Sockets of any family.
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    // Mounts and name spaces.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_setns,
    libc::SYS_unshare,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    // Ways around the other rules.
    libc::SYS_io_uring_setup,
    libc::SYS_open_by_handle_at,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // The machine itself.
    libc::SYS_reboot,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_swapon,
    libc::SYS_swapoff,
];

/// On x86-64 a call can also be made by its number with this bit, for the x32 convention.
#[cfg(target_arch = "x86_64")]
const X32_BIT: libc::c_long = 0x4000_0000;

/// Puts the list in force; says whether this architecture has one.
pub(super) fn restrict() -> Result<bool> {
    let Ok(architecture) = TargetArch::try_from(std::env::consts::ARCH) else {
        return Ok(false);
    };
    let rules = DENIED
        .iter()
        .flat_map(|&call| numbers(call))
        .map(|call| (call, Vec::new()))
        .collect::<BTreeMap<_, _>>();
    let denied = SeccompAction::Errno(u32::try_from(libc::EPERM).unwrap_or(1));
    let program: BpfProgram = SeccompFilter::new(rules, SeccompAction::Allow, denied, architecture)
        .and_then(TryInto::try_into)
        .map_err(|error| WorkerError::Sandbox {
            text: error.to_string(),
        })?;
    match seccompiler::apply_filter(&program) {
        Ok(()) => Ok(true),
        // A kernel built without seccomp; reported as missing.
        Err(seccompiler::Error::Seccomp(error) | seccompiler::Error::Prctl(error))
            if error.raw_os_error() == Some(libc::EINVAL) =>
        {
            Ok(false)
        }
        Err(error) => Err(WorkerError::Sandbox {
            text: error.to_string(),
        }),
    }
}

#[cfg(target_arch = "x86_64")]
fn numbers(call: libc::c_long) -> [i64; 2] {
    [call, call | X32_BIT]
}

#[cfg(not(target_arch = "x86_64"))]
fn numbers(call: libc::c_long) -> [i64; 1] {
    [call]
}
