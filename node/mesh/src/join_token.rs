use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mucura_types::SiteId;
use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::error::IdentityError;

const PREFIX: &str = "mucura-join-1.";
const MAC_LABEL: &[u8] = b"mucura join token 1";

/// What an operator carries to a machine that is to become a node. Whoever
/// holds it may join once, until it expires; any node that knows the site's
/// secret can check it. That it is used once only, by `id`, is for the handler
/// to see to.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    body: Body,
    mac: [u8; 32],
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Body {
    site: SiteId,
    id: [u8; 16],
    ca_fingerprint: [u8; 32],
    contact: String,
    expires_ms: u64,
}

impl JoinToken {
    /// Makes a token; `id` is random, `expires_ms` is Unix time.
    pub fn mint(
        secret: &[u8],
        site: SiteId,
        id: [u8; 16],
        ca_fingerprint: [u8; 32],
        contact: SocketAddr,
        expires_ms: u64,
    ) -> Self {
        let body = Body { site, id, ca_fingerprint, contact: contact.to_string(), expires_ms };
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), &body.signed());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(mac.as_ref());
        Self { body, mac: bytes }
    }

    /// The inverse of its text form. Whether it is any good, only a node that
    /// knows the secret can tell.
    ///
    /// # Errors
    /// [`IdentityError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        let malformed =
            |reason: &str| IdentityError::Malformed { what: "join token", reason: reason.to_owned() };
        let text = text.trim();
        let encoded =
            text.strip_prefix(PREFIX).ok_or_else(|| malformed("it does not begin with mucura-join-1"))?;
        if encoded.len() > 512 {
            return Err(malformed("it is too long"));
        }
        let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|e| malformed(&e.to_string()))?;
        let (body, mac) = bytes.split_last_chunk::<32>().ok_or_else(|| malformed("it is too short"))?;
        let (body, rest) =
            postcard::take_from_bytes::<Body>(body).map_err(|_| malformed("it is cut or altered"))?;
        if !rest.is_empty() || body.contact.parse::<SocketAddr>().is_err() {
            return Err(malformed("it is cut or altered"));
        }
        Ok(Self { body, mac: *mac })
    }

    /// Whether the holder of `secret` made it for this site, and it still holds.
    ///
    /// # Errors
    /// [`IdentityError::Forged`], [`IdentityError::Expired`].
    pub fn verify(&self, secret: &[u8], site: SiteId, now_ms: u64) -> Result<(), IdentityError> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let genuine = hmac::verify(&key, &self.body.signed(), &self.mac).is_ok();
        if !genuine || self.body.site != site {
            return Err(IdentityError::Forged);
        }
        if now_ms >= self.body.expires_ms {
            return Err(IdentityError::Expired);
        }
        Ok(())
    }

    /// The site it leads to.
    pub fn site(&self) -> SiteId {
        self.body.site
    }

    /// Tells tokens apart, so that one is used once.
    pub fn id(&self) -> [u8; 16] {
        self.body.id
    }

    /// The SHA-256 of the site's CA certificate.
    pub fn ca_fingerprint(&self) -> [u8; 32] {
        self.body.ca_fingerprint
    }

    /// The node to ask.
    ///
    /// # Errors
    /// [`IdentityError::Malformed`]; never after [`JoinToken::parse`].
    pub fn contact(&self) -> Result<SocketAddr, IdentityError> {
        self.body.contact.parse().map_err(|_| IdentityError::Malformed {
            what: "join token",
            reason: "its contact is no address".to_owned(),
        })
    }

    /// When it expires, Unix time in milliseconds.
    pub fn expires_ms(&self) -> u64 {
        self.body.expires_ms
    }
}

impl Body {
    fn bytes(&self) -> Vec<u8> {
        // Fixed-size fields and one short string: writing to a vector cannot fail.
        postcard::to_stdvec(self).unwrap_or_default()
    }

    fn signed(&self) -> Vec<u8> {
        [MAC_LABEL, &self.bytes()].concat()
    }
}

/// The text that [`JoinToken::parse`] reads. It is a secret.
impl fmt::Display for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.body.bytes();
        bytes.extend_from_slice(&self.mac);
        write!(f, "{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for JoinToken {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        Self::parse(text)
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the part that makes it worth something.
        self.body.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token() -> JoinToken {
        let contact = "192.0.2.7:9100".parse().unwrap();
        JoinToken::mint(b"secret", SiteId(4), [9; 16], [7; 32], contact, 1000)
    }

    #[test]
    fn a_token_holds_for_its_site_and_time_only() {
        let token = JoinToken::parse(&token().to_string()).unwrap();
        assert_eq!((token.site(), token.id(), token.ca_fingerprint()), (SiteId(4), [9; 16], [7; 32]));
        assert_eq!(token.contact().unwrap().port(), 9100);
        token.verify(b"secret", SiteId(4), 999).unwrap();
        assert!(matches!(token.verify(b"secret", SiteId(4), 1000), Err(IdentityError::Expired)));
        assert!(matches!(token.verify(b"Secret", SiteId(4), 999), Err(IdentityError::Forged)));
        assert!(matches!(token.verify(b"secret", SiteId(5), 999), Err(IdentityError::Forged)));
        assert!(!format!("{token:?}").contains("mac"));
    }

    #[test]
    fn the_text_form_stays() {
        let text = "mucura-join-1.BAkJCQkJCQkJCQkJCQkJCQkHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw4xOTIuMC4yLjc6OTEwMOgH";
        assert!(token().to_string().starts_with(text), "{}", token());
    }

    proptest! {
        #[test]
        fn a_token_with_any_bit_changed_is_refused(bit in 0usize..8 * 99) {
            let text = token().to_string();
            let mut bytes = URL_SAFE_NO_PAD.decode(&text[PREFIX.len()..]).unwrap();
            let bit = bit % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            let changed = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
            let refused = match JoinToken::parse(&changed) {
                Err(_) => true,
                Ok(token) => matches!(token.verify(b"secret", token.site(), 0), Err(IdentityError::Forged)),
            };
            prop_assert!(refused);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC*", bytes: Vec<u8>) {
            drop(JoinToken::parse(&text));
            drop(JoinToken::parse(&format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))));
        }
    }
}
