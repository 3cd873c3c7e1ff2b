//! The simulation as `cargo test` runs it: few seeds, to be quick.

#![allow(clippy::unwrap_used)]

use std::process::Command;

fn simulate(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_mucura-sim")).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text.into_owned())
}

#[test]
fn a_site_survives_its_faults_and_a_seed_goes_the_same_way_twice() {
    let (well, text) = simulate(&["--seeds", "1..4", "--twice"]);
    assert!(well, "{text}");
    assert!(text.contains("3 passed; 0 failed"), "{text}");
}

#[test]
fn a_program_without_the_feature_has_no_bugs_planted() {
    let (well, text) = simulate(&["--seed", "1", "--bug", "StaleRead"]);
    assert!(!well && text.contains("needs the feature planted-bugs"), "{text}");
}

#[test]
fn different_seeds_go_different_ways() {
    let way = |seed| {
        let (_, text) = simulate(&["--quiet", "--seed", seed]);
        text[text.rfind("trace ").unwrap()..].to_owned()
    };
    assert_ne!(way("5"), way("6"));
}
