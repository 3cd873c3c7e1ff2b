//! Events of buckets: queues read and emptied, and webhooks.

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, bail};
use http::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::cli::{EventsArguments, WebhookCommand};
use crate::client::{Client, Refused, segment};
use crate::commands::{Output, list, text};
use crate::table::Table;

/// Between two looks for more events.
const PERIOD: Duration = Duration::from_millis(500);
/// The longest rest while the site does not answer.
const REST_MAX: Duration = Duration::from_secs(10);
const SECRET_BYTES_MAX: usize = 256;

pub(crate) async fn events(client: &Client, arguments: EventsArguments, out: &Output) -> anyhow::Result<()> {
    match &arguments.queue {
        None => out.show(&client.get("events").await?, queue_table),
        Some(queue) => {
            Reader { client, queue, arguments: &arguments, after: 0, acked: 0, printed: 0 }.run(out).await
        }
    }
}

fn queue_table(answer: &Value) -> String {
    let mut table = Table::new(&["QUEUE", "KIND", "WAITING", "OLDEST", "LOST"]);
    for queue in list(answer, "queues") {
        table.row(["name", "kind", "waiting", "oldest", "lost"].map(|field| text(queue, field)));
    }
    table.to_string()
}

/// Reads a queue from its first event on.
struct Reader<'a> {
    client: &'a Client,
    queue: &'a str,
    arguments: &'a EventsArguments,
    /// The number of the last event that was printed.
    after: u64,
    /// The number of the last one that the site knows to be read.
    acked: u64,
    printed: u64,
}

impl Reader<'_> {
    async fn run(mut self, out: &Output) -> anyhow::Result<()> {
        let mut rest = PERIOD;
        while self.wants_more() {
            match self.step(out).await {
                Ok(0) if !self.arguments.follow => break,
                Ok(0) => sleep(PERIOD).await,
                Ok(_) => rest = PERIOD,
                // Who follows a site waits until it is back.
                Err(error) if self.arguments.follow && !is_final(&error) => {
                    eprintln!("mucuractl: {error:#}; trying again");
                    sleep(rest).await;
                    rest = rest.saturating_mul(2).min(REST_MAX);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn wants_more(&self) -> bool {
        self.arguments.max.is_none_or(|max| self.printed < max)
    }

    /// Prints what waits, and only then says that it was read; how many events.
    async fn step(&mut self, out: &Output) -> anyhow::Result<usize> {
        let path = format!("events/{}", segment(self.queue));
        // What failed the last time. Else the events would wait until others come.
        self.acknowledge(&path).await?;
        let answer = self.client.get(&format!("{path}/{}", self.after)).await?;
        let left = self.arguments.max.map_or(u64::MAX, |max| max - self.printed);
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        let events: Vec<&Value> = list(&answer, "events").iter().take(left).collect();
        let Some(last) = events.last() else { return Ok(0) };
        let last: u64 = text(last, "number").parse().context("the answer numbers no events")?;
        let lines: String = events.iter().map(|event| line(&event["record"], out.json)).collect();
        let mut stdout = std::io::stdout();
        stdout.write_all(lines.as_bytes()).and_then(|()| stdout.flush()).map_err(OutputFailed)?;
        (self.after, self.printed) = (last, self.printed + events.len() as u64);
        let count = events.len();
        self.acknowledge(&path).await?;
        Ok(count)
    }

    /// Says that what was printed was read.
    async fn acknowledge(&mut self, path: &str) -> anyhow::Result<()> {
        if self.arguments.no_ack || self.acked == self.after {
            return Ok(());
        }
        self.client.ask(Method::DELETE, &format!("{path}/{}", self.after), &Value::Null).await?;
        self.acked = self.after;
        Ok(())
    }
}

/// Events cannot be printed: they stay in the queue.
#[derive(Debug)]
struct OutputFailed(std::io::Error);

impl std::error::Error for OutputFailed {}

impl std::fmt::Display for OutputFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "print events: {}", self.0)
    }
}

/// Whether trying again would not help.
fn is_final(error: &anyhow::Error) -> bool {
    let refused = error.downcast_ref::<Refused>().is_some_and(|refused| refused.status.is_client_error());
    refused || error.is::<OutputFailed>()
}

/// An event in one line.
fn line(record: &Value, as_json: bool) -> String {
    if as_json {
        return format!("{record}\n");
    }
    if record.get("Event").is_some() {
        return format!("{}  {}  {}\n", text(record, "Time"), text(record, "Event"), text(record, "Bucket"));
    }
    let object = &record["s3"]["object"];
    let mut line = format!(
        "{}  {}  {}/{}",
        text(record, "eventTime"),
        text(record, "eventName"),
        text(&record["s3"]["bucket"], "name"),
        text(object, "key"),
    );
    for (field, unit) in [("size", " bytes"), ("versionId", "")] {
        if object.get(field).is_some() {
            line.push_str(&format!("  {}{unit}", text(object, field)));
        }
    }
    line + "\n"
}

