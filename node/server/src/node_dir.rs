//! What lies in a node's directory, besides the drives, and how it is read and
//! written.

mod membership;
mod metadata_mark;
mod secrets;

use std::io;
use std::path::{Path, PathBuf};

use mucura_mesh::NodeIdentity;
use mucura_runtime::{Disk, read_file, replace_file};

pub use membership::{KnownNode, Membership};
pub use secrets::{SITE_SECRETS_PURPOSE, SiteKeyBytes, SiteSecrets};

/// Nothing in the directory that is read whole is longer.
const FILE_BYTES_MAX: usize = 1 << 20;

/// A node's directory. Calls block.
#[derive(Clone, Debug)]
pub struct NodeDir {
    dir: PathBuf,
}

/// A file of the directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NodeDirError {
    /// The system's error.
    #[error("{op} {}: {source}", path.display())]
    Io {
        /// What was being done.
        op: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The directory is a node's already.
    #[error("{} is the directory of a node already", path.display())]
    Taken {
        /// Which.
        path: PathBuf,
    },
    /// The node had metadata, which is not there any more.
    #[error(
        "the metadata of this node is lost: {}: {reason}. With an empty log it must not vote under its old \
         number. Bring the directory back; if it is lost for good, make the machine a new node in another \
         directory (`mucura join`)",
        path.display()
    )]
    MetadataLost {
        /// Where it was.
        path: PathBuf,
        /// How that is known.
        reason: String,
    },
    /// Another process runs the node.
    #[error("{} is in use by another process", path.display())]
    InUse {
        /// Which.
        path: PathBuf,
    },
}

type Done<T> = Result<T, NodeDirError>;

