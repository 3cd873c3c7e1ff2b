//! Whether a bucket is public: the answer to `GetBucketPolicyStatus`.

use crate::xml::XmlWriter;

/// The status of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyStatus {
    /// Whether anybody may use it.
    pub is_public: bool,
}

impl PolicyStatus {
    /// The document. The value is written in small letters, as SDKs read it.
    pub fn to_xml(&self) -> String {
        let mut xml = XmlWriter::document();
        xml.open_root("PolicyStatus");
        xml.flag("IsPublic", self.is_public);
        xml.close("PolicyStatus");
        xml.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::inner;

    #[test]
    fn status_has_the_shape_of_aws() {
        let xml = PolicyStatus { is_public: true }.to_xml();
        assert_eq!(inner(&xml), "<PolicyStatus><IsPublic>true</IsPublic></PolicyStatus>");
    }
}
