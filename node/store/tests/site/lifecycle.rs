//! Lifecycle rules on a whole site.

use std::collections::BTreeSet;
use std::time::Duration;

use mucura_metadata::{BucketChange, BucketDocument, ListQuery};
use mucura_store::LifecycleConfig;
use mucura_types::BucketId;

use crate::harness::{Site, deadline, wait_for};

const OBJECTS: usize = 40;

/// A day of the rules is a second, and a pass over the objects takes some.
fn slow() -> LifecycleConfig {
    LifecycleConfig { day: Duration::from_secs(1), changes_per_s: 8, ..LifecycleConfig::default() }
}

async fn set_rules(site: &Site, node: usize, bucket: BucketId, prefix: &str) {
    let text = format!(
        "<LifecycleConfiguration><Rule><ID>r</ID><Status>Enabled</Status><Filter><Prefix>{prefix}</Prefix>\
         </Filter><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>"
    );
    let change = BucketChange::Document { document: BucketDocument::Lifecycle, text: Some(text.into()) };
    site.store(node).change_bucket(bucket, change, deadline()).await.unwrap();
}

async fn keys(site: &Site, node: usize, bucket: BucketId) -> BTreeSet<String> {
    let query = ListQuery { max: 1000, ..ListQuery::default() };
    let page = site.fresh(node).await.list_objects(bucket, query).await.unwrap();
    page.objects.iter().map(|object| String::from_utf8(object.key.to_vec()).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_goes_on_when_its_leader_is_gone_and_takes_only_what_rules_cover() {
    let mut site = Site::of_lifecycle(3, slow()).await;
    let bucket = site.bucket("data").await;
    let other = site.bucket("other").await;
    for number in 0..OBJECTS {
        site.put(0, bucket, &format!("goes/{number}"), b"x").await.unwrap();
    }
    for key in ["a", "goes", "goesx", "h"] {
        site.put(0, bucket, key, b"x").await.unwrap();
    }
    site.put(0, other, "goes/1", b"x").await.unwrap();
    set_rules(&site, 0, bucket, "goes/").await;
    let all = OBJECTS + 4;
    wait_for("a pass is under way", Duration::from_secs(30), || async {
        keys(&site, 0, bucket).await.len() < all
    })
    .await;
    let leader = site.leader().await;
    assert!(site.store(leader).lifecycle().objects_expired > 0, "only the leader acts");
    site.kill(leader).await;
    let next = (leader + 1) % 3;
    wait_for("the others answer", Duration::from_secs(30), || async {
        site.store(next).fresh(deadline()).await.is_ok()
    })
    .await;
    assert!(keys(&site, next, bucket).await.len() > 4 + OBJECTS / 4, "the pass was over before");
    wait_for("the pass is finished", Duration::from_secs(60), || async {
        keys(&site, next, bucket).await.len() <= 4
    })
    .await;
    let left = keys(&site, next, bucket).await;
    assert!(left.iter().eq(["a", "goes", "goesx", "h"]), "{left:?}");
    assert_eq!(keys(&site, next, other).await.len(), 1);
    let leader = site.leader().await;
    wait_for("its age is told", Duration::from_secs(10), || async {
        site.store(leader).lifecycle().pass_age.is_some()
    })
    .await;
    site.stop().await;
}
