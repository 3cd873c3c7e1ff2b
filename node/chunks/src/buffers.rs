use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Memory is counted in units of this many bytes.
const UNIT_BYTES: usize = 64 << 10;

/// The one pool of big buffers of a node. It bounds what bodies in flight may
/// hold, and keeps the memory for reuse, so that its pages are not given back
/// to the system and taken again for every stripe.
#[derive(Clone)]
pub struct BufferPool(Arc<Pool>);

struct Pool {
    budget_units: usize,
    /// What may still be handed out. Fair: first come, first served.
    units: Arc<Semaphore>,
    idle: Mutex<Idle>,
}

/// Memory that nobody uses, by size in units.
#[derive(Default)]
struct Idle {
    memory: BTreeMap<usize, Vec<Vec<u8>>>,
    idle_units: usize,
    used_units: usize,
}

/// No buffer came free in time, or none of that size ever can.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no buffer of {asked} bytes within {budget} bytes of buffers in time")]
pub struct PoolExhausted {
    /// Bytes asked for.
    pub asked: usize,
    /// Bytes that the pool may hand out in all.
    pub budget: usize,
}

impl BufferPool {
    /// A pool that hands out at most `budget` bytes at a time, and holds no
    /// more, in use or idle. Nothing is allocated before it is needed.
    pub fn new(budget: usize) -> Self {
        let budget_units = (budget / UNIT_BYTES).min(Semaphore::MAX_PERMITS).min(u32::MAX as usize);
        let units = Arc::new(Semaphore::new(budget_units));
        Self(Arc::new(Pool { budget_units, units, idle: Mutex::default() }))
    }

    /// A buffer of `len` bytes. Those who wait are served in order.
    ///
    /// Its contents are whatever its last user left: all that is passed on must
    /// have been written over.
    ///
    /// # Errors
    /// [`PoolExhausted`]: none came free before `deadline`.
    pub async fn acquire(&self, len: usize, deadline: Instant) -> Result<Buffer, PoolExhausted> {
        let exhausted = || PoolExhausted { asked: len, budget: self.0.budget_units * UNIT_BYTES };
        let class = size_class(len);
        let permits = u32::try_from(class).map_err(|_| exhausted())?;
        if class > self.0.budget_units {
            return Err(exhausted());
        }
        let turn = tokio::time::timeout_at(deadline, self.0.units.clone().acquire_many_owned(permits));
        let permit = turn.await.map_err(|_| exhausted())?.map_err(|_| exhausted())?;
        let memory = self.0.take(class);
        Ok(Buffer { memory, len, class, pool: self.0.clone(), _permit: permit })
    }

    /// Bytes handed out now.
    pub fn used(&self) -> usize {
        self.0.idle().used_units * UNIT_BYTES
    }

    /// Bytes that may be handed out in all.
    pub fn budget(&self) -> usize {
        self.0.budget_units * UNIT_BYTES
    }
}

impl fmt::Debug for BufferPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferPool").field("used", &self.used()).field("budget", &self.budget()).finish()
    }
}

/// The size in units that a request is rounded up to: four steps for each
/// doubling, so that at most a fifth is wasted beyond the first units.
fn size_class(len: usize) -> usize {
    let units = len.div_ceil(UNIT_BYTES).max(1);
    let step = (units.next_power_of_two() / 8).max(1);
    units.next_multiple_of(step)
}

impl Pool {
    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, class: usize) -> Vec<u8> {
        let mut idle = self.idle();
        idle.used_units += class;
        if let Some(memory) = idle.memory.get_mut(&class).and_then(Vec::pop) {
            idle.idle_units -= class;
            return memory;
        }
        // New memory: let go of idle memory of other sizes, so that both
        // together stay within the budget.
        let mut freed = Vec::new();
        while idle.used_units + idle.idle_units > self.budget_units {
            let Some(mut largest) = idle.memory.last_entry() else { break };
            match largest.get_mut().pop() {
                Some(memory) => {
                    let units = *largest.key();
                    idle.idle_units -= units;
                    freed.push(memory);
                }
                None => drop(largest.remove()),
            }
        }
        drop(idle);
        drop(freed);
        vec![0; class * UNIT_BYTES]
    }

    fn give_back(&self, class: usize, memory: Vec<u8>) {
        let mut idle = self.idle();
        idle.used_units -= class;
        idle.idle_units += class;
        idle.memory.entry(class).or_default().push(memory);
    }
}

