use std::io::IsTerminal;
use std::str::FromStr;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt, registry};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Logging cannot start.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The filter is not one.
    #[error("log filter {filter:?}: {reason}")]
    Filter {
        /// As it was given.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The text names no format.
    #[error("log format {0:?} is neither text nor json")]
    Format(String),
    /// Something in this process logs already.
    #[error("logging was started before")]
    Started,
}

impl FromStr for LogFormat {
    type Err = LoggingError;

    fn from_str(text: &str) -> Result<Self, LoggingError> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(LoggingError::Format(text.to_owned())),
        }
    }
}

/// Checks a filter, such as `info` or `warn,mucura_mesh=debug`.
///
/// # Errors
/// [`LoggingError::Filter`].
pub fn check_filter(filter: &str) -> Result<(), LoggingError> {
    parse(filter).map(drop)
}

fn parse(filter: &str) -> Result<Targets, LoggingError> {
    filter.parse().map_err(|e| LoggingError::Filter { filter: filter.to_owned(), reason: format!("{e}") })
}

/// Sends what this process logs to standard error, as far as `filter` lets it
/// pass.
///
/// # Errors
/// [`LoggingError`].
pub fn start_logging(format: LogFormat, filter: &str) -> Result<(), LoggingError> {
    let layer = fmt::layer().with_writer(std::io::stderr);
    let layer = match format {
        LogFormat::Text => layer.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    let filtered = layer.with_filter(parse(filter)?);
    registry().with(filtered).try_init().map_err(|_| LoggingError::Started)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_is_none_is_refused() {
        assert!(check_filter("info").is_ok());
        assert!(check_filter("warn,mucura_mesh=debug").is_ok());
        assert!(check_filter("mucura_mesh=loud").is_err());
        assert!("xml".parse::<LogFormat>().is_err());
    }
}
