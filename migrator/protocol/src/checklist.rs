//! The manual checklist: what only a person can do or say, item by item.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An item of the checklist.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum ChecklistItem {
    /// The objects have the new location.
    ObjectsReconfigured,
    /// The new locations of the document storage areas are entered.
    DocumentLocations,
    /// The POA object has the new address.
    IpAddress,
    /// The changes have replicated.
    Replicated,
    /// The POA at the source is stopped.
    SourcePoaStopped,
    /// The names in the guardian were converted by hand.
    GuardianConverted,
    /// The library of this name has no documents at all.
    LibraryHasNoDocuments(String),
}

/// Who confirms what a probe has seen.
pub const PROBE: &str = "probe";

/// What stands before and behind the name of a library.
const LIBRARY: (&str, &str) = ("library-", "-has-no-documents");

/// The items without the name of a library, and theirs.
const NAMES: [(ChecklistItem, &str); 6] = [
    (ChecklistItem::ObjectsReconfigured, "objects-reconfigured"),
    (ChecklistItem::DocumentLocations, "document-locations"),
    (ChecklistItem::IpAddress, "ip-address"),
    (ChecklistItem::Replicated, "replicated"),
    (ChecklistItem::SourcePoaStopped, "source-poa-stopped"),
    (ChecklistItem::GuardianConverted, "guardian-converted"),
];

impl ChecklistItem {
    /// The items that every job asks for, in their order; that about document storage areas only where it has any.
    pub fn asked_for(has_document_areas: bool) -> Vec<Self> {
        let mut items = vec![Self::ObjectsReconfigured];
        items.extend(has_document_areas.then_some(Self::DocumentLocations));
        items.extend([Self::IpAddress, Self::Replicated, Self::SourcePoaStopped]);
        items
    }

    /// What a person does or says, in a sentence without a full stop.
    pub fn text(&self) -> String {
        match self {
            Self::ObjectsReconfigured => {
                "The post office object and the POA object are reconfigured for the Linux location"
                    .into()
            }
            Self::DocumentLocations => {
                "The new locations of the remote document storage areas are entered in the admin console".into()
            }
            Self::IpAddress => "The POA object has the new IP address and ports".into(),
            Self::Replicated => {
                "These changes have replicated: they are seen at the web console of the source POA"
                    .into()
            }
            Self::SourcePoaStopped => "The POA at the source is stopped".into(),
            Self::GuardianConverted => "The names in the guardian are converted by hand".into(),
            Self::LibraryHasNoDocuments(library) => {
                format!("The library {library} has no documents at all")
            }
        }
    }
}

impl fmt::Display for ChecklistItem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::LibraryHasNoDocuments(library) = self {
            return write!(formatter, "{}{library}{}", LIBRARY.0, LIBRARY.1);
        }
        let named = NAMES.iter().find(|(item, _)| item == self);
        formatter.write_str(named.map_or("", |(_, name)| name))
    }
}

/// A text that is no item of the checklist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownItem(pub String);

impl fmt::Display for UnknownItem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the checklist has no item {}", self.0)
    }
}

impl std::error::Error for UnknownItem {}

impl FromStr for ChecklistItem {
    type Err = UnknownItem;

    fn from_str(text: &str) -> Result<Self, UnknownItem> {
        if let Some((item, _)) = NAMES.iter().find(|(_, name)| *name == text) {
            return Ok(item.clone());
        }
        let library = text.strip_prefix(LIBRARY.0);
        let library = library.and_then(|rest| rest.strip_suffix(LIBRARY.1));
        library
            .map(|library| Self::LibraryHasNoDocuments(library.to_owned()))
            .ok_or_else(|| UnknownItem(text.to_owned()))
    }
}

impl TryFrom<String> for ChecklistItem {
    type Error = UnknownItem;

    fn try_from(text: String) -> Result<Self, UnknownItem> {
        text.parse()
    }
}

impl From<ChecklistItem> for String {
    fn from(item: ChecklistItem) -> Self {
        item.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_has_a_name_of_its_own_that_leads_back_to_it() {
        let library = ChecklistItem::LibraryHasNoDocuments("Old Contracts".into());
        let items = NAMES.iter().map(|(item, _)| item).chain([&library]);
        for item in items {
            assert_eq!(item.to_string().parse().as_ref(), Ok(item));
        }
        assert!("library-has-no-documents".parse::<ChecklistItem>().is_err());
    }
}
