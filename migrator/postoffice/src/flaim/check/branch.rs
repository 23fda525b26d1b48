//! Inner blocks of a tree: each element against the child that it names.

use std::cmp::Ordering;

use super::super::address::BlockAddress;
use super::super::block::{BLOCK_HEADER_BYTES, Block, kind};
use super::super::damage::Damage;
use super::super::element::{BranchElement, KeyBuffer};
use super::super::error::{Error, Place};
use super::super::file_set::FileSet;
use super::super::logical_file::LogicalFileKind;
use super::super::record::NEXT_RECORD_KEY;
use super::leaf::{Summary, prefix_damage};
use super::tree::TreeWalk;

impl<F: FileSet> TreeWalk<'_, F> {
    /// An inner block and everything below it.
    pub(super) fn branch(&mut self, block: &Block) -> Result<Summary, Error> {
        let mut key = KeyBuffer::default();
        let mut before: Option<(Vec<u8>, u32)> = None;
        let mut total = Summary {
            is_whole: true,
            ..Summary::default()
        };
        let mut has_end_mark = false;
        let mut offset = BLOCK_HEADER_BYTES;
        while offset < block.used().len() {
            let at = self.place(block.address).at_element(offset);
            if has_end_mark {
                self.findings.add(at.fault(Damage::EndMarkEarly));
                return Ok(self.broken(total));
            }
            let parsed = BranchElement::parse(block.used(), offset, block.kind);
            let element = match parsed {
                Ok(element) => element,
                Err(damage) => {
                    self.findings.add(at.fault(damage));
                    return Ok(self.broken(total));
                }
            };
            let is_maximal = key.branch_prefix_is_maximal(block.used(), &element);
            let prefix = element.prefix;
            let is_first = offset == BLOCK_HEADER_BYTES;
            let damage = prefix_damage(is_first, prefix, is_maximal, &key);
            if let Some(damage) = damage.filter(|_| !element.is_end_mark && !is_fixed(block)) {
                self.findings.add(at.fault(damage));
            }
            if let Err(damage) = key.advance_branch(block.used(), &element) {
                self.findings.add(at.fault(damage));
                return Ok(self.broken(total));
            }
            has_end_mark = element.is_end_mark || (is_fixed(block) && key.key() == NEXT_RECORD_KEY);
            if !element.is_end_mark {
                self.check_order(before.as_ref(), key.key(), &element, at);
                before = Some((key.key().to_vec(), element.domain.unwrap_or(0)));
            }
            let child = self.visit(element.child, Some(block.level - 1))?;
            self.compare(&child, key.key(), &element, at);
            total.references = total.references.saturating_add(child.references);
            total.is_whole &= child.is_whole;
            total.last_key = child.last_key;
            total.domain = child.domain;
            offset = element.end();
        }
        self.check_end(block, has_end_mark);
        Ok(total)
    }

    /// A block that cannot be read to its end leaves a gap on every level below.
    fn broken(&mut self, total: Summary) -> Summary {
        self.leaves.gap();
        Summary {
            is_whole: false,
            ..total
        }
    }

    fn check_order(
        &mut self,
        before: Option<&(Vec<u8>, u32)>,
        key: &[u8],
        element: &BranchElement,
        at: Place,
    ) {
        let Some((previous, domain)) = before else {
            return;
        };
        let is_ascending = match previous.as_slice().cmp(key) {
            Ordering::Less => true,
            // A record may fill several blocks; the elements of one key stand in descending order of their domains.
            Ordering::Equal if self.file.kind == LogicalFileKind::Container => true,
            Ordering::Equal => *domain > element.domain.unwrap_or(0),
            Ordering::Greater => false,
        };
        if !is_ascending {
            self.findings.add(at.fault(Damage::ElementOrder));
        }
    }

    fn compare(&mut self, child: &Summary, key: &[u8], element: &BranchElement, at: Place) {
        if !child.is_whole {
            return;
        }
        if !element.is_end_mark {
            if child.last_key.as_deref() != Some(key) {
                self.findings.add(at.fault(Damage::ParentKey));
            }
            let domain = element.domain.unwrap_or(0);
            if child.domain != domain {
                let fault = at.fault(Damage::ParentDomain);
                self.findings.add(fault.with_numbers(domain, child.domain));
            }
        }
        if let Some(count) = element.count
            && u64::from(count) != child.references
        {
            let fault = at.fault(Damage::ParentCount);
            self.findings
                .add(fault.with_numbers(count, child.references));
        }
    }

    /// The end mark stands in the rightmost block of a level and nowhere else.
    fn check_end(&mut self, block: &Block, has_end_mark: bool) {
        let place = self.place(block.address);
        let is_rightmost = block.next == BlockAddress::NONE;
        if block.used().len() == BLOCK_HEADER_BYTES {
            self.findings.add(place.fault(Damage::BlockEmpty));
        } else if is_rightmost && !has_end_mark {
            self.findings.add(place.fault(Damage::EndMarkMissing));
        } else if !is_rightmost && has_end_mark {
            self.findings.add(place.fault(Damage::EndMarkEarly));
        }
    }
}

fn is_fixed(block: &Block) -> bool {
    block.kind == kind::BRANCH_FIXED
}
