//! Which objects a rule is about.

use crate::config::field::{integer, invalid_request, set, text};
use crate::config::tagging::{TagSet, Tagged, parse_tag};
use crate::error::S3Error;
use crate::xml::XmlWriter;
use crate::xml::reader::{Element, malformed};

const MAX_PREFIX_LEN: usize = 1_024;

/// Where the document says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FilterForm {
    /// In a `Filter`.
    #[default]
    Filter,
    /// In a `Prefix` of the rule itself, the old form.
    Prefix,
}

/// Conditions on an object, all of which must hold; without any, every object fits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Where it stands.
    pub form: FilterForm,
    /// What the key begins with.
    pub prefix: Option<String>,
    /// Tags it has.
    pub tags: TagSet,
    /// Its size is greater than this, in bytes.
    pub larger_than: Option<u64>,
    /// Its size is less than this, in bytes.
    pub smaller_than: Option<u64>,
}

/// The conditions of a `Filter` element as they are met.
#[derive(Default)]
struct Conditions {
    prefix: Option<String>,
    tags: Vec<(String, String)>,
    larger_than: Option<u64>,
    smaller_than: Option<u64>,
}

impl Filter {
    /// The old form.
    pub(super) fn parse_prefix(element: &Element) -> Result<Self, S3Error> {
        let mut conditions = Conditions::default();
        conditions.add_prefix(element)?;
        Ok(Self { form: FilterForm::Prefix, prefix: conditions.prefix, ..Self::default() })
    }

    /// A `Filter` element.
    pub(super) fn parse(element: &Element) -> Result<Self, S3Error> {
        let mut conditions = Conditions::default();
        let mut and = None;
        for child in element.elements()? {
            match child.name.as_str() {
                "And" => set(&mut and, child)?,
                _ => conditions.add(child)?,
            }
        }
        if let Some(and) = and {
            let all = and.elements()?;
            if all.len() < 2 {
                return Err(malformed());
            }
            all.iter().try_for_each(|child| conditions.add(child))?;
        }
        conditions.into_filter()
    }

    /// Whether an object fits.
    pub fn matches(&self, key: &str, size: u64, tags: &TagSet) -> bool {
        self.matches_key(key)
            && self.larger_than.is_none_or(|limit| size > limit)
            && self.smaller_than.is_none_or(|limit| size < limit)
            && tags.contains_all(&self.tags)
    }

    /// Whether a key fits, whatever the object has.
    pub fn matches_key(&self, key: &str) -> bool {
        key.starts_with(self.prefix.as_deref().unwrap_or(""))
    }

    /// How messages of AWS name it.
    pub(super) fn describe(&self) -> String {
        format!("(prefix={})", self.prefix.as_deref().unwrap_or(""))
    }

    pub(super) fn has_sizes(&self) -> bool {
        self.larger_than.is_some() || self.smaller_than.is_some()
    }

    pub(super) fn write(&self, xml: &mut XmlWriter) {
        if self.form == FilterForm::Prefix {
            return xml.text("Prefix", self.prefix.as_deref().unwrap_or(""));
        }
        let conditions = usize::from(self.prefix.is_some())
            + self.tags.len()
            + usize::from(self.larger_than.is_some())
            + usize::from(self.smaller_than.is_some());
        xml.open("Filter");
        if conditions > 1 {
            xml.open("And");
        }
        xml.optional("Prefix", self.prefix.as_deref());
        self.tags.write_tags(xml);
        if let Some(limit) = self.larger_than {
            xml.number("ObjectSizeGreaterThan", limit);
        }
        if let Some(limit) = self.smaller_than {
            xml.number("ObjectSizeLessThan", limit);
        }
        if conditions > 1 {
            xml.close("And");
        }
        xml.close("Filter");
    }
}

impl Conditions {
    fn add(&mut self, element: &Element) -> Result<(), S3Error> {
        match element.name.as_str() {
            "Prefix" => self.add_prefix(element),
            "Tag" => {
                self.tags.push(parse_tag(element)?);
                Ok(())
            }
            "ObjectSizeGreaterThan" => set(&mut self.larger_than, parse_size(element)?),
            "ObjectSizeLessThan" => set(&mut self.smaller_than, parse_size(element)?),
            _ => Err(malformed()),
        }
    }

    /// Of two prefixes the longer one says it all, if it begins with the other.
    fn add_prefix(&mut self, element: &Element) -> Result<(), S3Error> {
        let prefix = text(element)?;
        if prefix.len() > MAX_PREFIX_LEN {
            return Err(invalid_request("The maximum size of a prefix is 1024."));
        }
        match self.prefix.take() {
            Some(other) if other.starts_with(&prefix) => self.prefix = Some(other),
            Some(other) if !prefix.starts_with(&other) => return Err(malformed()),
            _ => self.prefix = Some(prefix),
        }
        Ok(())
    }

    fn into_filter(self) -> Result<Filter, S3Error> {
        let count = self.tags.len();
        let keys: std::collections::BTreeSet<&str> = self.tags.iter().map(|(key, _)| key.as_str()).collect();
        if keys.len() < count {
            return Err(invalid_request("Duplicate Tag Keys are not allowed."));
        }
        if let (Some(larger), Some(smaller)) = (self.larger_than, self.smaller_than)
            && larger >= smaller
        {
            return Err(invalid_request(
                "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.",
            ));
        }
        Ok(Filter {
            form: FilterForm::Filter,
            prefix: self.prefix,
            tags: TagSet::from_pairs(self.tags, Tagged::Object)?,
            larger_than: self.larger_than,
            smaller_than: self.smaller_than,
        })
    }
}

fn parse_size(element: &Element) -> Result<u64, S3Error> {
    u64::try_from(integer(element)?)
        .map_err(|_| invalid_request(format!("'{}' must be a nonnegative integer.", element.name)))
}
