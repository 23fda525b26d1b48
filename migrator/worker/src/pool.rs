//! Threads that share one stack of work.
//!
//! The stack is last-in-first-out, so a tree is walked mostly depth first and the stack stays short.  A task may push
//! more tasks.  Where the stack is long already ([`Stack::is_long`]), a task should do its work itself instead of
//! pushing it; that bounds the memory at any size of tree.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Beyond this many waiting tasks, a task does its work itself.
const LONG_STACK_TASKS: usize = 256;

struct Inner<T> {
    tasks: Vec<T>,
    running: usize,
    stopped: bool,
}

/// The work that is waiting.
pub(crate) struct Stack<T> {
    inner: Mutex<Inner<T>>,
    changed: Condvar,
}

impl<T> Stack<T> {
    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        // A panic in a task ends the whole run, so the state is never used after one.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a task.
    pub(crate) fn push(&self, task: T) {
        self.lock().tasks.push(task);
        self.changed.notify_one();
    }

    /// Whether so much is waiting that more should be done at once instead of pushed.
    pub(crate) fn is_long(&self) -> bool {
        self.lock().tasks.len() >= LONG_STACK_TASKS
    }

    /// Drops what is waiting; tasks that run come to their end.
    pub(crate) fn stop(&self) {
        let mut inner = self.lock();
        inner.stopped = true;
        inner.tasks.clear();
        drop(inner);
        self.changed.notify_all();
    }

    fn next(&self) -> Option<T> {
        let mut inner = self.lock();
        loop {
            if inner.stopped {
                return None;
            }
            if let Some(task) = inner.tasks.pop() {
                inner.running += 1;
                return Some(task);
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

    fn finished_one(&self) {
        let mut inner = self.lock();
        inner.running -= 1;
        let idle = inner.running == 0 && inner.tasks.is_empty();
        drop(inner);
        if idle {
            self.changed.notify_all();
        }
    }
}

/// Runs `tasks` and all that they push on `threads` threads; returns the first error, after which no new task starts.
pub(crate) fn run<T: Send, E: Send>(
    tasks: Vec<T>,
    threads: usize,
    work: impl Fn(T, &Stack<T>) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let stack = Stack {
        inner: Mutex::new(Inner {
            tasks,
            running: 0,
            stopped: false,
        }),
        changed: Condvar::new(),
    };
    let failure = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some(task) = stack.next() {
                    // The guard counts the task as finished also when it panics, so that no thread waits for ever.
                    let _finished = Finished(&stack);
                    if let Err(error) = work(task, &stack) {
                        failure
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .get_or_insert(error);
                        stack.stop();
                    }
                }
            });
        }
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

struct Finished<'a, T>(&'a Stack<T>);

impl<T> Drop for Finished<'_, T> {
    fn drop(&mut self) {
        self.0.finished_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn every_pushed_task_runs_once() {
        let ran = AtomicUsize::new(0);
        let outcome: Result<(), ()> = run(vec![6_u32], 4, |depth, stack| {
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
    fn an_error_stops_the_rest() {
        let ran = AtomicUsize::new(0);
        let outcome = run((0..1000).collect(), 1, |task, _| {
            ran.fetch_add(1, Ordering::Relaxed);
            if task == 990 { Err(task) } else { Ok(()) }
        });
        assert_eq!(outcome, Err(990));
        assert!(ran.load(Ordering::Relaxed) < 1000);
    }
}
