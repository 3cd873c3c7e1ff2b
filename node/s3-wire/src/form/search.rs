//! The search for the delimiter between two parts, through pieces of any size.

use bytes::{Buf, Bytes};

use crate::form::Boundary;

/// Finds delimiters in a stream, in linear time and without keeping any of it.
///
/// A delimiter is a line end, `--` and the boundary. Its only carriage return is its first byte,
/// so that no other place within a partial match can begin one: bytes are never looked at again.
#[derive(Debug)]
pub(super) struct Search {
    delimiter: Bytes,
    /// How many bytes of the delimiter the pieces so far ended with. They were taken from the
    /// input, and are data if the match fails.
    matched: usize,
}

/// What comes next in the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Bytes of the part.
    Data(Bytes),
    /// The delimiter that ends it.
    Delimiter,
}

impl Search {
    /// At the start of a body, where the first delimiter needs no line end before it.
    pub(super) fn new(boundary: &Boundary) -> Self {
        let delimiter = Bytes::from(format!("\r\n--{}", boundary.as_str()));
        Self { delimiter, matched: 2 }
    }

    /// Takes bytes from the front of `input`; `None` when it is used up.
    pub(super) fn next(&mut self, input: &mut Bytes) -> Option<Found> {
        if input.is_empty() {
            return None;
        }
        if self.matched > 0 {
            return self.go_on(input);
        }
        let mut from = 0;
        while let Some(at) = input[from..].iter().position(|byte| *byte == b'\r') {
            let start = from + at;
            let common = common_prefix(&self.delimiter, &input[start..]);
            let cut_off = start + common == input.len();
            if common == self.delimiter.len() || cut_off {
                if start > 0 {
                    return Some(Found::Data(input.split_to(start)));
                }
                return self.go_on(input);
            }
            from = start + common;
        }
        Some(Found::Data(std::mem::take(input)))
    }

    /// Goes on with a match at the very front of `input`.
    fn go_on(&mut self, input: &mut Bytes) -> Option<Found> {
        let common = common_prefix(&self.delimiter[self.matched..], input);
        self.matched += common;
        input.advance(common);
        if self.matched == self.delimiter.len() {
            self.matched = 0;
            return Some(Found::Delimiter);
        }
        if input.is_empty() {
            return None;
        }
        let data = self.delimiter.slice(..self.matched);
        self.matched = 0;
        Some(Found::Data(data))
    }
}

fn common_prefix(left: &[u8], right: &[u8]) -> usize {
    left.iter().zip(right).take_while(|(left, right)| left == right).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The parts of `body` between delimiters, searched in pieces that end at `cuts`.
    fn parts(body: &[u8], boundary: &str, cuts: &[usize]) -> Vec<Vec<u8>> {
        let mut search = Search::new(&Boundary::new(boundary.to_owned()).unwrap());
        let mut parts = vec![Vec::new()];
        let mut ends = [&[0], cuts, &[body.len()]].concat();
        ends.sort_unstable();
        for pair in ends.windows(2) {
            let mut input = Bytes::copy_from_slice(&body[pair[0]..pair[1]]);
            while let Some(found) = search.next(&mut input) {
                match found {
                    Found::Data(data) => parts.last_mut().unwrap().extend_from_slice(&data),
                    Found::Delimiter => parts.push(Vec::new()),
                }
            }
            assert!(input.is_empty());
        }
        parts
    }

    /// The same, by the simplest means: split, with what the search holds back at the end taken off.
    fn model(body: &[u8], boundary: &str) -> Vec<Vec<u8>> {
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        let text = [b"\r\n", body].concat();
        let mut parts = vec![Vec::new()];
        let mut at = 0;
        while at < text.len() {
            if text[at..].starts_with(&delimiter) {
                parts.push(Vec::new());
                at += delimiter.len();
            } else if delimiter.starts_with(&text[at..]) {
                break;
            } else {
                parts.last_mut().unwrap().push(text[at]);
                at += 1;
            }
        }
        parts
    }

    #[test]
    fn a_large_piece_is_given_as_it_is() {
        let mut search = Search::new(&Boundary::new("b".to_owned()).unwrap());
        assert_eq!(search.next(&mut Bytes::from_static(b"--b")), Some(Found::Delimiter));
        let file = Bytes::from(b"line\r\n".repeat(1_000));
        let mut input = file.clone();
        let Some(Found::Data(data)) = search.next(&mut input) else { panic!("no data") };
        assert_eq!(data.as_ptr(), file.as_ptr());
        assert_eq!(data.len(), file.len() - 2);
    }

    proptest! {
        #[test]
        fn delimiters_are_found_however_the_body_is_cut(
            pieces in prop::collection::vec(
                prop_oneof![
                    Just("\r\n--ab".to_owned()), Just("\r\n--a".to_owned()), Just("\r".to_owned()),
                    Just("\r\n".to_owned()), Just("--ab".to_owned()), "[-ab\r\n]{0,6}"
                ],
                0..12,
            ),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let body = pieces.concat().into_bytes();
            let cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
            let found = parts(&body, "ab", &cuts);
            prop_assert_eq!(&found, &model(&body, "ab"));
        }
    }
}
