//! Writes the first inputs of the fuzz targets: the sample databases that stand beside the tests.
//!
//! `cargo run --example seeds` in this folder fills `corpus/TARGET`.

use std::fs;
use std::io::Read as _;
use std::path::Path;

/// Larger samples make the fuzzer slow and teach it nothing more.
const DATA_BYTES_MAX: usize = 192 * 1024;

fn main() -> std::io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut written = 0;
    for archive in fs::read_dir(here.join("../tests/fixtures/flaim"))? {
        let archive = archive?.path();
        if archive
            .extension()
            .is_none_or(|extension| extension != "gz")
        {
            continue;
        }
        let mut sets: std::collections::BTreeMap<String, [Vec<u8>; 3]> = Default::default();
        let packed = fs::File::open(&archive)?;
        let mut files = tar::Archive::new(flate2::read::GzDecoder::new(packed));
        for entry in files.entries()? {
            let mut entry = entry?;
            let path = entry.path()?.to_string_lossy().into_owned();
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
            let (folder, part) = match name {
                "guard.db" => (folder, 0),
                "guard.01" => (folder, 1),
                "guard00001.log" => (folder, 2),
                "00000001.log" => (
                    folder.trim_end_matches("guard.rfl").trim_end_matches('/'),
                    2,
                ),
                _ => continue,
            };
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            sets.entry(folder.to_owned()).or_default()[part] = content;
        }
        let stem = archive
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .replace(".tar.gz", "");
        for (folder, [control, mut data, log]) in sets {
            data.truncate(DATA_BYTES_MAX);
            for flags in 0..4 {
                let input = bodies::input_of(flags, &control, &data, &log);
                let name = format!("{stem}-{}-{flags}", folder.replace('/', "-"));
                for target in ["read", "recover", "lowercase", "copy_stream"] {
                    let corpus = here.join("corpus").join(target);
                    fs::create_dir_all(&corpus)?;
                    fs::write(corpus.join(&name), &input)?;
                }
            }
            let corpus = here.join("corpus/probe");
            fs::create_dir_all(&corpus)?;
            fs::write(
                corpus.join(format!("{stem}-{}", folder.replace('/', "-"))),
                &control,
            )?;
            written += 1;
        }
    }
    println!("{written} databases");
    Ok(())
}
