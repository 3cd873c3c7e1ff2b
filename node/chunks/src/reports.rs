use std::collections::VecDeque;

use crate::shard::ShardName;

/// Reports that are kept for whoever takes them.
const REPORTS_MAX: usize = 4096;

/// A shard that the drive no longer holds although it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Which.
    pub shard: ShardName,
    /// What happened to it.
    pub kind: ReportKind,
}

/// What happened to a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportKind {
    /// It did not match its checksums and is in quarantine.
    Corrupt,
    /// Its file was gone.
    Missing,
    /// After an unclean stop its file was no whole shard, and was removed. Most
    /// often a write that was never acknowledged.
    Torn,
}

/// What became of shards since the last time somebody asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reports {
    /// Oldest first.
    pub reports: Vec<Report>,
    /// How many more there were than were kept: if any, only a comparison of
    /// the whole drive tells what is missing.
    pub lost: u64,
}

/// A bounded queue of reports; the oldest fall out.
#[derive(Default)]
pub(crate) struct ReportQueue {
    queue: VecDeque<Report>,
    lost: u64,
}

impl ReportQueue {
    pub(crate) fn push(&mut self, report: Report) {
        if self.queue.len() == REPORTS_MAX {
            self.queue.pop_front();
            self.lost += 1;
        }
        self.queue.push_back(report);
    }

    pub(crate) fn take(&mut self) -> Reports {
        Reports { reports: std::mem::take(&mut self.queue).into(), lost: std::mem::take(&mut self.lost) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::tests::name;

    #[test]
    fn too_many_reports_are_counted_not_kept() {
        let mut queue = ReportQueue::default();
        for counter in 0..REPORTS_MAX as u64 + 3 {
            queue.push(Report { shard: name(counter, 0), kind: ReportKind::Missing });
        }
        let taken = queue.take();
        assert_eq!((taken.reports.len(), taken.lost), (REPORTS_MAX, 3));
        assert_eq!(taken.reports[0].shard, name(3, 0));
        assert_eq!(queue.take(), Reports::default());
    }
}
