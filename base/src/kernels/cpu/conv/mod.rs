//! Convolution in one, two or three dimensions, forward and both gradients, as products whose packers read the images
//! (no im2col of an input exists anywhere). One or two dimensions are three with sizes of 1 in front.
//!
//! All tensors are dense: x `[n, groups * cin, D, H, W]`, w `[groups * cout, cin, kd, kh, kw]`, y `[n, groups * cout,
//! oD, oH, oW]`. A transposed convolution is [`grad_input`] used forwards (with its bias). Memory beyond the tensors: a
//! few MB, and for the weight gradient of half types one float per weight.

mod depthwise;
mod image;
#[cfg(test)]
mod tests;

use super::gemm::engine::{Job, Out, Sink, with_scratch};
use super::gemm::micro::Native;
use super::gemm::pack::{Load, Source, Strided};
use super::gemm::sink::{Store, convert};
use crate::device::cpu::isa::{Isa, isa};
use crate::device::cpu::pool;
use crate::dtype::{DType, bf16, f16};
use crate::error::Result;
use crate::kernels::Ptr;
use image::{Grid, Image, Later, Planes, TapWeights, Turned};

/// Sizes of one convolution. `cin` and `cout` are per group.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct ConvShape {
    pub n: usize,
    pub groups: usize,
    pub cin: usize,
    pub cout: usize,
    /// Depth, height, width; 1 where the convolution has fewer dimensions.
    pub in_sizes: [usize; 3],
    pub out_sizes: [usize; 3],
    pub kernel: [usize; 3],
    pub stride: [usize; 3],
    pub padding: [usize; 3],
    pub dilation: [usize; 3],
}

fn volume(s: [usize; 3]) -> usize {
    s[0] * s[1] * s[2]
}

impl ConvShape {
    /// Output size of one dimension, or `None` where the kernel does not fit.
    pub fn out_size(input: usize, kernel: usize, stride: usize, padding: usize, dilation: usize) -> Option<usize> {
        let span = dilation.checked_mul(kernel.checked_sub(1)?)?.checked_add(1)?;
        Some(input.checked_add(2 * padding)?.checked_sub(span)? / stride.max(1) + 1)
    }

    fn check(&self) -> Result<()> {
        let zero = [self.stride, self.dilation, self.kernel].iter().any(|s| s.contains(&0));
        if zero || self.groups == 0 {
            bail!(Runtime, "convolution: stride, dilation, kernel size and groups must be positive");
        }
        Ok(())
    }

    fn taps(&self) -> usize {
        volume(self.kernel)
    }

    fn depthwise(&self) -> bool {
        self.groups > 1 && self.cin == 1 && self.cout == 1
    }

    /// 1x1 with stride 1 and no padding: pixels go over one to one.
    fn pointwise(&self) -> bool {
        self.taps() == 1 && self.stride == [1; 3] && self.padding == [0; 3]
    }
}

/// Bytes of packed operand at most.
const LIMIT: usize = 2 << 20;
/// Images with fewer pixels are joined, so that tiles are full.
const JOIN: usize = 400;
/// Multiplications of a product that is not worth cutting.
const SMALL: usize = 4 << 20;

macro_rules! by_dtype {
    ($d:expr, $f:ident ( $($a:expr),* )) => {
        match $d {
            DType::F32 => $f::<f32, f32>($($a),*),
            DType::F64 => $f::<f64, f64>($($a),*),
            DType::F16 => $f::<f16, f32>($($a),*),
            DType::BF16 => $f::<bf16, f32>($($a),*),
            DType::I64 => $f::<i64, i64>($($a),*),
            DType::I32 => $f::<i32, i32>($($a),*),
            d => Err(err!(NotImplemented, "\"slow_conv2d_cpu\" not implemented for '{}'", d.c10_name())),
        }
    };
}

