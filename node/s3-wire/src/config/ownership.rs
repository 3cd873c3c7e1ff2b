//! Who owns the objects of a bucket: `OwnershipControls`.

use crate::config::field::{document, set, word};
use crate::error::S3Error;
use crate::xml::XmlWriter;
use crate::xml::reader::malformed;

const ROOT: &str = "OwnershipControls";

keywords! {
    /// Whose an object is that another account writes into a bucket.
    pub enum ObjectOwnership {
        /// The owner's of the bucket, if it comes with the ACL `bucket-owner-full-control`.
        BucketOwnerPreferred = "BucketOwnerPreferred",
        /// The writer's.
        ObjectWriter = "ObjectWriter",
        /// The owner's of the bucket; ACLs have no effect.
        BucketOwnerEnforced = "BucketOwnerEnforced",
    }
}

/// The ownership controls of a bucket: one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnershipControls {
    /// What the rule says.
    pub ownership: ObjectOwnership,
}

impl OwnershipControls {
    /// The longest body.
    pub const MAX_LEN: usize = 4 << 10;

    /// Reads the body of a `PutBucketOwnershipControls`: `MalformedXML` unless there is one rule.
    pub fn parse(body: &[u8]) -> Result<Self, S3Error> {
        let root = document(body, Self::MAX_LEN, ROOT)?;
        let [rule] = root.children.as_slice() else { return Err(malformed()) };
        if rule.name != "Rule" {
            return Err(malformed());
        }
        let mut ownership = None;
        for child in &rule.children {
            match child.name.as_str() {
                "ObjectOwnership" => set(&mut ownership, word(child, ObjectOwnership::from_name)?)?,
                _ => return Err(malformed()),
            }
        }
        Ok(Self { ownership: ownership.ok_or_else(malformed)? })
    }

    /// The document.
    pub fn to_xml(&self) -> String {
        let mut xml = XmlWriter::document();
        xml.open_root(ROOT);
        xml.open("Rule");
        xml.text("ObjectOwnership", self.ownership.as_str());
        xml.close("Rule");
        xml.close(ROOT);
        xml.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn what_is_written_reads_back() {
        for ownership in ObjectOwnership::ALL {
            let controls = OwnershipControls { ownership: *ownership };
            assert_eq!(OwnershipControls::parse(controls.to_xml().as_bytes()), Ok(controls));
        }
    }

    #[test]
    fn there_is_one_known_rule() {
        let rule = "<Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule>";
        for content in [
            "",
            "<Rule/>",
            "<Rule><ObjectOwnership>Nobody</ObjectOwnership></Rule>",
            &format!("{rule}{rule}") as &str,
        ] {
            let body = format!("<OwnershipControls>{content}</OwnershipControls>");
            let code = OwnershipControls::parse(body.as_bytes()).map_err(|error| error.code);
            assert_eq!(code, Err(ErrorCode::MalformedXml), "{content}");
        }
    }
}
