//! The simulated servers of a rehearsal, as the play sees them: which back end they are on makes no difference to it.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use simulator::{CreateOptions, Created, GuardianKind, NameCase, PackageOptions};

use crate::certificate::write_secret;
use crate::error::{HarnessError, io_error};
use crate::network::{Disturbance, Network, Networks};
use crate::source_agent::{AgentOrders, SourceAgent};
use crate::worksheet::RehearsalWorksheet;

/// The name of the migrator's program.
pub const MIGRATOR: &str = "gwmigrate";

/// What the servers of a rehearsal are made from.
#[derive(Debug, Clone)]
pub struct SiteOptions {
    /// The program that plays all roles.
    pub program: PathBuf,
    /// What everything is derived from.
    pub seed: u64,
    /// How many files.
    pub files: usize,
    /// The case of the names.
    pub case: NameCase,
    /// The generation of the guardian.
    pub guardian: GuardianKind,
    /// Who is to convert it, as the worksheet says it; the migrator's own choice where nothing is said.
    pub guardian_engine: Option<String>,
    /// Whether there is a document storage area outside the post office.
    pub with_documents: bool,
    /// Whether the simulated Linux POA is installed and run.
    pub with_poa: bool,
    /// Whether the agents serve mailboxes, and one is compared between the stages.
    pub with_mailbox_test: bool,
}

impl SiteOptions {
    /// Servers with a post office and nothing else: no software, no document storage area, no mailbox that is compared.
    pub fn bare(program: PathBuf, seed: u64, files: usize) -> Self {
        Self {
            program,
            seed,
            files,
            case: NameCase::Mixed,
            guardian: GuardianKind::Flaim,
            guardian_engine: None,
            with_documents: false,
            with_poa: false,
            with_mailbox_test: false,
        }
    }
}

/// The trees of both servers, as this machine sees them.
#[derive(Debug, Clone)]
pub struct Trees {
    /// The post office at the source.
    pub source: PathBuf,
    /// The post office at the destination.
    pub destination: PathBuf,
    /// The document storage area outside the post office: at the source, at the destination.
    pub documents: Option<(PathBuf, PathBuf)>,
    /// The job folder.
    pub job_folder: PathBuf,
    /// How fine the times are that the destination sees at the source, in nanoseconds.
    pub time_step_nanoseconds: i128,
}

impl Trees {
    /// Those of a rehearsal between servers, in its folder.
    #[cfg(feature = "containers")]
    pub(crate) fn between_servers(folder: &Path, post_office: &str, with_documents: bool) -> Self {
        let at = |name: &str| folder.join(name);
        let documents = || (at("source/DOCS"), at("destination/gwsystem/documents"));
        Self {
            source: at("source/PO"),
            destination: at("destination/gwsystem").join(post_office),
            documents: with_documents.then(documents),
            job_folder: at("destination/migration").join(post_office),
            // What SMB carries.
            time_step_nanoseconds: 100,
        }
    }
}

/// How the source goes away under a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// Nothing answers in its place.
    Gone,
    /// An empty folder stands in its place.
    Empty,
}

/// The simulated servers of a rehearsal.
pub trait Site {
    /// The folder of the rehearsal.
    fn folder(&self) -> &Path;

    /// What was made.
    fn created(&self) -> &Created;

    /// What the worksheet says.
    fn sheet(&self) -> &RehearsalWorksheet;

    /// The same, to be changed; it counts once it is written.
    fn sheet_mut(&mut self) -> &mut RehearsalWorksheet;

    /// The trees.
    fn trees(&self) -> &Trees;

    /// Gives the commands at the destination an environment from now on.
    ///
    /// # Errors
    /// What the server says.
    fn set_environment(&self, environment: BTreeMap<String, String>) -> Result<(), HarnessError>;

    /// The networks between the servers; none where source and destination are folders of one machine.
    fn networks(&self) -> Option<&Networks> {
        None
    }

    /// Disturbs a network, until all is calm.
    ///
    /// # Errors
    /// A back end that has none, or where this cannot happen to it.
    fn disturb(&self, network: Network, disturbance: Disturbance) -> Result<(), HarnessError> {
        let networks = self.networks().ok_or(HarnessError::NoNetwork)?;
        networks.disturb(network, disturbance);
        Ok(())
    }

