use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use mucura_runtime::Runtime;
use mucura_store::encryption::{KeyFileError, KeyFileFault, KeyRing, KeyText};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::config::EncryptionSettings;

/// How long the key command may take.
const COMMAND_PATIENCE: Duration = Duration::from_secs(30);
/// What others than the owner may do with a file.
const OTHERS: u32 = 0o077;

/// Where the encryption keys of the site come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// A file.
    File(PathBuf),
    /// The output of a command of the shell.
    Command(String),
}

/// There are no keys to be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeySourceError {
    /// The file cannot be read.
    #[error("the encryption keys in {path} cannot be read: {error}")]
    Io { path: PathBuf, error: io::Error },
    /// A directory, or worse.
    #[error("{0} is not a file: it should hold the encryption keys")]
    NotAFile(PathBuf),
    /// Others may read it or write to it.
    #[error(
        "{path} holds the encryption keys and is open to others than its owner (mode {mode:03o}): chmod 600 {path}"
    )]
    Exposed { path: PathBuf, mode: u32 },
    /// The command cannot be run.
    #[error("encryption.key_command cannot be run: {0}")]
    Spawn(io::Error),
    /// What it says does not count then.
    #[error("encryption.key_command failed ({0}): run it by hand to see why")]
    Command(ExitStatus),
    /// The command was killed.
    #[error("encryption.key_command did not end within {} s", COMMAND_PATIENCE.as_secs())]
    TimedOut,
    /// They are not keys.
    #[error("the encryption keys {from}: {}", told(.error))]
    Keys { from: KeySource, error: KeyFileError },
    /// The node ends.
    #[error("the encryption keys were not read: {0}")]
    Pool(#[from] mucura_runtime::BlockingError),
}

impl std::fmt::Display for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "in {}", path.display()),
            Self::Command(_) => f.write_str("of encryption.key_command"),
        }
    }
}

/// All faults in one line.
fn told(error: &KeyFileError) -> String {
    let fault = |KeyFileFault { line, reason }: &KeyFileFault| match line {
        Some(line) => format!("line {line}: {reason}"),
        None => reason.to_string(),
    };
    error.faults.iter().map(fault).collect::<Vec<_>>().join("; ")
}

impl KeySource {
    /// The one that the settings name; none if the site has but the key that
    /// every site has.
    pub(crate) fn of(settings: &EncryptionSettings) -> Option<Self> {
        if !settings.key_file.as_os_str().is_empty() {
            return Some(Self::File(settings.key_file.clone()));
        }
        (!settings.key_command.is_empty()).then(|| Self::Command(settings.key_command.clone()))
    }

    /// What it says now.
    ///
    /// # Errors
    /// [`KeySourceError`].
    pub(crate) async fn read(&self, runtime: &Runtime) -> Result<KeyText, KeySourceError> {
        match self {
            Self::File(path) => {
                let path = path.clone();
                runtime.blocking.run(move || read_file(&path)).await?
            }
            Self::Command(command) => run(command, COMMAND_PATIENCE).await,
        }
    }

    /// The keys in what it said.
    ///
    /// # Errors
    /// `Keys`.
    pub(crate) fn parse(&self, text: &KeyText) -> Result<KeyRing, KeySourceError> {
        text.parse().map_err(|error| KeySourceError::Keys { from: self.clone(), error })
    }
}

/// Reads a file that nobody but its owner can open. Blocks.
fn read_file(path: &Path) -> Result<KeyText, KeySourceError> {
    let io = |error: Errno| KeySourceError::Io { path: path.to_owned(), error: error.into() };
    // Without NONBLOCK a pipe would hold us up until somebody writes to it.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(io)?;
    let stat = rustix::fs::fstat(&file).map_err(io)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(KeySourceError::NotAFile(path.to_owned()));
    }
    if stat.st_mode & OTHERS != 0 {
        return Err(KeySourceError::Exposed { path: path.to_owned(), mode: stat.st_mode & 0o777 });
    }
    let mut text = KeyText::empty();
    loop {
        match rustix::io::read(&file, text.spare()) {
            Ok(0) => return Ok(text),
            Ok(count) => text.filled(count),
            Err(Errno::INTR) => {}
            Err(error) => return Err(io(error)),
        }
    }
}

/// The standard output of a command. What it says on standard error is not
/// kept: it might be a key.
async fn run(command: &str, patience: Duration) -> Result<KeyText, KeySourceError> {
    let mut child = Command::new("/bin/sh")
        .arg("-c")
        .arg(command)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // What it starts is killed with it.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(KeySourceError::Spawn)?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let ended = timeout(patience, output(&mut child)).await;
    if !matches!(ended, Ok(Ok(_)))
        && let Some(group) = group
    {
        // It may have ended just now.
        kill_process_group(group, Signal::KILL).ok();
    }
    match ended {
        Ok(Ok((text, Some(status)))) if !status.success() => {
            drop(text);
            Err(KeySourceError::Command(status))
        }
        Ok(Ok((text, _))) => Ok(text),
        Ok(Err(error)) => Err(KeySourceError::Spawn(error)),
        Err(_) => Err(KeySourceError::TimedOut),
    }
}

