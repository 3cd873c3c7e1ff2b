//! Access control lists: as the wire has them, and as the records keep them.

use std::collections::{HashMap, HashSet};

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
    let users = if grants.iter().any(names_users) { call.fresh.users().await? } else { Vec::new() };
    let people = People::of(users.into_iter().map(|(id, user)| (id, user.email)));
    Ok(resolve(grants, |grantee| people.called(grantee))?)
}

/// Everyone who may be granted something: ids are one's own, addresses need not be.
struct People {
    ids: HashSet<String>,
    by_email: HashMap<String, Vec<String>>,
}

impl People {
    fn of(users: impl Iterator<Item = (UserId, String)>) -> Self {
        let mut ids = HashSet::from([mucura_store::ROOT_USER.to_string()]);
        let mut by_email: HashMap<String, Vec<String>> = HashMap::new();
        for (id, email) in users {
            by_email.entry(email.to_lowercase()).or_default().push(id.to_string());
            ids.insert(id.to_string());
        }
        Self { ids, by_email }
    }

    /// The ids of those who are called so.
    fn called(&self, grantee: &GranteeRef) -> Vec<String> {
        match grantee {
            GranteeRef::Email(email) => self.by_email.get(&email.to_lowercase()).cloned().unwrap_or_default(),
            GranteeRef::Named(Grantee::User(id)) => self.ids.get(id).cloned().into_iter().collect(),
            GranteeRef::Named(_) => Vec::new(),
        }
    }
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

    #[test]
    fn nobody_is_granted_what_another_of_their_address_was_meant_to_have() {
        let id = |number| UserId(number).to_string();
        let emails = [(1, "ann@example.org"), (2, "Ann@example.org"), (3, "bob@example.org"), (4, &id(3))];
        let people = People::of(emails.map(|(number, email)| (UserId(number), email.to_owned())).into_iter());
        let by_email = |email: &str| people.called(&GranteeRef::Email(email.to_owned()));
        let by_id = |id: String| people.called(&GranteeRef::Named(Grantee::User(id)));
        assert_eq!(by_email("ann@EXAMPLE.org"), [id(1), id(2)]);
        assert_eq!(by_email("bob@example.org"), [id(3)]);
        assert!(by_email(&id(1)).is_empty());
        // Whoever takes another's id for an address.
        assert_eq!(by_id(id(3)), [id(3)]);
        assert!(by_id("bob@example.org".to_owned()).is_empty());
    }
}
