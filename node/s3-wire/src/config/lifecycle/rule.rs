//! One rule: read from its element, and written.

use crate::config::date::parse_iso8601;
use crate::config::field::{at_least, flag, invalid_argument, set, text, word};
use crate::config::lifecycle::check::check_rule;
use crate::config::lifecycle::filter::Filter;
use crate::error::S3Error;
use crate::xml::XmlWriter;
use crate::xml::reader::{Element, malformed};

const DAY_MS: u64 = 86_400_000;
const MAX_ID_CHARS: usize = 255;
const MAX_NEWER_VERSIONS: u32 = 100;

keywords! {
    /// Whether a rule is in force.
    pub enum RuleStatus {
        /// It is.
        Enabled = "Enabled",
        /// It is not.
        Disabled = "Disabled",
    }
}

/// When something is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// So many days after the object was written.
    Days(u32),
    /// At a midnight (UTC), in milliseconds since 1970, and from then on.
    Date(u64),
}

/// What becomes of the current version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiration {
    /// It is deleted; where versions are kept, it becomes one. A delete marker alone goes too.
    At(When),
    /// A delete marker goes when it alone is left of its object; or does not, if `false`.
    ExpiredMarker(bool),
}

/// Another storage class for the current version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// When.
    pub when: When,
    /// Which.
    pub storage_class: String,
}

/// The end of versions that are not current.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoncurrentExpiration {
    /// How many days after they ceased to be.
    pub days: u32,
    /// How many of the newest stay all the same, 1 to 100.
    pub keep_newer: Option<u32>,
}

/// Another storage class for versions that are not current.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoncurrentTransition {
    /// How many days after they ceased to be.
    pub days: u32,
    /// How many of the newest stay all the same, 1 to 100.
    pub keep_newer: Option<u32>,
    /// Which.
    pub storage_class: String,
}

/// What becomes of some objects with time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleRule {
    /// Its name, up to 255 characters, unlike that of any other rule.
    pub id: Option<String>,
    /// Whether it is in force.
    pub status: RuleStatus,
    /// Which objects it is about.
    pub filter: Filter,
    /// For the current version.
    pub expiration: Option<Expiration>,
    /// For the current version, to different classes.
    pub transitions: Vec<Transition>,
    /// For the others.
    pub noncurrent_expiration: Option<NoncurrentExpiration>,
    /// For the others, to different classes.
    pub noncurrent_transitions: Vec<NoncurrentTransition>,
    /// How many days after it was begun an upload is aborted.
    pub abort_after_days: Option<u32>,
}

impl LifecycleRule {
    pub(super) fn parse(element: &Element) -> Result<Self, S3Error> {
        let (mut id, mut status, mut filter) = (None, None, None);
        let (mut expiration, mut noncurrent_expiration, mut abort_after_days) = (None, None, None);
        let (mut transitions, mut noncurrent_transitions) = (Vec::new(), Vec::new());
        for child in element.elements()? {
            match child.name.as_str() {
                "ID" => set(&mut id, parse_id(child)?)?,
                "Status" => set(&mut status, word(child, RuleStatus::from_name)?)?,
                "Prefix" => set(&mut filter, Filter::parse_prefix(child)?)?,
                "Filter" => set(&mut filter, Filter::parse(child)?)?,
                "Expiration" => set(&mut expiration, parse_expiration(child)?)?,
                "Transition" => transitions.push(parse_transition(child)?),
                "NoncurrentVersionExpiration" => {
                    set(&mut noncurrent_expiration, parse_noncurrent_expiration(child)?)?;
                }
                "NoncurrentVersionTransition" => {
                    noncurrent_transitions.push(parse_noncurrent_transition(child)?);
                }
                "AbortIncompleteMultipartUpload" => set(&mut abort_after_days, parse_abort(child)?)?,
                _ => return Err(malformed()),
            }
        }
        let rule = Self {
            id,
            status: status.ok_or_else(malformed)?,
            filter: filter.ok_or_else(malformed)?,
            expiration,
            transitions,
            noncurrent_expiration,
            noncurrent_transitions,
            abort_after_days,
        };
        check_rule(&rule)?;
        Ok(rule)
    }

    /// The storage classes that objects go to by it.
    pub(super) fn storage_classes(&self) -> impl Iterator<Item = &str> {
        let current = self.transitions.iter().map(|transition| transition.storage_class.as_str());
        let noncurrent =
            self.noncurrent_transitions.iter().map(|transition| transition.storage_class.as_str());
        current.chain(noncurrent)
    }

    pub(super) fn write(&self, xml: &mut XmlWriter) {
        xml.open("Rule");
        if let Some(expiration) = &self.expiration {
            xml.open("Expiration");
            match expiration {
                Expiration::At(when) => write_when(xml, *when),
                Expiration::ExpiredMarker(goes) => xml.flag("ExpiredObjectDeleteMarker", *goes),
            }
            xml.close("Expiration");
        }
        xml.optional("ID", self.id.as_deref());
        self.filter.write(xml);
        xml.text("Status", self.status.as_str());
        for transition in &self.transitions {
            xml.open("Transition");
            write_when(xml, transition.when);
            xml.text("StorageClass", &transition.storage_class);
            xml.close("Transition");
        }
        for transition in &self.noncurrent_transitions {
            xml.open("NoncurrentVersionTransition");
            write_noncurrent(xml, transition.days, transition.keep_newer);
            xml.text("StorageClass", &transition.storage_class);
            xml.close("NoncurrentVersionTransition");
        }
        if let Some(expiration) = &self.noncurrent_expiration {
            xml.open("NoncurrentVersionExpiration");
            write_noncurrent(xml, expiration.days, expiration.keep_newer);
            xml.close("NoncurrentVersionExpiration");
        }
        if let Some(days) = self.abort_after_days {
            xml.open("AbortIncompleteMultipartUpload");
            xml.number("DaysAfterInitiation", days);
            xml.close("AbortIncompleteMultipartUpload");
        }
        xml.close("Rule");
    }
}

