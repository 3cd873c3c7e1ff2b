//! How the body of a request is covered by its signature.

use crate::error::{ErrorCode, S3Error};
use crate::sigv4::key::parse_digest;

/// What `x-amz-content-sha256` says about the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadMode {
    /// The plain body, not covered.
    Unsigned,
    /// The plain body, whose SHA-256 must be this.
    Signed([u8; 32]),
    /// aws-chunked, each chunk signed.
    StreamingSigned,
    /// aws-chunked, each chunk and the trailers signed.
    StreamingSignedTrailer,
    /// aws-chunked, nothing signed, with trailers.
    StreamingUnsignedTrailer,
}

impl PayloadMode {
    /// Reads the value of `x-amz-content-sha256`.
    pub fn parse(value: &str) -> Result<Self, S3Error> {
        match value {
            "UNSIGNED-PAYLOAD" => Ok(Self::Unsigned),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Ok(Self::StreamingSigned),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Ok(Self::StreamingSignedTrailer),
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Ok(Self::StreamingUnsignedTrailer),
            _ if value.starts_with("STREAMING-AWS4-ECDSA") => {
                Err(S3Error::header_not_implemented("x-amz-content-sha256"))
            }
            _ => match parse_digest(value) {
                Some(digest) => Ok(Self::Signed(digest)),
                None => Err(S3Error::invalid_argument(
                    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, \
                     STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER \
                     or a valid sha256 value.",
                    "x-amz-content-sha256",
                    value,
                )),
            },
        }
    }

    /// The value of `x-amz-content-sha256`.
    pub fn to_header(self) -> String {
        match self {
            Self::Unsigned => "UNSIGNED-PAYLOAD".to_owned(),
            Self::Signed(digest) => hex::encode(digest),
            Self::StreamingSigned => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD".to_owned(),
            Self::StreamingSignedTrailer => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER".to_owned(),
            Self::StreamingUnsignedTrailer => "STREAMING-UNSIGNED-PAYLOAD-TRAILER".to_owned(),
        }
    }

    /// Whether the body comes in the aws-chunked framing.
    pub fn is_chunked(self) -> bool {
        !matches!(self, Self::Unsigned | Self::Signed(_))
    }

    /// Whether the chunks carry signatures, which an anonymous request cannot have.
    pub fn needs_signature(self) -> bool {
        matches!(self, Self::StreamingSigned | Self::StreamingSignedTrailer)
    }

    /// Checks the SHA-256 of a plain body that has ended: `XAmzContentSHA256Mismatch` if it differs.
    pub fn check_body_sha256(self, computed: &[u8; 32]) -> Result<(), S3Error> {
        match self {
            Self::Signed(claimed) if claimed != *computed => {
                Err(S3Error::new(ErrorCode::XAmzContentSha256Mismatch)
                    .field("ClientComputedContentSHA256", hex::encode(claimed))
                    .field("S3ComputedContentSHA256", hex::encode(computed)))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_mode_reads_back() {
        for mode in [
            PayloadMode::Unsigned,
            PayloadMode::Signed([7; 32]),
            PayloadMode::StreamingSigned,
            PayloadMode::StreamingSignedTrailer,
            PayloadMode::StreamingUnsignedTrailer,
        ] {
            assert_eq!(PayloadMode::parse(&mode.to_header()), Ok(mode));
        }
    }

    #[test]
    fn a_body_with_another_hash_is_refused() {
        let mode = PayloadMode::Signed([7; 32]);
        assert_eq!(mode.check_body_sha256(&[7; 32]), Ok(()));
        let refused = mode.check_body_sha256(&[8; 32]).map_err(|error| error.code);
        assert_eq!(refused, Err(ErrorCode::XAmzContentSha256Mismatch));
    }

    proptest! {
        #[test]
        fn other_values_are_refused(value in ".{0,80}") {
            prop_assume!(parse_digest(&value).is_none() && value != "UNSIGNED-PAYLOAD");
            prop_assert!(PayloadMode::parse(&value).is_err());
        }
    }
}
