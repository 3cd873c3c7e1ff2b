//! Rust sources, read just well enough to ask which paths they name: comments
//! and the text of strings are blanked, test code is left out, and grouped
//! imports are written out.

use std::collections::BTreeSet;

use crate::tree::Tree;

/// The files under `folder` that end up in the program, their text stripped.
pub(crate) fn production_files(tree: &Tree, folder: &str) -> Vec<(String, String)> {
    let files: Vec<(String, Stripped)> = tree
        .files_ending(&[".rs"])
        .filter(|(path, _)| path.starts_with(folder))
        .map(|(path, text)| (path.clone(), strip(text)))
        .collect();
    let mut test_only = BTreeSet::new();
    for (path, stripped) in &files {
        for module in &stripped.test_modules {
            test_only.insert(format!("{}{module}.rs", module_folder(path)));
            test_only.insert(format!("{}{module}/", module_folder(path)));
        }
    }
    let is_test = |path: &str| {
        test_only.iter().any(|prefix| path == prefix || (prefix.ends_with('/') && path.starts_with(prefix)))
    };
    files
        .into_iter()
        .filter(|(path, _)| !is_test(path))
        .map(|(path, stripped)| (path, stripped.text))
        .collect()
}

/// Where the modules declared in `path` are looked for.
fn module_folder(path: &str) -> String {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    match file {
        "lib.rs" | "main.rs" | "mod.rs" => format!("{folder}/"),
        _ => format!("{folder}/{}/", file.trim_end_matches(".rs")),
    }
}

struct Stripped {
    text: String,
    /// Modules declared `#[cfg(test)] mod name;`.
    test_modules: Vec<String>,
}

/// Blanks comments, the text of strings, and what is compiled for tests only.
fn strip(source: &str) -> Stripped {
    let text = blank_comments_and_strings(source);
    let mut kept = String::with_capacity(text.len());
    let mut test_modules = Vec::new();
    let mut rest = text.as_str();
    while let Some(start) = rest.find("#[cfg(") {
        let (before, attribute) = rest.split_at(start);
        kept.push_str(before);
        let end = matching(attribute, 1, '[', ']');
        let (condition, item) = attribute.split_at(end);
        if !is_test_condition(condition) {
            kept.push_str(condition);
            rest = item;
            continue;
        }
        let length = item_length(item);
        let words: Vec<&str> = item[..length].trim_end_matches(';').split_whitespace().collect();
        if let Some(at) = words.iter().position(|word| *word == "mod")
            && !item[..length].contains('{')
        {
            test_modules.push(words[at + 1].to_owned());
        }
        rest = &item[length..];
    }
    kept.push_str(rest);
    Stripped { text: kept, test_modules }
}

fn is_test_condition(attribute: &str) -> bool {
    !attribute.contains("not(") && words(attribute).any(|word| word == "test")
}

/// The length of the item at the start of `text`: to its `;` or the end of its
/// braces, over any further attributes.
fn item_length(text: &str) -> usize {
    let mut at = 0;
    for (index, letter) in text.char_indices() {
        if index < at {
            continue;
        }
        match letter {
            '#' => at = index + matching(&text[index..], 1, '[', ']'),
            '(' => at = index + matching(&text[index..], 0, '(', ')'),
            ';' => return index + 1,
            '{' => return index + matching(&text[index..], 0, '{', '}'),
            _ => {}
        }
    }
    text.len()
}

/// The offset just behind the bracket that closes the one at `from`.
fn matching(text: &str, from: usize, open: char, close: char) -> usize {
    let mut depth = 0;
    for (index, letter) in text.char_indices().skip_while(|(index, _)| *index < from) {
        if letter == open {
            depth += 1;
        } else if letter == close {
            depth -= 1;
            if depth == 0 {
                return index + letter.len_utf8();
            }
        }
    }
    text.len()
}

