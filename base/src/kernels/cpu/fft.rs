//! Discrete Fourier transforms of lines, by the crate rustfft. Each line is transformed by one thread, so that its bits do not
//! depend on how many there are.

pub use super::fft_lines::{Lines, What};

use super::dense::each;
use super::tile::with_scratch;
use crate::dtype::{C32, C64, DType, Element};
use crate::error::Result;
use parking_lot::Mutex;
use rustfft::num_complex::Complex;
use rustfft::{Fft, FftNum, FftPlanner};
use std::collections::HashMap;
use std::sync::Arc;

/// Plans by length, kept between calls. A plan holds factors of about its length; after many lengths all are forgotten.
struct Plans<T: FftNum> {
    planner: FftPlanner<T>,
    /// exp(-2 pi i k / n) for k <= n / 2, by n.
    roots: HashMap<usize, Arc<[Complex<T>]>>,
    made: usize,
}

const MOST_PLANS: usize = 256;

/// The transform of lines of `n`; if `half`, that of half the length, and the roots that make one of a real line out of it.
type Plan<T> = (Arc<dyn Fft<T>>, Option<Arc<[Complex<T>]>>);

fn plan<T: Real>(plans: &Mutex<Option<Plans<T>>>, n: usize, forward: bool, half: bool) -> Plan<T> {
    let mut plans = plans.lock();
    if plans.as_ref().is_some_and(|p| p.made >= MOST_PLANS) {
        *plans = None;
    }
    let new = || Plans { planner: FftPlanner::new(), roots: HashMap::new(), made: 0 };
    let p = plans.get_or_insert_with(new);
    p.made += 1;
    let length = if half { n / 2 } else { n };
    let fft = if forward { p.planner.plan_fft_forward(length) } else { p.planner.plan_fft_inverse(length) };
    let root = |k: usize| {
        let (sin, cos) = (std::f64::consts::TAU * k as f64 / n as f64).sin_cos();
        Complex::new(T::of(cos), T::of(-sin))
    };
    (fft, half.then(|| p.roots.entry(n).or_insert_with(|| (0..=n / 2).map(root).collect()).clone()))
}

/// The parts of a kind of transform that depend on the element type.
trait Real: Element + FftNum {
    fn plan(n: usize, forward: bool, half: bool) -> Plan<Self>;
    fn of(x: f64) -> Self;
}

macro_rules! real {
    ($($t:ty),*) => {$(
        impl Real for $t {
            fn plan(n: usize, forward: bool, half: bool) -> Plan<$t> {
                static PLANS: Mutex<Option<Plans<$t>>> = Mutex::new(None);
                plan(&PLANS, n, forward, half)
            }
            fn of(x: f64) -> $t { x as $t }
        }
    )*};
}
real!(f32, f64);

const _: () = assert!(size_of::<C32>() == size_of::<Complex<f32>>() && size_of::<C64>() == size_of::<Complex<f64>>());

/// Transforms all lines; `dtype` is the complex type. Results are multiplied by `scale`.
///
/// # Safety
/// Sizes and strides stay inside memory of the element types that lives as long as the call, and no two lines of the result
/// share an element.
pub unsafe fn transform(dtype: DType, what: What, lines: &Lines, forward: bool, scale: f64) -> Result<()> {
    // SAFETY: the caller's.
    unsafe {
        match dtype {
            DType::C64 => run::<f32>(what, lines, forward, scale),
            _ => run::<f64>(what, lines, forward, scale),
        }
    }
}

