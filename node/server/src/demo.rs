//! A whole site on one machine, for trying and for tests: one `mucura serve`
//! process a node, all of them children of the demo.
//!
//! Data, keys and ports live in the demo's directory and outlast it. A node
//! that was killed stays down until `mucura demo-node` starts it again. When
//! the demo ends, however it ends, its nodes end too: each watches its standard
//! input, whose other end the demo holds.
//!
//! Invariant: this module alone starts processes.

mod authority;
mod control;
mod hints;
mod lines;
mod node_command;
mod ports;
mod process;
mod site;
mod state;
mod supervisor;

#[cfg(test)]
pub(crate) use authority::Authority;
pub use node_command::{NodeAction, node_command};
pub use supervisor::{DemoOptions, run};