    /// Ends all disturbances; says whether they struck, as far as that can be seen.
    fn calm(&self) -> bool {
        self.networks().is_none_or(Networks::calm)
    }

    /// Lets the source go away.
    ///
    /// # Errors
    /// What the system says.
    fn source_goes(&self, absence: Absence) -> Result<(), HarnessError> {
        if absence == Absence::Empty {
            return Err(HarnessError::NoSuchFault);
        }
        let networks = self.networks().ok_or(HarnessError::NoNetwork)?;
        networks.share.close();
        Ok(())
    }

    /// Lets it come back.
    ///
    /// # Errors
    /// What the system says.
    fn source_comes_back(&self, _absence: Absence) -> Result<(), HarnessError> {
        let networks = self.networks().ok_or(HarnessError::NoNetwork)?;
        networks.share.open();
        Ok(())
    }

    /// Gives some folders of the destination file systems of their own, for as long as the servers are there.
    ///
    /// # Errors
    /// A back end that cannot, and what mounting says.
    fn mount_inner_file_systems(&mut self) -> Result<(), HarnessError> {
        Err(HarnessError::OnlyEmbedded {
            fault: "inner-mounts",
        })
    }

    /// Lets the Linux POA be started, or not.
    ///
    /// # Errors
    /// A back end that cannot, and what the system says.
    fn let_poa_start(&self, _may: bool) -> Result<(), HarnessError> {
        Err(HarnessError::OnlyEmbedded {
            fault: "agent-does-not-start",
        })
    }

    /// Starts the agent of the source.
    ///
    /// # Errors
    /// What starting it says.
    fn start_agent(&self, orders: &AgentOrders) -> Result<SourceAgent, HarnessError>;

    /// The software has been installed at the destination: whatever runs there besides the agent itself begins to.
    ///
    /// # Errors
    /// What starting it says.
    fn software_is_installed(&self) -> Result<(), HarnessError> {
        Ok(())
    }

    /// As which user the Linux POA should run and does; none where the back end has no other users.
    ///
    /// # Errors
    /// What asking says.
    fn poa_user(&self) -> Result<Option<(String, String)>, HarnessError> {
        Ok(None)
    }

    /// Commands that the destination did not let the migrator run, as its log has them; none where it lets all run.
    ///
    /// # Errors
    /// What reading that log says.
    fn refused_commands(&self) -> Result<Vec<String>, HarnessError> {
        Ok(Vec::new())
    }

    /// Where the Linux POA listens, seen from this machine.
    fn poa_address(&self) -> std::net::SocketAddr;

    /// Where it serves mailboxes, seen from this machine; none where it serves none.
    fn imap_address(&self) -> Option<std::net::SocketAddr> {
        let test = self.sheet().mailbox_test.as_ref()?;
        let port = test.destination_imap.port();
        Some(std::net::SocketAddr::new(self.poa_address().ip(), port))
    }

    /// The trees of the destination and the job folder are looked at next: brings them to where this machine sees them,
    /// where they do not lie there.
    ///
    /// # Errors
    /// What bringing them says.
    fn look_at_destination(&self) -> Result<(), HarnessError> {
        Ok(())
    }

    /// Writes a file into the post office of the destination, as a program of that server does.
    ///
    /// # Errors
    /// What writing says.
    fn leave_at_destination(&self, name: &str, content: &[u8]) -> Result<(), HarnessError> {
        let path = self.trees().destination.join(name);
        std::fs::write(&path, content).map_err(io_error("write", &path))
    }

    /// Removes a file from the post office of the destination, as a program of that server does.
    ///
    /// # Errors
    /// What removing says.
    fn remove_at_destination(&self, name: &Path) -> Result<(), HarnessError> {
        let path = self.trees().destination.join(name);
        std::fs::remove_file(&path).map_err(io_error("remove", &path))
    }

    /// Stops the Linux POA where one runs that does not go with its server.
    ///
    /// # Errors
    /// What running its control script says.
    fn stop_poa(&self) -> Result<(), HarnessError> {
        Ok(())
    }

