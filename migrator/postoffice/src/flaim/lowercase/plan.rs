//! Makes the plan: reads everything, refuses what cannot be done faithfully, writes nothing.

use super::super::check::{CheckOptions, check};
use super::super::damage::Damage;
use super::super::database::Database;
use super::super::error::{Error, Place};
use super::super::field::FieldKind;
use super::super::file_set::FileSet;
use super::super::name_shape::{LeftAloneReason, NameShape, fits};
use super::super::profile::{NameProfile, Rule, Selection};
use super::super::rebuild::each_entry;
use super::super::record::{Field, Record};
use super::super::{recover, text};
use super::survey::IndexSurvey;
use super::values::{NewValue, lower_stored};
use super::{LeftAlone, LowercaseLimits, LowercasePlan, NameChange, NameField};

/// How many findings of the check are looked at; the first that counts refuses the database.
const FINDINGS_MAX: usize = 64;

/// What lower-casing the names in a database would do.
///
/// A database that was not closed cleanly is planned for as it will be after recovery.  A damaged one is refused: what
/// is written anew must not hide what was lost.
pub fn plan_lowercase(
    files: impl FileSet,
    profile: &NameProfile,
    limits: LowercaseLimits,
) -> Result<LowercasePlan, Error> {
    refuse_damage(&files, limits)?;
    let database = Database::open(files, limits.database)?;
    recover::verify(&database)?;
    let selection = profile.select(database.dictionary(), &database.containers())?;
    let mut planner = Planner {
        database: &database,
        plan: LowercasePlan {
            recovery: database.recovery(),
            fields: name_fields(&database, &selection),
            ..LowercasePlan::default()
        },
        survey: IndexSurvey::new(limits.changes_bytes_max),
        left_alone_max: limits.left_alone_max,
    };
    for (container, rules) in &selection {
        for record in database.records(*container)? {
            planner.look_at(*container, &record?, |tag| rules.get(&tag).copied())?;
        }
    }
    let Planner {
        mut plan, survey, ..
    } = planner;
    (plan.rebuilt, plan.unaffected) = survey.indexes();
    for (index, changes) in survey.into_keys(&database)? {
        each_entry(&database, index, changes, |_, _| Ok(()))?;
    }
    Ok(plan)
}

/// Refuses a database in which something is wrong, apart from header fields that have no meaning.
fn refuse_damage(files: &impl FileSet, limits: LowercaseLimits) -> Result<(), Error> {
    let options = CheckOptions {
        limits: limits.database,
        findings_max: FINDINGS_MAX,
    };
    match check(files, options)?.damage().next() {
        Some(fault) => Err((*fault).into()),
        None => Ok(()),
    }
}

fn name_fields<F: FileSet>(database: &Database<F>, selection: &Selection) -> Vec<NameField> {
    let rules = selection.iter();
    rules
        .flat_map(|(container, rules)| rules.iter().map(move |rule| (*container, rule)))
        .map(|(container, (field, shape))| {
            let item = database.dictionary().item(*field);
            NameField {
                container,
                field: *field,
                name: item.map(|item| item.name.clone()).unwrap_or_default(),
                shape: *shape,
            }
        })
        .collect()
}

struct Planner<'a, F> {
    database: &'a Database<F>,
    plan: LowercasePlan,
    survey: IndexSurvey,
    left_alone_max: usize,
}

/// What becomes of one value.
pub(super) enum Judgement {
    Same,
    Changes(Vec<u8>),
    Stays(LeftAloneReason),
}

impl<F: FileSet> Planner<'_, F> {
    fn look_at(
        &mut self,
        container: u16,
        record: &Record,
        rule_of: impl Fn(u16) -> Option<Rule>,
    ) -> Result<(), Error> {
        let mut values = Vec::new();
        for (position, field) in record.fields().enumerate() {
            let Some(rule) = rule_of(field.tag) else {
                continue;
            };
            let place = Place::in_logical_file(container)
                .in_record(record.number)
                .in_field(field.tag);
            if field.is_encrypted {
                return Err(Error::EncryptedValue(place));
            }
            if field.kind != FieldKind::Text {
                continue;
            }
            match judge(field, rule).map_err(|damage| place.fault(damage))? {
                Judgement::Same => {}
                Judgement::Changes(stored) => {
                    let new = NewValue { position, stored };
                    self.change(container, record.number, field, &new)
                        .map_err(|damage| place.fault(damage))??;
                    values.push(new);
                }
                Judgement::Stays(reason) => {
                    let value = text::decode(field.stored).map_err(|damage| place.fault(damage))?;
                    self.leave_alone(LeftAlone {
                        container,
                        record: record.number,
                        field: field.tag,
                        position,
                        value,
                        reason,
                    });
                }
            }
        }
        if values.is_empty() {
            return Ok(());
        }
        self.survey.add(self.database, container, record, &values)
    }

    fn change(
        &mut self,
        container: u16,
        record: u32,
        field: Field<'_>,
        value: &NewValue,
    ) -> Result<Result<(), Error>, Damage> {
        let change = NameChange {
            container,
            record,
            field: field.tag,
            position: value.position,
            old: text::decode(field.stored)?,
            new: text::decode(&value.stored)?,
        };
        let bytes = change.old.len().saturating_add(change.new.len());
        let spent = self.survey.budget.spend(bytes);
        self.plan.changes.push(change);
        Ok(spent)
    }

    fn leave_alone(&mut self, value: LeftAlone) {
        let has_room = self.plan.left_alone.len() < self.left_alone_max;
        if has_room && self.survey.budget.take(value.value.len()) {
            self.plan.left_alone.push(value);
        } else {
            self.plan.left_alone_further = self.plan.left_alone_further.saturating_add(1);
        }
    }
}

pub(super) fn judge(field: Field<'_>, rule: Rule) -> Result<Judgement, Damage> {
    let lowered = lower_stored(field.stored)?;
    let Some(shape) = rule else {
        return Ok(lowered.map_or(Judgement::Same, Judgement::Changes));
    };
    judge_shape(field, lowered, shape)
}

fn judge_shape(
    field: Field<'_>,
    lowered: Option<Vec<u8>>,
    shape: NameShape,
) -> Result<Judgement, Damage> {
    let old = text::decode(field.stored)?;
    if !old.chars().any(char::is_uppercase) {
        return Ok(Judgement::Same);
    }
    if let Err(reason) = fits(&old, shape) {
        return Ok(Judgement::Stays(reason));
    }
    // A letter that is stored as a unit of UTF-16 cannot be changed like the others.
    match lowered {
        Some(stored) if text::decode(&stored)? == old.to_ascii_lowercase() => {
            Ok(Judgement::Changes(stored))
        }
        _ => Ok(Judgement::Stays(LeftAloneReason::NonAsciiCapital)),
    }
}
