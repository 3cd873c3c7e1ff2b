use super::*;
use crate::acl::{Acl, AclRequest, CannedAcl, Grant, Grantee, GranteeRef, Permission};
use crate::error::ErrorCode;
use crate::policy::Policy;

const OWNER: Requester<'_> = Requester::User { id: "00000000000000aa", name: "ann" };
const OTHER: Requester<'_> = Requester::User { id: "00000000000000bb", name: "bob" };
const OWNER_ID: &str = "00000000000000aa";
const OTHER_ID: &str = "00000000000000bb";

/// A bucket of ann, with an object of whom it says.
#[derive(Clone)]
struct World {
    bucket_acl: Acl,
    object_acl: Acl,
    object_owner: &'static str,
    ownership: ObjectOwnership,
    block: PublicAccessBlock,
    policy: Option<Policy>,
    context: Context,
}

impl World {
    fn new() -> Self {
        Self {
            bucket_acl: Acl::private(OWNER_ID),
            object_acl: Acl::private(OWNER_ID),
            object_owner: OWNER_ID,
            ownership: ObjectOwnership::ObjectWriter,
            block: PublicAccessBlock::default(),
            policy: None,
            context: Context::default(),
        }
    }

    fn with_policy(effect: &str, action: &str, more: &str) -> Self {
        let text = format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Sid": "S", "Effect": "{effect}",
                "Principal": "*", "Action": "{action}",
                "Resource": ["arn:aws:s3:::photos", "arn:aws:s3:::photos/*"]{more}}}]}}"#
        );
        Self { policy: Some(Policy::parse(&text, "photos").unwrap()), ..Self::new() }
    }

    fn question<'a>(&'a self, requester: Requester<'a>, action: Action) -> Question<'a> {
        let key = (action.level() == crate::policy::Level::Object).then_some("a/b");
        Question {
            requester,
            action,
            resource: Resource { bucket: "photos", key },
            bucket: BucketFacts {
                owner: OWNER_ID,
                acl: &self.bucket_acl,
                ownership: self.ownership,
                block: self.block,
                policy: self.policy.as_ref(),
            },
            object: key.map(|_| ObjectFacts { owner: self.object_owner, acl: &self.object_acl }),
            upload_initiator: None,
            context: &self.context,
        }
    }

    fn allows(&self, requester: Requester<'_>, action: Action) -> bool {
        decide(&self.question(requester, action)).allowed
    }

    fn reason(&self, requester: Requester<'_>, action: Action) -> String {
        decide(&self.question(requester, action)).reason.to_string()
    }
}

#[test]
fn a_private_bucket_is_its_owners_and_the_operators() {
    let world = World::new();
    for action in Action::ALL {
        assert!(world.allows(OWNER, *action), "{action}");
        assert!(world.allows(Requester::Operator, *action), "{action}");
        for requester in [OTHER, Requester::Anonymous, Requester::Service("logging.s3.amazonaws.com")] {
            assert!(!world.allows(requester, *action), "{action}");
        }
    }
}

#[test]
fn lists_grant_what_the_table_of_the_user_guide_says_and_no_more() {
    for (of, permission, expected) in [
        (
            AclOf::Bucket,
            Permission::Read,
            vec![Action::ListBucket, Action::ListBucketVersions, Action::ListBucketMultipartUploads],
        ),
        (AclOf::Bucket, Permission::Write, vec![Action::PutObject, Action::DeleteObject]),
        (AclOf::Bucket, Permission::ReadAcp, vec![Action::GetBucketAcl]),
        (AclOf::Bucket, Permission::WriteAcp, vec![Action::PutBucketAcl]),
        (AclOf::Object, Permission::Read, vec![Action::GetObject, Action::GetObjectVersion]),
        (AclOf::Object, Permission::Write, vec![]),
        (AclOf::Object, Permission::ReadAcp, vec![Action::GetObjectAcl, Action::GetObjectVersionAcl]),
        (AclOf::Object, Permission::WriteAcp, vec![Action::PutObjectAcl, Action::PutObjectVersionAcl]),
    ] {
        for grantee in [Grantee::User(OTHER_ID.into()), Grantee::AuthenticatedUsers, Grantee::AllUsers] {
            let acl = Acl::new(vec![Grant { grantee: grantee.clone(), permission }]).unwrap();
            let mut world = World::new();
            match of {
                AclOf::Bucket => world.bucket_acl = acl,
                AclOf::Object => world.object_acl = acl,
            }
            for action in Action::ALL {
                let wanted = expected.contains(action);
                assert_eq!(world.allows(OTHER, *action), wanted, "{of} {permission} {action}");
                let anonymous = wanted && grantee == Grantee::AllUsers;
                assert_eq!(world.allows(Requester::Anonymous, *action), anonymous, "{grantee} {action}");
            }
            world.ownership = ObjectOwnership::BucketOwnerEnforced;
            assert!(!Action::ALL.iter().any(|action| world.allows(OTHER, *action)));
        }
    }
}

