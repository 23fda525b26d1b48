//! What a mount program complains of, read from its own words.
//!
//! A wrong password must never look like a server that is late: run again and again, it locks the account.  So whatever a
//! server answers to a login counts as one that was refused.  The words are those of rclone (1.60, with Samba 4.17), of
//! mount.cifs (7.0; its numbers are the kernel's), of mount.nfs, and of ncpmount, whose are as administrators remember them.

/// What a mount program complains of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Complaint {
    /// The server does not let the user in.
    Login,
    /// The server has no such share, or not for this user.
    Share,
    /// The server cannot be reached.
    Server,
    /// The destination has no client for it.
    Client,
    /// Client and server do not come together as it is asked for.
    Mismatch(Mismatch),
}

/// Why client and server do not come together; what a person has to change differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch {
    /// The server answers in no dialect that the client offers by itself, or not at all.
    Dialect,
    /// The kernel does not take an option, or no longer does.
    Option,
    /// The server does not offer what an option asks for.
    Offer,
    /// The kernel has no table for the characters of names.
    Characters,
    /// There is no Kerberos ticket.
    Ticket,
}

use Complaint::{Client, Login, Server, Share};

/// What rclone says before what the server answers, in the order of its work: a connection, a login, a share.
const RCLONE: [(&str, Complaint); 7] = [
    ("couldn't connect SMB: response error", Login),
    ("couldn't connect SMB: permission denied", Login),
    ("couldn't connect SMB: ", Server),
    ("couldn't initialize SMB: response error", Share),
    ("couldn't initialize SMB: permission denied", Share),
    ("couldn't initialize SMB: file does not exist", Share),
    ("couldn't initialize SMB: ", Server),
];

/// The numbers of `mount error(NUMBER)`: EACCES, EKEYEXPIRED, EKEYREVOKED and EKEYREJECTED for what the server says to a
/// login; ENOENT and ENXIO for a share; what the network says; EINVAL, EOPNOTSUPP, ELIBACC (the module of a character set) and
/// ENOKEY for what client and server cannot do; EHOSTDOWN for a server that hangs up on every dialect that it is offered.
const MOUNT_CIFS: [(u16, Complaint); 21] = [
    (13, Login),
    (127, Login),
    (128, Login),
    (129, Login),
    (2, Share),
    (6, Share),
    (11, Server),
    (100, Server),
    (101, Server),
    (103, Server),
    (104, Server),
    (110, Server),
    (111, Server),
    (22, Complaint::Mismatch(Mismatch::Option)),
    (79, Complaint::Mismatch(Mismatch::Characters)),
    (95, Complaint::Mismatch(Mismatch::Offer)),
    (112, Complaint::Mismatch(Mismatch::Dialect)),
    (126, Complaint::Mismatch(Mismatch::Ticket)),
    (113, Server),
    (114, Server),
    (115, Server),
];

/// Words of the others.
const OTHERS: [(&str, Complaint); 20] = [
    ("filesystem not supported by the system", Client),
    ("unknown filesystem type", Client),
    ("you might need a /sbin/mount.", Client),
    ("you may need a /sbin/mount.", Client),
    ("rclone: not found", Client),
    ("could not resolve address", Server),
    ("Login denied", Login),
    ("access denied by server", Share),
    (
        "mounting failed, reason given by server: No such file",
        Share,
    ),
    ("Failed to resolve server", Server),
    ("No route to host", Server),
    ("Network is unreachable", Server),
    ("Connection refused", Server),
    ("Connection timed out", Server),
    ("Host is down", Server),
    ("connection error: ", Server),
    ("connection reset by peer", Server),
    ("i/o timeout", Server),
    ("context deadline exceeded", Server),
    ("use of closed network connection", Server),
];

/// What it complains of; none where its words are not known.
pub(super) fn of(said: &str) -> Option<Complaint> {
    let begun = RCLONE.iter().find(|(words, _)| said.contains(words));
    if let Some((_, complaint)) = begun {
        return Some(*complaint);
    }
    let known =
        number(said).and_then(|number| MOUNT_CIFS.iter().find(|(known, _)| *known == number));
    if let Some((_, complaint)) = known {
        return Some(*complaint);
    }
    let known = OTHERS.iter().find(|(words, _)| said.contains(words));
    known.map(|(_, complaint)| *complaint)
}

