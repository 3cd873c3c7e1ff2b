//! A body sealed, and its sealed form opened.

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use mucura_metadata::{Checksum, ChecksumAlgorithm};
use mucura_runtime::Blocking;
use proptest::prelude::*;

use crate::body::{Body, BodyFailed, BodyPlan, BodySize};
use crate::digest::{Digests, Hashing};
use crate::encryption::keys::DataKey;
use crate::encryption::layout::{SEALED_SEGMENT_BYTES, SEGMENT_BYTES, SealedLayout};
use crate::encryption::{BodyKey, BodySalt, SealingBody, open_sealed};
use crate::error::StoreError;

const PLAN: BodyPlan =
    BodyPlan { sha256: true, checksum: Some(ChecksumAlgorithm::Crc32c), md5: crate::body::Md5Plan::Wanted };

/// A client's body, in pieces.
struct Client {
    pieces: Vec<Bytes>,
    /// What it was checked with.
    checked: Option<Digests>,
}

impl Client {
    fn new(bytes: &[u8], piece: usize) -> Self {
        Self { pieces: bytes.chunks(piece).rev().map(Bytes::copy_from_slice).collect(), checked: None }
    }
}

impl Body for Client {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Result<Option<Bytes>, BodyFailed>> + Send + '_>> {
        Box::pin(async { Ok(self.pieces.pop()) })
    }

    fn plan(&self) -> BodyPlan {
        PLAN
    }

    fn check(&mut self, digests: &Digests) -> Result<Option<Checksum>, BodyFailed> {
        self.checked = Some(digests.clone());
        Ok(None)
    }
}

fn body(len: usize) -> Vec<u8> {
    (0..len).map(|i| u8::try_from((i * 7 + 3) % 251).unwrap()).collect()
}

fn key(last: u8) -> Arc<BodyKey> {
    let mut data_key: [u8; 32] = std::array::from_fn(|i| u8::try_from(i).unwrap());
    data_key[31] = last;
    let salt = BodySalt(std::array::from_fn(|i| 0x80 + u8::try_from(i).unwrap()));
    Arc::new(BodyKey::derive(&DataKey::from_bytes(data_key), salt).unwrap())
}

fn layout(len: usize) -> SealedLayout {
    SealedLayout::of_plain(len as u64).unwrap()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
}

/// The sealed form of `plain`, that comes in pieces.
async fn seal(plain: &[u8], piece: usize, key: Arc<BodyKey>) -> Result<Vec<u8>, BodyFailed> {
    seal_of(plain, piece, key, BodySize::Exact(plain.len() as u64)).await
}

async fn seal_of(
    plain: &[u8],
    piece: usize,
    key: Arc<BodyKey>,
    size: BodySize,
) -> Result<Vec<u8>, BodyFailed> {
    let mut client = Client::new(plain, piece);
    let mut sealing = SealingBody::new(&mut client, size, key, Blocking::threads(1));
    let mut sealed = Vec::new();
    while let Some(bytes) = sealing.next().await? {
        sealed.extend_from_slice(&bytes);
    }
    Ok(sealed)
}

/// What comes of a range of a body of `len` bytes, until it ends or fails.
async fn open(
    sealed: &[u8],
    len: usize,
    range: Range<u64>,
    key: Arc<BodyKey>,
) -> (Vec<u8>, Result<(), StoreError>) {
    let span = layout(len).span(range).unwrap();
    let read = span.sealed();
    let bounds = usize::try_from(read.start).unwrap()..usize::try_from(read.end).unwrap().min(sealed.len());
    let pieces: Vec<_> = sealed[bounds].chunks(50_000).map(|c| Ok(Bytes::copy_from_slice(c))).collect();
    let mut plain = Vec::new();
    let stream = open_sealed(Box::pin(stream::iter(pieces)), key, span, Blocking::threads(1)).await;
    let result = match stream {
        Ok(mut stream) => loop {
            match stream.try_next().await {
                Ok(Some(bytes)) => plain.extend_from_slice(&bytes),
                Ok(None) => break Ok(()),
                Err(error) => {
                    assert!(stream.try_next().await.unwrap().is_none(), "bytes behind a fault");
                    break Err(error);
                }
            }
        },
        Err(error) => Err(error),
    };
    (plain, result)
}

/// No byte of it may be another than the plaintext's, and not all may come.
async fn refused(sealed: &[u8], plain: &[u8], key: Arc<BodyKey>) {
    let (bytes, result) = open(sealed, plain.len(), 0..plain.len() as u64, key).await;
    assert!(matches!(result, Err(StoreError::Internal { .. })), "{result:?}");
    assert!(plain.starts_with(&bytes));
}

