//! `torch.autocast`: an interceptor that converts the arguments of operators to the dtype in which each is worth computing. What
//! an operator wants stands in its literal (`Op::cast`), as PyTorch's lists for the CPU have it.

use super::arg::Arg;
use super::call::Mode;
use super::intercept::{self, Call, Guard, Interceptor};
use super::{Rets, steps};
use crate::device::Device;
use crate::dtype::DType;
use crate::error::Result;
use crate::tensor::{Tensor, mode};
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// What autocast does with an operator's arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cast {
    /// Nothing; the operators it is made of follow their own rules.
    Leave,
    /// To the lower precision: products of matrices and convolutions.
    Lower,
    /// To float32: losses, long sums, factorizations.
    Single,
    /// To the widest of the arguments' dtypes: what joins tensors.
    Widest,
    /// To the dtype of this argument, the state of a recurrent step.
    Like(u8),
    /// Nothing, nor with the operators it is made of: to PyTorch it is one step.
    Whole,
}

/// The kinds of devices that have switches of their own. Only the CPU's do something: there is no other device to compute on.
pub const KINDS: [&str; 10] = ["cpu", "cuda", "ipu", "xpu", "xla", "hpu", "mps", "maia", "mtia", "privateuseone"];

const CPU: usize = 0;

/// The dtypes that the switches begin with.
const FIRST: [DType; KINDS.len()] = {
    use DType::{BF16, F16};
    [BF16, F16, F16, F16, BF16, BF16, F16, BF16, F16, F16]
};

/// A weight that was converted: the weight as it was then, and what came of it, with recording off and on.
struct Cached {
    weight: Tensor,
    version: u32,
    made: [Option<Tensor>; 2],
}

/// A thread's switches.
struct State {
    enabled: Cell<[bool; KINDS.len()]>,
    dtypes: Cell<[DType; KINDS.len()]>,
    caching: Cell<bool>,
    nesting: Cell<i64>,
    /// By the weight's handle, which the entry keeps alive.
    cache: RefCell<HashMap<usize, Cached>>,
    /// Is a call with converted arguments running? Its parts are left alone.
    inside: Cell<bool>,
}

thread_local! {
    static STATE: Rc<State> = Rc::new(State {
        enabled: Cell::new([false; KINDS.len()]),
        dtypes: Cell::new(FIRST),
        caching: Cell::new(true),
        nesting: Cell::new(0),
        cache: RefCell::default(),
        inside: Cell::new(false),
    });
    /// There while the CPU's switch is on.
    static GUARD: RefCell<Option<Guard>> = const { RefCell::new(None) };
}

/// Is autocast on for this kind of device (its place in [`KINDS`])?
pub fn enabled(kind: usize) -> bool {
    STATE.with(|s| s.enabled.get().get(kind).copied().unwrap_or(false))
}

/// Switches it.
pub fn set_enabled(kind: usize, on: bool) {
    let state = STATE.with(Rc::clone);
    let mut all = state.enabled.get();
    if let Some(e) = all.get_mut(kind) {
        *e = on;
    }
    state.enabled.set(all);
    if kind == CPU {
        let old = GUARD.with_borrow_mut(Option::take);
        let new = on.then(|| old.unwrap_or_else(|| intercept::push(state)));
        GUARD.with_borrow_mut(|g| *g = new);
    }
}

/// The lower precision of this kind of device.
pub fn dtype(kind: usize) -> DType {
    STATE.with(|s| s.dtypes.get().get(kind).copied().unwrap_or(DType::BF16))
}

/// Sets it.
pub fn set_dtype(kind: usize, dtype: DType) {
    STATE.with(|s| {
        let mut all = s.dtypes.get();
        if let Some(d) = all.get_mut(kind) {
            *d = dtype;
        }
        s.dtypes.set(all);
    });
}

/// Are converted weights kept?
pub fn caching() -> bool {
    STATE.with(|s| s.caching.get())
}

/// Switches that.
pub fn set_caching(on: bool) {
    STATE.with(|s| s.caching.set(on));
}

/// One more context (or, with -1, one less); how many there are now.
pub fn nest(by: i64) -> i64 {
    STATE.with(|s| {
        s.nesting.set(s.nesting.get() + by);
        s.nesting.get()
    })
}

/// Forgets converted weights.
pub fn clear_cache() {
    // Dropped when the cell is free again: tensors may be the host's objects.
    let old = STATE.with(|s| s.cache.take());
    drop(old);
}

/// Only these are converted: float64 was chosen by somebody, and so was complex.
fn eligible(t: &Tensor) -> bool {
    matches!(t.dtype(), DType::F32 | DType::F16 | DType::BF16) && t.device() == Device::Cpu
}

