//! The fields of a form before its file.

use std::collections::BTreeMap;

use crate::error::S3Error;
use crate::form::{MAX_FORM_LEN, MAX_POLICY_LEN, malformed, too_long};

/// What stands for the name of the file, in any field.
const FILE_NAME: &str = "${filename}";

/// All that a form says before its file. Not yet verified: it proves nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    fields: BTreeMap<String, String>,
}

impl Form {
    /// Takes the fields, by lower-case name, and the name of the file, which goes where
    /// `${filename}` stands: S3 does this before it looks at any of them.
    ///
    /// `MaxPostPreDataLengthExceeded` if that makes the fields too long.
    pub(super) fn new(
        mut fields: BTreeMap<String, String>,
        file_name: Option<&str>,
    ) -> Result<Self, S3Error> {
        let path = file_name.unwrap_or("");
        let name = path.rsplit(['/', '\\']).next().unwrap_or("");
        let mut room = MAX_FORM_LEN + MAX_POLICY_LEN;
        for value in fields.values_mut() {
            let grown = value.matches(FILE_NAME).count().saturating_mul(name.len());
            room = room.checked_sub(grown.saturating_add(value.len())).ok_or_else(too_long)?;
            if value.contains(FILE_NAME) {
                *value = value.replace(FILE_NAME, name);
            }
        }
        Ok(Self { fields })
    }

    /// A field by its lower-case name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// The same, taking an empty value as absent.
    pub(super) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// The lower-case names and the values, sorted by name.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Puts a field among the others: `MalformedPOSTRequest` if it is there, as a value that was
/// checked and one that was not must not be mixed up.
pub(super) fn insert(
    fields: &mut BTreeMap<String, String>,
    name: String,
    value: Vec<u8>,
) -> Result<(), S3Error> {
    let value = String::from_utf8(value).map_err(|_| malformed())?;
    if fields.insert(name, value).is_some() { Err(malformed()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    fn expanded(value: &str, file_name: Option<&str>) -> Result<String, ErrorCode> {
        let fields = BTreeMap::from([("key".to_owned(), value.to_owned())]);
        let form = Form::new(fields, file_name).map_err(|error| error.code)?;
        Ok(form.get("key").unwrap().to_owned())
    }

    #[test]
    fn the_name_of_the_file_goes_into_the_fields() {
        for (value, file_name, result) in [
            ("user/${filename}", Some("a.txt"), "user/a.txt"),
            ("${filename}-${filename}", Some("C:\\dir\\a.txt"), "a.txt-a.txt"),
            ("${filename}", Some("/home/me/a.txt"), "a.txt"),
            ("a/${filename}", Some("dir/"), "a/"),
            ("a${filename}", None, "a"),
            ("$filename{filename}", Some("a.txt"), "$filename{filename}"),
            ("${filename}", Some("${filename}"), "${filename}"),
        ] {
            assert_eq!(expanded(value, file_name), Ok(result.to_owned()), "{value} {file_name:?}");
        }
    }

    #[test]
    fn fields_cannot_grow_without_bound() {
        let value = FILE_NAME.repeat(1_000);
        assert_eq!(expanded(&value, Some(&"n".repeat(1_000))), Err(ErrorCode::MaxPostPreDataLengthExceeded));
        assert!(expanded(&value, Some("n")).is_ok());
    }
}
