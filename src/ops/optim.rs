//! Steps of optimizers over lists of tensors, all parameters in one pass. The arguments are those of PyTorch's operators
//! of these names.

use crate::device::Device;
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::optim::{self as kernel, Adam, Part, Rule, Sgd};
use crate::op::arg::{Arg, Num};
use crate::op::call::{self, Mode, call_as};
use crate::op::target::check_inplace;
use crate::op::{Op, flag};
use crate::ops;
use crate::tensor::Tensor;

const HIDDEN: u32 = flag::PRIVATE | flag::NO_METHOD;

/// A number that may be a tensor of one element.
fn number(n: Num) -> Result<f64> {
    Ok(match n {
        Num::Tensor(t) => t.item()?.f64(),
        Num::Scalar(s) => s.f64(),
    })
}

/// Lists of one length: parameters, gradients, states.
struct Lists<'a> {
    op: &'static Op,
    /// Parameters, gradients, then states; empty where there are none.
    all: [&'a [Tensor]; 5],
}

impl Lists<'_> {
    fn check(&self) -> Result<()> {
        let params = self.all[0];
        for (k, list) in self.all.iter().enumerate().skip(1) {
            if !(list.len() == params.len() || list.is_empty() && k > 1) {
                bail!(
                    Runtime,
                    "{}: the lists of tensors differ in length: {} parameters, {} in list {k}",
                    self.op.py,
                    params.len(),
                    list.len()
                );
            }
            for (i, (t, p)) in list.iter().zip(params).enumerate() {
                if t.dtype() != p.dtype() || t.device() != p.device() || t.sizes() != p.sizes() {
                    bail!(
                        Runtime,
                        "{}: parameter {i} ({} of shape {}) and its gradient or state ({} of shape {}) differ in dtype, device or \
                         shape",
                        self.op.py,
                        p.dtype().name(),
                        crate::shape::show(&p.sizes()),
                        t.dtype().name(),
                        crate::shape::show(&t.sizes())
                    );
                }
            }
        }
        for p in params {
            if !p.dtype().is_float() {
                return Err(crate::op::arg::not_implemented(self.op.py, p.dtype()));
            }
            check_inplace(p, false)?;
        }
        Ok(())
    }

    /// Runs the step; `numbers` are those of each parameter.
    fn run(&self, rule: &Rule, numbers: impl Fn(usize) -> [f64; 2]) -> Result<()> {
        let params = self.all[0];
        // What does not lie in memory as its parameter does takes part as a copy that does.
        let mut copies: Vec<(Tensor, Option<&Tensor>)> = Vec::new();
        let mut parts: [Vec<Part>; 4] = Default::default();
        let kinds = [DType::F32, DType::F64, DType::BF16, DType::F16];
        let mut work = 0;
        for (i, p) in params.iter().enumerate() {
            if p.device() == Device::Meta {
                continue;
            }
            let b = p.body();
            let (dense, strides) = (b.contiguous || b.layout.is_dense(), b.layout.strides.clone());
            let (sizes, dtype, n) = (b.layout.sizes.clone(), b.dtype, b.numel as usize);
            drop(b);
            let mut ptrs = [std::ptr::null_mut(); 5];
            for (k, list) in self.all.iter().enumerate() {
                let Some(t) = list.get(i) else { continue };
                let same = dense && {
                    let b = t.body();
                    b.layout.strides == strides || b.contiguous && p.is_contiguous()
                };
                ptrs[k] = if same {
                    t.body().ptr()
                } else {
                    let c = match dense {
                        true => Tensor::empty_strided(&sizes, &strides, dtype, p.device())?,
                        false => Tensor::empty(&sizes, dtype, p.device())?,
                    };
                    c.copy_raw(t)?;
                    let ptr = c.body().ptr();
                    copies.push((c, (k != 1).then_some(t)));
                    ptr
                };
            }
            work += n;
            if let Some(at) = kinds.iter().position(|&d| d == dtype) {
                parts[at].push(Part { ptrs, n, numbers: numbers(i) });
            }
        }
        call::unlocked(work * 8, || {
            kinds.iter().zip(&parts).filter(|(_, p)| !p.is_empty()).try_for_each(|(&d, p)| kernel::step(d, p, rule))
        })?;
        for (c, back) in &copies {
            if let Some(t) = back {
                t.copy_raw(c)?;
            }
        }
        for (k, list) in self.all.iter().enumerate() {
            if k != 1 {
                list.iter().for_each(Tensor::bump);
            }
        }
        Ok(())
    }
}

/// What a gradient scaler asks: divides the gradients; says whether the step is to be left out.
fn unscale(grads: &[Tensor], scale: Option<&Tensor>, found_inf: Option<&Tensor>) -> Result<bool> {
    if let Some(f) = found_inf
        && f.item()?.f64() == 1.0
    {
        return Ok(true);
    }
    if let Some(s) = scale {
        for g in grads {
            call_as(&ops::binary::div::OP, &[Arg::Tensor(g), Arg::Tensor(s)], Mode::InPlace(g))?;
        }
    }
    Ok(false)
}

