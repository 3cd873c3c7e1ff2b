//! `x-amz-website-redirect-location`: where a web site sends those who ask for an object.

use crate::error::{ErrorCode, S3Error};

const MAX_LEN: usize = 2_048;

/// Checks the value of the header: `InvalidRedirectLocation` unless it is a path or a URL of
/// `http` or `https`, of at most 2,048 bytes.
pub fn check_redirect_location(location: &str) -> Result<(), S3Error> {
    let refusal = |message| Err(S3Error::with_message(ErrorCode::InvalidRedirectLocation, message));
    if location.is_empty() {
        return refusal("The website redirect location must be non-empty.");
    }
    if !["/", "http://", "https://"].iter().any(|start| location.starts_with(start)) {
        return refusal(
            "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
        );
    }
    if location.len() > MAX_LEN {
        return refusal("The length of website redirect location cannot exceed 2,048 characters.");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_paths_or_urls() {
        for location in ["/", "/a", "http://a", "https://a/b", &format!("/{}", "a".repeat(2_047)) as &str] {
            assert_eq!(check_redirect_location(location), Ok(()), "{location}");
        }
        for location in ["", "a", "ftp://a", "javascript:x", &format!("/{}", "a".repeat(2_048)) as &str] {
            let code = check_redirect_location(location).map_err(|error| error.code);
            assert_eq!(code, Err(ErrorCode::InvalidRedirectLocation), "{location}");
        }
    }
}
