use super::*;
use crate::policy::Requester;
use proptest::prelude::*;

const LIKE: Syntax = Syntax { wildcards: Wildcards::On, variables: Variables::On };

fn matches(pattern: &str, value: &str) -> bool {
    let context = Context::of(Requester::User { id: "1", name: "a*n" });
    Pattern::parse(pattern, LIKE).unwrap().matches(value, &context)
}

/// The obvious matcher, which may take forever.
fn slow(pattern: &[char], value: &[char]) -> bool {
    match (pattern.split_first(), value.split_first()) {
        (None, None) => true,
        (Some(('*', rest)), _) if slow(rest, value) => true,
        (Some(('*', _)), Some((_, after))) => slow(pattern, after),
        (Some(('?', rest)), Some((_, after))) => slow(rest, after),
        (Some((wanted, rest)), Some((found, after))) => wanted == found && slow(rest, after),
        _ => false,
    }
}

#[test]
fn wildcards_stand_for_what_they_stand_for() {
    for (pattern, value, expected) in [
        ("", "", true),
        ("*", "", true),
        ("?", "", false),
        ("a*c", "abbc", true),
        ("a*c", "ac", true),
        ("a*a", "a", false),
        ("*.jpg", "x/y.jpg", true),
        ("?é?", "éééé", false),
        ("?é?", "aéb", true),
        ("*a?c*", "xxabcx", true),
        ("**", "anything", true),
    ] {
        assert_eq!(matches(pattern, value), expected, "{pattern} {value}");
    }
}

#[test]
fn variables_are_filled_in_and_hold_no_wildcards() {
    assert!(matches("home/${aws:username}/*", "home/a*n/x"));
    assert!(!matches("home/${aws:username}/*", "home/aen/x"));
    assert!(matches("${*}${?}${$}{", "*?${"));
    assert!(!matches("${*}", "x"));
    assert!(!matches("${s3:prefix}", ""));
    assert!(matches("${s3:prefix, 'none'}", "none"));
    for pattern in ["${", "${aws:nothing}", "${aws:username", "${aws:username, x}", "${}"] {
        assert_eq!(Pattern::parse(pattern, LIKE), Err(BadPattern), "{pattern}");
    }
    let old = Syntax { variables: Variables::Off, ..LIKE };
    assert!(Pattern::parse("${aws:username}", old).unwrap().matches("${aws:username}", &Context::default()));
}

#[test]
fn texts_without_wildcards_are_compared_as_they_are() {
    let plain = Pattern::parse("a*?", Syntax { wildcards: Wildcards::Off, ..LIKE }).unwrap();
    assert!(plain.matches("a*?", &Context::default()));
    assert!(!plain.matches("axx", &Context::default()));
    assert!(plain.matches_ignoring_case("A*?", &Context::default()));
    assert!(plain.is_fixed());
    let sigmas = Pattern::parse("ὈΔΥΣΣΕΎΣ", LIKE).unwrap();
    assert!(sigmas.matches_ignoring_case("ὀδυσσεύς", &Context::default()));
    assert!(!sigmas.matches_ignoring_case("ὀδυσσεύ", &Context::default()));
    let named = Pattern::parse("HOME/${aws:username}", LIKE).unwrap();
    let ann = Context::of(Requester::User { id: "1", name: "ann" });
    assert!(named.matches_ignoring_case("home/ANN", &ann));
    assert!(!named.matches_ignoring_case("home/", &Context::default()));
    assert!(!Pattern::parse("${aws:userid}", LIKE).unwrap().is_fixed());
}

#[test]
fn hostile_patterns_take_no_time() {
    let value = "a".repeat(100_000);
    assert!(!matches(&"a*".repeat(10_000), &"a".repeat(9_000)));
    assert!(!matches(&format!("*{}b*", "a".repeat(10_000)), &value));
    assert!(!matches(&format!("*{}?b*", "a".repeat(60)), &value));
    assert_eq!(Pattern::parse(&format!("*{}?b*", "a".repeat(64)), LIKE), Err(BadPattern));
    for run in ["?".repeat(63) + "b", "a?".repeat(31) + "b", "?".repeat(62) + "ab"] {
        let pattern = Pattern::parse(&format!("*{run}*"), LIKE).unwrap();
        assert!(
            pattern.runs.iter().flatten().all(|run| run.parts.is_empty() || Places::of(&run.parts).is_some())
        );
        let found = (0..20).any(|_| pattern.matches(&value, &Context::default()));
        assert!(!found && pattern.matches(&format!("{value}b{value}"), &Context::default()), "{run}");
    }
}

#[test]
fn runs_with_question_marks_are_found_wherever_they_stand() {
    for (pattern, value, expected) in [
        (format!("*{}b*", "?".repeat(63)), format!("{}b", "é".repeat(63)), true),
        (format!("*{}b*", "?".repeat(63)), format!("{}b", "é".repeat(62)), false),
        ("*a?a?b*?c*".to_owned(), "aaaaaab-c".to_owned(), true),
        ("*a?b*a?b*".to_owned(), "aabb".to_owned(), false),
        // A variable makes them longer than there are bits.
        ("*${s3:prefix}?b*".to_owned(), format!("x{}xb", "a".repeat(70)), true),
        ("*${s3:prefix}?b*".to_owned(), format!("x{}xb", "a".repeat(69)), false),
        ("*${s3:prefix}?b*".to_owned(), "b".to_owned(), false),
    ] {
        let mut context = Context::default();
        context.set("s3:prefix", "a".repeat(70));
        let parsed = Pattern::parse(&pattern, LIKE).unwrap();
        assert_eq!(parsed.matches(&value, &context), expected, "{pattern} {value}");
    }
}

proptest! {
    #[test]
    fn it_agrees_with_the_obvious_matcher(pattern in "[ab*?é]{0,9}", value in "[abé]{0,9}") {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        prop_assert_eq!(matches(&pattern, &value), slow(&chars(&pattern), &chars(&value)));
    }

    #[test]
    fn arbitrary_patterns_never_panic(pattern in ".{0,40}", value in ".{0,40}") {
        if let Ok(pattern) = Pattern::parse(&pattern, LIKE) {
            pattern.matches(&value, &Context::default());
            pattern.matches_ignoring_case(&value, &Context::default());
        }
    }
}