/// The number of the last `mount error(NUMBER)`.
fn number(said: &str) -> Option<u16> {
    let (_, rest) = said.rsplit_once("mount error(")?;
    rest.split_once(')')?.0.parse().ok()
}

/// The words without what rclone says of itself before them.
pub(super) fn brief(said: &str) -> &str {
    let last = said.rsplit_once("last error was: ");
    let words = last.map_or(said, |(_, words)| words);
    words.strip_prefix("error in ListJSON: ").unwrap_or(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines were printed by rclone 1.60.1, asked for a share of Samba.
    #[test]
    fn the_words_of_rclone_say_which_of_user_share_and_server_is_wrong() {
        let response = "response error: The attempted logon is invalid. This is either due to a bad username or authentication \
             information.";
        for (words, expected) in [
            (format!("couldn't connect SMB: {response}"), Some(Login)),
            ("couldn't connect SMB: response error: The referenced account is currently disabled and may not be logged on to.".into(), Some(Login)),
            ("couldn't initialize SMB: response error: {Network Name Not Found} The specified share name cannot be found on the remote server.".into(), Some(Share)),
            ("couldn't initialize SMB: permission denied".into(), Some(Share)),
            ("couldn't connect SMB: dial tcp: lookup nosuch.invalid on 10.0.0.1:53: no such host".into(), Some(Server)),
            ("couldn't connect SMB: dial tcp 127.0.0.1:445: connect: connection refused".into(), Some(Server)),
            ("couldn't connect SMB: connection error: invalid transport format".into(), Some(Server)),
            // What Go says of a connection that ends meanwhile.
            (
                "couldn't initialize SMB: connection error: EOF".into(),
                Some(Server),
            ),
            (
                "connection error: read tcp 10.0.0.2:1->10.0.0.7:445: i/o timeout".into(),
                Some(Server),
            ),
            ("directory not found".into(), None),
        ] {
            let said = format!(
                "2026/11/29 09:10:04 ERROR : : error listing: {words}; 2026/11/29 09:10:04 Failed to lsf with 2 errors: last error \
                 was: error in ListJSON: {words}"
            );
            assert_eq!((of(&said), brief(&said)), (expected, &*words));
        }
    }

    #[test]
    fn the_words_of_the_kernels_programs_say_so_as_well() {
        for (said, expected) in [
            (
                "mount error(13): Permission denied; Refer to the mount.cifs(8) manual page",
                Some(Login),
            ),
            (
                "Retrying with upper case share name; mount error(6): No such device or address",
                Some(Share),
            ),
            ("mount error(2): No such file or directory", Some(Share)),
            (
                "mount error(113): could not connect to 10.0.0.7Unable to find suitable address.",
                Some(Server),
            ),
            ("mount error(115): Operation now in progress", Some(Server)),
            (
                "mount error: could not resolve address for fs1: Unknown error",
                Some(Server),
            ),
            (
                "mount error: cifs filesystem not supported by the system; mount error(19): No such device",
                Some(Client),
            ),
            (
                "mount error(112): Host is down; Refer to the mount.cifs(8) manual page (e.g. man mount.cifs)",
                Some(Complaint::Mismatch(Mismatch::Dialect)),
            ),
            (
                "mount error(22): Invalid argument",
                Some(Complaint::Mismatch(Mismatch::Option)),
            ),
            (
                "mount error(95): Operation not supported",
                Some(Complaint::Mismatch(Mismatch::Offer)),
            ),
            (
                "mount error(79): Can not access a needed shared library",
                Some(Complaint::Mismatch(Mismatch::Characters)),
            ),
            (
                "mount error(126): Required key not available",
                Some(Complaint::Mismatch(Mismatch::Ticket)),
            ),
            (
                "mount.nfs: access denied by server while mounting fs1:/vol/mail",
                Some(Share),
            ),
            ("mount.nfs: Connection timed out", Some(Server)),
            (
                "ncpmount: Invalid password in login; Login denied.",
                Some(Login),
            ),
            ("", None),
        ] {
            assert_eq!(of(said), expected, "{said}");
        }
    }
}
