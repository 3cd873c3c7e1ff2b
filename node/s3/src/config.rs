use std::time::Duration;

/// How the front end answers.
#[derive(Clone, Debug)]
pub struct S3Config {
    /// The region that requests must be signed for.
    pub region: String,
    /// The names under which buckets appear as host names (`BUCKET.domain`).
    pub domains: Vec<String>,
    /// The storage classes that there are besides `STANDARD`.
    pub storage_classes: Vec<String>,
    /// The names under which the web sites of buckets appear as host names.
    pub website_domains: Vec<String>,
    /// What answers name this node by (`x-amz-id-2`). Visible text.
    pub host_id: String,
    /// The names under which clients may ask for the site's key as a key of a
    /// key service (`aws:kms`); the first is the default. None: they may not.
    pub kms_keys: Vec<String>,
    /// How long a request's dealings with the metadata may take.
    pub metadata_timeout: Duration,
    /// How long a client may send nothing of a body.
    pub idle_timeout: Duration,
}

impl S3Config {
    /// Without web sites, and with the usual time-outs: 5 s for the metadata, 30 s for a silent
    /// client.
    pub fn new(region: impl Into<String>, domains: Vec<String>, host_id: impl Into<String>) -> Self {
        Self {
            region: region.into(),
            domains,
            storage_classes: Vec::new(),
            website_domains: Vec::new(),
            host_id: host_id.into(),
            kms_keys: Vec::new(),
            metadata_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
        }
    }
}
