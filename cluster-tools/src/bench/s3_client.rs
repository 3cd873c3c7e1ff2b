use std::time::Duration;

use anyhow::{Context as _, bail};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use mucura_s3_wire::sigv4::{Credentials, Expected, PayloadMode, sign};
use tokio::time::timeout;

use crate::bench::pattern::Pattern;
use crate::clock::now_ms;
use crate::http_connection::{HttpClient, SentBody, http_client, whole};

/// How long one request may take in all.
const PATIENCE: Duration = Duration::from_secs(600);
const ERROR_BYTES_MAX: usize = 64 << 10;
const PAGE_BYTES_MAX: usize = 16 << 20;

/// Speaks S3 to one endpoint, without retries.
#[derive(Clone)]
pub(super) struct S3Client {
    endpoint: String,
    bucket: String,
    region: String,
    credentials: Credentials,
    http: HttpClient,
    encryption: Encryption,
}

/// How what is stored is to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encryption {
    None,
    /// Sealed by a key of the site.
    SseS3,
}

impl S3Client {
    pub(super) fn new(
        endpoint: &str,
        bucket: &str,
        region: &str,
        credentials: &Credentials,
        encryption: Encryption,
    ) -> Self {
        Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            bucket: bucket.to_owned(),
            region: region.to_owned(),
            credentials: credentials.clone(),
            http: http_client(),
            encryption,
        }
    }

    /// Makes the bucket; it is fine if it is there and ours.
    pub(super) async fn make_bucket(&self) -> anyhow::Result<()> {
        match self.send(Method::PUT, "", whole("")).await {
            Err(error) if error.to_string().contains("BucketAlreadyOwnedByYou") => Ok(()),
            other => other.map(drop),
        }
    }

    pub(super) async fn put(
        &self,
        key: &str,
        pattern: &Pattern,
        number: u64,
        size: u64,
    ) -> anyhow::Result<()> {
        self.finish(self.send(Method::PUT, key, pattern.body(number, size).boxed()).await?).await
    }

    /// Fetches an object; compares it if a pattern is given. Gives its size.
    pub(super) async fn get(&self, key: &str, expected: Option<(&Pattern, u64)>) -> anyhow::Result<u64> {
        let read = async {
            let mut body = self.send(Method::GET, key, whole("")).await?.into_body();
            let mut offset = 0;
            while let Some(frame) = body.frame().await {
                let Ok(data) = frame.context("body broke off")?.into_data() else { continue };
                if let Some((pattern, number)) = expected
                    && !pattern.matches(number, offset, &data)
                {
                    bail!("wrong bytes");
                }
                offset += data.len() as u64;
            }
            Ok(offset)
        };
        timeout(PATIENCE, read).await.context("no end in time")?
    }

    /// Asks for an object; gives the size that is told.
    pub(super) async fn head(&self, key: &str) -> anyhow::Result<Option<u64>> {
        let answer = self.send(Method::HEAD, key, whole("")).await?;
        let size = answer.headers().get(CONTENT_LENGTH).and_then(|size| size.to_str().ok()?.parse().ok());
        self.finish(answer).await?;
        Ok(size)
    }

    /// Lists one page; gives how many keys it holds.
    pub(super) async fn list(&self, prefix: &str) -> anyhow::Result<u64> {
        let answer =
            self.send(Method::GET, &format!("?list-type=2&max-keys=1000&prefix={prefix}"), whole("")).await?;
        let body = timeout(PATIENCE, Limited::new(answer.into_body(), PAGE_BYTES_MAX).collect()).await;
        let body = body.context("no end in time")?.map_err(|e| anyhow::anyhow!("page: {e}"))?.to_bytes();
        Ok(String::from_utf8_lossy(&body).matches("<Key>").count() as u64)
    }

    pub(super) async fn delete(&self, key: &str) -> anyhow::Result<()> {
        self.finish(self.send(Method::DELETE, key, whole("")).await?).await
    }

    /// Reads an answer to its end, so that the connection can be used again.
    async fn finish(&self, answer: Response<Incoming>) -> anyhow::Result<()> {
        let body = timeout(PATIENCE, Limited::new(answer.into_body(), ERROR_BYTES_MAX).collect()).await;
        body.context("no end in time")?.map_err(|e| anyhow::anyhow!("answer: {e}"))?;
        Ok(())
    }

    async fn send(&self, method: Method, key: &str, body: SentBody) -> anyhow::Result<Response<Incoming>> {
        let uri: Uri = format!("{}/{}/{key}", self.endpoint, self.bucket).parse().context("endpoint")?;
        let mut headers = HeaderMap::new();
        if method == Method::PUT
            && let Some(length) = hyper::body::Body::size_hint(&body).exact()
        {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        if method == Method::PUT && !key.is_empty() && self.encryption == Encryption::SseS3 {
            headers.insert("x-amz-server-side-encryption", HeaderValue::from_static("AES256"));
        }
        let target = Expected { region: &self.region, service: "s3" };
        sign(&self.credentials, target, &method, &uri, &mut headers, PayloadMode::Unsigned, now_ms())?;
        let mut request = Request::builder().method(method).uri(uri).body(body)?;
        *request.headers_mut() = headers;
        let answer = timeout(PATIENCE, self.http.request(request)).await.context("no answer in time")?;
        let answer = answer.map_err(|e| anyhow::anyhow!("connection: {}", root_cause(&e)))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), ERROR_BYTES_MAX).collect().await;
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        bail!("{status} {}", error_code(&String::from_utf8_lossy(&body)))
    }
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

fn error_code(xml: &str) -> &str {
    xml.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map_or("", |(code, _)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_an_error_is_found() {
        assert_eq!(error_code("<Error><Code>SlowDown</Code><Message>x</Message></Error>"), "SlowDown");
        assert_eq!(error_code("not xml"), "");
    }
}
