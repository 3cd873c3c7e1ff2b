use mucura_types::Profile;
use reed_solomon_erasure::galois_8::{mul_slice, mul_slice_xor};

use crate::error::ChunkError;
use crate::matrix::CodeMatrix;

/// Bytes of each cell that are worked on at once, so that they stay in the
/// processor's cache until every parity cell has had its share of them.
const COLUMN_BYTES: usize = 64 << 10;

/// The erasure code of one profile: k data cells make m parity cells, and any
/// k of the k + m make the others.
///
/// The bytes are defined by `docs/formats/shard.md` and golden vectors, not by
/// the library that computes them. k = 1 gives copies, m = 0 nothing.
pub struct ErasureCode {
    profile: Profile,
    matrix: CodeMatrix,
}

impl ErasureCode {
    /// The code of a profile.
    ///
    /// # Errors
    /// `Invalid`: no data cells, or more than 255 cells.
    pub fn new(profile: Profile) -> Result<Self, ChunkError> {
        let matrix = CodeMatrix::new(profile).ok_or(ChunkError::invalid("no code has this profile"))?;
        Ok(Self { profile, matrix })
    }

    /// What it is the code of.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Fills the parity cells of a stripe that lies in one piece: k data
    /// cells, then room for m parity cells, all of the same length.
    ///
    /// # Errors
    /// `Invalid`: the length is no multiple of k + m.
    pub fn encode_stripe(&self, stripe: &mut [u8]) -> Result<(), ChunkError> {
        if !stripe.len().is_multiple_of(self.profile.shards()) {
            return Err(ChunkError::invalid("a stripe is not k + m equal cells"));
        }
        let cell = stripe.len() / self.profile.shards();
        if cell == 0 {
            return Ok(());
        }
        let (data, parity) = stripe.split_at_mut(self.profile.data() * cell);
        let data: Vec<&[u8]> = data.chunks_exact(cell).collect();
        let mut parity: Vec<&mut [u8]> = parity.chunks_exact_mut(cell).collect();
        self.encode(&data, &mut parity)
    }

    /// Fills the m parity cells from the k data cells.
    ///
    /// # Errors
    /// `Invalid`: not k and m cells of one length.
    pub fn encode(&self, data: &[&[u8]], parity: &mut [&mut [u8]]) -> Result<(), ChunkError> {
        if data.len() != self.profile.data() || parity.len() != self.profile.parity() {
            return Err(ChunkError::invalid("encoding takes k data cells and m parity cells"));
        }
        let rows: Vec<&[u8]> =
            (self.profile.data()..self.profile.shards()).map(|position| self.matrix.row(position)).collect();
        combine(&rows, data, parity)
    }

    /// Fills the wanted cells of a stripe from any k others.
    ///
    /// `present` are cells with their positions; the first k are used.
    /// `wanted` are the positions to compute and where to put them.
    ///
    /// # Errors
    /// `Invalid`: fewer than k present, a position twice or out of range, or
    /// cells of different lengths.
    pub fn reconstruct(
        &self,
        present: &[(usize, &[u8])],
        wanted: &mut [(usize, &mut [u8])],
    ) -> Result<(), ChunkError> {
        let used =
            present.get(..self.profile.data()).ok_or(ChunkError::invalid("fewer than k cells present"))?;
        let positions: Vec<usize> = used.iter().map(|(position, _)| *position).collect();
        let targets: Vec<usize> = wanted.iter().map(|(position, _)| *position).collect();
        let rows = self
            .matrix
            .recovery(&positions, &targets)
            .ok_or(ChunkError::invalid("a position is out of range or there twice"))?;
        let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
        let inputs: Vec<&[u8]> = used.iter().map(|(_, cell)| *cell).collect();
        let mut outputs: Vec<&mut [u8]> = wanted.iter_mut().map(|(_, cell)| &mut **cell).collect();
        combine(&rows, &inputs, &mut outputs)
    }
}

/// Each output is the sum of the inputs, weighted by its row.
fn combine(rows: &[&[u8]], inputs: &[&[u8]], outputs: &mut [&mut [u8]]) -> Result<(), ChunkError> {
    let len = inputs.first().map_or(0, |cell| cell.len());
    if inputs.iter().any(|cell| cell.len() != len) || outputs.iter().any(|cell| cell.len() != len) {
        return Err(ChunkError::invalid("cells of one stripe have one length"));
    }
    for start in (0..len).step_by(COLUMN_BYTES) {
        let column = start..len.min(start + COLUMN_BYTES);
        for (row, output) in rows.iter().zip(outputs.iter_mut()) {
            let output = &mut output[column.clone()];
            for (index, (&factor, input)) in row.iter().zip(inputs).enumerate() {
                match index {
                    0 => mul_slice(factor, &input[column.clone()], output),
                    _ => mul_slice_xor(factor, &input[column.clone()], output),
                }
            }
        }
    }
    Ok(())
}

