//! Tables of vectors looked up by number.

use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::Operand;
use crate::kernels::cpu::index as kernel;
use crate::op::arg::Ctx;
use crate::op::{Batch, Meta, flag};
use crate::ops;
use crate::shape::{self, Dims};
use crate::tensor::{Tensor, mode};
use smallvec::smallvec;

ops! {
    /// Rows of `weight`: one for each number in `input`. The row `padding_idx` gets no gradient; rows longer than `max_norm`
    /// are shortened in place first.
    fn embedding(input: Tensor, weight: Tensor, padding_idx: OptInt = None, max_norm: OptFloat = None, norm_type: Float = 2.0, scale_grad_by_freq: Bool = false, sparse: Bool = false) -> Tensor = {
        let padding = padding(weight, padding_idx)?;
        if let Some(max) = max_norm {
            shorten(weight, input, max, norm_type)?;
        }
        _embedding(weight, input, padding, scale_grad_by_freq, sparse)
    } { .functional() }

    /// Rows of `weight`: one for each number in `indices`.
    fn _embedding(weight: Tensor, indices: Tensor, padding_idx: Int = -1, scale_grad_by_freq: Bool = false, sparse: Bool = false) -> Tensor {
        .named("embedding").kernel(|cx| {
            let (w, index) = (cx.tensor(0)?, cx.tensor(1)?);
            if w.ndim() != 2 {
                bail!(Runtime, "'weight' must be 2-D");
            }
            check_numbers(cx, index)?;
            let mut sizes = index.sizes();
            sizes.push(w.size_at(1));
            Ok(smallvec![Meta::new(sizes, w.dtype())])
        }, |cx, out| {
            let (w, index) = (cx.tensor(0)?, cx.tensor(1)?);
            let (lw, mut li, lo) = (w.layout(), index.layout(), out[0].layout());
            li.strides.push(0);
            kernel::embedding(&lo.sizes, out[0].operand(&lo), w.operand(&lw), lw.sizes[0], index.operand(&li))
                .map_err(|e| e.map_text(|t| format!("{t} num_embeddings, the rows of the weight, must be larger than every number.")))
        }, "embedding.cu", Batch::Loop)
            .grad(&[1], &[], |b| {
                let rows = b.sizes(0)[0];
                if b.bool(4) {
                    return Ok(smallvec![Some(sparse_gradient(&b.g()?, b.tensor(1)?, &b.sizes(0), b.int(2)?, b.bool(3))?), None]);
                }
                Ok(smallvec![Some(_embedding_dense_backward(&b.g()?, b.tensor(1)?, rows, b.int(2)?, b.bool(3))?), None])
            }).with(flag::NO_METHOD)
    }

    /// The gradient of a table: rows of `grad_output` added up by number.
    fn _embedding_dense_backward(grad_output: Tensor, indices: Tensor, num_weights: Int, padding_idx: Int, scale_grad_by_freq: Bool) -> Tensor {
        .named("embedding_dense_backward").kernel(|cx| {
            let g = cx.tensor(0)?;
            let width = g.sizes().last().copied().unwrap_or(1);
            let (s, index) = (g.sizes(), cx.tensor(1)?);
            cx.belong(!s.is_empty() && s[..s.len() - 1] == *index.sizes() && cx.int(2)? >= 0)?;
            check_numbers(cx, index)?;
            Ok(smallvec![Meta::new([cx.int(2)?, width].as_slice(), g.dtype())])
        }, |cx, out| {
            let (g, index) = (cx.tensor(0)?, cx.tensor(1)?);
            out[0].fill_raw(0.into())?;
            let (n, width) = (index.numel(), out[0].size_at(1));
            if n == 0 || width == 0 {
                return Ok(());
            }
            // As a matrix of n rows, and a vector of n numbers.
            let rows = |t: &Tensor| if t.is_contiguous() { Ok(t.clone()) } else { t.copied(t.dtype()) };
            let (g, index) = (rows(g)?, rows(index)?);
            let (lo, at) = (out[0].layout(), [1i64]);
            let strides = [width, 1];
            let grad = Operand { strides: &strides, ..g.operand(&lo) };
            let index = Operand { strides: &at, ..index.operand(&lo) };
            let padding = Some(cx.int(3)?).filter(|p| *p >= 0);
            if out[0].dtype().is_half() {
                // Summed in float32, rounded once.
                let wide = Tensor::zeros(&lo.sizes, DType::F32, out[0].device())?;
                let (g, lw) = (g.copied(DType::F32)?, wide.layout());
                let grad = Operand { ptr: g.body().ptr(), dtype: DType::F32, strides: &strides };
                kernel::embedding_backward(n, width, wide.operand(&lw), cx.int(2)?, grad, index, padding, cx.bool(4)?)?;
                return out[0].copy_raw(&wide);
            }
            kernel::embedding_backward(n, width, out[0].operand(&lo), cx.int(2)?, grad, index, padding, cx.bool(4)?)
        }, "embedding.cu", Batch::Loop)
            .grad(&[1], &[], |b| {
                let (g, index) = (b.g()?, b.tensor(1)?);
                if b.bool(4) {
                    bail!(Runtime, "embedding's double backward does not support scale_grad_by_freq");
                }
                let mut rows = _embedding(&g, index, -1, false, false)?;
                let padding = b.int(3)?;
                if padding >= 0 {
                    let pad = ops::unsqueeze(&ops::eq(index.into(), padding.into())?, -1)?;
                    rows = ops::masked_fill(&rows, &pad, 0.into())?;
                }
                Ok(smallvec![Some(rows), None])
            }).with(flag::PRIVATE | flag::NO_METHOD)
    }

    /// Sums, means or maxima of rows of `weight` over bags of numbers: the rows of a matrix, or stretches of a vector that
    /// begin at `offsets`.
    fn embedding_bag(input: Tensor, weight: Tensor, offsets: OptTensor = None, max_norm: OptFloat = None, norm_type: Float = 2.0, scale_grad_by_freq: Bool = false, mode: Str = "mean", sparse: Bool = false, per_sample_weights: OptTensor = None, include_last_offset: Bool = false, padding_idx: OptInt = None) -> Tensor = {
        if sparse && mode == "max" {
            bail!(Value, "max mode does not support sparse weights");
        }
        if !matches!(mode, "sum" | "mean" | "max") {
            bail!(Value, "mode has to be one of sum, mean or max");
        }
        if let Some(w) = per_sample_weights {
            if w.sizes() != input.sizes() {
                bail!(
                    Value,
                    "embedding_bag: If per_sample_weights ({}) is not None, then it must have the same shape as the input ({})",
                    shape::show(&w.sizes()),
                    shape::show(&input.sizes())
                );
            }
            if mode != "sum" {
                bail!(
                    NotImplemented,
                    "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got mode='{mode}'). Please open a feature request on GitHub."
                );
            }
        }
        let padding = padding(weight, padding_idx)?;
        if weight.ndim() != 2 {
            bail!(Runtime, "'weight' must be 2-D");
        }
        let width = weight.size_at(1);
        let (flat, bags, bag) = match (input.ndim(), offsets) {
            (2, None) => {
                let s = input.sizes();
                let ids = ops::arange(s[0].into(), Some(DType::I64), None)?;
                let bag = ops::reshape(&ops::expand(&ops::unsqueeze(&ids, 1)?, &s, false)?, &[-1])?;
                (ops::reshape(input, &[-1])?, s[0], bag)
            }
            (2, Some(_)) => bail!(
                Value,
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length sequences. However, found offsets of type <class 'torch.Tensor'>"
            ),
            (1, Some(offsets)) => {
                if offsets.ndim() != 1 {
                    bail!(Value, "offsets has to be a 1D Tensor");
                }
                let (bags, bag) = stretches(&offsets.to_vec::<i64>()?, input.numel(), include_last_offset)?;
                (input.clone(), bags, bag)
            }
            (1, None) => bail!(Value, "offsets has to be a 1D Tensor but got None"),
            (n, _) => bail!(Value, "input has to be 1D or 2D Tensor, but got Tensor of dimension {n}"),
        };
        if let Some(max) = max_norm {
            shorten(weight, &flat, max, norm_type)?;
        }
        let weights = per_sample_weights.map(|w| ops::reshape(w, &[-1])).transpose()?;
        // Padding is left out altogether.
        let (flat, bag, weights) = if padding >= 0 {
            let keep = ops::ne((&flat).into(), padding.into())?;
            let weights = weights.map(|w| ops::masked_select(&w, &keep)).transpose()?;
            (ops::masked_select(&flat, &keep)?, ops::masked_select(&bag, &keep)?, weights)
        } else {
            (flat, bag, weights)
        };
        let mut rows = _embedding(weight, &flat, -1, scale_grad_by_freq, sparse)?;
        if let Some(w) = &weights {
            rows = ops::mul((&rows).into(), (&ops::unsqueeze(w, 1)?).into())?;
        }
        let hole = ops::zeros(&[bags, width], Some(rows.dtype()), Some(rows.device()))?;
        if mode == "max" {
            return ops::index_reduce(&hole, 0, &bag, &rows, "amax", false);
        }
        let sum = ops::index_add(&hole, 0, &bag, &rows, 1.into())?;
        if mode == "sum" {
            return Ok(sum);
        }
        let ones = ops::ones(&[flat.numel()], Some(rows.dtype()), None)?;
        let count = ops::index_add(&ops::zeros(&[bags], Some(rows.dtype()), None)?, 0, &bag, &ones, 1.into())?;
        let count = ops::unsqueeze(&ops::clamp(&count, Some(1.into()), None)?, 1)?;
        ops::div((&sum).into(), (&count).into())
    } { .node("EmbeddingBagBackward0") .functional() }

    /// Numbers as vectors of 0 with a single 1.
    fn one_hot(input: Tensor, num_classes: Int = -1) -> Tensor = {
        if input.dtype() != DType::I64 {
            bail!(Runtime, "one_hot is only applicable to index tensor of type LongTensor.");
        }
        let mut sizes = input.sizes();
        if input.numel() == 0 {
            if num_classes <= 0 {
                bail!(Runtime, "Can not infer total number of classes from empty tensor.");
            }
            sizes.push(num_classes);
            return Tensor::zeros(&sizes, DType::I64, input.device());
        }
        if ops::min_all(input)?.item()?.i64() < 0 {
            bail!(Runtime, "Class values must be non-negative.");
        }
        let top = ops::max_all(input)?.item()?.i64();
        let classes = if num_classes == -1 { top + 1 } else { num_classes };
        if top >= classes {
            bail!(Runtime, "Class values must be smaller than num_classes.");
        }
        sizes.push(classes);
        let out = Tensor::zeros(&sizes, DType::I64, input.device())?;
        ops::scatter_value(&out, -1, &ops::unsqueeze(input, -1)?, 1.into())
    } { .functional() }
}

