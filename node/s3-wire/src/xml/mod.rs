//! The XML of S3: bodies that clients send, and answers.
//!
//! Reading is bounded in size, depth and number of entries, and knows no document types and no
//! entities but the five that XML has. Answers have the elements and the order of AWS.

mod bucket;
mod complete;
mod delete;
mod escape;
mod listing;
mod multipart;
pub(crate) mod reader;

pub use bucket::{ListedBucket, list_buckets, location_constraint, parse_bucket_configuration};
pub use complete::{CompletedPart, parse_complete};
pub use delete::{DeleteKey, DeleteRequest, DeletedKey, delete_result, parse_delete};
pub(crate) use escape::XmlWriter;
pub use listing::{ListPage, ListedObject, Owner, list_objects, list_objects_v2};
pub use multipart::{
    CopyResult, ListedPart, ListedUpload, UploadPage, complete_multipart_upload, copy_object_result,
    copy_part_result, create_multipart_upload, list_multipart_uploads, list_parts,
};

/// The longest body of a `CreateBucket`.
pub const MAX_BUCKET_CONFIGURATION_LEN: usize = 64 << 10;
/// The longest body of a `DeleteObjects`: 1,000 keys, with room for what must be escaped in them.
pub const MAX_DELETE_LEN: usize = 8 << 20;
/// The longest body of a `CompleteMultipartUpload`: 10,000 parts with checksums.
pub const MAX_COMPLETE_LEN: usize = 4 << 20;

/// What stands before the root element of an answer. An answer that takes long may send it first,
/// then spaces to keep the connection alive, then what follows it in the finished document.
pub const PROLOG: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

#[cfg(test)]
mod tests;