/// Whether this processor can run the erasure code as it was compiled (AVX2 on
/// x86-64). On one that cannot, the first encoding would end the process.
pub fn cpu_supported() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        std::arch::is_x86_feature_detected!("avx2")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use reed_solomon_erasure::galois_8::ReedSolomon;

    fn pattern(len: usize, seed: u64) -> Vec<u8> {
        let mut bytes = vec![0; len];
        blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes
    }

    fn encoded(profile: Profile, cell: usize, seed: u64) -> Vec<u8> {
        let mut stripe = pattern(profile.shards() * cell, seed);
        ErasureCode::new(profile).unwrap().encode_stripe(&mut stripe).unwrap();
        stripe
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_k_cells_give_back_every_other(
            k in 1u8..11, m in 0u8..5, cell in 1usize..300, seed: u64, order in any::<u64>()
        ) {
            let profile = Profile::new(k, m);
            let stripe = encoded(profile, cell, seed);
            let cells: Vec<&[u8]> = stripe.chunks_exact(cell).collect();
            let mut positions: Vec<usize> = (0..profile.shards()).collect();
            positions.sort_by_key(|p| blake3::hash(&[order.to_le_bytes(), p.to_le_bytes()].concat()).to_hex());
            let present: Vec<(usize, &[u8])> =
                positions[..profile.data()].iter().map(|&p| (p, cells[p])).collect();
            let mut out = vec![vec![0xee; cell]; profile.shards()];
            let mut wanted: Vec<(usize, &mut [u8])> =
                out.iter_mut().enumerate().map(|(p, cell)| (p, cell.as_mut_slice())).collect();
            ErasureCode::new(profile).unwrap().reconstruct(&present, &mut wanted).unwrap();
            for (p, cell) in cells.iter().enumerate() {
                prop_assert_eq!(*cell, out[p].as_slice(), "position {}", p);
            }
        }

        #[test]
        fn parity_is_what_the_named_library_computes(k in 1u8..11, m in 1u8..5, cell in 1usize..300, seed: u64) {
            let profile = Profile::new(k, m);
            let stripe = encoded(profile, cell, seed);
            let mut cells: Vec<Vec<u8>> = pattern(profile.shards() * cell, seed).chunks_exact(cell).map(<[u8]>::to_vec).collect();
            ReedSolomon::new(k.into(), m.into()).unwrap().encode(&mut cells).unwrap();
            prop_assert_eq!(cells.concat(), stripe);
        }
    }

    #[test]
    fn cells_longer_than_a_column_are_coded_whole() {
        let profile = Profile::new(2, 1);
        let cell = 2 * COLUMN_BYTES + 64;
        let stripe = encoded(profile, cell, 7);
        let mut cells: Vec<Vec<u8>> = pattern(3 * cell, 7).chunks_exact(cell).map(<[u8]>::to_vec).collect();
        ReedSolomon::new(2, 1).unwrap().encode(&mut cells).unwrap();
        assert!(cells.concat() == stripe);
    }

    #[test]
    fn wrong_arguments_are_refused() {
        assert!(ErasureCode::new(Profile::new(0, 1)).is_err());
        assert!(ErasureCode::new(Profile::new(200, 56)).is_err());
        let code = ErasureCode::new(Profile::new(2, 1)).unwrap();
        assert!(code.encode_stripe(&mut [0; 64]).is_err());
        let (a, b, short) = ([1u8; 4], [2u8; 4], [3u8; 3]);
        let mut out = [0u8; 4];
        let mut refuse = |present: &[(usize, &[u8])]| {
            assert!(code.reconstruct(present, &mut [(2, &mut out[..])]).is_err());
        };
        refuse(&[(0, &a)]);
        refuse(&[(0, &a), (0, &b)]);
        refuse(&[(0, &a), (3, &b)]);
        refuse(&[(0, &a), (1, &short)]);
    }

    /// The disk format. Data cell i is 64 bytes, byte j of it i * 64 + j. The
    /// values were computed from the definition by another program.
    #[test]
    fn golden_parity() {
        let parity = |k: u8, m: u8| {
            let profile = Profile::new(k, m);
            let mut stripe: Vec<u8> =
                (0..k).flat_map(|i| (0..64u8).map(move |j| i.wrapping_mul(64).wrapping_add(j))).collect();
            stripe.resize(profile.shards() * 64, 0);
            ErasureCode::new(profile).unwrap().encode_stripe(&mut stripe).unwrap();
            stripe
                .chunks_exact(64)
                .skip(profile.data())
                .map(|cell| hex::encode(&cell[..16]))
                .collect::<Vec<_>>()
        };
        assert_eq!(parity(2, 1), ["808182838485868788898a8b8c8d8e8f"]);
        assert_eq!(parity(4, 2), ["1d1c1f1e19181b1a1514171611101312", "5d5c5f5e59585b5a5554575651505352"]);
        assert_eq!(
            parity(8, 3),
            [
                "b9b8bbbabdbcbfbeb1b0b3b2b5b4b7b6",
                "f9f8fbfafdfcfffef1f0f3f2f5f4f7f6",
                "39383b3a3d3c3f3e3130333235343736"
            ]
        );
        let rows = |k, m| {
            let matrix = CodeMatrix::new(Profile::new(k, m)).unwrap();
            (k..k + m).map(|p| hex::encode(matrix.row(p.into()))).collect::<Vec<_>>()
        };
        assert_eq!(rows(2, 1), ["0302"]);
        assert_eq!(rows(4, 2), ["1b1c1214", "1c1b1412"]);
        assert_eq!(rows(8, 3), ["1a84ba33e710c627", "841a33ba10e727c6", "ba331a84c627e710"]);
    }
}
