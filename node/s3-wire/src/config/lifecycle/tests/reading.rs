//! What is read, and what is refused.

use proptest::prelude::*;

use crate::config::lifecycle::*;
use crate::config::tagging::TagSet;
use crate::error::ErrorCode;

const DAYS: &str = "<Expiration><Days>1</Days></Expiration>";

fn read(rules: &str) -> Result<LifecycleConfiguration, (ErrorCode, String)> {
    LifecycleConfiguration::parse(
        format!("<LifecycleConfiguration>{rules}</LifecycleConfiguration>").as_bytes(),
    )
    .map_err(|error| (error.code, error.message.into_owned()))
}

fn rule(content: &str) -> String {
    format!("<Rule><Status>Enabled</Status><Prefix>p/</Prefix>{content}</Rule>")
}

fn filtered(filter: &str, actions: &str) -> String {
    format!("<Rule><Status>Enabled</Status><Filter>{filter}</Filter>{actions}</Rule>")
}

fn tag(key: &str) -> String {
    format!("<Tag><Key>{key}</Key><Value>v</Value></Tag>")
}

#[test]
fn both_forms_of_the_filter_are_read() {
    for (rules, form, prefix) in [
        (rule(DAYS), FilterForm::Prefix, Some("p/")),
        (filtered("", DAYS), FilterForm::Filter, None),
        (filtered("<Prefix/>", DAYS), FilterForm::Filter, Some("")),
        (filtered("<Prefix>p</Prefix>", DAYS), FilterForm::Filter, Some("p")),
    ] {
        let filter = read(&rules).unwrap().rules.remove(0).filter;
        assert_eq!((filter.form, filter.prefix.as_deref()), (form, prefix), "{rules}");
    }
}

#[test]
fn conditions_without_an_and_all_hold() {
    let filter = format!("<Prefix>d/</Prefix>{}<And><Prefix>d</Prefix>{}</And>", tag("a"), tag("b"));
    let filter = read(&filtered(&filter, DAYS)).unwrap().rules.remove(0).filter;
    let tags = |header| TagSet::parse_header(header).unwrap();
    assert!(filter.matches("d/x", 1, &tags("a=v&b=v&c=v")));
    assert!(!filter.matches("d/x", 1, &tags("a=v")));
    assert!(!filter.matches("d", 1, &tags("a=v&b=v")));
    let sizes =
        "<ObjectSizeGreaterThan>10</ObjectSizeGreaterThan><ObjectSizeLessThan>20</ObjectSizeLessThan>";
    let filter = read(&filtered(sizes, DAYS)).unwrap().rules.remove(0).filter;
    for (size, fits) in [(10, false), (11, true), (19, true), (20, false)] {
        assert_eq!(filter.matches("", size, &TagSet::default()), fits, "{size}");
    }
}

#[test]
fn documents_of_another_shape_are_refused() {
    for rules in [
        "".to_owned(),
        "<Other/>".into(),
        "<Rule/>".into(),
        format!("<Rule><Status>Enabled</Status>{DAYS}</Rule>"),
        format!("<Rule><Prefix/>{DAYS}</Rule>"),
        format!("<Rule><Status>enabled</Status><Prefix/>{DAYS}</Rule>"),
        rule(&format!("<Filter/>{DAYS}")),
        rule(&format!("{DAYS}{DAYS}")),
        rule("<Expiration/>"),
        rule("<Expiration><Days>1</Days><Date>2030-01-01T00:00:00Z</Date></Expiration>"),
        rule("<Expiration><Days>1.5</Days></Expiration>"),
        rule("<Expiration><Days>2147483648</Days></Expiration>"),
        rule("<Expiration><Date>20200101</Date></Expiration>"),
        rule("<Transition><Days>1</Days></Transition>"),
        rule("<Transition><StorageClass>GLACIER</StorageClass></Transition>"),
        rule(
            "<NoncurrentVersionExpiration><NewerNoncurrentVersions>1</NewerNoncurrentVersions></NoncurrentVersionExpiration>",
        ),
        rule("<AbortIncompleteMultipartUpload/>"),
        filtered("<Other/>", DAYS),
        filtered("<And><Prefix>p</Prefix></And>", DAYS),
        filtered(
            "<Prefix>a</Prefix><And><Prefix>b</Prefix><ObjectSizeLessThan>1</ObjectSizeLessThan></And>",
            DAYS,
        ),
    ] {
        assert_eq!(read(&rules).map_err(|error| error.0), Err(ErrorCode::MalformedXml), "{rules}");
    }
}

