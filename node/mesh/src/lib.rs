//! QUIC endpoint, mutual TLS identity, RPC and bulk streams.
