//! Integers, permutations, coins, choices.

use super::generator::{Generator, unit32, unit64};
use super::{Target, by_isa, fill, unsupported, widen};
use crate::dtype::DType;
use crate::error::Result;

/// Integers `base + k`, `0 <= k < range` (`random_(from, to)`, `randint`), stored as any real dtype. From a range of 2^28
/// on, 64 bits are drawn.
///
/// # Safety
/// `out` is valid for writes of `n` elements of `dtype`.
pub unsafe fn random_from_to(
    g: &mut Generator,
    out: *mut u8,
    dtype: DType,
    n: usize,
    range: u64,
    base: i64,
) -> Result<()> {
    let range = range.max(1);
    let done = dispatch!(dtype, T in REAL => {
        let store = |k: u64| <T as Target>::from_i64((k as i64).wrapping_add(base));
        if range >= 1 << 28 {
            // SAFETY: the caller's promise.
            unsafe { fill::<T>(out, n, || store(g.random64() % range)) }
        } else {
            let range = range as u32;
            // SAFETY: the caller's promise.
            unsafe { fill::<T>(out, n, || store((g.random() % range) as u64)) }
        }
    });
    done.ok_or_else(|| unsupported("random_from_to_kernel_cpu", dtype))
}

/// All 64 bits (`random_` from the smallest int64 on, without an end).
///
/// # Safety
/// `out` is valid for writes of `n` elements of `dtype`.
pub unsafe fn random_full64(g: &mut Generator, out: *mut u8, dtype: DType, n: usize) -> Result<()> {
    if !matches!(dtype, DType::I64 | DType::F64 | DType::F32 | DType::BF16) {
        bail!(Runtime, "random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16");
    }
    let done = dispatch!(dtype, T in REAL => {
        // SAFETY: the caller's promise.
        unsafe { fill::<T>(out, n, || <T as Target>::from_i64(g.random64() as i64)) }
    });
    done.ok_or_else(|| unsupported("random_full_64_bits_range_kernel_cpu", dtype))
}

/// `random_()`: integers from 0 to the largest of an integer type, or to 2^digits of a floating one.
///
/// # Safety
/// `out` is valid for writes of `n` elements of `dtype`.
pub unsafe fn random(g: &mut Generator, out: *mut u8, dtype: DType, n: usize) -> Result<()> {
    let range: u64 = match dtype {
        DType::Bool => 2,
        DType::U8 => 1 << 8,
        DType::I8 => 1 << 7,
        DType::I16 => 1 << 15,
        DType::I32 => 1 << 31,
        DType::I64 => 1 << 63,
        DType::F16 => (1 << 11) + 1,
        DType::BF16 => (1 << 8) + 1,
        DType::F32 => (1 << 24) + 1,
        DType::F64 => (1 << 53) + 1,
        _ => return Err(unsupported("random_kernel_cpu", dtype)),
    };
    let wide = matches!(dtype, DType::I64 | DType::F64);
    let done = dispatch!(dtype, T in REAL => {
        // SAFETY: the caller's promise.
        unsafe {
            fill::<T>(out, n, || {
                let bits = if wide { g.random64() } else { g.random() as u64 };
                <T as Target>::from_i64((bits % range) as i64)
            })
        }
    });
    done.ok_or_else(|| unsupported("random_kernel_cpu", dtype))
}

/// A permutation of 0 .. n - 1.
///
/// # Safety
/// `out` is valid for reads and writes of `n` elements of `dtype`.
pub unsafe fn randperm(g: &mut Generator, out: *mut u8, dtype: DType, n: usize) -> Result<()> {
    if dtype == DType::Bool {
        return Err(unsupported("randperm", dtype));
    }
    let done = dispatch!(dtype, T in REAL => {
        let out = out.cast::<T>();
        // SAFETY: the caller's promise; every index is below `n`.
        unsafe {
            if n < (u32::MAX / 20) as usize {
                for i in 0..n {
                    out.add(i).write(<T as Target>::from_i64(i as i64));
                }
                for i in 0..n.saturating_sub(1) {
                    std::ptr::swap(out.add(i), out.add(i + (g.random() % (n - i) as u32) as usize));
                }
            } else {
                // 32 bits are too few; PyTorch also shuffles "inside out" here.
                for i in 0..n {
                    let k = (g.random64() % (i as u64 + 1)) as usize;
                    out.add(i).write(<T as Target>::from_i64(i as i64));
                    std::ptr::swap(out.add(i), out.add(k));
                }
            }
        }
    });
    done.ok_or_else(|| unsupported("randperm", dtype))
}

