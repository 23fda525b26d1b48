//! The real worker beside the model: each transition is carried out, and what stands there is compared.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use protocol::{Amount, SealReport, Task, TaskReport, Verdict};

use super::model::Model;
use super::transition::{Run, Transition};
use super::trees::Trees;
use crate::guardian::CONVERT;
use crate::support::{
    Done, LOWERCASE, PASS_ONE, PASS_TWO, QUEUES, QUEUES_LIVE, Site, child, contents, look,
};

/// A foreign file whose inode changed so shortly before a pass that is then killed cannot be told from what that pass
/// wrote (inode times are coarse); between the end of an agent, or a sweep, and a pass lies more than that in life.
const FOREIGN_IS_OLD: Duration = Duration::from_millis(120);

/// What files hold, by path.
type Texts = BTreeMap<String, String>;

/// The worker, and the trees that it works on.
pub(super) struct System {
    trees: Trees,
    foreign_changed: Instant,
}

impl System {
    pub(super) fn new(model: &Model) -> Self {
        let mut site = Site::fast();
        site.options.workers = 2;
        let mut trees = Trees::new(site);
        trees.fill(model);
        trees.site.run(Task::CreateFolders).clean();
        Self {
            trees,
            foreign_changed: Instant::now(),
        }
    }

    /// Carries a transition out; `model` is what it must lead to.
    pub(super) fn apply(&mut self, transition: Transition, model: &Model) {
        match transition {
            Transition::Write(slot, change) => self.trees.write(slot, change, model),
            Transition::Remove(slot) | Transition::ItemLeaves(slot) => self.trees.remove(slot),
            Transition::RemoveFolder(folder) => self.trees.remove_folder(folder),
            Transition::RenameInCase {
                slot,
                from_end,
                spelling,
            } => self.trees.rename_in_case(slot, from_end, spelling),
            Transition::ChangeGuardian => self.trees.change_guardian(model.number),
            Transition::ItemArrives(item) => self.trees.write_item(item, model),
            Transition::Agent(action) => {
                self.trees.act(action, model);
                self.foreign_changed = Instant::now();
            }
            Transition::Run { run, killed_at } => self.run(run, killed_at),
        }
    }

    fn run(&mut self, run: Run, killed_at: Option<u32>) {
        if let Run::Lowercase {
            capital: Some(slot),
        } = run
        {
            self.trees.capitalise(slot);
        }
        let source = look(&self.trees.site.source);
        for task in tasks(run) {
            if let Some(sign) = killed_at {
                std::thread::sleep(FOREIGN_IS_OLD.saturating_sub(self.foreign_changed.elapsed()));
                run_and_kill(&self.trees.site, &task, sign);
            }
            let done = self.trees.site.run(task.clone());
            if task == Task::Prove {
                // That a copy differs is said, and the next pass mends it.
                assert!(done.result.is_ok() && done.worst() <= Verdict::NeedsAttention);
            } else {
                done.clean();
            }
        }
        assert_eq!(look(&self.trees.site.source), source, "the source");
        if matches!(run, Run::Lowercase { .. }) {
            // A sweep gives what the agent made another inode time.
            self.foreign_changed = Instant::now();
        }
    }

    /// Compares the trees, the queues and the quarantine with the model.
    pub(super) fn compare(&self, model: &Model) {
        let site = &self.trees.site;
        let (files, items) = apart(texts(&site.source));
        let wanted = model.files.iter();
        let wanted: Texts = wanted
            .map(|(path, file)| (path.clone(), file.bytes.clone()))
            .collect();
        assert_eq!(lower(files), wanted, "the source");
        assert_eq!(lower(items), model.items, "the queues of the source");

        let (copies, queued) = apart(texts(&site.destination));
        let wanted = model.copies.iter();
        let wanted: Texts = wanted
            .map(|(path, copy)| (path.clone(), copy.bytes.clone()))
            .collect();
        assert_eq!(copies, wanted, "the destination");
        assert_eq!(queued, model.queued, "the queues of the destination");

        let set_aside = texts(&site.job.join("quarantine/0"));
        assert_eq!(
            sorted(set_aside.into_values()),
            sorted(model.set_aside.iter().cloned()),
            "the quarantine"
        );
    }

