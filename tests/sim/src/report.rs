use std::fs;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::coverage::{Coverage, Paths, SEEDS_TO_JUDGE};
use crate::planted;
use crate::seeds::{self, Played, Run};
use crate::site::{Outcome, PANICS, simulate};
use crate::trace::Trace;

/// Seeds that once failed.
const REGRESSIONS: &str = include_str!("../../regressions/seeds.txt");

/// Runs one seed in this process and tells what came of it; whether all was
/// well.
pub(crate) fn play(seed: u64, quiet: bool, bug: Option<&str>) -> bool {
    let coverage = Coverage::default();
    tell_logs(&coverage);
    if let Some(bug) = bug
        && let Err(why) = planted::plant(bug)
    {
        println!("{why}");
        return false;
    }
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        usual(panic);
    }));
    let trace = Trace::new(!quiet);
    let Outcome { wrong, shape, plan, counts, simulated } = simulate(seed, &trace, &coverage);
    for what in &wrong {
        println!("seed {seed}: {what}");
    }
    if quiet && !wrong.is_empty() {
        let bug = bug.map_or_else(String::new, |bug| format!(" --bug {bug}"));
        println!("replay with: tests/run sim --seed {seed}{bug}");
    }
    let faults: Vec<&str> =
        plan.weather.iter().chain(plan.faults.iter().map(|f| &f.fault)).map(|fault| fault.kind()).collect();
    println!("{}", coverage.line());
    println!(
        "seed {seed}: {}; {}x{} drives; {} done, {} refused, {} unknown; {:.1} s simulated, {:.2} s of CPU; {}; {}",
        if wrong.is_empty() { "well" } else { "WRONG" },
        shape.nodes,
        shape.drives,
        counts.done,
        counts.refused,
        counts.unknown,
        simulated.as_secs_f64(),
        cpu_time("self").as_secs_f64(),
        faults.join(", "),
        trace.summary(),
    );
    wrong.is_empty()
}

/// Replays one seed in a process of its own, which tells what happens; whether
/// all was well.
pub(crate) fn one_aloud(seed: u64, quiet: bool, bug: Option<&str>) -> bool {
    let played = Run { seed, bug }.process(quiet).and_then(|mut process| process.status());
    let well = played.is_ok_and(|status| status.success());
    tell_result(u32::from(well), u32::from(!well));
    well
}

/// As test runners say it, for `tests/run` to count.
fn tell_result(passed: u32, failed: u32) {
    println!("test result: {passed} passed; {failed} failed");
}

/// What is to be run.
pub(crate) struct Wanted {
    /// First those that once failed.
    pub(crate) regressions: bool,
    pub(crate) seeds: Range<u64>,
    /// Each once more, to see that it goes the same way.
    pub(crate) twice: bool,
}

/// Runs seeds; whether all were well, and everything was met.
pub(crate) fn all(wanted: &Wanted) -> bool {
    let (mut passed, mut failed) = (0, 0);
    let coverage = Coverage::default();
    let known = if wanted.regressions { known_seeds() } else { Vec::new() };
    let seeds = known.into_iter().chain(wanted.seeds.clone());
    let judged = wanted.seeds.end.saturating_sub(wanted.seeds.start) >= SEEDS_TO_JUDGE;
    let ran = seeds::run_all(seeds.map(|seed| Run { seed, bug: None }), |played| {
        let judged = if wanted.twice { once_more(played) } else { Ok(played) };
        let (text, well) = match judged {
            Ok(Played { text, well, .. }) => (text, well),
            Err(why) => (why, false),
        };
        *if well { &mut passed } else { &mut failed } += 1;
        for line in text.lines().filter(|line| !coverage.take_in(line)) {
            println!("{line}");
        }
        true
    });
    if let Err(error) = ran {
        println!("seeds cannot be run: {error}");
        failed += 1;
    }
    let runs = passed + failed;
    println!("\n{}", coverage.table());
    let missed = coverage.missed();
    if !judged {
        println!("{runs} seeds are too few to ask whether all was met: {SEEDS_TO_JUDGE} are not");
    } else if !missed.is_empty() {
        println!("never met: {}", missed.join(", "));
        failed += 1;
    }
    println!("{:.2} s of CPU a seed", cpu_time("children").as_secs_f64() / f64::from(runs.max(1)));
    tell_result(passed, failed);
    failed == 0 && passed > 0
}

fn known_seeds() -> Vec<u64> {
    let lines = REGRESSIONS.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect()
}

fn once_more(first: Played) -> Result<Played, String> {
    if !first.well {
        return Ok(first);
    }
    let again = seeds::run(Run { seed: first.seed, bug: None }).map_err(|error| error.to_string())?;
    let way = |text: &str| text.rfind("trace ").map(|at| text[at..].to_owned());
    if way(&first.text) == way(&again.text) {
        Ok(first)
    } else {
        Err(format!("{}\n{}\nseed {} went two ways", first.text, again.text, first.seed))
    }
}

/// Looks for seeds that catch each planted bug; whether all were caught.
pub(crate) fn planted_bugs(only: Option<&str>, seeds: &Range<u64>) -> bool {
    let (mut passed, mut failed) = (0, 0);
    for bug in planted::names().into_iter().filter(|bug| only.is_none_or(|only| only == bug)) {
        let mut tried = 0;
        let mut caught = None;
        let known = planted::known_seeds(&bug);
        let runs = known.into_iter().chain(seeds.clone()).map(|seed| Run { seed, bug: Some(&bug) });
        let ran = seeds::run_all(runs, |played| {
            tried += 1;
            if !played.well {
                caught = Some(played);
            }
            caught.is_none()
        });
        match (ran, caught) {
            (Ok(()), Some(Played { seed, text, .. })) => {
                passed += 1;
                println!("{bug}: caught by seed {seed}, the {tried}. that was tried:");
                let told = text.lines().filter(|line| line.starts_with("seed") || line.starts_with(' '));
                told.take(TOLD_LINES).for_each(|line| println!("    {line}"));
            }
            (Ok(()), None) => {
                failed += 1;
                println!("{bug}: NOT CAUGHT by {tried} seeds");
            }
            (Err(error), _) => {
                failed += 1;
                println!("{bug}: seeds cannot be run: {error}");
            }
        }
    }
    tell_result(passed, failed);
    failed == 0 && passed > 0
}

/// Lines of what a caught bug led to.
const TOLD_LINES: usize = 4;

/// RUST_LOG=info tells what nodes say, with the simulation's time; what they say
/// of rare paths is counted in any case.
fn tell_logs(coverage: &Coverage) {
    let asked = std::env::var("RUST_LOG").unwrap_or_else(|_| "off".to_owned());
    let filter: Targets = asked.parse().unwrap_or_default();
    let lines = tracing_subscriber::fmt::layer().with_timer(SimulatedTime).with_ansi(false);
    let ours = Targets::new().with_target("mucura", LevelFilter::DEBUG);
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(Paths(coverage.clone()).with_filter(ours))
        .init();
}

struct SimulatedTime;

impl tracing_subscriber::fmt::time::FormatTime for SimulatedTime {
    fn format_time(&self, to: &mut tracing_subscriber::fmt::format::Writer<'_>) -> std::fmt::Result {
        write!(to, "{:9.3}", crate::site::elapsed().as_secs_f64())
    }
}

/// CPU time so far of this process, or of those that it waited for.
fn cpu_time(of: &str) -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let skip = if of == "children" { 13 } else { 11 };
    let ticks: u64 = fields.skip(skip).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
