//! Builds records out of fields and values (flaim-format.md 7).

use postoffice::flaim::{
    Dictionary, Field, FieldKind, FieldKinds as _, Record, Version, encode_number, encode_text,
    is_dictionary_tag, is_registered,
};

use super::error::CreateError;

/// A value to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldValue<'a> {
    /// Text in Unicode.
    Text(&'a str),
    /// A number.
    Number(i128),
    /// The number of another record.
    Context(u32),
    /// Bytes.
    Binary(&'a [u8]),
    /// No value, in a field of that type.
    Empty(FieldKind),
}

impl FieldValue<'_> {
    fn kind(&self) -> FieldKind {
        match self {
            Self::Text(_) => FieldKind::Text,
            Self::Number(_) => FieldKind::Number,
            Self::Context(_) => FieldKind::Context,
            Self::Binary(_) => FieldKind::Binary,
            Self::Empty(kind) => *kind,
        }
    }

    fn encode(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => encode_text(text),
            Self::Binary(bytes) => bytes.to_vec(),
            Self::Number(number) => encode_number(*number),
            Self::Context(record) => record.to_le_bytes().to_vec(),
            Self::Empty(_) => Vec::new(),
        }
    }
}

/// A record under construction: fields in order, parents before their children.
#[derive(Debug)]
pub struct RecordBuilder<'a> {
    version: Version,
    dictionary: &'a Dictionary,
    record: Record,
}

impl<'a> RecordBuilder<'a> {
    /// A record without fields, for a database of this version and dictionary.
    pub fn new(version: Version, dictionary: &'a Dictionary) -> Self {
        Self {
            version,
            dictionary,
            record: Record::new(0),
        }
    }

    /// Adds a field: the root on level 0 first, then each on a level not more than one below the field before it.
    pub fn field(
        &mut self,
        level: u16,
        tag: u16,
        value: FieldValue<'_>,
    ) -> Result<&mut Self, CreateError> {
        let refuse = |reason| CreateError::CannotStore { tag, reason };
        if level == 0 && self.record.fields().len() > 0 {
            return Err(refuse("a record has one field on level 0"));
        }
        let kind = value.kind();
        self.check_tag(tag, kind).map_err(refuse)?;
        self.check_number(value).map_err(refuse)?;
        let field = Field {
            level,
            tag,
            kind,
            is_encrypted: false,
            stored: &value.encode(),
        };
        self.record.push(self.version, field).map_err(refuse)?;
        Ok(self)
    }

    /// The record, under its number.
    pub fn finish(mut self, number: u32) -> Record {
        self.record.number = number;
        self.record
    }

    fn check_tag(&self, tag: u16, kind: FieldKind) -> Result<(), &'static str> {
        if kind == FieldKind::Blob {
            return Err("references to files are not written");
        }
        if is_registered(tag) {
            return match self.dictionary.kind_of(tag) {
                None => Err("the dictionary does not define the field"),
                Some(defined) if defined != kind => {
                    Err("the dictionary gives the field another type")
                }
                Some(_) => Ok(()),
            };
        }
        // What a context field under one of these tags reads as, is not known.
        if is_dictionary_tag(tag) && kind == FieldKind::Context {
            return Err("the dictionary's own fields hold no references to records");
        }
        if tag == 0x8000 {
            return Err("the tag is none that a field can have");
        }
        Ok(())
    }

    fn check_number(&self, value: FieldValue<'_>) -> Result<(), &'static str> {
        let FieldValue::Number(number) = value else {
            return Ok(());
        };
        let fits = if self.version.has_long_numbers() {
            number >= i128::from(i64::MIN) && number <= i128::from(u64::MAX)
        } else {
            number >= i128::from(i32::MIN) && number <= i128::from(u32::MAX)
        };
        if fits {
            Ok(())
        } else {
            Err("the number is larger than the version can hold")
        }
    }
}

#[cfg(test)]
mod tests {
    use postoffice::flaim::{Item, ItemKind};

    use super::*;

    fn dictionary() -> Dictionary {
        let mut dictionary = Dictionary::default();
        let mut field = |number, name: &str, kind| {
            let name = name.to_owned();
            let kind = ItemKind::Field(Some(kind));
            dictionary.insert(number, Item { name, kind });
        };
        field(1, "Name", FieldKind::Text);
        field(2, "Count", FieldKind::Number);
        field(3, "Parent", FieldKind::Context);
        field(300, "Wide", FieldKind::Binary);
        dictionary
    }

