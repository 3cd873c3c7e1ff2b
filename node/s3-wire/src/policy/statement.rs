//! One statement of a policy.

use std::collections::BTreeSet;

use crate::error::S3Error;
use crate::policy::action::{Action, Level};
use crate::policy::condition::Condition;
use crate::policy::context::Context;
use crate::policy::json::{Json, text_member};
use crate::policy::key::ConditionKey;
use crate::policy::pattern::{Pattern, Syntax, Variables, Wildcards};
use crate::policy::principal::Principal;
use crate::policy::refusal::{invalid_action, malformed, missing};
use crate::policy::resource::ResourcePattern;
use crate::policy::verdict::{Asked, By, Whom};

/// Whether a statement allows or forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// What a statement lists: what it speaks of, or all that it does not.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Listed<T> {
    These(Vec<T>),
    AllBut(Vec<T>),
}

impl<T> Listed<T> {
    fn covers(&self, hit: impl Fn(&T) -> bool) -> bool {
        match self {
            Self::These(list) => list.iter().any(hit),
            Self::AllBut(list) => !list.iter().any(hit),
        }
    }
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Statement {
    number: usize,
    pub(super) sid: Option<String>,
    pub(super) effect: Effect,
    pub(super) principals: Listed<Principal>,
    actions: BTreeSet<Action>,
    resources: Listed<ResourcePattern>,
    pub(super) conditions: Vec<Condition>,
    /// Whether each of its actions can be done on one of its resources.
    pub(super) applies: bool,
}

/// The members of a statement, each at most once.
#[derive(Default)]
struct Members<'a> {
    sid: Option<&'a str>,
    effect: Option<&'a str>,
    principal: Option<Listed<Principal>>,
    action: Option<Listed<&'a str>>,
    resource: Option<Listed<&'a str>>,
    condition: Option<&'a Json>,
}

impl Statement {
    /// Reads a statement; `number` is its place, from 1.
    pub(super) fn parse(
        json: &Json,
        number: usize,
        bucket: &str,
        variables: Variables,
    ) -> Result<Self, S3Error> {
        let members = Members::read(json)?;
        let effect = match members.effect.ok_or_else(|| missing("Effect"))? {
            "Allow" => Effect::Allow,
            "Deny" => Effect::Deny,
            other => return Err(malformed(format!("Invalid effect: {other}"))),
        };
        let principals = members.principal.ok_or_else(|| missing("Principal"))?;
        if effect == Effect::Allow && matches!(principals, Listed::AllBut(_)) {
            return Err(malformed("Allow with NotPrincipal is not allowed"));
        }
        let action_names = members.action.ok_or_else(|| missing("Action"))?;
        let resources = match members.resource.ok_or_else(|| missing("Resource"))? {
            Listed::These(texts) => Listed::These(read_resources(&texts, bucket, variables)?),
            Listed::AllBut(texts) => Listed::AllBut(read_resources(&texts, bucket, variables)?),
        };
        let (actions, applies) = read_actions(&action_names, &resources)?;
        let conditions = match members.condition {
            Some(block) => Condition::parse_all(block, variables)?,
            None => Vec::new(),
        };
        let sid = members.sid.filter(|sid| !sid.is_empty()).map(str::to_owned);
        Ok(Self { number, sid, effect, principals, actions, resources, conditions, applies })
    }

    /// What is asked about in vain in a statement that forbids, which then might never do so.
    pub(super) fn forbids_in_vain(&self) -> Option<&ConditionKey> {
        if self.effect != Effect::Deny {
            return None;
        }
        let of_resources = match &self.resources {
            Listed::These(list) => list.iter().find_map(ResourcePattern::empty_variable),
            Listed::AllBut(_) => None,
        };
        of_resources.or_else(|| self.conditions.iter().find_map(Condition::asks_in_vain))
    }

