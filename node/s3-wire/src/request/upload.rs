//! What the headers of an upload say of the new object, besides what is stored as headers.

use crate::acl::AclRequest;
use crate::config::lock::LockHeaders;
use crate::config::tagging::TagSet;
use crate::config::website::check_redirect_location;
use crate::error::S3Error;
use crate::head::RequestHead;
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
    /// Its storage class, if the client names one. Which there are is known further in.
    pub storage_class: Option<String>,
}

impl UploadSettings {
    pub(super) fn parse(target: &Target<'_>) -> Result<Self, S3Error> {
        Self::from_head(target.head, target.now_ms)
    }

    /// Reads the headers of an upload, or the fields of a form as such. `now_ms` is the time since
    /// 1970.
    pub(crate) fn from_head(head: &RequestHead<'_>, now_ms: u64) -> Result<Self, S3Error> {
        let website_redirect = head.header("x-amz-website-redirect-location")?.map(str::to_owned);
        website_redirect.as_deref().map(check_redirect_location).transpose()?;
        Ok(Self {
            acl: AclRequest::from_headers(head.headers)?,
            tags: head.header("x-amz-tagging")?.map(TagSet::parse_header).transpose()?,
            lock: LockHeaders::from_head(head, now_ms)?,
            website_redirect,
            storage_class: head.header("x-amz-storage-class")?.map(str::to_owned),
        })
    }
}
