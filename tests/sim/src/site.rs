use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use mucura_mesh::identity;
use mucura_store::Store;
use turmoil::Sim;

use crate::desk::desk;
use crate::faults::{Fault, Planned, plan};
use crate::history::{Counts, History};
use crate::node::{EPOCH_MS, Machine, NODES, SITE, name, node_id};
use crate::trace::Trace;
use crate::workload::{Stage, run};

/// A node is looked at, and datagrams delivered, so often.
const TICK: Duration = Duration::from_millis(1);
/// From node to node, one way.
const LATENCY: Duration = Duration::from_millis(2);
/// No run takes longer.
const LONGEST: Duration = Duration::from_secs(300);
/// Datagrams that wait at a socket.
const SOCKET_DATAGRAMS: usize = 1 << 14;
const CERTIFICATE_LIFE: Duration = Duration::from_secs(30 * 86_400);

/// Panics so far, on whatever task.
pub(crate) static PANICS: AtomicUsize = AtomicUsize::new(0);

/// The simulation's time; none outside.
pub(crate) fn elapsed() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}

/// What came of a run.
pub(crate) struct Outcome {
    pub(crate) wrong: Vec<String>,
    pub(crate) faults: Vec<Planned>,
    pub(crate) counts: Counts,
    pub(crate) simulated: Duration,
}

/// Runs a whole site through the faults of a seed.
pub(crate) fn simulate(seed: u64, trace: &Trace) -> Outcome {
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .epoch(UNIX_EPOCH + Duration::from_millis(EPOCH_MS))
        .simulation_duration(LONGEST)
        .tick_duration(TICK)
        .min_message_latency(LATENCY)
        .max_message_latency(LATENCY)
        .udp_capacity(SOCKET_DATAGRAMS)
        .build();
    let stage = Stage::default();
    let history = History::new(trace.clone());
    let machines = machines(&sim, seed, trace);
    for machine in &machines {
        add_host(&mut sim, machine, &stage);
    }
    let clients = run(seed, stage.clone(), history.clone());
    sim.client("clients", async move { clients.await.map_err(Into::into) });
    let faults = plan(seed);
    let mut site = Site { sim, machines, stage, trace: trace.clone() };
    if let Err(error) = site.live(&faults) {
        history.wrong(error);
    }
    if PANICS.load(Ordering::SeqCst) > 0 {
        history.wrong("something panicked".into());
    }
    Outcome { wrong: history.verdict(), faults, counts: history.counts(), simulated: site.sim.elapsed() }
}

fn machines(sim: &Sim<'_>, seed: u64, trace: &Trace) -> Vec<Machine> {
    let addrs: [IpAddr; NODES] = std::array::from_fn(|node| sim.lookup(name(node)));
    let ca = identity::make_ca(SITE, EPOCH_MS).unwrap();
    (0..NODES)
        .map(|node| {
            let identity = identity::issue(&ca, SITE, node_id(node), EPOCH_MS, CERTIFICATE_LIFE).unwrap();
            Machine::new(node, seed, addrs, identity, trace.clone())
        })
        .collect()
}

/// A host that runs the node whenever it is up.
fn add_host(sim: &mut Sim<'_>, machine: &Machine, stage: &Stage) {
    let (machine, stage) = (machine.clone(), stage.clone());
    sim.host(name(machine.number), move || {
        let (machine, stage) = (machine.clone(), stage.clone());
        async move {
            for drive in machine.drives() {
                if !machine.runtime.disk.exists(&drive)? {
                    machine.runtime.disk.create_dir_all(&drive)?;
                    Store::format_drive(&machine.runtime, SITE, &drive).await?;
                    machine.runtime.disk.sync_dir("/".as_ref())?;
                }
            }
            let node = machine.start().await?;
            let (clients, clerk) = desk();
            stage.open(machine.number, Some(clients));
            clerk.serve(machine, &node).await?;
            Ok(())
        }
    });
}

struct Site<'a> {
    sim: Sim<'a>,
    machines: Vec<Machine>,
    stage: Stage,
    trace: Trace,
}

impl Site<'_> {
    /// Lets faults happen once the clients work, and runs until they are done.
    fn live(&mut self, faults: &[Planned]) -> Result<(), String> {
        let stage = self.stage.clone();
        while !stage.has_begun() {
            if self.step()? {
                return Err("the clients ended before they began".into());
            }
        }
        for planned in faults {
            self.pass(planned.after)?;
            self.begin(planned.fault);
            self.pass(planned.lasts)?;
            self.end(planned.fault);
        }
        self.pass(Duration::from_secs(1))?;
        self.stage.heal();
        while !self.step()? {}
        Ok(())
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

    fn begin(&mut self, fault: Fault) {
        self.trace.event(self.sim.elapsed(), &format!("--- {fault:?}"));
        match fault {
            Fault::Kill(node) => {
                self.machines[node].disk.kill();
                self.stop(node);
            }
            Fault::Power(node, unsynced) => {
                self.machines[node].disk.crash(unsynced);
                self.stop(node);
            }
            Fault::PowerOfAll(unsynced) => {
                self.machines.iter().for_each(|machine| machine.disk.crash(unsynced));
                (0..NODES).for_each(|node| self.stop(node));
            }
            Fault::Cut(node) => {
                others(node).for_each(|other| self.sim.partition(name(node), name(other)));
            }
        }
    }

    fn end(&mut self, fault: Fault) {
        self.trace.event(self.sim.elapsed(), &format!("--- over: {fault:?}"));
        match fault {
            Fault::Kill(node) | Fault::Power(node, _) => self.restart(node),
            Fault::PowerOfAll(_) => (0..NODES).for_each(|node| self.restart(node)),
            Fault::Cut(node) => {
                others(node).for_each(|other| self.sim.repair(name(node), name(other)));
            }
        }
    }

    fn stop(&mut self, node: usize) {
        self.stage.open(node, None);
        self.sim.crash(name(node));
    }

    fn restart(&mut self, node: usize) {
        self.machines[node].disk.restart();
        self.sim.bounce(name(node));
    }
}

fn others(node: usize) -> impl Iterator<Item = usize> {
    (0..NODES).filter(move |other| *other != node)
}
