use mucura_metadata::{
    Body, ChunkRecord, ExecuteError, GarbageClass, ListQuery, UploadQuery, View, chunks_from,
    chunks_of_write, current_version, drives, garbage, list_objects, list_uploads, parts_of_upload, tables,
};
use mucura_types::{BucketId, ChunkId, DriveId, HybridTime, NodeId, StoreId};

/// More than a run writes.
const PAGE: usize = 10_000;

/// What there should be, by the rows of one node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inventory {
    pub(crate) objects: Vec<KnownObject>,
    pub(crate) chunks: Vec<KnownChunk>,
    pub(crate) drives: Vec<KnownDrive>,
    /// Items that may go; not what is remembered of finished uploads.
    pub(crate) garbage: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct KnownObject {
    pub(crate) key: String,
    pub(crate) tag: String,
    pub(crate) chunks: Vec<ChunkId>,
}

#[derive(Clone, Debug)]
pub(crate) struct KnownChunk {
    pub(crate) id: ChunkId,
    pub(crate) record: ChunkRecord,
    /// Where each position is.
    pub(crate) at: Vec<Option<DriveId>>,
}

#[derive(Clone, Debug)]
pub(crate) struct KnownDrive {
    pub(crate) id: DriveId,
    pub(crate) node: NodeId,
    pub(crate) store: StoreId,
    pub(crate) path: String,
}

impl Inventory {
    /// How many shards should be on a drive.
    pub(crate) fn shards_on(&self, drive: DriveId) -> u64 {
        self.chunks.iter().flat_map(|chunk| &chunk.at).filter(|at| **at == Some(drive)).count() as u64
    }

    /// Chunks of which a shard is not where it belongs.
    pub(crate) fn displaced(&self) -> usize {
        self.chunks.iter().filter(|chunk| !chunk.record.exceptions.is_empty()).count()
    }
}

/// Reads what there should be.
pub(crate) fn take(view: &dyn View, bucket: BucketId) -> Result<Inventory, ExecuteError> {
    let mut inventory = Inventory::default();
    let tables = tables(view)?;
    for (id, record) in chunks_from(view, None, usize::MAX)? {
        let mapped = tables.get(&record.table).map_or(&[][..], |table| table.drives(id));
        let at = (0..record.profile.shards()).map(|position| record.location(position, mapped)).collect();
        inventory.chunks.push(KnownChunk { id, record, at });
    }
    let query = ListQuery { max: PAGE, ..ListQuery::default() };
    for object in list_objects(view, bucket, &query)?.objects {
        let mut chunks = Vec::new();
        if let Some((_, version)) = current_version(view, bucket, &object.key)? {
            chunks_of(view, &version.body, &mut chunks)?;
        }
        let key = String::from_utf8_lossy(&object.key).into_owned();
        inventory.objects.push(KnownObject { key, tag: object.summary.etag.to_string(), chunks });
    }
    let query = UploadQuery { max: PAGE, ..UploadQuery::default() };
    for upload in list_uploads(view, bucket, &query)?.uploads {
        let mut chunks = Vec::new();
        chunks_of(view, &Body::Parts(upload.id), &mut chunks)?;
        let key = format!("an unfinished upload of {}", String::from_utf8_lossy(&upload.key));
        inventory.objects.push(KnownObject { key, tag: String::new(), chunks });
    }
    for (id, record) in drives(view)? {
        let mucura_metadata::DriveRecord { node, store, path, .. } = record;
        inventory.drives.push(KnownDrive { id, node, store, path });
    }
    for class in [GarbageClass::AtOnce, GarbageClass::AfterGrace] {
        inventory.garbage += garbage(view, class, None, HybridTime(u64::MAX), usize::MAX)?.len();
    }
    Ok(inventory)
}

fn chunks_of(view: &dyn View, body: &Body, to: &mut Vec<ChunkId>) -> Result<(), ExecuteError> {
    match body {
        Body::Inline(_) => {}
        Body::Chunks(write) => to.extend(chunks_of_write(view, *write)?.into_iter().map(|(id, _)| id)),
        Body::Parts(upload) => {
            for (_, part) in parts_of_upload(view, *upload, 0, usize::MAX)? {
                chunks_of(view, &part.body, to)?;
            }
        }
    }
    Ok(())
}
