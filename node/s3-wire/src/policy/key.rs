//! Condition keys: the names of what is known about a request.

use std::fmt;

/// The keys there are, in lower case. Those that end in a slash are followed by the key of a tag.
const KNOWN: &[&str] = &[
    "aws:calledvia",
    "aws:calledviafirst",
    "aws:calledvialast",
    "aws:currenttime",
    "aws:epochtime",
    "aws:federatedprovider",
    "aws:multifactorauthage",
    "aws:multifactorauthpresent",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalisawsservice",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalservicename",
    "aws:principalservicenameslist",
    "aws:principaltag/",
    "aws:principaltype",
    "aws:referer",
    "aws:requestedregion",
    "aws:requesttag/",
    "aws:resourceaccount",
    "aws:resourceorgid",
    "aws:resourceorgpaths",
    "aws:resourcetag/",
    "aws:securetransport",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:tagkeys",
    "aws:tokenissuetime",
    "aws:useragent",
    "aws:userid",
    "aws:username",
    "aws:viaawsservice",
    "aws:vpcsourceip",
    "s3:accesspointnetworkorigin",
    "s3:authtype",
    "s3:buckettag/",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:delimiter",
    "s3:existingobjecttag/",
    "s3:if-match",
    "s3:if-none-match",
    "s3:inventoryaccessibleoptionalfields",
    "s3:locationconstraint",
    "s3:max-keys",
    "s3:object-lock-legal-hold",
    "s3:object-lock-mode",
    "s3:object-lock-remaining-retention-days",
    "s3:object-lock-retain-until-date",
    "s3:objectcreationoperation",
    "s3:prefix",
    "s3:requestobjecttag/",
    "s3:requestobjecttagkeys",
    "s3:resourceaccount",
    "s3:signatureage",
    "s3:signatureversion",
    "s3:tlsversion",
    "s3:versionid",
    "s3:x-amz-acl",
    "s3:x-amz-content-sha256",
    "s3:x-amz-copy-source",
    "s3:x-amz-grant-full-control",
    "s3:x-amz-grant-read",
    "s3:x-amz-grant-read-acp",
    "s3:x-amz-grant-write",
    "s3:x-amz-grant-write-acp",
    "s3:x-amz-metadata-directive",
    "s3:x-amz-object-ownership",
    "s3:x-amz-server-side-encryption",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "s3:x-amz-server-side-encryption-customer-algorithm",
    "s3:x-amz-storage-class",
    "s3:x-amz-website-redirect-location",
];

/// Those that no request has here, as nothing here is what they speak of, or nothing knows it.
const NEVER_SET: &[&str] = &[
    "aws:calledvia",
    "aws:calledviafirst",
    "aws:calledvialast",
    "aws:federatedprovider",
    "aws:multifactorauthage",
    "aws:multifactorauthpresent",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalservicenameslist",
    "aws:principaltag/",
    "aws:requestedregion",
    "aws:requesttag/",
    "aws:resourceaccount",
    "aws:resourceorgid",
    "aws:resourceorgpaths",
    "aws:resourcetag/",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:tagkeys",
    "aws:tokenissuetime",
    "aws:vpcsourceip",
    "s3:accesspointnetworkorigin",
    "s3:buckettag/",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:inventoryaccessibleoptionalfields",
    "s3:locationconstraint",
    "s3:object-lock-remaining-retention-days",
    "s3:objectcreationoperation",
    "s3:resourceaccount",
    "s3:tlsversion",
];

/// A condition key, in lower case but for the key of a tag, whose case counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ConditionKey(String);

impl ConditionKey {
    /// Whatever the name, known or not.
    pub(super) fn new(name: &str) -> Self {
        Self(match name.split_once('/') {
            Some((stem, tag)) => format!("{}/{tag}", stem.to_ascii_lowercase()),
            None => name.to_ascii_lowercase(),
        })
    }

    /// The key of that name, if there is one.
    pub(super) fn known(name: &str) -> Option<Self> {
        let key = Self::new(name);
        let known = !key.0.ends_with('/') && KNOWN.binary_search(&key.stem()).is_ok();
        known.then_some(key)
    }

    /// Whether some request may have it.
    pub(super) fn is_ever_set(&self) -> bool {
        NEVER_SET.binary_search(&self.stem()).is_err()
    }

    /// What comes before the key of a tag, with the slash.
    fn stem(&self) -> &str {
        let end = self.0.find('/').map_or(self.0.len(), |slash| slash + 1);
        self.0.get(..end).unwrap_or_default()
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConditionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The names that some request may have.
#[cfg(test)]
pub(crate) fn ever_set() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().copied().filter(|name| !NEVER_SET.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_whatever_their_case() {
        assert!(KNOWN.is_sorted() && NEVER_SET.is_sorted());
        assert!(NEVER_SET.iter().all(|name| KNOWN.contains(name)));
        for name in ["aws:SourceIp", "AWS:sourceip", "s3:x-amz-acl", "s3:ExistingObjectTag/Colour"] {
            assert!(ConditionKey::known(name).is_some(), "{name}");
        }
        for name in ["", "aws:", "SourceIp", "s3:ExistingObjectTag", "s3:ExistingObjectTag/", "s3:prefix/x"] {
            assert_eq!(ConditionKey::known(name), None, "{name}");
        }
        assert!(!ConditionKey::new("s3:BucketTag/a/b").is_ever_set());
        assert!(ConditionKey::new("s3:ExistingObjectTag/a").is_ever_set());
        assert_eq!(ConditionKey::new("S3:ExistingObjectTag/Aé/B").as_str(), "s3:existingobjecttag/Aé/B");
    }
}
