use std::path::{Path, PathBuf};

use anyhow::Context as _;
use mucura_runtime::{Runtime, read_file};
use mucura_telemetry::{LogFormat, start_logging};
use serde_json::json;

use crate::admin_client::AdminClient;
use crate::boot_disk::machine;
use crate::cli::{Arguments, Command, Demo, DemoNode, Init, Join, JoinToken, Place, Serve};
use crate::config::{CONFIG_BYTES_MAX, Environment, RootKey, Settings, example};
use crate::demo::{self, DemoOptions};
use crate::found::{NodePlan, found_site};
use crate::site_keys::KeySource;
use crate::tls::CertificateFiles;
use crate::{join, serve};

/// Threads for the blocking work of commands that are not a node.
const THREADS: usize = 8;

/// Carries out a command line.
///
/// # Errors
/// For the person who called; the chain of causes says why.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let environment = Environment::of_process();
    match arguments.command {
        Command::Serve(serve) => serve_node(serve, environment).await,
        Command::Init(arguments) => init(arguments, &environment).await,
        Command::JoinToken(arguments) => join_token(arguments, &environment).await,
        Command::Join(arguments) => join_site(arguments).await,
        Command::Demo(arguments) => run_demo(arguments).await,
        Command::DemoNode(DemoNode { node, action, dir, no_wait }) => {
            println!("{}", demo::node_command(&dir, node, action, !no_wait).await?);
            Ok(())
        }
    }
}

async fn serve_node(arguments: Serve, environment: Environment) -> anyhow::Result<()> {
    if arguments.print_example_config {
        print!("{}", example());
        return Ok(());
    }
    let path = arguments.config.context("--config is missing")?;
    let settings = read_settings(&machine(THREADS, &environment), &path, &environment).await?;
    if arguments.print_config {
        print!("{}", settings.to_toml());
    } else if arguments.check_config {
        check_certificate(&machine(THREADS, &environment), &path, &settings).await?;
        check_keys(&machine(THREADS, &environment), &settings).await?;
        println!("{} is in order", path.display());
    } else {
        start_logging(settings.log.format.parse()?, &settings.log.filter)?;
        let runtime = machine(usize::try_from(settings.node.threads)?, &environment);
        let served = serve::serve(settings, runtime, &environment, arguments.until_stdin_ends).await;
        // Whoever reads only the log should find it there, too.
        if let Err(error) = &served {
            tracing::error!(error = format!("{error:#}"), "node ends");
        }
        return served;
    }
    Ok(())
}

async fn read_settings(
    runtime: &Runtime,
    path: &Path,
    environment: &Environment,
) -> anyhow::Result<Settings> {
    let path = std::path::absolute(path)?;
    let (disk, file) = (runtime.disk.clone(), path.clone());
    let read = runtime.blocking.run(move || read_file(&*disk, &file, CONFIG_BYTES_MAX)).await?;
    let bytes = read.with_context(|| format!("read {}", path.display()))?;
    let text = String::from_utf8(bytes).with_context(|| format!("{} is not text", path.display()))?;
    Ok(Settings::read(&text, &path, environment)?)
}

/// Whether the files that the S3 endpoint speaks HTTPS with can be used.
async fn check_certificate(runtime: &Runtime, path: &Path, settings: &Settings) -> anyhow::Result<()> {
    let Some(files) = CertificateFiles::of(&settings.s3) else { return Ok(()) };
    let (disk, path) = (runtime.disk.clone(), std::path::absolute(path)?);
    let read = move || files.read(&*disk).and_then(|contents| files.server_config(&contents));
    runtime.blocking.run(read).await?.map(drop).map_err(|error| error.in_config(path).into())
}

/// Whether the encryption keys of the site can be had.
async fn check_keys(runtime: &Runtime, settings: &Settings) -> anyhow::Result<()> {
    let Some(source) = KeySource::of(&settings.encryption) else { return Ok(()) };
    source.parse(&source.read(runtime).await?)?;
    Ok(())
}

async fn init(arguments: Init, environment: &Environment) -> anyhow::Result<()> {
    let runtime = machine(THREADS, environment);
    let root = match (environment.get("MUCURA_ROOT_ACCESS_KEY"), environment.get("MUCURA_ROOT_SECRET_KEY")) {
        (Some(access), Some(secret)) => {
            RootKey::new(access, secret).map_err(|e| anyhow::anyhow!("root key: {e}"))?
        }
        _ => RootKey::random(&runtime).context("make the root key")?,
    };
    let plan = plan(arguments.place)?;
    let founded = found_site(&runtime, &arguments.site, &root, std::slice::from_ref(&plan)).await?;
    let config = plan.dir.join(crate::config::CONFIG_FILE);
    println!("Site {} is made; this is its first node, in {}.", arguments.site, plan.dir.display());
    println!("\nCopy these files to a safe place; with them a site can be rebuilt that lost its metadata:");
    for path in &founded.keep {
        println!("  {}", path.display());
    }
    println!("\nThe root user's keys are in {}.", plan.dir.join("root.key").display());
    println!("\nRun the node:\n  mucura serve --config {}", config.display());
    println!("\nLet another machine join: run here\n  mucura join-token --config {}", config.display());
    println!(
        "and there\n  mucura join --token TOKEN --dir DIR --mesh ADDRESS:PORT --s3 ADDRESS:PORT --admin ADDRESS:PORT --drive PATH"
    );
    Ok(())
}

async fn join_token(arguments: JoinToken, environment: &Environment) -> anyhow::Result<()> {
    let runtime = machine(THREADS, environment);
    let settings = read_settings(&runtime, &arguments.config, environment).await?;
    let root = RootKey::load(&runtime, &settings.root.key_file, environment).await?;
    let client = AdminClient::new(&settings.admin.url, Some(root))?;
    let answer = client.json(http::Method::POST, "/admin/v1/join-tokens", &json!({})).await?;
    println!(
        "{}",
        answer.get("token").and_then(serde_json::Value::as_str).context("the node sent no token")?
    );
    Ok(())
}

async fn join_site(arguments: Join) -> anyhow::Result<()> {
    let runtime = machine(THREADS, &Environment::of_process());
    let plan = plan(arguments.place)?;
    let joined = join::join(&runtime, &arguments.token, &plan).await?;
    println!("This machine is node {} of site {}, in {}.", joined.node, joined.site_name, plan.dir.display());
    println!("\nRun it:\n  mucura serve --config {}", plan.dir.join(crate::config::CONFIG_FILE).display());
    Ok(())
}

fn plan(place: Place) -> anyhow::Result<NodePlan> {
    let dir = absolute(&place.dir)?;
    let mut settings = Settings::default();
    let name = match place.name {
        Some(name) => name,
        None => rustix::system::uname().nodename().to_string_lossy().into_owned(),
    };
    settings.mesh.listen = place.mesh;
    settings.s3.listen = place.s3;
    settings.admin.listen = place.admin;
    settings.storage.drives =
        place.drives.iter().map(|drive| absolute(drive)).collect::<anyhow::Result<_>>()?;
    Ok(NodePlan { name, dir, settings })
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("path {}", path.display()))
}

async fn run_demo(arguments: Demo) -> anyhow::Result<()> {
    start_logging(LogFormat::Text, "warn,mucura_server=info")?;
    let options = DemoOptions {
        dir: arguments.dir,
        nodes: arguments.nodes,
        drives: arguments.drives,
        tls: arguments.tls,
        s3_port: arguments.s3_port,
        access_key: arguments.access_key,
        secret_key: arguments.secret_key,
        json: arguments.json,
    };
    demo::run(&machine(THREADS, &Environment::of_process()), options).await
}
