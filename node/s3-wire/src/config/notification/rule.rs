//! One rule: which events of which keys go where.

use crate::config::field::{invalid_argument, set, text};
use crate::config::notification::event::{EventName, EventPattern};
use crate::error::S3Error;
use crate::xml::XmlWriter;
use crate::xml::reader::{Element, malformed};

const MAX_VALUE_LEN: usize = 1_024;
const MAX_ID_CHARS: usize = 255;
/// The most events of one rule; AWS knows fewer.
const MAX_EVENTS: usize = 50;

/// What kind of thing is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// A topic.
    Topic,
    /// A queue.
    Queue,
    /// A function.
    CloudFunction,
}

impl TargetKind {
    /// The kind of a rule by the name of its element.
    pub(super) fn from_element(name: &str) -> Option<Self> {
        let kinds = [Self::Topic, Self::Queue, Self::CloudFunction];
        kinds.into_iter().find(|kind| name == kind.rule_element())
    }

    fn rule_element(self) -> &'static str {
        match self {
            Self::Topic => "TopicConfiguration",
            Self::Queue => "QueueConfiguration",
            Self::CloudFunction => "CloudFunctionConfiguration",
        }
    }

    fn arn_element(self) -> &'static str {
        match self {
            Self::Topic => "Topic",
            Self::Queue => "Queue",
            Self::CloudFunction => "CloudFunction",
        }
    }

    fn service(self) -> &'static str {
        match self {
            Self::Topic => "sns",
            Self::Queue => "sqs",
            Self::CloudFunction => "lambda",
        }
    }
}

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What it is.
    pub kind: TargetKind,
    /// Its name: `arn:` partition, service, region, account and resource, of the service of its kind.
    pub arn: String,
}

/// Which events of which keys go where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationRule {
    /// Its name, up to 255 characters, unlike that of any other rule.
    pub id: Option<String>,
    /// Who is told.
    pub target: Target,
    /// Of which events; at least one.
    pub events: Vec<EventPattern>,
    /// What keys begin with.
    pub prefix: Option<String>,
    /// What keys end in.
    pub suffix: Option<String>,
}

impl NotificationRule {
    pub(super) fn parse(kind: TargetKind, element: &Element) -> Result<Self, S3Error> {
        let (mut id, mut arn, mut filter) = (None, None, None);
        let mut events = Vec::new();
        for child in &element.children {
            match child.name.as_str() {
                "Id" => set(&mut id, parse_id(child)?)?,
                "Event" => {
                    let event = parse_event(child)?;
                    if !events.contains(&event) {
                        events.push(event);
                    }
                }
                "Filter" => set(&mut filter, parse_filter(child)?)?,
                name if name == kind.arn_element() => set(&mut arn, parse_arn(kind, child)?)?,
                _ => return Err(malformed()),
            }
        }
        if events.is_empty() || events.len() > MAX_EVENTS {
            return Err(malformed());
        }
        let (prefix, suffix) = filter.unwrap_or_default();
        Ok(Self { id, target: Target { kind, arn: arn.ok_or_else(malformed)? }, events, prefix, suffix })
    }

    /// Whether an event of a key fits.
    pub fn matches(&self, event: EventName, key: &str) -> bool {
        self.events.iter().any(|pattern| pattern.matches(event))
            && key.starts_with(self.prefix.as_deref().unwrap_or(""))
            && key.ends_with(self.suffix.as_deref().unwrap_or(""))
    }

