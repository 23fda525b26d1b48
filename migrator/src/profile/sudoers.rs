//! A sudoers file with every command that a job runs as root.

use std::fmt::Write as _;

use protocol::Step;
use serde::{Deserialize, Serialize};

use super::places::{Places, beside, escaped};
use super::privileges::{COMMANDS, FOLDERS};
use super::{Naming, Profile};
use crate::controller::PROGRAM_FILE;
use crate::worksheet::Worksheet;

/// The aliases of the file begin with this.
const ALIAS: &str = "GWMIGRATE_";

/// The file for the user that the worksheet logs in as.
///
/// It says what is run, so that nothing else is run by accident and everything is in the log of sudo.  It is no wall
/// against that user: the worker that the user uploads is among the commands.
pub fn sudoers(sheet: &Worksheet, profile: &Profile) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "# What `gwmigrate` runs as root for the job {}; look through it, then check and install it as root:\n\
         #   visudo -c -f FILE && install -m 0440 FILE /etc/sudoers.d/gwmigrate\n\
         # It keeps accidents small and names everything that is done.  It is no wall against {}: the worker, which\n\
         # that user uploads, is one of the commands.  Remove it when the migration is over.",
        sheet.post_office.job, sheet.destination.user
    );
    let mut aliases = Vec::new();
    let mut add = |name: &str, purpose: &str, commands: &[String]| {
        if commands.is_empty() {
            return;
        }
        let alias = format!("{ALIAS}{name}");
        let _ = writeln!(
            text,
            "\n# {purpose}\nCmnd_Alias {alias} = \\\n    {}",
            commands.join(", \\\n    ")
        );
        aliases.push(alias);
    };
    let job = escaped(&sheet.destination.job_folder.to_string_lossy());
    let mut worker = vec![format!("{job}/{PROGRAM_FILE} worker *")];
    if let Some((parent, name)) = job.rsplit_once('/') {
        worker.push(format!(
            "{parent}/.{name}.check-[0-9]*/{PROGRAM_FILE} worker *"
        ));
    }
    add(
        "WORKER",
        "the worker, which gives up what it does not need",
        &worker,
    );
    let places = Places::of(sheet);
    for command in COMMANDS {
        let arguments = (command.arguments)(&places);
        let mut lines: Vec<String> = FOLDERS
            .iter()
            .flat_map(|folder| {
                arguments
                    .iter()
                    .map(move |told| format!("{folder}/{} {told}", command.program))
            })
            .collect();
        // Two mounts of one share need the same.
        lines.dedup();
        let name = command.program.to_ascii_uppercase().replace('-', "_");
        add(&name, command.purpose, &lines);
    }
    for named in of_profile(sheet, profile) {
        add(named.alias, named.purpose, &named.commands);
    }
    let user = escaped(&sheet.destination.user);
    let _ = writeln!(
        text,
        "\n# Nothing is run from a terminal.\nDefaults:{user} !requiretty\n{user} ALL = (root) NOPASSWD: {}",
        aliases.join(", ")
    );
    text
}

/// Commands whose names are in the profile or the worksheet.
struct Named {
    alias: &'static str,
    purpose: &'static str,
    steps: &'static [Step],
    /// Whether it is for a POA that the worksheet names.
    is_for_poa: bool,
    commands: Vec<String>,
}

fn of_profile(sheet: &Worksheet, profile: &Profile) -> Vec<Named> {
    let control = &profile.control;
    let agent = match control.names {
        Naming::StartupFile => {
            let name = sheet.post_office.name.to_ascii_lowercase();
            let folder = profile.agent.startup_folder.display();
            format!("{folder}/{name}.poa")
        }
        Naming::Service => control.service.clone().unwrap_or_default(),
    };
    let command = escaped(&control.command.to_string_lossy());
    let controls = ["start", "stop", "status"]
        .map(|verb| format!("{command} {verb} {}", escaped(&agent)))
        .to_vec();
    let gwha = profile.gwha.iter().flat_map(|gwha| &gwha.service);
    let gwha = gwha
        .flat_map(|service| [&service.status, &service.stop, &service.start])
        .map(|words| escaped(&words.join(" ")))
        .collect();
    let gwcheck = sheet.guardian.gwcheck.as_ref();
    let gwcheck = gwcheck.unwrap_or(&profile.agent.gwcheck).to_string_lossy();
    let job = sheet.destination.job_folder.to_string_lossy();
    vec![
        Named {
            alias: "CONTROL",
            purpose: "starting and stopping the POA",
            // A pass of stage one stops what the test has started.
            steps: &[
                Step::CopyData,
                Step::StartTestPoa,
                Step::StopTestPoa,
                Step::StartPoa,
            ],
            is_for_poa: true,
            commands: controls,
        },
        Named {
            alias: "GWHA",
            purpose: "the high-availability service",
            steps: &[Step::CopyData, Step::StopTestPoa, Step::StartPoa],
            is_for_poa: true,
            commands: gwha,
        },
        Named {
            alias: "GWCHECK",
            purpose: "lower-case names in a guardian that the worker does not know",
            steps: &[Step::StartTestPoa, Step::LowercaseGuardian],
            is_for_poa: false,
            commands: vec![format!("{} {}/gwcheck/*", escaped(&gwcheck), escaped(&job))],
        },
    ]
}

/// What is run at the destination in one step, for one purpose; `*` stands for what is known only then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInStep {
    /// What for.
    pub purpose: String,
    /// The commands.
    pub commands: Vec<String>,
}

/// What is run at the destination in a step, in the words of the sudoers file; the mounts, whose commands are known exactly, are
/// not among them.
pub fn run_in(step: Step, sheet: &Worksheet, profile: &Profile) -> Vec<RunInStep> {
    let places = Places::of(sheet);
    let scratch = beside(&places.job).unwrap_or_default();
    let plain = |line: String| line.replace('\\', "");
    let of_code = COMMANDS.iter().filter(|known| known.steps.contains(&step));
    let of_code = of_code.map(|known| {
        let mut lines = (known.arguments)(&places);
        // What only a check runs is beside the job folder.
        lines.retain(|line| scratch.is_empty() || !line.contains(&scratch));
        lines.dedup();
        let commands = lines
            .into_iter()
            .map(|told| plain(format!("{} {told}", known.program)));
        (known.purpose, commands.collect::<Vec<_>>())
    });
    let is_wanted = sheet.poa.is_wanted();
    let of_profile = of_profile(sheet, profile).into_iter();
    let of_profile =
        of_profile.filter(|known| known.steps.contains(&step) && (is_wanted || !known.is_for_poa));
    let of_profile = of_profile.map(|known| {
        (
            known.purpose,
            known.commands.into_iter().map(plain).collect(),
        )
    });
    of_code
        .chain(of_profile)
        .filter(|(_, commands)| !commands.is_empty())
        .map(|(purpose, commands)| RunInStep {
            purpose: purpose.to_owned(),
            commands,
        })
        .collect()
}
