use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::desk::Desk;
use crate::inventory::Inventory;
use crate::monitor::Monitor;

/// What an operator is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Have all shards verified.
    Scrub,
    /// Put an empty directory in the place of a lost drive.
    Replace { node: usize, drive: usize },
    /// Add a drive to a node.
    Add { node: usize },
    /// Say when the site is whole.
    AwaitWhole,
}

/// What the machines, the faults and the clients tell each other.
#[derive(Clone)]
pub(crate) struct Stage {
    scene: Arc<Mutex<Scene>>,
    monitor: Monitor,
    /// Rung for a node that is to end in good order.
    stops: Vec<Arc<Notify>>,
}

#[derive(Default)]
struct Scene {
    desks: Vec<Option<Desk>>,
    /// Nodes whose log may fail.
    excused: Vec<bool>,
    orders: Vec<Order>,
    /// Clients work, faults happen.
    begun: bool,
    /// All faults are over.
    healed: bool,
    /// Drives that were added.
    added: usize,
    /// What there should be at the end.
    inventory: Option<Inventory>,
}

impl Stage {
    pub(crate) fn new(nodes: usize, monitor: Monitor) -> Self {
        let scene = Scene { desks: vec![None; nodes], excused: vec![false; nodes], ..Scene::default() };
        let stops = (0..nodes).map(|_| Arc::default()).collect();
        Self { scene: Arc::new(Mutex::new(scene)), monitor, stops }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Scene) -> T) -> T {
        act(&mut self.scene.lock().unwrap())
    }

    pub(crate) fn nodes(&self) -> usize {
        self.with(|scene| scene.desks.len())
    }

    pub(crate) fn open(&self, node: usize, desk: Option<Desk>) {
        self.with(|scene| scene.desks[node] = desk);
    }

    pub(crate) fn desk(&self, node: usize) -> Option<Desk> {
        self.with(|scene| scene.desks[node].clone())
    }

    pub(crate) fn ask_to_stop(&self, node: usize) {
        self.stops[node].notify_one();
    }

    pub(crate) async fn asked_to_stop(&self, node: usize) {
        self.stops[node].notified().await;
    }

    pub(crate) fn excuse(&self, node: usize, excused: bool) {
        self.with(|scene| scene.excused[node] = excused);
    }

    pub(crate) fn is_excused(&self, node: usize) -> bool {
        self.with(|scene| scene.excused[node])
    }

    pub(crate) fn begin(&self) {
        self.with(|scene| scene.begun = true);
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.with(|scene| scene.begun)
    }

    pub(crate) fn heal(&self) {
        self.with(|scene| scene.healed = true);
    }

    pub(crate) fn is_healed(&self) -> bool {
        self.with(|scene| scene.healed)
    }

    pub(crate) fn order(&self, order: Order) {
        self.with(|scene| scene.orders.push(order));
    }

    /// What is to be done next.
    pub(crate) fn next_order(&self) -> Option<Order> {
        self.with(|scene| scene.orders.first().copied())
    }

    pub(crate) fn done(&self, order: Order) {
        self.with(|scene| scene.orders.retain(|other| *other != order));
    }

    pub(crate) fn is_open(&self, order: Order) -> bool {
        self.with(|scene| scene.orders.contains(&order))
    }

    pub(crate) fn note_added(&self) {
        self.with(|scene| scene.added += 1);
    }

    pub(crate) fn added(&self) -> usize {
        self.with(|scene| scene.added)
    }

    pub(crate) fn changes_of_leader(&self) -> u64 {
        self.monitor.changes_of_leader()
    }

    pub(crate) fn leave(&self, inventory: Inventory) {
        self.with(|scene| scene.inventory = Some(inventory));
    }

    pub(crate) fn take_inventory(&self) -> Option<Inventory> {
        self.with(|scene| scene.inventory.take())
    }
}
