mod cluster;
mod network;
mod replication;
