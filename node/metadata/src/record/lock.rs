use mucura_types::Timestamp;
use serde::{Deserialize, Serialize};

/// What keeps a version from being deleted (S3, object lock).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Until when.
    pub retention: Option<Retention>,
    /// Until somebody takes it away.
    pub legal_hold: bool,
}

/// A time before which a version must not be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// Whether anyone may do it all the same.
    pub mode: RetentionMode,
    /// The time.
    pub until: Timestamp,
}

/// How strict a retention is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RetentionMode {
    /// Who may bypass it can delete the version, and shorten the time.
    Governance,
    /// Nobody can.
    Compliance,
}

/// The retention that versions of a bucket get if they bring none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultRetention {
    /// How strict.
    pub mode: RetentionMode,
    /// From the time at which the version is stored.
    pub period: RetentionPeriod,
}

/// A length of time as S3 counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum RetentionPeriod {
    Days(u32),
    Years(u32),
}

impl Lock {
    /// Whether the version may be deleted at `now`. `bypass`: by one who may
    /// bypass governance.
    pub fn allows_deletion(self, now: Timestamp, bypass: bool) -> bool {
        let retained = self.retention.is_some_and(|retention| {
            retention.until > now && !(bypass && retention.mode == RetentionMode::Governance)
        });
        !retained && !self.legal_hold
    }

    /// Whether the retention may be replaced by `next` at `now`. It may always
    /// become longer; its mode stays, also if the other is stricter (S3,
    /// PutObjectRetention).
    pub fn allows_change(self, next: Option<Retention>, now: Timestamp, bypass: bool) -> bool {
        let Some(current) = self.retention.filter(|current| current.until > now) else { return true };
        let extends = next.is_some_and(|next| next.until >= current.until && next.mode == current.mode);
        extends || (bypass && current.mode == RetentionMode::Governance)
    }
}

impl DefaultRetention {
    /// The retention of a version that is stored at `now`.
    pub fn from(self, now: Timestamp) -> Retention {
        const DAY_MS: u64 = 86_400_000;
        let days = match self.period {
            RetentionPeriod::Days(days) => u64::from(days),
            RetentionPeriod::Years(years) => u64::from(years) * 365,
        };
        Retention { mode: self.mode, until: Timestamp(now.0.saturating_add(days.saturating_mul(DAY_MS))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(mode: RetentionMode, until: u64) -> Lock {
        Lock { retention: Some(Retention { mode, until: Timestamp(until) }), legal_hold: false }
    }

    #[test]
    fn a_version_is_kept_until_its_time_unless_governance_is_bypassed() {
        use RetentionMode::{Compliance, Governance};
        for (mode, now, bypass, allowed) in [
            (Governance, 9, false, false),
            (Governance, 9, true, true),
            (Governance, 10, false, true),
            (Compliance, 9, true, false),
            (Compliance, 10, false, true),
        ] {
            assert_eq!(lock(mode, 10).allows_deletion(Timestamp(now), bypass), allowed, "{mode:?} at {now}");
        }
        let held = Lock { retention: None, legal_hold: true };
        assert!(!held.allows_deletion(Timestamp(u64::MAX), true));
    }

    #[test]
    fn a_retention_becomes_longer_and_nothing_else_without_bypass() {
        use RetentionMode::{Compliance, Governance};
        let next = |mode, until| Some(Retention { mode, until: Timestamp(until) });
        let change = |of: Lock, to, bypass| of.allows_change(to, Timestamp(5), bypass);
        for (mode, to, plain, bypassed) in [
            (Governance, next(Governance, 11), true, true),
            (Governance, next(Compliance, 10), false, true),
            (Governance, next(Governance, 10), true, true),
            (Governance, next(Governance, 9), false, true),
            (Governance, None, false, true),
            (Compliance, next(Compliance, 11), true, true),
            (Compliance, next(Governance, 11), false, false),
            (Compliance, next(Compliance, 9), false, false),
            (Compliance, None, false, false),
        ] {
            assert_eq!(change(lock(mode, 10), to, false), plain, "{mode:?} to {to:?}");
            assert_eq!(change(lock(mode, 10), to, true), bypassed, "{mode:?} to {to:?}, bypassed");
            assert!(change(lock(mode, 5), to, false), "what is over binds nobody");
        }
    }
}
