//! What the guardian of a new post office catalogues.

use std::collections::BTreeMap;
use std::sync::Arc;

use postoffice::flaim::Version;
use postoffice::layout::{FileClass, classify_file};
use postoffice::names::RelativePath;
use rand::Rng;

use super::folders::{Content, FolderPlan, NamedFile, TreePlan};
use crate::database::{OpaqueGuardian, catalogue, failed, options};
use crate::error::SimulatorError;
use crate::model::{GuardianKind, Store, User};
use crate::random::generator;

/// The bytes of a password.
const PASSWORD_BYTES: usize = 16;

/// What users called their libraries; capitals are theirs and stay.
const LIBRARY_TITLES: [&str; 3] = [
    "CONTRACTS 2009",
    "Forms AND Templates",
    "ARCHIVE of LIB000A",
];

/// The guardian of a post office: every database with the folder and the name that it has on the disk.
pub(super) fn guardian(
    folders: &TreePlan,
    users: &[User],
    version: Version,
    kind: GuardianKind,
) -> Result<Content, SimulatorError> {
    let stores = stores(folders, users);
    match kind {
        GuardianKind::Flaim => {
            let path = RelativePath::root().join(b"ngwguard.db");
            let mut drawn = generator(folders.seed(), b"serial numbers of the guardian");
            let files = catalogue(options(version, &mut drawn), &stores).map_err(failed(&path))?;
            Ok(Content::Database(Arc::new(files)))
        }
        GuardianKind::Opaque => {
            let guardian = OpaqueGuardian {
                stores,
                ..OpaqueGuardian::default()
            };
            Ok(Content::Bytes(guardian.to_bytes()))
        }
    }
}

fn stores(folders: &TreePlan, users: &[User]) -> Vec<Store> {
    let mut generator = generator(folders.seed(), b"guardian");
    let mut stores = Vec::new();
    let mut of_class: BTreeMap<FileClass, u32> = BTreeMap::new();
    // The post office database comes first, and the library of libraries before the libraries, because folders are
    // ordered with parents first.
    let mut shared_library = 1;
    for (folder, file) in databases(folders) {
        let class = class_of(folder, file);
        let number = of_class.entry(class).or_default();
        *number += 1;
        let record = u32::try_from(stores.len() + 1).unwrap_or(u32::MAX);
        if file.name == "dmsh.db" {
            shared_library = record;
        }
        let mut password = vec![0; PASSWORD_BYTES];
        generator.fill_bytes(&mut password);
        stores.push(Store {
            title: title(class, &file.name, *number, users),
            folder: text(&folder.path),
            name: folder.on_disk_name(folders.seed(), &file.name),
            number: *number,
            parent: match class {
                FileClass::LibraryDatabase => shared_library,
                _ => 1,
            },
            password,
            ..Store::default()
        });
    }
    stores.extend(fall_back_copy(folders));
    stores
}

/// Every database that there is at this point, but the one of the checking program.
fn databases(folders: &TreePlan) -> impl Iterator<Item = (&FolderPlan, &NamedFile)> {
    let all = folders.iter().flat_map(|folder| {
        let files = folder.named.iter();
        files.map(move |file| (folder, file))
    });
    all.filter(|(folder, file)| {
        file.content.is_database() && class_of(folder, file) != FileClass::CheckDatabase
    })
}

fn class_of(folder: &FolderPlan, file: &NamedFile) -> FileClass {
    classify_file(&folder.path.join(file.name.as_bytes()))
}

/// The copy of the guardian in a folder of its own, which is no store.
fn fall_back_copy(folders: &TreePlan) -> Option<Store> {
    let folder = folders
        .iter()
        .find(|folder| folder.label == "ofmsg/guardbak")?;
    let name = folder.on_disk_name(folders.seed(), "ngwguard.fbk");
    Some(Store {
        title: "Fall-back COPY of the guardian".to_owned(),
        file: format!("{}/{name}", text(&folder.path)),
        number: 1,
        parent: 1,
        ..Store::default()
    })
}

fn text(path: &RelativePath) -> String {
    String::from_utf8_lossy(path.as_bytes()).into_owned()
}

fn title(class: FileClass, name: &str, number: u32, users: &[User]) -> String {
    let fid = name
        .strip_prefix("user")
        .and_then(|name| name.strip_suffix(".db"));
    let owner = users.iter().find(|user| Some(user.fid.as_str()) == fid);
    match (class, owner) {
        (FileClass::UserDatabase, Some(user)) => user.display_name.clone(),
        (FileClass::LibraryDatabase, _) => {
            let titles = LIBRARY_TITLES.iter().cycle();
            let count = usize::try_from(number).unwrap_or_default();
            titles.skip(count).take(1).copied().collect()
        }
        _ => format!("{class} {number}"),
    }
}
