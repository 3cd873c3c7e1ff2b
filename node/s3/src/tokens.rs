//! Continuation tokens: where the next page of a listing begins, opaque to
//! clients.

use mucura_s3_wire::S3Error;

/// Told apart from other texts, and from tokens of later forms.
const FORM: &str = "1-";

/// The token of a page that comes after this key.
pub(crate) fn token(last: &[u8]) -> String {
    format!("{FORM}{}", hex::encode(last))
}

/// The key of a token: `InvalidArgument` for what we did not write.
pub(crate) fn parse_token(token: &str) -> Result<Vec<u8>, S3Error> {
    token.strip_prefix(FORM).and_then(|digits| hex::decode(digits).ok()).ok_or_else(|| {
        S3Error::invalid_argument("The continuation token provided is incorrect", "continuation-token", token)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_read_back_and_nothing_else_does() {
        for key in [&b""[..], b"a/b c", "é/日".as_bytes(), &[0, 255]] {
            assert_eq!(parse_token(&token(key)).unwrap(), key);
        }
        for text in ["", "made up", "1-zz", "1-abc", "a", "2-00"] {
            assert!(parse_token(text).is_err(), "{text}");
        }
    }
}
