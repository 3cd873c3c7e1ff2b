//! The decision.

use crate::access::decision::{Decision, Reason};
use crate::access::question::Question;
use crate::access::rights::{AclOf, SayOf, acl_right, say_of};
use crate::config::ownership::ObjectOwnership;
use crate::policy::{Action, Requester, Resource, Verdict};

/// Decides. A statement that forbids outweighs all; then any of a statement that allows, ownership
/// or a grant will do.
pub fn decide(question: &Question<'_>) -> Decision {
    if question.requester == Requester::Operator {
        return Decision::allow(Reason::Operator);
    }
    let mut refusal = Reason::NothingAllows;
    match question.verdict() {
        Verdict::Deny(_) if keeps_policy(question) => return Decision::allow(Reason::OwnerKeepsPolicy),
        Verdict::Deny(by) => return Decision::refuse(Reason::PolicyDenies(by)),
        Verdict::Allow(by) => match what_hinders_the_policy(question) {
            None => return Decision::allow(Reason::PolicyAllows(by)),
            Some(reason) => refusal = reason,
        },
        Verdict::Silent => {}
    }
    if let Some(reason) = ownership(question) {
        return Decision::allow(reason);
    }
    match grant(question) {
        Granted::Yes(reason) => Decision::allow(reason),
        Granted::ButNot(reason) => Decision::refuse(reason),
        Granted::No => Decision::refuse(refusal),
    }
}

/// Decides what to say of an object, version or upload that does not exist: if allowed, that it
/// does not; else `AccessDenied`, so that who may not list learns nothing from asking.
///
/// The question is the one that was asked; whether the action itself would be allowed does not
/// matter, unless it is forbidden outright.
pub fn decide_missing(question: &Question<'_>) -> Decision {
    let asked = decide(question);
    if matches!(asked.reason, Reason::PolicyDenies(_)) {
        return asked;
    }
    let Some(key) = question.resource.key else { return asked };
    // To list is asked for the one key, so that conditions on the prefix hold as they would then.
    let mut context = question.context.clone();
    context.set("s3:prefix", key);
    decide(&Question {
        action: Action::ListBucket,
        resource: Resource { key: None, ..question.resource },
        object: None,
        context: &context,
        ..*question
    })
}

fn owns_bucket(question: &Question<'_>) -> bool {
    question.requester.is_user(question.bucket.owner)
}

fn keeps_policy(question: &Question<'_>) -> bool {
    owns_bucket(question)
        && matches!(
            question.action,
            Action::GetBucketPolicy | Action::PutBucketPolicy | Action::DeleteBucketPolicy
        )
}

/// Why a statement that allows does not count, if it does not.
fn what_hinders_the_policy(question: &Question<'_>) -> Option<Reason> {
    let stranger =
        matches!(question.requester, Requester::Anonymous | Requester::User { .. }) && !owns_bucket(question);
    let restricted = question.bucket.block.restrict_public_buckets
        && stranger
        && question.bucket.policy.is_some_and(|policy| policy.is_public());
    if restricted {
        return Some(Reason::PublicPolicyRestricted);
    }
    let of_another =
        say_of(question.action) == SayOf::Object && question.object_owner() != question.bucket.owner;
    of_another.then_some(Reason::PolicyOfAnotherOwner)
}

fn ownership(question: &Question<'_>) -> Option<Reason> {
    let say = say_of(question.action);
    if say != SayOf::Bucket && question.requester.is_user(question.object_owner()) {
        return Some(match question.object {
            Some(_) => Reason::OwnsObject,
            None => Reason::OwnsBucket,
        });
    }
    if say != SayOf::Object && owns_bucket(question) {
        return Some(Reason::OwnsBucket);
    }
    let of_upload =
        matches!(question.action, Action::AbortMultipartUpload | Action::ListMultipartUploadParts);
    let started = question.upload_initiator.is_some_and(|initiator| question.requester.is_user(initiator));
    (of_upload && started).then_some(Reason::StartedUpload)
}

enum Granted {
    Yes(Reason),
    /// There is a grant, which does not count.
    ButNot(Reason),
    No,
}

fn grant(question: &Question<'_>) -> Granted {
    let Some((of, wanted)) = acl_right(question.action) else { return Granted::No };
    let acl = match (of, question.object) {
        (AclOf::Bucket, _) => question.bucket.acl,
        (AclOf::Object, Some(object)) => object.acl,
        (AclOf::Object, None) => return Granted::No,
    };
    // The grant for fewest is taken, so if this one is public there is no other.
    let Some(grant) = acl.grant_for(question.requester, wanted) else { return Granted::No };
    if question.bucket.ownership == ObjectOwnership::BucketOwnerEnforced {
        return Granted::ButNot(Reason::AclsDisabled);
    }
    if question.bucket.block.ignore_public_acls && grant.grantee.is_public() {
        return Granted::ButNot(Reason::PublicAclsIgnored);
    }
    Granted::Yes(Reason::AclGrants { of, grantee: grant.grantee.clone(), permission: grant.permission })
}
