use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mucura_types::{DriveId, StoreId};
use tokio::time::{Instant, sleep};

use crate::choices::Choices;
use crate::client::{Client, LIMIT};
use crate::desk::{Ask, Reply, SiteState};
use crate::history::History;
use crate::inventory::Inventory;
use crate::node::{drive_dir, node_id};
use crate::shape::Shape;
use crate::stage::{Order, Stage};

const CLIENTS: usize = 5;
/// In order.
pub(crate) const KEYS: [&str; 6] = ["a", "b", "c/1", "c/2", "d", PROBE];
/// The key of the clients that only look whether all is well.
const PROBE: &str = "probe";
/// How long a site may take to come up, and to be whole again after all
/// faults are over.
const SETTLE: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// A run as the clients live it.
#[derive(Clone)]
pub(crate) struct Workload {
    pub(crate) seed: u64,
    pub(crate) shape: Shape,
    pub(crate) stage: Stage,
    pub(crate) history: History,
    /// Drives added to each machine, which its node serves from the next start.
    pub(crate) added: Vec<Arc<Mutex<Vec<PathBuf>>>>,
}

impl Workload {
    /// The site comes up, clients work while faults happen, all faults end, and
    /// everything must be well.
    pub(crate) async fn run(self) -> Result<(), String> {
        self.set_up().await?;
        self.history.event("the site is up");
        self.stage.begin();
        let clients = (0..CLIENTS).map(|number| tokio::spawn(self.clone().client(number)));
        let clients: Vec<_> = clients.collect();
        let operator = tokio::spawn(self.clone().operator());
        for client in clients {
            client.await.map_err(|error| format!("a client broke: {error}"))?;
        }
        self.history.event("all faults are over");
        let recovered = self.recover().await;
        operator.abort();
        // In any case: they tell in the clients' terms what does not work.
        self.final_reads().await;
        recovered?;
        self.agree().await?;
        self.settle().await
    }

    fn somebody(&self, name: &str) -> Client {
        Client {
            name: name.to_owned(),
            history: self.history.clone(),
            stage: self.stage.clone(),
            choices: Choices::new(self.seed, name),
        }
    }

    async fn client(self, number: usize) {
        let mut client = self.somebody(&format!("client{}", number + 1));
        let mut seen = BTreeMap::new();
        while !self.stage.is_healed() {
            let pause = client.choices.millis(0..200);
            sleep(pause).await;
            let choices = &mut client.choices;
            let node = choices.below(self.shape.nodes);
            let key = KEYS[choices.below(KEYS.len() - 1)];
            match choices.below(40) {
                0..10 => {
                    let size = size(choices);
                    client.put(node, key, size, None).await;
                }
                10..13 => {
                    let size = size(choices);
                    let pause = (choices.below(size + 1), choices.millis(200..5000));
                    client.put(node, key, size, Some(pause)).await;
                }
                13..21 => {
                    if let Some(found) = client.get(node, key, 0..u64::MAX).await {
                        seen.insert(key, found);
                    }
                }
                21..24 => {
                    let from = choices.within(0..200_000);
                    let range = from..from + 1 + choices.within(0..100_000);
                    client.get(node, key, range).await;
                }
                24..28 => client.delete(node, key).await,
                28..32 => {
                    let size = size(choices);
                    if let Some(found) = seen.get(key) {
                        client.put_if(node, key, size, *found).await;
                    }
                }
                32..34 => {
                    let to = KEYS[choices.below(KEYS.len() - 1)];
                    if let Some(Some(found)) = seen.get(key).filter(|_| to != key) {
                        client.copy(node, key, *found, to).await;
                    }
                }
                34..37 => {
                    let max = 1 + choices.below(KEYS.len());
                    client.list(node, max).await;
                }
                _ => {
                    let sizes = [1000 + choices.below(120_000), 1 + choices.below(60_000)];
                    client.put_parts(key, &sizes).await;
                }
            }
        }
    }

