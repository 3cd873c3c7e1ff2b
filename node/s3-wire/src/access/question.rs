//! What has to be known to decide.

use crate::acl::Acl;
use crate::config::ownership::ObjectOwnership;
use crate::config::public_access::PublicAccessBlock;
use crate::policy::{Action, Asked, Context, Policy, Requester, Resource, Verdict};

/// May this requester do this? Only for what concerns a bucket that exists: to list and create buckets
/// is open to every user, and no policy or list has a say in it.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Who asks.
    pub requester: Requester<'a>,
    /// To do what.
    pub action: Action,
    /// On what: with a key exactly if the action is one on objects.
    pub resource: Resource<'a>,
    /// The bucket.
    pub bucket: BucketFacts<'a>,
    /// The object or version, if there is one. For a copy's source, the source.
    pub object: Option<ObjectFacts<'a>>,
    /// Who started the multipart upload that is asked for, if there is one.
    pub upload_initiator: Option<&'a str>,
    /// What conditions may ask about.
    pub context: &'a Context,
}

/// What counts of a bucket.
#[derive(Clone, Copy, Debug)]
pub struct BucketFacts<'a> {
    /// The canonical id of its owner.
    pub owner: &'a str,
    /// Its access control list.
    pub acl: &'a Acl,
    /// Who owns its objects.
    pub ownership: ObjectOwnership,
    /// What is closed to the public.
    pub block: PublicAccessBlock,
    /// Its policy.
    pub policy: Option<&'a Policy>,
}

/// What counts of an object.
#[derive(Clone, Copy, Debug)]
pub struct ObjectFacts<'a> {
    /// The canonical id of its owner. What nobody signed for belongs to the owner of the bucket.
    pub owner: &'a str,
    /// Its access control list.
    pub acl: &'a Acl,
}

impl<'a> Question<'a> {
    /// The owner of the object: of the bucket, if there is no object or the bucket owns all.
    pub(super) fn object_owner(&self) -> &'a str {
        match self.object {
            Some(object) if self.bucket.ownership != ObjectOwnership::BucketOwnerEnforced => object.owner,
            _ => self.bucket.owner,
        }
    }

    /// What the policy of the bucket says.
    pub(super) fn verdict(&self) -> Verdict {
        self.bucket.policy.map_or(Verdict::Silent, |policy| {
            policy.evaluate(&Asked {
                requester: self.requester,
                action: self.action,
                resource: self.resource,
                context: self.context,
            })
        })
    }
}
