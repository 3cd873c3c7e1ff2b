use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Registry};

use crate::define;

/// How a node stands at the moment of a scrape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeSample {
    /// The program's version.
    pub version: String,
    /// Whether it takes part: its metadata can be read and its drives work.
    pub ready: bool,
    /// Its metadata log; none while that does not run.
    pub raft: Option<RaftSample>,
    /// Its own drives.
    pub drives: Vec<DriveSample>,
    /// Bytes of upload and download buffers in use.
    pub buffers_used_bytes: u64,
    /// Bytes of buffers there are.
    pub buffers_bytes: u64,
    /// Other nodes of the site that are known.
    pub peers_known: u64,
    /// Other nodes with a connection that is up.
    pub peers_connected: u64,
    /// How the site is; none if that is not known now.
    pub site: Option<SiteSample>,
    /// What lifecycle rules did here.
    pub lifecycle: LifecycleSample,
}

/// How the site is, as one node sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SiteSample {
    /// Stripes with a shard missing or not at its place.
    pub stripes_at_risk: u64,
    /// Events that wait for those who are to be told.
    pub events_waiting: u64,
    /// Events that were dropped because too many waited.
    pub events_lost: u64,
}

/// What lifecycle rules did on a node since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LifecycleSample {
    /// Objects that expired.
    pub objects_expired: u64,
    /// Noncurrent versions that were deleted.
    pub versions_expired: u64,
    /// Delete markers that were removed.
    pub markers_removed: u64,
    /// Uploads that were aborted.
    pub uploads_aborted: u64,
    /// Versions that got another storage class.
    pub transitions: u64,
    /// Seconds since the last complete pass; none if another node knows.
    pub pass_age_s: Option<u64>,
}

/// The metadata log of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RaftSample {
    /// Whether this node leads.
    pub leads: bool,
    /// The term.
    pub term: u64,
    /// The last entry in the log.
    pub last_log: u64,
    /// The last entry that is known to be on a majority.
    pub committed: u64,
    /// The last entry in the state.
    pub applied: u64,
    /// The last entry in the newest snapshot.
    pub snapshot: u64,
}

/// One drive of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DriveSample {
    /// Its number, or its path while it has none.
    pub drive: String,
    /// Whether it is in service.
    pub online: bool,
    /// Bytes of its file system.
    pub total_bytes: u64,
    /// Bytes that may still be written.
    pub free_bytes: u64,
}

/// Gauges that are set when they are asked for.
pub(crate) struct NodeGauges {
    info: IntGaugeVec,
    ready: IntGauge,
    raft_leads: IntGauge,
    raft_term: IntGauge,
    raft_index: IntGaugeVec,
    drive_online: IntGaugeVec,
    drive_total: IntGaugeVec,
    drive_free: IntGaugeVec,
    buffers_used: IntGauge,
    buffers: IntGauge,
    peers: IntGaugeVec,
    at_risk: IntGaugeVec,
    events_waiting: IntGaugeVec,
    events_lost: IntGaugeVec,
    lifecycle: IntCounterVec,
    lifecycle_age: IntGaugeVec,
}

