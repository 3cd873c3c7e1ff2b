use super::*;
use crate::acl::{Grant, resolve};
use proptest::prelude::*;

fn owner() -> Owner {
    Owner { id: "1".into(), display_name: "ann".into() }
}

fn with_grants(grants: &str) -> String {
    format!(
        "<AccessControlPolicy xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <Owner><ID>1</ID><DisplayName>ann</DisplayName></Owner>\
         <AccessControlList>{grants}</AccessControlList></AccessControlPolicy>"
    )
}

fn grant(grantee: &str, permission: &str) -> String {
    format!("<Grant><Grantee>{grantee}</Grantee><Permission>{permission}</Permission></Grant>")
}

#[test]
fn written_lists_look_as_those_of_aws() {
    let acl = Acl::new(vec![
        Grant { grantee: Grantee::AllUsers, permission: Permission::Read },
        Grant { grantee: Grantee::User("1".into()), permission: Permission::FullControl },
    ])
    .unwrap();
    assert_eq!(
        access_control_policy(&owner(), &acl, |_| Some("ann".into())),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <AccessControlPolicy xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <Owner><ID>1</ID><DisplayName>ann</DisplayName></Owner><AccessControlList>\
         <Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"Group\">\
         <URI>http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee>\
         <Permission>READ</Permission></Grant>\
         <Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xsi:type=\"CanonicalUser\"><ID>1</ID><DisplayName>ann</DisplayName></Grantee>\
         <Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>"
    );
}

#[test]
fn each_kind_of_grantee_is_known_by_what_names_it() {
    let body = with_grants(
        &[
            grant("<ID>2</ID><DisplayName>bob</DisplayName>", "WRITE"),
            grant("<URI>http://acs.amazonaws.com/groups/s3/LogDelivery</URI>", "READ_ACP"),
            grant("<EmailAddress>eve@example.org</EmailAddress>", "FULL_CONTROL"),
        ]
        .concat(),
    );
    let document = parse_acl(body.as_bytes()).unwrap();
    assert_eq!(document.owner, "1");
    assert_eq!(
        document.grants,
        [
            (GranteeRef::Named(Grantee::User("2".into())), Permission::Write),
            (GranteeRef::Named(Grantee::LogDelivery), Permission::ReadAcp),
            (GranteeRef::Email("eve@example.org".into()), Permission::FullControl),
        ]
    );
    assert_eq!(parse_acl(with_grants("").as_bytes()).unwrap().grants, []);
}

#[test]
fn what_is_no_list_is_refused() {
    let id = "<ID>2</ID>";
    for body in [
        "",
        "<AccessControlPolicy/>",
        "<AccessControlPolicy><AccessControlList/></AccessControlPolicy>",
        "<AccessControlPolicy><Owner><ID></ID></Owner><AccessControlList/></AccessControlPolicy>",
        &with_grants(&grant(id, "EVERYTHING")),
        &with_grants(&grant("", "READ")),
        &with_grants(&grant("<ID>2</ID><ID>3</ID>", "READ")),
        &with_grants(&grant("<ID>2</ID><URI>x</URI>", "READ")).replace("<URI>x", "<Who>x"),
        &with_grants("<Grant/>"),
        &with_grants("<Other/>"),
        &with_grants(&grant(id, "READ").repeat(MAX_GRANTS + 1)),
    ] {
        assert_eq!(parse_acl(body.as_bytes()).unwrap_err().code, ErrorCode::MalformedAcl, "{body}");
    }
    let group = with_grants(&grant("<URI>http://example.org</URI>", "READ"));
    assert_eq!(parse_acl(group.as_bytes()).unwrap_err().code, ErrorCode::InvalidArgument);
}

fn any_acl() -> impl Strategy<Value = Acl> {
    let grantee = prop_oneof![
        Just(Grantee::AllUsers),
        Just(Grantee::AuthenticatedUsers),
        Just(Grantee::LogDelivery),
        "[0-9a-f<&]{1,16}".prop_map(Grantee::User),
    ];
    let grant = (grantee, prop::sample::select(Permission::ALL.to_vec()))
        .prop_map(|(grantee, permission)| Grant { grantee, permission });
    prop::collection::vec(grant, 0..MAX_GRANTS).prop_map(|grants| Acl::new(grants).unwrap())
}

proptest! {
    #[test]
    fn what_is_written_reads_back(acl in any_acl()) {
        let xml = access_control_policy(&owner(), &acl, |id| Some(id.to_owned()));
        let document = parse_acl(xml.as_bytes()).unwrap();
        let resolved = resolve(&document.grants, |reference| match reference {
            GranteeRef::Named(Grantee::User(id)) => vec![id.clone()],
            _ => Vec::new(),
        });
        prop_assert_eq!(resolved, Ok(acl));
        prop_assert_eq!(document.owner, "1");
    }

    #[test]
    fn arbitrary_bodies_never_panic(body in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,100}") {
        let _parsed = parse_acl(&body);
        let _parsed = parse_acl(with_grants(&text).as_bytes());
    }
}
