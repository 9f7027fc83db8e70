//! The allocator of tensor memory: 64-byte aligned blocks in size classes, kept for reuse.
//!
//! Small blocks (up to 64 KiB) wait in lists of the thread that freed them; no lock, no atomic. Large ones wait in
//! lists of the process, bounded in bytes, because the pages of a fresh block cost more than most of what one
//! computes on it. A request beyond what machine and cgroup can give is refused: the kernel would grant it and kill
//! the process later. A block carries no header: its class follows from the number of bytes asked for.

use crate::error::{Error, Result};
use std::alloc::Layout;
use std::cell::{Cell, UnsafeCell};
use std::ptr::null_mut;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicU64, AtomicUsize};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Alignment of every block: a cache line, an AVX-512 vector.
pub const ALIGN: usize = 64;

/// Up to here a block is small.
const SMALL: usize = 64 << 10;
/// From here on blocks are pages of their own (`mmap`), huge ones where the system has them; below, the system's malloc
/// has them. (32 MiB of fresh pages, touched: 14 ms small, 2.3 ms huge.)
const PAGES: usize = 2 << 20;
/// What a huge page is, and the boundary that it must lie on.
const HUGE_PAGE: usize = 2 << 20;
/// From here on the machine is asked what it has left.
const ASK: usize = 64 << 20;
/// No request is larger: sizes beyond overflow somewhere.
const MOST: usize = 1 << 46;

const SMALL_CLASSES: usize = 40;
const LARGE_CLASSES: usize = 240;

/// What a thread keeps of one class, in bytes (but 4 blocks at least, 512 at most).
const KEEP: usize = 256 << 10;
/// Counters of a thread are added to the process's when they moved this far.
const FLUSH: isize = 256 << 10;
/// A cached large block that nobody wanted for this long goes back to the system when another one is freed.
const IDLE: Duration = Duration::from_secs(20);

/// Class and size of a small block: steps of 64 bytes up to 1 KiB, then four steps per doubling.
#[inline]
fn small_class(nbytes: usize) -> (usize, usize) {
    if nbytes <= 1024 {
        let class = nbytes.saturating_sub(1) / ALIGN;
        (class, (class + 1) * ALIGN)
    } else {
        let (top, step) = steps(nbytes, 2);
        (16 + (top - 10) * 4 + step, (5 + step) << (top - 2))
    }
}

/// Class and size of a large block: eight steps per doubling.
#[inline]
fn large_class(nbytes: usize) -> (usize, usize) {
    let (top, step) = steps(nbytes, 3);
    ((top - 16) * 8 + step, (9 + step) << (top - 3))
}

/// Highest bit of `n - 1`, and the `bits` bits below it.
#[inline]
fn steps(n: usize, bits: usize) -> (usize, usize) {
    let top = (usize::BITS - 1 - (n - 1).leading_zeros()) as usize;
    (top, ((n - 1) >> (top - bits)) & ((1 << bits) - 1))
}

/// A block of at least `nbytes` (which may be 0), aligned to 64 bytes, not initialised. Refuses what the machine cannot give.
#[inline]
pub fn alloc(nbytes: usize) -> Result<*mut u8> {
    if nbytes <= SMALL {
        let (class, size) = small_class(nbytes);
        let p = LISTS.try_with(|lists| {
            // SAFETY: the lists are this thread's, and nothing below calls back into the allocator.
            unsafe { (*lists.get()).take(class, size, nbytes) }
        });
        match p {
            Ok(p) if !p.is_null() => return Ok(p),
            other => return small_miss(size, nbytes, other.is_ok()),
        }
    }
    Ok(large(nbytes)?.0)
}

/// Like `alloc`, filled with zeros.
pub fn alloc_zeroed(nbytes: usize) -> Result<*mut u8> {
    let (p, zero) = if nbytes <= SMALL { (alloc(nbytes)?, false) } else { large(nbytes)? };
    if !zero {
        // SAFETY: the block has `nbytes` bytes.
        unsafe { std::ptr::write_bytes(p, 0, nbytes) };
    }
    Ok(p)
}

