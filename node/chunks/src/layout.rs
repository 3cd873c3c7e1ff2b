use std::ops::Range;

use mucura_types::{CELL_BYTES, CHUNK_BYTES_MAX, Profile};

use crate::error::ChunkError;

/// Cells are a multiple of this long.
pub(crate) const CELL_ALIGN: usize = 64;

/// How the bytes of one chunk lie in the cells of its stripes and in its
/// shards. Pure arithmetic.
///
/// A chunk is cut into stripes of k cells of `cell_bytes`; the last stripe has
/// shorter cells, of a k-th of what is left, rounded up to 64 bytes. Data cell
/// i of a stripe with cells of length L holds the bytes [i L, (i + 1) L) of the
/// stripe, filled up with zeros. A shard is all cells of one position, one
/// after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLayout {
    len: u64,
    profile: Profile,
    cell_bytes: usize,
}

/// A run of bytes of a chunk that lies in one data cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The stripe.
    pub stripe: u32,
    /// The data cell, which is also the position of the shard.
    pub position: u8,
    /// Where it lies within that shard.
    pub in_shard: Range<u64>,
}

impl ChunkLayout {
    /// The layout of a new chunk of `len` bytes: cells of 1 MiB, smaller if
    /// one stripe holds it all.
    ///
    /// # Errors
    /// `Invalid`: no bytes, more than a chunk may have, or no data cells.
    pub fn new(len: u64, profile: Profile) -> Result<Self, ChunkError> {
        let fitting = cell_for(len, profile).unwrap_or(CELL_BYTES);
        Self::with_cell(len, profile, fitting.min(CELL_BYTES))
    }

    /// The layout of a chunk that was written with cells of `cell_bytes`.
    ///
    /// # Errors
    /// `Invalid`: as [`ChunkLayout::new`], or a length that no cell has.
    pub fn with_cell(len: u64, profile: Profile, cell_bytes: usize) -> Result<Self, ChunkError> {
        if len == 0 || len > CHUNK_BYTES_MAX as u64 {
            return Err(ChunkError::invalid("a chunk has 1 byte to 64 MiB"));
        }
        if profile.data == 0 || profile.shards() > usize::from(u8::MAX) {
            return Err(ChunkError::invalid("no code has this profile"));
        }
        if cell_bytes == 0 || cell_bytes > CELL_BYTES || !cell_bytes.is_multiple_of(CELL_ALIGN) {
            return Err(ChunkError::invalid("a cell is a multiple of 64 bytes up to 1 MiB"));
        }
        Ok(Self { len, profile, cell_bytes })
    }

    /// Bytes of the chunk.
    #[allow(clippy::len_without_is_empty)] // It never is.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// How it is coded.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Bytes of a cell of every stripe but the last.
    pub fn cell_bytes(&self) -> usize {
        self.cell_bytes
    }

    /// Stripes, at least 1.
    pub fn stripes(&self) -> u32 {
        // At most 2^26 bytes in stripes of at least 2^6.
        u32::try_from(self.len.div_ceil(self.stripe_bytes())).unwrap_or(u32::MAX)
    }

    /// Bytes of each cell of a stripe; 0 past the last stripe.
    pub fn cell_len(&self, stripe: u32) -> usize {
        let data = self.stripe_range(stripe);
        cell_for(data.end - data.start, self.profile).unwrap_or(0)
    }

    /// Where a stripe's cell begins within its shard.
    pub fn cell_offset(&self, stripe: u32) -> u64 {
        u64::from(stripe) * self.cell_bytes as u64
    }

    /// Which bytes of the chunk a stripe holds; empty past the last.
    pub fn stripe_range(&self, stripe: u32) -> Range<u64> {
        let start = (u64::from(stripe) * self.stripe_bytes()).min(self.len);
        start..(start + self.stripe_bytes()).min(self.len)
    }

    /// Bytes of each shard.
    pub fn shard_len(&self) -> u64 {
        let last = self.stripes() - 1;
        self.cell_offset(last) + self.cell_len(last) as u64
    }

    /// Where the bytes `range` of the chunk lie, in order. What is past the
    /// end of the chunk is left out.
    pub fn pieces(&self, range: Range<u64>) -> impl Iterator<Item = Piece> + use<> {
        let layout = *self;
        let end = range.end.min(layout.len);
        let mut next = range.start;
        std::iter::from_fn(move || {
            if next >= end {
                return None;
            }
            let stripe = u32::try_from(next / layout.stripe_bytes()).ok()?;
            let cell_len = layout.cell_len(stripe) as u64;
            let in_stripe = next - layout.stripe_range(stripe).start;
            let position = u8::try_from(in_stripe / cell_len).ok()?;
            let in_cell = in_stripe % cell_len;
            let take = (cell_len - in_cell).min(end - next);
            let start = layout.cell_offset(stripe) + in_cell;
            next += take;
            Some(Piece { stripe, position, in_shard: start..start + take })
        })
    }