/// `y = conv(x, w) + bias`. The same bits for any number of threads.
///
/// # Safety
/// The pointers cover the dense tensors of the shape (bias: one per output channel); `y` overlaps none of the others.
pub unsafe fn forward(
    s: &ConvShape,
    dtype: DType,
    x: *const u8,
    w: *const u8,
    bias: Option<*const u8>,
    y: *mut u8,
) -> Result<()> {
    s.check()?;
    // SAFETY: the caller's.
    unsafe { by_dtype!(dtype, forward_as(s, isa(), x.cast(), w.cast(), bias.map(|b| b.cast()), y.cast())) }
}

/// `dx`, from `dy` and `w`; with `bias` (one per input channel) the forward of a transposed convolution whose input is
/// `dy`. For that, `in_sizes` are the sizes of the result.
///
/// # Safety
/// As for [`forward`].
pub unsafe fn grad_input(
    s: &ConvShape,
    dtype: DType,
    dy: *const u8,
    w: *const u8,
    bias: Option<*const u8>,
    dx: *mut u8,
) -> Result<()> {
    s.check()?;
    // SAFETY: the caller's.
    unsafe { by_dtype!(dtype, grad_input_as(s, isa(), dy.cast(), w.cast(), bias.map(|b| b.cast()), dx.cast())) }
}

/// `dw`, from `x` and `dy`.
///
/// # Safety
/// As for [`forward`].
pub unsafe fn grad_weight(s: &ConvShape, dtype: DType, x: *const u8, dy: *const u8, dw: *mut u8) -> Result<()> {
    s.check()?;
    // SAFETY: the caller's.
    unsafe { by_dtype!(dtype, grad_weight_as(s, isa(), x.cast(), dy.cast(), dw.cast())) }
}

/// Runs `f(0..count)`: side by side if each is small, one after the other (each cut by itself) if not.
fn each(count: usize, work: usize, f: &(dyn Fn(usize) -> Result<()> + Sync)) -> Result<()> {
    if work > SMALL || count == 1 || count * work < 500_000 {
        for i in 0..count {
            f(i)?;
        }
        return Ok(());
    }
    let tasks = (count * work / 400_000).clamp(1, count).min(128);
    let failed = parking_lot::Mutex::new(None);
    pool::parallel(tasks, &|t| {
        for i in count * t / tasks..count * (t + 1) / tasks {
            if let Err(e) = f(i) {
                *failed.lock() = Some(e);
            }
        }
    });
    failed.into_inner().map_or(Ok(()), Err)
}

fn taps_of(kernel: [usize; 3], f: impl Fn(usize, usize) -> isize) -> Vec<[isize; 3]> {
    let mut taps = Vec::with_capacity(volume(kernel));
    for z in 0..kernel[0] {
        for y in 0..kernel[1] {
            for x in 0..kernel[2] {
                taps.push([f(0, z), f(1, y), f(2, x)]);
            }
        }
    }
    taps
}

/// Rows of weights by an image's pixels, to channels of the result: directly into memory if the image is large and the
/// result's pixels are adjacent, else through a sink over all images.
struct Product<'a, S> {
    isa: Isa,
    images: usize,
    /// Rows of weights, steps of k.
    m: usize,
    k: usize,
    image: &'a Image<S>,
    out: Grid<S>,
    /// The grid covers the result in order.
    dense: bool,
}

