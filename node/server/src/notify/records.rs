use mucura_metadata::{Event, EventRecord, ObjectEvent};
use mucura_s3_wire::config::notification::{self as wire, EventName};
use serde_json::Value;

/// Who acts, and from where, when the store itself does (S3, "Event message
/// structure").
const STORE: &str = "s3.amazonaws.com";

/// An event as a value: a record, or the message of a test.
pub(crate) fn to_json(event: &Event, region: &str) -> Value {
    match event {
        Event::Object(record) => shown(record, region).to_value(),
        test @ Event::Test { .. } => {
            serde_json::from_str(&to_message(std::slice::from_ref(test), region)).unwrap_or(Value::Null)
        }
    }
}

/// The message that tells of some events; a test must be alone in it.
pub(super) fn to_message(events: &[Event], region: &str) -> String {
    if let [Event::Test { bucket, at, request }] = events {
        return wire::test_message(bucket, at.0, &request.request_id, &request.host_id);
    }
    let records = events.iter().filter_map(|event| match event {
        Event::Object(record) => Some(shown(record, region)),
        Event::Test { .. } => None,
    });
    wire::to_message(&records.collect::<Vec<_>>())
}

fn shown(record: &EventRecord, region: &str) -> wire::EventRecord {
    let source_ip = match (record.source, record.user) {
        (Some(source), _) => source.to_string(),
        (None, Some(_)) => String::new(),
        (None, None) => STORE.to_owned(),
    };
    wire::EventRecord {
        event: shown_event(record.event),
        time_ms: record.at.timestamp().0,
        region: region.to_owned(),
        user: record.user.map_or_else(|| STORE.to_owned(), |user| user.to_string()),
        source_ip,
        request_id: record.request.request_id.clone(),
        host_id: record.request.host_id.clone(),
        configuration_id: record.rule.clone(),
        bucket: record.bucket.clone(),
        bucket_owner: record.bucket_owner.to_string(),
        key: String::from_utf8_lossy(&record.key).into_owned(),
        size: record.size,
        etag: record.etag.map(|etag| etag.to_string()),
        version_id: record.version.map(|version| version.to_string()),
        sequencer: format!("{:016X}", record.at.0),
    }
}

fn shown_event(event: ObjectEvent) -> EventName {
    match event {
        ObjectEvent::CreatedPut => EventName::ObjectCreatedPut,
        ObjectEvent::CreatedPost => EventName::ObjectCreatedPost,
        ObjectEvent::CreatedCopy => EventName::ObjectCreatedCopy,
        ObjectEvent::CreatedByParts => EventName::ObjectCreatedCompleteMultipartUpload,
        ObjectEvent::Removed => EventName::ObjectRemovedDelete,
        ObjectEvent::RemovedByMarker => EventName::ObjectRemovedDeleteMarkerCreated,
        ObjectEvent::TagsPut => EventName::ObjectTaggingPut,
        ObjectEvent::TagsDeleted => EventName::ObjectTaggingDelete,
        ObjectEvent::AclPut => EventName::ObjectAclPut,
        ObjectEvent::Expired => EventName::LifecycleExpirationDelete,
        ObjectEvent::ExpiredByMarker => EventName::LifecycleExpirationDeleteMarkerCreated,
        ObjectEvent::Transitioned => EventName::LifecycleTransition,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use mucura_metadata::{ETag, RequestIds};
    use mucura_types::{HybridTime, Timestamp, UserId};

    fn record() -> EventRecord {
        EventRecord {
            event: ObjectEvent::CreatedPut,
            at: HybridTime((1_369_353_600_000 << 16) + 7),
            rule: "c".into(),
            bucket: "b".into(),
            bucket_owner: UserId(0x3e8),
            key: Bytes::from_static(b"a b"),
            size: Some(7),
            etag: Some(ETag { md5: [1; 16], parts: None }),
            version: None,
            user: Some(UserId(0x3e9)),
            source: Some([192, 0, 2, 7].into()),
            request: RequestIds { request_id: "R".into(), host_id: "H".into() },
        }
    }

    #[test]
    fn a_record_has_what_s3_tells() {
        let value = to_json(&Event::Object(record()), "lyon");
        for (pointer, expected) in [
            ("/eventName", "ObjectCreated:Put"),
            ("/awsRegion", "lyon"),
            ("/eventTime", "2013-05-24T00:00:00.000Z"),
            ("/userIdentity/principalId", "00000000000003e9"),
            ("/requestParameters/sourceIPAddress", "192.0.2.7"),
            ("/s3/bucket/ownerIdentity/principalId", "00000000000003e8"),
            ("/s3/object/key", "a+b"),
            ("/s3/object/eTag", "01010101010101010101010101010101"),
            ("/s3/object/sequencer", "013ED3D5BC000007"),
        ] {
            let found = value.pointer(pointer).and_then(Value::as_str);
            assert_eq!(found, Some(expected), "{pointer}");
        }
        let expiry = EventRecord { event: ObjectEvent::Expired, user: None, source: None, ..record() };
        let value = to_json(&Event::Object(expiry), "lyon");
        assert_eq!(value["eventName"], "LifecycleExpiration:Delete");
        assert_eq!(value["userIdentity"]["principalId"], STORE);
    }

    #[test]
    fn later_events_have_greater_sequencers() {
        let sequencer = |at| {
            let value = to_json(&Event::Object(EventRecord { at: HybridTime(at), ..record() }), "lyon");
            value["s3"]["object"]["sequencer"].as_str().unwrap().to_owned()
        };
        assert!([0, 9, 10, 15, 16, 1 << 40, u64::MAX].map(sequencer).is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn a_test_stands_alone_and_records_stand_in_a_list() {
        let test = || Event::Test { bucket: "b".into(), at: Timestamp(0), request: RequestIds::default() };
        let message: Value = serde_json::from_str(&to_message(&[test()], "lyon")).unwrap();
        assert_eq!(message["Event"], "s3:TestEvent");
        assert_eq!(message, to_json(&test(), "lyon"));
        let both = [Event::Object(record()), Event::Object(record())];
        let message: Value = serde_json::from_str(&to_message(&both, "lyon")).unwrap();
        assert_eq!(message["Records"].as_array().map(Vec::len), Some(2));
    }
}
