//! The operators of conditions, by name.

use std::cmp::Ordering;

/// How a value of the request is compared with one of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Text,
    TextIgnoringCase,
    Like,
    Number(Relation),
    Moment(Relation),
    Flag,
    Bytes,
    Address,
    /// Part by part, with wildcards in each.
    Arn,
    /// Whether the key is unknown.
    Unknown,
}

/// How two things in order must lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Relation {
    /// Whether the value of the request lies so to that of the policy.
    pub(super) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// Whether a value must be among those of the policy, or must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Polarity {
    Among,
    NotAmong,
}

/// What of several values of a request must pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantifier {
    /// No prefix: one of them, or all if they must not be among those of the policy.
    Plain,
    /// `ForAllValues:`: all, so that none will do too.
    All,
    /// `ForAnyValue:`: one.
    Any,
}

/// What becomes of a condition on something unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IfUnknown {
    /// As the operator has it.
    Judge,
    /// `...IfExists`: it holds.
    Pass,
}

/// An operator in all its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operator {
    pub(super) test: Test,
    pub(super) polarity: Polarity,
    pub(super) quantifier: Quantifier,
    pub(super) if_unknown: IfUnknown,
}

const NAMES: &[(&str, Test, Polarity)] = &[
    ("ArnEquals", Test::Arn, Polarity::Among),
    ("ArnLike", Test::Arn, Polarity::Among),
    ("ArnNotEquals", Test::Arn, Polarity::NotAmong),
    ("ArnNotLike", Test::Arn, Polarity::NotAmong),
    ("BinaryEquals", Test::Bytes, Polarity::Among),
    ("Bool", Test::Flag, Polarity::Among),
    ("DateEquals", Test::Moment(Relation::Equal), Polarity::Among),
    ("DateGreaterThan", Test::Moment(Relation::Greater), Polarity::Among),
    ("DateGreaterThanEquals", Test::Moment(Relation::GreaterOrEqual), Polarity::Among),
    ("DateLessThan", Test::Moment(Relation::Less), Polarity::Among),
    ("DateLessThanEquals", Test::Moment(Relation::LessOrEqual), Polarity::Among),
    ("DateNotEquals", Test::Moment(Relation::Equal), Polarity::NotAmong),
    ("IpAddress", Test::Address, Polarity::Among),
    ("NotIpAddress", Test::Address, Polarity::NotAmong),
    ("Null", Test::Unknown, Polarity::Among),
    ("NumericEquals", Test::Number(Relation::Equal), Polarity::Among),
    ("NumericGreaterThan", Test::Number(Relation::Greater), Polarity::Among),
    ("NumericGreaterThanEquals", Test::Number(Relation::GreaterOrEqual), Polarity::Among),
    ("NumericLessThan", Test::Number(Relation::Less), Polarity::Among),
    ("NumericLessThanEquals", Test::Number(Relation::LessOrEqual), Polarity::Among),
    ("NumericNotEquals", Test::Number(Relation::Equal), Polarity::NotAmong),
    ("StringEquals", Test::Text, Polarity::Among),
    ("StringEqualsIgnoreCase", Test::TextIgnoringCase, Polarity::Among),
    ("StringLike", Test::Like, Polarity::Among),
    ("StringNotEquals", Test::Text, Polarity::NotAmong),
    ("StringNotEqualsIgnoreCase", Test::TextIgnoringCase, Polarity::NotAmong),
    ("StringNotLike", Test::Like, Polarity::NotAmong),
];

impl Operator {
    /// The operator of that name, its prefix and suffix included.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        let (quantifier, rest) = match name.split_once(':') {
            None => (Quantifier::Plain, name),
            Some(("ForAllValues", rest)) => (Quantifier::All, rest),
            Some(("ForAnyValue", rest)) => (Quantifier::Any, rest),
            Some(_) => return None,
        };
        let (if_unknown, rest) = match rest.strip_suffix("IfExists") {
            Some(rest) => (IfUnknown::Pass, rest),
            None => (IfUnknown::Judge, rest),
        };
        let (_, test, polarity) = NAMES.iter().copied().find(|(known, ..)| *known == rest)?;
        // To ask whether something exists if it exists makes no sense, nor to ask it of each value.
        let plain = quantifier == Quantifier::Plain && if_unknown == IfUnknown::Judge;
        (plain || test != Test::Unknown).then_some(Self { test, polarity, quantifier, if_unknown })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_and_suffix_are_told_from_the_name() {
        assert_eq!(
            Operator::from_name("ForAllValues:StringNotLikeIfExists"),
            Some(Operator {
                test: Test::Like,
                polarity: Polarity::NotAmong,
                quantifier: Quantifier::All,
                if_unknown: IfUnknown::Pass,
            })
        );
        for name in ["", "StringMatches", "stringequals", "IfExists", "NullIfExists", "ForAllValues:Null"] {
            assert_eq!(Operator::from_name(name), None, "{name}");
        }
        assert!(Operator::from_name("ForEach:StringLike").is_none());
    }
}
