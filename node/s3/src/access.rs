//! Who may do what: a bucket belongs to its creator, and the root user may do
//! everything.

use mucura_metadata::BucketRecord;
use mucura_s3_wire::{ErrorCode, S3Error};
use mucura_store::ROOT_USER;
use mucura_types::UserId;

/// Whether `user` may deal with a bucket, and it is whose the client thinks.
pub(crate) fn check_access(
    name: &str,
    bucket: Option<BucketRecord>,
    user: UserId,
    expected_owner: Option<&str>,
) -> Result<BucketRecord, S3Error> {
    let bucket = bucket.ok_or_else(|| S3Error::new(ErrorCode::NoSuchBucket).field("BucketName", name))?;
    let allowed = user == ROOT_USER || user == bucket.owner;
    let expected = expected_owner.is_none_or(|owner| owner == bucket.owner.to_string());
    if allowed && expected { Ok(bucket) } else { Err(ErrorCode::AccessDenied.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mucura_types::{BucketId, Timestamp};

    fn code(user: UserId, owner: Option<u64>, expected: Option<&str>) -> Result<(), ErrorCode> {
        let bucket =
            owner.map(|owner| BucketRecord { id: BucketId(1), owner: UserId(owner), created: Timestamp(0) });
        check_access("b", bucket, user, expected).map(|_| ()).map_err(|error| error.code)
    }

    #[test]
    fn owners_and_the_root_user_may_and_others_may_not() {
        assert_eq!(code(UserId(7), Some(7), None), Ok(()));
        assert_eq!(code(ROOT_USER, Some(7), None), Ok(()));
        assert_eq!(code(UserId(8), Some(7), None), Err(ErrorCode::AccessDenied));
        assert_eq!(code(UserId(7), Some(ROOT_USER.0), None), Err(ErrorCode::AccessDenied));
    }

    #[test]
    fn a_bucket_that_is_not_there_says_so_to_everybody() {
        assert_eq!(code(UserId(8), None, None), Err(ErrorCode::NoSuchBucket));
    }

    #[test]
    fn a_bucket_of_another_than_expected_is_denied() {
        assert_eq!(code(UserId(7), Some(7), Some("0000000000000007")), Ok(()));
        assert_eq!(code(ROOT_USER, Some(7), Some("0000000000000008")), Err(ErrorCode::AccessDenied));
    }
}
