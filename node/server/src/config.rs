//! The configuration of one node: one TOML file, every key of which can come
//! from the environment instead. What concerns the whole site is in the
//! metadata, not here.

mod environment;
mod faults;
mod keys;
mod root_key;
mod settings;

pub use environment::Environment;
pub use faults::{ConfigError, Fault};
pub use keys::{KEYS, Key, example};
pub use root_key::{RootKey, RootKeyError};
pub(crate) use settings::is_host_and_port;
pub use settings::{
    AdminSettings, EncryptionSettings, LogSettings, MeshSettings, MetadataSettings, NodeSettings,
};
pub use settings::{RootSettings, S3Settings, Settings, StorageSettings};

/// What the file is called in a node's directory.
pub const CONFIG_FILE: &str = "mucura.toml";
/// Nobody needs a longer one.
pub const CONFIG_BYTES_MAX: usize = 1 << 20;
