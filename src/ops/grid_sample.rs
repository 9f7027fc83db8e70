//! Sampling at the points of a grid (spatial transformers), which can be differentiated twice, and grids of affine maps.

use super::conv::dense;
use super::short::{add, cast, times};
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::grid_sample::{Between, Grid, Outside, Plan, sample, sample_backward};
use crate::op::arg::Ctx;
use crate::op::autocast::Cast;
use crate::op::record::Bw;
use crate::op::{Batch, Meta, Metas, flag};
use crate::ops;
use crate::shape::{Dims, show};
use crate::tensor::Tensor;
use crate::tensor::graph::Grads;
use smallvec::smallvec;

/// The plan of a call that `check` has let through.
fn plan(input: &[i64], grid: &[i64], mode: i64, padding: i64, align: bool) -> Plan {
    let dims = input.len() - 2;
    let mut size = [1; 3];
    for d in 0..dims {
        size[3 - dims + d] = input[2 + d] as usize;
    }
    Plan {
        batch: input[0] as usize,
        channels: input[1] as usize,
        size,
        points: grid[1..=dims].iter().product::<i64>() as usize,
        dims,
        between: [Between::Linear, Between::Nearest, Between::Cubic][mode as usize],
        outside: [Outside::Zeros, Outside::Border, Outside::Reflection][padding as usize],
        align,
    }
}

/// PyTorch's checks of `grid_sampler`.
fn check(cx: &Ctx, x: &Tensor, grid: &Tensor, dims: usize, mode: i64, padding: i64) -> Result<()> {
    let (s, g) = (x.sizes(), grid.sizes());
    let both = || format!("but got input with sizes {} and grid with sizes {}", show(&s), show(&g));
    if s.len() != dims + 2 || s.len() != g.len() {
        bail!(
            Runtime,
            "grid_sampler(): expected {}D input and grid with same number of dimensions, {}",
            dims + 2,
            both()
        );
    }
    if s[0] != g[0] {
        bail!(Runtime, "grid_sampler(): expected grid and input to have same batch size, {}", both());
    }
    if g[dims + 1] != dims as i64 {
        bail!(
            Runtime,
            "grid_sampler(): expected grid to have size {dims} in last dimension, but got grid with sizes {}",
            show(&g)
        );
    }
    if let Some(d) = s.iter().skip(2).position(|&n| n == 0) {
        bail!(
            Runtime,
            "grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes {} with dimension {} \
             being empty",
            show(&s),
            d + 2
        );
    }
    if dims == 3 && mode == 2 {
        bail!(Runtime, "grid_sampler(): bicubic interpolation only supports 4D input");
    }
    if !(0..3).contains(&mode) || !(0..3).contains(&padding) {
        bail!(
            Runtime,
            "grid_sampler(): interpolation_mode and padding_mode must be 0, 1 or 2, but got {mode} and {padding}"
        );
    }
    if !x.dtype().is_float() {
        return Err(cx.refuse(x.dtype()));
    }
    if x.dtype() != grid.dtype() {
        let name = |d: DType| d.c10_name();
        bail!(Runtime, "expected scalar type {} but found {}", name(x.dtype()), name(grid.dtype()));
    }
    Ok(())
}

fn meta<const N: usize>(cx: &Ctx) -> Result<Metas> {
    let (x, grid) = (cx.tensor(0)?, cx.tensor(1)?);
    check(cx, x, grid, N, cx.int(2)?, cx.int(3)?)?;
    if !matches!(x.dtype(), DType::F32 | DType::F64) {
        return Err(cx.refuse(x.dtype()));
    }
    let sizes: Dims = x.sizes()[..2].iter().chain(&grid.sizes()[1..=N]).copied().collect();
    Ok(smallvec![Meta::new(sizes, x.dtype())])
}

