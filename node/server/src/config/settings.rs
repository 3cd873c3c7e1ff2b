use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use mucura_telemetry::{LogFormat, check_filter};
use serde::{Deserialize, Serialize};

use crate::config::environment::{self, Environment};
use crate::config::faults::{ConfigError, Fault};

/// The longest name of a KMS key that S3 takes, bytes.
const KMS_NAME_BYTES_MAX: usize = 1024;

/// The settings of one node, as written. [`Settings::read`] checks them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// `[node]`
    pub node: NodeSettings,
    /// `[mesh]`
    pub mesh: MeshSettings,
    /// `[s3]`
    pub s3: S3Settings,
    /// `[admin]`
    pub admin: AdminSettings,
    /// `[storage]`
    pub storage: StorageSettings,
    /// `[lifecycle]`
    pub lifecycle: LifecycleSettings,
    /// `[metadata]`
    pub metadata: MetadataSettings,
    /// `[encryption]`
    pub encryption: EncryptionSettings,
    /// `[root]`
    pub root: RootSettings,
    /// `[log]`
    pub log: LogSettings,
}

/// What a key means is said once, in [`crate::config::KEYS`].
macro_rules! section {
    ($name:ident { $($field:ident: $type:ty = $default:expr),* $(,)? }) => {
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        #[allow(missing_docs)]
        pub struct $name {
            $(pub $field: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }
    };
}

section!(NodeSettings { dir: PathBuf = PathBuf::new(), threads: u32 = 32, drain_s: u32 = 20 });
section!(MeshSettings { listen: String = "127.0.0.1:7400".to_owned(), advertise: String = String::new() });
section!(S3Settings {
    listen: String = "127.0.0.1:9000".to_owned(),
    url: String = String::new(),
    tls_certificate: PathBuf = PathBuf::new(),
    tls_key: PathBuf = PathBuf::new(),
    region: String = "us-east-1".to_owned(),
    domains: Vec<String> = Vec::new(),
    storage_classes: Vec<String> = Vec::new(),
    website_domains: Vec<String> = Vec::new(),
});
section!(AdminSettings { listen: String = "127.0.0.1:9400".to_owned(), url: String = String::new() });
section!(StorageSettings {
    drives: Vec<PathBuf> = Vec::new(),
    buffers_mib: u32 = 128,
    gc_grace_s: u32 = 86_400,
    scrub_days: u32 = 30,
});
section!(LifecycleSettings {
    enabled: u32 = 1,
    day_s: u32 = 86_400,
    looks_per_s: u32 = 5_000,
    changes_per_s: u32 = 200,
});
section!(MetadataSettings { cache_mib: u32 = 64, snapshot_log_mib: u32 = 256 });
section!(EncryptionSettings {
    key_file: PathBuf = PathBuf::new(),
    key_command: String = String::new(),
    kms_keys: Vec<String> = Vec::new(),
});
section!(RootSettings { key_file: PathBuf = PathBuf::from("root.key") });
section!(LogSettings {
    format: String = "text".to_owned(),
    filter: String = "info,openraft=error".to_owned()
});

impl S3Settings {
    /// Whether the endpoint speaks HTTPS, and not plain HTTP.
    pub fn speaks_https(&self) -> bool {
        !self.tls_certificate.as_os_str().is_empty()
    }

    /// The URL of the endpoint if none is given.
    pub(crate) fn usual_url(&self) -> String {
        let scheme = if self.speaks_https() { "https" } else { "http" };
        format!("{scheme}://{}", self.listen)
    }
}

impl EncryptionSettings {
    fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if !self.key_file.as_os_str().is_empty() && !self.key_command.is_empty() {
            let reason = "the keys come from a file or from a command: one of them must be empty";
            faults.push(("encryption.key_command", reason.to_owned()));
        }
        let mut seen = BTreeSet::new();
        for name in &self.kms_keys {
            // They come and go in headers.
            let fits =
                (1..=KMS_NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic());
            if !fits {
                let reason =
                    format!("{name:?} is not 1 to {KMS_NAME_BYTES_MAX} printable characters without spaces");
                faults.push(("encryption.kms_keys", reason));
            } else if !seen.insert(name) {
                faults.push(("encryption.kms_keys", format!("{name:?} is named twice")));
            }
        }
        faults
    }
}

