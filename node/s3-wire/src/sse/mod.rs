//! Server-side encryption: what the headers of a request ask for, and what an answer says of it
//! (S3 user guide, "Protecting data with server-side encryption").
//!
//! [`SseHeaders`] are taken from a request as they came, so that a bucket policy can be held
//! against them first; they are checked when it has let the request pass.

mod answer;
mod customer;
mod headers;
mod request;

pub use answer::AppliedSse;
pub use customer::{CustomerKey, KeyChannel, KeyChecks, KeyHolder, wrong_customer_key};
pub use headers::SseHeaders;
pub use request::{KmsMethod, KmsRequest, SseRequest};

#[cfg(test)]
mod tests;
