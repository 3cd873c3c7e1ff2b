//! Runs seeds, each in a process of its own: randomness of the system can be
//! seeded only for a whole process.

use std::path::Path;
use std::process::{Command, Output};

/// Set in a process that is to run one seed here and now.
pub(crate) const RANDOMNESS: &str = "MUCURA_SIM_RANDOMNESS";
/// Built beside this program.
const LIBRARY: &str = env!("SEEDED_RANDOMNESS");

/// This program again, for one seed, with randomness that follows from it.
pub(crate) fn process(seed: u64, quiet: bool) -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--seed").arg(seed.to_string()).env(RANDOMNESS, seed.to_string());
    if Path::new(LIBRARY).exists() {
        command.env("LD_PRELOAD", LIBRARY);
    } else {
        eprintln!("{LIBRARY} is missing: this run cannot be repeated exactly");
    }
    if quiet {
        command.arg("--quiet");
    }
    Ok(command)
}

/// Runs one seed quietly; what it printed, and whether all was well.
pub(crate) fn run(seed: u64) -> std::io::Result<(String, bool)> {
    let Output { status, stdout, stderr } = process(seed, true)?.output()?;
    let text = String::from_utf8_lossy(&stdout) + String::from_utf8_lossy(&stderr);
    Ok((text.trim_end().to_owned(), status.success()))
}
