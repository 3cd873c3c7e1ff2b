mod cluster;
mod network;
mod replication;
mod snapshots;
mod storage;
mod suite;
