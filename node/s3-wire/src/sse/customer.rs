//! Keys that customers send with their requests (SSE-C).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::{ErrorCode, S3Error};
use crate::sse::headers::{CustomerHeaders, METHOD};

/// Whether a customer's key may come over the connection of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyChannel {
    /// It is encrypted, or the operator does not ask for that.
    Accepted,
    /// It is not: AWS takes no keys over it.
    Refused,
}

/// What the checks of a customer's key need from the caller.
#[derive(Clone, Copy, Debug)]
pub struct KeyChecks {
    /// The connection.
    pub channel: KeyChannel,
    /// MD5, which this crate does not have.
    pub md5: fn(&[u8]) -> [u8; 16],
}

/// A customer's key. Overwritten when it is dropped; never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct CustomerKey {
    key: [u8; 32],
    md5: [u8; 16],
}

impl CustomerKey {
    /// The key, for AES-256.
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// Its MD5, which the answer carries.
    pub fn md5(&self) -> [u8; 16] {
        self.md5
    }
}

impl Drop for CustomerKey {
    fn drop(&mut self) {
        wipe(&mut self.key);
    }
}

impl fmt::Debug for CustomerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomerKey")
    }
}

/// Whose key an object or an upload is encrypted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyHolder {
    /// The site's, or none: the client needs none.
    Site,
    /// The customer's: each request must bring it.
    Customer,
}

impl KeyHolder {
    /// `InvalidRequest` if a read brings no key though it must, or one though it must not.
    pub fn check_read(self, given: Option<&CustomerKey>) -> Result<(), S3Error> {
        match (self, given) {
            (Self::Site, None) | (Self::Customer, Some(_)) => Ok(()),
            (Self::Customer, None) => Err(invalid_request(
                "The object was stored using a form of Server Side Encryption. The correct parameters must \
                 be provided to retrieve the object.",
            )),
            (Self::Site, Some(_)) => {
                Err(invalid_request("The encryption parameters are not applicable to this object."))
            }
        }
    }

    /// `InvalidRequest` if a part, or the completion of an upload, brings no key though it must, or
    /// one though it must not. AWS says the same for both.
    pub fn check_part(self, given: Option<&CustomerKey>) -> Result<(), S3Error> {
        match (self, given) {
            (Self::Site, None) | (Self::Customer, Some(_)) => Ok(()),
            (Self::Customer, None) | (Self::Site, Some(_)) => Err(invalid_request(
                "The multipart upload initiate requested encryption. Subsequent part requests must include \
                 the appropriate encryption parameters.",
            )),
        }
    }
}

/// The key is not the one that the object was stored, or the upload begun, with.
///
/// AWS says so for parts. A read with another key it answers 403 `AccessDenied`; here that is a bad
/// request too.
pub fn wrong_customer_key() -> S3Error {
    invalid_request("The provided encryption parameters did not match the ones used originally.")
}

fn invalid_request(message: &'static str) -> S3Error {
    S3Error::with_message(ErrorCode::InvalidRequest, message)
}

/// Whether the MD5 of a key must be sent with it: AWS reads without.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Md5Header {
    Required,
    Optional,
}

impl CustomerHeaders<'_> {
    /// Whether any of them came.
    pub(super) fn any(&self) -> bool {
        self.algorithm.is_some() || self.key.is_some() || self.key_md5.is_some()
    }

    pub(super) fn for_write(&self, checks: &KeyChecks) -> Result<Option<CustomerKey>, S3Error> {
        self.parse(checks, Md5Header::Required)
    }

    pub(super) fn for_read(&self, checks: &KeyChecks) -> Result<Option<CustomerKey>, S3Error> {
        self.parse(checks, Md5Header::Optional)
    }

    /// The key, if any of the headers came. The checks are in the order of AWS: the MD5 is looked at
    /// before the length of the key.
    fn parse(&self, checks: &KeyChecks, md5_header: Md5Header) -> Result<Option<CustomerKey>, S3Error> {
        if !self.any() {
            return Ok(None);
        }
        if checks.channel == KeyChannel::Refused {
            return Err(invalid_request(
                "Requests specifying Server Side Encryption with Customer provided keys must be made over \
                 a secure connection.",
            ));
        }
        match self.algorithm {
            Some("AES256") => {}
            Some(other) => {
                return Err(S3Error::with_message(
                    ErrorCode::InvalidEncryptionAlgorithm,
                    "The Encryption request you specified is not valid. Supported value: AES256.",
                )
                .field("ArgumentName", METHOD)
                .field("ArgumentValue", other));
            }
            None => {
                return Err(refused(
                    "Requests specifying Server Side Encryption with Customer provided keys must provide a \
                     valid encryption algorithm.",
                ));
            }
        }
        let key = self.key.filter(|key| !key.is_empty()).ok_or_else(|| {
            refused(
                "Requests specifying Server Side Encryption with Customer provided keys must provide an \
                 appropriate secret key.",
            )
        })?;
        if self.key_md5.is_none() && md5_header == Md5Header::Required {
            return Err(refused(
                "Requests specifying Server Side Encryption with Customer provided keys must provide the \
                 client calculated MD5 of the secret key.",
            ));
        }
        let invalid = || refused("The secret key was invalid for the specified algorithm.");
        let mut bytes = STANDARD.decode(key).map_err(|_| invalid())?;
        let md5 = (checks.md5)(&bytes);
        let key = <[u8; 32]>::try_from(bytes.as_slice());
        wipe(&mut bytes);
        if self.key_md5.is_some_and(|said| said != STANDARD.encode(md5)) {
            return Err(refused(
                "The calculated MD5 hash of the key did not match the hash that was provided.",
            ));
        }
        key.map(|key| Some(CustomerKey { key, md5 })).map_err(|_| invalid())
    }
}

/// `InvalidArgument` as AWS words it here: it names this header for all of them, and no value.
fn refused(message: &'static str) -> S3Error {
    S3Error::invalid_argument(message, METHOD, "null")
}

/// Overwrites what was secret.
fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    // Else the compiler may leave out what nobody reads.
    std::hint::black_box(bytes);
}
