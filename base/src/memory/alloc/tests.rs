//! Tests of the allocator; `alone` also serves other tests of what is global.

use super::*;
use crate::error::Kind;

/// Runs a test in a forked child, where no other test uses what is global (counters, caches, the pool).
pub(crate) fn alone(test: impl FnOnce()) {
    #[cfg(unix)]
    // SAFETY: the child runs the test on its only thread and leaves with `_exit`; the parent waits for it.
    unsafe {
        let pid = libc::fork();
        if pid == 0 {
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(test));
            libc::_exit(outcome.is_err() as i32);
        }
        let mut status = -1;
        libc::waitpid(pid, &mut status, 0);
        assert_eq!(status, 0, "the child failed");
    }
    #[cfg(not(unix))]
    test();
}

fn get(n: usize) -> *mut u8 {
    alloc(n).expect("memory")
}

fn rss() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").expect("statm");
    text.split_whitespace().nth(1).and_then(|w| w.parse::<usize>().ok()).expect("pages") * 4096
}

struct Random(u64);
impl Random {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 as usize
    }
}

#[test]
fn classes_hold_what_is_asked_for_and_waste_little() {
    let mut last = 0;
    for n in 0..=SMALL {
        let (class, size) = small_class(n);
        assert!(class < SMALL_CLASSES && size >= n && size % ALIGN == 0 && class >= last);
        assert!(n < 1024 || size <= n + n / 4);
        last = class;
    }
    for shift in 16..46 {
        for k in 0..64usize {
            let n = (1usize << shift) + 1 + k * (1 << (shift - 6));
            let (class, size) = large_class(n);
            assert!(class < LARGE_CLASSES && size >= n && size <= n + n / 8 && size % 4096 == 0);
            assert_eq!(size, large_size(class));
        }
    }
    assert!(large_class(MOST).0 < LARGE_CLASSES);
}

#[test]
fn blocks_are_aligned_writable_and_apart() {
    let sizes = [0, 1, 63, 64, 65, 1000, 4096, 65536, 65537, 1 << 20, (1 << 20) + 1, 5 << 20];
    let blocks: Vec<_> = sizes.iter().map(|&n| (get(n), n)).collect();
    for (k, &(p, n)) in blocks.iter().enumerate() {
        assert_eq!(p as usize % ALIGN, 0);
        // SAFETY: the block has `n` bytes.
        unsafe { p.write_bytes(k as u8, n) };
    }
    for (k, &(p, n)) in blocks.iter().enumerate() {
        // SAFETY: written above.
        assert!((0..n).all(|i| unsafe { *p.add(i) } == k as u8));
        // SAFETY: allocated with `n`.
        unsafe { free(p, n) };
    }
}

#[test]
fn zeroed_is_zero_fresh_or_cached() {
    for n in [1, 100, 5000, 70_000, 1 << 20, 6 << 20] {
        for _ in 0..3 {
            let p = alloc_zeroed(n).expect("memory");
            // SAFETY: the block has `n` bytes; it is freed once.
            unsafe {
                assert!((0..n).all(|i| *p.add(i) == 0));
                p.write_bytes(7, n);
                free(p, n);
            }
        }
    }
}

#[test]
fn what_the_machine_cannot_give_is_refused() {
    for n in [usize::MAX, usize::MAX - 10, isize::MAX as usize, 1 << 62, 1 << 50, 1 << 46, 1 << 42] {
        for e in [alloc(n), alloc_zeroed(n)] {
            let e = e.expect_err("refused");
            assert_eq!(e.kind(), Kind::Runtime);
            assert!(e.text().contains(&format!("you tried to allocate {n} bytes. Error code 12")), "{e}");
        }
    }
    let all = available().expect("/proc/meminfo");
    assert!(all > 0 && alloc(all + all / 8 + (4 << 30)).is_err());
}

#[test]
fn a_million_cycles_leave_memory_flat() {
    alone(|| {
        let cycle = |random: &mut Random, n: usize| {
            let mut live: Vec<(*mut u8, usize)> = vec![];
            for _ in 0..n {
                if live.len() > 50 {
                    let (p, n) = live.swap_remove(random.next() % 50);
                    // SAFETY: allocated below, freed once.
                    unsafe { free(p, n) };
                }
                let n = 1 << (random.next() % 15);
                let n = n + random.next() % n;
                let p = get(n);
                // SAFETY: the block has at least one byte.
                unsafe { *p = 1 };
                live.push((p, n));
            }
            for (p, n) in live {
                // SAFETY: allocated above, freed once.
                unsafe { free(p, n) };
            }
        };
        let mut random = Random(1);
        cycle(&mut random, 100_000);
        let before = (rss(), stats());
        cycle(&mut random, 1_000_000);
        let after = (rss(), stats());
        assert!(after.0 < before.0 + (16 << 20), "{} -> {}", before.0, after.0);
        assert_eq!(after.1.allocs - after.1.frees, before.1.allocs - before.1.frees);
        assert_eq!(after.1.allocated, before.1.allocated);
    });
}

