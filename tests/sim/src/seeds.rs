//! Runs seeds, each in a process of its own: randomness of the system can be
//! seeded only for a whole process.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// Set in a process that is to run one seed here and now.
pub(crate) const RANDOMNESS: &str = "MUCURA_SIM_RANDOMNESS";
/// Built beside this program.
const LIBRARY: &str = env!("SEEDED_RANDOMNESS");

/// One seed, perhaps with a bug planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run<'a> {
    pub(crate) seed: u64,
    pub(crate) bug: Option<&'a str>,
}

impl Run<'_> {
    /// This program again, for one seed, with randomness that follows from it.
    pub(crate) fn process(self, quiet: bool) -> std::io::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--seed").arg(self.seed.to_string()).env(RANDOMNESS, self.seed.to_string());
        if Path::new(LIBRARY).exists() {
            command.env("LD_PRELOAD", LIBRARY);
        } else {
            eprintln!("{LIBRARY} is missing: this run cannot be repeated exactly");
        }
        if quiet {
            command.arg("--quiet");
        }
        if let Some(bug) = self.bug {
            command.args(["--bug", bug]);
        }
        Ok(command)
    }

    fn begin(self) -> std::io::Result<Child> {
        self.process(true)?.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    }
}

/// What came of a run.
pub(crate) struct Played {
    pub(crate) seed: u64,
    /// What it printed.
    pub(crate) text: String,
    pub(crate) well: bool,
}

/// Runs one seed quietly.
pub(crate) fn run(run: Run<'_>) -> std::io::Result<Played> {
    end(run.seed, run.begin()?)
}

fn end(seed: u64, child: Child) -> std::io::Result<Played> {
    let Output { status, stdout, stderr } = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&stdout) + String::from_utf8_lossy(&stderr);
    Ok(Played { seed, text: text.trim_end().to_owned(), well: status.success() })
}

/// Runs seeds, as many at a time as there are processors, and hands on what
/// came of each in order for as long as `next` wants more.
pub(crate) fn run_all<'a>(
    runs: impl IntoIterator<Item = Run<'a>>,
    mut next: impl FnMut(Played) -> bool,
) -> std::io::Result<()> {
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let mut runs = runs.into_iter();
    let mut under_way = std::collections::VecDeque::new();
    loop {
        while under_way.len() < at_once
            && let Some(run) = runs.next()
        {
            under_way.push_back((run.seed, run.begin()?));
        }
        let Some((seed, child)) = under_way.pop_front() else { return Ok(()) };
        if !next(end(seed, child)?) {
            for (_, mut child) in under_way {
                child.kill()?;
                child.wait()?;
            }
            return Ok(());
        }
    }
}
