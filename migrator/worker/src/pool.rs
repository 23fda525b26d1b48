//! Threads that share one stack of work.
//!
//! The stack is last-in-first-out, so a tree is walked mostly depth first and the stack stays short.  A task may push
//! more tasks.  Where the stack is long already ([`Stack::is_long`]), a task should do its work itself instead of
//! pushing it.  A task that lists a folder ([`Stack::push_folder`]) begins only while there is room for its names
//! ([`NAMES_MAX`]); until then its thread deals with what other folders hold.  How many names a folder has shows when it is
//! listed, so one that is large and has no room then is put back ([`Running::may_be_large`]).  All of that bounds the memory at
//! any size of tree and with any number of threads.

use std::cell::Cell;
use std::os::fd::AsRawFd as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use protocol::CopyOptions;

/// How many names of listings are held at the same time, about; more only for a folder that alone has more.
///
/// What a server said of a file together with its name is not remembered for long either, so that holding more would ask for
/// it once more.
const NAMES_MAX: usize = 100_000;

/// A folder with more names than this is large.
pub(crate) const LARGE_NAMES: usize = 1024;

/// How many names of both sides a large folder is expected to have while nothing is known of any.
const NAMES_EXPECTED: usize = 20_000;

struct Inner<T> {
    tasks: Vec<T>,
    /// Tasks that list a folder.
    folders: Vec<T>,
    /// The same for folders that are known to be large.
    large: Vec<T>,
    /// How many large ones are being listed, and have not said yet how many names they hold.
    listing: usize,
    /// How many names all others hold.
    names: usize,
    /// How many each of those that are being listed will hold: as many as the last one, and not much less than those before.
    expected: usize,
    running: usize,
    stopped: bool,
}

impl<T> Inner<T> {
    /// Whether a folder may be listed now, of which is not known that it is large.
    ///
    /// A large one that waits keeps the folders above it open, so no others are put beside it.
    fn has_room(&self) -> bool {
        self.large.is_empty() && self.names < NAMES_MAX
    }

    /// Whether a large folder may be listed now.
    fn has_room_for_large(&self) -> bool {
        let expected = self.listing.saturating_mul(self.expected);
        self.names.saturating_add(expected) < NAMES_MAX
    }

    /// How many tasks could begin now.
    fn waiting(&self) -> usize {
        let count = |room, tasks: &Vec<T>| if room { tasks.len() } else { 0 };
        self.tasks.len()
            + count(self.has_room(), &self.folders)
            + count(self.has_room_for_large(), &self.large)
    }

    /// The next task, and what it holds.
    fn take(&mut self) -> Option<(T, Holds)> {
        if let Some(task) = self.tasks.pop() {
            return Some((task, Holds::Nothing));
        }
        if self.has_room_for_large()
            && let Some(task) = self.large.pop()
        {
            self.listing += 1;
            return Some((task, Holds::Unknown));
        }
        let folder = self.has_room().then(|| self.folders.pop());
        Some((folder??, Holds::Nothing))
    }

    /// What a task holds is another thing now.
    fn change(&mut self, before: Holds, now: Holds) {
        match before {
            Holds::Nothing => {}
            Holds::Unknown => self.listing -= 1,
            Holds::Names(names) => self.names -= names,
        }
        if let Holds::Names(names) = now {
            self.names += names;
            if names > LARGE_NAMES {
                self.expected = names.max(self.expected - self.expected / 10);
            }
        }
    }

    fn is_over(&self) -> bool {
        let is_empty = self.tasks.is_empty() && self.folders.is_empty() && self.large.is_empty();
        self.stopped || (is_empty && self.running == 0)
    }
}

/// What a running task holds.
#[derive(Debug, Clone, Copy)]
enum Holds {
    /// No listing, or one of which is not known that it is large.
    Nothing,
    /// That of a large folder, of which nobody knows yet how long it is.
    Unknown,
    /// So many names.
    Names(usize),
}

/// The work that is waiting.
pub(crate) struct Stack<T> {
    inner: Mutex<Inner<T>>,
    /// Wakes a thread for a task, or all where there will be none.
    changed: Condvar,
    /// Wakes whoever looks after the threads; apart, so that a task's call never goes to somebody who does not take it.
    over: Condvar,
    threads: AtomicUsize,
}

/// What a mutex holds.  A panic in a task ends the whole run, so what one has left behind is never used.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many threads work at tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Threads {
    /// So many begin.
    pub(crate) first: usize,
    /// So many become of them while most of them wait for answers.
    pub(crate) most: usize,
}

