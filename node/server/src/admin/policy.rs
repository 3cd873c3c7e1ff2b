use std::collections::BTreeMap;
use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue};
use mucura_s3::{AccessAnswer, AccessQuestion, ExplainError, ObjectPart};
use mucura_s3_wire::access::PublicAccessBlock;
use mucura_s3_wire::policy::{Action, Resource, Verdict};
use mucura_s3_wire::xml::Owner;
use mucura_store::{ANONYMOUS_USER, ROOT_NAME, ROOT_USER};
use mucura_types::UserId;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::admin::answer::AdminError;
use crate::admin::people;
use crate::admin::routes::Answered;
use crate::serve::Node;

const ARN: &str = "arn:aws:s3:::";
/// Who does not sign, where a user is named.
const ANONYMOUS: &str = "anonymous";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    user: String,
    action: String,
    resource: String,
    source_ip: Option<IpAddr>,
    #[serde(default)]
    secure: bool,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    prefix: Option<String>,
}

pub(super) async fn explain(node: &Node, asked: Asked, deadline: Instant) -> Answered {
    let user = user(node, &asked.user, deadline).await?;
    let question = asked.understood(user)?;
    let answer = node.s3.explain(question.clone(), deadline).await?;
    Ok(shown(&question, &answer))
}

async fn user(node: &Node, name: &str, deadline: Instant) -> Result<UserId, AdminError> {
    match name {
        ANONYMOUS => Ok(ANONYMOUS_USER),
        ROOT_NAME => Ok(ROOT_USER),
        name if name == ROOT_USER.to_string() => Ok(ROOT_USER),
        name => people::find(node, name, deadline).await,
    }
}

impl Asked {
    fn understood(self, user: UserId) -> Result<AccessQuestion, AdminError> {
        let malformed = |text: String| AdminError::Malformed(text);
        let action = Action::from_name(&self.action)
            .ok_or_else(|| malformed(format!("{:?} is no action such as s3:GetObject", self.action)))?;
        let path = self.resource.strip_prefix(ARN).unwrap_or(&self.resource);
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let pair = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value));
            let (Ok(name), Ok(value)) = pair else {
                return Err(malformed(format!("{name:?} is no header, or its value cannot be one")));
            };
            headers.insert(name, value);
        }
        Ok(AccessQuestion {
            user,
            action,
            bucket: bucket.to_owned(),
            key: (!key.is_empty()).then(|| key.to_owned()),
            source_ip: self.source_ip.map(|ip| ip.to_canonical()),
            secure: self.secure,
            headers,
            prefix: self.prefix,
        })
    }
}

impl From<ExplainError> for AdminError {
    fn from(error: ExplainError) -> Self {
        match error {
            ExplainError::Store(error) => error.into(),
            ExplainError::NoSuchBucket(_) | ExplainError::NoSuchUser(_) => Self::NotFound(error.to_string()),
            ExplainError::Malformed(text) => Self::Malformed(text),
        }
    }
}

fn shown(question: &AccessQuestion, answer: &AccessAnswer) -> Value {
    let resource = Resource { bucket: &question.bucket, key: question.key.as_deref() };
    let (object, object_owner) = match &answer.object {
        ObjectPart::None => ("not asked", None),
        ObjectPart::Missing => ("missing", None),
        ObjectPart::OwnedBy(owner) => ("found", Some(person(owner))),
    };
    let grants = answer
        .grants
        .iter()
        .map(|(of, grant)| format!("{of} grants {} to {}", grant.permission, grant.grantee))
        .collect::<Vec<_>>();
    let policy = match &answer.policy {
        None => "none".to_owned(),
        Some(Verdict::Silent) => "says nothing of this".to_owned(),
        Some(Verdict::Allow(by)) => format!("allowed by {by}"),
        Some(Verdict::Deny(by)) => format!("denied by {by}"),
    };
    json!({
        "allowed": answer.decision.allowed,
        "reason": answer.decision.reason.to_string(),
        "user": person(&answer.user),
        "action": question.action.as_str(),
        "resource": format!("{ARN}{resource}"),
        "bucket_owner": person(&answer.bucket_owner),
        "object": object,
        "object_owner": object_owner,
        "object_ownership": answer.ownership.as_str(),
        "public_access_block": closed(answer.block),
        "acl_grants": grants,
        "policy": policy,
    })
}

fn person(owner: &Owner) -> Value {
    json!({ "id": owner.id, "name": owner.display_name })
}

/// What of the public access block is on.
fn closed(block: PublicAccessBlock) -> Vec<&'static str> {
    let all = [
        ("BlockPublicAcls", block.block_public_acls),
        ("IgnorePublicAcls", block.ignore_public_acls),
        ("BlockPublicPolicy", block.block_public_policy),
        ("RestrictPublicBuckets", block.restrict_public_buckets),
    ];
    all.into_iter().filter(|(_, on)| *on).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn understood(body: Value) -> Result<AccessQuestion, AdminError> {
        let asked: Asked = serde_json::from_value(body).unwrap();
        asked.understood(UserId(7))
    }

    #[test]
    fn a_resource_is_an_arn_or_a_path() {
        for (resource, bucket, key) in [
            ("arn:aws:s3:::photos/a/b", "photos", Some("a/b")),
            ("photos/a/b", "photos", Some("a/b")),
            ("arn:aws:s3:::photos", "photos", None),
            ("photos/", "photos", None),
            ("photos//a", "photos", Some("/a")),
        ] {
            let asked = json!({ "user": "u", "action": "S3:getobject", "resource": resource });
            let question = understood(asked).unwrap();
            assert_eq!((question.bucket.as_str(), question.key.as_deref()), (bucket, key), "{resource}");
            assert_eq!(question.action, Action::GetObject);
        }
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        let with = |action: &str, headers: Value| {
            understood(json!({ "user": "u", "action": action, "resource": "b", "headers": headers }))
        };
        assert!(
            matches!(with("s3:Fly", json!({})), Err(AdminError::Malformed(text)) if text.contains("s3:Fly"))
        );
        assert!(with("s3:ListBucket", json!({ "a b": "c" })).is_err());
        assert!(with("s3:ListBucket", json!({ "a": "c\nd" })).is_err());
        let question = with("s3:ListBucket", json!({ "Referer": "http://a/" })).unwrap();
        assert_eq!(question.headers["referer"], "http://a/");
        let unknown = json!({ "user": "u", "action": "a", "resource": "b", "source": "x" });
        assert!(serde_json::from_value::<Asked>(unknown).is_err());
    }
}
