//! Who may do what. The decision itself is pure (`mucura_s3_wire::access`); here
//! is gathered what it rests on.

use std::borrow::Cow;
use std::sync::Arc;

use http::HeaderMap;
use mucura_metadata::{BucketRecord, UploadRecord, VersionId, Versioning};
use mucura_s3_wire::access::{
    AclOf, BucketFacts, Context, Decision, ObjectFacts, ObjectOwnership, PublicAccessBlock, Question, Reason,
    Requester, Resource, bucket_is_public, check_acl_supported, check_public_acl, check_public_policy,
    decide, decide_missing,
};
use mucura_s3_wire::acl::{Acl, AclRequest, Grant};
use mucura_s3_wire::policy::{Action, Asked, Policy, Verdict};
use mucura_s3_wire::{ErrorCode, S3Error};
use mucura_store::{ObjectInfo, ROOT_USER};
use mucura_types::UserId;

use crate::answer::set;
use crate::call::Call;
use crate::errors::Failure;
use crate::versions::VERSION_ID;
use crate::{acl, settings};

/// A bucket that a request is about, with what decides who may do what.
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) record: BucketRecord,
    owner: String,
    acl: Acl,
    policy: Option<Arc<Policy>>,
}

/// An object as far as access is concerned.
struct Known {
    owner: String,
    acl: Acl,
}

impl Bucket {
    pub(crate) fn new(name: String, record: BucketRecord, policy: Option<Arc<Policy>>) -> Self {
        let acl = acl::shown(record.acl.as_ref(), record.owner);
        Self { owner: record.owner.to_string(), name, record, acl, policy }
    }

    fn facts(&self) -> BucketFacts<'_> {
        BucketFacts {
            owner: &self.owner,
            acl: &self.acl,
            ownership: self.ownership(),
            block: self.block(),
            policy: self.policy.as_deref(),
        }
    }

    pub(crate) fn ownership(&self) -> ObjectOwnership {
        self.record.ownership.map(settings::shown_ownership).unwrap_or(ObjectOwnership::ObjectWriter)
    }

    pub(crate) fn block(&self) -> PublicAccessBlock {
        self.record.public_access.map(settings::shown_block).unwrap_or_default()
    }

    /// Whether everything in it belongs to its owner.
    pub(crate) fn enforces_ownership(&self) -> bool {
        self.ownership() == ObjectOwnership::BucketOwnerEnforced
    }

    /// Whether everybody may do something with it.
    pub(crate) fn is_public(&self) -> bool {
        bucket_is_public(&self.acl, self.policy.as_deref())
    }

    /// Whether its versions have ids that clients see.
    pub(crate) fn keeps_versions(&self) -> bool {
        self.record.versioning != Versioning::Never
    }

    /// Says which version a write made. While versioning is suspended S3 does
    /// not say that it is `null`.
    pub(crate) fn show_new_version(&self, version: VersionId, headers: &mut HeaderMap) {
        if self.record.versioning == Versioning::Enabled {
            set(headers, VERSION_ID, &version.to_string());
        }
    }

    /// Says which version was read or deleted.
    pub(crate) fn show_version(&self, version: VersionId, headers: &mut HeaderMap) {
        if self.keeps_versions() {
            set(headers, VERSION_ID, &version.to_string());
        }
    }

    /// Whether its versions can be locked.
    pub(crate) fn check_lock(&self) -> Result<(), S3Error> {
        match self.record.lock {
            Some(_) => Ok(()),
            None => Err(no_object_lock()),
        }
    }

    /// Whether a new list of the bucket, or of an object in it, may be stored.
    pub(crate) fn check_new_acl(&self, asked: &AclRequest, list: &Acl) -> Result<(), S3Error> {
        check_acl_supported(self.ownership(), asked, list, &self.owner)?;
        check_public_acl(self.block(), list)
    }

    /// Whether a new policy may be stored.
    pub(crate) fn check_new_policy(&self, policy: &Policy) -> Result<(), S3Error> {
        policy.check_denials()?;
        check_public_policy(self.block(), policy)
    }
}

pub(crate) fn no_object_lock() -> S3Error {
    S3Error::with_message(ErrorCode::InvalidRequest, "Bucket is missing Object Lock Configuration")
}

impl Known {
    fn of(object: &ObjectInfo) -> Self {
        let owner = object.record.summary.owner;
        Self { owner: owner.to_string(), acl: acl::shown(object.record.attributes.acl.as_ref(), owner) }
    }
}

