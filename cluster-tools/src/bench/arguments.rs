use clap::{Args, ValueEnum};

use crate::units::parse_bytes;

/// What the clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// Store new objects.
    Put,
    /// Fetch objects that were stored before the clock starts.
    Get,
    /// Ask for their size only.
    Head,
    /// List pages of up to 1,000 of them.
    List,
    /// Of ten requests six fetch, three store, one lists.
    Mixed,
}

/// Arguments of `bench`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  mucuractl bench put --size 64MiB --concurrency 8 --duration 30\n  \
    mucuractl bench mixed --size 4KiB --count 10000 --verify --json")]
pub(crate) struct BenchArguments {
    /// What to do.
    pub(crate) workload: Workload,
    /// Bytes of an object, such as 4KiB or 64MiB.
    #[arg(long, default_value = "1MiB", value_parser = parse_bytes)]
    pub(crate) size: u64,
    /// Clients at once.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) concurrency: u32,
    /// For how long, seconds; 10 unless --count is given.
    #[arg(long, conflicts_with = "count")]
    pub(crate) duration: Option<u32>,
    /// How many requests in all.
    #[arg(long)]
    pub(crate) count: Option<u64>,
    /// Objects to fetch from, ask for, or list; stored before the clock starts.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) objects: u32,
    /// Compare every byte fetched with what was stored.
    #[arg(long)]
    pub(crate) verify: bool,
    /// S3 endpoints, with commas between; by default those of all nodes.
    #[arg(long, value_delimiter = ',')]
    pub(crate) endpoint: Vec<String>,
    /// The site's region.
    #[arg(long, default_value = "us-east-1")]
    pub(crate) region: String,
    /// The bucket; made if it is not there.
    #[arg(long, default_value = "mucura-bench")]
    pub(crate) bucket: String,
    /// Have what is stored encrypted by the site's key (SSE-S3).
    #[arg(long)]
    pub(crate) sse: bool,
    /// Leave the objects there.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Processes of this machine whose CPU time is to be told, with commas
    /// between.
    #[arg(long, value_delimiter = ',')]
    pub(crate) pids: Vec<u32>,
}
