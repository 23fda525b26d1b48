//! Who takes part in a work, what is ready before the clock runs, and what refuses a wrong result.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;

use protocol::PassKind;

use super::bare::Operation;
use super::check::{require_equal, require_lower_case, require_same_total, total};
use super::measure::Step;
use super::options::{Options, Work};
use super::ours::remove;
use super::peers::{self, Peer};
use super::places::Places;
use super::rounds::Contender;
use super::slow::Line;
use super::{BoxError, Result, slow, trees};

/// Everybody who takes part in a work.
pub(super) struct Field<'a> {
    pub(super) contenders: Vec<Contender<'a>>,
    /// Versions of the peers.
    pub(super) notes: Vec<String>,
    /// Peers that this machine does not have.
    pub(super) absent: Vec<&'static str>,
}

impl<'a> Field<'a> {
    /// Those of one work.
    pub(super) fn of(options: &'a Options, places: &'a Places, work: Work) -> Self {
        let mut field = Self {
            contenders: Vec::new(),
            notes: Vec::new(),
            absent: Vec::new(),
        };
        match work {
            Work::FirstCopy => field.first_copy(options, places),
            Work::Unchanged => field.unchanged(options, places),
            Work::Lowercase => field.lowercase(options, places),
            Work::Walk => field.walk(options, places),
            Work::StageTwo => field.stage_two(options, places),
            Work::Seal => field.seal(options, places),
            Work::SlowSource => field.slow_source(options, places),
            Work::Prove => field.prove(options, places),
            Work::Downtime | Work::Memory | Work::All => {}
        }
        field
    }

    fn ours(
        &mut self,
        name: &str,
        prepare: impl Fn(u32) -> Result<()> + 'a,
        steps: impl Fn() -> Result<Vec<Step>> + 'a,
        check: impl Fn() -> Result<()> + 'a,
    ) {
        self.contenders.push(Contender {
            name: name.to_owned(),
            is_ours: true,
            prepare: Box::new(prepare),
            steps: Box::new(steps),
            check: Box::new(check),
        });
    }

    fn peers(
        &mut self,
        peers: &'static [Peer],
        options: &'a Options,
        places: &'a Places,
        prepare: impl Fn(u32, &Peer) -> Result<()> + Clone + 'a,
        check: impl Fn() -> Result<()> + Clone + 'a,
    ) {
        self.peers_from(&places.source, peers, options, places, prepare, check);
    }

    /// Peers that look at a whole copy, made once, and leave it as it is.
    fn peers_with_whole_copy(
        &mut self,
        peers: &'static [Peer],
        options: &'a Options,
        places: &'a Places,
    ) {
        self.peers(
            peers,
            options,
            places,
            |round, _| match round {
                0 => copy_whole(places, &places.source, &places.peer),
                _ => Ok(()),
            },
            || require_same_total(&places.source, &places.peer),
        );
    }

    /// Limits that look at a whole copy, made once for all of them.
    fn limits_with_whole_copy(
        &mut self,
        limits: &[(&str, Operation)],
        options: &Options,
        places: &'a Places,
    ) {
        let is_made = Rc::new(Cell::new(false));
        self.limits(
            limits,
            options,
            &[&places.source, &places.peer],
            move |_| {
                if is_made.replace(true) {
                    return Ok(());
                }
                copy_whole(places, &places.source, &places.peer)
            },
            || require_same_total(&places.source, &places.peer),
        );
    }

    fn peers_from(
        &mut self,
        source: &'a Path,
        peers: &'static [Peer],
        options: &'a Options,
        places: &'a Places,
        prepare: impl Fn(u32, &Peer) -> Result<()> + Clone + 'a,
        check: impl Fn() -> Result<()> + Clone + 'a,
    ) {
        for peer in peers.iter().filter(|peer| options.wants(peer.name)) {
            let Some(found) = peer.find() else {
                self.absent.push(peer.name);
                continue;
            };
            let note = format!("{}: {}", peer.name, found.version);
            self.notes.push(note);
            let prepare = prepare.clone();
            self.contenders.push(Contender {
                name: peer.name.to_owned(),
                is_ours: false,
                prepare: Box::new(move |round| prepare(round, peer)),
                steps: Box::new(move || Ok(peer.steps(&found, source, &places.peer))),
                check: Box::new(check.clone()),
            });
        }
    }

