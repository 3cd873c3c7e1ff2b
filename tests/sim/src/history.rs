use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;

use crate::desk::{Ask, Desk, Failure, Reply};
use crate::register::{self, Action, Operation};
use crate::trace::Trace;
use crate::value::{ValueId, Written};

/// What clients do, as they see it.
#[derive(Clone)]
pub(crate) struct History {
    inner: Arc<Mutex<Inner>>,
    pub(crate) trace: Trace,
}

#[derive(Default)]
struct Inner {
    /// Counts starts and ends.
    clock: u64,
    written: Written,
    keys: BTreeMap<String, Vec<Operation>>,
    wrong: Vec<String>,
    counts: Counts,
}

/// How operations ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) done: u32,
    pub(crate) refused: u32,
    pub(crate) unknown: u32,
}

/// What a client wants to do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wish {
    Put { size: usize },
    Get,
    Delete,
}

impl History {
    pub(crate) fn new(trace: Trace) -> Self {
        Self { inner: Arc::default(), trace }
    }

    /// Does one operation at a node, and notes what came of it; whether it was
    /// done.
    pub(crate) async fn perform(
        &self,
        client: &str,
        (node, desk): (usize, &Desk),
        key: &str,
        wish: Wish,
        limit: Duration,
    ) -> bool {
        let (start, ask, action, what) = {
            let mut inner = self.inner.lock().unwrap();
            let (ask, action, what) = inner.begin(key, wish);
            (inner.tick(), ask, action, what)
        };
        let told = format!("{client} at node{}: {what}", node + 1);
        self.event(&format!("{told} …"));
        let began = crate::site::elapsed();
        let answer = desk.ask(ask, limit).await;
        let (done, outcome) = self.inner.lock().unwrap().end(key, start, action, &told, began, answer);
        self.event(&format!("{told} {outcome}"));
        done
    }

    /// Something that no failure excuses.
    pub(crate) fn wrong(&self, what: String) {
        self.event(&format!("WRONG: {what}"));
        self.inner.lock().unwrap().wrong.push(what);
    }

    pub(crate) fn event(&self, what: &str) {
        self.trace.event(crate::site::elapsed(), what);
    }

    pub(crate) fn counts(&self) -> Counts {
        self.inner.lock().unwrap().counts
    }

    /// All that went wrong, the history of each key held against a register.
    pub(crate) fn verdict(&self) -> Vec<String> {
        let inner = self.inner.lock().unwrap();
        let mut wrong = inner.wrong.clone();
        for (key, operations) in &inner.keys {
            if let Err(why) = register::check(operations.clone()) {
                wrong.push(format!("{key} did not behave like a register: {why}"));
            }
        }
        wrong
    }
}

impl Inner {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn begin(&mut self, key: &str, wish: Wish) -> (Ask, Option<Action>, String) {
        let key_owned = key.to_owned();
        match wish {
            Wish::Put { size } => {
                let (value, body) = self.written.draw(key, size);
                let what = format!("put {key} = {} ({} bytes)", value.0, body.len());
                (Ask::Put { key: key_owned, body }, Some(Action::Put(value)), what)
            }
            Wish::Get => (Ask::Get { key: key_owned }, None, format!("get {key}")),
            Wish::Delete => {
                (Ask::Delete { key: key_owned }, Some(Action::Delete(None)), format!("delete {key}"))
            }
        }
    }

    fn end(
        &mut self,
        key: &str,
        start: u64,
        action: Option<Action>,
        told: &str,
        began: Duration,
        answer: Result<Reply, Failure>,
    ) -> (bool, String) {
        let now = self.tick();
        let (action, end, outcome) = match answer {
            Ok(Reply::Done) => (action, Some(now), "done".to_owned()),
            Ok(Reply::Deleted { existed }) => {
                (Some(Action::Delete(Some(existed))), Some(now), format!("done, existed: {existed}"))
            }
            Ok(Reply::Got(None)) => (Some(Action::Get(None)), Some(now), "nothing".into()),
            Ok(Reply::Got(Some(bytes))) => match self.recognise(key, &bytes) {
                Ok(value) => (Some(Action::Get(Some(value))), Some(now), format!("= {}", value.0)),
                Err(why) => {
                    self.wrong.push(format!("{told}: {why}"));
                    (None, None, why)
                }
            },
            Ok(other) => {
                self.wrong.push(format!("{told}: answered {other:?}"));
                (None, None, format!("{other:?}"))
            }
            Err(Failure::Refused(why)) => {
                self.counts.refused += 1;
                (None, None, format!("refused: {why}"))
            }
            Err(Failure::Unknown(why)) => {
                self.counts.unknown += 1;
                (action, None, format!("unknown: {why}"))
            }
            Err(Failure::Wrong(why)) => {
                self.wrong.push(format!("{told}: {why}"));
                (action, None, why)
            }
        };
        self.counts.done += u32::from(end.is_some());
        if let Some(action) = action {
            let told = format!("{:9.3} #{start}-{} {told} {outcome}", began.as_secs_f64(), display(end));
            self.keys.entry(key.to_owned()).or_default().push(Operation { action, start, end, told });
        }
        (end.is_some(), outcome)
    }

    fn recognise(&self, key: &str, bytes: &Bytes) -> Result<ValueId, String> {
        self.written.recognise(key, bytes)
    }
}

fn display(end: Option<u64>) -> String {
    end.map_or_else(String::new, |end| end.to_string())
}
