//! Sampling images and volumes at the points of a grid, and its two gradients. Every point has a few taps (places in the
//! image with weights); all three kernels are sums over them.

use super::gemm::lane::Num;
use super::lines::blocks;
use crate::dtype::DType;
use crate::kernels::Ptr;
use std::ops::{Add, Div, Mul, Sub};

/// How values between elements are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Between {
    Linear,
    Nearest,
    Cubic,
}

/// What stands outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Outside {
    Zeros,
    Border,
    Reflection,
}

/// A call: sizes with depth first, which is 1 for images.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Plan {
    pub batch: usize,
    pub channels: usize,
    /// Of the image: depth, height, width.
    pub size: [usize; 3],
    /// Points for each image.
    pub points: usize,
    /// Coordinates of a point: 2 or 3.
    pub dims: usize,
    pub between: Between,
    pub outside: Outside,
    pub align: bool,
}

/// What coordinates need beyond arithmetic.
trait Point: Num + PartialOrd + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> {
    fn floor(self) -> Self;
    fn even(self) -> Self;
    fn magnitude(self) -> Self;
    fn finite(self) -> bool;
    fn whole(self) -> i64;
    /// Between two numbers; NaN becomes the lower.
    fn bound(self, low: Self, high: Self) -> Self;
}

macro_rules! point {
    ($($t:ty),*) => {$(
        impl Point for $t {
            fn floor(self) -> $t { self.floor() }
            fn even(self) -> $t { self.round_ties_even() }
            fn magnitude(self) -> $t { self.abs() }
            fn finite(self) -> bool { self.is_finite() }
            fn whole(self) -> i64 { self as i64 }
            fn bound(self, low: $t, high: $t) -> $t { self.max(low).min(high) }
        }
    )*};
}
point!(f32, f64);

/// The most taps of a point: 4 x 4.
const MOST: usize = 16;
/// Points that are handled together, one channel after the other.
const TOGETHER: usize = 64;

/// The taps of a point.
#[derive(Clone, Copy)]
struct Taps<T> {
    count: usize,
    at: [usize; MOST],
    weight: [T; MOST],
    /// The weights' derivatives by the point's coordinates.
    slope: [[T; 3]; MOST],
}

impl<T: Point> Taps<T> {
    fn none() -> Taps<T> {
        Taps { count: 0, at: [0; MOST], weight: [T::default(); MOST], slope: [[T::default(); 3]; MOST] }
    }
}

/// Folds a position back into the image, and the derivative of doing so.
fn reflected<T: Point>(x: T, size: usize, align: bool) -> (T, T) {
    let of = T::of;
    let (low, span) = if align { (0.0, size as f64 - 1.0) } else { (-0.5, size as f64) };
    if span <= 0.0 {
        return (of(0.0), of(0.0));
    }
    let (low, span) = (of(low), of(span));
    let away = x - low;
    let sign = if away < of(0.0) { of(-1.0) } else { of(1.0) };
    let away = away.magnitude();
    let flips = (away / span).floor();
    let extra = away - flips * span;
    // An even number of flips leaves the direction.
    let half = flips / of(2.0);
    if half.floor() == half { (extra + low, sign) } else { (span - extra + low, of(0.0) - sign) }
}

/// A coordinate of the grid as a position in the image, and the derivative.
fn position<T: Point>(plan: &Plan, g: T, size: usize, pad: bool) -> (T, T) {
    let of = T::of;
    let n = of(size as f64);
    let scale = if plan.align { (n - of(1.0)) / of(2.0) } else { n / of(2.0) };
    let x = (g + of(1.0)) * scale - if plan.align { of(0.0) } else { of(0.5) };
    if !pad || plan.outside == Outside::Zeros {
        return (x, scale);
    }
    let (x, turn) = if plan.outside == Outside::Reflection { reflected(x, size, plan.align) } else { (x, of(1.0)) };
    let last = n - of(1.0);
    let inside = x > of(0.0) && x < last;
    (x.bound(of(0.0), last), if inside { scale * turn } else { of(0.0) })
}

