//! The S3 protocol as data: requests, signatures, chunked bodies, XML, errors.
