//! The admin API, on a listener of its own: health and metrics for anybody,
//! and under `/admin/v1/` what operators do, signed with Signature Version 4.
//! `docs/reference/admin-api.md` describes it.
//!
//! Invariant: it decides nothing; every route is one use case of the store, or
//! one step of this node.

mod answer;
mod authority;
mod drives;
mod events;
mod health;
mod people;
mod policy;
mod rewrap;
mod routes;
mod sample;
mod site_status;

use axum::Router;
use axum::routing::{any, get};
use mucura_s3_wire::sigv4::Expected;

use crate::serve::Shown;

/// What admin requests are signed for.
pub(crate) const EXPECTED: Expected<'static> = Expected { region: "mucura", service: "mucura-admin" };

/// Routes requests of the admin listener.
pub(crate) fn router(shown: Shown) -> Router {
    Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(sample::metrics))
        .route("/admin/v1/{*rest}", any(routes::admin))
        .with_state(shown)
}
