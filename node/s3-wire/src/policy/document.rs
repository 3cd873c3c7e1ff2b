//! A whole policy.

use std::collections::BTreeSet;

use crate::error::S3Error;
use crate::policy::json::{Json, text_member};
use crate::policy::pattern::Variables;
use crate::policy::refusal::{malformed, missing, not_json};
use crate::policy::statement::{Effect, Statement};
use crate::policy::verdict::{Asked, Verdict};

/// The longest policy, in bytes.
pub const MAX_POLICY_LEN: usize = 20 << 10;

/// The policy of a bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    pub(super) statements: Vec<Statement>,
}

impl Policy {
    /// Reads a policy for the bucket of that name.
    ///
    /// `MalformedPolicy`, in the words of AWS where they are known, for what is not a policy or
    /// speaks of other buckets, unknown actions, operators or condition keys. Whether users that it
    /// names exist is not looked at.
    pub fn parse(text: &str, bucket: &str) -> Result<Self, S3Error> {
        if text.len() > MAX_POLICY_LEN {
            return Err(malformed("Your policy exceeds the maximum allowed document size")
                .field("MaxSizeAllowed", MAX_POLICY_LEN.to_string()));
        }
        if !text.trim_start().starts_with('{') {
            return Err(not_json());
        }
        let json = Json::parse(text)?;
        let mut variables = Variables::Off;
        let mut statements = None;
        for (name, value) in json.members().ok_or_else(not_json)? {
            match name.as_str() {
                "Version" => {
                    variables = match value.text() {
                        Some("2012-10-17") => Variables::On,
                        Some("2008-10-17") => Variables::Off,
                        _ => return Err(malformed("The policy must contain a valid version string")),
                    };
                }
                "Id" => {
                    text_member(name, value)?;
                }
                "Statement" => statements = Some(value.one_or_many()),
                _ => return Err(malformed(format!("Unknown field {name}"))),
            }
        }
        let statements = statements.ok_or_else(|| missing("Statement"))?;
        if statements.is_empty() {
            return Err(malformed("Statement is empty!"));
        }
        let read = |(index, json)| Statement::parse(json, index + 1, bucket, variables);
        let statements = statements.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
        let mut sids = BTreeSet::new();
        if !statements.iter().filter_map(|statement| statement.sid.as_ref()).all(|sid| sids.insert(sid)) {
            return Err(malformed("Statement IDs (SID) in a single policy must be unique"));
        }
        Ok(Self { statements })
    }

    /// `MalformedPolicy` if a statement names an action that can be done on none of its resources,
    /// such as `s3:GetObject` on the bucket itself. AWS refuses such a policy; other servers keep
    /// it, and clients exist that count on that, so the caller chooses.
    pub fn check_actions_apply(&self) -> Result<(), S3Error> {
        if self.statements.iter().all(|statement| statement.applies) {
            return Ok(());
        }
        Err(malformed("Action does not apply to any resource(s) in statement"))
    }

    /// `MalformedPolicy` if a statement that forbids does so on a condition key that no request has
    /// here: it would never forbid anything. To be asked of new policies; there may be old ones.
    pub fn check_denials(&self) -> Result<(), S3Error> {
        match self.statements.iter().find_map(Statement::forbids_in_vain) {
            None => Ok(()),
            Some(key) => Err(malformed(format!(
                "A Deny on the condition key {key}, which no request has here, would not deny anything"
            ))
            .field("Detail", key.as_str())),
        }
    }

    /// What it says to a request: one statement that forbids outweighs all that allow.
    pub fn evaluate(&self, asked: &Asked<'_>) -> Verdict {
        let path = asked.resource.to_string();
        let mut verdict = Verdict::Silent;
        for statement in &self.statements {
            if statement.effect == Effect::Allow && verdict != Verdict::Silent {
                continue;
            }
            match (statement.speaks_of(asked, &path), statement.effect) {
                (Some(by), Effect::Deny) => return Verdict::Deny(by),
                (Some(by), Effect::Allow) => verdict = Verdict::Allow(by),
                (None, _) => {}
            }
        }
        verdict
    }
}
