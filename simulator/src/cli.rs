//! The commands of `gwsim`, and `gwpoa`, which the same program is under another name.

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand, ValueEnum};
use serde::Serialize;

use crate::churn::{ChurnOptions, churn};
use crate::create::{CreateOptions, create};
use crate::describe::describe;
use crate::error::SimulatorError;
use crate::mail::{accounts, truth};
use crate::model::{GuardianKind, NameCase};
use crate::package::{
    Generation, PackageOptions, SystemFormat, SystemPackage, package, system_package,
};
use crate::{gwcheck, poa};

/// What a command that failed exits with.
const FAILED: u8 = 1;

/// What a command line that cannot be understood exits with.
const USAGE: u8 = 2;

/// Makes post offices from a seed, and plays the agents around them.
#[derive(Debug, Parser)]
#[command(name = "gwsim", version)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a post office in a folder that is empty or not there.
    Create {
        /// The folder.
        folder: PathBuf,
        /// What everything is derived from.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// tiny (300 files), small (3,000), medium (20,000), large (100,000), or a number of files.
        #[arg(long, default_value = "tiny", value_parser = parse_size)]
        size: usize,
        /// The case of the names.
        #[arg(long, default_value_t = NameCase::Mixed, value_enum)]
        case: NameCase,
        /// Of which generation the guardian is: flaim, or opaque, the older one that only GroupWise's own tools change.
        #[arg(long, default_value_t = GuardianKind::Flaim, value_enum)]
        guardian: GuardianKind,
        /// A folder that becomes a document storage area outside the post office.
        #[arg(long)]
        documents: Option<PathBuf>,
    },
    /// Say what a post office holds.
    Describe {
        /// The folder.
        folder: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say who has which messages, by reading the message store; fails where anything of it is missing or damaged.
    Truth {
        /// The folder.
        folder: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// List users and the passwords with which they log in over IMAP.
    Accounts {
        /// The folder.
        folder: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Do what a living post office does between two passes.
    Churn {
        /// The folder.
        folder: PathBuf,
        /// What everything is derived from.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// How many operations; from fifteen on each kind occurs.
        #[arg(long, default_value_t = 20)]
        operations: usize,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Run a simulated Post Office Agent: `gwsim poa --role linux @STARTUP_FILE`, or `gwsim poa --role source --help`.
    Poa {
        /// The arguments of the agent.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Write the software package of the simulated agent.
    Package {
        /// The program to ship as gwpoa.
        #[arg(long)]
        program: PathBuf,
        /// For which package manager; tar is only unpacked.
        #[arg(long, value_enum, default_value_t = PackageFormat::Tar)]
        format: PackageFormat,
        /// Which GroupWise an rpm or deb is taken for.
        #[arg(long, value_enum, default_value_t = Generation::TwentyFourteen)]
        generation: Generation,
        /// The number behind the version of an rpm or deb.
        #[arg(long, default_value_t = 1)]
        release: u32,
        /// The package to write.
        #[arg(long)]
        output: PathBuf,
    },
}

/// A kind of package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PackageFormat {
    /// A compressed tar file.
    Tar,
    /// For `rpm`.
    Rpm,
    /// For `dpkg`.
    Deb,
}

/// Whether a program of this name is one that [`run`] plays.
pub fn acts_as(program_name: &str) -> bool {
    matches!(program_name, "gwsim" | "gwpoa" | "gwcheckt")
}

/// Runs the command line `arguments`, the program's name first, and returns the exit code.
///
/// A program whose file name is `gwpoa` or `gwcheckt` is the agent, or GWCheck, and takes its arguments.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let program = arguments.first().map(Path::new).and_then(Path::file_name);
    let result = if program == Some(OsStr::new("gwpoa")) {
        agent(arguments.into_iter().skip(1))
    } else if program == Some(OsStr::new("gwcheckt")) {
        gwcheck::run(arguments.into_iter().skip(1), out)
    } else {
        match CommandLine::try_parse_from(arguments) {
            Ok(command_line) => command(command_line.command, out),
            Err(error) => {
                // Help and version are no mistakes.
                if error.use_stderr() {
                    let _ = write!(err, "{error}");
                    return USAGE;
                }
                let _ = write!(out, "{error}");
                return 0;
            }
        }
    };
    match result {
        Ok(()) => 0,
        Err(error) => {
            let _ = writeln!(err, "{}", crate::describe_error(&error));
            FAILED
        }
    }
}

fn agent(arguments: impl IntoIterator<Item = OsString>) -> Result<(), SimulatorError> {
    poa::run(arguments)
}

fn command(command: Command, out: &mut dyn Write) -> Result<(), SimulatorError> {
    match command {
        Command::Create {
            folder,
            seed,
            size,
            case,
            guardian,
            documents,
        } => {
            let made = create(&CreateOptions {
                folder,
                documents,
                seed,
                files: size,
                case,
                guardian,
            })?;
            let text = format!(
                "post office {}: {} users, {} files with {} bytes in {} folders, startup file {}\n",
                made.post_office,
                made.users,
                made.files,
                made.bytes,
                made.folders,
                made.startup_file
            );
            print(out, &text)
        }
        Command::Describe { folder, json } => print_as(out, &describe(&folder)?, json),
        Command::Truth { folder, json } => print_as(out, &truth(&folder)?, json),
        Command::Accounts { folder, json } => print_as(out, &accounts(&folder)?, json),
        Command::Churn {
            folder,
            seed,
            operations,
            json,
        } => {
            let report = churn(
                &folder,
                &ChurnOptions {
                    seed,
                    operations,
                    time: None,
                },
            )?;
            print_as(out, &report, json)
        }
        Command::Poa { arguments } => agent(arguments),
        Command::Package {
            program,
            format,
            generation,
            release,
            output,
        } => {
            let options = PackageOptions {
                program: &program,
                output: &output,
            };
            let format = match format {
                PackageFormat::Tar => return package(&options),
                PackageFormat::Rpm => SystemFormat::Rpm,
                PackageFormat::Deb => SystemFormat::Deb,
            };
            let kind = SystemPackage {
                format,
                generation,
                release,
            };
            system_package(&options, kind)
        }
    }
}

/// How many files a size means: `tiny`, `small`, `medium`, `large`, or a number.
///
/// # Errors
/// A sentence for the command line.
pub fn parse_size(text: &str) -> Result<usize, String> {
    match text {
        "tiny" => Ok(300),
        "small" => Ok(3_000),
        "medium" => Ok(20_000),
        "large" => Ok(100_000),
        number => number.parse().map_err(|_| {
            "not one of tiny, small, medium, large, and not a number of files".to_owned()
        }),
    }
}

fn print(out: &mut dyn Write, text: &str) -> Result<(), SimulatorError> {
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Prints a value for people, or as JSON.
fn print_as(
    out: &mut dyn Write,
    value: &(impl Serialize + Display),
    json: bool,
) -> Result<(), SimulatorError> {
    if !json {
        return print(out, &value.to_string());
    }
    let text = serde_json::to_string_pretty(value).map_err(std::io::Error::from);
    written(text.and_then(|text| writeln!(out, "{text}")))
}

fn written(result: std::io::Result<()>) -> Result<(), SimulatorError> {
    match result {
        // Whoever reads has read enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|source| SimulatorError::Io {
            operation: "write",
            what: "the output".to_owned(),
            source,
        }),
    }
}
