//! `decide` against a model that works out, for each ground there is, the set of all whom it lets
//! in, and joins these sets.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::acl::{Acl, Grant, Grantee, Permission};
use crate::policy::{Level, Policy};

/// Names are ids here; the last one is nobody.
const PEOPLE: [&str; 4] = ["ann", "bob", "eve", ""];
const OWNER: &str = "ann";
const KEY: &str = "dir/key";
const RESOURCES: [&str; 4] = ["photos", "photos/*", "photos/dir/*", "photos/other"];
const ACTIONS: [Action; 11] = [
    Action::GetObject,
    Action::PutObject,
    Action::DeleteObjectVersion,
    Action::GetObjectAcl,
    Action::PutObjectAcl,
    Action::GetObjectTagging,
    Action::ListBucket,
    Action::GetBucketAcl,
    Action::GetBucketPolicy,
    Action::PutBucketPolicy,
    Action::PutBucketVersioning,
];

#[derive(Clone, Debug)]
struct Line {
    denies: bool,
    /// Empty stands for everyone.
    names: Vec<&'static str>,
    actions: Vec<Action>,
    resources: Vec<&'static str>,
}

impl Line {
    fn json(&self) -> String {
        let list = |texts: Vec<String>| format!("[\"{}\"]", texts.join("\",\""));
        let principal = match self.names.as_slice() {
            [] => "\"*\"".to_owned(),
            names => format!("{{\"AWS\": {}}}", list(names.iter().map(|name| (*name).to_owned()).collect())),
        };
        format!(
            r#"{{"Effect": "{}", "Principal": {principal}, "Action": {}, "Resource": {}}}"#,
            if self.denies { "Deny" } else { "Allow" },
            list(self.actions.iter().map(Action::to_string).collect()),
            list(self.resources.iter().map(|resource| format!("arn:aws:s3:::{resource}")).collect()),
        )
    }

    /// Whom it is about, if it is about this action.
    fn people(&self, action: Action) -> BTreeSet<&'static str> {
        let meant: &[&str] = match action.level() {
            Level::Object => &["photos/*", "photos/dir/*"],
            _ => &["photos"],
        };
        let about = self.actions.contains(&action) && self.resources.iter().any(|one| meant.contains(one));
        match (about, self.names.is_empty()) {
            (false, _) => BTreeSet::new(),
            (true, true) => PEOPLE.into(),
            (true, false) => self.names.iter().copied().collect(),
        }
    }
}

#[derive(Clone, Debug)]
struct World {
    lines: Vec<Line>,
    bucket_acl: Acl,
    object_acl: Acl,
    object_owner: Option<&'static str>,
    ownership: ObjectOwnership,
    block: PublicAccessBlock,
}

impl World {
    fn policy(&self) -> Option<Policy> {
        let lines: Vec<String> = self.lines.iter().map(Line::json).collect();
        let text = format!("{{\"Statement\": [{}]}}", lines.join(","));
        (!lines.is_empty()).then(|| Policy::parse(&text, "photos").unwrap())
    }

    /// Whom `decide` lets do this.
    fn decided(&self, action: Action) -> BTreeSet<&'static str> {
        let policy = self.policy();
        let allowed = |name: &&str| {
            let requester = match *name {
                "" => Requester::Anonymous,
                name => Requester::User { id: name, name },
            };
            decide(&Question {
                requester,
                action,
                resource: Resource {
                    bucket: "photos",
                    key: (action.level() == Level::Object).then_some(KEY),
                },
                bucket: BucketFacts {
                    owner: OWNER,
                    acl: &self.bucket_acl,
                    ownership: self.ownership,
                    block: self.block,
                    policy: policy.as_ref(),
                },
                object: self.object_owner.map(|owner| ObjectFacts { owner, acl: &self.object_acl }),
                upload_initiator: None,
                context: &Context::of(requester),
            })
            .allowed
        };
        PEOPLE.into_iter().filter(allowed).collect()
    }

    /// Whom the model lets do this.
    fn modelled(&self, action: Action) -> BTreeSet<&'static str> {
        let enforced = self.ownership == ObjectOwnership::BucketOwnerEnforced;
        let object_owner = self.object_owner.filter(|_| !enforced).unwrap_or(OWNER);
        let name = action.as_str();
        let of_bucket = action.level() == Level::Bucket;
        let contents = name.ends_with("GetObject") || name.ends_with("ObjectAcl");
        let tags = name.ends_with("Tagging");

        let mut people: BTreeSet<&str> = BTreeSet::new();
        // By ownership.
        if !contents {
            people.insert(OWNER);
        }
        if contents || tags {
            people.insert(object_owner);
        }
        // By policy.
        let speaking = |denies: bool| {
            let lines = self.lines.iter().filter(move |line| line.denies == denies);
            lines.flat_map(move |line| line.people(action)).collect::<BTreeSet<&str>>()
        };
        if !contents || object_owner == OWNER {
            let mut opened = speaking(false);
            if self.block.restrict_public_buckets
                && self.lines.iter().any(|line| !line.denies && line.names.is_empty())
            {
                opened.retain(|name| *name == OWNER);
            }
            people.extend(opened);
        }
        // By list.
        let listed = match (name.trim_start_matches("s3:"), self.object_owner.is_some()) {
            ("ListBucket", _) => Some((&self.bucket_acl, Permission::Read)),
            ("PutObject", _) => Some((&self.bucket_acl, Permission::Write)),
            ("GetBucketAcl", _) => Some((&self.bucket_acl, Permission::ReadAcp)),
            ("GetObject", true) => Some((&self.object_acl, Permission::Read)),
            ("GetObjectAcl", true) => Some((&self.object_acl, Permission::ReadAcp)),
            ("PutObjectAcl", true) => Some((&self.object_acl, Permission::WriteAcp)),
            _ => None,
        };
        for grant in listed.filter(|_| !enforced).map_or(&[][..], |(acl, _)| acl.grants()) {
            let wanted = listed.map(|(_, permission)| permission);
            if grant.permission != Permission::FullControl && Some(grant.permission) != wanted {
                continue;
            }
            match &grant.grantee {
                Grantee::User(id) => people.extend(PEOPLE.into_iter().filter(|name| name == id)),
                _ if self.block.ignore_public_acls => {}
                Grantee::AllUsers => people.extend(PEOPLE),
                Grantee::AuthenticatedUsers => people.extend(["ann", "bob", "eve"]),
                Grantee::LogDelivery => {}
            }
        }
        // Who is forbidden it.
        for name in speaking(true) {
            people.remove(name);
        }
        if of_bucket && name.ends_with("BucketPolicy") {
            people.insert(OWNER);
        }
        people
    }
}

