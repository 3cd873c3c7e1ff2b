use http::Request;
use proptest::prelude::*;

use super::*;
use crate::error::{ErrorCode, S3Error};
use crate::head::RequestHead;

const METHOD: &str = "x-amz-server-side-encryption";
const KMS_KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";
const CONTEXT: &str = "x-amz-server-side-encryption-context";
const BUCKET_KEY: &str = "x-amz-server-side-encryption-bucket-key-enabled";
const ALGORITHM: &str = "x-amz-server-side-encryption-customer-algorithm";
const KEY: &str = "x-amz-server-side-encryption-customer-key";
const MD5: &str = "x-amz-server-side-encryption-customer-key-MD5";

/// The bytes 0, 3, 6 and so on; and their MD5.
const GOOD_KEY: &str = "AAMGCQwPEhUYGx4hJCcqLTAzNjk8P0JFSEtOUVRXWl0=";
const GOOD_MD5: &str = "dBB5HeCHZpDnxgk7WFaDxg==";
/// Sixteen zeros: the MD5 of all other keys, here.
const OTHER_MD5: &str = "AAAAAAAAAAAAAAAAAAAAAA==";

fn key_bytes() -> [u8; 32] {
    std::array::from_fn(|i| u8::try_from(i * 3).unwrap())
}

fn md5(bytes: &[u8]) -> [u8; 16] {
    let good =
        [0x74, 0x10, 0x79, 0x1d, 0xe0, 0x87, 0x66, 0x90, 0xe7, 0xc6, 0x09, 0x3b, 0x58, 0x56, 0x83, 0xc6];
    if bytes == key_bytes() { good } else { [0; 16] }
}

const CHECKS: KeyChecks = KeyChecks { channel: KeyChannel::Accepted, md5 };

