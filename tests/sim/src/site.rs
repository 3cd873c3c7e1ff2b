use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use mucura_mesh::identity;
use mucura_runtime::{Disk, SimFault, Unsynced};
use mucura_store::Store;
use turmoil::Sim;

use crate::choices::Choices;
use crate::coverage::Coverage;
use crate::desk::desk;
use crate::faults::{Fault, JUDGED_MS, Plan, plan};
use crate::history::{Counts, History};
use crate::inspect::inspect;
use crate::node::{EPOCH_MS, Machine, SITE, drive_dir, name, node_id};
use crate::shape::Shape;
use crate::stage::{Order, Stage};
use crate::trace::Trace;
use crate::workload::Workload;

/// A node is looked at, and datagrams delivered, so often.
const TICK: Duration = Duration::from_millis(1);
/// From node to node, one way.
const LATENCY: Duration = Duration::from_millis(2);
/// No run takes longer.
const LONGEST: Duration = Duration::from_secs(600);
/// Within which a site whose nodes are all up must be whole.
const WHOLE: Duration = Duration::from_secs(60);
/// How long somebody may take to vote once the leader is cut off.
const VOTE: Duration = Duration::from_secs(4);
/// Within which a node that is asked to end has ended.
const STOP: Duration = Duration::from_secs(12);
/// The most that work waits on a slow machine, twice.
const SLOW: Duration = Duration::from_millis(150);
/// Datagrams that wait at a socket.
const SOCKET_DATAGRAMS: usize = 1 << 14;
const CERTIFICATE_LIFE: Duration = Duration::from_secs(30 * 86_400);
/// Operations of a disk among which its power goes, and how long they are
/// waited for.
const OPERATIONS: u64 = 40;
const AT_WORK: Duration = Duration::from_millis(500);
const META: &str = "/meta";

/// Panics so far, on whatever task.
pub(crate) static PANICS: AtomicUsize = AtomicUsize::new(0);

/// The simulation's time; none outside.
pub(crate) fn elapsed() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}

/// What came of a run.
pub(crate) struct Outcome {
    pub(crate) wrong: Vec<String>,
    pub(crate) shape: Shape,
    pub(crate) plan: Plan,
    pub(crate) counts: Counts,
    pub(crate) simulated: Duration,
}

/// Runs a whole site through the faults of a seed.
pub(crate) fn simulate(seed: u64, trace: &Trace, coverage: &Coverage) -> Outcome {
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .epoch(UNIX_EPOCH + Duration::from_millis(EPOCH_MS))
        .simulation_duration(LONGEST)
        .tick_duration(TICK)
        .min_message_latency(LATENCY)
        .max_message_latency(LATENCY)
        .udp_capacity(SOCKET_DATAGRAMS)
        .build();
    let shape = Shape::of(seed);
    let history = History::new(trace.clone(), coverage.clone());
    let machines = machines(&sim, seed, shape, &history);
    let stage = Stage::new(shape.nodes, machines[0].monitor.clone());
    for machine in &machines {
        add_host(&mut sim, machine, &stage, &history);
    }
    let added = machines.iter().map(|machine| machine.added.clone()).collect();
    let workload = Workload { seed, shape, stage: stage.clone(), history: history.clone(), added };
    sim.client("clients", async move { workload.run().await.map_err(Into::into) });
    let plan = plan(seed, shape);
    let choices = Choices::new(seed, "damage");
    let mut site = Site { sim, machines, stage, history: history.clone(), choices };
    match site.live(&plan) {
        Ok(()) => site.inspect(),
        Err(error) => history.wrong(error),
    }
    coverage.add("change of leader", site.machines[0].monitor.changes_of_leader());
    if PANICS.load(Ordering::SeqCst) > 0 {
        history.wrong("something panicked".into());
    }
    let simulated = site.sim.elapsed();
    Outcome { wrong: history.verdict(), shape, plan, counts: history.counts(), simulated }
}

