//! Storage classes: labels of versions. The operator names those that there are
//! besides the standard one.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};
use mucura_s3_wire::{ErrorCode, S3Error};

use crate::answer::set;
use crate::config::S3Config;

const STORAGE_CLASS: HeaderName = HeaderName::from_static("x-amz-storage-class");
/// The class of what names none.
pub(crate) const STANDARD: &str = "STANDARD";

/// The class that an upload asks for, as it is kept.
///
/// # Errors
/// `InvalidStorageClass`: there is no such class.
pub(crate) fn asked(config: &S3Config, class: Option<&str>) -> Result<Option<String>, S3Error> {
    match class {
        None | Some(STANDARD) => Ok(None),
        Some(class) if config.storage_classes.iter().any(|known| known == class) => {
            Ok(Some(class.to_owned()))
        }
        Some(class) => {
            Err(S3Error::new(ErrorCode::InvalidStorageClass).field("StorageClassRequested", class))
        }
    }
}

/// All that there are, if the operator named these.
pub(crate) fn known(named: &[String]) -> Vec<&str> {
    named.iter().map(String::as_str).chain([STANDARD]).collect()
}

/// The class in a listing.
pub(crate) fn listed(kept: Option<String>) -> Cow<'static, str> {
    kept.map_or(STANDARD.into(), Cow::Owned)
}

/// Into the head of an answer: S3 does not say it of the standard class.
pub(crate) fn show(kept: Option<&str>, headers: &mut HeaderMap) {
    if let Some(class) = kept {
        set(headers, STORAGE_CLASS, class);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_classes_that_there_are_can_be_asked_for() {
        let mut config = S3Config::new("r", Vec::new(), "h");
        config.storage_classes = vec!["COLD".to_owned()];
        assert_eq!(asked(&config, None).unwrap(), None);
        assert_eq!(asked(&config, Some("STANDARD")).unwrap(), None);
        assert_eq!(asked(&config, Some("COLD")).unwrap().as_deref(), Some("COLD"));
        for class in ["GLACIER", "cold", ""] {
            assert_eq!(asked(&config, Some(class)).unwrap_err().code, ErrorCode::InvalidStorageClass);
        }
        assert_eq!(known(&config.storage_classes), ["COLD", "STANDARD"]);
    }

    #[test]
    fn the_standard_class_is_listed_but_not_said_in_heads() {
        let mut headers = HeaderMap::new();
        show(None, &mut headers);
        assert!(headers.is_empty());
        show(Some("COLD"), &mut headers);
        assert_eq!(headers["x-amz-storage-class"], "COLD");
        assert_eq!(listed(None), "STANDARD");
        assert_eq!(listed(Some("COLD".to_owned())), "COLD");
    }
}
