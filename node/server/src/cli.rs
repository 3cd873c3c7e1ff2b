//! The command line of `mucura`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::demo::NodeAction;

/// The arguments of `mucura`.
#[derive(Debug, Parser)]
#[command(name = "mucura", version, about = "A distributed object store that speaks S3.")]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `mucura` does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs a node.
    Serve(Serve),
    /// Makes a new site with this machine as its first node.
    Init(Init),
    /// Prints a token that lets one more machine join this node's site.
    #[command(after_help = "Example:\n  mucura join-token --config /srv/mucura/mucura.toml")]
    JoinToken(JoinToken),
    /// Makes this machine a node of a site.
    Join(Join),
    /// Runs a whole site on this machine, for trying.
    #[command(
        after_help = "Examples:\n  mucura demo\n  mucura demo --nodes 4 --drives 2 --dir /tmp/demo --s3-port 9100"
    )]
    Demo(Demo),
    /// Starts, stops or kills one node of a demo that runs.
    #[command(after_help = "Example:\n  mucura demo-node 2 start --dir /tmp/demo")]
    DemoNode(DemoNode),
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// The configuration file.
    #[arg(long, value_name = "FILE", required_unless_present = "print_example_config")]
    pub config: Option<PathBuf>,
    /// Check the configuration, say all that is wrong with it, and end.
    #[arg(long)]
    pub check_config: bool,
    /// Print the configuration as it holds, environment included, and end.
    #[arg(long)]
    pub print_config: bool,
    /// Print a configuration with every key, its meaning and default, and end.
    #[arg(long)]
    pub print_example_config: bool,
    /// End when standard input ends, for a parent that is to outlive the node.
    #[arg(long, hide = true)]
    pub until_stdin_ends: bool,
}

/// Where a new node is and listens.
#[derive(Debug, Args)]
pub struct Place {
    /// The node's directory, made if need be.
    #[arg(long)]
    pub dir: PathBuf,
    /// The node's name, for people; by default the host's.
    #[arg(long)]
    pub name: Option<String>,
    /// UDP address for the other nodes, as they reach it.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub mesh: String,
    /// TCP address of the S3 endpoint.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub s3: String,
    /// TCP address of the admin API.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub admin: String,
    /// A directory for data, one a disk; several times for several.
    #[arg(long = "drive", value_name = "PATH", required = true)]
    pub drives: Vec<PathBuf>,
}

/// Arguments of `init`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  mucura init --dir /srv/mucura --site lyon --mesh 10.0.0.1:7400 \
    --s3 10.0.0.1:9000 --admin 10.0.0.1:9400 --drive /mnt/disk1 --drive /mnt/disk2")]
pub struct Init {
    /// The site's name.
    #[arg(long)]
    pub site: String,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub place: Place,
}

/// Arguments of `join-token`.
#[derive(Debug, Args)]
pub struct JoinToken {
    /// The configuration file of a node that runs here.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// Arguments of `join`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  mucura join --token mucura-join-1.… --dir /srv/mucura --mesh 10.0.0.2:7400 \
    --s3 10.0.0.2:9000 --admin 10.0.0.2:9400 --drive /mnt/disk1"
)]
pub struct Join {
    /// What `mucura join-token` printed on a node of the site.
    #[arg(long, env = "MUCURA_JOIN_TOKEN", hide_env_values = true)]
    pub token: String,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub place: Place,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Nodes, 1 to 9; 3 unless the directory holds a demo.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=9))]
    pub nodes: Option<u16>,
    /// Drives of each node, 1 to 16; 2 unless the directory holds a demo.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=16))]
    pub drives: Option<u16>,
    /// Serve HTTPS, with certificates of an authority of the demo's own.
    #[arg(long)]
    pub tls: bool,
    /// Where data, keys and logs are kept.
    #[arg(long, default_value = ".demo")]
    pub dir: PathBuf,
    /// First of three ports a node; by default the first free ones from 9000.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub s3_port: Option<u16>,
    /// The root user's access key; by default made at random.
    #[arg(long)]
    pub access_key: Option<String>,
    /// The root user's secret key; by default made at random.
    #[arg(long)]
    pub secret_key: Option<String>,
    /// Print one line of JSON once the site is ready.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `demo-node`.
#[derive(Debug, Args)]
pub struct DemoNode {
    /// The node's number, from 1.
    pub node: usize,
    /// What to do with it.
    pub action: NodeAction,
    /// The demo's directory.
    #[arg(long, default_value = ".demo")]
    pub dir: PathBuf,
    /// Return when the node was started, before it is ready.
    #[arg(long)]
    pub no_wait: bool,
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
    fn what_the_readme_says_is_understood() {
        let parse = |line: &str| Arguments::try_parse_from(line.split(' '));
        parse("mucura demo").unwrap();
        parse("mucura demo --nodes 3 --drives 2 --dir d --s3-port 9000 --access-key a --secret-key s --json --tls")
            .unwrap();
        parse("mucura demo-node 2 start --dir d").unwrap();
        parse("mucura serve --print-example-config").unwrap();
        parse("mucura serve --config f --check-config").unwrap();
        assert!(parse("mucura serve").is_err());
        assert!(parse("mucura demo --nodes 0").is_err());
        assert!(parse("mucura init --dir d --site s --mesh m --s3 s --admin a").is_err());
    }
}
