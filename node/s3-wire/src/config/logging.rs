//! Where the requests of a bucket are recorded: `BucketLoggingStatus`.

use crate::config::field::{document, set, text, word};
use crate::error::S3Error;
use crate::xml::XmlWriter;
use crate::xml::reader::{Element, malformed};

const ROOT: &str = "BucketLoggingStatus";
const MAX_GRANTS: usize = 100;

keywords! {
    /// What a grantee may do with the records.
    pub enum LogPermission {
        /// Everything.
        FullControl = "FULL_CONTROL",
        /// Read them.
        Read = "READ",
        /// Write them.
        Write = "WRITE",
    }
}

keywords! {
    /// Which date partitions the keys of records.
    pub enum PartitionDate {
        /// That of the requests.
        EventTime = "EventTime",
        /// That of the record.
        DeliveryTime = "DeliveryTime",
    }
}

/// How the keys of records are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogKeyFormat {
    /// Prefix, date and time, and something unique.
    #[default]
    Simple,
    /// Prefix, account, region, bucket, year, month and day, then as above. AWS takes the time of
    /// delivery if the document names none.
    Partitioned(PartitionDate),
}

/// Who is granted something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogGrantee {
    /// An account.
    CanonicalUser {
        /// Its id.
        id: String,
        /// Its name.
        display_name: Option<String>,
    },
    /// An account by its address.
    Email(String),
    /// A group by its URI.
    Group(String),
}

/// A grant on the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogGrant {
    /// Who.
    pub grantee: LogGrantee,
    /// What.
    pub permission: LogPermission,
}

/// The place of the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggingTarget {
    /// The bucket.
    pub bucket: String,
    /// What their keys begin with.
    pub prefix: String,
    /// Who is granted what on them.
    pub grants: Vec<LogGrant>,
    /// How their keys are made.
    pub key_format: LogKeyFormat,
}

/// The logging of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketLogging {
    /// `None`: requests are not recorded.
    pub target: Option<LoggingTarget>,
}

impl BucketLogging {
    /// The longest body.
    pub const MAX_LEN: usize = 64 << 10;

    /// Reads the body of a `PutBucketLogging`. Whether the bucket will do is the caller's to check.
    pub fn parse(body: &[u8]) -> Result<Self, S3Error> {
        let root = document(body, Self::MAX_LEN, ROOT)?;
        let mut target = None;
        for child in &root.children {
            match child.name.as_str() {
                "LoggingEnabled" => set(&mut target, parse_target(child)?)?,
                _ => return Err(malformed()),
            }
        }
        Ok(Self { target })
    }

    /// The document, empty when requests are not recorded.
    pub fn to_xml(&self) -> String {
        let mut xml = XmlWriter::document();
        xml.open_root(ROOT);
        if let Some(target) = &self.target {
            write_target(&mut xml, target);
        }
        xml.close(ROOT);
        xml.finish()
    }
}

fn parse_target(element: &Element) -> Result<LoggingTarget, S3Error> {
    let (mut bucket, mut prefix, mut grants, mut key_format) = (None, None, None, None);
    for child in &element.children {
        match child.name.as_str() {
            "TargetBucket" => set(&mut bucket, child.leaf()?.trim().to_owned())?,
            "TargetPrefix" => set(&mut prefix, text(child)?)?,
            "TargetGrants" => set(&mut grants, parse_grants(child)?)?,
            "TargetObjectKeyFormat" => set(&mut key_format, parse_key_format(child)?)?,
            _ => return Err(malformed()),
        }
    }
    Ok(LoggingTarget {
        bucket: bucket.filter(|bucket: &String| !bucket.is_empty()).ok_or_else(malformed)?,
        prefix: prefix.ok_or_else(malformed)?,
        grants: grants.unwrap_or_default(),
        key_format: key_format.unwrap_or_default(),
    })
}

