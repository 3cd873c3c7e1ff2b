//! Rules are read with the checks of AWS, and events find theirs.

use proptest::prelude::*;

use super::*;
use crate::error::ErrorCode;

const ARN: &str = "arn:aws:sns:eu:1:t";

fn read(rules: &str) -> Result<NotificationConfiguration, (ErrorCode, String)> {
    NotificationConfiguration::parse(format!("<{ROOT}>{rules}</{ROOT}>").as_bytes())
        .map_err(|error| (error.code, error.message.into_owned()))
}

fn topic(arn: &str, events: &[&str], rest: &str) -> String {
    let events: String = events.iter().map(|event| format!("<Event>{event}</Event>")).collect();
    format!("<TopicConfiguration><Topic>{arn}</Topic>{events}{rest}</TopicConfiguration>")
}

fn filter(rules: &[(&str, &str)]) -> String {
    let rules: String = rules
        .iter()
        .map(|(name, value)| format!("<FilterRule><Name>{name}</Name><Value>{value}</Value></FilterRule>"))
        .collect();
    format!("<Filter><S3Key>{rules}</S3Key></Filter>")
}

const PUT: &[&str] = &["s3:ObjectCreated:Put"];

#[test]
fn rules_of_every_kind_are_read() {
    let rest = "<Event>s3:ObjectRemoved:*</Event>";
    let rules = format!(
        "{}<QueueConfiguration><Id>q</Id><Queue>arn:x:sqs::1:q:r</Queue>{rest}</QueueConfiguration>\
         <CloudFunctionConfiguration><CloudFunction>arn:aws:lambda:eu:1:function:f</CloudFunction>\
         <Event>s3:ObjectAcl:Put</Event></CloudFunctionConfiguration>",
        topic(ARN, PUT, &filter(&[("Prefix", "a"), ("suffix", ".b")]))
    );
    let configuration = read(&rules).unwrap();
    let kinds: Vec<_> =
        configuration.rules.iter().map(|rule| (rule.target.kind, rule.id.as_deref())).collect();
    assert_eq!(
        kinds,
        [(TargetKind::Topic, None), (TargetKind::Queue, Some("q")), (TargetKind::CloudFunction, None)]
    );
    assert_eq!(configuration.rules[0].prefix.as_deref(), Some("a"));
    assert_eq!(configuration.rules[0].suffix.as_deref(), Some(".b"));
    assert_eq!(read("").map(|read| read.rules.len()), Ok(0));
}

#[test]
fn rules_with_faults_are_refused() {
    use ErrorCode::{InvalidArgument, MalformedXml, NotImplemented};
    for (rules, code) in [
        ("<Other/>".to_owned(), MalformedXml),
        ("<EventBridgeConfiguration/>".into(), NotImplemented),
        (topic(ARN, &[], ""), MalformedXml),
        ("<TopicConfiguration><Event>s3:ObjectCreated:Put</Event></TopicConfiguration>".into(), MalformedXml),
        (topic(ARN, &["s3:ObjectCreated:put"], ""), InvalidArgument),
        (topic("arn:aws:sqs:eu:1:t", PUT, ""), InvalidArgument),
        (topic("arn:aws:sns:eu:1", PUT, ""), InvalidArgument),
        (topic("arn:aws:sns:eu:1:", PUT, ""), InvalidArgument),
        (topic("topic", PUT, ""), InvalidArgument),
        (topic(ARN, PUT, &filter(&[("infix", "a")])), InvalidArgument),
        (topic(ARN, PUT, &filter(&[("prefix", "a"), ("Prefix", "b")])), InvalidArgument),
        (topic(ARN, PUT, &filter(&[("suffix", &"a".repeat(1_025))])), InvalidArgument),
        (topic(ARN, PUT, "<Filter><FilterRule/></Filter>"), MalformedXml),
        (topic(ARN, PUT, "<Filter><S3Key><FilterRule/></S3Key></Filter>"), MalformedXml),
        (topic(ARN, PUT, "<Id>i</Id>") + &topic(ARN, &["s3:ObjectAcl:Put"], "<Id>i</Id>"), InvalidArgument),
        (topic(ARN, PUT, &format!("<Id>{}</Id>", "i".repeat(256))), InvalidArgument),
    ] {
        assert_eq!(read(&rules).map_err(|error| error.0), Err(code), "{rules}");
    }
    let many: String =
        (0..=100).map(|at| topic(ARN, PUT, &filter(&[("prefix", &format!("{at:03}"))]))).collect();
    assert_eq!(read(&many).map_err(|error| error.0), Err(InvalidArgument));
}

