//! Commands at the emulated machine, over ssh, past the proxies that disturb a rehearsal.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ssh2::{Channel, ExtendedData, Session};

use super::MachineError;
use super::emulator::Emulator;

/// How long the machine may take to come up.
const START_MAX: Duration = Duration::from_mins(6);

/// How long to wait between two tries, and for a single one.
const PAUSE: Duration = Duration::from_millis(500);
const TRY_MAX: Duration = Duration::from_secs(20);

/// How long a command may be silent.
const SILENT_MAX_MILLISECONDS: u32 = 300_000;

/// An open connection.
pub(super) struct Terminal {
    session: Mutex<Session>,
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Terminal").finish_non_exhaustive()
    }
}

impl Terminal {
    /// Waits until the machine answers, and logs in.
    ///
    /// # Errors
    /// Where it does not come up.
    pub(super) fn open(
        address: SocketAddr,
        key: &Path,
        emulator: &mut Emulator,
    ) -> Result<Self, MachineError> {
        let began = Instant::now();
        loop {
            emulator.must_run()?;
            let error = match log_in(address, key) {
                Ok(session) => {
                    let session = Mutex::new(session);
                    return Ok(Self { session });
                }
                Err(error) => error,
            };
            if began.elapsed() > START_MAX {
                let seconds = START_MAX.as_secs();
                let words = emulator.last_words();
                let reason = format!("no ssh in {seconds} s: {error}; its last words: {words}");
                return Err(MachineError::NotUp(reason));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Runs a command line with an input to its end, and gives what it printed.
    ///
    /// # Errors
    /// What the connection says, and [`MachineError::Command`].
    pub(super) fn run(&self, command: &str, input: &[u8]) -> Result<String, MachineError> {
        let session = self.session();
        let mut channel = session.channel_session()?;
        channel.handle_extended_data(ExtendedData::Merge)?;
        channel.exec(command)?;
        channel.write_all(input)?;
        channel.send_eof()?;
        let mut said = Vec::new();
        channel.read_to_end(&mut said)?;
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        end(command, channel, &said)?;
        Ok(said)
    }

    /// Runs a command line, and hands what it prints to `output` as it comes.
    ///
    /// # Errors
    /// The same.
    pub(super) fn pass_on(
        &self,
        command: &str,
        output: &mut impl std::io::Write,
    ) -> Result<(), MachineError> {
        let session = self.session();
        let mut channel = session.channel_session()?;
        channel.exec(command)?;
        std::io::copy(&mut channel, output)?;
        let mut said = String::new();
        channel.stderr().read_to_string(&mut said)?;
        end(command, channel, said.trim())
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log_in(address: SocketAddr, key: &Path) -> Result<Session, MachineError> {
    let stream = TcpStream::connect_timeout(&address, TRY_MAX)?;
    stream.set_read_timeout(Some(TRY_MAX))?;
    let mut session = Session::new()?;
    session.set_tcp_stream(stream);
    session.set_timeout(u32::try_from(TRY_MAX.as_millis()).unwrap_or(u32::MAX));
    session.handshake()?;
    // Who answers on a port of this machine that leads to the emulator is known.
    session.userauth_pubkey_file("root", None, key, None)?;
    session.set_timeout(SILENT_MAX_MILLISECONDS);
    Ok(session)
}

fn end(command: &str, mut channel: Channel, said: &str) -> Result<(), MachineError> {
    channel.wait_close()?;
    let code = channel.exit_status()?;
    if code == 0 {
        return Ok(());
    }
    Err(MachineError::Command {
        command: command.to_owned(),
        code,
        said: said.to_owned(),
    })
}
