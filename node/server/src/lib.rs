//! The binary `mucura`: configuration, making and joining sites, running a
//! node, the admin API, and the demo.
//!
//! Everything is built here and passed down: the runtime, drives, mesh,
//! metadata log, store and front end of a node ([`serve`]); its settings
//! ([`config`]) and its directory ([`node_dir`]). What concerns the whole site
//! lives in the metadata, not in files.
//!
//! Invariants: only [`demo`] starts processes, and who asks the operator's key
//! command for keys. Secrets come from files, that command or the environment,
//! never from arguments that others can read, save for the demo's. A node that cannot go on says what to do and ends with an error.

pub mod admin;
mod admin_client;
mod boot_disk;
pub mod cli;
mod commands;
pub mod config;
pub mod demo;
pub mod found;
mod http_server;
mod join;
pub mod node_dir;
mod notify;
mod reload;
pub mod serve;
mod signals;
mod site_keys;
mod tls;

pub use commands::run;

const _: () = assert!(
    !mucura_types::CAN_HAVE_PLANTED_BUGS,
    "planted bugs are for the simulation: build it apart from mucura"
);
