use mucura_metadata::{ListedVersion, Noncurrent, VersionId, VersionRecord};
use mucura_s3_wire::config::lifecycle::{
    LifecycleAction, LifecycleConfiguration, VersionFacts, VersionStanding,
};
use mucura_s3_wire::config::tagging::{TagSet, Tagged};
use mucura_types::Timestamp;

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
    /// Versions of the key that go, as far as this walk found them: they are
    /// still there when an older one goes.
    going: usize,
}

impl<'a> Walk<'a> {
    /// A walk that begins at a new key, or goes on in one.
    pub(super) fn new(rules: &'a LifecycleConfiguration, look: Look, key: Option<WalkedKey>) -> Self {
        Self { rules, look, key, going: 0 }
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
        let deed = self.deed(listed, standing);
        let goes = deed.as_ref().is_some_and(|deed| matches!(deed.action, Action::ExpireVersion { .. }));
        let counts = matches!(standing, VersionStanding::Noncurrent { .. }) && !goes;
        let before = self.key.take().filter(|walked| walked.key == listed.key);
        if before.is_none() {
            self.going = 0;
        }
        self.going += usize::from(goes);
        self.key = Some(WalkedKey {
            key: listed.key.clone(),
            last: listed.order,
            stays: before.as_ref().filter(|_| goes).map_or(listed.order, |walked| walked.stays),
            kept: before.map_or(0, |walked| walked.kept).saturating_add(u32::from(counts)),
        });
        deed
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

    fn deed(&self, listed: &ListedVersion<VersionRecord>, standing: VersionStanding) -> Option<Deed> {
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
        let (at, now) = (listed.order, Timestamp(self.look.now_ms));
        let id = if summary.null { VersionId::Null } else { VersionId::At(at) };
        let plan = self.rules.action_on(&facts, self.look.now_ms, self.look.day)?;
        let action = match plan.action {
            LifecycleAction::Expire => Action::Expire { at },
            // It would be refused, in each pass anew.
            LifecycleAction::ExpireVersion if !said.lock.allows_deletion(now, false) => return None,
            LifecycleAction::ExpireVersion => {
                let keep = usize::try_from(plan.keep_newer).ok()?;
                let newer = if keep == 0 { 0 } else { u8::try_from(keep + self.going).ok()? };
                let successor = self.key.as_ref()?.last;
                Action::ExpireVersion { id, is: Noncurrent { at, successor, newer } }
            }
            LifecycleAction::RemoveDeleteMarker => Action::RemoveMarker { id, at },
            LifecycleAction::TransitionTo(class) => {
                let to = Some(class).filter(|class| *class != STANDARD).map(str::to_owned);
                Action::Transition { id, at, from: summary.storage_class.clone(), to }
            }
        };
        let tags = plan.tags.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Some(Deed { key: listed.key.clone(), action, tags })
    }
}
