//! What is never public in a bucket: `PublicAccessBlockConfiguration`.

use crate::config::field::{document, flag, set};
use crate::error::S3Error;
use crate::xml::XmlWriter;
use crate::xml::reader::malformed;

const ROOT: &str = "PublicAccessBlockConfiguration";

/// The four switches, all off in a document that names none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublicAccessBlock {
    /// Refuse requests that set a public ACL.
    pub block_public_acls: bool,
    /// Act as if there were no public ACLs.
    pub ignore_public_acls: bool,
    /// Refuse public bucket policies.
    pub block_public_policy: bool,
    /// Under a public policy, let in only accounts of the owner.
    pub restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    /// The longest body.
    pub const MAX_LEN: usize = 4 << 10;

    /// Reads the body of a `PutPublicAccessBlock`.
    pub fn parse(body: &[u8]) -> Result<Self, S3Error> {
        let root = document(body, Self::MAX_LEN, ROOT)?;
        let (mut block_acls, mut ignore_acls, mut block_policy, mut restrict) = (None, None, None, None);
        for child in &root.children {
            let switch = match child.name.as_str() {
                "BlockPublicAcls" => &mut block_acls,
                "IgnorePublicAcls" => &mut ignore_acls,
                "BlockPublicPolicy" => &mut block_policy,
                "RestrictPublicBuckets" => &mut restrict,
                _ => return Err(malformed()),
            };
            set(switch, flag(child)?)?;
        }
        Ok(Self {
            block_public_acls: block_acls.unwrap_or(false),
            ignore_public_acls: ignore_acls.unwrap_or(false),
            block_public_policy: block_policy.unwrap_or(false),
            restrict_public_buckets: restrict.unwrap_or(false),
        })
    }

    /// The document.
    pub fn to_xml(&self) -> String {
        let mut xml = XmlWriter::document();
        xml.open_root(ROOT);
        xml.flag("BlockPublicAcls", self.block_public_acls);
        xml.flag("IgnorePublicAcls", self.ignore_public_acls);
        xml.flag("BlockPublicPolicy", self.block_public_policy);
        xml.flag("RestrictPublicBuckets", self.restrict_public_buckets);
        xml.close(ROOT);
        xml.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use proptest::prelude::*;

    #[test]
    fn switches_not_named_are_off_and_none_comes_twice() {
        let read = |content: &str| {
            let body = format!("<{ROOT}>{content}</{ROOT}>");
            PublicAccessBlock::parse(body.as_bytes()).map_err(|error| error.code)
        };
        assert_eq!(read(""), Ok(PublicAccessBlock::default()));
        assert_eq!(
            read("<BlockPublicPolicy>TRUE</BlockPublicPolicy>"),
            Ok(PublicAccessBlock { block_public_policy: true, ..Default::default() })
        );
        for content in [
            "<BlockPublicAcls>yes</BlockPublicAcls>",
            "<BlockPublicAcls>true</BlockPublicAcls><BlockPublicAcls>true</BlockPublicAcls>",
            "<Other/>",
        ] {
            assert_eq!(read(content), Err(ErrorCode::MalformedXml), "{content}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            block_public_acls: bool, ignore_public_acls: bool, block_public_policy: bool,
            restrict_public_buckets: bool,
        ) {
            let block = PublicAccessBlock {
                block_public_acls, ignore_public_acls, block_public_policy, restrict_public_buckets,
            };
            prop_assert_eq!(PublicAccessBlock::parse(block.to_xml().as_bytes()), Ok(block));
        }
    }
}
