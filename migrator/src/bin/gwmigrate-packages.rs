//! Makes the packages that install `gwmigrate`.

use std::error::Error as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Make a deb, an rpm and a tar file of gwmigrate, with its manual pages, completions, an example worksheet and the guide.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The program to be packed, built for this architecture; by default the one beside this program.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Where the packages go.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let beside = || {
        let own = std::env::current_exe().ok()?;
        Some(own.with_file_name("gwmigrate"))
    };
    let made = match arguments.program.or_else(beside) {
        None => Err("Name the program with --program".to_owned()),
        Some(program) => {
            gwmigrate::packages::write_all(&program, &arguments.folder).map_err(|error| {
                let cause = error.source().map(|cause| format!(": {cause}"));
                format!("{error}{}", cause.unwrap_or_default())
            })
        }
    };
    // Where nobody reads it, the exit code says it.
    let _ = match &made {
        Ok(files) => files
            .iter()
            .try_for_each(|file| writeln!(std::io::stdout(), "{}", file.display())),
        Err(text) => writeln!(std::io::stderr(), "{text}"),
    };
    if made.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(2)
    }
}
