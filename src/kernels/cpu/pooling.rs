//! Pooling over dense planes `[planes, D, H, W]` (a batch's channels; one or two dimensions are three with sizes of 1 in
//! front): maximum with indices, average, and both adaptive, forward and backward. PyTorch's conventions: an index is the
//! flat position in the input plane, of the first maximum; NaN wins, the last one; sums are float for half types.

use super::gemm::engine::with_scratch;
use super::gemm::lane::Num;
use super::gemm::pack::Load;
use super::gemm::sink::{Store, convert};
use crate::device::cpu::isa::{Isa, isa};
use crate::device::cpu::pool;
use crate::dtype::{DType, bf16, f16};
use crate::error::Result;
use crate::kernels::Ptr;

/// Sizes of one pooling. Output sizes are the caller's (`ceil_mode` is in them).
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct PoolShape {
    /// Batch times channels.
    pub planes: usize,
    pub in_sizes: [usize; 3],
    pub out_sizes: [usize; 3],
    pub kernel: [usize; 3],
    pub stride: [usize; 3],
    pub padding: [usize; 3],
    /// Of maximum pooling; 1 for averages.
    pub dilation: [usize; 3],
}

/// By what an average divides.
#[derive(Clone, Copy, Debug)]
pub struct Divisor {
    /// Padding counts as elements.
    pub count_include_pad: bool,
    /// This number instead of a count.
    pub fixed: Option<i64>,
}

fn volume(s: [usize; 3]) -> usize {
    s[0] * s[1] * s[2]
}

macro_rules! by_dtype {
    ($name:literal, $d:expr, $f:ident ( $($a:expr),* )) => {
        match $d {
            DType::F32 => $f::<f32, f32>($($a),*),
            DType::F64 => $f::<f64, f64>($($a),*),
            DType::F16 => $f::<f16, f32>($($a),*),
            DType::BF16 => $f::<bf16, f32>($($a),*),
            d => Err(err!(NotImplemented, "\"{}\" not implemented for '{}'", $name, d.c10_name())),
        }
    };
}

impl PoolShape {
    fn check(&self) -> Result<()> {
        if [self.stride, self.dilation, self.kernel].iter().any(|s| s.contains(&0)) {
            bail!(Runtime, "pooling: kernel size, stride and dilation must be positive");
        }
        Ok(())
    }
}

/// Runs `f` for each plane; `work` is the cost of one, in elements.
fn planes(count: usize, work: usize, f: &(dyn Fn(usize) + Sync)) {
    let tasks = (count * work / (64 << 10)).clamp(1, count.max(1)).min(128);
    if tasks == 1 {
        for i in 0..count {
            f(i);
        }
        return;
    }
    pool::parallel(tasks, &|t| {
        for i in count * t / tasks..count * (t + 1) / tasks {
            f(i);
        }
    });
}

/// Outputs of a row that are worked on at a time.
const BLOCK: usize = 64;

/// A row loop for each instruction set: the body is the same, the compiler's vectors are not.
macro_rules! by_isa {
    ($isa:expr, $body:ident :: <$($g:ident),*> ( $($a:ident : $t:ty),* )) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,fma,f16c")]
        unsafe fn wide<S: Load<T> + Store<T>, T: Num + PartialOrd>($($a: $t),*) {
            // SAFETY: the caller's.
            unsafe { $body::<$($g),*>($($a),*) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma,f16c")]
        unsafe fn middle<S: Load<T> + Store<T>, T: Num + PartialOrd>($($a: $t),*) {
            // SAFETY: the caller's.
            unsafe { $body::<$($g),*>($($a),*) }
        }
        match $isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => wide::<$($g),*>($($a),*),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => middle::<$($g),*>($($a),*),
            _ => $body::<$($g),*>($($a),*),
        }
    }};
}

/// Outputs `first..end` of `n` whose position `x + i * step` lies in `0..w`.
#[inline(always)]
fn valid(x: isize, step: usize, w: usize, n: usize) -> (usize, usize) {
    let first = if x < 0 { ((-x) as usize).div_ceil(step) } else { 0 }.min(n);
    let room = w as isize - x;
    let end = if room <= 0 { 0 } else { (room as usize).div_ceil(step) }.clamp(first, n);
    (first, end)
}

// ---------------------------------------------------------------------------------------------------------- maximum --

