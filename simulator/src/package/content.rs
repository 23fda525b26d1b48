//! What the rpm and deb packages hold, in the places where GroupWise's own packages put it.

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
