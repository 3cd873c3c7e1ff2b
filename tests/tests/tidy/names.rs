//! What only some crates may name: the machine, and the big dependencies, each
//! of which has one owner, so that it can be replaced in one place.

use crate::code;
use crate::tree::Tree;

/// A name and the crates (without `mucura-`) that alone may use it.
struct Owned {
    name: &'static str,
    owners: &'static [&'static str],
}

/// Dependencies with an owner. Also held as paths in the sources.
const CRATES: [Owned; 9] = [
    Owned { name: "prometheus", owners: &["telemetry"] },
    Owned { name: "reed-solomon-erasure", owners: &["chunks"] },
    Owned { name: "quinn", owners: &["mesh"] },
    Owned { name: "openraft", owners: &["consensus"] },
    Owned { name: "sled", owners: &["consensus"] },
    Owned { name: "fjall", owners: &["consensus"] },
    Owned { name: "axum", owners: &["s3", "server"] },
    Owned { name: "anyhow", owners: &["server", "cluster-tools"] },
    Owned { name: "getrandom", owners: &["runtime"] },
];

/// Paths with an owner. `cluster-tools` is a client that runs on no seam.
const PATHS: [Owned; 9] = [
    Owned { name: "std::fs", owners: &["runtime", "cluster-tools", "tests", "sim"] },
    Owned { name: "tokio::fs", owners: &["cluster-tools"] },
    Owned { name: "std::thread", owners: &["runtime", "cluster-tools", "tests", "sim"] },
    Owned { name: "spawn_blocking", owners: &["runtime"] },
    Owned { name: "block_in_place", owners: &["runtime"] },
    Owned { name: "SystemTime", owners: &["runtime", "cluster-tools", "tests"] },
    Owned { name: "std::time::Instant", owners: &["runtime", "cluster-tools", "tests"] },
    Owned { name: "SystemRandom", owners: &["runtime", "cluster-tools"] },
    Owned { name: "unbounded_channel", owners: &[] },
];

/// Crates whose result depends on their arguments alone.
const PURE: [&str; 3] = ["types", "s3-wire", "metadata"];
/// What a pure crate may not depend on.
const IMPURE_CRATES: [&str; 7] = ["tokio", "rand", "getrandom", "ring", "rustix", "tracing", "futures-util"];
/// What must not be named where one seed has to replay everything: the order
/// in which these are walked differs from run to run.
const UNORDERED: [&str; 2] = ["HashMap", "HashSet"];
const REPLAYED: [&str; 2] = ["types", "metadata"];

/// Says which manifests name a dependency that belongs to another crate.
/// Dependencies of tests are free.
pub(crate) fn manifests(tree: &Tree) -> Vec<String> {
    let mut violations = Vec::new();
    for package in &tree.packages {
        let short = short_name(&package.name);
        for dependency in package.dependencies.iter().filter(|dependency| !dependency.dev) {
            let name = dependency.name.as_str();
            if let Some(owned) = CRATES.iter().find(|owned| owned.name == name)
                && !owned.owners.contains(&short)
            {
                violations
                    .push(format!("{}/Cargo.toml: {name} belongs to {:?}", package.folder, owned.owners));
            }
            if PURE.contains(&short) && IMPURE_CRATES.contains(&name) {
                violations.push(format!("{}/Cargo.toml: a pure crate imports {name}", package.folder));
            }
        }
    }
    violations
}

/// Says which sources name a path that belongs to another crate. Comments,
/// strings and test code are not looked at.
pub(crate) fn sources(tree: &Tree) -> Vec<String> {
    let mut violations = Vec::new();
    for package in &tree.packages {
        let short = short_name(&package.name);
        let source_folder = format!("{}/src/", package.folder);
        for (path, text) in code::production_files(tree, &source_folder) {
            let paths = code::Paths::of(&text);
            let crates = CRATES.iter().map(|owned| (owned.name.replace('-', "_"), owned.owners, true));
            let others = PATHS.iter().map(|owned| (owned.name.to_owned(), owned.owners, false));
            for (name, owners, is_crate) in crates.chain(others) {
                let named = if is_crate { paths.name_crate(&name) } else { paths.name(&name) };
                if named && !owners.contains(&short) {
                    violations.push(format!("{path}: names {name}, which belongs to {owners:?}"));
                }
            }
            for name in UNORDERED.iter().filter(|_| REPLAYED.contains(&short)) {
                if paths.name(name) {
                    violations.push(format!("{path}: names {name}, whose order differs from run to run"));
                }
            }
        }
    }
    violations
}

fn short_name(name: &str) -> &str {
    name.strip_prefix("mucura-").unwrap_or(name)
}
