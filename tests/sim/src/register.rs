//! Is the history of one key one that a register could have shown?

use std::collections::HashSet;

use crate::value::ValueId;

/// What a client did to a key, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Put(ValueId),
    /// A put on the condition that there is just this; whether it was done.
    PutIf {
        expected: Option<ValueId>,
        value: ValueId,
        done: bool,
    },
    /// Whether there was something, if the answer came.
    Delete(Option<bool>),
    /// What was there.
    Get(Option<ValueId>),
}

impl Action {
    /// Whether it changed what is there.
    pub(crate) fn is_change(self) -> bool {
        self.is_put() || matches!(self, Self::Delete(_))
    }

    /// Whether it left a value.
    pub(crate) fn is_put(self) -> bool {
        matches!(self, Self::Put(_) | Self::PutIf { done: true, .. })
    }
}

/// One operation. Those whose outcome is unknown have no end: they may have
/// been done at any time after their start, or never.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) action: Action,
    /// Both in one count over all events of the run.
    pub(crate) start: u64,
    pub(crate) end: Option<u64>,
    /// For people.
    pub(crate) told: String,
}

/// States that are looked at before the checker gives up.
const STATES_MAX: usize = 2_000_000;

/// Whether some order of the operations, each between its start and end,
/// explains all answers. (The search of Wing and Gong, with what was seen kept
/// as Lowe does.)
///
/// # Errors
/// None does: the operations, in the order of their starts.
pub(crate) fn check(mut operations: Vec<Operation>) -> Result<(), String> {
    operations.sort_by_key(|operation| operation.start);
    let mut seen: HashSet<State> = HashSet::new();
    let mut open = vec![State { done: vec![0; operations.len().div_ceil(64)], holds: None }];
    let mut furthest = 0;
    while let Some(state) = open.pop() {
        let left = || (0..operations.len()).filter(|&n| !state.is_done(n));
        // Nothing may be put before an operation that ended before it began.
        let Some(first_end) = left().filter_map(|n| operations[n].end).min() else {
            return Ok(()); // What is left need not have been done.
        };
        furthest = furthest.max(operations.len() - left().count());
        let next = left().take_while(|&n| operations[n].start <= first_end);
        for n in next {
            let Some(holds) = after(state.holds, operations[n].action) else { continue };
            let mut done = state.done.clone();
            done[n / 64] |= 1 << (n % 64);
            let state = State { done, holds };
            if seen.insert(state.clone()) {
                open.push(state);
            }
        }
        if seen.len() > STATES_MAX {
            return Err("the history is too tangled to decide".into());
        }
    }
    let lines: Vec<&str> = operations.iter().map(|operation| operation.told.as_str()).collect();
    let count = operations.len();
    Err(format!("no order explains more than {furthest} of {count} operations:\n  {}", lines.join("\n  ")))
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    done: Vec<u64>,
    holds: Option<ValueId>,
}

impl State {
    fn is_done(&self, n: usize) -> bool {
        self.done[n / 64] >> (n % 64) & 1 == 1
    }
}

/// What the register holds after an action that it can answer so.
#[allow(clippy::option_option)] // Outside: possible or not. Inside: full or empty.
fn after(holds: Option<ValueId>, action: Action) -> Option<Option<ValueId>> {
    match action {
        Action::Put(value) => Some(Some(value)),
        Action::PutIf { expected, value, done: true } => (holds == expected).then_some(Some(value)),
        Action::PutIf { expected, done: false, .. } => (holds != expected).then_some(holds),
        Action::Delete(existed) => existed.is_none_or(|existed| existed == holds.is_some()).then_some(None),
        Action::Get(found) => (found == holds).then_some(holds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(start: u64, end: impl Into<Option<u64>>, action: Action) -> Operation {
        Operation { action, start, end: end.into(), told: format!("{action:?}") }
    }

    const A: ValueId = ValueId(1);
    const B: ValueId = ValueId(2);

    #[test]
    fn reads_see_what_was_acknowledged_before_them() {
        let put = op(1, 2, Action::Put(A));
        assert!(check(vec![put.clone(), op(3, 4, Action::Get(Some(A)))]).is_ok());
        assert!(check(vec![put.clone(), op(3, 4, Action::Get(None))]).is_err());
        assert!(check(vec![put, op(0, 4, Action::Get(None))]).is_ok(), "at the same time");
    }

    #[test]
    fn reads_do_not_go_back() {
        let puts = [op(1, 2, Action::Put(A)), op(3, 10, Action::Put(B))];
        let reads = |first, second| vec![op(4, 5, Action::Get(first)), op(6, 7, Action::Get(second))];
        let with = |reads: Vec<Operation>| check([puts.to_vec(), reads].concat());
        assert!(with(reads(Some(A), Some(B))).is_ok());
        assert!(with(reads(Some(B), Some(A))).is_err());
    }

    #[test]
    fn an_unknown_outcome_may_come_late_or_never_but_once() {
        let history = |reads: &[Option<ValueId>]| {
            let mut all = vec![op(1, 2, Action::Put(A)), op(3, None, Action::Put(B))];
            all.extend((10..).step_by(2).zip(reads).map(|(at, read)| op(at, at + 1, Action::Get(*read))));
            check(all)
        };
        assert!(history(&[Some(A), Some(A)]).is_ok());
        assert!(history(&[Some(A), Some(B)]).is_ok());
        assert!(history(&[Some(B), Some(A)]).is_err());
        assert!(history(&[None]).is_err());
    }

    #[test]
    fn of_two_conditional_puts_on_the_same_only_one_is_done() {
        let put_if =
            |start, end, value, done| op(start, end, Action::PutIf { expected: Some(A), value, done });
        let history = |second: bool| {
            check(vec![op(1, 2, Action::Put(A)), put_if(3, 6, B, true), put_if(4, 7, ValueId(3), second)])
        };
        assert!(history(false).is_ok());
        assert!(history(true).is_err(), "a lost update");
        let refused = vec![op(1, 2, Action::Put(A)), put_if(3, 4, B, false)];
        assert!(check(refused).is_err(), "nothing stood in its way");
    }

    #[test]
    fn a_deletion_says_truly_whether_there_was_something() {
        let history =
            |existed| check(vec![op(1, 2, Action::Put(A)), op(3, 4, Action::Delete(Some(existed)))]);
        assert!(history(true).is_ok());
        assert!(history(false).is_err());
        let twice = vec![
            op(1, 2, Action::Put(A)),
            op(3, None, Action::Delete(None)),
            op(4, 5, Action::Delete(Some(false))),
        ];
        assert!(check(twice).is_ok());
    }
}
