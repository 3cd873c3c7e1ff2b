//! Why somebody may do something, or may not: for operators, decided by what
//! requests are decided by.

use std::net::IpAddr;

use http::{HeaderMap, Method, Uri};
use mucura_s3_wire::access::{AclOf, Decision, ObjectOwnership, PublicAccessBlock, RequestFacts};
use mucura_s3_wire::acl::Grant;
use mucura_s3_wire::auth::SignatureForm;
use mucura_s3_wire::policy::{Action, Level, Verdict};
use mucura_s3_wire::request::{check_bucket_name, check_key};
use mucura_s3_wire::xml::Owner;
use mucura_s3_wire::{ErrorCode, RequestHead, S3Error, encode_listed};
use mucura_store::{ANONYMOUS_USER, Fresh, ObjectInfo, ROOT_NAME, ROOT_USER, StoreError};
use mucura_types::UserId;
use tokio::time::Instant;

use crate::access::Bucket;
use crate::call::{Call, Conditions, Signer};
use crate::errors::Failure;
use crate::front::S3;

/// How a request is taken to be signed, as conditions know it.
const SIGNED: SignatureForm =
    SignatureForm { version: "AWS4-HMAC-SHA256", way: "REST-HEADER", signed_ms: None };

/// May this user do this, with this?
#[derive(Clone, Debug)]
pub struct AccessQuestion {
    /// Who; [`ANONYMOUS_USER`]: somebody who does not sign.
    pub user: UserId,
    /// What.
    pub action: Action,
    /// With which bucket.
    pub bucket: String,
    /// With which object in it; none exactly if the action is one on buckets.
    pub key: Option<String>,
    /// Where the request comes from.
    pub source_ip: Option<IpAddr>,
    /// Whether it comes over TLS.
    pub secure: bool,
    /// What its head says.
    pub headers: HeaderMap,
    /// What begin the keys that it lists, if it lists.
    pub prefix: Option<String>,
}

/// What a request would be decided, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessAnswer {
    /// Yes or no, and why.
    pub decision: Decision,
    /// Who asked.
    pub user: Owner,
    /// Whose the bucket is.
    pub bucket_owner: Owner,
    /// Whose its objects are.
    pub ownership: ObjectOwnership,
    /// What is closed to the public.
    pub block: PublicAccessBlock,
    /// What part the object has in it.
    pub object: ObjectPart,
    /// The grants that speak of the user, whether they count or not.
    pub grants: Vec<(AclOf, Grant)>,
    /// What the policy says; none: there is none.
    pub policy: Option<Verdict>,
}

/// What part the object has in a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectPart {
    /// None: the action is one on the bucket, or on a key whatever is there.
    None,
    /// Its owner and its list count; it is this owner's.
    OwnedBy(Owner),
    /// There is no such object: who may know that is told `NoSuchKey`, others
    /// `AccessDenied`.
    Missing,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// There is no such bucket.
    #[error("there is no bucket {0}")]
    NoSuchBucket(String),
    /// There is no such user.
    #[error("there is no user {0}")]
    NoSuchUser(UserId),
    /// The question makes no sense.
    #[error("{0}")]
    Malformed(String),
    /// What the answer rests on could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Failure> for ExplainError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Store(error) => Self::Store(error),
            Failure::S3(error) | Failure::DeleteMarker { error, .. } => error.into(),
        }
    }
}

impl From<S3Error> for ExplainError {
    fn from(error: S3Error) -> Self {
        match error.code {
            ErrorCode::NoSuchBucket => {
                let name = error.fields.into_iter().find(|(name, _)| *name == "BucketName");
                Self::NoSuchBucket(name.map(|(_, name)| name).unwrap_or_default())
            }
            ErrorCode::InternalError => Self::Store(StoreError::Internal { detail: error.to_string() }),
            _ => Self::Malformed(error.message.into_owned()),
        }
    }
}

impl S3 {
    /// What a request of S3 would be decided, now.
    ///
    /// # Errors
    /// [`ExplainError`].
    pub async fn explain(
        &self,
        question: AccessQuestion,
        deadline: Instant,
    ) -> Result<AccessAnswer, ExplainError> {
        check(&question)?;
        let shared = self.shared();
        let fresh = shared.store.fresh(deadline).await?;
        let signer = signer(&fresh, question.user).await?;
        let now_ms = shared.runtime.clock.now_ms();
        let facts = RequestFacts {
            source_ip: question.source_ip,
            secure: question.secure,
            signed: signer.as_ref().map(|signer| SignatureForm { signed_ms: Some(now_ms), ..signer.form }),
            now_ms,
        };
        let (method, uri) = (method_of(question.action), uri_of(&question)?);
        let head = RequestHead { method: &method, uri: &uri, headers: &question.headers };
        let call = Call {
            shared,
            fresh,
            user: question.user,
            signer,
            verified: None,
            expected_owner: None,
            url: String::new(),
            request_id: "",
            conditions: Conditions::new(head, facts),
        };
        Ok(explain(&call, &question).await?)
    }
}

