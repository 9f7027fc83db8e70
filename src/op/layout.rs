//! The one place that asks for the layout: calls with sparse tensors leave the common path here. What an operator does with
//! them stands in its literal (`Op::sparse`, or `flag::SPARSE` where the operator itself knows of layouts).

use super::arg::{Arg, Ctx};
use super::call::Mode;
use super::target::{check_cast, check_inplace};
use super::{Op, Rets, call};
use crate::error::Result;
use crate::tensor::{Tensor, sparse};

/// Has this call a sparse tensor?
#[inline]
pub(super) fn concerns(args: &[Arg], how: &Mode) -> bool {
    sparse::exist() && sparse_call(args, how)
}

#[cold]
fn sparse_call(args: &[Arg], how: &Mode) -> bool {
    let any = args.iter().any(|a| match a {
        Arg::Tensor(t) => t.is_sparse(),
        Arg::Tensors(ts) => ts.iter().any(Tensor::is_sparse),
        Arg::OptTensors(ts) => ts.iter().flatten().any(Tensor::is_sparse),
        _ => false,
    });
    any || matches!(how, Mode::Out(ts) if ts.iter().any(Tensor::is_sparse))
}

/// Runs it.
#[cold]
pub(super) fn run(op: &'static Op, args: &[Arg], how: Mode) -> Result<Rets> {
    let cx = Ctx { op, args };
    let Some(f) = op.sparse else { return Err(refuse(op)) };
    match how {
        Mode::New => f(&cx, how),
        Mode::InPlace(target) => {
            check_inplace(target, false)?;
            let out = call::only(f(&cx, how)?)?;
            if out.same(target) {
                return Ok(Rets::from_iter([out]));
            }
            write(op, target, &out)?;
            Ok(Rets::from_iter([target.clone()]))
        }
        Mode::Out(targets) => {
            let outs = f(&cx, how)?;
            for (t, r) in targets.iter().zip(&outs) {
                write(op, t, r)?;
            }
            Ok(targets.iter().cloned().collect())
        }
    }
}

/// Gives `target` the elements and the history of `from`.
fn write(op: &Op, target: &Tensor, from: &Tensor) -> Result<()> {
    if target.sizes() != from.sizes() && target.is_sparse() {
        bail!(
            Runtime,
            "{}_: a sparse tensor of shape {} cannot take a result of shape {}",
            op.python_name(),
            crate::shape::show(&target.sizes()),
            crate::shape::show(&from.sizes())
        );
    }
    check_cast(from.dtype(), target.dtype())?;
    match (target.is_sparse(), from.is_sparse()) {
        (false, false) => (super::steps::get()?.write)(target, from),
        (true, true) => {
            let from = if from.dtype() == target.dtype() {
                from.clone()
            } else {
                (super::steps::get()?.convert)(from, target.dtype())?
            };
            target.replace(from.storage(), from.layout(), from.dtype());
            if let Some(e) = from.with_auto(|a| a.grad_fn.clone()) {
                target.set_grad_fn(e);
            }
            Ok(())
        }
        _ => bail!(
            Runtime,
            "{}: the result and the tensor it is written to have different layouts (one is sparse)",
            op.python_name()
        ),
    }
}

#[cold]
fn refuse(op: &Op) -> crate::error::Error {
    let name = op.python_name();
    err!(
        NotImplemented,
        "Could not run 'aten::{name}' with arguments from the 'SparseCPU' backend.\n{name} takes strided tensors only: make the \
         sparse argument dense first with .to_dense(), or work on its .values() (after .coalesce())."
    )
}
