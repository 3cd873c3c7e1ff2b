use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::contents::Contents;
use super::disk::{SimFault, Unsynced};
use super::entropy::Stream;
use super::names::{Inode, NameChange, Names, parts};

const ROOT: Inode = 1;

pub(super) enum Node {
    File(Contents),
    Dir(Names),
}

/// All of a simulated disk.
pub(super) struct State {
    nodes: BTreeMap<Inode, Node>,
    next_inode: Inode,
    /// Changes of names that no directory sync has covered, in order. Each
    /// inner list happens as one, as a rename does on a journaled file system.
    renames: Vec<Vec<NameChange>>,
    /// Open handles by inode, so that a removed file lives while it is open.
    pub(super) handles: BTreeMap<Inode, usize>,
    pub(super) locks: BTreeSet<PathBuf>,
    pub(super) faults: Vec<(PathBuf, SimFault)>,
    pub(super) capacity: u64,
    pub(super) used: u64,
    /// Names taken away since the last sweep.
    removed: usize,
    /// Counts crashes and kills: a handle of an earlier life is dead.
    pub(super) life: u64,
    boots: u64,
    seed: u64,
    pub(super) down: bool,
    pub(super) operations: u64,
    pub(super) crash_at: Option<(u64, Unsynced)>,
    pub(super) crash_at_sync: Option<(PathBuf, Unsynced)>,
    stream: Stream,
}

