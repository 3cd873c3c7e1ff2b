//! What the headers of an upload say of the new object, besides what is stored as headers.

use crate::acl::AclRequest;
use crate::config::lock::LockHeaders;
use crate::config::tagging::TagSet;
use crate::error::{ErrorCode, S3Error};
use crate::request::Target;

/// The settings of a new object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadSettings {
    /// Who may do what.
    pub acl: AclRequest,
    /// Its tags, if it shall have any.
    pub tags: Option<TagSet>,
    /// What keeps it from being deleted.
    pub lock: LockHeaders,
    /// Where a website sends those who ask for it.
    pub website_redirect: Option<String>,
}

impl UploadSettings {
    pub(super) fn parse(target: &Target<'_>) -> Result<Self, S3Error> {
        let head = target.head;
        let redirect = head.header("x-amz-website-redirect-location")?;
        Ok(Self {
            acl: AclRequest::from_headers(head.headers)?,
            tags: head.header("x-amz-tagging")?.map(TagSet::parse_header).transpose()?,
            lock: LockHeaders::from_head(head, target.now_ms)?,
            website_redirect: redirect.map(check_redirect_location).transpose()?,
        })
    }
}

fn check_redirect_location(location: &str) -> Result<String, S3Error> {
    let fits = ["/", "http://", "https://"].iter().any(|start| location.starts_with(start));
    if fits && location.len() <= 2_048 {
        Ok(location.to_owned())
    } else {
        Err(ErrorCode::InvalidRequest.into())
    }
}
