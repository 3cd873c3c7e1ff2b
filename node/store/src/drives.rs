use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mucura_chunks::{ChunkError, Drive, DriveIdentity, DriveOptions};
use mucura_metadata::{Command, Rejection, Reply};
use mucura_types::{DriveId, SiteId};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::error::StoreError;
use crate::shards::{Method, decode, encode};
use crate::store::{Inner, Store};

/// Levels of directories on a new drive.
const LEVELS: u8 = 1;
/// Between two tries to take a drive into service.
const RETRY: Duration = Duration::from_millis(500);
const PROPOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// Formatting a drive makes its directories.
const REPLACE_TIMEOUT: Duration = Duration::from_secs(60);

/// Asks the node of a drive to put another directory in its place.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ReplaceRequest {
    drive: DriveId,
    /// The directory; none: the same as before.
    path: Option<PathBuf>,
}

impl Store {
    /// Formats an empty directory as a drive of the site, which will number it
    /// when a node first serves it.
    ///
    /// # Errors
    /// `Unavailable`: the directory cannot be used, and why.
    pub async fn format_drive(
        runtime: &mucura_runtime::Runtime,
        site: SiteId,
        dir: &Path,
    ) -> Result<DriveIdentity, StoreError> {
        Drive::format(runtime, dir, site, DriveId(0), LEVELS).await.map_err(StoreError::unavailable)
    }

    /// Formats a directory of this node and takes it into service. Asked again
    /// after a failure, it goes on from there.
    ///
    /// # Errors
    /// `Unavailable`: the directory cannot be used, and why.
    pub async fn add_drive(&self, dir: &Path) -> Result<DriveId, StoreError> {
        let inner = self.inner();
        if let Err(error) = Self::format_drive(&inner.runtime, inner.config.site, dir).await {
            // A repetition finds what a failure left formatted and not in service.
            let found = Drive::identify(&inner.runtime, dir).await.map_err(|_| error)?;
            let serves = inner.keeper.drives().iter().any(|drive| drive.identity().store == found.store);
            if serves || found.site != inner.config.site {
                return Err(StoreError::unavailable("the directory is a drive already"));
            }
        }
        inner.take_into_service(dir).await
    }

    /// Puts an empty directory in the place of a drive, wherever it is; the
    /// shards that belong on it are then rebuilt there. `dir`: the directory
    /// on the drive's node, if not the same as before.
    ///
    /// # Errors
    /// Rejected: no such drive. `Unavailable`: the directory cannot be used,
    /// or the node cannot be reached.
    pub async fn replace_drive(&self, drive: DriveId, dir: Option<PathBuf>) -> Result<(), StoreError> {
        let inner = self.inner();
        let topology = inner.topology().await?;
        let target = topology.target(drive).ok_or(Rejection::NoSuchDrive)?;
        let request = ReplaceRequest { drive, path: dir };
        if target.node == inner.config.node {
            return inner.replace_own_drive(request).await;
        }
        let deadline = Instant::now() + REPLACE_TIMEOUT;
        let method = Method::ReplaceDrive as u16;
        let answer = inner.mesh.call(target.node, method, encode(&request).into(), deadline).await;
        let answer = answer.map_err(StoreError::unavailable)?;
        let answer: Result<(), String> = decode(&answer).map_err(StoreError::internal)?;
        answer.map_err(StoreError::unavailable)
    }
}

impl Inner {
    /// Takes the configured drives into service, each as soon as it can be.
    pub(crate) async fn serve_drives(self: Arc<Self>) {
        let mut waiting: BTreeMap<PathBuf, String> =
            self.config.drives.iter().map(|dir| (dir.clone(), String::new())).collect();
        while !waiting.is_empty() {
            for dir in waiting.keys().cloned().collect::<Vec<_>>() {
                match self.take_into_service(&dir).await {
                    Ok(drive) => {
                        tracing::info!(%drive, dir = %dir.display(), "drive in service");
                        waiting.remove(&dir);
                    }
                    // A new site does not know its nodes in the first moment.
                    Err(StoreError::Rejected(Rejection::NoSuchNode)) => {}
                    Err(error) => {
                        let error = error.to_string();
                        // Once for each reason, not once a second.
                        if waiting.get(&dir) != Some(&error) {
                            tracing::warn!(dir = %dir.display(), error, "drive not in service");
                            waiting.insert(dir, error);
                        }
                    }
                }
            }
            sleep(RETRY).await;
        }
    }

