//! `GetObjectAttributes`: what is asked for, and the answer.

use crate::checksum::{Checksum, ObjectChecksum};
use crate::config::field::invalid_request;
use crate::error::S3Error;
use crate::head::RequestHead;
use crate::xml::XmlWriter;

const ATTRIBUTES_HEADER: &str = "x-amz-object-attributes";
const ROOT: &str = "GetObjectAttributesResponse";
/// The most parts of one answer.
const MAX_PARTS: u32 = 1_000;

keywords! {
    /// Something an object has.
    pub enum Attribute {
        /// Its tag.
        ETag = "ETag",
        /// Its checksum.
        Checksum = "Checksum",
        /// The parts it was uploaded in.
        ObjectParts = "ObjectParts",
        /// Its storage class.
        StorageClass = "StorageClass",
        /// Its size.
        ObjectSize = "ObjectSize",
    }
}

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributesRequest {
    /// Which attributes; at least one.
    pub attributes: Vec<Attribute>,
    /// The most parts, up to 1,000.
    pub max_parts: u32,
    /// Only parts with a larger number.
    pub part_number_marker: u32,
}

impl AttributesRequest {
    /// Reads `x-amz-object-attributes`, `x-amz-max-parts` and `x-amz-part-number-marker`.
    ///
    /// `InvalidRequest` if nothing is asked for, `InvalidArgument` for an attribute that there is
    /// not, and for what is no number.
    pub fn from_head(head: &RequestHead<'_>) -> Result<Self, S3Error> {
        let mut attributes = Vec::new();
        for header in head.headers.get_all(ATTRIBUTES_HEADER) {
            for name in header.to_str().unwrap_or("").split(',').map(str::trim) {
                let attribute = Attribute::from_name(name).ok_or_else(|| {
                    S3Error::invalid_argument("Invalid attribute name specified.", ATTRIBUTES_HEADER, name)
                })?;
                if !attributes.contains(&attribute) {
                    attributes.push(attribute);
                }
            }
        }
        if attributes.is_empty() {
            return Err(invalid_request(
                "The x-amz-object-attributes header specifying the attributes to be retrieved is either \
                 missing or empty",
            ));
        }
        Ok(Self {
            attributes,
            max_parts: count(head, "x-amz-max-parts")?.unwrap_or(MAX_PARTS).min(MAX_PARTS),
            part_number_marker: count(head, "x-amz-part-number-marker")?.unwrap_or(0),
        })
    }

    /// Whether this attribute is wanted.
    pub fn wants(&self, attribute: Attribute) -> bool {
        self.attributes.contains(&attribute)
    }
}

/// A number from 0 to 2,147,483,647.
fn count(head: &RequestHead<'_>, name: &'static str) -> Result<Option<u32>, S3Error> {
    let Some(text) = head.header(name)? else { return Ok(None) };
    let number: i64 = text.parse().map_err(|_| {
        S3Error::invalid_argument(
            format!("Provided {name} not an integer or within integer range"),
            name,
            text,
        )
    })?;
    let number = u32::try_from(number).ok().filter(|number| *number <= 0x7fff_ffff).ok_or_else(|| {
        S3Error::invalid_argument(
            format!("Argument {name} must be an integer between 0 and 2147483647"),
            name,
            text,
        )
    })?;
    Ok(Some(number))
}

/// One part of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartAttributes {
    /// Its number.
    pub part_number: u16,
    /// Its size in bytes.
    pub size: u64,
    /// Its checksum.
    pub checksum: Option<Checksum>,
}

/// The parts of an object that was uploaded in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartsAttributes {
    /// How many there are in all.
    pub count: u32,
    /// What was asked for.
    pub part_number_marker: u32,
    /// What was asked for.
    pub max_parts: u32,
    /// Whether there are more behind these.
    pub is_truncated: bool,
    /// Those of this page, by number.
    pub parts: Vec<PartAttributes>,
}

/// What an object has of that which was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectAttributesAnswer {
    /// Its tag, without quotes.
    pub etag: Option<String>,
    /// Its checksum.
    pub checksum: Option<ObjectChecksum>,
    /// Its parts.
    pub parts: Option<PartsAttributes>,
    /// Its storage class.
    pub storage_class: Option<String>,
    /// Its size in bytes.
    pub size: Option<u64>,
}

impl ObjectAttributesAnswer {
    /// The document. Here the tag stands without quotes, as in S3.
    pub fn to_xml(&self) -> String {
        let mut xml = XmlWriter::document();
        xml.open_root(ROOT);
        xml.optional("ETag", self.etag.as_deref());
        if let Some(checksum) = &self.checksum {
            xml.open("Checksum");
            xml.checksum(Some(checksum));
            xml.close("Checksum");
        }
        if let Some(parts) = &self.parts {
            write_parts(&mut xml, parts);
        }
        xml.optional("StorageClass", self.storage_class.as_deref());
        if let Some(size) = self.size {
            xml.number("ObjectSize", size);
        }
        xml.close(ROOT);
        xml.finish()
    }
}

