//! The registers of a thread that is about to make a system call; the only part that depends on the architecture.

use nix::Result;
use nix::unistd::Pid;

pub(super) use here::Registers;

#[cfg(target_arch = "x86_64")]
mod here {
    use super::{Pid, Result};
    use nix::sys::ptrace;

    /// What a thread is about to ask of the kernel.
    pub(in super::super) struct Registers(libc::user_regs_struct);

    impl Registers {
        pub(in super::super) const KNOWN: bool = true;

        pub(in super::super) fn of(thread: Pid) -> Result<Self> {
            ptrace::getregs(thread).map(Self)
        }

        /// The number of the system call.
        #[allow(clippy::cast_possible_wrap)]
        pub(in super::super) fn number(&self) -> libc::c_long {
            self.0.orig_rax as libc::c_long
        }

        pub(in super::super) fn argument(&self, position: usize) -> u64 {
            [
                self.0.rdi, self.0.rsi, self.0.rdx, self.0.r10, self.0.r8, self.0.r9,
            ][position]
        }

        /// An argument that is the number of a handle.
        #[allow(clippy::cast_possible_truncation)]
        pub(in super::super) fn handle(&self, position: usize) -> i32 {
            self.argument(position) as i32
        }

        /// Leaves the call out; the thread is told `errno`.
        #[allow(clippy::cast_sign_loss)]
        pub(in super::super) fn fail(mut self, thread: Pid, errno: i32) -> Result<()> {
            self.0.orig_rax = u64::MAX;
            self.0.rax = i64::from(-errno) as u64;
            ptrace::setregs(thread, self.0)
        }

        /// What the call behind which a thread stands has returned; nothing where it failed.
        #[allow(clippy::cast_possible_wrap, clippy::unused_self)]
        pub(in super::super) fn result(&self, thread: Pid) -> Result<usize> {
            let returned = ptrace::getregs(thread)?.rax as i64;
            Ok(usize::try_from(returned).unwrap_or(0))
        }

        /// Halves the number of bytes that the call is for, but for the last one.  [`Self::restore`] has to follow.
        pub(in super::super) fn halve(&self, thread: Pid) -> Result<()> {
            let mut halved = self.0;
            halved.rdx = halved.rdx.div_ceil(2);
            ptrace::setregs(thread, halved)
        }

        /// Gives a thread behind its call the arguments of that call back: a kernel leaves them as they are, and optimised
        /// code uses them again.
        pub(in super::super) fn restore(&self, thread: Pid) -> Result<()> {
            let mut after = ptrace::getregs(thread)?;
            after.rdx = self.0.rdx;
            ptrace::setregs(thread, after)
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod here {
    use super::{Pid, Result};
    use nix::errno::Errno;

    /// Not known yet for this architecture.
    pub(in super::super) struct Registers;

    impl Registers {
        pub(in super::super) const KNOWN: bool = false;

        pub(in super::super) fn of(_thread: Pid) -> Result<Self> {
            Err(Errno::ENOSYS)
        }

        pub(in super::super) fn number(&self) -> libc::c_long {
            -1
        }

        pub(in super::super) fn argument(&self, _position: usize) -> u64 {
            0
        }

        pub(in super::super) fn handle(&self, _position: usize) -> i32 {
            -1
        }

        pub(in super::super) fn fail(self, _thread: Pid, _errno: i32) -> Result<()> {
            Err(Errno::ENOSYS)
        }

        pub(in super::super) fn result(&self, _thread: Pid) -> Result<usize> {
            Err(Errno::ENOSYS)
        }

        pub(in super::super) fn halve(&self, _thread: Pid) -> Result<()> {
            Err(Errno::ENOSYS)
        }

        pub(in super::super) fn restore(&self, _thread: Pid) -> Result<()> {
            Err(Errno::ENOSYS)
        }
    }
}
