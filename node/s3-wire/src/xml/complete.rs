//! The list of parts that a multipart upload is completed with.

use crate::checksum::{Checksum, ChecksumAlgorithm};
use crate::conditions::strip_etag;
use crate::error::{ErrorCode, S3Error};
use crate::request::parse_part_number;
use crate::xml::MAX_COMPLETE_LEN;
use crate::xml::reader::{Element, malformed, parse};

const MAX_PARTS: usize = 10_000;

/// One part of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletedPart {
    /// Its number, 1 to 10,000.
    pub part_number: u16,
    /// Its tag, without quotes.
    pub etag: String,
    /// Its checksum, if the client gave one (`InvalidPart` if it is not that of the part).
    pub checksum: Option<Checksum>,
}

/// Reads the body of a `CompleteMultipartUpload`: 1 to 10,000 parts by ascending number.
///
/// `InvalidPartOrder` if they do not ascend, `InvalidArgument` for a number out of range,
/// `MalformedXML` for everything else.
pub fn parse_complete(body: &[u8]) -> Result<Vec<CompletedPart>, S3Error> {
    let root = parse(body, MAX_COMPLETE_LEN, "CompleteMultipartUpload")?;
    let mut parts: Vec<CompletedPart> = Vec::new();
    for child in &root.children {
        if child.name != "Part" || parts.len() == MAX_PARTS {
            return Err(malformed());
        }
        let part = parse_part(child)?;
        if parts.last().is_some_and(|last| last.part_number >= part.part_number) {
            return Err(ErrorCode::InvalidPartOrder.into());
        }
        parts.push(part);
    }
    if parts.is_empty() { Err(malformed()) } else { Ok(parts) }
}

fn parse_part(element: &Element) -> Result<CompletedPart, S3Error> {
    let (mut part_number, mut etag, mut checksum) = (None, None, None);
    for child in &element.children {
        let text = child.leaf()?.trim();
        match child.name.as_str() {
            "PartNumber" if part_number.is_none() => {
                part_number = Some(parse_part_number(text).ok_or_else(|| {
                    S3Error::invalid_argument(
                        "PartNumber must be an integer between 1 and 10000, inclusive",
                        "partNumber",
                        text,
                    )
                })?);
            }
            "ETag" if etag.is_none() => etag = Some(strip_etag(text).to_owned()),
            name if checksum.is_none() => {
                let algorithm = ChecksumAlgorithm::ALL
                    .into_iter()
                    .find(|algorithm| algorithm.element() == name)
                    .ok_or_else(malformed)?;
                let value = Checksum::from_base64(algorithm, text).ok_or(ErrorCode::InvalidPart)?;
                checksum = Some(value);
            }
            _ => return Err(malformed()),
        }
    }
    Ok(CompletedPart {
        part_number: part_number.ok_or_else(malformed)?,
        etag: etag.ok_or_else(malformed)?,
        checksum,
    })
}
