use std::ops::Range;
use std::time::Duration;

use mucura_metadata::{ETag, Rejection, WriteCondition};

use crate::choices::Choices;
use crate::desk::{Ask, Reply, Sent};
use crate::history::{At, Begun, History, NoAnswer};
use crate::register::Action;
use crate::stage::Stage;
use crate::value::ValueId;
use crate::workload::KEYS;

/// How long a node may work on a request.
pub(crate) const LIMIT: Duration = Duration::from_secs(4);

/// What a client last saw of a key: the tag and the value.
type Seen = Option<(ETag, ValueId)>;

/// One client: what it does, and what it notes of it.
pub(crate) struct Client {
    pub(crate) name: String,
    pub(crate) history: History,
    pub(crate) stage: Stage,
    pub(crate) choices: Choices,
}

impl Client {
    pub(crate) fn at<'a>(&'a self, node: usize, desk: &'a crate::desk::Desk, limit: Duration) -> At<'a> {
        At { client: &self.name, node, desk, limit }
    }

    /// Reads a range of a key; whether an answer came, and what was there.
    pub(crate) async fn get(&self, node: usize, key: &str, range: Range<u64>) -> Option<Seen> {
        let desk = self.stage.desk(node)?;
        let at = self.at(node, &desk, LIMIT);
        let whole = range == (0..u64::MAX);
        let what = if whole { format!("get {key}") } else { format!("get {key} {range:?}") };
        let begun = self.history.begin(at, if whole { "get" } else { "get of a range" }, &what);
        let ask = Ask::Get { key: key.to_owned(), range: range.clone() };
        let wanted = |reply| match reply {
            Reply::Got(None) => Ok(None),
            Reply::Got(Some(got)) => {
                let value = self.history.recognise(key, &range, &got)?;
                Ok(Some((got.tag, value)))
            }
            other => Err(format!("answered {other:?}")),
        };
        match self.history.ask(at, &begun, ask, wanted, &[]).await {
            Ok(seen) => {
                let value = seen.map(|(_, value)| value);
                let outcome = value.map_or_else(|| "nothing".to_owned(), |value| format!("= {}", value.0));
                self.history.end(&begun, vec![(key, Action::Get(value))], &outcome);
                Some(seen)
            }
            Err(_) => {
                self.history.drop_it(&begun);
                None
            }
        }
    }

    /// Puts a new value, perhaps slowly; whether it was done.
    pub(crate) async fn put(
        &self,
        node: usize,
        key: &str,
        size: usize,
        pause: Option<(usize, Duration)>,
    ) -> bool {
        let Some(desk) = self.stage.desk(node) else { return false };
        let at = self.at(node, &desk, LIMIT + pause.map_or(Duration::ZERO, |(_, pause)| pause));
        let (value, bytes) = self.history.written(|written| written.draw(key, size, &self.name));
        let slowly = if pause.is_some() { ", slowly" } else { "" };
        let what = format!("put {key} = {} ({size} bytes{slowly})", value.0);
        let begun = self.history.begin(at, if pause.is_some() { "slow put" } else { "put" }, &what);
        let changes = self.stage.changes_of_leader();
        let ask =
            Ask::Put { key: key.to_owned(), body: Sent { bytes, pause }, condition: Default::default() };
        let done = self.history.ask(at, &begun, ask, done, &[]).await;
        if pause.is_some() && done.is_ok() && self.stage.changes_of_leader() != changes {
            self.history.coverage.count("slow put across a change of leader");
        }
        self.close(&begun, key, Action::Put(value), done)
    }

    /// Puts a new value if there is just what was seen before.
    pub(crate) async fn put_if(&self, node: usize, key: &str, size: usize, seen: Seen) {
        let Some(desk) = self.stage.desk(node) else { return };
        let at = self.at(node, &desk, LIMIT);
        let (value, bytes) = self.history.written(|written| written.draw(key, size, &self.name));
        let expected = seen.map(|(_, value)| value);
        let on = expected.map_or_else(|| "nothing".to_owned(), |value| value.0.to_string());
        let begun =
            self.history.begin(at, "conditional put", &format!("put {key} = {} if there is {on}", value.0));
        let condition = WriteCondition {
            if_match: seen.map(|(tag, _)| vec![tag]),
            if_none_match: seen.is_none().then(Vec::new),
        };
        let ask = Ask::Put { key: key.to_owned(), body: Sent::at_once(bytes), condition };
        let no = [Rejection::PreconditionFailed, Rejection::NoSuchKey];
        match self.history.ask(at, &begun, ask, done, &no).await {
            Err(NoAnswer::Rejected(no)) => {
                self.history.coverage.count("conditional put that found another value");
                let action = Action::PutIf { expected, value, done: false };
                self.history.end(&begun, vec![(key, action)], &no.to_string());
            }
            other => {
                self.close(&begun, key, Action::PutIf { expected, value, done: true }, other);
            }
        }
    }

