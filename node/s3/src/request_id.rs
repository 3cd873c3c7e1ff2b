use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use mucura_runtime::Entropy;

/// What one request is found by in answers and logs: 16 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RequestId(u64);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", self.0)
    }
}

/// Gives ids: none twice, and those of two nodes far apart.
pub(crate) struct RequestIds(AtomicU64);

impl RequestIds {
    pub(crate) fn new(entropy: &dyn Entropy) -> std::io::Result<Self> {
        Ok(Self(AtomicU64::new(entropy.number()?)))
    }

    pub(crate) fn next(&self) -> RequestId {
        /// Odd, so that 2^64 steps pass through 2^64 numbers (the golden ratio's fraction).
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        RequestId(self.0.fetch_add(STEP, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mucura_runtime::OsEntropy;
    use std::collections::HashSet;

    #[test]
    fn no_id_is_given_twice() {
        let ids = RequestIds::new(&OsEntropy).unwrap();
        let given: HashSet<String> = (0..10_000).map(|_| ids.next().to_string()).collect();
        assert_eq!(given.len(), 10_000);
        assert!(given.iter().all(|id| id.len() == 16));
    }
}
