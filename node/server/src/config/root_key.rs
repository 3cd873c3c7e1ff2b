use std::fmt;

use mucura_runtime::Runtime;

use crate::config::Environment;

const KEY_FILE_BYTES_MAX: usize = 4096;
const ACCESS_VARIABLE: &str = "MUCURA_ROOT_ACCESS_KEY";
const SECRET_VARIABLE: &str = "MUCURA_ROOT_SECRET_KEY";

/// The key pair of the root user, who may do everything. The same on all nodes
/// of a site.
#[derive(Clone, PartialEq, Eq)]
pub struct RootKey {
    /// The access key.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
}

/// There is no usable root key.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    /// The text is not a key pair.
    #[error("root key in {place}: {reason}")]
    Malformed {
        /// A file, or the environment.
        place: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The file cannot be read.
    #[error("read root key {path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// The system's error.
        source: std::io::Error,
    },
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RootKey").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

impl RootKey {
    /// Checks a pair: both printable ASCII without spaces and slashes, the access key of 3 to
    /// 128 characters, the secret of 8 to 128.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(access_key: &str, secret_key: &str) -> Result<Self, &'static str> {
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_graphic());
        if !(3..=128).contains(&access_key.len()) || !plain(access_key) || access_key.contains(['/', ',']) {
            return Err("an access key has 3 to 128 printable characters without / and ,");
        }
        if !(8..=128).contains(&secret_key.len()) || !plain(secret_key) {
            return Err("a secret key has 8 to 128 printable characters");
        }
        Ok(Self { access_key: access_key.to_owned(), secret_key: secret_key.to_owned() })
    }

    /// A new pair.
    ///
    /// # Errors
    /// The machine has no randomness to give.
    pub fn random(runtime: &Runtime) -> std::io::Result<Self> {
        let (mut access, mut secret) = ([0; 8], [0; 20]);
        runtime.entropy.fill(&mut access)?;
        runtime.entropy.fill(&mut secret)?;
        Ok(Self { access_key: format!("MK{}", hex::encode_upper(access)), secret_key: hex::encode(secret) })
    }

    /// The pair that the environment or else the file gives.
    ///
    /// # Errors
    /// [`RootKeyError`].
    pub async fn load(
        runtime: &Runtime,
        path: &std::path::Path,
        environment: &Environment,
    ) -> Result<Self, RootKeyError> {
        if let (Some(access), Some(secret)) =
            (environment.get(ACCESS_VARIABLE), environment.get(SECRET_VARIABLE))
        {
            let place = || format!("{ACCESS_VARIABLE} and {SECRET_VARIABLE}");
            return Self::new(access, secret)
                .map_err(|reason| RootKeyError::Malformed { place: place(), reason });
        }
        let (disk, file) = (runtime.disk.clone(), path.to_owned());
        let read =
            runtime.blocking.run(move || mucura_runtime::read_file(&*disk, &file, KEY_FILE_BYTES_MAX)).await;
        let failed = |source| RootKeyError::Io { path: path.display().to_string(), source };
        let bytes = read.map_err(|e| failed(e.into()))?.map_err(failed)?;
        let text = String::from_utf8_lossy(&bytes);
        Self::parse(&text)
            .map_err(|reason| RootKeyError::Malformed { place: path.display().to_string(), reason })
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        match (lines.next(), lines.next(), lines.next()) {
            (Some(access), Some(secret), None) => Self::new(access, secret),
            _ => Err("it must hold two lines: the access key and the secret key"),
        }
    }

    /// The contents of a key file.
    pub fn to_file(&self) -> String {
        format!("# The root user's access key and secret key.\n{}\n{}\n", self.access_key, self.secret_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_reads_back_as_it_was_written() {
        let key = RootKey::new("root", "a-long-secret").unwrap();
        assert_eq!(RootKey::parse(&key.to_file()).unwrap(), key);
        assert!(RootKey::parse("root\n").is_err());
        assert!(RootKey::parse("root\nshort\n").is_err());
        assert!(RootKey::parse("ro ot\na-long-secret\n").is_err());
        assert!(!format!("{key:?}").contains("a-long-secret"));
    }
}
