use mucura_runtime::{Runtime, read_file};
use proptest::prelude::*;

use super::super::frame::BLOCK;
use super::super::record::{Change, Checkpoint, Record};
use super::*;

/// Blocks of the segment below, without the zeros at their ends.
const FIXTURE: &[&str] = &[
    concat!(
        "4d5543555257414c01000000000000000100000000000000b71ad893abeb6fe0bd44f96f80d9ec4592de29cd",
        "819c133d0100000000000000000000000000000000000000000000000000010000000000eb98df15b57841e1",
        "8fe17dc8bb4628e3",
    ),
    concat!(
        "4d57463100000000b71ad893abeb6fe001000000000000000000000000000000000000000000000000000000",
        "00000000e30e992b5bc2f377c2a3b6c3a6464e5c",
    ),
    concat!(
        "4d5746310d000000b71ad893abeb6fe002000000000000000000000000000000e30e992b5bc2f377c2a3b6c3",
        "a6464e5ca515cc439e3bb56c67cf6c622c933e9c010000000004000000766f7465",
    ),
    concat!(
        "4d57463148000000b71ad893abeb6fe003000000000000000000000000000000a515cc439e3bb56c67cf6c62",
        "2c933e9c35a0f9a121bacef637d711367167b67e020000000007000000000000000a00000000000000000000",
        "070707020000000008000000000000000a00000000000000000000080808050000000009000000636f6d6d69",
        "74746564",
    ),
    concat!(
        "4d5746310d000000b71ad893abeb6fe00400000000000000000000000000000035a0f9a121bacef637d71136",
        "7167b67e59a180a6eaef918f9cb8d78d0b205c6e030000000008",
    ),
    concat!(
        "4d57463116000000b71ad893abeb6fe00500000000000000000000000000000059a180a6eaef918f9cb8d78d",
        "0b205c6ee2cf56edf934f9ca8a4e77ce2692e6b10400000000070000000000000005000000736576656e",
    ),
];

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