fn with<T>(headers: &[(&str, &str)], take: impl FnOnce(&SseHeaders<'_>) -> T) -> T {
    let mut request = Request::builder();
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(()).unwrap();
    take(&SseHeaders::from_head(&RequestHead::from(&request)).unwrap())
}

fn object(headers: &[(&str, &str)]) -> Result<SseRequest, S3Error> {
    with(headers, |headers| headers.for_object(&CHECKS))
}

fn read(headers: &[(&str, &str)]) -> Result<Option<CustomerKey>, S3Error> {
    with(headers, |headers| headers.for_read(&CHECKS))
}

#[test]
fn what_is_asked_for_is_understood() {
    assert_eq!(object(&[]), Ok(SseRequest::None));
    assert_eq!(object(&[(METHOD, "AES256")]), Ok(SseRequest::SseS3));
    let kms = |method| KmsRequest { method, key_id: None, context: None, bucket_key: None };
    assert_eq!(object(&[(METHOD, "aws:kms")]), Ok(SseRequest::SseKms(kms(KmsMethod::Kms))));
    assert_eq!(object(&[(METHOD, "aws:kms:dsse")]), Ok(SseRequest::SseKms(kms(KmsMethod::Dsse))));
    let all = [(METHOD, "aws:kms"), (KMS_KEY, "k1"), (CONTEXT, "e30="), (BUCKET_KEY, "True")];
    let full = KmsRequest {
        method: KmsMethod::Kms,
        key_id: Some("k1".into()),
        context: Some("e30=".into()),
        bucket_key: Some(true),
    };
    assert_eq!(object(&all), Ok(SseRequest::SseKms(full)));
    let Ok(SseRequest::SseC(key)) = object(&[(ALGORITHM, "AES256"), (KEY, GOOD_KEY), (MD5, GOOD_MD5)]) else {
        panic!("a customer's key was not taken")
    };
    assert_eq!((key.key(), key.md5()), (&key_bytes(), md5(&key_bytes())));
    assert_eq!(format!("{key:?}"), "CustomerKey");
}

#[test]
fn fields_of_a_form_are_read_as_headers_are() {
    let fields =
        [(ALGORITHM, "AES256"), (KEY, GOOD_KEY), ("x-amz-server-side-encryption-customer-key-md5", GOOD_MD5)];
    let field = |name: &str| fields.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    assert!(matches!(SseHeaders::from_fields(field).for_object(&CHECKS), Ok(SseRequest::SseC(_))));
}

/// Each fault with the code, the beginning of the message, and the argument's value that AWS gives.
#[test]
fn writes_are_refused_as_aws_does() {
    use ErrorCode::{InvalidArgument, InvalidEncryptionAlgorithm};
    const CUSTOMER: &str =
        "Requests specifying Server Side Encryption with Customer provided keys must provide ";
    let short = ("MTIzNDU2Nzg5MA==", OTHER_MD5);
    let conflict = "Server Side Encryption with Customer provided key is incompatible";
    let kms = "Server Side Encryption with AWS KMS managed key requires HTTP header";
    let cases: &[(&[(&str, &str)], ErrorCode, String, &str)] = &[
        (&[(METHOD, "AES512")], InvalidArgument, "The encryption method specified".into(), "AES512"),
        (&[(METHOD, "")], InvalidArgument, "The encryption method specified".into(), ""),
        (&[(METHOD, "aes:kms")], InvalidArgument, "The encryption method specified".into(), "aes:kms"),
        (&[(KMS_KEY, "k")], InvalidArgument, kms.into(), "null"),
        (&[(METHOD, "AES256"), (KMS_KEY, "k")], InvalidArgument, kms.into(), "AES256"),
        (&[(METHOD, "AES256"), (CONTEXT, "e30=")], InvalidArgument, kms.into(), "AES256"),
        (&[(METHOD, "aws:kms"), (CONTEXT, "{}")], InvalidArgument, "The header 'x-amz-server".into(), "{}"),
        (&[(METHOD, "aws:kms"), (BUCKET_KEY, "1")], InvalidArgument, "Value must be".into(), "1"),
        (&[(METHOD, "AES256"), (KEY, GOOD_KEY)], InvalidArgument, conflict.into(), "AES256"),
        (&[(METHOD, "aws:kms"), (ALGORITHM, "AES128")], InvalidArgument, conflict.into(), "aws:kms"),
        (&[(KMS_KEY, "k"), (ALGORITHM, "AES256")], InvalidArgument, kms.into(), "null"),
        (
            &[(ALGORITHM, "AES128"), (KEY, GOOD_KEY), (MD5, GOOD_MD5)],
            InvalidEncryptionAlgorithm,
            "The Encryption request you specified is not valid. Supported value: AES256.".into(),
            "AES128",
        ),
        (&[(KEY, GOOD_KEY), (MD5, GOOD_MD5)], InvalidArgument, format!("{CUSTOMER}a valid enc"), "null"),
        (&[(MD5, GOOD_MD5)], InvalidArgument, format!("{CUSTOMER}a valid enc"), "null"),
        (&[(ALGORITHM, "AES256")], InvalidArgument, format!("{CUSTOMER}an appropriate"), "null"),
        (&[(ALGORITHM, "AES256"), (KEY, "")], InvalidArgument, format!("{CUSTOMER}an appropriate"), "null"),
        (&[(ALGORITHM, "AES256"), (KEY, GOOD_KEY)], InvalidArgument, format!("{CUSTOMER}the client"), "null"),
        (
            &[(ALGORITHM, "AES256"), (KEY, GOOD_KEY), (MD5, OTHER_MD5)],
            InvalidArgument,
            "The calculated MD5 hash of the key did not match the hash that was provided.".into(),
            "null",
        ),
        (
            &[(ALGORITHM, "AES256"), (KEY, short.0), (MD5, short.1)],
            InvalidArgument,
            "The secret key was invalid for the specified algorithm.".into(),
            "null",
        ),
        // The MD5 counts before the length.
        (
            &[(ALGORITHM, "AES256"), (KEY, short.0), (MD5, GOOD_MD5)],
            InvalidArgument,
            "The calculated MD5".into(),
            "null",
        ),
        (
            &[(ALGORITHM, "AES256"), (KEY, "no base64"), (MD5, GOOD_MD5)],
            InvalidArgument,
            "The secret key was invalid".into(),
            "null",
        ),
    ];
    for (headers, code, message, value) in cases {
        let error = object(headers).unwrap_err();
        assert_eq!(error.code, *code, "{headers:?}");
        assert!(error.message.starts_with(message.as_str()), "{headers:?}: {error}");
        assert!(error.fields.contains(&("ArgumentValue", (*value).to_owned())), "{headers:?}: {error:?}");
        assert_eq!(error.status().as_u16(), 400);
    }
}

#[test]
fn reads_choose_no_encryption_and_need_no_md5() {
    assert_eq!(read(&[]), Ok(None));
    assert!(read(&[(ALGORITHM, "AES256"), (KEY, GOOD_KEY), (MD5, GOOD_MD5)]).unwrap().is_some());
    assert!(read(&[(ALGORITHM, "AES256"), (KEY, GOOD_KEY)]).unwrap().is_some());
    for refused in [
        &[(ALGORITHM, "AES256"), (KEY, GOOD_KEY), (MD5, OTHER_MD5)][..],
        &[(METHOD, "AES256")],
        &[(METHOD, "aws:kms"), (KMS_KEY, "k")],
        &[(KMS_KEY, "k")],
    ] {
        assert_eq!(read(refused).unwrap_err().code, ErrorCode::InvalidArgument, "{refused:?}");
    }
}

#[test]
fn source_and_target_of_a_copy_have_their_own_keys() {
    let source = |name: &str| name.replace("x-amz-", "x-amz-copy-source-");
    let (algorithm, key, md5) = (source(ALGORITHM), source(KEY), source(MD5));
    let headers = [
        (algorithm.as_str(), "AES256"),
        (key.as_str(), GOOD_KEY),
        (md5.as_str(), GOOD_MD5),
        (METHOD, "AES256"),
    ];
    with(&headers, |headers| {
        assert_eq!(headers.for_object(&CHECKS), Ok(SseRequest::SseS3));
        assert_eq!(headers.for_copy_source(&CHECKS).unwrap().unwrap().key(), &key_bytes());
    });
    with(&headers[1..], |headers| assert!(headers.for_copy_source(&CHECKS).is_err()));
    let target = [(ALGORITHM, "AES256"), (KEY, GOOD_KEY), (MD5, GOOD_MD5)];
    with(&target, |headers| assert_eq!(headers.for_copy_source(&CHECKS), Ok(None)));
}

#[test]
fn parts_bring_the_customers_key_and_choose_nothing() {
    let part = |headers: &[(&str, &str)]| with(headers, |headers| headers.for_part(&CHECKS));
    assert_eq!(part(&[(METHOD, "aws:kms"), (KMS_KEY, "k")]), Ok(None));
    assert!(part(&[(ALGORITHM, "AES256"), (KEY, GOOD_KEY), (MD5, GOOD_MD5)]).unwrap().is_some());
    assert!(part(&[(ALGORITHM, "AES256"), (KEY, GOOD_KEY)]).is_err());
}

#[test]
fn no_key_is_taken_over_an_open_connection() {
    let checks = KeyChecks { channel: KeyChannel::Refused, md5 };
    with(&[(ALGORITHM, "AES256"), (KEY, GOOD_KEY), (MD5, GOOD_MD5)], |headers| {
        let error = headers.for_object(&checks).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidRequest);
        assert!(error.message.ends_with("must be made over a secure connection."));
        assert!(headers.for_read(&checks).is_err() && headers.for_part(&checks).is_err());
    });
    with(&[(METHOD, "AES256")], |headers| assert_eq!(headers.for_object(&checks), Ok(SseRequest::SseS3)));
}

