//! What a policy is asked, and what it says.

use std::fmt;

use crate::policy::{Action, Context, Requester, Resource};

/// What a policy is asked.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Who asks.
    pub requester: Requester<'a>,
    /// To do what.
    pub action: Action,
    /// On what.
    pub resource: Resource<'a>,
    /// What else is known.
    pub context: &'a Context,
}

/// What a policy says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It forbids, whatever else allows.
    Deny(By),
    /// It allows.
    Allow(By),
    /// It does not speak of this.
    Silent,
}

/// Which statement decided, and why it speaks of the requester.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct By {
    /// Its number in the policy, from 1.
    pub number: usize,
    /// Its `Sid`, if it has one that is not empty.
    pub sid: Option<String>,
    /// Whom it speaks of.
    pub whom: Whom,
}

/// Why a statement speaks of a requester.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Whom {
    /// It speaks of everyone.
    Everyone,
    /// It names them.
    Named,
    /// It speaks of all but some, of whom they are none.
    NotExcepted,
}

impl fmt::Display for By {
    /// `statement "NoWrites" of the bucket policy, which speaks of everyone`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sid {
            // Escaped, so that a report stays one line.
            Some(sid) => write!(f, "statement {sid:?}")?,
            None => write!(f, "statement {}", self.number)?,
        }
        f.write_str(match self.whom {
            Whom::Everyone => " of the bucket policy, which speaks of everyone",
            Whom::Named => " of the bucket policy, which names the caller",
            Whom::NotExcepted => " of the bucket policy, which excepts others",
        })
    }
}
