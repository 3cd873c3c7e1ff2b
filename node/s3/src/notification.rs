//! Who is told what happens in a bucket, and where a change comes from, for them.

use bytes::Bytes;
use mucura_metadata::{
    Act, BucketChange, BucketDocument, EventTarget, Notification, NotificationRule, ObjectEvent, Origin,
    RequestIds,
};
use mucura_s3_wire::config::notification::{
    EventName, NotificationConfiguration, NotificationRule as Rule, Target, TargetKind,
};
use mucura_s3_wire::{ErrorCode, S3Error};

use crate::access::Bucket;
use crate::call::Call;
use crate::errors::Failure;

/// What S3 says of a destination that is not there.
pub(crate) const NO_SUCH_DESTINATION: &str = "Unable to validate the following destination configurations";

/// The longest document that is kept, bytes: rules with filters of usual length.
const TEXT_BYTES_MAX: usize = 200 << 10;

impl Call<'_> {
    /// Where a change comes from; none if the bucket tells nobody.
    pub(crate) fn origin(&self, bucket: &Bucket, act: Act) -> Option<Origin> {
        bucket.record.has(BucketDocument::Notification).then(|| Origin {
            act,
            user: Some(self.user),
            source: self.conditions.facts.source_ip,
            request: self.request_ids(),
        })
    }

    fn request_ids(&self) -> RequestIds {
        RequestIds { request_id: self.request_id.to_owned(), host_id: self.shared.config.host_id.clone() }
    }
}

/// The change that a document asks for.
pub(crate) async fn asked(call: &Call<'_>, body: &[u8]) -> Result<BucketChange, Failure> {
    let mut configuration = NotificationConfiguration::parse(body)?;
    if configuration.rules.is_empty() {
        return Ok(BucketChange::Notification(None));
    }
    let mut number = 0;
    configuration.fill_ids(|| {
        number += 1;
        format!("{}-{number}", call.request_id)
    });
    let webhooks = call.fresh.webhooks().await?;
    let is_webhook = |name: &str| webhooks.iter().any(|(there, _)| there == name);
    let rules = configuration.rules.iter().map(|rule| kept_rule(rule, is_webhook));
    let rules = rules.collect::<Result<Vec<_>, S3Error>>()?;
    let text: Bytes = configuration.to_xml().into();
    if text.len() > TEXT_BYTES_MAX {
        return Err(ErrorCode::MaxMessageLengthExceeded.into());
    }
    Ok(BucketChange::Notification(Some(Notification { text, rules, request: call.request_ids() })))
}

/// A rule as records keep it.
fn kept_rule(rule: &Rule, is_webhook: impl Fn(&str) -> bool) -> Result<NotificationRule, S3Error> {
    let bytes = |text: &Option<String>| text.clone().unwrap_or_default().into();
    let fits = |event: &EventName| rule.events.iter().any(|pattern| pattern.matches(*event));
    Ok(NotificationRule {
        id: rule.id.clone().unwrap_or_default(),
        target: kept_target(&rule.target, is_webhook)?,
        events: EventName::ALL.iter().copied().filter(fits).map(kept_event).collect(),
        prefix: bytes(&rule.prefix),
        suffix: bytes(&rule.suffix),
    })
}

/// The target of an ARN. Of its parts only the name counts: there is one site,
/// and its names are its own.
fn kept_target(target: &Target, is_webhook: impl Fn(&str) -> bool) -> Result<EventTarget, S3Error> {
    let refuse = |reason: &str| {
        S3Error::with_message(ErrorCode::InvalidArgument, NO_SUCH_DESTINATION)
            .field("ArgumentName", target.arn.clone())
            .field("ArgumentValue", reason.to_owned())
    };
    let name = target.arn.splitn(6, ':').nth(5).unwrap_or_default();
    match target.kind {
        TargetKind::Queue if EventTarget::is_name(name) => Ok(EventTarget::Queue(name.to_owned())),
        TargetKind::Queue => Err(refuse("The destination queue does not exist")),
        TargetKind::Topic if is_webhook(name) => Ok(EventTarget::Webhook(name.to_owned())),
        TargetKind::Topic => Err(refuse("The destination topic does not exist")),
        TargetKind::CloudFunction => Err(refuse("The destination Lambda does not exist")),
    }
}

fn kept_event(event: EventName) -> ObjectEvent {
    match event {
        EventName::ObjectCreatedPut => ObjectEvent::CreatedPut,
        EventName::ObjectCreatedPost => ObjectEvent::CreatedPost,
        EventName::ObjectCreatedCopy => ObjectEvent::CreatedCopy,
        EventName::ObjectCreatedCompleteMultipartUpload => ObjectEvent::CreatedByParts,
        EventName::ObjectRemovedDelete => ObjectEvent::Removed,
        EventName::ObjectRemovedDeleteMarkerCreated => ObjectEvent::RemovedByMarker,
        EventName::ObjectTaggingPut => ObjectEvent::TagsPut,
        EventName::ObjectTaggingDelete => ObjectEvent::TagsDeleted,
        EventName::ObjectAclPut => ObjectEvent::AclPut,
        EventName::LifecycleExpirationDelete => ObjectEvent::Expired,
        EventName::LifecycleExpirationDeleteMarkerCreated => ObjectEvent::ExpiredByMarker,
        EventName::LifecycleTransition => ObjectEvent::Transitioned,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(kind: TargetKind, arn: &str) -> Result<EventTarget, (ErrorCode, String)> {
        let target = Target { kind, arn: arn.to_owned() };
        kept_target(&target, |name| name == "hook").map_err(|error| (error.code, error.message.into_owned()))
    }

    #[test]
    fn of_an_arn_the_name_counts_and_what_is_not_there_is_refused() {
        let queue = |arn| kept(TargetKind::Queue, arn);
        assert_eq!(queue("arn:mucura:sqs:lyon:1:q.1"), Ok(EventTarget::Queue("q.1".into())));
        assert_eq!(queue("arn:aws:sqs:::q.1"), Ok(EventTarget::Queue("q.1".into())));
        let topic = |arn| kept(TargetKind::Topic, arn);
        assert_eq!(topic("arn:mucura:sns:lyon::hook"), Ok(EventTarget::Webhook("hook".into())));
        let refused = Err((ErrorCode::InvalidArgument, NO_SUCH_DESTINATION.to_owned()));
        for result in [
            queue("arn:aws:sqs:eu:1:a/b"),
            queue("arn:aws:sqs:eu:1:a:b"),
            queue(&format!("arn:aws:sqs:eu:1:{}", "q".repeat(81))),
            topic("arn:aws:sns:eu:1:other"),
            topic("arn:aws:sns:eu:1:http://127.0.0.1/"),
            kept(TargetKind::CloudFunction, "arn:aws:lambda:eu:1:hook"),
        ] {
            assert_eq!(result, refused);
        }
    }

    #[test]
    fn every_event_is_kept_as_one_of_its_own() {
        let kept: std::collections::BTreeSet<_> = EventName::ALL.iter().copied().map(kept_event).collect();
        assert_eq!(kept.len(), EventName::ALL.len());
    }
}
