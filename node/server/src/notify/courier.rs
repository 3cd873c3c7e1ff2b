use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, Request, Uri, header, uri::Scheme};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use mucura_metadata::Event;
use mucura_store::{Courier, NotDelivered, Webhook};
use ring::hmac;
use rustls::crypto::ring::default_provider;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;

use crate::notify::records::to_message;

/// How long a connection may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a webhook may take over a message.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long the rest of an answer is waited for, so that its connection can be
/// kept.
const REST_OF_ANSWER: Duration = Duration::from_secs(2);
/// What is read of it.
const ANSWER_BYTES_MAX: usize = 64 << 10;
const IDLE: Duration = Duration::from_secs(20);
/// `sha256=` and the HMAC-SHA256 of the body under the webhook's secret, in
/// hexadecimal.
const SIGNATURE: HeaderName = HeaderName::from_static("x-mucura-signature");

/// Brings events by POST, as JSON. Answers of 2xx take them over; redirects are
/// not followed: only the URL that an operator gave is ever called.
pub(crate) struct HttpCourier {
    region: String,
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// The certificate authorities that this machine trusts: those of its
/// operating system, or of the file that `SSL_CERT_FILE` names. Without any,
/// webhooks by https cannot be called; the log says why.
pub(crate) fn trusted_authorities() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "some certificate authorities cannot be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    roots
}

impl HttpCourier {
    /// For records of a region, to webhooks whose certificates one of these
    /// authorities signed.
    ///
    /// # Errors
    /// When TLS cannot be set up: a fault of the program.
    pub(crate) fn new(region: String, authorities: RootCertStore) -> Result<Self, rustls::Error> {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        connector.enforce_http(false);
        let tls = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(authorities)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let http = Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build(connector);
        Ok(Self { region, http })
    }

    async fn post(&self, to: &Webhook, events: &[Event]) -> Result<(), NotDelivered> {
        let failed = |error: &dyn std::fmt::Display| NotDelivered(error.to_string());
        let body = Bytes::from(to_message(events, &self.region));
        let mut request = Request::post(&to.url).header(header::CONTENT_TYPE, "application/json");
        if let Some(secret) = &to.secret {
            request = request.header(SIGNATURE, signature(secret, &body));
        }
        let request = request.body(Full::new(body)).map_err(|error| failed(&error))?;
        let answer = timeout(PATIENCE, self.http.request(request))
            .await
            .map_err(|_| NotDelivered("it did not answer in time".to_owned()))?
            .map_err(|error| match error.is_connect() {
                // At the bottom: no such host, nobody there, a certificate that is not trusted.
                true => {
                    NotDelivered(format!("it cannot be reached: {}", anyhow::Error::from(error).root_cause()))
                }
                false => failed(&error),
            })?;
        let status = answer.status();
        if !status.is_success() {
            return Err(NotDelivered(format!("it answered {status}")));
        }
        // The events are taken over, whatever becomes of the rest.
        timeout(REST_OF_ANSWER, Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect()).await.ok();
        Ok(())
    }
}

impl Courier for HttpCourier {
    fn deliver<'a>(
        &'a self,
        to: &'a Webhook,
        events: &'a [Event],
    ) -> Pin<Box<dyn Future<Output = Result<(), NotDelivered>> + Send + 'a>> {
        Box::pin(self.post(to, events))
    }
}

fn signature(secret: &[u8], body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    format!("sha256={}", hex::encode(hmac::sign(&key, body)))
}

/// Whether a URL can be called; else why not.
pub(crate) fn check_url(url: &str) -> Result<(), &'static str> {
    let uri: Uri = url.parse().map_err(|_| "the URL makes no sense")?;
    let authority = uri.authority().ok_or("the URL has no host")?;
    match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS => {}
        _ => return Err("the URL must begin with https:// or http://"),
    }
    if authority.as_str().contains('@') {
        return Err("the URL must not hold a password: give a secret instead");
    }
    Ok(())
}

#[cfg(test)]
#[path = "courier_tests.rs"]
mod tests;
