//! From method, address and sub-resource to the operation.

use http::Method;

use crate::error::{ErrorCode, S3Error};
use crate::head::RequestHead;
use crate::request::address::Address;
use crate::request::name::OperationName::{self, *};
use crate::uri::Query;

/// Where a request goes: the operation, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The operation.
    pub name: OperationName,
    /// The bucket, if the request names one.
    pub bucket: Option<String>,
    /// The key, if the request names one.
    pub key: Option<String>,
}

/// A sub-resource: what GET, PUT, POST and DELETE of it are.
type SubResource = (&'static str, [Option<OperationName>; 4]);

const BUCKET: &[SubResource] = &[
    ("abac", [Some(GetBucketAbac), Some(PutBucketAbac), None, None]),
    (
        "accelerate",
        [Some(GetBucketAccelerateConfiguration), Some(PutBucketAccelerateConfiguration), None, None],
    ),
    ("acl", [Some(GetBucketAcl), Some(PutBucketAcl), None, None]),
    (
        "analytics",
        [
            Some(GetBucketAnalyticsConfiguration),
            Some(PutBucketAnalyticsConfiguration),
            None,
            Some(DeleteBucketAnalyticsConfiguration),
        ],
    ),
    ("cors", [Some(GetBucketCors), Some(PutBucketCors), None, Some(DeleteBucketCors)]),
    ("delete", [None, None, Some(DeleteObjects), None]),
    (
        "encryption",
        [Some(GetBucketEncryption), Some(PutBucketEncryption), None, Some(DeleteBucketEncryption)],
    ),
    (
        "intelligent-tiering",
        [
            Some(GetBucketIntelligentTieringConfiguration),
            Some(PutBucketIntelligentTieringConfiguration),
            None,
            Some(DeleteBucketIntelligentTieringConfiguration),
        ],
    ),
    (
        "inventory",
        [
            Some(GetBucketInventoryConfiguration),
            Some(PutBucketInventoryConfiguration),
            None,
            Some(DeleteBucketInventoryConfiguration),
        ],
    ),
    (
        "lifecycle",
        [
            Some(GetBucketLifecycleConfiguration),
            Some(PutBucketLifecycleConfiguration),
            None,
            Some(DeleteBucketLifecycle),
        ],
    ),
    ("location", [Some(GetBucketLocation), None, None, None]),
    ("logging", [Some(GetBucketLogging), Some(PutBucketLogging), None, None]),
    (
        "metadataConfiguration",
        [
            Some(GetBucketMetadataConfiguration),
            None,
            Some(CreateBucketMetadataConfiguration),
            Some(DeleteBucketMetadataConfiguration),
        ],
    ),
    ("metadataInventoryTable", [None, Some(UpdateBucketMetadataInventoryTableConfiguration), None, None]),
    ("metadataJournalTable", [None, Some(UpdateBucketMetadataJournalTableConfiguration), None, None]),
    (
        "metadataTable",
        [
            Some(GetBucketMetadataTableConfiguration),
            None,
            Some(CreateBucketMetadataTableConfiguration),
            Some(DeleteBucketMetadataTableConfiguration),
        ],
    ),
    (
        "metrics",
        [
            Some(GetBucketMetricsConfiguration),
            Some(PutBucketMetricsConfiguration),
            None,
            Some(DeleteBucketMetricsConfiguration),
        ],
    ),
    (
        "notification",
        [Some(GetBucketNotificationConfiguration), Some(PutBucketNotificationConfiguration), None, None],
    ),
    ("object-lock", [Some(GetObjectLockConfiguration), Some(PutObjectLockConfiguration), None, None]),
    (
        "ownershipControls",
        [
            Some(GetBucketOwnershipControls),
            Some(PutBucketOwnershipControls),
            None,
            Some(DeleteBucketOwnershipControls),
        ],
    ),
    ("policy", [Some(GetBucketPolicy), Some(PutBucketPolicy), None, Some(DeleteBucketPolicy)]),
    ("policyStatus", [Some(GetBucketPolicyStatus), None, None, None]),
    (
        "publicAccessBlock",
        [Some(GetPublicAccessBlock), Some(PutPublicAccessBlock), None, Some(DeletePublicAccessBlock)],
    ),
    (
        "replication",
        [Some(GetBucketReplication), Some(PutBucketReplication), None, Some(DeleteBucketReplication)],
    ),
    ("requestPayment", [Some(GetBucketRequestPayment), Some(PutBucketRequestPayment), None, None]),
    ("session", [Some(CreateSession), None, None, None]),
    ("tagging", [Some(GetBucketTagging), Some(PutBucketTagging), None, Some(DeleteBucketTagging)]),
    ("uploads", [Some(ListMultipartUploads), None, None, None]),
    ("versioning", [Some(GetBucketVersioning), Some(PutBucketVersioning), None, None]),
    ("versions", [Some(ListObjectVersions), None, None, None]),
    ("website", [Some(GetBucketWebsite), Some(PutBucketWebsite), None, Some(DeleteBucketWebsite)]),
];

const OBJECT: &[SubResource] = &[
    ("acl", [Some(GetObjectAcl), Some(PutObjectAcl), None, None]),
    ("attributes", [Some(GetObjectAttributes), None, None, None]),
    ("encryption", [None, Some(UpdateObjectEncryption), None, None]),
    ("legal-hold", [Some(GetObjectLegalHold), Some(PutObjectLegalHold), None, None]),
    ("renameObject", [None, Some(RenameObject), None, None]),
    ("restore", [None, None, Some(RestoreObject), None]),
    ("retention", [Some(GetObjectRetention), Some(PutObjectRetention), None, None]),
    ("select", [None, None, Some(SelectObjectContent), None]),
    ("tagging", [Some(GetObjectTagging), Some(PutObjectTagging), None, Some(DeleteObjectTagging)]),
    ("torrent", [Some(GetObjectTorrent), None, None, None]),
    (
        "uploadId",
        [Some(ListParts), Some(UploadPart), Some(CompleteMultipartUpload), Some(AbortMultipartUpload)],
    ),
    ("uploads", [None, None, Some(CreateMultipartUpload), None]),
];

/// Sub-resources of which there may be several, so that GET without `id` lists them.
const NUMBERED: &[(OperationName, OperationName)] = &[
    (GetBucketAnalyticsConfiguration, ListBucketAnalyticsConfigurations),
    (GetBucketIntelligentTieringConfiguration, ListBucketIntelligentTieringConfigurations),
    (GetBucketInventoryConfiguration, ListBucketInventoryConfigurations),
    (GetBucketMetricsConfiguration, ListBucketMetricsConfigurations),
];

/// The sub-resources of which something is served.
#[cfg(test)]
pub(crate) fn served_sub_resources() -> impl Iterator<Item = &'static str> {
    let served = |(_, operations): &&SubResource| operations.iter().flatten().any(|name| name.is_served());
    BUCKET.iter().chain(OBJECT).filter(served).map(|(name, _)| *name)
}