impl<S: Load<T> + Store<T>, T: Native> ProductRun<S, T> for Product<'_, S> {
    unsafe fn run(&self, a: &dyn Source<T>) -> Result<()> {
        let pixels = volume(self.out.grid);
        let kern = T::kernels(self.isa);
        let (m, k) = (self.m, self.k);
        let same = std::any::TypeId::of::<S>() == std::any::TypeId::of::<T>();
        if !(same && self.dense && (pixels >= JOIN || self.images == 1)) {
            let n = self.images * pixels;
            let out = Out::sink(&self.out as &dyn Sink<T>);
            return Job { kern, m, n, k, a, b: self.image, out, limit: LIMIT }.run();
        }
        let base = Ptr(self.out.ptr);
        let bias = Ptr(self.out.bias.cast_mut());
        let ptr = Ptr(self.image.ptr.cast_mut());
        each(self.images, m * pixels * k, &|i| {
            let image = Image {
                ptr: ptr.get().cast_const().wrapping_add(i * self.image.image),
                taps: self.image.taps.clone(),
                ..*self.image
            };
            let mut out: Out<T> =
                Out::plain(base.get().wrapping_add(i * self.out.image).cast(), self.out.channel as isize);
            out.row_bias = bias.get().cast_const().cast();
            // One tap that moves nothing: the image is the matrix.
            let plain = image.taps.len() == 1 && image.taps[0] == [0; 3] && image.size == image.grid;
            if plain && image.step == [1; 3] {
                let b = Strided::<S> { ptr: image.ptr, js: 1, ks: pixels as isize, isa: self.isa };
                return Job { kern, m, n: pixels, k, a, b: &b, out, limit: LIMIT }.run();
            }
            Job { kern, m, n: pixels, k, a, b: &image, out, limit: LIMIT }.run()
        })
    }
}

trait ProductRun<S, T> {
    /// # Safety
    /// Operands and result cover the sizes.
    unsafe fn run(&self, a: &dyn Source<T>) -> Result<()>;
}

unsafe fn forward_as<S: Load<T> + Store<T>, T: Native>(
    s: &ConvShape,
    isa: Isa,
    x: *const S,
    w: *const S,
    bias: Option<*const S>,
    y: *mut S,
) -> Result<()> {
    let (inp, outp) = (volume(s.in_sizes), volume(s.out_sizes));
    let k = s.cin * s.taps();
    if s.n * s.groups * s.cout * outp == 0 {
        return Ok(());
    }
    if s.depthwise() {
        // SAFETY: the caller's.
        return unsafe { depthwise::forward(s, isa, x, w, bias, y) };
    }
    let (x, w, y) = (Ptr(x.cast_mut()), Ptr(w.cast_mut()), Ptr(y));
    let bias = Ptr(bias.map_or(std::ptr::null_mut(), |b| b.cast_mut()));
    each(s.groups, s.n * s.cout * outp * k, &|g| {
        let flat = s.pointwise().then_some([1, 1, inp]);
        let image = Image {
            ptr: x.get().cast_const().wrapping_add(g * s.cin * inp),
            size: flat.unwrap_or(s.in_sizes),
            image: s.groups * s.cin * inp,
            grid: flat.unwrap_or(s.out_sizes),
            step: s.stride,
            taps: taps_of(s.kernel, |d, i| (i * s.dilation[d]) as isize - s.padding[d] as isize),
            isa,
        };
        let grid = image.grid;
        let b = bias.get().cast_const();
        let out = Grid {
            ptr: y.get().wrapping_add(g * s.cout * outp),
            grid,
            step: [grid[1] * grid[2], grid[2], 1],
            channel: outp,
            image: s.groups * s.cout * outp,
            bias: if b.is_null() { b } else { b.wrapping_add(g * s.cout) },
        };
        let a = Strided::<S> { ptr: w.get().wrapping_add(g * s.cout * k), js: k as isize, ks: 1, isa };
        let p = Product { isa, images: s.n, m: s.cout, k, image: &image, out, dense: true };
        // SAFETY: the caller's.
        unsafe { p.run(&a) }
    })
}

/// Most bytes of weights that are reordered beforehand; more are read in order by the packer.
const WEIGHTS: usize = 1 << 20;

