use std::collections::BTreeMap;

use mucura_types::StoreId;

use crate::node_dir::{NodeDir, NodeDirError};
use mucura_runtime::Disk;

/// Tokens that were used and have not expired: each lets one machine in, which
/// may ask again if the answer was lost. Kept in a file of the node that let
/// the tokens out, which alone takes them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct UsedTokens(BTreeMap<[u8; 16], Used>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Used {
    expires_ms: u64,
    by: StoreId,
}

/// The token was used by another machine.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token was used before")]
pub(crate) struct TokenRefused;

impl UsedTokens {
    /// Those in the node's file.
    pub(crate) fn load(disk: &dyn Disk, dir: &NodeDir) -> Result<Self, NodeDirError> {
        let path = dir.used_tokens();
        match dir.read(disk, &path) {
            Ok(text) => Self::parse(&text).ok_or_else(|| NodeDirError::Malformed {
                path,
                reason: "it is damaged; remove it".to_owned(),
            }),
            Err(NodeDirError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            Err(error) => Err(error),
        }
    }

    /// Keeps them.
    pub(crate) fn save(&self, disk: &dyn Disk, dir: &NodeDir) -> Result<(), NodeDirError> {
        dir.write(disk, &dir.used_tokens(), self.text().as_bytes())
    }

    /// Notes that the machine with the store `by` uses a token.
    pub(crate) fn take(
        &mut self,
        id: [u8; 16],
        expires_ms: u64,
        by: StoreId,
        now_ms: u64,
    ) -> Result<(), TokenRefused> {
        self.0.retain(|_, used| used.expires_ms > now_ms);
        match self.0.insert(id, Used { expires_ms, by }) {
            Some(before) if before.by != by => {
                self.0.insert(id, before);
                Err(TokenRefused)
            }
            _ => Ok(()),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut tokens = BTreeMap::new();
        for line in text.lines() {
            let mut words = line.split(' ');
            let mut id = [0; 16];
            hex::decode_to_slice(words.next()?, &mut id).ok()?;
            let used = Used { expires_ms: words.next()?.parse().ok()?, by: words.next()?.parse().ok()? };
            tokens.insert(id, used);
        }
        Some(Self(tokens))
    }

    fn text(&self) -> String {
        let line =
            |(id, used): (&[u8; 16], &Used)| format!("{} {} {}\n", hex::encode(id), used.expires_ms, used.by);
        self.0.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mucura_runtime::RealDisk;

    #[test]
    fn a_token_lets_one_machine_in_also_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let dir = NodeDir::at(dir.path());
        let (one, other) = (StoreId([1; 16]), StoreId([2; 16]));
        let mut tokens = UsedTokens::load(&RealDisk, &dir).unwrap();
        tokens.take([7; 16], 100, one, 10).unwrap();
        tokens.save(&RealDisk, &dir).unwrap();
        let mut tokens = UsedTokens::load(&RealDisk, &dir).unwrap();
        assert_eq!(tokens.take([7; 16], 100, other, 20), Err(TokenRefused));
        assert_eq!(tokens.take([7; 16], 100, one, 20), Ok(()));
        tokens.take([8; 16], 200, other, 150).unwrap();
        assert_eq!(tokens.0.len(), 1, "an expired token is forgotten");
    }
}
