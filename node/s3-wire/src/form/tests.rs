//! Forms as clients send them: taken apart, verified, and understood.

use super::*;
use crate::acl::{AclRequest, CannedAcl};
use crate::checksum::{ChecksumAlgorithm, ExpectedChecksum};
use crate::head::RequestHead;
use crate::sigv4::Expected;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use proptest::prelude::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const EXPECTED: Expected<'_> = Expected { region: "us-east-1", service: "s3" };
/// Tue, 29 Dec 2015 00:00:00 GMT, when the form of the documentation was signed.
const NOW_MS: u64 = 1_451_347_200_000;
const BOUNDARY: &str = "9431149156168";

fn encode(fields: &[(&str, &str)], file_name: &str, file: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part =
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let head = format!(
        "--{BOUNDARY}\r\nContent-Type: text/plain\r\n\
         content-disposition: form-data; name=\"File\"; filename=\"{file_name}\"\r\n\r\n"
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(file);
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    body
}

fn decode(pieces: &[&[u8]]) -> Result<(Form, Vec<u8>), S3Error> {
    let mut decoder = Decoder::new(&Boundary::new(BOUNDARY.to_owned()).unwrap());
    let (mut form, mut file, mut ended) = (None, Vec::new(), false);
    for piece in pieces {
        let mut input = Bytes::copy_from_slice(piece);
        while let Some(event) = decoder.decode(&mut input)? {
            assert!(!ended);
            match event {
                Event::Form(found) => assert!(form.replace(found).is_none()),
                Event::File(data) => {
                    assert!(form.is_some() && !data.is_empty());
                    file.extend_from_slice(&data);
                }
                Event::End => ended = true,
            }
        }
        assert!(input.is_empty());
    }
    decoder.finish()?;
    assert!(ended);
    Ok((form.expect("a form"), file))
}

fn code(body: &[u8]) -> ErrorCode {
    decode(&[body]).expect_err("refused").code
}

fn form(fields: &[(&str, &str)]) -> Form {
    decode(&[&encode(fields, "a.txt", b"")]).unwrap().0
}

#[test]
fn a_form_is_taken_apart() {
    let body =
        encode(&[("KEY", "user/${filename}"), ("x-amz-meta-É", "\r\n--é\r\n"), ("a", "")], "b.txt", b"bytes");
    let (form, file) = decode(&[&body]).unwrap();
    assert_eq!(file, b"bytes");
    let fields: Vec<_> = form.fields().collect();
    assert_eq!(fields, [("a", ""), ("key", "user/b.txt"), ("x-amz-meta-É", "\r\n--é\r\n")]);
}

#[test]
fn preamble_padding_and_what_follows_the_file_are_ignored() {
    let body = format!(
        "This is\r\na form\r\n--{BOUNDARY} \t\r\ncontent-disposition: FORM-DATA; name=key\r\n\r\nk\r\n\
         --{BOUNDARY}\r\nX-Other: a\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n\r\n--{BOUNDARY}\r\n"
    );
    for rest in ["", "Content-Disposition: form-data; name=\"acl\"\r\n\r\npublic-read\r\n", "\0garbage"] {
        let (form, file) = decode(&[body.as_bytes(), rest.as_bytes()]).unwrap();
        assert_eq!(form.fields().collect::<Vec<_>>(), [("key", "k")]);
        assert_eq!(file, b"");
    }
}

#[test]
fn the_file_is_not_copied() {
    let file = vec![b'\r'; 100_000];
    let body = Bytes::from(encode(&[("key", "k")], "f", &file));
    let mut decoder = Decoder::new(&Boundary::new(BOUNDARY.to_owned()).unwrap());
    let mut input = body.clone();
    assert!(matches!(decoder.decode(&mut input), Ok(Some(Event::Form(_)))));
    let Ok(Some(Event::File(data))) = decoder.decode(&mut input) else { panic!("no file") };
    assert_eq!(data.len(), file.len());
    assert!(body.as_ptr_range().contains(&data.as_ptr()));
}

#[test]
fn what_is_no_form_is_refused() {
    let part = |head: &str| format!("--{BOUNDARY}\r\n{head}\r\n\r\nv\r\n--{BOUNDARY}--");
    for body in [
        String::new(),
        "not a form".to_owned(),
        part("Content-Type: text/plain"),
        part("no colon"),
        part("Content-Disposition: attachment; name=\"a\""),
        part("Content-Disposition: form-data"),
        part("Content-Disposition: form-data; name=\"\""),
        part("Content-Disposition: form-data; name=\"a"),
        part("Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b"),
        part("Content-Disposition: form-data; name=a").replace("\r\n\r\n", "\n\n"),
        format!("--{BOUNDARY}x\r\n"),
        format!("--{BOUNDARY}{}\r\n", " ".repeat(100)),
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=file\r\n\r\nv\r\n--{BOUNDARY}x\r\n"),
    ] {
        assert_eq!(code(body.as_bytes()), ErrorCode::MalformedPostRequest, "{body}");
    }
    assert_eq!(code(&encode(&[("a", "1"), ("A", "2")], "f", b"")), ErrorCode::MalformedPostRequest);
    let mut body = encode(&[("a", "v")], "f", b"");
    let at = body.windows(3).position(|window| window == b"v\r\n").unwrap();
    body[at] = 0xff;
    assert_eq!(code(&body), ErrorCode::MalformedPostRequest);
}

#[test]
fn a_form_without_a_file_is_refused() {
    let body =
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=key\r\n\r\nk\r\n--{BOUNDARY}--\r\n");
    let error = decode(&[body.as_bytes()]).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArgument);
    assert_eq!(error.message, "POST requires exactly one file upload per request.");
}

