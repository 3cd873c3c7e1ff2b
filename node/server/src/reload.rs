//! Files that are read anew while the node runs: when they are looked at, and
//! when a change in them counts.

use std::time::Duration;

use ring::digest::{Context, SHA256};
use tokio::time::sleep;

use crate::signals::Hangup;

/// Between two looks at the files.
const LOOK: Duration = Duration::from_secs(2);

/// Why files are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// It is time to. What has changed counts once it stands still: files are
    /// not replaced at once.
    Time,
    /// Somebody says that they are as they should be.
    Told,
}

impl Occasion {
    /// Waits for the next one.
    pub(crate) async fn next(hangup: &mut Hangup) -> Self {
        tokio::select! {
            () = sleep(LOOK) => Self::Time,
            () = hangup.next() => Self::Told,
        }
    }
}

/// Tells contents apart without keeping them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    There([u8; 32]),
    /// They could not be read, and why.
    Unreadable(String),
}

impl Seen {
    /// These contents, of one file after the other.
    pub(crate) fn contents<'a>(files: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Context::new(&SHA256);
        for file in files {
            hash.update(&(file.len() as u64).to_be_bytes());
            hash.update(file);
        }
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(hash.finish().as_ref());
        Self::There(fingerprint)
    }
}

/// What was seen of files that are small enough to be read each time: times of
/// modification can stand still while contents change.
#[derive(Debug)]
pub(crate) struct Changes {
    /// At the last look.
    seen: Seen,
    /// What was last acted on.
    settled: Seen,
}

impl Changes {
    /// From files that were acted on.
    pub(crate) fn since(settled: Seen) -> Self {
        Self { seen: settled.clone(), settled }
    }

    /// Whether what there is now is to be acted on; then it counts as acted on.
    pub(crate) fn count(&mut self, now: Seen, occasion: Occasion) -> bool {
        let still = std::mem::replace(&mut self.seen, now.clone()) == now;
        if occasion == Occasion::Time && (!still || now == self.settled) {
            return false;
        }
        self.settled = now;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Seen {
        Seen::contents([text.as_bytes()])
    }

    #[test]
    fn a_change_counts_once_and_only_when_it_stands_still() {
        let mut changes = Changes::since(seen("old"));
        for (text, counts) in [
            ("old", false),
            ("ne", false),
            ("new", false),
            ("new", true),
            ("new", false),
            ("old", false),
            ("old", true),
        ] {
            assert_eq!(changes.count(seen(text), Occasion::Time), counts, "{text}");
        }
        for text in ["old", "newer"] {
            assert!(changes.count(seen(text), Occasion::Told), "whoever says so need not wait");
        }
        assert!(!changes.count(seen("newer"), Occasion::Time));
    }

    #[test]
    fn bytes_that_move_from_one_file_to_the_next_are_seen() {
        assert_ne!(Seen::contents([&b"ab"[..], b"c"]), Seen::contents([&b"a"[..], b"bc"]));
    }
}
