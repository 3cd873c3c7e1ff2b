//! The XML of an access control list.

use crate::acl::request::{by_email, by_id, by_uri};
use crate::acl::{Acl, GrantRequest, Grantee, GranteeRef, MAX_GRANTS, Permission};
use crate::error::{ErrorCode, S3Error};
use crate::xml::reader::{Element, parse};
use crate::xml::{Owner, XmlWriter};

/// The longest body of a `PutBucketAcl` or `PutObjectAcl`.
pub const MAX_ACL_LEN: usize = 64 << 10;

/// The body of a `PutBucketAcl` or `PutObjectAcl`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclDocument {
    /// The canonical id of the owner it names; the request is refused with `AccessDenied` if that
    /// is not who owns the bucket or object, since owners do not change in this way.
    pub owner: String,
    /// The grants, whose users the caller looks up with [`crate::acl::resolve`].
    pub grants: Vec<GrantRequest>,
}

/// Reads an `AccessControlPolicy`.
///
/// `MalformedACLError` for what is not one or has more than [`MAX_GRANTS`] grants; `InvalidArgument`
/// for a group or id that cannot be.
pub fn parse_acl(body: &[u8]) -> Result<AclDocument, S3Error> {
    let root = parse(body, MAX_ACL_LEN, "AccessControlPolicy").map_err(|error| match error.code {
        ErrorCode::MalformedXml => malformed(),
        _ => error,
    })?;
    let mut owner = None;
    let mut grants = None;
    for child in &root.children {
        match child.name.as_str() {
            "Owner" if owner.is_none() => owner = Some(only(child, "ID")?.to_owned()),
            "AccessControlList" if grants.is_none() => grants = Some(read_grants(child)?),
            _ => return Err(malformed()),
        }
    }
    match (owner, grants) {
        (Some(owner), Some(grants)) if !owner.is_empty() => Ok(AclDocument { owner, grants }),
        _ => Err(malformed()),
    }
}

fn read_grants(list: &Element) -> Result<Vec<GrantRequest>, S3Error> {
    if list.children.len() > MAX_GRANTS {
        return Err(malformed());
    }
    list.children.iter().map(read_grant).collect()
}

fn read_grant(grant: &Element) -> Result<GrantRequest, S3Error> {
    let mut grantee = None;
    let mut permission = None;
    for child in &grant.children {
        match child.name.as_str() {
            "Grantee" if grantee.is_none() => grantee = Some(read_grantee(child)?),
            "Permission" if permission.is_none() => {
                permission = Some(Permission::from_name(leaf(child)?).ok_or_else(malformed)?);
            }
            _ => return Err(malformed()),
        }
    }
    match (grantee, permission) {
        (Some(grantee), Some(permission)) if grant.name == "Grant" => Ok((grantee, permission)),
        _ => Err(malformed()),
    }
}

/// Attributes are not read, so the element that names the grantee says of what type it is.
fn read_grantee(grantee: &Element) -> Result<GranteeRef, S3Error> {
    let mut found = None;
    for child in &grantee.children {
        let reference = match child.name.as_str() {
            "ID" => by_id(leaf(child)?)?,
            "URI" => by_uri(leaf(child)?)?,
            "EmailAddress" => by_email(leaf(child)?)?,
            "DisplayName" => continue,
            _ => return Err(malformed()),
        };
        if found.replace(reference).is_some() {
            return Err(malformed());
        }
    }
    found.ok_or_else(malformed)
}

/// The text of the one child of that name.
fn only<'a>(element: &'a Element, name: &str) -> Result<&'a str, S3Error> {
    let mut named = element.children.iter().filter(|child| child.name == name);
    match (named.next(), named.next()) {
        (Some(child), None) => leaf(child),
        _ => Err(malformed()),
    }
}

fn leaf(element: &Element) -> Result<&str, S3Error> {
    element.leaf().map(str::trim).map_err(|_| malformed())
}

fn malformed() -> S3Error {
    ErrorCode::MalformedAcl.into()
}

/// The answer to `GetBucketAcl` and `GetObjectAcl`. `name_of` gives the display name of a user by
/// canonical id; one that is gone has none.
pub fn access_control_policy(
    owner: &Owner,
    acl: &Acl,
    mut name_of: impl FnMut(&str) -> Option<String>,
) -> String {
    let mut xml = XmlWriter::document();
    xml.open_root("AccessControlPolicy");
    xml.owner("Owner", owner);
    xml.open("AccessControlList");
    for grant in acl.grants() {
        xml.open("Grant");
        match (&grant.grantee, grant.grantee.uri()) {
            (Grantee::User(id), _) => {
                xml.open(&grantee_of("CanonicalUser"));
                xml.text("ID", id);
                xml.optional("DisplayName", name_of(id).as_deref());
            }
            (_, uri) => {
                xml.open(&grantee_of("Group"));
                xml.optional("URI", uri);
            }
        }
        xml.close("Grantee");
        xml.text("Permission", grant.permission.as_str());
        xml.close("Grant");
    }
    xml.close("AccessControlList");
    xml.close("AccessControlPolicy");
    xml.finish()
}

/// The start of a `Grantee`, which is the one element whose type stands in an attribute.
fn grantee_of(kind: &str) -> String {
    format!("Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"{kind}\"")
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
