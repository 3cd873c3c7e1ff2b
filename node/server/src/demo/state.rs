use std::path::{Path, PathBuf};

use mucura_runtime::{Disk, read_file, replace_file};
use serde::{Deserialize, Serialize};

use crate::demo::ports::Ports;

/// The certificate that signs those of the nodes, if they speak HTTPS.
pub(super) const CA_FILE: &str = "ca.pem";
const STATE_FILE: &str = "demo.json";
const STATE_BYTES_MAX: usize = 1 << 20;

/// What a demo keeps across restarts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DemoState {
    /// How many nodes there are.
    pub(super) nodes: u16,
    /// Drives of each node.
    pub(super) drives: u16,
    /// Whether the S3 endpoints speak HTTPS. Demos of before spoke plain HTTP.
    #[serde(default)]
    pub(super) tls: bool,
    /// Where they listen.
    pub(super) ports: Ports,
    /// The root user's access key.
    pub(super) access_key: String,
    /// Its secret.
    pub(super) secret_key: String,
}

/// What the command line asked for; nothing where it was silent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) nodes: Option<u16>,
    pub(super) drives: Option<u16>,
    pub(super) tls: bool,
    pub(super) s3_port: Option<u16>,
    pub(super) access_key: Option<String>,
    pub(super) secret_key: Option<String>,
}

impl DemoState {
    /// The state in a demo's directory; none if no demo was there.
    pub(super) fn load(disk: &dyn Disk, dir: &Path) -> anyhow::Result<Option<Self>> {
        let path = dir.join(STATE_FILE);
        if !disk.exists(&path)? {
            return Ok(None);
        }
        let bytes = read_file(disk, &path, STATE_BYTES_MAX)?;
        let state = serde_json::from_slice(&bytes);
        state.map(Some).map_err(|e| anyhow::anyhow!("{} is damaged: {e}", path.display()))
    }

    pub(super) fn save(&self, disk: &dyn Disk, dir: &Path) -> anyhow::Result<()> {
        Ok(replace_file(disk, &dir.join(STATE_FILE), &serde_json::to_vec_pretty(self)?)?)
    }

    /// Says where a demo that exists differs from what is asked for.
    pub(super) fn differences(&self, wanted: &Wanted) -> Vec<String> {
        let mut told = Vec::new();
        let mut differ = |what: &str, here: u16, wanted: Option<u16>| {
            if let Some(wanted) = wanted.filter(|wanted| *wanted != here) {
                told.push(format!("{what} is {here}, not {wanted}"));
            }
        };
        differ("--nodes", self.nodes, wanted.nodes);
        differ("--drives", self.drives, wanted.drives);
        differ("--s3-port", self.ports.s3.first().copied().unwrap_or(0), wanted.s3_port);
        for (what, here, wanted) in [
            ("--access-key", &self.access_key, &wanted.access_key),
            ("--secret-key", &self.secret_key, &wanted.secret_key),
        ] {
            if wanted.as_ref().is_some_and(|wanted| wanted != here) {
                told.push(format!("{what} is another"));
            }
        }
        if wanted.tls && !self.tls {
            told.push("it speaks plain HTTP, without --tls".to_owned());
        }
        told
    }

    /// The directory of a node, counted from 1.
    pub(super) fn node_dir(dir: &Path, number: usize) -> PathBuf {
        dir.join(format!("node{number}"))
    }

    /// The admin URL of each node.
    pub(super) fn admin_urls(&self) -> Vec<String> {
        self.ports.admin.iter().map(|port| format!("http://127.0.0.1:{port}")).collect()
    }

    /// The S3 endpoint of each node.
    pub(super) fn endpoints(&self) -> Vec<String> {
        let scheme = if self.tls { "https" } else { "http" };
        self.ports.s3.iter().map(|port| format!("{scheme}://127.0.0.1:{port}")).collect()
    }

    /// The certificate that clients of the endpoints need; none for plain HTTP.
    pub(super) fn ca_certificate(&self, dir: &Path) -> Option<PathBuf> {
        self.tls.then(|| dir.join(CA_FILE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mucura_runtime::RealDisk;

    fn state() -> DemoState {
        DemoState {
            nodes: 2,
            drives: 1,
            tls: false,
            ports: Ports { s3: vec![9000, 9001], admin: vec![9002, 9003], mesh: vec![9004, 9005] },
            access_key: "demo".to_owned(),
            secret_key: "demo-secret".to_owned(),
        }
    }

    #[test]
    fn a_demo_is_found_again_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(DemoState::load(&RealDisk, dir.path()).unwrap(), None);
        state().save(&RealDisk, dir.path()).unwrap();
        assert_eq!(DemoState::load(&RealDisk, dir.path()).unwrap(), Some(state()));
    }

    #[test]
    fn a_demo_does_not_silently_become_another() {
        assert!(state().differences(&Wanted::default()).is_empty());
        let same = Wanted { nodes: Some(2), s3_port: Some(9000), ..Wanted::default() };
        assert!(state().differences(&same).is_empty());
        let other =
            Wanted { drives: Some(2), tls: true, secret_key: Some("x".to_owned()), ..Wanted::default() };
        assert_eq!(state().differences(&other).len(), 3);
        // A demo that speaks HTTPS goes on so.
        assert!(DemoState { tls: true, ..state() }.differences(&Wanted::default()).is_empty());
    }

    #[test]
    fn a_demo_of_before_speaks_plain_http() {
        let mut written = serde_json::to_value(state()).unwrap();
        written.as_object_mut().unwrap().remove("tls");
        assert_eq!(serde_json::from_value::<DemoState>(written).unwrap(), state());
    }
}
