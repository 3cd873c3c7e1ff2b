//! What the rules want done with a version or an upload now.

use crate::config::lifecycle::rule::{Expiration, LifecycleRule, RuleStatus, When};
use crate::config::lifecycle::{DayLength, LifecycleConfiguration};
use crate::config::tagging::TagSet;
use crate::time::http_date;
use crate::uri::encode;

/// What a version is among those of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionStanding {
    /// What the key stands for: an object.
    Current,
    /// What the key stands for: a delete marker.
    CurrentMarker {
        /// Whether it alone is left of its key.
        is_only_version: bool,
    },
    /// An older version or delete marker.
    Noncurrent {
        /// When the next newer one was written.
        since_ms: u64,
        /// How many noncurrent ones of its key are newer.
        newer: u32,
        /// Whether it is a delete marker.
        is_marker: bool,
    },
}

/// What there is to know about a version.
#[derive(Clone, Copy, Debug)]
pub struct VersionFacts<'a> {
    /// Its key.
    pub key: &'a str,
    /// Its size in bytes, 0 for a delete marker.
    pub size: u64,
    /// Its tags.
    pub tags: &'a TagSet,
    /// Its storage class.
    pub storage_class: &'a str,
    /// When it was written.
    pub modified_ms: u64,
    /// What it is among those of its key.
    pub standing: VersionStanding,
}

/// What there is to know about an upload.
#[derive(Clone, Copy, Debug)]
pub struct UploadFacts<'a> {
    /// Its key.
    pub key: &'a str,
    /// When it was begun.
    pub initiated_ms: u64,
}

/// What is to be done with a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LifecycleAction<'a> {
    /// Delete the key, as a client would: where versions are kept, with a delete marker.
    Expire,
    /// Delete this version for good.
    ExpireVersion,
    /// Delete this delete marker, which hides nothing any more.
    RemoveDeleteMarker,
    /// Move it to another storage class.
    TransitionTo(&'a str),
}

/// An action and why it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedAction<'a> {
    /// What is to be done.
    pub action: LifecycleAction<'a>,
    /// The id of the rule that wants it, empty if it has none.
    pub rule_id: &'a str,
    /// Since when it is due.
    pub due_ms: u64,
    /// The tags that the rule asks for.
    pub tags: &'a TagSet,
    /// How many newer noncurrent versions stay by the rule.
    pub keep_newer: u32,
}

impl LifecycleConfiguration {
    /// What is to be done with a version now.
    ///
    /// To delete goes before to move. Of several ends the earliest counts, of several moves the one
    /// that became due last.
    pub fn action_on(
        &self,
        facts: &VersionFacts<'_>,
        now_ms: u64,
        day: DayLength,
    ) -> Option<PlannedAction<'_>> {
        let due = |plan: &PlannedAction<'_>| plan.due_ms <= now_ms;
        let end = self
            .fitting(facts)
            .filter_map(|rule| end_of(rule, facts, day))
            .filter(due)
            .min_by_key(|plan| plan.due_ms);
        end.or_else(|| self.move_of(facts, now_ms, day))
    }

    /// Where a version should be by now, if it is not there.
    ///
    /// One that already is in a class further down the chain stays there.
    fn move_of(&self, facts: &VersionFacts<'_>, now_ms: u64, day: DayLength) -> Option<PlannedAction<'_>> {
        let moves: Vec<PlannedAction<'_>> =
            self.fitting(facts).flat_map(|rule| moves_of(rule, facts, day)).collect();
        let last = moves.iter().filter(|plan| plan.due_ms <= now_ms).max_by_key(|plan| plan.due_ms)?;
        let here = LifecycleAction::TransitionTo(facts.storage_class);
        let is_there = moves.iter().any(|plan| plan.action == here && plan.due_ms >= last.due_ms);
        if is_there { None } else { Some(last.clone()) }
    }

    /// Whether an upload is to be aborted now, and the id of the rule that wants it.
    pub fn aborts(&self, upload: &UploadFacts<'_>, now_ms: u64, day: DayLength) -> Option<&str> {
        let (due_ms, rule_id) = self.abort_of(upload, day)?;
        if due_ms <= now_ms { Some(rule_id) } else { None }
    }

    /// The value of `x-amz-expiration` for the current version of a key.
    ///
    /// Days are real here, because clients take them so.
    pub fn expiration_header(&self, facts: &VersionFacts<'_>) -> Option<String> {
        if facts.standing != VersionStanding::Current {
            return None;
        }
        let end = self
            .fitting(facts)
            .filter_map(|rule| end_of(rule, facts, DayLength::Real))
            .min_by_key(|plan| plan.due_ms)?;
        Some(format!(
            "expiry-date=\"{}\", rule-id=\"{}\"",
            http_date(end.due_ms),
            encode(end.rule_id.as_bytes(), false)
        ))
    }

    /// The values of `x-amz-abort-date` and `x-amz-abort-rule-id` for an upload. Days are real.
    pub fn abort_headers(&self, upload: &UploadFacts<'_>) -> Option<(String, String)> {
        let (due_ms, rule_id) = self.abort_of(upload, DayLength::Real)?;
        Some((http_date(due_ms), encode(rule_id.as_bytes(), false)))
    }

    fn abort_of(&self, upload: &UploadFacts<'_>, day: DayLength) -> Option<(u64, &str)> {
        self.enabled()
            .filter(|rule| rule.filter.matches_key(upload.key))
            .filter_map(|rule| Some((day.due_ms(upload.initiated_ms, rule.abort_after_days?), id_of(rule))))
            .min_by_key(|(due_ms, _)| *due_ms)
    }

    pub(super) fn enabled(&self) -> impl Iterator<Item = &LifecycleRule> {
        self.rules.iter().filter(|rule| rule.status == RuleStatus::Enabled)
    }

    fn fitting(&self, facts: &VersionFacts<'_>) -> impl Iterator<Item = &LifecycleRule> {
        self.enabled().filter(|rule| rule.filter.matches(facts.key, facts.size, facts.tags))
    }
}

