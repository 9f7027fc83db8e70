//! Those who see calls before they run: a profiler, autocast, vmap, tracing. `call.rs` asks once a call whether there is
//! anybody (`mode::intercepted`); everything else is here.

use super::arg::Arg;
use super::call::{self, Mode};
use super::{Op, Rets};
use crate::error::Result;
use crate::tensor::mode;
use std::cell::RefCell;
use std::rc::Rc;

/// A call on its way.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The operator.
    pub op: &'static Op,
    /// Its arguments, all of them.
    pub args: &'a [Arg<'a>],
    /// Where the result goes.
    pub how: Mode<'a>,
}

/// Somebody who stands around calls.
pub trait Interceptor {
    /// Runs the call by `next`, as it is or with other arguments, or gives a result without it. Calls that are made
    /// meanwhile are intercepted too, except those made under [`paused`].
    fn call(&self, call: Call, next: &mut dyn FnMut(Call) -> Result<Rets>) -> Result<Rets>;
}

thread_local! {
    /// Who intercepts on this thread, the innermost last.
    static ALL: RefCell<Vec<Rc<dyn Interceptor>>> = const { RefCell::new(Vec::new()) };
}

/// Adds one, who sees calls before those that are there already, until the guard is dropped.
pub fn push(who: Rc<dyn Interceptor>) -> Guard {
    ALL.with_borrow_mut(|all| all.push(who.clone()));
    Guard { who, before: mode::set_intercepted(true) }
}

/// Takes an interceptor away when it is dropped; others may have come and gone meanwhile.
pub struct Guard {
    who: Rc<dyn Interceptor>,
    before: bool,
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Dropped after the list is free again: an interceptor may be the host's.
        let (gone, last, left) = ALL.with_borrow_mut(|all| {
            let at = all.iter().rposition(|w| Rc::ptr_eq(w, &self.who));
            let last = at.is_some_and(|i| i + 1 == all.len());
            (at.map(|i| all.remove(i)), last, !all.is_empty())
        });
        // Those who came later still intercept, whatever was before this one.
        if last || !left {
            mode::set_intercepted(self.before && left);
        }
        drop(gone);
    }
}

/// Runs `f` with nobody intercepting.
pub fn paused<R>(f: impl FnOnce() -> R) -> R {
    struct Back(bool);
    impl Drop for Back {
        fn drop(&mut self) {
            mode::set_intercepted(self.0);
        }
    }
    let _back = Back(mode::set_intercepted(false));
    f()
}

/// A call with interceptors.
#[cold]
pub(super) fn run(call: Call) -> Result<Rets> {
    let all = ALL.with_borrow(|all| all.clone());
    through(&all, call)
}

fn through(all: &[Rc<dyn Interceptor>], call: Call) -> Result<Rets> {
    match all.split_last() {
        None => call::direct(call.op, call.args, call.how),
        Some((who, rest)) => who.call(call, &mut |c| through(rest, c)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops;
    use crate::tensor::Tensor;
    use std::cell::RefCell;

    struct Names(RefCell<Vec<&'static str>>);

    impl Interceptor for Names {
        fn call(&self, call: Call, next: &mut dyn FnMut(Call) -> Result<Rets>) -> Result<Rets> {
            self.0.borrow_mut().push(call.op.name);
            next(call)
        }
    }

    /// Doubles what `neg` is called with.
    struct Doubles;

    impl Interceptor for Doubles {
        fn call(&self, call: Call, next: &mut dyn FnMut(Call) -> Result<Rets>) -> Result<Rets> {
            let [Arg::Tensor(t)] = call.args else { return next(call) };
            let twice = paused(|| ops::add((*t).into(), (*t).into(), None))?;
            next(Call { args: &[Arg::Tensor(&twice)], ..call })
        }
    }

    #[test]
    fn calls_and_their_parts_are_seen_and_may_be_changed() -> Result<()> {
        ops::init();
        let x = Tensor::from_slice(&[1f32, 2.0], &[2])?;
        let names = Rc::new(Names(RefCell::default()));
        {
            let _outer = push(names.clone());
            let _inner = push(Rc::new(Doubles));
            assert_eq!(ops::neg(&x)?.to_vec::<f32>()?, [-2.0, -4.0]);
            assert_eq!(*names.0.borrow(), ["neg"]);
            // A composite, and what it is made of.
            ops::ravel(&x)?;
            assert!(names.0.borrow().len() > 2, "{:?}", names.0.borrow());
        }
        assert_eq!(ops::neg(&x)?.to_vec::<f32>()?, [-1.0, -2.0]);
        assert!(!mode::intercepted());
        // The first to come may go first.
        let (a, b) = (push(Rc::new(Doubles)), push(names.clone()));
        drop(a);
        assert_eq!(ops::neg(&x)?.to_vec::<f32>()?, [-1.0, -2.0]);
        assert!(mode::intercepted());
        drop(b);
        assert!(!mode::intercepted());
        Ok(())
    }
}