/// The value at the points, or its derivative `along` a direction for each.
fn run(cx: &Ctx, along: Option<&Tensor>, out: &Tensor) -> Result<()> {
    let (x, grid, along) = (dense(cx.tensor(0)?)?, dense(cx.tensor(1)?)?, along.map(dense).transpose()?);
    let n = cx.args.len() - 3;
    let p = plan(&x.sizes(), &grid.sizes(), cx.int(n)?, cx.int(n + 1)?, cx.bool(n + 2)?);
    if out.numel() == 0 {
        return Ok(());
    }
    let (a, b, v, y) = (x.body().clone(), grid.body().clone(), along.map(|v| v.body().clone()), out.body().clone());
    // SAFETY: dense tensors of the plan's sizes and of one dtype; the output is new.
    unsafe { sample(a.dtype, &p, a.ptr(), Grid { at: b.ptr(), along: v.map(|v| v.ptr().cast_const()) }, y.ptr()) };
    Ok(())
}

/// The gradients with respect to image and grid, or their derivatives.
fn backward(cx: &Ctx, along: Option<&Tensor>, out: &[Tensor]) -> Result<()> {
    let (g, x, grid) = (dense(cx.tensor(0)?)?, dense(cx.tensor(1)?)?, dense(cx.tensor(2)?)?);
    let along = along.map(dense).transpose()?;
    let n = cx.args.len() - 3;
    let p = plan(&x.sizes(), &grid.sizes(), cx.int(n)?, cx.int(n + 1)?, cx.bool(n + 2)?);
    out[0].fill_raw(0.into())?;
    if g.numel() == 0 {
        return out[1].fill_raw(0.into());
    }
    let (g, x, grid, v) = (g.body().clone(), x.body().clone(), grid.body().clone(), along.map(|v| v.body().clone()));
    let (dx, dg) = (out[0].body().clone(), out[1].body().clone());
    // SAFETY: dense tensors of the plan's sizes and of one dtype; the outputs are new.
    unsafe {
        let points = Grid { at: grid.ptr(), along: v.map(|v| v.ptr().cast_const()) };
        sample_backward(g.dtype, &p, g.ptr(), x.ptr(), points, dx.ptr(), dg.ptr());
    }
    Ok(())
}

fn grad(b: &Bw) -> Result<Grads> {
    let [dx, dgrid] = _grid_sampler_backward(&b.g()?, b.tensor(0)?, b.tensor(1)?, b.int(2)?, b.int(3)?, b.bool(4))?;
    Ok(smallvec![b.needs(0).then_some(dx), b.needs(1).then_some(dgrid)])
}

/// Do image, grid and settings, from argument `i` on, belong to one call, and `g` to its result?
fn belongs(cx: &Ctx, g: Option<&Tensor>, i: usize, settings: usize) -> Result<()> {
    let (x, grid) = (cx.tensor(i)?, cx.tensor(i + 1)?);
    let n = x.ndim();
    cx.belong(matches!(n, 4 | 5))?;
    check(cx, x, grid, n - 2, cx.int(settings)?, cx.int(settings + 1)?)?;
    cx.belong(matches!(x.dtype(), DType::F32 | DType::F64))?;
    if let Some(g) = g {
        let (s, t) = (x.sizes(), grid.sizes());
        cx.belong(g.dtype() == x.dtype() && g.sizes().as_slice() == [&s[..2], &t[1..n - 1]].concat())?;
    }
    Ok(())
}

fn third() -> Result<Grads> {
    bail!(
        NotImplemented,
        "derivative for aten::grid_sampler_2d_double_backward is not implemented\nIt can be differentiated twice."
    )
}

const P: u32 = flag::PRIVATE | flag::NO_METHOD;

