//! Texts with wildcards and policy variables, matched in linear time.

use std::collections::BTreeMap;

use crate::policy::context::Context;
use crate::policy::key::ConditionKey;

/// A run between two `*` that has a `?` in it is searched for with a bit for each of its characters.
/// Other runs are searched for in linear time whatever their length.
const MAX_RUN_WITH_QUESTION_MARK: usize = u64::BITS as usize;
/// Each variable may become as long as a header.
const MAX_VARIABLES: usize = 16;

/// What of a text is special.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Syntax {
    pub(super) wildcards: Wildcards,
    pub(super) variables: Variables,
}

/// Whether `*` and `?` are wildcards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wildcards {
    On,
    Off,
}

/// Whether `${...}` is a variable: only since the version of 2012.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variables {
    On,
    Off,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Variable {
        key: ConditionKey,
        default: Option<String>,
    },
    /// `?`
    AnyChar,
    /// `*`
    AnyText,
}

/// A pattern that is not one: an open or unknown variable, too many, or too long a run with `?`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadPattern;

/// A text of a policy that values are compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    pieces: Vec<Piece>,
    /// The runs, of a pattern without variables.
    runs: Option<Vec<Run>>,
}

impl Pattern {
    pub(super) fn parse(text: &str, syntax: Syntax) -> Result<Self, BadPattern> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(char) = rest.chars().next() {
            if syntax.variables == Variables::On
                && let Some(open) = rest.strip_prefix("${")
            {
                let (inner, after) = open.split_once('}').ok_or(BadPattern)?;
                rest = after;
                match inner {
                    "*" | "?" | "$" => literal.push_str(inner),
                    _ => {
                        flush(&mut literal, &mut pieces);
                        pieces.push(variable(inner)?);
                    }
                }
                continue;
            }
            rest = &rest[char.len_utf8()..];
            let special = match char {
                '*' if syntax.wildcards == Wildcards::On => Piece::AnyText,
                '?' if syntax.wildcards == Wildcards::On => Piece::AnyChar,
                _ => {
                    literal.push(char);
                    continue;
                }
            };
            flush(&mut literal, &mut pieces);
            // Two stars are as good as one.
            if special != Piece::AnyText || pieces.last() != Some(&Piece::AnyText) {
                pieces.push(special);
            }
        }
        flush(&mut literal, &mut pieces);
        let mut pattern = Self { pieces, runs: None };
        let is_variable = |piece: &&Piece| matches!(piece, Piece::Variable { .. });
        let variables = pattern.pieces.iter().filter(is_variable).count();
        if variables == 0 {
            pattern.runs = pattern.resolve(&Context::default());
        }
        let bounded = variables <= MAX_VARIABLES && pattern.searches_are_bounded();
        if bounded { Ok(pattern) } else { Err(BadPattern) }
    }

    fn searches_are_bounded(&self) -> bool {
        self.pieces.split(|piece| *piece == Piece::AnyText).all(|run| {
            let chars = |piece: &Piece| match piece {
                Piece::Text(text) => text.chars().count(),
                _ => 1,
            };
            !run.contains(&Piece::AnyChar)
                || run.iter().map(chars).sum::<usize>() <= MAX_RUN_WITH_QUESTION_MARK
        })
    }

    /// Whether it means one text, whoever asks.
    pub(super) fn is_fixed(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, Piece::Text(_)))
    }

    /// Whether it means one text, and not the empty one.
    pub(super) fn is_fixed_and_not_empty(&self) -> bool {
        self.is_fixed() && !self.pieces.is_empty()
    }

    /// A variable that never has a value, so that the pattern fits nothing.
    pub(super) fn empty_variable(&self) -> Option<&ConditionKey> {
        self.pieces.iter().find_map(|piece| match piece {
            Piece::Variable { key, default: None } if !key.is_ever_set() => Some(key),
            _ => None,
        })
    }

    /// Whether the value fits. A pattern with a variable of which nothing is known fits nothing.
    pub(super) fn matches(&self, value: &str, context: &Context) -> bool {
        match &self.runs {
            Some(runs) => runs_match(runs, value),
            None => self.resolve(context).is_some_and(|runs| runs_match(&runs, value)),
        }
    }

    /// Whether the value is this text, but for upper and lower case.
    pub(super) fn matches_ignoring_case(&self, value: &str, context: &Context) -> bool {
        let resolved = match &self.runs {
            Some(_) => None,
            None => self.resolve(context),
        };
        let Some(runs) = self.runs.as_ref().or(resolved.as_ref()) else { return false };
        let text = runs.iter().flat_map(|run| &run.parts).flatten();
        text.flat_map(|text| folded(text)).eq(folded(value))
    }

    /// The runs between the stars, variables filled in. What a variable holds is never a wildcard.
    fn resolve(&self, context: &Context) -> Option<Vec<Run>> {
        let mut runs = vec![Run::default()];
        for piece in &self.pieces {
            let text = match piece {
                Piece::AnyText => {
                    runs.push(Run::default());
                    continue;
                }
                Piece::AnyChar => None,
                Piece::Text(text) => Some(text.as_str()),
                Piece::Variable { key, default } => Some(context.variable(key).or(default.as_deref())?),
            };
            if let Some(run) = runs.last_mut() {
                run.push(text);
            }
        }
        Some(runs)
    }
}

