use mucura_runtime::Runtime;
use mucura_store::Store;
use mucura_store::encryption::KeyRing;

use crate::reload::{Changes, Occasion, Seen};
use crate::signals::Hangup;
use crate::site_keys::source::{KeySource, KeySourceError};

/// Keeps the encryption keys in use in step with where they come from. A file
/// is looked at every few seconds and when the process is told to; a command is
/// run only when it is told to.
pub(crate) struct SiteKeys {
    runtime: Runtime,
    source: KeySource,
    changes: Changes,
}

/// What a look came to.
#[derive(Debug)]
enum Looked {
    Unchanged,
    New(KeyRing),
    Refused(KeySourceError),
}

impl SiteKeys {
    /// Reads the keys for the first time.
    ///
    /// # Errors
    /// They cannot be used.
    pub(crate) async fn load(runtime: Runtime, source: KeySource) -> Result<(Self, KeyRing), KeySourceError> {
        let text = source.read(&runtime).await?;
        let changes = Changes::since(Seen::contents([text.as_bytes()]));
        let keys = source.parse(&text)?;
        Ok((Self { runtime, source, changes }, keys))
    }

    /// Runs until it is dropped.
    pub(crate) async fn run(mut self, store: Store, mut hangup: Hangup) {
        loop {
            let occasion = Occasion::next(&mut hangup).await;
            match self.look(occasion).await {
                Looked::Unchanged => {}
                Looked::New(keys) => take(&store, keys),
                Looked::Refused(error) => {
                    tracing::warn!(%error, "the encryption keys cannot be used; those of before stay");
                }
            }
        }
    }

    async fn look(&mut self, occasion: Occasion) -> Looked {
        if occasion == Occasion::Time && matches!(self.source, KeySource::Command(_)) {
            return Looked::Unchanged;
        }
        let read = self.source.read(&self.runtime).await;
        let seen = match &read {
            Ok(text) => Seen::contents([text.as_bytes()]),
            Err(error) => Seen::Unreadable(error.to_string()),
        };
        if !self.changes.count(seen, occasion) {
            return Looked::Unchanged;
        }
        match read.and_then(|text| self.source.parse(&text)) {
            Ok(keys) => Looked::New(keys),
            Err(error) => Looked::Refused(error),
        }
    }
}

/// Takes keys into use that were read anew.
fn take(store: &Store, keys: KeyRing) {
    let active = keys.active();
    let ids: Vec<String> = keys.ids().map(|id| id.to_string()).collect();
    match store.use_keys(keys) {
        Ok(()) => {
            let keys = ids.join(" ");
            tracing::info!(%active, keys, "the encryption keys that were read anew are in use");
        }
        Err(error) => {
            tracing::warn!(%error, "the encryption keys cannot be used; those of before stay");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mucura_runtime::Blocking;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::{Path, PathBuf};

    const ONE: &str = "AAMGCQwPEhUYGx4hJCcqLTAzNjk8P0JFSEtOUVRXWl0=";
    const TWO: &str = "AQQHCg0QExYZHB8iJSgrLjE0Nzo9QENGSUxPUlVYW14=";

    fn write(path: &Path, text: &str) {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    async fn keeper(source: KeySource) -> SiteKeys {
        let runtime = Runtime { blocking: Blocking::inline(), ..Runtime::real(1) };
        let (keeper, keys) = SiteKeys::load(runtime, source).await.unwrap();
        assert_eq!(keys.active().0, 1);
        keeper
    }

    async fn of_file() -> (tempfile::TempDir, PathBuf, SiteKeys) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        write(&path, &format!("1:{ONE} active\n"));
        let keeper = keeper(KeySource::File(path.clone())).await;
        (dir, path, keeper)
    }

    #[tokio::test]
    async fn a_new_file_is_taken_once_it_stands_still() {
        let (_dir, path, mut keeper) = of_file().await;
        assert!(matches!(keeper.look(Occasion::Time).await, Looked::Unchanged));
        write(&path, &format!("1:{ONE}\n2:{TWO} active\n"));
        assert!(matches!(keeper.look(Occasion::Time).await, Looked::Unchanged));
        let Looked::New(keys) = keeper.look(Occasion::Time).await else { panic!() };
        assert_eq!((keys.active().0, keys.ids().count()), (2, 2));
        assert!(matches!(keeper.look(Occasion::Time).await, Looked::Unchanged));
    }

    #[tokio::test]
    async fn a_bad_file_is_told_once_and_a_good_one_taken_again() {
        let (_dir, path, mut keeper) = of_file().await;
        let good = format!("1:{ONE} active\n");
        let nothing = || write(&path, "");
        let exposed = || std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let gone = || std::fs::remove_file(&path).unwrap();
        for spoil in [&nothing as &dyn Fn(), &exposed, &gone] {
            spoil();
            assert!(matches!(keeper.look(Occasion::Time).await, Looked::Unchanged));
            assert!(matches!(keeper.look(Occasion::Time).await, Looked::Refused(_)));
            assert!(matches!(keeper.look(Occasion::Time).await, Looked::Unchanged));
            write(&path, &good);
            keeper.look(Occasion::Time).await;
            assert!(matches!(keeper.look(Occasion::Time).await, Looked::New(_)));
        }
    }

    #[tokio::test]
    async fn a_command_is_run_only_when_told_to() {
        let dir = tempfile::tempdir().unwrap();
        let runs = dir.path().join("runs");
        let command = format!("echo x >> {}; echo '1:{ONE} active'", runs.display());
        let mut keeper = keeper(KeySource::Command(command)).await;
        let count = || std::fs::read_to_string(&runs).unwrap().len() / 2;
        assert!(matches!(keeper.look(Occasion::Time).await, Looked::Unchanged));
        assert_eq!(count(), 1);
        assert!(matches!(keeper.look(Occasion::Told).await, Looked::New(_)));
        assert_eq!(count(), 2);
    }
}