#[test]
fn what_comes_before_the_file_is_bounded() {
    let policy = |len: usize| decode(&[&encode(&[("Policy", &"p".repeat(len))], "f", b"")]);
    let field = |len: usize| decode(&[&encode(&[("key", &"k".repeat(len))], "f", b"")]);
    assert!(policy(MAX_POLICY_LEN - 100).is_ok());
    assert!(field(MAX_FORM_LEN - 400).is_ok());
    let too_long =
        |result: Result<_, S3Error>| result.unwrap_err().code == ErrorCode::MaxPostPreDataLengthExceeded;
    assert!(too_long(policy(MAX_POLICY_LEN + 1)));
    assert!(too_long(field(MAX_FORM_LEN + 1)));
    let names: Vec<String> = (0..=MAX_FIELDS).map(|number| number.to_string()).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    assert!(too_long(decode(&[&encode(&many, "f", b"")])));
    for endless in ["\r", "a", "a\r\n", "--", "é"] {
        let preamble = endless.repeat(MAX_FORM_LEN + 1);
        assert!(too_long(decode(&[preamble.as_bytes()])));
        let head = format!("--{BOUNDARY}\r\nX: {preamble}");
        assert!(decode(&[head.as_bytes()]).is_err());
    }
}

/// The form of "Example: browser-based upload using HTTP POST" in the S3 API reference.
fn documented(change: impl Fn(&str, &str) -> Option<String>) -> Form {
    let policy = STANDARD.encode(
        [
            "{ \"expiration\": \"2015-12-30T12:00:00.000Z\",",
            "  \"conditions\": [",
            "    {\"bucket\": \"sigv4examplebucket\"},",
            "    [\"starts-with\", \"$key\", \"user/user1/\"],",
            "    {\"acl\": \"public-read\"},",
            "    {\"success_action_redirect\": \
             \"http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html\"},",
            "    [\"starts-with\", \"$Content-Type\", \"image/\"],",
            "    {\"x-amz-meta-uuid\": \"14365123651274\"},",
            "    {\"x-amz-server-side-encryption\": \"AES256\"},",
            "    [\"starts-with\", \"$x-amz-meta-tag\", \"\"],",
            "",
            "    {\"x-amz-credential\": \"AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request\"},",
            "    {\"x-amz-algorithm\": \"AWS4-HMAC-SHA256\"},",
            "    {\"x-amz-date\": \"20151229T000000Z\" }",
            "  ]",
            "}",
        ]
        .join("\r\n"),
    );
    let fields = [
        ("key", "user/user1/${filename}"),
        ("acl", "public-read"),
        ("success_action_redirect", "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"),
        ("Content-Type", "image/jpeg"),
        ("x-amz-meta-uuid", "14365123651274"),
        ("x-amz-server-side-encryption", "AES256"),
        ("X-Amz-Credential", "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"),
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Date", "20151229T000000Z"),
        ("x-amz-meta-tag", ""),
        ("Policy", &policy),
        ("X-Amz-Signature", "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"),
    ];
    let fields: Vec<(&str, String)> =
        fields.iter().filter_map(|(name, value)| Some((*name, change(name, value)?))).collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    decode(&[&encode(&fields, "photo.jpg", b"")]).unwrap().0
}

