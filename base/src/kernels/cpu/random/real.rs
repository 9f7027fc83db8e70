//! Continuous distributions: uniform, normal, exponential, cauchy, log-normal; and geometric, which is sampled like them.

use super::generator::{Generator, unit32, unit64};
use super::{Target, by_isa, fill, unsupported, widen};
use crate::device::cpu::pool::parallel;
use crate::dtype::{DType, bf16, f16};
use crate::error::Result;
use crate::kernels::Ptr;
use half::slice::HalfFloatSliceExt;
use std::f64::consts::PI;

/// Words that are drawn at once.
const CHUNK: usize = 1024;

/// Numbers in [from, to). Complex elements get two numbers each.
///
/// # Safety
/// `out` is valid for writes of `n` elements of `dtype`.
pub unsafe fn uniform(g: &mut Generator, out: *mut u8, dtype: DType, n: usize, from: f64, to: f64) -> Result<()> {
    let n = if dtype.is_complex() { 2 * n } else { n };
    match dtype.to_real() {
        DType::F32 => chunks(g, n, |words, at| {
            // SAFETY: `out` has `n` elements, and `at + words.len()` is no more.
            unsafe { uniform32(words.as_ptr(), out.cast::<f32>().add(at), words.len(), from as f32, to as f32) }
        }),
        DType::F64 => chunks(g, 2 * n, |words, at| {
            // SAFETY: as above; two words for each element.
            unsafe { uniform64(words.as_ptr(), out.cast::<f64>().add(at / 2), words.len() / 2, from, to) }
        }),
        d if d.is_half() => {
            let round = |x: f64| {
                if d == DType::F16 { f16::from_f32(x as f32).to_f32() } else { bf16::from_f32(x as f32).to_f32() }
            };
            let (first, last) = (round(from), round(to));
            chunks(g, n, |words, at| {
                let mut buf = [0.0; CHUNK];
                // SAFETY: as many numbers as words; then `out` as above.
                unsafe {
                    uniform32(words.as_ptr(), buf.as_mut_ptr(), words.len(), from as f32, to as f32);
                    store_halves(d, &mut buf[..words.len()], out, at, |x| if x == last { first } else { x });
                }
            });
        }
        d => return Err(unsupported("uniform_kernel_cpu", d)),
    }
    Ok(())
}

/// Rounds numbers to halves, changes what `fix` wants to change, and stores them from element `at` on.
///
/// # Safety
/// `out` is valid for writes of `at + x.len()` elements of `dtype`.
unsafe fn store_halves(dtype: DType, x: &mut [f32], out: *mut u8, at: usize, fix: impl Fn(f32) -> f32) {
    macro_rules! store {
        ($t:ty) => {{
            let mut halves = [<$t>::ZERO; CHUNK];
            let halves = &mut halves[..x.len()];
            halves.convert_from_f32_slice(x);
            for h in halves.iter_mut() {
                *h = <$t>::from_f32(fix(h.to_f32()));
            }
            // SAFETY: the caller's promise.
            unsafe { std::ptr::copy_nonoverlapping(halves.as_ptr(), out.cast::<$t>().add(at), x.len()) }
        }};
    }
    if dtype == DType::F16 { store!(f16) } else { store!(bf16) }
}

/// Draws `n` words in chunks of an even number of them, and hands each chunk on with its position.
fn chunks(g: &mut Generator, n: usize, mut use_words: impl FnMut(&[u32], usize)) {
    let mut words = [0; CHUNK];
    let mut at = 0;
    while at < n {
        let part = &mut words[..CHUNK.min(n - at)];
        g.fill(part);
        use_words(part, at);
        at += part.len();
    }
}

/// Like `chunks`, for transforms that are dear: many words are drawn at once and transformed in parallel.
fn parallel_chunks(g: &mut Generator, n: usize, use_words: &(dyn Fn(&[u32], usize) + Sync)) {
    const DRAWN: usize = 64 * CHUNK;
    if n <= 4 * CHUNK {
        return chunks(g, n, use_words);
    }
    let mut words = vec![0; DRAWN.min(n)];
    let mut at = 0;
    while at < n {
        let part = &mut words[..DRAWN.min(n - at)];
        g.fill(part);
        let part: &[u32] = part;
        parallel(part.len().div_ceil(CHUNK), &|k| {
            let first = k * CHUNK;
            use_words(&part[first..part.len().min(first + CHUNK)], at + first)
        });
        at += part.len();
    }
}

/// Two words as a number in [0, 1).
#[inline(always)]
fn pair64(words: &[u32]) -> f64 {
    unit64((words[0] as u64) << 32 | words[1] as u64)
}

