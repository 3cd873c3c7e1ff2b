//! Bodies are read within their bounds, and answers have the shape of AWS.

use proptest::prelude::*;

use super::*;
use crate::checksum::{ChecksumAlgorithm, ChecksumHasher, ChecksumType, ObjectChecksum};
use crate::error::{ErrorCode, S3Error};
use crate::request::{ListBuckets, ListMultipartUploads, ListObjects, ListObjectsV2, ListParts};

const MS: u64 = 1_369_353_600_000;

fn owner() -> Owner {
    Owner { id: "u1".into(), display_name: "ann".into() }
}

/// Drops what all answers have: the prolog and the namespace.
fn inner(xml: &str) -> String {
    let xml = xml.strip_prefix(PROLOG).expect("a prolog");
    xml.replacen(" xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"", "", 1)
}

fn code<T>(result: Result<T, S3Error>) -> Result<T, ErrorCode> {
    result.map_err(|error| error.code)
}

#[test]
fn delete_lists_are_read() {
    let body = "\u{feff}<?xml version=\"1.0\"?><!-- c --><s:Delete xmlns:s='http://s3.amazonaws.com/doc/2006-03-01/'>\n\
        <s:Object><s:Key> a&amp;b&#x41;&#66;<![CDATA[<c>]]>\u{1F600}</s:Key><s:VersionId>null</s:VersionId></s:Object>\n\
        <s:Object><s:Key>d</s:Key><s:ETag>\"x\"</s:ETag></s:Object><s:Quiet>true</s:Quiet></s:Delete>";
    let request = parse_delete(body.as_bytes()).unwrap();
    assert!(request.quiet);
    assert_eq!(
        request.keys[0],
        DeleteKey { key: " a&bAB<c>\u{1F600}".into(), version: Some("null".into()), etag: None }
    );
    assert_eq!(request.keys[1], DeleteKey { key: "d".into(), version: None, etag: Some("x".into()) });
}

#[test]
fn delete_lists_out_of_bounds_are_refused() {
    let list = |count: usize| format!("<Delete>{}</Delete>", "<Object><Key>k</Key></Object>".repeat(count));
    assert_eq!(parse_delete(list(1_000).as_bytes()).unwrap().keys.len(), 1_000);
    for (body, expected) in [
        (list(0), ErrorCode::MalformedXml),
        (list(1_001), ErrorCode::MalformedXml),
        (String::new(), ErrorCode::MalformedXml),
        ("text".into(), ErrorCode::MalformedXml),
        ("<Delete><Object><Key>k</Key></Object>".into(), ErrorCode::MalformedXml),
        ("<Delete><Object><Key>k</Object></Key></Delete>".into(), ErrorCode::MalformedXml),
        ("<Delete><Object><Key/></Object></Delete>".into(), ErrorCode::MalformedXml),
        ("<Delete><Object><Key>a<b/></Key></Object></Delete>".into(), ErrorCode::MalformedXml),
        ("<Delete><Other/></Delete>".into(), ErrorCode::MalformedXml),
        (list(1) + "<x/>", ErrorCode::MalformedXml),
        (list(1) + "x", ErrorCode::MalformedXml),
        ("<Delete><Object><Key>k</Key><Size>1</Size></Object></Delete>".into(), ErrorCode::NotImplemented),
        ("<!DOCTYPE Delete>".to_owned() + &list(1), ErrorCode::MalformedXml),
        ("<?php ?>".to_owned() + &list(1), ErrorCode::MalformedXml),
        // Taken apart without a bound on depth, this would overflow the stack.
        ("<a>".repeat(500_000) + &"</a>".repeat(500_000), ErrorCode::MalformedXml),
        (" ".repeat(MAX_DELETE_LEN + 1), ErrorCode::MaxMessageLengthExceeded),
        (
            "<!DOCTYPE d [<!ENTITY a 'aaaa'>]><Delete><Object><Key>&a;</Key></Object></Delete>".into(),
            ErrorCode::MalformedXml,
        ),
        ("<Delete><Object><Key>&a;</Key></Object></Delete>".into(), ErrorCode::MalformedXml),
    ] {
        let start: String = body.chars().take(80).collect();
        assert_eq!(code(parse_delete(body.as_bytes())).map(|_| ()), Err(expected), "{start}");
    }
    assert_eq!(code(parse_delete(b"<Delete>\xff</Delete>")), Err(ErrorCode::MalformedXml));
}

fn part(number: &str, extra: &str) -> String {
    format!("<Part><PartNumber>{number}</PartNumber><ETag>&quot;e{number}&quot;</ETag>{extra}</Part>")
}

fn complete(parts: &str) -> Result<Vec<CompletedPart>, ErrorCode> {
    code(parse_complete(format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>").as_bytes()))
}

#[test]
fn part_lists_are_read_in_order() {
    let checksum = ChecksumHasher::checksum(ChecksumAlgorithm::Sha1, b"x");
    let element = format!("<ChecksumSHA1>{}</ChecksumSHA1>", checksum.to_base64());
    assert_eq!(
        complete(&(part("1", "") + &part("10000", &element))),
        Ok(vec![
            CompletedPart { part_number: 1, etag: "e1".into(), checksum: None },
            CompletedPart { part_number: 10_000, etag: "e10000".into(), checksum: Some(checksum) },
        ])
    );
    let all: String = (1..=10_000).map(|number| part(&number.to_string(), &element)).collect();
    assert_eq!(complete(&all).map(|parts| parts.len()), Ok(10_000));
}

#[test]
fn part_lists_with_faults_are_refused() {
    for (parts, expected) in [
        (String::new(), ErrorCode::MalformedXml),
        (part("0", ""), ErrorCode::InvalidArgument),
        (part("10001", ""), ErrorCode::InvalidArgument),
        (part("+1", ""), ErrorCode::InvalidArgument),
        (part("x", ""), ErrorCode::InvalidArgument),
        (part("2", "") + &part("1", ""), ErrorCode::InvalidPartOrder),
        (part("1", "") + &part("1", ""), ErrorCode::InvalidPartOrder),
        (part("1", "<ETag>b</ETag>"), ErrorCode::MalformedXml),
        (part("1", "<ChecksumXXHASH64>b</ChecksumXXHASH64>"), ErrorCode::MalformedXml),
        (part("1", "<ChecksumCRC32>AA==</ChecksumCRC32>"), ErrorCode::InvalidPart),
        ("<Part><PartNumber>1</PartNumber></Part>".into(), ErrorCode::MalformedXml),
    ] {
        assert_eq!(complete(&parts), Err(expected), "{parts}");
    }
}

#[test]
fn bucket_configurations_are_read() {
    let read = |body: &str| code(parse_bucket_configuration(body.as_bytes()));
    assert_eq!(read(" \n"), Ok(None));
    assert_eq!(read("<CreateBucketConfiguration/>"), Ok(None));
    assert_eq!(
        read(
            "<CreateBucketConfiguration xmlns='x'><LocationConstraint>eu</LocationConstraint></CreateBucketConfiguration>"
        ),
        Ok(Some("eu".into()))
    );
    assert_eq!(
        read("<CreateBucketConfiguration><Tags/></CreateBucketConfiguration>"),
        Err(ErrorCode::NotImplemented)
    );
    assert_eq!(read("<Other/>"), Err(ErrorCode::MalformedXml));
}

#[test]
fn answers_about_buckets_have_the_shape_of_aws() {
    let bucket = ListedBucket { name: "photos".into(), created_ms: MS };
    let xml = list_buckets(&ListBuckets::default(), &owner(), "eu", &[bucket], None);
    assert_eq!(
        xml,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <ListAllMyBucketsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Owner><ID>u1</ID>\
         <DisplayName>ann</DisplayName></Owner><Buckets><Bucket><Name>photos</Name>\
         <CreationDate>2013-05-24T00:00:00.000Z</CreationDate></Bucket></Buckets></ListAllMyBucketsResult>"
    );
    assert_eq!(inner(&location_constraint("eu")), "<LocationConstraint>eu</LocationConstraint>");
    assert_eq!(inner(&location_constraint("us-east-1")), "<LocationConstraint></LocationConstraint>");
}

fn page(next: Option<&str>, owner: Option<Owner>) -> ListPage {
    ListPage {
        objects: vec![ListedObject {
            key: "a b<\u{1}".into(),
            last_modified_ms: MS,
            etag: "abc-2".into(),
            checksum: Some((ChecksumAlgorithm::Crc32, ChecksumType::Composite)),
            size: 7,
            owner,
            storage_class: "STANDARD".into(),
        }],
        common_prefixes: vec!["c d/".into()],
        next: next.map(str::to_owned),
    }
}

const OBJECT: &str = "<LastModified>2013-05-24T00:00:00.000Z</LastModified><ETag>&quot;abc-2&quot;</ETag>\
    <ChecksumAlgorithm>CRC32</ChecksumAlgorithm><ChecksumType>COMPOSITE</ChecksumType><Size>7</Size>";
const OWNER: &str = "<Owner><ID>u1</ID><DisplayName>ann</DisplayName></Owner>";

#[test]
fn first_listing_has_the_shape_of_aws() {
    let request = ListObjects {
        bucket: "photos".into(),
        delimiter: Some("/".into()),
        max_keys: 2,
        url_encoded: true,
        ..Default::default()
    };
    assert_eq!(
        inner(&list_objects(&request, &page(Some("c d/"), Some(owner())))),
        format!(
            "<ListBucketResult><Name>photos</Name><Prefix></Prefix><Marker></Marker>\
             <NextMarker>c+d/</NextMarker><MaxKeys>2</MaxKeys><Delimiter>/</Delimiter>\
             <EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>\
             <Contents><Key>a+b%3C%01</Key>{OBJECT}{OWNER}<StorageClass>STANDARD</StorageClass></Contents>\
             <CommonPrefixes><Prefix>c+d/</Prefix></CommonPrefixes></ListBucketResult>"
        )
    );
}

#[test]
fn second_listing_has_the_shape_of_aws() {
    let request = ListObjectsV2 {
        bucket: "photos".into(),
        prefix: "a".into(),
        start_after: Some("a".into()),
        continuation_token: Some("t0".into()),
        max_keys: 1_000,
        ..Default::default()
    };
    assert_eq!(
        inner(&list_objects_v2(&request, &page(None, None))),
        format!(
            "<ListBucketResult><Name>photos</Name><Prefix>a</Prefix>\
             <ContinuationToken>t0</ContinuationToken><StartAfter>a</StartAfter><KeyCount>2</KeyCount>\
             <MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>\
             <Contents><Key>a b&lt;&#x1;</Key>{OBJECT}<StorageClass>STANDARD</StorageClass></Contents>\
             <CommonPrefixes><Prefix>c d/</Prefix></CommonPrefixes></ListBucketResult>"
        )
    );
    let request = ListObjectsV2 { fetch_owner: true, ..request };
    let xml = list_objects_v2(&request, &page(Some("t1"), Some(owner())));
    assert!(
        xml.contains(OWNER) && xml.contains("<NextContinuationToken>t1</NextContinuationToken>"),
        "{xml}"
    );
}

#[test]
fn answers_about_copies_and_uploads_have_the_shape_of_aws() {
    let value = ChecksumHasher::checksum(ChecksumAlgorithm::Crc32, b"");
    let checksum = ObjectChecksum { value, kind: ChecksumType::Composite, parts: 3 };
    let copy = CopyResult { last_modified_ms: MS, etag: "e".into(), checksum: Some(checksum) };
    let start = "<LastModified>2013-05-24T00:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag>";
    assert_eq!(
        inner(&copy_object_result(&copy)),
        format!(
            "<CopyObjectResult>{start}<ChecksumCRC32>AAAAAA==-3</ChecksumCRC32>\
             <ChecksumType>COMPOSITE</ChecksumType></CopyObjectResult>"
        )
    );
    assert_eq!(
        inner(&copy_part_result(&copy)),
        format!("<CopyPartResult>{start}<ChecksumCRC32>AAAAAA==</ChecksumCRC32></CopyPartResult>")
    );
    assert_eq!(
        inner(&create_multipart_upload("b", "k&", "u")),
        "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k&amp;</Key><UploadId>u</UploadId>\
         </InitiateMultipartUploadResult>"
    );
    assert_eq!(
        inner(&complete_multipart_upload("http://h/b/k", "b", "k", "e-3", Some(&checksum))),
        "<CompleteMultipartUploadResult><Location>http://h/b/k</Location><Bucket>b</Bucket><Key>k</Key>\
         <ETag>&quot;e-3&quot;</ETag><ChecksumCRC32>AAAAAA==-3</ChecksumCRC32>\
         <ChecksumType>COMPOSITE</ChecksumType></CompleteMultipartUploadResult>"
    );
    let parts = [ListedPart {
        part_number: 4,
        last_modified_ms: MS,
        etag: "e".into(),
        size: 5,
        checksum: Some(value),
    }];
    let request = ListParts {
        bucket: "b".into(),
        key: "k".into(),
        upload_id: "u".into(),
        part_number_marker: 3,
        max_parts: 1,
        url_encoded: false,
    };
    let checksum = Some((ChecksumAlgorithm::Crc32, ChecksumType::Composite));
    let kind = "<ChecksumAlgorithm>CRC32</ChecksumAlgorithm><ChecksumType>COMPOSITE</ChecksumType>";
    let owners = format!("<Initiator><ID>u1</ID><DisplayName>ann</DisplayName></Initiator>{OWNER}");
    assert_eq!(
        inner(&list_parts(&request, &owner(), &owner(), "STANDARD", checksum, &parts, Some(4))),
        format!(
            "<ListPartsResult><Bucket>b</Bucket><Key>k</Key><UploadId>u</UploadId>{owners}\
             <StorageClass>STANDARD</StorageClass><PartNumberMarker>3</PartNumberMarker>\
             <NextPartNumberMarker>4</NextPartNumberMarker><MaxParts>1</MaxParts>\
             <IsTruncated>true</IsTruncated>{kind}<Part><PartNumber>4</PartNumber>{start}<Size>5</Size>\
             <ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part></ListPartsResult>"
        )
    );
    let uploads = UploadPage {
        uploads: vec![ListedUpload {
            key: "k".into(),
            upload_id: "u".into(),
            initiated_ms: MS,
            initiator: owner(),
            owner: owner(),
            storage_class: "STANDARD".into(),
            checksum,
        }],
        common_prefixes: vec!["p/".into()],
        next: Some(("k".into(), "u".into())),
    };
    let request = ListMultipartUploads { bucket: "b".into(), max_uploads: 1, ..Default::default() };
    assert_eq!(
        inner(&list_multipart_uploads(&request, &uploads)),
        format!(
            "<ListMultipartUploadsResult><Bucket>b</Bucket><KeyMarker></KeyMarker>\
             <UploadIdMarker></UploadIdMarker><NextKeyMarker>k</NextKeyMarker>\
             <NextUploadIdMarker>u</NextUploadIdMarker><Prefix></Prefix><MaxUploads>1</MaxUploads>\
             <IsTruncated>true</IsTruncated><Upload><Key>k</Key><UploadId>u</UploadId>{owners}\
             <StorageClass>STANDARD</StorageClass><Initiated>2013-05-24T00:00:00.000Z</Initiated>{kind}\
             </Upload><CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes></ListMultipartUploadsResult>"
        )
    );
}

#[test]
fn text_is_escaped_as_s3_does() {
    let mut xml = XmlWriter::document();
    xml.text("a", "<&>\"'\r\n\t\u{1}\u{1f}\u{ffff}é");
    assert_eq!(xml.finish(), format!("{PROLOG}<a>&lt;&amp;&gt;&quot;'&#13;\n\t&#x1;&#x1f;&#xffff;é</a>"));
}

#[test]
fn deletions_are_answered_one_by_one() {
    let keys = [
        DeletedKey { key: "a".into(), version: None, marker: None, error: None },
        DeletedKey {
            key: "b".into(),
            version: None,
            marker: None,
            error: Some(ErrorCode::AccessDenied.into()),
        },
    ];
    let failed = "<Error><Key>b</Key><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
    assert_eq!(
        inner(&delete_result(&keys, false)),
        format!("<DeleteResult><Deleted><Key>a</Key></Deleted>{failed}</DeleteResult>")
    );
    assert_eq!(inner(&delete_result(&keys, true)), format!("<DeleteResult>{failed}</DeleteResult>"));
    let marker =
        DeletedKey { key: "c".into(), version: Some("v".into()), marker: Some("m".into()), error: None };
    assert_eq!(
        inner(&delete_result(&[marker], false)),
        "<DeleteResult><Deleted><Key>c</Key><VersionId>v</VersionId><DeleteMarker>true</DeleteMarker>\
         <DeleteMarkerVersionId>m</DeleteMarkerVersionId></Deleted></DeleteResult>"
    );
}

#[test]
fn a_document_has_so_many_elements_and_no_more() {
    let read = |count: usize| {
        let body = format!("<Delete>{}</Delete>", "<Quiet/>".repeat(count));
        crate::xml::reader::parse(body.as_bytes(), usize::MAX, "Delete").map(|root| root.children.len())
    };
    assert_eq!(read(99_999).unwrap(), 99_999);
    assert_eq!(read(100_000).unwrap_err().code, ErrorCode::MalformedXml);
}

proptest! {
    #[test]
    fn any_key_that_is_written_reads_back(key in prop::collection::vec(any::<char>(), 1..40)) {
        // NUL is the one character that no reader takes, even as a reference.
        let key: String = key.into_iter().filter(|char| *char != '\0').collect();
        prop_assume!(!key.is_empty());
        let mut xml = XmlWriter::document();
        xml.open_root("Delete");
        xml.open("Object");
        xml.text("Key", &key);
        xml.close("Object");
        xml.close("Delete");
        prop_assert_eq!(parse_delete(xml.finish().as_bytes()).unwrap().keys[0].key.clone(), key);
    }

    #[test]
    fn part_lists_read_back(numbers in prop::collection::btree_set(1_u16..=10_000, 1..50)) {
        let parts: String = numbers.iter().map(|number| part(&number.to_string(), "")).collect();
        let read: Vec<u16> = complete(&parts).unwrap().iter().map(|part| part.part_number).collect();
        prop_assert_eq!(read, numbers.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn arbitrary_bodies_never_panic(
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "(<(/?(Delete|Object|Key|Part|ETag|PartNumber|CompleteMultipartUpload)|!--|\\?|!\\[CDATA\\[)>?|&[a-z#0-9]{0,4};?|[ -~]{0,6}){0,20}"
                .prop_map(String::into_bytes),
        ],
    ) {
        parse_delete(&body).ok();
        parse_complete(&body).ok();
        parse_bucket_configuration(&body).ok();
    }
}