/// Parameters that are no sub-resources, whatever their value.
const PARAMETERS: &[&str] = &[
    "bucket-region",
    "continuation-token",
    "delimiter",
    "encoding-type",
    "fetch-owner",
    "id",
    "key-marker",
    "list-type",
    "marker",
    "max-buckets",
    "max-keys",
    "max-parts",
    "max-uploads",
    "part-number-marker",
    "partNumber",
    "prefix",
    "select-type",
    "start-after",
    "upload-id-marker",
    "version-id-marker",
    "versionId",
    "x-id",
];

/// Finds the operation of a request, without reading its parameters.
///
/// `MethodNotAllowed` for a method the resource does not have; `NotImplemented` for a query
/// parameter without a value that we do not know, because it is a sub-resource of some newer S3,
/// and to serve the plain object in its place would be wrong.
pub fn route(head: &RequestHead<'_>, domains: &[String]) -> Result<Route, S3Error> {
    let Address { bucket, key } = Address::of(head, domains)?;
    let query = Query::parse(head.query())?;
    let name = match (&bucket, &key) {
        _ if head.method == Method::OPTIONS => CorsPreflight,
        (None, _) => service_operation(head.method, &query)?,
        (Some(_), None) => match find_sub_resource(BUCKET, &query)? {
            Some(sub_resource) => bucket_sub_operation(sub_resource, head.method, &query)?,
            None => bucket_operation(head.method, &query)?,
        },
        (Some(_), Some(_)) => object_operation(head, find_sub_resource(OBJECT, &query)?, &query)?,
    };
    Ok(Route { name, bucket, key })
}