    /// Whether an event of some key may fit both.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let (prefix, other_prefix) = (self.prefix.as_deref(), other.prefix.as_deref());
        let (prefix, other_prefix) = (prefix.unwrap_or(""), other_prefix.unwrap_or(""));
        let (suffix, other_suffix) = (self.suffix.as_deref(), other.suffix.as_deref());
        let (suffix, other_suffix) = (suffix.unwrap_or(""), other_suffix.unwrap_or(""));
        (prefix.starts_with(other_prefix) || other_prefix.starts_with(prefix))
            && (suffix.ends_with(other_suffix) || other_suffix.ends_with(suffix))
            && self.events.iter().any(|event| other.events.iter().any(|other| event.overlaps(*other)))
    }

    pub(super) fn write(&self, xml: &mut XmlWriter) {
        let kind = self.target.kind;
        xml.open(kind.rule_element());
        xml.optional("Id", self.id.as_deref());
        xml.text(kind.arn_element(), &self.target.arn);
        for event in &self.events {
            xml.text("Event", event.as_str());
        }
        if self.prefix.is_some() || self.suffix.is_some() {
            xml.open("Filter");
            xml.open("S3Key");
            for (name, value) in [("prefix", &self.prefix), ("suffix", &self.suffix)] {
                if let Some(value) = value {
                    xml.open("FilterRule");
                    xml.text("Name", name);
                    xml.text("Value", value);
                    xml.close("FilterRule");
                }
            }
            xml.close("S3Key");
            xml.close("Filter");
        }
        xml.close(kind.rule_element());
    }
}

fn parse_id(element: &Element) -> Result<String, S3Error> {
    let id = text(element)?;
    if id.chars().count() > MAX_ID_CHARS {
        return Err(invalid_argument("ID length should not exceed allowed limit of 255"));
    }
    Ok(id)
}

fn parse_event(element: &Element) -> Result<EventPattern, S3Error> {
    let name = element.leaf()?.trim();
    EventPattern::from_name(name).ok_or_else(|| {
        S3Error::invalid_argument("The event is not supported for notifications", "Event", name)
    })
}

fn parse_arn(kind: TargetKind, element: &Element) -> Result<String, S3Error> {
    let arn = element.leaf()?.trim();
    let fields: Vec<&str> = arn.splitn(6, ':').collect();
    let fits = match fields.as_slice() {
        ["arn", partition, service, _, _, resource] => {
            !partition.is_empty() && *service == kind.service() && !resource.is_empty()
        }
        _ => false,
    };
    if !fits || arn.len() > MAX_VALUE_LEN || !arn.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(S3Error::invalid_argument("The ARN is not well formed", kind.arn_element(), arn));
    }
    Ok(arn.to_owned())
}

/// Prefix and suffix of a filter.
fn parse_filter(element: &Element) -> Result<(Option<String>, Option<String>), S3Error> {
    let (mut prefix, mut suffix) = (None, None);
    let rules = match element.children.as_slice() {
        [] => return Ok((None, None)),
        [key] if key.name == "S3Key" => &key.children,
        _ => return Err(malformed()),
    };
    for rule in rules.iter() {
        if rule.name != "FilterRule" {
            return Err(malformed());
        }
        let (name, value) = parse_filter_rule(rule)?;
        let (place, twice) = if name.eq_ignore_ascii_case("prefix") {
            (&mut prefix, "Cannot specify more than one prefix rule in a filter.")
        } else if name.eq_ignore_ascii_case("suffix") {
            (&mut suffix, "Cannot specify more than one suffix rule in a filter.")
        } else {
            return Err(S3Error::invalid_argument(
                "filter rule name must be either prefix or suffix",
                "FilterRule.Name",
                name,
            ));
        };
        if place.replace(value).is_some() {
            return Err(invalid_argument(twice));
        }
    }
    Ok((prefix, suffix))
}

fn parse_filter_rule(element: &Element) -> Result<(&str, String), S3Error> {
    let (mut name, mut value) = (None, None);
    for child in &element.children {
        match child.name.as_str() {
            "Name" => set(&mut name, child.leaf()?.trim())?,
            "Value" => set(&mut value, text(child)?)?,
            _ => return Err(malformed()),
        }
    }
    let value = value.ok_or_else(malformed)?;
    if value.len() > MAX_VALUE_LEN {
        return Err(invalid_argument(
            "Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation",
        ));
    }
    Ok((name.ok_or_else(malformed)?, value))
}
