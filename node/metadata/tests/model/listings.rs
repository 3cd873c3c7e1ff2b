//! Listings of objects and of versions against brute force, while what they
//! list changes from page to page.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use mucura_metadata::{
    BucketChange, DeleteCondition, ListQuery, Reply, VersionId, VersionQuery, Versioning, WriteCondition,
    list_objects, list_versions, newest_version, versions_from,
};
use mucura_types::{BucketId, HybridTime, Order};
use proptest::prelude::*;

use crate::objects::model_list;
use crate::rows::{Rows, change_bucket, delete, delete_version, put, site};

#[derive(Clone, Debug)]
enum Op {
    Put(Vec<u8>),
    Delete(Vec<u8>),
    DeleteVersion(Vec<u8>, u8),
    Keep(bool),
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'/'), Just(0u8), Just(0xffu8)], 1..4)
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => key().prop_map(Op::Put),
        3 => key().prop_map(Op::Delete),
        3 => (key(), any::<u8>()).prop_map(|(key, choice)| Op::DeleteVersion(key, choice)),
        1 => any::<bool>().prop_map(Op::Keep),
    ]
}

/// A version as a listing tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    order: Order,
    null: bool,
    marker: bool,
}

impl Seen {
    fn id(&self) -> VersionId {
        if self.null { VersionId::Null } else { VersionId::At(self.order) }
    }
}

/// A bucket, and its versions by key, the newest first.
struct Shop {
    rows: Rows,
    bucket: BucketId,
    wall: u64,
    versions: BTreeMap<Vec<u8>, Vec<Seen>>,
    /// All that there ever were.
    orders: Vec<Order>,
}

impl Shop {
    fn new() -> Self {
        let (rows, bucket, _) = site();
        Self { rows, bucket, wall: 10, versions: BTreeMap::new(), orders: Vec::new() }
    }

    fn newest(&self, key: &[u8]) -> Order {
        newest_version(&self.rows, self.bucket, key).unwrap().unwrap().0
    }

    fn take(&mut self, op: &Op) {
        self.wall += 1;
        match op {
            Op::Put(key) => {
                let put = put(self.bucket, key, 1, WriteCondition::default());
                let Ok(Reply::Stored { order, null }) = self.rows.one(self.wall, put) else { panic!() };
                self.put_on(key, Seen { order, null, marker: false });
            }
            Op::Delete(key) => {
                let delete = delete(self.bucket, key, DeleteCondition::default());
                match self.rows.one(self.wall, delete) {
                    Ok(Reply::Deleted { version: None, .. }) => self.remove(key, VersionId::Null),
                    Ok(Reply::Deleted { version: Some(id), marker: true, .. }) => {
                        let seen =
                            Seen { order: self.newest(key), null: id == VersionId::Null, marker: true };
                        self.put_on(key, seen);
                    }
                    other => panic!("{other:?}"),
                }
            }
            Op::DeleteVersion(key, choice) => {
                let Some(stack) = self.versions.get(key) else { return };
                let id = stack[usize::from(*choice) % stack.len()].id();
                self.rows.one(self.wall, delete_version(self.bucket, key, id, false)).unwrap();
                self.remove(key, id);
            }
            Op::Keep(keep) => {
                let versioning = if *keep { Versioning::Enabled } else { Versioning::Suspended };
                let change = change_bucket(self.bucket, BucketChange::Versioning(versioning));
                self.rows.one(self.wall, change).unwrap();
            }
        }
    }

    fn put_on(&mut self, key: &[u8], seen: Seen) {
        if seen.null {
            self.remove(key, VersionId::Null);
        }
        self.orders.push(seen.order);
        self.versions.entry(key.to_vec()).or_default().insert(0, seen);
    }

    fn remove(&mut self, key: &[u8], id: VersionId) {
        let Some(stack) = self.versions.get_mut(key) else { return };
        stack.retain(|seen| seen.id() != id);
        if stack.is_empty() {
            self.versions.remove(key);
        }
    }

    /// The keys that are not deleted.
    fn objects(&self) -> BTreeMap<Vec<u8>, u8> {
        self.versions.iter().filter(|(_, stack)| !stack[0].marker).map(|(key, _)| (key.clone(), 1)).collect()
    }

