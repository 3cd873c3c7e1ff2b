use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use mucura_runtime::Runtime;
use mucura_s3_wire::access::RequestFacts;
use mucura_s3_wire::auth::{Claim, Verified};
use mucura_s3_wire::config::lifecycle::LifecycleConfiguration;
use mucura_s3_wire::policy::Policy;
use mucura_s3_wire::request::{Operation, OperationName, Route, WebsiteHost, route, with_hoisted};
use mucura_s3_wire::sigv4::Expected;
use mucura_s3_wire::time::http_date;
use mucura_s3_wire::{ErrorCode, RequestHead, S3Error};
use mucura_store::{ANONYMOUS_USER, Fresh, Names, Store, StoreError};
use mucura_telemetry::Metrics;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::Instrument;
use tracing::field::Empty;

use crate::account::Account;
use crate::answer::{Answer, set};
use crate::call::{Call, Conditions, Signer};
use crate::config::S3Config;
use crate::connection::Connection;
use crate::errors::Failure;
use crate::parsed::Parsed;
use crate::payload::Payload;
use crate::request_id::RequestIds;
use crate::tasks::Tasks;
use crate::{
    bucket_settings, buckets, complete, copy, cors, delete, get_object, listing, object_attributes,
    object_settings, post_object, put_object, uploads, versions, website,
};

/// The most bytes of all header names and values (S3, REST request headers).
const HEADERS_BYTES_MAX: usize = 8 << 10;
/// The most bytes of a query: a prefix, a marker and a token of the longest keys.
const QUERY_BYTES_MAX: usize = 16 << 10;

/// Memory for documents that are read whole, in KiB: several of the largest.
const DOCUMENTS_KIB: usize = 48 << 10;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const HOST_ID: HeaderName = HeaderName::from_static("x-amz-id-2");

/// The S3 front end of a node. Clones are the same one.
#[derive(Clone)]
pub struct S3(Arc<Shared>);

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) config: S3Config,
    pub(crate) store: Store,
    pub(crate) runtime: Runtime,
    metrics: Arc<Metrics>,
    ids: RequestIds,
    /// Memory for documents that are read whole, in KiB.
    pub(crate) documents: Semaphore,
    pub(crate) policies: Parsed<Policy>,
    pub(crate) lifecycles: Parsed<LifecycleConfiguration>,
    tasks: Tasks,
}

impl S3 {
    /// A front end of `store`. `metrics` should have been made with
    /// [`crate::operation_names`].
    ///
    /// # Errors
    /// The machine gave no randomness.
    pub fn new(
        config: S3Config,
        store: Store,
        runtime: Runtime,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<Self> {
        let ids = RequestIds::new(&*runtime.entropy)?;
        let (documents, tasks) = (Semaphore::new(DOCUMENTS_KIB), Tasks::default());
        let (policies, lifecycles) = (Parsed::default(), Parsed::default());
        Ok(Self(Arc::new(Shared {
            config,
            store,
            runtime,
            metrics,
            ids,
            documents,
            policies,
            lifecycles,
            tasks,
        })))
    }

    /// A router that answers every request with S3. Paths are taken as they
    /// were received: nothing may be normalised before.
    pub fn router(&self) -> Router {
        Router::new().fallback(take).with_state(self.clone())
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }

    /// Waits until the requests that change something are over; those that
    /// are not at the deadline are given up. The listener must take no more.
    pub async fn shutdown(&self, deadline: Instant) {
        self.0.tasks.end(deadline).await;
    }
}

impl Shared {
    /// What signatures must be made for.
    pub(crate) fn expected(&self) -> Expected<'_> {
        Expected { region: &self.config.region, service: "s3" }
    }

    /// Runs work that may take the processor longer than a request should.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let done = self.runtime.blocking.run(work).await;
        done.map_err(|error| StoreError::Unavailable { reason: error.to_string() }.into())
    }

    /// What stands between the parts of an answer; in no object by chance.
    pub(crate) fn boundary(&self) -> String {
        format!("{}{}", self.ids.next(), self.ids.next())
    }

    /// The heads that all answers have.
    fn dress(&self, headers: &mut HeaderMap, id: &str) {
        set(headers, REQUEST_ID, id);
        set(headers, HOST_ID, &self.config.host_id);
        headers.insert(header::SERVER, HeaderValue::from_static("Mucura"));
        set(headers, header::DATE, &http_date(self.runtime.clock.now_ms()));
    }

    /// An answer when nothing is left of the request.
    fn bare(&self, code: ErrorCode, id: &str) -> Response {
        let mut response = Response::new(axum::body::Body::empty());
        *response.status_mut() = code.status();
        self.dress(response.headers_mut(), id);
        response
    }
}