/// The place of a whole position, folded or bounded as the plan says.
fn folded(plan: &Plan, i: i64, size: usize) -> Option<usize> {
    let last = size as i64 - 1;
    let i = match plan.outside {
        Outside::Zeros => i,
        Outside::Border => i.clamp(0, last),
        Outside::Reflection => (reflected(i as f64, size, plan.align).0.floor() as i64).clamp(0, last),
    };
    (0..=last).contains(&i).then_some(i as usize)
}

/// The taps along one coordinate: places, weights, and the weights' first and second derivatives by the grid's coordinate.
struct Line<T> {
    count: usize,
    at: [Option<usize>; 4],
    weight: [[T; 3]; 4],
}

impl<T: Point> Line<T> {
    fn new(plan: &Plan, g: T, size: usize) -> Line<T> {
        let of = T::of;
        let mut l = Line { count: 1, at: [None; 4], weight: [[of(0.0); 3]; 4] };
        let inside = |i: i64| (0..size as i64).contains(&i).then_some(i as usize);
        match plan.between {
            Between::Nearest => {
                let x = position(plan, g, size, true).0;
                l.at[0] = if x.finite() { inside(x.even().whole()) } else { None };
                l.weight[0][0] = of(1.0);
            }
            Between::Linear => {
                let (x, by) = position(plan, g, size, true);
                let part = x - x.floor();
                // Infinity is nowhere, as NaN is: taps inside carry it on.
                let low = if x.finite() { x.floor().whole() } else { 0 };
                l.count = 2;
                (l.at[0], l.at[1]) = (inside(low), inside(low.saturating_add(1)));
                l.weight[0] = [of(1.0) - part, of(0.0) - by, of(0.0)];
                l.weight[1] = [part, by, of(0.0)];
            }
            Between::Cubic => {
                let (x, by) = position(plan, g, size, false);
                let low = if x.finite() { x.floor().whole() } else { 0 };
                l.count = 4;
                for (k, w) in cubic(x - x.floor()).into_iter().enumerate() {
                    l.at[k] = folded(plan, low.saturating_add(k as i64 - 1), size);
                    l.weight[k] = [w[0], w[1] * by, w[2] * by * by];
                }
            }
        }
        l
    }
}

/// Keys' cubic weights (a = -0.75) of the four neighbours at the distance `t` from the second, with two derivatives.
fn cubic<T: Point>(t: T) -> [[T; 3]; 4] {
    let of = T::of;
    let (a, one) = (of(-0.75), of(1.0));
    let far = |x: T, sign: T| {
        let w = ((a * x - of(5.0) * a) * x + of(8.0) * a) * x - of(4.0) * a;
        [w, sign * ((of(3.0) * a * x - of(10.0) * a) * x + of(8.0) * a), of(6.0) * a * x - of(10.0) * a]
    };
    let near = |x: T, sign: T| {
        let (p, q) = (a + of(2.0), a + of(3.0));
        let w = (p * x - q) * x * x + one;
        [w, sign * ((of(3.0) * p * x - of(2.0) * q) * x), of(6.0) * p * x - of(2.0) * q]
    };
    let back = of(-1.0);
    [far(t + one, one), near(t, one), near(one - t, back), far(of(2.0) - t, back)]
}

/// The taps of the point `g` (x, y and, for volumes, z); with `along`, the derivatives of their weights in that direction in
/// the place of the weights.
fn taps<T: Point>(plan: &Plan, g: &[T; 3], along: Option<&[T; 3]>, to: &mut Taps<T>) {
    let zero = T::default();
    let [depth, height, width] = plan.size;
    let sizes = [width, height, depth];
    let n = plan.dims;
    // An image has one place in depth, whose weight is 1.
    let lines = [0, 1, 2].map(|d| {
        if d < n {
            Line::new(plan, g[d], sizes[d])
        } else {
            let mut l = Line { count: 1, at: [None; 4], weight: [[zero; 3]; 4] };
            (l.at[0], l.weight[0][0]) = (Some(0), T::ONE);
            l
        }
    });
    let [lx, ly, lz] = &lines;
    to.count = 0;
    for k in 0..lz.count {
        for j in 0..ly.count {
            for i in 0..lx.count {
                let Some(((x, y), z)) = lx.at[i].zip(ly.at[j]).zip(lz.at[k]) else { continue };
                let w = [lx.weight[i], ly.weight[j], lz.weight[k]];
                // The derivative whose order in each coordinate is `o`.
                let order = |o: [usize; 3]| w[0][o[0]] * w[1][o[1]] * w[2][o[2]];
                let once = |d: usize| {
                    let mut o = [0; 3];
                    o[d] = 1;
                    o
                };
                let at = to.count;
                to.count += 1;
                to.at[at] = (z * height + y) * width + x;
                match along {
                    None => {
                        to.weight[at] = order([0; 3]);
                        (0..n).for_each(|d| to.slope[at][d] = order(once(d)));
                    }
                    Some(v) => {
                        to.weight[at] = (0..n).fold(zero, |s, d| s + v[d] * order(once(d)));
                        for d in 0..n {
                            to.slope[at][d] = (0..n).fold(zero, |s, e| {
                                let mut o = once(d);
                                o[e] += 1;
                                s + v[e] * order(o)
                            });
                        }
                    }
                }
            }
        }
    }
}