/// `y = max_pool(x)`, and where each maximum was, if asked.
///
/// # Safety
/// The pointers cover the dense planes; outputs overlap nothing.
pub unsafe fn max_forward(
    s: &PoolShape,
    dtype: DType,
    x: *const u8,
    y: *mut u8,
    indices: Option<*mut i64>,
) -> Result<()> {
    s.check()?;
    if volume(s.in_sizes) > i32::MAX as usize {
        bail!(Runtime, "max_pool: a plane has more than 2^31 elements");
    }
    // SAFETY: the caller's.
    unsafe { by_dtype!("max_pool2d", dtype, max_as(s, isa(), x.cast(), y.cast(), indices)) }
}

unsafe fn max_as<S: Load<T> + Store<T>, T: Num + PartialOrd>(
    s: &PoolShape,
    isa: Isa,
    x: *const S,
    y: *mut S,
    indices: Option<*mut i64>,
) -> Result<()> {
    let (inp, outp) = (volume(s.in_sizes), volume(s.out_sizes));
    let (x, y, indices) = (Ptr(x.cast_mut()), Ptr(y), indices.map(Ptr));
    let work = outp * volume(s.kernel);
    planes(s.planes, work, &|i| {
        // SAFETY: one plane per call; the instruction set was found at run time.
        unsafe {
            let (x, y) = (x.get().add(i * inp).cast_const(), y.get().add(i * outp));
            let at = indices.map_or(std::ptr::null_mut(), |p| p.get().add(i * outp));
            by_isa!(isa, max_plane::<S, T>(s: &PoolShape, x: *const S, y: *mut S, at: *mut i64));
        }
    });
    Ok(())
}

#[inline(always)]
unsafe fn max_plane<S: Load<T> + Store<T>, T: Num + PartialOrd>(
    s: &PoolShape,
    x: *const S,
    y: *mut S,
    indices: *mut i64,
) {
    let (ins, outs) = (s.in_sizes, s.out_sizes);
    let low = T::of(f64::NEG_INFINITY);
    // The first valid position of a window that begins at `o`.
    let begin = |d: usize, o: usize| {
        let at = (o * s.stride[d]) as isize - s.padding[d] as isize;
        if at < 0 { at + ((-at) as usize).div_ceil(s.dilation[d]) as isize * s.dilation[d] as isize } else { at }
    };
    for oz in 0..outs[0] {
        for oy in 0..outs[1] {
            let mut at = 0;
            while at < outs[2] {
                let n = BLOCK.min(outs[2] - at);
                let mut best = [low; BLOCK];
                let mut index = [0i32; BLOCK];
                let corner = (begin(0, oz) * ins[1] as isize + begin(1, oy)) * ins[2] as isize;
                for i in 0..n {
                    index[i] = (corner + begin(2, at + i)) as i32;
                }
                for kz in 0..s.kernel[0] {
                    let z = (oz * s.stride[0] + kz * s.dilation[0]) as isize - s.padding[0] as isize;
                    if z < 0 || z as usize >= ins[0] {
                        continue;
                    }
                    for ky in 0..s.kernel[1] {
                        let yy = (oy * s.stride[1] + ky * s.dilation[1]) as isize - s.padding[1] as isize;
                        if yy < 0 || yy as usize >= ins[1] {
                            continue;
                        }
                        let row = (z as usize * ins[1] + yy as usize) * ins[2];
                        for kx in 0..s.kernel[2] {
                            let x0 = (at * s.stride[2] + kx * s.dilation[2]) as isize - s.padding[2] as isize;
                            let (first, end) = valid(x0, s.stride[2], ins[2], n);
                            let from = x.wrapping_add(row).wrapping_offset(x0);
                            let base = row as i32 + x0 as i32;
                            // SAFETY: positions first..end lie inside the row.
                            unsafe {
                                match s.stride[2] {
                                    1 => max_tap(&mut best, &mut index, from, base, first, end, 1),
                                    2 => max_tap(&mut best, &mut index, from, base, first, end, 2),
                                    k => max_tap(&mut best, &mut index, from, base, first, end, k),
                                }
                            }
                        }
                    }
                }
                let o = (oz * outs[1] + oy) * outs[2] + at;
                // SAFETY: inside the plane.
                unsafe {
                    convert(best.as_ptr(), y.add(o), n);
                    if !indices.is_null() {
                        for i in 0..n {
                            indices.add(o + i).write(index[i] as i64);
                        }
                    }
                }
                at += n;
            }
        }
    }
}

