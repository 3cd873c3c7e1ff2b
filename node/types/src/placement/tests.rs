use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::profile::choose_profile;

/// The drives of nodes 1, 2, ..., given by their weights.
fn site(nodes: &[Vec<u64>]) -> Vec<DriveSeat> {
    let nodes = nodes.iter().zip(1..);
    let drives = nodes.flat_map(|(drives, node)| drives.iter().map(move |&weight| (NodeId(node), weight)));
    drives.zip(1..).map(|((node, weight), id)| DriveSeat { drive: DriveId(id), node, weight }).collect()
}

/// A site, and the same with one more drive.
fn grown(nodes: Vec<Vec<u64>>, node: usize, weight: u64) -> (Vec<DriveSeat>, Vec<DriveSeat>) {
    let small = site(&nodes);
    let node = NodeId((node % (nodes.len() + 1)) as u64 + 1);
    let drive = DriveId(u32::try_from(small.len()).unwrap() + 1);
    let large = small.iter().copied().chain([DriveSeat { drive, node, weight }]).collect();
    (small, large)
}

/// Sites of any shape: one node may have most of the weight.
fn any_site() -> impl Strategy<Value = (Vec<DriveSeat>, Vec<DriveSeat>)> {
    let weight = || prop_oneof![Just(1), 1..5u64, 1..1000u64];
    (vec(vec(weight(), 1..5), 1..7), 0..7usize, weight()).prop_map(|(nodes, node, w)| grown(nodes, node, w))
}

const ROOMY: Profile = Profile::new(2, 1);

/// Sites of so many nodes alike that, under `ROOMY`, none comes near one shard
/// of every chunk: the spread is not in the way of balance.
fn roomy_site() -> impl Strategy<Value = (Vec<DriveSeat>, Vec<DriveSeat>)> {
    let nodes = (1..3usize).prop_flat_map(|drives| vec(vec(2..5u64, drives), 16..20));
    (nodes, 0..20usize, 2..5u64).prop_map(|(nodes, node, w)| grown(nodes, node, w))
}

fn plan(profile: Profile, drives: &[DriveSeat], previous: Option<&PlacementTable>) -> PlacementTable {
    plan_table(TableId(1), profile, drives, previous).unwrap()
}

/// Tables over a site planned afresh, after a drive came, and after it went;
/// each with its drives.
fn tables(small: &[DriveSeat], large: &[DriveSeat]) -> Vec<(PlacementTable, Vec<DriveSeat>)> {
    let profile = choose_profile(small).unwrap();
    let fresh = plan(profile, small, None);
    let added = plan(profile, large, Some(&fresh));
    let removed = plan(profile, small, Some(&plan(profile, large, None)));
    vec![(fresh, small.to_vec()), (added, large.to_vec()), (removed, small.to_vec())]
}

fn loads(table: &PlacementTable) -> BTreeMap<DriveId, u64> {
    let mut loads = BTreeMap::new();
    table.groups.iter().flatten().for_each(|drive| *loads.entry(*drive).or_default() += 1);
    loads
}