    /// Where a page ends: the place of a version, if it ends with one.
    fn brute_force(&self, query: &VersionQuery) -> BrutePage {
        let mut page = BrutePage::default();
        let common = |key: &[u8]| {
            let rest = key.strip_prefix(&query.prefix[..]).filter(|_| !query.delimiter.is_empty())?;
            let at = rest.windows(query.delimiter.len()).position(|window| window == &query.delimiter[..])?;
            Some(key[..query.prefix.len() + at + query.delimiter.len()].to_vec())
        };
        for (key, stack) in self.versions.iter().filter(|(key, _)| key.starts_with(&query.prefix)) {
            // A marker within a common prefix is behind all of it.
            let passed = common(key).is_some_and(|common| query.after.starts_with(&common));
            if passed || (!query.after.is_empty() && key[..] < query.after[..]) {
                continue;
            }
            for seen in stack {
                let behind = match query.after_id {
                    _ if query.after.is_empty() || key[..] > query.after[..] => true,
                    None => false,
                    Some(VersionId::At(order)) => seen.order < order,
                    Some(VersionId::Null) => stack.iter().any(|other| other.null && seen.order < other.order),
                };
                let item = common(key);
                if !behind || (item.is_some() && page.commons.last() == item.as_ref()) {
                    continue;
                }
                if page.versions.len() + page.commons.len() == query.max {
                    page.more = true;
                    return page;
                }
                match item {
                    Some(common) => page.commons.push(common),
                    None => page.versions.push((key.clone(), *seen, *seen == stack[0])),
                }
            }
        }
        page
    }

    /// A page of versions, held against brute force.
    fn list_versions(&self, query: &VersionQuery) -> (BrutePage, Option<(Bytes, Option<Order>)>) {
        let page = list_versions(&self.rows, self.bucket, query).unwrap();
        let expected = self.brute_force(query);
        let seen = |listed: mucura_metadata::ListedVersion| {
            let (null, marker) = (listed.version.null, listed.version.delete_marker);
            (listed.key.to_vec(), Seen { order: listed.order, null, marker }, listed.newest)
        };
        let found = BrutePage {
            versions: page.versions.into_iter().map(seen).collect(),
            commons: page.common_prefixes.iter().map(|common| common.to_vec()).collect(),
            more: page.next.is_some(),
        };
        assert_eq!(found, expected, "{query:?}");
        (found, page.next)
    }
}

#[derive(Debug, Default, PartialEq)]
struct BrutePage {
    /// With whether each is the newest of its key.
    versions: Vec<(Vec<u8>, Seen, bool)>,
    commons: Vec<Vec<u8>>,
    more: bool,
}

fn query() -> impl Strategy<Value = (Bytes, Bytes, usize)> {
    let delimiter = prop_oneof![Just(""), Just("/"), Just("a/")];
    (proptest::option::weighted(0.4, key()), delimiter, 1usize..6).prop_map(|(prefix, delimiter, max)| {
        (prefix.unwrap_or_default().into(), Bytes::from_static(delimiter.as_bytes()), max)
    })
}

/// What was listed, and what was there all the while.
struct Steady<T> {
    seen: BTreeSet<T>,
    steady: BTreeSet<T>,
}

impl<T: Ord + Clone + std::fmt::Debug> Steady<T> {
    fn page(&mut self, page: impl Iterator<Item = T>, now: &BTreeSet<T>) {
        for item in page {
            assert!(self.seen.insert(item.clone()), "{item:?} was listed twice");
            assert!(now.contains(&item), "{item:?} was listed and is not there");
        }
        self.steady.retain(|item| now.contains(item));
    }

