//! Who signed a form: a claim of either version over its policy, read and then verified.

use crate::auth::SignatureForm;
use crate::error::{ErrorCode, S3Error};
use crate::form::policy::Policy;
use crate::form::{Form, missing};
use crate::head::RequestHead;
use crate::sigv2::{self, is_signature_of};
use crate::sigv4::{
    ALGORITHM, Expected, Place, Scope, SigningKey, is_presigned, parse_credential, parse_digest,
    several_mechanisms,
};
use crate::time::parse_amz_date;
use crate::uri::Query;

/// What a form claims. Not yet verified: it proves nothing.
#[derive(Clone, Debug)]
pub struct Claim {
    access_key: String,
    session_token: Option<String>,
    /// The policy in base64, which is what is signed.
    policy: String,
    signature: Signature,
}

#[derive(Clone, Debug)]
enum Signature {
    V2(String),
    V4 { scope: Scope, digest: [u8; 32], signed_ms: u64 },
}

/// What is known once the claim of a form was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The access key that signed.
    pub access_key: String,
    /// The session token of temporary credentials; the caller must check it.
    pub session_token: Option<String>,
    /// What was signed, as it stood in the form.
    pub(super) policy: String,
}

/// Refuses a signature in the head of a form, which is signed by its fields: `InvalidArgument`.
pub fn refuse_signed_head(head: &RequestHead<'_>) -> Result<(), S3Error> {
    let query = Query::parse(head.query())?;
    let in_header = head.headers.contains_key(http::header::AUTHORIZATION);
    if in_header || is_presigned(&query) || sigv2::Claim::is_in(&query) {
        return Err(several_mechanisms());
    }
    Ok(())
}

impl Form {
    /// Reads the claim of a form; `None` if it is anonymous.
    ///
    /// Fails with the error of AWS for half a claim, or one that is made for something else.
    pub fn claim(&self, expected: Expected<'_>) -> Result<Option<Claim>, S3Error> {
        let has = |names: &[&str]| names.iter().any(|name| self.get(name).is_some());
        let signature = if has(&["x-amz-algorithm", "x-amz-credential", "x-amz-signature"]) {
            if has(&["awsaccesskeyid", "signature"]) {
                return Err(S3Error::with_message(
                    ErrorCode::InvalidArgument,
                    "Only one auth mechanism allowed; only the fields of one signature version should be \
                     specified",
                ));
            }
            self.claim_v4(expected)?
        } else if has(&["awsaccesskeyid", "signature", "policy"]) {
            self.claim_v2()?
        } else {
            return Ok(None);
        };
        let (access_key, signature) = signature;
        Ok(Some(Claim {
            access_key,
            session_token: self.get("x-amz-security-token").map(str::to_owned),
            policy: self.filled("policy").ok_or_else(|| missing("policy"))?.to_owned(),
            signature,
        }))
    }

    fn claim_v2(&self) -> Result<(String, Signature), S3Error> {
        let access_key = self.filled("awsaccesskeyid").ok_or_else(|| missing("AWSAccessKeyId"))?;
        let signature = self.filled("signature").ok_or_else(|| missing("signature"))?;
        Ok((access_key.to_owned(), Signature::V2(signature.to_owned())))
    }

    fn claim_v4(&self, expected: Expected<'_>) -> Result<(String, Signature), S3Error> {
        let required = |field: &str, name: &str| self.filled(field).ok_or_else(|| missing(name));
        let algorithm = required("x-amz-algorithm", "X-Amz-Algorithm")?;
        let credential = required("x-amz-credential", "X-Amz-Credential")?;
        let date = required("x-amz-date", "X-Amz-Date")?;
        let signature = required("x-amz-signature", "X-Amz-Signature")?;
        if algorithm != ALGORITHM {
            return Err(S3Error::invalid_argument(
                "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"",
                "X-Amz-Algorithm",
                algorithm,
            ));
        }
        let (access_key, scope) = parse_credential(credential, expected, Place::Query)?;
        let signed_ms = parse_amz_date(date).ok_or_else(|| {
            S3Error::invalid_argument(
                "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"",
                "X-Amz-Date",
                date,
            )
        })?;
        if !date.starts_with(&scope.date) {
            return Err(Place::Query.malformed(&format!(
                "Invalid credential date \"{}\". This date is not the same as X-Amz-Date: \"{}\".",
                scope.date,
                date.get(..8).unwrap_or("")
            )));
        }
        let digest = parse_digest(signature).ok_or(ErrorCode::SignatureDoesNotMatch)?;
        Ok((access_key, Signature::V4 { scope, digest, signed_ms }))
    }
}

impl Claim {
    /// The access key to look the secret up by.
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// How it is signed.
    pub fn form(&self) -> SignatureForm {
        let (version, signed_ms) = match self.signature {
            Signature::V2(_) => ("AWS", None),
            Signature::V4 { signed_ms, .. } => ("AWS4-HMAC-SHA256", Some(signed_ms)),
        };
        SignatureForm { version, way: "POST", signed_ms }
    }

    /// The session token of temporary credentials.
    pub fn session_token(&self) -> Option<&str> {
        self.session_token.as_deref()
    }

    /// Verifies the signature against the secret of [`Claim::access_key`]: `SignatureDoesNotMatch`.
    ///
    /// The time is the policy's to say, see [`Policy::check`].
    pub fn verify(self, secret_key: &str) -> Result<Verified, S3Error> {
        let (matches, provided) = match &self.signature {
            Signature::V2(text) => (is_signature_of(&self.policy, text, secret_key), text.clone()),
            Signature::V4 { scope, digest, .. } => {
                (SigningKey::derive(secret_key, scope).matches(&self.policy, digest), hex::encode(digest))
            }
        };
        if !matches {
            return Err(S3Error::new(ErrorCode::SignatureDoesNotMatch)
                .field("AWSAccessKeyId", self.access_key)
                .field("StringToSign", self.policy)
                .field("SignatureProvided", provided));
        }
        Ok(Verified { access_key: self.access_key, session_token: self.session_token, policy: self.policy })
    }
}

impl Verified {
    /// The policy that was signed: `InvalidPolicyDocument`.
    pub fn policy(&self) -> Result<Policy, S3Error> {
        Policy::parse(&self.policy)
    }
}
