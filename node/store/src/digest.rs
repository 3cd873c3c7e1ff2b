use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest as Crc};
use md5::{Digest as _, Md5};
use mucura_metadata::ChecksumAlgorithm;
use mucura_runtime::{Blocking, BlockingError};
use sha1::Sha1;
use sha2::Sha256;

use crate::body::{BodyPlan, Md5Plan};
use crate::error::StoreError;

/// What was computed over a whole body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// MD5, if it was asked for: the entity tag.
    pub md5: Option<[u8; 16]>,
    /// SHA-256, if it was asked for.
    pub sha256: Option<[u8; 32]>,
    /// The client's checksum, if it was asked for; numbers big-endian.
    pub checksum: Option<(ChecksumAlgorithm, Bytes)>,
}

impl Digests {
    /// The MD5 of a body whose entity tag it is.
    ///
    /// # Errors
    /// `Internal`: it was not asked for.
    pub(crate) fn entity_tag(&self) -> Result<[u8; 16], StoreError> {
        self.md5.ok_or_else(|| StoreError::internal("a body was stored without its MD5"))
    }
}

/// The digests of a body under way.
pub(crate) struct Hashing {
    md5: Option<Md5>,
    sha256: Option<Sha256>,
    checksum: Option<(ChecksumAlgorithm, Hasher)>,
}

enum Hasher {
    Crc(Crc, usize),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Hashing {
    pub(crate) fn new(plan: BodyPlan) -> Self {
        let checksum = plan.checksum.map(|algorithm| {
            let hasher = match algorithm {
                ChecksumAlgorithm::Crc32 => Hasher::Crc(Crc::new(CrcAlgorithm::Crc32IsoHdlc), 4),
                ChecksumAlgorithm::Crc32c => Hasher::Crc(Crc::new(CrcAlgorithm::Crc32Iscsi), 4),
                ChecksumAlgorithm::Crc64Nvme => Hasher::Crc(Crc::new(CrcAlgorithm::Crc64Nvme), 8),
                ChecksumAlgorithm::Sha1 => Hasher::Sha1(Sha1::new()),
                ChecksumAlgorithm::Sha256 => Hasher::Sha256(Sha256::new()),
            };
            (algorithm, hasher)
        });
        let md5 = (plan.md5 == Md5Plan::Wanted).then(Md5::new);
        Self { md5, sha256: plan.sha256.then(Sha256::new), checksum }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
        match &mut self.checksum {
            Some((_, Hasher::Crc(crc, _))) => crc.update(bytes),
            Some((_, Hasher::Sha1(sha1))) => sha1.update(bytes),
            Some((_, Hasher::Sha256(sha256))) => sha256.update(bytes),
            None => {}
        }
    }

    /// Whether nothing was asked for.
    fn is_idle(&self) -> bool {
        self.md5.is_none() && self.sha256.is_none() && self.checksum.is_none()
    }

    pub(crate) fn finish(self) -> Digests {
        let checksum = self.checksum.map(|(algorithm, hasher)| {
            let value = match hasher {
                Hasher::Crc(crc, len) => Bytes::copy_from_slice(&crc.finalize().to_be_bytes()[8 - len..]),
                Hasher::Sha1(sha1) => Bytes::copy_from_slice(&sha1.finalize()),
                Hasher::Sha256(sha256) => Bytes::copy_from_slice(&sha256.finalize()),
            };
            (algorithm, value)
        });
        Digests {
            md5: self.md5.map(|m| m.finalize().into()),
            sha256: self.sha256.map(|s| s.finalize().into()),
            checksum,
        }
    }
}

/// Hashes a body on the threads for such work, one piece behind the one who
/// feeds it.
pub(crate) struct HashLane {
    blocking: Blocking,
    /// The digests, or the work that has them.
    state: State,
}

enum State {
    Idle(Box<Hashing>),
    Working(tokio::task::JoinHandle<Result<Box<Hashing>, BlockingError>>),
    Lost,
}

impl HashLane {
    pub(crate) fn new(plan: BodyPlan, blocking: Blocking) -> Self {
        Self { blocking, state: State::Idle(Box::new(Hashing::new(plan))) }
    }

    /// Waits for the piece before, and starts on this one.
    pub(crate) async fn push(&mut self, piece: Bytes) -> Result<(), BlockingError> {
        let mut hashing = self.settle().await?;
        if hashing.is_idle() {
            self.state = State::Idle(hashing);
            return Ok(());
        }
        let blocking = self.blocking.clone();
        self.state = State::Working(tokio::spawn(async move {
            blocking
                .run(move || {
                    hashing.update(&piece);
                    hashing
                })
                .await
        }));
        Ok(())
    }

    pub(crate) async fn finish(mut self) -> Result<Digests, BlockingError> {
        Ok(self.settle().await?.finish())
    }

    async fn settle(&mut self) -> Result<Box<Hashing>, BlockingError> {
        match std::mem::replace(&mut self.state, State::Lost) {
            State::Idle(hashing) => Ok(hashing),
            State::Working(job) => job.await.map_err(|_| BlockingError::Ending)?,
            State::Lost => Err(BlockingError::Ending),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn digests_are_the_published_ones_however_the_body_is_cut() {
        let want = [
            (ChecksumAlgorithm::Crc32, "cbf43926"),
            (ChecksumAlgorithm::Crc32c, "e3069283"),
            (ChecksumAlgorithm::Crc64Nvme, "ae8b14860a799888"),
            (ChecksumAlgorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            (ChecksumAlgorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
        ];
        for (algorithm, value) in want {
            for cut in 0..9 {
                let plan = BodyPlan { sha256: true, checksum: Some(algorithm), ..BodyPlan::default() };
                let mut lane = HashLane::new(plan, Blocking::threads(1));
                lane.push(Bytes::from_static(&b"123456789"[..cut])).await.unwrap();
                lane.push(Bytes::from_static(&b"123456789"[cut..])).await.unwrap();
                let digests = lane.finish().await.unwrap();
                assert_eq!(hex::encode(digests.md5.unwrap()), "25f9e794323b453885f5181f1b624d0b");
                assert_eq!(hex::encode(digests.sha256.unwrap()), want[4].1);
                assert_eq!(hex::encode(digests.checksum.unwrap().1), value);
            }
        }
    }

    #[tokio::test]
    async fn what_was_not_asked_for_is_not_there() {
        let plan = BodyPlan { md5: Md5Plan::Unwanted, ..BodyPlan::default() };
        let mut lane = HashLane::new(plan, Blocking::threads(1));
        lane.push(Bytes::from_static(b"123456789")).await.unwrap();
        assert_eq!(lane.finish().await.unwrap(), Digests { md5: None, sha256: None, checksum: None });
    }
}
