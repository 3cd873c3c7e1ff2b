use bytes::Bytes;
use mucura_metadata::{
    Act, ChangeVersion, Command, DeleteCondition, DeleteObject, Noncurrent, ObjectChange, Origin,
    VersionChange, VersionId,
};
use mucura_types::{BucketId, Order, UserId, WriteId};

use crate::lifecycle::page::Owned;

/// What a rule wants done with a version or an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Deed {
    /// The key.
    pub(super) key: Bytes,
    /// What.
    pub(super) action: Action,
    /// The tags that the rule asks for: the version must still have them.
    pub(super) tags: Vec<(String, String)>,
}

/// What can be done, and to what: it is done only if that is still as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Delete the object whose current version this is.
    Expire { at: Order },
    /// Delete this noncurrent version.
    ExpireVersion { id: VersionId, is: Noncurrent },
    /// Delete this delete marker, which is all that is left of its key.
    RemoveMarker { id: VersionId, at: Order },
    /// Give this version another storage class; none is the standard one.
    Transition { id: VersionId, at: Order, from: Option<String>, to: Option<String> },
    /// Drop this upload.
    Abort { upload: WriteId },
}

impl Deed {
    pub(super) fn is_abortion(&self) -> bool {
        matches!(self.action, Action::Abort { .. })
    }

    /// The command for it, with which `bucket` tells others if it does so.
    pub(super) fn told_command(&self, bucket: &Owned) -> Command {
        let told = |act| bucket.tells.then(|| Origin::of_store(act));
        match self.command(bucket.id, bucket.owner) {
            Command::DeleteObject(delete) => ObjectChange::Delete(delete).into_command(told(Act::Expire)),
            Command::ChangeVersion(change) => {
                ObjectChange::Change(change).into_command(told(Act::Transition))
            }
            other => other,
        }
    }

    /// The command for it. A delete marker that is made is `owner`'s, who owns
    /// the bucket.
    pub(super) fn command(&self, bucket: BucketId, owner: UserId) -> Command {
        let key = self.key.clone();
        let tags = self.tags.clone();
        let delete = |version, condition: DeleteCondition| {
            let key = self.key.clone();
            let condition = DeleteCondition { tags: self.tags.clone(), ..condition };
            Command::DeleteObject(DeleteObject { bucket, key, version, by: owner, bypass: false, condition })
        };
        match &self.action {
            Action::Expire { at } => {
                delete(None, DeleteCondition { current: Some(*at), ..DeleteCondition::default() })
            }
            Action::ExpireVersion { id, is } => {
                delete(Some(*id), DeleteCondition { noncurrent: Some(*is), ..DeleteCondition::default() })
            }
            Action::RemoveMarker { id, at } => {
                let current = Some(*at);
                delete(Some(*id), DeleteCondition { current, alone: true, ..DeleteCondition::default() })
            }
            Action::Transition { id, at, from, to } => {
                let change = VersionChange::StorageClass { from: from.clone(), tags, to: to.clone() };
                Command::ChangeVersion(ChangeVersion {
                    bucket,
                    key,
                    version: Some(*id),
                    at: Some(*at),
                    change,
                })
            }
            Action::Abort { upload } => Command::AbortUpload { bucket, key, upload: *upload },
        }
    }
}
