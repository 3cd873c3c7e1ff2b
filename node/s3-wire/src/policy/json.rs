//! JSON as policies use it. Unlike the usual readers, this one refuses a member that stands twice
//! in an object: which of the two counts must not depend on who reads.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::error::S3Error;
use crate::policy::refusal::{malformed, not_json};

/// A value. Numbers and booleans are kept as text, which is how conditions compare them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Json {
    Null,
    Scalar(String),
    Text(String),
    List(Vec<Json>),
    /// The members in their order, each name once.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a document. The depth is bounded by the reader, the size by the caller.
    pub(super) fn parse(text: &str) -> Result<Self, S3Error> {
        serde_json::from_str(text).map_err(|_| not_json())
    }

    /// The members of an object.
    pub(super) fn members(&self) -> Option<&[(String, Json)]> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// A list, or a single value as a list of one.
    pub(super) fn one_or_many(&self) -> &[Json] {
        match self {
            Self::List(list) => list,
            one => std::slice::from_ref(one),
        }
    }

    /// One text or a list of texts, at least one.
    pub(super) fn texts(&self) -> Option<Vec<&str>> {
        let texts: Vec<&str> = self.one_or_many().iter().map(Self::text).collect::<Option<_>>()?;
        if texts.is_empty() { None } else { Some(texts) }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a condition: a text, number or boolean.
    pub(super) fn scalar(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Scalar(text) => Some(text),
            _ => None,
        }
    }
}

/// The text of a member, or the error of a member that should be one.
pub(super) fn text_member<'a>(name: &str, value: &'a Json) -> Result<&'a str, S3Error> {
    value.text().ok_or_else(|| malformed(format!("{name} must be a string")))
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Scalar(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Scalar(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Json, A::Error> {
        let mut members: Vec<(String, Json)> = Vec::new();
        let mut names = std::collections::BTreeSet::new();
        while let Some((name, value)) = object.next_entry::<String, Json>()? {
            if !names.insert(name.clone()) {
                return Err(A::Error::custom("a member stands twice"));
            }
            members.push((name, value));
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_stands_twice_is_refused() {
        assert!(Json::parse(r#"{"a": 1, "b": {"a": true}}"#).is_ok());
        assert!(Json::parse(r#"{"a": 1, "a": 1}"#).is_err());
        assert!(Json::parse(r#"{"b": {"a": 1, "\u0061": 1}}"#).is_err());
        assert!(Json::parse(r#"{} {}"#).is_err());
        assert!(Json::parse(&"[".repeat(100_000)).is_err());
    }

    #[test]
    fn numbers_and_booleans_are_texts_to_conditions() {
        let json = Json::parse("[1, -2, 1.5, true, \"x\"]").unwrap();
        let scalars: Option<Vec<&str>> = json.one_or_many().iter().map(Json::scalar).collect();
        assert_eq!(scalars, Some(vec!["1", "-2", "1.5", "true", "x"]));
        assert_eq!(json.texts(), None);
    }
}
