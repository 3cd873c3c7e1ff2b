//! The headers that concern encryption, as they came.

use std::convert::Infallible;

use crate::error::S3Error;
use crate::head::RequestHead;
use crate::sse::{CustomerKey, KeyChecks, SseRequest};

pub(super) const METHOD: &str = "x-amz-server-side-encryption";
pub(super) const KMS_KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";
pub(super) const KMS_CONTEXT: &str = "x-amz-server-side-encryption-context";
pub(super) const BUCKET_KEY: &str = "x-amz-server-side-encryption-bucket-key-enabled";
pub(super) const CUSTOMER_ALGORITHM: &str = "x-amz-server-side-encryption-customer-algorithm";
pub(super) const CUSTOMER_KEY_MD5: &str = "x-amz-server-side-encryption-customer-key-md5";

/// The headers of a request, or the fields of a form, that concern encryption. Nothing is checked
/// before one of the `for_` functions is asked.
#[derive(Clone, Copy, Default)]
pub struct SseHeaders<'a> {
    /// `x-amz-server-side-encryption`.
    pub method: Option<&'a str>,
    /// `-aws-kms-key-id`.
    pub kms_key: Option<&'a str>,
    /// `-customer-algorithm`.
    pub customer_algorithm: Option<&'a str>,
    pub(super) kms_context: Option<&'a str>,
    pub(super) bucket_key: Option<&'a str>,
    customer: CustomerHeaders<'a>,
    source: CustomerHeaders<'a>,
}

/// What a client sends with a key of its own.
#[derive(Clone, Copy, Default)]
pub(super) struct CustomerHeaders<'a> {
    pub(super) algorithm: Option<&'a str>,
    pub(super) key: Option<&'a str>,
    pub(super) key_md5: Option<&'a str>,
}

impl<'a> SseHeaders<'a> {
    /// Those of a request; `InvalidArgument` if one is not UTF-8.
    pub fn from_head(head: &RequestHead<'a>) -> Result<Self, S3Error> {
        Self::read(|name| head.header(name))
    }

    /// Those of a form; `field` gives the value of a field named in lower case.
    pub fn from_fields(field: impl Fn(&str) -> Option<&'a str>) -> Self {
        let Ok(headers) = Self::read(|name| Ok::<_, Infallible>(field(name)));
        headers
    }

    fn read<E>(get: impl Fn(&str) -> Result<Option<&'a str>, E>) -> Result<Self, E> {
        let customer = |prefix: &str| {
            let get = |name: &str| get(&format!("x-amz-{prefix}server-side-encryption-customer-{name}"));
            Ok(CustomerHeaders { algorithm: get("algorithm")?, key: get("key")?, key_md5: get("key-md5")? })
        };
        let own = customer("")?;
        Ok(Self {
            method: get(METHOD)?,
            kms_key: get(KMS_KEY)?,
            customer_algorithm: own.algorithm,
            kms_context: get(KMS_CONTEXT)?,
            bucket_key: get(BUCKET_KEY)?,
            customer: own,
            source: customer("copy-source-")?,
        })
    }

    /// What a PUT, a form, a copy or a new upload asks for.
    pub fn for_object(&self, checks: &KeyChecks) -> Result<SseRequest, S3Error> {
        SseRequest::parse(self, checks)
    }

    /// The customer's key of a part, or of the completion of an upload. How the object is
    /// encrypted was said when the upload began: the other headers mean nothing here.
    pub fn for_part(&self, checks: &KeyChecks) -> Result<Option<CustomerKey>, S3Error> {
        self.customer.for_write(checks)
    }

    /// The customer's key of a GET, a HEAD or GetObjectAttributes. `InvalidArgument` for the
    /// headers that choose an encryption: nothing is to be chosen here.
    pub fn for_read(&self, checks: &KeyChecks) -> Result<Option<CustomerKey>, S3Error> {
        if let Some(method) = self.method {
            return Err(S3Error::invalid_argument(
                "x-amz-server-side-encryption header is not supported for this operation.",
                METHOD,
                method,
            ));
        }
        if self.kms_key.is_some() {
            return Err(kms_needed(None));
        }
        self.customer.for_read(checks)
    }

    /// The customer's key of the source of a copy.
    pub fn for_copy_source(&self, checks: &KeyChecks) -> Result<Option<CustomerKey>, S3Error> {
        self.source.for_read(checks)
    }

    pub(super) fn customer(&self) -> &CustomerHeaders<'a> {
        &self.customer
    }
}

/// What belongs to a key of KMS came without asking for one.
pub(super) fn kms_needed(method: Option<&str>) -> S3Error {
    S3Error::invalid_argument(
        "Server Side Encryption with AWS KMS managed key requires HTTP header \
         x-amz-server-side-encryption : aws:kms",
        METHOD,
        method.unwrap_or("null"),
    )
}