unsafe fn run<T: Real>(what: What, l: &Lines, forward: bool, scale: f64) -> Result<()> {
    let count: usize = l.sizes.iter().map(|&s| s as usize).product();
    if count == 0 || l.n == 0 {
        return Ok(());
    }
    // Pairs of a real line are the complex numbers of a line of half the length.
    let half = what != What::Complex && l.n.is_multiple_of(2);
    let (fft, roots) = T::plan(l.n, forward, half);
    let scale = T::of(scale);
    let zero = Complex::new(T::of(0.0), T::of(0.0));
    let depth = usize::BITS as usize - l.n.leading_zeros() as usize;
    let spare = fft.get_inplace_scratch_len();
    let room = l.n + 2;
    each(count, 4 * l.n * depth, &|mut b| {
        let (mut i, mut o) = (0, 0);
        for d in (0..l.sizes.len()).rev() {
            let at = (b % l.sizes[d] as usize) as i64;
            b /= l.sizes[d] as usize;
            i += at * l.from_strides[d];
            o += at * l.to_strides[d];
        }
        with_scratch((room + spare) * size_of::<Complex<T>>(), |p| {
            // SAFETY: that much memory, initialised, aligned to 64 bytes, and ours alone.
            let all = unsafe { std::slice::from_raw_parts_mut(p.cast::<Complex<T>>(), room + spare) };
            let (line, scratch) = all.split_at_mut(room);
            line.fill(zero);
            // SAFETY: the caller's: indices stay inside; a line has room for as many real numbers.
            unsafe { read(what, l, i, half, line) };
            match &roots {
                Some(w) if what == What::HalfToReal => fold(&mut line[..l.n / 2 + 1], w, forward),
                None if what == What::HalfToReal => {
                    line[0].im = T::of(0.0);
                    for k in 1..l.n.div_ceil(2) {
                        line[l.n - k] = line[k].conj();
                    }
                }
                _ => {}
            }
            let length = if half { l.n / 2 } else { l.n };
            fft.process_with_scratch(&mut line[..length], scratch);
            if let (Some(w), What::RealToHalf) = (&roots, what) {
                unfold(&mut line[..length + 1], w, forward);
            }
            // SAFETY: as above.
            unsafe {
                if what == What::HalfToReal {
                    let p = l.to.cast::<T>().wrapping_offset(o as isize);
                    for k in 0..l.want {
                        let x = if !half {
                            line[k].re
                        } else if k % 2 == 0 {
                            line[k / 2].re
                        } else {
                            line[k / 2].im
                        };
                        *p.wrapping_offset((k as i64 * l.to_step) as isize) = x * scale;
                    }
                } else {
                    let p = l.to.cast::<Complex<T>>().wrapping_offset(o as isize);
                    for (k, x) in line[..l.want].iter().enumerate() {
                        *p.wrapping_offset((k as i64 * l.to_step) as isize) = Complex::new(x.re * scale, x.im * scale);
                    }
                }
            }
        });
        Ok(())
    })
}

/// One line of the operand, that begins at element `i`, real ones in pairs if `half`.
///
/// # Safety
/// As for `transform`.
unsafe fn read<T: Real>(what: What, l: &Lines, i: i64, half: bool, line: &mut [Complex<T>]) {
    // SAFETY: by the contract.
    unsafe {
        if what == What::RealToHalf {
            let p = l.from.cast::<T>().wrapping_offset(i as isize);
            for k in 0..l.have {
                let x = *p.wrapping_offset((k as i64 * l.from_step) as isize);
                if !half {
                    line[k].re = x;
                } else if k % 2 == 0 {
                    line[k / 2].re = x;
                } else {
                    line[k / 2].im = x;
                }
            }
            return;
        }
        let p = l.from.cast::<Complex<T>>().wrapping_offset(i as isize);
        for (k, x) in line[..l.have].iter_mut().enumerate() {
            *x = *p.wrapping_offset((k as i64 * l.from_step) as isize);
        }
    }
}

/// From the transform of pairs to that of the real line: with z = even + i odd, its transform is E + i O, and the line's is
/// E + w^k O.
fn unfold<T: Real>(z: &mut [Complex<T>], roots: &[Complex<T>], forward: bool) {
    let (m, half) = (z.len() - 1, T::of(0.5));
    z[m] = z[0];
    for k in 0..=m / 2 {
        let (a, b) = (z[k], z[m - k]);
        let even = (a + b.conj()) * half;
        let odd = (a - b.conj()) * half;
        let odd = Complex::new(odd.im, -odd.re);
        let w = if forward { roots[k] } else { roots[k].conj() };
        let turned = odd * w;
        z[k] = even + turned;
        // The other one's root is -conj(w).
        z[m - k] = (even - turned).conj();
    }
}

/// The inverse of `unfold` up to a factor of 2, which the transform of half the length lacks.
fn fold<T: Real>(x: &mut [Complex<T>], roots: &[Complex<T>], forward: bool) {
    let m = x.len() - 1;
    (x[0].im, x[m].im) = (T::of(0.0), T::of(0.0));
    for k in 0..=m / 2 {
        let (a, b) = (x[k], x[m - k]);
        let even = a + b.conj();
        let w = if forward { roots[k] } else { roots[k].conj() };
        let odd = (a - b.conj()) * w;
        x[k] = Complex::new(even.re - odd.im, even.im + odd.re);
        x[m - k] = Complex::new(even.re + odd.im, odd.re - even.im);
    }
}
