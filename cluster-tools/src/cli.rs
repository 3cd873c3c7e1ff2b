use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::bench::BenchArguments;

const EXAMPLES: &str = "Examples:
  mucuractl status
  mucuractl user create alice --email alice@example.org
  mucuractl key disable MUCABCDEFGHIJKLMNOPQ
  mucuractl drive replace 3 /mnt/new-disk
  mucuractl node token
  mucuractl policy explain --user alice --action s3:GetObject --resource photos/a.jpg
  mucuractl webhook add audit http://10.0.0.9:8080/events --secret-file /root/audit.secret
  mucuractl events --queue uploads --follow --json
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
    /// Who may do what.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Events of buckets: shows the queues, or reads one.
    Events(EventsArguments),
    /// URLs that are called with events of buckets.
    #[command(subcommand)]
    Webhook(WebhookCommand),
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

/// What is asked of queues.
#[derive(Debug, Args)]
pub(crate) struct EventsArguments {
    /// Shows all queues: how many events wait, since when, how many were lost.
    /// That is also what is done without any option.
    #[arg(long, conflicts_with_all = ["queue", "follow", "max", "no_ack"])]
    pub(crate) list: bool,
    /// Prints the events of this queue, one a line, and takes them out of it.
    #[arg(long, value_name = "NAME")]
    pub(crate) queue: Option<String>,
    /// Waits for more, until it is stopped.
    #[arg(long, requires = "queue")]
    pub(crate) follow: bool,
    /// Prints no more than so many.
    #[arg(long, requires = "queue", value_name = "N")]
    pub(crate) max: Option<u64>,
    /// Leaves them in the queue.
    #[arg(long, requires = "queue")]
    pub(crate) no_ack: bool,
}

/// What can be done about webhooks.
#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// Allows buckets to have events sent to a URL.
    Add {
        /// What buckets name it by.
        name: String,
        /// An http URL.
        url: String,
        /// File with the secret that calls are signed with.
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
    },
    /// Lists webhooks.
    List,
    /// Removes a webhook, and the events that wait for it.
    Remove {
        /// Its name.
        name: String,
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

const EXPLAIN_EXAMPLES: &str = "Examples:
  mucuractl policy explain --user alice --action s3:GetObject --resource arn:aws:s3:::photos/a.jpg
  mucuractl policy explain --user anonymous --action s3:GetObject --resource photos/a.jpg --source-ip 192.0.2.7
  mucuractl policy explain --user bob --action s3:ListBucket --resource photos --prefix home/bob/
  mucuractl policy explain --user bob --action s3:PutObject --resource photos/b.jpg --secure --header x-amz-acl=private

Nothing is done: the site says what it would decide of such a request now.
Exit status: 0 allowed, 3 denied, 1 there is no answer, 2 not understood.";

/// What can be asked about access.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Says whether a user may do something, and why.
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArguments),
}

/// May this user do this, with this?
#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// Name or id of a user, `root`, or `anonymous`.
    #[arg(long)]
    pub(crate) user: String,
    /// As policies name it, such as s3:GetObject.
    #[arg(long)]
    pub(crate) action: String,
    /// BUCKET or BUCKET/KEY, or the ARN of it.
    #[arg(long)]
    pub(crate) resource: String,
    /// Where the request comes from.
    #[arg(long, value_name = "IP")]
    pub(crate) source_ip: Option<IpAddr>,
    /// The request comes over TLS.
    #[arg(long)]
    pub(crate) secure: bool,
    /// A header of the request; may be given several times.
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = parse_header)]
    pub(crate) headers: Vec<(String, String)>,
    /// The prefix that is listed.
    #[arg(long)]
    pub(crate) prefix: Option<String>,
}

fn parse_header(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a header is NAME=VALUE".to_owned()),
    }
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
            "mucuractl policy explain --user u --action s3:GetObject --resource b/k --header a=b --header c=d=e",
            "mucuractl events",
            "mucuractl events --list --json",
            "mucuractl events --queue q --follow --max 3 --no-ack",
            "mucuractl webhook add hook http://127.0.0.1/ --secret-file f",
            "mucuractl bench mixed --size 1MiB --concurrency 4 --count 10 --verify",
        ] {
            parse(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        }
        assert!(parse("mucuractl events --follow").is_err());
        assert!(parse("mucuractl user create bob").is_err());
        assert!(parse("mucuractl frobnicate").is_err());
        assert!(parse("mucuractl policy explain --user u --action a --resource b --header c").is_err());
        assert!(parse("mucuractl policy explain --user u --action a --resource b --source-ip c").is_err());
    }
}
