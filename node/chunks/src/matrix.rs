use mucura_types::Profile;
use reed_solomon_erasure::galois_8::{div, exp, mul};

/// The matrix that defines the code: row `p` says how position `p` is made of
/// the data cells. The first k rows are the identity.
///
/// It is the Vandermonde matrix V[r][c] = r^c over GF(2^8) with polynomial
/// 0x11d, multiplied by the inverse of its upper square. Any k of its rows are
/// independent.
pub(crate) struct CodeMatrix {
    rows: Vec<Vec<u8>>,
    data: usize,
}

impl CodeMatrix {
    /// `None` if the profile is not one that GF(2^8) can carry.
    pub(crate) fn new(profile: Profile) -> Option<Self> {
        let data = profile.data();
        let count = u8::try_from(profile.shards()).ok()?;
        if data == 0 {
            return None;
        }
        let vandermonde: Vec<Vec<u8>> =
            (0..count).map(|row| (0..data).map(|column| exp(row, column)).collect()).collect();
        let top = invert(&vandermonde[..data])?;
        let rows = vandermonde.iter().map(|row| times(row, &top)).collect();
        Some(Self { rows, data })
    }

    /// How position `p` is made of the data cells.
    pub(crate) fn row(&self, position: usize) -> &[u8] {
        &self.rows[position]
    }

    /// For each wanted position, how it is made of the cells at the k
    /// positions `present`. `None` if these are not k distinct positions.
    pub(crate) fn recovery(&self, present: &[usize], wanted: &[usize]) -> Option<Vec<Vec<u8>>> {
        if present.len() != self.data {
            return None;
        }
        let square: Vec<Vec<u8>> =
            present.iter().map(|&position| self.rows.get(position).cloned()).collect::<Option<_>>()?;
        let inverse = invert(&square)?;
        wanted.iter().map(|&position| Some(times(self.rows.get(position)?, &inverse))).collect()
    }
}

/// A row times a square matrix.
fn times(row: &[u8], square: &[Vec<u8>]) -> Vec<u8> {
    (0..row.len())
        .map(|column| row.iter().zip(square).fold(0, |sum, (&factor, line)| sum ^ mul(factor, line[column])))
        .collect()
}

/// Gauss and Jordan; `None` if the rows are not independent.
fn invert(square: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    let size = square.len();
    let mut left = square.to_vec();
    let mut right: Vec<Vec<u8>> =
        (0..size).map(|row| (0..size).map(|column| u8::from(row == column)).collect()).collect();
    for column in 0..size {
        let pivot = (column..size).find(|&row| left[row][column] != 0)?;
        left.swap(column, pivot);
        right.swap(column, pivot);
        let factor = div(1, left[column][column]);
        for matrix in [&mut left, &mut right] {
            matrix[column].iter_mut().for_each(|value| *value = mul(*value, factor));
        }
        for row in (0..size).filter(|&row| row != column) {
            let factor = left[row][column];
            for matrix in [&mut left, &mut right] {
                let from = matrix[column].clone();
                matrix[row].iter_mut().zip(from).for_each(|(value, other)| *value ^= mul(factor, other));
            }
        }
    }
    Some(right)
}
