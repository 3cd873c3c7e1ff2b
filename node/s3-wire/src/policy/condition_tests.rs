use super::*;
use proptest::prelude::*;

fn parse(block: &str) -> Result<Vec<Condition>, S3Error> {
    Condition::parse_all(&Json::parse(block).unwrap(), Variables::On)
}

fn holds(block: &str, known: &[(&str, &str)]) -> bool {
    let mut context = Context::default();
    for (key, value) in known {
        context.push(key, *value);
    }
    parse(block).unwrap().iter().all(|condition| condition.holds(&context, Effect::Allow))
}

/// Each line: an operator, values of the policy, a value of the request that passes, one that does not.
#[test]
fn each_operator_compares_as_the_reference_says() {
    for (operator, key, values, passes, fails) in [
        ("StringEquals", "s3:prefix", r#"["a", "b*"]"#, "b*", "bb"),
        ("StringNotEquals", "s3:prefix", r#"["a", "b"]"#, "c", "b"),
        ("StringEqualsIgnoreCase", "s3:prefix", r#""Straße""#, "STRAßE", "strasse"),
        ("StringNotEqualsIgnoreCase", "s3:prefix", r#""A""#, "b", "a"),
        ("StringLike", "s3:prefix", r#""home/?/*""#, "home/x/", "home//"),
        ("StringNotLike", "s3:prefix", r#""home/*""#, "work/", "home/"),
        ("NumericEquals", "s3:max-keys", "10", "10.0", "11"),
        ("NumericNotEquals", "s3:max-keys", "10", "11", "10"),
        ("NumericLessThan", "s3:max-keys", r#""10""#, "9", "10"),
        ("NumericLessThanEquals", "s3:max-keys", "10", "10", "11"),
        ("NumericGreaterThan", "s3:max-keys", "10", "11", "10"),
        ("NumericGreaterThanEquals", "s3:max-keys", "10", "10", "ten"),
        (
            "DateLessThan",
            "aws:CurrentTime",
            r#""2026-01-01""#,
            "2025-12-31T23:59:59Z",
            "2026-01-01T00:00:00Z",
        ),
        ("DateGreaterThanEquals", "aws:EpochTime", "1000", "1000", "999"),
        ("DateEquals", "aws:CurrentTime", r#""1970-01-01T00:00:01Z""#, "1", "2"),
        ("DateNotEquals", "aws:CurrentTime", "1", "2", "1970-01-01T00:00:01Z"),
        ("Bool", "aws:SecureTransport", "true", "TRUE", "false"),
        ("IpAddress", "aws:SourceIp", r#"["10.0.0.0/8", "2001:db8::/32"]"#, "2001:db8::1", "192.0.2.1"),
        ("NotIpAddress", "aws:SourceIp", r#""10.0.0.0/8""#, "192.0.2.1", "10.1.1.1"),
        ("BinaryEquals", "s3:prefix", r#""aGk=""#, "aGk=", "aGo="),
        ("ArnLike", "aws:SourceArn", r#""arn:aws:s3:::a*""#, "arn:aws:s3:::abc:d", "arn:aws:sqs:::abc"),
        ("ArnEquals", "aws:SourceArn", r#""arn:*:s3:::a""#, "arn:aws:s3:::a", "arn:aws:s3:x::a"),
        ("ArnNotEquals", "aws:SourceArn", r#""arn:aws:s3:::a""#, "arn:aws:s3:::b", "arn:aws:s3:::a"),
        ("ArnNotLike", "aws:SourceArn", r#""arn:aws:s3:::*""#, "none", "arn:aws:s3:::a"),
    ] {
        let block = format!(r#"{{"{operator}": {{"{key}": {values}}}}}"#);
        assert!(holds(&block, &[(key, passes)]), "{block} {passes}");
        assert!(!holds(&block, &[(key, fails)]), "{block} {fails}");
    }
}

#[test]
fn what_is_unknown_passes_only_where_the_reference_says() {
    for (operator, expected) in [
        ("StringEquals", false),
        ("StringLike", false),
        ("StringNotEquals", true),
        ("StringNotLike", true),
        ("StringEqualsIfExists", true),
        ("StringNotEqualsIfExists", true),
        ("ForAllValues:StringEquals", true),
        ("ForAnyValue:StringEquals", false),
        ("ForAnyValue:StringNotEquals", false),
    ] {
        assert_eq!(holds(&format!(r#"{{"{operator}": {{"s3:prefix": "a"}}}}"#), &[]), expected, "{operator}");
    }
    let absent = r#"{"Null": {"s3:x-amz-server-side-encryption": "true"}}"#;
    assert!(holds(absent, &[]));
    assert!(!holds(absent, &[("s3:x-amz-server-side-encryption", "AES256")]));
    let present = absent.replace("\"true\"", "false");
    assert!(!holds(&present, &[]));
    assert!(holds(&present, &[("s3:x-amz-server-side-encryption", "AES256")]));
}

#[test]
fn several_values_pass_together_one_by_one_or_all() {
    let key = "s3:RequestObjectTagKeys";
    let both = [(key, "a"), (key, "x")];
    let among = [(key, "a"), (key, "b")];
    let none = [(key, "x"), (key, "y")];
    for (operator, expected) in [
        // [some of them among the policy's, all of them, none of them]
        ("StringEquals", [true, true, false]),
        ("StringNotEquals", [false, false, true]),
        ("ForAllValues:StringEquals", [false, true, false]),
        ("ForAnyValue:StringEquals", [true, true, false]),
        ("ForAllValues:StringNotEquals", [false, false, true]),
        ("ForAnyValue:StringNotEquals", [true, false, true]),
    ] {
        let block = format!(r#"{{"{operator}": {{"{key}": ["a", "b"]}}}}"#);
        let got = [&both, &among, &none].map(|known| holds(&block, known));
        assert_eq!(got, expected, "{operator}");
    }
}

#[test]
fn all_operators_and_keys_must_hold_and_tags_are_told_by_case() {
    let block = r#"{"StringEquals": {"s3:prefix": "a", "s3:ExistingObjectTag/Colour": "red"},
        "NumericLessThan": {"s3:max-keys": 5}}"#;
    let all = [("S3:Prefix", "a"), ("s3:existingobjecttag/Colour", "red"), ("s3:max-keys", "4")];
    assert!(holds(block, &all));
    for left_out in 0..all.len() {
        let mut some = all.to_vec();
        some.remove(left_out);
        assert!(!holds(block, &some), "{left_out}");
    }
    let mut other = all;
    other[1].0 = "s3:ExistingObjectTag/colour";
    assert!(!holds(block, &other));
}

#[test]
fn a_value_too_long_to_compare_lets_nobody_in() {
    let long = "a".repeat(MAX_VALUE_LEN + 1);
    let mut context = Context::default();
    context.push("s3:prefix", "b");
    context.push("s3:prefix", &*long);
    for quantifier in ["", "ForAllValues:", "ForAnyValue:"] {
        for name in ["StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "ArnNotLike"] {
            for suffix in ["", "IfExists"] {
                for value in ["arn:aws:s3:::*", "*", "a*", "b", long.as_str()] {
                    let block = format!(r#"{{"{quantifier}{name}{suffix}": {{"s3:prefix": "{value}"}}}}"#);
                    for condition in parse(&block).unwrap_or_default() {
                        assert!(condition.holds(&context, Effect::Deny), "{block}");
                        assert!(!condition.holds(&context, Effect::Allow), "{block}");
                    }
                }
            }
        }
    }
    let at_most = &long[1..];
    assert!(holds(r#"{"StringLike": {"s3:prefix": "a*"}}"#, &[("s3:prefix", at_most)]));
    assert!(holds(r#"{"Null": {"s3:prefix": "false"}}"#, &[("s3:prefix", &long)]));
}

#[test]
fn variables_in_values_stand_for_what_is_known() {
    let block = r#"{"StringLike": {"s3:prefix": "home/${aws:username}/*"}}"#;
    assert!(holds(block, &[("s3:prefix", "home/ann/x"), ("aws:username", "ann")]));
    assert!(!holds(block, &[("s3:prefix", "home/ann/x"), ("aws:username", "bob")]));
    assert!(!holds(block, &[("s3:prefix", "home//x")]));
}

#[test]
fn conditions_that_cannot_be_are_refused() {
    for (block, message) in [
        (r#""x""#, "Condition must be an object of operators"),
        (r#"{"StringEquals": "x"}"#, "Condition must be an object of operators"),
        (r#"{"StringMatches": {"s3:prefix": "x"}}"#, "Invalid Condition type : StringMatches"),
        (r#"{"StringEquals": {"s3:colour": "x"}}"#, "Policy has an invalid condition key"),
        (r#"{"StringEquals": {"s3:prefix": []}}"#, "Invalid value for condition key : s3:prefix"),
        (r#"{"StringEquals": {"s3:prefix": null}}"#, "Invalid value for condition key : s3:prefix"),
        (r#"{"StringEquals": {"s3:prefix": [["x"]]}}"#, "Invalid value for condition key : s3:prefix"),
        (r#"{"NumericEquals": {"s3:max-keys": "x"}}"#, "Invalid value for condition key : s3:max-keys"),
        (r#"{"NumericEquals": {"s3:max-keys": "NaN"}}"#, "Invalid value for condition key : s3:max-keys"),
        (r#"{"Bool": {"aws:SecureTransport": 1}}"#, "Invalid value for condition key : aws:SecureTransport"),
        (r#"{"IpAddress": {"aws:SourceIp": "here"}}"#, "Invalid value for condition key : aws:SourceIp"),
        (r#"{"ArnLike": {"aws:SourceArn": "*"}}"#, "Invalid value for condition key : aws:SourceArn"),
    ] {
        let error = parse(block).unwrap_err();
        assert_eq!((error.code.as_str(), error.message.as_ref()), ("MalformedPolicy", message), "{block}");
    }
}

proptest! {
    #[test]
    fn arbitrary_values_never_panic(
        operator in "(ForAllValues:|ForAnyValue:)?(String(Not)?(Equals|Like)|Numeric(Equals|LessThan)|Date(Equals|LessThan)|Bool|(Not)?IpAddress|Null|Arn(Like|Equals)|BinaryEquals)(IfExists)?",
        ours in "[ -~é]{0,20}",
        theirs in prop::collection::vec("[ -~é]{0,20}", 0..3),
    ) {
        let values = Json::Object(vec![("aws:SourceIp".into(), Json::Text(ours))]);
        let block = Json::Object(vec![(operator, values)]);
        let mut context = Context::default();
        for value in theirs {
            context.push("aws:SourceIp", value);
        }
        for condition in Condition::parse_all(&block, Variables::On).unwrap_or_default() {
            condition.holds(&context, Effect::Allow);
            condition.limits_to_fixed_values();
        }
    }
}
