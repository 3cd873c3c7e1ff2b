//! Values of a policy that those of a request are compared with.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::policy::context::Context;
use crate::policy::key::ConditionKey;
use crate::policy::moment::parse_moment;
use crate::policy::network::Network;
use crate::policy::operator::{Relation, Test};
use crate::policy::pattern::{Pattern, Syntax, Variables, Wildcards};

/// A value, read as its operator needs it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Text(Pattern),
    TextIgnoringCase(Pattern),
    Number(Relation, f64),
    Moment(Relation, u64),
    Flag(bool),
    Bytes(Vec<u8>),
    Network(Network),
    Arn(Box<[Pattern; 6]>),
}

impl Operand {
    /// Reads a value; `None` if the operator cannot compare with it.
    pub(super) fn parse(test: Test, text: &str, variables: Variables) -> Option<Self> {
        let pattern = |text: &str, wildcards| Pattern::parse(text, Syntax { wildcards, variables }).ok();
        Some(match test {
            Test::Text => Self::Text(pattern(text, Wildcards::Off)?),
            Test::TextIgnoringCase => Self::TextIgnoringCase(pattern(text, Wildcards::Off)?),
            Test::Like => Self::Text(pattern(text, Wildcards::On)?),
            Test::Number(relation) => Self::Number(relation, number(text)?),
            Test::Moment(relation) => Self::Moment(relation, parse_moment(text)?),
            Test::Flag | Test::Unknown => Self::Flag(flag(text)?),
            Test::Bytes => Self::Bytes(STANDARD.decode(text).ok()?),
            Test::Address => Self::Network(Network::parse(text)?),
            Test::Arn => {
                let parts = arn_parts(text)?;
                let mut patterns = Vec::with_capacity(parts.len());
                for part in parts {
                    patterns.push(pattern(part, Wildcards::On)?);
                }
                Self::Arn(Box::new(patterns.try_into().ok()?))
            }
        })
    }

    /// Whether a value of the request compares as it should. What cannot be compared does not.
    pub(super) fn matches(&self, value: &str, context: &Context) -> bool {
        match self {
            Self::Text(pattern) => pattern.matches(value, context),
            Self::TextIgnoringCase(pattern) => pattern.matches_ignoring_case(value, context),
            Self::Number(relation, ours) => number(value)
                .and_then(|theirs| theirs.partial_cmp(ours))
                .is_some_and(|ordering| relation.holds(ordering)),
            Self::Moment(relation, ours) => {
                parse_moment(value).is_some_and(|theirs| relation.holds(theirs.cmp(ours)))
            }
            Self::Flag(ours) => flag(value) == Some(*ours),
            Self::Bytes(ours) => STANDARD.decode(value).is_ok_and(|theirs| theirs == *ours),
            Self::Network(network) => value.parse::<IpAddr>().is_ok_and(|address| network.contains(address)),
            Self::Arn(patterns) => arn_parts(value).is_some_and(|parts| {
                patterns.iter().zip(parts).all(|(pattern, part)| pattern.matches(part, context))
            }),
        }
    }

    /// A variable in it that never has a value.
    pub(super) fn empty_variable(&self) -> Option<&ConditionKey> {
        match self {
            Self::Text(pattern) | Self::TextIgnoringCase(pattern) => pattern.empty_variable(),
            Self::Arn(patterns) => patterns.iter().find_map(Pattern::empty_variable),
            Self::Number(..) | Self::Moment(..) | Self::Flag(_) | Self::Bytes(_) | Self::Network(_) => None,
        }
    }

    /// Whether it stands for few, whoever asks: what AWS calls a fixed value.
    pub(super) fn is_fixed(&self, wildcards: FixedArn) -> bool {
        match self {
            Self::Text(pattern) | Self::TextIgnoringCase(pattern) => pattern.is_fixed(),
            Self::Arn(patterns) => match wildcards {
                FixedArn::Whole => patterns.iter().all(Pattern::is_fixed),
                FixedArn::Account => patterns.get(4).is_some_and(Pattern::is_fixed_and_not_empty),
            },
            Self::Network(network) => !network.is_wide(),
            Self::Bytes(_) => true,
            Self::Number(..) | Self::Moment(..) | Self::Flag(_) => false,
        }
    }
}

/// What of an ARN must be free of wildcards for it to be a fixed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FixedArn {
    Whole,
    Account,
}

fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

fn flag(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// `arn:partition:service:region:account:resource`, the last of which may have colons.
fn arn_parts(text: &str) -> Option<[&str; 6]> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    parts.try_into().ok().filter(|parts: &[&str; 6]| parts.first() == Some(&"arn"))
}
