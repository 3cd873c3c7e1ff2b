//! Random histories of two groups in one log, and a power cut, or the end of
//! the process, at every operation on the disk.

use std::collections::{BTreeMap, BTreeSet};

use mucura_runtime::Runtime;
use tokio::sync::oneshot::Receiver;

use super::*;

const GROUPS: [GroupId; 2] = [GROUP, GroupId(7)];

/// What a log should hold of a group.
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

    async fn of(wal: &Wal, group: GroupId) -> Self {
        let state = wal.state(group);
        let found = wal.read(group, 0..u64::MAX, usize::MAX).await.unwrap();
        let first = state.first.unwrap_or_else(|| state.purged.as_ref().map_or(0, |(upto, _)| upto + 1));
        assert!((first..).zip(&found).all(|(index, entry)| index == entry.0), "holes");
        assert_eq!(found.len() as u64, state.last.map_or(0, |last| last + 1 - first), "holes");
        Self {
            vote: wal.vote(group),
            purged: state.purged,
            first,
            entries: found.into_iter().map(|(_, bytes)| bytes).collect(),
        }
    }
}

/// What it should hold of all: the groups share one order of writes.
type Models = BTreeMap<GroupId, Model>;

async fn models(wal: &Wal) -> Models {
    let mut models = BTreeMap::new();
    for group in GROUPS {
        models.insert(group, Model::of(wal, group).await);
    }
    models
}

fn committed(wal: &Wal) -> BTreeMap<GroupId, Bytes> {
    GROUPS.into_iter().filter_map(|group| Some((group, wal.committed(group)?))).collect()
}

/// The states that a log went through, and since which one it must remember.
struct History {
    states: Vec<Models>,
    acknowledged: usize,
    /// The ids that each group ever had; the last is the one of now.
    committed: BTreeMap<GroupId, Vec<Bytes>>,
    waiting: Vec<(usize, Receiver<Result<(), WalError>>)>,
    spares: BTreeSet<String>,
    /// How many of these became segments again, and the number of the last one.
    recycled: usize,
    segments: u64,
}

impl History {
    fn new(start: Models) -> Self {
        Self {
            states: vec![start],
            acknowledged: 0,
            committed: BTreeMap::new(),
            waiting: Vec::new(),
            spares: BTreeSet::new(),
            recycled: 0,
            segments: 0,
        }
    }

    fn now(&self) -> Models {
        self.states.last().unwrap().clone()
    }