async fn explain(call: &Call<'_>, question: &AccessQuestion) -> Result<AccessAnswer, Failure> {
    let bucket = call.bucket(&question.bucket).await?;
    let (decision, object, found) = decide(call, &bucket, question).await?;
    let object_info = found.as_ref();
    Ok(AccessAnswer {
        decision,
        user: call.shown(call.user).await?,
        bucket_owner: call.shown(bucket.record.owner).await?,
        ownership: bucket.ownership(),
        block: bucket.block(),
        object,
        grants: call.grants(&bucket, object_info),
        policy: call.policy_says(&bucket, question.action, question.key.as_deref(), object_info)?,
    })
}

/// As the operations ask, each for its actions.
async fn decide(
    call: &Call<'_>,
    bucket: &Bucket,
    question: &AccessQuestion,
) -> Result<(Decision, ObjectPart, Option<ObjectInfo>), Failure> {
    let action = question.action;
    let Some(key) = &question.key else {
        return Ok((call.judge_bucket(bucket, action)?, ObjectPart::None, None));
    };
    if is_on_any_key(action) {
        return Ok((call.judge_object(bucket, action, key, None, None)?, ObjectPart::None, None));
    }
    let object = call.fresh.object(bucket.record.id, key, None).await?;
    let Some(object) = object.filter(|object| !object.is_delete_marker()) else {
        return Ok((call.judge_missing(bucket, action, key, None)?, ObjectPart::Missing, None));
    };
    let decision = call.judge_object(bucket, action, key, None, Some(&object))?;
    let owner = call.shown(object.record.summary.owner).await?;
    Ok((decision, ObjectPart::OwnedBy(owner), Some(object)))
}

/// Whether it does not matter which object is there, or whether one is.
fn is_on_any_key(action: Action) -> bool {
    matches!(
        action,
        Action::PutObject
            | Action::DeleteObject
            | Action::DeleteObjectVersion
            | Action::AbortMultipartUpload
            | Action::ListMultipartUploadParts
            | Action::BypassGovernanceRetention
    )
}

fn check(question: &AccessQuestion) -> Result<(), ExplainError> {
    let action = question.action;
    let malformed = |text: String| Err(ExplainError::Malformed(text));
    match (action.level(), &question.key) {
        (Level::Service, _) => return malformed(format!("{action} is done with no bucket: every user may")),
        _ if action == Action::CreateBucket => {
            return malformed(format!("{action} is done with no bucket that exists: every user may"));
        }
        (Level::Bucket, Some(_)) => {
            return malformed(format!("{action} is done with a bucket: name no key"));
        }
        (Level::Object, None) => return malformed(format!("{action} is done with an object: name a key")),
        (Level::Bucket, None) => {}
        (Level::Object, Some(key)) => check_key(key)?,
    }
    Ok(check_bucket_name(&question.bucket)?)
}

async fn signer(fresh: &Fresh, user: UserId) -> Result<Option<Signer>, ExplainError> {
    let name = match user {
        ANONYMOUS_USER => return Ok(None),
        ROOT_USER => ROOT_NAME.to_owned(),
        user => fresh.user(user).await?.ok_or(ExplainError::NoSuchUser(user))?.name,
    };
    Ok(Some(Signer { user, id: user.to_string(), name, form: SIGNED }))
}

/// The method of requests that need the action, as far as conditions see it.
fn method_of(action: Action) -> Method {
    let reads = ["s3:Get", "s3:List"].iter().any(|verb| action.as_str().starts_with(verb));
    if reads { Method::GET } else { Method::PUT }
}

fn uri_of(question: &AccessQuestion) -> Result<Uri, ExplainError> {
    let Some(prefix) = &question.prefix else { return Ok(Uri::from_static("/")) };
    let uri = format!("/?prefix={}", encode_listed(prefix));
    uri.parse().map_err(|_| ExplainError::Malformed("the prefix is too long".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(action: Action, bucket: &str, key: Option<&str>) -> AccessQuestion {
        AccessQuestion {
            user: ANONYMOUS_USER,
            action,
            bucket: bucket.to_owned(),
            key: key.map(str::to_owned),
            source_ip: None,
            secure: false,
            headers: HeaderMap::new(),
            prefix: None,
        }
    }

    #[test]
    fn an_action_is_asked_about_with_what_it_is_done() {
        for (action, bucket, key, fine) in [
            (Action::GetObject, "photos", Some("k"), true),
            (Action::ListBucket, "photos", None, true),
            (Action::GetObject, "photos", None, false),
            (Action::ListBucket, "photos", Some("k"), false),
            (Action::ListAllMyBuckets, "photos", None, false),
            (Action::CreateBucket, "photos", None, false),
            (Action::GetObject, "Photos/x", Some("k"), false),
            (Action::GetObject, "photos", Some(&"k".repeat(1_025) as &str), false),
        ] {
            assert_eq!(check(&question(action, bucket, key)).is_ok(), fine, "{action} {bucket} {key:?}");
        }
    }

    #[test]
    fn a_prefix_reaches_conditions_whole() {
        let question = AccessQuestion {
            prefix: Some("a b&c=d/é".to_owned()),
            ..question(Action::ListBucket, "photos", None)
        };
        let uri = uri_of(&question).unwrap();
        assert_eq!(uri.query(), Some("prefix=a+b%26c%3Dd/%C3%A9"));
    }
}
