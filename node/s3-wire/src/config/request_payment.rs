//! Who pays for requests: `RequestPaymentConfiguration`.

use crate::config::field::{document, not_implemented, set, word};
use crate::error::S3Error;
use crate::xml::XmlWriter;
use crate::xml::reader::malformed;

const ROOT: &str = "RequestPaymentConfiguration";

keywords! {
    /// Who pays.
    pub enum Payer {
        /// The owner of the bucket.
        BucketOwner = "BucketOwner",
        /// Who asks; nobody here can be made to.
        Requester = "Requester",
    }
}

/// The payer of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestPayment {
    /// Who it is.
    pub payer: Payer,
}

impl RequestPayment {
    /// The longest body.
    pub const MAX_LEN: usize = 4 << 10;

    /// Reads the body of a `PutBucketRequestPayment`: `NotImplemented` for `Requester`.
    pub fn parse(body: &[u8]) -> Result<Self, S3Error> {
        let root = document(body, Self::MAX_LEN, ROOT)?;
        let mut payer = None;
        for child in &root.children {
            match child.name.as_str() {
                "Payer" => set(&mut payer, word(child, Payer::from_name)?)?,
                _ => return Err(malformed()),
            }
        }
        match payer.ok_or_else(malformed)? {
            Payer::BucketOwner => Ok(Self { payer: Payer::BucketOwner }),
            Payer::Requester => Err(not_implemented("Payer")),
        }
    }

    /// The document.
    pub fn to_xml(&self) -> String {
        let mut xml = XmlWriter::document();
        xml.open_root(ROOT);
        xml.text("Payer", self.payer.as_str());
        xml.close(ROOT);
        xml.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn only_the_owner_pays() {
        let owner = RequestPayment { payer: Payer::BucketOwner };
        assert_eq!(RequestPayment::parse(owner.to_xml().as_bytes()), Ok(owner));
        let code = |body: &str| RequestPayment::parse(body.as_bytes()).map_err(|error| error.code);
        let requester = RequestPayment { payer: Payer::Requester }.to_xml();
        assert_eq!(code(&requester), Err(ErrorCode::NotImplemented));
        assert_eq!(code("<RequestPaymentConfiguration/>"), Err(ErrorCode::MalformedXml));
    }
}
