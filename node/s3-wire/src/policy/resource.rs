//! What an action is done on, and the patterns that name it.

use std::fmt;

use crate::error::S3Error;
use crate::policy::context::Context;
use crate::policy::key::ConditionKey;
use crate::policy::pattern::{Pattern, Syntax, Variables, Wildcards};
use crate::policy::refusal::invalid_resource;

/// A bucket, or an object in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Resource<'a> {
    /// The name of the bucket.
    pub bucket: &'a str,
    /// The key of the object; `None` for the bucket itself.
    pub key: Option<&'a str>,
}

impl fmt::Display for Resource<'_> {
    /// As it stands in an ARN, after the last colon.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key {
            Some(key) => write!(f, "{}/{key}", self.bucket),
            None => f.write_str(self.bucket),
        }
    }
}

/// An ARN of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ResourcePattern {
    pattern: Pattern,
    reach: Reach,
}

/// What a pattern may fit at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) bucket: bool,
    pub(super) objects: bool,
}

impl ResourcePattern {
    /// Reads `arn:aws:s3:::bucket` or `arn:aws:s3:::bucket/key`, which must be of this bucket or
    /// have wildcards that let it fit.
    pub(super) fn parse(text: &str, bucket: &str, variables: Variables) -> Result<Self, S3Error> {
        let path = ["aws", "aws-cn", "aws-us-gov"]
            .iter()
            .find_map(|partition| text.strip_prefix("arn:")?.strip_prefix(partition)?.strip_prefix(":s3:::"))
            .ok_or_else(invalid_resource)?;
        let syntax = Syntax { wildcards: Wildcards::On, variables };
        let pattern = Pattern::parse(path, syntax).map_err(|_| invalid_resource())?;
        // No bucket has a variable in its name, so only what follows may.
        let (head, key) = path.split_once('/').map_or((path, None), |(head, key)| (head, Some(key)));
        let of_bucket = Pattern::parse(head, Syntax { wildcards: Wildcards::On, variables: Variables::Off })
            .is_ok_and(|head| head.matches(bucket, &Context::default()));
        if !of_bucket {
            return Err(invalid_resource());
        }
        let reach = Reach { bucket: key.is_none(), objects: key.is_some() || head.ends_with('*') };
        Ok(Self { pattern, reach })
    }

    pub(super) fn reach(&self) -> Reach {
        self.reach
    }

    /// A variable in it that never has a value.
    pub(super) fn empty_variable(&self) -> Option<&ConditionKey> {
        self.pattern.empty_variable()
    }

    /// Whether the resource is meant. `path` is [`Resource`] as written.
    pub(super) fn matches(&self, path: &str, context: &Context) -> bool {
        self.pattern.matches(path, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(text: &str) -> Option<(bool, bool)> {
        let reach = ResourcePattern::parse(text, "photos", Variables::On).ok()?.reach();
        Some((reach.bucket, reach.objects))
    }

    #[test]
    fn resources_must_lie_in_the_bucket() {
        for (text, expected) in [
            ("arn:aws:s3:::photos", Some((true, false))),
            ("arn:aws:s3:::photos/*", Some((false, true))),
            ("arn:aws:s3:::photos/home/${aws:username}/*", Some((false, true))),
            ("arn:aws-cn:s3:::photos*", Some((true, true))),
            ("arn:aws:s3:::*", Some((true, true))),
            ("arn:aws:s3:::*/*", Some((false, true))),
            ("arn:aws:s3:::ph?tos", Some((true, false))),
            ("*", None),
            ("photos", None),
            ("arn:aws:s3:::", None),
            ("arn:aws:s3:::photo", None),
            ("arn:aws:s3:::videos/*", None),
            ("arn:aws:s3:::${aws:username}", None),
            ("arn:aws:s3:eu-west-1::photos", None),
            ("arn:aws:s3:::photos/${", None),
            ("arn:aws:s3:::photos/${aws:nothing}", None),
        ] {
            assert_eq!(reach(text), expected, "{text}");
        }
    }
}
