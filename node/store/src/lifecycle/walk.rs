use mucura_metadata::{ListedVersion, VersionId, VersionRecord};
use mucura_s3_wire::config::lifecycle::{
    LifecycleAction, LifecycleConfiguration, VersionFacts, VersionStanding,
};
use mucura_s3_wire::config::tagging::{TagSet, Tagged};

use crate::lifecycle::deed::{Action, Deed};
use crate::lifecycle::page::Look;
use crate::lifecycle::place::WalkedKey;

/// The storage class of versions that name none.
const STANDARD: &str = "STANDARD";
/// The most newer versions that a rule can ask for (S3, `NewerNoncurrentVersions`).
pub(super) const NEWER_MAX: usize = 100;

/// A walk over versions in order of key, then newest first. It knows of each
/// what it is among those of its key.
pub(super) struct Walk<'a> {
    rules: &'a LifecycleConfiguration,
    look: Look,
    key: Option<WalkedKey>,
}

impl<'a> Walk<'a> {
    /// A walk that begins at a new key, or goes on in one.
    pub(super) fn new(rules: &'a LifecycleConfiguration, look: Look, key: Option<WalkedKey>) -> Self {
        Self { rules, look, key }
    }

    /// Where it is: what a walk begins with that goes on from here.
    pub(super) fn key(self) -> Option<WalkedKey> {
        self.key
    }

    /// What is to be done with the next version. `following` is the one after
    /// it, of whatever key.
    pub(super) fn step(
        &mut self,
        listed: &ListedVersion<VersionRecord>,
        following: Option<&ListedVersion<VersionRecord>>,
    ) -> Option<Deed> {
        let has_older = following.is_some_and(|following| following.key == listed.key);
        let standing = self.standing(listed, has_older);
        let action = self.action(listed, standing);
        let stays = matches!(standing, VersionStanding::Noncurrent { .. })
            && !matches!(action, Some(Action::ExpireVersion { .. }));
        let before =
            self.key.take().filter(|walked| walked.key == listed.key).map_or(0, |walked| walked.kept);
        self.key = Some(WalkedKey {
            key: listed.key.clone(),
            last: listed.order,
            kept: before.saturating_add(u32::from(stays)),
        });
        action.map(|action| Deed { key: listed.key.clone(), action })
    }

    fn standing(&self, listed: &ListedVersion<VersionRecord>, has_older: bool) -> VersionStanding {
        let is_marker = listed.version.summary.delete_marker;
        match &self.key {
            Some(walked) if walked.key == listed.key => VersionStanding::Noncurrent {
                since_ms: walked.last.time.timestamp().0,
                newer: walked.kept,
                is_marker,
            },
            _ if is_marker => VersionStanding::CurrentMarker { is_only_version: !has_older },
            _ => VersionStanding::Current,
        }
    }

    fn action(&self, listed: &ListedVersion<VersionRecord>, standing: VersionStanding) -> Option<Action> {
        let (summary, said) = (&listed.version.summary, &listed.version.attributes);
        let class = summary.storage_class.as_deref().unwrap_or(STANDARD);
        let tags = TagSet::from_pairs(said.tags.iter().cloned(), Tagged::Object).unwrap_or_default();
        let facts = VersionFacts {
            key: std::str::from_utf8(&listed.key).ok()?,
            size: summary.size,
            tags: &tags,
            storage_class: if summary.delete_marker { "" } else { class },
            modified_ms: summary.modified.0,
            standing,
        };
        let at = listed.order;
        let id = if summary.null { VersionId::Null } else { VersionId::At(at) };
        Some(match self.rules.action_on(&facts, self.look.now_ms, self.look.day)?.action {
            LifecycleAction::Expire => Action::Expire { at },
            LifecycleAction::ExpireVersion => Action::ExpireVersion { id, at },
            LifecycleAction::RemoveDeleteMarker => Action::RemoveMarker { id, at },
            LifecycleAction::TransitionTo(class) => {
                let to = Some(class).filter(|class| *class != STANDARD).map(str::to_owned);
                Action::Transition { id, at, from: summary.storage_class.clone(), to }
            }
        })
    }
}
