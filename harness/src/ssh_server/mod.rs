//! An ssh server inside the process: the destination of embedded rehearsals, and the far end of the ssh tests.
//!
//! It does what an sshd does as far as the migrator can tell: keys and passwords, commands through the login shell,
//! several channels at a time, SFTP over the local file system.  It runs everything as the user of this process, so
//! it listens on the loopback address only and lets in nobody without the key or password of the run.
//!
//! ```text
//! accept -> tap (counts bytes, can cut) -> russh -> session -> command (sh -c LINE) | sftp
//! ```

mod command;
mod keys;
mod processes;
mod session;
mod sftp;
mod tap;

pub use keys::{KeyError, KeyPair};

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use russh::MethodKind;
use russh::MethodSet;
use russh::keys::PublicKey;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use session::Session;
use tap::{Cutter, Tap};

/// What a server is to be like.
#[derive(Debug, Clone)]
pub struct SshServerOptions {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The key of the server; made anew where there is none.
    pub host_key: Option<KeyPair>,
    /// The line of the one key that may log in.
    pub authorized_key: Option<String>,
    /// The password that may log in.
    pub password: Option<String>,
    /// Whether the password is asked for through keyboard-interactive instead of the method of its own, as on SUSE.
    pub keyboard_interactive: bool,
    /// What keyboard-interactive asks, one question after another, each with the right answer; the password where there is none.
    pub prompts: Vec<(String, String)>,
    /// What somebody says with the questions.
    pub instructions: String,
    /// The methods that are all wanted, in this order; where there is none, any one is enough.
    pub steps: Vec<MethodKind>,
    /// After how many refusals the server hangs up, as sshd's `MaxAuthTries`.
    pub tries_max: usize,
    /// The environment of commands, besides a `PATH`; nothing of this process's own gets there.
    /// [`SshServer::set_environment`] changes it later.
    pub environment: BTreeMap<String, String>,
    /// The program and its first arguments that the shell of each command runs under, such as one that makes a
    /// namespace; none for most servers.
    pub run_under: Vec<String>,
    /// The login shell, which is given `-c` and the line of a command.
    pub login_shell: PathBuf,
    /// What the login shell writes before it starts the server of sftp; nothing for most.
    pub sftp_greeting: String,
    /// How long the server takes to open a channel, as one whose processors are busy.
    pub opens_after: Duration,
    /// The folder that commands start in, and that relative names of SFTP are relative to.
    pub working_folder: PathBuf,
    /// After how many bytes, both ways and all connections together, all connections are cut, once.
    pub cut_after_bytes: Option<u64>,
    /// After how many bytes of uploads the disk counts as full.
    pub disk_full_after_bytes: Option<u64>,
}

impl SshServerOptions {
    /// A server on a free port of the loopback address that starts commands in this folder and lets nobody in.
    pub fn new(working_folder: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            host_key: None,
            authorized_key: None,
            password: None,
            keyboard_interactive: false,
            prompts: Vec::new(),
            instructions: String::new(),
            steps: Vec::new(),
            tries_max: 10,
            environment: BTreeMap::new(),
            run_under: Vec::new(),
            login_shell: "/bin/sh".into(),
            sftp_greeting: String::new(),
            opens_after: Duration::ZERO,
            working_folder: working_folder.into(),
            cut_after_bytes: None,
            disk_full_after_bytes: None,
        }
    }
}

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SshServerError {
    /// The address cannot be listened on.
    #[error("Could not listen on {address}: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        cause: io::Error,
    },
    /// A key could not be made or read.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A running server; dropping it cuts its connections but leaves its commands alone, see [`SshServer::stop`].
#[derive(Debug)]
pub struct SshServer {
    address: SocketAddr,
    host_key: KeyPair,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// What all connections of a server share.
#[derive(Debug)]
struct Shared {
    options: SshServerOptions,
    authorized_key: Option<PublicKey>,
    environment: Mutex<BTreeMap<String, String>>,
    cutter: Arc<Cutter>,
    mark: processes::Mark,
    uploaded_bytes: std::sync::atomic::AtomicU64,
    log: Mutex<Vec<String>>,
}

impl Shared {
    fn note(&self, line: impl Into<String>) {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line.into());
    }
}

