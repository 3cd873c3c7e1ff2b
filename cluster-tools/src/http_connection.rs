use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// A body that is sent; it cannot fail.
pub(crate) type SentBody = BoxBody<Bytes, std::convert::Infallible>;

/// An HTTP client with kept connections.
pub(crate) type HttpClient = Client<HttpConnector, SentBody>;

/// A client that connects within two seconds and sends at once.
pub(crate) fn http_client() -> HttpClient {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(Duration::from_secs(2)));
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).pool_idle_timeout(Duration::from_secs(20)).build(connector)
}

/// A body held in memory.
pub(crate) fn whole(bytes: impl Into<Bytes>) -> SentBody {
    Full::new(bytes.into()).boxed()
}
