use std::time::Duration;

use mucura_runtime::{SimFault, Unsynced};

use crate::choices::Choices;
use crate::shape::Shape;

/// What goes wrong for a while. Never more at once than the design promises to
/// survive, save the loss of power or of a majority, through which nothing may
/// be lost though nothing is answered. Nodes and drives count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process of one node ends; its machine goes on.
    Kill {
        node: usize,
    },
    KillLeader,
    /// The process of one node ends in good order.
    Stop {
        node: usize,
    },
    /// The power of one machine.
    Power {
        node: usize,
        unsynced: Unsynced,
    },
    PowerOfAll {
        unsynced: Unsynced,
    },
    /// The power of all machines but the leader's, for so long that it gives up
    /// what it was asked; much of it is done when they come back.
    PowerOfOthers {
        unsynced: Unsynced,
    },
    /// The leader is cut off, and who then votes loses its power as it does.
    PowerAtVote {
        unsynced: Unsynced,
    },
    /// One node can neither hear nor be heard.
    Cut {
        node: usize,
    },
    CutLeader,
    /// Those below `first` and the others do not hear each other.
    Halves {
        first: usize,
    },
    /// All hear the one node, but not each other.
    Bridge {
        node: usize,
    },
    /// What one node says does not reach another.
    OneWay {
        from: usize,
        to: usize,
    },
    /// Nobody hears the node.
    Mute {
        node: usize,
    },
    /// The node hears nobody.
    Deaf {
        node: usize,
    },
    DriveFull {
        node: usize,
        drive: usize,
    },
    DriveError {
        node: usize,
        drive: usize,
        error: SimFault,
    },
    LogError {
        node: usize,
        error: SimFault,
    },
    /// Some of the shards of a drive rot.
    Rot {
        node: usize,
        drive: usize,
    },
    /// A drive is lost and replaced by an empty one.
    DriveLost {
        node: usize,
        drive: usize,
    },
    /// A drive is added.
    DriveAdded {
        node: usize,
    },
    /// A wall clock is wrong by so much.
    Skew {
        node: usize,
        ms: i64,
    },
    SlowDisk {
        node: usize,
    },
    SlowDisks,
    SlowLinks {
        node: usize,
        ms: u64,
    },
    /// So many in a thousand datagrams of each node are lost.
    LossyLinks {
        per_mille: u32,
    },
}

/// All kinds, as [`Fault::kind`] calls them.
pub(crate) const KINDS: [&str; 25] = [
    "process of a node killed",
    "process of the leader killed",
    "power of one machine",
    "power of all machines",
    "power at a vote",
    "node cut off",
    "leader cut off",
    "halves",
    "bridge",
    "one-way link",
    "node that nobody hears",
    "node that hears nobody",
    "drive full",
    "drive error",
    "log error",
    "bit rot",
    "drive lost",
    "clock skew",
    "slow disk",
    "slow disks everywhere",
    "slow links",
    "lossy links",
    "node stopped in order",
    "drive added",
    "power of all but the leader",
];

impl Fault {
    pub(crate) fn kind(self) -> &'static str {
        KINDS[match self {
            Self::Kill { .. } => 0,
            Self::KillLeader => 1,
            Self::Power { .. } => 2,
            Self::PowerOfAll { .. } => 3,
            Self::PowerAtVote { .. } => 4,
            Self::Cut { .. } => 5,
            Self::CutLeader => 6,
            Self::Halves { .. } => 7,
            Self::Bridge { .. } => 8,
            Self::OneWay { .. } => 9,
            Self::Mute { .. } => 10,
            Self::Deaf { .. } => 11,
            Self::DriveFull { .. } => 12,
            Self::DriveError { .. } => 13,
            Self::LogError { .. } => 14,
            Self::Rot { .. } => 15,
            Self::DriveLost { .. } => 16,
            Self::Skew { .. } => 17,
            Self::SlowDisk { .. } => 18,
            Self::SlowDisks => 19,
            Self::SlowLinks { .. } => 20,
            Self::LossyLinks { .. } => 21,
            Self::Stop { .. } => 22,
            Self::DriveAdded { .. } => 23,
            Self::PowerOfOthers { .. } => 24,
        }]
    }

    /// Whether the site must go on while it lasts: one node is lost at most, or
    /// things are slow or wrong and nothing is taken away.
    pub(crate) fn is_survived(self) -> bool {
        !matches!(
            self,
            Self::PowerOfAll { .. }
                | Self::PowerOfOthers { .. }
                | Self::PowerAtVote { .. }
                | Self::Halves { .. }
                | Self::Bridge { .. }
        )
    }

    /// Whether synced bytes are lost: then the site must be whole before, so
    /// that no chunk loses more than it may.
    pub(crate) fn destroys(self) -> bool {
        matches!(self, Self::Rot { .. } | Self::DriveLost { .. })
    }
}