    fn end(&self, listed: impl Fn(&T) -> bool) {
        for item in self.steady.iter().filter(|item| listed(item)) {
            assert!(self.seen.contains(item), "{item:?} was there all the while and was not listed");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn a_page_of_versions_behind_any_marker_is_as_by_brute_force(
        ops in proptest::collection::vec(op(), 1..40), query in query(),
        after in key(), id in any::<(u8, u8)>(),
    ) {
        let mut shop = Shop::new();
        ops.iter().for_each(|op| shop.take(op));
        let (prefix, delimiter, max) = query;
        // Mostly a key that is there; ids of versions that are there, that
        // were, and that never were.
        let keys: Vec<_> = shop.versions.keys().cloned().collect();
        let after = if id.1 < 200 && !keys.is_empty() { keys[usize::from(id.1) % keys.len()].clone() } else { after };
        let of_key: Vec<Order> =
            shop.versions.get(&after).into_iter().flatten().map(|seen| seen.order).collect();
        let after_id = match id.0 {
            0..50 => None,
            50..100 => Some(VersionId::Null),
            100 => Some(VersionId::At(Order::default())),
            101 => Some(VersionId::At(Order { time: HybridTime(u64::MAX), ..Order::default() })),
            102..180 if !of_key.is_empty() => Some(VersionId::At(of_key[usize::from(id.0) % of_key.len()])),
            n if !shop.orders.is_empty() => Some(VersionId::At(shop.orders[usize::from(n) % shop.orders.len()])),
            _ => None,
        };
        shop.list_versions(&VersionQuery { prefix, delimiter, after: after.into(), after_id, max });
    }

    #[test]
    fn what_stays_is_listed_once_while_all_else_changes(
        first in proptest::collection::vec(op(), 1..40), then in proptest::collection::vec(op(), 1..40),
        query in query(), pace in 0usize..4,
    ) {
        let mut shop = Shop::new();
        first.iter().for_each(|op| shop.take(op));
        let (prefix, delimiter, max) = query;
        let mut changes = then.iter();
        let versions = |shop: &Shop| -> BTreeSet<(Vec<u8>, Order)> {
            let of = |(key, stack): (&Vec<u8>, &Vec<Seen>)| {
                stack.iter().map(|seen| (key.clone(), seen.order)).collect::<Vec<_>>()
            };
            shop.versions.iter().flat_map(of).collect()
        };
        let in_a_common_prefix = |key: &[u8]| {
            let rest = key.strip_prefix(&prefix[..]).unwrap();
            !delimiter.is_empty() && rest.windows(delimiter.len()).any(|window| window == &delimiter[..])
        };
        let shown = |key: &Vec<u8>| key.starts_with(&prefix) && !in_a_common_prefix(key);

        let mut all = Steady { seen: BTreeSet::new(), steady: versions(&shop) };
        let mut commons = BTreeSet::new();
        let mut query = VersionQuery { prefix: prefix.clone(), delimiter: delimiter.clone(), max, ..Default::default() };
        loop {
            let (page, next) = shop.list_versions(&query);
            all.page(page.versions.into_iter().map(|(key, seen, _)| (key, seen.order)), &versions(&shop));
            prop_assert!(page.commons.iter().all(|common| commons.insert(common.clone())));
            let Some((after, order)) = next else { break };
            (query.after, query.after_id) = (after, order.map(VersionId::At));
            changes.by_ref().take(pace).for_each(|op| shop.take(op));
        }
        all.end(|(key, _)| shown(key));

        let keys = |shop: &Shop| shop.objects().into_keys().collect::<BTreeSet<_>>();
        let mut all = Steady { seen: BTreeSet::new(), steady: keys(&shop) };
        let mut query = ListQuery { prefix: prefix.clone(), delimiter: delimiter.clone(), max, ..Default::default() };
        loop {
            let page = list_objects(&shop.rows, shop.bucket, &query).unwrap();
            let (objects, commons, truncated) = model_list(&shop.objects(), &query);
            let listed: Vec<Vec<u8>> = page.objects.iter().map(|object| object.key.to_vec()).collect();
            prop_assert_eq!(&listed, &objects);
            prop_assert_eq!(page.common_prefixes.iter().map(|p| p.to_vec()).collect::<Vec<_>>(), commons);
            prop_assert_eq!(page.truncated, truncated);
            for object in &page.objects {
                prop_assert_eq!(object.order, shop.versions[&object.key[..]][0].order);
            }
            all.page(listed.into_iter(), &keys(&shop));
            if !page.truncated {
                break;
            }
            query.after = page.last;
            changes.by_ref().take(pace).for_each(|op| shop.take(op));
        }
        all.end(|key| shown(key));

        // The walk over all of them.
        let mut all = Steady { seen: BTreeSet::new(), steady: versions(&shop) };
        let mut after: Option<(Bytes, Order)> = None;
        loop {
            let place = after.as_ref().map(|(key, order)| (&key[..], *order));
            let page = versions_from(&shop.rows, shop.bucket, place, max).unwrap();
            for listed in &page {
                prop_assert_eq!(listed.newest, listed.order == shop.versions[&listed.key[..]][0].order);
            }
            all.page(page.iter().map(|listed| (listed.key.to_vec(), listed.order)), &versions(&shop));
            let Some(last) = page.last() else { break };
            after = Some((last.key.clone(), last.order));
            changes.by_ref().take(pace).for_each(|op| shop.take(op));
        }
        all.end(|_| true);
    }
}

/// The version that a page ended with was deleted, and was the newest.
#[test]
fn a_page_knows_the_newest_version_behind_one_that_is_gone() {
    let mut shop = Shop::new();
    shop.take(&Op::Keep(true));
    (0..3).for_each(|_| shop.take(&Op::Put(b"k".to_vec())));
    let query = VersionQuery { max: 1, ..VersionQuery::default() };
    let (_, next) = shop.list_versions(&query);
    let (after, order) = next.unwrap();
    shop.take(&Op::DeleteVersion(b"k".to_vec(), 0));
    let query = VersionQuery { after, after_id: order.map(VersionId::At), ..query };
    assert!(shop.list_versions(&query).0.versions[0].2);
    let walk = versions_from(&shop.rows, shop.bucket, order.map(|order| (&b"k"[..], order)), 2).unwrap();
    assert_eq!(walk.iter().map(|listed| listed.newest).collect::<Vec<_>>(), [true, false]);
}
