use std::time::{Duration, UNIX_EPOCH};

/// Milliseconds since the Unix epoch, to sign requests with.
#[allow(clippy::disallowed_methods)] // A client beside the house: it runs on no seam.
pub(crate) fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
