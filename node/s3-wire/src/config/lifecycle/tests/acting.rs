//! What is done with versions and uploads, and when.

use std::num::NonZeroU64;

use proptest::prelude::*;

use crate::config::lifecycle::*;
use crate::config::tagging::TagSet;

/// A day of the rules, and what has passed of each case when it is asked about.
const DAY: u64 = 10_000;
const WRITTEN: u64 = 1_369_353_600_000;

fn short() -> DayLength {
    DayLength::Shortened(NonZeroU64::new(DAY).unwrap())
}

fn configuration(rules: &[(&str, &str)]) -> LifecycleConfiguration {
    let rules: String = rules
        .iter()
        .map(|(id, actions)| {
            format!("<Rule><ID>{id}</ID><Status>Enabled</Status><Prefix>k</Prefix>{actions}</Rule>")
        })
        .collect();
    LifecycleConfiguration::parse(
        format!("<LifecycleConfiguration>{rules}</LifecycleConfiguration>").as_bytes(),
    )
    .unwrap()
}

fn facts<'a>(tags: &'a TagSet, storage_class: &'a str, standing: VersionStanding) -> VersionFacts<'a> {
    VersionFacts { key: "key", size: 3, tags, storage_class, modified_ms: WRITTEN, standing }
}

/// What is done after so many days, written short.
fn after(rules: &[(&str, &str)], class: &str, standing: VersionStanding, days: u64) -> String {
    let tags = TagSet::default();
    let configuration = configuration(rules);
    let plan = configuration.action_on(&facts(&tags, class, standing), WRITTEN + days * DAY, short());
    plan.map(|plan| format!("{:?} by {}", plan.action, plan.rule_id)).unwrap_or_default()
}

fn noncurrent(newer: u32) -> VersionStanding {
    VersionStanding::Noncurrent { since_ms: WRITTEN, newer, is_marker: false }
}

const EXPIRE_5: &str = "<Expiration><Days>5</Days></Expiration>";

#[test]
fn objects_expire_after_their_days_and_others_do_not() {
    let current = VersionStanding::Current;
    assert_eq!(after(&[("r", EXPIRE_5)], "STANDARD", current, 4), "");
    assert_eq!(after(&[("r", EXPIRE_5)], "STANDARD", current, 5), "Expire by r");
    let marker = VersionStanding::CurrentMarker { is_only_version: false };
    assert_eq!(after(&[("r", EXPIRE_5)], "STANDARD", marker, 9), "");
    assert_eq!(after(&[("r", EXPIRE_5)], "STANDARD", noncurrent(0), 9), "");
    // The earlier of two.
    let rules = [("late", EXPIRE_5), ("soon", "<Expiration><Days>2</Days></Expiration>")];
    assert_eq!(after(&rules, "STANDARD", current, 9), "Expire by soon");
    let tags = TagSet::default();
    let mut disabled = configuration(&[("r", EXPIRE_5)]);
    disabled.rules[0].status = RuleStatus::Disabled;
    assert_eq!(disabled.action_on(&facts(&tags, "STANDARD", current), u64::MAX, short()), None);
    let other = VersionFacts { key: "other", ..facts(&tags, "STANDARD", current) };
    assert_eq!(configuration(&[("r", EXPIRE_5)]).action_on(&other, u64::MAX, short()), None);
}

#[test]
fn dates_hold_from_that_day_on() {
    let date = |date: &str| format!("<Expiration><Date>{date}T00:00:00Z</Date></Expiration>");
    let current = VersionStanding::Current;
    assert_eq!(after(&[("r", &date("2013-05-24"))], "STANDARD", current, 0), "Expire by r");
    assert_eq!(after(&[("r", &date("2013-05-25"))], "STANDARD", current, 0), "");
}

#[test]
fn a_delete_marker_goes_when_it_is_alone() {
    let expired = "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>";
    let never = "<Expiration><ExpiredObjectDeleteMarker>false</ExpiredObjectDeleteMarker></Expiration>";
    let alone = VersionStanding::CurrentMarker { is_only_version: true };
    let above = VersionStanding::CurrentMarker { is_only_version: false };
    assert_eq!(after(&[("r", expired)], "", alone, 0), "RemoveDeleteMarker by r");
    assert_eq!(after(&[("r", expired)], "", above, 9), "");
    assert_eq!(after(&[("r", never)], "", alone, 9), "");
    assert_eq!(after(&[("r", EXPIRE_5)], "", alone, 4), "");
    assert_eq!(after(&[("r", EXPIRE_5)], "", alone, 5), "RemoveDeleteMarker by r");
}

#[test]
fn noncurrent_versions_end_but_the_newest_stay() {
    let end = "<NoncurrentVersionExpiration><NewerNoncurrentVersions>5</NewerNoncurrentVersions>\
               <NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>";
    assert_eq!(after(&[("r", end)], "STANDARD", noncurrent(5), 0), "");
    assert_eq!(after(&[("r", end)], "STANDARD", noncurrent(5), 1), "ExpireVersion by r");
    assert_eq!(after(&[("r", end)], "STANDARD", noncurrent(4), 99), "");
    assert_eq!(after(&[("r", end)], "STANDARD", VersionStanding::Current, 99), "");
}