/// A grid, and the directions in which the derivative is taken instead of the value.
#[derive(Clone, Copy)]
struct Points<T> {
    at: Ptr<T>,
    along: Option<Ptr<T>>,
}

/// Calls `f(n, first point, taps)` for stretches of the points `first..end`, which count through all images.
///
/// # Safety
/// `grid`, and what goes along with it, cover batch x points x dims elements.
unsafe fn stretches<T: Point>(
    plan: &Plan,
    grid: Points<T>,
    first: usize,
    end: usize,
    mut f: impl FnMut(usize, usize, &[Taps<T>]),
) {
    let mut all = [Taps::none(); TOGETHER];
    let mut p = first;
    while p < end {
        let (n, at) = (p / plan.points, p % plan.points);
        let count = TOGETHER.min(end - p).min(plan.points - at);
        for (k, t) in all[..count].iter_mut().enumerate() {
            let read = |from: Ptr<T>| {
                let mut g = [T::default(); 3];
                for (d, v) in g[..plan.dims].iter_mut().enumerate() {
                    // SAFETY: the caller's.
                    *v = unsafe { from.get().add((p + k) * plan.dims + d).read() };
                }
                g
            };
            taps(plan, &read(grid.at), grid.along.map(read).as_ref(), t);
        }
        f(n, at, &all[..count]);
        p += count;
    }
}

/// How many planes or points make a block of work.
fn grain(each: usize) -> i64 {
    (32768 / each.max(1)).max(1) as i64
}

/// `y[n, c, p]`, the image at the grid's points. All are dense.
///
/// # Safety
/// The pointers cover the plan's sizes; `y` overlaps nothing.
unsafe fn forward<T: Point>(plan: &Plan, x: *const T, grid: Points<T>, y: *mut T) {
    let plane: usize = plan.size.iter().product();
    let (x, y) = (Ptr(x.cast_mut()), Ptr(y));
    blocks((plan.batch * plan.points) as i64, grain(plan.channels * 4), &|first, end| {
        // SAFETY: taps lie in the plane; every point is written by one task.
        unsafe {
            stretches(plan, grid, first as usize, end as usize, |n, at, taps| {
                for c in n * plan.channels..(n + 1) * plan.channels {
                    let (from, to) = (x.get().add(c * plane), y.get().add(c * plan.points + at));
                    for (p, t) in taps.iter().enumerate() {
                        let mut sum = T::default();
                        for k in 0..t.count {
                            sum = sum + from.add(t.at[k]).read() * t.weight[k];
                        }
                        to.add(p).write(sum);
                    }
                }
            })
        }
    });
}