    fn version(number: u16) -> Version {
        Version::from_number(number).unwrap()
    }

    #[test]
    fn each_form_is_used_where_the_notes_say_so() {
        let dictionary = dictionary();
        let mut builder = RecordBuilder::new(version(462), &dictionary);
        let long = "x".repeat(300);
        let huge = vec![7; 70_000];
        builder
            .field(0, 1, FieldValue::Empty(FieldKind::Text))
            .and_then(|b| b.field(1, 1, FieldValue::Text("ab")))
            .and_then(|b| b.field(1, 1, FieldValue::Text(&long)))
            .and_then(|b| b.field(2, 300, FieldValue::Binary(&[9])))
            .and_then(|b| b.field(3, 300, FieldValue::Empty(FieldKind::Binary)))
            .and_then(|b| b.field(1, 0x8004, FieldValue::Number(-42)))
            .and_then(|b| b.field(1, 32103, FieldValue::Text("c")))
            .and_then(|b| b.field(1, 32174, FieldValue::Number(5)))
            .and_then(|b| b.field(1, 3, FieldValue::Context(0x0102)))
            .and_then(|b| b.field(1, 300, FieldValue::Binary(&huge)))
            .unwrap();
        let record = builder.finish(1);
        let mut expected = vec![0x00, 1, 0x42, 1, b'a', b'b', 0x91, 1, 0x2c, 0x01];
        expected.extend(long.bytes());
        expected.extend([0x9a, 0x2c, 0x01, 1, 9]);
        expected.extend([0xae, 0x2c, 0x01]);
        expected.extend([0xa2, 0x80, 1, 4, 2, 0xb4, 0x2f]);
        expected.extend([0x92, 0x67, 0x7d, 1, b'c']);
        expected.extend([0x82, 1, 0xae, 0xfd, 1, 0x5f]);
        expected.extend([4, 3, 2, 1, 0, 0]);
        expected.extend([0xd0, 2, 0x2c, 0x01, 0x70, 0x11, 1, 0]);
        expected.extend(&huge);
        assert_eq!(record.data(), expected);
        let read = Record::parse(1, record.data().to_vec(), &dictionary).unwrap();
        assert_eq!(read, record);
    }

    #[test]
    fn going_up_many_levels_takes_several_steps() {
        let dictionary = dictionary();
        let mut builder = RecordBuilder::new(version(310), &dictionary);
        for level in 0..12 {
            builder.field(level, 1, FieldValue::Text("x")).unwrap();
        }
        builder.field(2, 1, FieldValue::Text("y")).unwrap();
        let record = builder.finish(1);
        assert!(record.data().ends_with(&[0xa7, 0xa2, 1, 1, b'y']));
        let read = Record::parse(1, record.data().to_vec(), &dictionary).unwrap();
        assert_eq!(read, record);
    }

    #[test]
    fn what_cannot_be_stored_is_refused() {
        let dictionary = dictionary();
        let long = vec![0; 65_536];
        for (number, level, tag, value) in [
            (462, 0, 9, FieldValue::Text("undefined")),
            (462, 0, 1, FieldValue::Number(1)),
            (462, 1, 1, FieldValue::Text("no root")),
            (452, 0, 300, FieldValue::Binary(&long)),
            (460, 0, 2, FieldValue::Number(1 << 32)),
            (462, 0, 2, FieldValue::Number(1 << 64)),
            (462, 0, 0x8000, FieldValue::Text("no tag")),
            (462, 0, 32103, FieldValue::Context(1)),
            (462, 0, 0x8001, FieldValue::Empty(FieldKind::Blob)),
        ] {
            let mut builder = RecordBuilder::new(version(number), &dictionary);
            let refused = builder.field(level, tag, value).unwrap_err();
            assert_eq!(refused.code(), "FLAIM-CANNOT-STORE", "{tag}");
        }
        let mut builder = RecordBuilder::new(version(462), &dictionary);
        builder.field(0, 1, FieldValue::Text("root")).unwrap();
        for level in [0, 2] {
            assert!(builder.field(level, 1, FieldValue::Text("x")).is_err());
        }
    }
}
