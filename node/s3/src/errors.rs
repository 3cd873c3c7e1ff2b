//! From the errors of the use cases to those of S3.

use http::{HeaderMap, header};
use mucura_metadata::{Rejection, VersionId};
use mucura_s3_wire::sse::wrong_customer_key;
use mucura_s3_wire::time::http_date;
use mucura_s3_wire::{ErrorCode, S3Error};
use mucura_store::StoreError;

use crate::access::no_object_lock;
use crate::answer::set;
use crate::notification;
use crate::versions::{DELETE_MARKER, VERSION_ID};

/// Why a request is not answered with what it asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The client's doing, or our limits.
    S3(S3Error),
    /// The same, because what was asked for is a delete marker.
    DeleteMarker {
        /// What the client is told.
        error: S3Error,
        /// The marker.
        version: VersionId,
        /// When it was made.
        modified_ms: u64,
    },
    /// A use case came to nothing.
    Store(StoreError),
}

impl From<S3Error> for Failure {
    fn from(error: S3Error) -> Self {
        Self::S3(error)
    }
}

impl From<ErrorCode> for Failure {
    fn from(code: ErrorCode) -> Self {
        Self::S3(code.into())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Failure {
    /// What the head of the answer says besides.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        match self {
            Self::DeleteMarker { error, version, modified_ms } => {
                set(&mut headers, VERSION_ID, &version.to_string());
                set(&mut headers, DELETE_MARKER, "true");
                // Who names a marker can do one thing with it.
                if error.code == ErrorCode::MethodNotAllowed {
                    set(&mut headers, header::ALLOW, "DELETE");
                    set(&mut headers, header::LAST_MODIFIED, &http_date(*modified_ms));
                }
            }
            // AWS leaves it out; with it a client sees a marker go.
            Self::S3(error) if error.code == ErrorCode::NoSuchKey => {
                set(&mut headers, DELETE_MARKER, "false")
            }
            Self::S3(_) | Self::Store(_) => {}
        }
        headers
    }

    /// What the client is told. Causes that are not the client's are logged
    /// here, in the span of the request.
    pub(crate) fn into_s3(self) -> S3Error {
        match self {
            Self::S3(error) if error.code == ErrorCode::InternalError => {
                tracing::error!(%error, "a request failed by our own fault");
                error
            }
            Self::S3(error) | Self::DeleteMarker { error, .. } => error,
            Self::Store(error) => {
                let answer = s3_error(&error);
                match answer.status().as_u16() {
                    _ if matches!(error, StoreError::NoKey { .. }) => {
                        tracing::error!(%error, "an object cannot be opened")
                    }
                    500 => tracing::error!(%error, "a request failed by our own fault"),
                    501..=599 => tracing::warn!(%error, "a request could not be served"),
                    _ => tracing::debug!(%error, "a request was rejected"),
                }
                answer
            }
        }
    }
}

/// The error of S3 that a client is answered with.
pub(crate) fn s3_error(error: &StoreError) -> S3Error {
    match error {
        StoreError::Rejected(rejection) => rejected(rejection),
        StoreError::Unavailable { .. }
        | StoreError::TimedOut
        | StoreError::NotEnoughDrives { .. }
        | StoreError::NotEnoughShards { .. } => ErrorCode::ServiceUnavailable.into(),
        // Nothing is lost: another node may have the key, and the operator adds it here.
        StoreError::NoKey { .. } => ErrorCode::ServiceUnavailable.into(),
        StoreError::WrongKey => wrong_customer_key(),
        StoreError::Busy => ErrorCode::SlowDown.into(),
        StoreError::Body => ErrorCode::IncompleteBody.into(),
        StoreError::Internal { .. } => ErrorCode::InternalError.into(),
    }
}

