//! Web sites: the objects of a bucket as browsers see them, at a host of the
//! bucket's own (S3 user guide, "Hosting a static website").
//!
//! Invariants: a visitor is anonymous whatever the request carries, reads, and
//! lists nothing; neither the query nor any `x-amz-` header means anything.

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use mucura_metadata::BucketDocument;
use mucura_s3_wire::access::RequestFacts;
use mucura_s3_wire::config::website::{Protocol, WebsiteAnswer, WebsiteConfiguration, WebsiteRequest};
use mucura_s3_wire::policy::Action;
use mucura_s3_wire::request::{GetObject, WebsiteHost, check_key};
use mucura_s3_wire::{ErrorCode, RequestHead, S3Error};
use mucura_store::{ANONYMOUS_USER, Names, ObjectInfo};
use tokio::time::Instant;

use crate::access::Bucket;
use crate::account::Account;
use crate::answer::{Answer, set};
use crate::call::{Call, Conditions};
use crate::connection::Connection;
use crate::errors::Failure;
use crate::front::{Shared, check_size, url};
use crate::new_object::REDIRECT;
use crate::website_error::{WebsiteError, mark};
use crate::{cors, get_object};

/// The name that visits are counted under.
pub(crate) const VISIT: &str = "Website";

/// Answers a visit.
pub(crate) async fn answer(
    shared: &Shared,
    parts: &Parts,
    site: &WebsiteHost,
    account: &mut Account,
    id: &str,
) -> Answer {
    account.operation(VISIT);
    tracing::Span::current().record("operation", VISIT);
    let mut always = HeaderMap::new();
    let result = visit(shared, parts, site, id, &mut always).await;
    let mut answer = result.unwrap_or_else(|error| {
        tracing::debug!(code = error.of_visit.code.as_str(), message = %error.of_visit.message, "refuse");
        error.answer(&parts.method, id, &shared.config.host_id)
    });
    answer.headers.extend(always);
    answer
}

/// `always` becomes what the head of the answer has however it comes out.
async fn visit(
    shared: &Shared,
    parts: &Parts,
    site: &WebsiteHost,
    id: &str,
    always: &mut HeaderMap,
) -> Result<Answer, WebsiteError> {
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return Err(S3Error::new(ErrorCode::MethodNotAllowed).into());
    }
    check_size(&RequestHead::from(parts))?;
    let plain = as_of_nobody(parts)?;
    let head = RequestHead::from(&plain);
    let wanted = site.visit(&head)?;
    tracing::Span::current().record("bucket", &wanted.bucket);
    let failed = |failure: Failure| WebsiteError::from(failure.into_s3());
    let over: Option<&Connection> = parts.extensions.get();
    let deadline = Instant::now() + shared.config.metadata_timeout;
    let mut fresh = shared.store.fresh(deadline).await.map_err(|error| failed(error.into()))?;
    let key = Some(&wanted.key[..]).filter(|key| !key.is_empty() && !key.ends_with('/'));
    let names = Names { bucket: Some(&wanted.bucket), key, ..Names::default() };
    fresh.look_up(names).await.map_err(|error| failed(error.into()))?;
    let facts = RequestFacts {
        source_ip: over.map(|over| over.peer.ip()),
        secure: over.is_some_and(|over| over.secure),
        signed: None,
        now_ms: shared.runtime.clock.now_ms(),
    };
    let call = Call {
        shared,
        fresh,
        user: ANONYMOUS_USER,
        signer: None,
        verified: None,
        expected_owner: None,
        url: url(&head, over),
        request_id: id,
        conditions: Conditions::new(head, facts),
    };
    if head.headers.contains_key(header::ORIGIN) {
        let allowed = cors::headers_for(&call.fresh, &head, &wanted.bucket).await;
        *always = allowed.map_err(|error| failed(error.into()))?;
    }
    let bucket = call.bucket(&wanted.bucket).await.map_err(failed)?;
    let rules = rules_of(&call, &bucket).await.map_err(failed)?;
    let protocol = if facts.secure { Protocol::Https } else { Protocol::Http };
    Visit { call: &call, bucket: &bucket, rules: &rules, protocol, host: &site.host, wanted: &wanted }
        .answer()
        .await
}

/// The same request without what could make it more than a visit.
fn as_of_nobody(parts: &Parts) -> Result<Parts, S3Error> {
    let path = PathAndQuery::try_from(parts.uri.path()).map_err(|_| ErrorCode::InvalidUri)?;
    let (mut plain, ()) = Request::new(()).into_parts();
    plain.method = parts.method.clone();
    plain.uri = Uri::from(path);
    let meant = |name: &str| !name.starts_with("x-amz-") && name != header::AUTHORIZATION.as_str();
    let headers = parts.headers.iter().filter(|(name, _)| meant(name.as_str()));
    for (name, value) in headers {
        plain.headers.append(name, value.clone());
    }
    Ok(plain)
}

async fn rules_of(call: &Call<'_>, bucket: &Bucket) -> Result<WebsiteConfiguration, Failure> {
    let text = call.fresh.document(&bucket.record, BucketDocument::Website).await?;
    let missing =
        || S3Error::new(ErrorCode::NoSuchWebsiteConfiguration).field("BucketName", bucket.name.as_str());
    let text = text.ok_or_else(missing)?;
    WebsiteConfiguration::parse(&text).map_err(|error| {
        tracing::error!(%error, "the stored web site of a bucket cannot be read");
        ErrorCode::InternalError.into()
    })
}

