//! Creates a database with many records and two indexes in a folder, and says how long it took.
//!
//! `cargo run --release -p gwsim --example flaim_create -- FOLDER [RECORDS]`

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::time::Instant;

use postoffice::flaim::{
    CheckOptions, DatabaseFile, Dictionary, FieldKind, FileSet, FileSetMut, IndexDefinition, Item,
    ItemKind, ReadAt, Version, check,
};
use simulator::flaim::{Creator, DatabaseOptions, FieldValue, RecordBuilder};

/// A database in one folder.
struct Folder {
    path: PathBuf,
    version: Version,
    files: BTreeMap<DatabaseFile, File>,
}

impl FileSet for Folder {
    fn size(&self, file: DatabaseFile) -> io::Result<Option<u64>> {
        self.files.get(&file).map(ReadAt::size).transpose()
    }

    fn read_at(&self, file: DatabaseFile, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let file = self.files.get(&file).ok_or(io::ErrorKind::NotFound)?;
        ReadAt::read_at(file, offset, buffer)
    }
}

impl FileSetMut for Folder {
    fn write_at(&mut self, file: DatabaseFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if !self.files.contains_key(&file) {
            let path = self.path.join(file.name("many", self.version));
            let options = &mut File::options();
            let opened = options.read(true).write(true).create_new(true).open(path)?;
            self.files.insert(file, opened);
        }
        let file = self.files.get(&file).ok_or(io::ErrorKind::NotFound)?;
        file.write_all_at(bytes, offset)
    }
}

fn dictionary() -> Dictionary {
    let mut dictionary = Dictionary::default();
    let item = |name: &str, kind| Item {
        name: name.to_owned(),
        kind,
    };
    dictionary.insert(1, item("Name", ItemKind::Field(Some(FieldKind::Text))));
    dictionary.insert(2, item("Size", ItemKind::Field(Some(FieldKind::Number))));
    dictionary.insert(3, item("Entry", ItemKind::Field(Some(FieldKind::Text))));
    let names = IndexDefinition::on(32001).with_piece(1, false);
    let sizes = IndexDefinition::on(32001)
        .with_piece(2, false)
        .with_piece(1, true);
    dictionary.insert(10, item("Name_IX", ItemKind::Index(names)));
    dictionary.insert(11, item("Size_IX", ItemKind::Index(sizes)));
    dictionary
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = PathBuf::from(arguments.next().ok_or("a folder is needed")?);
    let count: u32 = arguments
        .next()
        .map_or(Ok(1_000_000), |count| count.parse())?;
    let version = Version::from_number(462).ok_or("the version exists")?;
    let options = DatabaseOptions::new(version);
    let files = Folder {
        path,
        version,
        files: BTreeMap::new(),
    };
    let begin = Instant::now();
    let mut creator = Creator::new(files, options, dictionary())?;
    for number in 1..=count {
        // A multiplication with an odd number scatters the names.
        let scattered = number.wrapping_mul(0x9e37_79b1);
        let name = format!(
            "ofFiles/FD{:x}/{scattered:08X}.00{}",
            scattered % 16,
            number % 8
        );
        let mut builder = RecordBuilder::new(version, creator.dictionary());
        builder.field(0, 3, FieldValue::Empty(FieldKind::Text))?;
        builder.field(1, 1, FieldValue::Text(&name))?;
        builder.field(1, 2, FieldValue::Number(i128::from(scattered % 5_000)))?;
        let record = builder.finish(number);
        creator.add(32001, &record)?;
    }
    let added = begin.elapsed();
    let files = creator.finish()?;
    println!("records {added:.1?}, all {:.1?}", begin.elapsed());
    for file in files.files.values() {
        println!("{} bytes", file.size()?);
    }
    println!(
        "{}",
        std::fs::read_to_string("/proc/self/status")?
            .lines()
            .find(|line| line.starts_with("VmHWM"))
            .unwrap_or_default()
    );
    let begin = Instant::now();
    let report = check(&files, CheckOptions::default())?;
    println!(
        "check {:.1?}, {} findings",
        begin.elapsed(),
        report.findings.len()
    );
    for (number, tree) in &report.trees {
        println!(
            "{number}: {} blocks, {} entries, {:?}",
            tree.blocks, tree.entries, tree.comparison
        );
    }
    Ok(())
}
