//! `mucuractl`: what operators do to a site, over the admin API only.
//!
//! Tables are for people, `--json` is for programs. The site is found by
//! `--admin`, the environment, or a profile file; several admin URLs are tried
//! in turn. Exit codes: 0 done, 1 failed, 2 not understood, 3 denied (`policy
//! explain`).
//!
//! Invariant: it reads no files of a node and knows nothing that the admin API
//! does not tell; the benchmark also speaks S3.

mod access;
mod bench;
mod cli;
mod client;
mod clock;
mod commands;
mod drives;
mod encryption;
mod events;
mod http_connection;
mod people;
mod policy;
mod site_status;
mod table;
mod units;

use std::process::ExitCode;

use clap::Parser as _;

use crate::commands::Outcome;

const DENIED: u8 = 3;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(commands::run(arguments)),
        Err(error) => Err(anyhow::Error::new(error).context("start the async runtime")),
    };
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Denied) => ExitCode::from(DENIED),
        Err(error) => {
            eprintln!("mucuractl: {error:#}");
            ExitCode::FAILURE
        }
    }
}
