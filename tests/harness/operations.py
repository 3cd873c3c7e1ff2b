"""One request of every operation, for those who try what they may not."""

import base64
import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from .raw import object_path
from .signing import Query

_NAMES = Path(__file__).resolve().parents[2] / "node" / "s3-wire" / "src" / "request" / "name.rs"
_XMLNS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


@dataclass(frozen=True)
class Request:
    """What is sent, but for who signs it."""

    method: str
    path: str
    query: Query = field(default_factory=list)
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """What the requests are about, and a bucket of the caller's own for copies."""

    bucket: str
    key: str
    version: str
    upload: str
    own_bucket: str
    own_key: str


def served() -> list[str]:
    """The names of all operations that the site serves, as its source lists them."""
    listed = re.search(r"\n\s+served:(.*?);\n", _NAMES.read_text(), re.DOTALL)
    assert listed, f"{_NAMES} lists no operations"
    return listed.group(1).split()


# These are signed or answered in ways of their own.
APART = {"ListBuckets", "CreateBucket", "CorsPreflight", "PostObject"}


def requests_of(operation: str, on: Target) -> list[Request]:
    """The forms that an operation has; with a version too, where one may be named."""
    simple = _ON_BUCKET.get(operation) or _ON_OBJECT.get(operation)
    if simple is None:
        return _others(on)[operation]
    method, name, body = simple
    path = object_path(on.bucket, on.key if operation in _ON_OBJECT else "")
    query: Query = [(name, "")] if name else []
    headers = {"Content-MD5": md5(body)} if body else {}
    if operation == "GetObjectAttributes":
        headers["x-amz-object-attributes"] = "ETag,Checksum,ObjectParts,StorageClass,ObjectSize"
    request = Request(method, path, query, body, headers)
    if operation not in _ON_OBJECT:
        return [request]
    of_version = Request(method, path, [*query, ("versionId", on.version)], body, headers)
    return [request, of_version, *(Request(method, path, query, body, more) for more in _asks(operation))]


def _asks(operation: str) -> list[dict[str, str]]:
    """What would be answered otherwise of an object that is there."""
    if operation not in ("GetObject", "HeadObject"):
        return []
    return [
        {"If-None-Match": "*"},
        {"If-Match": f'"{"0" * 32}"'},
        {"If-Modified-Since": "Sun, 01 Jan 2040 00:00:00 GMT"},
        {"Range": "bytes=1000000-"},
        {"x-amz-checksum-mode": "ENABLED"},
    ]


def md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body).digest()).decode()


def _others(on: Target) -> dict[str, list[Request]]:
    bucket, path = object_path(on.bucket), object_path(on.bucket, on.key)
    own = object_path(on.own_bucket, on.own_key)
    theirs = f"/{on.bucket}/{on.key}"
    mine = f"/{on.own_bucket}/{on.own_key}"
    upload: Query = [("uploadId", on.upload)]
    part: Query = [("partNumber", "1"), *upload]
    delete = f"<Delete><Object><Key>{on.key}</Key></Object></Delete>".encode()
    complete = f'<CompleteMultipartUpload {_XMLNS}><Part><PartNumber>1</PartNumber><ETag>"{"0" * 32}"</ETag></Part>'
    return {
        "PutObject": [
            Request("PUT", path, body=b"theirs"),
            Request("PUT", path, body=b"theirs", headers={"If-None-Match": "*"}),
            Request("PUT", path, body=b"theirs", headers={"If-Match": f'"{"0" * 32}"'}),
        ],
        "CopyObject": [
            Request("PUT", path, headers={"x-amz-copy-source": mine}),
            Request("PUT", path, headers={"x-amz-copy-source": f"{mine}-missing"}),
            Request("PUT", f"{own}-copy", headers={"x-amz-copy-source": theirs}),
            Request("PUT", f"{own}-copy", headers={"x-amz-copy-source": f"{theirs}?versionId={on.version}"}),
            Request(
                "PUT",
                f"{own}-copy",
                headers={"x-amz-copy-source": theirs, "x-amz-copy-source-if-none-match": "*"},
            ),
        ],
        "DeleteObjects": [Request("POST", bucket, [("delete", "")], delete, {"Content-MD5": md5(delete)})],
        "CreateMultipartUpload": [Request("POST", path, [("uploads", "")])],
        "UploadPart": [Request("PUT", path, part, b"theirs")],
        "UploadPartCopy": [
            Request("PUT", path, part, headers={"x-amz-copy-source": mine}),
            Request("PUT", path, part, headers={"x-amz-copy-source": f"{mine}-missing"}),
            Request("PUT", path, part, headers={"x-amz-copy-source": theirs}),
        ],
        "CompleteMultipartUpload": [Request("POST", path, upload, f"{complete}</CompleteMultipartUpload>".encode())],
        "AbortMultipartUpload": [Request("DELETE", path, upload)],
        "ListParts": [Request("GET", path, upload)],
        "ListObjectsV2": [Request("GET", bucket, [("list-type", "2"), ("prefix", on.key)])],
    }


def _document(root: str, inner: str = "") -> bytes:
    return f"<{root} {_XMLNS}>{inner}</{root}>".encode()


