//! Tracing a worker from outside: every file operation on one of its three trees is counted over all of its threads,
//! and one of them can be made to fail, or to be the last.
//!
//! The worker is a process of its own that has asked to be traced, and that stops at the calls of [`super::calls`]
//! alone (a seccomp filter picks them).  It contains nothing that knows of this.  `strace` can do much of it, but it
//! counts for each thread by itself, and cannot tell the trees apart.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::calls::{Call, Effect, Shape, find};
use super::registers::Registers;

/// A worker on the small trees of these tests is done long before this.
const TIME_LIMIT: Duration = Duration::from_mins(1);

/// Longer than any path that a worker uses.
const PATH_BYTES_MAX: usize = 4096;

/// Which tree an operation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tree {
    Source,
    Destination,
    Job,
}

/// One file operation that is about to happen.
#[derive(Debug)]
pub(super) struct Operation {
    /// The number of the system call.
    pub(super) number: libc::c_long,
    pub(super) effect: Effect,
    pub(super) tree: Tree,
    /// Whether it names what it is about, and has no handle of it.
    pub(super) is_by_name: bool,
    /// What it is about, from the root of its tree.
    pub(super) path: PathBuf,
}

/// What is done to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It happens.
    Happens,
    /// It does not happen, and the worker is told this.
    Fails(i32),
    /// It happens for half of its bytes.
    Halved,
    /// It happens, for a name whose last byte is taken away, as some servers take dots away.
    WithoutEnd,
    /// It happens, and what it lists has no kinds, as some file systems list.
    HidesKinds,
    /// The worker is killed before it happens.
    Kills,
}

/// What is to be done behind a call, with the registers that the thread had before it.
enum Behind {
    Restored(Registers),
    WithoutKinds(Registers),
}

/// How a traced process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Exited(i32),
    Killed(Signal),
    /// It was still running after the time limit.
    Hung,
    /// It ended before the first stop: it could not be traced.
    NeverTraced,
}

/// Runs `command` and asks `judge` about each of its file operations on the trees below `root`.
pub(super) fn trace(
    mut command: Command,
    root: &Path,
    mut judge: impl FnMut(Operation) -> Verdict,
) -> Ended {
    // Waited for below, together with the threads that it starts.
    #[allow(clippy::zombie_processes)]
    let child = command.spawn().expect("started");
    let leader = Pid::from_raw(i32::try_from(child.id()).expect("a process number"));
    let (done, over) = crossbeam_channel::bounded::<()>(0);
    std::thread::scope(|scope| {
        let watching = scope.spawn(move || {
            let is_over =
                over.recv_timeout(TIME_LIMIT) != Err(crossbeam_channel::RecvTimeoutError::Timeout);
            if !is_over {
                let _ = kill(leader, Signal::SIGKILL);
            }
            !is_over
        });
        let ended = follow(leader, root, &mut judge);
        drop(done);
        if watching.join().expect("the watching thread") {
            Ended::Hung
        } else {
            ended
        }
    })
}

fn follow(leader: Pid, root: &Path, judge: &mut dyn FnMut(Operation) -> Verdict) -> Ended {
    // Only of this thread: other tests of this program have children of their own.
    let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
    let mut is_traced = false;
    // The threads that are to stop behind their call.
    let mut behind: BTreeMap<Pid, Behind> = BTreeMap::new();
    loop {
        let (stopped, signal) = match waitpid(None::<Pid>, Some(flags)).expect("waiting") {
            WaitStatus::Exited(process, code) if process == leader => {
                return if is_traced {
                    Ended::Exited(code)
                } else {
                    Ended::NeverTraced
                };
            }
            WaitStatus::Signaled(process, signal, _) if process == leader => {
                return Ended::Killed(signal);
            }
            // The stop that the working thread asks for itself, and then the first one of each thread that it starts.
            WaitStatus::Stopped(thread, Signal::SIGSTOP) => {
                if !is_traced {
                    is_traced = true;
                    let options = Options::PTRACE_O_TRACESECCOMP
                        | Options::PTRACE_O_TRACECLONE
                        | Options::PTRACE_O_TRACESYSGOOD
                        | Options::PTRACE_O_EXITKILL;
                    ptrace::setoptions(thread, options).expect("options");
                }
                (thread, None)
            }
            WaitStatus::Stopped(thread, signal) => (thread, Some(signal)),
            WaitStatus::PtraceEvent(thread, _, event) => {
                if event == libc::PTRACE_EVENT_SECCOMP {
                    behind.extend(meet(leader, thread, root, judge).map(|todo| (thread, todo)));
                }
                (thread, None)
            }
            // The end of a call: no thread is resumed so that it stops there but for what is to be done then.
            WaitStatus::PtraceSyscall(thread) => {
                match behind.remove(&thread) {
                    Some(Behind::Restored(registers)) => {
                        registers.restore(thread).expect("restored");
                    }
                    Some(Behind::WithoutKinds(registers)) => hide_kinds(thread, &registers),
                    None => {}
                }
                (thread, None)
            }
            _ => continue,
        };
        // A thread that was killed meanwhile cannot be resumed, and the next round hears of its end.
        let _ = if behind.contains_key(&stopped) {
            ptrace::syscall(stopped, signal)
        } else {
            ptrace::cont(stopped, signal)
        };
    }
}

