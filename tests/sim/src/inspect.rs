//! A look at the drives themselves when all nodes have stopped: no operation of
//! a client shows whether what it has not read is there too.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mucura_chunks::{BufferPool, ChunkLayout, Drive, DriveOptions, ErasureCode, ShardName};
use mucura_runtime::{Blocking, Runtime};
use mucura_types::{ChunkId, DriveId};
use tokio::time::Instant;

use crate::history::History;
use crate::inventory::{Inventory, KnownChunk};
use crate::node::{Machine, node_id};

/// Memory for what is read.
const MEMORY: usize = 64 << 20;
/// More shards than a drive has.
const PAGE: usize = 1 << 20;
/// Time does not pass here.
const SOON: Duration = Duration::from_secs(1);

/// Holds what the drives have against what there should be.
pub(crate) fn inspect(machines: &[Machine], inventory: &Inventory, history: &History) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let inspection = Inspection { inventory, history, drives: BTreeMap::new() };
    if let Err(why) = runtime.unwrap().block_on(inspection.run(machines)) {
        history.wrong(format!("the drives cannot be inspected: {why}"));
    }
}

struct Inspection<'a> {
    inventory: &'a Inventory,
    history: &'a History,
    drives: BTreeMap<DriveId, Drive>,
}

impl Inspection<'_> {
    async fn run(mut self, machines: &[Machine]) -> Result<(), String> {
        for known in &self.inventory.drives {
            let machine = machines.iter().find(|machine| node_id(machine.number) == known.node);
            let machine = machine.ok_or_else(|| format!("drive {} is in no machine", known.id))?;
            let runtime = Runtime { blocking: Blocking::inline(), ..machine.runtime.clone() };
            let options = DriveOptions { pool: BufferPool::new(MEMORY), reserve_bytes: Some(0) };
            let drive = Drive::open(&runtime, known.path.as_ref(), known.store, options).await;
            self.drives.insert(known.id, drive.map_err(|e| format!("{}: {e}", self.place(known.id)))?);
        }
        for chunk in &self.inventory.chunks {
            self.chunk(chunk).await?;
        }
        for (id, drive) in &self.drives {
            let held = drive.list(None, PAGE).await.map_err(|e| e.to_string())?.shards;
            let wanted: BTreeSet<ShardName> =
                self.inventory.chunks.iter().flat_map(|c| shards_on(c, *id)).collect();
            for shard in held.into_iter().filter(|shard| !wanted.contains(shard)) {
                self.history
                    .wrong(format!("{} holds shard {shard}, which belongs to nothing", self.place(*id)));
            }
        }
        Ok(())
    }

    /// Every shard must be there, and any k of them must make the others.
    async fn chunk(&self, chunk: &KnownChunk) -> Result<(), String> {
        let failed = |error: mucura_chunks::ChunkError| error.to_string();
        let profile = chunk.record.profile;
        let layout = ChunkLayout::new(u64::from(chunk.record.len), profile).map_err(failed)?;
        let code = ErasureCode::new(profile).map_err(failed)?;
        let mut shards: Vec<Option<Vec<u8>>> = Vec::new();
        for (position, at) in (0u8..).zip(&chunk.at) {
            let shard = ShardName { chunk: chunk.id, position };
            let Some(drive) = at.and_then(|at| self.drives.get(&at)) else {
                self.lost(chunk.id, position, "is nowhere");
                shards.push(None);
                continue;
            };
            let mut bytes = Vec::new();
            for stripe in 0..layout.stripes() {
                let start = layout.cell_offset(stripe);
                let range = start..start + layout.cell_len(stripe) as u64;
                match drive.read(shard, range, Instant::now() + SOON).await {
                    Ok(cell) => bytes.extend_from_slice(&cell),
                    Err(error) => {
                        let place = at.map_or_else(String::new, |at| self.place(at));
                        self.lost(chunk.id, position, &format!("cannot be read from {place}: {error}"));
                        bytes.clear();
                        break;
                    }
                }
            }
            shards.push((!bytes.is_empty()).then_some(bytes));
        }
        for wanted in 0..shards.len() {
            let Some(expected) = &shards[wanted] else { continue };
            let others: Vec<(usize, &[u8])> = (0..)
                .zip(&shards)
                .filter(|(position, _)| *position != wanted)
                .filter_map(|(position, bytes)| bytes.as_deref().map(|bytes| (position, bytes)))
                .take(profile.data())
                .collect();
            // Without parity there is nothing to compare with.
            if others.len() < profile.data() {
                continue;
            }
            for stripe in 0..layout.stripes() {
                let start = usize::try_from(layout.cell_offset(stripe)).unwrap();
                let cell = start..start + layout.cell_len(stripe);
                let present: Vec<(usize, &[u8])> =
                    others.iter().map(|(position, bytes)| (*position, &bytes[cell.clone()])).collect();
                let mut made = vec![0; cell.len()];
                code.reconstruct(&present, &mut [(wanted, &mut made[..])]).map_err(failed)?;
                if made != expected[cell] {
                    let position = u8::try_from(wanted).unwrap();
                    self.lost(
                        chunk.id,
                        position,
                        "is not what the others make: a read would give other bytes",
                    );
                    break;
                }
            }
        }
        Ok(())
    }

    /// Tells in terms of what clients did.
    fn lost(&self, chunk: ChunkId, position: u8, how: &str) {
        let objects = self.inventory.objects.iter().filter(|object| object.chunks.contains(&chunk));
        let of: Vec<String> = objects
            .map(|object| match self.history.told_of(&object.tag) {
                told if told.is_empty() => object.key.clone(),
                told => format!("{} = {told}", object.key),
            })
            .collect();
        let of = if of.is_empty() { "nothing".to_owned() } else { of.join(" and ") };
        self.history.wrong(format!("{of}: the shard at position {position} of chunk {chunk} {how}"));
    }

    fn place(&self, id: DriveId) -> String {
        let known = self.inventory.drives.iter().find(|drive| drive.id == id);
        known.map_or_else(|| format!("drive {id}"), |drive| format!("node{}:{}", drive.node, drive.path))
    }
}

fn shards_on(chunk: &KnownChunk, drive: DriveId) -> impl Iterator<Item = ShardName> + '_ {
    let positions = (0u8..).zip(&chunk.at).filter(move |(_, at)| **at == Some(drive));
    positions.map(|(position, _)| ShardName { chunk: chunk.id, position })
}
