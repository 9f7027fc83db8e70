//! What may be written, in place or by `out=`: PyTorch's rules, asked before anything is written.

use super::arg::Ctx;
use super::{Op, flag, record};
use crate::dtype::DType;
use crate::error::Result;
use crate::shape;
use crate::tensor::{Creation, Tensor, mode};

/// `out=` and autograd do not go together.
#[cold]
pub fn refuse_out_grad(op: &Op) -> Result<()> {
    bail!(
        Runtime,
        "{}(): functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad.",
        op.python_name()
    )
}

/// The `i`-th `out=` tensor, resized to the result's shape, after the checks that PyTorch makes.
pub fn out_target(op: &'static Op, targets: &[Tensor], i: usize, sizes: &[i64], dtype: DType) -> Result<Tensor> {
    let Some(t) = targets.get(i) else { bail!(Type, "{}(): out= needs {} tensors", op.python_name(), i + 1) };
    if t.requires_grad() && mode::grad() {
        refuse_out_grad(op)?;
    }
    check_cast(dtype, t.dtype())?;
    if t.sizes().as_slice() != sizes {
        resize(t, sizes)?;
    }
    Ok(t.clone())
}

/// `resize_` to a contiguous shape, keeping what fits.
pub fn resize(t: &Tensor, sizes: &[i64]) -> Result<()> {
    let n = shape::numel(sizes)?;
    let (storage, dtype, offset) = {
        let b = t.body();
        (b.storage.clone(), b.dtype, b.layout.offset)
    };
    let Some(bytes) = (n as usize).checked_add(offset as usize).and_then(|n| n.checked_mul(dtype.size())) else {
        bail!(Runtime, "Storage size calculation overflowed with sizes={}", shape::show(sizes))
    };
    if n > 0 && bytes > storage.nbytes() {
        storage.resize(bytes)?;
    }
    let layout = shape::Layout { offset, ..shape::Layout::contiguous(sizes) };
    t.replace(storage, layout, dtype);
    Ok(())
}

/// May a result of type `from` be written into a tensor of type `to`?
pub fn check_cast(from: DType, to: DType) -> Result<()> {
    if from.can_cast(to) {
        return Ok(());
    }
    bail!(
        Runtime,
        "result type {} can't be cast to the desired output type {}\nAn in-place operation or out= keeps the dtype of what it \
         writes: use the ordinary form (a = a / b), or convert first with .float().",
        from.c10_name(),
        to.c10_name()
    )
}

/// PyTorch's rules for writing a tensor in place, before anything is written.
pub fn check_inplace(target: &Tensor, others_need_grad: bool) -> Result<()> {
    if target.is_inference() && !mode::inference() {
        bail!(
            Runtime,
            "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal tensor \
             before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details."
        );
    }
    if !mode::grad() {
        return Ok(());
    }
    let requires = target.requires_grad();
    if !requires && !others_need_grad {
        return Ok(());
    }
    let view = target.origin();
    match view {
        None if requires && target.is_leaf() => {
            bail!(
                Runtime,
                "a leaf Variable that requires grad is being used in an in-place operation.\nWrite it under torch.no_grad(), as \
                 optimizers do, or work on a clone()."
            )
        }
        Some(v) => {
            let what = match v.creation {
                Creation::MultiOutput => Some(
                    "This view is the output of a function that returns multiple views. Such functions do not allow the output \
                     views to be modified inplace. You should replace the inplace operation by an out-of-place one.",
                ),
                Creation::NoGrad => Some(
                    "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving \
                     both the view and the inplace either both inside the no_grad block (if you don't want the inplace to be \
                     tracked) or both outside (if you want the inplace to be tracked).",
                ),
                Creation::Custom => Some(
                    "This view was created inside a custom Function (or because an input was returned as-is) and the autograd logic \
                     to handle view+inplace would override the custom backward associated with the custom Function, leading to \
                     incorrect gradients. This behavior is forbidden. You can fix this by cloning the output of the custom Function.",
                ),
                Creation::Inference => Some("It was created in inference mode."),
                Creation::Default => None,
            };
            if let Some(why) = what {
                let output = target.with_auto(|a| a.grad_fn.as_ref().map(|e| (e.index, e.node.name().to_string())));
                let (index, by) = output.unwrap_or((0, format!("{}Backward0", v.by.split('.').next().unwrap_or(v.by))));
                if v.creation == Creation::NoGrad {
                    bail!(
                        Runtime,
                        "A view was created in no_grad mode and is being modified inplace with grad mode enabled. {why}"
                    );
                }
                bail!(Runtime, "Output {index} of {by} is a view and is being modified inplace. {why}");
            }
            if requires && v.base.is_leaf() {
                bail!(
                    Runtime,
                    "a view of a leaf Variable that requires grad is being used in an in-place operation.\nWrite it under \
                     torch.no_grad(), as optimizers do, or work on a clone()."
                );
            }
        }
        None => {}
    }
    Ok(())
}

/// Refuses to write a tensor whose elements share memory with each other, or partly with an argument's.
pub fn check_overlap(target: &Tensor, inputs: &[&Tensor]) -> Result<()> {
    let t = target.body();
    if !t.contiguous && t.layout.may_overlap() {
        bail!(
            Runtime,
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please \
             clone() the tensor before performing the operation."
        );
    }
    for i in inputs {
        if i.same(target) {
            continue;
        }
        let b = i.body();
        if !b.storage.same(&t.storage) || b.numel == 0 || t.numel == 0 {
            continue;
        }
        if b.layout == t.layout && b.dtype == t.dtype {
            continue;
        }
        // Two views with gaps may lie between each other (`x[:, 0] += x[:, 1]`): only dense ones are held against each other.
        if !b.layout.is_dense() || !t.layout.is_dense() {
            continue;
        }
        let range = |l: &shape::Layout, size: usize| (l.offset as usize * size, l.end() as usize * size);
        let ((a0, a1), (b0, b1)) = (range(&t.layout, t.dtype.size()), range(&b.layout, b.dtype.size()));
        if a0 < b1 && b0 < a1 {
            return Err(overlapping());
        }
    }
    Ok(())
}

#[cold]
fn overlapping() -> crate::error::Error {
    err!(
        Runtime,
        "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location. \
         Please clone() the tensor before performing the operation."
    )
}

/// Refuses `out=` of another dtype than the result's.
pub(super) fn check_out_type(t: &Tensor, r: &Tensor) -> Result<()> {
    if t.dtype() == r.dtype() {
        return Ok(());
    }
    bail!(Runtime, "Expected out tensor to have dtype {}, but got {} instead", r.dtype().c_name(), t.dtype().c_name())
}

/// What a kernel's `out=` must be, beyond what `out_target` asks: elements with memory of their own; and where the literal
/// says so, the result's dtype and memory apart from the arguments'.
pub(super) fn check_out(cx: &Ctx, targets: &[Tensor], results: &[Tensor]) -> Result<()> {
    let tensors = record::tensors_of(cx.args);
    for (t, r) in targets.iter().zip(results) {
        let shared = |i: &&Tensor| i.storage().same(&t.storage()) && i.numel() > 0 && i.layout() == t.layout();
        if t.numel() > 0 {
            check_overlap(t, &tensors)?;
        }
        if cx.op.has(flag::OUT_TYPED) {
            check_out_type(t, r)?;
        }
        if !cx.op.has(flag::OUT_APART) {
            continue;
        }
        if t.numel() > 0 && tensors.iter().any(shared) {
            return Err(overlapping());
        }
    }
    Ok(())
}