impl State {
    /// The tensor in another dtype; None where it stays.
    fn converted(&self, t: &Tensor, to: DType) -> Result<Option<Tensor>> {
        if !eligible(t) || t.dtype() == to {
            return Ok(None);
        }
        let convert = steps::get()?.convert;
        // Parameters are used again, and their gradients are best summed before they are converted back.
        let weight = t.dtype() == DType::F32
            && to == self.dtypes.get()[CPU]
            && self.caching.get()
            && t.requires_grad()
            && t.is_leaf()
            && t.origin().is_none();
        if !weight {
            return convert(t, to).map(Some);
        }
        let (key, version, way) = (t.id(), t.version(), usize::from(mode::grad()));
        let known =
            self.cache.borrow().get(&key).and_then(|c| if c.version == version { c.made[way].clone() } else { None });
        if let Some(c) = known.filter(|c| c.dtype() == to) {
            return Ok(Some(c));
        }
        let made = convert(t, to)?;
        let mut old = None;
        let mut cache = self.cache.borrow_mut();
        let entry = cache.entry(key).or_insert_with(|| Cached { weight: t.clone(), version, made: [None, None] });
        if entry.version != version || !entry.weight.same(t) {
            old = Some(std::mem::replace(entry, Cached { weight: t.clone(), version, made: [None, None] }));
        }
        let before = entry.made[way].replace(made.clone());
        drop(cache);
        drop((old, before));
        Ok(Some(made))
    }

    fn converted_list(&self, ts: &[Tensor], to: DType) -> Result<Vec<Tensor>> {
        ts.iter().map(|t| Ok(self.converted(t, to)?.unwrap_or_else(|| t.clone()))).collect()
    }

    /// The dtype that all of these go to.
    fn widest(&self, args: &[Arg]) -> Result<DType> {
        let low = self.dtypes.get()[CPU];
        let mut to = low;
        let mut see = |t: &Tensor| {
            if !eligible(t) {
                return Ok(());
            }
            match t.dtype() {
                DType::F32 => to = DType::F32,
                d if d == low || to == DType::F32 => {}
                _ => bail!(Runtime, "Unexpected floating ScalarType in at::autocast::prioritize"),
            }
            Ok(())
        };
        for a in args {
            match a {
                Arg::Tensor(t) => see(t)?,
                Arg::Tensors(ts) => ts.iter().try_for_each(&mut see)?,
                _ => {}
            }
        }
        Ok(to)
    }
}

/// A converted argument.
enum New {
    One(Tensor),
    Many(Vec<Tensor>),
    Same,
}

impl Interceptor for State {
    fn call(&self, call: Call, next: &mut dyn FnMut(Call) -> Result<Rets>) -> Result<Rets> {
        let cast = call.op.cast;
        if cast == Cast::Leave || self.inside.get() {
            return next(call);
        }
        struct Inside<'a>(&'a Cell<bool>);
        impl Drop for Inside<'_> {
            fn drop(&mut self) {
                self.0.set(false);
            }
        }
        self.inside.set(true);
        let _inside = Inside(&self.inside);
        let to = match cast {
            // What is written into a given tensor is computed as it stands.
            _ if !matches!(call.how, Mode::New) => return next(call),
            Cast::Leave | Cast::Whole => return next(call),
            Cast::Single => DType::F32,
            Cast::Lower => self.dtypes.get()[CPU],
            Cast::Widest => self.widest(call.args)?,
            Cast::Like(i) => match call.args.get(i as usize) {
                Some(Arg::Tensor(t)) => t.dtype(),
                Some(Arg::Tensors([t, ..])) => t.dtype(),
                _ => return next(call),
            },
        };
        let mut new: SmallVec<[New; 8]> = SmallVec::new();
        for a in call.args {
            new.push(match a {
                Arg::Tensor(t) => self.converted(t, to)?.map_or(New::Same, New::One),
                Arg::Tensors(ts) => New::Many(self.converted_list(ts, to)?),
                _ => New::Same,
            });
        }
        let args: SmallVec<[Arg; 8]> = call
            .args
            .iter()
            .zip(&new)
            .map(|(a, n)| match n {
                New::One(t) => Arg::Tensor(t),
                New::Many(ts) => Arg::Tensors(ts),
                New::Same => *a,
            })
            .collect();
        next(Call { args: &args, ..call })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops;

    #[test]
    fn arguments_go_where_the_literal_says() -> Result<()> {
        ops::init();
        let x = Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0], &[2, 2])?;
        set_enabled(CPU, true);
        let low = ops::mm(&x, &x)?;
        let joined = ops::cat(&[low.clone(), x.clone()], 0)?;
        let product = ops::prod_all(&low, None)?;
        set_enabled(CPU, false);
        assert_eq!(low.dtype(), DType::BF16);
        assert_eq!((joined.dtype(), product.dtype()), (DType::F32, DType::F32));
        assert_eq!(ops::mm(&x, &x)?.dtype(), DType::F32);
        assert!(!mode::intercepted());
        Ok(())
    }

    #[test]
    fn a_weight_is_converted_once_until_it_is_written() -> Result<()> {
        ops::init();
        let w = Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0], &[2, 2])?;
        w.set_requires_grad(true)?;
        let state = STATE.with(Rc::clone);
        let first = state.converted(&w, DType::BF16)?;
        let second = state.converted(&w, DType::BF16)?;
        assert!(first.zip(second).is_some_and(|(a, b)| a.same(&b)));
        {
            let _off = mode::NoGrad::new();
            ops::zero_(&w)?;
        }
        let third = state.converted(&w, DType::BF16)?;
        assert!(third.is_some_and(|t| t.to_vec::<f32>().is_ok_and(|v| v == [0.0; 4])));
        clear_cache();
        Ok(())
    }
}