    fn first_copy(&mut self, options: &'a Options, places: &'a Places) {
        let job = &places.job;
        self.ours(
            "ours",
            |_| job.begin(),
            || job.first_copy(),
            || require_equal(&job.source, &job.destination, false),
        );
        self.peers(
            peers::COPY,
            options,
            places,
            |_, peer| {
                if peer.makes_destination {
                    remove(&places.peer)
                } else {
                    places.empty_peer()
                }
            },
            || require_same_total(&places.source, &places.peer),
        );
        self.limits(
            &[
                ("bare copy", Operation::Copy),
                ("bare copy and syncfs", Operation::CopyAndSync),
            ],
            options,
            &[&places.source, &places.peer],
            |_| places.empty_peer(),
            || require_same_total(&places.source, &places.peer),
        );
    }

    /// A first copy from a source that answers late, mounted anew before each run.
    fn slow_source(&mut self, options: &'a Options, places: &'a Places) {
        let job = &places.slow_job;
        let mounted = Rc::new(RefCell::new(None));
        let mount = move || {
            // The one of the run before goes first.
            mounted.replace(None);
            mounted.replace(Some(slow::mount(&places.source, &job.source, Line::LATE)?));
            Ok::<_, BoxError>(())
        };
        let mount_for_peer = mount.clone();
        self.ours(
            "ours",
            move |_| {
                job.begin()?;
                mount()
            },
            || job.first_copy(),
            || require_equal(&places.source, &job.destination, false),
        );
        self.peers_from(
            &job.source,
            peers::COPY,
            options,
            places,
            move |_, peer| {
                mount_for_peer()?;
                if peer.makes_destination {
                    remove(&places.peer)
                } else {
                    places.empty_peer()
                }
            },
            || require_same_total(&places.source, &places.peer),
        );
        self.notes.push(format!(
            "Every question to the source waits {} ms before it is answered; those that are asked together wait together",
            slow::WAIT.as_millis()
        ));
    }

    fn unchanged(&mut self, options: &'a Options, places: &'a Places) {
        let job = &places.job;
        let prepare = |round| match round {
            0 => {
                job.begin()?;
                places.carry_out(job.first_copy()?)
            }
            _ => Ok(()),
        };
        let check = || require_equal(&job.source, &job.destination, false);
        self.ours("ours", prepare, || job.pass(PassKind::StageOne), check);
        self.peers_with_whole_copy(peers::UNCHANGED, options, places);
        self.limits_with_whole_copy(
            &[("bare stat of both trees", Operation::Stat)],
            options,
            places,
        );
    }

    fn lowercase(&mut self, options: &'a Options, places: &'a Places) {
        let job = &places.job;
        let (files, seed) = (options.size(), options.seed);
        self.ours(
            "ours",
            move |_| {
                begin_with_names(places)?;
                trees::make_names(&job.destination, files, seed)
            },
            || job.lowercase(),
            move || require_lower_case(&job.destination, files.into()),
        );
        self.peers(
            peers::LOWERCASE,
            options,
            places,
            move |_, _| {
                places.empty_peer()?;
                trees::make_names(&places.peer, files, seed)
            },
            move || require_lower_case(&places.peer, files.into()),
        );
        self.limits(
            &[("bare renaming", Operation::Rename)],
            options,
            &[&places.peer],
            move |_| {
                places.empty_peer()?;
                trees::make_names(&places.peer, files, seed)
            },
            move || require_lower_case(&places.peer, files.into()),
        );
    }