/// From which drive to which, for each group and position that differ.
fn moves(old: &PlacementTable, new: &PlacementTable) -> Vec<(DriveId, DriveId)> {
    let places = old.groups.iter().flatten().copied().zip(new.groups.iter().flatten().copied());
    places.filter(|(from, to)| from != to).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn groups_are_spread_over_drives_and_nodes((small, large) in any_site()) {
        for (table, drives) in tables(&small, &large) {
            let node_of: BTreeMap<_, _> = drives.iter().map(|s| (s.drive, s.node)).collect();
            prop_assert_eq!(table.groups.len(), usize::from(PLACEMENT_GROUPS));
            for group in &table.groups {
                prop_assert_eq!(group.len(), table.profile.shards());
                prop_assert_eq!(group.iter().collect::<BTreeSet<_>>().len(), group.len());
                let on = |node| group.iter().filter(|d| node_of[d] == node).count();
                let most = drives.iter().map(|s| on(s.node)).max().unwrap();
                for node in drives.iter().map(|s| s.node) {
                    // No node holds two more than another that had room.
                    let room = drives.iter().filter(|s| s.node == node).count() > on(node);
                    prop_assert!(on(node) + 1 >= most || !room, "{:?}", group);
                }
            }
        }
    }

    #[test]
    fn no_drive_could_relieve_a_fuller_one((small, large) in any_site()) {
        for (table, drives) in tables(&small, &large) {
            let loads = loads(&table);
            for group in &table.groups {
                let (held, free): (Vec<DriveSeat>, Vec<DriveSeat>) = drives.iter().partition(|s| group.contains(&s.drive));
                for (a, b) in held.iter().flat_map(|a| free.iter().map(move |b| (a, b))) {
                    let beside = |node| held.iter().filter(|s| s.node == node && s.drive != a.drive).count();
                    if beside(a.node) == beside(b.node) {
                        let load = loads.get(&b.drive).copied().unwrap_or(0);
                        prop_assert!((loads[&a.drive] - 1) * b.weight <= load * a.weight, "{:?} to {:?}", a, b);
                    }
                }
            }
        }
    }

    #[test]
    fn drives_are_filled_by_weight_within_two_shards((small, large) in roomy_site()) {
        let fresh = plan(ROOMY, &small, None);
        let added = plan(ROOMY, &large, Some(&fresh));
        let removed = plan(ROOMY, &small, Some(&added));
        for (table, drives) in [(fresh, &small), (added, &large), (removed, &small)] {
            let loads = loads(&table);
            let all: u64 = drives.iter().map(|s| s.weight).sum();
            for seat in drives {
                let share = loads.values().sum::<u64>() * seat.weight;
                let load = loads.get(&seat.drive).copied().unwrap_or(0);
                prop_assert!((load * all).abs_diff(share) <= 2 * all, "{} of {}/{}", load, share, all);
            }
        }
    }

    #[test]
    fn a_new_drive_takes_its_share_and_nothing_else_moves((small, large) in roomy_site()) {
        let old = plan(ROOMY, &small, None);
        let new = plan(ROOMY, &large, Some(&old));
        let added = large.last().unwrap().drive;
        let between = moves(&old, &new).into_iter().filter(|(_, to)| *to != added).count();
        prop_assert!(between <= 2, "{}", between);
    }

    #[test]
    fn of_a_drive_that_went_only_its_places_move((small, large) in roomy_site()) {
        let old = plan(ROOMY, &large, None);
        let new = plan(ROOMY, &small, Some(&old));
        let removed = large.last().unwrap().drive;
        let between = moves(&old, &new).into_iter().filter(|(from, _)| *from != removed).count();
        prop_assert!(between <= 8, "{}", between);
    }

    /// Where the spread is in the way, some must move between the others.
    #[test]
    fn little_moves_on_any_site((small, large) in any_site()) {
        let profile = choose_profile(&small).unwrap();
        for (before, after) in [(&small, &large), (&large, &small)] {
            let old = plan(profile, before, None);
            let new = plan(profile, after, Some(&old));
            let held = loads(&new);
            let surplus = |(drive, load): (DriveId, u64)| load.saturating_sub(held.get(&drive).copied().unwrap_or(0));
            let needed: u64 = loads(&old).into_iter().map(surplus).sum();
            let moved = moves(&old, &new).len() as u64;
            prop_assert!(moved <= needed + u64::from(PLACEMENT_GROUPS) / 2, "{} for {}", moved, needed);
        }
    }

    #[test]
    fn drives_that_stay_the_same_keep_their_places((small, large) in any_site()) {
        for (table, drives) in tables(&small, &large) {
            prop_assert_eq!(plan(table.profile, &drives, Some(&table)), table);
        }
    }

    #[test]
    fn the_order_of_drives_does_not_matter((small, mut large) in any_site()) {
        let profile = choose_profile(&small).unwrap();
        let previous = plan(profile, &small, None);
        let planned = [plan(profile, &large, None), plan(profile, &large, Some(&previous))];
        large.reverse();
        prop_assert_eq!(planned, [plan(profile, &large, None), plan(profile, &large, Some(&previous))]);
    }
}

#[test]
fn another_profile_is_planned_afresh() {
    let drives = site(&vec![vec![1; 2]; 4]);
    let previous = plan(Profile::new(2, 1), &drives[1..], None);
    let profile = Profile::new(1, 2);
    assert_eq!(plan(profile, &drives, Some(&previous)), plan(profile, &drives, None));
}

#[test]
fn a_drive_with_most_of_the_weight_is_in_every_group_and_others_share_the_rest() {
    let table = plan(Profile::new(1, 1), &site(&[vec![1], vec![100], vec![1], vec![2]]), None);
    let loads: Vec<u64> = loads(&table).into_values().collect();
    assert_eq!(loads, [64, 256, 64, 128]);
}
