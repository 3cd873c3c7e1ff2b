use std::os::fd::AsFd as _;

use anyhow::Context as _;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;

/// Waits for the end of standard input, which must be a pipe. What comes
/// before it is not looked at.
pub(crate) async fn stdin_end() -> anyhow::Result<()> {
    let stdin = std::io::stdin().as_fd().try_clone_to_owned().context("standard input")?;
    let mut pipe = pipe::Receiver::from_owned_fd(stdin).context("standard input is not a pipe")?;
    let mut ignored = [0; 256];
    while pipe.read(&mut ignored).await.context("standard input")? > 0 {}
    Ok(())
}