/// A visit of a bucket that is a web site.
struct Visit<'a> {
    call: &'a Call<'a>,
    bucket: &'a Bucket,
    rules: &'a WebsiteConfiguration,
    protocol: Protocol,
    host: &'a str,
    wanted: &'a GetObject,
}

impl Visit<'_> {
    fn request(&self) -> WebsiteRequest<'_> {
        WebsiteRequest { protocol: self.protocol, host: self.host, key: &self.wanted.key }
    }

    async fn answer(&self) -> Result<Answer, WebsiteError> {
        let error = match self.rules.answer(&self.request()) {
            WebsiteAnswer::Redirect { status, location } => return Ok(redirect(status, &location)?),
            WebsiteAnswer::Serve { key } => match self.serve(key).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            },
            WebsiteAnswer::ErrorPage { .. } | WebsiteAnswer::Error => ErrorCode::InternalError.into(),
        };
        match self.rules.answer_error(&self.request(), error.status().as_u16()) {
            WebsiteAnswer::Redirect { status, location } => Ok(redirect(status, &location)?),
            WebsiteAnswer::ErrorPage { key } => match self.error_page(key, &error).await {
                Ok(answer) => Ok(answer),
                Err(of_page) => Err(WebsiteError { of_visit: error, of_page: Some(of_page) }),
            },
            WebsiteAnswer::Serve { .. } | WebsiteAnswer::Error => Err(error.into()),
        }
    }

    async fn serve(&self, key: String) -> Result<Answer, S3Error> {
        let object = match self.find(&key).await {
            Err(error) if error.status().is_client_error() => return self.folder().await?.ok_or(error),
            found => found?,
        };
        let kept = &object.record.attributes.headers;
        if let Some((_, location)) = kept.iter().find(|(name, _)| name == REDIRECT) {
            return redirect(StatusCode::MOVED_PERMANENTLY.as_u16(), location);
        }
        self.show(&object, &GetObject { key, ..self.wanted.clone() }).await
    }

    /// The redirect to the folder that the key would be, if it has an index
    /// that the visitor may read.
    async fn folder(&self) -> Result<Option<Answer>, S3Error> {
        let Some(index) = self.rules.folder_index(&self.wanted.key) else { return Ok(None) };
        match self.find(&index).await {
            Ok(_) => match WebsiteConfiguration::folder_redirect(&self.request()) {
                WebsiteAnswer::Redirect { status, location } => redirect(status, &location).map(Some),
                _ => Ok(None),
            },
            Err(error) if error.status().is_client_error() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What the bucket shows with an error, whole: ranges and conditions were
    /// those of another object.
    async fn error_page(&self, key: String, error: &S3Error) -> Result<Answer, S3Error> {
        let object = self.find(&key).await?;
        let page = GetObject::plain(self.wanted.bucket.clone(), key);
        let mut answer = self.show(&object, &page).await?;
        answer.status = error.status();
        mark(&mut answer.headers, error);
        Ok(answer)
    }

    async fn find(&self, key: &str) -> Result<ObjectInfo, S3Error> {
        check_key(key)?;
        self.call.find(self.bucket, Action::GetObject, key, None).await.map_err(Failure::into_s3)
    }

    async fn show(&self, object: &ObjectInfo, wanted: &GetObject) -> Result<Answer, S3Error> {
        let shown = async {
            let found = get_object::show(self.call, self.bucket, object, wanted).await?;
            match *self.call.conditions.head.method {
                Method::HEAD => Ok(found.answer),
                _ => found.with_bytes().await,
            }
        };
        shown.await.map_err(Failure::into_s3)
    }
}

fn redirect(status: u16, location: &str) -> Result<Answer, S3Error> {
    // Statuses were checked when the rules were stored.
    let status = StatusCode::from_u16(status).map_err(|_| ErrorCode::InternalError)?;
    let mut answer = Answer { status, ..Answer::ok() };
    set(&mut answer.headers, header::LOCATION, location);
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_keeps_nothing_that_would_make_it_a_request_of_s3() {
        let request = Request::get("http://b.pages.example//a%20b?X-Amz-Signature=0&versionId=1")
            .header("host", "b.pages.example")
            .header("authorization", "AWS4-HMAC-SHA256 Credential=x")
            .header("x-amz-server-side-encryption-customer-algorithm", "AES256")
            .header("referer", "http://elsewhere/")
            .header("range", "bytes=0-1")
            .body(())
            .unwrap();
        let plain = as_of_nobody(&request.into_parts().0).unwrap();
        assert_eq!(plain.uri, "//a%20b".parse::<PathAndQuery>().map(Uri::from).unwrap());
        assert_eq!(plain.uri.path(), "//a%20b");
        let kept: Vec<&str> = plain.headers.keys().map(|name| name.as_str()).collect();
        assert_eq!(kept, ["host", "referer", "range"]);
    }

    #[test]
    fn a_redirect_has_no_body() {
        let answer = redirect(302, "/a/").unwrap();
        assert_eq!(answer.status, StatusCode::FOUND);
        assert_eq!(answer.headers[header::LOCATION], "/a/");
        assert!(redirect(7, "/").is_err());
    }
}
