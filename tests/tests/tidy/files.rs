//! Sizes, names and places of files, and markers that say "not finished".

use crate::tree::Tree;

/// Look for the second concept of the file.
const LONG_LINES: usize = 500;
/// Nobody reads that in one go.
const TOO_LONG_LINES: usize = 800;
/// Tables and generated text may be long.
const LONG_TABLES: [&str; 0] = [];

const SOURCES: [&str; 3] = [".rs", ".py", ".sh"];

/// What lies at the top, besides dot-files and configuration of tools.
const TOP_LEVEL: [&str; 9] =
    ["Cargo.toml", "Cargo.lock", "README.md", "node", "cluster-tools", "chaos", "deploy", "tests", "docs"];
/// Configuration that a tool looks for at the top.
const TOOL_CONFIGURATION: [&str; 4] = ["clippy.toml", "rustfmt.toml", "deny.toml", "rust-toolchain.toml"];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 6] = ["util", "utils", "helper", "helpers", "common", "misc"];

/// Says which sources are longer than is pleasant.
pub(crate) fn long_files(tree: &Tree) -> Vec<String> {
    longer_than(tree, LONG_LINES)
}

/// Says which sources are longer than allowed.
pub(crate) fn too_long_files(tree: &Tree) -> Vec<String> {
    longer_than(tree, TOO_LONG_LINES)
}

fn longer_than(tree: &Tree, limit: usize) -> Vec<String> {
    tree.files_ending(&SOURCES)
        .filter(|(path, _)| !LONG_TABLES.contains(&path.as_str()))
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > limit)
        .map(|(path, lines)| format!("{path}: {lines} lines, more than {limit}"))
        .collect()
}

/// Says what lies at the top and should not, and what is missing there.
pub(crate) fn top_level(tree: &Tree) -> Vec<String> {
    let unexpected = tree
        .paths
        .iter()
        .filter(|path| !path.contains('/') && !path.starts_with('.'))
        .filter(|path| !TOP_LEVEL.contains(&path.as_str()) && !TOOL_CONFIGURATION.contains(&path.as_str()))
        .map(|path| format!("{path} does not belong at the top"));
    let missing =
        TOP_LEVEL.iter().filter(|name| !tree.paths.contains(**name)).map(|name| format!("{name} is missing"));
    unexpected.chain(missing).collect()
}

/// Says which sources are named after no concept.
pub(crate) fn empty_names(tree: &Tree) -> Vec<String> {
    let says_nothing = |path: &str| {
        let stem = SOURCES.iter().find_map(|ending| path.strip_suffix(ending)).unwrap_or(path);
        stem.split('/').any(|part| EMPTY_NAMES.contains(&part))
    };
    tree.files_ending(&SOURCES)
        .filter(|(path, _)| says_nothing(path))
        .map(|(path, _)| format!("{path}: name it by its noun"))
        .collect()
}

/// Says which sources hold a marker of unfinished work.
pub(crate) fn markers(tree: &Tree) -> Vec<String> {
    // Put together here, so that this file does not hold them itself.
    let markers = [
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("d", "bg!("),
        concat!("FIX", "ME"),
        concat!("TO", "DO"),
        concat!("NotImplemented", "Error("),
    ];
    let mut violations = Vec::new();
    for (path, text) in tree.files_ending(&[".rs", ".py", ".sh", ".toml"]) {
        for (number, line) in text.lines().enumerate() {
            for marker in markers.iter().filter(|marker| line.contains(**marker)) {
                violations.push(format!("{path}:{}: {marker}", number + 1));
            }
        }
    }
    violations
}