impl NodeDir {
    /// The directory at `dir`, whether it exists or not.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.dir.join(crate::config::CONFIG_FILE)
    }

    /// The metadata's log, snapshots and state.
    pub fn meta(&self) -> PathBuf {
        self.dir.join("meta")
    }

    /// The root user's key pair.
    pub fn root_key(&self) -> PathBuf {
        self.dir.join("root.key")
    }

    /// Join tokens that were used.
    pub(crate) fn used_tokens(&self) -> PathBuf {
        self.dir.join("used-tokens")
    }

    fn membership_file(&self) -> PathBuf {
        self.dir.join("node.toml")
    }

    fn site_key_file(&self) -> PathBuf {
        self.dir.join("site.key")
    }

    fn founding_file(&self) -> PathBuf {
        self.dir.join("founding")
    }

    fn tls(&self, name: &str) -> PathBuf {
        self.dir.join("tls").join(name)
    }

    /// Makes the directory for a node that is to be.
    ///
    /// # Errors
    /// `Taken`, `Io`.
    pub fn create(&self, disk: &dyn Disk) -> Done<()> {
        let there = disk.exists(&self.membership_file()).map_err(self.io("look at", &self.dir))?;
        if there {
            return Err(NodeDirError::Taken { path: self.dir.clone() });
        }
        disk.create_dir_all(&self.dir.join("tls")).map_err(self.io("make", &self.dir))
    }

    /// Takes the directory for this process, for as long as the result lives.
    ///
    /// # Errors
    /// `InUse`, `Io`.
    pub fn lock(&self, disk: &dyn Disk) -> Done<Box<dyn Send + Sync>> {
        let path = self.dir.join("lock");
        disk.lock(&path).map_err(|source| match source.kind() {
            io::ErrorKind::WouldBlock => NodeDirError::InUse { path: self.dir.clone() },
            _ => NodeDirError::Io { op: "lock", path, source },
        })
    }

    /// Who the node is.
    ///
    /// # Errors
    /// `Malformed`, `Io`.
    pub fn membership(&self, disk: &dyn Disk) -> Done<Membership> {
        let path = self.membership_file();
        let text = self.read(disk, &path)?;
        Membership::parse(&text).map_err(|reason| NodeDirError::Malformed { path, reason })
    }

    /// Says who the node is. The last file of a new directory to be written:
    /// without it the directory is not a node's.
    ///
    /// # Errors
    /// `Io`.
    pub fn set_membership(&self, disk: &dyn Disk, membership: &Membership) -> Done<()> {
        self.write(disk, &self.membership_file(), membership.to_toml().as_bytes())?;
        let above = self.dir.parent().filter(|above| !above.as_os_str().is_empty());
        above.map_or(Ok(()), |above| disk.sync_dir(above).map_err(self.io("sync", above)))
    }

    /// The key that seals what must not stand in the log in the clear.
    ///
    /// # Errors
    /// `Malformed`, `Io`.
    pub fn site_key(&self, disk: &dyn Disk) -> Done<SiteKeyBytes> {
        let path = self.site_key_file();
        let text = self.read(disk, &path)?;
        SiteKeyBytes::parse(&text).map_err(|reason| NodeDirError::Malformed { path, reason })
    }

    /// Keeps the site's key.
    ///
    /// # Errors
    /// `Io`.
    pub fn set_site_key(&self, disk: &dyn Disk, key: &SiteKeyBytes) -> Done<()> {
        self.write(disk, &self.site_key_file(), key.to_file().as_bytes())
    }

    /// The node's certificate, its key, and the site's CA.
    ///
    /// # Errors
    /// `Malformed`, `Io`.
    pub fn identity(&self, disk: &dyn Disk) -> Done<NodeIdentity> {
        let text = |name| self.read(disk, &self.tls(name));
        let (ca, cert, key) = (text("ca.pem")?, text("node.pem")?, text("node.key")?);
        NodeIdentity::parse(&ca, &cert, &key)
            .map_err(|e| NodeDirError::Malformed { path: self.dir.join("tls"), reason: e.to_string() })
    }

    /// Keeps the node's certificate, its key, and the site's CA.
    ///
    /// # Errors
    /// `Io`.
    pub fn set_identity(&self, disk: &dyn Disk, identity: &NodeIdentity) -> Done<()> {
        self.write(disk, &self.tls("ca.pem"), identity.ca_cert_pem.as_bytes())?;
        self.write(disk, &self.tls("node.key"), identity.key_pem.as_bytes())?;
        self.write(disk, &self.tls("node.pem"), identity.cert_pem.as_bytes())
    }

    /// The sealed secrets of a site that this node is to set up; none once
    /// that is done.
    ///
    /// # Errors
    /// `Malformed`, `Io`.
    pub fn founding(&self, disk: &dyn Disk) -> Done<Option<Vec<u8>>> {
        let path = self.founding_file();
        if !disk.exists(&path).map_err(self.io("look at", &path))? {
            return Ok(None);
        }
        let text = self.read(disk, &path)?;
        let bytes = hex::decode(text.trim());
        bytes.map(Some).map_err(|e| NodeDirError::Malformed { path, reason: e.to_string() })
    }

    /// Notes that this node is to set up the site.
    ///
    /// # Errors
    /// `Io`.
    pub fn set_founding(&self, disk: &dyn Disk, sealed_secrets: &[u8]) -> Done<()> {
        self.write(disk, &self.founding_file(), hex::encode(sealed_secrets).as_bytes())
    }

    /// The site is set up.
    ///
    /// # Errors
    /// `Io`.
    pub fn clear_founding(&self, disk: &dyn Disk) -> Done<()> {
        let path = self.founding_file();
        disk.remove_file(&path).and_then(|()| disk.sync_dir(&self.dir)).map_err(self.io("remove", &path))
    }

    /// A text file of the directory, or of another place.
    ///
    /// # Errors
    /// `Malformed`, `Io`.
    pub fn read(&self, disk: &dyn Disk, path: &Path) -> Done<String> {
        let bytes = read_file(disk, path, FILE_BYTES_MAX).map_err(self.io("read", path))?;
        String::from_utf8(bytes).map_err(|_| NodeDirError::Malformed {
            path: path.to_owned(),
            reason: "it is not text".to_owned(),
        })
    }

    /// Replaces a file as a whole.
    ///
    /// # Errors
    /// `Io`.
    pub fn write(&self, disk: &dyn Disk, path: &Path, contents: &[u8]) -> Done<()> {
        replace_file(disk, path, contents).map_err(self.io("write", path))
    }

    #[allow(clippy::unused_self)] // Reads better at the call.
    fn io(&self, op: &'static str, path: &Path) -> impl FnOnce(io::Error) -> NodeDirError {
        let path = path.to_owned();
        move |source| NodeDirError::Io { op, path, source }
    }
}
