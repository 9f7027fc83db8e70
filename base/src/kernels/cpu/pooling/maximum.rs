//! Maximum pooling with indices.

use super::*;

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

pub(super) unsafe fn max_as<S: Load<T> + Store<T>, T: Num + PartialOrd>(
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
                if !indices.is_null() {
                    // What begins in the padding begins at its first element inside.
                    let mut i = 0;
                    while i < n && (at + i) * s.stride[2] < s.padding[2] {
                        index[i] = (corner + begin(2, at + i)) as i32;
                        i += 1;
                    }
                    let first = (corner - s.padding[2] as isize + (at * s.stride[2]) as isize) as i32;
                    for i in i..n {
                        index[i] = first + (i * s.stride[2]) as i32;
                    }
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
                        let mut kx = 0;
                        while kx < s.kernel[2] {
                            let x0 = (at * s.stride[2] + kx * s.dilation[2]) as isize - s.padding[2] as isize;
                            let (first, end) = valid(x0, s.stride[2], ins[2], n);
                            let from = x.wrapping_add(row).wrapping_offset(x0);
                            let base = row as i32 + x0 as i32;
                            kx += 1;
                            let pair = s.stride[2] == 2 && s.dilation[2] == 1 && kx < s.kernel[2];
                            if indices.is_null() && pair && valid(x0 + 1, 2, ins[2], n) == (first, end) {
                                // SAFETY: positions first..end lie inside the row for both taps.
                                unsafe { max_pairs(&mut best, from, first, end) };
                                kx += 1;
                                continue;
                            }
                            // SAFETY: positions first..end lie inside the row.
                            unsafe {
                                match s.stride[2] {
                                    1 if indices.is_null() => max_value(&mut best, from, first, end, 1),
                                    2 if indices.is_null() => max_value(&mut best, from, first, end, 2),
                                    k if indices.is_null() => max_value(&mut best, from, first, end, k),
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

/// Two neighbouring taps of windows that are two apart: what lies between is read once.
#[inline(always)]
unsafe fn max_pairs<S: Load<T>, T: Num + PartialOrd>(best: &mut [T; BLOCK], from: *const S, first: usize, end: usize) {
    for i in first..end.min(BLOCK) {
        // SAFETY: the caller's range.
        let [a, b]: [T; 2] = unsafe { from.wrapping_add(2 * i).cast::<[S; 2]>().read() }.map(|v| v.load());
        #[allow(clippy::eq_op)]
        let take = (a > best[i]) | (a != a);
        let a = if take { a } else { best[i] };
        #[allow(clippy::eq_op)]
        let take = (b > a) | (b != b);
        best[i] = if take { b } else { a };
    }
}

/// `max_tap` where nobody asks for the places.
#[inline(always)]
unsafe fn max_value<S: Load<T>, T: Num + PartialOrd>(
    best: &mut [T; BLOCK],
    from: *const S,
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

pub(super) unsafe fn max_back_as<S: Load<T> + Store<T>, T: Num + PartialOrd>(
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