#[test]
fn an_object_of_another_is_theirs_to_read_and_the_buckets_owners_to_delete() {
    let mut world = World::with_policy("Allow", "s3:*", "");
    world.object_owner = OTHER_ID;
    world.object_acl = Acl::private(OTHER_ID);
    for action in [Action::GetObject, Action::GetObjectAcl, Action::PutObjectAcl, Action::GetObjectAttributes]
    {
        assert!(world.allows(OTHER, action));
        assert!(!world.allows(OWNER, action));
        // The policy of the bucket cannot open it either.
        assert!(!world.allows(Requester::Anonymous, action));
    }
    for action in
        [Action::DeleteObject, Action::DeleteObjectVersion, Action::PutObject, Action::GetObjectTagging]
    {
        assert!(world.allows(OWNER, action));
    }
    world.policy = None;
    assert!(!world.allows(OTHER, Action::DeleteObject));
    world.ownership = ObjectOwnership::BucketOwnerEnforced;
    assert!(world.allows(OWNER, Action::GetObject));
    assert!(!world.allows(OTHER, Action::GetObject));
}

#[test]
fn who_started_an_upload_may_list_and_abort_it() {
    let world = World::new();
    for (action, expected) in [
        (Action::AbortMultipartUpload, true),
        (Action::ListMultipartUploadParts, true),
        (Action::PutObject, false),
    ] {
        let question =
            Question { upload_initiator: Some(OTHER_ID), object: None, ..world.question(OTHER, action) };
        assert_eq!(decide(&question).allowed, expected, "{action}");
    }
}

#[test]
fn the_owner_is_bound_by_the_policy_but_keeps_it() {
    let world = World::with_policy("Deny", "s3:*", "");
    for action in Action::ALL {
        let keeps =
            matches!(action, Action::GetBucketPolicy | Action::PutBucketPolicy | Action::DeleteBucketPolicy);
        assert_eq!(world.allows(OWNER, *action), keeps, "{action}");
        assert!(!world.allows(OTHER, *action));
        assert!(world.allows(Requester::Operator, *action));
    }
}

#[test]
fn the_blocks_close_what_they_say() {
    let mut world = World::with_policy("Allow", "s3:GetObject", "");
    world.bucket_acl = CannedAcl::PublicRead.of_bucket(OWNER_ID);
    let all = Requester::Anonymous;
    assert!(world.allows(all, Action::GetObject) && world.allows(all, Action::ListBucket));
    world.block.ignore_public_acls = true;
    assert!(world.allows(all, Action::GetObject) && !world.allows(all, Action::ListBucket));
    world.block.restrict_public_buckets = true;
    assert!(!world.allows(all, Action::GetObject) && !world.allows(OTHER, Action::GetObject));
    assert!(world.allows(OWNER, Action::GetObject));
    assert!(world.allows(Requester::Service("events.amazonaws.com"), Action::GetObject));
}

