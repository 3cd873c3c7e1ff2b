//! Grants, lists of them, and whom they let do what.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::policy::Requester;

/// The most grants of one list.
pub const MAX_GRANTS: usize = 100;

/// The service that writes access logs, which alone is the log delivery group.
const LOG_DELIVERY_SERVICE: &str = "logging.s3.amazonaws.com";

/// What a grant permits. What each means depends on whether it is a bucket's or an object's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Permission {
    /// `READ`: list a bucket, read an object.
    Read,
    /// `WRITE`: create, overwrite and delete objects of a bucket; means nothing on an object.
    Write,
    /// `READ_ACP`: read the list itself.
    ReadAcp,
    /// `WRITE_ACP`: replace the list itself.
    WriteAcp,
    /// `FULL_CONTROL`: all of the others.
    FullControl,
}

impl Permission {
    /// Every permission, in the order in which headers are read.
    pub const ALL: [Self; 5] = [Self::Read, Self::Write, Self::ReadAcp, Self::WriteAcp, Self::FullControl];

    /// The name in XML.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "READ",
            Self::Write => "WRITE",
            Self::ReadAcp => "READ_ACP",
            Self::WriteAcp => "WRITE_ACP",
            Self::FullControl => "FULL_CONTROL",
        }
    }

    /// The permission of that name in XML.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.as_str() == name)
    }

    /// Whether whoever has this has `wanted` too.
    pub fn includes(self, wanted: Self) -> bool {
        self == wanted || self == Self::FullControl
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// To whom something is granted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Grantee {
    /// Everyone, even who does not sign.
    AllUsers,
    /// Everyone who signs with a valid key.
    AuthenticatedUsers,
    /// The service that writes access logs.
    LogDelivery,
    /// The user of this canonical id.
    User(String),
}

impl Grantee {
    const GROUPS: [(Self, &'static str); 3] = [
        (Self::AllUsers, "http://acs.amazonaws.com/groups/global/AllUsers"),
        (Self::AuthenticatedUsers, "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"),
        (Self::LogDelivery, "http://acs.amazonaws.com/groups/s3/LogDelivery"),
    ];

    /// The URI of a group; `None` for a user.
    pub fn uri(&self) -> Option<&'static str> {
        Self::GROUPS.iter().find(|(group, _)| group == self).map(|(_, uri)| *uri)
    }

    /// The group of that URI.
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::GROUPS.iter().find(|(_, known)| *known == uri).map(|(group, _)| group.clone())
    }

    /// Whether it stands for the world or nearly so.
    pub fn is_public(&self) -> bool {
        matches!(self, Self::AllUsers | Self::AuthenticatedUsers)
    }

    /// Whether the requester is meant.
    pub fn covers(&self, requester: Requester<'_>) -> bool {
        match (self, requester) {
            (Self::AllUsers, _) => true,
            (Self::AuthenticatedUsers, Requester::User { .. }) => true,
            (Self::LogDelivery, Requester::Service(name)) => name == LOG_DELIVERY_SERVICE,
            (Self::User(granted), Requester::User { id, .. }) => granted == id,
            _ => false,
        }
    }
}

impl fmt::Display for Grantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllUsers => f.write_str("all users"),
            Self::AuthenticatedUsers => f.write_str("all users who sign"),
            Self::LogDelivery => f.write_str("log delivery"),
            Self::User(id) => write!(f, "user {id}"),
        }
    }
}

/// One line of a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Grant {
    /// To whom.
    pub grantee: Grantee,
    /// What.
    pub permission: Permission,
}

/// The list of a bucket or object: at most [`MAX_GRANTS`] grants, those to groups first. The order
/// means nothing, but clients have come to expect it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Acl {
    grants: Vec<Grant>,
}

impl Acl {
    /// The list of these grants; `None` if they are more than [`MAX_GRANTS`].
    pub fn new(mut grants: Vec<Grant>) -> Option<Self> {
        if grants.len() > MAX_GRANTS {
            return None;
        }
        grants.sort_by_key(|grant| matches!(grant.grantee, Grantee::User(_)));
        Some(Self { grants })
    }

    /// The default: the owner may do everything, nobody else anything.
    pub fn private(owner: &str) -> Self {
        let grantee = Grantee::User(owner.to_owned());
        Self { grants: vec![Grant { grantee, permission: Permission::FullControl }] }
    }

    /// What it grants.
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// The grant by which the requester has the permission. One that is for fewer people is named
    /// rather than one that is for all.
    pub fn grant_for(&self, requester: Requester<'_>, wanted: Permission) -> Option<&Grant> {
        self.grants
            .iter()
            .filter(|grant| grant.permission.includes(wanted) && grant.grantee.covers(requester))
            .max_by(|a, b| a.grantee.cmp(&b.grantee))
    }

    /// Whether it grants anything to all users, or to all who sign: what AWS calls public.
    pub fn is_public(&self) -> bool {
        self.grants.iter().any(|grant| grant.grantee.is_public())
    }

    /// Whether nobody but this user is granted anything.
    pub fn is_private_to(&self, owner: &str) -> bool {
        self.grants.iter().all(|grant| matches!(&grant.grantee, Grantee::User(id) if id == owner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: Requester<'_> = Requester::User { id: "1", name: "ann" };
    const BOB: Requester<'_> = Requester::User { id: "2", name: "bob" };

    fn acl(grants: &[(Grantee, Permission)]) -> Acl {
        let grant = |(grantee, permission): &(Grantee, Permission)| Grant {
            grantee: grantee.clone(),
            permission: *permission,
        };
        Acl::new(grants.iter().map(grant).collect()).unwrap()
    }

    #[test]
    fn full_control_is_every_permission_and_no_other_is_more_than_itself() {
        for wanted in Permission::ALL {
            assert!(Permission::FullControl.includes(wanted));
            for given in Permission::ALL {
                assert_eq!(given.includes(wanted), given == wanted || given == Permission::FullControl);
            }
        }
    }

    #[test]
    fn grants_reach_those_they_name_and_no_one_else() {
        let acl = acl(&[
            (Grantee::User("1".into()), Permission::FullControl),
            (Grantee::AuthenticatedUsers, Permission::Read),
            (Grantee::LogDelivery, Permission::Write),
        ]);
        assert!(acl.grant_for(ANN, Permission::WriteAcp).is_some());
        assert!(acl.grant_for(BOB, Permission::Read).is_some());
        assert!(acl.grant_for(BOB, Permission::Write).is_none());
        assert!(acl.grant_for(Requester::Anonymous, Permission::Read).is_none());
        assert!(acl.grant_for(Requester::Service(LOG_DELIVERY_SERVICE), Permission::Write).is_some());
        assert!(acl.grant_for(Requester::Service("events.amazonaws.com"), Permission::Write).is_none());
        assert!(acl.is_public());
        assert!(!Acl::private("1").is_public());
        assert!(Acl::private("1").is_private_to("1") && !acl.is_private_to("1"));
    }

    #[test]
    fn groups_stand_first_and_lists_are_bounded() {
        let acl = acl(&[
            (Grantee::User("1".into()), Permission::FullControl),
            (Grantee::AllUsers, Permission::Read),
        ]);
        assert_eq!(acl.grants()[0].grantee, Grantee::AllUsers);
        let grant = Grant { grantee: Grantee::AllUsers, permission: Permission::Read };
        assert!(Acl::new(vec![grant.clone(); MAX_GRANTS]).is_some());
        assert!(Acl::new(vec![grant; MAX_GRANTS + 1]).is_none());
    }
}
