//! How the body of a request comes, and what it must be checked against.

use crate::checksum::{BodyChecksum, ContentMd5, ExpectedChecksum};
use crate::error::{ErrorCode, S3Error};
use crate::head::RequestHead;
use crate::request::Target;
use crate::sigv4::PayloadMode;

/// The most bytes one PUT of an object or a part may have: 5 GiB.
pub const MAX_OBJECT_PART_LEN: u64 = 5 << 30;

/// How many bytes of payload must come, framing not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLen {
    /// So many.
    Exactly(u64),
    /// So many at most: the client said only that it ends (`Transfer-Encoding: chunked`).
    UpTo(u64),
}

impl BodyLen {
    /// The most bytes that may come.
    pub fn most(self) -> u64 {
        match self {
            Self::Exactly(len) | Self::UpTo(len) => len,
        }
    }
}

/// The body of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestBody {
    /// How long it is.
    pub len: BodyLen,
    /// Framing and signature, as `x-amz-content-sha256` says; equal to that of a verified claim.
    pub payload: PayloadMode,
    /// The MD5 it must have.
    pub md5: Option<ContentMd5>,
    /// The checksum it must have.
    pub checksum: Option<BodyChecksum>,
}

impl RequestBody {
    /// The body of an upload: `EntityTooLarge`, and `MissingContentLength` for one of which nothing
    /// says where it ends.
    pub(super) fn of_upload(target: &Target<'_>) -> Result<Self, S3Error> {
        let body = Self::read(target, BodyChecksum::from_head(target.head)?)?;
        let len = match body.len {
            Some(len) => BodyLen::Exactly(len),
            None if is_framed(target.head) => BodyLen::UpTo(MAX_OBJECT_PART_LEN),
            None => return Err(ErrorCode::MissingContentLength.into()),
        };
        if len.most() > MAX_OBJECT_PART_LEN {
            return Err(too_large(len.most()));
        }
        Ok(body.with_len(len))
    }

    /// A body of XML of at most `max_len` bytes, which may be missing: `MaxMessageLengthExceeded`.
    pub(super) fn of_document(
        target: &Target<'_>,
        checksum: Option<BodyChecksum>,
        max_len: usize,
    ) -> Result<Self, S3Error> {
        let body = Self::read(target, checksum)?;
        let len = match body.len {
            Some(len) => len,
            None if is_framed(target.head) => return Err(ErrorCode::MissingContentLength.into()),
            None => 0,
        };
        if usize::try_from(len).map_or(true, |len| len > max_len) {
            return Err(S3Error::new(ErrorCode::MaxMessageLengthExceeded)
                .field("MaxMessageLengthBytes", max_len.to_string()));
        }
        Ok(body.with_len(BodyLen::Exactly(len)))
    }

    fn read(target: &Target<'_>, checksum: Option<BodyChecksum>) -> Result<Unmeasured, S3Error> {
        let head = target.head;
        let payload = match head.header("x-amz-content-sha256")? {
            Some(value) => PayloadMode::parse(value)?,
            None => PayloadMode::Unsigned,
        };
        let len = if payload.is_chunked() {
            let len = length(head, "x-amz-decoded-content-length")?;
            Some(len.ok_or(ErrorCode::MissingContentLength)?)
        } else {
            length(head, "content-length")?
        };
        let trailer = matches!(checksum, Some(BodyChecksum { expected: ExpectedChecksum::Trailer, .. }));
        let has_trailers =
            matches!(payload, PayloadMode::StreamingSignedTrailer | PayloadMode::StreamingUnsignedTrailer);
        if trailer && !has_trailers {
            return Err(S3Error::with_message(
                ErrorCode::InvalidRequest,
                "x-amz-content-sha256 does not allow the trailers that x-amz-trailer announces.",
            ));
        }
        Ok(Unmeasured { len, payload, md5: ContentMd5::from_head(head)?, checksum })
    }
}

struct Unmeasured {
    len: Option<u64>,
    payload: PayloadMode,
    md5: Option<ContentMd5>,
    checksum: Option<BodyChecksum>,
}

impl Unmeasured {
    fn with_len(self, len: BodyLen) -> RequestBody {
        RequestBody { len, payload: self.payload, md5: self.md5, checksum: self.checksum }
    }
}

/// Whether HTTP itself says where the body ends, and only there.
fn is_framed(head: &RequestHead<'_>) -> bool {
    head.headers.contains_key(http::header::TRANSFER_ENCODING)
}

/// The error for an upload of so many bytes.
fn too_large(len: u64) -> S3Error {
    S3Error::new(ErrorCode::EntityTooLarge)
        .field("ProposedSize", len.to_string())
        .field("MaxSizeAllowed", MAX_OBJECT_PART_LEN.to_string())
}

fn length(head: &RequestHead<'_>, name: &'static str) -> Result<Option<u64>, S3Error> {
    let Some(text) = head.header(name)? else { return Ok(None) };
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(S3Error::invalid_argument("The length is not a number", name, text));
    }
    // A number too large to hold is too large to store as well.
    Ok(Some(text.parse().unwrap_or(u64::MAX)))
}
