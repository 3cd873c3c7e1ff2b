use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mucura_metadata::{ETag, Rejection};

use crate::coverage::Coverage;
use crate::desk::{Ask, Desk, Failure, Got, Reply};
use crate::register::{self, Action, Operation};
use crate::trace::Trace;
use crate::value::{ValueId, Written};

/// What clients do, as they see it.
#[derive(Clone)]
pub(crate) struct History {
    inner: Arc<Mutex<Inner>>,
    pub(crate) trace: Trace,
    pub(crate) coverage: Coverage,
}

#[derive(Default)]
struct Inner {
    /// Counts starts and ends.
    clock: u64,
    written: Written,
    keys: BTreeMap<String, Vec<Operation>>,
    under_way: BTreeSet<String>,
    wrong: Vec<String>,
    counts: Counts,
}

/// How operations ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) done: u32,
    pub(crate) refused: u32,
    pub(crate) unknown: u32,
    /// Operations acknowledged that change something.
    pub(crate) changes: u32,
}

/// One operation under way: what is known of it before it is answered.
pub(crate) struct Begun {
    start: u64,
    at: Duration,
    told: String,
    kind: &'static str,
}

/// Where an operation is asked for, and by whom.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) client: &'a str,
    pub(crate) node: usize,
    pub(crate) desk: &'a Desk,
    pub(crate) limit: Duration,
}

/// Why an operation has no answer of the kind that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// The state machine said no, as it may.
    Rejected(Rejection),
    /// It was not done, for certain.
    Refused,
    /// It may have been done, or be done yet.
    Unknown,
}

impl History {
    pub(crate) fn new(trace: Trace, coverage: Coverage) -> Self {
        Self { inner: Arc::default(), trace, coverage }
    }

    /// Lets `look` at what was written, or add to it.
    pub(crate) fn written<T>(&self, look: impl FnOnce(&mut Written) -> T) -> T {
        look(&mut self.inner.lock().unwrap().written)
    }

    /// An operation begins.
    pub(crate) fn begin(&self, at: At<'_>, kind: &'static str, what: &str) -> Begun {
        let told = format!("{} at node{}: {what}", at.client, at.node + 1);
        self.event(&format!("{told} …"));
        let mut inner = self.inner.lock().unwrap();
        inner.under_way.insert(told.clone());
        Begun { start: inner.tick(), at: crate::site::elapsed(), told, kind }
    }

    /// Asks, and says what kind of answer came. `wanted` takes out what was
    /// asked for; `allowed` are rejections that are an answer too.
    pub(crate) async fn ask<T>(
        &self,
        at: At<'_>,
        begun: &Begun,
        ask: Ask,
        wanted: impl FnOnce(Reply) -> Result<T, String>,
        allowed: &[Rejection],
    ) -> Result<T, NoAnswer> {
        let outcome = match at.desk.ask(ask, at.limit).await {
            Ok(reply) => match wanted(reply) {
                Ok(wanted) => return Ok(wanted),
                Err(why) => {
                    self.wrong(format!("{}: {why}", begun.told));
                    NoAnswer::Unknown
                }
            },
            Err(Failure::Rejected(rejection)) if allowed.contains(&rejection) => {
                NoAnswer::Rejected(rejection)
            }
            Err(Failure::Rejected(rejection)) => {
                self.wrong(format!("{}: rejected: {rejection}", begun.told));
                NoAnswer::Refused
            }
            Err(Failure::Refused(why)) => {
                self.event(&format!("{} refused: {why}", begun.told));
                NoAnswer::Refused
            }
            Err(Failure::Unknown(why)) => {
                self.event(&format!("{} unknown: {why}", begun.told));
                NoAnswer::Unknown
            }
            Err(Failure::Wrong(why)) => {
                self.wrong(format!("{}: {why}", begun.told));
                NoAnswer::Unknown
            }
        };
        let mut inner = self.inner.lock().unwrap();
        match outcome {
            NoAnswer::Refused => {
                inner.counts.refused += 1;
                self.coverage.count(&format!("{} refused", begun.kind));
            }
            NoAnswer::Unknown => {
                inner.counts.unknown += 1;
                self.coverage.count(&format!("{} unknown", begun.kind));
            }
            NoAnswer::Rejected(_) => {}
        }
        drop(inner);
        Err(outcome)
    }