fn check_numbers(cx: &Ctx, index: &Tensor) -> Result<()> {
    if !matches!(index.dtype(), DType::I64 | DType::I32) {
        bail!(
            Runtime,
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got torch.{}Tensor instead (while checking arguments for {})",
            index.dtype().c10_name(),
            cx.op.python_name()
        );
    }
    Ok(())
}

/// The row without gradient; -1 is none.
fn padding(weight: &Tensor, given: Option<i64>) -> Result<i64> {
    let Some(p) = given else { return Ok(-1) };
    let rows = weight.sizes().first().copied().unwrap_or(0);
    if p >= rows || p < -rows {
        bail!(Assertion, "Padding_idx must be within num_embeddings");
    }
    Ok(if p < 0 { p + rows } else { p })
}

/// To which bag each of `n` numbers belongs, for bags that begin at `offsets`; and how many bags there are.
fn stretches(offsets: &[i64], n: i64, last: bool) -> Result<(i64, Tensor)> {
    if offsets.first().is_some_and(|&o| o != 0) {
        bail!(
            Runtime,
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got {}",
            offsets[0]
        );
    }
    if let Some(&end) = offsets.last()
        && end > n
    {
        bail!(Runtime, "offsets[-1] can not be greater than input's length({n}), but got offsets[-1] of {end}");
    }
    let bags = offsets.len() - (last && !offsets.is_empty()) as usize;
    let mut bag = crate::memory::filled(0i64, n as usize)?;
    for b in 0..bags {
        let end = offsets.get(b + 1).copied().unwrap_or(n);
        for i in offsets[b].max(0)..end.min(n) {
            bag[i as usize] = b as i64;
        }
    }
    Ok((bags as i64, Tensor::from_slice(&bag, &[n])?))
}