fn parse_grants(element: &Element) -> Result<Vec<LogGrant>, S3Error> {
    if element.children.len() > MAX_GRANTS {
        return Err(malformed());
    }
    element.children.iter().map(parse_grant).collect()
}

fn parse_grant(element: &Element) -> Result<LogGrant, S3Error> {
    if element.name != "Grant" {
        return Err(malformed());
    }
    let (mut grantee, mut permission) = (None, None);
    for child in &element.children {
        match child.name.as_str() {
            "Grantee" => set(&mut grantee, parse_grantee(child)?)?,
            "Permission" => set(&mut permission, word(child, LogPermission::from_name)?)?,
            _ => return Err(malformed()),
        }
    }
    Ok(LogGrant { grantee: grantee.ok_or_else(malformed)?, permission: permission.ok_or_else(malformed)? })
}

/// The type of a grantee stands in an attribute too, but what it has tells it as well.
fn parse_grantee(element: &Element) -> Result<LogGrantee, S3Error> {
    let (mut id, mut display_name, mut email, mut uri) = (None, None, None, None);
    for child in &element.children {
        let place = match child.name.as_str() {
            "ID" => &mut id,
            "DisplayName" => &mut display_name,
            "EmailAddress" => &mut email,
            "URI" => &mut uri,
            _ => return Err(malformed()),
        };
        set(place, text(child)?)?;
    }
    match (id, email, uri) {
        (Some(id), None, None) => Ok(LogGrantee::CanonicalUser { id, display_name }),
        (None, Some(email), None) => Ok(LogGrantee::Email(email)),
        (None, None, Some(uri)) => Ok(LogGrantee::Group(uri)),
        _ => Err(malformed()),
    }
}

fn parse_key_format(element: &Element) -> Result<LogKeyFormat, S3Error> {
    let [format] = element.children.as_slice() else { return Err(malformed()) };
    match (format.name.as_str(), format.children.as_slice()) {
        ("SimplePrefix", []) => Ok(LogKeyFormat::Simple),
        ("PartitionedPrefix", []) => Ok(LogKeyFormat::Partitioned(PartitionDate::DeliveryTime)),
        ("PartitionedPrefix", [source]) if source.name == "PartitionDateSource" => {
            Ok(LogKeyFormat::Partitioned(word(source, PartitionDate::from_name)?))
        }
        _ => Err(malformed()),
    }
}

fn write_target(xml: &mut XmlWriter, target: &LoggingTarget) {
    xml.open("LoggingEnabled");
    xml.text("TargetBucket", &target.bucket);
    if !target.grants.is_empty() {
        xml.open("TargetGrants");
        for grant in &target.grants {
            write_grant(xml, grant);
        }
        xml.close("TargetGrants");
    }
    xml.text("TargetPrefix", &target.prefix);
    xml.open("TargetObjectKeyFormat");
    match target.key_format {
        LogKeyFormat::Simple => xml.text("SimplePrefix", ""),
        LogKeyFormat::Partitioned(date) => {
            xml.open("PartitionedPrefix");
            xml.text("PartitionDateSource", date.as_str());
            xml.close("PartitionedPrefix");
        }
    }
    xml.close("TargetObjectKeyFormat");
    xml.close("LoggingEnabled");
}

