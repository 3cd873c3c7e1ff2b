//! What a request's headers ask for, and the look-up of those it names.

use http::HeaderMap;

use crate::acl::{Acl, CannedAcl, Grant, Grantee, MAX_GRANTS, Permission};
use crate::error::{ErrorCode, S3Error};

const CANNED: &str = "x-amz-acl";
/// The longest id or address: more is none that exists.
const MAX_NAME_LEN: usize = 320;

/// Someone to grant to, not yet known to exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GranteeRef {
    /// A group, or a user by id.
    Named(Grantee),
    /// A user by address.
    Email(String),
}

/// A grant that is asked for.
pub type GrantRequest = (GranteeRef, Permission);

/// The access control list that the headers of a request ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AclRequest {
    /// None: the default, or the one in the body.
    None,
    /// One by its name.
    Canned(CannedAcl),
    /// These grants and no others, at most [`MAX_GRANTS`].
    Grants(Vec<GrantRequest>),
}

impl AclRequest {
    /// Reads `x-amz-acl` and `x-amz-grant-*`.
    ///
    /// `InvalidRequest` for both at once, `InvalidArgument` for what is not understood.
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, S3Error> {
        let mut grants = Vec::new();
        for permission in Permission::ALL {
            let name = header_of(permission);
            for value in headers.get_all(name) {
                let value = std::str::from_utf8(value.as_bytes()).map_err(|_| unknown_format(name, ""))?;
                read_grantees(name, value, permission, &mut grants)?;
            }
        }
        let Some(canned) = headers.get(CANNED) else {
            return Ok(if grants.is_empty() { Self::None } else { Self::Grants(grants) });
        };
        if !grants.is_empty() {
            return Err(S3Error::with_message(
                ErrorCode::InvalidRequest,
                "Specifying both Canned ACLs and Header Grants is not allowed",
            ));
        }
        Self::from_name(&String::from_utf8_lossy(canned.as_bytes()))
    }

    /// Reads the name of a list, as in `x-amz-acl` and in the field `acl` of a form.
    pub fn from_name(name: &str) -> Result<Self, S3Error> {
        CannedAcl::from_name(name.trim()).map(Self::Canned).ok_or_else(|| unknown_format(CANNED, name))
    }
}

fn header_of(permission: Permission) -> &'static str {
    match permission {
        Permission::Read => "x-amz-grant-read",
        Permission::Write => "x-amz-grant-write",
        Permission::ReadAcp => "x-amz-grant-read-acp",
        Permission::WriteAcp => "x-amz-grant-write-acp",
        Permission::FullControl => "x-amz-grant-full-control",
    }
}

/// Reads `id="...", uri="...", emailAddress="..."`, the quotes being optional.
fn read_grantees(
    name: &'static str,
    value: &str,
    permission: Permission,
    grants: &mut Vec<GrantRequest>,
) -> Result<(), S3Error> {
    // None of the three may hold a comma, so that quotes need no care here.
    for pair in value.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (kind, grantee) = pair.split_once('=').ok_or_else(|| unknown_format(name, value))?;
        let grantee = grantee.trim();
        let grantee = grantee.strip_prefix('"').and_then(|open| open.strip_suffix('"')).unwrap_or(grantee);
        if grantee.contains('"') || grants.len() == MAX_GRANTS {
            return Err(unknown_format(name, value));
        }
        let kind = kind.trim();
        let reference = if kind.eq_ignore_ascii_case("id") {
            by_id(grantee)?
        } else if kind.eq_ignore_ascii_case("uri") {
            by_uri(grantee)?
        } else if kind.eq_ignore_ascii_case("emailAddress") {
            by_email(grantee)?
        } else {
            return Err(unknown_format(name, value));
        };
        grants.push((reference, permission));
    }
    Ok(())
}

fn unknown_format(name: &str, value: &str) -> S3Error {
    S3Error::invalid_argument("Argument format not recognized", name, value)
}

pub(super) fn by_id(id: &str) -> Result<GranteeRef, S3Error> {
    if id.is_empty() || id.len() > MAX_NAME_LEN {
        return Err(invalid_id(id));
    }
    Ok(GranteeRef::Named(Grantee::User(id.to_owned())))
}

pub(super) fn by_uri(uri: &str) -> Result<GranteeRef, S3Error> {
    Grantee::from_uri(uri)
        .map(GranteeRef::Named)
        .ok_or_else(|| S3Error::invalid_argument("Invalid group uri", "Group/URI", uri))
}

pub(super) fn by_email(email: &str) -> Result<GranteeRef, S3Error> {
    if email.is_empty() || email.len() > MAX_NAME_LEN {
        return Err(ErrorCode::UnresolvableGrantByEmailAddress.into());
    }
    Ok(GranteeRef::Email(email.to_owned()))
}

fn invalid_id(id: &str) -> S3Error {
    S3Error::invalid_argument("Invalid id", "CanonicalUser/ID", id)
}

