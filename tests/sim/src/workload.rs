use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::choices::Choices;
use crate::desk::{Ask, Desk, Reply};
use crate::history::{History, Wish};
use crate::node::{DRIVES, NODES};

const CLIENTS: usize = 5;
const KEYS: [&str; 3] = ["a", "b", "c"];
/// How long a node may work on a request.
const LIMIT: Duration = Duration::from_secs(4);
/// How long a site may take to come up, and to be whole again after all
/// faults are over.
const SETTLE: Duration = Duration::from_secs(40);

/// What the machines and the clients tell each other.
#[derive(Clone, Default)]
pub(crate) struct Stage(Arc<Mutex<Scene>>);

#[derive(Default)]
struct Scene {
    desks: [Option<Desk>; NODES],
    /// Clients work, faults happen.
    begun: bool,
    /// All faults are over.
    healed: bool,
}

impl Stage {
    pub(crate) fn open(&self, node: usize, desk: Option<Desk>) {
        self.0.lock().unwrap().desks[node] = desk;
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.0.lock().unwrap().begun
    }

    pub(crate) fn heal(&self) {
        self.0.lock().unwrap().healed = true;
    }

    fn is_healed(&self) -> bool {
        self.0.lock().unwrap().healed
    }

    fn desk(&self, node: usize) -> Option<Desk> {
        self.0.lock().unwrap().desks[node].clone()
    }
}

/// A run as the clients live it: the site comes up, they work while faults
/// happen, all faults end, and everything must be well.
pub(crate) async fn run(seed: u64, stage: Stage, history: History) -> Result<(), String> {
    set_up(&stage, &history).await?;
    history.event("the site is up");
    stage.0.lock().unwrap().begun = true;
    let clients = (0..CLIENTS).map(|number| {
        let (stage, history) = (stage.clone(), history.clone());
        tokio::spawn(client(number, Choices::new(seed, &format!("client {number}")), stage, history))
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.map_err(|error| format!("a client broke: {error}"))?;
    }
    history.event("all faults are over");
    recover(&stage, &history).await?;
    final_reads(&stage, &history).await;
    agree(&stage, &history).await
}

async fn client(number: usize, mut choices: Choices, stage: Stage, history: History) {
    let name = format!("client{}", number + 1);
    while !stage.is_healed() {
        sleep(choices.millis(0..200)).await;
        let node = choices.below(NODES);
        let key = KEYS[choices.below(KEYS.len())];
        let wish = match choices.below(20) {
            0..9 => Wish::Put { size: size(&mut choices) },
            9..17 => Wish::Get,
            _ => Wish::Delete,
        };
        if let Some(desk) = stage.desk(node) {
            history.perform(&name, (node, &desk), key, wish, LIMIT).await;
        }
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

async fn set_up(stage: &Stage, history: &History) -> Result<(), String> {
    until(history, "all nodes are started", || async {
        match (0..NODES).find(|node| stage.desk(*node).is_none()) {
            Some(node) => Err(format!("node{} is not", node + 1)),
            None => Ok(()),
        }
    })
    .await?;
    let first = stage.desk(0).ok_or("node1 went away")?;
    first.ask(Ask::Found, SETTLE).await.map_err(|failure| format!("found the site: {failure:?}"))?;
    whole(stage, history).await?;
    first.ask(Ask::Bucket, SETTLE).await.map_err(|failure| format!("make the bucket: {failure:?}"))?;
    Ok(())
}

/// Waits until every node says that all drives serve and nothing is at risk.
async fn whole(stage: &Stage, history: &History) -> Result<(), String> {
    until(history, "every node sees all drives and nothing at risk", || async {
        for node in 0..NODES {
            match ask(stage, node, Ask::Status).await? {
                Reply::Status { placed_drives, drives_up, stripes_at_risk: 0, leader: Some(_) }
                    if placed_drives == NODES * DRIVES && drives_up == NODES * DRIVES => {}
                other => return Err(format!("node{} says {other:?}", node + 1)),
            }
        }
        Ok(())
    })
    .await
}

async fn ask(stage: &Stage, node: usize, ask: Ask) -> Result<Reply, String> {
    let desk = stage.desk(node).ok_or_else(|| format!("node{} is down", node + 1))?;
    desk.ask(ask, LIMIT).await.map_err(|failure| format!("node{}: {failure:?}", node + 1))
}

/// Within a bound, every node must do everything again.
async fn recover(stage: &Stage, history: &History) -> Result<(), String> {
    let began = Instant::now();
    until(history, "every node puts and gets", || async {
        for node in 0..NODES {
            let desk = stage.desk(node).ok_or_else(|| format!("node{} is down", node + 1))?;
            let at = (node, &desk);
            let wishes = [Wish::Put { size: 100 }, Wish::Put { size: 150_000 }, Wish::Get];
            for wish in wishes {
                if !history.perform("probe", at, "probe", wish, LIMIT).await {
                    return Err(format!("node{} does not: {wish:?}", node + 1));
                }
            }
        }
        Ok(())
    })
    .await?;
    history.event(&format!("every node works again after {:.1} s", began.elapsed().as_secs_f64()));
    whole(stage, history).await?;
    history.event(&format!("the site is whole again after {:.1} s", began.elapsed().as_secs_f64()));
    Ok(())
}

/// Every key is read through every node: all must answer, and the register
/// check then says whether rightly.
async fn final_reads(stage: &Stage, history: &History) {
    for key in KEYS {
        for node in 0..NODES {
            let Some(desk) = stage.desk(node) else {
                history.wrong(format!("node{} is not there for the final reads", node + 1));
                continue;
            };
            if !history.perform("reader", (node, &desk), key, Wish::Get, LIMIT).await {
                history.wrong(format!("node{} does not answer the final read of {key}", node + 1));
            }
        }
    }
}

/// All nodes come to the same rows.
async fn agree(stage: &Stage, history: &History) -> Result<(), String> {
    until(history, "all nodes stand at one index", || async {
        let mut rows = Vec::new();
        for node in 0..NODES {
            match ask(stage, node, Ask::Rows).await? {
                Reply::Rows { index, digest } => rows.push((index, digest)),
                other => return Err(format!("node{} says {other:?}", node + 1)),
            }
        }
        if rows.iter().any(|(index, _)| *index != rows[0].0) {
            return Err(format!("{rows:?}"));
        }
        if rows.iter().any(|row| *row != rows[0]) {
            history.wrong(format!("the nodes' rows differ at one index: {rows:?}"));
        }
        Ok(())
    })
    .await
}

/// Waits for something; in vain, it says what stood in its way at last.
async fn until<F: Future<Output = Result<(), String>>>(
    history: &History,
    what: &str,
    mut holds: impl FnMut() -> F,
) -> Result<(), String> {
    let deadline = Instant::now() + SETTLE;
    while let Err(why) = holds().await {
        if Instant::now() >= deadline {
            history.event(&format!("waited in vain: {what}"));
            return Err(format!("it does not come about within {} s that {what}: {why}", SETTLE.as_secs()));
        }
        sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}
