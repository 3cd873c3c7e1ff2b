use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{Request, StatusCode, header};
use mucura_s3_wire::{ErrorCode, S3Error};
use tower_service::Service as _;

/// Answers S3 clients until the node can: they are told at once to ask
/// another node, instead of waiting.
#[derive(Clone, Default)]
pub(crate) struct Gate {
    open: Arc<OnceLock<Router>>,
}

impl Gate {
    /// Hands requests to `router` from now on.
    pub(crate) fn open(&self, router: Router) {
        // Opened once, by the node's start.
        self.open.set(router).ok();
    }

    /// What listens.
    pub(crate) fn router(&self) -> Router {
        Router::new().fallback(pass).with_state(self.clone())
    }
}

async fn pass(State(gate): State<Gate>, request: Request<Body>) -> Response {
    match gate.open.get() {
        Some(router) => router.clone().call(request).await.into_response(),
        None => starting(request.uri().path()),
    }
}

fn starting(resource: &str) -> Response {
    let error =
        S3Error::with_message(ErrorCode::ServiceUnavailable, "The node is starting. Please try another.");
    let xml = error.to_xml(resource, "starting", "starting");
    let headers = [(header::CONTENT_TYPE, "application/xml"), (header::RETRY_AFTER, "1")];
    let id = [("x-amz-request-id", "starting")];
    (StatusCode::SERVICE_UNAVAILABLE, headers, id, xml).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;

    #[tokio::test]
    async fn clients_are_told_to_go_elsewhere_until_the_node_is_there() {
        let gate = Gate::default();
        let mut router = gate.router();
        let request = || Request::get("/bucket/key").body(Body::empty()).unwrap();
        let answer = router.call(request()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        gate.open(Router::new().route("/bucket/key", get(|| async { "here" })));
        assert_eq!(router.call(request()).await.unwrap().status(), StatusCode::OK);
    }
}
