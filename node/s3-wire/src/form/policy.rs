//! The policy of a form: until when it may be used, and what its fields and its file may be.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::{ErrorCode, S3Error};
use crate::form::Form;
use crate::form::json::{self, Value};
use crate::request::MAX_OBJECT_PART_LEN;
use crate::time::parse_amz_date;

/// Fields that need no condition: those of the signature itself, and the file.
const EXEMPT: &[&str] = &["awsaccesskeyid", "file", "policy", "signature", "x-amz-signature"];
/// Fields that need none either. A checksum only says what the file must be.
const EXEMPT_PREFIXES: &[&str] = &["x-ignore-", "x-amz-checksum-"];

/// A policy document, whose signature is a [`Claim`](crate::form::Claim)'s to verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    expires_ms: u64,
    conditions: Vec<Condition>,
    length: LengthRange,
}

/// How many bytes a file may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LengthRange {
    min: u64,
    max: u64,
}

/// What one field must be.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    matching: Matching,
    /// The name as it was written, without `$`; names are compared in lower case.
    field: String,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Matching {
    Equal,
    StartsWith,
}

impl Policy {
    /// Reads the base64 of a policy: `InvalidPolicyDocument` if it is malformed, or says anything
    /// that is not understood, as to ignore that would be to allow what it forbids.
    pub fn parse(base64: &str) -> Result<Self, S3Error> {
        // Encoders may break lines, and HTML keeps them.
        let base64: String = base64.chars().filter(|char| !char.is_ascii_whitespace()).collect();
        let text = STANDARD.decode(base64).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let Some(Value::Object(members)) = text.as_deref().and_then(json::parse) else {
            return Err(invalid("Invalid JSON."));
        };
        let mut expires_ms = None;
        let mut conditions = None;
        for (name, value) in members {
            match (name.as_str(), value) {
                ("expiration", Value::Text(text)) => {
                    let fault = || invalid(&format!("Invalid 'expiration' value: '{text}'"));
                    expires_ms = Some(parse_expiration(&text).ok_or_else(fault)?);
                }
                ("conditions", Value::List(values)) => conditions = Some(values),
                ("expiration" | "conditions", _) => return Err(invalid(&format!("Invalid '{name}' value"))),
                _ => return Err(invalid(&format!("Unexpected: '{name}'"))),
            }
        }
        let mut policy = Self {
            expires_ms: expires_ms.ok_or_else(|| invalid("Policy missing expiration."))?,
            conditions: Vec::new(),
            length: LengthRange::UP_TO_LARGEST,
        };
        for value in conditions.ok_or_else(|| invalid("Policy missing conditions."))? {
            policy.add(value)?;
        }
        Ok(policy)
    }

    /// Holds a form sent to `bucket` against the policy, and gives what its file may be.
    ///
    /// `AccessDenied` if the policy has expired, if a condition does not hold, or if a field has no
    /// condition.
    pub fn check(&self, form: &Form, bucket: &str, now_ms: u64) -> Result<LengthRange, S3Error> {
        if now_ms >= self.expires_ms {
            return Err(denied("Policy expired."));
        }
        let mut covered = BTreeSet::new();
        for condition in &self.conditions {
            let name = condition.field.to_ascii_lowercase();
            // The bucket is the one the request was sent to, whatever a field says.
            let value = if name == "bucket" { bucket } else { form.get(&name).unwrap_or("") };
            if !condition.holds(&name, value) {
                return Err(denied(&format!("Policy Condition failed: {condition}")));
            }
            covered.insert(name);
        }
        let needs = |name: &str| {
            !EXEMPT.contains(&name) && !EXEMPT_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        };
        let names = form.fields().map(|(name, _)| name).chain(["bucket"]);
        match names.filter(|name| needs(name)).find(|name| !covered.contains(*name)) {
            Some(extra) => Err(denied(&format!("Extra input fields: {extra}"))),
            None => Ok(self.length),
        }
    }

    fn add(&mut self, value: Value) -> Result<(), S3Error> {
        match value {
            Value::Object(members) => {
                let Ok([(field, value)]) = <[_; 1]>::try_from(members) else {
                    return Err(invalid(
                        "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.",
                    ));
                };
                let Value::Text(value) = value else {
                    return Err(invalid("Invalid Simple-Condition: value must be a string."));
                };
                self.conditions.push(Condition { matching: Matching::Equal, field, value });
                Ok(())
            }
            Value::List(values) => self.add_list(values),
            _ => Err(invalid("Invalid Condition: must be an object or a list.")),
        }
    }