    /// An operation has ended, with an answer, and this is what it says of keys.
    pub(crate) fn end(&self, begun: &Begun, seen: Vec<(&str, Action)>, outcome: &str) {
        self.event(&format!("{} {outcome}", begun.told));
        let mut inner = self.inner.lock().unwrap();
        inner.under_way.remove(&begun.told);
        let end = inner.tick();
        if !seen.is_empty() {
            inner.counts.done += 1;
            self.coverage.count(begun.kind);
        }
        // What says nothing of a key is a step of an upload.
        let changes = seen.is_empty() || seen.iter().any(|(_, action)| action.is_change());
        inner.counts.changes += u32::from(changes);
        for (key, action) in seen {
            inner.note(begun, key, action, Some(end), outcome);
        }
    }

    /// An operation may have been done, or be done yet.
    pub(crate) fn leave_open(&self, begun: &Begun, key: &str, action: Action) {
        let mut inner = self.inner.lock().unwrap();
        inner.under_way.remove(&begun.told);
        inner.note(begun, key, action, None, "unknown");
    }

    /// Nothing more is to be said of an operation.
    pub(crate) fn drop_it(&self, begun: &Begun) {
        self.inner.lock().unwrap().under_way.remove(&begun.told);
    }

    /// Which value of the key was read, if bytes and tag are those of one.
    pub(crate) fn recognise(&self, key: &str, range: &Range<u64>, got: &Got) -> Result<ValueId, String> {
        let inner = self.inner.lock().unwrap();
        let value = inner.written.by_tag(key, got.tag, got.size)?;
        inner.written.verify(value, range, &got.bytes)?;
        Ok(value)
    }

    /// Which value of the key has this tag.
    pub(crate) fn by_tag(&self, key: &str, tag: ETag, size: u64) -> Result<ValueId, String> {
        self.inner.lock().unwrap().written.by_tag(key, tag, size)
    }

    /// What is said of a value: who wrote it.
    pub(crate) fn told_of(&self, tag: &str) -> String {
        let inner = self.inner.lock().unwrap();
        tag.parse().ok().and_then(|tag| inner.written.told_by_tag(tag)).unwrap_or_default()
    }

    /// Which put of a key was acknowledged last, as the end of a sentence.
    pub(crate) fn last_put(&self, key: &str) -> String {
        let inner = self.inner.lock().unwrap();
        let puts = inner.keys.get(key).into_iter().flatten().filter(|operation| operation.action.is_put());
        let last = puts.filter(|put| put.end.is_some()).max_by_key(|put| put.end);
        last.map_or_else(String::new, |put| {
            format!(", of which this put was acknowledged last: {}", put.told.trim())
        })
    }

    /// Something that no failure excuses.
    pub(crate) fn wrong(&self, what: String) {
        self.event(&format!("WRONG: {what}"));
        self.inner.lock().unwrap().wrong.push(what);
    }

    pub(crate) fn event(&self, what: &str) {
        self.trace.event(crate::site::elapsed(), what);
    }

    pub(crate) fn under_way(&self) -> String {
        let inner = self.inner.lock().unwrap();
        let all: Vec<&str> = inner.under_way.iter().map(String::as_str).collect();
        if all.is_empty() { "none".to_owned() } else { all.join("; ") }
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

    fn note(&mut self, begun: &Begun, key: &str, action: Action, end: Option<u64>, outcome: &str) {
        let Begun { start, at, told, .. } = begun;
        let until = end.map_or_else(String::new, |end| end.to_string());
        let told = format!("{:9.3} #{start}-{until} {told} {outcome}", at.as_secs_f64());
        let operation = Operation { action, start: *start, end, told };
        self.keys.entry(key.to_owned()).or_default().push(operation);
    }
}