fn accept(form: &Form, bucket: &str) -> Result<PostObject, S3Error> {
    let signer = form.claim(EXPECTED)?.map(|claim| claim.verify(SECRET)).transpose()?;
    PostObject::accept(form, bucket, signer.as_ref(), NOW_MS)
}

#[test]
fn the_example_of_the_documentation_is_accepted() {
    let form = documented(|_, value| Some(value.to_owned()));
    let claim = form.claim(EXPECTED).unwrap().unwrap();
    assert_eq!((claim.access_key(), claim.session_token()), (ACCESS_KEY, None));
    let post = accept(&form, "sigv4examplebucket").unwrap();
    assert_eq!((post.bucket.as_str(), post.key.as_str()), ("sigv4examplebucket", "user/user1/photo.jpg"));
    assert_eq!(post.attributes.content_type.as_deref(), Some("image/jpeg"));
    assert_eq!(post.attributes.metadata[1], ("uuid".to_owned(), "14365123651274".to_owned()));
    assert_eq!(post.headers["x-amz-acl"], "public-read");
    assert_eq!(post.headers["x-amz-server-side-encryption"], "AES256");
    assert!(!post.headers.contains_key("x-amz-signature"));
    assert_eq!(post.success.status(), http::StatusCode::SEE_OTHER);
}

#[test]
fn any_change_of_a_signed_form_is_refused() {
    for (field, value, code) in [
        ("key", "user/user2/a", ErrorCode::AccessDenied),
        ("acl", "private", ErrorCode::AccessDenied),
        ("Content-Type", "text/html", ErrorCode::AccessDenied),
        ("X-Amz-Date", "20151229T000001Z", ErrorCode::AccessDenied),
        ("X-Amz-Date", "20151230T000000Z", ErrorCode::AuthorizationQueryParametersError),
        ("X-Amz-Date", "today", ErrorCode::InvalidArgument),
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA1", ErrorCode::InvalidArgument),
        (
            "X-Amz-Credential",
            "AKIAIOSFODNN7EXAMPLE/20151229/eu/s3/aws4_request",
            ErrorCode::AuthorizationQueryParametersError,
        ),
        ("X-Amz-Credential", "OTHER/20151229/us-east-1/s3/aws4_request", ErrorCode::AccessDenied),
        ("X-Amz-Signature", "00", ErrorCode::SignatureDoesNotMatch),
        ("X-Amz-Signature", &"00".repeat(32), ErrorCode::SignatureDoesNotMatch),
        ("Policy", "e30=", ErrorCode::SignatureDoesNotMatch),
    ] {
        let form = documented(|name, old| Some(if name == field { value } else { old }.to_owned()));
        assert_eq!(accept(&form, "sigv4examplebucket").unwrap_err().code, code, "{field} {value}");
    }
    for field in ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Signature", "policy"] {
        let form = documented(|name, old| (!name.eq_ignore_ascii_case(field)).then(|| old.to_owned()));
        let error = accept(&form, "sigv4examplebucket").unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument, "{field}");
        assert_eq!(error.fields[0].1, field);
    }
    let form = documented(|_, value| Some(value.to_owned()));
    assert_eq!(accept(&form, "other").unwrap_err().code, ErrorCode::AccessDenied);
}

