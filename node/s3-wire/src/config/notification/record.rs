//! What is told: JSON as S3 sends it ("Event message structure" of its user guide).

use serde_json::{Map, Value, json};

use crate::config::notification::event::EventName;
use crate::time::iso8601;
use crate::uri::encode_listed;

/// An event of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// What happened.
    pub event: EventName,
    /// When.
    pub time_ms: u64,
    /// In which region.
    pub region: String,
    /// Who did it.
    pub user: String,
    /// From where.
    pub source_ip: String,
    /// By which request.
    pub request_id: String,
    /// The second id of that request.
    pub host_id: String,
    /// The id of the rule that asked for this.
    pub configuration_id: String,
    /// The bucket.
    pub bucket: String,
    /// Who owns it.
    pub bucket_owner: String,
    /// The key.
    pub key: String,
    /// The size in bytes; not of what was deleted.
    pub size: Option<u64>,
    /// The tag, without quotes; not of what was deleted.
    pub etag: Option<String>,
    /// The version, where versions are kept.
    pub version_id: Option<String>,
    /// Greater, as text of the same length, for what happened later to the same key. Hexadecimal.
    pub sequencer: String,
}

impl EventRecord {
    /// The record as it stands in a message.
    pub fn to_value(&self) -> Value {
        let mut object = Map::new();
        object.insert("key".to_owned(), json!(encode_listed(&self.key)));
        object.insert("sequencer".to_owned(), json!(self.sequencer));
        if let Some(size) = self.size {
            object.insert("size".to_owned(), json!(size));
        }
        if let Some(etag) = &self.etag {
            object.insert("eTag".to_owned(), json!(etag));
        }
        if let Some(version_id) = &self.version_id {
            object.insert("versionId".to_owned(), json!(version_id));
        }
        let name = self.event.as_str();
        json!({
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": self.region,
            "eventTime": iso8601(self.time_ms),
            "eventName": name.strip_prefix("s3:").unwrap_or(name),
            "userIdentity": { "principalId": self.user },
            "requestParameters": { "sourceIPAddress": self.source_ip },
            "responseElements": { "x-amz-request-id": self.request_id, "x-amz-id-2": self.host_id },
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": self.configuration_id,
                "bucket": {
                    "name": self.bucket,
                    "ownerIdentity": { "principalId": self.bucket_owner },
                    "arn": format!("arn:aws:s3:::{}", self.bucket),
                },
                "object": object,
            },
        })
    }
}

/// The message that tells of some events.
pub fn to_message(records: &[EventRecord]) -> String {
    let records: Vec<Value> = records.iter().map(EventRecord::to_value).collect();
    json!({ "Records": records }).to_string()
}

/// The message a target gets when a bucket begins to tell it things.
pub fn test_message(bucket: &str, time_ms: u64, request_id: &str, host_id: &str) -> String {
    json!({
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": iso8601(time_ms),
        "Bucket": bucket,
        "RequestId": request_id,
        "HostId": host_id,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> EventRecord {
        EventRecord {
            event: EventName::ObjectCreatedPut,
            time_ms: 1_369_353_600_000,
            region: "eu".into(),
            user: "ann".into(),
            source_ip: "::1".into(),
            request_id: "R".into(),
            host_id: "H".into(),
            configuration_id: "c".into(),
            bucket: "b".into(),
            bucket_owner: "bob".into(),
            key: "a b/\"é".into(),
            size: Some(7),
            etag: Some("e".into()),
            version_id: Some("v".into()),
            sequencer: "00FF".into(),
        }
    }

    #[test]
    fn records_have_the_shape_of_aws() {
        let message: Value = serde_json::from_str(&to_message(&[record()])).unwrap();
        assert_eq!(
            message,
            json!({ "Records": [{
                "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu",
                "eventTime": "2013-05-24T00:00:00.000Z", "eventName": "ObjectCreated:Put",
                "userIdentity": { "principalId": "ann" },
                "requestParameters": { "sourceIPAddress": "::1" },
                "responseElements": { "x-amz-request-id": "R", "x-amz-id-2": "H" },
                "s3": {
                    "s3SchemaVersion": "1.0", "configurationId": "c",
                    "bucket": {
                        "name": "b", "ownerIdentity": { "principalId": "bob" }, "arn": "arn:aws:s3:::b"
                    },
                    "object": {
                        "key": "a+b/%22%C3%A9", "size": 7, "eTag": "e", "versionId": "v",
                        "sequencer": "00FF"
                    }
                }
            }] })
        );
    }

    #[test]
    fn what_was_deleted_has_neither_size_nor_tag() {
        let deleted = EventRecord { size: None, etag: None, version_id: None, ..record() };
        let message: Value = serde_json::from_str(&to_message(&[deleted])).unwrap();
        let expected = json!({ "key": "a+b/%22%C3%A9", "sequencer": "00FF" });
        assert_eq!(message["Records"][0]["s3"]["object"], expected);
        let message: Value = serde_json::from_str(&test_message("b", 0, "R", "H")).unwrap();
        assert_eq!(message["Event"], "s3:TestEvent");
    }
}
