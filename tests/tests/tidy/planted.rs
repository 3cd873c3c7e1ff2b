//! Each rule, broken once on purpose in a made-up tree, reports it.

use crate::tree::{Dependency, Package, Tree};
use crate::{files, layers, licences, links, names};

/// A tree that keeps every rule.
fn clean() -> Tree {
    let mut tree = Tree::default();
    for file in ["Cargo.toml", "Cargo.lock", "README.md", "chaos/README.md", "deploy/README.md"] {
        tree.put(file, "");
    }
    tree.put("docs/ARCHITECTURE.md", "See [the readme](../README.md#start), [us](https://example.org/x).\n");
    tree.put("node/store/src/lib.rs", "//! The store; std::fs is not for it.\nuse std::io;\n");
    tree.put("cluster-tools/src/main.rs", "fn main() {}\n");
    tree.put("tests/src/lib.rs", "");
    for (name, folder) in [
        ("mucura-types", "node/types"),
        ("mucura-runtime", "node/runtime"),
        ("mucura-metadata", "node/metadata"),
        ("mucura-chunks", "node/chunks"),
        ("mucura-mesh", "node/mesh"),
        ("mucura-store", "node/store"),
        ("mucura-cluster-tools", "cluster-tools"),
    ] {
        let dependencies = Vec::new();
        tree.packages.push(Package { name: name.to_owned(), folder: folder.to_owned(), dependencies });
    }
    import(&mut tree, "mucura-store", "mucura-types", false);
    import(&mut tree, "mucura-cluster-tools", "anyhow", false);
    tree.foreign.push(("bytes 1".to_owned(), Some("(MIT OR Apache-2.0) AND Unicode-3.0".to_owned())));
    tree
}

fn import(tree: &mut Tree, name: &str, dependency: &str, dev: bool) {
    let package = tree.packages.iter_mut().find(|package| package.name == name).unwrap();
    package.dependencies.push(Dependency { name: dependency.to_owned(), dev });
}

/// The clean tree keeps `rule`; after `plant` it reports exactly one
/// violation, which says `expected`.
fn breaks(rule: fn(&Tree) -> Vec<String>, plant: impl FnOnce(&mut Tree), expected: &str) {
    let mut tree = clean();
    assert_eq!(rule(&tree), Vec::<String>::new());
    plant(&mut tree);
    let violations = rule(&tree);
    assert_eq!(violations.len(), 1, "{expected}: {violations:?}");
    assert!(violations[0].contains(expected), "{expected}: {violations:?}");
}

fn source(text: &'static str) -> impl FnOnce(&mut Tree) {
    move |tree| tree.put("node/store/src/lib.rs", text)
}

#[test]
fn an_import_upwards_or_sideways_is_seen() {
    let rule = layers::imports_go_down;
    breaks(
        rule,
        |tree| import(tree, "mucura-types", "mucura-store", false),
        "mucura-types imports mucura-store",
    );
    breaks(
        rule,
        |tree| import(tree, "mucura-chunks", "mucura-mesh", false),
        "mucura-chunks imports mucura-mesh",
    );
    breaks(
        rule,
        |tree| import(tree, "mucura-chunks", "mucura-store", true),
        "mucura-chunks imports mucura-store",
    );
    let client = "mucura-cluster-tools";
    breaks(
        rule,
        |tree| import(tree, client, "mucura-store", false),
        "mucura-cluster-tools imports mucura-store",
    );
}

#[test]
fn a_crate_without_a_layer_is_seen() {
    let plant = |tree: &mut Tree| {
        let (name, folder) = ("mucura-extra".to_owned(), "node/extra".to_owned());
        tree.packages.push(Package { name, folder, dependencies: Vec::new() });
    };
    breaks(layers::imports_go_down, plant, "mucura-extra has no layer");
}

#[test]
fn a_dependency_of_another_crate_is_seen() {
    let rule = names::manifests;
    breaks(rule, |tree| import(tree, "mucura-store", "sled", false), "sled belongs to");
    breaks(rule, |tree| import(tree, "mucura-store", "anyhow", false), "anyhow belongs to");
    breaks(rule, |tree| import(tree, "mucura-metadata", "tokio", false), "a pure crate imports tokio");
    let mut tests_only = clean();
    import(&mut tests_only, "mucura-store", "sled", true);
    assert!(rule(&tests_only).is_empty());
}

