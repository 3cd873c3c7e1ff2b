//! What must hold between the parts of a rule, and between rules.

use std::collections::BTreeSet;

use crate::config::field::{invalid_argument, invalid_request};
use crate::config::lifecycle::rule::{Expiration, LifecycleRule, When};
use crate::error::S3Error;

/// Checks that no two rules have the same id.
pub(super) fn check_ids(rules: &[LifecycleRule]) -> Result<(), S3Error> {
    let mut seen = BTreeSet::new();
    let ids = rules.iter().filter_map(|rule| rule.id.as_deref()).filter(|id| !id.is_empty());
    for id in ids {
        if !seen.insert(id) {
            return Err(invalid_argument("Rule ID must be unique. Found same ID for one or more rules"));
        }
    }
    Ok(())
}

/// Checks one rule by itself.
pub(super) fn check_rule(rule: &LifecycleRule) -> Result<(), S3Error> {
    let acts = rule.expiration.is_some()
        || !rule.transitions.is_empty()
        || rule.noncurrent_expiration.is_some()
        || !rule.noncurrent_transitions.is_empty()
        || rule.abort_after_days.is_some();
    if !acts {
        return Err(invalid_request("At least one action needs to be specified in a rule"));
    }
    if rule.abort_after_days.is_some() {
        check_unfiltered(rule, "AbortIncompleteMultipartUpload")?;
    }
    if matches!(rule.expiration, Some(Expiration::ExpiredMarker(_))) {
        check_unfiltered(rule, "ExpiredObjectDeleteMarker")?;
    }
    check_classes(rule, "Transition", rule.transitions.iter().map(|t| t.storage_class.as_str()))?;
    check_classes(
        rule,
        "NoncurrentVersionTransition",
        rule.noncurrent_transitions.iter().map(|t| t.storage_class.as_str()),
    )?;
    check_order(rule)?;
    check_noncurrent_order(rule)
}

/// Uploads and delete markers have neither tags nor sizes.
fn check_unfiltered(rule: &LifecycleRule, action: &str) -> Result<(), S3Error> {
    if !rule.filter.tags.is_empty() {
        return Err(invalid_request(format!("{action} cannot be specified with Tags.")));
    }
    if rule.filter.has_sizes() {
        return Err(invalid_request(format!("{action} cannot be specified with Object Size.")));
    }
    Ok(())
}

fn check_classes<'a>(
    rule: &LifecycleRule,
    action: &str,
    mut classes: impl Iterator<Item = &'a str>,
) -> Result<(), S3Error> {
    let mut seen = BTreeSet::new();
    if classes.all(|class| seen.insert(class)) {
        return Ok(());
    }
    Err(invalid_request(format!(
        "'StorageClass' must be different for '{action}' actions in same 'Rule' with filter '{}'",
        rule.filter.describe()
    )))
}

/// Days and dates do not mix, and an object goes before it ends.
fn check_order(rule: &LifecycleRule) -> Result<(), S3Error> {
    let end = match rule.expiration {
        Some(Expiration::At(when)) => Some(when),
        _ => None,
    };
    let all = || rule.transitions.iter().map(|transition| transition.when).chain(end);
    if all().any(|when| matches!(when, When::Days(_))) && all().any(|when| matches!(when, When::Date(_))) {
        return Err(invalid_request(format!(
            "Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule for \
             filter '{}'",
            rule.filter.describe()
        )));
    }
    let late = |unit: &str| {
        invalid_argument(format!(
            "'{unit}' in the Expiration action for filter '{}' must be greater than '{unit}' in the \
             Transition action",
            rule.filter.describe()
        ))
    };
    for transition in &rule.transitions {
        match (end, transition.when) {
            (Some(When::Days(end)), When::Days(days)) if end <= days => return Err(late("Days")),
            (Some(When::Date(end)), When::Date(date)) if end <= date => return Err(late("Date")),
            _ => {}
        }
    }
    Ok(())
}

fn check_noncurrent_order(rule: &LifecycleRule) -> Result<(), S3Error> {
    let Some(end) = &rule.noncurrent_expiration else { return Ok(()) };
    if rule.noncurrent_transitions.iter().all(|transition| transition.days < end.days) {
        return Ok(());
    }
    Err(invalid_argument(format!(
        "'NoncurrentDays' in the NoncurrentVersionExpiration action for filter '{}' must be greater than \
         'NoncurrentDays' in the NoncurrentVersionTransition action",
        rule.filter.describe()
    )))
}