/// A piece of the pool's memory, for one user to write. Its share of the budget
/// is returned when it is dropped or, once frozen, when the last slice is.
pub struct Buffer {
    memory: Vec<u8>,
    len: usize,
    class: usize,
    pool: Arc<Pool>,
    // Released after the memory is back: fields drop after `Drop::drop`.
    _permit: OwnedSemaphorePermit,
}

impl Buffer {
    /// Makes it shorter. Its share of the budget stays the same.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Shares it, without copying. The memory is reused when the last slice of
    /// the result is gone.
    pub fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.memory[..self.len]
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.len)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.pool.give_back(self.class, std::mem::take(&mut self.memory));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_pool_makes_callers_wait_until_their_deadline() {
        let pool = BufferPool::new(1 << 20);
        let held = pool.acquire(1 << 20, soon()).await.unwrap();
        let start = Instant::now();
        let error = pool.acquire(1, start + Duration::from_secs(3)).await.unwrap_err();
        assert_eq!(error, PoolExhausted { asked: 1, budget: 1 << 20 });
        assert_eq!(start.elapsed().as_secs(), 3);
        drop(held);
        pool.acquire(1, soon()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_can_never_fit_is_refused_at_once() {
        let pool = BufferPool::new(1 << 20);
        let start = Instant::now();
        pool.acquire((1 << 20) + 1, soon()).await.unwrap_err();
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_request_is_not_overtaken_for_ever_by_small_ones() {
        let pool = BufferPool::new(1 << 20);
        let small = pool.acquire(UNIT_BYTES, soon()).await.unwrap();
        let large = tokio::spawn({
            let pool = pool.clone();
            async move { pool.acquire(1 << 20, soon()).await }
        });
        tokio::task::yield_now().await;
        let late = tokio::spawn({
            let pool = pool.clone();
            async move { pool.acquire(UNIT_BYTES, soon()).await }
        });
        tokio::task::yield_now().await;
        assert!(!late.is_finished(), "it came after the large one");
        drop(small);
        let large = large.await.unwrap().unwrap();
        assert_eq!(large.len(), 1 << 20);
        drop(large);
        late.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn slices_keep_the_memory_and_its_share_of_the_budget() {
        let pool = BufferPool::new(1 << 20);
        let mut buffer = pool.acquire(100_000, soon()).await.unwrap();
        buffer.fill(7);
        let whole = buffer.freeze();
        let slice = whole.slice(10..20);
        drop(whole);
        assert_eq!(pool.used(), 2 * UNIT_BYTES);
        assert_eq!(&slice[..], &[7; 10]);
        drop(slice);
        assert_eq!(pool.used(), 0);
        let again = pool.acquire(100_000, soon()).await.unwrap();
        assert_eq!(again[99_999], 7, "the same memory came back");
    }

    proptest! {
        #[test]
        fn memory_in_use_and_idle_stays_within_the_budget(
            steps in proptest::collection::vec((1usize..12 * UNIT_BYTES, any::<bool>(), any::<u8>()), 1..60)
        ) {
            let pool = BufferPool::new(24 * UNIT_BYTES);
            let mut held: Vec<Buffer> = Vec::new();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(async {
                for (len, take, which) in steps {
                    if take {
                        // In the past: only what is free now.
                        if let Ok(buffer) = pool.acquire(len, Instant::now()).await {
                            prop_assert_eq!(buffer.len(), len);
                            held.push(buffer);
                        }
                    } else if !held.is_empty() {
                        held.swap_remove(usize::from(which) % held.len());
                    }
                    let idle = pool.0.idle();
                    let used: usize = held.iter().map(|buffer| buffer.memory.len() / UNIT_BYTES).sum();
                    let kept: usize = idle.memory.values().flatten().map(|memory| memory.len() / UNIT_BYTES).sum();
                    prop_assert_eq!((idle.used_units, idle.idle_units), (used, kept));
                    prop_assert!(used + kept <= 24);
                }
                Ok(())
            })?;
        }

        #[test]
        fn size_classes_waste_little(len in 1usize..64 << 20) {
            let class = size_class(len) * UNIT_BYTES;
            prop_assert!(class >= len);
            prop_assert!(class < len + len / 4 + UNIT_BYTES);
            prop_assert_eq!(size_class(class) * UNIT_BYTES, class);
        }
    }
}
