//! The table of error codes: name, HTTP status and default message of each.

use http::StatusCode;

macro_rules! error_codes {
    ($($name:ident $text:literal $status:literal $message:literal)*) => {
        /// An S3 error code. The name on the wire, the status and the default message are fixed per code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $(#[doc = $message] $name,)*
        }

        impl ErrorCode {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as clients see it in `<Code>`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The message used when nothing more precise is known.
            pub fn message(self) -> &'static str {
                match self { $(Self::$name => $message,)* }
            }

            fn status_number(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }
        }
    };
}

error_codes! {
    AccessControlListNotSupported "AccessControlListNotSupported" 400 "The bucket does not allow ACLs"
    AccessDenied "AccessDenied" 403 "Access Denied"
    AccessForbidden "AccessForbidden" 403 "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."
    AccountProblem "AccountProblem" 403 "There is a problem with your account that prevents the operation from completing successfully."
    AmbiguousGrantByEmailAddress "AmbiguousGrantByEmailAddress" 400 "The email address you provided is associated with more than one account."
    AuthorizationHeaderMalformed "AuthorizationHeaderMalformed" 400 "The authorization header that you provided is not valid."
    AuthorizationQueryParametersError "AuthorizationQueryParametersError" 400 "The authorization query parameters that you provided are not valid."
    BadDigest "BadDigest" 400 "The Content-MD5 or checksum value that you specified did not match what the server received."
    BadRequest "BadRequest" 400 "Bad Request"
    BucketAlreadyExists "BucketAlreadyExists" 409 "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again."
    BucketAlreadyOwnedByYou "BucketAlreadyOwnedByYou" 409 "Your previous request to create the named bucket succeeded and you already own it."
    BucketNotEmpty "BucketNotEmpty" 409 "The bucket you tried to delete is not empty."
    ConditionalRequestConflict "ConditionalRequestConflict" 409 "The conditional request cannot succeed due to a conflicting operation against this resource."
    EntityTooLarge "EntityTooLarge" 400 "Your proposed upload exceeds the maximum allowed size"
    EntityTooSmall "EntityTooSmall" 400 "Your proposed upload is smaller than the minimum allowed size"
    ExpiredToken "ExpiredToken" 400 "The provided token has expired."
    IllegalLocationConstraintException "IllegalLocationConstraintException" 400 "The specified location constraint is incompatible for the region specific endpoint this request was sent to."
    IllegalVersioningConfiguration "IllegalVersioningConfigurationException" 400 "The versioning configuration specified in the request is invalid."
    IncompleteBody "IncompleteBody" 400 "You did not provide the number of bytes specified by the Content-Length HTTP header."
    InternalError "InternalError" 500 "We encountered an internal error. Please try again."
    InvalidAccessKeyId "InvalidAccessKeyId" 403 "The AWS Access Key Id you provided does not exist in our records."
    InvalidArgument "InvalidArgument" 400 "Invalid Argument"
    InvalidBucketAclWithObjectOwnership "InvalidBucketAclWithObjectOwnership" 400 "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
    InvalidBucketName "InvalidBucketName" 400 "The specified bucket is not valid."
    InvalidBucketState "InvalidBucketState" 409 "The request is not valid for the current state of the bucket."
    InvalidDigest "InvalidDigest" 400 "The Content-MD5 you specified was invalid."
    InvalidEncryptionAlgorithm "InvalidEncryptionAlgorithmError" 400 "The encryption request that you specified is not valid."
    InvalidLocationConstraint "InvalidLocationConstraint" 400 "The specified location-constraint is not valid"
    InvalidObjectState "InvalidObjectState" 403 "The operation is not valid for the current state of the object."
    InvalidPart "InvalidPart" 400 "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."
    InvalidPartNumber "InvalidPartNumber" 416 "The requested partnumber is not satisfiable"
    InvalidPartOrder "InvalidPartOrder" 400 "The list of parts was not in ascending order. Parts must be ordered by part number."
    InvalidPolicyDocument "InvalidPolicyDocument" 400 "The content of the form does not meet the conditions specified in the policy document."
    InvalidRange "InvalidRange" 416 "The requested range is not satisfiable"
    InvalidRedirectLocation "InvalidRedirectLocation" 400 "The website redirect location is not valid."
    InvalidRequest "InvalidRequest" 400 "Invalid Request"
    InvalidRetentionPeriod "InvalidRetentionPeriod" 400 "Default retention period must be a positive integer value."
    InvalidStorageClass "InvalidStorageClass" 400 "The storage class you specified is not valid"
    InvalidTag "InvalidTag" 400 "The tag provided was not a valid tag."
    InvalidToken "InvalidToken" 400 "The provided token is malformed or otherwise invalid."
    InvalidUri "InvalidURI" 400 "Couldn't parse the specified URI."
    KeyTooLong "KeyTooLongError" 400 "Your key is too long"
    KmsNotFound "KMS.NotFoundException" 400 "Invalid keyId"
    MalformedAcl "MalformedACLError" 400 "The XML you provided was not well-formed or did not validate against our published schema"
    MalformedPolicy "MalformedPolicy" 400 "This policy contains invalid Json"
    MalformedPostRequest "MalformedPOSTRequest" 400 "The body of your POST request is not well-formed multipart/form-data."
    MalformedTrailer "MalformedTrailerError" 400 "The request contained trailing data that was not well-formed or did not conform to our published schema."
    MalformedXml "MalformedXML" 400 "The XML you provided was not well-formed or did not validate against our published schema"
    MaxMessageLengthExceeded "MaxMessageLengthExceeded" 400 "Your request was too big."
    MaxPostPreDataLengthExceeded "MaxPostPreDataLengthExceeded" 400 "Your POST request fields preceeding the upload file was too large."
    MetadataTooLarge "MetadataTooLarge" 400 "Your metadata headers exceed the maximum allowed metadata size"
    MethodNotAllowed "MethodNotAllowed" 405 "The specified method is not allowed against this resource."
    MissingContentLength "MissingContentLength" 411 "You must provide the Content-Length HTTP header."
    MissingRequestBody "MissingRequestBodyError" 400 "Request Body is empty"
    MissingSecurityHeader "MissingSecurityHeader" 400 "Your request was missing a required header"
    NoSuchBucket "NoSuchBucket" 404 "The specified bucket does not exist"
    NoSuchBucketPolicy "NoSuchBucketPolicy" 404 "The bucket policy does not exist"
    NoSuchCorsConfiguration "NoSuchCORSConfiguration" 404 "The CORS configuration does not exist"
    NoSuchKey "NoSuchKey" 404 "The specified key does not exist."
    NoSuchLifecycleConfiguration "NoSuchLifecycleConfiguration" 404 "The lifecycle configuration does not exist"
    NoSuchObjectLockConfiguration "NoSuchObjectLockConfiguration" 404 "The specified object does not have a ObjectLock configuration"
    NoSuchPublicAccessBlockConfiguration "NoSuchPublicAccessBlockConfiguration" 404 "The public access block configuration was not found"
    NoSuchTagSet "NoSuchTagSet" 404 "The TagSet does not exist"
    NoSuchUpload "NoSuchUpload" 404 "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
    NoSuchVersion "NoSuchVersion" 404 "The specified version does not exist."
    NoSuchWebsiteConfiguration "NoSuchWebsiteConfiguration" 404 "The specified bucket does not have a website configuration"
    NotImplemented "NotImplemented" 501 "A header or query you provided requested a function that is not implemented."
    NotModified "NotModified" 304 "Not Modified"
    ObjectLockConfigurationNotFound "ObjectLockConfigurationNotFoundError" 404 "Object Lock configuration does not exist for this bucket"
    OperationAborted "OperationAborted" 409 "A conflicting conditional operation is currently in progress against this resource. Please try again."
    OwnershipControlsNotFound "OwnershipControlsNotFoundError" 404 "The bucket ownership controls were not found"
    PreconditionFailed "PreconditionFailed" 412 "At least one of the pre-conditions you specified did not hold"
    QuotaExceeded "QuotaExceeded" 403 "The quota of this account or bucket is used up."
    RequestHeaderSectionTooLarge "RequestHeaderSectionTooLarge" 400 "Your request header and query parameters exceed the maximum allowed size."
    RequestTimeTooSkewed "RequestTimeTooSkewed" 403 "The difference between the request time and the current time is too large."
    RequestTimeout "RequestTimeout" 400 "Your socket connection to the server was not read from or written to within the timeout period."
    ServerSideEncryptionConfigurationNotFound "ServerSideEncryptionConfigurationNotFoundError" 404 "The server side encryption configuration was not found"
    ServiceUnavailable "ServiceUnavailable" 503 "Service is unable to handle request."
    SignatureDoesNotMatch "SignatureDoesNotMatch" 403 "The request signature we calculated does not match the signature you provided. Check your key and signing method."
    SlowDown "SlowDown" 503 "Please reduce your request rate."
    TooManyBuckets "TooManyBuckets" 400 "You have attempted to create more buckets than allowed"
    UnexpectedContent "UnexpectedContent" 400 "This request contains unsupported content."
    UnresolvableGrantByEmailAddress "UnresolvableGrantByEmailAddress" 400 "The email address you provided does not match any account on record."
    XAmzContentSha256Mismatch "XAmzContentSHA256Mismatch" 400 "The provided 'x-amz-content-sha256' header does not match what was computed."
}

impl ErrorCode {
    /// The HTTP status AWS gives with this code.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.status_number()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The code of that name on the wire, for clients that read error bodies.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_has_an_error_status_and_a_name_of_its_own() {
        let names: BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), ErrorCode::ALL.len());
        for code in ErrorCode::ALL {
            let status = code.status_number();
            assert!(status == 304 || (400..=503).contains(&status), "{code}");
            assert_eq!(code.status().as_u16(), status);
            assert_eq!(ErrorCode::from_name(code.as_str()), Some(*code));
        }
    }

    #[test]
    fn statuses_that_clients_depend_on_are_those_of_aws() {
        for (code, status) in [
            (ErrorCode::NoSuchKey, 404),
            (ErrorCode::MissingContentLength, 411),
            (ErrorCode::PreconditionFailed, 412),
            (ErrorCode::InvalidRange, 416),
            (ErrorCode::NotImplemented, 501),
            (ErrorCode::SlowDown, 503),
            (ErrorCode::RequestTimeTooSkewed, 403),
            (ErrorCode::AuthorizationHeaderMalformed, 400),
            (ErrorCode::BucketNotEmpty, 409),
        ] {
            assert_eq!(code.status().as_u16(), status, "{code}");
        }
    }
}
