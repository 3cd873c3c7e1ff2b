//! The state machine against models of what its users see.

#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)] // A test fails by panicking.

mod agreement;
mod commands;
mod cost;
mod history;
mod limits;
mod listings;
mod objects;
mod reference;
mod refusals;
mod rows;
mod shelf;
mod steps;
mod versions;
mod world;