#[inline(always)]
unsafe fn max_tap<S: Load<T>, T: Num + PartialOrd>(
    best: &mut [T; BLOCK],
    index: &mut [i32; BLOCK],
    from: *const S,
    base: i32,
    first: usize,
    end: usize,
    step: usize,
) {
    for i in first..end.min(BLOCK) {
        // SAFETY: the caller's range.
        let v: T = unsafe { from.wrapping_add(i * step).read().load() };
        #[allow(clippy::eq_op)]
        let take = v > best[i] || v != v;
        best[i] = if take { v } else { best[i] };
        index[i] = if take { base + (i * step) as i32 } else { index[i] };
    }
}

/// `dx` from `dy` and the indices of the forward (adaptive or not).
///
/// # Safety
/// The pointers cover `planes` dense planes of `in_volume` and `out_volume` elements.
pub unsafe fn max_backward(
    planes: usize,
    in_volume: usize,
    out_volume: usize,
    dtype: DType,
    dy: *const u8,
    indices: *const i64,
    dx: *mut u8,
) -> Result<()> {
    // SAFETY: the caller's.
    unsafe {
        by_dtype!(
            "max_pool2d_backward",
            dtype,
            max_back_as(planes, in_volume, out_volume, dy.cast(), indices, dx.cast())
        )
    }
}

unsafe fn max_back_as<S: Load<T> + Store<T>, T: Num + PartialOrd>(
    count: usize,
    inp: usize,
    outp: usize,
    dy: *const S,
    indices: *const i64,
    dx: *mut S,
) -> Result<()> {
    let (dy, at) = (Ptr(dy.cast_mut()), Ptr(indices.cast_mut()));
    summed(count, inp, outp, dx, &|i, sums: *mut T| {
        for o in 0..outp {
            // SAFETY: one plane per call; an index outside the plane is passed over.
            unsafe {
                let k = at.get().add(i * outp + o).read();
                if (k as usize) < inp {
                    let p = sums.add(k as usize);
                    p.write(p.read().plus(dy.get().add(i * outp + o).read().load()));
                }
            }
        }
    })
}

/// Planes of `dx` that `f` adds up from zero; sums are T, the result S.
fn summed<S: Store<T>, T: Num>(
    count: usize,
    inp: usize,
    outp: usize,
    dx: *mut S,
    f: &(dyn Fn(usize, *mut T) + Sync),
) -> Result<()> {
    let dx = Ptr(dx);
    let same = std::any::TypeId::of::<S>() == std::any::TypeId::of::<T>();
    let failed = parking_lot::Mutex::new(None);
    planes(count, inp + outp, &|i| {
        // SAFETY: one plane per call.
        let to = unsafe { dx.get().add(i * inp) };
        let run = |sums: *mut T| {
            // SAFETY: `sums` has room for a plane.
            unsafe { std::ptr::write_bytes(sums, 0, inp) };
            f(i, sums);
        };
        if same {
            run(to.cast());
            return;
        }
        let r = with_scratch(2, inp * size_of::<T>(), |buf| {
            run(buf.cast());
            // SAFETY: both have a plane.
            unsafe { convert(buf.cast::<T>().cast_const(), to, inp) };
        });
        if let Err(e) = r {
            *failed.lock() = Some(e);
        }
    });
    failed.into_inner().map_or(Ok(()), Err)
}

// ---------------------------------------------------------------------------------------------------------- average --

/// `y = avg_pool(x)`.
///
/// # Safety
/// The pointers cover the dense planes; `y` overlaps nothing.
pub unsafe fn avg_forward(s: &PoolShape, dtype: DType, by: Divisor, x: *const u8, y: *mut u8) -> Result<()> {
    s.check()?;
    // SAFETY: the caller's.
    unsafe { by_dtype!("avg_pool2d", dtype, avg_as(s, isa(), by, x.cast(), y.cast())) }
}