impl Settings {
    /// The settings in `text`, the contents of the file at `path`, with what
    /// `environment` says instead. Paths come out absolute if `path` is.
    ///
    /// # Errors
    /// [`ConfigError`], with every fault there is.
    pub fn read(text: &str, path: &Path, environment: &Environment) -> Result<Self, ConfigError> {
        let (table, mut faults, lines) = environment::merge(text, environment);
        let mut settings: Self = match toml::Value::Table(table).try_into() {
            Ok(settings) => settings,
            Err(error) => {
                if faults.is_empty() {
                    faults.push(Fault::at(None, "", error.message()));
                }
                return Err(ConfigError { path: path.to_owned(), faults });
            }
        };
        for (key, reason) in settings.faults() {
            faults.push(Fault::at(lines.get(key).copied(), key, &reason));
        }
        if !faults.is_empty() {
            faults.sort();
            return Err(ConfigError { path: path.to_owned(), faults });
        }
        settings.complete(path);
        Ok(settings)
    }

    /// Fills in what follows from other keys.
    fn complete(&mut self, path: &Path) {
        let beside = path.parent().unwrap_or_else(|| Path::new(""));
        self.node.dir = beside.join(&self.node.dir);
        if self.mesh.advertise.is_empty() {
            self.mesh.advertise.clone_from(&self.mesh.listen);
        }
        if self.s3.url.is_empty() {
            self.s3.url = self.s3.usual_url();
        }
        if self.admin.url.is_empty() {
            self.admin.url = format!("http://{}", self.admin.listen);
        }
        for drive in &mut self.storage.drives {
            *drive = self.node.dir.join(&*drive);
        }
        if self.s3.speaks_https() {
            self.s3.tls_certificate = self.node.dir.join(&self.s3.tls_certificate);
            self.s3.tls_key = self.node.dir.join(&self.s3.tls_key);
        }
        if !self.encryption.key_file.as_os_str().is_empty() {
            self.encryption.key_file = self.node.dir.join(&self.encryption.key_file);
        }
        self.root.key_file = self.node.dir.join(&self.root.key_file);
    }

    /// As TOML, to be read again.
    pub fn to_toml(&self) -> String {
        // Plain strings, numbers and lists in two levels of tables.
        toml::to_string(self).unwrap_or_default()
    }

    /// As TOML, what differs from the defaults: for the file of a new node.
    pub fn to_file(&self) -> String {
        let mut table = toml::Table::try_from(self).unwrap_or_default();
        let defaults = toml::Table::try_from(Self::default()).unwrap_or_default();
        for (section, keys) in &mut table {
            let usual = defaults.get(section).and_then(toml::Value::as_table);
            if let toml::Value::Table(keys) = keys {
                keys.retain(|key, value| usual.and_then(|usual| usual.get(key)) != Some(value));
            }
        }
        table.retain(|_, keys| keys.as_table().is_none_or(|keys| !keys.is_empty()));
        let body = toml::to_string(&table).unwrap_or_default();
        format!("# `mucura serve --print-example-config` shows every key.\n{body}")
    }

    fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        let mut listen = |key, advertise_key, listen: &str, advertise: &str| match listen
            .parse::<SocketAddr>()
        {
            Err(_) => faults.push((key, format!("{listen:?} is not ADDRESS:PORT"))),
            Ok(addr) if advertise.is_empty() && (addr.ip().is_unspecified() || addr.port() == 0) => faults
                .push((
                    advertise_key,
                    format!("nobody can reach {listen}: say here how this node is reached"),
                )),
            Ok(_) => {}
        };
        listen("mesh.listen", "mesh.advertise", &self.mesh.listen, &self.mesh.advertise);
        listen("s3.listen", "s3.url", &self.s3.listen, &self.s3.url);
        listen("admin.listen", "admin.url", &self.admin.listen, &self.admin.url);
        if !self.mesh.advertise.is_empty() && !is_host_and_port(&self.mesh.advertise) {
            faults.push(("mesh.advertise", format!("{:?} is not HOST:PORT", self.mesh.advertise)));
        }
        for (key, url) in [("s3.url", &self.s3.url), ("admin.url", &self.admin.url)] {
            if !url.is_empty() && !is_url(url) {
                faults.push((key, format!("{url:?} is not http://HOST[:PORT] or https://HOST[:PORT]")));
            }
        }
        for (key, given, other) in [
            ("s3.tls_key", &self.s3.tls_key, &self.s3.tls_certificate),
            ("s3.tls_certificate", &self.s3.tls_certificate, &self.s3.tls_key),
        ] {
            if given.as_os_str().is_empty() && !other.as_os_str().is_empty() {
                faults
                    .push((key, "HTTPS takes a certificate and its key: one of them is missing".to_owned()));
            }
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if self.s3.region.is_empty() || self.s3.region.len() > 64 || !self.s3.region.bytes().all(plain) {
            faults.push(("s3.region", "a region has 1 to 64 letters, digits and hyphens".to_owned()));
        }
        for (key, domains) in
            [("s3.domains", &self.s3.domains), ("s3.website_domains", &self.s3.website_domains)]
        {
            for domain in domains {
                if domain.is_empty()
                    || !domain.bytes().all(|b| plain(b) || b == b'.')
                    || domain.starts_with('.')
                {
                    faults.push((key, format!("{domain:?} is not a domain")));
                }
            }
        }
        for site in &self.s3.website_domains {
            if self.s3.domains.iter().any(|domain| domain.eq_ignore_ascii_case(site)) {
                faults.push(("s3.website_domains", format!("{site:?} is one of s3.domains too")));
            }
        }
        for class in &self.s3.storage_classes {
            let fits = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
            if class.is_empty() || class.len() > 64 || !class.bytes().all(fits) || class == "STANDARD" {
                faults.push((
                    "s3.storage_classes",
                    format!(
                        "{class:?} is not 1 to 64 capital letters, digits and underscores besides STANDARD"
                    ),
                ));
            }
        }
        faults.extend(self.encryption.faults());
        let mut drives: Vec<&PathBuf> = self.storage.drives.iter().collect();
        drives.sort();
        if drives.windows(2).any(|pair| pair[0] == pair[1]) {
            faults.push(("storage.drives", "a directory is named twice".to_owned()));
        }
        if drives.iter().any(|drive| drive.as_os_str().is_empty()) {
            faults.push(("storage.drives", "a directory is empty".to_owned()));
        }
        for (key, value, least, most) in [
            ("node.threads", self.node.threads, 1, 1024),
            ("node.drain_s", self.node.drain_s, 0, 3600),
            ("storage.buffers_mib", self.storage.buffers_mib, 32, 65_536),
            ("storage.scrub_days", self.storage.scrub_days, 1, 3650),
            ("lifecycle.enabled", self.lifecycle.enabled, 0, 1),
            ("lifecycle.day_s", self.lifecycle.day_s, 1, 86_400),
            ("lifecycle.looks_per_s", self.lifecycle.looks_per_s, 1, 10_000_000),
            ("lifecycle.changes_per_s", self.lifecycle.changes_per_s, 1, 100_000),
            ("metadata.cache_mib", self.metadata.cache_mib, 8, 65_536),
            ("metadata.snapshot_log_mib", self.metadata.snapshot_log_mib, 1, 65_536),
        ] {
            if !(least..=most).contains(&value) {
                faults.push((key, format!("{value} is not between {least} and {most}")));
            }
        }
        if let Err(error) = self.log.format.parse::<LogFormat>() {
            faults.push(("log.format", error.to_string()));
        }
        if let Err(error) = check_filter(&self.log.filter) {
            faults.push(("log.filter", error.to_string()));
        }
        faults
    }
}

