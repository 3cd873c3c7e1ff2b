use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use crate::encryption::{BUILT_IN, KeyFingerprint, KeyId, KeyRing};
use crate::error::StoreError;
use crate::sealed::SiteKey;
use crate::store::Store;

/// The encryption keys of the site as this node has them now.
pub(crate) struct KeyKeeper(RwLock<Keys>);

struct Keys {
    ring: Arc<KeyRing>,
    /// What every number stood for since the node started.
    known: BTreeMap<KeyId, KeyFingerprint>,
}

/// Why keys are not taken into use.
#[derive(Debug, thiserror::Error)]
pub enum KeysRefused {
    /// One has the number of the key that every site has.
    #[error("the number 0 is that of the key that every site has")]
    BuiltIn,
    /// A number has been that of another key since the node started. What was
    /// wrapped by that one would be lost.
    #[error("the key with the number {0} is not the one that it was: a new key needs a new number")]
    OtherKey(KeyId),
    /// The cipher does not take a key.
    #[error("the cipher does not take a key")]
    Cipher,
}

/// The encryption keys that a node has, for people to compare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysStatus {
    /// The number of the key that wraps.
    pub active: u32,
    /// All keys, in order of number.
    pub keys: Vec<KeyStatus>,
}

/// A key, without what is secret of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyStatus {
    /// Its number.
    pub number: u32,
    /// What it is known by.
    pub fingerprint: String,
}

impl KeyStatus {
    pub(crate) fn of(id: KeyId, fingerprint: KeyFingerprint) -> Self {
        Self { number: id.0, fingerprint: fingerprint.to_string() }
    }
}

impl fmt::Display for KeyStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.number, self.fingerprint)
    }
}

impl KeyKeeper {
    pub(crate) fn new(site_key: &SiteKey) -> Result<Self, StoreError> {
        let ring = KeyRing::new(BUILT_IN, site_key.for_objects()).map_err(StoreError::internal)?;
        let known = ring.fingerprints().collect();
        Ok(Self(RwLock::new(Keys { ring: Arc::new(ring), known })))
    }

    pub(crate) fn ring(&self) -> Arc<KeyRing> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).ring.clone()
    }

    pub(crate) fn status(&self) -> KeysStatus {
        let ring = self.ring();
        let keys = ring.fingerprints().map(|(id, fingerprint)| KeyStatus::of(id, fingerprint)).collect();
        KeysStatus { active: ring.active().0, keys }
    }

    fn replace(&self, keys: KeyRing, site_key: &SiteKey) -> Result<(), KeysRefused> {
        if keys.ids().any(|id| id == BUILT_IN) {
            return Err(KeysRefused::BuiltIn);
        }
        let keys = keys.with(BUILT_IN, site_key.for_objects()).map_err(|_| KeysRefused::Cipher)?;
        let mut now = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let other = |(id, is): &(KeyId, KeyFingerprint)| now.known.get(id).is_some_and(|was| was != is);
        if let Some((number, _)) = keys.fingerprints().find(other) {
            return Err(KeysRefused::OtherKey(number));
        }
        now.known.extend(keys.fingerprints());
        now.ring = Arc::new(keys);
        Ok(())
    }
}

impl Store {
    /// Takes other encryption keys into use, beside the one that every site
    /// has: new objects are sealed by the active one.
    ///
    /// # Errors
    /// [`KeysRefused`]: those of before stay.
    pub fn use_keys(&self, keys: KeyRing) -> Result<(), KeysRefused> {
        let inner = self.inner();
        inner.keys.replace(keys, &inner.site_key)
    }

    /// The encryption keys that this node has.
    pub fn own_keys(&self) -> KeysStatus {
        self.inner().keys.status()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(active: u32, key: u8) -> KeyRing {
        KeyRing::new(KeyId(active), &[key; 32]).unwrap()
    }

    #[test]
    fn keys_are_used_beside_the_one_that_every_site_has() {
        let site_key = SiteKey::new(&[9; 32]).unwrap();
        let keeper = KeyKeeper::new(&site_key).unwrap();
        let before = keeper.status();
        assert_eq!((before.active, before.keys.len()), (0, 1));
        keeper.replace(ring(2, 2).with(KeyId(1), &[1; 32]).unwrap(), &site_key).unwrap();
        let after = keeper.status();
        assert_eq!(after.active, 2);
        assert_eq!(after.keys.iter().map(|key| key.number).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(after.keys[0], before.keys[0]);
    }

    #[test]
    fn a_number_is_never_given_to_another_key() {
        let site_key = SiteKey::new(&[9; 32]).unwrap();
        let keeper = KeyKeeper::new(&site_key).unwrap();
        assert!(matches!(keeper.replace(ring(0, 1), &site_key), Err(KeysRefused::BuiltIn)));
        keeper.replace(ring(1, 1), &site_key).unwrap();
        let kept = keeper.status();
        let other = |keeper: &KeyKeeper| keeper.replace(ring(1, 2), &site_key);
        assert!(matches!(other(&keeper), Err(KeysRefused::OtherKey(KeyId(1)))));
        assert_eq!(keeper.status(), kept);
        // Nor after the key was taken out.
        keeper.replace(ring(2, 2), &site_key).unwrap();
        assert!(matches!(other(&keeper), Err(KeysRefused::OtherKey(KeyId(1)))));
        keeper.replace(ring(1, 1), &site_key).unwrap();
    }
}