    fn add_list(&mut self, values: Vec<Value>) -> Result<(), S3Error> {
        let fault = |operator: &str| invalid(&format!("Invalid {operator} Condition: wrong arguments."));
        let Ok([Value::Text(operator), first, second]) = <[_; 3]>::try_from(values) else {
            return Err(fault("list"));
        };
        let matching = match operator.to_ascii_lowercase().as_str() {
            "eq" => Matching::Equal,
            "starts-with" => Matching::StartsWith,
            "content-length-range" => {
                let (min, max) = (length(&first), length(&second));
                let (min, max) = min.zip(max).ok_or_else(|| fault(&operator))?;
                self.length.min = self.length.min.max(min);
                self.length.max = self.length.max.min(max);
                return Ok(());
            }
            _ => return Err(invalid(&format!("Unknown Condition: '{operator}'"))),
        };
        let (Value::Text(field), Value::Text(value)) = (first, second) else { return Err(fault(&operator)) };
        let field = field.strip_prefix('$').ok_or_else(|| fault(&operator))?.to_owned();
        self.conditions.push(Condition { matching, field, value });
        Ok(())
    }
}

impl LengthRange {
    /// All that one upload may have.
    pub(super) const UP_TO_LARGEST: Self = Self { min: 0, max: MAX_OBJECT_PART_LEN };

    /// The most bytes, never more than one upload may have.
    pub fn most(&self) -> u64 {
        self.max.min(MAX_OBJECT_PART_LEN)
    }

    /// Checks how much of a file has come so far: `EntityTooLarge` if that is too much already.
    pub fn check_so_far(&self, len: u64) -> Result<(), S3Error> {
        if len <= self.max {
            return Ok(());
        }
        Err(S3Error::new(ErrorCode::EntityTooLarge)
            .field("ProposedSize", len.to_string())
            .field("MaxSizeAllowed", self.max.to_string()))
    }

    /// Checks the length of the whole file: `EntityTooLarge`, `EntityTooSmall`.
    pub fn check(&self, len: u64) -> Result<(), S3Error> {
        self.check_so_far(len)?;
        if len >= self.min {
            return Ok(());
        }
        Err(S3Error::new(ErrorCode::EntityTooSmall)
            .field("ProposedSize", len.to_string())
            .field("MinSizeAllowed", self.min.to_string()))
    }
}

impl Condition {
    fn holds(&self, name: &str, value: &str) -> bool {
        match self.matching {
            Matching::Equal => value == self.value,
            // Several types may be given, and each must begin so.
            Matching::StartsWith if name == "content-type" => {
                value.split(',').all(|value| value.trim_start().starts_with(&self.value))
            }
            Matching::StartsWith => value.starts_with(&self.value),
        }
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let operator = match self.matching {
            Matching::Equal => "eq",
            Matching::StartsWith => "starts-with",
        };
        write!(f, "[\"{operator}\", \"${}\", \"{}\"]", self.field, self.value)
    }
}

/// A length, which some clients write as text.
fn length(value: &Value) -> Option<u64> {
    let (Value::Number(text) | Value::Text(text)) = value else { return None };
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // A number too large to hold is more than any file has.
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Reads `2007-12-01T12:00:00.000Z`, with or without a fraction of a second, which is dropped.
fn parse_expiration(text: &str) -> Option<u64> {
    let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let punctuated = |text: &str, mark: u8, places: [usize; 2]| {
        text.is_ascii() && places.iter().all(|place| text.as_bytes().get(*place) == Some(&mark))
    };
    let proper = date.len() == 10
        && punctuated(date, b'-', [4, 7])
        && clock.len() == 8
        && punctuated(clock, b':', [2, 5])
        && (1..=9).contains(&fraction.len())
        && fraction.bytes().all(|byte| byte.is_ascii_digit());
    proper
        .then(|| format!("{}T{}Z", date.replace('-', ""), clock.replace(':', "")))
        .as_deref()
        .and_then(parse_amz_date)
}

fn invalid(detail: &str) -> S3Error {
    S3Error::with_message(ErrorCode::InvalidPolicyDocument, format!("Invalid Policy: {detail}"))
}

fn denied(detail: &str) -> S3Error {
    S3Error::with_message(ErrorCode::AccessDenied, format!("Invalid according to Policy: {detail}"))
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
