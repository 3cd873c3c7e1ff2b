//! Metric definitions and tracing set-up.
