//! Whom a statement speaks of.

use crate::error::S3Error;
use crate::policy::Requester;
use crate::policy::json::Json;
use crate::policy::refusal::invalid_principal;

/// The longest text that names someone.
const MAX_NAME_LEN: usize = 512;
/// Digits of a canonical id.
const ID_LEN: usize = 16;

/// One principal of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Principal {
    /// `*`: everyone, even who does not sign.
    Everyone,
    /// A user, who must be all that these texts say: an account, a name, or both.
    User(Vec<UserRef>),
    /// A part of the system.
    Service(String),
}

/// A user by id or by name. What looks like an id never is a name: else whoever takes another's id
/// for a name would be let in for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum UserRef {
    Id(String),
    Name(String),
}

impl UserRef {
    fn parse(text: &str) -> Option<Self> {
        let plain = |char: char| !matches!(char, '*' | '?' | '/' | ':' | '$' | '{') && !char.is_control();
        if text.is_empty() || text.len() > MAX_NAME_LEN || !text.chars().all(plain) {
            return None;
        }
        let is_id = text.len() == ID_LEN && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        Some(if is_id { Self::Id(text.to_ascii_lowercase()) } else { Self::Name(text.to_owned()) })
    }

    fn is(&self, user_id: &str, user_name: &str) -> bool {
        match self {
            Self::Id(id) => id == user_id,
            Self::Name(name) => name == user_name,
        }
    }
}

impl Principal {
    /// Reads a `Principal` or `NotPrincipal`.
    pub(super) fn parse_all(json: &Json) -> Result<Vec<Self>, S3Error> {
        if json.text() == Some("*") {
            return Ok(vec![Self::Everyone]);
        }
        let mut principals = Vec::new();
        for (kind, names) in json.members().ok_or_else(|| invalid_principal(json.text().unwrap_or("")))? {
            let read = match kind.as_str() {
                "AWS" => Self::aws,
                "CanonicalUser" => Self::canonical,
                "Service" => Self::service,
                _ => return Err(invalid_principal(kind)),
            };
            for name in names.texts().ok_or_else(|| invalid_principal(kind))? {
                principals.push(read(name).ok_or_else(|| invalid_principal(name))?);
            }
        }
        if principals.is_empty() { Err(invalid_principal("")) } else { Ok(principals) }
    }

    /// `*`, an account, or the ARN of an account or user. An account is a user here.
    fn aws(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Everyone);
        }
        let Some(arn) = text.strip_prefix("arn:") else {
            return UserRef::parse(text).map(|user| Self::User(vec![user]));
        };
        let mut parts = arn.splitn(5, ':');
        let (partition, service, region) = (parts.next()?, parts.next()?, parts.next()?);
        let (account, resource) = (parts.next()?, parts.next()?);
        if !partition.starts_with("aws") || service != "iam" || !region.is_empty() {
            return None;
        }
        let mut users = Vec::new();
        if !account.is_empty() {
            users.push(UserRef::parse(account)?);
        }
        if resource != "root" {
            // The path before the name is for people to sort by.
            let path = resource.strip_prefix("user/")?;
            users.push(UserRef::parse(path.rsplit_once('/').map_or(path, |(_, name)| name))?);
        }
        if users.is_empty() { None } else { Some(Self::User(users)) }
    }

    fn canonical(text: &str) -> Option<Self> {
        let plain = text.len() <= MAX_NAME_LEN && text.bytes().all(|byte| byte.is_ascii_graphic());
        let fits = !text.is_empty() && plain && !text.contains(['*', '?', '$']);
        fits.then(|| Self::User(vec![UserRef::Id(text.to_owned())]))
    }

    fn service(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        let fits = text.contains('.') && text.len() <= MAX_NAME_LEN && text.bytes().all(plain);
        fits.then(|| Self::Service(text.to_owned()))
    }

    /// Whether the requester is meant.
    pub(super) fn covers(&self, requester: Requester<'_>) -> bool {
        match (self, requester) {
            (Self::Everyone, _) => true,
            (Self::User(refs), Requester::User { id, name }) => refs.iter().all(|user| user.is(id, name)),
            (Self::Service(ours), Requester::Service(theirs)) => ours == theirs,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: Requester<'_> = Requester::User { id: "00000000000000aa", name: "ann" };
    /// Someone who took the id of ann for a name.
    const EVE: Requester<'_> = Requester::User { id: "00000000000000ee", name: "00000000000000aa" };

    fn parse(json: &str) -> Result<Vec<Principal>, S3Error> {
        Principal::parse_all(&Json::parse(json).unwrap())
    }

    fn covers(json: &str, requester: Requester<'_>) -> bool {
        parse(json).unwrap().iter().any(|principal| principal.covers(requester))
    }

    #[test]
    fn a_user_is_named_by_id_or_name_in_every_form() {
        for json in [
            r#"{"AWS": "ann"}"#,
            r#"{"AWS": ["bob", "00000000000000AA"]}"#,
            r#"{"AWS": "arn:aws:iam::00000000000000aa:root"}"#,
            r#"{"AWS": "arn:aws:iam::ann:root"}"#,
            r#"{"AWS": "arn:aws:iam:::user/ann"}"#,
            r#"{"AWS": "arn:aws:iam::ann:user/ann"}"#,
            r#"{"AWS": "arn:aws:iam::00000000000000aa:user/staff/ann"}"#,
            r#"{"CanonicalUser": "00000000000000aa"}"#,
            r#""*""#,
            r#"{"AWS": "*"}"#,
        ] {
            assert!(covers(json, ANN), "{json}");
            let everyone = json.contains('*');
            assert_eq!(covers(json, EVE), everyone, "{json}");
            assert_eq!(covers(json, Requester::Anonymous), everyone, "{json}");
        }
        assert!(!covers(r#"{"AWS": "arn:aws:iam::bob:user/ann"}"#, ANN));
        assert!(!covers(r#"{"CanonicalUser": "ann"}"#, ANN));
    }

    #[test]
    fn a_service_is_that_service_and_no_user() {
        let json = r#"{"Service": "logging.s3.amazonaws.com"}"#;
        assert!(covers(json, Requester::Service("logging.s3.amazonaws.com")));
        assert!(!covers(json, Requester::Service("events.amazonaws.com")));
        assert!(!covers(json, Requester::User { id: "1", name: "logging.s3.amazonaws.com" }));
    }

    #[test]
    fn what_names_nobody_is_refused() {
        for json in [
            "1",
            "[]",
            "{}",
            r#""ann""#,
            r#"{"AWS": []}"#,
            r#"{"AWS": ""}"#,
            r#"{"AWS": 1}"#,
            r#"{"AWS": "a*"}"#,
            r#"{"AWS": "arn:aws:iam::*:root"}"#,
            r#"{"AWS": "arn:aws:iam:::root"}"#,
            r#"{"AWS": "arn:aws:iam::ann:role/reader"}"#,
            r#"{"AWS": "arn:aws:s3:::ann"}"#,
            r#"{"CanonicalUser": "*"}"#,
            r#"{"Service": "*"}"#,
            r#"{"Federated": "accounts.example.org"}"#,
        ] {
            assert_eq!(parse(json).unwrap_err().message, "Invalid principal in policy", "{json}");
        }
    }
}