    fn walk(&mut self, options: &'a Options, places: &'a Places) {
        let job = &places.job;
        let (files, seed) = (options.size(), options.seed);
        let prepare = move |round| match round {
            0 => {
                begin_with_names(places)?;
                trees::make_names(&job.destination, files, seed)?;
                places.carry_out(job.lowercase()?)
            }
            _ => Ok(()),
        };
        let check = move || require_lower_case(&job.destination, files.into());
        self.ours(
            "ours, where all is lower case",
            prepare,
            || job.lowercase(),
            check,
        );
        self.limits(
            &[("bare walk", Operation::Walk)],
            options,
            &[&job.destination],
            |_| Ok(()),
            check,
        );
        self.contenders.push(Contender {
            name: "find".to_owned(),
            is_ours: false,
            prepare: Box::new(|_| Ok(())),
            steps: Box::new(|| {
                let destination = job.destination.display().to_string();
                Ok(vec![Step::new(["find", &destination])])
            }),
            check: Box::new(|| Ok(())),
        });
    }

    fn stage_two(&mut self, options: &'a Options, places: &'a Places) {
        let job = &places.job;
        let seed = options.seed;
        // Each round begins with a source that one more file in a hundred has changed of, for ours and all peers alike.
        self.ours(
            "ours: pass, lower case, guardian, queues, seal",
            move |round| {
                job.begin()?;
                places.carry_out(job.first_copy()?)?;
                copy_whole(places, &places.source, &places.before)?;
                trees::change(&places.source, seed + u64::from(round))
            },
            || job.stage_two(),
            || {
                if !job.folder.join(worker::seal::SEAL_FILE).exists() {
                    return Err("ours did not seal".into());
                }
                require_equal(&job.source, &job.destination, true)
            },
        );
        self.peers(
            peers::STAGE_TWO,
            options,
            places,
            |_, _| copy_whole(places, &places.before, &places.peer),
            || {
                let files = total(&places.source)?.files;
                require_lower_case(&places.peer, files)
            },
        );
    }

    fn seal(&mut self, options: &'a Options, places: &'a Places) {
        let job = &places.job;
        let prepare = |round| match round {
            0 => {
                job.begin()?;
                places.carry_out(job.first_copy()?)?;
                places.carry_out(job.stage_two()?)
            }
            _ => Ok(()),
        };
        let check = || {
            if job.folder.join(worker::seal::SEAL_FILE).exists() {
                Ok(())
            } else {
                Err("ours did not seal".into())
            }
        };
        self.ours("ours, everything read again", prepare, || job.seal(), check);
        self.peers_with_whole_copy(peers::SEAL, options, places);
        self.limits_with_whole_copy(
            &[
                ("bare reading of both trees", Operation::Read),
                ("bare comparing of both trees", Operation::Compare),
            ],
            options,
            places,
        );
    }

    fn prove(&mut self, options: &'a Options, places: &'a Places) {
        let job = &places.job;
        let prepare = |_| {
            job.begin()?;
            places.carry_out(job.first_copy()?)
        };
        let check = || require_equal(&job.source, &job.destination, false);
        self.ours("ours", prepare, || job.prove(), check);
        self.limits_with_whole_copy(
            &[
                ("bare reading of both trees", Operation::Read),
                ("bare comparing of both trees", Operation::Compare),
            ],
            options,
            places,
        );
    }
}

/// A job whose destination is taken and holds nothing but the folders of every post office.
fn begin_with_names(places: &Places) -> Result<()> {
    let job = &places.job;
    job.begin()?;
    std::fs::create_dir_all(&places.source)?;
    places.carry_out(job.create_folders()?)
}

/// A whole copy for the peers to find, in place of what is there.
pub(super) fn copy_whole(places: &Places, from: &Path, to: &Path) -> Result<()> {
    remove(to)?;
    let paths = [from, to].map(|path| path.display().to_string());
    let command = ["cp", "-a"].map(str::to_owned);
    places.carry_out(vec![Step::new(command.into_iter().chain(paths))])
}
