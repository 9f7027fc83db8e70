//! Discrete Fourier transforms of lines, by the crate rustfft. Each line is transformed by one thread, so that its bits do not
//! depend on how many there are.

pub use super::fft_lines::{Lines, What};

use super::dense::each;
use crate::dtype::{C32, C64, DType, Element};
use crate::error::Result;
use parking_lot::Mutex;
use rustfft::num_complex::Complex;
use rustfft::{Fft, FftNum, FftPlanner};
use std::sync::Arc;

/// Plans by length, kept between calls. A plan holds factors of about its length; after many lengths all are forgotten.
struct Plans<T: FftNum> {
    planner: FftPlanner<T>,
    made: usize,
}

const MOST_PLANS: usize = 256;

fn plan<T: FftNum>(plans: &Mutex<Option<Plans<T>>>, n: usize, forward: bool) -> Arc<dyn Fft<T>> {
    let mut plans = plans.lock();
    if plans.as_ref().is_some_and(|p| p.made >= MOST_PLANS) {
        *plans = None;
    }
    let p = plans.get_or_insert_with(|| Plans { planner: FftPlanner::new(), made: 0 });
    p.made += 1;
    if forward { p.planner.plan_fft_forward(n) } else { p.planner.plan_fft_inverse(n) }
}

/// The parts of a kind of transform that depend on the element type.
trait Real: Element + FftNum {
    fn plan(n: usize, forward: bool) -> Arc<dyn Fft<Self>>;
    fn of(x: f64) -> Self;
}

macro_rules! real {
    ($($t:ty),*) => {$(
        impl Real for $t {
            fn plan(n: usize, forward: bool) -> Arc<dyn Fft<$t>> {
                static PLANS: Mutex<Option<Plans<$t>>> = Mutex::new(None);
                plan(&PLANS, n, forward)
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
    let fft = T::plan(l.n, forward);
    let scale = T::of(scale);
    let zero = Complex::new(T::of(0.0), T::of(0.0));
    let depth = usize::BITS as usize - l.n.leading_zeros() as usize;
    each(count, 4 * l.n * depth, &|mut b| {
        let (mut i, mut o) = (0, 0);
        for d in (0..l.sizes.len()).rev() {
            let at = (b % l.sizes[d] as usize) as i64;
            b /= l.sizes[d] as usize;
            i += at * l.from_strides[d];
            o += at * l.to_strides[d];
        }
        let mut line = vec![zero; l.n];
        // SAFETY: the caller's: indices stay inside.
        unsafe {
            match what {
                What::RealToHalf => {
                    let p = l.from.cast::<T>().wrapping_offset(i as isize);
                    for (k, x) in line[..l.have].iter_mut().enumerate() {
                        x.re = *p.wrapping_offset((k as i64 * l.from_step) as isize);
                    }
                }
                _ => {
                    let p = l.from.cast::<Complex<T>>().wrapping_offset(i as isize);
                    for (k, x) in line[..l.have].iter_mut().enumerate() {
                        *x = *p.wrapping_offset((k as i64 * l.from_step) as isize);
                    }
                }
            }
        }
        if what == What::HalfToReal {
            line[0].im = T::of(0.0);
            for k in 1..l.n.div_ceil(2) {
                line[l.n - k] = line[k].conj();
            }
            if l.n.is_multiple_of(2) {
                line[l.n / 2].im = T::of(0.0);
            }
        }
        let mut scratch = vec![zero; fft.get_inplace_scratch_len()];
        fft.process_with_scratch(&mut line, &mut scratch);
        // SAFETY: as above.
        unsafe {
            if what == What::HalfToReal {
                let p = l.to.cast::<T>().wrapping_offset(o as isize);
                for (k, x) in line[..l.want].iter().enumerate() {
                    *p.wrapping_offset((k as i64 * l.to_step) as isize) = x.re * scale;
                }
            } else {
                let p = l.to.cast::<Complex<T>>().wrapping_offset(o as isize);
                for (k, x) in line[..l.want].iter().enumerate() {
                    *p.wrapping_offset((k as i64 * l.to_step) as isize) = Complex::new(x.re * scale, x.im * scale);
                }
            }
        }
        Ok(())
    })
}
