use super::*;
use proptest::prelude::*;

const ANN: Requester<'_> = Requester::User { id: "00000000000000aa", name: "ann" };
const BOB: Requester<'_> = Requester::User { id: "00000000000000bb", name: "bob" };

fn parse(text: &str) -> Policy {
    Policy::parse(text, "photos").unwrap()
}

fn refusal(text: &str) -> String {
    let error = Policy::parse(text, "photos").unwrap_err();
    assert_eq!(error.code.as_str(), "MalformedPolicy", "{text}");
    error.message.into_owned()
}

fn verdict(policy: &Policy, requester: Requester<'_>, action: Action, key: Option<&str>) -> Verdict {
    policy.evaluate(&Asked {
        requester,
        action,
        resource: Resource { bucket: "photos", key },
        context: &Context::of(requester),
    })
}

/// A policy of one statement with these members beside `Effect`.
fn one(effect: &str, members: &str) -> String {
    format!(r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "{effect}", {members}}}}}"#)
}

const READ: &str = r#""Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::photos/*""#;

#[test]
fn one_that_forbids_outweighs_all_that_allow() {
    let policy = parse(
        r#"{"Version": "2012-10-17", "Id": "x", "Statement": [
            {"Sid": "Read", "Effect": "Allow", "Principal": {"AWS": "*"},
             "Action": ["s3:Get*", "s3:listBUCKET"], "Resource": ["arn:aws:s3:::photos", "arn:aws:s3:::photos/*"]},
            {"Sid": "", "Effect": "Deny", "NotPrincipal": {"AWS": "ann"},
             "NotAction": "s3:ListBucket", "NotResource": "arn:aws:s3:::photos/open/*"}]}"#,
    );
    let read = || Verdict::Allow(By { number: 1, sid: Some("Read".into()), whom: Whom::Everyone });
    let closed = || Verdict::Deny(By { number: 2, sid: None, whom: Whom::NotExcepted });
    assert_eq!(verdict(&policy, ANN, Action::GetObject, Some("a")), read());
    assert_eq!(verdict(&policy, BOB, Action::GetObject, Some("a")), closed());
    assert_eq!(verdict(&policy, BOB, Action::GetObject, Some("open/a")), read());
    assert_eq!(verdict(&policy, BOB, Action::ListBucket, None), read());
    assert_eq!(verdict(&policy, Requester::Anonymous, Action::PutObject, Some("a")), closed());
    assert_eq!(verdict(&policy, ANN, Action::PutObject, Some("a")), Verdict::Silent);
    assert_eq!(read_text(&read()), r#"statement "Read" of the bucket policy, which speaks of everyone"#);
    assert_eq!(read_text(&closed()), "statement 2 of the bucket policy, which excepts others");
}

fn read_text(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Allow(by) | Verdict::Deny(by) => by.to_string(),
        Verdict::Silent => String::new(),
    }
}

