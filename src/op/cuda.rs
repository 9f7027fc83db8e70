//! Formulas and reductions as CUDA text: what `kernels/cuda/print` makes of each operator of the table, in each dtype that it
//! declares, with its derivative. Arguments are made up from the parameters; nothing is computed, and no GPU is needed.

use super::arg::{Arg, Ctx, Param, Ty};
use super::{Grad, Kind, Op, formula, reduction};
use crate::device::Device;
use crate::dtype::{self, DType};
use crate::error::Result;
use crate::kernels::cuda::print::{IndexForm, ReduceForm, Way, map_kernel, prim_supports, reduce_kernel};
use crate::kernels::program::{Compute, Program, Reduce};
use crate::scalar::Scalar;
use crate::tensor::Tensor;

/// A kernel: its name, and its text.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// `tanh_float32`, `tanh_float32_grad`; with `__2` and so on where other arguments give other text.
    pub name: String,
    /// CUDA C++ over the headers of `kernels::cuda::HEADERS`.
    pub text: String,
}

/// What is known of an operator in one dtype.
pub enum Printed {
    /// Its kernels.
    Kernels(Vec<Text>),
    /// It refuses the dtype: by its check, by `only`, or because a primitive of it is not there in that arithmetic.
    Refused,
}

/// The texts that a `Str` parameter of some operator may choose by; checks refuse those of others.
const CHOICES: [&str; 5] = ["none", "mean", "sum", "tanh", "batchmean"];

/// Which optional things are given.
#[derive(Clone, Copy)]
struct Form {
    optional: bool,
    number: bool,
    text: Option<&'static str>,
    /// This tensor (by parameter) is a mask.
    mask: Option<usize>,
}

fn number(d: DType) -> Scalar {
    if d.is_integral() { Scalar::Int(1) } else { Scalar::Float(0.5) }
}

fn argument<'a>(i: usize, p: &Param, f: Form, d: DType, tensor: &'a Tensor, mask: &'a Tensor) -> Arg<'a> {
    let tensor = if f.mask == Some(i) { mask } else { tensor };
    let absent = p.default_arg().unwrap_or(Arg::None);
    match p.ty {
        Ty::Num if f.number && i > 0 => Arg::Scalar(number(d)),
        Ty::Tensor | Ty::Num => Arg::Tensor(tensor),
        Ty::OptTensor | Ty::OptNum if f.optional => Arg::Tensor(tensor),
        Ty::Scalar | Ty::Number if p.default.is_none() => Arg::Scalar(number(d)),
        Ty::OptScalar | Ty::OptNumber if f.optional => Arg::Scalar(number(d)),
        Ty::Float if p.default.is_none() => Arg::Float(0.5),
        Ty::OptFloat if f.optional => Arg::Float(0.5),
        Ty::Int if p.default.is_none() => Arg::Int(0),
        Ty::Bool if p.default.is_none() => Arg::Bool(false),
        Ty::Str | Ty::OptStr if f.text.is_some() => Arg::Str(f.text.unwrap_or_default()),
        _ => absent,
    }
}

/// Every way to call it that may give other text.
fn forms(op: &Op) -> Vec<Form> {
    let has = |f: fn(Ty) -> bool| op.params.iter().any(|p| f(p.ty));
    let mut out = vec![Form { optional: false, number: false, text: None, mask: None }];
    let more = |out: &mut Vec<Form>, change: &dyn Fn(&mut Form)| {
        for mut f in out.clone() {
            change(&mut f);
            out.push(f);
        }
    };
    if has(|t| matches!(t, Ty::OptTensor | Ty::OptNum | Ty::OptScalar | Ty::OptNumber | Ty::OptFloat)) {
        more(&mut out, &|f| f.optional = true);
    }
    if op.params.iter().skip(1).any(|p| p.ty == Ty::Num) {
        more(&mut out, &|f| f.number = true);
    }
    if has(|t| matches!(t, Ty::Str | Ty::OptStr)) {
        let plain = out.clone();
        for t in CHOICES {
            out.extend(plain.iter().map(|f| Form { text: Some(t), ..*f }));
        }
    }
    let plain = out.clone();
    for i in (0..op.params.len()).filter(|&i| op.params[i].ty == Ty::Tensor) {
        out.extend(plain.iter().map(|f| Form { mask: Some(i), ..*f }));
    }
    out
}

fn supported(p: &Program, c: Compute) -> bool {
    p.code.iter().all(|i| prim_supports(i.prim, c))
}

fn width(dtypes: &[DType]) -> u8 {
    let largest = dtypes.iter().map(|d| d.size()).max().unwrap_or(16);
    (16 / largest).clamp(1, 4) as u8
}

/// Adds a kernel, unless its text is there under another name: other arguments often change nothing.
fn push(out: &mut Vec<Text>, stem: &str, print: impl Fn(&str) -> String) {
    // By what stands behind the stem: the name of an operator may end in _ itself.
    let again = |n: &str| n.is_empty() || n.strip_prefix("__").is_some_and(|k| k.parse::<u32>().is_ok());
    let mine: Vec<&Text> = out.iter().filter(|t| t.name.strip_prefix(stem).is_some_and(again)).collect();
    let plain = print("k");
    if mine.iter().any(|t| t.text.replace(&t.name, "k") == plain) {
        return;
    }
    let name = if mine.is_empty() { stem.to_string() } else { format!("{stem}__{}", mine.len() + 1) };
    let text = print(&name);
    out.push(Text { name, text });
}