/// The step of Adam (`decoupled`: of AdamW).
fn adam(lists: &Lists, steps: &[Tensor], rule: Adam) -> Result<()> {
    lists.check()?;
    if steps.len() != lists.all[0].len() {
        bail!(Runtime, "{}: {} parameters, but {} step counters", lists.op.py, lists.all[0].len(), steps.len());
    }
    if rule.amsgrad && lists.all[4].is_empty() && !lists.all[0].is_empty() {
        bail!(Runtime, "{}: amsgrad needs max_exp_avg_sqs", lists.op.py);
    }
    let mut numbers: Vec<[f64; 2]> = Vec::with_capacity(steps.len());
    let mut last = None;
    for s in steps {
        let n = s.item()?.f64();
        let pair = match last {
            Some((m, pair)) if m == n => pair,
            _ => [rule.lr / (1.0 - rule.beta1.powf(n)), (1.0 - rule.beta2.powf(n)).powf(0.5)],
        };
        last = Some((n, pair));
        numbers.push(pair);
    }
    lists.run(&Rule::Adam(rule), |i| numbers[i])
}

ops! {
    /// One step of stochastic gradient descent for all tensors of `self`.
    fn _fused_sgd_(self_: Tensors, grads: Tensors, momentum_buffer_list: Tensors; weight_decay: Float, momentum: Float, lr: Num, dampening: Float, nesterov: Bool, maximize: Bool, is_first_step: Bool, grad_scale: OptTensor = None, found_inf: OptTensor = None) -> () = {
        let lists = Lists { op: &OP, all: [self_, grads, momentum_buffer_list, &[], &[]] };
        lists.check()?;
        if momentum != 0.0 && momentum_buffer_list.len() != self_.len() {
            bail!(Runtime, "_fused_sgd_: momentum needs momentum_buffer_list");
        }
        if unscale(grads, grad_scale, found_inf)? {
            return Ok(());
        }
        let rule = Sgd { lr: number(lr)?, momentum, dampening, weight_decay, nesterov, maximize, first: is_first_step };
        lists.run(&Rule::Sgd(rule), |_| [0.0; 2])
    } { .with(HIDDEN) }

    /// One step of Adam for all tensors of `self`. `state_steps` has counted this step already.
    fn _fused_adam_(self_: Tensors, grads: Tensors, exp_avgs: Tensors, exp_avg_sqs: Tensors, max_exp_avg_sqs: Tensors, state_steps: Tensors; lr: Num, beta1: Float, beta2: Float, weight_decay: Float, eps: Float, amsgrad: Bool, maximize: Bool, grad_scale: OptTensor = None, found_inf: OptTensor = None) -> () = {
        if unscale(grads, grad_scale, found_inf)? {
            return Ok(());
        }
        let most: &[Tensor] = if amsgrad { max_exp_avg_sqs } else { &[] };
        let lists = Lists { op: &OP, all: [self_, grads, exp_avgs, exp_avg_sqs, most] };
        adam(&lists, state_steps, Adam { lr: number(lr)?, beta1, beta2, eps, weight_decay, decoupled: false, amsgrad, maximize })
    } { .with(HIDDEN) }

    /// One step of AdamW for all tensors of `self`. `state_steps` has counted this step already.
    fn _fused_adamw_(self_: Tensors, grads: Tensors, exp_avgs: Tensors, exp_avg_sqs: Tensors, max_exp_avg_sqs: Tensors, state_steps: Tensors; lr: Num, beta1: Float, beta2: Float, weight_decay: Float, eps: Float, amsgrad: Bool, maximize: Bool, grad_scale: OptTensor = None, found_inf: OptTensor = None) -> () = {
        if unscale(grads, grad_scale, found_inf)? {
            return Ok(());
        }
        let most: &[Tensor] = if amsgrad { max_exp_avg_sqs } else { &[] };
        let lists = Lists { op: &OP, all: [self_, grads, exp_avgs, exp_avg_sqs, most] };
        adam(&lists, state_steps, Adam { lr: number(lr)?, beta1, beta2, eps, weight_decay, decoupled: true, amsgrad, maximize })
    } { .with(HIDDEN) }

    /// Adds one number to every tensor, in place.
    fn _foreach_add_(self_: Tensors, scalar: Scalar) -> () = {
        for t in self_ {
            call_as(&ops::binary::add::OP, &[Arg::Tensor(t), Arg::Scalar(scalar), Arg::None], Mode::InPlace(t))?;
        }
        Ok(())
    } { .with(HIDDEN) }

    /// Multiplies every tensor by one number (a 0-d tensor, on any device), in place.
    fn _foreach_mul_(self_: Tensors, other: Tensor) -> () = {
        for t in self_ {
            let by = if t.device() == other.device() { other.clone() } else { ops::_to(other, None, Some(t.device()), false, false, None)? };
            call_as(&ops::binary::mul::OP, &[Arg::Tensor(t), Arg::Tensor(&by)], Mode::InPlace(t))?;
        }
        Ok(())
    } { .with(HIDDEN) }

    /// The `ord`-norm of all tensors together, as if they were one vector.
    fn _total_norm(tensors: Tensors, ord: Scalar) -> Tensor = {
        let mut norms = Vec::with_capacity(tensors.len());
        for t in tensors {
            let n = ops::vector_norm(t, ord, None, false, None)?;
            let at = tensors[0].device();
            norms.push(if n.device() == at { n } else { ops::_to(&n, None, Some(at), false, false, None)? });
        }
        ops::vector_norm(&ops::stack(&norms, 0)?, ord, None, false, None)
    } { .with(HIDDEN) }
}
