use std::collections::VecDeque;
use std::sync::Arc;

use crate::shard::ShardName;
use crate::shard_reader::ShardReader;

/// Open shards that are kept, so that reading one range after another opens the
/// file and checks its table once.
const OPEN_MAX: usize = 64;

/// The shards read last, newest first.
#[derive(Default)]
pub(crate) struct OpenShards(VecDeque<OpenShard>);

/// An open shard and the stamp of the file that it is.
#[derive(Clone)]
pub(crate) struct OpenShard {
    pub(crate) shard: ShardName,
    pub(crate) stamp: u32,
    pub(crate) reader: Arc<ShardReader>,
}

impl OpenShards {
    /// The open shard, if it is open and is the file of that stamp.
    pub(crate) fn get(&mut self, shard: ShardName, stamp: u32) -> Option<OpenShard> {
        let at = self.0.iter().position(|open| open.shard == shard && open.stamp == stamp)?;
        let open = self.0.remove(at)?;
        self.0.push_front(open.clone());
        Some(open)
    }

    pub(crate) fn put(&mut self, open: OpenShard) {
        self.forget(open.shard);
        self.0.truncate(OPEN_MAX - 1);
        self.0.push_front(open);
    }

    pub(crate) fn forget(&mut self, shard: ShardName) {
        self.0.retain(|open| open.shard != shard);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::tests::name;
    use crate::shard_reader::tests::sealed;
    use mucura_runtime::RealDisk;

    /// A reader may put a file here that was replaced while it was opening it.
    #[test]
    fn an_open_file_is_not_taken_for_its_successor() {
        let dir = tempfile::tempdir().unwrap();
        let shard = name(1, 0);
        let reader = Arc::new(ShardReader::open(&RealDisk, &sealed(&dir, shard, 100), shard).ok().unwrap());
        let mut open = OpenShards::default();
        open.put(OpenShard { shard, stamp: 1, reader: reader.clone() });
        assert!(open.get(shard, 1).is_some());
        assert!(open.get(shard, 2).is_none());
        open.put(OpenShard { shard, stamp: 2, reader: reader.clone() });
        assert!(open.get(shard, 2).is_some());
        for counter in 2..2 + OPEN_MAX as u64 {
            open.put(OpenShard { shard: name(counter, 0), stamp: 3, reader: reader.clone() });
        }
        assert_eq!(open.0.len(), OPEN_MAX);
        assert!(open.get(shard, 2).is_none(), "the oldest made room");
    }
}