/// Ones with probability `p`, else zeros.
///
/// # Safety
/// `out` is valid for writes of `n` elements of `dtype`.
pub unsafe fn bernoulli(g: &mut Generator, out: *mut u8, dtype: DType, n: usize, p: f64) -> Result<()> {
    let done = dispatch!(dtype, T in REAL => {
        // SAFETY: the caller's promise.
        unsafe { coins::<T>(g, out, n, p, <T as Target>::from_i64(0), <T as Target>::from_i64(1)) }
    });
    done.ok_or_else(|| unsupported("bernoulli_scalar_cpu_", dtype))
}

/// What dropout multiplies with: 0 with probability `p`, else 1 / (1 - p); all 0, and nothing drawn, for `p` = 1.
///
/// # Safety
/// `out` is valid for writes of `n` elements of `dtype`.
pub unsafe fn dropout_noise(g: &mut Generator, out: *mut u8, dtype: DType, n: usize, p: f64) -> Result<()> {
    if p == 1.0 {
        // Nothing is drawn.
        // SAFETY: the caller's promise.
        unsafe { std::ptr::write_bytes(out, 0, n * dtype.size()) };
        return Ok(());
    }
    let keep = 1.0 - p;
    let done = dispatch!(dtype, T in FLOAT => {
        // 1 / keep in float32 for halves and float32, in float64 for float64.
        let divide = |x: f64| {
            if dtype == DType::F64 { <T as Target>::from_f64(x / keep) } else { <T as Target>::from_f32(x as f32 / keep as f32) }
        };
        // SAFETY: the caller's promise.
        unsafe { coins::<T>(g, out, n, keep, divide(0.0), divide(1.0)) }
    });
    done.ok_or_else(|| unsupported("bernoulli_scalar_cpu_", dtype))
}

/// # Safety
/// `out` is valid for writes of `n` elements.
unsafe fn coins<T: Copy>(g: &mut Generator, out: *mut u8, n: usize, p: f64, zero: T, one: T) {
    // Exact: with `x` an integer below 2^53, `x / 2^53 < p` says the same as `x < ceil(2^53 p)`.
    let limit = (p * (1u64 << 53) as f64).ceil() as u64;
    let (mut words, mut heads) = ([0; 1024], [0u8; 512]);
    let mut at = 0;
    while at < n {
        let m = 512.min(n - at);
        g.fill(&mut words[..2 * m]);
        // SAFETY: `2 * m` words, `m` bytes; then `m` elements from `at` on, within `n`.
        unsafe {
            below(words.as_ptr(), heads.as_mut_ptr(), m, limit);
            for (i, &h) in heads[..m].iter().enumerate() {
                out.cast::<T>().add(at + i).write(if h != 0 { one } else { zero });
            }
        }
        at += m;
    }
}

#[inline(always)]
unsafe fn below_body(words: *const u32, heads: *mut u8, n: usize, limit: u64) {
    for i in 0..n {
        // SAFETY: the caller's promise: `2 * n` words, `n` bytes.
        unsafe {
            let bits = ((words.add(2 * i).read() & 0x1f_ffff) as u64) << 32 | words.add(2 * i + 1).read() as u64;
            heads.add(i).write((bits < limit) as u8);
        }
    }
}
by_isa!(below = below_body(words: *const u32, heads: *mut u8, n: usize, limit: u64));

/// Ones with a probability for each element, which is compared in float64 if it is float64, else in float32.
///
/// # Safety
/// `out` is valid for writes of `n` elements of `dtype`, `p` for reads of `n` elements of `p_dtype`.
pub unsafe fn bernoulli_tensor(
    g: &mut Generator,
    out: *mut u8,
    dtype: DType,
    n: usize,
    p: *const u8,
    p_dtype: DType,
) -> Result<()> {
    let done = dispatch!(p_dtype, P in FLOAT => dispatch!(dtype, T in REAL => {
        for i in 0..n {
            // SAFETY: the caller's promise.
            let p = widen(unsafe { p.cast::<P>().add(i).read() });
            if !(0.0..=1.0).contains(&p) {
                bail!(Runtime, "Expected p_in >= 0 && p_in <= 1 to be true, but got false.");
            }
            let head = if p_dtype == DType::F64 { unit64(g.random64()) < p } else { (unit32(g.random()) as f64) < p };
            // SAFETY: the caller's promise.
            unsafe { out.cast::<T>().add(i).write(<T as Target>::from_i64(head as i64)) };
        }
    }));
    match done {
        Some(Some(())) => Ok(()),
        Some(None) => Err(unsupported("bernoulli_tensor_cpu_self_", dtype)),
        None => Err(unsupported("bernoulli_tensor_cpu_p_", p_dtype)),
    }
}