impl Threads {
    /// As many as are asked for, or four for each processor, at least eight, and more while a source answers slowly.
    ///
    /// Never more than there are files left that may be open.
    pub(crate) fn of(options: &CopyOptions) -> Self {
        Self::wanted(options).within(free_handles())
    }

    fn within(self, free_handles: Option<usize>) -> Self {
        let Some(free) = free_handles else {
            return self;
        };
        let most = (free.saturating_sub(HANDLES_SPARE) / HANDLES_PER_THREAD).max(1);
        Self {
            first: self.first.min(most),
            most: self.most.min(most),
        }
    }

    fn wanted(options: &CopyOptions) -> Self {
        const THREADS_MAX: usize = 64;
        if options.workers > 0 {
            let threads = options.workers.min(THREADS_MAX);
            return Self {
                first: threads,
                most: threads,
            };
        }
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            first: (processors * 4).clamp(8, 32),
            most: THREADS_MAX,
        }
    }
}

/// How many files one thread may hold open: a folder and a file on both sides, a temporary one, and on both sides the folders
/// above, which wait with what is in them.
const HANDLES_PER_THREAD: usize = 12;

/// How many stay for everything else: the job store and its readers, the report, what the libraries open.
const HANDLES_SPARE: usize = 48;

/// How many more files this process may open; none where there is no limit, or where it cannot be told.
fn free_handles() -> Option<usize> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current?;
    // The kernel gives the lowest number that is free, so about as many are taken as that says.
    let probe = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 0).ok()?;
    let taken = u64::try_from(probe.as_raw_fd()).ok()?;
    usize::try_from(limit.saturating_sub(taken)).ok()
}

/// So many files a connection of the job store opens at most.
const HANDLES_OF_A_CONNECTION: usize = 4;

/// Whether hardly any more file may be opened, so that a library which says only that it cannot open one means that.
pub(crate) fn is_short_of_handles() -> bool {
    let is_limited = rustix::process::getrlimit(rustix::process::Resource::Nofile)
        .current
        .is_some();
    is_limited && free_handles().is_none_or(|free| free < HANDLES_OF_A_CONNECTION)
}

/// Lets this process open as many files as the system lets it: 1,024 is a limit for programs of another kind.
pub(crate) fn raise_handle_limit() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit {
        current: limit.maximum,
        ..limit
    };
    // With what there is, fewer threads work.
    let _ = rustix::process::setrlimit(rustix::process::Resource::Nofile, raised);
}

/// How often it is looked whether the threads work or wait.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

impl<T> Stack<T> {
    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        lock(&self.inner)
    }

    /// Adds a task.
    pub(crate) fn push(&self, task: T) {
        self.lock().tasks.push(task);
        self.changed.notify_one();
    }

    /// Adds a task that lists a folder, and says so with [`Running::holds`].
    pub(crate) fn push_folder(&self, task: T) {
        self.lock().folders.push(task);
        self.changed.notify_one();
    }

    /// Whether so much is waiting that more should be done at once instead of pushed: something for every thread.  Each
    /// thread then keeps to a folder of its own; several that make names in one folder wait for each other in the kernel.
    pub(crate) fn is_long(&self) -> bool {
        self.lock().waiting() >= self.threads.load(Ordering::Relaxed)
    }

    /// Drops what is waiting; tasks that run come to their end.
    pub(crate) fn stop(&self) {
        let mut inner = self.lock();
        inner.stopped = true;
        inner.tasks.clear();
        inner.folders.clear();
        inner.large.clear();
        drop(inner);
        self.changed.notify_all();
        self.over.notify_all();
    }

    /// Adds such a task for a folder that had no room as it was large.
    pub(crate) fn push_large(&self, task: T) {
        self.lock().large.push(task);
        self.changed.notify_one();
    }

    /// Wakes the threads that wait for room, where there is some now.
    fn call_for_folders(&self, inner: &Inner<T>) {
        if inner.waiting() > inner.tasks.len() {
            self.changed.notify_all();
        }
    }

    fn next(&self) -> Option<(T, Running<'_, T>)> {
        let mut inner = self.lock();
        loop {
            if inner.stopped {
                return None;
            }
            if let Some((task, holds)) = inner.take() {
                inner.running += 1;
                let holds = Cell::new(holds);
                return Some((task, Running { stack: self, holds }));
            }
            if inner.running == 0 {
                return None;
            }
            inner = self
                .changed
                .wait(inner)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits for an interval, or until all is done; says whether anything is waiting for a thread, none where all is done.
    fn look_after(&self, interval: Duration) -> Option<bool> {
        let inner = self.lock();
        let (inner, _) = self
            .over
            .wait_timeout_while(inner, interval, |inner| !inner.is_over())
            .unwrap_or_else(PoisonError::into_inner);
        (!inner.is_over()).then(|| inner.waiting() > 0)
    }
}

/// A task that runs: the stack that it may push to, and what it holds.
///
/// It counts the task as finished also where that panics, so that no thread waits for ever.
pub(crate) struct Running<'a, T> {
    stack: &'a Stack<T>,
    holds: Cell<Holds>,
}