/// One dimension of a window: begin, end (inside the input), and its length with padding.
#[inline(always)]
fn window(s: &PoolShape, d: usize, o: usize) -> (usize, usize, usize) {
    let begin = (o * s.stride[d]) as isize - s.padding[d] as isize;
    let end = (begin + s.kernel[d] as isize).min((s.in_sizes[d] + s.padding[d]) as isize);
    let (b, e) = (begin.max(0) as usize, end.clamp(0, s.in_sizes[d] as isize) as usize);
    (b, e.max(b), (end - begin).max(0) as usize)
}

/// What the sum of window (oz, oy, ox) is divided by.
#[inline(always)]
fn divisor(by: Divisor, w: [(usize, usize, usize); 3]) -> f64 {
    match by.fixed {
        Some(d) => d as f64,
        None if by.count_include_pad => (w[0].2 * w[1].2 * w[2].2) as f64,
        None => ((w[0].1 - w[0].0) * (w[1].1 - w[1].0) * (w[2].1 - w[2].0)) as f64,
    }
}

unsafe fn avg_as<S: Load<T> + Store<T>, T: Num + PartialOrd>(
    s: &PoolShape,
    isa: Isa,
    by: Divisor,
    x: *const S,
    y: *mut S,
) -> Result<()> {
    let (inp, outp) = (volume(s.in_sizes), volume(s.out_sizes));
    let (x, y) = (Ptr(x.cast_mut()), Ptr(y));
    planes(s.planes, outp * volume(s.kernel), &|i| {
        // SAFETY: one plane per call; the instruction set was found at run time.
        unsafe {
            let (x, y) = (x.get().add(i * inp).cast_const(), y.get().add(i * outp));
            by_isa!(isa, avg_plane::<S, T>(s: &PoolShape, by: Divisor, x: *const S, y: *mut S));
        }
    });
    Ok(())
}

#[inline(always)]
unsafe fn avg_plane<S: Load<T> + Store<T>, T: Num + PartialOrd>(s: &PoolShape, by: Divisor, x: *const S, y: *mut S) {
    let (ins, outs) = (s.in_sizes, s.out_sizes);
    for oz in 0..outs[0] {
        for oy in 0..outs[1] {
            let (wz, wy) = (window(s, 0, oz), window(s, 1, oy));
            let mut at = 0;
            while at < outs[2] {
                let n = BLOCK.min(outs[2] - at);
                let mut sum = [T::default(); BLOCK];
                for z in wz.0..wz.1 {
                    for yy in wy.0..wy.1 {
                        let row = (z * ins[1] + yy) * ins[2];
                        for kx in 0..s.kernel[2] {
                            let x0 = (at * s.stride[2] + kx) as isize - s.padding[2] as isize;
                            let (first, end) = valid(x0, s.stride[2], ins[2], n);
                            let from = x.wrapping_add(row).wrapping_offset(x0);
                            // SAFETY: positions first..end lie inside the row.
                            unsafe {
                                match s.stride[2] {
                                    1 => add_tap(&mut sum, from, first, end, 1),
                                    2 => add_tap(&mut sum, from, first, end, 2),
                                    k => add_tap(&mut sum, from, first, end, k),
                                }
                            }
                        }
                    }
                }
                let o = (oz * outs[1] + oy) * outs[2] + at;
                for i in 0..n {
                    let d = divisor(by, [wz, wy, window(s, 2, at + i)]);
                    // An empty window (ceil_mode) is 0.
                    sum[i] = if d == 0.0 && sum[i] == T::default() { T::default() } else { sum[i].over(T::of(d)) };
                }
                // SAFETY: inside the plane.
                unsafe { convert(sum.as_ptr(), y.add(o), n) };
                at += n;
            }
        }
    }
}

#[inline(always)]
unsafe fn add_tap<S: Load<T>, T: Num>(sum: &mut [T; BLOCK], from: *const S, first: usize, end: usize, step: usize) {
    for i in first..end.min(BLOCK) {
        // SAFETY: the caller's range.
        sum[i] = sum[i].plus(unsafe { from.wrapping_add(i * step).read().load() });
    }
}

/// `dx` of [`avg_forward`].
///
/// # Safety
/// As for [`avg_forward`].
pub unsafe fn avg_backward(s: &PoolShape, dtype: DType, by: Divisor, dy: *const u8, dx: *mut u8) -> Result<()> {
    s.check()?;
    // SAFETY: the caller's.
    unsafe { by_dtype!("avg_pool2d_backward", dtype, avg_back_as(s, by, dy.cast(), dx.cast())) }
}