fn rejected(rejection: &Rejection) -> S3Error {
    match rejection {
        // Changes of the site that the next try does not meet.
        Rejection::NotInitialised
        | Rejection::SessionEnded
        | Rejection::WriteSessionEnded
        | Rejection::SequenceForgotten
        | Rejection::StaleEpoch { .. } => ErrorCode::ServiceUnavailable.into(),
        // No request of S3 asks for these.
        Rejection::AlreadyInitialised
        | Rejection::NoSuchNode
        | Rejection::WrongStore
        | Rejection::NoSuchDrive
        | Rejection::NoSuchChunk
        | Rejection::UserExists
        | Rejection::UserOwnsBuckets
        | Rejection::NoSuchAccessKey
        | Rejection::AccessKeyExists
        | Rejection::WebhookExists
        | Rejection::Malformed(_) => ErrorCode::InternalError.into(),
        // Removed while the request ran, or one queue too many.
        Rejection::NoSuchWebhook | Rejection::TooManyTargets => {
            S3Error::with_message(ErrorCode::InvalidArgument, notification::NO_SUCH_DESTINATION)
        }
        // Deleted while the request ran.
        Rejection::NoSuchUser => ErrorCode::AccessDenied.into(),
        Rejection::NoSuchBucket => ErrorCode::NoSuchBucket.into(),
        Rejection::BucketExists { by_you: true } => ErrorCode::BucketAlreadyOwnedByYou.into(),
        Rejection::BucketExists { by_you: false } => ErrorCode::BucketAlreadyExists.into(),
        Rejection::BucketNotEmpty => ErrorCode::BucketNotEmpty.into(),
        Rejection::TooManyBuckets => ErrorCode::TooManyBuckets.into(),
        Rejection::NoSuchKey => ErrorCode::NoSuchKey.into(),
        Rejection::NoSuchVersion => ErrorCode::NoSuchVersion.into(),
        Rejection::DeleteMarker { named: true } => ErrorCode::MethodNotAllowed.into(),
        Rejection::DeleteMarker { named: false } => ErrorCode::NoSuchKey.into(),
        Rejection::Locked => S3Error::with_message(
            ErrorCode::AccessDenied,
            "Access Denied because object protected by object lock.",
        ),
        Rejection::NoObjectLock => no_object_lock(),
        Rejection::BucketState => ErrorCode::InvalidBucketState.into(),
        Rejection::AclNotPrivate => ErrorCode::InvalidBucketAclWithObjectOwnership.into(),
        Rejection::AclsDisabled => ErrorCode::AccessControlListNotSupported.into(),
        Rejection::PreconditionFailed => ErrorCode::PreconditionFailed.into(),
        Rejection::NoSuchUpload => ErrorCode::NoSuchUpload.into(),
        Rejection::InvalidPart { number } => {
            S3Error::new(ErrorCode::InvalidPart).field("PartNumber", number.to_string())
        }
        Rejection::InvalidPartOrder => ErrorCode::InvalidPartOrder.into(),
        Rejection::PartTooSmall { number, size } => S3Error::new(ErrorCode::EntityTooSmall)
            .field("ProposedSize", size.to_string())
            .field("MinSizeAllowed", (5_u64 << 20).to_string())
            .field("PartNumber", number.to_string()),
        Rejection::ObjectTooLarge => ErrorCode::EntityTooLarge.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mucura_metadata::MalformedCommand;

    fn code(rejection: Rejection) -> ErrorCode {
        s3_error(&StoreError::Rejected(rejection)).code
    }

    #[test]
    fn what_may_be_tried_again_is_503_and_what_a_person_must_see_is_500() {
        let reason = || "secret detail".to_owned();
        for (error, code) in [
            (StoreError::Unavailable { reason: reason() }, ErrorCode::ServiceUnavailable),
            (StoreError::TimedOut, ErrorCode::ServiceUnavailable),
            (StoreError::NotEnoughDrives { stored: 1, needed: 2 }, ErrorCode::ServiceUnavailable),
            (StoreError::NotEnoughShards { available: 1, needed: 2 }, ErrorCode::ServiceUnavailable),
            (StoreError::NoKey { number: 7 }, ErrorCode::ServiceUnavailable),
            (StoreError::Busy, ErrorCode::SlowDown),
            (StoreError::Body, ErrorCode::IncompleteBody),
            (StoreError::Internal { detail: reason() }, ErrorCode::InternalError),
        ] {
            let answer = Failure::from(error).into_s3();
            assert_eq!(answer, S3Error::new(code), "nothing but the code's own message is shown");
        }
    }

    #[test]
    fn every_rejection_has_the_code_of_aws() {
        for (rejection, expected) in [
            (Rejection::NoSuchBucket, ErrorCode::NoSuchBucket),
            (Rejection::BucketExists { by_you: true }, ErrorCode::BucketAlreadyOwnedByYou),
            (Rejection::BucketExists { by_you: false }, ErrorCode::BucketAlreadyExists),
            (Rejection::BucketNotEmpty, ErrorCode::BucketNotEmpty),
            (Rejection::TooManyBuckets, ErrorCode::TooManyBuckets),
            (Rejection::NoSuchKey, ErrorCode::NoSuchKey),
            (Rejection::PreconditionFailed, ErrorCode::PreconditionFailed),
            (Rejection::NoSuchUpload, ErrorCode::NoSuchUpload),
            (Rejection::InvalidPart { number: 3 }, ErrorCode::InvalidPart),
            (Rejection::InvalidPartOrder, ErrorCode::InvalidPartOrder),
            (Rejection::PartTooSmall { number: 3, size: 1 }, ErrorCode::EntityTooSmall),
            (Rejection::ObjectTooLarge, ErrorCode::EntityTooLarge),
            (Rejection::NoSuchUser, ErrorCode::AccessDenied),
            (Rejection::SessionEnded, ErrorCode::ServiceUnavailable),
            (Rejection::WriteSessionEnded, ErrorCode::ServiceUnavailable),
            (Rejection::StaleEpoch { current: 1 }, ErrorCode::ServiceUnavailable),
            (Rejection::SequenceForgotten, ErrorCode::ServiceUnavailable),
            (Rejection::NotInitialised, ErrorCode::ServiceUnavailable),
            (Rejection::Malformed(MalformedCommand::ChunkSizes), ErrorCode::InternalError),
        ] {
            assert_eq!(code(rejection), expected);
        }
    }
}