/// A form of version 2 as boto3 makes it, with temporary credentials.
fn version_2(change: impl Fn(&str, &str) -> Option<String>) -> Form {
    let policy = "eyJleHBpcmF0aW9uIjogIjIwMTUtMTItMzBUMTI6MDA6MDBaIiwgImNvbmRpdGlvbnMiOiBbeyJhY2wiOiAicHJpdmF0ZSJ9\
                  LCB7ImJ1Y2tldCI6ICJwaG90b3MifSwgWyJzdGFydHMtd2l0aCIsICIka2V5IiwgInVzZXIvIl0sIHsieC1hbXotc2VjdXJp\
                  dHktdG9rZW4iOiAidG9rIn1dfQ==";
    let fields = [
        ("key", "user/${filename}"),
        ("acl", "private"),
        ("AWSAccessKeyId", ACCESS_KEY),
        ("x-amz-security-token", "tok"),
        ("policy", policy),
        ("signature", "wBPqzCTHo4SvsA1tqOlkglRolFw="),
    ];
    let fields: Vec<(&str, String)> =
        fields.iter().filter_map(|(name, value)| Some((*name, change(name, value)?))).collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    form(&fields)
}

#[test]
fn forms_of_version_2_are_accepted() {
    let form = version_2(|_, value| Some(value.to_owned()));
    let claim = form.claim(EXPECTED).unwrap().unwrap();
    assert_eq!((claim.access_key(), claim.session_token()), (ACCESS_KEY, Some("tok")));
    assert_eq!(claim.verify("other").unwrap_err().code, ErrorCode::SignatureDoesNotMatch);
    assert_eq!(accept(&form, "photos").unwrap().key, "user/a.txt");
}

#[test]
fn half_a_claim_is_refused() {
    for field in ["AWSAccessKeyId", "signature", "policy"] {
        for empty in [false, true] {
            let form = version_2(|name, value| match name == field {
                true => empty.then(String::new),
                false => Some(value.to_owned()),
            });
            let error = accept(&form, "photos").unwrap_err();
            assert_eq!((error.code, error.fields[0].1.as_str()), (ErrorCode::InvalidArgument, field));
            assert_eq!(
                error.message,
                format!(
                    "Bucket POST must contain a field named '{field}'.  If it is specified, please check \
                     the order of the fields."
                )
            );
        }
    }
    let both = form(&[("signature", "a"), ("x-amz-signature", "b")]);
    assert_eq!(both.claim(EXPECTED).unwrap_err().code, ErrorCode::InvalidArgument);
}

#[test]
fn a_policy_cannot_be_passed_by() {
    let signed = version_2(|_, value| Some(value.to_owned()));
    let other = documented(|_, value| Some(value.to_owned()));
    let signer = other.claim(EXPECTED).unwrap().unwrap().verify(SECRET).unwrap();
    for signer in [None, Some(&signer)] {
        let error = PostObject::accept(&signed, "photos", signer, NOW_MS).unwrap_err();
        assert_eq!(error.code, ErrorCode::AccessDenied);
    }
}

#[test]
fn an_anonymous_form_needs_only_a_key() {
    assert!(form(&[("key", "k")]).claim(EXPECTED).unwrap().is_none());
    let post = accept(&form(&[("key", "k"), ("submit", "Upload"), ("x-ignore-a", "b")]), "photos").unwrap();
    assert_eq!(post.success, Success::NoContent);
    assert!(post.headers.is_empty());
    for (fields, code) in [
        (&[][..], ErrorCode::InvalidArgument),
        (&[("key", "")], ErrorCode::InvalidArgument),
        (&[("key", &"k".repeat(1_025))], ErrorCode::KeyTooLong),
    ] {
        assert_eq!(accept(&form(fields), "photos").unwrap_err().code, code);
    }
    let error = accept(&form(&[]), "photos").unwrap_err();
    assert_eq!(error.fields[0], ("ArgumentName", "key".to_owned()));
}

