//! What listings read: a page costs what it shows, whatever lies between.

use mucura_metadata::{
    BucketChange, DeleteCondition, Envelope, ListQuery, VersionQuery, Versioning, WriteCondition,
    current_version, list_objects, list_versions,
};
use mucura_types::BucketId;

use crate::rows::{Counted, Rows, change_bucket, delete, put, site};

/// A bucket that keeps versions, with so many versions of each key.
fn bucket_of(keys: &[String], versions: usize) -> (Rows, BucketId) {
    let (mut rows, bucket, _) = site();
    rows.one(5, change_bucket(bucket, BucketChange::Versioning(Versioning::Enabled))).unwrap();
    for _ in 0..versions {
        let put =
            |key: &String| Envelope::repeatable(put(bucket, key.as_bytes(), 1, WriteCondition::default()));
        for reply in rows.run(10, keys.iter().map(put).collect()) {
            reply.unwrap();
        }
    }
    (rows, bucket)
}

/// Rows and scans that something takes.
fn cost(rows: &Rows, take: impl FnOnce(&Counted<'_>)) -> (usize, usize) {
    let counted = Counted::new(rows);
    take(&counted);
    (counted.read.get(), counted.seeks.get())
}

fn objects(rows: &Rows, bucket: BucketId, query: &ListQuery, shown: usize) -> (usize, usize) {
    cost(rows, |view| {
        let page = list_objects(view, bucket, query).unwrap();
        assert_eq!(page.objects.len() + page.common_prefixes.len(), shown);
    })
}

fn versions(rows: &Rows, bucket: BucketId, query: &VersionQuery, shown: usize) -> (usize, usize) {
    cost(rows, |view| {
        let page = list_versions(view, bucket, query).unwrap();
        assert_eq!(page.versions.len() + page.common_prefixes.len(), shown);
    })
}

#[test]
fn a_page_of_prefixes_costs_the_same_however_many_keys_they_hide() {
    for each in [1, 10, 100] {
        let keys: Vec<String> =
            (0..20).flat_map(|prefix| (0..each).map(move |n| format!("{prefix:02}/{n}"))).collect();
        for old in [1, 3] {
            let (rows, bucket) = bucket_of(&keys, old);
            let query = ListQuery { delimiter: "/".into(), max: 1000, ..ListQuery::default() };
            assert_eq!(objects(&rows, bucket, &query, 20), (20, 21), "{each} keys, {old} versions");
            // A page ends one row behind what it shows.
            let page = ListQuery { max: 5, after: "03/".into(), ..query };
            assert_eq!(objects(&rows, bucket, &page, 5), (6, 6));
            let query = VersionQuery { delimiter: "/".into(), max: 1000, ..VersionQuery::default() };
            assert_eq!(versions(&rows, bucket, &query, 20), (20, 21));
            let page = VersionQuery { max: 5, after: "03/".into(), ..query };
            assert_eq!(versions(&rows, bucket, &page, 5), (6, 6));
        }
    }
}

/// The size that a centre asked for: a million keys under ten thousand prefixes.
#[test]
fn a_page_of_a_million_keys_costs_what_one_of_ten_thousand_does() {
    let (many, few) = (bucket_under_prefixes(10_000, 100), bucket_under_prefixes(10_000, 1));
    let query = ListQuery { delimiter: "/".into(), max: 1000, ..ListQuery::default() };
    for after in ["", "04999/", "08999/"] {
        let query = ListQuery { after: after.into(), ..query.clone() };
        let [many, few] = [&many, &few].map(|(rows, bucket)| objects(rows, *bucket, &query, 1000));
        assert_eq!(many, few, "behind {after:?}");
    }
    let (rows, bucket) = many;
    let mut query = ListQuery { max: 1000, ..ListQuery::default() };
    let mut seen = 0;
    while let page = list_objects(&rows, bucket, &query).unwrap()
        && let Some(last) = page.objects.last()
    {
        seen += page.objects.len();
        query.after = last.key.clone();
    }
    assert_eq!(seen, 1_000_000);
}

/// A bucket with so many prefixes, and so many keys under each.
fn bucket_under_prefixes(prefixes: u32, each: u32) -> (Rows, BucketId) {
    let (mut rows, bucket, _) = site();
    for prefix in 0..prefixes {
        let put = |n| {
            let key = format!("{prefix:05}/{n:02}");
            Envelope::repeatable(put(bucket, key.as_bytes(), 1, WriteCondition::default()))
        };
        rows.run(10, (0..each).map(put).collect());
    }
    (rows, bucket)
}

#[test]
fn old_versions_cost_a_listing_of_objects_one_row_a_key() {
    let keys: Vec<String> = (0..20).map(|n| format!("{n:02}")).collect();
    let query = ListQuery { max: 10, ..ListQuery::default() };
    let (rows, bucket) = bucket_of(&keys, 1);
    assert_eq!(objects(&rows, bucket, &query, 10), (11, 1));
    for old in [2, 50] {
        let (rows, bucket) = bucket_of(&keys, old);
        // Of each key the newest version, the next, and a seek past the rest.
        assert_eq!(objects(&rows, bucket, &query, 10), (21, 11), "{old} versions");
        assert_eq!(cost(&rows, |view| drop(current_version(view, bucket, b"07").unwrap())), (1, 1));
        let query = VersionQuery { max: 30, ..VersionQuery::default() };
        assert_eq!(versions(&rows, bucket, &query, 30).0, 31);
    }
}

/// A deleted key is not free: its delete marker is read, and its older versions
/// are sought past. Only lifecycle, or who deletes versions, makes them cheaper.
#[test]
fn each_deleted_key_costs_a_listing_of_objects_one_row_and_one_seek() {
    for (deleted, old) in [(10, 1), (100, 1), (100, 20)] {
        let mut keys: Vec<String> = (0..deleted).map(|n| format!("{n:04}")).collect();
        keys.push("z".into());
        let (mut rows, bucket) = bucket_of(&keys, old);
        for key in &keys[..deleted] {
            rows.one(20, delete(bucket, key.as_bytes(), DeleteCondition::default())).unwrap();
        }
        let query = ListQuery { max: 1, ..ListQuery::default() };
        let (read, seeks) = objects(&rows, bucket, &query, 1);
        assert_eq!(
            (read, seeks),
            (deleted + old.min(2), deleted + old.min(2)),
            "{deleted} keys, {old} versions"
        );
    }
}