/// Gives a block of `alloc(nbytes)` back, on any thread.
///
/// # Safety
/// `p` came from `alloc` or `alloc_zeroed` with the same `nbytes` and is not used afterwards.
#[inline]
pub unsafe fn free(p: *mut u8, nbytes: usize) {
    if nbytes <= SMALL {
        let (class, size) = small_class(nbytes);
        let kept = LISTS.try_with(|lists| {
            // SAFETY: the lists are this thread's, and nothing below calls back into the allocator; the block is ours now.
            unsafe { (*lists.get()).put(p, class, size, nbytes) }
        });
        if !matches!(kept, Ok(true)) {
            if kept.is_err() {
                count(-(nbytes as isize), 0, 0, 1, 0);
            }
            // SAFETY: a block of this class came from `system_alloc(size)`.
            unsafe { system_free(p, size) };
        }
    } else {
        // SAFETY: the caller's promise.
        unsafe { large_free(p, nbytes) }
    }
}

// ---- small blocks ----

/// Free small blocks of one thread, linked through their first word, and its counters since the last flush.
struct Lists {
    head: [*mut u8; SMALL_CLASSES],
    held: [u16; SMALL_CLASSES],
    bytes: isize,
    high: isize,
    cached: isize,
    allocs: u64,
    frees: u64,
}

thread_local! {
    static LISTS: UnsafeCell<Lists> = const {
        UnsafeCell::new(Lists {
            head: [null_mut(); SMALL_CLASSES],
            held: [0; SMALL_CLASSES],
            bytes: 0,
            high: 0,
            cached: 0,
            allocs: 0,
            frees: 0,
        })
    };
}

impl Lists {
    /// # Safety
    /// The blocks in the lists are free blocks of their class.
    #[inline]
    unsafe fn take(&mut self, class: usize, size: usize, nbytes: usize) -> *mut u8 {
        let p = self.head[class];
        if !p.is_null() {
            // SAFETY: a free block's first word is the next free block.
            self.head[class] = unsafe { *p.cast::<*mut u8>() };
            self.held[class] -= 1;
            self.cached -= size as isize;
        }
        self.allocs += 1;
        self.bytes += nbytes as isize;
        self.high = self.high.max(self.bytes);
        if self.bytes > FLUSH {
            self.flush();
        }
        p
    }

    /// Takes the block, unless it has enough of them.
    ///
    /// # Safety
    /// `p` is a block of this class that nobody uses.
    #[inline]
    unsafe fn put(&mut self, p: *mut u8, class: usize, size: usize, nbytes: usize) -> bool {
        self.frees += 1;
        self.bytes -= nbytes as isize;
        if self.bytes < -FLUSH {
            self.flush();
        }
        if self.held[class] as usize >= (KEEP / size).clamp(4, 512) {
            return false;
        }
        // SAFETY: the block is at least 64 bytes long and unused.
        unsafe { *p.cast::<*mut u8>() = self.head[class] };
        self.head[class] = p;
        self.held[class] += 1;
        self.cached += size as isize;
        true
    }

    #[cold]
    fn flush(&mut self) {
        count(self.bytes, self.high, self.allocs, self.frees, self.cached);
        (self.bytes, self.high, self.cached, self.allocs, self.frees) = (0, 0, 0, 0, 0);
    }

    /// Gives every block back to the system.
    fn clear(&mut self) {
        for class in 0..SMALL_CLASSES {
            let size = if class < 16 { (class + 1) * ALIGN } else { (5 + class % 4) << (8 + (class - 16) / 4) };
            while !self.head[class].is_null() {
                let p = self.head[class];
                // SAFETY: a free block of this class: its first word is the next one; it came from `system_alloc`.
                unsafe {
                    self.head[class] = *p.cast::<*mut u8>();
                    system_free(p, size);
                }
                self.cached -= size as isize;
            }
            self.held[class] = 0;
        }
        self.flush();
    }
}

impl Drop for Lists {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cold]
fn small_miss(size: usize, nbytes: usize, counted: bool) -> Result<*mut u8> {
    let p = system_alloc(size);
    if p.is_null() {
        return Err(refused(nbytes));
    }
    if !counted {
        count(nbytes as isize, 0, 1, 0, 0);
    }
    Ok(p)
}

// ---- large blocks ----

/// A cached large block, and when it was freed.
struct Rest {
    p: *mut u8,
    since: Instant,
}

