//! How a policy is refused, in the words of AWS.

use crate::error::{ErrorCode, S3Error};

pub(super) fn malformed(message: impl Into<std::borrow::Cow<'static, str>>) -> S3Error {
    S3Error::with_message(ErrorCode::MalformedPolicy, message)
}

pub(super) fn not_json() -> S3Error {
    malformed("Policies must be valid JSON and the first byte must be '{'")
}

pub(super) fn missing(field: &str) -> S3Error {
    malformed(format!("Missing required field {field}"))
}

pub(super) fn invalid_action() -> S3Error {
    malformed("Policy has invalid action")
}

pub(super) fn invalid_resource() -> S3Error {
    malformed("Policy has invalid resource")
}

pub(super) fn invalid_principal(detail: &str) -> S3Error {
    malformed("Invalid principal in policy").field("Detail", detail)
}