/// Brings the rows of `weight` that `index` names to a norm of at most `max`, in place and unrecorded.
fn shorten(weight: &Tensor, index: &Tensor, max: f64, p: f64) -> Result<()> {
    let _off = mode::NoGrad::new();
    let index = ops::reshape(index, &[-1])?;
    if index.numel() == 0 {
        return Ok(());
    }
    let rows = ops::index_select(weight, 0, &index)?;
    let size = ops::abs(&rows)?;
    let dim: Dims = smallvec![1];
    let norm = if p == f64::INFINITY {
        ops::amax(&size, Some(&dim), true)?
    } else if p == 2.0 {
        ops::sqrt(&ops::sum(&ops::square(&size)?, Some(&dim), true, None)?)?
    } else {
        let s = ops::sum(&ops::pow_scalar(&size, p.into())?, Some(&dim), true, None)?;
        ops::pow_scalar(&s, (1.0 / p).into())?
    };
    let scale = ops::div(max.into(), (&ops::add((&norm).into(), 1e-7.into(), None)?).into())?;
    let scale = ops::where_(&ops::gt((&norm).into(), max.into())?, (&scale).into(), 1.0.into())?;
    let scaled = ops::mul((&rows).into(), (&ops::_to_dtype(&scale, rows.dtype(), None)?).into())?;
    let args = [
        crate::op::arg::Arg::Tensor(weight),
        crate::op::arg::Arg::Int(0),
        crate::op::arg::Arg::Tensor(&ops::_to_dtype(&index, DType::I64, None)?),
        crate::op::arg::Arg::Tensor(&scaled),
    ];
    crate::op::call::call_as(&ops::index_copy::OP, &args, crate::op::call::Mode::InPlace(weight))?;
    Ok(())
}

/// The gradient of a table as a sparse tensor: a column for each number, in their order.
fn sparse_gradient(g: &Tensor, numbers: &Tensor, sizes: &[i64], padding: i64, by_frequency: bool) -> Result<Tensor> {
    if by_frequency {
        bail!(Runtime, "embedding_backward: scale_grad_by_freq not supported with sparse gradients");
    }
    let mut at = ops::reshape(numbers, &[1, -1])?;
    let mut rows = ops::reshape(g, &[at.size_at(1), sizes[1]])?;
    if padding >= 0 {
        let keep = ops::reshape(&ops::nonzero(&ops::reshape(&ops::ne((&at).into(), padding.into())?, &[-1])?)?, &[-1])?;
        at = ops::index_select(&at, 1, &keep)?;
        rows = ops::index_select(&rows, 0, &keep)?;
    }
    ops::_sparse_pack(&at, &rows, sizes, false)
}
