//! A machine made of memory: deterministic, seeded, and able to fail.
//!
//! For simulations and tests. It keeps exactly what [`crate::Disk`] promises to
//! keep through a power cut and, unless told otherwise, nothing else.

mod clock;
mod contents;
mod disk;
mod entropy;
mod names;
mod state;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use clock::SimClock;
pub use disk::{SimDisk, SimFault, Unsynced};
pub use entropy::SimEntropy;

use crate::{Blocking, Runtime};

/// A simulated machine: what runs on it takes `runtime`; what drives it holds
/// the rest.
#[derive(Clone)]
pub struct Simulated {
    /// What a node takes.
    pub runtime: Runtime,
    /// The same disk, to cut its power and plant faults.
    pub disk: SimDisk,
    /// The same clock, to set it.
    pub clock: Arc<SimClock>,
}

impl Runtime {
    /// A machine in memory whose every choice follows from `seed`, with the
    /// wall clock at `now_ms`. Blocking work runs inline.
    pub fn simulated(seed: u64, now_ms: u64) -> Simulated {
        let disk = SimDisk::new(seed);
        let clock = Arc::new(SimClock::new(now_ms));
        let runtime = Runtime {
            disk: Arc::new(disk.clone()),
            blocking: Blocking::inline(),
            clock: clock.clone(),
            entropy: Arc::new(SimEntropy::new(seed ^ 0x5eed_0fe4_70b1)),
        };
        Simulated { runtime, disk, clock }
    }
}
