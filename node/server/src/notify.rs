//! How others hear of events: records in the JSON of S3, and the calls of
//! webhooks.

mod courier;
mod records;

pub(crate) use courier::{HttpCourier, check_url, trusted_authorities};
pub(crate) use records::to_json;