pub(crate) async fn webhook(client: &Client, command: WebhookCommand, out: &Output) -> anyhow::Result<()> {
    match command {
        WebhookCommand::Add { name, url, secret_file } => {
            let secret = secret_file.map(|path| read_secret(&path)).transpose()?;
            let mut body = json!({ "name": name, "url": url });
            if let Some(secret) = secret {
                body["secret"] = secret.into();
            }
            let answer = client.ask(Method::POST, "webhooks", &body).await?;
            out.show(&answer, |answer| format!("Buckets name it as {}\n", text(answer, "arn")))
        }
        WebhookCommand::List => {
            let answer = client.get("webhooks").await?;
            out.show(&answer, |answer| {
                let mut table = Table::new(&["NAME", "URL", "SIGNED", "CREATED"]);
                for webhook in list(answer, "webhooks") {
                    table.row(["name", "url", "signed", "created"].map(|field| text(webhook, field)));
                }
                table.to_string()
            })
        }
        WebhookCommand::Remove { name } => {
            let path = format!("webhooks/{}", segment(&name));
            let answer = client.ask(Method::DELETE, &path, &Value::Null).await?;
            out.show(&answer, |_| format!("Webhook {name} is removed.\n"))
        }
    }
}

/// A secret from a file, without the end of its line.
fn read_secret(path: &std::path::Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if !(1..=SECRET_BYTES_MAX).contains(&secret.len()) {
        bail!("{} must hold a secret of 1 to {SECRET_BYTES_MAX} bytes", path.display());
    }
    Ok(secret.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Access;
    use mucura_s3_wire::sigv4::Credentials;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    #[test]
    fn an_event_is_one_line_for_people_and_for_programs() {
        let record = json!({
            "eventTime": "2013-05-24T00:00:00.000Z", "eventName": "ObjectCreated:Put",
            "s3": { "bucket": { "name": "b" }, "object": { "key": "a+b", "size": 7, "versionId": "v" } },
        });
        assert_eq!(line(&record, false), "2013-05-24T00:00:00.000Z  ObjectCreated:Put  b/a+b  7 bytes  v\n");
        assert_eq!(line(&record, true), format!("{record}\n"));
        let test = json!({ "Event": "s3:TestEvent", "Time": "T", "Bucket": "b" });
        assert_eq!(line(&test, false), "T  s3:TestEvent  b\n");
    }

    /// Answers one request after the other; gives their first lines.
    async fn answering(listener: TcpListener, answers: &[(u16, &str)]) -> Vec<String> {
        let mut asked = Vec::new();
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = vec![0; 4096];
            let len = stream.read(&mut head).await.unwrap();
            asked.push(String::from_utf8_lossy(&head[..len]).lines().next().unwrap().to_owned());
            let answer = format!(
                "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        asked
    }

    #[tokio::test]
    async fn an_acknowledgement_that_failed_is_repeated() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let admin = vec![format!("http://{}", listener.local_addr().unwrap())];
        let credentials = Credentials { access_key: "a".into(), secret_key: "b".into(), session_token: None };
        let client = Client::new(Access { admin, credentials });
        let arguments =
            EventsArguments { list: false, queue: Some("q".into()), follow: true, max: None, no_ack: false };
        let out = Output { json: true };
        let mut reader =
            Reader { client: &client, queue: "q", arguments: &arguments, after: 0, acked: 0, printed: 0 };
        let event = r#"{"events":[{"number":"7","record":{"Event":"s3:TestEvent"}}]}"#;
        let answers = [(200, event), (500, "{}"), (200, "null"), (200, r#"{"events":[]}"#)];
        let steps = async {
            assert!(reader.step(&out).await.is_err());
            assert_eq!(reader.step(&out).await.unwrap(), 0);
        };
        let both = async { tokio::join!(answering(listener, &answers), steps) };
        let (asked, ()) = timeout(Duration::from_secs(10), both).await.expect("all is asked for");
        let paths: Vec<_> = asked.iter().map(|line| line.rsplit_once(' ').unwrap().0).collect();
        let of = |rest: &str| {
            format!("{} /admin/v1/events/q/{}", &rest[..rest.len() - 2], &rest[rest.len() - 1..])
        };
        assert_eq!(paths, [of("GET 0"), of("DELETE 7"), of("DELETE 7"), of("GET 7")]);
    }

    #[test]
    fn a_refusal_is_final_and_a_site_that_is_away_is_not() {
        let refused = |status| {
            anyhow::Error::new(Refused { status, code: "C".into(), message: "m".into() }).context("ask")
        };
        assert!(is_final(&refused(http::StatusCode::NOT_FOUND)));
        assert!(!is_final(&refused(http::StatusCode::GATEWAY_TIMEOUT)));
        assert!(!is_final(&anyhow::anyhow!("no node could do it")));
    }

    #[test]
    fn a_secret_is_one_line_of_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, "s3 cret\n").unwrap();
        assert_eq!(read_secret(&path).unwrap(), "s3 cret");
        for text in ["", "\n", &"x".repeat(257)] {
            std::fs::write(&path, text).unwrap();
            assert!(read_secret(&path).is_err(), "{text:?}");
        }
    }
}