    fn stripe_bytes(&self) -> u64 {
        self.cell_bytes as u64 * u64::from(self.profile.data)
    }
}

/// The cell for a stripe of `len` bytes of data; `None` if it would be absurd.
fn cell_for(len: u64, profile: Profile) -> Option<usize> {
    let share = len.div_ceil(u64::from(profile.data.max(1)));
    usize::try_from(share).ok()?.checked_next_multiple_of(CELL_ALIGN)
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation)]
mod tests {
    use super::*;
    use mucura_types::MIB;
    use proptest::prelude::*;

    /// Lays a chunk out the plain way: byte by byte, as the words say it.
    fn shards_of(chunk: &[u8], layout: &ChunkLayout) -> Vec<Vec<u8>> {
        let k = layout.profile().data();
        let mut shards = vec![Vec::new(); k];
        for stripe in chunk.chunks(k * layout.cell_bytes()) {
            let cell = stripe.len().div_ceil(k).next_multiple_of(64).min(layout.cell_bytes());
            let mut padded = stripe.to_vec();
            padded.resize(k * cell, 0);
            for (shard, bytes) in shards.iter_mut().zip(padded.chunks(cell)) {
                shard.extend_from_slice(bytes);
            }
        }
        shards
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn pieces_find_the_bytes_where_the_format_puts_them(
            len in 1usize..9000, k in 1u8..9, cell in 1usize..20, from in 0usize..10_000, count in 0usize..9000
        ) {
            let chunk: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            let layout = ChunkLayout::with_cell(len as u64, Profile::new(k, 2), cell * 64).unwrap();
            let shards = shards_of(&chunk, &layout);
            prop_assert!(shards.iter().all(|shard| shard.len() as u64 == layout.shard_len()));
            let mut read = Vec::new();
            for piece in layout.pieces(from as u64..(from + count) as u64) {
                let (start, end) = (piece.in_shard.start as usize, piece.in_shard.end as usize);
                prop_assert!(start as u64 >= layout.cell_offset(piece.stripe));
                prop_assert!(end as u64 <= layout.cell_offset(piece.stripe) + layout.cell_len(piece.stripe) as u64);
                read.extend_from_slice(&shards[usize::from(piece.position)][start..end]);
            }
            let wanted = &chunk[from.min(len)..(from + count).min(len)];
            prop_assert_eq!(read.as_slice(), wanted);
        }

        #[test]
        fn a_new_chunk_wastes_less_than_64_bytes_a_cell(len in 1u64..=64 << 20, k in 1u8..12) {
            let layout = ChunkLayout::new(len, Profile::new(k, 1)).unwrap();
            prop_assert!(layout.shard_len() * u64::from(k) < len + 64 * u64::from(k));
            prop_assert!(layout.shard_len() * u64::from(k) >= len);
            if len > u64::from(k) << 20 {
                prop_assert_eq!(layout.cell_bytes(), CELL_BYTES);
            } else {
                prop_assert_eq!(layout.stripes(), 1);
            }
            prop_assert_eq!((0..layout.stripes()).map(|s| layout.cell_len(s) as u64).sum::<u64>(), layout.shard_len());
            prop_assert_eq!(layout.cell_len(layout.stripes()), 0);
        }
    }

    #[test]
    fn the_sizes_are_those_of_the_format() {
        let layout = |len, k| ChunkLayout::new(len, Profile::new(k, 2)).unwrap();
        let tiny = layout(1, 4);
        assert_eq!((tiny.stripes(), tiny.cell_bytes(), tiny.shard_len()), (1, 64, 64));
        let full = layout(64 * MIB as u64, 4);
        assert_eq!((full.stripes(), full.cell_bytes(), full.shard_len()), (16, MIB, 16 * MIB as u64));
        let odd = layout(4 * MIB as u64 + 1, 4);
        assert_eq!((odd.stripes(), odd.cell_len(0), odd.cell_len(1)), (2, MIB, 64));
        assert!(ChunkLayout::new(0, Profile::new(4, 2)).is_err());
        assert!(ChunkLayout::new(64 * MIB as u64 + 1, Profile::new(4, 2)).is_err());
        assert!(ChunkLayout::new(1, Profile::new(0, 2)).is_err());
    }
}