fn service_operation(method: &Method, query: &Query) -> Result<OperationName, S3Error> {
    refuse_unknown(query, &[])?;
    match *method {
        Method::GET => Ok(ListBuckets),
        _ => Err(not_allowed(method)),
    }
}

fn bucket_sub_operation(
    sub_resource: &SubResource,
    method: &Method,
    query: &Query,
) -> Result<OperationName, S3Error> {
    let name = sub_operation(sub_resource, method)?;
    let list = NUMBERED.iter().find(|(one, _)| *one == name && !query.has("id"));
    Ok(list.map_or(name, |(_, list)| *list))
}

fn bucket_operation(method: &Method, query: &Query) -> Result<OperationName, S3Error> {
    match *method {
        Method::GET if query.get("list-type") == Some("2") => Ok(ListObjectsV2),
        Method::GET => Ok(ListObjects),
        Method::HEAD => Ok(HeadBucket),
        Method::PUT => Ok(CreateBucket),
        Method::DELETE => Ok(DeleteBucket),
        Method::POST => Ok(PostObject),
        _ => Err(not_allowed(method)),
    }
}

fn object_operation(
    head: &RequestHead<'_>,
    sub_resource: Option<&SubResource>,
    query: &Query,
) -> Result<OperationName, S3Error> {
    let copies = head.headers.contains_key("x-amz-copy-source")
        || query.pairs().any(|(name, _)| name.eq_ignore_ascii_case("x-amz-copy-source"));
    if let Some(sub_resource) = sub_resource {
        return match sub_operation(sub_resource, head.method)? {
            UploadPart if copies => Ok(UploadPartCopy),
            name => Ok(name),
        };
    }
    match *head.method {
        Method::GET => Ok(GetObject),
        Method::HEAD => Ok(HeadObject),
        // A part without its upload must not become an object.
        Method::PUT if query.has("partNumber") => Err(S3Error::invalid_argument(
            "This operation does not accept a partNumber without an uploadId.",
            "uploadId",
            "",
        )),
        Method::PUT if copies => Ok(CopyObject),
        Method::PUT => Ok(PutObject),
        Method::DELETE => Ok(DeleteObject),
        _ => Err(not_allowed(head.method)),
    }
}

fn sub_operation((_, operations): &SubResource, method: &Method) -> Result<OperationName, S3Error> {
    let [get, put, post, delete] = *operations;
    let operation = match *method {
        Method::GET => get,
        Method::PUT => put,
        Method::POST => post,
        Method::DELETE => delete,
        _ => None,
    };
    operation.ok_or_else(|| not_allowed(method))
}

/// The one sub-resource of the query; two are a contradiction.
fn find_sub_resource(
    table: &'static [SubResource],
    query: &Query,
) -> Result<Option<&'static SubResource>, S3Error> {
    let mut found = table.iter().filter(|(name, _)| query.has(name));
    let first = found.next();
    if let (Some((one, _)), Some((other, _))) = (first, found.next()) {
        return Err(S3Error::invalid_argument(
            format!("Conflicting query string parameters: {one}, {other}"),
            "ResourceType",
            one,
        ));
    }
    refuse_unknown(query, table)?;
    Ok(first)
}

fn refuse_unknown(query: &Query, table: &[SubResource]) -> Result<(), S3Error> {
    for (name, value) in query.pairs() {
        let known = !value.is_empty()
            || PARAMETERS.contains(&name)
            || name.starts_with("response-")
            || name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("x-amz-"))
            || table.iter().any(|(sub_resource, _)| *sub_resource == name);
        if !known {
            return Err(S3Error::with_message(
                ErrorCode::NotImplemented,
                "A query parameter you provided implies functionality that is not implemented",
            )
            .field("Parameter", name));
        }
    }
    Ok(())
}

fn not_allowed(method: &Method) -> S3Error {
    S3Error::new(ErrorCode::MethodNotAllowed).field("Method", method.as_str())
}

#[cfg(test)]
#[path = "route_tests.rs"]
mod tests;