fn machines(sim: &Sim<'_>, seed: u64, shape: Shape, history: &History) -> Vec<Machine> {
    let addrs: Vec<IpAddr> = (0..shape.nodes).map(|node| sim.lookup(name(node))).collect();
    let ca = identity::make_ca(SITE, EPOCH_MS).unwrap();
    let monitor = crate::monitor::Monitor::new(history.clone());
    (0..shape.nodes)
        .map(|node| {
            let identity = identity::issue(&ca, SITE, node_id(node), EPOCH_MS, CERTIFICATE_LIFE).unwrap();
            Machine::new(node, seed, shape, addrs.clone(), identity, &history.trace, monitor.clone())
        })
        .collect()
}

/// A host that runs the node whenever it is up.
fn add_host(sim: &mut Sim<'_>, machine: &Machine, stage: &Stage, history: &History) {
    let (machine, stage, history) = (machine.clone(), stage.clone(), history.clone());
    sim.host(name(machine.number), move || {
        let (machine, stage, history) = (machine.clone(), stage.clone(), history.clone());
        async move {
            let ran = run_node(&machine, &stage).await;
            stage.open(machine.number, None);
            match ran {
                Err(why) if stage.is_excused(machine.number) => {
                    history.event(&format!("{} has ended: {why}", name(machine.number)));
                    Ok(())
                }
                // It stays down, and clients tell what that means.
                Err(why) => {
                    let under_way = history.under_way();
                    let name = name(machine.number);
                    history.wrong(format!("{name} has ended: {why}; operations under way: {under_way}"));
                    Ok(())
                }
                Ok(()) => Ok(()),
            }
        }
    });
}

async fn run_node(machine: &Machine, stage: &Stage) -> Result<(), String> {
    let io = |error: std::io::Error| error.to_string();
    for drive in machine.drives() {
        if !machine.runtime.disk.exists(&drive).map_err(io)? {
            machine.runtime.disk.create_dir_all(&drive).map_err(io)?;
            let formatted = Store::format_drive(&machine.runtime, SITE, &drive).await;
            formatted.map_err(|error| error.to_string())?;
            machine.runtime.disk.sync_dir("/".as_ref()).map_err(io)?;
        }
    }
    let node = machine.start().await?;
    let (clients, clerk) = desk();
    stage.open(machine.number, Some(clients));
    tokio::select! {
        biased;
        ended = clerk.serve(machine.clone(), &node) => ended,
        () = stage.asked_to_stop(machine.number) => {
            stage.open(machine.number, None);
            node.close().await;
            Ok(())
        }
    }
}

struct Site<'a> {
    sim: Sim<'a>,
    machines: Vec<Machine>,
    stage: Stage,
    history: History,
    choices: Choices,
}

