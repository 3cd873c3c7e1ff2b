//! How often each fault, operation and rare path was met: a run that never met
//! one says nothing about it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer};

use crate::faults;

/// Seeds from which on a run must have met everything.
pub(crate) const SEEDS_TO_JUDGE: u64 = 60;

/// What nodes say on paths that are seldom taken, and what we call it.
const PATHS: [(&str, &str); 22] = [
    ("the leader is asked again", "command sent again"),
    ("snapshot is made", "snapshot made"),
    ("snapshot of the leader is installed", "snapshot of the leader installed"),
    ("state is restored from a snapshot", "state restored from a snapshot"),
    ("read a shard; parity stands in", "read that parity stood in for"),
    ("look up a chunk once more", "read that looked up its chunk again"),
    ("a drive did not take a shard", "drive that did not take a shard"),
    ("shard written anew elsewhere", "shard of a write rebuilt elsewhere"),
    ("shards are not where they belong", "write with shards elsewhere"),
    ("drives changed under a write; it stands", "drives changed under a write"),
    ("shard brought home", "shard brought home"),
    ("shard rebuilt", "shard rebuilt"),
    ("a shard cannot be read; it will be rebuilt", "bad shard met by a read"),
    ("scrub found damage; it will be rebuilt", "bad shard met by scrub"),
    ("damaged shard goes into quarantine", "shard put into quarantine"),
    ("leftover shard removed", "leftover shard removed"),
    ("garbage is gone", "garbage collected"),
    ("clean up after a given-up write", "given-up write cleaned up"),
    ("log goes on in a new segment", "log continued in a new segment"),
    ("drive out of service", "drive out of service"),
    ("drive fill changed", "drive fill changed"),
    ("write-ahead log is open", ""),
];
/// Said of a log whose end was torn, and what we call it.
const TORN: (&str, &str) = ("cut: Some", "torn end of a log cut");

/// Operations, and what came of them, that a run must have met.
const OPERATIONS: [&str; 20] = [
    "put",
    "put unknown",
    "put refused",
    "slow put",
    "slow put across a change of leader",
    "conditional put",
    "conditional put that found another value",
    "get",
    "get refused",
    "get of a range",
    "delete",
    "delete unknown",
    "copy",
    "list",
    "part",
    "part unknown",
    "complete",
    "complete that was repeated",
    "abort",
    "change of leader",
];

/// Counts by name. Clones count together.
#[derive(Clone, Default)]
pub(crate) struct Coverage(Arc<Mutex<BTreeMap<String, u64>>>);

impl Coverage {
    pub(crate) fn count(&self, what: &str) {
        self.add(what, 1);
    }

    pub(crate) fn add(&self, what: &str, times: u64) {
        *self.0.lock().unwrap().entry(what.to_owned()).or_default() += times;
    }

    /// All counts in one line, which [`Coverage::take_in`] reads.
    pub(crate) fn line(&self) -> String {
        let counts = self.0.lock().unwrap();
        let counts: Vec<String> = counts.iter().map(|(what, times)| format!("{what} {times}")).collect();
        format!("{MARK}{}", counts.join("; "))
    }

    /// Adds what the line of another process says; whether it was one.
    pub(crate) fn take_in(&self, line: &str) -> bool {
        let Some(counts) = line.strip_prefix(MARK) else { return false };
        for (what, times) in counts.split("; ").filter_map(|count| count.rsplit_once(' ')) {
            self.add(what, times.parse().unwrap_or(0));
        }
        true
    }

    /// What a run should have met and did not.
    pub(crate) fn missed(&self) -> Vec<String> {
        let counts = self.0.lock().unwrap();
        wanted().into_iter().filter(|what| !counts.contains_key(what)).collect()
    }

    /// A table of what was met how often.
    pub(crate) fn table(&self) -> String {
        let counts = self.0.lock().unwrap();
        let rows = wanted().into_iter().map(|what| {
            let times = counts.get(&what).copied().unwrap_or(0);
            format!("  {times:>9}  {what}\n")
        });
        format!("      times  met\n{}", rows.collect::<String>())
    }
}

const MARK: &str = "coverage: ";

fn wanted() -> Vec<String> {
    let faults = faults::KINDS.into_iter().map(|kind| format!("fault: {kind}"));
    let paths = PATHS.into_iter().map(|(_, name)| name).filter(|name| !name.is_empty());
    let rest = OPERATIONS.into_iter().chain(paths).chain([TORN.1]).map(str::to_owned);
    faults.chain(rest).collect()
}

/// Hears what nodes say, and counts the paths that it tells of.
pub(crate) struct Paths(pub(crate) Coverage);

impl<S: tracing::Subscriber> Layer<S> for Paths {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        if let Some((_, name)) = PATHS.iter().find(|(text, _)| *text == said.message) {
            match name.is_empty() {
                false => self.0.count(name),
                true if said.recovered.contains(TORN.0) => self.0.count(TORN.1),
                true => {}
            }
        }
    }
}

#[derive(Default)]
struct Said {
    message: String,
    recovered: String,
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "recovered" => self.recovered = format!("{value:?}"),
            _ => {}
        }
    }
}