#[test]
fn values_that_cannot_be_are_refused_with_the_words_of_aws() {
    use ErrorCode::{InvalidArgument, InvalidRequest};
    let id = |id: &str| rule(&format!("<ID>{id}</ID>{DAYS}"));
    let transition = |days: &str, class: &str| {
        format!("<Transition><Days>{days}</Days><StorageClass>{class}</StorageClass></Transition>")
    };
    let abort = "<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>";
    let marker = "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>";
    for (rules, code, message) in [
        (rule(""), InvalidRequest, "At least one action needs to be specified in a rule"),
        (id(&"a".repeat(256)), InvalidArgument, "ID length should not exceed allowed limit of 255"),
        (id("a") + &id("a"), InvalidArgument, "Rule ID must be unique. Found same ID for one or more rules"),
        (
            rule("<Expiration><Days>0</Days></Expiration>"),
            InvalidArgument,
            "'Days' for Expiration action must be a positive integer",
        ),
        (
            rule("<Expiration><Date>2030-01-01T12:00:00Z</Date></Expiration>"),
            InvalidArgument,
            "'Date' must be at midnight GMT",
        ),
        (
            rule(&transition("-1", "GLACIER")),
            InvalidArgument,
            "'Days' for Transition action must be nonnegative",
        ),
        (
            rule(&(transition("1", "GLACIER") + &transition("2", "GLACIER"))),
            InvalidRequest,
            "'StorageClass' must be different for 'Transition' actions in same 'Rule' with filter '(prefix=p/)'",
        ),
        (
            rule(&(transition("1", "GLACIER") + DAYS)),
            InvalidArgument,
            "'Days' in the Expiration action for filter '(prefix=p/)' must be greater than 'Days' in the Transition action",
        ),
        (
            rule(
                &(transition("1", "GLACIER") + "<Expiration><Date>2030-01-01T00:00:00Z</Date></Expiration>"),
            ),
            InvalidRequest,
            "Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule for filter '(prefix=p/)'",
        ),
        (
            filtered(&tag("a"), abort),
            InvalidRequest,
            "AbortIncompleteMultipartUpload cannot be specified with Tags.",
        ),
        (
            filtered("<ObjectSizeLessThan>5</ObjectSizeLessThan>", marker),
            InvalidRequest,
            "ExpiredObjectDeleteMarker cannot be specified with Object Size.",
        ),
        (
            filtered(&format!("<And>{}{}</And>", tag("a"), tag("a")), DAYS),
            InvalidRequest,
            "Duplicate Tag Keys are not allowed.",
        ),
        (
            rule(DAYS).repeat(1_001),
            InvalidRequest,
            "The number of lifecycle rules should not exceed allowed limit of 1000 rules.",
        ),
    ] {
        assert_eq!(read(&rules), Err((code, message.to_owned())));
    }
    assert_eq!(read(&rule(DAYS).repeat(1_000)).map(|read| read.rules.len()), Ok(1_000));
    assert_eq!(read(&id(&"a".repeat(255))).map(|read| read.rules.len()), Ok(1));
}

#[test]
fn storage_classes_must_be_known_and_ids_are_made() {
    let rules = rule("<Transition><Days>0</Days><StorageClass>COLD</StorageClass></Transition>");
    let mut configuration = read(&(rules + &rule(&format!("<ID/>{DAYS}")))).unwrap();
    assert_eq!(configuration.check_storage_classes(&["STANDARD", "COLD"]), Ok(()));
    let code = configuration.check_storage_classes(&["STANDARD"]).map_err(|error| error.code);
    assert_eq!(code, Err(ErrorCode::InvalidStorageClass));
    let mut next = 0;
    configuration.fill_ids(|| {
        next += 1;
        next.to_string()
    });
    let ids: Vec<_> = configuration.rules.iter().map(|rule| rule.id.as_deref()).collect();
    assert_eq!(ids, [Some("1"), Some("2")]);
}

#[test]
fn ids_that_are_made_are_not_in_use() {
    let with = |id: &str| rule(&format!("<ID>{id}</ID>{DAYS}"));
    let mut configuration = read(&(rule(DAYS) + &with("1") + &rule(DAYS) + &with("3"))).unwrap();
    let mut next = 0;
    configuration.fill_ids(|| {
        next += 1;
        next.to_string()
    });
    let ids: Vec<_> = configuration.rules.iter().map(|rule| rule.id.as_deref()).collect();
    assert_eq!(ids, [Some("2"), Some("1"), Some("4"), Some("3")]);
    assert_eq!(LifecycleConfiguration::parse(configuration.to_xml().as_bytes()), Ok(configuration));
}