impl State {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            nodes: BTreeMap::from([(ROOT, Node::Dir(Names::default()))]),
            next_inode: ROOT + 1,
            renames: Vec::new(),
            handles: BTreeMap::new(),
            locks: BTreeSet::new(),
            faults: Vec::new(),
            capacity: u64::MAX,
            used: 0,
            removed: 0,
            life: 0,
            boots: 0,
            seed,
            down: false,
            operations: 0,
            crash_at: None,
            crash_at_sync: None,
            stream: Stream::new(seed),
        }
    }

    pub(super) fn boot_id(&self) -> String {
        format!("sim-{:016x}-{}", self.seed, self.boots)
    }

    /// Fails while the power is off.
    pub(super) fn up(&self) -> io::Result<()> {
        if self.down { Err(io::Error::other("the simulated machine is down")) } else { Ok(()) }
    }

    /// Fails for what was opened before a crash.
    pub(super) fn alive(&self, life: u64) -> io::Result<()> {
        if self.life == life { Ok(()) } else { Err(io::Error::other("the file was opened before the crash")) }
    }

    /// Fails where a fault was planted.
    pub(super) fn check(&self, path: &Path, fault: SimFault) -> io::Result<()> {
        if self.faults.iter().any(|(at, what)| *what == fault && path.starts_with(at)) {
            let code = if fault == SimFault::Full { 28 } else { 5 }; // ENOSPC, EIO
            return Err(io::Error::from_raw_os_error(code));
        }
        Ok(())
    }

    /// Counts an operation that changes the disk and says whether the power
    /// goes at it: it has then happened as far as an unsynced one does.
    pub(super) fn count(&mut self) -> bool {
        self.operations += 1;
        self.crash_at.is_some_and(|(at, _)| self.operations >= at)
    }

    /// Whether the power goes at the sync of a file.
    pub(super) fn counts_sync(&self, path: &Path, file: Inode) -> bool {
        let meant = self.crash_at_sync.as_ref().is_some_and(|(below, _)| path.starts_with(below));
        meant && matches!(self.nodes.get(&file), Some(Node::File(contents)) if contents.can_tear())
    }

    /// Carries out a planned crash, and is the error of the operation it met.
    pub(super) fn crash_now(&mut self) -> io::Error {
        let at = self.crash_at.take().map(|(_, unsynced)| unsynced);
        let at_sync = self.crash_at_sync.take().map(|(_, unsynced)| unsynced);
        let unsynced = at.or(at_sync).unwrap_or(Unsynced::Lost);
        self.crash(unsynced);
        io::Error::other("the power went")
    }

    pub(super) fn names(&self, dir: Inode) -> io::Result<&Names> {
        match self.nodes.get(&dir) {
            Some(Node::Dir(names)) => Ok(names),
            Some(Node::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn contents(&mut self, file: Inode) -> io::Result<&mut Contents> {
        match self.nodes.get_mut(&file) {
            Some(Node::File(contents)) => Ok(contents),
            Some(Node::Dir(_)) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    #[cfg(test)]
    pub(super) fn inodes(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn is_dir(&self, inode: Inode) -> bool {
        matches!(self.nodes.get(&inode), Some(Node::Dir(_)))
    }

    fn walk(&self, parts: &[String]) -> io::Result<Inode> {
        parts.iter().try_fold(ROOT, |dir, name| {
            self.names(dir)?.live.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
        })
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<Inode> {
        self.walk(&parts(path)?)
    }

    /// The directory that holds `path`, and its name in there.
    pub(super) fn place(&self, path: &Path) -> io::Result<(Inode, String)> {
        let mut parts = parts(path)?;
        let name = parts.pop().ok_or(io::ErrorKind::InvalidInput)?;
        let dir = self.walk(&parts)?;
        self.names(dir)?;
        Ok((dir, name))
    }

    pub(super) fn make(&mut self, dir: Inode, name: String, is_dir: bool) -> Inode {
        let inode = self.next_inode;
        self.next_inode += 1;
        let node = if is_dir { Node::Dir(Names::default()) } else { Node::File(Contents::default()) };
        self.nodes.insert(inode, node);
        self.change_names(vec![NameChange { dir, name, target: Some(inode) }]);
        inode
    }

    /// Carries out changes of names as one; lost at a crash until synced.
    pub(super) fn change_names(&mut self, changes: Vec<NameChange>) {
        for change in &changes {
            if let Some(Node::Dir(names)) = self.nodes.get_mut(&change.dir) {
                let before = names.live.get(&change.name).copied();
                self.removed += usize::from(before.is_some());
                names.apply_live(change);
                let replaced = before.filter(|inode| Some(*inode) != change.target);
                let moved = replaced.is_some_and(|inode| changes.iter().any(|c| c.target == Some(inode)));
                if let (Some(Node::File(contents)), false) =
                    (replaced.and_then(|inode| self.nodes.get(&inode)), moved)
                {
                    self.used = self.used.saturating_sub(contents.live.len() as u64);
                }
            }
        }
        self.renames.push(changes);
    }

    pub(super) fn sync_names(&mut self, dir: Inode) {
        let mut waiting = Vec::new();
        for mut changes in std::mem::take(&mut self.renames) {
            // A move out of this directory brings its new name along: nothing
            // may vanish. A move into it may leave the old name behind.
            let leaves = changes.iter().any(|c| c.dir == dir && c.target.is_none());
            for change in changes.extract_if(.., |c| leaves || c.dir == dir) {
                if let Some(Node::Dir(names)) = self.nodes.get_mut(&change.dir) {
                    names.apply_durable(&change);
                }
            }
            if !changes.is_empty() {
                waiting.push(changes);
            }
        }
        self.renames = waiting;
        // A sweep looks at every file: only when enough may have gone.
        if self.removed > 32 + self.nodes.len() / 4 {
            self.sweep();
        }
    }

    /// The process dies; the machine goes on.
    pub(super) fn kill(&mut self) {
        self.life += 1;
        self.handles.clear();
        self.locks.clear();
        self.sweep();
    }

    /// The power goes.
    pub(super) fn crash(&mut self, unsynced: Unsynced) {
        self.down = true;
        self.crash_at = None;
        self.crash_at_sync = None;
        if unsynced == Unsynced::Kept {
            return self.kill();
        }
        self.boots += 1;
        for changes in std::mem::take(&mut self.renames) {
            if unsynced == Unsynced::Partly && self.stream.coin() {
                for change in &changes {
                    if let Some(Node::Dir(names)) = self.nodes.get_mut(&change.dir) {
                        names.apply_durable(change);
                    }
                }
            }
        }
        for node in self.nodes.values_mut() {
            match node {
                Node::Dir(names) => names.live.clone_from(&names.durable),
                Node::File(contents) if unsynced == Unsynced::Partly => {
                    contents.lose_partly(&mut self.stream)
                }
                Node::File(contents) => contents.lose(),
            }
        }
        self.kill();
        self.used = self
            .nodes
            .values()
            .map(|node| match node {
                Node::File(contents) => contents.live.len() as u64,
                Node::Dir(_) => 0,
            })
            .sum();
    }

    /// Forgets what no name, handle or possible crash can bring back.
    fn sweep(&mut self) {
        self.removed = 0;
        let mut reached: BTreeSet<Inode> = self.handles.keys().copied().collect();
        let mut next = vec![ROOT];
        next.extend(self.renames.iter().flatten().filter_map(|change| change.target));
        while let Some(inode) = next.pop() {
            if !reached.insert(inode) && !self.is_dir(inode) {
                continue;
            }
            if let Some(Node::Dir(names)) = self.nodes.get(&inode) {
                let below = names.live.values().chain(names.durable.values());
                next.extend(below.filter(|inode| !reached.contains(inode)));
            }
        }
        self.nodes.retain(|inode, _| reached.contains(inode));
    }
}
