//! Encryption at rest: what requests ask for, and what answers say of it.

use http::HeaderMap;
use md5::{Digest, Md5};
use mucura_metadata::{BucketDocument, Encryption, EncryptionMethod};
use mucura_s3_wire::config::encryption::{DefaultEncryption, EncryptionConfiguration};
use mucura_s3_wire::sse::{
    AppliedSse, CustomerKey as WireKey, KeyChannel, KeyChecks, KeyHolder, KmsMethod, SseHeaders, SseRequest,
};
use mucura_s3_wire::{ErrorCode, RequestHead, S3Error};
use mucura_store::encryption::CustomerKey;
use mucura_store::{SealWith, StoreError};

use crate::access::Bucket;
use crate::call::Call;
use crate::errors::Failure;

/// Keys of customers are taken over any connection: whoever wants none over
/// plain HTTP has a policy for that, or no such endpoint.
const CHECKS: KeyChecks = KeyChecks { channel: KeyChannel::Accepted, md5 };

fn md5(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

/// Whose key a new object is to be sealed by: what its request asks for, or
/// else what the bucket has for it.
pub(crate) async fn of_new(
    call: &Call<'_>,
    bucket: &Bucket,
    head: &RequestHead<'_>,
) -> Result<Option<SealWith>, Failure> {
    let asked = match SseHeaders::from_head(head)?.for_object(&CHECKS)? {
        SseRequest::SseC(key) => return Ok(Some(customer(&key)?)),
        SseRequest::None => default_of(call, bucket).await?,
        SseRequest::SseS3 => Some(DefaultEncryption::S3),
        SseRequest::SseKms(kms) => {
            if kms.method == KmsMethod::Dsse {
                return Err(S3Error::header_not_implemented("x-amz-server-side-encryption").into());
            }
            if kms.context.is_some() {
                return Err(S3Error::header_not_implemented("x-amz-server-side-encryption-context").into());
            }
            Some(DefaultEncryption::Kms { key_id: kms.key_id })
        }
    };
    Ok(match asked {
        None => None,
        Some(DefaultEncryption::S3) => Some(SealWith::Site),
        Some(DefaultEncryption::Kms { key_id }) => {
            Some(SealWith::Kms { key_id: kms_key(&call.shared.config.kms_keys, key_id)? })
        }
    })
}

async fn default_of(call: &Call<'_>, bucket: &Bucket) -> Result<Option<DefaultEncryption>, Failure> {
    let Some(text) = call.fresh.document(&bucket.record, BucketDocument::Encryption).await? else {
        return Ok(None);
    };
    // To go on without it would be to store in the clear what must not be.
    let stored = EncryptionConfiguration::parse(&text).map_err(|error| {
        tracing::error!(%error, bucket = bucket.name, "the stored encryption of a bucket cannot be read");
        ErrorCode::InternalError
    })?;
    Ok(Some(stored.default))
}

/// The key that the operator has configured by this name; without a name the
/// first one.
fn kms_key(known: &[String], asked: Option<String>) -> Result<String, S3Error> {
    let Some(first) = known.first() else {
        return Err(S3Error::with_message(
            ErrorCode::NotImplemented,
            "This site has no keys for aws:kms: use AES256, or a key of your own.",
        ));
    };
    match asked {
        None => Ok(first.clone()),
        Some(asked) if known.contains(&asked) => Ok(asked),
        Some(asked) => {
            Err(S3Error::with_message(ErrorCode::KmsNotFound, format!("Key '{asked}' does not exist")))
        }
    }
}

fn customer(key: &WireKey) -> Result<SealWith, StoreError> {
    Ok(SealWith::Customer { key: Box::new(opening(key)?), md5: key.md5() })
}

fn opening(key: &WireKey) -> Result<CustomerKey, StoreError> {
    CustomerKey::new(key.key()).map_err(|error| StoreError::Internal { detail: error.to_string() })
}

/// Whose key it takes to read an object, or to go on with an upload.
fn holder(encryption: Option<&Encryption>) -> KeyHolder {
    match encryption.map(|encryption| &encryption.method) {
        Some(EncryptionMethod::SseC { .. }) => KeyHolder::Customer,
        _ => KeyHolder::Site,
    }
}

/// The customer's key of a read, checked against what the object needs.
pub(crate) fn of_read(
    head: &RequestHead<'_>,
    encryption: Option<&Encryption>,
) -> Result<Option<CustomerKey>, Failure> {
    let given = SseHeaders::from_head(head)?.for_read(&CHECKS)?;
    holder(encryption).check_read(given.as_ref())?;
    Ok(given.as_ref().map(opening).transpose()?)
}

/// The customer's key of the source of a copy.
pub(crate) fn of_copy_source(
    head: &RequestHead<'_>,
    encryption: Option<&Encryption>,
) -> Result<Option<CustomerKey>, Failure> {
    let given = SseHeaders::from_head(head)?.for_copy_source(&CHECKS)?;
    holder(encryption).check_read(given.as_ref())?;
    Ok(given.as_ref().map(opening).transpose()?)
}

/// The customer's key of a part.
pub(crate) fn of_part(
    head: &RequestHead<'_>,
    encryption: Option<&Encryption>,
) -> Result<Option<CustomerKey>, Failure> {
    let given = SseHeaders::from_head(head)?.for_part(&CHECKS)?;
    holder(encryption).check_part(given.as_ref())?;
    Ok(given.as_ref().map(opening).transpose()?)
}

/// The customer's key of the end of an upload. As with AWS it may be left out
/// of one that has no checksum, which MinIO's clients do.
pub(crate) fn of_completion(
    head: &RequestHead<'_>,
    encryption: Option<&Encryption>,
    has_checksum: bool,
) -> Result<Option<CustomerKey>, Failure> {
    let given = SseHeaders::from_head(head)?.for_part(&CHECKS)?;
    if given.is_some() || has_checksum {
        holder(encryption).check_part(given.as_ref())?;
    }
    Ok(given.as_ref().map(opening).transpose()?)
}

/// Says how an object is encrypted.
pub(crate) fn show(encryption: Option<&Encryption>, headers: &mut HeaderMap) {
    let applied = match encryption.map(|encryption| &encryption.method) {
        None => AppliedSse::None,
        Some(EncryptionMethod::SseS3) => AppliedSse::SseS3,
        Some(EncryptionMethod::SseKms { key_id }) => {
            AppliedSse::SseKms { method: KmsMethod::Kms, key_id, bucket_key: false }
        }
        Some(EncryptionMethod::SseC { key_md5 }) => AppliedSse::SseC { key_md5: *key_md5 },
    };
    headers.extend(applied.headers());
}

/// Says how a new object is encrypted.
pub(crate) fn show_new(seal: Option<&SealWith>, headers: &mut HeaderMap) {
    let applied = match seal {
        None => AppliedSse::None,
        Some(SealWith::Site) => AppliedSse::SseS3,
        Some(SealWith::Kms { key_id }) => {
            AppliedSse::SseKms { method: KmsMethod::Kms, key_id, bucket_key: false }
        }
        Some(SealWith::Customer { md5, .. }) => AppliedSse::SseC { key_md5: *md5 },
    };
    headers.extend(applied.headers());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_that_the_operator_named_are_used() {
        let known = ["one".to_owned(), "two".to_owned()];
        let code =
            |asked: Option<&str>| kms_key(&known, asked.map(str::to_owned)).map_err(|error| error.code);
        assert_eq!(code(None), Ok("one".to_owned()));
        assert_eq!(code(Some("two")), Ok("two".to_owned()));
        assert_eq!(code(Some("three")), Err(ErrorCode::KmsNotFound));
        assert_eq!(kms_key(&[], None).unwrap_err().code, ErrorCode::NotImplemented);
    }
}