    /// Ends the servers.
    fn stop(self: Box<Self>);

    /// The migrator's program.
    fn migrator(&self) -> PathBuf {
        migrator_in(self.folder())
    }

    /// Where the worksheet is.
    fn worksheet_path(&self) -> PathBuf {
        self.folder().join("worksheet.toml")
    }

    /// Writes the worksheet.
    ///
    /// # Errors
    /// What writing says.
    fn write_worksheet(&self) -> Result<(), HarnessError> {
        let path = self.worksheet_path();
        std::fs::write(&path, self.sheet().to_toml()).map_err(io_error("write", &path))
    }
}

fn migrator_in(folder: &Path) -> PathBuf {
    folder.join("bin").join(MIGRATOR)
}

/// An environment as sshd reads it at each login, from `.ssh/environment` (sshd(8), `PermitUserEnvironment`).
#[cfg(feature = "containers")]
pub(crate) fn environment_file(environment: BTreeMap<String, String>) -> String {
    let lines = environment.into_iter();
    lines
        .map(|(name, value)| name + "=" + &value + "\n")
        .collect()
}

/// What all back ends begin with: folders, the migrator, a post office.
///
/// # Errors
/// What making any of them says.
pub(crate) fn make(folder: &Path, options: &SiteOptions) -> Result<Created, HarnessError> {
    let at = |name: &str| folder.join(name);
    for name in ["bin", "keys", "source", "destination"] {
        std::fs::create_dir_all(at(name)).map_err(io_error("create", &at(name)))?;
    }
    let migrator = migrator_in(folder);
    std::os::unix::fs::symlink(&options.program, &migrator).map_err(io_error("link", &migrator))?;
    Ok(simulator::create(&CreateOptions {
        folder: at("source/PO"),
        documents: options.with_documents.then(|| at("source/DOCS")),
        seed: options.seed,
        files: options.files,
        case: options.case,
        guardian: options.guardian,
    })?)
}

/// The software of the Linux POA as a tar, where the rehearsal wants one.
///
/// # Errors
/// What packing says.
pub(crate) fn make_package(
    folder: &Path,
    options: &SiteOptions,
) -> Result<Option<PathBuf>, HarnessError> {
    if !options.with_poa {
        return Ok(None);
    }
    let output = folder.join("gwpoa.tar.gz");
    simulator::package(&PackageOptions {
        program: &options.program,
        output: &output,
    })?;
    Ok(Some(output))
}

/// Who is compared between the stages.
pub(crate) struct TestUser {
    pub(crate) user: String,
    pub(crate) password_file: PathBuf,
}

/// Chooses the user with the most messages, and has the Linux POA serve mailboxes and prove itself: what the startup file of the
/// source says goes for the one of Linux.
///
/// # Errors
/// What reading and writing say.
pub(crate) fn choose_test_user(
    folder: &Path,
    created: &Created,
    imap_port: u16,
    key_password: &str,
) -> Result<TestUser, HarnessError> {
    let source = folder.join("source/PO");
    let truth = simulator::truth(&source)?;
    let messages_of = |user: &str| {
        let messages = truth.messages.iter();
        messages.filter(|message| message.user == user).count()
    };
    let accounts = simulator::accounts(&source)?.accounts;
    let busiest = accounts
        .into_iter()
        .max_by_key(|one| messages_of(&one.user));
    let account = busiest
        .ok_or_else(|| io_error("find a user in", &source)(std::io::ErrorKind::NotFound.into()))?;
    let password_file = folder.join("keys/mailbox-password");
    write_secret(&password_file, account.password.as_bytes())
        .map_err(io_error("write", &password_file))?;
    let startup = source.join(&created.startup_file);
    let switches = format!(
        "/imap-enabled\r\n/imapport-{imap_port}\r\n/httpssl-enabled\r\n/keypasswd-{key_password}\r\n"
    );
    OpenOptions::new()
        .append(true)
        .open(&startup)
        .and_then(|mut file| file.write_all(switches.as_bytes()))
        .map_err(io_error("write", &startup))?;
    Ok(TestUser {
        user: account.user,
        password_file,
    })
}