#[test]
fn the_sealed_form_is_that_of_the_format() {
    run(async {
        assert_eq!(hex::encode(seal(b"", 1, key(31)).await.unwrap()), "60dca970298cfb0ef206e690f2108120");
        let sealed = seal(&body(SEGMENT_BYTES + 5), 1000, key(31)).await.unwrap();
        assert_eq!(hex::encode(&sealed[..16]), "d79dd9e23003582f5028d13b3ba038d7");
        let last = &sealed[SEALED_SEGMENT_BYTES..];
        assert_eq!(
            hex::encode(&sealed[SEGMENT_BYTES..SEALED_SEGMENT_BYTES]),
            "34062c22bdb726fcc8f64d1462cb430c"
        );
        assert_eq!(hex::encode(last), "02fe29abd748183d96d06acdc18df02869b200eb49");
    });
}

#[test]
fn what_was_sealed_opens_whole() {
    for len in [
        0,
        1,
        SEGMENT_BYTES - 1,
        SEGMENT_BYTES,
        SEGMENT_BYTES + 1,
        4 * SEGMENT_BYTES,
        4 * SEGMENT_BYTES + 1,
        9 * SEGMENT_BYTES + 77,
    ] {
        run(async {
            let plain = body(len);
            let sealed = seal(&plain, 100_000, key(1)).await.unwrap();
            assert_eq!(sealed.len() as u64, layout(len).sealed_len());
            let (opened, result) = open(&sealed, len, 0..len as u64, key(1)).await;
            result.unwrap();
            assert_eq!(opened, plain);
        });
    }
}

#[test]
fn the_client_is_checked_with_the_digests_of_the_plaintext() {
    for len in [0, 10, 5 * SEGMENT_BYTES + 1] {
        run(async {
            let plain = body(len);
            let mut hashing = Hashing::new(PLAN);
            hashing.update(&plain);
            let want = hashing.finish();
            let mut client = Client::new(&plain, 30_000);
            let mut sealing =
                SealingBody::new(&mut client, BodySize::Exact(len as u64), key(1), Blocking::threads(1));
            let outer = Hashing::new(sealing.plan()).finish();
            assert_eq!(outer, Digests { md5: None, sha256: None, checksum: None });
            assert!(sealing.check(&outer).is_err(), "checked before the end");
            while sealing.next().await.unwrap().is_some() {
                assert_eq!(sealing.digests(), None);
            }
            assert_eq!(sealing.next().await.unwrap(), None);
            sealing.check(&outer).unwrap();
            assert_eq!(sealing.digests(), Some(&want));
            assert_eq!(client.checked, Some(want));
        });
    }
}

#[test]
fn a_body_of_another_length_than_declared_is_refused() {
    run(async {
        for (len, declared) in [(0, 1), (1, 0), (SEGMENT_BYTES, SEGMENT_BYTES + 1), (300_000, 299_999)] {
            let mut client = Client::new(&body(len), 1000);
            let mut sealing =
                SealingBody::new(&mut client, BodySize::Exact(declared as u64), key(1), Blocking::threads(1));
            let ended = loop {
                match sealing.next().await {
                    Ok(Some(_)) => {}
                    other => break other,
                }
            };
            assert_eq!(ended, Err(BodyFailed), "{len} for {declared}");
            assert!(sealing.take_error().is_none(), "the client's fault");
            assert!(sealing.digests().is_none());
        }
    });
}

#[test]
fn swapped_segments_a_cut_off_end_and_another_key_are_refused() {
    run(async {
        let plain = body(6 * SEGMENT_BYTES);
        let sealed = seal(&plain, 100_000, key(1)).await.unwrap();
        refused(&sealed, &plain, key(2)).await;
        let segments: Vec<_> = sealed.chunks(SEALED_SEGMENT_BYTES).collect();
        for (one, other) in [(0, 1), (1, 5), (4, 5)] {
            let mut swapped = segments.clone();
            swapped.swap(one, other);
            refused(&swapped.concat(), &plain, key(1)).await;
        }
        for kept in 0..6 {
            // Not all there; and a record that says it was never longer.
            let cut = segments[..kept].concat();
            refused(&cut, &plain, key(1)).await;
            refused(&cut[..cut.len().saturating_sub(1)], &plain, key(1)).await;
            if kept > 0 {
                refused(&cut, &plain[..kept * SEGMENT_BYTES], key(1)).await;
            }
        }
        let salt = BodySalt([1; 16]);
        let other = BodyKey::derive(&DataKey::from_bytes([0; 32]), salt).unwrap();
        refused(&sealed, &plain, Arc::new(other)).await;
        // An empty body is not the first segment of another.
        let empty = seal(b"", 1, key(1)).await.unwrap();
        assert!(open(&empty, 0, 0..0, key(2)).await.1.is_err());
        assert!(open(&segments[0][SEGMENT_BYTES..], 0, 0..0, key(1)).await.1.is_err());
    });
}

