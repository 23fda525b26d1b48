//! The tools that people would use instead, as they come.

use std::path::Path;

use super::machine::version_of;
use super::measure::Step;

/// One tool, started in one way.
pub(super) struct Peer {
    /// How people would start it.
    pub(super) name: &'static str,
    /// Programs, any one of which is enough, and how they say their version.
    programs: &'static [&'static str],
    version: &'static str,
    /// The commands for a source and a destination that is there and empty, or holds an older copy.
    command: fn(&str, &str, &str) -> Vec<Step>,
    /// Whether the destination must not be there yet.
    pub(super) makes_destination: bool,
}

/// A peer whose program was found.
pub(super) struct Found {
    program: String,
    /// What it says of its version.
    pub(super) version: String,
}

impl Peer {
    /// The program, where this machine has it.
    pub(super) fn find(&self) -> Option<Found> {
        self.programs.iter().find_map(|program| {
            let version = version_of(program, self.version)?;
            let program = (*program).to_owned();
            Some(Found { program, version })
        })
    }

    /// Its commands.
    pub(super) fn steps(&self, found: &Found, source: &Path, destination: &Path) -> Vec<Step> {
        let (source, destination) = (source.display(), destination.display());
        (self.command)(
            &found.program,
            &source.to_string(),
            &destination.to_string(),
        )
    }
}

const fn peer(
    name: &'static str,
    programs: &'static [&'static str],
    command: fn(&str, &str, &str) -> Vec<Step>,
) -> Peer {
    Peer {
        name,
        programs,
        version: "--version",
        command,
        makes_destination: false,
    }
}

fn shell(script: &str, source: &str, destination: &str) -> Vec<Step> {
    vec![Step::new(["sh", "-c", script, "sh", source, destination])]
}

fn inside(path: &str) -> String {
    format!("{path}/")
}

/// Copies a tree.
pub(super) const COPY: &[Peer] = &[
    peer("rsync -a", &["rsync"], |rsync, from, to| {
        vec![Step::new([rsync, "-a", &inside(from), &inside(to)])]
    }),
    peer("rsync -a --whole-file", &["rsync"], |rsync, from, to| {
        vec![Step::new([
            rsync,
            "-a",
            "--whole-file",
            &inside(from),
            &inside(to),
        ])]
    }),
    peer(
        "rclone copy --transfers 8",
        &["rclone"],
        |rclone, from, to| {
            vec![Step::new([
                rclone,
                "--config=",
                "copy",
                "--transfers",
                "8",
                from,
                to,
            ])]
        },
    ),
    Peer {
        makes_destination: true,
        ..peer("cp -a", &["cp"], |cp, from, to| {
            vec![Step::new([cp, "-a", from, to])]
        })
    },
    peer("tar | tar", &["tar"], |_, from, to| {
        shell(r#"tar -C "$1" -cf - . | tar -C "$2" -xf -"#, from, to)
    }),
    Peer {
        version: "-h",
        ..peer("fpsync -n 4", &["fpsync"], |fpsync, from, to| {
            vec![Step::new([fpsync, "-n", "4", &inside(from), &inside(to)])]
        })
    },
    Peer {
        makes_destination: true,
        ..peer("xcp -r", &["xcp"], |xcp, from, to| {
            vec![Step::new([xcp, "--no-progress", "-r", from, to])]
        })
    },
];

/// Finds out that nothing has changed.
pub(super) const UNCHANGED: &[Peer] = &[
    peer("rsync -a", &["rsync"], |rsync, from, to| {
        vec![Step::new([rsync, "-a", &inside(from), &inside(to)])]
    }),
    peer(
        "rclone sync --transfers 8",
        &["rclone"],
        |rclone, from, to| {
            vec![Step::new([
                rclone,
                "--config=",
                "sync",
                "--transfers",
                "8",
                from,
                to,
            ])]
        },
    ),
];

/// Compares every byte.
pub(super) const SEAL: &[Peer] = &[peer("rsync -anc", &["rsync"], |rsync, from, to| {
    vec![Step::new([rsync, "-anc", &inside(from), &inside(to)])]
})];

fn convmv_steps(convmv: &str, folder: &str) -> Vec<Step> {
    vec![Step::new([convmv, "--lower", "-r", "--notest", folder])]
}

/// Makes names lower case.
pub(super) const LOWERCASE: &[Peer] = &[
    Peer {
        version: "--help",
        ..peer("convmv --lower", &["convmv"], |convmv, _, to| {
            convmv_steps(convmv, to)
        })
    },
    peer("find | prename", &["file-rename", "prename"], |_, _, to| {
        shell(
            r#"find "$2" -mindepth 1 -depth -print0 | file-rename -0 -d 'y/A-Z/a-z/'"#,
            "",
            to,
        )
    }),
];

/// Those of [`STAGE_TWO`] that compare as well.
pub(super) fn compared_stage_two() -> impl Iterator<Item = &'static Peer> {
    STAGE_TWO.iter().skip(1)
}

/// Makes a copy equal to its source and then its names lower case, the last one compared on the way.
pub(super) const STAGE_TWO: &[Peer] = &[
    peer(
        "rsync -a --delete, then convmv",
        &["rsync"],
        |rsync, from, to| {
            let arguments = [rsync, "-a", "--delete", &inside(from), &inside(to)];
            let mut steps = vec![Step::new(arguments)];
            steps.extend(convmv_steps("convmv", to));
            steps
        },
    ),
    peer(
        "rsync -a --delete, convmv, then compared by rsync -anc on the way",
        &["rsync"],
        |rsync, from, to| {
            let (source, target) = (inside(from), inside(to));
            let mut steps = vec![
                Step::new([rsync, "-a", "--delete", &source, &target]),
                Step::new([rsync, "-anc", "--delete", &source, &target]),
            ];
            steps.extend(convmv_steps("convmv", to));
            steps
        },
    ),
];