async fn take(State(s3): State<S3>, request: Request) -> Response {
    let shared = s3.0;
    let id = shared.ids.next().to_string();
    let span = tracing::info_span!("s3", request_id = %id, operation = Empty, bucket = Empty);
    let account = Account::begin(shared.metrics.clone(), span.clone());
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let serving = serve(shared.clone(), request, id.clone(), account).instrument(span);
    if reads {
        return serving.await;
    }
    // A client that goes away takes its future with it: between storing and
    // committing that must not be ours.
    match shared.tasks.spawn(serving).await {
        Ok(Some(response)) => response,
        Ok(None) => shared.bare(ErrorCode::ServiceUnavailable, &id),
        Err(error) => {
            tracing::error!(%error, request_id = %id, "a request ended by a fault of the program");
            shared.bare(ErrorCode::InternalError, &id)
        }
    }
}

async fn serve(shared: Arc<Shared>, request: Request, id: String, mut account: Account) -> Response {
    let (parts, body) = request.into_parts();
    let mut payload = Payload::new(body, &parts.headers);
    let config = &shared.config;
    let site = WebsiteHost::of(&RequestHead::from(&parts), &config.domains, &config.website_domains);
    let mut answer = match site {
        Some(site) => Box::pin(website::answer(&shared, &parts, &site, &mut account, &id)).await,
        None => {
            let mut always = HeaderMap::new();
            let result =
                Box::pin(answer(&shared, &parts, &mut payload, &id, &mut account, &mut always)).await;
            let mut answer = result.unwrap_or_else(|failure| refuse(&shared, &parts, failure, &id));
            answer.headers.extend(always);
            answer
        }
    };
    shared.dress(&mut answer.headers, &id);
    answer.send(payload, account, &shared.tasks)
}

fn refuse(shared: &Shared, parts: &Parts, failure: Failure, id: &str) -> Answer {
    let headers = failure.headers();
    let error = failure.into_s3();
    tracing::debug!(code = error.code.as_str(), message = %error.message, "refuse");
    let head = parts.method == Method::HEAD;
    let mut answer = Answer::refusal(&error, head, parts.uri.path(), id, &shared.config.host_id);
    answer.headers.extend(headers);
    answer
}

/// Answers a request. `always` becomes what the head of the answer has however
/// it comes out.
async fn answer(
    shared: &Shared,
    parts: &Parts,
    payload: &mut Payload,
    id: &str,
    account: &mut Account,
    always: &mut HeaderMap,
) -> Result<Answer, Failure> {
    let head = RequestHead::from(parts);
    check_size(&head)?;
    let routed = route(&head, &shared.config.domains);
    let over: Option<&Connection> = parts.extensions.get();
    if let Ok(Route { name: OperationName::PostObject, bucket: Some(bucket), .. }) = &routed {
        note(account, OperationName::PostObject, Some(bucket));
        return post_object::post(shared, head, over, bucket, payload, id, always).await;
    }
    // A preflight asks about a request; it is not the one that was signed.
    let claim = match *head.method {
        Method::OPTIONS => None,
        _ => Claim::parse(&head, shared.expected(), &shared.config.domains)?,
    };
    if claim.as_ref().is_some_and(|claim| claim.session_token().is_some()) {
        return Err(ErrorCode::InvalidToken.into());
    }
    let mut fresh = shared.store.fresh(Instant::now() + shared.config.metadata_timeout).await?;
    let signed = look_up(shared, &mut fresh, &head, claim, routed.as_ref().ok()).await?;
    let (signer, verified) = signed.unzip();
    let route = routed?;
    note(account, route.name, route.bucket.as_deref());
    let (bucket, on_object) = (route.bucket.clone(), route.key.is_some());
    if route.name == OperationName::CorsPreflight {
        return cors::preflight(&fresh, &head, bucket.as_deref(), on_object).await;
    }
    let now_ms = shared.runtime.clock.now_ms();
    let merged = with_hoisted(&head)?;
    let asked = RequestHead { headers: merged.as_ref().unwrap_or(head.headers), ..head };
    let request = route.parse(&asked, now_ms)?;
    let call = Call {
        shared,
        fresh,
        conditions: Conditions::new(asked, facts(over, signer.as_ref(), now_ms)),
        user: signer.as_ref().map_or(ANONYMOUS_USER, |signer| signer.user),
        signer,
        verified,
        expected_owner: request.expected_bucket_owner,
        request_id: id,
        url: url(&head, over),
    };
    if let Some(bucket) = bucket.filter(|_| head.headers.contains_key(header::ORIGIN)) {
        *always = cors::headers_for(&call.fresh, &head, &bucket).await?;
    }
    perform(&call, request.operation, payload).await
}

/// Says what is served, where it is counted and logged.
fn note(account: &mut Account, name: OperationName, bucket: Option<&str>) {
    account.operation(name.as_str());
    let span = tracing::Span::current();
    span.record("operation", name.as_str());
    span.record("bucket", bucket);
}