/// Cached large blocks, oldest first in each class.
struct Large {
    classes: [Vec<Rest>; LARGE_CLASSES],
    cached: usize,
    swept: Option<Instant>,
}

// SAFETY: the pointers are blocks that nobody else has.
unsafe impl Send for Large {}

static LARGE: Mutex<Large> =
    Mutex::new(Large { classes: [const { Vec::new() }; LARGE_CLASSES], cached: 0, swept: None });

/// Bound of the cached large blocks, in bytes; 0 means not yet known.
static LIMIT: AtomicUsize = AtomicUsize::new(0);

/// The large lists. Held across a fork, so that the child finds them whole.
fn lists() -> MutexGuard<'static, Large> {
    #[cfg(unix)]
    fork::prepare();
    LARGE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(unix)]
mod fork {
    use super::*;

    struct Held(UnsafeCell<Option<MutexGuard<'static, Large>>>);
    // SAFETY: written between `before` and `after` only, by the thread that forks, which holds the lock.
    unsafe impl Sync for Held {}
    static HELD: Held = Held(UnsafeCell::new(None));

    thread_local! {
        /// How many of the handlers of this fork have run: they may be registered several times.
        static DEPTH: Cell<u32> = const { Cell::new(0) };
    }

    extern "C" fn before() {
        if DEPTH.replace(DEPTH.get() + 1) == 0 {
            let guard = LARGE.lock().unwrap_or_else(PoisonError::into_inner);
            // SAFETY: this thread holds the lock.
            unsafe { *HELD.0.get() = Some(guard) };
        }
    }

    extern "C" fn after() {
        DEPTH.set(DEPTH.get() - 1);
        if DEPTH.get() == 0 {
            // SAFETY: this thread, or its copy in the child, holds the lock.
            drop(unsafe { (*HELD.0.get()).take() });
        }
    }

    /// To be called before the lock is taken. Whoever holds the lock has seen the handlers registered; no thread waits for
    /// another to do it (as with `Once`), since a fork meanwhile would leave the child waiting for a thread that it lacks.
    pub(super) fn prepare() {
        static DONE: AtomicBool = AtomicBool::new(false);
        if !DONE.load(Acquire) {
            // SAFETY: the handlers take and release one lock.
            unsafe { libc::pthread_atfork(Some(before), Some(after), Some(after)) };
            DONE.store(true, Release);
        }
    }
}

/// A large block, and whether it is known to be zero.
#[cold]
fn large(nbytes: usize) -> Result<(*mut u8, bool)> {
    if nbytes > MOST {
        return Err(refused(nbytes));
    }
    let (class, size) = large_class(nbytes);
    let mut lists = lists();
    if let Some(rest) = lists.classes[class].pop() {
        lists.cached -= size;
        drop(lists);
        count(nbytes as isize, nbytes as isize, 1, 0, 0);
        return Ok((rest.p, false));
    }
    let cached = lists.cached;
    drop(lists);
    if nbytes >= ASK
        && let Some(free) = available()
        && size > free
    {
        if size > free.saturating_add(cached) {
            return Err(refused(nbytes));
        }
        empty_cache();
    }
    let mut p = system_alloc(size);
    if p.is_null() {
        empty_cache();
        p = system_alloc(size);
    }
    if p.is_null() {
        return Err(refused(nbytes));
    }
    count(nbytes as isize, nbytes as isize, 1, 0, 0);
    Ok((p, FRESH_IS_ZERO && size >= PAGES))
}

/// # Safety
/// As for `free`, for a large block.
#[cold]
unsafe fn large_free(p: *mut u8, nbytes: usize) {
    let (class, size) = large_class(nbytes);
    count(-(nbytes as isize), 0, 0, 1, 0);
    let limit = cache_limit();
    if size > limit {
        // SAFETY: the block came from `system_alloc(size)`.
        unsafe { system_free(p, size) };
        return;
    }
    let now = Instant::now();
    let mut out: Vec<(*mut u8, usize)> = Vec::new();
    {
        let mut lists = lists();
        let lists = &mut *lists;
        if lists.swept.is_none_or(|t| now.duration_since(t) > IDLE / 4) {
            lists.swept = Some(now);
            for (class, rests) in lists.classes.iter_mut().enumerate() {
                let old = rests.iter().take_while(|r| now.duration_since(r.since) > IDLE).count();
                lists.cached -= old * large_size(class);
                out.extend(rests.drain(..old).map(|r| (r.p, large_size(class))));
            }
        }
        while lists.cached + size > limit {
            let oldest = (0..LARGE_CLASSES).filter(|&c| !lists.classes[c].is_empty());
            let Some(c) = oldest.min_by_key(|&c| lists.classes[c][0].since) else { break };
            out.push((lists.classes[c].remove(0).p, large_size(c)));
            lists.cached -= large_size(c);
        }
        lists.classes[class].push(Rest { p, since: now });
        lists.cached += size;
    }
    for (p, size) in out {
        // SAFETY: taken out of the lists above; came from `system_alloc(size)`.
        unsafe { system_free(p, size) };
    }
}

fn large_size(class: usize) -> usize {
    (9 + class % 8) << (13 + class / 8)
}

fn cache_limit() -> usize {
    match LIMIT.load(Relaxed) {
        0 => {
            let total = meminfo(&["MemTotal:"]).unwrap_or(0);
            LIMIT.store((total / 8).max(256 << 20), Relaxed);
            LIMIT.load(Relaxed)
        }
        n => n,
    }
}

/// Bounds the bytes of large blocks that are kept for reuse (by default an eighth of the machine, at least 256 MiB).
pub fn set_cache_limit(nbytes: usize) {
    LIMIT.store(nbytes.max(1), Relaxed);
    if lists().cached > nbytes {
        empty_cache();
    }
}

/// Gives cached blocks back to the system: all large ones, and the small ones of this thread.
pub fn empty_cache() {
    let _ = LISTS.try_with(|lists| {
        // SAFETY: the lists are this thread's.
        unsafe { (*lists.get()).clear() }
    });
    let mut out: Vec<(*mut u8, usize)> = Vec::new();
    {
        let mut lists = lists();
        for (class, rests) in lists.classes.iter_mut().enumerate() {
            out.extend(rests.drain(..).map(|r| (r.p, large_size(class))));
        }
        lists.cached = 0;
    }
    for (p, size) in out {
        // SAFETY: taken out of the lists above; came from `system_alloc(size)`.
        unsafe { system_free(p, size) };
    }
}

// ---- counters ----

static ALLOCATED: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);
static CACHED_SMALL: AtomicIsize = AtomicIsize::new(0);
static ALLOCS: AtomicU64 = AtomicU64::new(0);
static FREES: AtomicU64 = AtomicU64::new(0);

