use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::bench::BenchArguments;

const EXAMPLES: &str = "Examples:
  mucuractl status
  mucuractl user create alice --email alice@example.org
  mucuractl key disable MUCABCDEFGHIJKLMNOPQ
  mucuractl drive replace 3 /mnt/new-disk
  mucuractl node token
  mucuractl bench put --size 4MiB --concurrency 16 --duration 30

The site is found by --admin, or MUCURA_ADMIN, MUCURA_ACCESS_KEY and MUCURA_SECRET_KEY,
or ~/.config/mucura/profile.toml:
  admin = [\"http://10.0.0.1:9400\", \"http://10.0.0.2:9400\"]
  access_key = \"...\"
  secret_key = \"...\"";

/// The arguments of `mucuractl`.
#[derive(Debug, Parser)]
#[command(name = "mucuractl", version, about = "Operates a Mucura site.", after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Where the site is.
    #[command(flatten)]
    pub(crate) access: AccessArguments,
    /// Print JSON, for programs.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How the site is found.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct AccessArguments {
    /// Admin URL of a node; several with commas between, tried in turn.
    #[arg(long, global = true, value_name = "URL", env = "MUCURA_ADMIN")]
    pub(crate) admin: Option<String>,
    /// File with admin URLs and keys.
    #[arg(long, global = true, value_name = "FILE", env = "MUCURA_PROFILE")]
    pub(crate) profile: Option<PathBuf>,
}

/// What `mucuractl` does.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows nodes, drives, leader, placement, and what is at risk.
    Status,
    /// Users.
    #[command(subcommand)]
    User(UserCommand),
    /// Access keys of users.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Drives.
    #[command(subcommand)]
    Drive(DriveCommand),
    /// Nodes.
    #[command(subcommand)]
    Node(NodeCommand),
    /// Encryption keys of the site.
    #[command(subcommand)]
    Encryption(EncryptionCommand),
    /// Begins to read and verify every byte stored, now.
    Scrub,
    /// Measures the site through S3.
    Bench(BenchArguments),
}

/// What can be done about users.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Makes a user with a first access key; the secret is shown this once.
    Create {
        /// Unique.
        name: String,
        /// For people.
        #[arg(long)]
        email: String,
    },
    /// Lists users.
    List,
    /// Removes a user who owns no buckets, and the user's keys.
    Delete {
        /// Name or id.
        user: String,
    },
}

/// What can be done about access keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Gives a user another access key; the secret is shown this once.
    Create {
        /// Name or id.
        user: String,
    },
    /// Lists the access keys of a user.
    List {
        /// Name or id.
        user: String,
    },
    /// Removes an access key.
    Delete {
        /// The access key.
        access_key: String,
    },
    /// Stops the use of an access key.
    Disable {
        /// The access key.
        access_key: String,
    },
    /// Allows the use of an access key again.
    Enable {
        /// The access key.
        access_key: String,
    },
}

/// What can be done about encryption keys.
#[derive(Debug, Subcommand)]
pub(crate) enum EncryptionCommand {
    /// Shows which keys each node has; all should have the same.
    Status,
    /// Has what other keys of the site wrap wrapped by the active one, and waits
    /// for it; then those keys can be taken out of the key file.
    Rewrap {
        /// Only what this key wraps, by its number.
        #[arg(long)]
        from: Option<u32>,
    },
}

/// What can be done about drives.
#[derive(Debug, Subcommand)]
pub(crate) enum DriveCommand {
    /// Lists drives.
    List,
    /// Formats a directory and adds it as a new drive.
    Add {
        /// The directory, on the node.
        path: PathBuf,
        /// The node, by number or name; by default the one that is asked.
        #[arg(long)]
        node: Option<String>,
    },
    /// Puts an empty directory in the place of a drive that is gone; its data
    /// is rebuilt there.
    Replace {
        /// The drive's number.
        drive: u32,
        /// The directory, on the drive's node; by default the old one's path.
        path: Option<PathBuf>,
    },
}

/// What can be done about nodes.
#[derive(Debug, Subcommand)]
pub(crate) enum NodeCommand {
    /// Prints a token that lets one more machine join, once.
    Token {
        /// How long it is good for, minutes.
        #[arg(long, default_value_t = 60)]
        minutes: u32,
    },
    /// Hands the lead of the metadata to another node.
    TransferLeader {
        /// To which, by number; by default the site chooses.
        #[arg(long)]
        to: Option<u64>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn json_and_admin_may_stand_anywhere() {
        let parse = |line: &str| Arguments::try_parse_from(line.split(' '));
        for line in [
            "mucuractl status --json",
            "mucuractl --json status",
            "mucuractl user create bob --email b@example.org --json",
            "mucuractl drive replace 3 --json --admin http://127.0.0.1:1",
            "mucuractl key disable AK",
            "mucuractl bench mixed --size 1MiB --concurrency 4 --count 10 --verify",
        ] {
            parse(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        }
        assert!(parse("mucuractl user create bob").is_err());
        assert!(parse("mucuractl frobnicate").is_err());
    }
}