#[test]
fn fields_mean_what_the_headers_of_a_put_mean() {
    let tagging = "<Tagging><TagSet><Tag><Key>0</Key><Value>0</Value></Tag></TagSet></Tagging>";
    let sha256 = "aTL9MeXa9HObn6eP93eygxsJlcwdCwCTysgGAZAgE7w=";
    let post = accept(
        &form(&[
            ("key", "k"),
            ("acl", "public-read"),
            ("Cache-Control", "no-cache"),
            ("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg=="),
            ("tagging", tagging),
            ("x-amz-checksum-algorithm", "SHA256"),
            ("x-amz-checksum-sha256", sha256),
            ("x-amz-meta-Name", "é"),
            ("x-amz-object-lock-mode", "GOVERNANCE"),
            ("x-amz-object-lock-retain-until-date", "2030-01-01T00:00:00Z"),
            ("x-amz-storage-class", "STANDARD"),
            ("x-amz-website-redirect-location", "/elsewhere"),
            ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
        ]),
        "photos",
    )
    .unwrap();
    assert_eq!(post.attributes.cache_control.as_deref(), Some("no-cache"));
    assert_eq!(post.attributes.metadata, [("name".to_owned(), "é".to_owned())]);
    assert_eq!(post.settings.tags.as_ref().and_then(|tags| tags.get("0")), Some("0"));
    assert_eq!(post.settings.acl, AclRequest::Canned(CannedAcl::PublicRead));
    assert_eq!(post.settings.website_redirect.as_deref(), Some("/elsewhere"));
    assert!(post.md5.is_some());
    let checksum = post.checksum.unwrap();
    assert_eq!(checksum.algorithm, ChecksumAlgorithm::Sha256);
    assert!(matches!(checksum.expected, ExpectedChecksum::Value(value) if value.to_base64() == sha256));
    for (name, value) in [
        ("x-amz-acl", "public-read"),
        ("x-amz-object-lock-mode", "GOVERNANCE"),
        ("x-amz-storage-class", "STANDARD"),
        ("x-amz-website-redirect-location", "/elsewhere"),
        ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
    ] {
        assert_eq!(post.headers[name], value);
    }
}

#[test]
fn fields_that_cannot_be_understood_are_refused() {
    for (name, value, code) in [
        ("x-amz-checksum-sha256", "sailor", ErrorCode::BadDigest),
        ("x-amz-checksum-algorithm", "SHA256", ErrorCode::InvalidRequest),
        ("Content-MD5", "AA==", ErrorCode::InvalidDigest),
        ("x-amz-meta-a", "b\nc", ErrorCode::InvalidArgument),
        ("x-amz-meta-a b", "c", ErrorCode::InvalidArgument),
        ("x-amz-copy-source", "/b/k", ErrorCode::NotImplemented),
        ("x-amz-trailer", "x-amz-checksum-crc32", ErrorCode::NotImplemented),
        ("x-amz-meta-a", &"b".repeat(2_048), ErrorCode::MetadataTooLarge),
    ] {
        assert_eq!(accept(&form(&[("key", "k"), (name, value)]), "photos").unwrap_err().code, code, "{name}");
    }
}

