use std::fmt;

use mucura_mesh::identity::SiteCa;
use mucura_runtime::Entropy;
use serde::{Deserialize, Serialize};

/// What the site's secrets are sealed for.
pub const SITE_SECRETS_PURPOSE: &[u8] = b"mucura site secrets 1";

/// The 32 bytes that all nodes of a site share, and nobody else knows.
#[derive(Clone, PartialEq, Eq)]
pub struct SiteKeyBytes(pub [u8; 32]);

impl fmt::Debug for SiteKeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SiteKeyBytes")
    }
}

impl SiteKeyBytes {
    /// A new one.
    ///
    /// # Errors
    /// The machine has no randomness to give.
    pub fn random(entropy: &dyn Entropy) -> std::io::Result<Self> {
        let mut bytes = [0; 32];
        entropy.fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.trim(), &mut bytes)
            .map_err(|e| format!("not 64 hexadecimal digits: {e}"))?;
        Ok(Self(bytes))
    }

    pub(super) fn to_file(&self) -> String {
        format!("{}\n", hex::encode(self.0))
    }
}

/// What the site keeps sealed in its metadata.
#[derive(Clone, Serialize, Deserialize)]
pub struct SiteSecrets {
    /// The certificate authority's private key, PEM.
    pub ca_key_pem: String,
    /// What join tokens are made with.
    pub join_secret: [u8; 32],
}

impl SiteSecrets {
    /// As bytes, to be sealed.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings and numbers: writing them to a vector does not fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The inverse of [`SiteSecrets::to_bytes`].
    ///
    /// # Errors
    /// The bytes are something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|e| e.to_string())
    }

    /// The certificate authority, with its certificate.
    pub fn ca(&self, ca_cert_pem: &str) -> SiteCa {
        SiteCa { cert_pem: ca_cert_pem.to_owned(), key_pem: self.ca_key_pem.clone() }
    }
}