/// What the allocator has done. Other threads' small blocks are counted up to 256 KiB late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes asked for and not yet given back.
    pub allocated: usize,
    /// The most that `allocated` has been (since `reset_peak`).
    pub peak: usize,
    /// Bytes of free blocks that are kept for reuse.
    pub cached: usize,
    /// Calls of `alloc` and `alloc_zeroed` that gave a block.
    pub allocs: u64,
    /// Calls of `free`.
    pub frees: u64,
}

/// The counters of now.
pub fn stats() -> Stats {
    flush_thread();
    let cached = lists().cached + CACHED_SMALL.load(Relaxed).max(0) as usize;
    Stats {
        allocated: ALLOCATED.load(Relaxed).max(0) as usize,
        peak: PEAK.load(Relaxed).max(0) as usize,
        cached,
        allocs: ALLOCS.load(Relaxed),
        frees: FREES.load(Relaxed),
    }
}

/// Lets `peak` start again from what is allocated now.
pub fn reset_peak() {
    flush_thread();
    PEAK.store(ALLOCATED.load(Relaxed), Relaxed);
}

fn flush_thread() {
    let _ = LISTS.try_with(|lists| {
        // SAFETY: the lists are this thread's.
        unsafe { (*lists.get()).flush() }
    });
}

fn count(bytes: isize, high: isize, allocs: u64, frees: u64, cached: isize) {
    let before = ALLOCATED.fetch_add(bytes, Relaxed);
    PEAK.fetch_max(before + high.max(bytes), Relaxed);
    ALLOCS.fetch_add(allocs, Relaxed);
    FREES.fetch_add(frees, Relaxed);
    CACHED_SMALL.fetch_add(cached, Relaxed);
}