    async fn set_up(&self) -> Result<(), String> {
        self.until("all nodes are started", || async {
            match (0..self.shape.nodes).find(|node| self.stage.desk(*node).is_none()) {
                Some(node) => Err(format!("node{} is not", node + 1)),
                None => Ok(()),
            }
        })
        .await?;
        let first = self.stage.desk(0).ok_or("node1 went away")?;
        first.ask(Ask::Found, SETTLE).await.map_err(|failure| format!("found the site: {failure:?}"))?;
        self.until("the site is whole", || self.whole()).await?;
        first.ask(Ask::Bucket, SETTLE).await.map_err(|failure| format!("make the bucket: {failure:?}"))?;
        Ok(())
    }

    /// Whether every node says that all drives serve and nothing is at risk.
    async fn whole(&self) -> Result<(), String> {
        let drives = self.shape.nodes * self.shape.drives + self.stage.added();
        for node in 0..self.shape.nodes {
            let SiteState { placed_drives, at_risk, leader, drives: serving } = self.status(node).await?;
            if placed_drives != drives || serving.len() != drives || at_risk != 0 || leader.is_none() {
                return Err(format!(
                    "node{} says {} of {drives} drives serve, {at_risk} chunks are at risk, leader {leader:?}",
                    node + 1,
                    serving.len()
                ));
            }
        }
        Ok(())
    }

    async fn status(&self, node: usize) -> Result<SiteState, String> {
        match self.ask(node, Ask::Status).await? {
            Reply::Status(state) => Ok(state),
            other => Err(format!("node{} says {other:?}", node + 1)),
        }
    }

    async fn inventory(&self, node: usize) -> Result<Inventory, String> {
        match self.ask(node, Ask::Inventory).await? {
            Reply::Inventory(inventory) => Ok(inventory),
            other => Err(format!("node{} says {other:?}", node + 1)),
        }
    }

    async fn ask(&self, node: usize, ask: Ask) -> Result<Reply, String> {
        let desk = self.stage.desk(node).ok_or_else(|| format!("node{} is down", node + 1))?;
        desk.ask(ask, LIMIT).await.map_err(|failure| format!("node{}: {failure:?}", node + 1))
    }

    /// Carries out orders, again and again until they are done.
    async fn operator(self) {
        let mut choices = Choices::new(self.seed, "operator");
        // The drive that is to be replaced, as it was: an answer may be lost.
        let mut lost = None;
        loop {
            if let Some(order) = self.stage.next_order() {
                match self.carry_out(order, choices.below(self.shape.nodes), &mut lost).await {
                    Ok(()) => {
                        self.history.event(&format!("operator: {order:?} is done"));
                        self.stage.done(order);
                        lost = None;
                    }
                    Err(why) => self.history.event(&format!("operator: {order:?}: {why}")),
                }
            }
            sleep(LOOK).await;
        }
    }

    async fn carry_out(
        &self,
        order: Order,
        through: usize,
        lost: &mut Option<StoreId>,
    ) -> Result<(), String> {
        match order {
            Order::Scrub => self.ask(through, Ask::Scrub).await.map(|_| ()),
            Order::AwaitWhole => self.whole().await,
            Order::Add { node } => {
                let dir = drive_dir(self.shape.drives + self.stage.added());
                let known = self.inventory(through).await?.drives;
                let there = known.iter().any(|d| d.node == node_id(node) && d.path == dir.to_string_lossy());
                if !there {
                    {
                        let mut added = self.added[node].lock().unwrap();
                        if !added.contains(&dir) {
                            added.push(dir.clone());
                        }
                    }
                    self.ask(node, Ask::AddDrive { dir }).await?;
                }
                self.stage.note_added();
                Ok(())
            }
            Order::Replace { node, drive } => {
                let dir = drive_dir(drive);
                let known = self.inventory(through).await?.drives;
                let known = known.iter().find(|d| d.node == node_id(node) && d.path == dir.to_string_lossy());
                let known = known.ok_or("the site does not know the drive")?;
                if known.store != *lost.get_or_insert(known.store) {
                    return Ok(());
                }
                self.ask(through, Ask::Replace { drive: known.id, dir }).await.map(|_| ())
            }
        }
    }

