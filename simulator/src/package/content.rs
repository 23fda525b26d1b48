//! What the rpm and deb packages hold, in the places where GroupWise's own packages put it, and the generations of GroupWise
//! that they can be taken for.

use clap::ValueEnum;

/// One entry of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// A folder.
    Folder,
    /// The simulated agent itself.
    Program,
    /// A program that is a script.
    Script(&'static str),
    /// A configuration file; what an administrator changed in it stays.
    Configuration(&'static str),
    /// A symbolic link to this.
    Link(&'static str),
}

/// The entries, a folder before what it holds; paths from the root.
pub(super) const CONTENTS: [(&str, Content); 21] = [
    ("/etc/init.d", Content::Folder),
    (
        "/etc/init.d/grpwise",
        Content::Script(include_str!("service.sh")),
    ),
    (
        "/etc/init.d/gwha",
        Content::Script(include_str!("gwha_service.sh")),
    ),
    ("/etc/opt", Content::Folder),
    ("/etc/opt/novell", Content::Folder),
    ("/etc/opt/novell/groupwise", Content::Folder),
    ("/etc/opt/novell/groupwise/agents", Content::Folder),
    (
        "/etc/opt/novell/groupwise/gwha.conf",
        Content::Configuration(include_str!("gwha.conf")),
    ),
    ("/opt/novell", Content::Folder),
    ("/opt/novell/groupwise", Content::Folder),
    ("/opt/novell/groupwise/agents", Content::Folder),
    ("/opt/novell/groupwise/agents/bin", Content::Folder),
    (
        "/opt/novell/groupwise/agents/bin/gwha",
        Content::Script(include_str!("gwha.sh")),
    ),
    ("/opt/novell/groupwise/agents/bin/gwpoa", Content::Program),
    ("/opt/novell/groupwise/agents/share", Content::Folder),
    ("/opt/novell/groupwise/gwcheck", Content::Folder),
    ("/opt/novell/groupwise/gwcheck/bin", Content::Folder),
    (
        "/opt/novell/groupwise/gwcheck/bin/gwcheckt",
        Content::Link("/opt/novell/groupwise/agents/bin/gwpoa"),
    ),
    ("/usr/sbin/rcgrpwise", Content::Link("/etc/init.d/grpwise")),
    ("/var/log/novell", Content::Folder),
    ("/var/log/novell/groupwise", Content::Folder),
];

/// The mode of folders and programs.
pub(super) const PROGRAM_MODE: u16 = 0o755;

/// The mode of configuration files.
pub(super) const FILE_MODE: u16 = 0o644;

/// A generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Generation {
    /// GroupWise 8.
    #[value(name = "8")]
    Eight,
    /// GroupWise 2012.
    #[value(name = "2012")]
    TwentyTwelve,
    /// GroupWise 2014 and later.
    #[default]
    #[value(name = "2014")]
    TwentyFourteen,
}

impl Generation {
    /// The name of the package that brings its agents.
    pub fn package(self) -> &'static str {
        match self {
            Self::Eight | Self::TwentyTwelve => "novell-groupwise-agents",
            Self::TwentyFourteen => "novell-groupwise-server",
        }
    }

    /// The version of that package.
    pub fn version(self) -> &'static str {
        match self {
            Self::Eight => "8.0.3",
            Self::TwentyTwelve => "12.0.4",
            Self::TwentyFourteen => "14.2.3",
        }
    }
}