/// What it says until it ends; without a status if it says more than keys can
/// be.
async fn output(child: &mut Child) -> io::Result<(KeyText, Option<ExitStatus>)> {
    let mut text = KeyText::empty();
    if let Some(mut said) = child.stdout.take() {
        while !text.spare().is_empty() {
            match said.read(text.spare()).await? {
                0 => break,
                count => text.filled(count),
            }
        }
    }
    if text.spare().is_empty() {
        child.start_kill()?;
        child.wait().await?;
        return Ok((text, None));
    }
    let status = child.wait().await?;
    Ok((text, Some(status)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    const KEYS: &str = "1:AAMGCQwPEhUYGx4hJCcqLTAzNjk8P0JFSEtOUVRXWl0= active\n";

    async fn read(source: &KeySource) -> Result<KeyText, KeySourceError> {
        source.read(&Runtime::real(1)).await
    }

    fn file(mode: u32) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("site.keys");
        std::fs::write(&path, KEYS).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (dir, path)
    }

    #[tokio::test]
    async fn a_file_of_its_owner_is_read() {
        for mode in [0o600, 0o400] {
            let (_dir, path) = file(mode);
            let source = KeySource::File(path);
            let text = read(&source).await.unwrap();
            assert_eq!(text.as_bytes(), KEYS.as_bytes());
            assert_eq!(source.parse(&text).unwrap().active().0, 1);
        }
    }

    #[tokio::test]
    async fn a_file_that_others_can_open_is_refused_with_what_to_do() {
        for mode in [0o640, 0o604, 0o620, 0o601, 0o777] {
            let (_dir, path) = file(mode);
            let told = read(&KeySource::File(path.clone())).await.unwrap_err().to_string();
            assert!(told.contains(&format!("chmod 600 {}", path.display())), "{told}");
        }
    }

    #[tokio::test]
    async fn what_is_no_file_is_refused_and_does_not_block() {
        let dir = tempfile::tempdir().unwrap();
        let read_path = async |path: &Path| read(&KeySource::File(path.to_owned())).await.unwrap_err();
        assert!(matches!(read_path(dir.path()).await, KeySourceError::NotAFile(_)));
        let pipe = dir.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
        assert!(matches!(read_path(&pipe).await, KeySourceError::NotAFile(_)));
        let missing = dir.path().join("none");
        assert!(read_path(&missing).await.to_string().contains("none"));
    }

    #[tokio::test]
    async fn a_commands_output_is_the_text() {
        let source = KeySource::Command(format!("printf '%s' '{KEYS}'; echo secret >&2"));
        let text = read(&source).await.unwrap();
        assert_eq!(text.as_bytes(), KEYS.as_bytes());
        for (command, expected) in [
            ("echo 1:secret; exit 3", "exit status: 3"),
            ("/nowhere/at/all", "exit status: 127"),
            ("kill -9 $$", "signal: 9"),
        ] {
            let told = read(&KeySource::Command(command.to_owned())).await.unwrap_err().to_string();
            assert!(told.contains(expected) && !told.contains("secret"), "{told}");
        }
    }

    #[tokio::test]
    async fn a_command_that_says_too_much_is_stopped() {
        let source = KeySource::Command("yes secret".to_owned());
        let text = read(&source).await.unwrap();
        let told = source.parse(&text).unwrap_err().to_string();
        assert!(told.contains("longer than 65536 bytes") && !told.contains("secret"), "{told}");
    }

    #[tokio::test]
    async fn a_command_that_does_not_end_is_killed_with_what_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let pid_file = dir.path().join("pid");
        let command = format!("sleep 600 & echo $! > {}; wait", pid_file.display());
        let ended = run(&command, Duration::from_millis(500)).await;
        assert!(matches!(ended, Err(KeySourceError::TimedOut)), "{ended:?}");
        let pid = std::fs::read_to_string(pid_file).unwrap();
        let stat = || std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        for _ in 0..500 {
            match stat() {
                Ok(stat) if !stat.contains(") Z ") => tokio::time::sleep(Duration::from_millis(10)).await,
                _ => return,
            }
        }
        panic!("what the command started still runs");
    }

    #[test]
    fn faults_are_told_with_their_lines_and_without_what_stands_there() {
        let source = KeySource::File("/k".into());
        let mut text = KeyText::empty();
        let bytes = b"1:secret\n2:secret active";
        text.spare()[..bytes.len()].copy_from_slice(bytes);
        text.filled(bytes.len());
        let told = source.parse(&text).unwrap_err().to_string();
        assert!(told.starts_with("the encryption keys in /k: line 1: the key must be"), "{told}");
        assert!(told.contains("; line 2: ") && !told.contains("secret"), "{told}");
    }
}