unsafe fn grad_input_as<S: Load<T> + Store<T>, T: Native>(
    s: &ConvShape,
    isa: Isa,
    dy: *const S,
    w: *const S,
    bias: Option<*const S>,
    dx: *mut S,
) -> Result<()> {
    let (inp, outp, taps) = (volume(s.in_sizes), volume(s.out_sizes), s.taps());
    if s.n * s.groups * s.cin * inp == 0 {
        return Ok(());
    }
    if s.depthwise() {
        // SAFETY: the caller's.
        return unsafe { depthwise::grad_input(s, isa, dy, w, bias, dx) };
    }
    let (dy, w, dx) = (Ptr(dy.cast_mut()), Ptr(w.cast_mut()), Ptr(dx));
    let bias = Ptr(bias.map_or(std::ptr::null_mut(), |b| b.cast_mut()));
    // Pixels whose coordinates have the same remainder by the stride see the same taps: for each such class the gradient
    // is a convolution with stride 1.
    let class = [0, 1, 2].map(|d| s.stride[d].min(s.in_sizes[d]));
    let classes = volume(class);
    each(s.groups, s.n * s.cin * outp * s.cout * taps, &|g| {
        for c in 0..classes {
            let first = [c / (class[1] * class[2]), c / class[2] % class[1], c % class[2]];
            let grid = [0, 1, 2].map(|d| (s.in_sizes[d] - first[d]).div_ceil(s.stride[d]));
            let (mut offsets, mut which) = (Vec::new(), Vec::new());
            for (t, at) in taps_of(s.kernel, |_, i| i as isize).iter().enumerate() {
                // The output pixel that reads input `first + stride * q` through this tap, if one does.
                let far = [0, 1, 2].map(|d| (first[d] + s.padding[d]) as isize - at[d] * s.dilation[d] as isize);
                if (0..3).all(|d| far[d].rem_euclid(s.stride[d] as isize) == 0) {
                    offsets.push([0, 1, 2].map(|d| far[d].div_euclid(s.stride[d] as isize)));
                    which.push(t);
                }
            }
            let flat = s.pointwise().then_some([1, 1, inp]);
            let k = s.cout * which.len();
            let image = Image {
                ptr: dy.get().cast_const().wrapping_add(g * s.cout * outp),
                size: flat.unwrap_or(s.out_sizes),
                image: s.groups * s.cout * outp,
                grid: flat.unwrap_or(grid),
                step: [1; 3],
                // Without taps k is 0 and nothing is read; one stands in, so that nothing divides by zero.
                taps: if offsets.is_empty() { vec![[0; 3]] } else { offsets },
                isa,
            };
            let plane = s.in_sizes[1] * s.in_sizes[2];
            let start = first[0] * plane + first[1] * s.in_sizes[2] + first[2];
            let out_step = [s.stride[0] * plane, s.stride[1] * s.in_sizes[2], s.stride[2]];
            let group = dx.get().wrapping_add(g * s.cin * inp + start);
            let from = w.get().wrapping_add(g * s.cout * s.cin * taps);
            let product = |a: &dyn Source<T>| {
                let b = bias.get().cast_const();
                let out = Grid {
                    ptr: group,
                    grid: image.grid,
                    step: if flat.is_some() { [inp, inp, 1] } else { out_step },
                    channel: inp,
                    image: s.groups * s.cin * inp,
                    bias: if b.is_null() { b } else { b.wrapping_add(g * s.cin) },
                };
                let p = Product { isa, images: s.n, m: s.cin, k, image: &image, out, dense: s.stride == [1; 3] };
                // SAFETY: the caller's.
                unsafe { p.run(a) }
            };
            if taps == 1 {
                let a = Strided::<S> { ptr: from, js: 1, ks: s.cin as isize, isa };
                product(&a)?;
                continue;
            }
            let (m, n) = (s.cin, which.len());
            let bytes = m * k * size_of::<S>();
            if bytes > WEIGHTS {
                let a = TapWeights { ptr: from.cast_const(), channel: s.cin * taps, taps, which: &which };
                product(&a)?;
                continue;
            }
            // Few weights are put into the order of k once.
            with_scratch(2, bytes, |buf| {
                let d = buf.cast::<S>();
                for co in 0..s.cout {
                    for ci in 0..m {
                        for (i, t) in which.iter().enumerate() {
                            // SAFETY: inside the weights and the buffer.
                            unsafe { d.add(ci * k + co * n + i).write(from.add((co * m + ci) * taps + t).read()) };
                        }
                    }
                }
                product(&Strided::<S> { ptr: d, js: k as isize, ks: 1, isa })
            })??;
        }
        Ok(())
    })
}