impl<T> std::ops::Deref for Running<'_, T> {
    type Target = Stack<T>;

    fn deref(&self) -> &Stack<T> {
        self.stack
    }
}

impl<T> Running<'_, T> {
    /// Whether the folder that the task is listing, which is a large one, has room now; where not, the task ends and is pushed
    /// with [`Stack::push_large`].
    pub(crate) fn may_be_large(&self) -> bool {
        // One that was taken as a large one, or is listed once more, has room already.
        if matches!(self.holds.get(), Holds::Nothing) {
            let mut inner = self.stack.lock();
            if !inner.has_room_for_large() {
                return false;
            }
            inner.listing += 1;
            self.holds.set(Holds::Unknown);
        }
        true
    }

    /// Says how many names the task holds until its end.
    pub(crate) fn holds(&self, names: usize) {
        let holds = Holds::Names(names);
        let mut inner = self.stack.lock();
        inner.change(self.holds.replace(holds), holds);
        self.stack.call_for_folders(&inner);
    }
}

impl<T> Drop for Running<'_, T> {
    fn drop(&mut self) {
        let mut inner = self.stack.lock();
        inner.running -= 1;
        inner.change(self.holds.get(), Holds::Nothing);
        self.stack.call_for_folders(&inner);
        if inner.is_over() {
            self.stack.changed.notify_all();
            self.stack.over.notify_all();
        }
    }
}

