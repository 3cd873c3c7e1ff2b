//! Routing rules: which requests go where.

use crate::config::field::{invalid_request, set, text};
use crate::config::website::{Protocol, parse_host_name, parse_protocol};
use crate::error::S3Error;
use crate::xml::XmlWriter;
use crate::xml::reader::{Element, malformed};

/// When a rule fits: both must hold, if both are there. One is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// What the key begins with.
    pub key_prefix: Option<String>,
    /// The status of the error there would be, 400 to 599; without it the rule holds before any.
    pub error_status: Option<u16>,
}

/// What becomes of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyReplacement {
    /// Another key.
    Whole(String),
    /// Another beginning, for the prefix of the condition.
    Prefix(String),
}

/// Where a request goes. Something of it is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redirect {
    /// To which host; the same, if it does not say.
    pub host_name: Option<String>,
    /// With which status, 301 to 399; 301, if it does not say.
    pub status: Option<u16>,
    /// How; as the request came, if it does not say.
    pub protocol: Option<Protocol>,
    /// To which key; the same, if it does not say.
    pub key: Option<KeyReplacement>,
}

/// A rule of a web site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoutingRule {
    /// When it fits; always, without one.
    pub condition: Option<Condition>,
    /// Where requests go that it fits.
    pub redirect: Redirect,
}

impl RoutingRule {
    pub(super) fn parse(element: &Element) -> Result<Self, S3Error> {
        if element.name != "RoutingRule" {
            return Err(malformed());
        }
        let (mut condition, mut redirect) = (None, None);
        for child in &element.children {
            match child.name.as_str() {
                "Condition" => set(&mut condition, parse_condition(child)?)?,
                "Redirect" => set(&mut redirect, parse_redirect(child)?)?,
                _ => return Err(malformed()),
            }
        }
        Ok(Self { condition, redirect: redirect.ok_or_else(malformed)? })
    }

    /// Whether it fits a key, before there is an error or with the status of one.
    pub(super) fn fits(&self, key: &str, error_status: Option<u16>) -> bool {
        let no_condition = Condition::default();
        let condition = self.condition.as_ref().unwrap_or(&no_condition);
        condition.error_status == error_status
            && key.starts_with(condition.key_prefix.as_deref().unwrap_or(""))
    }

    /// The key that it sends a request for `key` to.
    pub(super) fn replace_key(&self, key: &str) -> String {
        match &self.redirect.key {
            None => key.to_owned(),
            Some(KeyReplacement::Whole(key)) => key.clone(),
            Some(KeyReplacement::Prefix(new)) => {
                let old = self.condition.as_ref().and_then(|condition| condition.key_prefix.as_deref());
                format!("{new}{}", key.strip_prefix(old.unwrap_or("")).unwrap_or(key))
            }
        }
    }

    pub(super) fn write(&self, xml: &mut XmlWriter) {
        xml.open("RoutingRule");
        if let Some(condition) = &self.condition {
            xml.open("Condition");
            if let Some(status) = condition.error_status {
                xml.number("HttpErrorCodeReturnedEquals", status);
            }
            xml.optional("KeyPrefixEquals", condition.key_prefix.as_deref());
            xml.close("Condition");
        }
        xml.open("Redirect");
        xml.optional("HostName", self.redirect.host_name.as_deref());
        if let Some(status) = self.redirect.status {
            xml.number("HttpRedirectCode", status);
        }
        xml.optional("Protocol", self.redirect.protocol.map(Protocol::as_str));
        match &self.redirect.key {
            None => {}
            Some(KeyReplacement::Whole(key)) => xml.text("ReplaceKeyWith", key),
            Some(KeyReplacement::Prefix(prefix)) => xml.text("ReplaceKeyPrefixWith", prefix),
        }
        xml.close("Redirect");
        xml.close("RoutingRule");
    }
}

fn parse_condition(element: &Element) -> Result<Condition, S3Error> {
    let (mut key_prefix, mut error_status) = (None, None);
    for child in &element.children {
        match child.name.as_str() {
            "KeyPrefixEquals" => set(&mut key_prefix, text(child)?)?,
            "HttpErrorCodeReturnedEquals" => {
                let status = parse_status(child, 400..=599, |status| {
                    format!(
                        "The provided HTTP error code ({status}) is not valid. Valid codes are 4XX or 5XX."
                    )
                })?;
                set(&mut error_status, status)?;
            }
            _ => return Err(malformed()),
        }
    }
    if key_prefix.is_none() && error_status.is_none() {
        return Err(invalid_request(
            "Condition cannot be empty. To redirect all requests without a condition, the condition element \
             shouldn't be present.",
        ));
    }
    Ok(Condition { key_prefix, error_status })
}

fn parse_redirect(element: &Element) -> Result<Redirect, S3Error> {
    let mut redirect = Redirect::default();
    let (mut whole, mut prefix) = (None, None);
    for child in &element.children {
        match child.name.as_str() {
            "HostName" => set(&mut redirect.host_name, parse_host_name(child)?)?,
            "Protocol" => set(&mut redirect.protocol, parse_protocol(child)?)?,
            "HttpRedirectCode" => {
                let status = parse_status(child, 301..=399, |status| {
                    format!(
                        "The provided HTTP redirect code ({status}) is not valid. Valid codes are 3XX except 300."
                    )
                })?;
                set(&mut redirect.status, status)?;
            }
            "ReplaceKeyWith" => set(&mut whole, text(child)?)?,
            "ReplaceKeyPrefixWith" => set(&mut prefix, text(child)?)?,
            _ => return Err(malformed()),
        }
    }
    redirect.key = match (whole, prefix) {
        (None, None) => None,
        (Some(key), None) => Some(KeyReplacement::Whole(key)),
        (None, Some(prefix)) => Some(KeyReplacement::Prefix(prefix)),
        (Some(_), Some(_)) => {
            return Err(invalid_request("You can only define ReplaceKeyPrefix or ReplaceKey but not both."));
        }
    };
    if redirect == Redirect::default() { Err(malformed()) } else { Ok(redirect) }
}

fn parse_status(
    element: &Element,
    valid: std::ops::RangeInclusive<u16>,
    message: impl FnOnce(&str) -> String,
) -> Result<u16, S3Error> {
    let text = element.leaf()?.trim();
    match text.parse() {
        Ok(status) if valid.contains(&status) && text.len() == 3 => Ok(status),
        _ => Err(invalid_request(message(text))),
    }
}
