//! Policies: what they allow, and what is no policy.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Sun, 01 Mar 2026 00:00:00 GMT, an hour before the policies here expire.
const NOW_MS: u64 = 1_772_323_200_000;

fn policy(conditions: &str) -> Result<Policy, S3Error> {
    parse(&format!("{{\"expiration\": \"2026-03-01T01:00:00Z\", \"conditions\": [{conditions}]}}"))
}

fn parse(json: &str) -> Result<Policy, S3Error> {
    Policy::parse(&STANDARD.encode(json))
}

fn form(fields: &[(&str, &str)]) -> Form {
    let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Form::new(fields.collect::<BTreeMap<_, _>>(), None).unwrap()
}

/// What a form with these fields, sent to `photos`, is refused with under these conditions.
fn refusal(conditions: &str, fields: &[(&str, &str)]) -> Option<(ErrorCode, String)> {
    let policy = policy(&format!("{{\"bucket\": \"photos\"}}, {conditions}")).unwrap();
    let result = policy.check(&form(fields), "photos", NOW_MS);
    result.err().map(|error| (error.code, error.message.into_owned()))
}

fn denied(detail: &str) -> Option<(ErrorCode, String)> {
    Some((ErrorCode::AccessDenied, format!("Invalid according to Policy: {detail}")))
}