fn blank_comments_and_strings(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(letter) = rest.chars().next() {
        let after_word = out.chars().next_back().is_some_and(is_word);
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment_length(rest)
        } else if let Some(length) = string_length(rest).filter(|_| letter == '"' || !after_word) {
            out.push_str("\"\"");
            length
        } else if let Some(length) = char_literal_length(rest) {
            out.push_str("' '");
            length
        } else {
            out.push(letter);
            letter.len_utf8()
        };
        rest = &rest[skipped..];
    }
    out
}

fn block_comment_length(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of the string literal at the start of `text`, if there is one.
fn string_length(text: &str) -> Option<usize> {
    let body = text.trim_start_matches(['b', 'c']);
    let prefix = text.len() - body.len();
    if prefix > 1 {
        return None;
    }
    if let Some(raw) = body.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let inner = raw[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(prefix + 2 + hashes + inner.find(&end).map_or(inner.len(), |at| at + end.len()));
    }
    let inner = body.strip_prefix('"')?;
    let mut escaped = false;
    for (index, letter) in inner.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(prefix + 1 + index + 1),
            _ => {}
        }
    }
    Some(text.len())
}

/// The length of the character literal at the start of `text`; a lifetime is none.
fn char_literal_length(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    if let Some(escape) = inner.strip_prefix('\\') {
        let first = escape.chars().next()?.len_utf8();
        return escape[first..].find('\'').map(|at| 2 + first + at + 1);
    }
    let letter = inner.chars().next()?;
    inner[letter.len_utf8()..].starts_with('\'').then(|| 2 + letter.len_utf8())
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter| !is_word(letter)).filter(|word| !word.is_empty())
}

/// All paths that a stripped source names, `a::b::c`, imports written out.
pub(crate) struct Paths(Vec<String>);

impl Paths {
    pub(crate) fn of(stripped: &str) -> Self {
        let joined = stripped.split("::").map(str::trim).collect::<Vec<_>>().join("::");
        let mut paths = Vec::new();
        let mut current = String::new();
        let mut rest = joined.as_str();
        let mut after_space = false;
        while let Some(letter) = rest.chars().next() {
            if rest.starts_with("::{") {
                let end = matching(rest, 2, '{', '}');
                expand(&current, &rest[3..end.max(4) - 1], &mut paths);
                current.clear();
                rest = &rest[end..];
            } else if rest.starts_with("::") {
                current.push_str("::");
                rest = &rest[2..];
            } else if is_word(letter) {
                if after_space && !current.ends_with("::") {
                    paths.push(std::mem::take(&mut current));
                }
                current.push(letter);
                rest = &rest[letter.len_utf8()..];
            } else if !letter.is_whitespace() {
                paths.push(std::mem::take(&mut current));
                rest = &rest[letter.len_utf8()..];
            } else {
                rest = rest.trim_start();
            }
            after_space = letter.is_whitespace();
        }
        paths.push(current);
        Self(paths.into_iter().filter(|path| !path.is_empty()).collect())
    }

    /// Whether `name` (one segment or several) stands anywhere in a path.
    pub(crate) fn name(&self, name: &str) -> bool {
        self.0.iter().any(|path| format!("::{path}::").contains(&format!("::{name}::")))
    }

    /// Whether a path begins with the crate `name`. The bare word may be
    /// anything (a field, a variable), so it does not count.
    pub(crate) fn name_crate(&self, name: &str) -> bool {
        self.0.iter().any(|path| {
            let path = path.trim_start_matches("::");
            path.strip_prefix(name).is_some_and(|rest| rest.starts_with("::"))
        })
    }
}

/// Writes out `prefix::{group}`.
fn expand(prefix: &str, group: &str, paths: &mut Vec<String>) {
    let mut depth = 0;
    let mut start = 0;
    let mut members = Vec::new();
    for (index, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(&group[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    members.push(&group[start..]);
    for member in members.into_iter().map(str::trim).filter(|member| !member.is_empty()) {
        match member.split_once("::{") {
            Some((head, inner)) => {
                let inner = inner.trim_end().trim_end_matches('}');
                expand(&format!("{prefix}::{head}"), inner, paths);
            }
            None => {
                let name = member.split(" as ").next().unwrap_or(member).trim();
                paths.push(format!("{prefix}::{name}"));
            }
        }
    }
}