proptest! {
    #[test]
    fn forms_decode_however_they_are_cut(
        value in "[ -~é\r\n]{0,30}",
        pieces in prop::collection::vec(
            prop_oneof![
                Just(format!("\r\n--{}", &BOUNDARY[..5]).into_bytes()),
                Just(format!("--{BOUNDARY}").into_bytes()),
                prop::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), any::<u8>()], 0..40),
            ],
            0..6,
        ),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut file = pieces.concat();
        // Only where a line begins is a boundary one.
        while let Some(at) = file.windows(BOUNDARY.len() + 4).position(|window| window == format!("\r\n--{BOUNDARY}").as_bytes()) {
            file[at] = b'x';
        }
        let body = encode(&[("key", "k"), ("x", &value)], "f", &file);
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
        ends.extend([0, body.len()]);
        ends.sort_unstable();
        let pieces: Vec<&[u8]> = ends.windows(2).map(|pair| &body[pair[0]..pair[1]]).collect();
        let (form, decoded) = decode(&pieces).unwrap();
        prop_assert_eq!(form.get("x"), Some(value.as_str()));
        prop_assert_eq!(decoded, file);
        let bytes: Vec<&[u8]> = body.chunks(1).collect();
        prop_assert_eq!(decode(&bytes), decode(&[&body]));
    }

    #[test]
    fn a_body_cut_short_is_refused(at: prop::sample::Index) {
        let body = encode(&[("key", "k")], "f", b"some bytes");
        // The line end behind the last boundary is not needed.
        let cut = &body[..at.index(body.len() - 2)];
        prop_assert_eq!(code(cut), ErrorCode::MalformedPostRequest);
    }

    #[test]
    fn a_signed_form_verifies_and_no_change_of_it_does(
        at: prop::sample::Index,
        to in "[A-Za-z0-9+/=]",
        field in prop::sample::select(&["policy", "signature"][..]),
    ) {
        let form = version_2(|name, value| {
            if name != field {
                return Some(value.to_owned());
            }
            let at = at.index(value.len());
            Some(format!("{}{to}{}", &value[..at], &value[at + 1..]))
        });
        let original = version_2(|_, value| Some(value.to_owned()));
        let result = accept(&form, "photos");
        prop_assert_eq!(result.is_ok(), form == original);
    }

    #[test]
    fn arbitrary_bodies_never_panic(
        body in prop::collection::vec(
            prop_oneof![
                Just(format!("\r\n--{BOUNDARY}\r\n").into_bytes()),
                Just(b"Content-Disposition: form-data; name=\"file\"\r\n\r\n".to_vec()),
                Just(b"Content-Disposition: form-data; name=\"key\"; filename=\"a\"\r\n\r\n".to_vec()),
                Just(b"--".to_vec()),
                prop::collection::vec(any::<u8>(), 0..10),
            ],
            0..12,
        ),
        cut: prop::sample::Index,
    ) {
        let body = body.concat();
        let (front, back) = body.split_at(cut.index(body.len() + 1));
        let whole = decode(&[&body]);
        prop_assert_eq!(&decode(&[front, back]), &whole);
        if let Ok((form, _)) = whole {
            accept(&form, "photos").ok();
        }
    }

    #[test]
    fn arbitrary_fields_never_panic(
        name in "(x-amz-)?[a-z-]{1,20}", value in ".{0,40}", policy in "[ -~]{0,30}", credential in "[ -~]{0,30}",
    ) {
        for form in [
            form(&[("key", "k"), (&name, &value)]),
            form(&[("key", &value), ("policy", &policy), ("signature", &value), ("awsaccesskeyid", &credential)]),
            form(&[
                ("policy", &policy),
                ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
                ("x-amz-credential", &credential),
                ("x-amz-date", &value),
                ("x-amz-signature", &"00".repeat(32)),
            ]),
        ] {
            accept(&form, "photos").ok();
        }
    }
}

#[test]
fn a_form_is_not_signed_in_its_head() {
    let refusal = |uri: &str, authorization: Option<&str>| {
        let mut request = http::Request::builder().method("POST").uri(uri);
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        let request = request.body(()).unwrap();
        refuse_signed_head(&RequestHead::from(&request)).err().map(|error| error.code)
    };
    assert_eq!(refusal("/photos", None), None);
    assert_eq!(refusal("/photos?x-id=PostObject", None), None);
    for (uri, authorization) in [
        ("/photos", Some("AWS AK:signature")),
        ("/photos", Some("AWS4-HMAC-SHA256 junk")),
        ("/photos?X-Amz-Signature=a", None),
        ("/photos?AWSAccessKeyId=a&Signature=b&Expires=1", None),
    ] {
        assert_eq!(refusal(uri, authorization), Some(ErrorCode::InvalidArgument), "{uri}");
    }
}