    pub(crate) async fn delete(&self, node: usize, key: &str) {
        let Some(desk) = self.stage.desk(node) else { return };
        let at = self.at(node, &desk, LIMIT);
        let begun = self.history.begin(at, "delete", &format!("delete {key}"));
        let wanted = |reply| match reply {
            Reply::Deleted { existed } => Ok(existed),
            other => Err(format!("answered {other:?}")),
        };
        let deleted = self.history.ask(at, &begun, Ask::Delete { key: key.to_owned() }, wanted, &[]).await;
        match deleted {
            Ok(existed) => {
                let seen = vec![(key, Action::Delete(Some(existed)))];
                self.history.end(&begun, seen, &format!("done, existed: {existed}"));
            }
            Err(NoAnswer::Unknown) => self.history.leave_open(&begun, key, Action::Delete(None)),
            Err(_) => self.history.drop_it(&begun),
        }
    }

    /// Copies what was seen of a key to another.
    pub(crate) async fn copy(&self, node: usize, from: &str, (tag, value): (ETag, ValueId), to: &str) {
        let Some(desk) = self.stage.desk(node) else { return };
        let at = self.at(node, &desk, LIMIT);
        let copy = self.history.written(|written| written.copied(value, to));
        let begun =
            self.history.begin(at, "copy", &format!("copy {} of {from} to {to} = {}", value.0, copy.0));
        let ask = Ask::Copy { from: from.to_owned(), tag, to: to.to_owned() };
        match self.history.ask(at, &begun, ask, done, &[]).await {
            Ok(()) => {
                let seen = vec![(from, Action::Get(Some(value))), (to, Action::Put(copy))];
                self.history.end(&begun, seen, "done");
            }
            Err(NoAnswer::Unknown) => self.history.leave_open(&begun, to, Action::Put(copy)),
            Err(_) => self.history.drop_it(&begun),
        }
    }

    /// Lists all keys, in pages; each page must say of its keys what was there.
    pub(crate) async fn list(&self, node: usize, max: usize) {
        let Some(desk) = self.stage.desk(node) else { return };
        let at = self.at(node, &desk, LIMIT);
        let mut after = String::new();
        loop {
            let begun = self.history.begin(at, "list", &format!("list {max} behind \"{after}\""));
            let from = after.clone();
            let wanted = |reply| match reply {
                Reply::Listed { objects, truncated } => self.recognise_page(&from, max, objects, truncated),
                other => Err(format!("answered {other:?}")),
            };
            let ask = Ask::List { after: after.clone(), max };
            let Ok((seen, next)) = self.history.ask(at, &begun, ask, wanted, &[]).await else {
                self.history.drop_it(&begun);
                return;
            };
            let outcome: Vec<String> = seen
                .iter()
                .filter_map(|(key, action)| match action {
                    Action::Get(Some(value)) => Some(format!("{key} = {}", value.0)),
                    _ => None,
                })
                .collect();
            let seen = seen.iter().map(|(key, action)| (key.as_str(), *action)).collect();
            self.history.end(&begun, seen, &format!("[{}]", outcome.join(", ")));
            match next {
                Some(last) => after = last,
                None => return,
            }
        }
    }

    /// What a page says of every key that it covers, and where the next begins.
    #[allow(clippy::type_complexity)]
    fn recognise_page(
        &self,
        after: &str,
        max: usize,
        objects: Vec<(String, ETag, u64)>,
        truncated: bool,
    ) -> Result<(Vec<(String, Action)>, Option<String>), String> {
        let keys: Vec<&str> = objects.iter().map(|(key, ..)| key.as_str()).collect();
        if objects.len() > max || !keys.is_sorted() || keys.first().is_some_and(|key| *key <= after) {
            return Err(format!("no page of at most {max} in order behind \"{after}\": {keys:?}"));
        }
        let last = keys.last().map(|key| (*key).to_owned());
        if truncated && last.is_none() {
            return Err("an empty page, and there is more".into());
        }
        let covered =
            |key: &str| key > after && (!truncated || last.as_deref().is_some_and(|last| key <= last));
        let mut seen = Vec::new();
        for key in KEYS.into_iter().filter(|key| covered(key)) {
            let found = objects.iter().find(|(listed, ..)| listed == key);
            let value = found.map(|(_, tag, size)| self.history.by_tag(key, *tag, *size)).transpose()?;
            seen.push((key.to_owned(), Action::Get(value)));
        }
        Ok((seen, if truncated { last } else { None }))
    }

    fn close(&self, begun: &Begun, key: &str, action: Action, done: Result<(), NoAnswer>) -> bool {
        match done {
            Ok(()) => {
                self.history.end(begun, vec![(key, action)], "done");
                return true;
            }
            Err(NoAnswer::Unknown) => self.history.leave_open(begun, key, action),
            Err(NoAnswer::Refused | NoAnswer::Rejected(_)) => self.history.drop_it(begun),
        }
        false
    }