/// A prefix that stands where it says nothing must not come to a rule about all objects.
#[test]
fn text_beside_elements_is_refused() {
    let and = format!("<And><Prefix>p</Prefix>{}</And>", tag("a"));
    let class = "<StorageClass>COLD</StorageClass>";
    for rules in [
        filtered("logs/", DAYS),
        filtered("<![CDATA[logs/]]>", DAYS),
        filtered("&#108;", DAYS),
        filtered("logs/<Prefix>p</Prefix>", DAYS),
        filtered(&and.replace("<And>", "<And>q"), DAYS),
        filtered(&tag("a").replace("<Tag>", "<Tag>q"), DAYS),
        rule(&format!("q{DAYS}")),
        format!("q{}", rule(DAYS)),
        rule(&DAYS.replace("<Days>", "q<Days>")),
        rule(&format!("<Transition>q<Days>1</Days>{class}</Transition>")),
        rule(&format!(
            "<NoncurrentVersionTransition><NoncurrentDays>1</NoncurrentDays>{class}q</NoncurrentVersionTransition>"
        )),
        rule(
            "<NoncurrentVersionExpiration>q<NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>",
        ),
        rule(
            "<AbortIncompleteMultipartUpload>q<DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>",
        ),
    ] {
        assert_eq!(read(&rules).map_err(|(code, _)| code), Err(ErrorCode::MalformedXml), "{rules}");
    }
    let spaced = format!("\n{}\n", filtered(" \n <Prefix>p</Prefix>\t", DAYS));
    assert_eq!(read(&spaced).map(|read| read.rules.len()), Ok(1));
}

fn when(days: std::ops::Range<u32>, by_date: bool) -> impl Strategy<Value = When> {
    days.prop_map(
        move |days| {
            if by_date { When::Date(u64::from(days) * 86_400_000) } else { When::Days(days) }
        },
    )
}

fn classes() -> impl Strategy<Value = Vec<String>> {
    prop::sample::subsequence(vec!["GLACIER".to_owned(), "COLD".into(), "WARM".into()], 0..=3)
}

prop_compose! {
    fn filter(only_keys: bool)(
        form: bool, prefix in prop::option::of("[a-z&</]{0,8}"), tags in crate::config::tagging::tests::tag_set(3),
        larger_than in prop::option::of(0_u64..100), smaller_than in prop::option::of(100_u64..1_000),
    ) -> Filter {
        if only_keys && form {
            Filter { form: FilterForm::Prefix, prefix: Some(prefix.unwrap_or_default()), ..Filter::default() }
        } else if only_keys {
            Filter { prefix, ..Filter::default() }
        } else {
            Filter { form: FilterForm::Filter, prefix, tags, larger_than, smaller_than }
        }
    }
}

fn any_rule() -> impl Strategy<Value = LifecycleRule> {
    (any::<bool>(), any::<bool>()).prop_flat_map(|(only_keys, by_date)| {
        let expiration = match only_keys {
            true => any::<bool>().prop_map(Expiration::ExpiredMarker).boxed(),
            false => when(20..40, by_date).prop_map(Expiration::At).boxed(),
        };
        let abort = if only_keys { (1_u32..9).prop_map(Some).boxed() } else { Just(None).boxed() };
        let keep = || prop::option::of(1_u32..=100);
        (
            filter(only_keys),
            prop::sample::select(RuleStatus::ALL),
            expiration,
            abort,
            (classes(), when(0..20, by_date)),
            (classes(), 0_u32..20, keep()),
            prop::option::of((20_u32..40, keep())),
        )
            .prop_map(|(filter, status, expiration, abort_after_days, current, noncurrent, end)| {
                LifecycleRule {
                    id: None,
                    status,
                    filter,
                    expiration: Some(expiration),
                    transitions: current
                        .0
                        .into_iter()
                        .map(|storage_class| Transition { when: current.1, storage_class })
                        .collect(),
                    noncurrent_expiration: end
                        .map(|(days, keep_newer)| NoncurrentExpiration { days, keep_newer }),
                    noncurrent_transitions: noncurrent
                        .0
                        .into_iter()
                        .map(|storage_class| NoncurrentTransition {
                            days: noncurrent.1,
                            keep_newer: noncurrent.2,
                            storage_class,
                        })
                        .collect(),
                    abort_after_days,
                }
            })
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(rules in prop::collection::vec(any_rule(), 1..4)) {
        let mut configuration = LifecycleConfiguration { rules };
        let mut next = 0;
        configuration.fill_ids(|| { next += 1; format!("rule <{next}>") });
        prop_assert_eq!(LifecycleConfiguration::parse(configuration.to_xml().as_bytes()), Ok(configuration));
    }
}