fn any_line() -> impl Strategy<Value = Line> {
    let users = vec!["ann", "bob", "eve"];
    (
        prop::bool::weighted(0.3),
        subsequence(users, 0..=2),
        subsequence(ACTIONS.to_vec(), 1..=5),
        subsequence(RESOURCES.to_vec(), 1..=3),
    )
        .prop_map(|(denies, names, actions, resources)| Line { denies, names, actions, resources })
}

fn any_acl() -> impl Strategy<Value = Acl> {
    let grantee = select(vec![
        Grantee::AllUsers,
        Grantee::AuthenticatedUsers,
        Grantee::LogDelivery,
        Grantee::User("ann".into()),
        Grantee::User("bob".into()),
        Grantee::User("eve".into()),
    ]);
    let grant = (grantee, select(Permission::ALL.to_vec()))
        .prop_map(|(grantee, permission)| Grant { grantee, permission });
    prop::collection::vec(grant, 0..4).prop_map(|grants| Acl::new(grants).unwrap())
}

fn any_block() -> impl Strategy<Value = PublicAccessBlock> {
    prop::array::uniform4(any::<bool>()).prop_map(|[acls, ignore, policy, restrict]| PublicAccessBlock {
        block_public_acls: acls,
        ignore_public_acls: ignore,
        block_public_policy: policy,
        restrict_public_buckets: restrict,
    })
}

fn any_world() -> impl Strategy<Value = World> {
    let ownership = select(vec![
        ObjectOwnership::ObjectWriter,
        ObjectOwnership::BucketOwnerPreferred,
        ObjectOwnership::BucketOwnerEnforced,
    ]);
    let object_owner = select(vec![None, Some("ann"), Some("bob")]);
    let lines = prop::collection::vec(any_line(), 0..4);
    (lines, any_acl(), any_acl(), object_owner, ownership, any_block()).prop_map(
        |(lines, bucket_acl, object_acl, object_owner, ownership, block)| World {
            lines,
            bucket_acl,
            object_acl,
            object_owner,
            ownership,
            block,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn it_lets_in_whom_the_model_lets_in(world in any_world(), action in select(ACTIONS.to_vec())) {
        prop_assert_eq!(world.decided(action), world.modelled(action));
    }

    #[test]
    fn a_statement_that_forbids_lets_nobody_in(
        world in any_world(), line in any_line(), action in select(ACTIONS.to_vec()),
    ) {
        let before = world.decided(action);
        let mut after = world;
        after.lines.push(Line { denies: true, ..line });
        prop_assert!(after.decided(action).is_subset(&before));
    }

    /// Without RestrictPublicBuckets: under it, a statement that makes the policy public shuts out
    /// those whom others let in.
    #[test]
    fn a_statement_that_allows_shuts_nobody_out(
        mut world in any_world(), line in any_line(), action in select(ACTIONS.to_vec()),
    ) {
        world.block.restrict_public_buckets = false;
        let before = world.decided(action);
        world.lines.push(Line { denies: false, ..line });
        prop_assert!(before.is_subset(&world.decided(action)));
    }

    #[test]
    fn nobody_gains_by_a_statement_that_names_others(
        world in any_world(), mut line in any_line(), action in select(ACTIONS.to_vec()),
    ) {
        line.names = vec!["bob"];
        let before = world.decided(action);
        let mut after = world;
        after.lines.push(line);
        let gained: Vec<&str> = after.decided(action).difference(&before).copied().collect();
        prop_assert!(gained.is_empty() || gained == ["bob"], "{:?}", gained);
    }

    #[test]
    fn the_blocks_shut_out_whoever_does_not_sign(
        mut world in any_world(), action in select(ACTIONS.to_vec()),
    ) {
        world.block.ignore_public_acls = true;
        world.block.restrict_public_buckets = true;
        prop_assert!(!world.decided(action).contains(""));
    }
}