#[test]
fn a_path_of_another_crate_is_seen() {
    let rule = names::sources;
    breaks(rule, source("fn f() { std::fs::read(p); }"), "names std::fs");
    breaks(rule, source("use std::fs;"), "names std::fs");
    breaks(rule, source("use std::{io, fs::{self, File}};"), "names std::fs");
    breaks(rule, source("use std :: {\n  fs as files,\n};"), "names std::fs");
    breaks(rule, source("fn f() { tokio::task::spawn_blocking(g); }"), "names spawn_blocking");
    breaks(rule, source("use std::time::{Duration, SystemTime};"), "names SystemTime");
    breaks(rule, source("fn f() { ::std::thread::spawn(g); }"), "names std::thread");
    breaks(rule, source("type D = sled::Db;"), "names sled");
    breaks(rule, source("use reed_solomon_erasure::galois_8::ReedSolomon;"), "names reed_solomon_erasure");
    breaks(rule, source("/* \" */ fn f<'a>(c: char) { c == '\"'; quinn::f() }"), "names quinn");
    breaks(rule, source("const A: &str = r#\"x\"y\"#; use axum::Router;"), "names axum");
    breaks(rule, source("#[cfg(test)] mod tests { fn f() {} }\nuse openraft::Raft;"), "names openraft");
    breaks(rule, source("#[cfg(not(test))] use openraft::Raft;"), "names openraft");
    let plant = |tree: &mut Tree| tree.put("node/metadata/src/rows.rs", "use std::collections::HashMap;");
    breaks(rule, plant, "names HashMap");
}

#[test]
fn comments_strings_and_tests_may_name_anything() {
    let harmless = [
        "// std::fs\n/* quinn::x /* sled::y */ axum::z */ fn f() {}",
        "const A: &str = \"std::fs::read \\\" sled::open\"; const B: &[u8] = br#\"quinn::x\"#;",
        "#[cfg(test)]\n#[allow(x)]\nmod tests { use std::fs; fn f() { { quinn::x() } } }",
        "#[cfg(any(test, feature = \"simulation\"))] use std::fs;",
        "fn f(sled: u8) { self.sled; crate::quinn::x(); my_sled::open(); }",
    ];
    for text in harmless {
        let mut tree = clean();
        source(text)(&mut tree);
        assert_eq!(names::sources(&tree), Vec::<String>::new(), "{text}");
    }
    let mut tree = clean();
    tree.put("node/store/src/lib.rs", "mod put;\n#[cfg(test)]\nmod model;\n");
    tree.put("node/store/src/put.rs", "#[cfg(test)]\nmod tests;\n");
    tree.put("node/store/src/model.rs", "use std::fs;");
    tree.put("node/store/src/put/tests.rs", "use std::fs;");
    assert_eq!(names::sources(&tree), Vec::<String>::new());
}

#[test]
fn a_long_file_is_seen() {
    let lines = |count: usize| move |tree: &mut Tree| tree.put("node/store/src/put.rs", &"x\n".repeat(count));
    breaks(files::too_long_files, lines(801), "801 lines");
    breaks(files::long_files, lines(501), "501 lines");
    let mut tree = clean();
    lines(800)(&mut tree);
    assert!(files::too_long_files(&tree).is_empty());
}

#[test]
fn a_stranger_at_the_top_is_seen() {
    breaks(files::top_level, |tree| tree.put("scripts/x.sh", ""), "scripts does not belong at the top");
    breaks(files::top_level, |tree| assert!(tree.paths.remove("README.md")), "README.md is missing");
    let mut tree = clean();
    tree.put(".gitignore", "");
    tree.put("clippy.toml", "");
    assert!(files::top_level(&tree).is_empty());
}

#[test]
fn a_name_that_says_nothing_is_seen() {
    breaks(files::empty_names, |tree| tree.put("node/store/src/utils.rs", ""), "utils.rs");
    breaks(files::empty_names, |tree| tree.put("node/store/src/common/put.rs", ""), "common/put.rs");
}

#[test]
fn an_unfinished_marker_is_seen() {
    for marker in [concat!("to", "do!()"), concat!("d", "bg!(x)"), concat!("// FIX", "ME later")] {
        breaks(files::markers, |tree| tree.put("node/store/src/put.rs", marker), "put.rs:1");
    }
}

#[test]
fn a_licence_off_the_list_is_seen() {
    let licensed = |licence: Option<&'static str>| {
        move |tree: &mut Tree| tree.foreign.push(("x 1".to_owned(), licence.map(str::to_owned)))
    };
    breaks(licences::all_accepted, licensed(None), "x 1 declares no licence");
    for licence in ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR ISC) AND AGPL-3.0", "MIT/ISC AND LGPL-2.1"] {
        breaks(licences::all_accepted, licensed(Some(licence)), licence);
    }
}

#[test]
fn a_link_to_nowhere_is_seen() {
    let plant = |text: &'static str| move |tree: &mut Tree| tree.put("docs/users/boto3.md", text);
    breaks(links::resolve, plant("[x](missing.md)"), "missing.md leads nowhere");
    breaks(links::resolve, plant("[x](../../../outside.md)"), "outside.md leads nowhere");
    let mut tree = clean();
    plant("[x](../ARCHITECTURE.md#a) [y](#here) `[z](code.md)`\n```\n[w](fence.md)\n```\n")(&mut tree);
    assert!(links::resolve(&tree).is_empty());
}
