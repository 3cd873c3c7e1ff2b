//! What can happen in a bucket.

keywords! {
    /// Something that happened to an object.
    pub enum EventName {
        /// It was written.
        ObjectCreatedPut = "s3:ObjectCreated:Put",
        /// It was uploaded by form.
        ObjectCreatedPost = "s3:ObjectCreated:Post",
        /// It was copied from another.
        ObjectCreatedCopy = "s3:ObjectCreated:Copy",
        /// An upload in parts was completed.
        ObjectCreatedCompleteMultipartUpload = "s3:ObjectCreated:CompleteMultipartUpload",
        /// It, or a version of it, was deleted for good.
        ObjectRemovedDelete = "s3:ObjectRemoved:Delete",
        /// It was deleted by a delete marker.
        ObjectRemovedDeleteMarkerCreated = "s3:ObjectRemoved:DeleteMarkerCreated",
        /// It was given tags.
        ObjectTaggingPut = "s3:ObjectTagging:Put",
        /// Its tags were taken away.
        ObjectTaggingDelete = "s3:ObjectTagging:Delete",
        /// It was given an ACL.
        ObjectAclPut = "s3:ObjectAcl:Put",
        /// A lifecycle rule deleted it, or a version of it, for good.
        LifecycleExpirationDelete = "s3:LifecycleExpiration:Delete",
        /// A lifecycle rule deleted it by a delete marker.
        LifecycleExpirationDeleteMarkerCreated = "s3:LifecycleExpiration:DeleteMarkerCreated",
        /// A lifecycle rule moved it to another storage class.
        LifecycleTransition = "s3:LifecycleTransition",
    }
}

keywords! {
    /// Several events by what their names begin with.
    pub enum EventFamily {
        /// Every way to write an object.
        ObjectCreated = "s3:ObjectCreated:*",
        /// Every way to delete one.
        ObjectRemoved = "s3:ObjectRemoved:*",
        /// Every change of tags.
        ObjectTagging = "s3:ObjectTagging:*",
        /// Every way a lifecycle rule deletes.
        LifecycleExpiration = "s3:LifecycleExpiration:*",
    }
}

/// The events of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventPattern {
    /// This one.
    One(EventName),
    /// All of these.
    Family(EventFamily),
}

impl EventPattern {
    /// The pattern of that name, in exactly this case.
    pub fn from_name(name: &str) -> Option<Self> {
        let one = EventName::from_name(name).map(Self::One);
        one.or_else(|| EventFamily::from_name(name).map(Self::Family))
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::One(event) => event.as_str(),
            Self::Family(family) => family.as_str(),
        }
    }

    /// Whether an event fits.
    pub fn matches(self, event: EventName) -> bool {
        match self {
            Self::One(one) => one == event,
            Self::Family(family) => event.as_str().starts_with(family.as_str().trim_end_matches('*')),
        }
    }

    /// Whether an event fits both.
    pub(super) fn overlaps(self, other: Self) -> bool {
        match (self, other) {
            (Self::One(event), other) | (other, Self::One(event)) => other.matches(event),
            (Self::Family(family), Self::Family(other)) => family == other,
        }
    }
}
