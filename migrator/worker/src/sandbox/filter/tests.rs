//! What the compiled programs answer to a call, by an interpreter of the few instructions that they have: numbers that
//! no function of a library makes can be tried in no other way.

use super::*;
use protocol::PassKind;

/// `AUDIT_ARCH_…` of `linux/audit.h`.
const X86_64: u32 = 0xc000_003e;
const I386: u32 = 0x4000_0003;
const X32_BIT: u32 = 0x4000_0000;

const PROCESS: u32 = 4711;

const ALLOWED: u32 = libc::SECCOMP_RET_ALLOW;
const DENIED: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM.unsigned_abs();
const ABSENT: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs();
const KILLED: u32 = libc::SECCOMP_RET_KILL_PROCESS;

const PASS: Task = Task::Pass {
    kind: PassKind::StageOne,
};
const QUEUES: Task = Task::Queues { live: false };
const CHECK: Task = Task::Inventory { only_count: false };
const OWNER: Task = Task::Owner {
    user: 100,
    group: 200,
    plan_only: false,
};
const OWNER_PLAN: Task = Task::Owner {
    user: 100,
    group: 200,
    plan_only: true,
};

/// Runs a program on a call, as the kernel does.
fn run(program: &[sock_filter], call: u32, architecture: u32, arguments: [u64; 6]) -> u32 {
    // `struct seccomp_data`: number, architecture, instruction pointer, arguments.
    let mut words = vec![call, architecture, 0, 0];
    for argument in arguments {
        words.push(u32::try_from(argument & 0xffff_ffff).unwrap());
        words.push(u32::try_from(argument >> 32).unwrap());
    }
    let (mut at, mut register) = (0, 0);
    loop {
        let instruction = &program[at];
        at += 1;
        let value = instruction.k;
        let skipped = |is_so: bool| {
            usize::from(if is_so {
                instruction.jt
            } else {
                instruction.jf
            })
        };
        match instruction.code {
            0x20 => register = words[value as usize / 4],
            0x54 => register &= value,
            0x05 => at += value as usize,
            0x15 => at += skipped(register == value),
            0x25 => at += skipped(register > value),
            0x35 => at += skipped(register >= value),
            0x06 => return value,
            other => panic!("instruction {other:#x}"),
        }
    }
}

/// What the kernel does with a call that all programs have judged: the most severe of their answers, which is the least
/// as a signed number.
fn answer_to(task: &Task, call: u32, architecture: u32, arguments: [u64; 6]) -> u32 {
    let list = denied(task, false, PROCESS, TargetArch::x86_64).unwrap();
    [unknown(), list]
        .iter()
        .map(|program| run(program, call, architecture, arguments))
        .min_by_key(|answer| answer.cast_signed())
        .unwrap()
}

/// The same for a call of the native convention.
fn answer(task: &Task, call: libc::c_long, arguments: &[u64]) -> u32 {
    let mut all = [0; 6];
    all[..arguments.len()].copy_from_slice(arguments);
    answer_to(task, number(call), X86_64, all)
}

fn flag(flag: libc::c_int) -> u64 {
    u64::from(flag.cast_unsigned())
}

fn every_task() -> [Task; 11] {
    [
        PASS,
        QUEUES,
        OWNER,
        OWNER_PLAN,
        Task::UndoLowercase,
        Task::Lowercase { plan_only: false },
        Task::Seal,
        Task::Verify,
        Task::Abandon { plan_only: false },
        Task::Inventory { only_count: true },
        CHECK,
    ]
}

#[test]
fn what_is_denied_is_denied_to_every_task_and_by_every_convention() {
    for task in every_task() {
        for call in calls::all() {
            assert_eq!(answer(&task, call, &[]), DENIED, "{call} for {task:?}");
            let x32 = number(call) | X32_BIT;
            assert_eq!(answer_to(&task, x32, X86_64, [0; 6]), ABSENT, "{call}");
        }
        // Those that an older kernel takes for x32 without the bit, those that this list does not know, and the whole of x32.
        let younger = FIRST_UNKNOWN..=600;
        let x32 = (0..=700).map(|number| number | X32_BIT);
        for call in younger.chain(x32) {
            let answer = answer_to(&task, call, X86_64, [0; 6]);
            assert_eq!(answer, ABSENT, "{call:#x} for {task:?}");
        }
        for call in UNSEEN {
            assert_eq!(answer(&task, call, &[]), ABSENT, "{call} for {task:?}");
        }
    }
}

