use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::bench::arguments::{BenchArguments, Workload};
use crate::bench::cpu;
use crate::bench::meter::{Meter, Operation, Progress};
use crate::bench::pattern::Pattern;
use crate::bench::report::Report;
use crate::bench::s3_client::{Encryption, S3Client};
use crate::client::Client;
use crate::commands::{Output, list, text};
use crate::units::to_f64;

const DEFAULT_SECONDS: u32 = 10;
/// After a failure a client waits this long, so that a site that refuses is
/// not flooded.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// What all clients of a run share.
struct Shared {
    arguments: BenchArguments,
    /// Names this run's objects.
    prefix: String,
    clients: Vec<S3Client>,
    pattern: Pattern,
    meter: Meter,
}

/// Runs a benchmark and shows what it came to; fails if any request did.
pub(crate) async fn run(client: &Client, arguments: BenchArguments, out: &Output) -> anyhow::Result<()> {
    let endpoints = endpoints(client, &arguments).await?;
    let encryption = if arguments.sse { Encryption::SseS3 } else { Encryption::None };
    let s3 = |endpoint: &String| {
        S3Client::new(endpoint, &arguments.bucket, &arguments.region, client.credentials(), encryption)
    };
    let clients: Vec<S3Client> = endpoints.iter().map(s3).collect();
    let first = clients.first().context("the site has no S3 endpoint")?.clone();
    first.make_bucket().await.context("make the bucket")?;
    let prefix = format!("bench-{:x}/", crate::clock::now_ms());
    let pattern = Pattern::random()?;
    let before = prepare(&arguments, &prefix, &clients, &pattern).await?;

    let meter = Meter::default();
    let shared = Arc::new(Shared { arguments, prefix, clients, pattern, meter });
    let report = measure(&shared, before).await?;
    if !shared.arguments.keep {
        remove_all(&shared, before).await;
    }
    let failures = report.failures();
    out.show(&report.to_json(), |_| report.to_table())?;
    if failures > 0 {
        bail!("{failures} requests failed");
    }
    Ok(())
}

async fn endpoints(client: &Client, arguments: &BenchArguments) -> anyhow::Result<Vec<String>> {
    if !arguments.endpoint.is_empty() {
        return Ok(arguments.endpoint.clone());
    }
    let status = client.get("status").await?;
    Ok(list(&status, "nodes").iter().map(|node| text(node, "s3")).filter(|url| url != "-").collect())
}

