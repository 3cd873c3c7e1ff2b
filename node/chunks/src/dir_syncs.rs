use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mucura_runtime::Disk;

/// Syncs of directories, shared: of those who wait for the same directory while
/// it is being synced, one syncs it for all.
#[derive(Default)]
pub(crate) struct DirSyncs(Mutex<HashMap<PathBuf, Arc<DirSync>>>);

#[derive(Default)]
struct DirSync {
    /// Callers so far. Each counts itself when its name is already there.
    asked: AtomicU64,
    /// How many of them the last finished sync covered. Held while syncing.
    covered: Mutex<u64>,
}

impl DirSyncs {
    /// Makes all names that are in `dir` by now survive a power cut.
    pub(crate) fn sync(&self, disk: &dyn Disk, dir: &Path) -> io::Result<()> {
        let state = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.entry(dir.to_owned()).or_default().clone()
        };
        let mine = state.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut covered = state.covered.lock().unwrap_or_else(PoisonError::into_inner);
        if *covered >= mine {
            return Ok(());
        }
        let all_now = state.asked.load(Ordering::SeqCst);
        disk.sync_dir(dir)?;
        *covered = all_now;
        Ok(())
    }
}