    /// Puts a new value in parts, each through any node.
    pub(crate) async fn put_parts(&mut self, key: &str, sizes: &[usize]) {
        let Some(upload) = self.begin_upload(key).await else { return };
        let (value, parts) = self.history.written(|written| written.draw_parts(key, sizes, &self.name));
        let mut list = Vec::new();
        for (number, bytes) in (1u16..).zip(parts) {
            let pause = (self.choices.below(4) == 0).then(|| (bytes.len(), self.choices.millis(100..2000)));
            let (node, desk) = match self.any_desk() {
                Some(at) => at,
                None => return,
            };
            let limit = LIMIT + pause.map_or(Duration::ZERO, |(_, pause)| pause);
            let at = self.at(node, &desk, limit);
            let what = format!("part {number} of {key} = {} ({} bytes)", value.0, bytes.len());
            let begun = self.history.begin(at, "part", &what);
            let body = Sent { bytes, pause };
            let ask = Ask::Part { key: key.to_owned(), upload, number, body };
            let wanted = |reply| match reply {
                Reply::Part(md5) => Ok(md5),
                other => Err(format!("answered {other:?}")),
            };
            let Ok(md5) = self.history.ask(at, &begun, ask, wanted, &[]).await else {
                self.history.drop_it(&begun);
                self.abort(key, upload).await;
                return;
            };
            self.history.end(&begun, Vec::new(), "done");
            self.history.coverage.count("part");
            list.push((number, md5));
        }
        if self.choices.below(6) == 0 {
            self.abort(key, upload).await;
        } else {
            self.complete(key, upload, value, list).await;
        }
    }

    async fn begin_upload(&mut self, key: &str) -> Option<mucura_types::WriteId> {
        let (node, desk) = self.any_desk()?;
        let at = self.at(node, &desk, LIMIT);
        let begun = self.history.begin(at, "begin an upload", &format!("begin an upload of {key}"));
        let wanted = |reply| match reply {
            Reply::Upload(id) => Ok(id),
            other => Err(format!("answered {other:?}")),
        };
        let upload = self.history.ask(at, &begun, Ask::Begin { key: key.to_owned() }, wanted, &[]).await.ok();
        match upload {
            Some(_) => self.history.end(&begun, Vec::new(), "done"),
            None => self.history.drop_it(&begun),
        }
        upload
    }

    /// Completes an upload; without an answer it may be asked for once more,
    /// and is then the same operation.
    async fn complete(
        &mut self,
        key: &str,
        upload: mucura_types::WriteId,
        value: ValueId,
        parts: Vec<(u16, [u8; 16])>,
    ) {
        let tag = self.history.written(|written| written.origin(value).tag);
        let mut first: Option<Begun> = None;
        for _ in 0..2 {
            let Some((node, desk)) = self.any_desk() else { break };
            let at = self.at(node, &desk, LIMIT);
            let again = if first.is_some() { " again" } else { "" };
            let what = format!("complete {key} = {}{again}", value.0);
            let begun = self.history.begin(at, "complete", &what);
            let ask = Ask::Complete { key: key.to_owned(), upload, parts: parts.clone(), tag };
            let answer = self.history.ask(at, &begun, ask, done, &[]).await;
            let whole = first.take().inspect(|_| self.history.drop_it(&begun)).unwrap_or(begun);
            match answer {
                // Some ask once more though they have an answer.
                Ok(()) if again.is_empty() && self.choices.below(4) == 0 => first = Some(whole),
                Ok(()) => {
                    if !again.is_empty() {
                        self.history.coverage.count("complete that was repeated");
                    }
                    self.history.end(&whole, vec![(key, Action::Put(value))], "done");
                    return;
                }
                // Refused the second time says nothing of the first.
                Err(NoAnswer::Refused | NoAnswer::Rejected(_)) if again.is_empty() => {
                    self.history.drop_it(&whole);
                    return;
                }
                Err(_) => first = Some(whole),
            }
        }
        if let Some(begun) = first {
            self.history.leave_open(&begun, key, Action::Put(value));
        }
    }

    async fn abort(&mut self, key: &str, upload: mucura_types::WriteId) {
        let Some((node, desk)) = self.any_desk() else { return };
        let at = self.at(node, &desk, LIMIT);
        let begun = self.history.begin(at, "abort", &format!("abort an upload of {key}"));
        let ask = Ask::Abort { key: key.to_owned(), upload };
        match self.history.ask(at, &begun, ask, done, &[]).await {
            Ok(()) => {
                self.history.end(&begun, Vec::new(), "done");
                self.history.coverage.count("abort");
            }
            Err(_) => self.history.drop_it(&begun),
        }
    }

    fn any_desk(&mut self) -> Option<(usize, crate::desk::Desk)> {
        let node = self.choices.below(self.stage.nodes());
        Some((node, self.stage.desk(node)?))
    }
}

fn done(reply: Reply) -> Result<(), String> {
    match reply {
        Reply::Done => Ok(()),
        other => Err(format!("answered {other:?}")),
    }
}
