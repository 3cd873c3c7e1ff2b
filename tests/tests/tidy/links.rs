//! Relative links in documents lead to a file or folder that exists.

use std::path::{Component, Path};

use crate::tree::Tree;

/// Says which links lead nowhere.
pub(crate) fn resolve(tree: &Tree) -> Vec<String> {
    let mut violations = Vec::new();
    for (path, text) in tree.files_ending(&[".md"]) {
        let folder = Path::new(path).parent().unwrap_or(Path::new(""));
        for target in links(text) {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || is_absolute(&target) {
                continue;
            }
            match normal(&folder.join(file)) {
                Some(place) if place.is_empty() || tree.paths.contains(&place) => {}
                _ => violations.push(format!("{path}: {target} leads nowhere")),
            }
        }
    }
    violations
}

fn is_absolute(target: &str) -> bool {
    ["http://", "https://", "mailto:"].iter().any(|scheme| target.starts_with(scheme))
}

/// The targets of `[text](target)`, code left out.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
            continue;
        }
        if in_code {
            continue;
        }
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("``");
        for rest in prose.split("](").skip(1) {
            if let Some((target, _)) = rest.split_once(')') {
                found.push(target.split_whitespace().next().unwrap_or_default().to_owned());
            }
        }
    }
    found
}

/// The path without `.` and `..`; none if it leaves the repository.
fn normal(path: &Path) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir => {}
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.join("/"))
}
