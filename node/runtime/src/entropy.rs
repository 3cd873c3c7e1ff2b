use ring::rand::{SecureRandom, SystemRandom};

/// A source of randomness: the system's, or a seeded one in a simulation.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes` with random bytes fit for keys and nonces.
    ///
    /// # Errors
    /// The system has no randomness to give; nothing that needs it can go on.
    fn fill(&self, bytes: &mut [u8]) -> std::io::Result<()>;
}

impl dyn Entropy {
    /// A random number.
    ///
    /// # Errors
    /// As [`Entropy::fill`].
    pub fn number(&self) -> std::io::Result<u64> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }
}

/// The operating system's randomness.
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) -> std::io::Result<()> {
        SystemRandom::new().fill(bytes).map_err(|_| std::io::Error::other("the system gave no randomness"))
    }
}