/// Adds the image's gradient to `dx`. Points are added in their order, whoever works.
///
/// # Safety
/// As `forward`, with `g` like its result and `dx` like its image.
unsafe fn to_image<T: Point>(plan: &Plan, g: *const T, grid: Points<T>, dx: *mut T) {
    let plane: usize = plan.size.iter().product();
    let (g, dx) = (Ptr(g.cast_mut()), Ptr(dx));
    blocks((plan.batch * plan.channels) as i64, grain(plan.points * 4), &|first, end| {
        let (first, end) = (first as usize, end as usize);
        for n in first / plan.channels..end.div_ceil(plan.channels) {
            // The planes of this image that are this task's.
            let planes = first.max(n * plan.channels)..end.min((n + 1) * plan.channels);
            // SAFETY: taps lie in the plane; every plane is written by one task.
            unsafe {
                let points = n * plan.points..(n + 1) * plan.points;
                stretches(plan, grid, points.start, points.end, |_, at, taps| {
                    for c in planes.clone() {
                        let (from, to) = (g.get().add(c * plan.points + at), dx.get().add(c * plane));
                        for (p, t) in taps.iter().enumerate() {
                            let v = from.add(p).read();
                            for k in 0..t.count {
                                let to = to.add(t.at[k]);
                                to.write(to.read() + v * t.weight[k]);
                            }
                        }
                    }
                })
            }
        }
    });
}

/// The grid's gradient.
///
/// # Safety
/// As `forward`, with `g` like its result and `dgrid` like its grid.
unsafe fn to_grid<T: Point>(plan: &Plan, g: *const T, x: *const T, grid: Points<T>, dgrid: *mut T) {
    let plane: usize = plan.size.iter().product();
    let (g, x, to) = (Ptr(g.cast_mut()), Ptr(x.cast_mut()), Ptr(dgrid));
    blocks((plan.batch * plan.points) as i64, grain(plan.channels * 8), &|first, end| {
        // SAFETY: taps lie in the plane; every point is written by one task.
        unsafe {
            stretches(plan, grid, first as usize, end as usize, |n, at, taps| {
                for (p, t) in taps.iter().enumerate() {
                    let mut sum = [T::default(); 3];
                    for k in 0..t.count {
                        let mut dot = T::default();
                        for c in n * plan.channels..(n + 1) * plan.channels {
                            let v = g.get().add(c * plan.points + at + p).read();
                            dot = dot + v * x.get().add(c * plane + t.at[k]).read();
                        }
                        for (s, by) in sum.iter_mut().zip(t.slope[k]) {
                            *s = *s + dot * by;
                        }
                    }
                    let to = to.get().add((n * plan.points + at + p) * plan.dims);
                    for (d, s) in sum.iter().enumerate().take(plan.dims) {
                        to.add(d).write(*s);
                    }
                }
            })
        }
    });
}
/// A grid and, where the derivative is taken instead of the value, the directions of the points.
#[derive(Clone, Copy)]
pub struct Grid {
    pub at: *const u8,
    pub along: Option<*const u8>,
}

/// Calls `$e` with `$t` bound to the type of a dtype: f64, else f32.
macro_rules! by_dtype {
    ($d:expr, $grid:expr, |$points:ident: $t:ident| $e:expr) => {
        if $d == DType::F64 {
            type $t = f64;
            let $points = points::<$t>($grid);
            $e
        } else {
            type $t = f32;
            let $points = points::<$t>($grid);
            $e
        }
    };
}

fn points<T>(grid: Grid) -> Points<T> {
    let ptr = |p: *const u8| Ptr(p.cast_mut().cast());
    Points { at: ptr(grid.at), along: grid.along.map(ptr) }
}

/// `y[n, c, p]`, the image at the grid's points or its derivative there.
///
/// # Safety
/// Everything is dense, of the plan's sizes and of `dtype` (f32 or f64); `y` overlaps nothing.
pub unsafe fn sample(dtype: DType, plan: &Plan, x: *const u8, grid: Grid, y: *mut u8) {
    // SAFETY: the caller's promise.
    by_dtype!(dtype, grid, |points: T| unsafe { forward::<T>(plan, x.cast(), points, y.cast()) })
}

/// Adds the image's gradient to `dx`, writes the grid's to `dgrid`.
///
/// # Safety
/// As `sample`, with `g` like its result and the outputs like image and grid.
pub unsafe fn sample_backward(
    dtype: DType,
    plan: &Plan,
    g: *const u8,
    x: *const u8,
    grid: Grid,
    dx: *mut u8,
    dgrid: *mut u8,
) {
    // SAFETY: the caller's promise.
    by_dtype!(dtype, grid, |points: T| unsafe {
        to_image::<T>(plan, g.cast(), points, dx.cast());
        to_grid::<T>(plan, g.cast(), x.cast(), points, dgrid.cast());
    })
}
