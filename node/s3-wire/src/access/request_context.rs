//! What conditions of policies may ask about a request.

use std::net::IpAddr;

use http::Method;

use crate::auth::SignatureForm;
use crate::config::lock::Retention;
use crate::config::tagging::TagSet;
use crate::error::S3Error;
use crate::head::RequestHead;
use crate::policy::{Context, Requester};
use crate::request::SourcePath;
use crate::time::iso8601;
use crate::uri::Query;

/// Headers that conditions know as `s3:HEADER`. Of several lines the first is what is done.
const HEADERS: &[&str] = &[
    "x-amz-acl",
    "x-amz-content-sha256",
    "x-amz-metadata-directive",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
    "x-amz-object-ownership",
];

/// The same for headers all lines of which count.
const LISTS: &[&str] = &[
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
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

/// What is known of a request besides its head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestFacts {
    /// Where it came from.
    pub source_ip: Option<IpAddr>,
    /// Whether it came over TLS.
    pub secure: bool,
    /// How it was signed.
    pub signed: Option<SignatureForm>,
    /// When it came, since 1970.
    pub now_ms: u64,
}

/// Gathers what conditions may ask about a request. `head` has the headers that the query carries
/// ([`crate::request::with_hoisted`]): conditions see what is done.
pub fn context_of(
    head: &RequestHead<'_>,
    requester: Requester<'_>,
    facts: &RequestFacts,
) -> Result<Context, S3Error> {
    let query = Query::parse(head.query())?;
    let headers = head.headers;
    let mut context = Context::of(requester);
    context.set("aws:CurrentTime", iso8601(facts.now_ms));
    context.set("aws:EpochTime", (facts.now_ms / 1_000).to_string());
    context.set("aws:SecureTransport", if facts.secure { "true" } else { "false" });
    if let Some(ip) = facts.source_ip {
        context.set("aws:SourceIp", ip.to_string());
    }
    if let Some(form) = facts.signed {
        context.set("s3:signatureversion", form.version);
        context.set("s3:authType", form.way);
        // What does not say when it was signed may be of any age.
        let age_ms = form.signed_ms.map_or(u64::MAX, |signed_ms| facts.now_ms.saturating_sub(signed_ms));
        context.set("s3:signatureAge", age_ms.to_string());
    }
    let lines = |name: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| std::str::from_utf8(value.as_bytes()).ok().map(str::trim))
    };
    let header = |name: &str| lines(name).next();
    for name in HEADERS {
        if let Some(value) = header(name) {
            context.set(&format!("s3:{name}"), value);
        }
    }
    for name in LISTS {
        let values: Vec<&str> = lines(name).collect();
        if !values.is_empty() {
            context.set(&format!("s3:{name}"), values.join(","));
        }
    }
    // However it is written: else a statement about a source could be evaded.
    if let Some(source) = header("x-amz-copy-source").and_then(|text| SourcePath::parse(text).ok()) {
        context.set("s3:x-amz-copy-source", format!("{}/{}", source.bucket, source.key));
    }
    // Where the body says it, or the source of a copy, the header does nothing.
    let sets = |name: &str| query.get(name).is_some();
    let lock_counts = !sets("retention") && !sets("legal-hold");
    let tags_count = !sets("tagging")
        && (header("x-amz-copy-source").is_none()
            || header("x-amz-tagging-directive").is_some_and(|value| value.eq_ignore_ascii_case("REPLACE")));
    for (name, key) in RENAMED {
        if let Some(value) = header(name).filter(|_| lock_counts || !key.starts_with("s3:object-lock-")) {
            context.set(key, value);
        }
    }
    for (name, key) in PARAMETERS {
        if let Some(value) = query.get(name) {
            context.set(key, value);
        }
    }
    // A listing without a prefix is one of the empty prefix.
    if head.method == Method::GET && query.get("prefix").is_none() {
        context.set("s3:prefix", "");
    }
    if let Some(tags) =
        header("x-amz-tagging").filter(|_| tags_count).and_then(|text| TagSet::parse_header(text).ok())
    {
        set_request_tags(&mut context, &tags);
    }
    Ok(context)
}

/// Adds the tags that a request brings.
pub fn set_request_tags(context: &mut Context, tags: &TagSet) {
    for (key, value) in tags.iter() {
        context.set(&format!("s3:RequestObjectTag/{key}"), value);
        context.push("s3:RequestObjectTagKeys", key);
    }
}

/// Adds the retention that the body of a request asks for.
pub fn set_request_retention(context: &mut Context, retention: &Retention) {
    context.set("s3:object-lock-mode", retention.mode.as_str());
    context.set("s3:object-lock-retain-until-date", iso8601(retention.until_ms));
}

#[cfg(test)]
#[path = "request_context_tests.rs"]
mod tests;
