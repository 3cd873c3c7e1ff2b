//! What the rules look at: the text files, the workspace's manifests, and the
//! licences of everything that is linked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A repository as data. Paths are relative to its root, with `/`.
#[derive(Clone, Default)]
pub(crate) struct Tree {
    /// Text files: path to contents.
    pub(crate) files: BTreeMap<String, String>,
    /// Every path there is, folders and binary files included.
    pub(crate) paths: BTreeSet<String>,
    /// Our own crates.
    pub(crate) packages: Vec<Package>,
    /// Crates from elsewhere, with the licence each declares.
    pub(crate) foreign: Vec<(String, Option<String>)>,
}

/// One crate of the workspace.
#[derive(Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Folder, relative to the root.
    pub(crate) folder: String,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line of a manifest.
#[derive(Clone)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Used by tests alone.
    pub(crate) dev: bool,
}

/// Folders of tools, wherever they are.
const SKIPPED_FOLDERS: [&str; 4] = [".git", "__pycache__", "node_modules", "target"];

impl Tree {
    pub(crate) fn of_this_repository() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
        let mut tree = Self::default();
        tree.walk(&root, &root);
        tree.packages = packages(&cargo_metadata(&root, &["--no-deps"]), &root);
        tree.foreign = foreign(&cargo_metadata(&root, &["--filter-platform", &host()]));
        tree
    }

    /// Adds a text file and the folders above it.
    pub(crate) fn put(&mut self, path: &str, text: &str) {
        self.files.insert(path.to_owned(), text.to_owned());
        let mut known = Path::new(path);
        while !known.as_os_str().is_empty() {
            self.paths.insert(known.to_str().unwrap().to_owned());
            known = known.parent().unwrap();
        }
    }

    /// The files whose name ends with one of `endings`.
    pub(crate) fn files_ending<'a>(
        &'a self,
        endings: &'a [&'a str],
    ) -> impl Iterator<Item = (&'a String, &'a String)> {
        self.files.iter().filter(move |(path, _)| endings.iter().any(|ending| path.ends_with(ending)))
    }

    fn walk(&mut self, root: &Path, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let path = entry.path();
            let name = entry.file_name().into_string().unwrap();
            let relative = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                if skipped(&path, &name) {
                    continue;
                }
                self.paths.insert(relative);
                self.walk(root, &path);
            } else {
                self.paths.insert(relative.clone());
                if let Some(text) = std::fs::read(&path).ok().and_then(|bytes| String::from_utf8(bytes).ok())
                {
                    self.files.insert(relative, text);
                }
            }
        }
    }
}

/// Build output says so with `CACHEDIR.TAG`; a Python environment with
/// `pyvenv.cfg`; a demo's data lies in a dot-folder.
fn skipped(path: &Path, name: &str) -> bool {
    SKIPPED_FOLDERS.contains(&name)
        || (name.starts_with('.') && !matches!(name, ".ci" | ".cargo"))
        || path.join("CACHEDIR.TAG").exists()
        || path.join("pyvenv.cfg").exists()
}

fn cargo_metadata(root: &Path, arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(["metadata", "--offline", "--format-version", "1"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The triple of this machine: only what is linked here has been downloaded.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

fn packages(metadata: &Value, root: &Path) -> Vec<Package> {
    let described = metadata["packages"].as_array().unwrap().iter();
    described
        .map(|package| {
            let manifest = PathBuf::from(package["manifest_path"].as_str().unwrap());
            let folder = manifest.parent().unwrap().strip_prefix(root).unwrap();
            let dependencies = package["dependencies"].as_array().unwrap().iter();
            Package {
                name: package["name"].as_str().unwrap().to_owned(),
                folder: folder.to_str().unwrap().to_owned(),
                dependencies: dependencies
                    .map(|dependency| Dependency {
                        name: dependency["name"].as_str().unwrap().to_owned(),
                        dev: dependency["kind"].as_str() == Some("dev"),
                    })
                    .collect(),
            }
        })
        .collect()
}

/// Crates that are really resolved for this machine and come from a registry.
fn foreign(metadata: &Value) -> Vec<(String, Option<String>)> {
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let resolved: BTreeSet<&str> = nodes.iter().filter_map(|node| node["id"].as_str()).collect();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .filter(|package| !package["source"].is_null() && resolved.contains(package["id"].as_str().unwrap()))
        .map(|package| {
            let name =
                format!("{} {}", package["name"].as_str().unwrap(), package["version"].as_str().unwrap());
            (name, package["license"].as_str().map(str::to_owned))
        })
        .collect()
}
