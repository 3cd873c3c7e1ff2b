//! Runs a whole site, its clients and its faults included, in one thread, and
//! every choice from one seed.
//!
//! Hosts of turmoil run the real code of a node from the store down: consensus
//! over the write-ahead log, chunks, and the mesh's QUIC over simulated
//! datagrams. Disks are `runtime`'s simulated ones and lose what was not
//! synced; the metadata's working state is in memory. Clients ask a node's
//! store without S3 between. What they saw is held against a register per key.

// A harness: whatever it does not expect ends the run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod answer;
mod choices;
mod client;
mod coverage;
mod desk;
mod faults;
mod history;
mod inspect;
mod inventory;
mod monitor;
mod node;
mod planted;
mod register;
mod report;
mod seeds;
mod shape;
mod site;
mod socket;
mod stage;
mod trace;
mod value;
mod workload;

use std::process::ExitCode;

use clap::Parser;

use crate::report::Wanted;

/// Replays a site from a seed, or runs many.
///
/// Without arguments: the seeds that once failed, and as many others as a few
/// minutes hold.
#[derive(Parser)]
struct Arguments {
    /// Replays one seed with a log of what happened.
    #[arg(long)]
    seed: Option<u64>,
    /// Runs all seeds from A up to, without, B: `A..B`.
    #[arg(long, value_parser = range)]
    seeds: Option<std::ops::Range<u64>>,
    /// Runs each seed twice; both must go the same way.
    #[arg(long)]
    twice: bool,
    /// Prints the outcome only.
    #[arg(long)]
    quiet: bool,
    /// Plants a bug.
    #[arg(long)]
    bug: Option<String>,
    /// Looks for seeds that catch planted bugs: each, or the one of `--bug`.
    #[arg(long)]
    bugs: bool,
}

/// Without arguments.
const SEEDS: std::ops::Range<u64> = 1..251;
/// Within so many a planted bug must be caught.
const SEEDS_FOR_A_BUG: std::ops::Range<u64> = 1..301;

fn main() -> ExitCode {
    let Arguments { seed, seeds, twice, quiet, bug, bugs } = Arguments::parse();
    let bug = bug.as_deref();
    let well = match seed {
        Some(seed) if std::env::var_os(seeds::RANDOMNESS).is_some() => report::play(seed, quiet, bug),
        Some(seed) if !twice => report::one_aloud(seed, quiet, bug),
        Some(seed) => report::all(&Wanted { regressions: false, seeds: seed..seed + 1, twice }),
        None if bugs || bug.is_some() => report::planted_bugs(bug, &seeds.unwrap_or(SEEDS_FOR_A_BUG)),
        None => {
            let regressions = seeds.is_none();
            report::all(&Wanted { regressions, seeds: seeds.unwrap_or(SEEDS), twice })
        }
    };
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn range(text: &str) -> Result<std::ops::Range<u64>, String> {
    let (from, to) = text.split_once("..").ok_or("write it as A..B")?;
    let number = |text: &str| text.parse::<u64>().map_err(|error| error.to_string());
    Ok(number(from)?..number(to)?)
}
