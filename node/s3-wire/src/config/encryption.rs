//! How objects are encrypted when the client says nothing: `ServerSideEncryptionConfiguration`.

use crate::config::field::{document, flag, not_implemented, set, text};
use crate::error::S3Error;
use crate::xml::XmlWriter;
use crate::xml::reader::{Element, malformed};

const ROOT: &str = "ServerSideEncryptionConfiguration";
const NO_KEY_ID: &str =
    "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse";

/// Whose key encrypts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DefaultEncryption {
    /// Ours (`AES256`).
    S3,
    /// A key of the key service (`aws:kms`): the one of this id, else its default key.
    Kms {
        /// The id, never empty.
        key_id: Option<String>,
    },
}

impl DefaultEncryption {
    /// The algorithm as headers and documents name it.
    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::S3 => "AES256",
            Self::Kms { .. } => "aws:kms",
        }
    }
}

/// The default encryption of a bucket: one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptionConfiguration {
    /// What the rule says.
    pub default: DefaultEncryption,
    /// Whether one key of the key service may serve many objects; says nothing about what is stored.
    pub bucket_key_enabled: Option<bool>,
}

impl EncryptionConfiguration {
    /// The longest body.
    pub const MAX_LEN: usize = 16 << 10;

    /// Reads the body of a `PutBucketEncryption`.
    ///
    /// `MalformedXML` unless there is one rule of a known algorithm, `InvalidArgument` for a key id
    /// beside `AES256`, `NotImplemented` for what AWS has and we do not.
    pub fn parse(body: &[u8]) -> Result<Self, S3Error> {
        let root = document(body, Self::MAX_LEN, ROOT)?;
        let [rule] = root.children.as_slice() else { return Err(malformed()) };
        if rule.name != "Rule" {
            return Err(malformed());
        }
        let (mut default, mut bucket_key_enabled) = (None, None);
        for child in &rule.children {
            match child.name.as_str() {
                "ApplyServerSideEncryptionByDefault" => set(&mut default, parse_default(child)?)?,
                "BucketKeyEnabled" => set(&mut bucket_key_enabled, flag(child)?)?,
                "BlockedEncryptionTypes" => return Err(not_implemented(&child.name)),
                _ => return Err(malformed()),
            }
        }
        Ok(Self { default: default.ok_or_else(malformed)?, bucket_key_enabled })
    }

    /// The document.
    pub fn to_xml(&self) -> String {
        let mut xml = XmlWriter::document();
        xml.open_root(ROOT);
        xml.open("Rule");
        xml.open("ApplyServerSideEncryptionByDefault");
        xml.text("SSEAlgorithm", self.default.algorithm());
        if let DefaultEncryption::Kms { key_id } = &self.default {
            xml.optional("KMSMasterKeyID", key_id.as_deref());
        }
        xml.close("ApplyServerSideEncryptionByDefault");
        if let Some(enabled) = self.bucket_key_enabled {
            xml.flag("BucketKeyEnabled", enabled);
        }
        xml.close("Rule");
        xml.close(ROOT);
        xml.finish()
    }
}

fn parse_default(element: &Element) -> Result<DefaultEncryption, S3Error> {
    let (mut algorithm, mut key_id) = (None, None);
    for child in &element.children {
        match child.name.as_str() {
            "SSEAlgorithm" => set(&mut algorithm, child.leaf()?.trim())?,
            "KMSMasterKeyID" => set(&mut key_id, text(child)?)?,
            _ => return Err(malformed()),
        }
    }
    match algorithm {
        Some("aws:kms") => Ok(DefaultEncryption::Kms { key_id: key_id.filter(|id| !id.is_empty()) }),
        Some("AES256") => match key_id {
            None => Ok(DefaultEncryption::S3),
            Some(id) => Err(S3Error::invalid_argument(NO_KEY_ID, "KMSMasterKeyID", &id)),
        },
        Some("aws:kms:dsse") => Err(not_implemented("SSEAlgorithm")),
        _ => Err(malformed()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use proptest::prelude::*;

    fn read(rule: &str) -> Result<EncryptionConfiguration, ErrorCode> {
        let body = format!("<{ROOT}>{rule}</{ROOT}>");
        EncryptionConfiguration::parse(body.as_bytes()).map_err(|error| error.code)
    }

    #[test]
    fn one_rule_of_a_known_algorithm_is_read() {
        let rule = |content: &str| {
            format!(
                "<Rule><ApplyServerSideEncryptionByDefault>{content}</ApplyServerSideEncryptionByDefault></Rule>"
            )
        };
        let aes = rule("<SSEAlgorithm>AES256</SSEAlgorithm>");
        let expected = EncryptionConfiguration { default: DefaultEncryption::S3, bucket_key_enabled: None };
        assert_eq!(read(&aes), Ok(expected));
        let kms = "<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>k</KMSMasterKeyID>";
        assert_eq!(
            read(&rule(kms)).map(|read| read.default),
            Ok(DefaultEncryption::Kms { key_id: Some("k".into()) })
        );
        for (rules, code) in [
            (String::new(), ErrorCode::MalformedXml),
            (aes.clone() + &aes, ErrorCode::MalformedXml),
            ("<Rule/>".into(), ErrorCode::MalformedXml),
            ("<Rule><BucketKeyEnabled>true</BucketKeyEnabled></Rule>".into(), ErrorCode::MalformedXml),
            (rule(""), ErrorCode::MalformedXml),
            (rule("<SSEAlgorithm>aes256</SSEAlgorithm>"), ErrorCode::MalformedXml),
            (rule("<SSEAlgorithm>aws:kms:dsse</SSEAlgorithm>"), ErrorCode::NotImplemented),
            (
                rule("<SSEAlgorithm>AES256</SSEAlgorithm><KMSMasterKeyID>k</KMSMasterKeyID>"),
                ErrorCode::InvalidArgument,
            ),
        ] {
            assert_eq!(read(&rules), Err(code), "{rules}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            kms: bool, key_id in prop::option::of("[ -~]{1,40}"), bucket_key_enabled: Option<bool>,
        ) {
            let default = if kms { DefaultEncryption::Kms { key_id } } else { DefaultEncryption::S3 };
            let configuration = EncryptionConfiguration { default, bucket_key_enabled };
            prop_assert_eq!(EncryptionConfiguration::parse(configuration.to_xml().as_bytes()), Ok(configuration));
        }
    }
}
