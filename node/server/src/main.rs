//! The binary `mucura`. All of it is in the library beside it.

use std::process::ExitCode;

use clap::Parser as _;
use mucura_server::cli::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Keys, certificates and data are nobody else's business.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(mucura_server::run(arguments)),
        Err(error) => Err(anyhow::Error::new(error).context("start the async runtime")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mucura: {error:#}");
            ExitCode::FAILURE
        }
    }
}
