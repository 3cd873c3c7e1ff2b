use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mucura_runtime::{BlockingError, Runtime};
use mucura_types::GroupId;

use crate::dump::DumpError;
use crate::encoding::{self, WireSnapshotMeta};
use crate::raft_types::{LogId, SnapshotMeta};
use crate::row_digest::RowDigest;
use crate::snapshot_file::{
    Redo, SnapshotError, SnapshotItem, SnapshotReader, SnapshotWriter, list_snapshots, prune_snapshots,
    remove_unfinished_snapshots, snapshot_path,
};
use crate::state::{Applied, State};
use crate::state_store::StoreError;

/// How many snapshots are kept: if one is damaged there is another, and the
/// log reaches back to it.
const KEPT: usize = 2;
/// The names of files that came from the leader and were not installed yet.
const INCOMING: &str = "incoming-";

/// What went wrong with a snapshot.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotsError {
    /// The file.
    #[error(transparent)]
    File(#[from] SnapshotError),
    /// The store that it was to be loaded into.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The dump.
    #[error(transparent)]
    Dump(#[from] DumpError),
    /// The meta bytes in it do not parse.
    #[error("{path}: {detail}")]
    Meta { path: PathBuf, detail: String },
    /// The directory.
    #[error("snapshot directory: {0}")]
    Io(#[from] io::Error),
    /// The work did not run to its end.
    #[error(transparent)]
    Blocking(#[from] BlockingError),
}

impl SnapshotsError {
    /// Whether the file is to blame, so that another one may do.
    fn is_of_the_file(&self) -> bool {
        matches!(self, Self::File(SnapshotError::Damaged { .. }) | Self::Meta { .. })
    }
}

/// A whole snapshot on this node.
#[derive(Clone, Debug)]
pub(crate) struct StoredSnapshot {
    path: PathBuf,
    meta: SnapshotMeta,
    digest: RowDigest,
    rows: u64,
}

impl StoredSnapshot {
    /// Looks into a file that bears its name.
    pub(crate) fn open(runtime: &Runtime, path: PathBuf, group: GroupId) -> Result<Self, SnapshotsError> {
        let reader = SnapshotReader::open(&*runtime.disk, &path)?;
        let bad = |detail: String| SnapshotsError::Meta { path: path.clone(), detail };
        if reader.group() != group {
            return Err(bad(format!("it is of group {}", reader.group())));
        }
        let (meta, digest): (WireSnapshotMeta, RowDigest) =
            encoding::decode("snapshot meta", reader.meta()).map_err(|e| bad(e.to_string()))?;
        let meta = SnapshotMeta::try_from(meta).map_err(|e| bad(e.to_string()))?;
        Ok(Self { rows: reader.summary().rows, path, meta, digest })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn meta(&self) -> &SnapshotMeta {
        &self.meta
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// The last entry in it.
    pub(crate) fn index(&self) -> Option<u64> {
        self.meta.last_log_id.as_ref().map(LogId::index)
    }
}

/// The snapshots of a group on this node, and what was applied since.
pub(crate) struct Snapshots {
    pub(crate) runtime: Runtime,
    pub(crate) dir: PathBuf,
    pub(crate) group: GroupId,
    /// Newest first.
    kept: Mutex<Vec<StoredSnapshot>>,
    /// One that openraft is about to be told of.
    announced: Mutex<Option<StoredSnapshot>>,
    applied_bytes: AtomicU64,
}

impl Snapshots {
    /// Finds what is in `dir`; what is damaged at first sight is put aside. Blocks.
    pub(crate) fn open(runtime: Runtime, dir: PathBuf, group: GroupId) -> Result<Self, SnapshotsError> {
        let disk = runtime.disk.clone();
        remove_unfinished_snapshots(&*disk, &dir)?;
        for entry in disk.list(&dir)? {
            if entry.name.starts_with(INCOMING) {
                disk.remove_file(&dir.join(entry.name))?;
            }
        }
        let this = Self {
            runtime,
            dir,
            group,
            kept: Mutex::default(),
            announced: Mutex::default(),
            applied_bytes: AtomicU64::new(0),
        };
        for entry in list_snapshots(&*disk, &this.dir, group)? {
            match StoredSnapshot::open(&this.runtime, entry.path.clone(), group) {
                Ok(snapshot) => this.kept().push(snapshot),
                Err(error) if error.is_of_the_file() => this.put_aside(&entry.path, &error)?,
                Err(error) => return Err(error),
            }
        }
        this.kept().sort_by_key(|snapshot| std::cmp::Reverse(snapshot.index()));
        Ok(this)
    }

    /// The newest one.
    pub(crate) fn newest(&self) -> Option<StoredSnapshot> {
        self.kept().first().cloned()
    }

    /// The next snapshot that openraft asks for is the newest there is.
    pub(crate) fn announce(&self) {
        *self.announced.lock().unwrap_or_else(PoisonError::into_inner) = self.newest();
    }

    /// What was announced, once.
    pub(crate) fn take_announced(&self) -> Option<StoredSnapshot> {
        self.announced.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The log up to here is not needed: a kept snapshot holds it, and so does
    /// another.
    pub(crate) fn may_purge(&self) -> Option<u64> {
        self.kept().get(KEPT - 1).and_then(StoredSnapshot::index)
    }

    /// So many bytes of log were applied.
    pub(crate) fn note_applied(&self, bytes: u64) {
        self.applied_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes of log applied since the newest snapshot began.
    pub(crate) fn applied_bytes(&self) -> u64 {
        self.applied_bytes.load(Ordering::Relaxed)
    }

    /// Dumps the state while it goes on.
    pub(crate) async fn make(self: &Arc<Self>, state: &Arc<State>) -> Result<StoredSnapshot, SnapshotsError> {
        let begun_at = self.applied_bytes();
        let blocking = &self.runtime.blocking;
        let (this, dumped) = (self.clone(), state.clone());
        let begin = move || {
            let number = dumped.dump.begin();
            let path = snapshot_path(&this.dir, this.group, dumped.applied().index().unwrap_or(0));
            let file =
                SnapshotWriter::create(this.runtime.disk.clone(), &path, this.group, bytes::Bytes::new())?;
            Ok::<_, SnapshotsError>((number, path, file))
        };
        let (number, path, mut file) = blocking.run(begin).await??;
        let end: Applied = loop {
            let dumped = state.clone();
            let step = move || {
                let end = dumped.dump_step(number, &mut file);
                (end, file)
            };
            let (reached, returned) = blocking.run(step).await?;
            file = returned;
            if let Some(end) = reached? {
                break end;
            }
            // Appliers that wait come first, also where all work runs inline.
            tokio::task::yield_now().await;
        };
        let this = self.clone();
        let finish = move || {
            let meta = end.meta();
            let summary = file.finish(encoding::encode(&(WireSnapshotMeta::from(&meta), end.digest)))?;
            this.keep(StoredSnapshot { path, meta, digest: end.digest, rows: summary.rows })
        };
        let snapshot = blocking.run(finish).await??;
        self.applied_bytes.fetch_sub(begun_at, Ordering::Relaxed);
        Ok(snapshot)
    }

    /// Puts the rows of a snapshot in the place of those of the state. On an
    /// error the old ones stand. Blocks.
    pub(crate) fn load(&self, snapshot: &StoredSnapshot, state: &State) -> Result<(), SnapshotsError> {
        let reader = SnapshotReader::open(&*self.runtime.disk, &snapshot.path)?;
        let mut rows = reader.items().map(|item| {
            Ok(match item? {
                SnapshotItem::Row { key, value } | SnapshotItem::Redo(Redo::Put { key, value }) => {
                    (key, Some(value))
                }
                SnapshotItem::Redo(Redo::Delete { key }) => (key, None),
            })
        });
        state.install(&snapshot.meta, snapshot.digest, &mut rows)
    }

    /// Counts a whole file among the kept ones, under the name that its
    /// contents call for, and removes those that are too many. Blocks.
    pub(crate) fn keep(&self, mut snapshot: StoredSnapshot) -> Result<StoredSnapshot, SnapshotsError> {
        let disk = &*self.runtime.disk;
        let path = snapshot_path(&self.dir, self.group, snapshot.index().unwrap_or(0));
        if path != snapshot.path {
            disk.rename(&snapshot.path, &path)?;
            disk.sync_dir(&self.dir)?;
            snapshot.path = path;
        }
        let left = prune_snapshots(disk, &self.dir, self.group, KEPT)?;
        let mut kept = self.kept();
        kept.retain(|other| other.path != snapshot.path && left.iter().any(|entry| entry.path == other.path));
        kept.push(snapshot.clone());
        kept.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.index()));
        Ok(snapshot)
    }

    /// Brings a state that is behind the newest snapshot up to it; past
    /// damaged ones to the one before. Blocks.
    pub(crate) fn restore(&self, state: &State) -> Result<(), SnapshotsError> {
        while let Some(snapshot) = self.newest() {
            if state.applied().index() >= snapshot.index() {
                break;
            }
            match self.load(&snapshot, state) {
                Ok(()) => {
                    tracing::info!(index = snapshot.index(), "state is restored from a snapshot");
                    break;
                }
                Err(error) if error.is_of_the_file() => self.discard(&snapshot, &error)?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads the newest snapshot as a whole; if it is damaged it is put aside.
    /// Blocks.
    pub(crate) fn verify_newest(&self) -> Result<(), SnapshotsError> {
        let Some(snapshot) = self.newest() else { return Ok(()) };
        let verified = SnapshotReader::open(&*self.runtime.disk, &snapshot.path).and_then(|r| r.verify());
        match verified.map_err(SnapshotsError::from) {
            Ok(_) => Ok(()),
            Err(error) if error.is_of_the_file() => self.discard(&snapshot, &error),
            Err(error) => Err(error),
        }
    }

    /// Where a snapshot that comes from the leader is written to.
    pub(crate) fn incoming(&self, meta: &SnapshotMeta) -> PathBuf {
        let index = meta.last_log_id.as_ref().map_or(0, LogId::index);
        self.dir.join(format!("{INCOMING}{index}.snap"))
    }

    fn discard(&self, snapshot: &StoredSnapshot, why: &SnapshotsError) -> Result<(), SnapshotsError> {
        self.kept().retain(|kept| kept.path != snapshot.path);
        self.put_aside(&snapshot.path, why)
    }

    /// For people to look at; nothing here reads it again.
    fn put_aside(&self, path: &Path, why: &SnapshotsError) -> Result<(), SnapshotsError> {
        tracing::error!(path = %path.display(), error = %why, "snapshot is damaged; it is put aside");
        let mut name = path.as_os_str().to_owned();
        name.push(".damaged");
        self.runtime.disk.rename(path, Path::new(&name))?;
        self.runtime.disk.sync_dir(&self.dir)?;
        Ok(())
    }

    fn kept(&self) -> MutexGuard<'_, Vec<StoredSnapshot>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