#[inline(always)]
unsafe fn uniform32_body(words: *const u32, out: *mut f32, n: usize, from: f32, to: f32) {
    if from == 0.0 && to == 1.0 {
        for i in 0..n {
            // SAFETY: the caller's promise: both have `n` elements.
            unsafe { out.add(i).write(unit32(words.add(i).read())) };
        }
        return;
    }
    for i in 0..n {
        // SAFETY: as above.
        unsafe {
            let x = unit32(words.add(i).read()).mul_add(to - from, from);
            out.add(i).write(if x == to { from } else { x });
        }
    }
}
by_isa!(uniform32 = uniform32_body(words: *const u32, out: *mut f32, n: usize, from: f32, to: f32));

#[inline(always)]
unsafe fn uniform64_body(words: *const u32, out: *mut f64, n: usize, from: f64, to: f64) {
    for i in 0..n {
        // SAFETY: the caller's promise: `2 * n` words, `n` elements.
        unsafe {
            let bits = (words.add(2 * i).read() as u64) << 32 | words.add(2 * i + 1).read() as u64;
            let x = unit64(bits).mul_add(to - from, from);
            out.add(i).write(if x == to { from } else { x });
        }
    }
}
by_isa!(uniform64 = uniform64_body(words: *const u32, out: *mut f64, n: usize, from: f64, to: f64));

/// Normal numbers. From 16 elements on, and if the tensor is contiguous, PyTorch draws in groups of 16; else one by
/// one, in double. Complex elements get two numbers each, of half the variance.
///
/// # Safety
/// `out` is valid for writes of `n` elements of `dtype`.
pub unsafe fn normal(
    g: &mut Generator,
    out: *mut u8,
    dtype: DType,
    n: usize,
    mean: f64,
    std: f64,
    contiguous: bool,
) -> Result<()> {
    let (n, std) = if dtype.is_complex() { (2 * n, std / 2f64.sqrt()) } else { (n, std) };
    let dtype = dtype.to_real();
    if n < 16 || !contiguous {
        let done = dispatch!(dtype, T in FLOAT => {
            // SAFETY: the caller's promise.
            unsafe { fill::<T>(out, n, || <T as Target>::from_f64(g.normal64().mul_add(std, mean))) }
        });
        return done.ok_or_else(|| unsupported("normal_kernel_cpu", dtype));
    }
    let whole = n - n % 16;
    match dtype {
        DType::F32 => {
            let out = out.cast::<f32>();
            let (mean, std) = (mean as f32, std as f32);
            chunks(g, whole, |words, at| {
                // SAFETY: whole groups of 16 within `n` elements.
                unsafe { normal32(words.as_ptr(), out.add(at), words.len() / 16, mean, std) }
            });
            if n > whole {
                // The tail was drawn, then the last 16 are drawn again.
                g.skip(n - whole);
                chunks(g, 16, |words, _| {
                    // SAFETY: the last 16 of at least 16 elements.
                    unsafe { normal32(words.as_ptr(), out.add(n - 16), 1, mean, std) }
                });
            }
        }
        DType::F64 => {
            let out = Ptr(out.cast::<f64>());
            let group = |words: &[u32], at: usize| {
                for (k, words) in words.chunks_exact(32).enumerate() {
                    let group = normal64_group(words, mean, std);
                    // SAFETY: 16 elements within `n`.
                    unsafe { std::ptr::copy_nonoverlapping(group.as_ptr(), out.get().add(at / 2 + 16 * k), 16) };
                }
            };
            parallel_chunks(g, 2 * whole, &group);
            if n > whole {
                g.skip(2 * (n - whole));
                chunks(g, 32, |words, _| group(words, 2 * (n - 16)));
            }
        }
        d if d.is_half() => {
            let (mean, std) = (mean as f32, std as f32);
            let mut groups = |words: &[u32], at: usize| {
                let mut buf = [0.0; CHUNK];
                // SAFETY: as many numbers as words; whole groups of 16 within `n` elements.
                unsafe {
                    normal32(words.as_ptr(), buf.as_mut_ptr(), words.len() / 16, mean, std);
                    store_halves(d, &mut buf[..words.len()], out, at, |x| x);
                }
            };
            chunks(g, whole, &mut groups);
            if n > whole {
                chunks(g, 16, |words, _| groups(words, n - 16));
            }
        }
        d => return Err(unsupported("normal_kernel_cpu", d)),
    }
    Ok(())
}

fn normal64_group(words: &[u32], mean: f64, std: f64) -> [f64; 16] {
    let mut x = [0.0; 16];
    for (v, w) in x.iter_mut().zip(words.chunks_exact(2)) {
        *v = pair64(w);
    }
    for j in 0..8 {
        let radius = (-2.0 * (1.0 - x[j]).ln()).sqrt();
        let theta = 2.0 * PI * x[j + 8];
        x[j] = (radius * theta.cos()).mul_add(std, mean);
        x[j + 8] = (radius * theta.sin()).mul_add(std, mean);
    }
    x
}

