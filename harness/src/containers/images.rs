//! The images of both servers, built on first use and then kept by the engine under a tag that follows from their content.

use std::process::{Command, Stdio};
use std::time::Duration;

use futures_util::StreamExt as _;
use testcontainers::bollard::body_full;
use testcontainers::bollard::query_parameters::CreateImageOptionsBuilder;
use testcontainers::core::BuildImageOptions;
use testcontainers::runners::AsyncBuilder as _;
use testcontainers::{GenericBuildableImage, GenericImage};

use super::engine::Engine;
use crate::error::{ContainersError, tried};

/// The image that both begin with.
const BASE: &str = "debian:bookworm-slim";

/// How long pulling it may take before it is made here.
const PULL_TIMEOUT: Duration = Duration::from_mins(3);

/// The script that makes it where no registry is reached.
const MAKE_BASE: &str = include_str!("../../../containers/base/make-base-image");

/// The recipe of an image: its name, its Dockerfile, and the files beside that.
struct Recipe {
    name: &'static str,
    dockerfile: &'static str,
    files: &'static [(&'static str, &'static str)],
}

const SOURCE: Recipe = Recipe {
    name: "gwrehearse-source",
    dockerfile: include_str!("../../../containers/source/Dockerfile"),
    files: &[
        (
            "smb.conf",
            include_str!("../../../containers/source/smb.conf"),
        ),
        (
            "ganesha.conf",
            include_str!("../../../containers/source/ganesha.conf"),
        ),
        (
            "source-server",
            include_str!("../../../containers/source/source-server"),
        ),
    ],
};

const DESTINATION: Recipe = Recipe {
    name: "gwrehearse-destination",
    dockerfile: include_str!("../../../containers/destination/Dockerfile"),
    files: &[
        (
            "sshd.conf",
            include_str!("../../../containers/destination/sshd.conf"),
        ),
        (
            "destination-server",
            include_str!("../../../containers/destination/destination-server"),
        ),
    ],
};

/// The images of both servers.
pub(super) struct Images {
    pub(super) source: GenericImage,
    pub(super) destination: GenericImage,
}

/// Builds what is not built yet.
///
/// # Errors
/// What pulling, making and building say.
pub(super) async fn images(
    engine: &Engine,
    note: &mut dyn FnMut(&str),
) -> Result<Images, ContainersError> {
    have_base(engine, note).await?;
    Ok(Images {
        source: build(engine, &SOURCE, note).await?,
        destination: build(engine, &DESTINATION, note).await?,
    })
}

/// Builds that of the source alone, where it is not built yet.
///
/// # Errors
/// What pulling, making and building say.
pub(super) async fn source_image(
    engine: &Engine,
    note: &mut dyn FnMut(&str),
) -> Result<GenericImage, ContainersError> {
    have_base(engine, note).await?;
    build(engine, &SOURCE, note).await
}

async fn build(
    engine: &Engine,
    recipe: &Recipe,
    note: &mut dyn FnMut(&str),
) -> Result<GenericImage, ContainersError> {
    let mut content = blake3::Hasher::new();
    content.update(recipe.dockerfile.as_bytes());
    for (name, text) in recipe.files {
        content.update(name.as_bytes()).update(text.as_bytes());
    }
    let tag = content.finalize().to_hex()[..16].to_owned();
    if engine
        .docker
        .inspect_image(&format!("{}:{tag}", recipe.name))
        .await
        .is_err()
    {
        note(&format!("building the image {}:{tag}", recipe.name));
    }
    let mut buildable =
        GenericBuildableImage::new(recipe.name, &tag).with_dockerfile_string(recipe.dockerfile);
    for (name, text) in recipe.files {
        buildable = buildable.with_data(*text, *name);
    }
    let options = BuildImageOptions::new().with_skip_if_exists(true);
    let built = buildable.build_image_with(options).await;
    built.map_err(|cause| ContainersError::Container {
        operation: "build an image",
        cause,
    })
}

/// Makes sure that the engine has the image that the others begin with.
async fn have_base(engine: &Engine, note: &mut dyn FnMut(&str)) -> Result<(), ContainersError> {
    if engine.docker.inspect_image(BASE).await.is_ok() {
        return Ok(());
    }
    note(&format!("pulling the image {BASE}"));
    let pulled = match tokio::time::timeout(PULL_TIMEOUT, pull(engine)).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("not done in {} s", PULL_TIMEOUT.as_secs()),
    };
    note("no registry is reached; making the base image here, which takes a minute or two");
    let failed = |made: String| ContainersError::NoBaseImage {
        image: BASE,
        pulled: pulled.clone(),
        made,
    };
    let made = tokio::task::spawn_blocking(make_base)
        .await
        .map_err(|error| failed(error.to_string()))?
        .map_err(failed)?;
    let (repository, tag) = BASE.split_once(':').unwrap_or((BASE, "latest"));
    let options = CreateImageOptionsBuilder::new()
        .from_src("-")
        .repo(repository)
        .tag(tag)
        .build();
    let mut importing =
        engine
            .docker
            .create_image(Some(options), Some(body_full(made.into())), None);
    while let Some(step) = importing.next().await {
        step.map_err(tried("import the base image"))?;
    }
    Ok(())
}

async fn pull(engine: &Engine) -> Result<(), ContainersError> {
    let options = CreateImageOptionsBuilder::new().from_image(BASE).build();
    let mut pulling = engine.docker.create_image(Some(options), None, None);
    while let Some(step) = pulling.next().await {
        step.map_err(tried("pull the base image"))?;
    }
    Ok(())
}

/// The base image as a tar, or why it could not be made.
fn make_base() -> Result<Vec<u8>, String> {
    let made = Command::new("sh")
        .args(["-c", MAKE_BASE])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if made.status.success() && !made.stdout.is_empty() {
        return Ok(made.stdout);
    }
    let said = String::from_utf8_lossy(&made.stderr);
    let last: Vec<&str> = said.lines().rev().take(3).collect();
    Err(format!("{}: {}", made.status, last.join(" / ")))
}
