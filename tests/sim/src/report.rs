use std::fs;
use std::ops::Range;
use std::sync::atomic::Ordering;

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::seeds;
use crate::site::{Outcome, PANICS, simulate};
use crate::trace::Trace;

/// Runs one seed in this process and tells what came of it; whether all was
/// well.
pub(crate) fn play(seed: u64, quiet: bool) -> bool {
    tell_logs();
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        usual(panic);
    }));
    let trace = Trace::new(!quiet);
    let Outcome { wrong, faults, counts, simulated } = simulate(seed, &trace);
    for what in &wrong {
        println!("seed {seed}: {what}");
    }
    if quiet && !wrong.is_empty() {
        println!("replay with: tests/run sim --seed {seed}");
    }
    let faults: Vec<String> = faults.iter().map(|planned| format!("{:?}", planned.fault)).collect();
    println!(
        "seed {seed}: {}; {} done, {} refused, {} unknown; {:.1} s simulated, {:.2} s of CPU; {}; {}",
        if wrong.is_empty() { "well" } else { "WRONG" },
        counts.done,
        counts.refused,
        counts.unknown,
        simulated.as_secs_f64(),
        cpu_seconds(),
        faults.join(" "),
        trace.summary(),
    );
    wrong.is_empty()
}

/// Replays one seed in a process of its own, which tells what happens; whether
/// all was well.
pub(crate) fn one_aloud(seed: u64, quiet: bool) -> bool {
    let played = seeds::process(seed, quiet).and_then(|mut process| process.status());
    let well = played.is_ok_and(|status| status.success());
    tell_result(u32::from(well), u32::from(!well));
    well
}

/// As test runners say it, for `tests/run` to count.
fn tell_result(passed: u32, failed: u32) {
    println!("test result: {passed} passed; {failed} failed");
}

/// Runs seeds one after another, each twice if asked; whether all were well.
pub(crate) fn all(seeds: Range<u64>, twice: bool) -> bool {
    let (mut passed, mut failed) = (0, 0);
    for seed in seeds {
        match one(seed, twice) {
            Ok(text) => {
                passed += 1;
                println!("{text}");
            }
            Err(text) => {
                failed += 1;
                println!("{text}");
            }
        }
    }
    tell_result(passed, failed);
    failed == 0 && passed > 0
}

fn one(seed: u64, twice: bool) -> Result<String, String> {
    let broken = |error: std::io::Error| error.to_string();
    let (text, well) = seeds::run(seed).map_err(broken)?;
    if !well {
        return Err(text);
    }
    if twice {
        let (again, _) = seeds::run(seed).map_err(broken)?;
        let way = |text: &str| text.rfind("trace ").map(|at| text[at..].to_owned());
        if way(&text) != way(&again) {
            return Err(format!("{text}\n{again}\nseed {seed} went two ways"));
        }
    }
    Ok(text)
}

/// RUST_LOG=info tells what nodes say, with the simulation's time.
fn tell_logs() {
    let asked = std::env::var("RUST_LOG").unwrap_or_default();
    let filter: Targets = asked.parse().unwrap_or_default();
    let lines = tracing_subscriber::fmt::layer().with_timer(SimulatedTime).with_ansi(false);
    tracing_subscriber::registry().with(lines.with_filter(filter)).init();
}

struct SimulatedTime;

impl tracing_subscriber::fmt::time::FormatTime for SimulatedTime {
    fn format_time(&self, to: &mut tracing_subscriber::fmt::format::Writer<'_>) -> std::fmt::Result {
        write!(to, "{:9.3}", crate::site::elapsed().as_secs_f64())
    }
}

/// CPU time of this process so far.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    ticks / 100.0
}