#[test]
fn many_threads_free_each_others_blocks() {
    alone(|| {
        let before = stats();
        let (send, receive) = std::sync::mpsc::channel::<(usize, usize, u8)>();
        std::thread::scope(|s| {
            for t in 0..4 {
                let send = send.clone();
                s.spawn(move || {
                    let mut random = Random(t + 1);
                    for _ in 0..5000 {
                        let n = 1 + random.next() % (1 << (random.next() % 18));
                        let (p, mark) = (get(n), random.next() as u8);
                        // SAFETY: the block has `n` bytes.
                        unsafe { p.write_bytes(mark, n) };
                        send.send((p as usize, n, mark)).expect("open");
                    }
                });
            }
            drop(send);
            for (p, n, mark) in receive {
                let p = p as *mut u8;
                // SAFETY: the block has `n` bytes and is freed once.
                unsafe {
                    assert!(*p == mark && *p.add(n - 1) == mark && *p.add(n / 2) == mark);
                    free(p, n);
                }
            }
        });
        // The scope may end before the threads' own destructors have run.
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(stats().allocated, before.allocated);
    });
}

#[test]
fn the_cache_is_bounded_and_can_be_emptied() {
    alone(|| {
        set_cache_limit(32 << 20);
        let blocks: Vec<_> = (0..20).map(|k| ((4 << 20) + k * (1 << 20), get((4 << 20) + k * (1 << 20)))).collect();
        let now = stats();
        assert!(now.peak >= now.allocated && now.allocated >= 20 * (4 << 20));
        for (n, p) in blocks {
            // SAFETY: allocated with `n`.
            unsafe { free(p, n) };
            assert!(lists().cached <= 32 << 20);
        }
        assert!(lists().cached > 0);
        empty_cache();
        assert_eq!(lists().cached, 0);
        LIMIT.store(0, Relaxed);
    });
}

#[cfg(unix)]
#[test]
fn a_forked_child_can_allocate() {
    let stop = AtomicUsize::new(0);
    std::thread::scope(|s| {
        s.spawn(|| {
            while stop.load(Relaxed) == 0 {
                // SAFETY: allocated and freed with the same size.
                unsafe { free(get(100_000), 100_000) };
            }
        });
        for _ in 0..20 {
            // SAFETY: the child uses the allocator and leaves with `_exit`.
            let pid = unsafe { libc::fork() };
            if pid == 0 {
                for n in [10, 100_000, 3 << 20] {
                    // SAFETY: allocated and freed with the same size.
                    unsafe { alloc(n).map_or_else(|_| libc::_exit(1), |p| free(p, n)) };
                }
                // SAFETY: ends the child without running the parent's destructors.
                unsafe { libc::_exit(0) };
            }
            let mut status = -1;
            // SAFETY: waits for our own child.
            unsafe { libc::waitpid(pid, &mut status, 0) };
            assert_eq!(status, 0);
        }
        stop.store(1, Relaxed);
    });
}

#[test]
fn timings() {
    for n in [64, 1024, 65536, 100_000, 1 << 20] {
        let start = Instant::now();
        for _ in 0..100_000 {
            // SAFETY: allocated and freed with the same size.
            unsafe { free(std::hint::black_box(get(n)), n) };
        }
        println!("alloc + free of {n}: {:.1} ns", start.elapsed().as_secs_f64() * 1e4);
    }
    let touch = |p: *mut u8, n: usize| {
        for i in (0..n).step_by(64) {
            // SAFETY: inside the block.
            unsafe { p.add(i).write_volatile(1) };
        }
    };
    for n in [1 << 20, 32 << 20] {
        let time = |f: &dyn Fn()| {
            let start = Instant::now();
            (0..10).for_each(|_| f());
            start.elapsed().as_secs_f64() * 1e5
        };
        let cached = || {
            let p = get(n);
            touch(p, n);
            // SAFETY: allocated with `n`.
            unsafe { free(p, n) };
        };
        let fresh = || {
            let p = system_alloc(n);
            touch(p, n);
            // SAFETY: allocated with `n`, the size of a class.
            unsafe { system_free(p, n) };
        };
        let layout = Layout::from_size_align(n, ALIGN).expect("layout");
        let system = || {
            // SAFETY: a layout that is not empty.
            let p = unsafe { std::alloc::alloc(layout) };
            touch(p, n);
            // SAFETY: allocated above.
            unsafe { std::alloc::dealloc(p, layout) };
        };
        cached();
        let (a, b, c) = (time(&cached), time(&fresh), time(&system));
        println!("{} MiB, touched: cached {a:.0} us, fresh pages {b:.0} us, malloc {c:.0} us", n >> 20);
    }
}