fn id_of(rule: &LifecycleRule) -> &str {
    rule.id.as_deref().unwrap_or("")
}

fn when_due(when: When, since_ms: u64, day: DayLength) -> u64 {
    match when {
        When::Days(days) => day.due_ms(since_ms, days),
        When::Date(ms) => ms,
    }
}

/// How and when a rule ends a version.
fn end_of<'a>(
    rule: &'a LifecycleRule,
    facts: &VersionFacts<'_>,
    day: DayLength,
) -> Option<PlannedAction<'a>> {
    let mut keep_newer = 0;
    let (action, due_ms) = match (facts.standing, rule.expiration) {
        (VersionStanding::Current, Some(Expiration::At(when))) => {
            (LifecycleAction::Expire, when_due(when, facts.modified_ms, day))
        }
        (VersionStanding::CurrentMarker { is_only_version: true }, Some(Expiration::At(when))) => {
            (LifecycleAction::RemoveDeleteMarker, when_due(when, facts.modified_ms, day))
        }
        (VersionStanding::CurrentMarker { is_only_version: true }, Some(Expiration::ExpiredMarker(true))) => {
            (LifecycleAction::RemoveDeleteMarker, facts.modified_ms)
        }
        (VersionStanding::Noncurrent { since_ms, newer, .. }, _) => {
            let end = rule.noncurrent_expiration?;
            keep_newer = end.keep_newer.unwrap_or(0);
            if newer < keep_newer {
                return None;
            }
            (LifecycleAction::ExpireVersion, day.due_ms(since_ms, end.days))
        }
        _ => return None,
    };
    Some(PlannedAction { action, rule_id: id_of(rule), due_ms, tags: &rule.filter.tags, keep_newer })
}

/// When a rule wants a version in which class.
fn moves_of<'a>(rule: &'a LifecycleRule, facts: &VersionFacts<'_>, day: DayLength) -> Vec<PlannedAction<'a>> {
    let plan = |class: &'a str, due_ms, keep_newer: Option<u32>| PlannedAction {
        action: LifecycleAction::TransitionTo(class),
        rule_id: id_of(rule),
        due_ms,
        tags: &rule.filter.tags,
        keep_newer: keep_newer.unwrap_or(0),
    };
    match facts.standing {
        VersionStanding::Current => rule
            .transitions
            .iter()
            .map(|to| plan(&to.storage_class, when_due(to.when, facts.modified_ms, day), None))
            .collect(),
        VersionStanding::Noncurrent { since_ms, newer, is_marker: false } => rule
            .noncurrent_transitions
            .iter()
            .filter(|to| newer >= to.keep_newer.unwrap_or(0))
            .map(|to| plan(&to.storage_class, day.due_ms(since_ms, to.days), to.keep_newer))
            .collect(),
        _ => Vec::new(),
    }
}
