use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use crate::config::faults::Fault;
use crate::config::keys::KEYS;

/// Variables that belong to a section by name, but are no keys of it.
const SECRETS: [&str; 2] = ["MUCURA_ROOT_ACCESS_KEY", "MUCURA_ROOT_SECRET_KEY"];

/// The variables that this program looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// That of this process.
    pub fn of_process() -> Self {
        Self::of(
            std::env::vars_os()
                .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// These variables, as far as they begin with `MUCURA_`.
    pub fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(variables.into_iter().filter(|(key, _)| key.starts_with("MUCURA_")).collect())
    }

    /// A variable; none if it is not set, or empty.
    pub fn get(&self, variable: &str) -> Option<&str> {
        self.0.get(variable).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

/// The table that `text` holds, with `environment` over it: keys that exist,
/// with values of their type. The rest comes back as faults, and with it the
/// line of every key of the file.
pub(crate) fn merge(text: &str, environment: &Environment) -> (Table, Vec<Fault>, BTreeMap<String, usize>) {
    let (mut faults, mut lines) = (Vec::new(), BTreeMap::new());
    let mut merged = Table::new();
    match DeTable::parse(text) {
        Err(error) => {
            let line = error.span().map(|span| line_of(text, span.start));
            faults.push(Fault::at(line, "", error.message()));
        }
        Ok(root) => {
            for (section, keys) in root.get_ref() {
                let line = line_of(text, section.span().start);
                let section = section.get_ref();
                let DeValue::Table(keys) = keys.get_ref() else {
                    faults.push(Fault::at(Some(line), section, "there is no such key"));
                    continue;
                };
                if !KEYS.iter().any(|known| known.section == section) {
                    faults.push(Fault::at(Some(line), section, "there is no such section"));
                    continue;
                }
                for key in keys.keys() {
                    lines.insert(format!("{section}.{}", key.get_ref()), line_of(text, key.span().start));
                }
            }
        }
    }
    let written: Table = toml::from_str(text).unwrap_or_default();
    for (section, keys) in written {
        let Value::Table(keys) = keys else { continue };
        for (name, value) in keys {
            let full = format!("{section}.{name}");
            let line = lines.get(&full).copied();
            let Some(key) = KEYS.iter().find(|known| known.section == section && known.name == name) else {
                if KEYS.iter().any(|known| known.section == section) {
                    faults.push(Fault::at(line, &full, "there is no such key"));
                }
                continue;
            };
            match check(&value, key.default) {
                Ok(()) => put(&mut merged, key.section, key.name, value),
                Err(expected) => faults.push(Fault::at(line, &full, &format!("expected {expected}"))),
            }
        }
    }
    for (variable, text) in environment.iter().filter(|(_, value)| !value.is_empty()) {
        if let Some(key) = KEYS.iter().find(|known| known.variable() == variable) {
            match parse(text, key.default) {
                Ok(value) => {
                    lines.remove(&format!("{}.{}", key.section, key.name));
                    put(&mut merged, key.section, key.name, value);
                }
                Err(expected) => faults.push(Fault::at(None, variable, &format!("expected {expected}"))),
            }
        } else if !SECRETS.contains(&variable)
            && KEYS.iter().any(|known| is_in_section(variable, known.section))
        {
            faults.push(Fault::at(None, variable, "there is no such key"));
        }
    }
    (merged, faults, lines)
}

fn is_in_section(variable: &str, section: &str) -> bool {
    let rest = variable.strip_prefix("MUCURA_").and_then(|rest| rest.strip_prefix(&section.to_uppercase()));
    rest.is_some_and(|rest| rest.starts_with('_'))
}

fn put(table: &mut Table, section: &str, name: &str, value: Value) {
    let keys = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(keys) = keys {
        keys.insert(name.to_owned(), value);
    }
}

/// The kinds of value there are, told by how a default is written.
fn check(value: &Value, default: &str) -> Result<(), &'static str> {
    let fits = match default.as_bytes().first() {
        Some(b'"') => value.is_str(),
        Some(b'[') => value.as_array().is_some_and(|items| items.iter().all(Value::is_str)),
        _ => value.as_integer().is_some_and(|number| u32::try_from(number).is_ok()),
    };
    if fits { Ok(()) } else { Err(expected(default)) }
}

fn parse(text: &str, default: &str) -> Result<Value, &'static str> {
    match default.as_bytes().first() {
        Some(b'"') => Ok(Value::String(text.to_owned())),
        Some(b'[') => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Ok(Value::Array(items.map(|item| Value::String(item.to_owned())).collect()))
        }
        _ => text.parse::<u32>().map(|number| Value::Integer(number.into())).map_err(|_| expected(default)),
    }
}

fn expected(default: &str) -> &'static str {
    match default.as_bytes().first() {
        Some(b'"') => "a text",
        Some(b'[') => "a list of texts",
        _ => "a whole number from 0 to 4294967295",
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}
