//! What holds for every document.

use crate::xml::PROLOG;

/// Drops what all documents have: the prolog and the namespace.
pub(super) fn inner(xml: &str) -> String {
    let xml = xml.strip_prefix(PROLOG).expect("a prolog");
    xml.replacen(" xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"", "", 1)
}

use proptest::prelude::*;

use crate::config::cors::CorsConfiguration;
use crate::config::encryption::EncryptionConfiguration;
use crate::config::lifecycle::LifecycleConfiguration;
use crate::config::lock::{LegalHold, ObjectLockConfiguration, Retention};
use crate::config::logging::BucketLogging;
use crate::config::notification::NotificationConfiguration;
use crate::config::ownership::OwnershipControls;
use crate::config::public_access::PublicAccessBlock;
use crate::config::request_payment::RequestPayment;
use crate::config::tagging::{TagSet, Tagged};
use crate::config::versioning::VersioningConfiguration;
use crate::config::website::WebsiteConfiguration;
use crate::error::ErrorCode;

/// Gives a body to every reader. What one takes must read back equal once it is written.
fn read_by_all(body: &[u8]) -> Vec<Option<ErrorCode>> {
    let mut codes = Vec::new();
    macro_rules! read {
        ($parse:expr) => {{
            let first = $parse(body);
            if let Ok(value) = &first {
                assert_eq!($parse(value.to_xml().as_bytes()).as_ref(), Ok(value));
            }
            codes.push(first.err().map(|error| error.code));
        }};
    }
    read!(VersioningConfiguration::parse);
    read!(|body: &[u8]| TagSet::parse(body, Tagged::Bucket));
    read!(CorsConfiguration::parse);
    read!(OwnershipControls::parse);
    read!(PublicAccessBlock::parse);
    read!(RequestPayment::parse);
    read!(EncryptionConfiguration::parse);
    read!(ObjectLockConfiguration::parse);
    read!(LegalHold::parse);
    read!(WebsiteConfiguration::parse);
    read!(NotificationConfiguration::parse);
    read!(LifecycleConfiguration::parse);
    read!(BucketLogging::parse);
    codes.push(Retention::parse(body, 0).err().map(|error| error.code));
    codes
}

#[test]
fn what_is_no_document_or_too_long_is_refused_by_all() {
    for body in ["", "x", "<a/>", "<a>", "<!DOCTYPE a><a/>", "\u{0}"] {
        for code in read_by_all(body.as_bytes()) {
            assert_eq!(code, Some(ErrorCode::MalformedXml), "{body}");
        }
    }
    for code in read_by_all(&vec![b' '; LifecycleConfiguration::MAX_LEN * 8 + 1]) {
        assert_eq!(code, Some(ErrorCode::MaxMessageLengthExceeded));
    }
}

#[test]
fn a_document_that_grows_when_it_is_written_reads_back() {
    let id = "\"".repeat(255);
    let rule = format!(
        "<CORSRule><ID>{id}</ID><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule>"
    );
    let body = format!("<CORSConfiguration>{}</CORSConfiguration>", rule.repeat(100));
    assert!(body.len() <= CorsConfiguration::MAX_LEN);
    let read = CorsConfiguration::parse(body.as_bytes()).unwrap();
    assert!(read.to_xml().len() > CorsConfiguration::MAX_LEN);
    assert_eq!(CorsConfiguration::parse(read.to_xml().as_bytes()), Ok(read));
}

/// The names of all elements, so that made-up documents come deep into the readers.
const NAMES: &str = "Tagging TagSet Tag Key Value CORSConfiguration CORSRule AllowedMethod AllowedOrigin \
    AllowedHeader ExposeHeader MaxAgeSeconds ID OwnershipControls Rule ObjectOwnership LegalHold Status \
    ServerSideEncryptionConfiguration ApplyServerSideEncryptionByDefault SSEAlgorithm KMSMasterKeyID \
    ObjectLockConfiguration ObjectLockEnabled DefaultRetention Mode Days Years Retention RetainUntilDate \
    WebsiteConfiguration RedirectAllRequestsTo HostName Protocol IndexDocument Suffix ErrorDocument \
    RoutingRules RoutingRule Condition KeyPrefixEquals HttpErrorCodeReturnedEquals Redirect ReplaceKeyWith \
    NotificationConfiguration TopicConfiguration Topic Event Filter S3Key FilterRule Name \
    LifecycleConfiguration Prefix And ObjectSizeGreaterThan ObjectSizeLessThan Expiration Date \
    ExpiredObjectDeleteMarker NoncurrentVersionExpiration NoncurrentDays NewerNoncurrentVersions \
    Transition StorageClass AbortIncompleteMultipartUpload DaysAfterInitiation BucketLoggingStatus \
    LoggingEnabled TargetBucket TargetPrefix TargetGrants Grant Grantee Permission TargetObjectKeyFormat \
    SimplePrefix VersioningConfiguration MfaDelete RequestPaymentConfiguration Payer \
    PublicAccessBlockConfiguration BlockPublicAcls";

const TEXTS: &str = "Enabled Disabled GET * a GOVERNANCE 1 0 -1 30 404 301 true ON READ AES256 aws:kms \
    BucketOwner prefix s3:ObjectCreated:* arn:aws:sns:::t 2030-01-01 2030-01-01T00:00:00Z STANDARD";

fn word(words: &'static str) -> impl Strategy<Value = &'static str> {
    prop::sample::select(words.split_whitespace().collect::<Vec<_>>())
}

fn element() -> impl Strategy<Value = String> {
    let leaf = (word(NAMES), word(TEXTS)).prop_map(|(name, text)| format!("<{name}>{text}</{name}>"));
    leaf.prop_recursive(5, 24, 4, |inner| {
        (word(NAMES), prop::collection::vec(inner, 0..4))
            .prop_map(|(name, children)| format!("<{name}>{}</{name}>", children.concat()))
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(body: Vec<u8>) {
        read_by_all(&body);
    }

    #[test]
    fn made_up_documents_never_panic(root in word(NAMES), children in prop::collection::vec(element(), 0..4)) {
        read_by_all(format!("<{root}>{}</{root}>", children.concat()).as_bytes());
    }
}
