//! What the machine can do at most, measured in the same run as the bench that is held against it: FMAs of its cores and
//! bytes through memory. Each row's best time is printed as a fraction of that.

#![allow(dead_code)]

use criterion::Criterion;
use std::hint::black_box;
use std::sync::{Barrier, OnceLock};
use std::time::{Duration, Instant};

/// What bounds a row.
#[derive(Clone, Copy)]
pub enum Bound {
    /// Operations (an FMA counts two), and how many times f32's peak the machine does of this type.
    Flops(f64, f64),
    /// Bytes read and written.
    Bytes(f64),
    /// Nothing but the path of a call.
    Calls,
}

/// Bytes a second of one core through memory: the best of copying 256 MB, read and written.
pub fn bandwidth() -> f64 {
    static BEST: OnceLock<f64> = OnceLock::new();
    *BEST.get_or_init(|| {
        let a = vec![1f32; 32 << 20];
        let mut b = vec![0f32; 32 << 20];
        (0..8)
            .map(|_| {
                let t = Instant::now();
                b.copy_from_slice(black_box(&a));
                black_box(&mut b);
                (2 * a.len() * 4) as f64 / t.elapsed().as_secs_f64()
            })
            .fold(0.0, f64::max)
    })
}

/// f32 operations a second of as many cores as the pool has threads: loops of independent FMAs, all at once, since cores
/// that work together may be slower each (they share a clock, or are two faces of one).
pub fn flops() -> f64 {
    static BEST: OnceLock<f64> = OnceLock::new();
    *BEST.get_or_init(|| {
        (0..12).map(|_| together(rtorch::device::cpu::pool::num_threads(), 400_000)).fold(0.0, f64::max)
    })
}

/// Operations a second of `threads` threads that begin together, until the last has ended.
fn together(threads: usize, n: usize) -> f64 {
    let start = Barrier::new(threads);
    let run = || {
        start.wait();
        let began = Instant::now();
        let done = spin(n);
        (done, began, Instant::now())
    };
    let runs: Vec<_> = std::thread::scope(|s| {
        let others: Vec<_> = (1..threads).map(|_| s.spawn(run)).collect();
        std::iter::once(run()).chain(others.into_iter().filter_map(|t| t.join().ok())).collect()
    });
    let done: f64 = runs.iter().map(|r| r.0).sum();
    match (runs.iter().map(|r| r.1).min(), runs.iter().map(|r| r.2).max()) {
        (Some(first), Some(last)) => done / (last - first).as_secs_f64(),
        _ => f64::NAN,
    }
}

#[cfg(target_arch = "x86_64")]
fn spin(n: usize) -> f64 {
    use std::arch::x86_64::*;
    #[target_feature(enable = "avx512f")]
    fn wide(n: usize) -> f32 {
        let (a, b) = (_mm512_set1_ps(1.000_000_1), _mm512_set1_ps(1e-9));
        let mut r: [__m512; 16] = std::array::from_fn(|i| _mm512_set1_ps(i as f32));
        for _ in 0..n {
            for x in &mut r {
                *x = _mm512_fmadd_ps(*x, a, b);
            }
        }
        r.iter().map(|x| _mm512_reduce_add_ps(*x)).sum()
    }
    #[target_feature(enable = "avx2,fma")]
    fn half(n: usize) -> f32 {
        let (a, b) = (_mm256_set1_ps(1.000_000_1), _mm256_set1_ps(1e-9));
        let mut r: [__m256; 12] = std::array::from_fn(|i| _mm256_set1_ps(i as f32));
        for _ in 0..n {
            for x in &mut r {
                *x = _mm256_fmadd_ps(*x, a, b);
            }
        }
        r.iter().map(|x| _mm256_cvtss_f32(*x)).sum()
    }
    if is_x86_feature_detected!("avx512f") {
        // SAFETY: just detected.
        black_box(unsafe { wide(black_box(n)) });
        (n * 16 * 16 * 2) as f64
    } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: just detected.
        black_box(unsafe { half(black_box(n)) });
        (n * 12 * 8 * 2) as f64
    } else {
        f64::NAN
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn spin(_: usize) -> f64 {
    f64::NAN
}

/// A criterion row; prints the best time's fraction of what bounds it.
pub fn row(c: &mut Criterion, name: &str, bound: Bound, mut f: impl FnMut()) {
    let mut best = f64::MAX;
    c.bench_function(name, |b| {
        b.iter_custom(|n| {
            let t = Instant::now();
            for _ in 0..n {
                f();
            }
            let d = t.elapsed();
            best = best.min(d.as_secs_f64() / n as f64);
            d
        })
    });
    if best == f64::MAX {
        return;
    }
    let threads = rtorch::device::cpu::pool::num_threads() as f64;
    match bound {
        Bound::Flops(n, times) => {
            let peak = flops() * times;
            println!(
                "{name:30} {:8.1} GFLOP/s, {:4.0} % of {:.1} on {threads} threads",
                n / best / 1e9,
                100.0 * n / best / peak,
                peak / 1e9
            )
        }
        Bound::Bytes(n) => println!(
            "{name:30} {:8.1} GB/s, {:4.0} % of one core's {:.1}",
            n / best / 1e9,
            100.0 * n / best / bandwidth(),
            bandwidth() / 1e9
        ),
        Bound::Calls => println!("{name:30} {:8.0} ns a call", best * 1e9),
    }
}

/// Criterion, short: these rows are looked at often.
pub fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .without_plots()
        .configure_from_args()
}
