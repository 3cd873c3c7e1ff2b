//! What users of the AWS SDK for Rust do with a bucket, byte for byte, over plain HTTP.
//!
//! Arguments: the endpoint, an empty bucket, an empty folder. Keys and region come
//! from the environment. Prints a link to the object `linked`, which holds `by link`.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::config::{Credentials, Region, retry::RetryConfig};
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, CompletedMultipartUpload, CompletedPart, Delete, ObjectIdentifier,
};
use aws_sdk_s3::{Client, Config};

type Outcome = Result<(), Box<dyn Error>>;

const PART: usize = 5 << 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, bucket, folder] = arguments.as_slice() else {
        return Err("arguments: endpoint bucket folder".into());
    };
    let s3 = client(endpoint)?;
    small_objects(&s3, bucket).await?;
    conditions(&s3, bucket).await?;
    parts(&s3, bucket, Path::new(folder)).await?;
    copy_and_list(&s3, bucket).await?;
    delete_all_but_the_linked(&s3, bucket).await?;
    let link = s3
        .get_object()
        .bucket(bucket)
        .key("linked")
        .presigned(PresigningConfig::expires_in(Duration::from_secs(60))?)
        .await?;
    println!("{}", link.uri());
    Ok(())
}

/// Sends everything once: a retry would hide an answer that went wrong or did not come.
fn client(endpoint: &str) -> Result<Client, Box<dyn Error>> {
    let keys = Credentials::new(
        std::env::var("AWS_ACCESS_KEY_ID")?,
        std::env::var("AWS_SECRET_ACCESS_KEY")?,
        None,
        None,
        "environment",
    );
    let config = Config::builder()
        .behavior_version_latest()
        .credentials_provider(keys)
        .region(Region::new(std::env::var("AWS_DEFAULT_REGION")?))
        .endpoint_url(endpoint)
        .force_path_style(true)
        .retry_config(RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Ok(Client::from_conf(config))
}

async fn small_objects(s3: &Client, bucket: &str) -> Outcome {
    for (key, body) in [("a b/ü+1", "small"), ("empty", ""), ("linked", "by link")] {
        let put = s3
            .put_object()
            .bucket(bucket)
            .key(key)
            .content_type("text/x")
            .metadata("colour", "blue")
            .body(ByteStream::from_static(body.as_bytes()))
            .send()
            .await?;
        assert!(put.checksum_crc32().is_some(), "the SDK's own checksum is kept");
        let got = s3.get_object().bucket(bucket).key(key).checksum_mode(ChecksumMode::Enabled).send().await?;
        assert_eq!(got.content_type(), Some("text/x"));
        assert_eq!(got.metadata().and_then(|all| all.get("colour")).map(String::as_str), Some("blue"));
        assert_eq!(got.checksum_crc32(), put.checksum_crc32());
        assert_eq!(got.body.collect().await?.into_bytes(), body.as_bytes());
    }
    let missing = s3.get_object().bucket(bucket).key("missing").send().await;
    assert!(missing.expect_err("there is none").into_service_error().is_no_such_key());
    let head = s3.head_object().bucket(bucket).key("missing").send().await;
    assert!(head.expect_err("there is none").into_service_error().is_not_found());
    Ok(())
}

async fn conditions(s3: &Client, bucket: &str) -> Outcome {
    let put = |body: &'static str| {
        s3.put_object().bucket(bucket).key("once").body(ByteStream::from_static(body.as_bytes()))
    };
    let tag = put("first").if_none_match("*").send().await?.e_tag.ok_or("no ETag")?;
    let again = put("second").if_none_match("*").send().await.expect_err("it is there already");
    assert_eq!(again.code(), Some("PreconditionFailed"));
    put("third").if_match(&tag).send().await?;
    let stale = put("fourth").if_match(&tag).send().await.expect_err("it has changed");
    assert_eq!(stale.code(), Some("PreconditionFailed"));
    let got = s3.get_object().bucket(bucket).key("once").range("bytes=1-3").send().await?;
    assert_eq!(got.content_range(), Some("bytes 1-3/5"));
    assert_eq!(got.body.collect().await?.into_bytes(), "hir".as_bytes());
    Ok(())
}