#[test]
fn calls_of_another_architecture_kill_the_process() {
    // `chmod` and `getpid` of a 32-bit program.
    for call in [15, 20] {
        assert_eq!(answer_to(&PASS, call, I386, [0; 6]), KILLED);
    }
}

#[test]
fn what_a_copy_needs_is_allowed() {
    let calls = [
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_pread64,
        libc::SYS_pwrite64,
        libc::SYS_openat,
        libc::SYS_open,
        libc::SYS_close,
        libc::SYS_fstat,
        libc::SYS_newfstatat,
        libc::SYS_statx,
        libc::SYS_getdents64,
        libc::SYS_unlinkat,
        libc::SYS_mkdirat,
        libc::SYS_ftruncate,
        libc::SYS_fsync,
        libc::SYS_syncfs,
        libc::SYS_copy_file_range,
        libc::SYS_mmap,
        libc::SYS_futex,
        libc::SYS_exit_group,
        libc::SYS_prctl,
        libc::SYS_seccomp,
        libc::SYS_close_range,
        libc::SYS_faccessat2,
    ];
    for task in every_task() {
        for call in calls {
            assert_eq!(answer(&task, call, &[]), ALLOWED, "{call} for {task:?}");
        }
        let threads = flag(libc::CLONE_THREAD | libc::CLONE_VM | libc::CLONE_SIGHAND);
        assert_eq!(answer(&task, libc::SYS_clone, &[threads]), ALLOWED);
        let renameat2 = |flags| answer(&task, libc::SYS_renameat2, &[3, 1, 4, 1, flags]);
        assert_eq!(renameat2(0), ALLOWED);
        assert_eq!(renameat2(libc::RENAME_NOREPLACE.into()), ALLOWED);
        for command in [libc::F_GETFD, libc::F_SETLK, libc::F_OFD_SETLK] {
            let answer = answer(&task, libc::SYS_fcntl, &[3, flag(command)]);
            assert_eq!(answer, ALLOWED, "{command}");
        }
        assert_eq!(
            answer(&task, libc::SYS_ioctl, &[3, libc::FS_IOC_GETFLAGS]),
            ALLOWED
        );
    }
}

#[test]
fn times_are_set_on_open_handles_alone() {
    for task in every_task() {
        let utimensat = |path| answer(&task, libc::SYS_utimensat, &[3, path, 1]);
        assert_eq!(utimensat(0), ALLOWED);
        assert_eq!(utimensat(1), DENIED);
        assert_eq!(utimensat(1 << 32), DENIED, "the upper half of an address");
    }
}

#[test]
fn signals_and_limits_are_for_this_process_alone() {
    let all_others = flag(-1);
    for task in every_task() {
        for call in [libc::SYS_kill, libc::SYS_tgkill] {
            assert_eq!(answer(&task, call, &[PROCESS.into()]), ALLOWED);
            for other in [0, 1, u64::from(PROCESS) + 1, all_others] {
                assert_eq!(answer(&task, call, &[other]), DENIED, "{call} of {other}");
            }
        }
        assert_eq!(answer(&task, libc::SYS_prlimit64, &[0]), ALLOWED);
        assert_eq!(answer(&task, libc::SYS_prlimit64, &[1]), DENIED);
        // A signal to anybody, by way of a pipe.
        for command in [8, 10, 15, 1024, 1026] {
            let answer = answer(&task, libc::SYS_fcntl, &[3, command, 1]);
            assert_eq!(answer, DENIED, "fcntl {command}");
        }
        for flags in [
            0,
            flag(libc::SIGCHLD),
            flag(libc::CLONE_VM | libc::CLONE_VFORK),
        ] {
            assert_eq!(answer(&task, libc::SYS_clone, &[flags]), DENIED);
        }
        let name_space = flag(libc::CLONE_NEWUSER | libc::CLONE_NEWNS);
        assert_eq!(answer(&task, libc::SYS_clone, &[name_space]), DENIED);
    }
}

