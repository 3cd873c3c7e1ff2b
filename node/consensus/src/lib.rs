//! The replicated log: openraft, write-ahead log, state stores, snapshots, linearizable reads.
