//! `gwmigrate profile …`: what is known of the generations of GroupWise, printed.

use std::path::Path;

use clap::Subcommand;
use protocol::Verdict;

use super::{Terminal, USAGE, read_worksheet};
use crate::profile;
use crate::worksheet::Generation;
use crate::worksheet::Needed;

#[derive(Debug, Subcommand)]
pub(super) enum ProfileCommand {
    /// List the built-in profiles, or print one as a file that [poa] profile of a worksheet can name.
    Show {
        /// Which one.
        #[arg(value_name = "NAME")]
        name: Option<String>,
    },
    /// Print a sudoers file with every command that this job runs as root, for [destination] user of the worksheet.
    Sudoers,
}

pub(super) fn run(
    command: &ProfileCommand,
    worksheet: &Path,
    json: bool,
    terminal: &Terminal,
) -> u8 {
    match command {
        ProfileCommand::Show { name: None } => list(json, terminal),
        ProfileCommand::Show { name: Some(name) } => show(name, json, terminal),
        ProfileCommand::Sudoers => sudoers(worksheet, terminal),
    }
}

fn list(json: bool, terminal: &Terminal) -> u8 {
    for generation in Generation::ALL {
        let name = generation.name();
        let Ok(known) = profile::parse(name, profile::text_of(generation)) else {
            continue;
        };
        if json {
            terminal.raw_line(&serde_json::to_string(&known).unwrap_or_default());
        } else {
            terminal.raw_line(&format!("{name:<10}{}", known.title));
        }
    }
    0
}

fn show(name: &str, json: bool, terminal: &Terminal) -> u8 {
    let mut all = Generation::ALL.into_iter();
    let Some(generation) = all.find(|generation| generation.name() == name) else {
        terminal.error_line(&format!(
            "there is no profile {name}; there are {}",
            Generation::ALL.map(Generation::name).join(", ")
        ));
        return USAGE;
    };
    let text = profile::text_of(generation);
    if !json {
        terminal.raw_line(text.trim_end());
        return 0;
    }
    match profile::parse(name, text) {
        Ok(known) => {
            terminal.raw_line(&serde_json::to_string(&known).unwrap_or_default());
            0
        }
        Err(error) => {
            terminal.error_line(&error.to_string());
            USAGE
        }
    }
}

fn sudoers(worksheet: &Path, terminal: &Terminal) -> u8 {
    let read = read_worksheet(worksheet, Needed::Always).and_then(|sheet| {
        let known = profile::of(&sheet).map_err(|error| vec![error.to_finding()])?;
        Ok(profile::sudoers(&sheet, &known))
    });
    match read {
        Ok(text) => {
            terminal.raw_line(text.trim_end());
            0
        }
        Err(findings) => {
            for finding in findings {
                terminal.error_line(&finding.to_string());
            }
            Verdict::Usage.exit_code()
        }
    }
}
