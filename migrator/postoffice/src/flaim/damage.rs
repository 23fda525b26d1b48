//! The kinds of damage that a database can have (flaim-format.md 11.2), one name each for reader and check.

macro_rules! damages {
    ($($variant:ident $code:literal $meaning:literal)*) => {
        /// One kind of damage.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Damage {
            $(#[doc = $meaning] $variant,)*
        }

        impl Damage {
            /// Every kind of damage.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// A code that stays the same between versions of the migrator.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => concat!("FLAIM-", $code),)* }
            }

            /// What it means, as one sentence without a full stop.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

damages! {
    HeaderUnusual "HEADER-UNUSUAL" "A header field that is always the same has another value"
    LogicalEnd "LOGICAL-END" "The end of the database is no multiple of the block size, or lies in no data file"
    FileShort "FILE-SHORT" "A data file ends before the end of the database"
    BlockUnreadable "BLOCK-UNREADABLE" "A block lies outside the files of the database"
    BlockAddress "BLOCK-ADDRESS" "A block address points to no block of the database"
    BlockChecksum "BLOCK-CHECKSUM" "The checksum of a block is wrong"
    BlockOwnAddress "BLOCK-OWN-ADDRESS" "A block says that it belongs to another address"
    BlockEnd "BLOCK-END" "The end of the used bytes of a block lies outside the block"
    BlockKind "BLOCK-KIND" "A block is of a kind that does not belong here"
    BlockLevel "BLOCK-LEVEL" "A block stands on another level of the tree than it says"
    BlockLogicalFile "BLOCK-LOGICAL-FILE" "A block belongs to another container or index"
    BlockRootFlag "BLOCK-ROOT-FLAG" "The root flag of a block is missing, or stands on a block that is no root"
    BlockPrevious "BLOCK-PREVIOUS" "The pointer to the previous block is wrong"
    BlockNext "BLOCK-NEXT" "The pointer to the next block is wrong"
    BlockUsedTwice "BLOCK-USED-TWICE" "A block is used in two places"
    BlockUnused "BLOCK-UNUSED" "A block is neither used nor free"
    BlockEncrypted "BLOCK-ENCRYPTED" "A block is encrypted"
    BlockEmpty "BLOCK-EMPTY" "A block of a tree has no elements"
    TreeLoop "TREE-LOOP" "A chain of blocks is longer than the database"
    ElementOutside "ELEMENT-OUTSIDE" "An element reaches past the end of its block"
    ElementFlags "ELEMENT-FLAGS" "The first and last marks of the elements of a record or key do not follow each other"
    ElementKeySize "ELEMENT-KEY-SIZE" "The key of an element has a wrong size"
    ElementDataSize "ELEMENT-DATA-SIZE" "The data of an element is longer than 250 bytes"
    ElementPrefix "ELEMENT-PREFIX" "An element takes more bytes from the previous key than that key has"
    ElementPrefixShort "ELEMENT-PREFIX-SHORT" "An element repeats bytes that it should take from the previous key"
    ElementOrder "ELEMENT-ORDER" "The keys are not in ascending order"
    ElementContinuation "ELEMENT-CONTINUATION" "A continuation has another key than what it continues, or a new element has the same"
    EndMarkEarly "END-MARK-EARLY" "The end mark of a tree stands before its end"
    EndMarkMissing "END-MARK-MISSING" "The end mark of a tree is missing"
    NextRecordMark "NEXT-RECORD-MARK" "The mark with the next record number is missing, malformed or not above the last record"
    ParentKey "PARENT-KEY" "The key in a parent block differs from the last key of its child"
    ParentDomain "PARENT-DOMAIN" "The domain in a parent block differs from that of its child"
    ParentCount "PARENT-COUNT" "The number of references in a parent block differs from what its child holds"
    FieldCode "FIELD-CODE" "A field begins with a byte that begins no field"
    FieldOutside "FIELD-OUTSIDE" "A field reaches past the end of its record"
    FieldLevel "FIELD-LEVEL" "A field stands on an impossible level"
    FieldTag "FIELD-TAG" "A field has a tag that the dictionary does not define"
    FieldKind "FIELD-KIND" "A field has a type that does not exist or contradicts the dictionary"
    FieldSplit "FIELD-SPLIT" "The head of a field is split over two elements"
    FieldEncrypted "FIELD-ENCRYPTED" "A field is encrypted"
    ValueNumber "VALUE-NUMBER" "A number is malformed"
    ValueContext "VALUE-CONTEXT" "A reference to a record has not four bytes"
    ValueText "VALUE-TEXT" "A text has a malformed or unknown character"
    RecordEmpty "RECORD-EMPTY" "A record has no fields"
    ReferenceCode "REFERENCE-CODE" "A list of references is malformed"
    ReferenceOrder "REFERENCE-ORDER" "References are not in descending order, or reach zero"
    ReferenceDomain "REFERENCE-DOMAIN" "References lie outside the domain of their element"
    ReferenceNotUnique "REFERENCE-NOT-UNIQUE" "A unique index has a key with several records"
    ReferenceCount "REFERENCE-COUNT" "An index holds more references than a database of its size can need"
    KeyNotInIndex "KEY-NOT-IN-INDEX" "A record has a key that the index does not hold"
    KeyNotInRecord "KEY-NOT-IN-RECORD" "An index holds a key that the record does not have"
    AvailableKind "AVAILABLE-KIND" "A block in the list of free blocks is not free"
    AvailableCount "AVAILABLE-COUNT" "The list of free blocks has another length than the header says"
    AvailableBackchain "AVAILABLE-BACKCHAIN" "The back chain of the list of free blocks is wrong"
    LogicalFileEntry "LOGICAL-FILE-ENTRY" "The entry of a container or index is malformed"
    LogicalFileTwice "LOGICAL-FILE-TWICE" "Two entries have the same number"
    LogicalFileMissing "LOGICAL-FILE-MISSING" "A container or index that must exist has no entry"
    DictionaryItem "DICTIONARY-ITEM" "A record of the dictionary is malformed"
    RollbackLog "ROLLBACK-LOG" "The rollback log cannot be followed"
    RollForwardLog "ROLL-FORWARD-LOG" "The roll-forward log cannot be replayed"
}

#[cfg(test)]
mod tests {
    use super::Damage;

    #[test]
    fn codes_are_distinct() {
        let codes: std::collections::BTreeSet<_> =
            Damage::ALL.iter().map(|damage| damage.code()).collect();
        assert_eq!(codes.len(), Damage::ALL.len());
    }
}