fn write_when(xml: &mut XmlWriter, when: When) {
    match when {
        When::Days(days) => xml.number("Days", days),
        When::Date(ms) => xml.time("Date", ms),
    }
}

fn write_noncurrent(xml: &mut XmlWriter, days: u32, keep_newer: Option<u32>) {
    if let Some(keep) = keep_newer {
        xml.number("NewerNoncurrentVersions", keep);
    }
    xml.number("NoncurrentDays", days);
}

fn parse_id(element: &Element) -> Result<String, S3Error> {
    let id = text(element)?;
    if id.chars().count() > MAX_ID_CHARS {
        return Err(invalid_argument("ID length should not exceed allowed limit of 255"));
    }
    Ok(id)
}

fn parse_expiration(element: &Element) -> Result<Expiration, S3Error> {
    let [child] = element.elements()? else { return Err(malformed()) };
    match child.name.as_str() {
        "Days" => Ok(Expiration::At(When::Days(positive(child, "Expiration")?))),
        "Date" => Ok(Expiration::At(When::Date(parse_date(child)?))),
        "ExpiredObjectDeleteMarker" => Ok(Expiration::ExpiredMarker(flag(child)?)),
        _ => Err(malformed()),
    }
}

fn parse_transition(element: &Element) -> Result<Transition, S3Error> {
    let (mut when, mut storage_class) = (None, None);
    for child in element.elements()? {
        match child.name.as_str() {
            "Days" => set(&mut when, When::Days(nonnegative(child, "Transition")?))?,
            "Date" => set(&mut when, When::Date(parse_date(child)?))?,
            "StorageClass" => set(&mut storage_class, parse_class(child)?)?,
            _ => return Err(malformed()),
        }
    }
    Ok(Transition { when: when.ok_or_else(malformed)?, storage_class: storage_class.ok_or_else(malformed)? })
}

fn parse_noncurrent_expiration(element: &Element) -> Result<NoncurrentExpiration, S3Error> {
    let (mut days, mut keep_newer) = (None, None);
    for child in element.elements()? {
        match child.name.as_str() {
            "NoncurrentDays" => set(&mut days, positive(child, "NoncurrentVersionExpiration")?)?,
            "NewerNoncurrentVersions" => set(&mut keep_newer, newer(child, "NoncurrentVersionExpiration")?)?,
            _ => return Err(malformed()),
        }
    }
    Ok(NoncurrentExpiration { days: days.ok_or_else(malformed)?, keep_newer })
}

fn parse_noncurrent_transition(element: &Element) -> Result<NoncurrentTransition, S3Error> {
    let (mut days, mut keep_newer, mut storage_class) = (None, None, None);
    for child in element.elements()? {
        match child.name.as_str() {
            "NoncurrentDays" => set(&mut days, nonnegative(child, "NoncurrentVersionTransition")?)?,
            "NewerNoncurrentVersions" => set(&mut keep_newer, newer(child, "NoncurrentVersionTransition")?)?,
            "StorageClass" => set(&mut storage_class, parse_class(child)?)?,
            _ => return Err(malformed()),
        }
    }
    Ok(NoncurrentTransition {
        days: days.ok_or_else(malformed)?,
        keep_newer,
        storage_class: storage_class.ok_or_else(malformed)?,
    })
}

fn parse_abort(element: &Element) -> Result<u32, S3Error> {
    match element.elements()? {
        [days] if days.name == "DaysAfterInitiation" => positive(days, "AbortIncompleteMultipartUpload"),
        _ => Err(malformed()),
    }
}

fn parse_class(element: &Element) -> Result<String, S3Error> {
    match element.leaf()?.trim() {
        "" => Err(malformed()),
        class => Ok(class.to_owned()),
    }
}

fn parse_date(element: &Element) -> Result<u64, S3Error> {
    let ms = word(element, parse_iso8601)?;
    if !ms.is_multiple_of(DAY_MS) {
        return Err(invalid_argument("'Date' must be at midnight GMT"));
    }
    Ok(ms)
}

fn positive(element: &Element, action: &str) -> Result<u32, S3Error> {
    at_least(1, element, || {
        invalid_argument(format!("'{}' for {action} action must be a positive integer", element.name))
    })
}

fn nonnegative(element: &Element, action: &str) -> Result<u32, S3Error> {
    at_least(0, element, || {
        invalid_argument(format!("'{}' for {action} action must be nonnegative", element.name))
    })
}

fn newer(element: &Element, action: &str) -> Result<u32, S3Error> {
    let count = positive(element, action)?;
    if count > MAX_NEWER_VERSIONS {
        return Err(invalid_argument(format!(
            "'NewerNoncurrentVersions' for {action} action must not exceed {MAX_NEWER_VERSIONS}"
        )));
    }
    Ok(count)
}
