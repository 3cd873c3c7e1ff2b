//! When an action is due.

use std::num::NonZeroU64;

const DAY_MS: u64 = 86_400_000;

/// How long a day of the rules is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DayLength {
    /// A day. As in S3, what is due so many days after a moment is due at the midnight (UTC) that
    /// follows.
    #[default]
    Real,
    /// So many milliseconds, without rounding: for tests that cannot wait.
    Shortened(NonZeroU64),
}

impl DayLength {
    /// When that is due which comes `days` after `since_ms`; both in milliseconds since 1970.
    pub fn due_ms(self, since_ms: u64, days: u32) -> u64 {
        let days = u64::from(days);
        match self {
            Self::Real => {
                let exact = since_ms.saturating_add(days * DAY_MS);
                exact.div_ceil(DAY_MS).saturating_mul(DAY_MS)
            }
            Self::Shortened(ms) => since_ms.saturating_add(ms.get().saturating_mul(days)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::iso8601;
    use proptest::prelude::*;

    #[test]
    fn real_days_end_at_the_next_midnight() {
        let at = 1_369_353_600_000 + 3_600_000;
        assert_eq!(iso8601(DayLength::Real.due_ms(at, 1)), "2013-05-26T00:00:00.000Z");
        assert_eq!(iso8601(DayLength::Real.due_ms(at - 3_600_000, 1)), "2013-05-25T00:00:00.000Z");
        let short = DayLength::Shortened(NonZeroU64::new(10_000).unwrap());
        assert_eq!(short.due_ms(at, 2), at + 20_000);
    }

    proptest! {
        #[test]
        fn nothing_is_due_before_its_days_are_over(since_ms: u64, days: u32, length in 1_u64..) {
            for day in [DayLength::Real, DayLength::Shortened(NonZeroU64::new(length).unwrap())] {
                let due_ms = day.due_ms(since_ms, days);
                prop_assert!(due_ms >= since_ms);
                prop_assert!(day != DayLength::Real || due_ms >= since_ms.saturating_add(u64::from(days) * DAY_MS));
            }
        }
    }
}