    /// Opens a drive, having it numbered first if need be.
    async fn take_into_service(&self, dir: &Path) -> Result<DriveId, StoreError> {
        let unusable = |error: ChunkError| StoreError::unavailable(error);
        let mut identity = Drive::identify(&self.runtime, dir).await.map_err(unusable)?;
        if identity.site != self.config.site {
            return Err(StoreError::unavailable("the drive belongs to another site"));
        }
        if identity.drive == DriveId(0) {
            let space = self.runtime.disk.space(dir).map_err(StoreError::unavailable)?;
            let command = Command::AddDrive {
                node: self.config.node,
                store: identity.store,
                weight: (space.total >> 30).max(1),
                path: dir.display().to_string(),
            };
            let Reply::Drive(number) =
                self.gateway.repeatable(command, Instant::now() + PROPOSE_TIMEOUT).await?
            else {
                return Err(StoreError::internal("a drive was not answered a number"));
            };
            identity = Drive::number(&self.runtime, dir, identity.store, number).await.map_err(unusable)?;
        }
        let topology = self.topology().await?;
        if topology.drives.get(&identity.drive).is_some_and(|record| record.store != identity.store) {
            return Err(StoreError::unavailable("the drive was replaced by another"));
        }
        self.open_drive(dir, &identity).await?;
        Ok(identity.drive)
    }

    async fn open_drive(&self, dir: &Path, identity: &DriveIdentity) -> Result<(), StoreError> {
        let options =
            DriveOptions { pool: self.keeper.pool().clone(), reserve_bytes: self.config.drive_reserve_bytes };
        let drive = Drive::open(&self.runtime, dir, identity.store, options)
            .await
            .map_err(StoreError::unavailable)?;
        self.keeper.install(drive);
        Ok(())
    }

    pub(crate) async fn replace_own_drive(&self, request: ReplaceRequest) -> Result<(), StoreError> {
        let topology = self.topology().await?;
        let record = topology.drives.get(&request.drive).ok_or(mucura_metadata::Rejection::NoSuchDrive)?;
        if record.node != self.config.node {
            return Err(mucura_metadata::Rejection::NoSuchDrive.into());
        }
        let dir = request.path.unwrap_or_else(|| PathBuf::from(&record.path));
        // A repetition finds the directory formatted but not yet in place.
        let identity = match Drive::identify(&self.runtime, &dir).await {
            Ok(found) if found.drive == request.drive && found.store != record.store => found,
            Ok(found) if found.store == record.store => {
                return Err(StoreError::unavailable(
                    "the directory is this very drive: nothing is to be replaced",
                ));
            }
            Ok(_) => return Err(StoreError::unavailable("the directory is another drive already")),
            Err(ChunkError::NotFormatted { .. }) => {
                let formatted =
                    Drive::format(&self.runtime, &dir, self.config.site, request.drive, LEVELS).await;
                formatted.map_err(StoreError::unavailable)?
            }
            Err(error) => return Err(StoreError::unavailable(error)),
        };
        if let Some(old) = self.keeper.remove_drive(request.drive)
            && let Err(error) = old.close().await
        {
            tracing::info!(%error, "close the drive that is replaced");
        }
        let path = dir.display().to_string();
        let replaces = record.store;
        let command = Command::ReplaceDrive { drive: request.drive, replaces, store: identity.store, path };
        self.gateway.repeatable(command, Instant::now() + PROPOSE_TIMEOUT).await?;
        self.open_drive(&dir, &identity).await
    }
}
