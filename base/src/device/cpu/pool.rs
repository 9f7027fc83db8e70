//! The kernels' thread pool: the caller works too, workers spin for a moment and then park, blocks are handed out by a
//! counter. One job runs at a time; a second caller, or a call from inside a block, runs its blocks serially.
//!
//! A fork leaves the child without workers, so the child starts a pool of its own (`pthread_atfork`); the parent's
//! is never touched again there. Workers are started at the first use and stay, parked, until the process ends.

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::null_mut;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// How long a thread without work spins before it parks.
const SPIN: Duration = Duration::from_micros(15);

/// No more threads than this, whatever is asked for.
const MOST: usize = 1024;

/// In `Pool::gate`: workers may enter the job.
const OPEN: usize = 1 << 62;
/// In `Pool::gate`: the caller is parked until the last worker has left.
const WAITING: usize = 1 << 61;

type Job<'a> = &'a (dyn Fn(usize) + Sync + 'a);

/// One worker, as the caller sees it.
struct Seat {
    thread: Thread,
    asleep: Arc<AtomicBool>,
}

/// Workers, and whether the system refused to start another one.
struct Crew {
    seats: Vec<Seat>,
    refused: bool,
}

struct Pool {
    /// Held by the caller whose job runs.
    crew: Mutex<Crew>,
    /// Counts jobs; workers wait for a change.
    epoch: AtomicU32,
    /// How many workers may take part.
    limit: AtomicUsize,
    /// `OPEN`, `WAITING`, and the number of workers inside the job.
    gate: AtomicUsize,
    /// Number of blocks, and the first one that nobody has taken. The function to run: written while nobody is inside.
    blocks: AtomicUsize,
    next: AtomicUsize,
    job: UnsafeCell<Option<Job<'static>>>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    waiter: Mutex<Option<Thread>>,
}

// SAFETY: `job` is written by the holder of `crew` while the gate is shut and empty, and read inside the gate only.
unsafe impl Sync for Pool {}

/// This process's pool; null before the first use and after a fork.
static POOL: AtomicPtr<Pool> = AtomicPtr::new(null_mut());
/// What `set_num_threads` set; 0 before.
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f(0), f(1), ..., f(blocks - 1)`, in any order, on up to `num_threads()` threads, the caller among them;
/// returns when all are done. Block boundaries are the caller's and never depend on the number of threads.
/// Nested calls run serially. A panic in a block is carried to the caller.
pub fn parallel(blocks: usize, f: &(dyn Fn(usize) + Sync)) {
    if blocks > 1 && !INSIDE.get() {
        let helpers = (num_threads() - 1).min(blocks - 1);
        if helpers > 0 {
            let pool = pool();
            if let Ok(crew) = pool.crew.try_lock() {
                return pool.run(crew, helpers, blocks, f);
            }
        }
    }
    for i in 0..blocks {
        f(i)
    }
}

/// Threads that `parallel` uses, the caller included.
#[inline]
pub fn num_threads() -> usize {
    match THREADS.load(Relaxed) {
        0 => {
            THREADS.store(default_threads(), Relaxed);
            THREADS.load(Relaxed)
        }
        n => n,
    }
}

/// Sets how many threads `parallel` uses from the next call on (at least 1).
pub fn set_num_threads(n: usize) {
    THREADS.store(n.clamp(1, MOST), Relaxed);
}

/// Is this thread working on a block? Then `parallel` runs serially.
pub fn in_parallel() -> bool {
    INSIDE.get()
}

/// `RTORCH_NUM_THREADS`, else `OMP_NUM_THREADS`, else the cores that affinity and cgroup leave to the process.
#[cold]
fn default_threads() -> usize {
    let read = |name| std::env::var(name).ok()?.split(',').next()?.trim().parse::<usize>().ok().filter(|&n| n > 0);
    read("RTORCH_NUM_THREADS")
        .or_else(|| read("OMP_NUM_THREADS"))
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()))
        .min(MOST)
}

/// Locks of `std`: those of `parking_lot` share a table that a fork may leave locked in the child.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[inline]
fn pool() -> &'static Pool {
    let p = POOL.load(Acquire);
    // SAFETY: what `POOL` points to is never freed.
    if p.is_null() { new_pool() } else { unsafe { &*p } }
}

#[cold]
fn new_pool() -> &'static Pool {
    #[cfg(unix)]
    {
        extern "C" fn in_child() {
            POOL.store(null_mut(), Release);
        }
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            // SAFETY: the handler only stores to an atomic.
            unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        });
    }
    let new = Box::into_raw(Box::new(Pool {
        crew: Mutex::new(Crew { seats: Vec::new(), refused: false }),
        epoch: AtomicU32::new(0),
        limit: AtomicUsize::new(0),
        gate: AtomicUsize::new(0),
        blocks: AtomicUsize::new(0),
        next: AtomicUsize::new(0),
        job: UnsafeCell::new(None),
        panic: Mutex::new(None),
        waiter: Mutex::new(None),
    }));
    match POOL.compare_exchange(null_mut(), new, AcqRel, Acquire) {
        // SAFETY: published, and never freed.
        Ok(_) => unsafe { &*new },
        Err(other) => {
            // SAFETY: another thread was first; ours was never shared.
            drop(unsafe { Box::from_raw(new) });
            // SAFETY: what `POOL` points to is never freed.
            unsafe { &*other }
        }
    }
}

impl Pool {
    fn run(&'static self, mut crew: MutexGuard<'_, Crew>, helpers: usize, blocks: usize, f: Job<'_>) {
        while crew.seats.len() < helpers && !crew.refused {
            let asleep = Arc::new(AtomicBool::new(false));
            let (index, flag) = (crew.seats.len(), asleep.clone());
            match std::thread::Builder::new()
                .name(format!("rtorch-{}", index + 1))
                .spawn(move || self.serve(index, &flag))
            {
                Ok(handle) => crew.seats.push(Seat { thread: handle.thread().clone(), asleep }),
                Err(_) => crew.refused = true,
            }
        }
        self.blocks.store(blocks, Relaxed);
        self.next.store(0, Relaxed);
        self.limit.store(helpers, Relaxed);
        // SAFETY: we hold `crew`, the gate is shut and empty: nobody reads. The lifetime is stretched, but no worker
        // is inside, and none can enter, once this function returns.
        unsafe { *self.job.get() = Some(std::mem::transmute::<Job<'_>, Job<'static>>(f)) };
        self.gate.store(OPEN, Release);
        self.epoch.fetch_add(1, SeqCst);
        for seat in crew.seats.iter().take(helpers) {
            if seat.asleep.load(SeqCst) && seat.asleep.swap(false, SeqCst) {
                seat.thread.unpark();
            }
        }
        INSIDE.set(true);
        self.work(f);
        INSIDE.set(false);
        if self.gate.fetch_and(!OPEN, AcqRel) != OPEN {
            self.wait();
        }
        let panic = locked(&self.panic).take();
        drop(crew);
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
    }

    /// Takes blocks until none is left; says whether there was one.
    fn work(&self, f: Job<'_>) -> bool {
        let blocks = self.blocks.load(Relaxed);
        let mut any = false;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            loop {
                let i = self.next.fetch_add(1, Relaxed);
                if i >= blocks {
                    break;
                }
                any = true;
                f(i);
            }
        }));
        if let Err(payload) = outcome {
            self.next.store(blocks, Relaxed);
            locked(&self.panic).get_or_insert(payload);
        }
        any
    }

    /// Waits until the last worker has left.
    #[cold]
    fn wait(&self) {
        let start = Instant::now();
        while self.gate.load(Acquire) != 0 {
            if start.elapsed() < SPIN {
                for _ in 0..16 {
                    std::hint::spin_loop();
                }
                continue;
            }
            *locked(&self.waiter) = Some(std::thread::current());
            self.gate.fetch_or(WAITING, AcqRel);
            while self.gate.load(Acquire) != WAITING {
                std::thread::park();
            }
            self.gate.store(0, Relaxed);
        }
    }

    /// The life of a worker.
    fn serve(&self, index: usize, asleep: &AtomicBool) {
        INSIDE.set(true);
        let (mut seen, mut idle) = (0, Instant::now());
        loop {
            let epoch = self.epoch.load(SeqCst);
            if epoch != seen {
                seen = epoch;
                if index < self.limit.load(Relaxed) && self.enter() {
                    // SAFETY: inside the gate the job is set and does not change.
                    let worked = unsafe { *self.job.get() }.is_some_and(|f| self.work(f));
                    if self.gate.fetch_sub(1, AcqRel) == WAITING | 1
                        && let Some(caller) = locked(&self.waiter).clone()
                    {
                        caller.unpark();
                    }
                    if worked {
                        idle = Instant::now();
                    }
                }
            } else if idle.elapsed() < SPIN {
                for _ in 0..16 {
                    std::hint::spin_loop();
                }
            } else {
                asleep.store(true, SeqCst);
                if self.epoch.load(SeqCst) == seen {
                    std::thread::park();
                }
                asleep.store(false, SeqCst);
                idle = Instant::now();
            }
        }
    }

    /// Enters the job, unless it is over.
    fn enter(&self) -> bool {
        self.gate.fetch_update(AcqRel, Acquire, |g| (g & OPEN != 0).then_some(g + 1)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::alloc::tests::alone;

    fn sum(blocks: usize) -> usize {
        let total = AtomicUsize::new(0);
        parallel(blocks, &|i| {
            total.fetch_add(i + 1, Relaxed);
        });
        total.into_inner()
    }

    #[test]
    fn every_block_runs_once_at_any_size_of_the_pool() {
        alone(|| {
            for n in [1, 2, 5, 3, 1, 8, 2] {
                set_num_threads(n);
                assert_eq!(num_threads(), n);
                for blocks in [0, 1, 2, 3, 17, 1000] {
                    for _ in 0..20 {
                        assert_eq!(sum(blocks), blocks * (blocks + 1) / 2);
                    }
                }
            }
            set_num_threads(0);
            assert_eq!(num_threads(), 1);
            set_num_threads(2);
        });
    }

    #[test]
    fn nested_calls_run_serially() {
        alone(|| {
            set_num_threads(3);
            let total = AtomicUsize::new(0);
            parallel(8, &|_| {
                assert!(in_parallel());
                let me = std::thread::current().id();
                parallel(5, &|_| {
                    assert_eq!(std::thread::current().id(), me);
                    total.fetch_add(1, Relaxed);
                });
            });
            assert!(!in_parallel());
            assert_eq!(total.into_inner(), 40);
        });
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
        alone(|| {
            set_num_threads(3);
            for round in 0..50 {
                let caught = catch_unwind(|| parallel(20, &|i| assert!(i != round % 20, "block")));
                assert!(caught.is_err());
                assert!(!in_parallel());
                assert_eq!(sum(100), 5050);
            }
        });
    }

    #[test]
    fn many_callers_at_once_while_the_size_changes() {
        alone(|| {
            set_num_threads(4);
            std::thread::scope(|s| {
                for t in 0..6 {
                    s.spawn(move || {
                        for i in 0..500 {
                            if t == 0 {
                                set_num_threads(1 + i % 5);
                            }
                            assert_eq!(sum(50), 1275);
                        }
                    });
                }
            });
            set_num_threads(2);
        });
    }

    #[cfg(unix)]
    #[test]
    fn a_forked_child_has_a_pool_of_its_own() {
        alone(|| {
            set_num_threads(3);
            let stop = AtomicBool::new(false);
            std::thread::scope(|s| {
                // Keeps the parent's pool busy while the main thread forks.
                s.spawn(|| {
                    while !stop.load(Relaxed) {
                        sum(64);
                    }
                });
                for _ in 0..5 {
                    // SAFETY: the child touches the pool and leaves with `_exit`.
                    let pid = unsafe { libc::fork() };
                    if pid == 0 {
                        let good = (0..100).all(|_| sum(100) == 5050);
                        // SAFETY: ends the child without running the parent's destructors.
                        unsafe { libc::_exit(if good { 0 } else { 1 }) };
                    }
                    let mut status = -1;
                    // SAFETY: waits for our own child.
                    unsafe { libc::waitpid(pid, &mut status, 0) };
                    assert_eq!(status, 0);
                    assert_eq!(sum(100), 5050);
                }
                stop.store(true, Relaxed);
            });
        });
    }

    #[test]
    fn idle_workers_stop_spinning() {
        alone(|| {
            set_num_threads(2);
            sum(100);
            std::thread::sleep(Duration::from_millis(20));
            let crew = locked(&pool().crew);
            assert!(!crew.seats.is_empty() && crew.seats.iter().all(|s| s.asleep.load(SeqCst)));
        });
    }

    #[test]
    fn latency() {
        alone(|| {
            for n in [1, 2] {
                set_num_threads(n);
                sum(64);
                let (mut alone, mut met) = (vec![], vec![]);
                for _ in 0..2000 {
                    let start = Instant::now();
                    sum(64);
                    alone.push(start.elapsed());
                    // With two threads, each block waits for the other one: the worker must have come.
                    let (start, here) = (Instant::now(), AtomicUsize::new(0));
                    parallel(2, &|_| {
                        here.fetch_add(1, SeqCst);
                        while n > 1 && here.load(SeqCst) < 2 && start.elapsed() < Duration::from_millis(1) {
                            std::hint::spin_loop();
                        }
                    });
                    met.push(start.elapsed());
                }
                alone.sort();
                met.sort();
                println!(
                    "{n} threads: 64 empty blocks {:?}, two that meet {:?} (best {:?})",
                    alone[1000], met[1000], met[0]
                );
            }
        });
    }
}
