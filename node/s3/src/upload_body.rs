use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use mucura_metadata::Checksum;
use mucura_s3_wire::checksum::{Checksum as WireChecksum, ExpectedChecksum};
use mucura_s3_wire::chunked::Decoder;
use mucura_s3_wire::request::{BodyLen, RequestBody};
use mucura_s3_wire::sigv4::{ChunkSigner, PayloadMode};
use mucura_s3_wire::{ErrorCode, S3Error};
use mucura_store::{Body, BodyFailed, BodyPlan, BodySize, Digests, StoreError};

use crate::checksums::{from_digest, kept_algorithm, wire_algorithm};
use crate::errors::Failure;
use crate::form_file::FormFile;
use crate::payload::{Payload, PayloadFault};

/// The bytes of an upload: taken out of their framing, counted, and held
/// against all that the client said of them.
pub(crate) struct UploadBody<'a> {
    payload: &'a mut Payload,
    idle: Duration,
    said: RequestBody,
    framing: Framing,
    /// How many bytes may still come.
    left: u64,
    /// The checksum to compute though the client gave none.
    wanted: Option<mucura_metadata::ChecksumAlgorithm>,
    /// Why it failed.
    failure: Option<S3Error>,
}

/// The size of a body, for the store.
pub(crate) fn size_of(said: &RequestBody) -> BodySize {
    match said.len {
        BodyLen::Exactly(len) => BodySize::Exact(len),
        BodyLen::UpTo(len) => BodySize::AtMost(len),
    }
}

enum Framing {
    Plain,
    Chunked {
        decoder: Box<Decoder>,
        input: Bytes,
    },
    /// The file of a form.
    Form(Box<FormFile>),
    /// The body is whole; the checksum came in its trailer.
    Ended(Option<WireChecksum>),
}

impl<'a> UploadBody<'a> {
    /// The body that a verified request said it would send.
    pub(crate) fn new(
        payload: &'a mut Payload,
        said: RequestBody,
        signer: Option<ChunkSigner>,
        idle: Duration,
    ) -> Result<Self, S3Error> {
        let framing = if said.payload.is_chunked() {
            let trailer = said
                .checksum
                .filter(|checksum| checksum.expected == ExpectedChecksum::Trailer)
                .map(|checksum| checksum.algorithm);
            let decoder = Decoder::new(said.payload, signer, said.len.most(), trailer)?;
            Framing::Chunked { decoder: Box::new(decoder), input: Bytes::new() }
        } else {
            Framing::Plain
        };
        Ok(Self { payload, idle, left: said.len.most(), said, framing, wanted: None, failure: None })
    }

    /// The file of a form whose fields were read from `payload`.
    pub(crate) fn of_form(
        payload: &'a mut Payload,
        said: RequestBody,
        file: FormFile,
        idle: Duration,
    ) -> Self {
        let framing = Framing::Form(Box::new(file));
        Self { payload, idle, left: said.len.most(), said, framing, wanted: None, failure: None }
    }

    /// Computes a checksum of this algorithm if the client gave none.
    #[must_use]
    pub(crate) fn wanting(mut self, algorithm: Option<mucura_metadata::ChecksumAlgorithm>) -> Self {
        self.wanted = algorithm;
        self
    }

    /// What to answer for an error of the use case that was fed with this.
    pub(crate) fn explain(self, error: StoreError) -> Failure {
        match (error, self.failure) {
            (StoreError::Body, Some(failure)) => failure.into(),
            (StoreError::Body, None) => ErrorCode::IncompleteBody.into(),
            (error, _) => error.into(),
        }
    }

    /// What it was refused for.
    pub(crate) fn into_failure(self) -> Failure {
        self.explain(StoreError::Body)
    }

