//! Conditions of writes, as the state machine decides them.

use mucura_metadata::{DeleteCondition, ETag, WriteCondition};
use mucura_s3_wire::S3Error;
use mucura_s3_wire::conditions::{EtagMatch, WriteCondition as Asked};

/// A tag that no object has.
const NO_TAG: ETag = ETag { md5: [0; 16], parts: Some(0) };

/// The condition of a PUT, a copy or a Complete.
pub(crate) fn of_write(asked: &Asked) -> WriteCondition {
    WriteCondition {
        if_match: asked.if_match.as_ref().map(known),
        if_none_match: asked.if_none_match.as_ref().map(known),
    }
}

/// The condition of a deletion: S3 has no `If-None-Match` there.
pub(crate) fn of_delete(asked: &Asked) -> Result<DeleteCondition, S3Error> {
    if asked.if_none_match.is_some() {
        return Err(S3Error::header_not_implemented("If-None-Match"));
    }
    Ok(DeleteCondition { if_match: asked.if_match.as_ref().map(known), ..DeleteCondition::default() })
}

/// The tags as ours; an empty list stands for any. What is no tag of ours
/// matches nothing, and must not become "any" by being left out.
fn known(tags: &EtagMatch) -> Vec<ETag> {
    match tags {
        EtagMatch::Any => Vec::new(),
        EtagMatch::OneOf(tags) => {
            let mut known: Vec<ETag> = tags.iter().filter_map(|tag| tag.parse().ok()).collect();
            if known.is_empty() {
                known.push(NO_TAG);
            }
            known
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_that_are_not_ours_match_nothing_rather_than_anything() {
        for tags in [vec![], vec!["other".to_owned()]] {
            let asked = Asked::matches(EtagMatch::OneOf(tags));
            assert_eq!(of_write(&asked).if_match, Some(vec![NO_TAG]));
            assert_eq!(of_delete(&asked).unwrap().if_match, Some(vec![NO_TAG]));
        }
        assert_eq!(of_write(&Asked::matches(EtagMatch::Any)).if_match, Some(vec![]));
    }

    #[test]
    fn each_condition_becomes_its_own() {
        let tag = ETag { md5: [7; 16], parts: Some(3) };
        let asked = Asked::matches(EtagMatch::OneOf(vec!["x".to_owned(), tag.to_string()]));
        assert_eq!(of_write(&asked), WriteCondition { if_match: Some(vec![tag]), if_none_match: None });
        let absent = Asked { if_match: None, if_none_match: Some(EtagMatch::Any) };
        assert_eq!(of_write(&absent), WriteCondition { if_match: None, if_none_match: Some(vec![]) });
        assert_eq!(of_write(&Asked::default()), WriteCondition::default());
        assert!(of_delete(&absent).is_err());
    }
}
