//! The options file: XML with a root that names the post office, an action, and keywords.

use std::path::{Path, PathBuf};

use roxmltree::{Document, Node};

use crate::error::{SimulatorError, Tried};

/// What an options file asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) post_office: PathBuf,
    /// Whether the keyword is in it, in any case.
    pub(super) has_keyword: bool,
    /// Whether it asks for a contents check that mends, which takes users away that `wphost.db` does not know.
    pub(super) removes_users: bool,
    pub(super) log_file: Option<PathBuf>,
}

impl Options {
    pub(super) fn read(file: &Path) -> Result<Self, SimulatorError> {
        let text = std::fs::read_to_string(file).tried_at("read", file)?;
        Self::parse(&text).map_err(|text| SimulatorError::Start {
            text: format!(
                "The options file {} cannot be followed: {text}",
                file.display()
            ),
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let document = Document::parse(text).map_err(|error| error.to_string())?;
        let root = document.root_element();
        let path = root
            .attribute("database-path")
            .filter(|_| root.has_tag_name("GWCheck"))
            .ok_or("it has no GWCheck element with a database-path")?;
        let find = |name: &str| root.descendants().find(|node| node.has_tag_name(name));
        let action = find("action").ok_or("it has no action")?;
        if action.attribute("name") != Some("analyze-fix-database") {
            return Err("its action is not analyze-fix-database".into());
        }
        let has =
            |node: Node<'_, '_>, name: &str| node.children().any(|child| child.has_tag_name(name));
        let is_fix = has(action, "fix-problems");
        let has_keyword = find("misc")
            .and_then(|misc| misc.text())
            .is_some_and(|text| {
                text.split_whitespace()
                    .any(|word| word.eq_ignore_ascii_case("storelowercase"))
            });
        let log_file = find("log-file").and_then(|node| node.text());
        Ok(Self {
            post_office: PathBuf::from(path),
            has_keyword: has_keyword && is_fix && has(action, "structure"),
            removes_users: is_fix && has(action, "contents"),
            log_file: log_file.map(|path| PathBuf::from(path.trim())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<GWCheck database-path="/gw/a&amp;b">
  <action name="analyze-fix-database"><structure/><fix-problems/></action>
  <process-option><logging><log-file>/job/log</log-file></logging><misc>StoreLowerCase</misc></process-option>
</GWCheck>"#;

    #[test]
    fn an_options_file_says_what_it_says() {
        let wanted = Options {
            post_office: "/gw/a&b".into(),
            has_keyword: true,
            removes_users: false,
            log_file: Some("/job/log".into()),
        };
        assert_eq!(Options::parse(GOOD), Ok(wanted));
        for (from, to) in [
            ("<fix-problems/>", ""),
            ("<structure/>", ""),
            ("StoreLowerCase", "storedrop"),
            ("<misc>StoreLowerCase</misc>", ""),
        ] {
            let options = Options::parse(&GOOD.replace(from, to)).unwrap();
            assert!(!options.has_keyword, "without {from}");
        }
        let contents = GOOD.replace("<structure/>", "<structure/><contents/>");
        assert!(Options::parse(&contents).unwrap().removes_users);
        let looking = contents.replace("<fix-problems/>", "");
        assert!(!Options::parse(&looking).unwrap().removes_users);
    }

    #[test]
    fn what_is_no_options_file_is_refused() {
        for bad in [
            "",
            "<GWCheck/>",
            "<Other database-path=\"/x\"/>",
            &GOOD.replace("<action ", "<axtion "),
            &GOOD.replace("analyze-fix", "delete"),
        ] {
            assert!(Options::parse(bad).is_err(), "{bad}");
        }
    }
}
