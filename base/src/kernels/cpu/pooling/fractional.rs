//! Maximum pooling over windows whose places are drawn. Graham 2014.

use super::*;

/// Where the windows of one dimension begin, in the arithmetic of the element type.
fn starts(sample: f64, input: usize, out: usize, kernel: usize, single: bool) -> Vec<usize> {
    let r = |v: f64| if single { v as f32 as f64 } else { v };
    let mut at = Vec::with_capacity(out);
    if out > 1 {
        let alpha = r((input - kernel) as f64 / (out - 1) as f64);
        let first = r(sample * alpha) as i64;
        let last = (input - kernel) as i64;
        // Samples outside of [0, 1) are cut towards zero as C does, and the window stays inside.
        at.extend((0..out - 1).map(|i| {
            let far = r(r(i as f64 + sample) * alpha) as i64;
            far.saturating_sub(first).clamp(0, last) as usize
        }));
    }
    if out > 0 {
        at.push(input - kernel);
    }
    at
}

/// `y` and the places of the maxima; `samples` has three numbers in [0, 1) for each plane (depth, height, width).
///
/// # Safety
/// The pointers cover `planes` dense planes of the sizes; outputs overlap nothing. Kernels are not larger than the input.
pub unsafe fn fractional_forward(
    planes: usize,
    in_sizes: [usize; 3],
    out_sizes: [usize; 3],
    kernel: [usize; 3],
    dtype: DType,
    samples: &[f64],
    x: *const u8,
    y: *mut u8,
    indices: *mut i64,
) -> Result<()> {
    if (0..3).any(|d| kernel[d] == 0 || kernel[d] > in_sizes[d]) || samples.len() < planes * 3 {
        bail!(Runtime, "fractional_max_pool: the kernel must fit into the input, with three samples for each plane");
    }
    let single = dtype != DType::F64;
    let places = |p: usize| -> [Vec<usize>; 3] {
        [0, 1, 2].map(|d| starts(samples[p * 3 + d], in_sizes[d], out_sizes[d], kernel[d], single))
    };
    // SAFETY: the caller's.
    unsafe {
        by_dtype!(
            "fractional_max_pool2d",
            dtype,
            run(planes, in_sizes, out_sizes, kernel, &places, x.cast(), y.cast(), indices)
        )
    }
}

unsafe fn run<S: Load<T> + Store<T>, T: Num + PartialOrd>(
    count: usize,
    ins: [usize; 3],
    outs: [usize; 3],
    k: [usize; 3],
    places: &(dyn Fn(usize) -> [Vec<usize>; 3] + Sync),
    x: *const S,
    y: *mut S,
    indices: *mut i64,
) -> Result<()> {
    let (inp, outp) = (volume(ins), volume(outs));
    let (x, y, indices) = (Ptr(x.cast_mut()), Ptr(y), Ptr(indices));
    planes(count, outp * volume(k), &|p| {
        let x = x.get().wrapping_add(p * inp).cast_const();
        let at = places(p);
        let mut o = p * outp;
        for &z0 in &at[0] {
            for &y0 in &at[1] {
                for &x0 in &at[2] {
                    let mut best = T::of(f64::NEG_INFINITY);
                    let mut place = (z0 * ins[1] + y0) * ins[2] + x0;
                    for z in z0..(z0 + k[0]).min(ins[0]) {
                        for yy in y0..(y0 + k[1]).min(ins[1]) {
                            for xx in x0..(x0 + k[2]).min(ins[2]) {
                                let i = (z * ins[1] + yy) * ins[2] + xx;
                                // SAFETY: inside the plane.
                                let v: T = unsafe { x.add(i).read().load() };
                                #[allow(clippy::eq_op)]
                                if v > best || v != v {
                                    (best, place) = (v, i);
                                }
                            }
                        }
                    }
                    // SAFETY: one output each.
                    unsafe {
                        y.get().add(o).write(S::from_sum(best));
                        indices.get().add(o).write(place as i64);
                    }
                    o += 1;
                }
            }
        }
    });
    Ok(())
}
