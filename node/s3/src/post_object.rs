//! Uploads by HTML forms. Who sends one, and what it asks for, stands in its
//! body: so that is read first, up to the file.

use http::{HeaderMap, header};
use mucura_metadata::{Act, WriteCondition};
use mucura_s3_wire::form::{
    Boundary, Claim, PostObject, Success, Verified, object_url, post_response, redirect_location,
    refuse_signed_head,
};
use mucura_s3_wire::request::{BodyLen, RequestBody};
use mucura_s3_wire::sigv4::PayloadMode;
use mucura_s3_wire::{ErrorCode, RequestHead, S3Error};
use mucura_store::{ANONYMOUS_USER, Fresh, Names, PutObjectRequest, Stored};
use tokio::time::Instant;

use crate::access::Bucket;
use crate::answer::{Answer, quoted};
use crate::call::{Call, Conditions, Signer};
use crate::connection::Connection;
use crate::errors::Failure;
use crate::form_file::OpenForm;
use crate::front::{Shared, facts, unknown_key, url};
use crate::new_object::NewObject;
use crate::payload::Payload;
use crate::put_object::show_checksum;
use crate::upload_body::{UploadBody, size_of};
use crate::{cors, encryption};

/// Serves a form that was sent to `bucket`. `always` becomes what the head of
/// the answer has however it comes out.
pub(crate) async fn post(
    shared: &Shared,
    head: RequestHead<'_>,
    over: Option<&Connection>,
    bucket: &str,
    payload: &mut Payload,
    id: &str,
    always: &mut HeaderMap,
) -> Result<Answer, Failure> {
    let boundary = Boundary::from_head(&head)?;
    refuse_signed_head(&head)?;
    let idle = shared.config.idle_timeout;
    let form = OpenForm::read(&boundary, payload, idle).await?;
    let mut fresh = shared.store.fresh(Instant::now() + shared.config.metadata_timeout).await?;
    let claim = form.form.claim(shared.expected());
    let looked_up = look_up(&mut fresh, bucket, claim).await;
    if head.headers.contains_key(header::ORIGIN) {
        *always = cors::headers_for(&fresh, &head, bucket).await?;
    }
    let (signer, verified) = looked_up?.unzip();
    let now_ms = shared.runtime.clock.now_ms();
    let post = PostObject::accept(&form.form, bucket, verified.as_ref(), now_ms)?;
    let headers = asked_about(&head, &post.headers);
    let conditions =
        Conditions::new(RequestHead { headers: &headers, ..head }, facts(over, signer.as_ref(), now_ms));
    let call = Call {
        shared,
        fresh,
        conditions,
        user: signer.as_ref().map_or(ANONYMOUS_USER, |signer| signer.user),
        signer,
        // The file of a form is not covered by a signature of its own.
        verified: None,
        expected_owner: None,
        request_id: id,
        url: url(&head, over),
    };
    store(&call, post, form, payload).await
}

async fn store(
    call: &Call<'_>,
    post: PostObject,
    form: OpenForm,
    payload: &mut Payload,
) -> Result<Answer, Failure> {
    let bucket = call.bucket(&post.bucket).await?;
    let new = NewObject::prepare(
        call,
        &bucket,
        &post.key,
        &call.conditions.head,
        Some(&post.attributes),
        &post.settings,
    )
    .await?;
    let said = RequestBody {
        len: BodyLen::UpTo(post.length.most()),
        payload: PayloadMode::Unsigned,
        md5: post.md5,
        checksum: post.checksum,
    };
    let put = PutObjectRequest {
        bucket: bucket.record.id,
        key: post.key.clone(),
        owner: new.owner,
        size: size_of(&said),
        attributes: new.attributes,
        condition: WriteCondition::default(),
        seal: new.seal,
        origin: call.origin(&bucket, Act::Post),
    };
    let mut headers = HeaderMap::new();
    encryption::show_new(put.seal.as_ref(), &mut headers);
    let file = form.into_file(post.length);
    let mut body = UploadBody::of_form(payload, said, file, call.shared.config.idle_timeout);
    match call.store_object(put, &mut body).await {
        Ok(stored) => {
            let mut answer = answer(call, &bucket, &post, &stored);
            answer.headers.extend(headers);
            Ok(answer)
        }
        Err(error) => Err(body.explain(error)),
    }
}

fn answer(call: &Call<'_>, bucket: &Bucket, post: &PostObject, stored: &Stored) -> Answer {
    let etag = stored.etag.to_string();
    let url = object_url(&call.url, &post.key);
    let mut answer = match &post.success {
        Success::Created => Answer::xml(post_response(&url, &post.bucket, &post.key, &etag)),
        Success::NoContent => Answer::no_content(),
        Success::Ok | Success::Redirect(_) => Answer::ok(),
    };
    answer.status = post.success.status();
    let location = match &post.success {
        Success::Redirect(to) => redirect_location(to, &post.bucket, &post.key, &etag),
        Success::Ok | Success::Created | Success::NoContent => url,
    };
    let mut answer = answer.with(header::ETAG, &quoted(&etag)).with(header::LOCATION, &location);
    if let Some(checksum) = &stored.checksum {
        show_checksum(checksum, &mut answer.headers);
    }
    bucket.show_new_version(stored.version, &mut answer.headers);
    answer
}

/// Finds who signed the form, and with the same read the bucket.
async fn look_up(
    fresh: &mut Fresh,
    bucket: &str,
    claim: Result<Option<Claim>, S3Error>,
) -> Result<Option<(Signer, Verified)>, Failure> {
    let access_key = claim.as_ref().ok().and_then(Option::as_ref).map(Claim::access_key);
    let names = Names { access_key, bucket: Some(bucket), key: None };
    let principal = fresh.look_up(names).await?;
    let Some(claim) = claim? else { return Ok(None) };
    if claim.session_token().is_some() {
        return Err(ErrorCode::InvalidToken.into());
    }
    let principal = principal.ok_or_else(|| unknown_key(claim.access_key()))?;
    let form = claim.form();
    let verified = claim.verify(&principal.secret)?;
    Ok(Some((Signer::new(principal, form), verified)))
}

/// The fields of a form as headers, and what conditions may ask about the
/// request that brought it.
fn asked_about(head: &RequestHead<'_>, fields: &HeaderMap) -> HeaderMap {
    let mut headers = fields.clone();
    for name in [header::REFERER, header::USER_AGENT] {
        if let Some(value) = head.headers.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    headers
}