impl SshServer {
    /// Starts a server on the current tokio runtime.
    pub async fn start(options: SshServerOptions) -> Result<Self, SshServerError> {
        let host_key = options
            .host_key
            .clone()
            .map_or_else(KeyPair::generate, Ok)?;
        let authorized_key = options
            .authorized_key
            .as_deref()
            .map(keys::public_key)
            .transpose()?;
        let listen = options.listen;
        let failed = |cause| SshServerError::Listen {
            address: listen,
            cause,
        };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let config = Arc::new(config(&options, &host_key));
        let shared = Arc::new(Shared {
            authorized_key,
            environment: Mutex::new(options.environment.clone()),
            cutter: Arc::new(Cutter::new(options.cut_after_bytes)),
            mark: processes::Mark::new(),
            uploaded_bytes: 0.into(),
            log: Mutex::default(),
            options,
        });
        let accepting = tokio::spawn(accept(listener, config, Arc::clone(&shared)));
        Ok(Self {
            address,
            host_key,
            shared,
            accepting,
        })
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The server's own key, for starting another one that shows the same.
    pub fn host_key(&self) -> &KeyPair {
        &self.host_key
    }

    /// The line of a known-hosts file that makes this server known.
    pub fn known_hosts_line(&self) -> String {
        let host = match (self.address.ip(), self.address.port()) {
            (ip, 22) => ip.to_string(),
            (ip, port) => format!("[{ip}]:{port}"),
        };
        format!("{host} {}", self.host_key.public_line())
    }

    /// Gives the commands that are started from now on another environment.
    pub fn set_environment(&self, environment: BTreeMap<String, String>) {
        *self
            .shared
            .environment
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = environment;
    }

    /// Takes back a planned cut; says whether it was still planned.
    pub fn take_back_cut(&self) -> bool {
        self.shared.cutter.disarm()
    }

    /// Cuts all connections at once, without a word of good-bye.
    pub fn drop_connections(&self) {
        self.shared.cutter.cut();
    }

    /// Cuts all connections after so many more bytes, both ways and all connections together, once.
    pub fn cut_after_bytes(&self, bytes: u64) {
        self.shared.cutter.arm(bytes);
    }

    /// What happened so far: logins, refusals and the line of each command.
    pub fn log(&self) -> Vec<String> {
        self.shared
            .log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How many processes that this server started are alive, those that detached themselves included.
    pub fn processes(&self) -> usize {
        self.shared.mark.processes().len()
    }

    /// Stops listening, cuts all connections, and ends every process that was started here, however detached.
    pub async fn stop(mut self) {
        self.accepting.abort();
        // Its end is awaited so that the address is free when this returns.
        let _ = (&mut self.accepting).await;
        self.shared.cutter.cut();
        self.shared.mark.end_all().await;
    }
}

impl Drop for SshServer {
    fn drop(&mut self) {
        self.accepting.abort();
        self.shared.cutter.cut();
    }
}

fn config(options: &SshServerOptions, host_key: &KeyPair) -> russh::server::Config {
    let mut methods = MethodSet::empty();
    if let Some(first) = options.steps.first() {
        methods.push(*first);
    } else {
        if options.authorized_key.is_some() {
            methods.push(MethodKind::PublicKey);
        }
        if options.password.is_some() && !options.keyboard_interactive {
            methods.push(MethodKind::Password);
        }
        if options.keyboard_interactive || !options.prompts.is_empty() {
            methods.push(MethodKind::KeyboardInteractive);
        }
    }
    russh::server::Config {
        methods,
        keys: vec![host_key.private_key().clone()],
        auth_rejection_time: Duration::from_millis(50),
        auth_rejection_time_initial: Some(Duration::ZERO),
        // The first question for the methods counts for the library, and for sshd it does not.
        max_auth_attempts: options.tries_max + 1,
        inactivity_timeout: None,
        nodelay: true,
        ..russh::server::Config::default()
    }
}

async fn accept(listener: TcpListener, config: Arc<russh::server::Config>, shared: Arc<Shared>) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            continue;
        };
        let Ok(tap) = Tap::new(stream, &shared.cutter) else {
            continue;
        };
        shared.note(format!("connection from {peer}"));
        let (config, session) = (Arc::clone(&config), Session::new(Arc::clone(&shared)));
        tokio::spawn(async move {
            // How a connection ends is the client's business; the tests look at what the client says.
            if let Ok(running) = russh::server::run_stream(config, tap, session).await {
                let _ = running.await;
            }
        });
    }
}