#[test]
fn a_key_is_needed_where_the_customers_was_used_and_only_there() {
    let key = read(&[(ALGORITHM, "AES256"), (KEY, GOOD_KEY)]).unwrap();
    for check in [KeyHolder::check_read, KeyHolder::check_part] {
        assert_eq!(check(KeyHolder::Site, None), Ok(()));
        assert_eq!(check(KeyHolder::Customer, key.as_ref()), Ok(()));
        assert_eq!(check(KeyHolder::Customer, None).unwrap_err().code, ErrorCode::InvalidRequest);
        assert_eq!(check(KeyHolder::Site, key.as_ref()).unwrap_err().code, ErrorCode::InvalidRequest);
    }
    assert_eq!(wrong_customer_key().status().as_u16(), 400);
}

#[test]
fn answers_say_how_an_object_is_encrypted() {
    let headers = |applied: AppliedSse<'_>| {
        let text = |value: http::HeaderValue| value.to_str().unwrap().to_owned();
        applied
            .headers()
            .into_iter()
            .map(|(name, value)| (name.as_str().to_owned(), text(value)))
            .collect::<Vec<_>>()
    };
    let pair = |name: &str, value: &str| (name.to_ascii_lowercase(), value.to_owned());
    assert_eq!(headers(AppliedSse::None), []);
    assert_eq!(headers(AppliedSse::SseS3), [pair(METHOD, "AES256")]);
    let kms = |key_id, bucket_key| AppliedSse::SseKms { method: KmsMethod::Kms, key_id, bucket_key };
    assert_eq!(
        headers(kms("k1", true)),
        [pair(METHOD, "aws:kms"), pair(KMS_KEY, "k1"), pair(BUCKET_KEY, "true")]
    );
    assert_eq!(headers(kms("a\nb", false)), [pair(METHOD, "aws:kms")]);
    let key = read(&[(ALGORITHM, "AES256"), (KEY, GOOD_KEY)]).unwrap().unwrap();
    assert_eq!(headers(AppliedSse::from(&key)), [pair(ALGORITHM, "AES256"), pair(MD5, GOOD_MD5)]);
}

proptest! {
    #[test]
    fn arbitrary_headers_never_panic_nor_print_the_key(
        method in proptest::option::of("(AES256|aws:kms|[ -~]{0,8})"),
        algorithm in proptest::option::of("(AES256|[ -~]{0,8})"),
        key in proptest::option::of("[A-Za-z0-9+/]{20,60}={0,2}"),
        sum in proptest::option::of("[ -~]{0,30}"),
    ) {
        let headers: Vec<(&str, &str)> = [(METHOD, &method), (ALGORITHM, &algorithm), (KEY, &key), (MD5, &sum)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)))
            .collect();
        for text in [format!("{:?}", object(&headers)), format!("{:?}", read(&headers))] {
            prop_assert!(key.as_ref().is_none_or(|key| !text.contains(key.as_str())));
        }
    }
}
