//! One condition of a statement.

use crate::error::S3Error;
use crate::policy::context::{ANONYMOUS_ID, Context};
use crate::policy::json::Json;
use crate::policy::key::ConditionKey;
use crate::policy::operand::{FixedArn, Operand};
use crate::policy::operator::{IfUnknown, Operator, Polarity, Quantifier, Test};
use crate::policy::pattern::Variables;
use crate::policy::refusal::malformed;
use crate::policy::statement::Effect;

/// The longest value of a request that is compared, in bytes: longer than any key. To compare takes
/// time for each value of a policy, which has thousands. Whatever the operator, a longer one lets
/// nobody in: what is forbidden on a condition then is, and what is allowed on one is not.
const MAX_VALUE_LEN: usize = 2 << 10;

/// An operator, what it asks about, and the values of which one must fit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condition {
    operator: Operator,
    key: ConditionKey,
    operands: Vec<Operand>,
}

impl Condition {
    /// Reads the `Condition` of a statement: operator, key, value or values.
    pub(super) fn parse_all(block: &Json, variables: Variables) -> Result<Vec<Self>, S3Error> {
        let mut conditions = Vec::new();
        let not_an_object = || malformed("Condition must be an object of operators");
        for (name, keys) in block.members().ok_or_else(not_an_object)? {
            let operator = Operator::from_name(name)
                .ok_or_else(|| malformed(format!("Invalid Condition type : {name}")))?;
            for (key, values) in keys.members().ok_or_else(not_an_object)? {
                conditions.push(Self::parse(operator, key, values, variables)?);
            }
        }
        Ok(conditions)
    }

    fn parse(operator: Operator, key: &str, values: &Json, variables: Variables) -> Result<Self, S3Error> {
        let known = ConditionKey::known(key)
            .ok_or_else(|| malformed("Policy has an invalid condition key").field("Detail", key))?;
        let invalid = || malformed(format!("Invalid value for condition key : {key}"));
        let mut operands = Vec::new();
        for value in values.one_or_many() {
            let text = value.scalar().ok_or_else(invalid)?;
            operands.push(Operand::parse(operator.test, text, variables).ok_or_else(invalid)?);
        }
        if operands.is_empty() { Err(invalid()) } else { Ok(Self { operator, key: known, operands }) }
    }

    /// Whether it holds for the request, as part of a statement of that effect.
    pub(super) fn holds(&self, context: &Context, effect: Effect) -> bool {
        let values = context.values_of(&self.key);
        if self.operator.test == Test::Unknown {
            return self.operands.contains(&Operand::Flag(values.is_empty()));
        }
        if values.iter().any(|value| value.len() > MAX_VALUE_LEN) {
            return effect == Effect::Deny;
        }
        let Operator { polarity, quantifier, if_unknown, .. } = self.operator;
        if values.is_empty() {
            return if_unknown == IfUnknown::Pass
                || match quantifier {
                    Quantifier::All => true,
                    Quantifier::Any => false,
                    Quantifier::Plain => polarity == Polarity::NotAmong,
                };
        }
        let passes = |value: &String| {
            let among = self.operands.iter().any(|operand| operand.matches(value, context));
            among == (polarity == Polarity::Among)
        };
        let every = match quantifier {
            Quantifier::Plain => polarity == Polarity::NotAmong,
            Quantifier::All => true,
            Quantifier::Any => false,
        };
        if every { values.iter().all(passes) } else { values.iter().any(passes) }
    }

    /// What it asks about, if that is never known and it does not hold for what is not.
    pub(super) fn asks_in_vain(&self) -> Option<&ConditionKey> {
        if !self.key.is_ever_set() && !self.holds(&Context::default(), Effect::Deny) {
            return Some(&self.key);
        }
        self.operands.iter().find_map(Operand::empty_variable)
    }

    /// Whether it leaves only those that AWS trusts: a fixed network, source, user or key.
    pub(super) fn limits_to_fixed_values(&self) -> bool {
        let Operator { polarity, quantifier, if_unknown, .. } = self.operator;
        // Anything that also lets the unknown pass limits nobody.
        if polarity == Polarity::NotAmong || quantifier == Quantifier::All || if_unknown == IfUnknown::Pass {
            return false;
        }
        let wildcards = match self.key.as_str() {
            "aws:sourceip"
            | "aws:sourcearn"
            | "aws:sourcevpc"
            | "aws:sourcevpce"
            | "aws:sourceowner"
            | "aws:sourceaccount"
            | "aws:userid"
            | "s3:x-amz-server-side-encryption-aws-kms-key-id"
            | "s3:dataaccesspointaccount" => FixedArn::Whole,
            // The name of an access point may be open, as long as the account is fixed.
            "s3:dataaccesspointarn" => FixedArn::Account,
            _ => return false,
        };
        // Who does not sign has this one, so that it is no user's.
        let nobody = |operand: &Operand| operand.matches(ANONYMOUS_ID, &Context::default());
        if self.key.as_str() == "aws:userid" && self.operands.iter().any(nobody) {
            return false;
        }
        let addresses = self.operator.test == Test::Address;
        addresses == (self.key.as_str() == "aws:sourceip")
            && self.operands.iter().all(|operand| operand.is_fixed(wildcards))
    }
}

#[cfg(test)]
#[path = "condition_tests.rs"]
mod tests;
