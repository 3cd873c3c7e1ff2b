//! Imports go strictly down, and crates of one layer do not import each other.

use crate::tree::Tree;

/// Our crates by layer, lowest first.
const LAYERS: [&[&str]; 7] = [
    &["mucura-types", "mucura-s3-wire"],
    &["mucura-metadata", "mucura-runtime", "mucura-telemetry"],
    &["mucura-chunks", "mucura-mesh"],
    &["mucura-consensus"],
    &["mucura-store"],
    &["mucura-s3"],
    &["mucura-server"],
];

/// Crates beside the house, and all that they may import of ours.
const BESIDE: [(&str, &[&str]); 3] = [
    ("mucura-cluster-tools", &["mucura-types", "mucura-s3-wire"]),
    ("mucura-tests", &[]),
    (
        "mucura-sim",
        &[
            "mucura-types",
            "mucura-metadata",
            "mucura-runtime",
            "mucura-chunks",
            "mucura-mesh",
            "mucura-consensus",
            "mucura-store",
        ],
    ),
];

/// Says which imports do not go down. Imports for tests count too: a test that
/// needs the layer above belongs to that layer.
pub(crate) fn imports_go_down(tree: &Tree) -> Vec<String> {
    let mut violations = Vec::new();
    for package in &tree.packages {
        let ours = package.dependencies.iter().filter(|dependency| dependency.name.starts_with("mucura-"));
        let beside = BESIDE.iter().find(|(name, _)| *name == package.name);
        let layer = layer_of(&package.name);
        if beside.is_none() && layer.is_none() {
            violations.push(format!("{} has no layer: give it one in tests/tidy/layers.rs", package.name));
        }
        for dependency in ours {
            let allowed = match (beside, layer) {
                (Some((_, allowed)), _) => allowed.contains(&dependency.name.as_str()),
                (None, Some(layer)) => layer_of(&dependency.name).is_some_and(|below| below < layer),
                (None, None) => true,
            };
            if !allowed {
                violations.push(format!("{} imports {}", package.name, dependency.name));
            }
        }
    }
    violations
}

fn layer_of(name: &str) -> Option<usize> {
    LAYERS.iter().position(|crates| crates.contains(&name))
}