/// Whether a text is `HOST:PORT` with a port that can be reached.
pub(crate) fn is_host_and_port(text: &str) -> bool {
    let port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    text.rsplit_once(':').is_some_and(|(host, given)| !host.is_empty() && !host.contains('/') && port(given))
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    rest.is_some_and(|authority| {
        !authority.is_empty()
            && !authority.contains(['/', '?', '#', '@'])
            && authority.parse::<http::uri::Authority>().is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        let environment = Environment::of(variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        Settings::read(text, Path::new("/srv/node/mucura.toml"), &environment)
    }

    #[test]
    fn an_empty_file_gives_the_defaults_with_paths_beside_it() {
        let settings = read("", &[]).unwrap();
        assert_eq!(settings.node.dir, Path::new("/srv/node"));
        assert_eq!(settings.root.key_file, Path::new("/srv/node/root.key"));
        assert_eq!(settings.mesh.advertise, "127.0.0.1:7400");
        assert_eq!(settings.s3.url, "http://127.0.0.1:9000");
    }

    #[test]
    fn with_a_certificate_the_endpoint_speaks_https() {
        let settings = read("[s3]\ntls_certificate = \"s3.pem\"\ntls_key = \"/etc/s3.key\"\n", &[]).unwrap();
        assert_eq!(settings.s3.tls_certificate, Path::new("/srv/node/s3.pem"));
        assert_eq!(settings.s3.tls_key, Path::new("/etc/s3.key"));
        assert_eq!(settings.s3.url, "https://127.0.0.1:9000");
        for (text, missing) in
            [("tls_key = \"k\"", "s3.tls_certificate"), ("tls_certificate = \"c\"", "s3.tls_key")]
        {
            let told = read(&format!("[s3]\n{text}\n"), &[]).unwrap_err().to_string();
            assert!(told.contains(&format!("{missing}: HTTPS takes")), "{told}");
        }
    }

    #[test]
    fn encryption_keys_come_from_one_place_and_have_names_that_fit_a_header() {
        let settings =
            read("[encryption]\nkey_file = \"site.keys\"\nkms_keys = [\"a\", \"arn:b/c\"]\n", &[]).unwrap();
        assert_eq!(settings.encryption.key_file, Path::new("/srv/node/site.keys"));
        assert_eq!(read("", &[]).unwrap().encryption, EncryptionSettings::default());
        for (text, expected) in [
            ("key_file = \"k\"\nkey_command = \"c\"", "line 3: encryption.key_command: the keys come from"),
            ("kms_keys = [\"\"]", "encryption.kms_keys: \"\" is not"),
            ("kms_keys = [\"a b\"]", "\"a b\" is not"),
            ("kms_keys = [\"a\", \"a\"]", "\"a\" is named twice"),
        ] {
            let told = read(&format!("[encryption]\n{text}\n"), &[]).unwrap_err().to_string();
            assert!(told.contains(expected), "{told}");
        }
    }

    #[test]
    fn what_is_printed_reads_back_the_same() {
        let settings = read("[storage]\ndrives = [\"d1\", \"/mnt/d2\"]\n", &[]).unwrap();
        assert_eq!(settings.storage.drives, [Path::new("/srv/node/d1"), Path::new("/mnt/d2")]);
        assert_eq!(read(&settings.to_toml(), &[]).unwrap(), settings);
    }

    #[test]
    fn a_new_nodes_file_holds_what_differs_from_the_defaults() {
        let mut settings = Settings::default();
        settings.s3.listen = "127.0.0.1:1".to_owned();
        settings.storage.drives = vec!["d1".into()];
        let text = settings.to_file();
        assert_eq!(toml::from_str::<Settings>(&text).unwrap(), settings);
        assert!(!text.contains("cache_mib") && !text.contains("[log]"), "{text}");
    }

    #[test]
    fn all_faults_are_told_at_once_and_where_they_are() {
        let text = "[s3]\nlisten = \"nowhere\"\nregions = \"x\"\n\n[storage]\nbuffers_mib = 1\nscrub_days = \"often\"\n";
        let error = read(text, &[("MUCURA_LOG_FORMAT", "xml"), ("MUCURA_S3_REGIN", "y")]).unwrap_err();
        let told = error.to_string();
        for part in [
            "line 3: s3.regions: there is no such key",
            "line 7: storage.scrub_days: expected a whole number",
            "MUCURA_S3_REGIN: there is no such key",
        ] {
            assert!(told.contains(part), "{part:?} is not in {told}");
        }
        let told =
            read("[s3]\nlisten = \"nowhere\"\n[storage]\nbuffers_mib = 1\n", &[("MUCURA_LOG_FORMAT", "xml")])
                .unwrap_err()
                .to_string();
        for part in ["line 2: s3.listen", "line 4: storage.buffers_mib: 1 is not between", "log.format"] {
            assert!(told.contains(part), "{part:?} is not in {told}");
        }
    }

    #[test]
    fn the_environment_comes_before_the_file() {
        let variables = [
            ("MUCURA_S3_LISTEN", "127.0.0.1:1"),
            ("MUCURA_STORAGE_DRIVES", "/a,/b"),
            ("MUCURA_METADATA_CACHE_MIB", "32"),
            ("MUCURA_ADMIN", "http://elsewhere"),
        ];
        let settings = read("[s3]\nlisten = \"127.0.0.1:2\"\n", &variables).unwrap();
        assert_eq!(settings.s3.listen, "127.0.0.1:1");
        assert_eq!(settings.storage.drives, [Path::new("/a"), Path::new("/b")]);
        assert_eq!(settings.metadata.cache_mib, 32);
    }

    #[test]
    fn a_domain_is_one_of_buckets_or_of_web_sites() {
        let domains = |sites| {
            read(&format!("[s3]\ndomains = [\"s3.example\"]\nwebsite_domains = [\"{sites}\"]\n"), &[])
        };
        assert_eq!(domains("web.s3.example").unwrap().s3.website_domains, ["web.s3.example"]);
        for (sites, told) in [("S3.example", "is one of s3.domains"), (".example", "is not a domain")] {
            let error = domains(sites).unwrap_err().to_string();
            assert!(error.contains(&format!("line 3: s3.website_domains: \"{sites}\" {told}")), "{error}");
        }
    }

    #[test]
    fn a_node_that_listens_everywhere_must_say_where_it_is() {
        let told = read("[mesh]\nlisten = \"0.0.0.0:7400\"\n", &[]).unwrap_err().to_string();
        assert!(told.contains("mesh.advertise"), "{told}");
        read("[mesh]\nlisten = \"0.0.0.0:7400\"\nadvertise = \"n1.example.org:7400\"\n", &[]).unwrap();
    }
}