    /// Within a bound, every node must do everything again.
    async fn recover(&self) -> Result<(), String> {
        let began = Instant::now();
        let probe = self.somebody("probe");
        self.until("every node puts and gets", || async {
            for node in 0..self.shape.nodes {
                for size in [100, 150_000] {
                    if !probe.put(node, PROBE, size, None).await {
                        return Err(format!("node{} does not take a put of {size} bytes", node + 1));
                    }
                }
                if probe.get(node, PROBE, 0..u64::MAX).await.is_none() {
                    return Err(format!("node{} does not answer a get", node + 1));
                }
            }
            Ok(())
        })
        .await?;
        let seconds = || began.elapsed().as_secs_f64();
        self.history.event(&format!("every node works again after {:.1} s", seconds()));
        self.until("the operator is done", || async {
            self.stage.next_order().map_or(Ok(()), |order| Err(format!("{order:?} is not")))
        })
        .await?;
        self.until("the site is whole", || self.whole()).await?;
        self.history.event(&format!("the site is whole again after {:.1} s", seconds()));
        Ok(())
    }

    /// Every key is read and listed through every node: all must answer, and
    /// the register check then says whether rightly.
    async fn final_reads(&self) {
        let reader = self.somebody("reader");
        for node in 0..self.shape.nodes {
            for key in KEYS {
                if reader.get(node, key, 0..u64::MAX).await.is_none() {
                    let held = self.history.last_put(key);
                    self.history
                        .wrong(format!("node{} does not answer the final get of {key}{held}", node + 1));
                }
            }
            reader.list(node, 4).await;
        }
    }

    /// All nodes come to the same rows.
    async fn agree(&self) -> Result<(), String> {
        self.until("all nodes stand at one index", || async {
            let mut rows = Vec::new();
            for node in 0..self.shape.nodes {
                match self.ask(node, Ask::Rows).await? {
                    Reply::Rows { index, digest } => rows.push((index, digest)),
                    other => return Err(format!("node{} says {other:?}", node + 1)),
                }
            }
            if rows.iter().any(|(index, _)| *index != rows[0].0) {
                return Err(format!("{rows:?}"));
            }
            if rows.iter().any(|row| *row != rows[0]) {
                self.history.wrong(format!("the nodes' rows differ at one index: {rows:?}"));
            }
            Ok(())
        })
        .await
    }

    /// All garbage goes, and every drive holds just what it should.
    async fn settle(&self) -> Result<(), String> {
        let began = Instant::now();
        self.until("no garbage is left, and no shard is lacking or too many", || async {
            let inventory = self.inventory(0).await?;
            if inventory.garbage > 0 || inventory.displaced() > 0 {
                let (garbage, displaced) = (inventory.garbage, inventory.displaced());
                return Err(format!(
                    "{garbage} items of garbage and {displaced} chunks with displaced shards"
                ));
            }
            let holds: BTreeMap<DriveId, u64> = self.status(0).await?.drives.into_iter().collect();
            for drive in &inventory.drives {
                let (holds, should) =
                    (holds.get(&drive.id).copied().unwrap_or(0), inventory.shards_on(drive.id));
                if holds != should {
                    let (node, path) = (drive.node, &drive.path);
                    return Err(format!("node{node}:{path} holds {holds} shards, and should {should}"));
                }
            }
            self.stage.leave(inventory);
            Ok(())
        })
        .await?;
        self.history.event(&format!("nothing is left over after {:.1} s", began.elapsed().as_secs_f64()));
        Ok(())
    }

    /// Waits for something; in vain, it says what stood in its way at last.
    async fn until<F: Future<Output = Result<(), String>>>(
        &self,
        what: &str,
        mut holds: impl FnMut() -> F,
    ) -> Result<(), String> {
        let deadline = Instant::now() + SETTLE;
        while let Err(why) = holds().await {
            if Instant::now() >= deadline {
                self.history.event(&format!("waited in vain: {what}"));
                let seconds = SETTLE.as_secs();
                return Err(format!("it does not come about within {seconds} s that {what}: {why}"));
            }
            sleep(LOOK).await;
        }
        Ok(())
    }
}

/// Some lie in the metadata, most in chunks.
fn size(choices: &mut Choices) -> usize {
    match choices.below(3) {
        0 => 20 + choices.below(8000),
        1 => 8 * 1024 + choices.below(60_000),
        _ => 100_000 + choices.below(200_000),
    }
}
