//! A bucket as a web site: `WebsiteConfiguration`, and what to answer by it.

mod answer;
mod redirect_location;
mod routing;

pub use answer::{WebsiteAnswer, WebsiteRequest};
pub use redirect_location::check_redirect_location;
pub use routing::{Condition, KeyReplacement, Redirect, RoutingRule};

use crate::config::field::{document, invalid_request, set, text};
use crate::error::S3Error;
use crate::xml::XmlWriter;
use crate::xml::reader::{Element, malformed};

const ROOT: &str = "WebsiteConfiguration";
const MAX_ROUTING_RULES: usize = 50;
const MAX_KEY_LEN: usize = 1_024;

keywords! {
    /// How a browser is to come.
    pub enum Protocol {
        /// In the clear.
        Http = "http",
        /// Over TLS.
        Https = "https",
    }
}

/// Where all requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectAll {
    /// The host.
    pub host_name: String,
    /// How; as the request came, if the document does not say.
    pub protocol: Option<Protocol>,
}

/// What is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pages {
    /// What is put behind a key that is empty or ends in `/`. Not empty, has no `/`.
    pub index_suffix: String,
    /// The key of what is shown with an error of the client.
    pub error_key: Option<String>,
    /// Up to 50; the first that fits holds.
    pub routing_rules: Vec<RoutingRule>,
}

/// The web site of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebsiteConfiguration {
    /// It sends all requests elsewhere.
    RedirectAll(RedirectAll),
    /// It serves the objects.
    Pages(Pages),
}

impl WebsiteConfiguration {
    /// The longest body, as in S3.
    pub const MAX_LEN: usize = 128 << 10;

    /// Reads the body of a `PutBucketWebsite`.
    ///
    /// `InvalidArgument` for a suffix or key that cannot be, `InvalidRequest` for a routing rule
    /// that contradicts itself.
    pub fn parse(body: &[u8]) -> Result<Self, S3Error> {
        let root = document(body, Self::MAX_LEN, ROOT)?;
        let (mut all, mut index, mut error_key, mut rules) = (None, None, None, None);
        for child in &root.children {
            match child.name.as_str() {
                "RedirectAllRequestsTo" => set(&mut all, parse_redirect_all(child)?)?,
                "IndexDocument" => set(&mut index, only_child(child, "Suffix")?)?,
                "ErrorDocument" => set(&mut error_key, only_child(child, "Key")?)?,
                "RoutingRules" => set(&mut rules, parse_routing_rules(child)?)?,
                _ => return Err(malformed()),
            }
        }
        if let Some(all) = all {
            let alone = index.is_none() && error_key.is_none() && rules.is_none();
            return if alone { Ok(Self::RedirectAll(all)) } else { Err(malformed()) };
        }
        let Some(index_suffix) = index else {
            return Err(S3Error::invalid_argument(
                "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
                "IndexDocument",
                "null",
            ));
        };
        if index_suffix.is_empty() || index_suffix.contains('/') {
            return Err(S3Error::invalid_argument(
                "The IndexDocument Suffix is not well formed",
                "IndexDocument",
                &index_suffix,
            ));
        }
        if let Some(key) = error_key.as_ref().filter(|key| key.is_empty() || key.len() > MAX_KEY_LEN) {
            return Err(S3Error::invalid_argument(
                "The ErrorDocument Key is not well formed",
                "ErrorDocument",
                key,
            ));
        }
        Ok(Self::Pages(Pages { index_suffix, error_key, routing_rules: rules.unwrap_or_default() }))
    }

    /// The document.
    pub fn to_xml(&self) -> String {
        let mut xml = XmlWriter::document();
        xml.open_root(ROOT);
        match self {
            Self::RedirectAll(all) => {
                xml.open("RedirectAllRequestsTo");
                xml.text("HostName", &all.host_name);
                xml.optional("Protocol", all.protocol.map(Protocol::as_str));
                xml.close("RedirectAllRequestsTo");
            }
            Self::Pages(pages) => write_pages(&mut xml, pages),
        }
        xml.close(ROOT);
        xml.finish()
    }
}

fn write_pages(xml: &mut XmlWriter, pages: &Pages) {
    xml.open("IndexDocument");
    xml.text("Suffix", &pages.index_suffix);
    xml.close("IndexDocument");
    if let Some(key) = &pages.error_key {
        xml.open("ErrorDocument");
        xml.text("Key", key);
        xml.close("ErrorDocument");
    }
    if !pages.routing_rules.is_empty() {
        xml.open("RoutingRules");
        for rule in &pages.routing_rules {
            rule.write(xml);
        }
        xml.close("RoutingRules");
    }
}

/// The text of an element's one child.
fn only_child(element: &Element, name: &str) -> Result<String, S3Error> {
    match element.children.as_slice() {
        [child] if child.name == name => text(child),
        _ => Err(malformed()),
    }
}

fn parse_redirect_all(element: &Element) -> Result<RedirectAll, S3Error> {
    let (mut host_name, mut protocol) = (None, None);
    for child in &element.children {
        match child.name.as_str() {
            "HostName" => set(&mut host_name, parse_host_name(child)?)?,
            "Protocol" => set(&mut protocol, parse_protocol(child)?)?,
            _ => return Err(malformed()),
        }
    }
    Ok(RedirectAll { host_name: host_name.ok_or_else(malformed)?, protocol })
}

fn parse_routing_rules(element: &Element) -> Result<Vec<RoutingRule>, S3Error> {
    if element.children.len() > MAX_ROUTING_RULES {
        return Err(invalid_request(format!(
            "The number of routing rules should not exceed allowed limit of {MAX_ROUTING_RULES} rules."
        )));
    }
    element.children.iter().map(RoutingRule::parse).collect()
}

/// A host, perhaps with a port or a path: it will stand in a header.
fn parse_host_name(element: &Element) -> Result<String, S3Error> {
    let host = element.leaf()?.trim();
    if host.is_empty() || !host.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(malformed());
    }
    Ok(host.to_owned())
}

fn parse_protocol(element: &Element) -> Result<Protocol, S3Error> {
    Protocol::from_name(element.leaf()?.trim()).ok_or_else(|| {
        invalid_request(
            "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected \
             automatically.",
        )
    })
}

#[cfg(test)]
mod tests;
