use std::io::IsTerminal;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;

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

fn parse(filter: &str) -> Result<EnvFilter, LoggingError> {
    EnvFilter::builder()
        .parse(filter)
        .map_err(|e| LoggingError::Filter { filter: filter.to_owned(), reason: e.to_string() })
}

/// Sends what this process logs to standard error, as far as `filter` lets it
/// pass.
///
/// # Errors
/// [`LoggingError`].
pub fn start_logging(format: LogFormat, filter: &str) -> Result<(), LoggingError> {
    let builder = tracing_subscriber::fmt().with_env_filter(parse(filter)?).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|_| LoggingError::Started)
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