#[test]
fn only_what_gives_away_gives_away_and_only_what_it_gives() {
    let fchown =
        |task: &Task, user, group| answer(task, libc::SYS_fchown, &[3, user, group]) == ALLOWED;
    let fchmod = |task: &Task, mode| answer(task, libc::SYS_fchmod, &[3, mode]) == ALLOWED;
    for task in every_task() {
        let gives = task == OWNER || task == QUEUES;
        for mode in [0o600, 0o700] {
            assert_eq!(fchmod(&task, mode), gives, "{mode:o} for {task:?}");
        }
        for mode in [0o4755, 0o4700, 0o2700, 0o1700, 0o640, 0o604, 0o701, 0o777] {
            assert!(!fchmod(&task, mode), "{mode:o} for {task:?}");
        }
        assert_eq!(fchown(&task, 100, 200), gives, "{task:?}");
        assert_eq!(fchown(&task, 0, 0), task == QUEUES, "{task:?}");
        assert!(!fchown(&OWNER, 100, 0) && !fchown(&OWNER, 0, 200));
    }
}

#[test]
fn nothing_is_opened_by_a_way_that_landlock_may_not_see() {
    for task in every_task() {
        for (call, before) in [(libc::SYS_open, &[1][..]), (libc::SYS_openat, &[3, 1])] {
            let open = |flags: libc::c_int, mode| {
                answer(&task, call, &[before, &[flag(flags), mode]].concat())
            };
            let make = libc::O_CREAT | libc::O_TRUNC;
            assert_eq!(open(libc::O_RDONLY, 0), ALLOWED);
            assert_eq!(open(libc::O_RDWR | make, 0o666), ALLOWED);
            assert_eq!(open(libc::O_WRONLY | make, 0o600), ALLOWED);
            assert_eq!(open(libc::O_RDONLY | libc::O_TRUNC, 0), DENIED);
            assert_eq!(open(libc::O_ACCMODE, 0), DENIED);
            assert_eq!(open(libc::O_ACCMODE | libc::O_TRUNC, 0), DENIED);
            assert_eq!(open(libc::O_WRONLY | make, 0o4755), DENIED);
            assert_eq!(open(libc::O_WRONLY | make, 0o2755), DENIED);
        }
    }
}

#[test]
fn links_are_made_by_the_tasks_that_need_them() {
    for task in every_task() {
        let may = |call| answer(&task, call, &[]) == ALLOWED;
        assert_eq!(may(libc::SYS_linkat), task == Task::UndoLowercase);
        let list = denied(&task, true, PROCESS, TargetArch::x86_64).unwrap();
        let answer = run(&list, number(libc::SYS_linkat), X86_64, [0; 6]);
        assert_eq!(answer == ALLOWED, task.writes(), "{task:?}, by links");
        let sets_aside = [PASS, QUEUES, Task::Abandon { plan_only: false }].contains(&task);
        assert_eq!(may(libc::SYS_symlinkat), sets_aside, "{task:?}");
    }
}

#[test]
fn nothing_else_is_asked_of_a_file_or_a_device() {
    // FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR, FS_IOC_ENABLE_VERITY, BTRFS_IOC_SNAP_DESTROY, FIOSETOWN, TIOCSTI.
    for request in [
        0x4008_6602,
        0x401c_5820,
        0x4080_6685,
        0x5000_940f,
        0x8901,
        0x5412,
    ] {
        let answer = answer(&PASS, libc::SYS_ioctl, &[3, request]);
        assert_eq!(answer, DENIED, "{request:#x}");
    }
    // The kernel looks at 32 bits only.
    let request = libc::FS_IOC_GETFLAGS | 1 << 32;
    assert_eq!(answer(&PASS, libc::SYS_ioctl, &[3, request]), ALLOWED);
    for flags in [2, 3, 4, 5] {
        let answer = answer(&PASS, libc::SYS_renameat2, &[3, 1, 4, 1, flags]);
        assert_eq!(answer, DENIED, "renameat2 with {flags}");
    }
}

#[test]
fn only_a_check_gives_a_thread_anything_of_its_own_and_only_its_current_folder() {
    for task in every_task() {
        let unshare = |flags| answer(&task, libc::SYS_unshare, &[flags]);
        let folder = flag(libc::CLONE_FS);
        assert_eq!(unshare(folder) == ALLOWED, task == CHECK, "{task:?}");
        for other in [
            0,
            flag(libc::CLONE_FILES),
            flag(libc::CLONE_NEWNS),
            flag(libc::CLONE_NEWUSER),
            flag(libc::CLONE_FS | libc::CLONE_NEWNS),
            flag(libc::CLONE_FS | libc::CLONE_NEWUSER),
            folder | 1 << 32,
        ] {
            assert_eq!(unshare(other), DENIED, "{other:#x} for {task:?}");
        }
    }
}
