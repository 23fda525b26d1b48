//! Asking a source server for its share, alone, as a client of one generation does.

use std::path::Path;

use testcontainers::{CopyTargetOptions, ImageExt as _};

use super::engine::{Engine, Ran};
use super::images;
use super::owned::{self, Owner};
use super::servers::{self, SourceProfile};
use crate::error::ContainersError;

/// Where the client finds the user and the password.
const AUTHENTICATION: &str = "/run/rehearsal/client";

/// Starts a source server over `folder`, lists its share with a client of one protocol (`NT1`, `SMB3`), and ends it.
///
/// # Errors
/// What the engine says; that the server refused the client is no error.
pub fn ask_share(
    folder: &Path,
    profile: SourceProfile,
    protocol: &str,
) -> Result<Ran, ContainersError> {
    super::runtime()?.block_on(async {
        let engine = Engine::connect().await?;
        let images = images::images(&engine, &mut |_| {}).await?;
        let owner = Owner::new();
        let (label, value) = owner.label();
        let password = super::prepare::password();
        let client = CopyTargetOptions::new(AUTHENTICATION).with_mode(0o600);
        let text = format!("username = migrator\npassword = {password}\n");
        let request = servers::source(
            images.source,
            profile,
            &[(folder, servers::SHARED)],
            &password,
        )
        .with_label(label, &value)
        .with_copy_to(client, text.into_bytes());
        let id = servers::run(request).await?;
        let oldest = format!("--option=client min protocol={protocol}");
        let newest = format!("--option=client max protocol={protocol}");
        let listing = [
            "smbclient",
            &oldest,
            &newest,
            "-A",
            AUTHENTICATION,
            "-c",
            "ls",
            "//127.0.0.1/groupwise",
        ];
        let ran = engine.run(&id, &listing).await;
        owned::remove_all_of(&engine, &owner).await?;
        ran
    })
}