/// Groups of 16 words to groups of 16 normal numbers: the first 8 of a group give the radius, the last 8 the angle.
/// They are sorted into two rows first, so that the arithmetic is one long loop, which the compiler vectorises.
#[inline(always)]
unsafe fn normal32_body(words: *const u32, out: *mut f32, groups: usize, mean: f32, std: f32) {
    const MOST: usize = CHUNK / 16;
    let (mut radius, mut angle) = ([0f32; CHUNK / 2], [0f32; CHUNK / 2]);
    for first in (0..groups).step_by(MOST) {
        let groups = MOST.min(groups - first);
        // SAFETY: the caller's promise: `16 * groups` words and elements.
        let (words, out) = unsafe { (words.add(16 * first), out.add(16 * first)) };
        for k in 0..groups {
            for j in 0..8 {
                // SAFETY: as above.
                unsafe {
                    radius[8 * k + j] = 1.0 - unit32(words.add(16 * k + j).read());
                    angle[8 * k + j] = unit32(words.add(16 * k + 8 + j).read());
                }
            }
        }
        for (r, a) in radius[..8 * groups].iter_mut().zip(&mut angle[..8 * groups]) {
            let length = (-2.0 * log(*r)).sqrt();
            let (sin, cos) = sin_cos(2.0 * std::f32::consts::PI * *a);
            *r = (length * cos).mul_add(std, mean);
            *a = (length * sin).mul_add(std, mean);
        }
        for k in 0..groups {
            // SAFETY: 8 numbers each, within the rows and the group.
            unsafe {
                std::ptr::copy_nonoverlapping(radius.as_ptr().add(8 * k), out.add(16 * k), 8);
                std::ptr::copy_nonoverlapping(angle.as_ptr().add(8 * k), out.add(16 * k + 8), 8);
            }
        }
    }
}
by_isa!(normal32 = normal32_body(words: *const u32, out: *mut f32, groups: usize, mean: f32, std: f32));

// The two functions below evaluate the polynomials of the Cephes library (Stephen L. Moshier), as single-precision
// libraries for SSE and AVX do, with the roundings of PyTorch's build.

/// The logarithm of a number in (0, 1].
#[inline(always)]
#[expect(clippy::excessive_precision, reason = "the library's own digits")]
fn log(u: f32) -> f32 {
    let bits = u.to_bits();
    let e = (bits >> 23) as i32 as f32 - 126.0;
    let m = f32::from_bits((bits & 0x807f_ffff) | 0x3f00_0000);
    let small = m < std::f32::consts::FRAC_1_SQRT_2;
    let x = (m - 1.0) + if small { m } else { 0.0 };
    let e = e - if small { 1.0 } else { 0.0 };
    let z = x * x;
    let y = 7.0376836292E-2f32
        .mul_add(x, -1.1514610310E-1)
        .mul_add(x, 1.1676998740E-1)
        .mul_add(x, -1.2420140846E-1)
        .mul_add(x, 1.4249322787E-1)
        .mul_add(x, -1.6668057665E-1)
        .mul_add(x, 2.0000714765E-1)
        .mul_add(x, -2.4999993993E-1)
        .mul_add(x, 3.3333331174E-1);
    let y = (x * y).mul_add(z, e * -2.12194440e-4);
    let y = (-z).mul_add(0.5, y);
    e.mul_add(0.693359375, x + y)
}

/// Sine and cosine of a number in [0, 2 pi).
#[inline(always)]
#[expect(clippy::excessive_precision, reason = "the library's own digits")]
fn sin_cos(x: f32) -> (f32, f32) {
    // SAFETY: the product is below 8.
    let j = (unsafe { (x * std::f32::consts::FRAC_2_PI * 2.0).to_int_unchecked::<i32>() }.wrapping_add(1)) & !1;
    let y = j as f32;
    let x = y.mul_add(-0.78515625, x);
    let x = y.mul_add(-2.418_756_5e-4, x);
    let x = y.mul_add(-3.774_895e-8, x);
    let z = x * x;
    let c = 2.443315711809948E-005f32.mul_add(z, -1.388731625493765E-003).mul_add(z, 4.166664568298827E-002);
    let c = z.mul_add(z * c, -(z * 0.5)) + 1.0;
    let s = (-1.9515295891E-4f32).mul_add(z, 8.3321608736E-3).mul_add(z, -1.6666654611E-1);
    let s = (z * s).mul_add(x, x);
    let swap = j & 2 != 0;
    let (sin, cos) = if swap { (c, s) } else { (s, c) };
    let sign = |v: f32, flip: i32| f32::from_bits(v.to_bits() ^ ((flip & 4) as u32) << 29);
    (sign(sin, j), sign(cos, !j.wrapping_sub(2)))
}