/// A text without the differences of case. The sigma that ends words is the other one.
fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase).map(|char| if char == 'ς' { 'σ' } else { char })
}

fn flush(literal: &mut String, pieces: &mut Vec<Piece>) {
    if !literal.is_empty() {
        pieces.push(Piece::Text(std::mem::take(literal)));
    }
}

/// `key` or `key, 'default'`.
fn variable(inner: &str) -> Result<Piece, BadPattern> {
    let (name, default) = match inner.split_once(',') {
        None => (inner, None),
        Some((name, default)) => {
            let default = default.trim().strip_prefix('\'').and_then(|open| open.strip_suffix('\''));
            (name, Some(default.ok_or(BadPattern)?.to_owned()))
        }
    };
    let key = ConditionKey::known(name.trim()).ok_or(BadPattern)?;
    Ok(Piece::Variable { key, default })
}

/// What stands between two stars: texts, and single characters of any kind (`None`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Run {
    parts: Vec<Option<String>>,
}

impl Run {
    fn push(&mut self, text: Option<&str>) {
        match (self.parts.last_mut(), text) {
            (Some(Some(last)), Some(text)) => last.push_str(text),
            _ => self.parts.push(text.map(str::to_owned)),
        }
    }

    /// The rest of a value that begins with this.
    fn strip_from_start<'a>(&self, value: &'a str) -> Option<&'a str> {
        self.parts.iter().try_fold(value, |rest, part| match part {
            Some(text) => rest.strip_prefix(text.as_str()),
            None => rest.chars().next().and_then(|char| rest.get(char.len_utf8()..)),
        })
    }

    /// The rest of a value that ends with this.
    fn strip_from_end<'a>(&self, value: &'a str) -> Option<&'a str> {
        self.parts.iter().rev().try_fold(value, |rest, part| match part {
            Some(text) => rest.strip_suffix(text.as_str()),
            None => {
                let last = rest.chars().next_back()?;
                rest.get(..rest.len() - last.len_utf8())
            }
        })
    }

    /// What follows the first place where this stands in the value.
    fn strip_first<'a>(&self, value: &'a str) -> Option<&'a str> {
        match self.parts.as_slice() {
            [] => Some(value),
            [Some(text)] => value.find(text.as_str()).and_then(|at| value.get(at + text.len()..)),
            _ => match Places::of(&self.parts) {
                Some(places) => places.strip_first(value),
                // Variables made it longer. In a value that is no longer than conditions look at, and
                // that it would have to fit into, that many places are not too many.
                None if self.min_len() > value.len() => None,
                None => value
                    .char_indices()
                    .map(|(at, _)| at)
                    .find_map(|at| value.get(at..).and_then(|rest| self.strip_from_start(rest))),
            },
        }
    }

    /// The fewest bytes that it takes.
    fn min_len(&self) -> usize {
        self.parts.iter().map(|part| part.as_ref().map_or(1, String::len)).sum()
    }
}

/// Where each character may stand in a run, a bit for each place. All places of a value are tried at
/// once with it ("shift-and": Baeza-Yates and Gonnet, "A new approach to text searching", 1992).
struct Places {
    /// Those of `?`.
    of_any: u64,
    of: BTreeMap<char, u64>,
    last: u64,
}

impl Places {
    /// `None` if the run has more characters than there are bits, or none.
    fn of(parts: &[Option<String>]) -> Option<Self> {
        let (mut of_any, mut of) = (0, BTreeMap::new());
        let (mut last, mut next) = (0, 1_u64);
        for part in parts {
            for char in part.as_ref().map_or("?", String::as_str).chars() {
                match part {
                    Some(_) => *of.entry(char).or_default() |= next,
                    None => of_any |= next,
                }
                // Nothing is left of a bit that there is not.
                (last, next) = (next, next << 1);
            }
        }
        (last != 0).then_some(Self { of_any, of, last })
    }

    /// What follows the first place where the run stands in the value.
    fn strip_first<'a>(&self, value: &'a str) -> Option<&'a str> {
        // A bit is set if the run up to its character ends here.
        let mut ends = 0_u64;
        for (at, char) in value.char_indices() {
            ends = (ends << 1 | 1) & (self.of_any | self.of.get(&char).copied().unwrap_or(0));
            if ends & self.last != 0 {
                return value.get(at + char.len_utf8()..);
            }
        }
        None
    }
}

/// The first run starts the value, the last ends it, and the others follow each other in between:
/// taking the first place for each leaves most for the rest, so nothing is tried twice.
fn runs_match(runs: &[Run], value: &str) -> bool {
    let (first, rest) = match runs.split_first() {
        Some((first, rest)) => (first, rest),
        None => return value.is_empty(),
    };
    let Some(after_first) = first.strip_from_start(value) else { return false };
    let Some((last, middle)) = rest.split_last() else { return after_first.is_empty() };
    let Some(between) = last.strip_from_end(after_first) else { return false };
    middle.iter().try_fold(between, |rest, run| run.strip_first(rest)).is_some()
}

#[cfg(test)]
#[path = "pattern_tests.rs"]
mod tests;