/// For each of `rows` rows of `cats` weights, `samples` indices, with or without replacement. The rows lie side by side.
///
/// # Safety
/// `weights` is valid for reads of `rows * cats` elements of `dtype`, `out` for writes of `rows * samples` numbers.
pub unsafe fn multinomial(
    g: &mut Generator,
    weights: *const u8,
    dtype: DType,
    rows: usize,
    cats: usize,
    samples: usize,
    replacement: bool,
    out: *mut i64,
) -> Result<()> {
    let done = dispatch!(dtype, T in FLOAT => {
        // SAFETY: the caller's promise.
        unsafe {
            let at = |i: usize| -> f64 { widen(weights.cast::<T>().add(i).read()) };
            check_weights(at, rows, cats)?;
            if replacement {
                with_replacement(g, at, dtype, rows, cats, samples, out)
            } else {
                without_replacement(g, at, dtype, rows, cats, samples, out)
            }
        }
    });
    done.ok_or_else(|| unsupported("multinomial", dtype))
}

fn check_weights(at: impl Fn(usize) -> f64, rows: usize, cats: usize) -> Result<()> {
    for i in 0..rows {
        let mut sum = 0.0;
        for j in 0..cats {
            let w = at(i * cats + j);
            if !(0.0..f64::INFINITY).contains(&w) {
                bail!(Runtime, "probability tensor contains either `inf`, `nan` or element < 0");
            }
            sum += w;
        }
        if sum == 0.0 {
            bail!(Runtime, "invalid multinomial distribution (sum of probabilities <= 0)");
        }
    }
    Ok(())
}

/// # Safety
/// `out` is valid for writes of `rows * samples` numbers.
unsafe fn with_replacement(
    g: &mut Generator,
    at: impl Fn(usize) -> f64,
    dtype: DType,
    rows: usize,
    cats: usize,
    samples: usize,
    out: *mut i64,
) {
    // Sums and quotients are rounded to float32 unless the weights are float64.
    let round = |x: f64| if dtype == DType::F64 { x } else { x as f32 as f64 };
    let mut cumulated = vec![0.0; cats];
    for i in 0..rows {
        let mut sum = 0.0;
        for (j, c) in cumulated.iter_mut().enumerate() {
            let w = at(i * cats + j);
            sum = round(sum + w);
            *c = sum;
        }
        for c in &mut cumulated {
            *c = round(*c / sum);
        }
        cumulated[cats - 1] = 1.0;
        for j in 0..samples {
            let u = g.uniform64();
            let k = cumulated.partition_point(|&c| c < u);
            // SAFETY: the caller's promise.
            unsafe { out.add(i * samples + j).write(k as i64) };
        }
    }
}

/// The largest quotients of weight and exponential number (the "Gumbel trick").
///
/// # Safety
/// `out` is valid for writes of `rows * samples` numbers.
unsafe fn without_replacement(
    g: &mut Generator,
    at: impl Fn(usize) -> f64,
    dtype: DType,
    rows: usize,
    cats: usize,
    samples: usize,
    out: *mut i64,
) {
    let round = |x: f64| match dtype {
        DType::F64 => x,
        DType::BF16 => half::bf16::from_f32(x as f32).to_f64(),
        DType::F16 => half::f16::from_f32(x as f32).to_f64(),
        _ => x as f32 as f64,
    };
    let mut order: Vec<(f64, i64)> = Vec::with_capacity(cats);
    for i in 0..rows {
        order.clear();
        for j in 0..cats {
            let q = round(-(-g.uniform64()).ln_1p());
            order.push((round(at(i * cats + j) / q), j as i64));
        }
        order.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (j, &(_, k)) in order.iter().take(samples).enumerate() {
            // SAFETY: the caller's promise.
            unsafe { out.add(i * samples + j).write(k) };
        }
    }
}
