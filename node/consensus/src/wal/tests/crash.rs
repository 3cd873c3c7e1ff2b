//! Random histories, and a power cut at every operation on the disk.

use std::collections::BTreeSet;

use mucura_runtime::Runtime;
use tokio::sync::oneshot::Receiver;

use super::*;

/// What a log should hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Model {
    vote: Option<Bytes>,
    purged: Option<(u64, Bytes)>,
    first: u64,
    entries: Vec<Bytes>,
}

impl Model {
    fn next(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    async fn of(wal: &Wal) -> Self {
        let state = wal.state(GROUP);
        let found = read_all(wal).await;
        let first = state.first.unwrap_or_else(|| state.purged.as_ref().map_or(0, |(upto, _)| upto + 1));
        assert_eq!(found.len() as u64, state.last.map_or(0, |last| last + 1 - first), "holes");
        Self {
            vote: wal.vote(GROUP),
            purged: state.purged,
            first,
            entries: found.into_iter().map(|(_, bytes)| bytes).collect(),
        }
    }
}

/// The states that a log went through, and since which one it must remember.
struct History {
    states: Vec<Model>,
    acknowledged: usize,
    committed: BTreeSet<Bytes>,
    waiting: Vec<(usize, Receiver<Result<(), WalError>>)>,
}

impl History {
    fn new(start: Model) -> Self {
        Self { states: vec![start], acknowledged: 0, committed: BTreeSet::new(), waiting: Vec::new() }
    }

    fn now(&self) -> Model {
        self.states.last().unwrap().clone()
    }

    fn acknowledge_all(&mut self) {
        self.acknowledged = self.states.len() - 1;
    }

    /// Hears of the appends that nobody waited for; later ones may not be
    /// acknowledged before earlier ones.
    fn listen(&mut self) {
        let mut refused = false;
        for (state, mut wait) in self.waiting.drain(..) {
            match wait.try_recv() {
                Ok(Ok(())) => {
                    assert!(!refused, "acknowledged behind a refused one");
                    self.acknowledged = self.acknowledged.max(state);
                }
                _ => refused = true,
            }
        }
    }

    fn check(&self, found: &Model, committed: Option<Bytes>, context: &str) {
        let allowed = &self.states[self.acknowledged..];
        assert!(allowed.contains(found), "{context}: found {found:?}, allowed {allowed:?}");
        assert!(
            committed.is_none_or(|id| self.committed.contains(&id)),
            "{context}: a committed id from nowhere"
        );
    }
}

/// The choices of one history.
struct Choices(u64);

impl Choices {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Does random things until one fails.
async fn live(wal: &Wal, history: &mut History, choices: &mut Choices, steps: u64) -> Result<(), WalError> {
    for step in 0..steps {
        let mut model = history.now();
        match choices.below(10) {
            0 => {
                model.vote = Some(Bytes::from(format!("vote {step} {}", choices.below(1000))));
                let vote = model.vote.clone().unwrap();
                history.states.push(model);
                wal.save_vote(GROUP, vote).await?;
                history.acknowledge_all();
            }
            1 if !model.entries.is_empty() => {
                let count = model.entries.len() as u64;
                let keep = usize::try_from(count - 1 - choices.below(count.min(3))).unwrap();
                model.entries.truncate(keep);
                let after = model.next().checked_sub(1);
                history.states.push(model);
                wal.truncate_after(GROUP, after).await?;
                history.acknowledge_all();
            }
            2 if !model.entries.is_empty() => {
                let gone = 1 + choices.below(model.entries.len() as u64 + 2);
                let upto = model.first + gone - 1;
                model.entries.drain(..usize::try_from(gone).unwrap().min(model.entries.len()));
                model.first = upto + 1;
                model.purged = Some((upto, Bytes::from(format!("id {upto}"))));
                history.states.push(model);
                wal.purge(GROUP, upto, Bytes::from(format!("id {upto}"))).await?;
                history.acknowledge_all();
            }
            3 => {
                let id = Bytes::from(format!("committed {step}"));
                history.committed.insert(id.clone());
                wal.save_committed(GROUP, id)?;
            }
            kind => {
                let count = 1 + choices.below(4);
                let size = usize::try_from(20 + choices.below(2) * choices.below(9000)).unwrap();
                let salt = choices.below(1 << 30);
                let mut batch = Vec::new();
                for index in model.next()..model.next() + count {
                    let bytes = entry(index ^ salt, size);
                    model.entries.push(bytes.clone());
                    history.states.push(model.clone());
                    batch.push((index, bytes));
                }
                let wait = submit(wal, batch).await?;
                if kind < 8 {
                    wait.await.unwrap()?;
                    history.acknowledge_all();
                } else {
                    history.waiting.push((history.states.len() - 1, wait));
                }
            }
        }
    }
    Ok(())
}

/// One life with a power cut at the `n`th operation, then what must hold.
/// Gives whether the power cut was met before the end.
async fn cut_at(seed: u64, n: u64, unsynced: Unsynced) -> bool {
    let context = format!("seed {seed}, power cut at {n}, {unsynced:?}");
    let machine = Runtime::simulated(seed ^ n << 20, 0);
    let mut history = History::new(Model::default());
    let mut choices = Choices(seed);
    machine.disk.crash_at(n, unsynced);
    if let Ok((wal, _)) = try_open(&machine).await {
        let lived = live(&wal, &mut history, &mut choices, 40).await;
        let ended = if lived.is_ok() { wal.shutdown().await } else { lived };
        history.listen();
        if ended.is_ok() {
            return false;
        }
    }
    assert!(machine.disk.is_down(), "{context}: failed without a power cut");
    // The power goes again while the log is opened.
    for again in [choices.below(6) + 1, choices.below(3) + 1] {
        machine.disk.restart();
        machine.disk.crash_at(again, unsynced);
        drop(try_open(&machine).await);
        machine.disk.crash(unsynced);
    }
    machine.disk.restart();
    let wal = try_open(&machine).await.unwrap_or_else(|error| panic!("{context}: {error}")).0;
    let found = Model::of(&wal).await;
    history.check(&found, wal.committed(GROUP), &context);
    // It goes on from there, and what was cut does not come back.
    let mut history = History::new(found);
    history.committed.extend(wal.committed(GROUP));
    live(&wal, &mut history, &mut choices, 5).await.unwrap();
    history.listen();
    let wal = power_cut(&machine, wal).await;
    history.check(&Model::of(&wal).await, wal.committed(GROUP), &context);
    true
}

#[tokio::test]
async fn a_power_cut_at_any_operation_loses_nothing_acknowledged_and_invents_nothing() {
    for seed in 1..=4 {
        for unsynced in [Unsynced::Lost, Unsynced::Partly] {
            let mut n = 1;
            while cut_at(seed, n, unsynced).await {
                n += 1;
            }
            assert!(n > 40, "the history must be worth it, it has {n} operations");
        }
    }
}