/// Lets one call be judged; returns what is to be done behind it.
fn meet(
    leader: Pid,
    thread: Pid,
    root: &Path,
    judge: &mut dyn FnMut(Operation) -> Verdict,
) -> Option<Behind> {
    let registers = Registers::of(thread).ok()?;
    let operation = operation_of(thread, &registers, root)?;
    match judge(operation) {
        Verdict::Happens => {}
        Verdict::Fails(errno) => registers.fail(thread, errno).expect("failed on purpose"),
        Verdict::Halved => {
            registers.halve(thread).expect("halved on purpose");
            return Some(Behind::Restored(registers));
        }
        Verdict::WithoutEnd => cut_name(thread, registers.argument(1)),
        Verdict::HidesKinds => return Some(Behind::WithoutKinds(registers)),
        Verdict::Kills => kill(leader, Signal::SIGKILL).expect("killed on purpose"),
    }
    None
}

/// Takes the last byte of a name away that a call is about to be made for.
fn cut_name(thread: Pid, address: u64) {
    let name = path_at(thread, address).expect("a name");
    let last = name.as_os_str().len() - 1;
    let memory = memory_of(thread);
    memory
        .write_all_at(&[0], address + last as u64)
        .expect("written");
}

fn memory_of(thread: Pid) -> fs::File {
    fs::File::options()
        .read(true)
        .write(true)
        .open(format!("/proc/{thread}/mem"))
        .expect("the memory of a traced process")
}

/// Where an entry of a listing has its length, and its kind (`getdents64(2)`).
const ENTRY_LENGTH_AT: usize = 16;
const ENTRY_KIND_AT: usize = 18;

/// Takes the kinds out of what a call has listed.
fn hide_kinds(thread: Pid, registers: &Registers) {
    let length = registers.result(thread).expect("the result of a call");
    let mut listing = vec![0; length];
    let address = registers.argument(1);
    let memory = memory_of(thread);
    memory.read_exact_at(&mut listing, address).expect("read");
    let mut at = 0;
    while at < length {
        let entry = &mut listing[at..];
        let bytes = [entry[ENTRY_LENGTH_AT], entry[ENTRY_LENGTH_AT + 1]];
        entry[ENTRY_KIND_AT] = libc::DT_UNKNOWN;
        at += usize::from(u16::from_ne_bytes(bytes));
    }
    memory.write_all_at(&listing, address).expect("written");
}

fn operation_of(thread: Pid, registers: &Registers, root: &Path) -> Option<Operation> {
    let call = find(registers.number())?;
    let effect = effect_of(call, registers);
    let mut is_by_name = matches!(call.shape, Shape::Path);
    let path = match call.shape {
        Shape::Handle(argument) => path_of_handle(thread, registers.handle(argument))?,
        Shape::Path => path_at(thread, registers.argument(0))?,
        Shape::Within => {
            let name = path_at(thread, registers.argument(1)).unwrap_or_default();
            is_by_name = !name.as_os_str().is_empty() && name != Path::new(".");
            if name.is_absolute() {
                name
            } else {
                path_of_handle(thread, registers.handle(0))?.join(name)
            }
        }
    };
    let below = path.strip_prefix(root).ok()?;
    let tree = match below.components().next()?.as_os_str().as_bytes() {
        b"source" => Tree::Source,
        b"destination" => Tree::Destination,
        b"job" => Tree::Job,
        _ => return None,
    };
    Some(Operation {
        number: call.number,
        effect,
        tree,
        is_by_name,
        path: below.to_owned(),
    })
}

/// Opening needs room only where it makes a file.
fn effect_of(call: &Call, registers: &Registers) -> Effect {
    let makes_a_file = registers.handle(2) & libc::O_CREAT != 0;
    match call.number {
        libc::SYS_openat if !makes_a_file => Effect::Looks,
        _ => call.effect,
    }
}

fn path_of_handle(thread: Pid, handle: i32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{thread}/fd/{handle}")).ok()
}

/// The path that stands at an address of the process; none where the address is null.
fn path_at(thread: Pid, address: u64) -> Option<PathBuf> {
    if address == 0 {
        return None;
    }
    let memory = fs::File::open(format!("/proc/{thread}/mem")).ok()?;
    let mut bytes = [0; PATH_BYTES_MAX];
    // May be cut short where the memory ends.
    let length = memory.read_at(&mut bytes, address).ok()?;
    let end = bytes[..length].iter().position(|&byte| byte == 0)?;
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(&bytes[..end])))
}
