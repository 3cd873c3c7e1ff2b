//! A small client of the admin API, for the demo, and for commands on a node
//! that ask the node itself.

use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use mucura_runtime::{Clock as _, SystemClock};
use mucura_s3_wire::sigv4::{Credentials, PayloadMode, sign};
use serde_json::Value;
use tokio::time::timeout;

use crate::admin::EXPECTED;
use crate::config::RootKey;

const PATIENCE: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Talks to the admin API of one node.
pub(crate) struct AdminClient {
    base: String,
    credentials: Option<Credentials>,
    http: Client<HttpConnector, Full<Bytes>>,
}

impl AdminClient {
    /// Towards `base`, a URL; signing with `root` if it is given.
    pub(crate) fn new(base: &str, root: Option<RootKey>) -> anyhow::Result<Self> {
        let credentials = root.map(|root| Credentials {
            access_key: root.access_key,
            secret_key: root.secret_key,
            session_token: None,
        });
        let http = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
        Ok(Self { base: base.trim_end_matches('/').to_owned(), credentials, http })
    }

    /// Whether the node takes part.
    pub(crate) async fn is_ready(&self) -> bool {
        self.request(Method::GET, "/health/ready", Bytes::new())
            .await
            .is_ok_and(|(status, _)| status == StatusCode::OK)
    }

    /// How many drives the site places data on now.
    pub(crate) async fn placed_drives(&self) -> anyhow::Result<usize> {
        let status = self.json(Method::GET, "/admin/v1/status", &Value::Null).await?;
        let drives = status.pointer("/placement/drives").and_then(Value::as_u64).unwrap_or(0);
        Ok(usize::try_from(drives)?)
    }

    /// Asks for `path`, and gives the answer if it is a success.
    pub(crate) async fn json(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
        let body = if body.is_null() { Bytes::new() } else { serde_json::to_vec(body)?.into() };
        let (status, answer) = self.request(method, path, body).await?;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or(Value::Null);
        if !status.is_success() {
            let message = answer.get("message").and_then(Value::as_str).unwrap_or("no message");
            bail!("{}{path} answered {status}: {message}", self.base);
        }
        Ok(answer)
    }

    async fn request(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<(StatusCode, Bytes)> {
        let uri: Uri = format!("{}{path}", self.base).parse().context("admin URL")?;
        let mut headers = HeaderMap::new();
        if let Some(credentials) = &self.credentials {
            let hash = ring::digest::digest(&ring::digest::SHA256, &body);
            let mut sha256 = [0; 32];
            sha256.copy_from_slice(hash.as_ref());
            let payload = PayloadMode::Signed(sha256);
            sign(credentials, EXPECTED, &method, &uri, &mut headers, payload, SystemClock.now_ms())?;
        }
        let mut request = Request::builder().method(method).uri(uri).body(Full::new(body))?;
        *request.headers_mut() = headers;
        let exchange = async {
            let answer = self.http.request(request).await?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
            anyhow::Ok((status, body.map_err(|e| anyhow::anyhow!("read answer: {e}"))?.to_bytes()))
        };
        timeout(PATIENCE, exchange).await.context("no answer in time")?
    }
}
