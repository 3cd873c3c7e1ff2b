//! What becomes of objects with time: `LifecycleConfiguration`.
//!
//! [`LifecycleConfiguration::parse`] reads the rules with the checks of AWS. A background worker
//! asks [`LifecycleConfiguration::action_on`] about each version and
//! [`LifecycleConfiguration::aborts`] about each upload; it decides nothing itself.
//!
//! Beside AWS: a filter may hold several conditions without an `And` around them, all of which
//! must hold then; and transitions may come sooner than AWS's 30 days.

mod check;
mod due;
mod evaluate;
mod filter;
mod rule;

pub use due::DayLength;
pub use evaluate::{LifecycleAction, PlannedAction, UploadFacts, VersionFacts, VersionStanding};
pub use filter::{Filter, FilterForm};
pub use rule::{
    Expiration, LifecycleRule, NoncurrentExpiration, NoncurrentTransition, RuleStatus, Transition, When,
};

use std::collections::BTreeSet;

use crate::config::field::{document, invalid_request};
use crate::error::{ErrorCode, S3Error};
use crate::xml::XmlWriter;
use crate::xml::reader::malformed;

const ROOT: &str = "LifecycleConfiguration";
const MAX_RULES: usize = 1_000;

/// The rules of a bucket: 1 to 1,000, each of which is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LifecycleConfiguration {
    /// The rules.
    pub rules: Vec<LifecycleRule>,
}

impl LifecycleConfiguration {
    /// The longest body: 1,000 rules with a long prefix or some tags each.
    pub const MAX_LEN: usize = 2 << 20;

    /// Reads the body of a `PutBucketLifecycleConfiguration`.
    ///
    /// Storage classes are not looked at; see [`Self::check_storage_classes`].
    pub fn parse(body: &[u8]) -> Result<Self, S3Error> {
        let root = document(body, Self::MAX_LEN, ROOT)?;
        let rules = root.elements()?;
        if rules.is_empty() || rules.iter().any(|child| child.name != "Rule") {
            return Err(malformed());
        }
        if rules.len() > MAX_RULES {
            return Err(invalid_request(
                "The number of lifecycle rules should not exceed allowed limit of 1000 rules.",
            ));
        }
        let rules = rules.iter().map(LifecycleRule::parse).collect::<Result<Vec<_>, S3Error>>()?;
        check::check_ids(&rules)?;
        Ok(Self { rules })
    }

    /// Checks that there is each storage class that objects are to go to: `InvalidStorageClass`.
    pub fn check_storage_classes(&self, known: &[&str]) -> Result<(), S3Error> {
        for class in self.rules.iter().flat_map(LifecycleRule::storage_classes) {
            if !known.contains(&class) {
                return Err(
                    S3Error::new(ErrorCode::InvalidStorageClass).field("StorageClassRequested", class)
                );
            }
        }
        Ok(())
    }

    /// Whether a rule in force says what becomes of versions.
    pub fn concerns_versions(&self) -> bool {
        self.enabled().any(|rule| {
            rule.expiration.is_some()
                || !rule.transitions.is_empty()
                || rule.noncurrent_expiration.is_some()
                || !rule.noncurrent_transitions.is_empty()
        })
    }

    /// Whether a rule in force says what becomes of uploads.
    pub fn concerns_uploads(&self) -> bool {
        self.enabled().any(|rule| rule.abort_after_days.is_some())
    }

    /// Gives rules that have no id the first one from `make_id` that no rule has, as S3 does when it
    /// stores them. `make_id` must not give the same id for ever.
    pub fn fill_ids(&mut self, mut make_id: impl FnMut() -> String) {
        let mut taken: BTreeSet<String> = self.rules.iter().filter_map(|rule| rule.id.clone()).collect();
        for rule in &mut self.rules {
            if rule.id.as_deref().unwrap_or("").is_empty() {
                let mut id = make_id();
                while !taken.insert(id.clone()) {
                    id = make_id();
                }
                rule.id = Some(id);
            }
        }
    }

    /// The document.
    pub fn to_xml(&self) -> String {
        let mut xml = XmlWriter::document();
        xml.open_root(ROOT);
        for rule in &self.rules {
            rule.write(&mut xml);
        }
        xml.close(ROOT);
        xml.finish()
    }
}

#[cfg(test)]
mod tests;
