//! Settings of a bucket that bear on access.

/// Who owns objects, and whether access control lists count (`OwnershipControls`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ObjectOwnership {
    /// Everything belongs to the owner of the bucket, and lists count for nothing.
    BucketOwnerEnforced,
    /// Who writes an object owns it, unless they hand it over with `bucket-owner-full-control`.
    BucketOwnerPreferred,
    /// Who writes an object owns it. So it is in buckets without the setting.
    #[default]
    ObjectWriter,
}

/// What is closed to the public whatever lists and policies say (`PublicAccessBlockConfiguration`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PublicAccessBlock {
    /// New lists that are public are refused.
    pub block_public_acls: bool,
    /// Grants to the public count for nothing.
    pub ignore_public_acls: bool,
    /// New policies that are public are refused.
    pub block_public_policy: bool,
    /// A policy that is public lets in nobody but the owner and services.
    pub restrict_public_buckets: bool,
}
