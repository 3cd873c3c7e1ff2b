use std::sync::Mutex;
use std::time::Duration;

use quinn::Connection;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::codes;
use crate::error::CallError;
use crate::hello::Kind;
use crate::shared::held;

/// What an attempt to connect came to; none while it lasts.
pub(crate) type Attempt = Option<Result<Connection, CallError>>;

/// One connection to a peer that is dialled when it is needed, by one attempt
/// at a time.
pub(crate) struct Link {
    pub(crate) kind: Kind,
    pub(crate) lane: u8,
    state: Mutex<State>,
}

enum State {
    /// Not connected; not to be dialled before this time, because of this.
    Down { failures: u32, pause: Option<(Instant, CallError)> },
    /// An attempt is under way.
    Dialling { failures: u32, attempt: watch::Receiver<Attempt> },
    /// Connected.
    Up(Connection),
    /// The peer left the address book.
    Retired,
}

/// What who needs the connection has to do.
pub(crate) enum Step {
    Use(Connection),
    Fail(CallError),
    Wait(watch::Receiver<Attempt>),
    Dial(watch::Sender<Attempt>, watch::Receiver<Attempt>),
}

impl Link {
    pub(crate) fn new(kind: Kind, lane: u8) -> Self {
        Self { kind, lane, state: Mutex::new(State::Down { failures: 0, pause: None }) }
    }

    pub(crate) fn step(&self) -> Step {
        let mut state = held(&self.state);
        let failures = match &*state {
            State::Up(connection) if connection.close_reason().is_none() => {
                return Step::Use(connection.clone());
            }
            State::Up(_) => 0,
            // An attempt whose task is gone came to nothing.
            State::Dialling { attempt, .. } if attempt.has_changed().is_ok() => {
                return Step::Wait(attempt.clone());
            }
            State::Dialling { failures, .. } => *failures,
            State::Down { pause: Some((until, error)), .. } if Instant::now() < *until => {
                return Step::Fail(error.clone());
            }
            State::Down { failures, .. } => *failures,
            State::Retired => {
                return Step::Fail(CallError::Unreachable { reason: "it is no longer a peer".to_owned() });
            }
        };
        let (sender, attempt) = watch::channel(None);
        *state = State::Dialling { failures, attempt: attempt.clone() };
        Step::Dial(sender, attempt)
    }

    /// The attempt succeeded.
    pub(crate) fn up(&self, connection: &Connection) {
        let mut state = held(&self.state);
        match &*state {
            State::Retired => connection.close(codes::NOT_A_PEER, b"no longer a peer"),
            _ => *state = State::Up(connection.clone()),
        }
    }

    /// The attempt failed; `pause` tells from the number of failures in a row
    /// how long to wait before the next.
    pub(crate) fn failed(&self, error: CallError, pause: impl FnOnce(u32) -> Duration) {
        let mut state = held(&self.state);
        if let State::Dialling { failures, .. } = &*state {
            let until = Instant::now() + pause(*failures);
            *state = State::Down { failures: failures.saturating_add(1), pause: Some((until, error)) };
        }
    }

    /// The peer lives: the next attempt need not wait.
    pub(crate) fn seen(&self) {
        if let State::Down { failures, pause } = &mut *held(&self.state) {
            (*failures, *pause) = (0, None);
        }
    }

    /// Closes it for good.
    pub(crate) fn retire(&self) {
        if let State::Up(connection) = std::mem::replace(&mut *held(&self.state), State::Retired) {
            connection.close(codes::NOT_A_PEER, b"no longer a peer");
        }
    }
}
