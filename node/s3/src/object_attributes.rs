use http::header;
use mucura_metadata::Body;
use mucura_s3_wire::config::attributes::{
    Attribute, ObjectAttributesAnswer, PartAttributes, PartsAttributes,
};
use mucura_s3_wire::policy::Action;
use mucura_s3_wire::request::GetObjectAttributes;
use mucura_s3_wire::time::http_date;
use mucura_store::ObjectInfo;

use crate::answer::Answer;
use crate::call::Call;
use crate::errors::Failure;
use crate::storage_class;
use crate::versions::parse_version;
use crate::{checksums, encryption};

pub(crate) async fn get(call: &Call<'_>, request: GetObjectAttributes) -> Result<Answer, Failure> {
    let version = parse_version(request.version.as_deref())?;
    let (read, attributes) = match version {
        Some(_) => (Action::GetObjectVersion, Action::GetObjectVersionAttributes),
        None => (Action::GetObject, Action::GetObjectAttributes),
    };
    let bucket = call.bucket(&request.bucket).await?;
    let object = call.find(&bucket, read, &request.key, version).await?;
    call.allow_object(&bucket, attributes, &request.key, Some(&object))?;
    let encryption = object.record.attributes.encryption.as_ref();
    let customer = encryption::of_read(&call.conditions.head, encryption)?;
    call.fresh.reader(bucket.record.id, &request.key, &object, customer.as_ref())?;
    let summary = &object.record.summary;
    request.conditions.check(&summary.etag.to_string(), summary.modified.0)?;
    let wants = |attribute| request.wanted.wants(attribute);
    let document = ObjectAttributesAnswer {
        etag: wants(Attribute::ETag).then(|| summary.etag.to_string()),
        checksum: match &summary.checksum {
            Some(checksum) if wants(Attribute::Checksum) => checksums::shown(checksum),
            _ => None,
        },
        parts: match wants(Attribute::ObjectParts) {
            true => parts_of(call, &object, &request).await?,
            false => None,
        },
        storage_class: wants(Attribute::StorageClass)
            .then(|| storage_class::listed(summary.storage_class.clone()).into_owned()),
        size: wants(Attribute::ObjectSize).then_some(summary.size),
    };
    let mut answer = Answer::xml(document.to_xml());
    answer = answer.with(header::LAST_MODIFIED, &http_date(summary.modified.0));
    bucket.show_version(object.version_id(), &mut answer.headers);
    Ok(answer)
}

/// A page of the parts of an object that was uploaded in parts. They are
/// numbered by their order, whatever numbers they were uploaded under.
async fn parts_of(
    call: &Call<'_>,
    object: &ObjectInfo,
    request: &GetObjectAttributes,
) -> Result<Option<PartsAttributes>, Failure> {
    let (Body::Parts(upload), Some(count)) = (&object.record.body, object.record.summary.etag.parts) else {
        return Ok(None);
    };
    let (skipped, max) = (request.wanted.part_number_marker, request.wanted.max_parts);
    let all = call.fresh.parts(*upload, 0, usize::from(count)).await?.parts;
    let page = (1u16..).zip(&all).filter(|(number, _)| u32::from(*number) > skipped);
    let parts: Vec<PartAttributes> = page
        .take(usize::try_from(max).unwrap_or(usize::MAX))
        .map(|(part_number, (_, part))| PartAttributes {
            part_number,
            size: part.size,
            checksum: part.checksum.as_ref().and_then(checksums::shown).map(|shown| shown.value),
        })
        .collect();
    let last = parts.last().map_or(u32::from(count), |part| u32::from(part.part_number));
    Ok(Some(PartsAttributes {
        count: u32::from(count),
        part_number_marker: skipped,
        max_parts: max,
        is_truncated: last < u32::from(count),
        parts,
    }))
}