/// The kernels of a formula or reduction in one dtype.
pub fn print(op: &'static Op, d: DType) -> Result<Printed> {
    let tensor = Tensor::empty(&[2, 3], d, Device::Meta)?;
    let mask = Tensor::empty(&[2, 3], DType::Bool, Device::Meta)?;
    let mut out = Vec::new();
    let forms = forms(op);
    for f in forms {
        // A mask only where the operator takes no other tensor there.
        if f.mask.is_some() && !out.is_empty() {
            break;
        }
        let args: Vec<Arg> = op.params.iter().enumerate().map(|(i, p)| argument(i, p, f, d, &tensor, &mask)).collect();
        let cx = Ctx { op, args: &args };
        let Ok((result, compute)) = formula::types(op, &args) else { continue };
        if op.check.is_some_and(|check| check(&cx).is_err()) {
            continue;
        }
        match &op.kind {
            Kind::Formula(_) => formula_texts(op, &args, result, compute, d, &mut out),
            Kind::Reduction(_, how, post) => {
                let (result, compute) = reduction::types(&cx, result, compute);
                let c = Compute::of(compute);
                let f = formula::program_for(op, &args, compute);
                let (program, ins) = (&f.program, read(&args, &f.used));
                let post = post.map(|p| reduction::post_program(&cx, p, compute));
                // Complex numbers have no order: the CPU refuses them too.
                if compute.is_complex() && matches!(how, Reduce::Max | Reduce::Min) {
                    continue;
                }
                if !supported(program, c) || post.as_ref().is_some_and(|p| !supported(p, c)) {
                    continue;
                }
                let vec = width(&ins);
                let form = ReduceForm { way: Way::Block, kept: 1, reduced: 1, vec, zero: 0, wide: false };
                push(&mut out, &format!("{}_{}", op.name, d.name()), |name| {
                    reduce_kernel(name, program, *how, post.as_ref(), c, &ins, result, form)
                });
            }
            _ => {}
        }
    }
    Ok(if out.is_empty() { Printed::Refused } else { Printed::Kernels(out) })
}

/// The dtypes of the tensors among the arguments.
fn dtypes(args: &[Arg]) -> Vec<DType> {
    args.iter().filter_map(|a| if let Arg::Tensor(t) = a { Some(t.dtype()) } else { None }).collect()
}

/// The dtypes of those that a program reads.
fn read(args: &[Arg], used: &[u8]) -> Vec<DType> {
    let all = dtypes(args);
    used.iter().filter_map(|&i| all.get(i as usize).copied()).collect()
}

fn formula_texts(op: &'static Op, args: &[Arg], result: DType, compute: DType, d: DType, out: &mut Vec<Text>) {
    let c = Compute::of(compute);
    let f = formula::program_for(op, args, compute);
    if !supported(&f.program, c) {
        return;
    }
    let (dtypes, ins) = (dtypes(args), read(args, &f.used));
    let stem = format!("{}_{}", op.name, d.name());
    let index = |ins: &[DType], outs: &[DType]| {
        IndexForm::contiguous(if ins.is_empty() { 1 } else { width(&[ins, outs].concat()) })
    };
    push(out, &stem, |name| map_kernel(name, &f.program, c, &ins, &[result], index(&ins, &[result])));
    if matches!(op.grad, Grad::None | Grad::Zero) || !result.is_differentiable() {
        return;
    }
    let mask = dtypes.iter().enumerate().filter(|(_, d)| d.is_differentiable()).fold(0, |m, (i, _)| m | 1 << i);
    if let Some((g, ins, outs)) = f.derivative(mask, &dtypes, result)
        && supported(&g.program, c)
    {
        push(out, &format!("{stem}_grad"), |name| map_kernel(name, &g.program, c, &ins, &outs, index(&ins, &outs)));
    }
}

/// The kernels of an operator in all dtypes that it declares (and does not refuse).
pub fn texts(op: &'static Op) -> Result<Vec<Text>> {
    let mut out = Vec::new();
    if matches!(op.kind, Kind::Formula(_) | Kind::Reduction(..)) {
        for &d in if op.only.is_empty() { &dtype::ALL[..] } else { op.only } {
            if let Printed::Kernels(k) = print(op, d)? {
                out.extend(k);
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::registry;

    #[test]
    fn every_formula_and_reduction_prints() {
        crate::ops::init();
        let mut names = std::collections::HashSet::new();
        for op in registry::all().filter(|o| matches!(o.kind, Kind::Formula(_) | Kind::Reduction(..))) {
            let all = texts(op).unwrap_or_default();
            assert!(!all.is_empty(), "{} prints in no dtype", op.name);
            for t in all {
                assert!(t.text.contains(&format!("{}(", t.name)), "{}", t.name);
                assert!(names.insert(t.name.clone()), "two kernels are called {}", t.name);
            }
        }
        assert!(names.contains("tanh_float32") && names.contains("tanh_float32_grad"));
    }
}