unsafe fn avg_back_as<S: Load<T> + Store<T>, T: Num + PartialOrd>(
    s: &PoolShape,
    by: Divisor,
    dy: *const S,
    dx: *mut S,
) -> Result<()> {
    let (inp, outp) = (volume(s.in_sizes), volume(s.out_sizes));
    let dy = Ptr(dy.cast_mut());
    let windows = |d: usize| (0..s.out_sizes[d]).map(|o| window(s, d, o)).collect::<Vec<_>>();
    let w = [windows(0), windows(1), windows(2)];
    summed(s.planes, inp, outp, dx, &|i, sums: *mut T| {
        // SAFETY: one plane per call.
        unsafe {
            let div = |a, b, c| T::of(divisor(by, [a, b, c]));
            spread(s.in_sizes, &w, dy.get().add(i * outp).cast_const(), sums, &div);
        }
    })
}

/// Adds each output's share to its window.
#[inline(always)]
unsafe fn spread<S: Load<T>, T: Num>(
    ins: [usize; 3],
    w: &[Vec<(usize, usize, usize)>; 3],
    dy: *const S,
    sums: *mut T,
    div: &dyn Fn((usize, usize, usize), (usize, usize, usize), (usize, usize, usize)) -> T,
) {
    let mut o = 0;
    for &wz in &w[0] {
        for &wy in &w[1] {
            for &wx in &w[2] {
                // SAFETY: windows lie inside the plane.
                unsafe {
                    let g = dy.add(o).read().load().over(div(wz, wy, wx));
                    for z in wz.0..wz.1 {
                        for y in wy.0..wy.1 {
                            let row = sums.add((z * ins[1] + y) * ins[2]);
                            for x in wx.0..wx.1 {
                                row.add(x).write(row.add(x).read().plus(g));
                            }
                        }
                    }
                }
                o += 1;
            }
        }
    }
}

// --------------------------------------------------------------------------------------------------------- adaptive --

/// Begin and end of window `o` of `out` over `input` elements.
fn adaptive(o: usize, input: usize, out: usize) -> (usize, usize, usize) {
    let (b, e) = (o * input / out, ((o + 1) * input).div_ceil(out));
    (b, e, e - b)
}

fn adaptive_windows(ins: [usize; 3], outs: [usize; 3]) -> [Vec<(usize, usize, usize)>; 3] {
    [0, 1, 2].map(|d| (0..outs[d]).map(|o| adaptive(o, ins[d], outs[d])).collect())
}

/// `y = adaptive_avg_pool(x)`.
///
/// # Safety
/// The pointers cover `planes` dense planes of the sizes; `y` overlaps nothing.
pub unsafe fn adaptive_avg_forward(
    planes: usize,
    in_sizes: [usize; 3],
    out_sizes: [usize; 3],
    dtype: DType,
    x: *const u8,
    y: *mut u8,
) -> Result<()> {
    // SAFETY: the caller's.
    unsafe { by_dtype!("adaptive_avg_pool2d", dtype, ad_avg_as(planes, in_sizes, out_sizes, x.cast(), y.cast())) }
}

unsafe fn ad_avg_as<S: Load<T> + Store<T>, T: Num + PartialOrd>(
    count: usize,
    ins: [usize; 3],
    outs: [usize; 3],
    x: *const S,
    y: *mut S,
) -> Result<()> {
    let (inp, outp) = (volume(ins), volume(outs));
    let w = adaptive_windows(ins, outs);
    let w = &w;
    let (x, y) = (Ptr(x.cast_mut()), Ptr(y));
    let isa = isa();
    planes(count, inp.max(outp), &|i| {
        // SAFETY: one plane per call; the instruction set was found at run time.
        unsafe {
            let (x, y) = (x.get().add(i * inp).cast_const(), y.get().add(i * outp));
            by_isa!(isa, ad_avg_plane::<S, T>(ins: [usize; 3], w: &[Vec<(usize, usize, usize)>; 3], x: *const S, y: *mut S));
        }
    });
    Ok(())
}