/// A fault and when it happens, counted from the end of the one before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned {
    pub(crate) after: Duration,
    pub(crate) lasts: Duration,
    pub(crate) fault: Fault,
}

/// What goes wrong in a run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// From the beginning to the end, beside all the rest.
    pub(crate) weather: Option<Fault>,
    /// One after another.
    pub(crate) faults: Vec<Planned>,
}

/// From how long a fault lasts it is asked whether the site went on.
pub(crate) const JUDGED_MS: u64 = 8000;
/// Faults in one run.
const FAULTS: usize = 4;

pub(crate) fn plan(seed: u64, shape: Shape) -> Plan {
    let mut choices = Choices::new(seed, "faults");
    let weather = (choices.below(3) == 0).then(|| gentle(&mut choices, shape));
    let faults = (0..FAULTS)
        .map(|_| {
            // Some are short, to strike again while the site recovers.
            let after = choices.millis(50..2000);
            let (long, fault) = (choices.below(4) == 0, fault(&mut choices, shape));
            let lasts = match fault {
                Fault::PowerOfOthers { .. } => 10_000..20_000,
                _ if long => JUDGED_MS..JUDGED_MS + 4000,
                _ => 50..4000,
            };
            Planned { after, lasts: choices.millis(lasts), fault }
        })
        .collect();
    Plan { weather, faults }
}

fn fault(choices: &mut Choices, shape: Shape) -> Fault {
    let node = choices.below(shape.nodes);
    let drive = choices.below(shape.drives);
    let to = (node + 1 + choices.below(shape.nodes - 1)) % shape.nodes;
    let unsynced = if choices.below(3) == 0 { Unsynced::Lost } else { Unsynced::Partly };
    let error = [SimFault::Read, SimFault::Write, SimFault::Sync][choices.below(3)];
    match choices.below(30) {
        0 => Fault::Kill { node },
        1..3 => Fault::KillLeader,
        3 => Fault::Power { node, unsynced },
        4..7 => Fault::PowerOfAll { unsynced },
        7..9 => Fault::PowerAtVote { unsynced },
        9..11 => Fault::Cut { node },
        11..13 => Fault::CutLeader,
        13 => Fault::Halves { first: 1 + choices.below(shape.nodes - 1) },
        14 => Fault::Bridge { node },
        15 => Fault::OneWay { from: node, to },
        16 => Fault::Mute { node },
        17 => Fault::Deaf { node },
        18 => Fault::DriveFull { node, drive },
        19 => Fault::DriveError { node, drive, error },
        20 => Fault::LogError { node, error },
        21..24 => Fault::Rot { node, drive },
        24 => Fault::DriveLost { node, drive },
        25 => Fault::Stop { node },
        26 => Fault::DriveAdded { node },
        27 => Fault::PowerOfOthers { unsynced },
        _ => gentle(choices, shape),
    }
}

/// What makes things slow or wrong and takes nothing away.
fn gentle(choices: &mut Choices, shape: Shape) -> Fault {
    let node = choices.below(shape.nodes);
    match choices.below(5) {
        0 => Fault::Skew { node, ms: i64::try_from(choices.within(0..6000)).unwrap() - 3000 },
        1 => Fault::SlowDisk { node },
        2 => Fault::SlowDisks,
        3 => Fault::SlowLinks { node, ms: choices.within(10..95) },
        _ => Fault::LossyLinks { per_mille: u32::try_from(choices.within(5..60)).unwrap() },
    }
}
