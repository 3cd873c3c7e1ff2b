//! Whether a bucket keeps versions: `VersioningConfiguration`.

use crate::config::field::{document, not_implemented, set, word};
use crate::error::{ErrorCode, S3Error};
use crate::xml::XmlWriter;
use crate::xml::reader::malformed;

const ROOT: &str = "VersioningConfiguration";

keywords! {
    /// What becomes of the object that a key had before.
    pub enum VersioningStatus {
        /// It stays, as a version.
        Enabled = "Enabled",
        /// Versions stay; a new object replaces only the one whose version is `null`.
        Suspended = "Suspended",
    }
}

keywords! {
    enum MfaDelete {
        Enabled = "Enabled",
        Disabled = "Disabled",
    }
}

/// The versioning of a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VersioningConfiguration {
    /// `None` for a bucket whose versioning was never set; no document of a client gives that.
    pub status: Option<VersioningStatus>,
}

impl VersioningConfiguration {
    /// The longest body.
    pub const MAX_LEN: usize = 4 << 10;

    /// Reads the body of a `PutBucketVersioning`.
    ///
    /// `IllegalVersioningConfigurationException` without a status, `NotImplemented` for MFA delete.
    pub fn parse(body: &[u8]) -> Result<Self, S3Error> {
        let root = document(body, Self::MAX_LEN, ROOT)?;
        let (mut status, mut mfa) = (None, None);
        for child in &root.children {
            match child.name.as_str() {
                "Status" => set(&mut status, word(child, VersioningStatus::from_name)?)?,
                "MfaDelete" => set(&mut mfa, word(child, MfaDelete::from_name)?)?,
                _ => return Err(malformed()),
            }
        }
        if mfa == Some(MfaDelete::Enabled) {
            return Err(not_implemented("MfaDelete"));
        }
        if status.is_none() {
            return Err(S3Error::with_message(
                ErrorCode::IllegalVersioningConfiguration,
                "The Versioning element must be specified",
            ));
        }
        Ok(Self { status })
    }

    /// The document; its element is empty for a bucket whose versioning was never set.
    pub fn to_xml(&self) -> String {
        let mut xml = XmlWriter::document();
        xml.open_root(ROOT);
        xml.optional("Status", self.status.map(VersioningStatus::as_str));
        xml.close(ROOT);
        xml.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::inner;

    fn read(content: &str) -> Result<Option<VersioningStatus>, ErrorCode> {
        let body = format!("<VersioningConfiguration>{content}</VersioningConfiguration>");
        VersioningConfiguration::parse(body.as_bytes()).map(|read| read.status).map_err(|error| error.code)
    }

    #[test]
    fn a_status_is_needed_and_mfa_delete_is_not_served() {
        assert_eq!(read("<Status>Enabled</Status>"), Ok(Some(VersioningStatus::Enabled)));
        assert_eq!(
            read("<MfaDelete>Disabled</MfaDelete><Status>Suspended</Status>"),
            Ok(Some(VersioningStatus::Suspended))
        );
        assert_eq!(
            read("<Status>Enabled</Status><MfaDelete>Enabled</MfaDelete>"),
            Err(ErrorCode::NotImplemented)
        );
        assert_eq!(read(""), Err(ErrorCode::IllegalVersioningConfiguration));
        for content in [
            "<Status>enabled</Status>",
            "<Status/>",
            "<Status>Enabled</Status><Status>Enabled</Status>",
            "<X/>",
        ] {
            assert_eq!(read(content), Err(ErrorCode::MalformedXml), "{content}");
        }
    }

    #[test]
    fn what_is_written_reads_back_and_never_set_is_empty() {
        for status in VersioningStatus::ALL {
            let versioning = VersioningConfiguration { status: Some(*status) };
            assert_eq!(VersioningConfiguration::parse(versioning.to_xml().as_bytes()), Ok(versioning));
        }
        let never = VersioningConfiguration::default().to_xml();
        assert_eq!(inner(&never), "<VersioningConfiguration></VersioningConfiguration>");
    }
}
