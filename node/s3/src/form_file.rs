use std::time::Duration;

use bytes::Bytes;
use mucura_s3_wire::form::{Boundary, Decoder, Event, Form, LengthRange};
use mucura_s3_wire::request::MAX_OBJECT_PART_LEN;
use mucura_s3_wire::{ErrorCode, S3Error};
use tokio::time::{Instant, timeout_at};

use crate::payload::Payload;

/// How long a client may take to send all of a form but its file.
const FIELDS_TIMEOUT: Duration = Duration::from_secs(60);

/// A form on its way, of which the fields were read.
pub(crate) struct OpenForm {
    pub(crate) form: Form,
    decoder: Decoder,
    /// What came behind the fields.
    input: Bytes,
}

/// The file of a form, out of what comes from the connection.
pub(crate) struct FormFile {
    decoder: Decoder,
    input: Bytes,
    length: LengthRange,
    /// Bytes of the file so far.
    len: u64,
    /// How much may still come behind the file, where S3 ignores it.
    ignorable: u64,
}

impl OpenForm {
    /// Reads the fields of a form.
    pub(crate) async fn read(
        boundary: &Boundary,
        payload: &mut Payload,
        idle: Duration,
    ) -> Result<Self, S3Error> {
        let deadline = Instant::now() + FIELDS_TIMEOUT;
        let mut decoder = Decoder::new(boundary);
        let mut input = Bytes::new();
        loop {
            if let Some(event) = decoder.decode(&mut input)? {
                return match event {
                    Event::Form(form) => Ok(Self { form, decoder, input }),
                    Event::File(_) | Event::End => Err(ErrorCode::MalformedPostRequest.into()),
                };
            }
            let next = timeout_at(deadline, payload.next(idle)).await;
            match next.map_err(|_| ErrorCode::RequestTimeout)?? {
                Some(more) => input = more,
                None => {
                    decoder.finish()?;
                    return Err(ErrorCode::MalformedPostRequest.into());
                }
            }
        }
    }

    /// Goes on with the file, which must have a length in this range.
    pub(crate) fn into_file(self, length: LengthRange) -> FormFile {
        let Self { decoder, input, .. } = self;
        FormFile { decoder, input, length, len: 0, ignorable: MAX_OBJECT_PART_LEN }
    }
}

impl FormFile {
    /// The next bytes of the file; none if more must be fed first.
    pub(crate) fn decode(&mut self) -> Result<Option<Bytes>, S3Error> {
        while let Some(event) = self.decoder.decode(&mut self.input)? {
            match event {
                Event::File(bytes) => {
                    self.len = self.len.saturating_add(bytes.len() as u64);
                    self.length.check_so_far(self.len)?;
                    return Ok(Some(bytes));
                }
                Event::End => self.length.check(self.len)?,
                Event::Form(_) => return Err(ErrorCode::MalformedPostRequest.into()),
            }
        }
        Ok(None)
    }

    /// Takes what came from the connection.
    pub(crate) fn feed(&mut self, more: Bytes) -> Result<(), S3Error> {
        if self.decoder.is_done() {
            let left = self.ignorable.checked_sub(more.len() as u64);
            self.ignorable = left.ok_or(ErrorCode::EntityTooLarge)?;
        }
        self.input = more;
        Ok(())
    }

    /// Ends it: `MalformedPOSTRequest` if the body ended before the file did.
    pub(crate) fn finish(self) -> Result<(), S3Error> {
        self.decoder.finish()
    }
}
