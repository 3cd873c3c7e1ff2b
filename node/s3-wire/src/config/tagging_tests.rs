//! Tags are read within their bounds, from XML and from the header.

use proptest::prelude::*;

use super::*;

fn document(tags: &[(String, String)]) -> String {
    let tags: String = tags
        .iter()
        .map(|(key, value)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>"))
        .collect();
    format!("<Tagging><TagSet>{tags}</TagSet></Tagging>")
}

fn numbered(count: usize) -> Vec<(String, String)> {
    (0..count).map(|number| (number.to_string(), number.to_string())).collect()
}

fn read(tags: &[(String, String)], tagged: Tagged) -> Result<usize, (ErrorCode, String)> {
    TagSet::parse(document(tags).as_bytes(), tagged)
        .map(|tags| tags.len())
        .map_err(|error| (error.code, error.message.into_owned()))
}

fn one(key: &str, value: &str) -> Result<usize, ErrorCode> {
    read(&[(key.into(), value.into())], Tagged::Object).map_err(|error| error.0)
}

#[test]
fn counts_are_bounded_by_what_is_tagged() {
    assert_eq!(read(&numbered(0), Tagged::Object), Ok(0));
    assert_eq!(read(&numbered(10), Tagged::Object), Ok(10));
    assert_eq!(read(&numbered(11), Tagged::Object).map_err(|error| error.0), Err(ErrorCode::InvalidTag));
    assert_eq!(read(&numbered(50), Tagged::Bucket), Ok(50));
    assert_eq!(read(&numbered(51), Tagged::Bucket).map_err(|error| error.0), Err(ErrorCode::BadRequest));
}

#[test]
fn keys_and_values_have_lengths_characters_and_no_doubles() {
    assert_eq!(one(&"é".repeat(128), &"é".repeat(256)), Ok(1));
    assert_eq!(one("+- =._:/@", ""), Ok(1));
    for (key, value) in [
        ("", "v"),
        (&"k".repeat(129) as &str, "v"),
        ("k", &"v".repeat(257) as &str),
        ("k,", "v"),
        ("k", "v,"),
        ("k\n", "v"),
        ("aws:k", "v"),
    ] {
        assert_eq!(one(key, value), Err(ErrorCode::InvalidTag), "{key} {value}");
    }
    let twice = [("k".to_owned(), "1".to_owned()), ("k".to_owned(), "2".to_owned())];
    assert_eq!(
        read(&twice, Tagged::Object),
        Err((ErrorCode::InvalidTag, "Cannot provide multiple Tags with the same key".into()))
    );
    assert_eq!(
        read(&[(String::new(), String::new())], Tagged::Bucket),
        Err((ErrorCode::InvalidTag, "The TagKey you have provided is invalid".into()))
    );
}

#[test]
fn documents_of_another_shape_are_refused() {
    for body in [
        "<Tagging/>",
        "<Tagging><TagSet/><TagSet/></Tagging>",
        "<Tagging><Tag/></Tagging>",
        "<Tagging><TagSet><Tag><Key>k</Key></Tag></TagSet></Tagging>",
        "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value><Value>v</Value></Tag></TagSet></Tagging>",
        "<Tagging><TagSet><Key>k</Key></TagSet></Tagging>",
    ] {
        let code = TagSet::parse(body.as_bytes(), Tagged::Object).map_err(|error| error.code);
        assert_eq!(code, Err(ErrorCode::MalformedXml), "{body}");
    }
}

#[test]
fn the_header_is_a_query_and_tags_come_back_by_key() {
    let tags = TagSet::parse_header("foo=bar&bar&a%20b=c+d").unwrap();
    assert_eq!(tags.iter().collect::<Vec<_>>(), [("a b", "c d"), ("bar", ""), ("foo", "bar")]);
    assert_eq!(tags.to_header(), "a%20b=c%20d&bar=&foo=bar");
    assert!(TagSet::parse_header("").unwrap().is_empty());
    for (header, code) in [
        ("a=1&a=2", ErrorCode::InvalidArgument),
        ("a=%zz", ErrorCode::InvalidArgument),
        ("a=%ff", ErrorCode::InvalidArgument),
        ("=v", ErrorCode::InvalidTag),
        ("a=1&b=2&c=3&d=4&e=5&f=6&g=7&h=8&i=9&j=10&k=11", ErrorCode::InvalidTag),
    ] {
        assert_eq!(TagSet::parse_header(header).map_err(|error| error.code), Err(code), "{header}");
    }
}

#[test]
fn all_wanted_tags_must_be_there() {
    let tags = TagSet::parse_header("a=1&b=2").unwrap();
    for (wanted, contained) in [("", true), ("a=1", true), ("a=1&b=2", true), ("a=2", false), ("c=", false)] {
        assert_eq!(tags.contains_all(&TagSet::parse_header(wanted).unwrap()), contained, "{wanted}");
    }
}

prop_compose! {
    pub(crate) fn tag_set(most: usize)(
        tags in prop::collection::btree_map("[a-zé0-9+=._:/@ -]{1,20}", "[a-zé0-9+=._:/@ -]{0,20}", 0..=most)
    ) -> TagSet {
        let tags = tags.into_iter().filter(|(key, _)| !key.starts_with("aws:"));
        TagSet::from_pairs(tags, Tagged::Bucket).unwrap()
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back(tags in tag_set(10)) {
        prop_assert_eq!(&TagSet::parse(tags.to_xml().as_bytes(), Tagged::Object).unwrap(), &tags);
        prop_assert_eq!(&TagSet::parse_header(&tags.to_header()).unwrap(), &tags);
    }

    #[test]
    fn arbitrary_headers_never_panic(header in ".*") {
        TagSet::parse_header(&header).ok();
    }
}