ops! {
    /// Values of images (N, C, H, W) at the points of a grid (N, H', W', 2), whose coordinates go from -1 to 1, x before y.
    fn grid_sampler_2d(input: Tensor, grid: Tensor, interpolation_mode: Int, padding_mode: Int, align_corners: Bool) -> Tensor {
        .cast(Cast::Single).kernel(meta::<2>, |cx, out| run(cx, None, &out[0]), "resample.cu", Batch::Fold).grad(&[0, 1], &[], grad)
            .node("GridSampler2DBackward0").with(flag::NO_METHOD)
    }

    /// Values of volumes (N, C, D, H, W) at the points of a grid (N, D', H', W', 3).
    fn grid_sampler_3d(input: Tensor, grid: Tensor, interpolation_mode: Int, padding_mode: Int, align_corners: Bool) -> Tensor {
        .cast(Cast::Single).kernel(meta::<3>, |cx, out| run(cx, None, &out[0]), "resample.cu", Batch::Fold).grad(&[0, 1], &[], grad)
            .node("GridSampler3DBackward0").with(flag::NO_METHOD)
    }

    /// The gradients of sampling with respect to image and grid.
    fn _grid_sampler_backward(grad: Tensor, input: Tensor, grid: Tensor, interpolation_mode: Int, padding_mode: Int, align_corners: Bool) -> (dinput, dgrid) {
        .kernel(|cx| {
            belongs(cx, Some(cx.tensor(0)?), 1, 3)?;
            let like = |t: &Tensor| Meta::new(t.sizes(), t.dtype());
            Ok(smallvec![like(cx.tensor(1)?), like(cx.tensor(2)?)])
        }, |cx, out| backward(cx, None, out), "resample.cu", Batch::Loop).grad(&[0, 1, 2], &[], |b| {
            let (g, x, grid) = (b.tensor(0)?, b.tensor(1)?, b.tensor(2)?);
            let (mode, padding, align) = (b.int(3)?, b.int(4)?, b.bool(5));
            let (vx, vgrid) = (b.grad_of(0)?, b.grad_of(1)?);
            let dg = b.when(0, || {
                let f = if x.ndim() == 4 { grid_sampler_2d } else { grid_sampler_3d };
                let along = _grid_sampler_along(x, grid, &vgrid, mode, padding, align)?;
                add(&f(&vx, grid, mode, padding, align)?, &along)
            })?;
            let [dx, dgrid] = _grid_sampler_backward_along(g, x, grid, &vgrid, mode, padding, align)?;
            let dgrid = b.when(2, || {
                let [_, through] = _grid_sampler_backward(g, &vx, grid, mode, padding, align)?;
                add(&dgrid, &through)
            })?;
            Ok(smallvec![dg, b.needs(1).then_some(dx), dgrid])
        }).node("GridSampler2DBackwardBackward0").with(P)
    }

    /// The derivative of sampling when each point moves in its direction.
    fn _grid_sampler_along(input: Tensor, grid: Tensor, along: Tensor, interpolation_mode: Int, padding_mode: Int, align_corners: Bool) -> Tensor {
        .kernel(|cx| {
            belongs(cx, None, 0, 3)?;
            let (x, grid, v) = (cx.tensor(0)?, cx.tensor(1)?, cx.tensor(2)?);
            cx.belong(v.sizes() == grid.sizes() && v.dtype() == grid.dtype())?;
            let n = x.ndim();
            let sizes: Dims = x.sizes()[..2].iter().chain(&grid.sizes()[1..n - 1]).copied().collect();
            Ok(smallvec![Meta::new(sizes, x.dtype())])
        }, |cx, out| run(cx, Some(cx.tensor(2)?), &out[0]), "resample.cu", Batch::Loop).grad(&[], &[], |_| third()).with(P)
    }

    /// The derivatives of the gradients of sampling when each point moves in its direction.
    fn _grid_sampler_backward_along(grad: Tensor, input: Tensor, grid: Tensor, along: Tensor, interpolation_mode: Int, padding_mode: Int, align_corners: Bool) -> (dinput, dgrid) {
        .kernel(|cx| {
            belongs(cx, Some(cx.tensor(0)?), 1, 4)?;
            let (x, grid, v) = (cx.tensor(1)?, cx.tensor(2)?, cx.tensor(3)?);
            cx.belong(v.sizes() == grid.sizes() && v.dtype() == grid.dtype())?;
            let like = |t: &Tensor| Meta::new(t.sizes(), t.dtype());
            Ok(smallvec![like(x), like(grid)])
        }, |cx, out| backward(cx, Some(cx.tensor(3)?), out), "resample.cu", Batch::Loop).grad(&[], &[], |_| third()).with(P)
    }

    /// Values of images or volumes at the points of a grid. `interpolation_mode` is 0 for linear, 1 for the nearest element, 2
    /// for cubic; outside there are by `padding_mode` zeros (0), the border (1) or the image reflected (2).
    fn grid_sampler(input: Tensor, grid: Tensor, interpolation_mode: Int, padding_mode: Int, align_corners: Bool) -> Tensor = {
        let n = input.ndim();
        if !matches!(n, 4 | 5) || grid.ndim() != n {
            bail!(
                Runtime,
                "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input with sizes {} and \
                 grid with sizes {}",
                show(&input.sizes()),
                show(&grid.sizes())
            );
        }
        let f = if n == 4 { grid_sampler_2d } else { grid_sampler_3d };
        let d = input.dtype();
        // Halves lack the digits for positions.
        if matches!(d, DType::F16 | DType::BF16) && grid.dtype() == d {
            let y = f(&cast(input, DType::F32)?, &cast(grid, DType::F32)?, interpolation_mode, padding_mode, align_corners)?;
            return cast(&y, d);
        }
        f(input, grid, interpolation_mode, padding_mode, align_corners)
    } { .cast(Cast::Single).with(flag::NO_METHOD) }

    /// The grid of affine maps `theta` (N, 2, 3) or (N, 3, 4): what `grid_sampler` takes.
    fn affine_grid_generator(theta: Tensor, size: Ints, align_corners: Bool) -> Tensor = {
        let n = size.len().saturating_sub(2);
        if !matches!(n, 2 | 3) {
            bail!(Runtime, "AffineGridGenerator needs 4d (spatial) or 5d (volumetric) inputs.");
        }
        if theta.sizes().as_slice() != [size[0], n as i64, n as i64 + 1] {
            bail!(
                Runtime,
                "affine_grid_generator: expected theta of shape [{}, {n}, {}] for size {}, but got {}",
                size[0],
                n + 1,
                show(size),
                show(&theta.sizes())
            );
        }
        let shape: Dims = size[2..].into();
        let points: i64 = shape.iter().product();
        // Columns x, y (, z) and 1.
        let mut columns = Vec::new();
        for d in (0..n).rev() {
            let count = size[2 + d];
            let line = if count > 1 {
                let line = ops::linspace((-1.0).into(), 1.0.into(), count, Some(theta.dtype()), Some(theta.device()))?;
                if align_corners { line } else { times(&line, (count - 1) as f64 / count as f64)? }
            } else {
                Tensor::zeros(&[count], theta.dtype(), theta.device())?
            };
            let mut along: Dims = Dims::from_elem(1, n);
            along[d] = count;
            columns.push(ops::reshape(&ops::expand(&ops::reshape(&line, &along)?, &shape, false)?, &[points])?);
        }
        columns.push(Tensor::full(&[points], 1, theta.dtype(), theta.device())?);
        let base = ops::stack(&columns, 1)?;
        let grid = ops::matmul(&base, &ops::transpose(theta, 1, 2)?)?;
        let mut to: Dims = Dims::from_elem(size[0], 1);
        to.extend(shape.iter().copied());
        to.push(n as i64);
        ops::reshape(&grid, &to)
    } { .node("AffineGridGeneratorBackward0") .with(flag::NO_METHOD) }
}