/// What conditions may ask about besides the head.
pub(crate) fn facts(over: Option<&Connection>, signer: Option<&Signer>, now_ms: u64) -> RequestFacts {
    RequestFacts {
        source_ip: over.map(|over| over.peer.ip()),
        secure: over.is_some_and(|over| over.secure),
        signed: signer.map(|signer| signer.form),
        now_ms,
    }
}

/// Finds who signed, and with the same read what the request names.
async fn look_up(
    shared: &Shared,
    fresh: &mut Fresh,
    head: &RequestHead<'_>,
    claim: Option<Claim>,
    route: Option<&Route>,
) -> Result<Option<(Signer, Verified)>, Failure> {
    let reads = matches!(*head.method, Method::GET | Method::HEAD);
    let access_key = claim.as_ref().map(|claim| claim.access_key().to_owned());
    let names_version = head.uri.query().is_some_and(|query| query.contains("versionId"));
    let names = Names {
        access_key: access_key.as_deref(),
        bucket: route.and_then(|route| route.bucket.as_deref()),
        // A version by its id is looked up when its id has been read.
        key: route.and_then(|route| route.key.as_deref()).filter(|_| reads && !names_version),
    };
    let principal = fresh.look_up(names).await?;
    let (Some(claim), Some(access_key)) = (claim, access_key) else { return Ok(None) };
    let principal = principal.ok_or_else(|| unknown_key(access_key))?;
    let form = claim.form();
    let verified = claim.verify(&principal.secret, shared.runtime.clock.now_ms())?;
    Ok(Some((Signer::new(principal, form), verified)))
}

async fn perform(call: &Call<'_>, operation: Operation, payload: &mut Payload) -> Result<Answer, Failure> {
    match operation {
        Operation::ListBuckets(request) => buckets::list(call, request).await,
        Operation::CreateBucket(request) => buckets::create(call, request, payload).await,
        Operation::HeadBucket { bucket } => buckets::head(call, &bucket).await,
        Operation::DeleteBucket { bucket } => buckets::delete(call, &bucket).await,
        Operation::GetBucketSetting(request) => bucket_settings::get(call, request).await,
        Operation::PutBucketSetting(request) => bucket_settings::put(call, request, payload).await,
        Operation::DeleteBucketSetting(request) => bucket_settings::delete(call, request).await,
        Operation::ListObjects(request) => listing::list_objects(call, request).await,
        Operation::ListObjectsV2(request) => listing::list_objects_v2(call, request).await,
        Operation::ListObjectVersions(request) => versions::list(call, request).await,
        Operation::PutObject(request) => put_object::put(call, request, payload).await,
        Operation::GetObject(request) => get_object::get(call, request).await,
        Operation::HeadObject(request) => get_object::head(call, request).await,
        Operation::GetObjectAttributes(request) => object_attributes::get(call, request).await,
        Operation::GetObjectSetting(request) => object_settings::get(call, request).await,
        Operation::PutObjectSetting(request) => object_settings::put(call, request, payload).await,
        Operation::DeleteObjectSetting(request) => object_settings::delete(call, request).await,
        Operation::DeleteObject(request) => delete::delete(call, request).await,
        Operation::DeleteObjects(request) => delete::delete_many(call, request, payload).await,
        Operation::CopyObject(request) => copy::copy_object(call, request).await,
        Operation::CreateMultipartUpload(request) => uploads::create(call, request).await,
        Operation::UploadPart(request) => uploads::put_part(call, request, payload).await,
        Operation::UploadPartCopy(request) => copy::copy_part(call, request).await,
        Operation::CompleteMultipartUpload(request) => complete::complete(call, request, payload).await,
        Operation::AbortMultipartUpload(request) => uploads::abort(call, request).await,
        Operation::ListParts(request) => uploads::list_parts(call, request).await,
        Operation::ListMultipartUploads(request) => uploads::list(call, request).await,
        Operation::Unsupported => Err(ErrorCode::NotImplemented.into()),
    }
}

/// The error for an access key that nobody has, or that is disabled.
pub(crate) fn unknown_key(access_key: impl Into<String>) -> S3Error {
    S3Error::new(ErrorCode::InvalidAccessKeyId).field("AWSAccessKeyId", access_key)
}

pub(crate) fn check_size(head: &RequestHead<'_>) -> Result<(), S3Error> {
    let headers: usize = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let query = head.uri.query().map_or(0, str::len);
    if headers > HEADERS_BYTES_MAX || query > QUERY_BYTES_MAX {
        return Err(ErrorCode::RequestHeaderSectionTooLarge.into());
    }
    Ok(())
}

pub(crate) fn url(head: &RequestHead<'_>, over: Option<&Connection>) -> String {
    let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    let scheme = over.map_or("http", Connection::scheme);
    format!("{scheme}://{host}{}", head.uri.path())
}
