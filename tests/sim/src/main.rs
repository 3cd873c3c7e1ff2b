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

mod choices;
mod desk;
mod faults;
mod history;
mod node;
mod register;
mod report;
mod seeds;
mod site;
mod socket;
mod trace;
mod value;
mod workload;

use std::process::ExitCode;

use clap::Parser;

/// Replays a site from a seed, or runs many.
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
}

/// Without arguments: as many as a minute holds.
const SEEDS: std::ops::Range<u64> = 1..61;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let well = match arguments.seed {
        Some(seed) if std::env::var_os(seeds::RANDOMNESS).is_some() => report::play(seed, arguments.quiet),
        Some(seed) if !arguments.twice => report::one_aloud(seed, arguments.quiet),
        Some(seed) => report::all(seed..seed + 1, true),
        None => report::all(arguments.seeds.unwrap_or(SEEDS), arguments.twice),
    };
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn range(text: &str) -> Result<std::ops::Range<u64>, String> {
    let (from, to) = text.split_once("..").ok_or("write it as A..B")?;
    let number = |text: &str| text.parse::<u64>().map_err(|error| error.to_string());
    Ok(number(from)?..number(to)?)
}