#[test]
fn who_may_not_list_does_not_learn_what_is_missing() {
    let prefix = |text: &str| format!(r#", "Condition": {{"StringLike": {{"s3:prefix": "{text}"}}}}"#);
    let missing = |world: &World, requester| {
        decide_missing(&Question { object: None, ..world.question(requester, Action::GetObject) }).allowed
    };
    assert!(missing(&World::new(), OWNER));
    assert!(!missing(&World::new(), OTHER));
    assert!(!missing(&World::with_policy("Allow", "s3:GetObject", ""), OTHER));
    assert!(missing(&World::with_policy("Allow", "s3:ListBucket", ""), OTHER));
    assert!(missing(&World::with_policy("Allow", "s3:ListBucket", &prefix("a/*")), OTHER));
    assert!(!missing(&World::with_policy("Allow", "s3:ListBucket", &prefix("b/*")), OTHER));
    assert!(!missing(&World::with_policy("Deny", "s3:GetObject", ""), OWNER));
}

#[test]
fn reasons_are_lines_that_an_operator_understands() {
    let mut world = World::new();
    assert_eq!(world.reason(OWNER, Action::PutObject), "the caller owns the bucket");
    assert_eq!(world.reason(OWNER, Action::GetObject), "the caller owns the object");
    assert_eq!(world.reason(OTHER, Action::GetObject), "no policy, ACL or ownership allows it");
    world.object_acl = CannedAcl::PublicRead.of_object(OWNER_ID, OWNER_ID);
    assert_eq!(world.reason(OTHER, Action::GetObject), "the object's ACL grants READ to all users");
    world.block.ignore_public_acls = true;
    let ignored = "ACL grants to everyone are ignored (IgnorePublicAcls)";
    assert_eq!(world.reason(OTHER, Action::GetObject), ignored);
    let world = World::with_policy("Deny", "s3:PutObject", "");
    let denied = "denied by statement \"S\" of the bucket policy, which speaks of everyone";
    assert_eq!(world.reason(OWNER, Action::PutObject), denied);
}

#[test]
fn lists_that_count_for_nothing_are_refused() {
    let enforced = ObjectOwnership::BucketOwnerEnforced;
    let own = Acl::private(OWNER_ID);
    let grants = |id: &str, permission| {
        AclRequest::Grants(vec![(GranteeRef::Named(Grantee::User(id.into())), permission)])
    };
    for (request, accepted) in [
        (AclRequest::Canned(CannedAcl::BucketOwnerFullControl), true),
        (AclRequest::Canned(CannedAcl::Private), false),
        (AclRequest::Canned(CannedAcl::PublicRead), false),
        (grants(OWNER_ID, Permission::FullControl), true),
        (grants(OWNER_ID, Permission::Read), false),
        (grants(OTHER_ID, Permission::FullControl), false),
    ] {
        let checked = check_acl_supported(enforced, &request, &own, OWNER_ID);
        let code = checked.map_err(|error| error.code);
        let expected = if accepted { Ok(()) } else { Err(ErrorCode::AccessControlListNotSupported) };
        assert_eq!(code, expected, "{request:?}");
        assert!(check_acl_supported(ObjectOwnership::ObjectWriter, &request, &own, OWNER_ID).is_ok());
    }
    // One that came in the body.
    for (list, accepted) in [
        (own.clone(), true),
        (Acl::default(), false),
        (Acl::private(OTHER_ID), false),
        (CannedAcl::PublicRead.of_bucket(OWNER_ID), false),
    ] {
        let checked = check_acl_supported(enforced, &AclRequest::None, &list, OWNER_ID);
        let code = checked.map_err(|error| error.code);
        let expected = if accepted { Ok(()) } else { Err(ErrorCode::AccessControlListNotSupported) };
        assert_eq!(code, expected, "{list:?}");
        let lists_count = ObjectOwnership::BucketOwnerPreferred;
        assert!(check_acl_supported(lists_count, &AclRequest::None, &list, OWNER_ID).is_ok());
    }
    let public = CannedAcl::PublicRead.of_bucket(OWNER_ID);
    let fits = |acl: &Acl| check_bucket_acl_fits(enforced, acl, OWNER_ID).map_err(|error| error.code);
    assert_eq!(fits(&public), Err(ErrorCode::InvalidBucketAclWithObjectOwnership));
    assert_eq!(fits(&Acl::private(OWNER_ID)), Ok(()));
}

#[test]
fn what_is_public_is_kept_out_only_where_it_is_blocked() {
    let public_policy = World::with_policy("Allow", "s3:GetObject", "").policy.unwrap();
    let block =
        PublicAccessBlock { block_public_acls: true, block_public_policy: true, ..Default::default() };
    for canned in CannedAcl::ALL {
        let acl = canned.of_bucket(OWNER_ID);
        let public = matches!(
            canned,
            CannedAcl::PublicRead | CannedAcl::PublicReadWrite | CannedAcl::AuthenticatedRead
        );
        assert_eq!(check_public_acl(block, &acl).is_err(), public, "{}", canned.as_str());
        assert!(check_public_acl(PublicAccessBlock::default(), &acl).is_ok());
        assert_eq!(bucket_is_public(&acl, None), public);
        assert!(bucket_is_public(&acl, Some(&public_policy)));
    }
    assert!(check_public_policy(block, &public_policy).is_err());
    assert!(check_public_policy(PublicAccessBlock::default(), &public_policy).is_ok());
}