#[test]
fn rules_must_not_overlap() {
    let all = &["s3:ObjectCreated:*"][..];
    let removed = &["s3:ObjectRemoved:*"][..];
    for (one, two, overlap) in [
        (topic(ARN, PUT, ""), topic(ARN, removed, ""), false),
        (topic(ARN, PUT, ""), topic(ARN, all, ""), true),
        (topic(ARN, all, ""), topic(ARN, all, &filter(&[("prefix", "a")])), true),
        (topic(ARN, all, &filter(&[("prefix", "a")])), topic(ARN, all, &filter(&[("prefix", "b")])), false),
        (topic(ARN, all, &filter(&[("prefix", "a")])), topic(ARN, all, &filter(&[("prefix", "ab")])), true),
        (topic(ARN, all, &filter(&[("prefix", "a")])), topic(ARN, all, &filter(&[("suffix", "b")])), true),
        (
            topic(ARN, all, &filter(&[("prefix", "a"), ("suffix", "jpg")])),
            topic(ARN, all, &filter(&[("prefix", "a"), ("suffix", "png")])),
            false,
        ),
        (topic(ARN, all, &filter(&[("suffix", "jpg")])), topic(ARN, PUT, &filter(&[("suffix", "pg")])), true),
    ] {
        let code = read(&(one.clone() + &two)).map(|_| ()).map_err(|error| error.0);
        let expected = if overlap { Err(ErrorCode::InvalidArgument) } else { Ok(()) };
        assert_eq!(code, expected, "{one} {two}");
    }
}

#[test]
fn events_find_their_rule() {
    let rules = topic(ARN, &["s3:ObjectCreated:*"], &filter(&[("prefix", "a/"), ("suffix", ".b")]))
        + &topic(ARN, &["s3:ObjectTagging:Delete"], "<Id>tags</Id>");
    let mut configuration = read(&rules).unwrap();
    configuration.fill_ids(|| "made".to_owned());
    for (event, key, id) in [
        (EventName::ObjectCreatedCopy, "a/x.b", Some("made")),
        (EventName::ObjectCreatedCopy, "a/x.c", None),
        (EventName::ObjectCreatedCopy, "x.b", None),
        (EventName::ObjectRemovedDelete, "a/x.b", None),
        (EventName::ObjectTaggingDelete, "x", Some("tags")),
        (EventName::ObjectTaggingPut, "x", None),
    ] {
        let found = configuration.matching(event, key).next().and_then(|rule| rule.id.as_deref());
        assert_eq!(found, id, "{event:?} {key}");
    }
    for event in EventName::ALL {
        assert!(EventPattern::One(*event).matches(*event));
        assert_eq!(EventPattern::from_name(event.as_str()), Some(EventPattern::One(*event)));
    }
    for family in EventFamily::ALL {
        assert!(EventName::ALL.iter().any(|event| EventPattern::Family(*family).matches(*event)));
    }
}

prop_compose! {
    /// Prefixes that differ keep rules apart.
    fn any_rule(at: usize)(
        kind in prop::sample::select(vec![TargetKind::Topic, TargetKind::Queue, TargetKind::CloudFunction]),
        events in prop::sample::subsequence(EventName::ALL, 1..4),
        family in prop::option::of(prop::sample::select(EventFamily::ALL)),
        prefix in "[a-z&</]{0,8}", suffix in prop::option::of("[ -~]{0,8}"),
    ) -> NotificationRule {
        let service = ["sns", "sqs", "lambda"][kind as usize];
        let events = events.into_iter().map(EventPattern::One).chain(family.map(EventPattern::Family)).collect();
        NotificationRule {
            id: Some(format!("<{at}>")),
            target: Target { kind, arn: format!("arn:aws:{service}:eu:1:r") },
            events,
            prefix: Some(format!("{at}{prefix}")),
            suffix,
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back(rules in (any_rule(0), any_rule(1), any_rule(2))) {
        let configuration = NotificationConfiguration { rules: vec![rules.0, rules.1, rules.2] };
        prop_assert_eq!(NotificationConfiguration::parse(configuration.to_xml().as_bytes()), Ok(configuration));
    }
}