#[test]
fn fields_must_be_what_the_conditions_say() {
    for (conditions, fields, expected) in [
        (r#"{"acl": "private"}"#, &[("acl", "private")][..], None),
        (r#"{"AcL": "private"}"#, &[("acl", "private")], None),
        (
            r#"{"acl": "private"}"#,
            &[("acl", "Private")],
            denied("Policy Condition failed: [\"eq\", \"$acl\", \"private\"]"),
        ),
        (r#"{"acl": "private"}"#, &[], denied("Policy Condition failed: [\"eq\", \"$acl\", \"private\"]")),
        (r#"["EQ", "$Acl", "private"]"#, &[("acl", "private")], None),
        (r#"["StArTs-WiTh", "$KeY", "user/"]"#, &[("key", "user/a")], None),
        (
            r#"["starts-with", "$Key", "user/"]"#,
            &[("key", "use/a")],
            denied("Policy Condition failed: [\"starts-with\", \"$Key\", \"user/\"]"),
        ),
        (r#"["starts-with", "$key", "user/"], {"key": "user/a"}"#, &[("key", "user/a")], None),
        (
            r#"["starts-with", "$key", "user/"], {"key": "user/a"}"#,
            &[("key", "user/b")],
            denied("Policy Condition failed: [\"eq\", \"$key\", \"user/a\"]"),
        ),
        (r#"["starts-with", "$x-amz-meta-a", ""]"#, &[], None),
        (
            r#"["starts-with", "$x-amz-meta-a", "b"]"#,
            &[],
            denied("Policy Condition failed: [\"starts-with\", \"$x-amz-meta-a\", \"b\"]"),
        ),
        (
            r#"["eq", "$x-amz-meta-a", ""]"#,
            &[("x-amz-meta-a", "b")],
            denied("Policy Condition failed: [\"eq\", \"$x-amz-meta-a\", \"\"]"),
        ),
        (r#"["starts-with", "$key", "\\$foo"]"#, &[("key", "\\$foo.txt")], None),
        (r#"["starts-with", "$key", "\$foo"]"#, &[("key", "$foo.txt")], None),
        (r#"["starts-with", "$Content-Type", "image/"]"#, &[("content-type", "image/a, image/b")], None),
        (
            r#"["starts-with", "$Content-Type", "image/"]"#,
            &[("content-type", "image/a,text/html")],
            denied("Policy Condition failed: [\"starts-with\", \"$Content-Type\", \"image/\"]"),
        ),
    ] {
        assert_eq!(refusal(conditions, fields), expected, "{conditions} {fields:?}");
    }
}

#[test]
fn every_field_needs_a_condition() {
    let conditions = r#"{"acl": "private"}"#;
    let check = |name: &str| refusal(conditions, &[("acl", "private"), (name, "v")]);
    for name in [
        "awsaccesskeyid",
        "signature",
        "policy",
        "file",
        "x-amz-signature",
        "x-ignore-a",
        "x-amz-checksum-sha256",
        // It counts for nothing: the request says where it goes.
        "bucket",
    ] {
        assert_eq!(check(name), None, "{name}");
    }
    for name in
        ["key", "submit", "content-type", "x-amz-meta-a", "x-amz-date", "x-amz-security-token", "x-ignore"]
    {
        assert_eq!(check(name), denied(&format!("Extra input fields: {name}")), "{name}");
    }
    let unbound = policy(conditions).unwrap().check(&form(&[("acl", "private")]), "photos", NOW_MS);
    assert_eq!(unbound.unwrap_err().message, "Invalid according to Policy: Extra input fields: bucket");
}

#[test]
fn the_bucket_is_the_one_the_request_was_sent_to() {
    let policy = policy(r#"{"bucket": "photos"}"#).unwrap();
    let fields = form(&[("bucket", "photos")]);
    assert!(policy.check(&fields, "photos", NOW_MS).is_ok());
    let error = policy.check(&fields, "other", NOW_MS).unwrap_err();
    assert_eq!(error.code, ErrorCode::AccessDenied);
}

#[test]
fn a_policy_expires() {
    let policy = policy(r#"{"bucket": "photos"}"#).unwrap();
    let check =
        |now_ms| policy.check(&form(&[]), "photos", now_ms).err().map(|error| error.message.into_owned());
    assert_eq!(check(NOW_MS + 3_600_000 - 1), None);
    assert_eq!(check(NOW_MS + 3_600_000), Some("Invalid according to Policy: Policy expired.".to_owned()));
}

#[test]
fn expirations_are_read_in_the_form_of_the_documentation_only() {
    for text in ["2026-03-01T00:00:00Z", "2026-03-01T00:00:00.000Z", "2026-03-01T00:00:00.999999Z"] {
        assert_eq!(parse_expiration(text), Some(NOW_MS), "{text}");
    }
    for text in [
        "",
        "2026-03-01",
        "2026-03-01 00:00:00Z",
        "2026-03-01T00:00:00",
        "2026-03-01 00:00:00.123456+00:00",
        "2026-03-01T00:00:00+00:00",
        "2026-02-30T00:00:00Z",
        "2026-3-1T0:0:0Z",
        "20260-3-1T00:00:00Z",
        "2026-03-01T00:00:00.Z",
        "2026-03-01T00:00:00.é0Z",
    ] {
        assert_eq!(parse_expiration(text), None, "{text}");
    }
}

#[test]
fn what_is_no_policy_is_refused() {
    let fault = |result: Result<Policy, S3Error>| {
        let error = result.unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidPolicyDocument);
        error.message.into_owned()
    };
    let expiration = r#""expiration": "2026-03-01T01:00:00Z""#;
    for (json, detail) in [
        ("".to_owned(), "Invalid JSON."),
        ("[]".to_owned(), "Invalid JSON."),
        ("{".to_owned(), "Invalid JSON."),
        (format!("{{{expiration}, {expiration}, \"conditions\": []}}"), "Invalid JSON."),
        (format!("{{{expiration}}}"), "Policy missing conditions."),
        ("{\"conditions\": []}".to_owned(), "Policy missing expiration."),
        (format!("{{{expiration}, \"CONDITIONS\": []}}"), "Unexpected: 'CONDITIONS'"),
        ("{\"EXPIRATION\": \"2026-03-01T01:00:00Z\"}".to_owned(), "Unexpected: 'EXPIRATION'"),
        ("{\"expiration\": 1}".to_owned(), "Invalid 'expiration' value"),
        ("{\"expiration\": \"soon\"}".to_owned(), "Invalid 'expiration' value: 'soon'"),
        (format!("{{{expiration}, \"conditions\": {{}}}}"), "Invalid 'conditions' value"),
    ] {
        assert_eq!(fault(parse(&json)), format!("Invalid Policy: {detail}"), "{json}");
    }
    let one = "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.";
    for (conditions, detail) in [
        ("{ }", one),
        (r#"{"a": "b", "c": "d"}"#, one),
        (r#"{"success_action_status": 201}"#, "Invalid Simple-Condition: value must be a string."),
        (r#"{"redirect": null}"#, "Invalid Simple-Condition: value must be a string."),
        (r#""a""#, "Invalid Condition: must be an object or a list."),
        ("[]", "Invalid list Condition: wrong arguments."),
        (r#"["eq", "$a"]"#, "Invalid list Condition: wrong arguments."),
        (r#"["eq", "a", "b"]"#, "Invalid eq Condition: wrong arguments."),
        (r#"["eq", "$a", 1]"#, "Invalid eq Condition: wrong arguments."),
        (r#"["like", "$a", "b"]"#, "Unknown Condition: 'like'"),
        (r#"["content-length-range", 0]"#, "Invalid list Condition: wrong arguments."),
        (r#"["content-length-range", -1, 0]"#, "Invalid content-length-range Condition: wrong arguments."),
        (r#"["content-length-range", 0, 1.5]"#, "Invalid content-length-range Condition: wrong arguments."),
        (r#"["content-length-range", "", "1"]"#, "Invalid content-length-range Condition: wrong arguments."),
    ] {
        assert_eq!(fault(policy(conditions)), format!("Invalid Policy: {detail}"), "{conditions}");
    }
    assert_eq!(fault(Policy::parse("*")), "Invalid Policy: Invalid JSON.");
    assert_eq!(fault(Policy::parse("/w==")), "Invalid Policy: Invalid JSON.");
}

#[test]
fn base64_may_have_line_breaks() {
    let json = r#"{"expiration": "2026-03-01T01:00:00Z", "conditions": []}"#;
    let mut text = STANDARD.encode(json);
    text.insert_str(20, "\r\n");
    assert_eq!(Policy::parse(&text), parse(json));
}

#[test]
fn the_length_must_be_in_every_range() {
    let length = |conditions: &str| {
        let conditions = format!("{{\"bucket\": \"photos\"}}, {conditions}");
        policy(&conditions).unwrap().check(&form(&[]), "photos", NOW_MS).unwrap()
    };
    let code = |range: LengthRange, len| range.check(len).err().map(|error| error.code);
    let range = length(r#"["content-length-range", 2, 10], ["content-length-range", "0", "5"]"#);
    for (len, expected) in [
        (1, Some(ErrorCode::EntityTooSmall)),
        (2, None),
        (5, None),
        (6, Some(ErrorCode::EntityTooLarge)),
        (u64::MAX, Some(ErrorCode::EntityTooLarge)),
    ] {
        assert_eq!(code(range, len), expected, "{len}");
    }
    assert!(range.check_so_far(0).is_ok());
    let error = range.check_so_far(6).unwrap_err();
    assert_eq!(error.fields, [("ProposedSize", "6".to_owned()), ("MaxSizeAllowed", "5".to_owned())]);
    let wide = length(r#"["content-length-range", 0, 99999999999999999999999]"#);
    assert_eq!(code(wide, MAX_OBJECT_PART_LEN), None);
    assert_eq!(code(wide, MAX_OBJECT_PART_LEN + 1), Some(ErrorCode::EntityTooLarge));
    assert_eq!(code(length(r#"["content-length-range", 0, 0]"#), 0), None);
}

proptest! {
    #[test]
    fn a_policy_allows_its_own_fields_and_no_other_value(
        name in "[a-z]{1,6}", value in "[a-z$\"\\\\]{1,6}", other in "[a-z$\"\\\\]{1,6}",
    ) {
        let json = value.replace('\\', "\\\\").replace('"', "\\\"");
        let conditions = format!("{{\"x-amz-meta-{name}\": \"{json}\"}}");
        let field = format!("x-amz-meta-{name}");
        prop_assert_eq!(refusal(&conditions, &[(&field, &value)]), None);
        prop_assert_eq!(refusal(&conditions, &[(&field, &other)]).is_none(), other == value);
    }

    #[test]
    fn arbitrary_policies_never_panic(text in "([\\[\\]{}:,\"$0-9]|eq|expiration|conditions|content-length-range|.)*") {
        parse(&text).ok();
        Policy::parse(&text).ok();
        parse_expiration(&text);
        policy(&text).ok();
    }
}
