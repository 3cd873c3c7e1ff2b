use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use mucura_s3_wire::sigv4::Credentials;
use serde::Deserialize;

use crate::cli::AccessArguments;

/// Where the admin API of a site is, and the key to it.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    /// Tried in turn; at least one.
    pub(crate) admin: Vec<String>,
    pub(crate) credentials: Credentials,
}

/// A profile file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Profile {
    admin: Vec<String>,
    access_key: Option<String>,
    secret_key: Option<String>,
}

impl Access {
    /// What arguments, environment and profile say together, in this order.
    pub(crate) fn find(arguments: &AccessArguments) -> anyhow::Result<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let profile = match &arguments.profile {
            Some(path) => Profile::read(path)?,
            None => match default_profile().filter(|path| path.exists()) {
                Some(path) => Profile::read(&path)?,
                None => Profile::default(),
            },
        };
        let (access, secret) = (variable("MUCURA_ACCESS_KEY"), variable("MUCURA_SECRET_KEY"));
        Self::of(arguments.admin.as_deref(), access, secret, profile)
    }

    fn of(
        admin: Option<&str>,
        access_key: Option<String>,
        secret_key: Option<String>,
        profile: Profile,
    ) -> anyhow::Result<Self> {
        let admin: Vec<String> = match admin {
            Some(urls) => {
                urls.split(',').map(str::trim).filter(|url| !url.is_empty()).map(str::to_owned).collect()
            }
            None => profile.admin,
        };
        if admin.is_empty() {
            bail!("no site is named: give --admin URL, or set MUCURA_ADMIN, or write a profile (see --help)");
        }
        for url in &admin {
            if !url.starts_with("http://") {
                bail!("admin URL {url:?} does not begin with http://");
            }
        }
        let access_key = access_key.or(profile.access_key).context("no access key: set MUCURA_ACCESS_KEY")?;
        let secret_key = secret_key.or(profile.secret_key).context("no secret key: set MUCURA_SECRET_KEY")?;
        Ok(Self { admin, credentials: Credentials { access_key, secret_key, session_token: None } })
    }
}

impl Profile {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("read profile {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("profile {}", path.display()))
    }
}

fn default_profile() -> Option<PathBuf> {
    let config = std::env::var_os("XDG_CONFIG_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let config = config.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".config")))?;
    Some(config.join("mucura").join("profile.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(text: &str) -> anyhow::Result<Profile> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("profile.toml");
        std::fs::write(&path, text).unwrap();
        Profile::read(&path)
    }

    #[test]
    fn arguments_and_environment_come_before_the_profile() {
        let text = "admin = [\"http://p:1\"]\naccess_key = \"pa\"\nsecret_key = \"ps\"\n";
        let access = Access::of(None, None, None, profile(text).unwrap()).unwrap();
        assert_eq!((access.admin[0].as_str(), access.credentials.access_key.as_str()), ("http://p:1", "pa"));
        let given =
            Access::of(Some("http://a:1, http://b:1"), Some("ea".into()), None, profile(text).unwrap())
                .unwrap();
        assert_eq!(given.admin, ["http://a:1", "http://b:1"]);
        assert_eq!(given.credentials.access_key, "ea");
        assert_eq!(given.credentials.secret_key, "ps");
    }

    #[test]
    fn what_is_missing_or_misspelt_is_said() {
        let error = |result: anyhow::Result<Access>| format!("{:#}", result.unwrap_err());
        assert!(error(Access::of(None, None, None, Profile::default())).contains("--admin"));
        assert!(
            error(Access::of(Some("http://a"), None, None, Profile::default())).contains("MUCURA_ACCESS_KEY")
        );
        assert!(error(Access::of(Some("a:1"), None, None, Profile::default())).contains("http://"));
        assert!(profile("acces_key = \"x\"\n").is_err());
    }
}
