//! Adaptive pooling.

use super::average::spread;
use super::*;

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