#[inline(always)]
unsafe fn ad_avg_plane<S: Load<T> + Store<T>, T: Num + PartialOrd>(
    ins: [usize; 3],
    w: &[Vec<(usize, usize, usize)>; 3],
    x: *const S,
    y: *mut S,
) {
    const LANES: usize = 32;
    let mut o = 0;
    for &wz in &w[0] {
        for &wy in &w[1] {
            for &wx in &w[2] {
                // Long rows in many sums side by side, short ones in one.
                let mut lanes = [T::default(); LANES];
                let mut sum = T::default();
                let whole = wx.2 == ins[2];
                let (rows, len) = if whole { (1, wy.2 * ins[2]) } else { (wy.2, wx.2) };
                for z in wz.0..wz.1 {
                    for r in 0..rows {
                        let from = x.wrapping_add((z * ins[1] + wy.0 + r) * ins[2] + wx.0);
                        let mut i = 0;
                        // SAFETY: windows lie inside the plane.
                        unsafe {
                            while i + LANES <= len {
                                for l in 0..LANES {
                                    lanes[l] = lanes[l].plus(from.add(i + l).read().load());
                                }
                                i += LANES;
                            }
                            while i < len {
                                sum = sum.plus(from.add(i).read().load());
                                i += 1;
                            }
                        }
                    }
                }
                let mut half = LANES / 2;
                while half > 0 {
                    for l in 0..half {
                        lanes[l] = lanes[l].plus(lanes[l + half]);
                    }
                    half /= 2;
                }
                let mean =
                    lanes[0].plus(sum).over(T::of(wz.2 as f64)).over(T::of(wy.2 as f64)).over(T::of(wx.2 as f64));
                // SAFETY: inside the plane.
                unsafe { y.add(o).write(S::from_sum(mean)) };
                o += 1;
            }
        }
    }
}

/// `dx` of [`adaptive_avg_forward`].
///
/// # Safety
/// As for [`adaptive_avg_forward`].
pub unsafe fn adaptive_avg_backward(
    planes: usize,
    in_sizes: [usize; 3],
    out_sizes: [usize; 3],
    dtype: DType,
    dy: *const u8,
    dx: *mut u8,
) -> Result<()> {
    // SAFETY: the caller's.
    unsafe {
        by_dtype!(
            "adaptive_avg_pool2d_backward",
            dtype,
            ad_avg_back_as(planes, in_sizes, out_sizes, dy.cast(), dx.cast())
        )
    }
}

unsafe fn ad_avg_back_as<S: Load<T> + Store<T>, T: Num + PartialOrd>(
    count: usize,
    ins: [usize; 3],
    outs: [usize; 3],
    dy: *const S,
    dx: *mut S,
) -> Result<()> {
    let w = adaptive_windows(ins, outs);
    let (inp, outp) = (volume(ins), volume(outs));
    let dy = Ptr(dy.cast_mut());
    summed(count, inp, outp, dx, &|i, sums: *mut T| {
        type W = (usize, usize, usize);
        let div = |a: W, b: W, c: W| T::of((a.2 * b.2 * c.2) as f64);
        // SAFETY: one plane per call.
        unsafe { spread(ins, &w, dy.get().add(i * outp).cast_const(), sums, &div) };
    })
}

/// `y = adaptive_max_pool(x)` and the indices; its backward is [`max_backward`].
///
/// # Safety
/// As for [`adaptive_avg_forward`]; `indices` covers y.
pub unsafe fn adaptive_max_forward(
    planes: usize,
    in_sizes: [usize; 3],
    out_sizes: [usize; 3],
    dtype: DType,
    x: *const u8,
    y: *mut u8,
    indices: *mut i64,
) -> Result<()> {
    // SAFETY: the caller's.
    unsafe {
        by_dtype!("adaptive_max_pool2d", dtype, ad_max_as(planes, in_sizes, out_sizes, x.cast(), y.cast(), indices))
    }
}

