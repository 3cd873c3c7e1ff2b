//! The S3 front end: takes HTTP requests, calls the use cases, answers.
//!
//! [`S3`] is a service behind an axum router; whoever owns the listener serves
//! it. The life of a request: an id; the claim of its signature read; one
//! linearizable read begun; the signature verified with the secret of that
//! read; parameters parsed; the bucket's owner compared; only then its body
//! polled, so that a client that expects `100 Continue` sends nothing in vain.
//!
//! Invariants:
//! - What S3 has and we have not is answered `NotImplemented`.
//! - Nothing is published before length, signatures, MD5 and checksums of the
//!   body have been verified.
//! - An answer that cannot be completed ends its connection: never a short
//!   body that looks whole.
//! - What a client sees of a failure is fixed by its code; the cause goes to
//!   the log, with the request id.
//! - What comes to the host of a web site is a visit: read only, by nobody in
//!   particular.
//! - A request that changes something runs to its end even if its client goes
//!   away: no use case is cut off between storing and committing.
//!
//! It knows nothing of drives, peers or Raft: only the use cases of `store`.

mod access;
mod account;
mod acl;
mod answer;
mod answer_body;
mod attributes;
mod bucket_settings;
mod buckets;
mod byte_ranges;
mod call;
mod checksums;
mod complete;
mod conditions;
mod config;
mod connection;
mod copy;
mod cors;
mod delete;
mod document;
mod encryption;
mod errors;
mod explain;
mod form_file;
mod front;
mod get_object;
mod lifecycle;
mod listing;
mod new_object;
mod notification;
mod object_attributes;
mod object_settings;
mod operations;
mod parsed;
mod part_span;
mod payload;
mod post_object;
mod put_object;
mod request_id;
mod settings;
mod storage_class;
mod tasks;
mod tokens;
mod upload_body;
mod uploads;
mod versions;
mod website;
mod website_error;

pub use config::S3Config;
pub use connection::Connection;
pub use explain::{AccessAnswer, AccessQuestion, ExplainError, ObjectPart};
pub use front::S3;
pub use operations::operation_names;
