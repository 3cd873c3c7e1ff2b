//! Whether a policy is public.

use crate::policy::condition::Condition;
use crate::policy::document::Policy;
use crate::policy::principal::Principal;
use crate::policy::statement::{Effect, Listed, Statement};

impl Policy {
    /// Whether it is public in the sense of AWS ("The meaning of public", S3 user guide): one of
    /// its statements allows something to everyone, without a condition that leaves only fixed
    /// networks, sources, users or keys. Statements that forbid do not make it less so.
    pub fn is_public(&self) -> bool {
        self.statements.iter().any(Statement::is_public)
    }
}

impl Statement {
    fn is_public(&self) -> bool {
        let everyone = match &self.principals {
            Listed::These(list) => list.contains(&Principal::Everyone),
            Listed::AllBut(_) => true,
        };
        self.effect == Effect::Allow
            && everyone
            && !self.conditions.iter().any(Condition::limits_to_fixed_values)
    }
}
