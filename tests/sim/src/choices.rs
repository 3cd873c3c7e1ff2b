use std::ops::Range;
use std::time::Duration;

/// Seeded choices of the harness itself.
pub(crate) struct Choices(u64);

impl Choices {
    /// The choices of one part of a run; parts do not disturb each other.
    pub(crate) fn new(seed: u64, part: &str) -> Self {
        let mut hash = blake3::Hasher::new();
        hash.update(&seed.to_le_bytes()).update(part.as_bytes());
        let mut word = [0; 8];
        hash.finalize_xof().fill(&mut word);
        Self(u64::from_le_bytes(word))
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of `range`, which is not empty.
    pub(crate) fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.number() % (range.end - range.start)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.within(0..end as u64)).unwrap()
    }

    pub(crate) fn millis(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.within(range))
    }
}