#[test]
fn objects_move_down_the_chain_and_never_back() {
    let to = |days: u32, class: &str| {
        format!("<Transition><Days>{days}</Days><StorageClass>{class}</StorageClass></Transition>")
    };
    let chain = to(1, "WARM") + &to(7, "COLD");
    let two =
        [("a", to(1, "WARM")), ("b", to(7, "COLD")), ("c", "<Expiration><Days>9</Days></Expiration>".into())];
    let two = two.each_ref().map(|(id, rule)| (*id, rule.as_str()));
    for (class, days, one_rule, two_rules) in [
        ("STANDARD", 0, "", ""),
        ("STANDARD", 1, "TransitionTo(\"WARM\") by r", "TransitionTo(\"WARM\") by a"),
        ("WARM", 6, "", ""),
        ("WARM", 7, "TransitionTo(\"COLD\") by r", "TransitionTo(\"COLD\") by b"),
        ("STANDARD", 8, "TransitionTo(\"COLD\") by r", "TransitionTo(\"COLD\") by b"),
        ("COLD", 8, "", ""),
        // It was put there by its writer, before its time.
        ("COLD", 2, "", ""),
        ("COLD", 9, "", "Expire by c"),
    ] {
        let current = VersionStanding::Current;
        assert_eq!(after(&[("r", &chain)], class, current, days), one_rule, "{class} {days}");
        assert_eq!(after(&two, class, current, days), two_rules, "{class} {days}");
    }
}

#[test]
fn noncurrent_versions_move_and_then_end() {
    let rule = "<NoncurrentVersionTransition><NoncurrentDays>1</NoncurrentDays><StorageClass>WARM</StorageClass>\
                </NoncurrentVersionTransition><NoncurrentVersionExpiration><NoncurrentDays>9</NoncurrentDays>\
                </NoncurrentVersionExpiration>";
    assert_eq!(after(&[("r", rule)], "STANDARD", noncurrent(0), 1), "TransitionTo(\"WARM\") by r");
    assert_eq!(after(&[("r", rule)], "WARM", noncurrent(0), 8), "");
    assert_eq!(after(&[("r", rule)], "WARM", noncurrent(0), 9), "ExpireVersion by r");
    let marker = VersionStanding::Noncurrent { since_ms: WRITTEN, newer: 0, is_marker: true };
    assert_eq!(after(&[("r", rule)], "", marker, 8), "");
    assert_eq!(after(&[("r", rule)], "", marker, 9), "ExpireVersion by r");
}

#[test]
fn uploads_are_aborted_after_their_days() {
    let abort = "<AbortIncompleteMultipartUpload><DaysAfterInitiation>2</DaysAfterInitiation></AbortIncompleteMultipartUpload>";
    let configuration = configuration(&[("r 1", abort)]);
    let upload = UploadFacts { key: "key", initiated_ms: WRITTEN + 1 };
    assert_eq!(configuration.aborts(&upload, WRITTEN + 2 * DAY, short()), None);
    assert_eq!(configuration.aborts(&upload, WRITTEN + 2 * DAY + 1, short()), Some("r 1"));
    assert_eq!(configuration.aborts(&UploadFacts { key: "x", ..upload }, u64::MAX, short()), None);
    assert_eq!(
        configuration.abort_headers(&upload),
        Some(("Mon, 27 May 2013 00:00:00 GMT".into(), "r%201".into()))
    );
}

#[test]
fn the_header_tells_the_day_and_the_rule() {
    let tags = TagSet::default();
    let configuration =
        configuration(&[("late", EXPIRE_5), ("r/1", "<Expiration><Days>1</Days></Expiration>")]);
    let written =
        VersionFacts { modified_ms: WRITTEN + 1, ..facts(&tags, "STANDARD", VersionStanding::Current) };
    assert_eq!(
        configuration.expiration_header(&written).as_deref(),
        Some("expiry-date=\"Sun, 26 May 2013 00:00:00 GMT\", rule-id=\"r%2F1\"")
    );
    assert_eq!(configuration.expiration_header(&facts(&tags, "STANDARD", noncurrent(0))), None);
    assert_eq!(configuration.expiration_header(&VersionFacts { key: "x", ..written }), None);
}

proptest! {
    #[test]
    fn nothing_is_done_that_is_not_due(modified_ms: u64, now_ms: u64, newer: u32, length in 1_u64..) {
        let rule = "<NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays></NoncurrentVersionExpiration>";
        let configuration = configuration(&[("r", rule), ("s", EXPIRE_5)]);
        let tags = TagSet::default();
        for standing in [
            VersionStanding::Current,
            VersionStanding::CurrentMarker { is_only_version: true },
            VersionStanding::Noncurrent { since_ms: modified_ms, newer, is_marker: false },
        ] {
            let facts = VersionFacts { modified_ms, ..facts(&tags, "STANDARD", standing) };
            for day in [DayLength::Real, DayLength::Shortened(NonZeroU64::new(length).unwrap())] {
                if let Some(plan) = configuration.action_on(&facts, now_ms, day) {
                    prop_assert!(plan.due_ms <= now_ms && plan.due_ms >= modified_ms);
                }
            }
            configuration.expiration_header(&facts);
        }
    }
}
