/// One key of the configuration file.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The table that it is in.
    pub section: &'static str,
    /// Its name there.
    pub name: &'static str,
    /// What holds if it is left out, as TOML.
    pub default: &'static str,
    /// What it means, its unit, and its bounds.
    pub about: &'static str,
}

impl Key {
    /// The environment variable that comes before the file.
    pub fn variable(&self) -> String {
        format!("MUCURA_{}_{}", self.section, self.name).to_uppercase()
    }
}

const fn key(section: &'static str, name: &'static str, default: &'static str, about: &'static str) -> Key {
    Key { section, name, default, about }
}

/// Every key there is, in the order of the example.
pub const KEYS: [Key; 31] = [
    key(
        "node",
        "dir",
        r#""""#,
        "The node's directory: identity, certificates, metadata log. Empty: where this file is.",
    ),
    key("node", "threads", "32", "Threads for blocking work (disks, hashing), at least 1."),
    key(
        "node",
        "drain_s",
        "20",
        "Seconds that requests under way get to finish when the node is told to stop.",
    ),
    key("mesh", "listen", r#""127.0.0.1:7400""#, "UDP address that the other nodes reach this one at."),
    key(
        "mesh",
        "advertise",
        r#""""#,
        "host:port that the other nodes are told. Empty: as `listen`, which then must name an address.",
    ),
    key("s3", "listen", r#""127.0.0.1:9000""#, "TCP address of the S3 endpoint."),
    key(
        "s3",
        "url",
        r#""""#,
        "URL of the S3 endpoint as clients know it. Empty: http:// (https:// with a certificate) and `listen`, which \
         then must name an address.",
    ),
    key(
        "s3",
        "tls_certificate",
        r#""""#,
        "PEM file with the certificate of the S3 endpoint, and after it those that it is signed with. Relative to the \
         node's directory. With it and its key the endpoint speaks HTTPS only; empty: plain HTTP. Read anew when it \
         changes.",
    ),
    key(
        "s3",
        "tls_key",
        r#""""#,
        "PEM file with the private key of the certificate, without a password. Relative to the node's directory.",
    ),
    key("s3", "region", r#""us-east-1""#, "Region that clients sign for; the same on all nodes of a site."),
    key(
        "s3",
        "domains",
        "[]",
        "Domains under which BUCKET.DOMAIN is a bucket (virtual-hosted style). Path style works always.",
    ),
    key(
        "s3",
        "storage_classes",
        "[]",
        "Storage classes that there are besides STANDARD; the same on all nodes of a site. For now a class is a \
         label: it is kept and shown with a version, set by uploads and changed by lifecycle rules, and all of them \
         are stored alike.",
    ),
    key(
        "s3",
        "website_domains",
        "[]",
        "Domains under which BUCKET.DOMAIN is the web site of a bucket: for browsers, read only, unsigned. None may \
         be one of `domains`; if one lies within another, the longer one counts.",
    ),
    key("admin", "listen", r#""127.0.0.1:9400""#, "TCP address of the admin API, health and metrics."),
    key(
        "admin",
        "url",
        r#""""#,
        "URL of the admin API as operators know it. Empty: http:// and `listen`, which then must name an address.",
    ),
    key(
        "storage",
        "drives",
        "[]",
        "Directories, one a disk. Relative ones are under the node's directory. Each must have been formatted by \
         `init`, `join`, or `mucuractl drive add`.",
    ),
    key(
        "storage",
        "buffers_mib",
        "128",
        "MiB of memory for bodies on their way, 32 to 65536. When it is used up, new uploads wait.",
    ),
    key("storage", "gc_grace_s", "86400", "Seconds that the bytes of deleted objects are kept."),
    key(
        "storage",
        "scrub_days",
        "30",
        "Days within which every byte stored is read and verified, at least 1.",
    ),
    key(
        "lifecycle",
        "enabled",
        "1",
        "1: lifecycle rules of buckets are carried out while this node leads the site. 0: they are not.",
    ),
    key(
        "lifecycle",
        "day_s",
        "86400",
        "Only for tests: seconds that stand for a day of lifecycle rules, at least 1. The same on all nodes of a site.",
    ),
    key(
        "lifecycle",
        "looks_per_s",
        "5000",
        "Versions and uploads that lifecycle looks at in a second, at most; at least 1.",
    ),
    key(
        "lifecycle",
        "changes_per_s",
        "200",
        "Versions and uploads that lifecycle deletes or changes in a second, at most; at least 1.",
    ),
    key("metadata", "cache_mib", "64", "MiB of memory for the cache of the metadata store, 8 to 65536."),
    key(
        "metadata",
        "snapshot_log_mib",
        "256",
        "MiB of log after which a snapshot of the metadata is taken, at least 1.",
    ),
    key(
        "encryption",
        "key_file",
        r#""""#,
        "File with the encryption keys of the site, one a line (docs/formats/encryption.md), beside the one that every \
         site has. Relative to the node's directory. Nobody but its owner may open it (chmod 600); the same on all \
         nodes. Read anew when it changes.",
    ),
    key(
        "encryption",
        "key_command",
        r#""""#,
        "Command of the shell that writes what would stand in such a file to its standard output within 30 s, and ends \
         with status 0. Run at the start and on SIGHUP. Either this or `key_file`, or none.",
    ),
    key(
        "encryption",
        "kms_keys",
        "[]",
        "Names by which clients may ask for encryption by aws:kms: it is done with the site's keys, and the name is \
         kept. The first is the default. Empty: aws:kms is refused. The same on all nodes.",
    ),
    key(
        "root",
        "key_file",
        r#""root.key""#,
        "File with the root user's access key and secret key, one a line. Relative to the node's directory. The \
         variables MUCURA_ROOT_ACCESS_KEY and MUCURA_ROOT_SECRET_KEY come before it.",
    ),
    key("log", "format", r#""text""#, "How log lines look: text, or json."),
    key(
        "log",
        "filter",
        r#""info,openraft=error""#,
        "What is logged: error, warn, info or debug, of everything or of one part.",
    ),
];

/// The example file: every key with its meaning, its variable and its default.
pub fn example() -> String {
    let mut text = String::from(
        "# Configuration of one Mucura node. Every key stands here with its default.\n\
         # A key can also come from the environment, in the variable named with it;\n\
         # lists are written there with commas.\n",
    );
    let mut section = "";
    for key in &KEYS {
        if key.section != section {
            section = key.section;
            text.push_str(&format!("\n[{section}]\n"));
        }
        for line in wrap(&format!("{} ({})", key.about, key.variable())) {
            text.push_str(&format!("# {line}\n"));
        }
        text.push_str(&format!("{} = {}\n", key.name, key.default));
    }
    text
}

fn wrap(text: &str) -> Vec<String> {
    const WIDTH: usize = 88;
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut().filter(|line| line.len() + 1 + word.len() <= WIDTH) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use std::collections::BTreeSet;

    #[test]
    fn the_example_says_the_defaults_and_nothing_else() {
        let parsed: Settings = toml::from_str(&example()).unwrap();
        assert_eq!(parsed, Settings::default());
    }

    #[test]
    fn every_key_of_the_settings_is_documented() {
        let toml::Value::Table(settings) = toml::Value::try_from(Settings::default()).unwrap() else {
            panic!()
        };
        let written: BTreeSet<(String, String)> = settings
            .iter()
            .flat_map(|(section, keys)| {
                keys.as_table().unwrap().keys().map(move |key| (section.clone(), key.clone()))
            })
            .collect();
        let documented: BTreeSet<(String, String)> =
            KEYS.iter().map(|key| (key.section.to_owned(), key.name.to_owned())).collect();
        assert_eq!(documented, written);
    }

    #[test]
    fn the_reference_repeats_the_example() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/configuration.md");
        let reference = std::fs::read_to_string(path).unwrap();
        assert!(reference.contains(&example()), "docs/reference/configuration.md must hold:\n{}", example());
    }
}