/// Runs `tasks` and `folders`, which list a folder each, and all that they push, on `threads` threads; returns the first error,
/// after which no new task starts.
///
/// Where the threads leave the processors idle they wait for a disk or a server, and more of them are started: requests
/// that are in flight together cost no more than one.
pub(crate) fn run<T: Send, E: Send>(
    tasks: Vec<T>,
    folders: Vec<T>,
    threads: Threads,
    work: impl Fn(T, &Running<'_, T>) -> Result<(), E> + Sync,
) -> Result<(), E> {
    if tasks.is_empty() && folders.is_empty() {
        return Ok(());
    }
    let stack = Stack {
        inner: Mutex::new(Inner {
            tasks,
            folders,
            large: Vec::new(),
            listing: 0,
            names: 0,
            expected: NAMES_EXPECTED,
            running: 0,
            stopped: false,
        }),
        changed: Condvar::new(),
        over: Condvar::new(),
        threads: AtomicUsize::new(threads.first),
    };
    let failure = Mutex::new(None);
    let work_on = || {
        while let Some((task, running)) = stack.next() {
            if let Err(error) = work(task, &running) {
                lock(&failure).get_or_insert(error);
                stack.stop();
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.first.max(1) {
            scope.spawn(work_on);
        }
        grow(&stack, threads, |_| {
            scope.spawn(work_on);
        });
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// Starts half as many threads again, and again, while tasks wait and the processors are idle for most of the time.
fn grow<T>(stack: &Stack<T>, threads: Threads, mut start: impl FnMut(usize)) {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let processors = u32::try_from(processors).unwrap_or(1);
    let mut running = threads.first.max(1);
    while running < threads.most {
        let (began, worked) = (Instant::now(), processor_time());
        match stack.look_after(LOOK_INTERVAL) {
            None => return,
            Some(false) => continue,
            Some(true) => {}
        }
        let worked = processor_time().saturating_sub(worked);
        if worked * 2 > began.elapsed() * processors {
            continue;
        }
        let more = (running / 2).max(1).min(threads.most - running);
        (0..more).for_each(&mut start);
        running += more;
        stack.threads.store(running, Ordering::Relaxed);
    }
}

/// How long the processors have worked for this process.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    const ONE: Threads = Threads { first: 1, most: 1 };
    const FOUR: Threads = Threads { first: 4, most: 4 };

    #[test]
    fn every_pushed_task_runs_once() {
        let ran = AtomicUsize::new(0);
        let outcome: Result<(), ()> = run(vec![6_u32], Vec::new(), FOUR, |depth, stack| {
            ran.fetch_add(1, Ordering::Relaxed);
            if depth > 0 {
                stack.push(depth - 1);
                stack.push(depth - 1);
            }
            Ok(())
        });
        assert_eq!(outcome, Ok(()));
        assert_eq!(ran.load(Ordering::Relaxed), 127);
    }

    #[test]
    fn folders_wait_until_there_is_room_for_their_names_and_their_files_do_not() {
        const NAMES: usize = NAMES_MAX / 3;
        enum Task {
            Root,
            Folder,
            File,
        }
        let (held, most, files) = (
            AtomicUsize::new(0),
            AtomicUsize::new(0),
            AtomicUsize::new(0),
        );
        let threads = Threads {
            first: 16,
            most: 16,
        };
        let until = Instant::now() + Duration::from_mins(1);
        let outcome = run(vec![Task::Root], Vec::new(), threads, |task, running| {
            match task {
                Task::Root => {
                    running.holds(NAMES);
                    (0..40).for_each(|_| running.push_folder(Task::Folder));
                }
                Task::Folder if !running.may_be_large() => running.push_large(Task::Folder),
                Task::Folder => {
                    running.holds(NAMES);
                    most.fetch_max(held.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    let before = files.load(Ordering::SeqCst);
                    (0..4).for_each(|_| running.push(Task::File));
                    while files.load(Ordering::SeqCst) == before {
                        if Instant::now() > until {
                            return Err("nobody deals with what the folders hold");
                        }
                        std::thread::yield_now();
                    }
                    held.fetch_sub(1, Ordering::SeqCst);
                }
                Task::File => {
                    files.fetch_add(1, Ordering::SeqCst);
                }
            }
            Ok(())
        });
        assert_eq!(outcome, Ok(()));
        assert_eq!(files.into_inner(), 160);
        assert!(most.into_inner() <= NAMES_MAX.div_ceil(NAMES));
    }

    /// Those that wait keep the folders above them open.
    #[test]
    fn no_more_large_folders_are_put_back_than_there_are_threads() {
        enum Task {
            Holder,
            Folder,
        }
        let (begun, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
        let outcome: Result<(), ()> = run(vec![Task::Holder], Vec::new(), FOUR, |task, running| {
            match task {
                Task::Holder => {
                    running.holds(NAMES_MAX - 1);
                    (0..1000).for_each(|_| running.push_folder(Task::Folder));
                    let mut before = 0;
                    loop {
                        std::thread::sleep(Duration::from_millis(50));
                        let now = begun.load(Ordering::SeqCst);
                        if now > 0 && now == before {
                            break;
                        }
                        before = now;
                    }
                    is_over.store(true, Ordering::SeqCst);
                    assert!(before <= FOUR.most, "{before}");
                }
                Task::Folder => {
                    begun.fetch_add(1, Ordering::SeqCst);
                    if !running.may_be_large() {
                        running.push_large(Task::Folder);
                        return Ok(());
                    }
                    while !is_over.load(Ordering::SeqCst) {
                        std::thread::yield_now();
                    }
                    running.holds(LARGE_NAMES + 1);
                }
            }
            Ok(())
        });
        assert_eq!(outcome, Ok(()));
        let all = begun.into_inner();
        assert!((1000..1000 + 2 * FOUR.most).contains(&all), "{all}");
    }

    #[test]
    fn an_error_stops_the_rest() {
        let ran = AtomicUsize::new(0);
        let outcome = run((0..1000).collect(), Vec::new(), ONE, |task, _| {
            ran.fetch_add(1, Ordering::Relaxed);
            if task == 990 { Err(task) } else { Ok(()) }
        });
        assert_eq!(outcome, Err(990));
        assert!(ran.load(Ordering::Relaxed) < 1000);
    }

    #[test]
    fn there_are_no_more_threads_than_files_may_be_open() {
        let wanted = Threads { first: 8, most: 64 };
        assert_eq!(wanted.within(None), wanted);
        for (free, expected) in [
            (10_000, (8, 64)),
            (512, (8, 38)),
            (100, (4, 4)),
            (0, (1, 1)),
        ] {
            let Threads { first, most } = wanted.within(Some(free));
            assert_eq!((first, most), expected, "{free}");
        }
    }

    /// Other tests may keep the processors busy in this process for a while.
    #[test]
    fn threads_that_wait_become_more_and_no_more_than_allowed() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let threads = Threads { first: 2, most: 5 };
        let until = Instant::now() + Duration::from_mins(1);
        let outcome: Result<(), ()> = run(vec![(); 20], Vec::new(), threads, |(), stack| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(10));
            now.fetch_sub(1, Ordering::SeqCst);
            if most.load(Ordering::SeqCst) < threads.most && Instant::now() < until {
                stack.push(());
            }
            Ok(())
        });
        assert_eq!(outcome, Ok(()));
        assert_eq!(most.into_inner(), threads.most);
    }
}