#[test]
fn an_action_on_objects_needs_a_resource_of_objects() {
    let members = r#""Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::photos""#;
    let policy = parse(&one("Allow", members));
    assert_eq!(verdict(&policy, BOB, Action::PutObject, Some("a")), Verdict::Silent);
    assert!(policy.check_actions_apply().is_err());
    for (action, resource, applies) in [
        ("s3:*", "photos", true),
        ("*", "photos/*", true),
        ("s3:ListBucket", "photos/*", false),
        ("s3:ListBucket", "photos*", true),
        ("s3:GetObject", "photos/a", true),
        ("s3:ListAllMyBuckets", "photos", false),
    ] {
        let members =
            format!(r#""Principal": "*", "Action": ["{action}"], "Resource": "arn:aws:s3:::{resource}""#);
        let policy = parse(&one("Allow", &members));
        assert_eq!(policy.check_actions_apply().is_ok(), applies, "{action} {resource}");
    }
}

#[test]
fn variables_stand_for_the_caller_since_2012_only() {
    let members =
        r#""Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::photos/${aws:username}/*""#;
    let policy = parse(&one("Allow", members));
    assert_ne!(verdict(&policy, ANN, Action::GetObject, Some("ann/x")), Verdict::Silent);
    assert_eq!(verdict(&policy, ANN, Action::GetObject, Some("bob/x")), Verdict::Silent);
    assert_eq!(verdict(&policy, Requester::Anonymous, Action::GetObject, Some("/x")), Verdict::Silent);
    for old in [one("Allow", members).replace("2012", "2008"), one("Allow", members).replace("Version", "Id")]
    {
        assert_eq!(verdict(&parse(&old), ANN, Action::GetObject, Some("ann/x")), Verdict::Silent);
    }
}

#[test]
fn what_is_no_policy_is_refused_in_the_words_of_aws() {
    let json = "Policies must be valid JSON and the first byte must be '{'";
    let without = |field: &str| READ.replace(field, "Sid");
    for (text, message) in [
        (String::new(), json),
        ("[]".into(), json),
        ("{".into(), json),
        ("{\"Statement\": 1, \"Statement\": 2}".into(), json),
        ("{}".into(), "Missing required field Statement"),
        (r#"{"Statement": []}"#.into(), "Statement is empty!"),
        (r#"{"Statement": "x"}"#.into(), "Statement must be an object"),
        (r#"{"Statements": []}"#.into(), "Unknown field Statements"),
        (one("Allow", READ).replace("2012", "2015"), "The policy must contain a valid version string"),
        (one("allow", READ), "Invalid effect: allow"),
        (one("Allow", r#""Sid": "x""#), "Missing required field Principal"),
        (one("Allow", &without("Principal")), "Missing required field Principal"),
        (one("Allow", &without("Action")), "Missing required field Action"),
        (one("Allow", &without("Resource")), "Missing required field Resource"),
        (one("Allow", READ).replace("Effect", "Sid"), "Missing required field Effect"),
        (one("Allow", &READ.replace("\"s3:GetObject\"", "[]")), "Missing required field Action"),
        (one("Allow", &READ.replace("Principal", "NotPrincipal")), "Allow with NotPrincipal is not allowed"),
        (one("Allow", &READ.replace("s3:GetObject", "s3:GetObjects")), "Policy has invalid action"),
        (one("Allow", &READ.replace("s3:GetObject", "sts:AssumeRole")), "Policy has invalid action"),
        (one("Allow", &READ.replace("photos/*", "videos/*")), "Policy has invalid resource"),
        (one("Allow", &READ.replace("\"*\"", "\"ann\"")), "Invalid principal in policy"),
        (one("Allow", &format!("{READ}, \"Colour\": 1")), "Unknown field Colour"),
        (
            one("Allow", &format!("{READ}, \"NotAction\": \"s3:*\"")),
            "Statement has more than one of NotAction",
        ),
        (
            format!(
                r#"{{"Statement": [{{"Sid": "a", "Effect": "Allow", {READ}}}, {{"Sid": "a", "Effect": "Deny", {READ}}}]}}"#
            ),
            "Statement IDs (SID) in a single policy must be unique",
        ),
        (
            format!("{}{}", one("Allow", READ), " ".repeat(MAX_POLICY_LEN)),
            "Your policy exceeds the maximum allowed document size",
        ),
    ] {
        assert_eq!(refusal(&text), message, "{text}");
    }
}

#[test]
fn a_policy_is_public_unless_it_names_someone_or_fixed_values() {
    let with = |condition: &str| one("Allow", &format!(r#"{READ}, "Condition": {condition}"#));
    for (text, public) in [
        (one("Allow", READ), true),
        (one("Deny", READ), false),
        (one("Allow", &READ.replace("\"*\"", r#"{"AWS": "ann"}"#)), false),
        (one("Allow", &READ.replace("\"*\"", r#"{"AWS": ["ann", "*"]}"#)), true),
        (one("Allow", &READ.replace("\"*\"", r#"{"Service": "logging.s3.amazonaws.com"}"#)), false),
        (with(r#"{"IpAddress": {"aws:SourceIp": "10.0.0.0/32"}}"#), false),
        (with(r#"{"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "0.0.0.0/1"]}}"#), true),
        (with(r#"{"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}"#), true),
        (with(r#"{"IpAddressIfExists": {"aws:SourceIp": "10.0.0.0/8"}}"#), true),
        (with(r#"{"StringLike": {"aws:SourceVpc": "vpc-*"}}"#), true),
        (with(r#"{"StringEquals": {"aws:SourceVpc": "vpc-1"}}"#), false),
        (with(r#"{"StringEquals": {"aws:SourceVpc": "${aws:username}"}}"#), true),
        (with(r#"{"ForAllValues:StringEquals": {"aws:SourceVpc": "vpc-1"}}"#), true),
        (with(r#"{"StringLike": {"aws:Referer": "http://example.org/"}}"#), true),
        (with(r#"{"Null": {"aws:SourceVpc": "false"}}"#), true),
        (with(r#"{"StringEquals": {"aws:userid": "00000000000000aa"}}"#), false),
        (with(r#"{"StringEquals": {"aws:userid": ["00000000000000aa", "anonymous"]}}"#), true),
        (with(r#"{"StringLike": {"AWS:UserId": "anonymous"}}"#), true),
        (with(r#"{"StringEqualsIgnoreCase": {"aws:userid": "Anonymous"}}"#), true),
        (with(r#"{"StringEquals": {"aws:SourceIp": "10.0.0.1"}}"#), true),
        (with(r#"{"ArnLike": {"s3:DataAccessPointArn": "arn:aws:s3:x:1:accesspoint/*"}}"#), false),
        (with(r#"{"ArnLike": {"s3:DataAccessPointArn": "arn:aws:s3:x:*:accesspoint/*"}}"#), true),
    ] {
        assert_eq!(parse(&text).is_public(), public, "{text}");
    }
}

#[test]
fn a_denial_on_what_is_never_known_is_no_new_policy() {
    let policy = |effect: &str, resource: &str, condition: &str| {
        let read = READ.replace("photos/*", resource);
        parse(&one(effect, &format!(r#"{read}, "Condition": {condition}"#)))
    };
    for (condition, key) in [
        (r#"{"NumericLessThan": {"s3:TlsVersion": 1.2}}"#, Some("s3:tlsversion")),
        (r#"{"StringEquals": {"aws:PrincipalTag/Team": "x"}}"#, Some("aws:principaltag/Team")),
        (r#"{"Null": {"aws:SourceVpce": "false"}}"#, Some("aws:sourcevpce")),
        (r#"{"ForAnyValue:StringNotEquals": {"aws:CalledVia": "x"}}"#, Some("aws:calledvia")),
        (r#"{"StringLike": {"s3:prefix": "${s3:BucketTag/a}/*"}}"#, Some("s3:buckettag/a")),
        (
            r#"{"Bool": {"aws:SecureTransport": "false"}, "StringEquals": {"aws:ResourceAccount": "1"}}"#,
            Some("aws:resourceaccount"),
        ),
        // These hold for what is not known, and deny.
        (r#"{"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}"#, None),
        (r#"{"Null": {"aws:MultiFactorAuthAge": "true"}}"#, None),
        (r#"{"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}"#, None),
        (r#"{"NumericGreaterThan": {"s3:signatureAge": 600000}}"#, None),
        (r#"{"StringEquals": {"s3:ExistingObjectTag/a": "b"}}"#, None),
        (r#"{"StringLike": {"s3:prefix": "${s3:BucketTag/a, 'b'}/*"}}"#, None),
    ] {
        let refused = policy("Deny", "photos/*", condition).check_denials();
        let detail = refused.map_err(|error| error.message.into_owned());
        let expected = key.map(|key| {
            format!("A Deny on the condition key {key}, which no request has here, would not deny anything")
        });
        assert_eq!(detail.err(), expected, "{condition}");
        assert!(policy("Allow", "photos/*", condition).check_denials().is_ok(), "{condition}");
    }
    let known = r#"{"StringEquals": {"s3:prefix": "a"}}"#;
    assert!(policy("Deny", "photos/${aws:username}/*", known).check_denials().is_ok());
    assert!(policy("Deny", "photos/${aws:PrincipalTag/a}/*", known).check_denials().is_err());
}

#[test]
fn the_worst_policy_is_read_and_asked_in_no_time() {
    let fill = |member: &str, item: &dyn Fn(usize) -> String| {
        let mut items = String::new();
        for index in 0.. {
            let item = item(index);
            if items.len() + item.len() > MAX_POLICY_LEN - 300 {
                break;
            }
            items += &item;
        }
        let items = items.trim_end_matches(',');
        one("Allow", &READ.replacen(member, &format!("[{items}]"), 1))
    };
    let key = "a".repeat(1_024);
    let actions = fill("\"s3:GetObject\"", &|index| format!("\"s3:*{}\",", "*t?*".repeat(index % 3)));
    assert_ne!(verdict(&parse(&actions), ANN, Action::GetObject, Some(&key)), Verdict::Silent);
    let resources = fill("\"arn:aws:s3:::photos/*\"", &|_| "\"arn:aws:s3:::photos/*a?a*b\",".into());
    assert_eq!(verdict(&parse(&resources), ANN, Action::GetObject, Some(&key)), Verdict::Silent);
}

proptest! {
    #[test]
    fn arbitrary_texts_never_panic(text in ".{0,200}", member in "[ -~]{0,60}") {
        let _parsed = Policy::parse(&text, "photos");
        let _parsed = Policy::parse(&one("Allow", &member), "photos");
        let replaced = READ.replace("photos/*", &format!("photos/{member}"));
        if let Ok(policy) = Policy::parse(&one("Allow", &replaced), "photos") {
            verdict(&policy, ANN, Action::GetObject, Some(&text));
            policy.is_public();
        }
    }
}
