//! Drives, shard files and the erasure code: where bytes live on one machine.
//!
//! A [`Drive`] is one directory that holds shards under their names. A write
//! through it is either a whole shard on stable storage or nothing; every byte
//! that it gives out has been checked against the hash that was written with
//! it; a shard that does not match goes into quarantine and is reported. The
//! [`ErasureCode`] makes parity cells, [`ChunkLayout`] says where the bytes of a
//! chunk lie, and one [`BufferPool`] bounds the memory of a node.
//!
//! Formats: `docs/formats/shard.md`, `docs/formats/drive.md`.
//!
//! Invariants: it knows nothing of the network or of the metadata. A file
//! without a valid trailer is not a shard. Nothing is acknowledged before file
//! and name are on stable storage. A directory that does not say that it is the
//! expected drive is never written to. All of the machine is reached through
//! `mucura_runtime`. No other crate names `reed-solomon-erasure`.

mod buffers;
mod codec;
mod dir_syncs;
mod drive;
mod error;
mod identity;
mod inventory;
mod layout;
mod matrix;
mod open_shards;
mod reads;
mod reports;
mod shard;
mod shard_file;
mod shard_reader;
mod shard_write;

mod stop_mark;
mod trailer;
mod volume;

pub use buffers::{Buffer, BufferPool, PoolExhausted};
pub use codec::{ErasureCode, cpu_supported};
pub use drive::{Drive, DriveOptions, DriveStats, READ_BYTES_MAX};
pub use error::ChunkError;
pub use identity::DriveIdentity;
pub use layout::{ChunkLayout, Piece};
pub use reads::ShardPage;
pub use reports::{Report, ReportKind, Reports};
pub use shard::{KEY_BYTES_MAX, ShardHeader, ShardName};
pub use shard_write::ShardWrite;
pub use volume::DriveState;
