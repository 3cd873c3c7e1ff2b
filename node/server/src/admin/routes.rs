use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use mucura_types::NodeId;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::admin::answer::{AdminError, json_answer};
use crate::admin::authority::authorise;
use crate::admin::{drives, events, people, policy, rewrap, site_status};
use crate::join;
use crate::serve::{Node, Shown};

const BODY_BYTES_MAX: usize = 64 << 10;
/// How long a body may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(10);
/// What a request may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest life of a join token.
const TOKEN_MINUTES_MAX: u32 = 7 * 24 * 60;

pub(super) type Answered = Result<Value, AdminError>;

/// Answers everything under `/admin/v1/`: first who asks, then what for.
pub(super) async fn admin(State(shown): State<Shown>, request: Request<Body>) -> Response {
    let Some(node) = shown.get() else {
        return AdminError::Unavailable("the node is starting".to_owned()).into_response();
    };
    match answer(node, request).await {
        Ok(value) => json_answer(StatusCode::OK, &value),
        Err(error) => error.into_response(),
    }
}

async fn answer(node: &Node, request: Request<Body>) -> Answered {
    let (parts, body) = request.into_parts();
    let body = timeout(BODY_PATIENCE, Limited::new(body, BODY_BYTES_MAX).collect()).await;
    let body = body.map_err(|_| AdminError::Malformed("the body did not arrive in time".to_owned()))?;
    let body = body.map_err(|_| AdminError::Malformed("the body is cut, or too long".to_owned()))?.to_bytes();
    authorise(&node.root, &parts, &body, node.runtime.clock.now_ms())?;
    let path = parts.uri.path().strip_prefix("/admin/v1/").unwrap_or_default();
    let segments = path.split('/').map(decode_segment).collect::<Result<Vec<_>, _>>()?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let deadline = Instant::now() + PATIENCE;
    route(node, &parts.method, &segments, &body, deadline).await
}

async fn route(node: &Node, method: &Method, path: &[&str], body: &[u8], deadline: Instant) -> Answered {
    match (method, path) {
        (&Method::GET, ["status"]) => Ok(site_status::site_status(&node.store.status().await?)),
        (&Method::GET, ["users"]) => people::users(node, deadline).await,
        (&Method::POST, ["users"]) => people::create_user(node, parse(body)?, deadline).await,
        (&Method::DELETE, ["users", user]) => people::delete_user(node, user, deadline).await,
        (&Method::GET, ["users", user, "keys"]) => people::keys(node, user, deadline).await,
        (&Method::POST, ["users", user, "keys"]) => people::create_key(node, user, deadline).await,
        (&Method::PATCH, ["keys", key]) => people::set_key(node, key, &parse(body)?, deadline).await,
        (&Method::DELETE, ["keys", key]) => people::delete_key(node, key, deadline).await,
        (&Method::GET, ["drives"]) => drives::list(node).await,
        (&Method::POST, ["drives"]) => drives::add(node, parse(body)?).await,
        (&Method::PUT, ["drives", drive]) => drives::replace(node, drive, parse(body)?).await,
        (&Method::POST, ["policy", "explain"]) => policy::explain(node, parse(body)?, deadline).await,
        (&Method::GET, ["events"]) => events::queues(node, deadline).await,
        (&Method::GET, ["events", queue]) => events::read(node, queue, "0", deadline).await,
        (&Method::GET, ["events", queue, after]) => events::read(node, queue, after, deadline).await,
        (&Method::DELETE, ["events", queue, through]) => {
            events::drop_events(node, queue, through, deadline).await
        }
        (&Method::GET, ["webhooks"]) => events::webhooks(node, deadline).await,
        (&Method::POST, ["webhooks"]) => events::add_webhook(node, parse(body)?, deadline).await,
        (&Method::DELETE, ["webhooks", name]) => events::remove_webhook(node, name, deadline).await,
        (&Method::POST, ["join-tokens"]) => join_token(node, &parse(body)?).await,
        (&Method::POST, ["leader"]) => transfer_leader(node, &parse(body)?).await,
        (&Method::GET, ["encryption", "rewrap"]) => rewrap::status(node, deadline).await,
        (&Method::POST, ["encryption", "rewrap"]) => rewrap::begin(node, &parse(body)?, deadline).await,
        (&Method::POST, ["scrub"]) => {
            let nodes = node.store.scrub_now(deadline).await?;
            Ok(json!({ "nodes": nodes }))
        }
        _ => Err(AdminError::NotFound(format!("there is no {method} /admin/v1/{}", path.join("/")))),
    }
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct TokenWanted {
    minutes: u32,
}

impl Default for TokenWanted {
    fn default() -> Self {
        Self { minutes: 60 }
    }
}

async fn join_token(node: &Node, wanted: &TokenWanted) -> Answered {
    if !(1..=TOKEN_MINUTES_MAX).contains(&wanted.minutes) {
        return Err(AdminError::Malformed(format!("a token lives for 1 to {TOKEN_MINUTES_MAX} minutes")));
    }
    let minted = join::mint(node, Duration::from_secs(u64::from(wanted.minutes) * 60)).await;
    let (token, expires_ms) = minted.map_err(|error| AdminError::Unavailable(format!("{error:#}")))?;
    Ok(json!({ "token": token.to_string(), "expires": mucura_s3_wire::time::iso8601(expires_ms) }))
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LeaderWanted {
    to: Option<u64>,
}

async fn transfer_leader(node: &Node, wanted: &LeaderWanted) -> Answered {
    let leader = *node.consensus.leader().borrow();
    if leader != Some(node.membership.node) {
        let hint =
            leader.map_or_else(|| "nobody leads".to_owned(), |leader| format!("node {leader} leads: ask it"));
        return Err(AdminError::Conflict { code: "NotLeader", message: hint });
    }
    node.consensus.transfer_leader(wanted.to.map(NodeId), PATIENCE).await?;
    Ok(json!({ "leader": *node.consensus.leader().borrow() }))
}

/// A body of JSON; an empty one is an empty object.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, AdminError> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| AdminError::Malformed(format!("body: {error}")))
}

fn decode_segment(segment: &str) -> Result<String, AdminError> {
    let decoded = percent_encoding::percent_decode_str(segment).decode_utf8();
    decoded
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| AdminError::Malformed("the path is not UTF-8".to_owned()))
}
