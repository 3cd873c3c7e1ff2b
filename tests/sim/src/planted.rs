//! Bugs planted in the nodes' code, to see that they are caught.

use mucura_types::{CAN_HAVE_PLANTED_BUGS, PlantedBug};

/// Seeds that caught them before.
const KNOWN: &str = include_str!("../../regressions/planted.txt");

/// What they are called.
pub(crate) fn names() -> Vec<String> {
    PlantedBug::ALL.iter().map(|bug| format!("{bug:?}")).collect()
}

/// Plants a bug in this process.
///
/// # Errors
/// There is none of the name, or this program can have none.
pub(crate) fn plant(name: &str) -> Result<(), String> {
    let Some(bug) = PlantedBug::ALL.into_iter().find(|bug| format!("{bug:?}") == name) else {
        return Err(format!("no bug is called {name}; there are: {}", names().join(", ")));
    };
    if !CAN_HAVE_PLANTED_BUGS {
        return Err(format!("{bug:?} needs the feature planted-bugs: tests/run sim builds with it"));
    }
    #[cfg(feature = "planted-bugs")]
    mucura_types::plant(bug);
    Ok(())
}

/// Seeds that caught a bug before.
pub(crate) fn known_seeds(bug: &str) -> Vec<u64> {
    let lines = KNOWN.lines().filter(|line| !line.starts_with('#'));
    let of_bug = lines.filter_map(|line| line.split_once(' ')).filter(|(name, _)| *name == bug);
    of_bug.flat_map(|(_, seeds)| seeds.split_whitespace()).filter_map(|seed| seed.parse().ok()).collect()
}