    async fn advance(&mut self) -> Result<Option<Bytes>, S3Error> {
        loop {
            let piece = match &mut self.framing {
                Framing::Ended(_) => return Ok(None),
                Framing::Plain => match self.payload.next(self.idle).await? {
                    Some(piece) => piece,
                    None => return self.end(),
                },
                Framing::Chunked { decoder, input } => match decoder.decode(input)? {
                    Some(piece) => piece,
                    None => match self.payload.next(self.idle).await? {
                        Some(more) => {
                            *input = more;
                            continue;
                        }
                        None => return self.end(),
                    },
                },
                Framing::Form(file) => match file.decode()? {
                    Some(piece) => piece,
                    None => match self.payload.next(self.idle).await? {
                        Some(more) => {
                            file.feed(more)?;
                            continue;
                        }
                        None => return self.end(),
                    },
                },
            };
            let left = self.left.checked_sub(piece.len() as u64);
            self.left = left.ok_or(match self.said.len {
                BodyLen::Exactly(_) => ErrorCode::IncompleteBody,
                BodyLen::UpTo(_) => ErrorCode::EntityTooLarge,
            })?;
            return Ok(Some(piece));
        }
    }

    fn end(&mut self) -> Result<Option<Bytes>, S3Error> {
        let trailer = match std::mem::replace(&mut self.framing, Framing::Ended(None)) {
            Framing::Chunked { decoder, .. } => decoder.finish()?,
            Framing::Form(file) => {
                file.finish()?;
                None
            }
            Framing::Plain | Framing::Ended(_) => None,
        };
        if self.left > 0 && matches!(self.said.len, BodyLen::Exactly(_)) {
            return Err(ErrorCode::IncompleteBody.into());
        }
        self.framing = Framing::Ended(trailer);
        Ok(None)
    }

    fn compare(&self, digests: &Digests) -> Result<Option<Checksum>, S3Error> {
        let Framing::Ended(trailer) = &self.framing else { return Err(ErrorCode::IncompleteBody.into()) };
        if let PayloadMode::Signed(_) = self.said.payload {
            let sha256 = digests.sha256.as_ref().ok_or(ErrorCode::InternalError)?;
            self.said.payload.check_body_sha256(sha256)?;
        }
        if let Some(md5) = self.said.md5 {
            md5.check(digests.md5.as_ref().ok_or(ErrorCode::InternalError)?)?;
        }
        let computed = digests.checksum.as_ref();
        if let Some(said) = &self.said.checksum {
            let (algorithm, value) = computed.ok_or(ErrorCode::InternalError)?;
            let computed = WireChecksum::from_bytes(wire_algorithm(*algorithm), value);
            said.check(&computed.ok_or(ErrorCode::InternalError)?, trailer.as_ref())?;
        }
        Ok(computed.map(|(algorithm, value)| from_digest(*algorithm, value.clone())))
    }

    fn fail<T>(&mut self, result: Result<T, S3Error>) -> Result<T, BodyFailed> {
        result.map_err(|error| {
            self.failure = Some(error);
            BodyFailed
        })
    }
}

impl From<PayloadFault> for S3Error {
    fn from(fault: PayloadFault) -> Self {
        match fault {
            PayloadFault::Stalled => ErrorCode::RequestTimeout.into(),
            PayloadFault::Broken => ErrorCode::IncompleteBody.into(),
        }
    }
}

impl Body for UploadBody<'_> {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Result<Option<Bytes>, BodyFailed>> + Send + '_>> {
        Box::pin(async {
            if self.failure.is_some() {
                return Err(BodyFailed);
            }
            let result = self.advance().await;
            self.fail(result)
        })
    }

    fn plan(&self) -> BodyPlan {
        BodyPlan {
            sha256: matches!(self.said.payload, PayloadMode::Signed(_)),
            checksum: self.said.checksum.map(|said| kept_algorithm(said.algorithm)).or(self.wanted),
            ..BodyPlan::default()
        }
    }

    fn check(&mut self, digests: &Digests) -> Result<Option<Checksum>, BodyFailed> {
        let result = self.compare(digests);
        self.fail(result)
    }
}

#[cfg(test)]
#[path = "upload_body_tests.rs"]
mod tests;
