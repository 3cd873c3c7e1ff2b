//! Requests from pages of other origins: `CORSConfiguration`, and what it answers to them.

mod request;
mod wildcard;

pub use request::{CorsHeaders, CorsRequest};
pub use wildcard::Wildcard;

use crate::config::field::{at_least, document, invalid_request, set, text};
use crate::error::{ErrorCode, S3Error};
use crate::xml::XmlWriter;
use crate::xml::reader::{Element, malformed};

const ROOT: &str = "CORSConfiguration";
const MAX_RULES: usize = 100;
const MAX_ID_CHARS: usize = 255;

keywords! {
    /// A method that a rule can allow.
    pub enum CorsMethod {
        /// Read.
        Get = "GET",
        /// Write.
        Put = "PUT",
        /// Look.
        Head = "HEAD",
        /// Upload by form.
        Post = "POST",
        /// Delete.
        Delete = "DELETE",
    }
}

/// What some origins may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorsRule {
    /// A name for people, up to 255 characters.
    pub id: Option<String>,
    /// The headers that requests may have.
    pub allowed_headers: Vec<Wildcard>,
    /// The methods, at least one.
    pub allowed_methods: Vec<CorsMethod>,
    /// The origins, at least one.
    pub allowed_origins: Vec<Wildcard>,
    /// The headers of answers that pages may see.
    pub expose_headers: Vec<String>,
    /// How long the answer to a preflight holds, in seconds.
    pub max_age_seconds: Option<u32>,
}

/// The rules of a bucket: 1 to 100; the first that fits holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorsConfiguration {
    /// The rules.
    pub rules: Vec<CorsRule>,
}

impl CorsConfiguration {
    /// The longest body, as in S3.
    pub const MAX_LEN: usize = 64 << 10;

    /// Reads the body of a `PutBucketCors`.
    ///
    /// `InvalidRequest` for an unknown method, more than one `*`, and too many rules.
    pub fn parse(body: &[u8]) -> Result<Self, S3Error> {
        let root = document(body, Self::MAX_LEN, ROOT)?;
        if root.children.is_empty() || root.children.iter().any(|child| child.name != "CORSRule") {
            return Err(malformed());
        }
        if root.children.len() > MAX_RULES {
            return Err(invalid_request(
                "The number of CORS rules should not exceed allowed limit of 100 rules.",
            ));
        }
        let rules = root.children.iter().map(parse_rule).collect::<Result<_, S3Error>>()?;
        Ok(Self { rules })
    }

    /// The document.
    pub fn to_xml(&self) -> String {
        let mut xml = XmlWriter::document();
        xml.open_root(ROOT);
        for rule in &self.rules {
            write_rule(&mut xml, rule);
        }
        xml.close(ROOT);
        xml.finish()
    }

    /// The headers that allow a request; `None` if no rule does.
    pub fn answer(&self, request: &CorsRequest) -> Option<CorsHeaders> {
        self.rules.iter().find_map(|rule| request.allowed_by(rule))
    }

    /// The answer to a preflight of a bucket that has these rules, or none.
    ///
    /// `AccessForbidden` if it is not allowed; `resource_type` is `BUCKET` or `OBJECT`.
    pub fn answer_preflight(
        rules: Option<&Self>,
        request: &CorsRequest,
        resource_type: &'static str,
    ) -> Result<CorsHeaders, S3Error> {
        let refusal = match rules {
            None => S3Error::with_message(
                ErrorCode::AccessForbidden,
                "CORSResponse: CORS is not enabled for this bucket.",
            ),
            Some(rules) => match rules.answer(request) {
                Some(headers) => return Ok(headers),
                None => ErrorCode::AccessForbidden.into(),
            },
        };
        Err(refusal.field("Method", request.method.as_str()).field("ResourceType", resource_type))
    }
}

fn parse_rule(element: &Element) -> Result<CorsRule, S3Error> {
    let mut rule = CorsRule::default();
    for child in &element.children {
        match child.name.as_str() {
            "ID" => set(&mut rule.id, parse_id(child)?)?,
            "AllowedHeader" => rule.allowed_headers.push(parse_wildcard(child)?),
            "AllowedMethod" => rule.allowed_methods.push(parse_method(child)?),
            "AllowedOrigin" => rule.allowed_origins.push(parse_wildcard(child)?),
            "ExposeHeader" => rule.expose_headers.push(parse_expose_header(child)?),
            "MaxAgeSeconds" => set(&mut rule.max_age_seconds, at_least(0, child, malformed)?)?,
            _ => return Err(malformed()),
        }
    }
    if rule.allowed_methods.is_empty() || rule.allowed_origins.is_empty() {
        return Err(malformed());
    }
    Ok(rule)
}

fn parse_id(element: &Element) -> Result<String, S3Error> {
    let id = text(element)?;
    if id.chars().count() > MAX_ID_CHARS {
        return Err(invalid_request("The ID of a CORS rule should not exceed allowed limit of 255"));
    }
    Ok(id)
}

fn parse_method(element: &Element) -> Result<CorsMethod, S3Error> {
    let name = element.leaf()?.trim();
    CorsMethod::from_name(name).ok_or_else(|| {
        invalid_request(format!("Found unsupported HTTP method in CORS config. Unsupported method is {name}"))
    })
}

fn parse_wildcard(element: &Element) -> Result<Wildcard, S3Error> {
    let pattern = element.leaf()?.trim();
    Wildcard::parse(pattern).ok_or_else(|| {
        invalid_request(format!("{} \"{pattern}\" can not have more than one wildcard.", element.name))
    })
}

fn parse_expose_header(element: &Element) -> Result<String, S3Error> {
    let header = element.leaf()?.trim();
    if header.contains('*') {
        return Err(invalid_request(format!(
            "ExposeHeader \"{header}\" contains wildcard. We currently do not support wildcard for ExposeHeader."
        )));
    }
    // It will stand in a header.
    if header.is_empty() || !header.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(malformed());
    }
    Ok(header.to_owned())
}

fn write_rule(xml: &mut XmlWriter, rule: &CorsRule) {
    xml.open("CORSRule");
    xml.optional("ID", rule.id.as_deref());
    for header in &rule.allowed_headers {
        xml.text("AllowedHeader", header.as_str());
    }
    for method in &rule.allowed_methods {
        xml.text("AllowedMethod", method.as_str());
    }
    for origin in &rule.allowed_origins {
        xml.text("AllowedOrigin", origin.as_str());
    }
    for header in &rule.expose_headers {
        xml.text("ExposeHeader", header);
    }
    if let Some(seconds) = rule.max_age_seconds {
        xml.number("MaxAgeSeconds", seconds);
    }
    xml.close("CORSRule");
}

#[cfg(test)]
mod tests;
