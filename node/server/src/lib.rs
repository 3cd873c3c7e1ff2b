//! The binary mucura: configuration, admin API, wiring, serve, demo.
