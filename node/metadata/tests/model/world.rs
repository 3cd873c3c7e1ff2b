//! A site and its model side by side.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use mucura_metadata::{Command, CompleteUpload, Envelope, GarbageItem, Reply, VersionId};
use mucura_types::{BucketId, HybridTime, Order, SessionId, WriteId};

use crate::agreement::{Found, all_garbage};
use crate::reference::{Effect, Model};
use crate::rows::Rows;
use crate::steps::Step;

pub struct World {
    pub rows: Rows,
    pub model: Model,
    /// Rises as time passes.
    base: u64,
    steps: u64,
    /// The last number that each session gave to a command.
    pub sequences: BTreeMap<SessionId, u64>,
    /// The last number of a write or an upload.
    pub counter: u64,
    pub sent: Vec<Envelope>,
    pub uploads: Vec<(BucketId, Bytes, WriteId)>,
    pub completions: Vec<CompleteUpload>,
    /// Versions that there were once.
    pub orders: Vec<Order>,
    /// All garbage that there ever was.
    pub garbage: Vec<GarbageItem>,
}

impl World {
    pub fn new(rows: Rows, model: Model) -> Self {
        Self {
            rows,
            model,
            base: 1000,
            steps: 0,
            sequences: BTreeMap::new(),
            counter: 0,
            sent: Vec::new(),
            uploads: Vec::new(),
            completions: Vec::new(),
            orders: Vec::new(),
            garbage: Vec::new(),
        }
    }

    /// Takes steps as one batch.
    pub fn take(&mut self, steps: &[Step]) {
        self.pass(3);
        let envelopes: Vec<Envelope> = steps.iter().flat_map(|step| self.envelopes(step)).collect();
        self.sent.extend(envelopes.iter().cloned());
        self.run(&envelopes);
    }

    pub fn command(&mut self, command: Command) {
        self.pass(0);
        self.run(&[Envelope::repeatable(command)]);
    }

    /// Forgets all garbage, and what becomes garbage by that.
    pub fn collect(&mut self) {
        while let Some(item) = all_garbage(&self.rows).first().copied() {
            self.command(Command::ForgetGarbage { item });
        }
    }

    /// Time passes; the wall clock jumps about, also back.
    pub fn pass(&mut self, ms: u64) {
        self.base += ms;
        self.steps += 1;
        self.model.wall = self.base + (self.steps * 37) % 101;
    }

    fn run(&mut self, envelopes: &[Envelope]) {
        let before = self.rows.clone();
        let outcomes = self.rows.run(self.model.wall, envelopes.to_vec());
        let mut effect = Effect::Nothing;
        for (envelope, outcome) in envelopes.iter().zip(&outcomes) {
            effect = effect.max(self.model.follow(envelope, outcome));
            match outcome {
                Ok(Reply::Stored { order, .. } | Reply::Completed { order, .. }) => self.orders.push(*order),
                Ok(Reply::Deleted { version: Some(VersionId::At(order)), .. }) => self.orders.push(*order),
                _ => {}
            }
        }
        if effect != Effect::Rows {
            let answers = |key: &Bytes| effect == Effect::Answer && key[0] == 0x03;
            let unchanged = |(key, value): (&Bytes, &Bytes)| answers(key) || before.0.get(key) == Some(value);
            assert!(self.rows.0.iter().all(unchanged), "rows were changed by {envelopes:?}");
            assert!(before.0.keys().all(|key| self.rows.0.contains_key(key)), "{envelopes:?} removed rows");
        }
        let found = Found::of(&self.rows, self.model.buckets.keys().cloned());
        let mut times = Vec::new();
        for item in &found.garbage {
            if !self.garbage.contains(item) {
                self.garbage.push(*item);
                times.push(item.since);
            }
        }
        let distinct: BTreeSet<HybridTime> = times.iter().copied().collect();
        assert_eq!(distinct.len(), times.len(), "a time was given twice: {times:?}");
        assert!(distinct.is_subset(&self.model.discarded), "not the times at which they went: {times:?}");
        found.check_references(&self.rows);
        found.check(&self.rows, &self.model);
    }
}
