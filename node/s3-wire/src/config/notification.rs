//! Who is told what happens in a bucket: `NotificationConfiguration`, and the records they get.

mod event;
mod record;
mod rule;

pub use event::{EventFamily, EventName, EventPattern};
pub use record::{EventRecord, test_message, to_message};
pub use rule::{NotificationRule, Target, TargetKind};

use std::collections::BTreeSet;

use crate::config::field::{document, invalid_argument, not_implemented};
use crate::error::S3Error;
use crate::xml::XmlWriter;
use crate::xml::reader::malformed;

const ROOT: &str = "NotificationConfiguration";
const MAX_RULES: usize = 100;

/// The rules of a bucket, up to 100. No event of a key fits two of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotificationConfiguration {
    /// The rules.
    pub rules: Vec<NotificationRule>,
}

impl NotificationConfiguration {
    /// The longest body: 100 rules with long filters.
    pub const MAX_LEN: usize = 1 << 20;

    /// Reads the body of a `PutBucketNotificationConfiguration`. An empty one ends all notification.
    ///
    /// `InvalidArgument` for an event that there is not, an ARN that is none, a filter that cannot
    /// be, an id that comes twice, and rules that overlap; `NotImplemented` for event buses.
    pub fn parse(body: &[u8]) -> Result<Self, S3Error> {
        let root = document(body, Self::MAX_LEN, ROOT)?;
        let mut rules = Vec::new();
        for child in &root.children {
            match TargetKind::from_element(&child.name) {
                Some(kind) => rules.push(NotificationRule::parse(kind, child)?),
                None if child.name == "EventBridgeConfiguration" => return Err(not_implemented(&child.name)),
                None => return Err(malformed()),
            }
            if rules.len() > MAX_RULES {
                return Err(invalid_argument(
                    "The number of notification configurations should not exceed allowed limit of 100.",
                ));
            }
        }
        check_ids(&rules)?;
        check_overlaps(&rules)?;
        Ok(Self { rules })
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

    /// Gives rules that have no id one from `make_id`, as S3 does when it stores them.
    pub fn fill_ids(&mut self, mut make_id: impl FnMut() -> String) {
        for rule in &mut self.rules {
            if rule.id.as_deref().unwrap_or("").is_empty() {
                rule.id = Some(make_id());
            }
        }
    }

    /// The rules that an event of a key fits.
    pub fn matching(&self, event: EventName, key: &str) -> impl Iterator<Item = &NotificationRule> {
        self.rules.iter().filter(move |rule| rule.matches(event, key))
    }
}

fn check_ids(rules: &[NotificationRule]) -> Result<(), S3Error> {
    let mut seen = BTreeSet::new();
    let ids = rules.iter().filter_map(|rule| rule.id.as_deref()).filter(|id| !id.is_empty());
    for id in ids {
        if !seen.insert(id) {
            return Err(invalid_argument("Same ID used for multiple configurations. IDs must be unique"));
        }
    }
    Ok(())
}

fn check_overlaps(rules: &[NotificationRule]) -> Result<(), S3Error> {
    for (at, rule) in rules.iter().enumerate() {
        if rules.iter().take(at).any(|other| rule.overlaps(other)) {
            return Err(invalid_argument(
                "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the \
                 prefixes are overlapping for the same event type.",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