unsafe fn ad_max_as<S: Load<T> + Store<T>, T: Num + PartialOrd>(
    count: usize,
    ins: [usize; 3],
    outs: [usize; 3],
    x: *const S,
    y: *mut S,
    indices: *mut i64,
) -> Result<()> {
    let (inp, outp) = (volume(ins), volume(outs));
    let w = adaptive_windows(ins, outs);
    let (x, y, indices) = (Ptr(x.cast_mut()), Ptr(y), Ptr(indices));
    planes(count, inp.max(outp), &|i| {
        let x = x.get().wrapping_add(i * inp).cast_const();
        let mut o = i * outp;
        for &wz in &w[0] {
            for &wy in &w[1] {
                for &wx in &w[2] {
                    let mut best = T::of(f64::NEG_INFINITY);
                    let mut at = (wz.0 * ins[1] + wy.0) * ins[2] + wx.0;
                    for z in wz.0..wz.1 {
                        for yy in wy.0..wy.1 {
                            for xx in wx.0..wx.1 {
                                let k = (z * ins[1] + yy) * ins[2] + xx;
                                // SAFETY: windows lie inside the plane.
                                let v: T = unsafe { x.add(k).read().load() };
                                #[allow(clippy::eq_op)]
                                if v > best || v != v {
                                    (best, at) = (v, k);
                                }
                            }
                        }
                    }
                    // SAFETY: one output each.
                    unsafe {
                        y.get().add(o).write(S::from_sum(best));
                        indices.get().add(o).write(at as i64);
                    }
                    o += 1;
                }
            }
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape2(h: usize, w: usize, k: usize, stride: usize, padding: usize, ceil: bool) -> PoolShape {
        let out = |n: usize| {
            let mut o = (n + 2 * padding - k + if ceil { stride - 1 } else { 0 }) / stride + 1;
            if ceil && (o - 1) * stride >= n + padding {
                o -= 1;
            }
            o
        };
        PoolShape {
            planes: 3,
            in_sizes: [1, h, w],
            out_sizes: [1, out(h), out(w)],
            kernel: [1, k, k],
            stride: [1, stride, stride],
            padding: [0, padding, padding],
            dilation: [1; 3],
        }
    }

    fn values(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 7919) % 23) as f32 - 11.0).collect()
    }

    #[test]
    fn maxima_and_their_places() {
        for isa in [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(|&i| i <= crate::device::cpu::isa::best())
        {
            for (h, w, k, st, pad, ceil) in
                [(7, 9, 3, 2, 1, false), (6, 6, 2, 2, 0, false), (5, 150, 3, 1, 1, true), (8, 11, 3, 3, 1, true)]
            {
                let s = shape2(h, w, k, st, pad, ceil);
                let (inp, outp) = (h * w, volume(s.out_sizes));
                let mut x = values(3 * inp);
                x[inp + 5] = f32::NAN;
                for v in &mut x[2 * inp..] {
                    *v = f32::NEG_INFINITY;
                }
                let (mut y, mut at) = (vec![0f32; 3 * outp], vec![-1i64; 3 * outp]);
                // SAFETY: the vectors have the sizes of the shape.
                unsafe { max_as::<f32, f32>(&s, isa, x.as_ptr(), y.as_mut_ptr(), Some(at.as_mut_ptr())) }.expect("max");
                for p in 0..3 {
                    for o in 0..outp {
                        let (oy, ox) = (o / s.out_sizes[2], o % s.out_sizes[2]);
                        let (mut best, mut place, mut none) = (f32::NEG_INFINITY, 0, true);
                        for i in 0..k {
                            for j in 0..k {
                                let (r, c) =
                                    ((oy * st + i) as isize - pad as isize, (ox * st + j) as isize - pad as isize);
                                if r < 0 || c < 0 || r >= h as isize || c >= w as isize {
                                    continue;
                                }
                                let q = r as usize * w + c as usize;
                                let v = x[p * inp + q];
                                if none {
                                    (place, none) = (q, false);
                                }
                                if v > best || v.is_nan() {
                                    (best, place) = (v, q);
                                }
                            }
                        }
                        assert_eq!(y[p * outp + o].to_bits(), best.to_bits());
                        assert_eq!(at[p * outp + o], place as i64);
                    }
                }
                let dy = values(3 * outp);
                let mut dx = vec![f32::NAN; 3 * inp];
                // SAFETY: as above.
                unsafe { max_back_as::<f32, f32>(3, inp, outp, dy.as_ptr(), at.as_ptr(), dx.as_mut_ptr()) }
                    .expect("back");
                assert!((dx.iter().sum::<f32>() - dy.iter().sum::<f32>()).abs() < 1e-2);
            }
        }
    }

    #[test]
    fn averages_and_what_they_divide_by() {
        for (h, w, k, st, pad, ceil) in
            [(7, 9, 3, 2, 1, false), (6, 6, 2, 2, 0, false), (5, 150, 3, 1, 1, true), (8, 11, 3, 3, 1, true)]
        {
            for by in [
                Divisor { count_include_pad: true, fixed: None },
                Divisor { count_include_pad: false, fixed: None },
                Divisor { count_include_pad: true, fixed: Some(5) },
            ] {
                let s = shape2(h, w, k, st, pad, ceil);
                let (inp, outp) = (h * w, volume(s.out_sizes));
                let x = values(3 * inp);
                let dy = values(3 * outp);
                let (mut y, mut dx) = (vec![0f32; 3 * outp], vec![f32::NAN; 3 * inp]);
                // SAFETY: the vectors have the sizes of the shape.
                unsafe {
                    avg_as::<f32, f32>(&s, isa(), by, x.as_ptr(), y.as_mut_ptr()).expect("avg");
                    avg_back_as::<f32, f32>(&s, by, dy.as_ptr(), dx.as_mut_ptr()).expect("back");
                }
                let mut want_dx = vec![0f32; 3 * inp];
                for p in 0..3 {
                    for o in 0..outp {
                        let (oy, ox) = (o / s.out_sizes[2], o % s.out_sizes[2]);
                        let end = |o: usize, n: usize| (o * st + k).min(n + 2 * pad);
                        let (mut sum, mut seen) = (0f32, vec![]);
                        for i in oy * st..end(oy, h) {
                            for j in ox * st..end(ox, w) {
                                if i >= pad && j >= pad && i < h + pad && j < w + pad {
                                    seen.push((i - pad) * w + j - pad);
                                    sum += x[p * inp + (i - pad) * w + j - pad];
                                }
                            }
                        }
                        let area = (end(oy, h) - oy * st) * (end(ox, w) - ox * st);
                        let d = match by.fixed {
                            Some(d) => d as f32,
                            None if by.count_include_pad => area as f32,
                            None => seen.len() as f32,
                        };
                        assert!((y[p * outp + o] - sum / d).abs() < 1e-5);
                        for q in seen {
                            want_dx[p * inp + q] += dy[p * outp + o] / d;
                        }
                    }
                }
                assert!(dx.iter().zip(&want_dx).all(|(a, b)| (a - b).abs() < 1e-4));
            }
        }
    }

    #[test]
    fn adaptive_windows_cover() {
        let (ins, outs) = ([3, 7, 40], [2, 3, 5]);
        let x = values(2 * volume(ins));
        let n = 2 * volume(outs);
        let (mut y, mut m, mut at) = (vec![0f32; n], vec![0f32; n], vec![0i64; n]);
        let mut dx = vec![0f32; x.len()];
        // SAFETY: the vectors have the sizes.
        unsafe {
            adaptive_avg_forward(2, ins, outs, DType::F32, x.as_ptr().cast(), y.as_mut_ptr().cast()).expect("avg");
            adaptive_max_forward(2, ins, outs, DType::F32, x.as_ptr().cast(), m.as_mut_ptr().cast(), at.as_mut_ptr())
                .expect("max");
            adaptive_avg_backward(2, ins, outs, DType::F32, y.as_ptr().cast(), dx.as_mut_ptr().cast()).expect("back");
        }
        for o in 0..n {
            let (p, r) = (o / volume(outs), o % volume(outs));
            let c = [r / (outs[1] * outs[2]), r / outs[2] % outs[1], r % outs[2]];
            let w = [0, 1, 2].map(|d| (c[d] * ins[d] / outs[d])..((c[d] + 1) * ins[d]).div_ceil(outs[d]));
            let (mut sum, mut count, mut best) = (0f32, 0, f32::NEG_INFINITY);
            for z in w[0].clone() {
                for yy in w[1].clone() {
                    for xx in w[2].clone() {
                        let v = x[p * volume(ins) + (z * ins[1] + yy) * ins[2] + xx];
                        sum += v;
                        count += 1;
                        best = best.max(v);
                    }
                }
            }
            assert!((y[o] - sum / count as f32).abs() < 1e-5);
            assert_eq!(m[o], best);
            assert_eq!(x[p * volume(ins) + at[o] as usize], best);
        }
        assert!((dx.iter().sum::<f32>() - y.iter().sum::<f32>()).abs() < 1e-3);
    }
}
