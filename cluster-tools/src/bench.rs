//! The benchmark: many clients at once that put, get or list objects through
//! every endpoint of the site, and what that took.

mod arguments;
mod cpu;
mod latency;
mod meter;
mod pattern;
mod report;
mod run;
mod s3_client;

pub(crate) use arguments::BenchArguments;
pub(crate) use run::run;