/// PyTorch's words for a refusal on the CPU, where its class is `RuntimeError`.
#[cold]
pub(super) fn refused(nbytes: usize) -> Error {
    err!(
        Runtime,
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to \
         allocate {nbytes} bytes. Error code 12 (Cannot allocate memory)"
    )
}

// ---- the system ----

#[cfg(unix)]
const FRESH_IS_ZERO: bool = true;
#[cfg(not(unix))]
const FRESH_IS_ZERO: bool = false;

/// Null when the system refuses. `size` is the size of a class, so that `system_free` finds the same way back.
fn system_alloc(size: usize) -> *mut u8 {
    #[cfg(unix)]
    if size >= PAGES {
        return map(size);
    }
    match Layout::from_size_align(size, ALIGN) {
        // SAFETY: no class has size 0.
        Ok(layout) => unsafe { std::alloc::alloc(layout) },
        Err(_) => null_mut(),
    }
}

/// # Safety
/// `p` came from `system_alloc(size)` and is not used afterwards.
unsafe fn system_free(p: *mut u8, size: usize) {
    #[cfg(unix)]
    if size >= PAGES {
        // SAFETY: `map(size)` made exactly this range.
        unsafe { libc::munmap(p.cast(), size) };
        return;
    }
    if let Ok(layout) = Layout::from_size_align(size, ALIGN) {
        // SAFETY: the layout of `system_alloc`.
        unsafe { std::alloc::dealloc(p, layout) }
    }
}

/// Fresh zero pages at a huge-page boundary.
#[cfg(unix)]
fn map(size: usize) -> *mut u8 {
    let (prot, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new private mapping, wherever the system likes.
    let p = unsafe { libc::mmap(null_mut(), size + HUGE_PAGE, prot, flags, -1, 0) };
    if p == libc::MAP_FAILED {
        return null_mut();
    }
    let p = p.cast::<u8>();
    let head = p.align_offset(HUGE_PAGE);
    // SAFETY: cuts off the two ends of our own mapping that lie outside the aligned `size` bytes.
    unsafe {
        let start = p.add(head);
        if head > 0 {
            libc::munmap(p.cast(), head);
        }
        if head < HUGE_PAGE {
            libc::munmap(start.add(size).cast(), HUGE_PAGE - head);
        }
        #[cfg(target_os = "linux")]
        libc::madvise(start.cast(), size, libc::MADV_HUGEPAGE);
        start
    }
}

/// Bytes that this process can still have, as far as the system tells.
pub fn available() -> Option<usize> {
    let machine = meminfo(&["MemAvailable:", "SwapFree:"]);
    machine.into_iter().chain(cgroup_room()).min()
}

/// The sum of lines of `/proc/meminfo`, in bytes.
fn meminfo(names: &[&str]) -> Option<usize> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let read = |name: &&str| {
        let line = text.lines().find_map(|l| l.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<usize>().ok()
    };
    read(&names[0])?;
    Some(names.iter().filter_map(read).sum::<usize>() << 10)
}

/// The least room that the memory cgroups of this process leave (version 1 or 2, the own group and its parents).
/// File pages that the kernel can drop count as room.
fn cgroup_room() -> Option<usize> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let mut least: Option<usize> = None;
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(kinds), Some(path)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let (root, limit, usage, idle) = if kinds.is_empty() {
            ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file ")
        } else if kinds.split(',').any(|k| k == "memory") {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ")
        } else {
            continue;
        };
        let mut group = path.trim_end_matches('/');
        loop {
            let read = |file: &str| std::fs::read_to_string(format!("{root}{group}/{file}")).ok();
            let number = |file: &str| read(file)?.trim().parse::<usize>().ok();
            if let (Some(limit), Some(usage)) = (number(limit).filter(|&l| l < MOST), number(usage)) {
                let stat = read("memory.stat").unwrap_or_default();
                let file = stat.lines().find_map(|l| l.strip_prefix(idle)?.trim().parse::<usize>().ok()).unwrap_or(0);
                let room = limit.saturating_sub(usage.saturating_sub(file));
                least = Some(least.map_or(room, |l| l.min(room)));
            }
            let Some(cut) = group.rfind('/') else { break };
            group = &group[..cut];
        }
    }
    least
}

#[cfg(test)]
pub(crate) mod tests;
