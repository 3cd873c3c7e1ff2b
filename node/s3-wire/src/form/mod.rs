//! Uploads by HTML forms (POST Object): the body taken apart, the policy and its signature
//! checked, and the answer.
//!
//! In the order of a request:
//!
//! 1. [`Boundary::from_head`] reads the `Content-Type`; [`Decoder`] takes the body in pieces of any
//!    size and gives the [`Form`], that is all fields before the file, then the bytes of the file,
//!    then its end.
//! 2. [`Form::claim`] says who signed the form, [`Claim::verify`] whether that is so.
//! 3. [`PostObject::accept`] holds the form against the policy and says what is asked for.
//! 4. The length of the file is known at its end only: [`LengthRange`] is asked on the way and
//!    then. Nothing may be published before.
//! 5. [`Success`] answers.
//!
//! Source: "POST Object", "POST Policy" and "Creating an HTML form" in the S3 API reference, and
//! "Browser-based uploads using POST (AWS signature version 2)" in its developer guide.

mod answer;
mod boundary;
mod claim;
mod decoder;
mod fields;
mod json;
mod parameters;
mod policy;
mod post;
mod search;

pub use answer::{Success, object_url, post_response, redirect_location};
pub use boundary::Boundary;
pub use claim::{Claim, Verified, refuse_signed_head};
pub use decoder::{Decoder, Event};
pub use fields::Form;
pub use policy::{LengthRange, Policy};
pub use post::PostObject;

use crate::error::{ErrorCode, S3Error};

/// The most bytes of a form before the file, boundaries and heads included, the policy not.
pub const MAX_FORM_LEN: usize = 20 << 10;
/// The longest policy, in base64.
pub const MAX_POLICY_LEN: usize = 20 << 10;
/// The most fields before the file.
const MAX_FIELDS: usize = 200;

/// The error for a form with too much in front of the file.
fn too_long() -> S3Error {
    S3Error::new(ErrorCode::MaxPostPreDataLengthExceeded)
        .field("MaxPostPreDataLengthBytes", MAX_FORM_LEN.to_string())
}

/// The error for a body that is no form.
fn malformed() -> S3Error {
    ErrorCode::MalformedPostRequest.into()
}

/// The error for a form without a field it needs.
fn missing(field: &str) -> S3Error {
    S3Error::invalid_argument(
        format!(
            "Bucket POST must contain a field named '{field}'.  If it is specified, please check the \
             order of the fields."
        ),
        field,
        "",
    )
}

#[cfg(test)]
mod tests;