#[test]
fn nothing_follows_a_segment_that_does_not_open() {
    run(async {
        let plain = body(13 * SEGMENT_BYTES);
        let sealed = seal(&plain, 100_000, key(1)).await.unwrap();
        for segment in [0, 4, 5, 8] {
            let mut damaged = sealed.clone();
            damaged[segment * SEALED_SEGMENT_BYTES + 7] ^= 1;
            refused(&damaged, &plain, key(1)).await;
        }
    });
}

#[test]
fn what_the_sealed_stream_fails_with_is_told_behind_what_came_before() {
    run(async {
        let plain = body(9 * SEGMENT_BYTES);
        let sealed = seal(&plain, 100_000, key(1)).await.unwrap();
        let pieces = [Ok(Bytes::from(sealed[..5 * SEALED_SEGMENT_BYTES].to_vec())), Err(StoreError::Busy)];
        let span = layout(plain.len()).span(0..plain.len() as u64).unwrap();
        let mut stream =
            open_sealed(Box::pin(stream::iter(pieces)), key(1), span, Blocking::inline()).await.unwrap();
        let mut opened = Vec::new();
        let error = loop {
            match stream.try_next().await {
                Ok(bytes) => opened.extend_from_slice(&bytes.unwrap()),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, StoreError::Busy));
        assert_eq!(opened, plain[..4 * SEGMENT_BYTES]);
    });
}

#[test]
fn a_range_reads_the_segments_that_it_touches_and_no_more() {
    const SEGMENT: u64 = SEGMENT_BYTES as u64;
    const LEN: usize = 40 * SEGMENT_BYTES;
    let plain = body(LEN);
    let sealed = run(seal(&plain, 1 << 20, key(1))).unwrap();
    for (range, segments) in [
        (0..1, 1),
        (SEGMENT - 1..SEGMENT + 1, 2),
        (20 * SEGMENT..21 * SEGMENT, 1),
        (20 * SEGMENT + 5..22 * SEGMENT + 5, 3),
        (LEN as u64 - 1..LEN as u64, 1),
    ] {
        run(async {
            let span = layout(LEN).span(range.clone()).unwrap();
            let bounds =
                usize::try_from(span.sealed().start).unwrap()..usize::try_from(span.sealed().end).unwrap();
            let read = Arc::new(AtomicUsize::new(0));
            let count = read.clone();
            let pieces: Vec<_> = sealed[bounds].chunks(10_000).map(Bytes::copy_from_slice).collect();
            let pieces = stream::iter(pieces).map(move |piece| {
                count.fetch_add(piece.len(), Ordering::Relaxed);
                Ok(piece)
            });
            let opened = open_sealed(Box::pin(pieces), key(1), span, Blocking::inline()).await.unwrap();
            let opened: Vec<Bytes> = opened.try_collect().await.unwrap();
            assert_eq!(
                opened.concat(),
                plain[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
            );
            assert_eq!(read.load(Ordering::Relaxed), segments * SEALED_SEGMENT_BYTES, "{range:?}");
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_range_opens_to_the_same_bytes(
        len in prop_oneof![0..200usize, 65_500..65_600usize, 0..700_000usize],
        piece in 1_000..200_000usize,
        start: u64,
        size: u64,
    ) {
        let start = start % (len as u64 + 1);
        let end = start + size % (len as u64 - start + 1);
        let plain = body(len);
        run(async {
            let sealed = seal(&plain, piece, key(1)).await.unwrap();
            let (opened, result) = open(&sealed, len, start..end, key(1)).await;
            result.unwrap();
            let range = usize::try_from(start).unwrap()..usize::try_from(end).unwrap();
            assert_eq!(opened, plain[range]);
        });
    }

    #[test]
    fn a_flipped_bit_is_refused_wherever_it_is(len in 0..400_000usize, at: u64, bit in 0..8u32) {
        let plain = body(len);
        run(async {
            let mut sealed = seal(&plain, 100_000, key(1)).await.unwrap();
            let at = usize::try_from(at % sealed.len() as u64).unwrap();
            sealed[at] ^= 1 << bit;
            refused(&sealed, &plain, key(1)).await;
        });
    }
}

#[test]
fn every_flipped_byte_of_a_small_body_is_refused() {
    let plain = body(40);
    run(async {
        let sealed = seal(&plain, 100, key(1)).await.unwrap();
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 0x10;
            refused(&damaged, &plain, key(1)).await;
        }
    });
}

#[test]
fn a_body_of_unknown_size_is_sealed_like_one_of_known_size() {
    run(async {
        for len in [0, 1, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1, 4 * SEGMENT_BYTES, 600_000] {
            let plain = body(len);
            let unknown = seal_of(&plain, 30_000, key(1), BodySize::AtMost(1_000_000)).await;
            assert_eq!(unknown, seal(&plain, 7_000, key(1)).await, "{len}");
            if len > 0 {
                let most = BodySize::AtMost(len as u64 - 1);
                assert_eq!(seal_of(&plain, 30_000, key(1), most).await, Err(BodyFailed), "{len}");
            }
        }
    });
}