/// Looks up whom the grants name. `find` is asked for each user, by id or address, and gives the
/// canonical ids of those who are called so.
///
/// `InvalidArgument` for an id that nobody has, `UnresolvableGrantByEmailAddress` for an address, and
/// `AmbiguousGrantByEmailAddress` for one that several have.
pub fn resolve(
    grants: &[GrantRequest],
    mut find: impl FnMut(&GranteeRef) -> Vec<String>,
) -> Result<Acl, S3Error> {
    let mut resolved = Vec::with_capacity(grants.len().min(MAX_GRANTS));
    for (reference, permission) in grants {
        let grantee = match reference {
            GranteeRef::Named(Grantee::User(id)) => {
                Grantee::User(find(reference).pop().ok_or_else(|| invalid_id(id))?)
            }
            GranteeRef::Named(group) => group.clone(),
            GranteeRef::Email(email) => {
                let refused = |code| S3Error::new(code).field("EmailAddress", email);
                let mut found = find(reference);
                match (found.pop(), found.as_slice()) {
                    (Some(id), []) => Grantee::User(id),
                    (Some(_), _) => return Err(refused(ErrorCode::AmbiguousGrantByEmailAddress)),
                    (None, _) => return Err(refused(ErrorCode::UnresolvableGrantByEmailAddress)),
                }
            }
        };
        resolved.push(Grant { grantee, permission: *permission });
    }
    Acl::new(resolved).ok_or_else(|| ErrorCode::MalformedAcl.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    fn read(headers: &[(&'static str, &str)]) -> Result<AclRequest, S3Error> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        AclRequest::from_headers(&map)
    }

    fn code(result: Result<AclRequest, S3Error>) -> ErrorCode {
        result.unwrap_err().code
    }

    fn user(id: &str) -> GranteeRef {
        GranteeRef::Named(Grantee::User(id.into()))
    }

    #[test]
    fn a_name_or_grants_are_read_and_nothing_is_none() {
        assert_eq!(read(&[]), Ok(AclRequest::None));
        assert_eq!(read(&[("x-amz-acl", "public-read")]), Ok(AclRequest::Canned(CannedAcl::PublicRead)));
        let all = "http://acs.amazonaws.com/groups/global/AllUsers";
        assert_eq!(
            read(&[
                ("x-amz-grant-full-control", "id=12"),
                ("x-amz-grant-read", &format!("uri=\"{all}\", ID=\"34\" , emailAddress=\"ann@example.org\"")),
                ("x-amz-grant-read", "id=56"),
            ]),
            Ok(AclRequest::Grants(vec![
                (GranteeRef::Named(Grantee::AllUsers), Permission::Read),
                (user("34"), Permission::Read),
                (GranteeRef::Email("ann@example.org".into()), Permission::Read),
                (user("56"), Permission::Read),
                (user("12"), Permission::FullControl),
            ]))
        );
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let both = [("x-amz-acl", "private"), ("x-amz-grant-read", "id=1")];
        assert_eq!(code(read(&both)), ErrorCode::InvalidRequest);
        for value in ["public-ready", "", "Private"] {
            assert_eq!(code(read(&[("x-amz-acl", value)])), ErrorCode::InvalidArgument, "{value}");
        }
        for value in ["ann", "name=ann", "id=\"1", "id=", "uri=http://example.org/group", "id=a\"b"] {
            assert_eq!(code(read(&[("x-amz-grant-write", value)])), ErrorCode::InvalidArgument, "{value}");
        }
        let many = "id=1,".repeat(MAX_GRANTS + 1);
        assert_eq!(code(read(&[("x-amz-grant-write", &many)])), ErrorCode::InvalidArgument);
    }

    #[test]
    fn users_that_do_not_exist_cannot_be_granted_anything() {
        let find = |reference: &GranteeRef| match reference {
            GranteeRef::Email(email) if email == "ann@example.org" => vec!["1".to_owned()],
            GranteeRef::Email(email) if email == "both@example.org" => vec!["1".to_owned(), "2".to_owned()],
            GranteeRef::Named(Grantee::User(id)) if id == "1" => vec!["1".to_owned()],
            _ => Vec::new(),
        };
        let ann = [(GranteeRef::Email("ann@example.org".into()), Permission::FullControl)];
        assert_eq!(resolve(&ann, find), Ok(Acl::private("1")));
        let nobody = resolve(&[(user("_foo"), Permission::Read)], find).unwrap_err();
        assert_eq!(nobody.code, ErrorCode::InvalidArgument);
        let nowhere = resolve(&[(GranteeRef::Email("x@y".into()), Permission::Read)], find).unwrap_err();
        assert_eq!(nowhere.code, ErrorCode::UnresolvableGrantByEmailAddress);
        let both = [(GranteeRef::Email("both@example.org".into()), Permission::Read)];
        assert_eq!(resolve(&both, find).unwrap_err().code, ErrorCode::AmbiguousGrantByEmailAddress);
    }

    proptest! {
        #[test]
        fn arbitrary_headers_never_panic(value in "[ -~]{0,60}") {
            let _read = read(&[("x-amz-grant-read", value.trim())]);
            let _read = read(&[("x-amz-acl", value.trim())]);
        }
    }
}
