use std::sync::Arc;

use anyhow::Context as _;
use mucura_runtime::Runtime;
use rustls::ServerConfig;

use crate::reload::{Changes, Occasion, Seen};
use crate::signals::Hangup;
use crate::tls::certificate::{CertificateError, CertificateFiles};
use crate::tls::handshake::Tls;

/// Keeps the certificate of an endpoint in step with its files.
pub(crate) struct CertificateKeeper {
    runtime: Runtime,
    files: CertificateFiles,
    tls: Tls,
    changes: Changes,
}

/// What a look came to.
#[derive(Debug)]
enum Looked {
    Unchanged,
    Replaced,
    /// The files cannot be used.
    Kept(CertificateError),
}

impl CertificateKeeper {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// They cannot be used.
    pub(crate) async fn load(runtime: Runtime, files: CertificateFiles) -> anyhow::Result<Self> {
        let (seen, config) = read(&runtime, &files).await?;
        let tls = Tls::new(config.context("load the certificate of the S3 endpoint")?);
        Ok(Self { runtime, files, tls, changes: Changes::since(seen) })
    }

    /// What new connections are spoken with.
    pub(crate) fn tls(&self) -> Tls {
        self.tls.clone()
    }

    /// Runs until it is dropped.
    pub(crate) async fn run(mut self, mut hangup: Hangup) {
        loop {
            let occasion = Occasion::next(&mut hangup).await;
            match self.look(occasion).await {
                Ok(Looked::Unchanged) => {}
                Ok(Looked::Replaced) => {
                    tracing::info!("new connections get the certificate that was read anew")
                }
                Ok(Looked::Kept(error)) => {
                    tracing::warn!(%error, "the certificate in the files cannot be used; the one of before stays");
                }
                Err(error) => {
                    tracing::error!(error = format!("{error:#}"), "the certificate's files were not read")
                }
            }
        }
    }

    async fn look(&mut self, occasion: Occasion) -> anyhow::Result<Looked> {
        let (seen, config) = read(&self.runtime, &self.files).await?;
        if !self.changes.count(seen, occasion) {
            return Ok(Looked::Unchanged);
        }
        match config {
            Ok(config) => {
                self.tls.replace(config);
                Ok(Looked::Replaced)
            }
            Err(error) => Ok(Looked::Kept(error)),
        }
    }
}

/// The files of this moment, and what they are good for.
async fn read(
    runtime: &Runtime,
    files: &CertificateFiles,
) -> anyhow::Result<(Seen, Result<Arc<ServerConfig>, CertificateError>)> {
    let (disk, files) = (runtime.disk.clone(), files.clone());
    let read = move || match files.read(&*disk) {
        Ok(contents) => (contents.seen(), files.server_config(&contents)),
        Err(error) => (Seen::Unreadable(error.to_string()), Err(error)),
    };
    Ok(runtime.blocking.run(read).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::test_papers::{Papers, files_in};
    use mucura_runtime::Blocking;
    use std::path::Path;

    async fn keeper(dir: &Path, papers: &Papers) -> CertificateKeeper {
        let runtime = Runtime { blocking: Blocking::inline(), ..Runtime::real(1) };
        let files = files_in(dir, &papers.certificate, &papers.key);
        CertificateKeeper::load(runtime, files).await.unwrap()
    }

    async fn look(keeper: &mut CertificateKeeper, occasion: Occasion) -> Looked {
        keeper.look(occasion).await.unwrap()
    }

    #[tokio::test]
    async fn new_files_are_taken_once_they_stand_still() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (Papers::issue(), Papers::issue());
        let mut keeper = keeper(dir.path(), &old).await;
        assert!(matches!(look(&mut keeper, Occasion::Time).await, Looked::Unchanged));
        // Half of them: not an error yet.
        files_in(dir.path(), &new.certificate, &old.key);
        assert!(matches!(look(&mut keeper, Occasion::Time).await, Looked::Unchanged));
        files_in(dir.path(), &new.certificate, &new.key);
        assert!(matches!(look(&mut keeper, Occasion::Time).await, Looked::Unchanged));
        assert!(matches!(look(&mut keeper, Occasion::Time).await, Looked::Replaced));
        assert!(matches!(look(&mut keeper, Occasion::Time).await, Looked::Unchanged));
    }

    #[tokio::test]
    async fn bad_files_are_told_once_and_good_ones_taken_again() {
        let dir = tempfile::tempdir().unwrap();
        let papers = Papers::issue();
        let mut keeper = keeper(dir.path(), &papers).await;
        let (spoil, mend) = (
            || files_in(dir.path(), "", &papers.key),
            || files_in(dir.path(), &papers.certificate, &papers.key),
        );
        for make_bad in [&spoil as &dyn Fn() -> _, &|| {
            std::fs::remove_file(dir.path().join("s3.pem")).unwrap();
            CertificateFiles { certificate: "".into(), key: "".into() }
        }] {
            make_bad();
            assert!(matches!(look(&mut keeper, Occasion::Time).await, Looked::Unchanged));
            let Looked::Kept(error) = look(&mut keeper, Occasion::Time).await else { panic!() };
            assert!(error.to_string().contains("s3.pem"), "{error}");
            assert!(matches!(look(&mut keeper, Occasion::Time).await, Looked::Unchanged));
            mend();
            look(&mut keeper, Occasion::Time).await;
            assert!(matches!(look(&mut keeper, Occasion::Time).await, Looked::Replaced));
        }
    }

    #[tokio::test]
    async fn who_says_that_they_are_right_need_not_wait() {
        let dir = tempfile::tempdir().unwrap();
        let papers = Papers::issue();
        let mut keeper = keeper(dir.path(), &papers).await;
        assert!(matches!(look(&mut keeper, Occasion::Told).await, Looked::Replaced));
        files_in(dir.path(), &papers.certificate, "");
        assert!(matches!(look(&mut keeper, Occasion::Told).await, Looked::Kept(_)));
        assert!(matches!(look(&mut keeper, Occasion::Told).await, Looked::Kept(_)));
        assert!(matches!(look(&mut keeper, Occasion::Time).await, Looked::Unchanged));
    }
}
