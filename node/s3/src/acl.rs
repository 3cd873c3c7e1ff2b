//! Access control lists: as the wire has them, and as the records keep them.

use std::collections::HashMap;

use mucura_metadata as kept;
use mucura_s3_wire::acl::{
    Acl, AclRequest, CannedAcl, Grant, GrantRequest, Grantee, GranteeRef, Permission, resolve,
};
use mucura_types::UserId;

use crate::call::Call;
use crate::errors::Failure;

/// The list of a bucket or object that belongs to `owner`.
pub(crate) fn shown(acl: Option<&kept::Acl>, owner: UserId) -> Acl {
    let Some(acl) = acl else { return Acl::private(&owner.to_string()) };
    let grants = acl.grants.iter().map(|grant| Grant {
        grantee: match grant.grantee {
            kept::Grantee::User(user) => Grantee::User(user.to_string()),
            kept::Grantee::AllUsers => Grantee::AllUsers,
            kept::Grantee::AuthenticatedUsers => Grantee::AuthenticatedUsers,
            kept::Grantee::LogDelivery => Grantee::LogDelivery,
        },
        permission: match grant.permission {
            kept::Permission::FullControl => Permission::FullControl,
            kept::Permission::Read => Permission::Read,
            kept::Permission::Write => Permission::Write,
            kept::Permission::ReadAcp => Permission::ReadAcp,
            kept::Permission::WriteAcp => Permission::WriteAcp,
        },
    });
    // A record never has more grants than a list may.
    Acl::new(grants.collect()).unwrap_or_default()
}

/// The same as records keep it: the list that everything has by itself is none.
pub(crate) fn to_keep(acl: &Acl, owner: UserId) -> Option<kept::Acl> {
    if *acl == Acl::private(&owner.to_string()) {
        return None;
    }
    let grants = acl.grants().iter().filter_map(|grant| {
        let grantee = match &grant.grantee {
            // Whoever a list names was looked up.
            Grantee::User(id) => kept::Grantee::User(id.parse().ok()?),
            Grantee::AllUsers => kept::Grantee::AllUsers,
            Grantee::AuthenticatedUsers => kept::Grantee::AuthenticatedUsers,
            Grantee::LogDelivery => kept::Grantee::LogDelivery,
        };
        let permission = match grant.permission {
            Permission::FullControl => kept::Permission::FullControl,
            Permission::Read => kept::Permission::Read,
            Permission::Write => kept::Permission::Write,
            Permission::ReadAcp => kept::Permission::ReadAcp,
            Permission::WriteAcp => kept::Permission::WriteAcp,
        };
        Some(kept::Grant { grantee, permission })
    });
    Some(kept::Acl { grants: grants.collect() })
}

/// The list that a request asks for; none if it asks for none. `bucket_owner`
/// is that of the bucket that an object of `owner` lies in.
pub(crate) async fn asked(
    call: &Call<'_>,
    request: &AclRequest,
    owner: UserId,
    bucket_owner: UserId,
) -> Result<Option<Acl>, Failure> {
    Ok(match request {
        AclRequest::None => None,
        AclRequest::Canned(canned) => Some(canned.of_object(&owner.to_string(), &bucket_owner.to_string())),
        AclRequest::Grants(grants) => Some(granted(call, grants).await?),
    })
}

/// Whether the list gives an object to the owner of its bucket.
pub(crate) fn gives_to_bucket_owner(request: &AclRequest) -> bool {
    *request == AclRequest::Canned(CannedAcl::BucketOwnerFullControl)
}

/// The list of these grants, with those whom they name looked up.
pub(crate) async fn granted(call: &Call<'_>, grants: &[GrantRequest]) -> Result<Acl, Failure> {
    let names_users = |(grantee, _): &GrantRequest| {
        matches!(grantee, GranteeRef::Email(_) | GranteeRef::Named(Grantee::User(_)))
    };
    let mut by_name = HashMap::new();
    if grants.iter().any(names_users) {
        let root = mucura_store::ROOT_USER.to_string();
        by_name.insert(root.clone(), root);
        for (id, user) in call.fresh.users().await? {
            by_name.insert(user.email.to_lowercase(), id.to_string());
            by_name.insert(id.to_string(), id.to_string());
        }
    }
    let find = |grantee: &GranteeRef| match grantee {
        GranteeRef::Email(email) => by_name.get(&email.to_lowercase()).cloned(),
        GranteeRef::Named(Grantee::User(id)) => by_name.get(id).cloned(),
        GranteeRef::Named(_) => None,
    };
    Ok(resolve(grants, find)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_survive_being_kept_and_the_default_takes_no_room() {
        let (owner, other) = (UserId(7), UserId(8));
        assert_eq!(to_keep(&Acl::private(&owner.to_string()), owner), None);
        assert_eq!(shown(None, owner), Acl::private(&owner.to_string()));
        for canned in CannedAcl::ALL {
            let acl = canned.of_object(&owner.to_string(), &other.to_string());
            assert_eq!(shown(to_keep(&acl, owner).as_ref(), owner), acl, "{canned:?}");
        }
        let nobody = Acl::default();
        assert_eq!(shown(to_keep(&nobody, owner).as_ref(), owner), nobody);
    }
}
