use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};
use mucura_s3_wire::sigv4::{Credentials, Expected, PayloadMode, sign};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::digest::{SHA256, digest};
use serde_json::Value;
use tokio::time::timeout;

use crate::access::Access;
use crate::clock::now_ms;
use crate::http_connection::{HttpClient, http_client, whole};

/// What admin requests are signed for.
const EXPECTED: Expected<'static> = Expected { region: "mucura", service: "mucura-admin" };
/// How long a node may take over one request.
const PATIENCE: Duration = Duration::from_secs(30);
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Talks to the admin API of a site, through the first node that answers.
pub(crate) struct Client {
    admin: Vec<String>,
    credentials: Credentials,
    http: HttpClient,
}

/// What a node answered that will not do what it was asked.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl std::error::Error for Refused {}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}, {})", self.message, self.code, self.status.as_u16())
    }
}

impl Client {
    pub(crate) fn new(access: Access) -> Self {
        Self { admin: access.admin, credentials: access.credentials, http: http_client() }
    }

    /// The same client towards one node.
    pub(crate) fn at(&self, admin: &str) -> Self {
        Self { admin: vec![admin.to_owned()], credentials: self.credentials.clone(), http: self.http.clone() }
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(Method::GET, path, &Value::Null).await
    }

    /// Asks one node after the other. Who cannot be reached was not asked;
    /// who says that it is not available did nothing.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
        let body: Bytes = if body.is_null() { Bytes::new() } else { serde_json::to_vec(body)?.into() };
        let mut told = Vec::new();
        for base in &self.admin {
            match self.ask_one(base, &method, path, body.clone()).await? {
                Answer::Done(value) => return Ok(value),
                Answer::Elsewhere(reason) => told.push(format!("{base}: {reason}")),
            }
        }
        bail!("no node could do it: {}", told.join("; "))
    }

    async fn ask_one(&self, base: &str, method: &Method, path: &str, body: Bytes) -> anyhow::Result<Answer> {
        let uri: Uri =
            format!("{}/admin/v1/{path}", base.trim_end_matches('/')).parse().context("admin URL")?;
        let headers = signed(&self.credentials, method, &uri, &body, now_ms())?;
        let mut request = Request::builder().method(method).uri(uri).body(whole(body))?;
        *request.headers_mut() = headers;
        let exchange = async {
            let answer = match self.http.request(request).await {
                Ok(answer) => answer,
                Err(error) if error.is_connect() => return Ok(Err("cannot be reached".to_owned())),
                Err(error) => return Err(anyhow::Error::new(error)),
            };
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|e| anyhow::anyhow!("read the answer: {e}"))?.to_bytes();
            Ok(Ok((status, body)))
        };
        let answered = timeout(PATIENCE, exchange).await;
        let answered =
            answered.with_context(|| format!("{base} did not answer within {} s", PATIENCE.as_secs()))?;
        match answered.with_context(|| format!("ask {base}"))? {
            Ok((status, body)) => read(status, &body),
            Err(reason) => Ok(Answer::Elsewhere(reason)),
        }
    }
}

enum Answer {
    Done(Value),
    /// Nothing was done; another node may do it.
    Elsewhere(String),
}

fn read(status: StatusCode, body: &[u8]) -> anyhow::Result<Answer> {
    let value: Value = match body.is_empty() {
        true => Value::Null,
        false => serde_json::from_slice(body).context("the answer is not JSON: is this an admin URL?")?,
    };
    if status.is_success() {
        return Ok(Answer::Done(value));
    }
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or("?").to_owned();
    let refused = Refused { status, code: text("code"), message: text("message") };
    match status {
        StatusCode::SERVICE_UNAVAILABLE => Ok(Answer::Elsewhere(refused.to_string())),
        _ => Err(refused.into()),
    }
}

/// The headers of a request, its signature among them.
fn signed(
    credentials: &Credentials,
    method: &Method,
    uri: &Uri,
    body: &[u8],
    now_ms: u64,
) -> anyhow::Result<HeaderMap> {
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest(&SHA256, body).as_ref());
    let mut headers = HeaderMap::new();
    sign(credentials, EXPECTED, method, uri, &mut headers, PayloadMode::Signed(sha256), now_ms)?;
    Ok(headers)
}

/// One segment of a path.
pub(crate) fn segment(text: &str) -> String {
    const KEPT: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, &KEPT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mucura_s3_wire::RequestHead;
    use mucura_s3_wire::sigv4::Claim;

    fn credentials() -> Credentials {
        Credentials { access_key: "root".into(), secret_key: "secret-key".into(), session_token: None }
    }

    #[test]
    fn a_signed_request_is_verified_and_a_changed_one_is_not() {
        let now = 1_700_000_000_000;
        let uri: Uri = "http://127.0.0.1:9400/admin/v1/users/a%20b?x=1".parse().unwrap();
        let headers = signed(&credentials(), &Method::POST, &uri, b"{}", now).unwrap();
        let verify = |uri: &Uri, method: &Method, secret: &str| {
            let head = RequestHead { method, uri, headers: &headers };
            Claim::parse(&head, EXPECTED).and_then(|claim| claim.unwrap().verify(secret, now))
        };
        assert!(verify(&uri, &Method::POST, "secret-key").is_ok());
        assert!(verify(&uri, &Method::POST, "another-key").is_err());
        assert!(verify(&uri, &Method::DELETE, "secret-key").is_err());
        let other: Uri = "http://127.0.0.1:9400/admin/v1/users/a%20c?x=1".parse().unwrap();
        assert!(verify(&other, &Method::POST, "secret-key").is_err());
    }

    #[tokio::test]
    async fn a_node_that_is_down_is_passed_over_and_all_are_told() {
        // Bound and dropped: nobody listens there.
        let port = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let admin = vec![format!("http://127.0.0.1:{}", port()), format!("http://127.0.0.1:{}", port())];
        let client = Client::new(Access { admin: admin.clone(), credentials: credentials() });
        let error = format!("{:#}", client.get("status").await.unwrap_err());
        assert!(admin.iter().all(|url| error.contains(url.as_str())), "{error}");
    }

    #[test]
    fn a_refusal_says_what_the_node_said() {
        let Err(error) = read(StatusCode::CONFLICT, br#"{"code":"UserExists","message":"there is one"}"#)
        else {
            panic!("accepted");
        };
        assert_eq!(error.to_string(), "there is one (UserExists, 409)");
        assert!(matches!(read(StatusCode::SERVICE_UNAVAILABLE, b"{}"), Ok(Answer::Elsewhere(_))));
    }
}