fn write_parts(xml: &mut XmlWriter, parts: &PartsAttributes) {
    let last = parts.parts.last().map_or(parts.part_number_marker, |part| u32::from(part.part_number));
    xml.open("ObjectParts");
    xml.number("PartsCount", parts.count);
    xml.number("PartNumberMarker", parts.part_number_marker);
    xml.number("NextPartNumberMarker", last);
    xml.number("MaxParts", parts.max_parts);
    xml.flag("IsTruncated", parts.is_truncated);
    for part in &parts.parts {
        xml.open("Part");
        if let Some(checksum) = &part.checksum {
            xml.text(checksum.algorithm().element(), &checksum.to_base64());
        }
        xml.number("PartNumber", part.part_number);
        xml.number("Size", part.size);
        xml.close("Part");
    }
    xml.close("ObjectParts");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::{ChecksumAlgorithm, ChecksumHasher, ChecksumType};
    use crate::config::tests::inner;
    use crate::error::ErrorCode;
    use http::Request;
    use proptest::prelude::*;

    fn asked(headers: &[(&str, &str)]) -> Result<AttributesRequest, ErrorCode> {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        AttributesRequest::from_head(&RequestHead::from(&request)).map_err(|error| error.code)
    }

    #[test]
    fn attributes_come_in_one_header_or_several() {
        let expected = AttributesRequest {
            attributes: vec![Attribute::ETag, Attribute::ObjectParts, Attribute::ObjectSize],
            max_parts: 1_000,
            part_number_marker: 3,
        };
        assert_eq!(
            asked(&[
                (ATTRIBUTES_HEADER, "ETag, ObjectParts"),
                (ATTRIBUTES_HEADER, "ObjectSize,ETag"),
                ("x-amz-max-parts", "5000"),
                ("x-amz-part-number-marker", "3"),
            ]),
            Ok(expected)
        );
        for (headers, code) in [
            (vec![], ErrorCode::InvalidRequest),
            (vec![(ATTRIBUTES_HEADER, "")], ErrorCode::InvalidArgument),
            (vec![(ATTRIBUTES_HEADER, "ETag,Owner")], ErrorCode::InvalidArgument),
            (vec![(ATTRIBUTES_HEADER, "ETag"), ("x-amz-max-parts", "-1")], ErrorCode::InvalidArgument),
            (
                vec![(ATTRIBUTES_HEADER, "ETag"), ("x-amz-part-number-marker", "x")],
                ErrorCode::InvalidArgument,
            ),
        ] {
            assert_eq!(asked(&headers), Err(code), "{headers:?}");
        }
    }

    #[test]
    fn the_answer_has_the_shape_of_aws() {
        let value = ChecksumHasher::checksum(ChecksumAlgorithm::Crc32, b"x");
        let base64 = value.to_base64();
        let part = PartAttributes { part_number: 4, size: 5, checksum: Some(value) };
        let answer = ObjectAttributesAnswer {
            etag: Some("e-1".into()),
            checksum: Some(ObjectChecksum { value, kind: ChecksumType::Composite, parts: 6 }),
            parts: Some(PartsAttributes {
                count: 6,
                part_number_marker: 3,
                max_parts: 1,
                is_truncated: true,
                parts: vec![part],
            }),
            storage_class: Some("STANDARD".into()),
            size: Some(30),
        };
        assert_eq!(
            inner(&answer.to_xml()),
            format!(
                "<GetObjectAttributesResponse><ETag>e-1</ETag><Checksum><ChecksumCRC32>{base64}-6</ChecksumCRC32>\
                 <ChecksumType>COMPOSITE</ChecksumType></Checksum><ObjectParts><PartsCount>6</PartsCount>\
                 <PartNumberMarker>3</PartNumberMarker><NextPartNumberMarker>4</NextPartNumberMarker>\
                 <MaxParts>1</MaxParts><IsTruncated>true</IsTruncated><Part><ChecksumCRC32>{base64}</ChecksumCRC32>\
                 <PartNumber>4</PartNumber><Size>5</Size></Part></ObjectParts>\
                 <StorageClass>STANDARD</StorageClass><ObjectSize>30</ObjectSize></GetObjectAttributesResponse>"
            )
        );
        let nothing = ObjectAttributesAnswer::default().to_xml();
        assert_eq!(inner(&nothing), "<GetObjectAttributesResponse></GetObjectAttributesResponse>");
    }

    proptest! {
        #[test]
        fn arbitrary_headers_never_panic(names in "[ -~]{0,30}", number in "[ -~]{0,12}") {
            asked(&[(ATTRIBUTES_HEADER, &names), ("x-amz-max-parts", &number)]).ok();
        }
    }
}