impl NodeGauges {
    pub(crate) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let one = |name, help| define::gauge(registry, name, help);
        let many = |name, help, label| define::gauges(registry, name, help, &[label]);
        Ok(Self {
            info: many("mucura_node_info", "1; the label is the version of the program.", "version")?,
            ready: one("mucura_node_ready_state", "1 if the node is ready, 0 if not.")?,
            raft_leads: one("mucura_raft_leader_state", "1 if the node leads the metadata log, 0 if not.")?,
            raft_term: one("mucura_raft_term", "Term of the metadata log.")?,
            raft_index: many(
                "mucura_raft_index",
                "Index in the metadata log: last entry, committed, applied, newest snapshot.",
                "kind",
            )?,
            drive_online: many(
                "mucura_drive_online_state",
                "1 if the drive is in service, 0 if not.",
                "drive",
            )?,
            drive_total: many("mucura_drive_size_bytes", "Bytes of the drive's file system.", "drive")?,
            drive_free: many("mucura_drive_free_bytes", "Bytes that may still be written.", "drive")?,
            buffers_used: one("mucura_buffers_used_bytes", "Bytes of transfer buffers in use.")?,
            buffers: one("mucura_buffers_size_bytes", "Bytes of transfer buffers there are.")?,
            peers: many("mucura_mesh_peers", "Other nodes: known, and connected.", "state")?,
            // Vectors without labels: they show nothing while nothing is known.
            at_risk: define::gauges(
                registry,
                "mucura_site_at_risk_stripes",
                "Stripes of the site with a shard missing or not at its place.",
                &[],
            )?,
            events_waiting: define::gauges(
                registry,
                "mucura_site_waiting_events",
                "Events that wait for webhooks and in queues.",
                &[],
            )?,
            events_lost: define::gauges(
                registry,
                "mucura_site_lost_events",
                "Events dropped from the queues there are because too many waited.",
                &[],
            )?,
            lifecycle: define::counters(
                registry,
                "mucura_lifecycle_actions_total",
                "What lifecycle rules did: objects and versions expired, delete markers removed, uploads aborted, \
                 versions given another storage class.",
                &["action"],
            )?,
            lifecycle_age: define::gauges(
                registry,
                "mucura_lifecycle_pass_age_seconds",
                "Since the last complete pass over all lifecycle rules; shown by the node that leads.",
                &[],
            )?,
        })
    }

    pub(crate) fn set(&self, now: &NodeSample) {
        self.info.reset();
        self.info.with_label_values(&[now.version.as_str()]).set(1);
        self.ready.set(i64::from(now.ready));
        self.raft_index.reset();
        let raft = now.raft.unwrap_or_default();
        self.raft_leads.set(i64::from(raft.leads));
        self.raft_term.set(gauge(raft.term));
        if now.raft.is_some() {
            for (kind, index) in [
                ("last_log", raft.last_log),
                ("committed", raft.committed),
                ("applied", raft.applied),
                ("snapshot", raft.snapshot),
            ] {
                self.raft_index.with_label_values(&[kind]).set(gauge(index));
            }
        }
        for gauges in [&self.drive_online, &self.drive_total, &self.drive_free] {
            gauges.reset();
        }
        for drive in &now.drives {
            let label = [drive.drive.as_str()];
            self.drive_online.with_label_values(&label).set(i64::from(drive.online));
            self.drive_total.with_label_values(&label).set(gauge(drive.total_bytes));
            self.drive_free.with_label_values(&label).set(gauge(drive.free_bytes));
        }
        self.buffers_used.set(gauge(now.buffers_used_bytes));
        self.buffers.set(gauge(now.buffers_bytes));
        self.peers.with_label_values(&["known"]).set(gauge(now.peers_known));
        self.peers.with_label_values(&["connected"]).set(gauge(now.peers_connected));
        for (gauges, count) in [
            (&self.at_risk, now.site.map(|site| site.stripes_at_risk)),
            (&self.events_waiting, now.site.map(|site| site.events_waiting)),
            (&self.events_lost, now.site.map(|site| site.events_lost)),
        ] {
            gauges.reset();
            if let Some(count) = count {
                gauges.with_label_values::<&str>(&[]).set(gauge(count));
            }
        }
        self.set_lifecycle(&now.lifecycle);
    }
}

impl NodeGauges {
    fn set_lifecycle(&self, now: &LifecycleSample) {
        self.lifecycle.reset();
        for (action, count) in [
            ("expire_object", now.objects_expired),
            ("expire_version", now.versions_expired),
            ("remove_marker", now.markers_removed),
            ("abort_upload", now.uploads_aborted),
            ("transition", now.transitions),
        ] {
            self.lifecycle.with_label_values(&[action]).inc_by(count);
        }
        self.lifecycle_age.reset();
        if let Some(age_s) = now.pass_age_s {
            self.lifecycle_age.with_label_values::<&str>(&[]).set(gauge(age_s));
        }
    }
}

fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