/// Numbers of the density `lambda * exp(-lambda * x)`.
///
/// # Safety
/// `out` is valid for writes of `n` elements of `dtype`.
pub unsafe fn exponential(g: &mut Generator, out: *mut u8, dtype: DType, n: usize, lambda: f64) -> Result<()> {
    // SAFETY: the caller's promise.
    unsafe {
        floating(dtype, "exponential_cpu")?;
        each(g, out, dtype, n, "exponential_cpu", |u| -1.0 / lambda * (-u).ln_1p())
    }
}

/// Numbers of the Cauchy distribution.
///
/// # Safety
/// `out` is valid for writes of `n` elements of `dtype`.
pub unsafe fn cauchy(g: &mut Generator, out: *mut u8, dtype: DType, n: usize, median: f64, sigma: f64) -> Result<()> {
    // SAFETY: the caller's promise.
    unsafe { each(g, out, dtype, n, "cauchy_cpu", |u| sigma.mul_add((PI * (u - 0.5)).tan(), median)) }
}

/// Exponentials of normal numbers.
///
/// # Safety
/// `out` is valid for writes of `n` elements of `dtype`.
pub unsafe fn log_normal(g: &mut Generator, out: *mut u8, dtype: DType, n: usize, mean: f64, std: f64) -> Result<()> {
    let done = dispatch!(dtype, T in FLOAT => {
        // SAFETY: the caller's promise.
        unsafe { fill::<T>(out, n, || <T as Target>::from_f64(g.normal64().mul_add(std, mean).exp())) }
    });
    done.ok_or_else(|| unsupported("log_normal_cpu", dtype))
}

/// The number of trials up to the first success, each of probability `p`; integers too.
///
/// # Safety
/// `out` is valid for writes of `n` elements of `dtype`.
pub unsafe fn geometric(g: &mut Generator, out: *mut u8, dtype: DType, n: usize, p: f64) -> Result<()> {
    if dtype == DType::Bool {
        return Err(unsupported("geometric_cpu", dtype));
    }
    // SAFETY: the caller's promise.
    unsafe { each(g, out, dtype, n, "geometric_cpu", |u| (u.ln() / (-p).ln_1p()).ceil()) }
}

fn floating(dtype: DType, name: &str) -> Result<()> {
    if dtype.is_float() { Ok(()) } else { Err(unsupported(name, dtype)) }
}

/// One number from each 53-bit uniform one.
///
/// # Safety
/// `out` is valid for writes of `n` elements of `dtype`.
unsafe fn each(
    g: &mut Generator,
    out: *mut u8,
    dtype: DType,
    n: usize,
    name: &str,
    sample: impl Fn(f64) -> f64 + Sync,
) -> Result<()> {
    let done = dispatch!(dtype, T in REAL => {
        let out = Ptr(out.cast::<T>());
        parallel_chunks(g, 2 * n, &|words, at| {
            for (i, w) in words.chunks_exact(2).enumerate() {
                // SAFETY: the caller's promise; each pair of words has its own element.
                unsafe { out.get().add(at / 2 + i).write(<T as Target>::from_f64(sample(pair64(w)))) };
            }
        });
    });
    done.ok_or_else(|| unsupported(name, dtype))
}

/// Randomised leaky ReLU in training: where `x <= 0`, a slope from [lower, upper) that multiplies it and is kept in
/// `noise`; elsewhere `x` and 1.
///
/// # Safety
/// `x` is valid for reads, `out` and `noise` for writes of `n` elements of `dtype`; `out` may be `x`.
pub unsafe fn rrelu(
    g: &mut Generator,
    x: *const u8,
    out: *mut u8,
    noise: *mut u8,
    dtype: DType,
    n: usize,
    lower: f64,
    upper: f64,
) -> Result<()> {
    let done = dispatch!(dtype, T in FLOAT => {
        // Bounds, slope and product are float32, for halves too.
        let round = |x: f64| if dtype == DType::F64 { x } else { x as f32 as f64 };
        let (lower, upper) = (round(lower), round(upper));
        for i in 0..n {
            // SAFETY: the caller's promise.
            unsafe {
                let v = x.cast::<T>().add(i).read();
                let wide = widen(v);
                // The product of two float32 rounds in float64 first, which cannot change its float32.
                let (slope, y) = if wide <= 0.0 {
                    let slope = round(g.uniform64() * (upper - lower) + lower);
                    (<T as Target>::from_f64(slope), <T as Target>::from_f64(round(wide * slope)))
                } else {
                    (<T as Target>::from_f64(1.0), v)
                };
                noise.cast::<T>().add(i).write(slope);
                out.cast::<T>().add(i).write(y);
            }
        }
    });
    done.ok_or_else(|| unsupported("rrelu_with_noise_out_cpu", dtype))
}
