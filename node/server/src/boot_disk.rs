use std::io;
use std::path::Path;
use std::sync::Arc;

use mucura_runtime::{DirEntry, Disk, File, OpenMode, Runtime, Space};

use crate::config::Environment;

/// Names the boot of the machine in place of what the system says: tests cut
/// the power of a disk while the machine goes on.
const BOOT_VARIABLE: &str = "MUCURA_BOOT_ID";

/// The machine that a process runs on, with another boot if the environment
/// says so.
pub(crate) fn machine(threads: usize, environment: &Environment) -> Runtime {
    let mut runtime = Runtime::real(threads);
    if let Some(boot_id) = environment.get(BOOT_VARIABLE) {
        runtime.disk = Arc::new(BootDisk { disk: runtime.disk, boot_id: boot_id.to_owned() });
    }
    runtime
}

/// A disk under another boot id.
struct BootDisk {
    disk: Arc<dyn Disk>,
    boot_id: String,
}

impl Disk for BootDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        self.disk.open(path, mode)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        self.disk.list(dir)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir_all(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.disk.remove_file(path)
    }

    fn remove_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.disk.remove_dir_all(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.disk.exists(path)
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        self.disk.space(path)
    }

    fn boot_id(&self) -> io::Result<String> {
        Ok(self.boot_id.clone())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        self.disk.lock(path)
    }
}
