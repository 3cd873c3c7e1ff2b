//! What conditions of policies may ask about a request.

use http::Method;
use mucura_s3_wire::RequestHead;
use mucura_s3_wire::access::{Context, Requester};
use mucura_s3_wire::config::tagging::TagSet;
use mucura_s3_wire::request::QueryParameters;
use mucura_s3_wire::time::iso8601;

use crate::connection::Connection;

/// Headers that conditions know as `s3:HEADER`.
const HEADERS: &[&str] = &[
    "x-amz-acl",
    "x-amz-content-sha256",
    "x-amz-copy-source",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
    "x-amz-metadata-directive",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
    "x-amz-object-ownership",
];

/// Headers that conditions know by another name.
const RENAMED: &[(&str, &str)] = &[
    ("if-match", "s3:if-match"),
    ("if-none-match", "s3:if-none-match"),
    ("referer", "aws:Referer"),
    ("user-agent", "aws:UserAgent"),
    ("x-amz-object-lock-legal-hold", "s3:object-lock-legal-hold"),
    ("x-amz-object-lock-mode", "s3:object-lock-mode"),
    ("x-amz-object-lock-retain-until-date", "s3:object-lock-retain-until-date"),
];

/// Parameters that conditions know as `s3:PARAMETER`.
const PARAMETERS: &[(&str, &str)] = &[
    ("delimiter", "s3:delimiter"),
    ("max-keys", "s3:max-keys"),
    ("prefix", "s3:prefix"),
    ("versionId", "s3:VersionId"),
];

/// How a request was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signed {
    /// `s3:signatureversion`.
    pub(crate) version: &'static str,
    /// `s3:authType`.
    pub(crate) by: &'static str,
}

/// Gathers all that is known of a request from its head.
pub(crate) fn context_of(
    head: &RequestHead<'_>,
    requester: Requester<'_>,
    signed: Option<Signed>,
    over: Option<&Connection>,
    now_ms: u64,
) -> Context {
    let mut context = Context::of(requester);
    context.set("aws:CurrentTime", iso8601(now_ms));
    context.set("aws:EpochTime", (now_ms / 1_000).to_string());
    if let Some(over) = over {
        context.set("aws:SourceIp", over.peer.ip().to_string());
        context.set("aws:SecureTransport", if over.secure { "true" } else { "false" });
    }
    if let Some(signed) = signed {
        context.set("s3:signatureversion", signed.version);
        context.set("s3:authType", signed.by);
    }
    let header = |name: &str| head.headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
    for name in HEADERS {
        if let Some(value) = header(name) {
            context.set(&format!("s3:{name}"), value);
        }
    }
    for (name, key) in RENAMED {
        if let Some(value) = header(name) {
            context.set(key, value);
        }
    }
    let parameters = QueryParameters::of(head);
    for (name, key) in PARAMETERS {
        if let Some(value) = parameters.get(name) {
            context.set(key, value);
        }
    }
    // A listing without a prefix is one of the empty prefix.
    if head.method == Method::GET && parameters.get("prefix").is_none() {
        context.set("s3:prefix", "");
    }
    if let Some(tags) = header("x-amz-tagging").and_then(|text| TagSet::parse_header(text).ok()) {
        set_request_tags(&mut context, &tags);
    }
    context
}

/// The tags that a request brings.
pub(crate) fn set_request_tags(context: &mut Context, tags: &TagSet) {
    for (key, value) in tags.iter() {
        context.set(&format!("s3:RequestObjectTag/{key}"), value);
        context.push("s3:RequestObjectTagKeys", key);
    }
}
