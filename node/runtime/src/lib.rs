//! The seam to the machine: files and directories, blocking work, the wall
//! clock and randomness.
//!
//! Everything above takes a [`Runtime`] and reaches the machine through it
//! alone, so that a whole node can run on a simulated one: seeded, inline and
//! faulty. Time that is waited for comes from tokio, which a simulation drives
//! by itself.
//!
//! Invariant: no crate above this one names `std::fs`, threads,
//! `spawn_blocking`, `SystemTime` or the system's randomness.

mod blocking;
mod clock;
mod disk;
mod entropy;
mod real_disk;
mod simulated;

use std::sync::Arc;

pub use blocking::{Blocking, BlockingError, rest};
pub use clock::{Clock, SystemClock};
pub use disk::{DirEntry, Disk, File, OpenMode, Space, read_exact_at, read_file, replace_file};
pub use entropy::{Entropy, OsEntropy};
pub use real_disk::RealDisk;
pub use simulated::{SimClock, SimDisk, SimEntropy, SimFault, Simulated, Unsynced};

/// What a node needs of the machine it runs on.
#[derive(Clone)]
pub struct Runtime {
    /// Files and directories.
    pub disk: Arc<dyn Disk>,
    /// Blocking and CPU-heavy work.
    pub blocking: Blocking,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl Runtime {
    /// The real machine, with at most `threads` pieces of blocking work at once.
    pub fn real(threads: usize) -> Self {
        Self {
            disk: Arc::new(RealDisk),
            blocking: Blocking::threads(threads),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
        }
    }
}