impl Site<'_> {
    /// Lets faults happen once the clients work, and runs until they are done.
    fn live(&mut self, plan: &Plan) -> Result<(), String> {
        let stage = self.stage.clone();
        while !stage.has_begun() {
            if self.step()? {
                return Err("the clients ended before they began".into());
            }
        }
        if let Some(weather) = plan.weather {
            self.begin(weather)?;
        }
        for planned in &plan.faults {
            self.pass(planned.after)?;
            if planned.fault.destroys() {
                self.await_whole()?;
            }
            let changes = self.history.counts().changes;
            let fault = self.begin(planned.fault)?;
            self.pass(planned.lasts)?;
            let judged = planned.fault.is_survived() && planned.lasts >= Duration::from_millis(JUDGED_MS);
            if judged && self.history.counts().changes == changes {
                let (seconds, kind) = (planned.lasts.as_secs_f64(), planned.fault.kind());
                let under_way = self.history.under_way();
                self.history.wrong(format!(
                    "no change was acknowledged in {seconds:.1} s, though a site must survive: {kind}; under way: \
                     {under_way}"
                ));
            }
            self.end(fault);
        }
        self.pass(Duration::from_secs(1))?;
        if let Some(weather) = plan.weather {
            self.end(weather);
        }
        self.stage.heal();
        while !self.step()? {}
        Ok(())
    }

    /// Looks at what the drives hold at the end.
    fn inspect(&mut self) {
        self.machines.iter().for_each(|machine| machine.disk.kill());
        match self.stage.take_inventory() {
            Some(inventory) => inspect(&self.machines, &inventory, &self.history),
            None => self.history.wrong("there is no inventory at the end".into()),
        }
    }

    fn step(&mut self) -> Result<bool, String> {
        self.sim.step().map_err(|error| error.to_string())
    }

    fn pass(&mut self, time: Duration) -> Result<(), String> {
        let until = self.sim.elapsed() + time;
        while self.sim.elapsed() < until {
            self.step()?;
        }
        Ok(())
    }

    fn await_whole(&mut self) -> Result<(), String> {
        self.stage.order(Order::AwaitWhole);
        let until = self.sim.elapsed() + WHOLE;
        while self.stage.is_open(Order::AwaitWhole) {
            self.step()?;
            if self.sim.elapsed() > until {
                let seconds = WHOLE.as_secs();
                return Err(format!("the site is not whole {seconds} s after the last fault ended"));
            }
        }
        Ok(())
    }

    /// Begins a fault, and gives what it is to end: who the leader was is said.
    fn begin(&mut self, fault: Fault) -> Result<Fault, String> {
        let resolved = match fault {
            Fault::KillLeader => Fault::Kill { node: self.leader() },
            Fault::CutLeader => Fault::Cut { node: self.leader() },
            other => other,
        };
        self.history.trace.event(self.sim.elapsed(), &format!("--- {fault:?} {resolved:?}"));
        self.history.coverage.count(&format!("fault: {}", fault.kind()));
        match resolved {
            Fault::Kill { node } => {
                self.machines[node].disk.kill();
                self.stop(node);
            }
            Fault::Stop { node } => {
                self.stage.ask_to_stop(node);
                let until = self.sim.elapsed() + STOP;
                while self.sim.is_host_running(name(node)) && self.sim.elapsed() < until {
                    self.step()?;
                }
                self.machines[node].disk.kill();
                self.stop(node);
            }
            Fault::DriveAdded { node } => self.stage.order(Order::Add { node }),
            Fault::Power { node, unsynced } => self.cut_power_at_work(node, unsynced, &[node])?,
            Fault::PowerOfAll { unsynced } => {
                let (first, all) = (self.choices.below(self.machines.len()), 0..self.machines.len());
                self.cut_power_at_work(first, unsynced, &all.collect::<Vec<_>>())?;
            }
            Fault::PowerOfOthers { unsynced } => {
                let leader = self.leader();
                let others: Vec<usize> = (0..self.machines.len()).filter(|node| *node != leader).collect();
                self.cut_power_at_work(others[0], unsynced, &others)?;
            }
            Fault::PowerAtVote { unsynced } => self.power_at_vote(unsynced)?,
            Fault::DriveFull { node, drive } => {
                self.machines[node].disk.fail(drive_dir(drive), SimFault::Full);
            }
            Fault::DriveError { node, drive, error } => {
                self.machines[node].disk.fail(drive_dir(drive), error)
            }
            Fault::LogError { node, error } => {
                self.stage.excuse(node, true);
                self.machines[node].disk.fail(META, error);
            }
            Fault::Rot { node, drive } => self.rot(node, drive),
            Fault::DriveLost { node, drive } => self.lose_drive(node, drive)?,
            Fault::Skew { node, ms } => self.machines[node].clock.set_skew_ms(ms),
            Fault::SlowDisk { node } => self.machines[node].pace.set_slow(SLOW),
            Fault::SlowDisks => self.machines.iter().for_each(|machine| machine.pace.set_slow(SLOW)),
            Fault::SlowLinks { node, ms } => self.set_latency(node, Duration::from_millis(ms)),
            Fault::LossyLinks { per_mille } => self.lose(per_mille),
            Fault::KillLeader
            | Fault::CutLeader
            | Fault::Cut { .. }
            | Fault::Halves { .. }
            | Fault::Bridge { .. }
            | Fault::OneWay { .. }
            | Fault::Mute { .. }
            | Fault::Deaf { .. } => self.cut_links(resolved),
        }
        Ok(resolved)
    }

    fn end(&mut self, fault: Fault) {
        self.history.trace.event(self.sim.elapsed(), &format!("--- over: {fault:?}"));
        match fault {
            Fault::Kill { node } | Fault::Stop { node } | Fault::Power { node, .. } => self.restart(node),
            Fault::PowerOfAll { .. } | Fault::PowerOfOthers { .. } => {
                let down = (0..self.machines.len()).filter(|node| self.machines[*node].disk.is_down());
                down.collect::<Vec<_>>().into_iter().for_each(|node| self.restart(node));
            }
            // What the node says of its drive is that it is out of service: an
            // operator starts it anew.
            Fault::DriveError { node, .. } | Fault::LogError { node, .. } => {
                self.machines[node].disk.clear_faults();
                self.machines[node].disk.kill();
                self.stop(node);
                self.restart(node);
            }
            Fault::DriveFull { node, .. } => self.machines[node].disk.clear_faults(),
            Fault::DriveLost { node, drive } => {
                self.restart(node);
                self.stage.order(Order::Replace { node, drive });
            }
            Fault::Skew { node, .. } => self.machines[node].clock.set_skew_ms(0),
            Fault::SlowDisk { .. } | Fault::SlowDisks => {
                self.machines.iter().for_each(|machine| machine.pace.set_slow(Duration::ZERO));
            }
            Fault::SlowLinks { node, .. } => self.set_latency(node, LATENCY),
            Fault::LossyLinks { .. } => self.lose(0),
            Fault::Rot { .. } | Fault::DriveAdded { .. } => {}
            Fault::PowerAtVote { .. }
            | Fault::KillLeader
            | Fault::CutLeader
            | Fault::Cut { .. }
            | Fault::Halves { .. }
            | Fault::Bridge { .. }
            | Fault::OneWay { .. }
            | Fault::Mute { .. }
            | Fault::Deaf { .. } => self.mend_links(),
        }
    }

    fn leader(&self) -> usize {
        self.machines[0].monitor.leader().unwrap_or(0)
    }

    fn stop(&mut self, node: usize) {
        self.stage.open(node, None);
        self.sim.crash(name(node));
    }

    fn restart(&mut self, node: usize) {
        self.machines[node].disk.restart();
        self.stage.excuse(node, false);
        self.sim.bounce(name(node));
    }

    /// Takes the power of `nodes` in the middle of what the disk of one of them
    /// does soon, or of the next sync of its log.
    fn cut_power_at_work(&mut self, at: usize, unsynced: Unsynced, nodes: &[usize]) -> Result<(), String> {
        self.stage.excuse(at, true);
        match self.choices.below(2) {
            0 => self.machines[at].disk.crash_at(self.choices.within(1..OPERATIONS), unsynced),
            _ => self.machines[at].disk.crash_at_sync(META, unsynced),
        }
        let until = self.sim.elapsed() + AT_WORK;
        while !self.machines[at].disk.is_down() && self.sim.elapsed() < until {
            self.step()?;
        }
        nodes.iter().for_each(|node| self.cut_power(*node, unsynced));
        Ok(())
    }

    fn cut_power(&mut self, node: usize, unsynced: Unsynced) {
        if !self.machines[node].disk.is_down() {
            self.machines[node].disk.crash(unsynced);
        }
        self.stop(node);
    }

    /// Ordered pairs of nodes.
    fn links(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let nodes = self.machines.len();
        (0..nodes).flat_map(move |from| (0..nodes).map(move |to| (from, to))).filter(|(from, to)| from != to)
    }

    fn cut_links(&mut self, fault: Fault) {
        let is_cut = |(from, to): (usize, usize)| match fault {
            Fault::Cut { node } => from == node || to == node,
            Fault::Halves { first } => (from < first) != (to < first),
            Fault::Bridge { node } => from != node && to != node,
            Fault::OneWay { from: a, to: b } => (from, to) == (a, b),
            Fault::Mute { node } => from == node,
            Fault::Deaf { node } => to == node,
            _ => false,
        };
        for (from, to) in self.links().filter(|link| is_cut(*link)) {
            self.sim.partition_oneway(name(from), name(to));
        }
    }

    fn mend_links(&mut self) {
        for (from, to) in self.links() {
            self.sim.repair_oneway(name(from), name(to));
        }
    }

    fn set_latency(&mut self, node: usize, latency: Duration) {
        for other in (0..self.machines.len()).filter(|other| *other != node) {
            self.sim.set_link_latency(name(node), name(other), latency);
        }
    }

    fn lose(&mut self, per_mille: u32) {
        self.machines.iter().for_each(|machine| machine.plug.lose(per_mille));
    }

    /// Cuts the leader off and takes the power of the one who votes first.
    fn power_at_vote(&mut self, unsynced: Unsynced) -> Result<(), String> {
        self.cut_links(Fault::Cut { node: self.leader() });
        let monitor = self.machines[0].monitor.clone();
        let (before, until) = (monitor.votes_given().0, self.sim.elapsed() + VOTE);
        while self.sim.elapsed() < until {
            self.step()?;
            if let (given, Some(voter)) = monitor.votes_given()
                && given > before
            {
                self.history.trace.event(self.sim.elapsed(), &format!("--- {} has voted", name(voter)));
                self.cut_power(voter, unsynced);
                self.pass(Duration::from_millis(20))?;
                self.restart(voter);
                break;
            }
        }
        Ok(())
    }

    /// Flips a byte in some of the shards of a drive, and has all verified.
    fn rot(&mut self, node: usize, drive: usize) {
        let disk = self.machines[node].disk.clone();
        let mut hit = 0u64;
        for path in files_below(&disk, &drive_dir(drive)) {
            let Ok(len) = disk.open(&path, mucura_runtime::OpenMode::Read).and_then(|file| file.len()) else {
                continue;
            };
            if len > 0 && self.choices.below(2) == 0 {
                let (at, mask) = (self.choices.within(0..len), 1 << self.choices.below(8));
                hit += u64::from(disk.flip(&path, at, mask).is_ok());
            }
        }
        self.history.trace.event(self.sim.elapsed(), &format!("--- {hit} shards have a wrong byte"));
        self.stage.order(Order::Scrub);
    }

    /// The machine comes back with an empty directory where the drive was.
    fn lose_drive(&mut self, node: usize, drive: usize) -> Result<(), String> {
        self.machines[node].disk.kill();
        self.stop(node);
        let (disk, dir) = (&self.machines[node].disk, drive_dir(drive));
        let emptied = disk
            .remove_dir_all(&dir)
            .and_then(|()| disk.create_dir_all(&dir))
            .and_then(|()| disk.sync_dir("/".as_ref()));
        emptied.map_err(|error| format!("empty a drive: {error}"))
    }
}

/// The shard files of a drive: those in directories below it.
fn files_below(disk: &dyn Disk, dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut dirs: Vec<PathBuf> = Vec::new();
    let entries = |dir: &Path| disk.list(dir).unwrap_or_default();
    dirs.extend(entries(dir).into_iter().filter(|entry| entry.is_dir).map(|entry| dir.join(entry.name)));
    while let Some(dir) = dirs.pop() {
        for entry in entries(&dir) {
            let path = dir.join(&entry.name);
            if entry.is_dir { dirs.push(path) } else { files.push(path) }
        }
    }
    files
}
