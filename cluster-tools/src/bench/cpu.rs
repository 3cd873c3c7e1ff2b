use std::time::Duration;

/// Linux counts a process's time in these units (USER_HZ).
const TICKS_PER_SECOND: u64 = 100;

/// The CPU time that these processes of this machine have used so far; those
/// that are gone count as nothing.
pub(super) fn used(pids: &[u32]) -> Duration {
    let ticks: u64 = pids
        .iter()
        .filter_map(|pid| std::fs::read_to_string(format!("/proc/{pid}/stat")).ok())
        .filter_map(|stat| ticks_of(&stat))
        .sum();
    Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
}

/// User and system time. The name before them may hold spaces and brackets.
fn ticks_of(stat: &str) -> Option<u64> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(number(11)? + number(12)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_an_odd_name() {
        let stat = "12 (a ) b) S 1 2 3 4 5 6 7 8 9 10 500 25 0 0";
        assert_eq!(ticks_of(stat), Some(525));
        assert_eq!(ticks_of("nonsense"), None);
    }
}