    /// Stage two to its end, its proof, and the life after it; the model has had its passes.
    pub(super) fn end(&mut self, model: &mut Model) {
        self.stage_two(model);
        let hidden = model.hidden().len() as u64;
        let (report, done) = self.seal();
        assert!(report.before.files <= model.proven() as u64, "{report:?}");
        assert_eq!(report.differences, hidden, "{:?}", done.findings.kept);
        if hidden > 0 {
            // No dead end: the same once more copies what differs.
            model.doubt_hidden();
            self.stage_two(model);
            assert_eq!(model.hidden(), Vec::<&str>::new());
            let (report, done) = self.seal();
            assert!(report.sealed, "{:?}", done.findings.kept);
        }
        self.trees.site.run(Task::Verify).clean();
        self.trees.site.run(Task::VerifySource).clean();
        let again = self.trees.site.run(Task::VerifySource).clean();
        let TaskReport::VerifySource(again) = again else {
            panic!("{again:?}");
        };
        assert_eq!((again.now, again.differences), (Amount::default(), 0));
        assert!(
            !self
                .trees
                .site
                .destination
                .join(".gwmigrate-queues")
                .exists()
        );
        self.live_on(model);
    }

    fn stage_two(&mut self, model: &mut Model) {
        for run in [
            Run::StageTwoPass,
            Run::Lowercase { capital: None },
            Run::Guardian,
            Run::Queues,
        ] {
            let transition = Transition::Run {
                run,
                killed_at: None,
            };
            model.apply(&transition);
            self.apply(transition, model);
            self.compare(model);
        }
    }

    fn seal(&self) -> (SealReport, Done) {
        let done = self.trees.site.run(Task::Seal);
        let report = match &done.result {
            Ok(TaskReport::Seal(report)) => report.clone(),
            other => panic!("{other:?}"),
        };
        (report, done)
    }

    /// The agent of the destination goes live and takes what is queued; stragglers follow; nothing comes twice.
    fn live_on(&mut self, model: &mut Model) {
        let mut delivered = self.deliver();
        for (straggler, item) in ["wpcsin/0/late", "wpcsout/ofs/2/late"].iter().zip(1..) {
            model.number += item;
            let bytes = model.bytes("straggler", 0);
            model.items.insert((*straggler).to_owned(), bytes);
            self.trees.write_item(straggler, model);
            self.trees.site.run(QUEUES_LIVE).clean();
            delivered.extend(self.deliver());
        }
        self.trees.site.run(QUEUES_LIVE).clean();
        delivered.extend(self.deliver());
        assert_eq!(
            sorted(delivered),
            sorted(model.items.values().cloned()),
            "what was delivered, each once"
        );
    }

    /// Takes everything out of the queues of the destination.
    fn deliver(&self) -> Vec<String> {
        let destination = &self.trees.site.destination;
        let (_, queued) = apart(texts(destination));
        for path in queued.keys() {
            fs::remove_file(destination.join(path)).unwrap();
        }
        queued.into_values().collect()
    }
}

fn tasks(run: Run) -> Vec<Task> {
    match run {
        Run::StageOnePass => vec![PASS_ONE],
        Run::Prove => vec![Task::Prove],
        Run::StageTwoPass => vec![Task::AtRest { quiet_seconds: 0 }, PASS_TWO],
        Run::Lowercase { .. } => vec![LOWERCASE],
        Run::Guardian => vec![CONVERT],
        Run::Queues => vec![QUEUES],
    }
}

/// Runs a task in a process of its own that kills itself at its n-th sign of life, unless it ends before.
fn run_and_kill(site: &Site, task: &Task, sign: u32) {
    let order = serde_json::to_vec(&site.order(task.clone())).unwrap();
    fs::write(site.root.join("order"), order).unwrap();
    let output = child("state_machine::killed::child_is_killed_at_a_sign", site)
        .env("WORKER_TEST_SIGN", sign.to_string())
        .output()
        .unwrap();
    let was_killed = output.status.signal() == Some(9);
    assert!(
        was_killed || output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

/// The files of a tree, by path.
fn texts(root: &Path) -> Texts {
    contents(root)
        .into_iter()
        .map(|(path, bytes)| (path, String::from_utf8_lossy(&bytes).into_owned()))
        .collect()
}

/// The files and the items of a tree; the guardian is proven by the seal.
fn apart(files: Texts) -> (Texts, Texts) {
    files
        .into_iter()
        .filter(|(path, _)| {
            let path = path.to_ascii_lowercase();
            !path.starts_with("ngwguard.") && !path.starts_with("ofmsg/guardbak/")
        })
        .partition(|(path, _)| !path.to_ascii_lowercase().starts_with("wpcs"))
}

fn lower(files: Texts) -> Texts {
    files
        .into_iter()
        .map(|(path, text)| (path.to_ascii_lowercase(), text))
        .collect()
}

fn sorted(texts: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut texts: Vec<String> = texts.into_iter().collect();
    texts.sort();
    texts
}
