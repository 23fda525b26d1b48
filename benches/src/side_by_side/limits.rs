//! The limits that take part in a work: what it takes at least, measured in the same rounds.

use std::path::Path;

use super::Result;
use super::bare::Operation;
use super::check::total;
use super::field::Field;
use super::measure::Step;
use super::options::{Options, word};
use super::rounds::Contender;

/// The threads that ours begins with, and those that two processors can keep busy.
pub(super) const THREADS: [usize; 2] = [8, 2];

/// What is said of all of them.
const NOTE: &str = "A limit is no tool: it is a bare loop on as many threads as it says, which does to the same trees only \
                    what no tool can do without";

impl<'a> Field<'a> {
    /// Lets loops take part, each on a few threads, with what makes ready and checks as for a peer.
    pub(super) fn limits(
        &mut self,
        limits: &[(&str, Operation)],
        options: &Options,
        trees: &[&'a Path],
        prepare: impl Fn(u32) -> Result<()> + Clone + 'a,
        check: impl Fn() -> Result<()> + Clone + 'a,
    ) {
        let mut is_noted = false;
        for (what, operation) in limits {
            for threads in THREADS {
                let name = format!("limit: {what}, {threads} threads");
                if !options.wants(&name) {
                    continue;
                }
                if !is_noted {
                    self.notes.push(NOTE.to_owned());
                    is_noted = true;
                }
                let (operation, trees) = (*operation, trees.to_vec());
                self.contenders.push(Contender {
                    name,
                    is_ours: false,
                    prepare: Box::new(prepare.clone()),
                    steps: Box::new(move || Ok(vec![step(operation, threads, &trees)?])),
                    check: Box::new(check.clone()),
                });
            }
        }
    }
}

/// The command; it fails where it does not meet all files that there are now.
fn step(operation: Operation, threads: usize, trees: &[&Path]) -> Result<Step> {
    let mut files = 0;
    for tree in trees {
        files += total(tree)?.files;
    }
    let mut command = command(operation, threads, trees)?;
    command.push(format!("--files={files}"));
    Ok(Step::new(command))
}

/// The command, whatever number of files it meets.
pub(super) fn command(
    operation: Operation,
    threads: usize,
    trees: &[&Path],
) -> Result<Vec<String>> {
    let program = std::env::current_exe()?.display().to_string();
    let words = [program, "bare".to_owned(), word(&operation)];
    let trees = trees.iter().map(|tree| tree.display().to_string());
    let threads = format!("--threads={threads}");
    Ok(words.into_iter().chain([threads]).chain(trees).collect())
}
