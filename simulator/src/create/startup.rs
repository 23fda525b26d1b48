//! The startup file of the source's agent, as NetWare has it.

use postoffice::startup_file::startup_file_name;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::plan::{Content, Folders, NamedFile};

/// Names longer than the eight characters that NetWare keeps in the name of a startup file.
const POST_OFFICES: [&str; 6] = [
    "Headquarters",
    "Accounting",
    "Production",
    "Development",
    "Warehouses",
    "Management",
];

pub(super) fn post_office_name(generator: &mut ChaCha8Rng) -> String {
    POST_OFFICES[generator.random_range(0..POST_OFFICES.len())].to_owned()
}

/// Adds the startup file and returns its lower-case name.
pub(super) fn add(folders: &mut Folders, post_office: &str) -> String {
    let name = startup_file_name(post_office, true);
    let short = name.trim_end_matches(".poa").to_ascii_uppercase();
    let text = format!(
        "; POA startup file for post office {post_office}\r\n\
         ; Switches begin with a slash on NetWare.\r\n\
         \r\n\
         /home-\\\\NW1\\MAIL\\{short}\r\n\
         /port-1677\r\n\
         /HTTPPort-7181 /httpuser-webadmin /httppassword-\"not a secret\"\r\n\
         /mtpinipaddr-10.1.1.10\r\n\
         /mtpinport-7101\r\n\
         /mtpoutport-7100\r\n\
         /loglevel-verbose\r\n\
         ; /log-sys:\\system\\poalogs\r\n\
         /rights\r\n"
    );
    folders.at("").named.push(NamedFile::new(
        name.clone(),
        Content::Bytes(text.into_bytes()),
    ));
    name
}
