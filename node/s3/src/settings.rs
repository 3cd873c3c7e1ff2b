//! Small settings: as the wire has them, and as the records keep them.

use mucura_metadata as kept;
use mucura_s3_wire::S3Error;
use mucura_s3_wire::config::lock::{
    DefaultRetention, LegalHold, LockHeaders, LockMode, Retention, RetentionPeriod,
};
use mucura_s3_wire::config::ownership::ObjectOwnership;
use mucura_s3_wire::config::public_access::PublicAccessBlock;
use mucura_s3_wire::config::tagging::{TagSet, Tagged};
use mucura_types::Timestamp;

pub(crate) fn shown_ownership(ownership: kept::Ownership) -> ObjectOwnership {
    match ownership {
        kept::Ownership::BucketOwnerEnforced => ObjectOwnership::BucketOwnerEnforced,
        kept::Ownership::BucketOwnerPreferred => ObjectOwnership::BucketOwnerPreferred,
        kept::Ownership::ObjectWriter => ObjectOwnership::ObjectWriter,
    }
}

pub(crate) fn kept_ownership(ownership: ObjectOwnership) -> kept::Ownership {
    match ownership {
        ObjectOwnership::BucketOwnerEnforced => kept::Ownership::BucketOwnerEnforced,
        ObjectOwnership::BucketOwnerPreferred => kept::Ownership::BucketOwnerPreferred,
        ObjectOwnership::ObjectWriter => kept::Ownership::ObjectWriter,
    }
}

pub(crate) fn shown_block(block: kept::PublicAccessBlock) -> PublicAccessBlock {
    PublicAccessBlock {
        block_public_acls: block.block_public_acls,
        ignore_public_acls: block.ignore_public_acls,
        block_public_policy: block.block_public_policy,
        restrict_public_buckets: block.restrict_public_buckets,
    }
}

pub(crate) fn kept_block(block: PublicAccessBlock) -> kept::PublicAccessBlock {
    kept::PublicAccessBlock {
        block_public_acls: block.block_public_acls,
        ignore_public_acls: block.ignore_public_acls,
        block_public_policy: block.block_public_policy,
        restrict_public_buckets: block.restrict_public_buckets,
    }
}

fn shown_mode(mode: kept::RetentionMode) -> LockMode {
    match mode {
        kept::RetentionMode::Governance => LockMode::Governance,
        kept::RetentionMode::Compliance => LockMode::Compliance,
    }
}

fn kept_mode(mode: LockMode) -> kept::RetentionMode {
    match mode {
        LockMode::Governance => kept::RetentionMode::Governance,
        LockMode::Compliance => kept::RetentionMode::Compliance,
    }
}

pub(crate) fn shown_default(default: kept::DefaultRetention) -> DefaultRetention {
    let period = match default.period {
        kept::RetentionPeriod::Days(days) => RetentionPeriod::Days(days),
        kept::RetentionPeriod::Years(years) => RetentionPeriod::Years(years),
    };
    DefaultRetention { mode: shown_mode(default.mode), period }
}

pub(crate) fn kept_default(default: DefaultRetention) -> kept::DefaultRetention {
    let period = match default.period {
        RetentionPeriod::Days(days) => kept::RetentionPeriod::Days(days),
        RetentionPeriod::Years(years) => kept::RetentionPeriod::Years(years),
    };
    kept::DefaultRetention { mode: kept_mode(default.mode), period }
}

pub(crate) fn shown_retention(retention: kept::Retention) -> Retention {
    Retention { mode: shown_mode(retention.mode), until_ms: retention.until.0 }
}

pub(crate) fn kept_retention(retention: Retention) -> kept::Retention {
    kept::Retention { mode: kept_mode(retention.mode), until: Timestamp(retention.until_ms) }
}

/// The lock that the headers of an upload ask for.
pub(crate) fn kept_lock(lock: &LockHeaders) -> kept::Lock {
    kept::Lock {
        retention: lock.retention.map(kept_retention),
        legal_hold: lock.legal_hold == Some(LegalHold::On),
    }
}

pub(crate) fn shown_hold(hold: bool) -> LegalHold {
    if hold { LegalHold::On } else { LegalHold::Off }
}

/// The tags of an object as records keep them.
pub(crate) fn kept_tags(tags: &TagSet) -> Vec<(String, String)> {
    tags.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// The inverse of [`kept_tags`].
pub(crate) fn shown_tags(tags: &[(String, String)]) -> Result<TagSet, S3Error> {
    TagSet::from_pairs(tags.iter().cloned(), Tagged::Object)
}
