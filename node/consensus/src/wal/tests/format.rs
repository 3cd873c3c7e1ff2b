use mucura_runtime::{Runtime, read_file};
use proptest::prelude::*;

use super::super::frame::BLOCK;
use super::super::record::{Change, Checkpoint, Record};
use super::*;

/// Blocks of the segment below, without the zeros at their ends.
const FIXTURE: &[&str] = &[];

#[tokio::test]
async fn the_first_format_stays_as_it_is() {
    let machine = Runtime::simulated(42, 0);
    let wal = open(&machine).await;
    wal.save_vote(GROUP, Bytes::from_static(b"vote")).await.unwrap();
    wal.save_committed(GROUP, Bytes::from_static(b"committed")).unwrap();
    append(&wal, 7..9, 10).await.unwrap();
    wal.truncate_after(GROUP, Some(7)).await.unwrap();
    wal.purge(GROUP, 7, Bytes::from_static(b"seven")).await.unwrap();
    wal.shutdown().await.unwrap();
    let path = Path::new(DIR).join("00000000000000000001.wal");
    let bytes = read_file(&machine.disk, &path, 1 << 20).unwrap();
    let blocks: Vec<String> = bytes
        .chunks(BLOCK)
        .map(|block| {
            let used = block.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            block[..used].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        })
        .filter(|block| !block.is_empty())
        .collect();
    assert_eq!(blocks, FIXTURE);
}

fn bytes() -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn change() -> impl Strategy<Value = Change> {
    let checkpoint = (
        proptest::option::of(bytes()),
        proptest::option::of(bytes()),
        proptest::option::of((any::<u64>(), bytes())),
        any::<u64>(),
        proptest::option::of(any::<u64>()),
    );
    prop_oneof![
        bytes().prop_map(Change::Vote),
        bytes().prop_map(Change::Committed),
        (any::<u64>(), bytes()).prop_map(|(index, bytes)| Change::Append { index, bytes, at: 0 }),
        any::<u64>().prop_map(|next| Change::Truncate { next }),
        (any::<u64>(), bytes()).prop_map(|(upto, id)| Change::Purge { upto, id }),
        checkpoint.prop_map(|(vote, committed, purged, first, next)| {
            Change::Checkpoint(Checkpoint { vote, committed, purged, first, next })
        }),
    ]
}

proptest! {
    #[test]
    fn records_read_back_as_they_were_written(
        changes in proptest::collection::vec((any::<u32>(), change()), 0..20)
    ) {
        let mut records: Vec<_> =
            changes.into_iter().map(|(group, change)| Record { group: GroupId(group), change }).collect();
        let mut out = bytes::BytesMut::new();
        for record in &mut records {
            let start = record.encode(&mut out);
            if let Change::Append { at, .. } = &mut record.change {
                *at = start;
            }
        }
        prop_assert_eq!(Record::decode_all(&out.freeze()), Some(records));
    }

    #[test]
    fn arbitrary_payloads_never_panic(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
        Record::decode_all(&payload.into());
    }
}