    fn enter(&mut self, group: GroupId, model: Model) {
        let mut models = self.now();
        models.insert(group, model);
        self.states.push(models);
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

    /// The log was opened again: what it says now, it must keep.
    async fn reopened(&mut self, wal: &Wal, context: &str) {
        self.listen();
        let found = models(wal).await;
        let allowed = &self.states[self.acknowledged..];
        assert!(allowed.contains(&found), "{context}: found {found:?}, allowed {allowed:?}");
        let committed = committed(wal);
        for (group, id) in &committed {
            let known = self.committed.get(group).is_some_and(|ids| ids.contains(id));
            assert!(known, "{context}: a committed id from nowhere");
        }
        self.committed = committed.into_iter().map(|(group, id)| (group, vec![id])).collect();
        self.states = vec![found];
        self.acknowledged = 0;
    }

    /// The log was opened after an orderly stop: all is there.
    async fn reopened_in_order(&mut self, wal: &Wal, context: &str) {
        self.acknowledge_all();
        let last = |(group, ids): (&GroupId, &Vec<Bytes>)| (*group, ids.last().unwrap().clone());
        let expected: BTreeMap<_, _> = self.committed.iter().map(last).collect();
        assert_eq!(committed(wal), expected, "{context}: an orderly stop keeps the committed ids");
        self.reopened(wal, context).await;
    }

    /// Notes which segments and spares there are.
    fn watch(&mut self, machine: &Simulated) {
        let spares: BTreeSet<String> = files(machine, ".free").into_iter().collect();
        self.recycled += self.spares.difference(&spares).count();
        self.spares = spares;
        let last = files(machine, ".wal").pop();
        self.segments = last.map_or(0, |name| name.split('.').next().unwrap().parse().unwrap());
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

/// Does random things until one fails; gives the log as it was opened last.
async fn live(
    machine: &Simulated,
    mut wal: Wal,
    history: &mut History,
    choices: &mut Choices,
    steps: u64,
) -> Result<Wal, WalError> {
    for step in 0..steps {
        if !machine.disk.is_down() {
            history.watch(machine);
        }
        let group = GROUPS[usize::from(choices.below(3) == 0)];
        let mut model = history.now().remove(&group).unwrap();
        match choices.below(24) {
            0..2 => {
                model.vote = Some(Bytes::from(format!("vote {step} {}", choices.below(1000))));
                let vote = model.vote.clone().unwrap();
                history.enter(group, model);
                wal.save_vote(group, vote).await?;
                history.acknowledge_all();
            }
            2..4 if !model.entries.is_empty() => {
                let count = model.entries.len() as u64;
                let keep = usize::try_from(count - 1 - choices.below(count.min(3))).unwrap();
                model.entries.truncate(keep);
                let after = model.next().checked_sub(1);
                history.enter(group, model);
                wal.truncate_after(group, after).await?;
                history.acknowledge_all();
            }
            4..9 if !model.entries.is_empty() => {
                let gone = 1 + choices.below(model.entries.len() as u64 + 2);
                let upto = model.first + gone - 1;
                model.entries.drain(..usize::try_from(gone).unwrap().min(model.entries.len()));
                model.first = upto + 1;
                model.purged = Some((upto, Bytes::from(format!("id {upto}"))));
                history.enter(group, model);
                wal.purge(group, upto, Bytes::from(format!("id {upto}"))).await?;
                history.acknowledge_all();
            }
            9..11 => {
                let id = Bytes::from(format!("committed {step} {}", choices.below(1000)));
                history.committed.entry(group).or_default().push(id.clone());
                wal.save_committed(group, id)?;
            }
            11 => {
                wal.shutdown().await?;
                drop(wal);
                wal = try_open(machine).await?.0;
                history.reopened_in_order(&wal, "after an orderly stop").await;
            }
            12 => {
                machine.disk.kill();
                drop(wal);
                wal = try_open(machine).await?.0;
                history.reopened(&wal, "after a kill").await;
            }
            kind => {
                let count = 1 + choices.below(4);
                let size = usize::try_from(20 + choices.below(2) * choices.below(9000)).unwrap();
                let salt = choices.below(1 << 30);
                let mut batch = Vec::new();
                for index in model.next()..model.next() + count {
                    let bytes = entry(index ^ salt, size);
                    model.entries.push(bytes.clone());
                    history.enter(group, model.clone());
                    batch.push((index, bytes));
                }
                let (done, wait) = oneshot::channel();
                wal.append(group, batch, Box::new(move |result| done.send(result).unwrap_or(()))).await?;
                if kind < 20 {
                    wait.await.unwrap()?;
                    history.acknowledge_all();
                } else {
                    history.waiting.push((history.states.len() - 1, wait));
                }
            }
        }
    }
    Ok(wal)
}

/// One life with a power cut at the `n`th operation, then what must hold. Gives
/// its history if it came to its end before.
async fn cut_at(seed: u64, n: u64, unsynced: Unsynced) -> Option<History> {
    let context = format!("seed {seed}, power cut at {n}, {unsynced:?}");
    let machine = Runtime::simulated(seed ^ n << 20, 0);
    let nothing = GROUPS.into_iter().map(|group| (group, Model::default())).collect();
    let mut history = History::new(nothing);
    let mut choices = Choices(seed);
    machine.disk.crash_at(n, unsynced);
    if let Ok((wal, _)) = try_open(&machine).await
        && let Ok(wal) = live(&machine, wal, &mut history, &mut choices, 50).await
        && wal.shutdown().await.is_ok()
    {
        drop(wal);
        machine.disk.crash(Unsynced::Lost);
        machine.disk.restart();
        history.reopened_in_order(&open(&machine).await, &context).await;
        return Some(history);
    }
    assert!(machine.disk.is_down(), "{context}: failed without a power cut");
    // Does the power go again once the log is opened, or while it is, or not?
    let unsynced = if unsynced == Unsynced::Kept { Unsynced::Lost } else { unsynced };
    match choices.below(3) {
        0 => {}
        1 => {
            machine.disk.restart();
            history.reopened(&open(&machine).await, &context).await;
            machine.disk.crash(unsynced);
        }
        _ => {
            for again in [choices.below(10) + 1, choices.below(4) + 1] {
                machine.disk.restart();
                machine.disk.crash_at(again, unsynced);
                drop(try_open(&machine).await);
                machine.disk.crash(unsynced);
            }
        }
    }
    machine.disk.restart();
    let wal = try_open(&machine).await.unwrap_or_else(|error| panic!("{context}: {error}")).0;
    history.reopened(&wal, &context).await;
    // It goes on from there, and what was cut does not come back.
    let wal = live(&machine, wal, &mut history, &mut choices, 5).await.unwrap();
    let wal = power_cut(&machine, wal).await;
    history.reopened(&wal, &context).await;
    None
}

#[tokio::test]
async fn a_power_cut_at_any_operation_loses_nothing_acknowledged_and_invents_nothing() {
    // Histories in which the log rolls and takes old segments for new ones.
    let (mut seed, mut done) = (0, 0);
    while done < 2 {
        seed += 1;
        let whole = cut_at(seed, u64::MAX, Unsynced::Lost).await.unwrap();
        if whole.segments < 4 || whole.recycled == 0 {
            continue;
        }
        for unsynced in [Unsynced::Lost, Unsynced::Partly, Unsynced::Kept] {
            let mut n = 1;
            while cut_at(seed, n, unsynced).await.is_none() {
                n += 1;
            }
            assert!(n > 100, "the history must be worth it, it has {n} operations");
        }
        done += 1;
    }
    assert!(seed < 40, "most histories must be worth it");
}
