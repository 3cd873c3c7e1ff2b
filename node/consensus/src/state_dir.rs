use std::io;
use std::path::PathBuf;

use mucura_runtime::{OpenMode, Runtime};
use mucura_types::GroupId;

use crate::boot_mark;
use crate::buffered_store::BufferedStore;
use crate::config::StoreKind;
use crate::memory_store::MemoryStore;
use crate::sled_store::SledStore;
use crate::state::State;
use crate::state_store::StoreError;

/// The directory of the state store: which store in it may be used, and the
/// mark that says so. Calls block.
#[derive(Clone)]
pub(crate) struct StateDir {
    pub(crate) runtime: Runtime,
    pub(crate) dir: PathBuf,
    pub(crate) group: GroupId,
    pub(crate) kind: StoreKind,
    pub(crate) boot: String,
}

impl StateDir {
    /// Opens the store that is there if it may be used and `discard` does not
    /// say otherwise, else an empty one. A store that cannot be opened is
    /// thrown away.
    ///
    /// # Errors
    /// The directory cannot be written, or not even an empty store opens.
    pub(crate) fn open(&self, discard: bool) -> io::Result<State> {
        let StoreKind::Sled { cache_bytes } = self.kind else {
            return State::open(Box::new(BufferedStore::new(MemoryStore::default())))
                .map_err(io::Error::other);
        };
        let disk = &*self.runtime.disk;
        disk.create_dir_all(&self.dir)?;
        let usable = !discard && boot_mark::may_be_used(disk, &self.mark(), &self.boot);
        let old = self.stores()?;
        // Nothing but a clean end may make this mark say that the store is whole.
        boot_mark::write(disk, &self.mark(), &self.boot, false)?;
        let open = |number: u64| {
            let store = SledStore::open(&self.store(number), self.group, cache_bytes)?;
            State::open(Box::new(BufferedStore::new(store)))
        };
        if let (true, [number]) = (usable, &old[..]) {
            match open(*number) {
                Ok(state) => return Ok(state),
                Err(error) => tracing::error!(%error, "state store does not open; it is rebuilt"),
            }
        } else if !old.is_empty() {
            tracing::warn!(discard, "state store of an unclean stop is thrown away and rebuilt");
        }
        // A new name: the old store may still be open in a read that hangs.
        let number = old.last().map_or(0, |last| last + 1);
        for old in old {
            disk.remove_dir_all(&self.store(old))?;
        }
        disk.sync_dir(&self.dir)?;
        open(number).map_err(io::Error::other)
    }

    /// Ends the use of the store so that it may be used after the next start,
    /// whatever happens to the machine meanwhile.
    ///
    /// # Errors
    /// It may not: it will be rebuilt.
    pub(crate) fn close(&self, state: &State) -> Result<(), StoreError> {
        state.close()?;
        if self.kind == StoreKind::Memory {
            return Ok(());
        }
        self.sync().map_err(|e| StoreError::Bad(e.to_string()))
    }

    /// sled's own flush does not reach the platter.
    fn sync(&self) -> io::Result<()> {
        let disk = &*self.runtime.disk;
        for number in self.stores()? {
            let mut dirs = vec![self.store(number)];
            while let Some(dir) = dirs.pop() {
                for entry in disk.list(&dir)? {
                    let path = dir.join(&entry.name);
                    if entry.is_dir {
                        dirs.push(path);
                    } else {
                        disk.open(&path, OpenMode::ReadWrite)?.sync()?;
                    }
                }
                disk.sync_dir(&dir)?;
            }
        }
        disk.sync_dir(&self.dir)?;
        boot_mark::write(disk, &self.mark(), &self.boot, true)
    }

    fn stores(&self) -> io::Result<Vec<u64>> {
        let entries = self.runtime.disk.list(&self.dir)?;
        let number = |name: &str| name.strip_prefix("sled-")?.parse().ok();
        let mut numbers: Vec<u64> = entries.iter().filter_map(|entry| number(&entry.name)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn store(&self, number: u64) -> PathBuf {
        self.dir.join(format!("sled-{number}"))
    }

    fn mark(&self) -> PathBuf {
        self.dir.join("mark")
    }
}
