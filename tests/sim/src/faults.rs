use std::time::Duration;

use mucura_runtime::Unsynced;

use crate::choices::Choices;
use crate::node::NODES;

/// What goes wrong for a while. Never more at once than a site of three nodes
/// promises to survive, save the loss of all power, which it survives without
/// answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process of one node ends; its machine goes on.
    Kill(usize),
    /// The power of one machine.
    Power(usize, Unsynced),
    /// The power of all machines.
    PowerOfAll(Unsynced),
    /// One node can neither hear nor be heard.
    Cut(usize),
}

/// A fault and when it happens, counted from the end of the one before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned {
    pub(crate) after: Duration,
    pub(crate) lasts: Duration,
    pub(crate) fault: Fault,
}

/// Faults in one run.
const FAULTS: usize = 4;

/// The faults of a run: one after another.
pub(crate) fn plan(seed: u64) -> Vec<Planned> {
    let mut choices = Choices::new(seed, "faults");
    (0..FAULTS)
        .map(|_| {
            let node = choices.below(NODES);
            let unsynced = if choices.below(3) == 0 { Unsynced::Lost } else { Unsynced::Partly };
            let fault = match choices.below(4) {
                0 => Fault::Kill(node),
                1 => Fault::Power(node, unsynced),
                2 => Fault::PowerOfAll(unsynced),
                _ => Fault::Cut(node),
            };
            // Some are short, to strike again while the site recovers.
            Planned { after: choices.millis(100..3000), lasts: choices.millis(50..4000), fault }
        })
        .collect()
}