/// A file in parts with checksums, each part a stream from disk.
async fn parts(s3: &Client, bucket: &str, folder: &Path) -> Outcome {
    let body: Vec<u8> = (0..2 * PART + 12_345).map(|at| (at * at / 7 + at) as u8).collect();
    let file = folder.join("large");
    std::fs::write(&file, &body)?;
    let begun = s3
        .create_multipart_upload()
        .bucket(bucket)
        .key("large")
        .checksum_algorithm(ChecksumAlgorithm::Crc32)
        .send()
        .await?;
    let upload = begun.upload_id().ok_or("no upload id")?;
    let mut listed = CompletedMultipartUpload::builder();
    for (number, start) in (1_i32..).zip((0..body.len()).step_by(PART)) {
        let length = PART.min(body.len() - start);
        let stream = ByteStream::read_from()
            .path(&file)
            .offset(start as u64)
            .length(aws_sdk_s3::primitives::Length::Exact(length as u64))
            .build()
            .await?;
        let part = s3
            .upload_part()
            .bucket(bucket)
            .key("large")
            .upload_id(upload)
            .part_number(number)
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .body(stream)
            .send()
            .await?;
        let completed = CompletedPart::builder()
            .part_number(number)
            .set_e_tag(part.e_tag)
            .set_checksum_crc32(part.checksum_crc32);
        listed = listed.parts(completed.build());
    }
    let done = s3
        .complete_multipart_upload()
        .bucket(bucket)
        .key("large")
        .upload_id(upload)
        .multipart_upload(listed.build())
        .send()
        .await?;
    assert!(done.e_tag().is_some_and(|tag| tag.ends_with("-3\"")), "{done:?}");
    let got = s3.get_object().bucket(bucket).key("large").send().await?;
    assert_eq!(got.content_length(), i64::try_from(body.len()).ok());
    assert!(got.body.collect().await?.into_bytes() == body, "the large object is another");
    Ok(())
}

async fn copy_and_list(s3: &Client, bucket: &str) -> Outcome {
    for number in 0..7 {
        let source = format!("{bucket}/a%20b/%C3%BC%2B1");
        s3.copy_object().bucket(bucket).key(format!("copies/{number}")).copy_source(source).send().await?;
    }
    let mut pages =
        s3.list_objects_v2().bucket(bucket).prefix("copies/").into_paginator().page_size(3).send();
    let mut sizes = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page?;
        assert!(page.contents().len() <= 3);
        sizes.extend(page.contents().iter().filter_map(|row| row.size()));
    }
    assert_eq!(sizes, [5; 7]);
    let grouped = s3.list_objects_v2().bucket(bucket).delimiter("/").send().await?;
    let prefixes: Vec<_> = grouped.common_prefixes().iter().filter_map(|row| row.prefix()).collect();
    assert_eq!(prefixes, ["a b/", "copies/"]);
    Ok(())
}

async fn delete_all_but_the_linked(s3: &Client, bucket: &str) -> Outcome {
    let all = s3.list_objects_v2().bucket(bucket).send().await?;
    let mut doomed = Delete::builder().quiet(true);
    for key in all.contents().iter().filter_map(|row| row.key()).filter(|key| *key != "linked") {
        doomed = doomed.objects(ObjectIdentifier::builder().key(key).build()?);
    }
    let gone = s3.delete_objects().bucket(bucket).delete(doomed.build()?).send().await?;
    assert!(gone.errors().is_empty(), "{gone:?}");
    let left = s3.list_objects_v2().bucket(bucket).send().await?;
    assert_eq!(left.key_count(), Some(1));
    Ok(())
}