_TAGS = _document("Tagging", "<TagSet><Tag><Key>a</Key><Value>theirs</Value></Tag></TagSet>")
_ACL = _document(
    "AccessControlPolicy",
    "<Owner><ID>x</ID></Owner><AccessControlList><Grant>"
    '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Group">'
    "<URI>http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee>"
    "<Permission>READ</Permission></Grant></AccessControlList>",
)
_CORS = "<CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule>"
_ENCRYPTION = (
    "<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>"
    "</ApplyServerSideEncryptionByDefault></Rule>"
)
_LIFECYCLE = (
    "<Rule><ID>all</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status>"
    "<Expiration><Days>1</Days></Expiration></Rule>"
)
_OPEN = "".join(
    f"<{name}>false</{name}>"
    for name in ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
)
_POLICY = b'{"Version":"2012-10-17","Statement":[]}'

# Method, sub-resource and document of what is asked of a bucket.
_ON_BUCKET: dict[str, tuple[str, str, bytes]] = {
    "HeadBucket": ("HEAD", "", b""),
    "DeleteBucket": ("DELETE", "", b""),
    "ListObjects": ("GET", "", b""),
    "ListObjectVersions": ("GET", "versions", b""),
    "ListMultipartUploads": ("GET", "uploads", b""),
    "GetBucketAcl": ("GET", "acl", b""),
    "PutBucketAcl": ("PUT", "acl", _ACL),
    "GetBucketCors": ("GET", "cors", b""),
    "PutBucketCors": ("PUT", "cors", _document("CORSConfiguration", _CORS)),
    "DeleteBucketCors": ("DELETE", "cors", b""),
    "GetBucketEncryption": ("GET", "encryption", b""),
    "PutBucketEncryption": ("PUT", "encryption", _document("ServerSideEncryptionConfiguration", _ENCRYPTION)),
    "DeleteBucketEncryption": ("DELETE", "encryption", b""),
    "GetBucketLifecycleConfiguration": ("GET", "lifecycle", b""),
    "PutBucketLifecycleConfiguration": ("PUT", "lifecycle", _document("LifecycleConfiguration", _LIFECYCLE)),
    "DeleteBucketLifecycle": ("DELETE", "lifecycle", b""),
    "GetBucketLocation": ("GET", "location", b""),
    "GetBucketLogging": ("GET", "logging", b""),
    "PutBucketLogging": ("PUT", "logging", _document("BucketLoggingStatus")),
    "GetBucketNotificationConfiguration": ("GET", "notification", b""),
    "PutBucketNotificationConfiguration": ("PUT", "notification", _document("NotificationConfiguration")),
    "GetBucketOwnershipControls": ("GET", "ownershipControls", b""),
    "PutBucketOwnershipControls": (
        "PUT",
        "ownershipControls",
        _document("OwnershipControls", "<Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule>"),
    ),
    "DeleteBucketOwnershipControls": ("DELETE", "ownershipControls", b""),
    "GetBucketPolicy": ("GET", "policy", b""),
    "PutBucketPolicy": ("PUT", "policy", _POLICY),
    "DeleteBucketPolicy": ("DELETE", "policy", b""),
    "GetBucketPolicyStatus": ("GET", "policyStatus", b""),
    "GetBucketRequestPayment": ("GET", "requestPayment", b""),
    "PutBucketRequestPayment": (
        "PUT",
        "requestPayment",
        _document("RequestPaymentConfiguration", "<Payer>BucketOwner</Payer>"),
    ),
    "GetBucketTagging": ("GET", "tagging", b""),
    "PutBucketTagging": ("PUT", "tagging", _TAGS),
    "DeleteBucketTagging": ("DELETE", "tagging", b""),
    "GetBucketVersioning": ("GET", "versioning", b""),
    "PutBucketVersioning": (
        "PUT",
        "versioning",
        _document("VersioningConfiguration", "<Status>Suspended</Status>"),
    ),
    "GetBucketWebsite": ("GET", "website", b""),
    "PutBucketWebsite": (
        "PUT",
        "website",
        _document("WebsiteConfiguration", "<IndexDocument><Suffix>theirs</Suffix></IndexDocument>"),
    ),
    "DeleteBucketWebsite": ("DELETE", "website", b""),
    "GetObjectLockConfiguration": ("GET", "object-lock", b""),
    "PutObjectLockConfiguration": (
        "PUT",
        "object-lock",
        _document("ObjectLockConfiguration", "<ObjectLockEnabled>Enabled</ObjectLockEnabled>"),
    ),
    "GetPublicAccessBlock": ("GET", "publicAccessBlock", b""),
    "PutPublicAccessBlock": ("PUT", "publicAccessBlock", _document("PublicAccessBlockConfiguration", _OPEN)),
    "DeletePublicAccessBlock": ("DELETE", "publicAccessBlock", b""),
}

# The same of an object, or of one of its versions.
_ON_OBJECT: dict[str, tuple[str, str, bytes]] = {
    "GetObject": ("GET", "", b""),
    "HeadObject": ("HEAD", "", b""),
    "DeleteObject": ("DELETE", "", b""),
    "GetObjectAttributes": ("GET", "attributes", b""),
    "GetObjectAcl": ("GET", "acl", b""),
    "PutObjectAcl": ("PUT", "acl", _ACL),
    "GetObjectTagging": ("GET", "tagging", b""),
    "PutObjectTagging": ("PUT", "tagging", _TAGS),
    "DeleteObjectTagging": ("DELETE", "tagging", b""),
    "GetObjectLegalHold": ("GET", "legal-hold", b""),
    "PutObjectLegalHold": ("PUT", "legal-hold", _document("LegalHold", "<Status>OFF</Status>")),
    "GetObjectRetention": ("GET", "retention", b""),
    "PutObjectRetention": ("PUT", "retention", _document("Retention")),
}
