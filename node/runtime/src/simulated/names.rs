use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path};

/// Names a file or directory for as long as anything refers to it.
pub(super) type Inode = u64;

/// The names in one directory: as they read now, and as they are on the platter.
#[derive(Default)]
pub(super) struct Names {
    pub(super) live: BTreeMap<String, Inode>,
    pub(super) durable: BTreeMap<String, Inode>,
}

/// One name that comes to stand for something else, or for nothing.
#[derive(Clone)]
pub(super) struct NameChange {
    pub(super) dir: Inode,
    pub(super) name: String,
    pub(super) target: Option<Inode>,
}

impl Names {
    pub(super) fn apply_durable(&mut self, change: &NameChange) {
        match change.target {
            Some(inode) => self.durable.insert(change.name.clone(), inode),
            None => self.durable.remove(&change.name),
        };
    }

    pub(super) fn apply_live(&mut self, change: &NameChange) {
        match change.target {
            Some(inode) => self.live.insert(change.name.clone(), inode),
            None => self.live.remove(&change.name),
        };
    }
}

/// The names on the way to `path` from the root; relative paths start there too.
pub(super) fn parts(path: &Path) -> io::Result<Vec<String>> {
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
            Component::ParentDir | Component::Prefix(_) => return Err(io::ErrorKind::InvalidInput.into()),
        }
    }
    Ok(parts)
}