/// Stores what is to be fetched or listed; gives how many objects that are.
async fn prepare(
    arguments: &BenchArguments,
    prefix: &str,
    clients: &[S3Client],
    pattern: &Pattern,
) -> anyhow::Result<u64> {
    if arguments.workload == Workload::Put {
        return Ok(0);
    }
    let objects = u64::from(arguments.objects);
    let (lanes, size) = (u64::from(arguments.concurrency).min(objects), arguments.size);
    let mut tasks = JoinSet::new();
    for lane in 0..lanes {
        let (pattern, prefix) = (pattern.clone(), prefix.to_owned());
        let client = pick(clients, lane).context("no endpoint")?.clone();
        tasks.spawn(async move {
            for number in (lane..objects).step_by(usize::try_from(lanes).unwrap_or(1)) {
                client.put(&key(&prefix, number), &pattern, number, size).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done?.context("store what is to be fetched")?;
    }
    Ok(objects)
}

async fn measure(shared: &Arc<Shared>, before: u64) -> anyhow::Result<Report> {
    let arguments = &shared.arguments;
    let seconds = Duration::from_secs(u64::from(arguments.duration.unwrap_or(DEFAULT_SECONDS)));
    let count = arguments.count;
    let (begun, cpu) = (Instant::now(), cpu::used(&arguments.pids));
    let end = count.is_none().then(|| begun + seconds);
    let progress = Progress::show(shared.clone(), move |elapsed, done| match count {
        Some(count) => to_f64(done) / to_f64(count.max(1)),
        None => elapsed.as_secs_f64() / seconds.as_secs_f64().max(0.001),
    });
    let mut tasks = JoinSet::new();
    for lane in 0..u64::from(arguments.concurrency) {
        let shared = shared.clone();
        tasks.spawn(async move { shared.work(lane, before, end).await });
    }
    while let Some(done) = tasks.join_next().await {
        done.context("a client of the benchmark broke")?;
    }
    drop(progress);
    let used = cpu::used(&arguments.pids).saturating_sub(cpu);
    Ok(Report {
        figures: shared.meter.figures(),
        took: begun.elapsed(),
        cpu: (!arguments.pids.is_empty()).then_some(used),
        size: arguments.size,
        concurrency: arguments.concurrency,
    })
}

impl AsRef<Meter> for Shared {
    fn as_ref(&self) -> &Meter {
        &self.meter
    }
}

impl Shared {
    /// One client: request after request.
    async fn work(&self, lane: u64, before: u64, end: Option<Instant>) {
        let Some(client) = pick(&self.clients, lane) else { return };
        while end.is_none_or(|end| Instant::now() < end) {
            let Some(number) = self.meter.begin(self.arguments.count) else { return };
            let operation = operation(self.arguments.workload, number);
            let begun = Instant::now();
            match self.request(client, operation, number, before).await {
                Ok(bytes) => self.meter.done(operation, begun.elapsed(), bytes),
                Err(error) => {
                    self.meter.failed(format!("{}: {error:#}", operation.name()));
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    /// Carries out request `number`; gives the bytes moved.
    async fn request(
        &self,
        client: &S3Client,
        operation: Operation,
        number: u64,
        before: u64,
    ) -> anyhow::Result<u64> {
        let size = self.arguments.size;
        match operation {
            Operation::Put => {
                let object = before + number;
                client.put(&key(&self.prefix, object), &self.pattern, object, size).await?;
                Ok(size)
            }
            Operation::Get => {
                let object = shuffled(number, before);
                let expected = self.arguments.verify.then_some((&self.pattern, object));
                let got = client.get(&key(&self.prefix, object), expected).await?;
                if got != size {
                    bail!("{got} bytes instead of {size}");
                }
                Ok(size)
            }
            Operation::Head => {
                let told = client.head(&key(&self.prefix, shuffled(number, before))).await?;
                if told != Some(size) {
                    bail!("a size of {told:?} instead of {size}");
                }
                Ok(0)
            }
            Operation::List => {
                let keys = client.list(&self.prefix).await?;
                if keys < before.min(1000) {
                    bail!("{keys} keys instead of {}", before.min(1000));
                }
                Ok(0)
            }
        }
    }
}

/// Removes what the run stored, as far as that works.
async fn remove_all(shared: &Arc<Shared>, before: u64) {
    let stored = before + shared.meter.begun();
    let lanes = u64::from(shared.arguments.concurrency);
    let mut tasks = JoinSet::new();
    for lane in 0..lanes {
        let shared = shared.clone();
        tasks.spawn(async move {
            let Some(client) = pick(&shared.clients, lane) else { return };
            for number in (lane..stored).step_by(usize::try_from(lanes).unwrap_or(1)) {
                // What cannot be removed stays: the figures are what counts.
                client.delete(&key(&shared.prefix, number)).await.ok();
            }
        });
    }
    while tasks.join_next().await.is_some() {}
}

/// Another order than that of storing.
fn shuffled(number: u64, objects: u64) -> u64 {
    number.wrapping_mul(2_654_435_761) % objects.max(1)
}

fn operation(workload: Workload, number: u64) -> Operation {
    match (workload, number % 10) {
        (Workload::Put, _) | (Workload::Mixed, 1 | 4 | 7) => Operation::Put,
        (Workload::Head, _) => Operation::Head,
        (Workload::List, _) | (Workload::Mixed, 9) => Operation::List,
        (Workload::Get | Workload::Mixed, _) => Operation::Get,
    }
}

fn key(prefix: &str, number: u64) -> String {
    format!("{prefix}{number:010}")
}

fn pick(clients: &[S3Client], lane: u64) -> Option<&S3Client> {
    let count = u64::try_from(clients.len()).ok().filter(|count| *count > 0)?;
    clients.get(usize::try_from(lane % count).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixed_run_fetches_most_and_lists_least() {
        let count = |wanted| (0..100).filter(|n| operation(Workload::Mixed, *n) == wanted).count();
        assert_eq!((count(Operation::Get), count(Operation::Put), count(Operation::List)), (60, 30, 10));
        assert!((0..100).all(|n| operation(Workload::Put, n) == Operation::Put));
    }
}
