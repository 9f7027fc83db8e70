//! Finding and counting: positions in sorted sequences, membership, the different elements of a tensor, histograms.

use crate::dtype::{DType, promote};
use crate::error::Result;
use crate::kernels::Operand;
use crate::kernels::cpu::search::{self as kernel, Unique};
use crate::op::arg::{Format, Num, not_implemented};
use crate::op::formula::result_type;
use crate::op::{Batch, Meta, flag};
use crate::ops;
use crate::ops::short::{cast, flat};
use crate::shape::{Dims, show, wrap_dim};
use crate::tensor::{Tensor, mode};
use smallvec::smallvec;

const HIDDEN: u32 = flag::NO_METHOD;

ops! {
    /// For each element of `input` the place in `sorted_sequence` (along its last dimension) where it belongs: the first one,
    /// or the last with `right` (or side="right").
    fn searchsorted(sorted_sequence: Tensor, input: Num; out_int32: Bool = false, right: Bool = false, side: OptStr = None, sorter: OptTensor = None) -> Tensor = {
        let right = match side {
            None => right,
            Some("right") => true,
            Some("left") if right => bail!(
                Runtime,
                "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
            ),
            Some("left") => false,
            Some(s) => bail!(Runtime, "torch.searchsorted(): side can only be 'left' or 'right' but got {s}"),
        };
        if sorted_sequence.ndim() == 0 {
            bail!(Runtime, "torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension");
        }
        let (x, scalar) = match input {
            Num::Tensor(t) => (t.clone(), t.ndim() == 0),
            Num::Scalar(s) => (Tensor::scalar(s, sorted_sequence.dtype())?, true),
        };
        if scalar && sorted_sequence.ndim() != 1 {
            bail!(
                Runtime,
                "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we got boundaries \
                 tensor dim({}) and input value's dim({}) numel({})",
                sorted_sequence.ndim(),
                x.ndim(),
                x.numel()
            );
        }
        let (s, t) = (sorted_sequence.sizes(), x.sizes());
        if s.len() > 1 && (s.len() != t.len() || s[..s.len() - 1] != t[..t.len() - 1]) {
            bail!(
                Runtime,
                "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and \
                 input value tensor must match, but we got boundaries tensor {} and input value tensor {}",
                show(&s),
                show(&t)
            );
        }
        if let Some(o) = sorter {
            if o.sizes() != s {
                bail!(
                    Runtime,
                    "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor {} and got sorter tensor {}",
                    show(&s),
                    show(&o.sizes())
                );
            }
            if o.dtype() != DType::I64 {
                bail!(Runtime, "torch.searchsorted(): sorter must be a tensor of long dtype but got dtype {}", o.dtype().c10_name());
            }
            if o.numel() > 0 && (ops::min_all(o)?.item()?.i64() < 0 || ops::max_all(o)?.item()?.i64() >= s[s.len() - 1]) {
                bail!(Runtime, "torch.searchsorted(): sorter index out of range");
            }
        }
        let d = promote(sorted_sequence.dtype(), x.dtype());
        _searchsorted(&cast(sorted_sequence, d)?, &cast(&x, d)?, out_int32, right, sorter)
    } { .with(HIDDEN | flag::OUT).no_grad() }

    /// For each element of `input` the number of the interval between `boundaries` that it lies in.
    fn bucketize(input: Num, boundaries: Tensor; out_int32: Bool = false, right: Bool = false) -> Tensor = {
        if boundaries.ndim() != 1 {
            bail!(Runtime, "boundaries tensor must be 1 dimension, but got dim({})", boundaries.ndim());
        }
        searchsorted(boundaries, input, out_int32, right, None, None)
    } { .with(HIDDEN | flag::OUT).no_grad() }

    /// The search itself, on one dtype.
    fn _searchsorted(sorted_sequence: Tensor, input: Tensor, out_int32: Bool, right: Bool, sorter: OptTensor) -> Tensor {
        .kernel(|cx| {
            let x = cx.tensor(1)?;
            if x.dtype().is_complex() || x.dtype() == DType::Bool {
                return Err(not_implemented("searchsorted_out_cpu", x.dtype()));
            }
            Ok(smallvec![Meta::new(x.sizes(), if cx.bool(2)? { DType::I32 } else { DType::I64 })])
        }, |cx, out| {
            let (seq, x, sorter) = (cx.tensor(0)?, cx.tensor(1)?, cx.opt_tensor(4)?);
            let (ls, lx, lo) = (seq.layout(), x.layout(), out[0].layout());
            let n = ls.ndim() - 1;
            // Over the values' shape a sequence moves with all dimensions but the last; a single one stands still.
            let over = |strides: &[i64]| -> Dims {
                (0..lx.ndim()).map(|i| if ls.ndim() > 1 && i < n { strides[i] } else { 0 }).collect()
            };
            let ss = over(&ls.strides);
            let order = sorter.map(|t| (t, t.layout()));
            let so = order.as_ref().map(|(_, l)| over(&l.strides));
            let order = order.as_ref().zip(so.as_ref()).map(|((t, l), s)| (Operand { strides: s, ..t.operand(l) }, l.strides[n]));
            let seq = Operand { strides: &ss, ..seq.operand(&ls) };
            kernel::searchsorted(&lx.sizes, out[0].operand(&lo), x.operand(&lx), seq, ls.sizes[n], ls.strides[n], order, cx.bool(3)?)
        }, "search.cu", Batch::Loop).with(flag::PRIVATE | flag::NO_FUNCTION | flag::NO_METHOD)
    }

    /// Is each of `elements` among `test_elements`?
    fn isin(elements: Num, test_elements: Num; assume_unique: Bool = false, invert: Bool = false) -> Tensor = {
        _ = assume_unique;
        let (e, t) = match (elements, test_elements) {
            (Num::Scalar(_), Num::Scalar(_)) => bail!(Type, "isin(): one of elements and test_elements must be a Tensor"),
            (Num::Tensor(e), Num::Tensor(t)) => (e.clone(), t.clone()),
            (Num::Tensor(e), Num::Scalar(s)) => {
                let d = result_type(&[Arg::Tensor(e), Arg::Scalar(s)]);
                (e.clone(), Tensor::scalar(s, d)?)
            }
            (Num::Scalar(s), Num::Tensor(t)) => {
                let d = result_type(&[Arg::Tensor(t), Arg::Scalar(s)]);
                (Tensor::scalar(s, d)?, t.clone())
            }
        };
        for x in [&e, &t] {
            if x.dtype().is_complex() || x.dtype() == DType::Bool {
                bail!(Runtime, "Unsupported input type encountered for isin(): {}", x.dtype().c10_name());
            }
        }
        let _off = mode::NoGrad::new();
        let d = promote(e.dtype(), t.dtype());
        let (e, t) = (cast(&e, d)?, cast(&ops::reshape(&t, &[-1])?, d)?);
        let found = if t.numel() == 0 {
            Tensor::zeros(&e.sizes(), DType::Bool, e.device())?
        } else {
            let [sorted, _] = ops::sort(&t, 0, false)?;
            let at = _searchsorted(&sorted, &e, false, false, None)?;
            let at = ops::clamp_max(&at, (t.numel() - 1).into())?;
            ops::eq((&ops::take(&sorted, &at)?).into(), (&e).into())?
        };
        if invert { ops::logical_not(&found) } else { Ok(found) }
    } { .with(HIDDEN | flag::OUT).no_grad() }

    /// The different elements in order; for each element of the input which one it is; how often each occurs.
    fn _unique2(input: Tensor, sorted: Bool = true, return_inverse: Bool = false, return_counts: Bool = false) -> (_output, inverse, counts) = {
        _ = sorted;
        different(input, return_inverse, return_counts, kernel::unique)
    } { .with(flag::READS_ELEMENTS).with(HIDDEN).no_grad() }

    /// As `_unique2`, of runs of equal neighbours.
    fn _unique_consecutive(input: Tensor, return_inverse: Bool = false, return_counts: Bool = false) -> (_output, inverse, counts) = {
        different(input, return_inverse, return_counts, kernel::unique_consecutive)
    } { .with(flag::READS_ELEMENTS).with(HIDDEN).no_grad() }

    /// As `_unique2`, of whole slices along `dim`.
    fn _unique_dim(input: Tensor, dim: Int, consecutive: Bool = false) -> (_output, inverse, counts) = {
        let _off = mode::NoGrad::new();
        let (s, d) = (input.sizes(), wrap_dim(dim, input.ndim())?);
        if s.is_empty() {
            bail!(Index, "unique_dim: a 0-d tensor has no dimension {dim}");
        }
        if s.iter().enumerate().any(|(i, n)| i != d && *n == 0) && s[d] != 0 {
            bail!(Runtime, "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied");
        }
        let rows = s[d];
        if rows == 0 {
            let none = Tensor::zeros(&[0], DType::I64, input.device())?;
            return Ok([input.clone(), none.clone(), none]);
        }
        let m = flat(&ops::duplicate(&ops::movedim(input, &[d as i64], &[0])?, Some(Format::Contiguous))?)?;
        let cols = m.numel() / rows;
        let inverse = Tensor::empty(&[rows], DType::I64, input.device())?;
        let (strides, own) = ([cols, 1], [1]);
        let l = m.layout();
        let x = Operand { strides: &strides, ..m.operand(&l) };
        let i = Operand { ptr: inverse.body().ptr(), dtype: DType::I64, strides: &own };
        let u = kernel::unique_rows(rows, cols, x, Some(i), consecutive)?;
        let (first, counts) = found(&u)?;
        Ok([ops::index_select(input, d as i64, &first)?, inverse, counts])
    } { .with(flag::READS_ELEMENTS).with(HIDDEN).no_grad() }

    /// How often each of the integers 0, 1, ... occurs (at least `minlength` of them), or the sum of `weights` where it does.
    fn bincount(input: Tensor, weights: OptTensor = None, minlength: Int = 0) -> Tensor = {
        let _off = mode::NoGrad::new();
        if !input.dtype().is_int() {
            return Err(not_implemented("bincount_cpu", input.dtype()));
        }
        if minlength < 0 {
            bail!(Runtime, "minlength should be >= 0");
        }
        if input.ndim() != 1 {
            bail!(Runtime, "bincount only supports 1-d non-negative integral inputs.");
        }
        if weights.is_some_and(|w| w.ndim() != 1 || w.numel() != input.numel()) {
            bail!(Runtime, "weights should be 1-d and have the same length as input");
        }
        let (l, n) = (input.layout(), input.numel());
        let bins = kernel::bincount_size(n, input.operand(&l))?.max(minlength);
        let w = weights.map(|w| cast(w, if w.dtype() == DType::F32 { DType::F32 } else { DType::F64 })).transpose()?;
        let lw = w.as_ref().map(Tensor::layout);
        let out = Tensor::empty(&[bins], w.as_ref().map_or(DType::I64, Tensor::dtype), input.device())?;
        let lo = out.layout();
        kernel::bincount(n, out.operand(&lo), bins, input.operand(&l), w.as_ref().zip(lw.as_ref()).map(|(w, l)| w.operand(l)))?;
        Ok(out)
    } { .with(flag::READS_ELEMENTS).no_grad() }

    /// How many elements fall into each of `bins` intervals between `min` and `max` (the extremes of the input if both are equal).
    fn histc(input: Tensor, bins: Int = 100, min: Scalar = 0, max: Scalar = 0) -> Tensor {
        .kernel(|cx| {
            let x = cx.tensor(0)?;
            let bins = cx.int(1)?;
            if !x.dtype().is_float() {
                return Err(not_implemented("histogram_cpu", x.dtype()));
            }
            if bins <= 0 {
                bail!(Runtime, "torch.histogram(): bins must be > 0, but got {bins} for dimension 0");
            }
            Ok(smallvec![Meta::new([bins].as_slice(), x.dtype())])
        }, |cx, out| {
            let x = cx.tensor(0)?;
            let (l, lo) = (x.layout(), out[0].layout());
            kernel::histc(&l.sizes, out[0].operand(&lo), cx.int(1)?, x.operand(&l), cx.scalar(2)?.f64(), cx.scalar(3)?.f64())
        }, "search.cu", Batch::Loop).with(flag::OUT)
    }
}

fn found(u: &Unique) -> Result<(Tensor, Tensor)> {
    let n = u.first.len() as i64;
    Ok((Tensor::from_slice(&u.first, &[n])?, Tensor::from_slice(&u.counts, &[n])?))
}

fn different(
    x: &Tensor,
    inverse: bool,
    counts: bool,
    run: fn(i64, Operand, Option<Operand>) -> Result<Unique>,
) -> Result<[Tensor; 3]> {
    let _off = mode::NoGrad::new();
    let f = flat(x)?;
    let l = f.layout();
    let at = Tensor::empty(&if inverse { x.sizes() } else { smallvec![0] }, DType::I64, x.device())?;
    let strides = [1];
    let i = inverse.then(|| Operand { ptr: at.body().ptr(), dtype: DType::I64, strides: &strides });
    let u = run(f.numel(), f.operand(&l), i)?;
    let (first, n) = found(&u)?;
    let n = if counts { n } else { Tensor::empty(&[0], DType::I64, x.device())? };
    Ok([ops::index_select(&f, 0, &first)?, at, n])
}
