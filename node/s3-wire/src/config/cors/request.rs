//! A request from another origin, and the headers that allow it (<https://fetch.spec.whatwg.org>,
//! section 3.2).

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::config::cors::{CorsMethod, CorsRule};
use crate::error::{ErrorCode, S3Error};
use crate::head::RequestHead;

/// The most headers that one preflight may ask for; browsers send a handful.
const MAX_HEADERS: usize = 100;

/// What a page of another origin wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsRequest {
    /// Where the page is from.
    pub origin: String,
    /// What it wants to do.
    pub method: CorsMethod,
    /// The headers it wants to send; only a preflight says so.
    pub headers: Vec<String>,
}

impl CorsRequest {
    /// The request that `head` is part of; `None` if it is not from another origin.
    ///
    /// A request that says in `Access-Control-Request-Method` what it is counts as that.
    pub fn actual(head: &RequestHead<'_>) -> Option<Self> {
        let origin = head.header("origin").ok()??.to_owned();
        let asked = head.header("access-control-request-method").ok()?;
        let method = CorsMethod::from_name(asked.unwrap_or(head.method.as_str()))?;
        Some(Self { origin, method, headers: Vec::new() })
    }

    /// The request that an `OPTIONS` asks about: `BadRequest` unless it names origin and method.
    pub fn preflight(head: &RequestHead<'_>) -> Result<Self, S3Error> {
        let bad = |message: String| S3Error::with_message(ErrorCode::BadRequest, message);
        let Some(origin) = head.header("origin")?.filter(|origin| !origin.is_empty()) else {
            return Err(bad("Insufficient information. Origin request header needed.".to_owned()));
        };
        let asked = head.header("access-control-request-method")?;
        let method = asked.and_then(CorsMethod::from_name).ok_or_else(|| {
            bad(format!("Invalid Access-Control-Request-Method: {}", asked.unwrap_or("null")))
        })?;
        let names = head.header("access-control-request-headers")?.unwrap_or("");
        let headers: Vec<String> = names
            .split(',')
            .map(|name| name.trim().to_ascii_lowercase())
            .filter(|name| !name.is_empty())
            .take(MAX_HEADERS + 1)
            .collect();
        if headers.len() > MAX_HEADERS {
            return Err(bad("Too many Access-Control-Request-Headers".to_owned()));
        }
        Ok(Self { origin: origin.to_owned(), method, headers })
    }

    /// The headers that allow this request by this rule, if it does.
    pub(super) fn allowed_by(&self, rule: &CorsRule) -> Option<CorsHeaders> {
        let origin = rule.allowed_origins.iter().find(|origin| origin.matches(&self.origin))?;
        let header_allowed = |header: &String| {
            rule.allowed_headers.iter().any(|allowed| allowed.matches_ignoring_case(header))
        };
        if !rule.allowed_methods.contains(&self.method) || !self.headers.iter().all(header_allowed) {
            return None;
        }
        let methods: Vec<&str> = rule.allowed_methods.iter().map(|method| method.as_str()).collect();
        Some(CorsHeaders {
            allow_origin: if origin.is_any() { "*".to_owned() } else { self.origin.clone() },
            allow_credentials: !origin.is_any(),
            allow_methods: methods.join(", "),
            allow_headers: self.headers.join(", "),
            expose_headers: rule.expose_headers.join(", "),
            max_age_seconds: rule.max_age_seconds,
        })
    }
}

/// The headers of the answer to a request that is allowed. Texts that are empty are not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsHeaders {
    /// `*` if any origin may, else the origin of the request.
    pub allow_origin: String,
    /// Whether the page may send credentials: not where any origin may.
    pub allow_credentials: bool,
    /// All methods of the rule.
    pub allow_methods: String,
    /// The headers that the preflight asked for.
    pub allow_headers: String,
    /// The headers of the answer that the page may see.
    pub expose_headers: String,
    /// How long the answer to a preflight holds, in seconds.
    pub max_age_seconds: Option<u32>,
}

impl CorsHeaders {
    /// Puts them among the headers of the answer. `Vary` is added to those already there.
    pub fn insert_into(&self, headers: &mut HeaderMap) {
        let max_age = self.max_age_seconds.map(|seconds| seconds.to_string()).unwrap_or_default();
        let credentials = if self.allow_credentials { "true" } else { "" };
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, self.allow_origin.as_str()),
            (header::ACCESS_CONTROL_ALLOW_METHODS, &self.allow_methods),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, &self.allow_headers),
            (header::ACCESS_CONTROL_EXPOSE_HEADERS, &self.expose_headers),
            (header::ACCESS_CONTROL_MAX_AGE, &max_age),
            (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, credentials),
        ] {
            insert(headers, name, value);
        }
        headers.append(
            header::VARY,
            HeaderValue::from_static("Origin, Access-Control-Request-Headers, Access-Control-Request-Method"),
        );
    }
}

/// An origin beyond ASCII, which no browser sends, is left out: the page is not let in.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value)
        && !value.is_empty()
    {
        headers.insert(name, value);
    }
}
