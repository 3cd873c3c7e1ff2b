//! Drives, shard files, erasure code, quarantine.
