//! Average pooling.

use super::*;

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

pub(super) unsafe fn avg_as<S: Load<T> + Store<T>, T: Num + PartialOrd>(
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

pub(super) unsafe fn avg_back_as<S: Load<T> + Store<T>, T: Num + PartialOrd>(
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
pub(super) unsafe fn spread<S: Load<T>, T: Num>(
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
