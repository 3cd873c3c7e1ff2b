//! What is known about a request, for conditions and policy variables.

use std::collections::BTreeMap;

use crate::policy::Requester;
use crate::policy::key::ConditionKey;

/// The `aws:userid` of requests that nobody signed.
pub(super) const ANONYMOUS_ID: &str = "anonymous";

/// Values by condition key. The caller says all that it knows; what is not said is unknown, and
/// most conditions on it do not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    values: BTreeMap<ConditionKey, Vec<String>>,
}

impl Context {
    /// What follows from who asks: `aws:username`, `aws:userid`, `aws:PrincipalType`,
    /// `aws:PrincipalAccount`, `aws:PrincipalArn`, `aws:PrincipalIsAWSService`.
    pub fn of(requester: Requester<'_>) -> Self {
        let mut context = Self::default();
        let mut set = |key: &str, value: &str| context.set(key, value);
        match requester {
            Requester::Anonymous => {
                set("aws:PrincipalType", "Anonymous");
                set("aws:userid", ANONYMOUS_ID);
            }
            Requester::User { id, name } => {
                set("aws:PrincipalType", "User");
                set("aws:PrincipalAccount", id);
                set("aws:PrincipalArn", &format!("arn:aws:iam:::user/{name}"));
                set("aws:userid", id);
                set("aws:username", name);
            }
            Requester::Service(name) => {
                set("aws:PrincipalServiceName", name);
            }
            Requester::Operator => {}
        }
        let service = matches!(requester, Requester::Service(_));
        set("aws:PrincipalIsAWSService", if service { "true" } else { "false" });
        set("aws:ViaAWSService", "false");
        context
    }

    /// Sets the only value of a key, such as `s3:prefix`. The case of the name does not matter, but
    /// for the key of a tag.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.values.insert(ConditionKey::new(key), vec![value.into()]);
    }

    /// Adds a value to a key that may have many, such as `s3:RequestObjectTagKeys`.
    pub fn push(&mut self, key: &str, value: impl Into<String>) {
        self.values.entry(ConditionKey::new(key)).or_default().push(value.into());
    }

    /// The values of a key; none if it is unknown.
    pub fn get(&self, key: &str) -> &[String] {
        self.values_of(&ConditionKey::new(key))
    }

    /// The names of what is known.
    #[cfg(test)]
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(ConditionKey::as_str)
    }

    pub(super) fn values_of(&self, key: &ConditionKey) -> &[String] {
        self.values.get(key).map_or(&[], Vec::as_slice)
    }

    /// The value of a policy variable, which stands for a key that has exactly one.
    pub(super) fn variable(&self, key: &ConditionKey) -> Option<&str> {
        match self.values_of(key) {
            [value] => Some(value),
            _ => None,
        }
    }
}