impl Call<'_> {
    /// Whether nobody signed the request.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.signer.is_none()
    }

    /// The caller, as far as access is concerned.
    pub(crate) fn requester(&self) -> Requester<'_> {
        match &self.signer {
            None => Requester::Anonymous,
            Some(signer) if signer.user == ROOT_USER => Requester::Operator,
            Some(signer) => Requester::User { id: &signer.id, name: &signer.name },
        }
    }

    /// The bucket of this name; whose the client insists that it is.
    pub(crate) async fn bucket(&self, name: &str) -> Result<Bucket, Failure> {
        self.bucket_of(name, self.expected_owner.as_deref()).await
    }

    /// The same, of this owner.
    pub(crate) async fn bucket_of(&self, name: &str, owner: Option<&str>) -> Result<Bucket, Failure> {
        let record = self.fresh.bucket(name).await?;
        let record = record.ok_or_else(|| S3Error::new(ErrorCode::NoSuchBucket).field("BucketName", name))?;
        if owner.is_some_and(|owner| owner != record.owner.to_string()) {
            return Err(ErrorCode::AccessDenied.into());
        }
        let policy = match self.fresh.policy(&record).await? {
            None => None,
            Some(text) => {
                let parse = |text: &[u8]| Policy::parse(std::str::from_utf8(text).ok()?, name).ok();
                let policy = self.shared.policies.get(record.id, &text, parse);
                // To go on without it would be to let in whom it keeps out.
                Some(policy.ok_or_else(|| {
                    tracing::error!(bucket = name, "the stored policy of a bucket cannot be read");
                    ErrorCode::InternalError
                })?)
            }
        };
        Ok(Bucket::new(name.to_owned(), record, policy))
    }

    /// Whether the caller may do this with the bucket.
    pub(crate) fn allow_bucket(&self, bucket: &Bucket, action: Action) -> Result<(), Failure> {
        self.refuse_unless(self.judge_bucket(bucket, action)?)
    }

    /// The same, with the reason.
    pub(crate) fn judge_bucket(&self, bucket: &Bucket, action: Action) -> Result<Decision, Failure> {
        let context = self.context_of(bucket, None, None)?;
        Ok(decide(&self.question(bucket, action, None, None, &context)))
    }

    /// Whether the caller may list what is in the bucket.
    pub(crate) fn allow_listing(&self, bucket: &Bucket, action: Action) -> Result<(), Failure> {
        self.allow_bucket(bucket, action)
    }

    /// Whether the caller may do this with the object of a key. `object` is
    /// given where its owner and its list count.
    pub(crate) fn allow_object(
        &self,
        bucket: &Bucket,
        action: Action,
        key: &str,
        object: Option<&ObjectInfo>,
    ) -> Result<(), Failure> {
        self.refuse_unless(self.judge_object(bucket, action, key, None, object)?)
    }

    /// The same for what a list or the source of a copy names, which may be
    /// another version than the one that the request itself names.
    pub(crate) fn allow_version(
        &self,
        bucket: &Bucket,
        action: Action,
        key: &str,
        version: Option<VersionId>,
        object: Option<&ObjectInfo>,
    ) -> Result<(), Failure> {
        self.refuse_unless(self.judge_object(bucket, action, key, version, object)?)
    }

    /// The same, with the reason.
    pub(crate) fn judge_object(
        &self,
        bucket: &Bucket,
        action: Action,
        key: &str,
        version: Option<VersionId>,
        object: Option<&ObjectInfo>,
    ) -> Result<Decision, Failure> {
        let known = object.map(Known::of);
        let context = self.context_of(bucket, object, version)?;
        Ok(decide(&self.question(bucket, action, Some(key), known.as_ref(), &context)))
    }

    /// Whether the caller may do this with a new object that is to be `owner`'s,
    /// as if it were there already. A list that lets everyone write to the
    /// bucket lets them say what they write.
    pub(crate) fn allow_new(
        &self,
        bucket: &Bucket,
        action: Action,
        key: &str,
        owner: UserId,
    ) -> Result<(), Failure> {
        let new = Known { owner: owner.to_string(), acl: acl::shown(None, owner) };
        let context = self.context_of(bucket, None, None)?;
        let decision = decide(&self.question(bucket, action, Some(key), Some(&new), &context));
        if !decision.allowed && !matches!(decision.reason, Reason::PolicyDenies(_)) {
            let write = decide(&self.question(bucket, Action::PutObject, Some(key), None, &context));
            if matches!(write.reason, Reason::AclGrants { .. }) {
                return Ok(());
            }
        }
        self.refuse_unless(decision)
    }

    /// Whether the caller, who wants to do this, may know that there is no such
    /// object.
    pub(crate) fn judge_missing(
        &self,
        bucket: &Bucket,
        action: Action,
        key: &str,
        version: Option<VersionId>,
    ) -> Result<Decision, Failure> {
        let context = self.context_of(bucket, None, version)?;
        Ok(decide_missing(&self.question(bucket, action, Some(key), None, &context)))
    }

    /// The same, as an error.
    pub(crate) fn allow_missing(&self, bucket: &Bucket, action: Action, key: &str) -> Result<(), Failure> {
        self.refuse_unless(self.judge_missing(bucket, action, key, None)?)
    }

    /// What the policy of the bucket says, if it has one.
    pub(crate) fn policy_says(
        &self,
        bucket: &Bucket,
        action: Action,
        key: Option<&str>,
        object: Option<&ObjectInfo>,
    ) -> Result<Option<Verdict>, Failure> {
        let Some(policy) = &bucket.policy else { return Ok(None) };
        let context = self.context_of(bucket, object, None)?;
        let resource = Resource { bucket: &bucket.name, key };
        let asked = Asked { requester: self.requester(), action, resource, context: &context };
        Ok(Some(policy.evaluate(&asked)))
    }

    /// The grants that speak of the caller, whether they count or not.
    pub(crate) fn grants(&self, bucket: &Bucket, object: Option<&ObjectInfo>) -> Vec<(AclOf, Grant)> {
        let of_object = object.map(|object| (AclOf::Object, Known::of(object).acl));
        let lists = [(AclOf::Bucket, bucket.acl.clone())].into_iter().chain(of_object);
        let mut grants = Vec::new();
        for (of, acl) in lists {
            let meant = acl.grants().iter().filter(|grant| grant.grantee.covers(self.requester()));
            grants.extend(meant.map(|grant| (of, grant.clone())));
        }
        grants
    }

    /// Whether the caller may do this with an upload: who began it may.
    pub(crate) fn allow_upload(
        &self,
        bucket: &Bucket,
        action: Action,
        key: &str,
        upload: Option<&UploadRecord>,
    ) -> Result<(), Failure> {
        let initiator = upload.map(|upload| upload.initiator.to_string());
        let context = self.context_of(bucket, None, None)?;
        let question = self.question(bucket, action, Some(key), None, &context);
        self.refuse_unless(decide(&Question { upload_initiator: initiator.as_deref(), ..question }))
    }

    /// The version that the caller wants to do something with.
    ///
    /// Who may not list the bucket is not told that there is no such object.
    pub(crate) async fn find(
        &self,
        bucket: &Bucket,
        action: Action,
        key: &str,
        version: Option<VersionId>,
    ) -> Result<ObjectInfo, Failure> {
        let object = self.fresh.object(bucket.record.id, key, version).await?;
        let there = object.as_ref().filter(|object| !object.is_delete_marker());
        if let Some(there) = there {
            self.allow_version(bucket, action, key, version, Some(there))?;
        } else {
            self.refuse_unless(self.judge_missing(bucket, action, key, version)?)?;
        }
        let (code, named) = match version {
            Some(_) => (ErrorCode::NoSuchVersion, true),
            None => (ErrorCode::NoSuchKey, false),
        };
        match object {
            None => {
                let error = S3Error::new(code).field("Key", key);
                Err(match version {
                    Some(version) => error.field("VersionId", version.to_string()),
                    None => error,
                }
                .into())
            }
            Some(object) if object.is_delete_marker() => {
                let code = if named { ErrorCode::MethodNotAllowed } else { code };
                let error = S3Error::new(code).field("Key", key);
                let modified_ms = object.record.summary.modified.0;
                Err(Failure::DeleteMarker { error, version: object.version_id(), modified_ms })
            }
            Some(object) => Ok(object),
        }
    }

    fn question<'q>(
        &'q self,
        bucket: &'q Bucket,
        action: Action,
        key: Option<&'q str>,
        object: Option<&'q Known>,
        context: &'q Context,
    ) -> Question<'q> {
        Question {
            requester: self.requester(),
            action,
            resource: Resource { bucket: &bucket.name, key },
            bucket: bucket.facts(),
            object: object.map(|known| ObjectFacts { owner: &known.owner, acl: &known.acl }),
            upload_initiator: None,
            context,
        }
    }

    /// What the conditions of the bucket's policy may ask about, the tags of
    /// an object among it, and the version that is meant.
    fn context_of(
        &self,
        bucket: &Bucket,
        object: Option<&ObjectInfo>,
        version: Option<VersionId>,
    ) -> Result<Cow<'_, Context>, S3Error> {
        if bucket.policy.is_none() {
            return Ok(Cow::Borrowed(&self.conditions.nothing));
        }
        let context = self.conditions.context(self.requester())?;
        let tags = object.map(|object| &object.record.attributes.tags[..]).unwrap_or_default();
        if tags.is_empty() && version.is_none() {
            return Ok(Cow::Borrowed(context));
        }
        let mut context = context.clone();
        for (key, value) in tags {
            context.set(&format!("s3:ExistingObjectTag/{key}"), value.as_str());
        }
        if let Some(version) = version {
            context.set("s3:VersionId", version.to_string());
        }
        Ok(Cow::Owned(context))
    }

    fn refuse_unless(&self, decision: Decision) -> Result<(), Failure> {
        if decision.allowed {
            return Ok(());
        }
        tracing::debug!(reason = %decision.reason, "deny");
        Err(ErrorCode::AccessDenied.into())
    }
}