    /// Whether it speaks of what is asked, and why. `path` is the resource as written.
    pub(super) fn speaks_of(&self, asked: &Asked<'_>, path: &str) -> Option<By> {
        let speaks = self.actions.contains(&asked.action)
            && self.principals.covers(|principal| principal.covers(asked.requester))
            && self.resources.covers(|resource| resource.matches(path, asked.context))
            && self.conditions.iter().all(|condition| condition.holds(asked.context, self.effect));
        let whom = match &self.principals {
            Listed::AllBut(_) => Whom::NotExcepted,
            Listed::These(list) if list.contains(&Principal::Everyone) => Whom::Everyone,
            Listed::These(_) => Whom::Named,
        };
        speaks.then(|| By { number: self.number, sid: self.sid.clone(), whom })
    }
}

impl<'a> Members<'a> {
    fn read(json: &'a Json) -> Result<Self, S3Error> {
        let mut members = Self::default();
        let statement = json.members().ok_or_else(|| malformed("Statement must be an object"))?;
        for (name, value) in statement {
            let texts = || value.texts().ok_or_else(|| missing(name.trim_start_matches("Not")));
            let one = || malformed(format!("Statement has more than one of {name}"));
            match name.as_str() {
                "Sid" => members.sid = Some(text_member(name, value)?),
                "Effect" => members.effect = Some(text_member(name, value)?),
                "Condition" => members.condition = Some(value),
                "Principal" => put(&mut members.principal, Listed::These(Principal::parse_all(value)?), one)?,
                "NotPrincipal" => {
                    put(&mut members.principal, Listed::AllBut(Principal::parse_all(value)?), one)?;
                }
                "Action" => put(&mut members.action, Listed::These(texts()?), one)?,
                "NotAction" => put(&mut members.action, Listed::AllBut(texts()?), one)?,
                "Resource" => put(&mut members.resource, Listed::These(texts()?), one)?,
                "NotResource" => put(&mut members.resource, Listed::AllBut(texts()?), one)?,
                _ => return Err(malformed(format!("Unknown field {name}"))),
            }
        }
        Ok(members)
    }
}

/// Names may stand in one form only, `Action` or `NotAction`.
fn put<T>(slot: &mut Option<T>, value: T, refusal: impl Fn() -> S3Error) -> Result<(), S3Error> {
    if slot.replace(value).is_some() { Err(refusal()) } else { Ok(()) }
}

fn read_resources(
    texts: &[&str],
    bucket: &str,
    variables: Variables,
) -> Result<Vec<ResourcePattern>, S3Error> {
    texts.iter().map(|text| ResourcePattern::parse(text, bucket, variables)).collect()
}

/// The actions that the names stand for, and whether each name has one that a resource can bear.
fn read_actions(
    names: &Listed<&str>,
    resources: &Listed<ResourcePattern>,
) -> Result<(BTreeSet<Action>, bool), S3Error> {
    let (Listed::These(list) | Listed::AllBut(list)) = names;
    let bears = |action: &Action| match (resources, action.level()) {
        (Listed::AllBut(_), _) => true,
        (Listed::These(list), Level::Bucket) => list.iter().any(|resource| resource.reach().bucket),
        (Listed::These(list), Level::Object) => list.iter().any(|resource| resource.reach().objects),
        (Listed::These(_), Level::Service) => false,
    };
    let mut named = BTreeSet::new();
    let mut applies = true;
    for name in list {
        let actions = actions_of(name)?;
        applies &= actions.iter().any(bears);
        named.extend(actions);
    }
    Ok(match names {
        Listed::These(_) => (named, applies),
        Listed::AllBut(_) => {
            let others: BTreeSet<Action> =
                Action::ALL.iter().copied().filter(|action| !named.contains(action)).collect();
            let applies = others.iter().any(bears);
            (others, applies)
        }
    })
}

/// The actions a name with wildcards stands for: at least one.
fn actions_of(name: &str) -> Result<Vec<Action>, S3Error> {
    if let Some(action) = Action::from_name(name) {
        return Ok(vec![action]);
    }
    let syntax = Syntax { wildcards: Wildcards::On, variables: Variables::Off };
    let pattern = Pattern::parse(&name.to_ascii_lowercase(), syntax).map_err(|_| invalid_action())?;
    let nothing = Context::default();
    let fits = |action: &Action| pattern.matches(&action.as_str().to_ascii_lowercase(), &nothing);
    let actions: Vec<Action> = Action::ALL.iter().copied().filter(fits).collect();
    if actions.is_empty() { Err(invalid_action()) } else { Ok(actions) }
}
