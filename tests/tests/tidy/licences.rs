//! Everything that is linked has a licence under which we may hand it on.

use crate::tree::Tree;

const ACCEPTED: [&str; 15] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Zlib",
];

/// Says which crates have a licence that is not on the list.
pub(crate) fn all_accepted(tree: &Tree) -> Vec<String> {
    tree.foreign
        .iter()
        .filter_map(|(name, licence)| match licence {
            None => Some(format!("{name} declares no licence")),
            Some(licence) if !accepted(licence) => Some(format!("{name} has licence {licence}")),
            Some(_) => None,
        })
        .collect()
}

/// Reads an SPDX expression; `/` is an old way to write `OR`. Of an `OR` one
/// side must be accepted, of an `AND` both.
fn accepted(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    let expression = expression.trim();
    if let Some(sides) = split_outside_brackets(expression, " AND ") {
        return sides.iter().all(|side| accepted(side));
    }
    if let Some(sides) = split_outside_brackets(expression, " OR ") {
        return sides.iter().any(|side| accepted(side));
    }
    match expression.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        Some(inner) => accepted(inner),
        None => ACCEPTED.contains(&expression),
    }
}

/// `a OR b AND c` is split at `AND` first, which is stricter than SPDX's own
/// precedence, and so on the safe side.
fn split_outside_brackets<'a>(expression: &'a str, separator: &str) -> Option<Vec<&'a str>> {
    let mut sides = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (index, letter) in expression.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ' ' if depth == 0 && index >= start && expression[index..].starts_with(separator) => {
                sides.push(&expression[start..index]);
                start = index + separator.len();
            }
            _ => {}
        }
    }
    sides.push(&expression[start..]);
    (sides.len() > 1).then_some(sides)
}
