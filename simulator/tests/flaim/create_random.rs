//! Any dictionary and any records: created, checked, read back.

use std::collections::BTreeMap;

use postoffice::flaim::{
    CheckOptions, Comparison, Database, Dictionary, FieldKind, IndexDefinition, Item, ItemKind,
    Limits, LogicalFileKind, MemoryFileSet, Record, Version, check,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::Index;
use simulator::flaim::{Creator, DatabaseOptions, FieldValue, RecordBuilder};

/// A value to be, whatever type its field has.
#[derive(Debug, Clone)]
struct AnyValue {
    text: String,
    number: i64,
    bytes: Vec<u8>,
    is_empty: bool,
}

/// A field to be: how far up from the deepest possible level, which tag, which value.
#[derive(Debug, Clone)]
struct AnyField {
    up: u16,
    tag: Index,
    value: AnyValue,
}

#[derive(Debug, Clone)]
struct AnyIndex {
    container: Index,
    pieces: Vec<(Index, bool)>,
    is_positioning: bool,
}

#[derive(Debug, Clone)]
struct Plan {
    version: Version,
    block_size: u16,
    kinds: Vec<FieldKind>,
    containers: usize,
    indexes: Vec<AnyIndex>,
    /// By container, then by number.
    records: BTreeMap<(u8, u32), Vec<AnyField>>,
}

fn any_value() -> impl Strategy<Value = AnyValue> {
    // Letters with and without accents, and white space; what has no key is left to other tests.
    let text = "[ -~À-ÿĀ-ŐА-я]{0,40}";
    let bytes = prop_oneof![9 => vec(any::<u8>(), 0..60), 1 => vec(any::<u8>(), 0..3_000)];
    (text, any::<i64>(), bytes, prop::bool::weighted(0.1)).prop_map(
        |(text, number, bytes, is_empty)| AnyValue {
            text,
            number,
            bytes,
            is_empty,
        },
    )
}

fn any_field() -> impl Strategy<Value = AnyField> {
    (0u16..12, any::<Index>(), any_value()).prop_map(|(up, tag, value)| AnyField { up, tag, value })
}

fn any_index() -> impl Strategy<Value = AnyIndex> {
    let pieces = vec((any::<Index>(), any::<bool>()), 1..4);
    (any::<Index>(), pieces, any::<bool>()).prop_map(|(container, pieces, is_positioning)| {
        AnyIndex {
            container,
            pieces,
            is_positioning,
        }
    })
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let kind = prop::sample::select(vec![
        FieldKind::Text,
        FieldKind::Number,
        FieldKind::Context,
        FieldKind::Binary,
    ]);
    let number = prop_oneof![
        1u32..2_000,
        any::<u32>().prop_map(|n| n.clamp(1, u32::MAX - 2))
    ];
    let shape = (
        prop::sample::select(Version::all().collect::<Vec<_>>()),
        prop::sample::select(vec![4096u16, 8192]),
    );
    (
        shape,
        vec(kind, 1..7),
        0usize..4,
        vec(any_index(), 0..4),
        btree_map((0u8..4, number), vec(any_field(), 1..12), 0..150),
    )
        .prop_map(
            |((version, block_size), kinds, containers, indexes, records)| Plan {
                version,
                block_size,
                kinds,
                containers,
                indexes,
                records,
            },
        )
}

/// The number of the field at this position: small ones, and ones that take two bytes.
fn tag(position: usize) -> u16 {
    let position = u16::try_from(position).unwrap();
    if position % 2 == 0 {
        position + 1
    } else {
        position + 300
    }
}

fn container(plan: &Plan, number: usize) -> u16 {
    match number % (plan.containers + 1) {
        0 => 32_001,
        number => 1_000 + u16::try_from(number).unwrap(),
    }
}

fn dictionary(plan: &Plan) -> Dictionary {
    let mut dictionary = Dictionary::default();
    let item = |name: String, kind| Item { name, kind };
    for (position, kind) in plan.kinds.iter().enumerate() {
        let kind = ItemKind::Field(Some(*kind));
        dictionary.insert(tag(position), item(format!("Field{position}"), kind));
    }
    for number in 1..=plan.containers {
        let name = format!("Container{number}");
        dictionary.insert(container(plan, number), item(name, ItemKind::Container));
    }
    for (number, index) in plan.indexes.iter().enumerate() {
        let covered = container(plan, index.container.index(plan.containers + 1));
        let mut definition = IndexDefinition::on(covered);
        definition.is_positioning = index.is_positioning && plan.version.has_long_log_header();
        for (field, is_upper) in &index.pieces {
            let tag = tag(field.index(plan.kinds.len()));
            definition = definition.with_piece(tag, *is_upper);
        }
        let name = format!("Index{number}");
        let number = 2_000 + u16::try_from(number).unwrap();
        dictionary.insert(number, item(name, ItemKind::Index(definition)));
    }
    dictionary
}

fn record(plan: &Plan, dictionary: &Dictionary, number: u32, fields: &[AnyField]) -> Record {
    let mut builder = RecordBuilder::new(plan.version, dictionary);
    let mut last_level = None;
    for field in fields {
        let deepest = last_level.map_or(0, |level| level + 1);
        let lowest = u16::from(last_level.is_some());
        let level = (deepest - field.up.min(deepest)).max(lowest);
        last_level = Some(level);
        // One tag more than the dictionary has: one that is not registered, of a type that its value tells.
        let position = field.tag.index(plan.kinds.len() + 1);
        let kind = plan.kinds.get(position).copied();
        let tag = kind.map_or(0x8000 + 77, |_| tag(position));
        let kind = kind.unwrap_or(FieldKind::Binary);
        let value = &field.value;
        let number = i128::from(value.number);
        let value = match kind {
            _ if value.is_empty => FieldValue::Empty(kind),
            FieldKind::Text => FieldValue::Text(&value.text),
            FieldKind::Number if plan.version.number() >= 462 => FieldValue::Number(number),
            FieldKind::Number => FieldValue::Number(number % (1 << 31)),
            FieldKind::Context => FieldValue::Context(u32::try_from(number & 0xffff).unwrap()),
            // In keys, only short values are not cut.
            _ if tag < 0x8000 => FieldValue::Binary(&value.bytes[..value.bytes.len().min(90)]),
            _ => FieldValue::Binary(&value.bytes),
        };
        builder.field(level, tag, value).unwrap();
    }
    builder.finish(number)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_created_is_sound_and_reads_back(plan in any_plan()) {
        let dictionary = dictionary(&plan);
        let options = DatabaseOptions {
            block_size: plan.block_size,
            ..DatabaseOptions::new(plan.version)
        };
        let mut creator = Creator::new(
            MemoryFileSet::new(),
            options,
            dictionary.clone(),
        ).unwrap();
        let mut expected: BTreeMap<u16, Vec<Record>> = BTreeMap::new();
        let mut planned: BTreeMap<(u16, u32), &[AnyField]> = BTreeMap::new();
        for ((place, number), fields) in &plan.records {
            planned.insert((container(&plan, usize::from(*place)), *number), fields);
        }
        for ((container, number), fields) in planned {
            let record = record(&plan, &dictionary, number, fields);
            match creator.add(container, &record) {
                Ok(()) => expected.entry(container).or_default().push(record),
                // Compound keys may grow beyond what is made; nothing else is refused.
                Err(error) => prop_assert_eq!(error.code(), "FLAIM-INDEX-NOT-COMPUTABLE"),
            }
        }
        let files = creator.finish().unwrap();
        let report = check(&files, CheckOptions::default()).unwrap();
        prop_assert_eq!(&report.findings, &[]);
        for tree in report.trees.values() {
            if tree.kind == LogicalFileKind::Index {
                prop_assert_eq!(&tree.comparison, &Some(Comparison::Whole));
            }
        }
        let database = Database::open(&files, Limits::default()).unwrap();
        prop_assert_eq!(database.dictionary(), &dictionary);
        for container in database.containers() {
            if container == 32_000 {
                continue;
            }
            let records: Result<Vec<_>, _> = database.records(container).unwrap().collect();
            prop_assert_eq!(records.unwrap(), expected.remove(&container).unwrap_or_default());
        }
        prop_assert!(expected.is_empty());
    }
}