fn write_grant(xml: &mut XmlWriter, grant: &LogGrant) {
    const INSTANCE: &str = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";
    let open = |kind: &str| format!("Grantee {INSTANCE} xsi:type=\"{kind}\"");
    xml.open("Grant");
    match &grant.grantee {
        LogGrantee::CanonicalUser { id, display_name } => {
            xml.open(&open("CanonicalUser"));
            xml.text("ID", id);
            xml.optional("DisplayName", display_name.as_deref());
        }
        LogGrantee::Email(email) => {
            xml.open(&open("AmazonCustomerByEmail"));
            xml.text("EmailAddress", email);
        }
        LogGrantee::Group(uri) => {
            xml.open(&open("Group"));
            xml.text("URI", uri);
        }
    }
    xml.close("Grantee");
    xml.text("Permission", grant.permission.as_str());
    xml.close("Grant");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::inner;
    use crate::error::ErrorCode;
    use proptest::prelude::*;

    fn read(content: &str) -> Result<Option<LoggingTarget>, ErrorCode> {
        let body = format!("<{ROOT}>{content}</{ROOT}>");
        BucketLogging::parse(body.as_bytes()).map(|read| read.target).map_err(|error| error.code)
    }

    fn enabled(extra: &str) -> String {
        format!(
            "<LoggingEnabled><TargetBucket>b</TargetBucket><TargetPrefix>log/</TargetPrefix>{extra}</LoggingEnabled>"
        )
    }

    #[test]
    fn an_empty_document_is_off_and_the_simple_format_is_shown() {
        assert_eq!(read(""), Ok(None));
        let off = BucketLogging::default().to_xml();
        assert_eq!(inner(&off), "<BucketLoggingStatus></BucketLoggingStatus>");
        let target = read(&enabled("")).unwrap();
        assert_eq!(
            inner(&BucketLogging { target }.to_xml()),
            "<BucketLoggingStatus><LoggingEnabled><TargetBucket>b</TargetBucket><TargetPrefix>log/</TargetPrefix>\
             <TargetObjectKeyFormat><SimplePrefix></SimplePrefix></TargetObjectKeyFormat></LoggingEnabled>\
             </BucketLoggingStatus>"
        );
    }

    #[test]
    fn documents_with_faults_are_refused() {
        for content in [
            "<LoggingEnabled/>",
            "<LoggingEnabled><TargetBucket>b</TargetBucket></LoggingEnabled>",
            "<LoggingEnabled><TargetBucket/><TargetPrefix/></LoggingEnabled>",
            &enabled("<LoggingType>Journal</LoggingType>") as &str,
            &enabled("<TargetObjectKeyFormat/>"),
            &enabled("<TargetObjectKeyFormat><SimplePrefix><x/></SimplePrefix></TargetObjectKeyFormat>"),
            &enabled(
                "<TargetObjectKeyFormat><PartitionedPrefix><PartitionDateSource>kaboom</PartitionDateSource>\
                 </PartitionedPrefix></TargetObjectKeyFormat>",
            ),
            &enabled("<TargetGrants><Grant><Grantee/><Permission>READ</Permission></Grant></TargetGrants>"),
            &enabled(
                "<TargetGrants><Grant><Grantee><ID>i</ID></Grantee><Permission>READ_ACP</Permission></Grant>\
                 </TargetGrants>",
            ),
        ] {
            assert_eq!(read(content), Err(ErrorCode::MalformedXml), "{content}");
        }
    }

    fn grantee() -> impl Strategy<Value = LogGrantee> {
        prop_oneof![
            ("[a-z0-9]{1,8}", prop::option::of("[ -~]{0,8}"))
                .prop_map(|(id, display_name)| LogGrantee::CanonicalUser { id, display_name }),
            "[a-z@.]{1,8}".prop_map(LogGrantee::Email),
            "[a-z/:]{1,8}".prop_map(LogGrantee::Group),
        ]
    }

    fn key_format() -> impl Strategy<Value = LogKeyFormat> {
        prop_oneof![
            Just(LogKeyFormat::Simple),
            prop::sample::select(PartitionDate::ALL).prop_map(LogKeyFormat::Partitioned),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            bucket in "[a-z.-]{1,12}", prefix in "[ -~]{0,12}", key_format in key_format(),
            grants in prop::collection::vec((grantee(), prop::sample::select(LogPermission::ALL)), 0..3),
        ) {
            let grants = grants.into_iter().map(|(grantee, permission)| LogGrant { grantee, permission }).collect();
            let logging = BucketLogging { target: Some(LoggingTarget { bucket, prefix, grants, key_format }) };
            prop_assert_eq!(BucketLogging::parse(logging.to_xml().as_bytes()), Ok(logging));
        }
    }
}