unsafe fn grad_weight_as<S: Load<T> + Store<T>, T: Native + Load<T> + Store<T>>(
    s: &ConvShape,
    isa: Isa,
    x: *const S,
    dy: *const S,
    dw: *mut S,
) -> Result<()> {
    let (inp, outp) = (volume(s.in_sizes), volume(s.out_sizes));
    let n = s.cin * s.taps();
    let k = s.n * outp;
    if s.groups * s.cout * n == 0 {
        return Ok(());
    }
    if s.depthwise() {
        // SAFETY: the caller's.
        return unsafe { depthwise::grad_weight(s, isa, x, dy, dw) };
    }
    let kern = T::kernels(isa);
    let each_sum = s.cout * n;
    let same = std::any::TypeId::of::<S>() == std::any::TypeId::of::<T>();
    // k in sections, so that the packed operand stays small; sections of a small result run side by side, each with sums
    // of its own.
    let section = 1024;
    let sections = k.div_ceil(section).max(1);
    let groups =
        if each_sum * section > SMALL { 1 } else { sections.min((1 << 20) / (each_sum * size_of::<T>())).min(32) };
    let (x, dy, dw) = (Ptr(x.cast_mut()), Ptr(dy.cast_mut()), Ptr(dw));
    each(s.groups, s.cout * n * k, &|g| {
        let image = Image {
            ptr: x.get().cast_const().wrapping_add(g * s.cin * inp),
            size: s.in_sizes,
            image: s.groups * s.cin * inp,
            grid: s.out_sizes,
            step: s.stride,
            taps: taps_of(s.kernel, |d, i| (i * s.dilation[d]) as isize - s.padding[d] as isize),
            isa,
        };
        let planes = Planes {
            ptr: dy.get().cast_const().wrapping_add(g * s.cout * outp),
            pixels: outp,
            image: s.groups * s.cout * outp,
            isa,
        };
        let turned = Turned(&image);
        let to = dw.get().wrapping_add(g * each_sum);
        // Sections `s0..s1`, summed into `sums`.
        let run = |sums: *mut T, s0: usize, s1: usize| -> Result<()> {
            for i in s0..s1 {
                let first = i * section;
                let a: Later<T> = Later { from: &planes, first };
                let b: Later<T> = Later { from: &turned, first };
                let mut out = Out::plain(sums, n as isize);
                if i > s0 {
                    out.beta = T::ONE;
                }
                let kc = section.min(k - first.min(k));
                Job { kern, m: s.cout, n, k: kc, a: &a, b: &b, out, limit: LIMIT }.run()?;
            }
            Ok(())
        };
        if groups <= 1 && same {
            return run(to.cast(), 0, sections);
        }
        let groups = groups.max(1);
        with_scratch(2, groups * each_sum * size_of::<T>(), |buf| {
            let sums = Ptr(buf.cast::<T>());
            each(groups, each_sum * k / groups, &|i| {
                let (s0, s1) = (sections * i / groups, sections * (i + 1) / groups);
                run(sums.get().wrapping_add(i * each_sum), s0, s1)
            })?;
            // SAFETY: all sums were written; the result is the caller's.
            unsafe {
                for i in 1..groups {
                    for j in 0..each_sum {
                        let p = sums.get().add(j);
                        p.write(p.read().plus(sums.get().add(i * each_sum + j).read()));
                    }
                }
                convert(sums.get(), to, each_sum);
            }
            Ok(())
        })?
    })
}
