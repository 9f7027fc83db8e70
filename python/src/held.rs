//! What parsed arguments own while a call lasts: lists of integers and the like. An argument borrows from here, so nothing
//! held moves before the call is over.

use rtorch::Tensor;
use rtorch::shape::Dims;
use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;

/// Lists of integers that need no allocation.
const QUICK: usize = 2;

/// An owned argument of a rarer kind.
enum Item {
    Ints(Dims),
    Floats(Vec<f64>),
    Tensors(Vec<Tensor>),
    OptTensors(Vec<Option<Tensor>>),
}

/// See the module's documentation.
pub struct Held {
    n: Cell<usize>,
    ints: UnsafeCell<[MaybeUninit<Dims>; QUICK]>,
    #[allow(clippy::vec_box)] // what is borrowed must not move when the list grows
    rest: UnsafeCell<Vec<Box<Item>>>,
}

impl Held {
    /// Holds nothing yet.
    #[inline]
    pub fn new() -> Held {
        Held {
            n: Cell::new(0),
            ints: UnsafeCell::new([const { MaybeUninit::uninit() }; QUICK]),
            rest: UnsafeCell::new(Vec::new()),
        }
    }

    fn keep(&self, item: Item) -> &Item {
        // SAFETY: `Held` is not Sync and this is the only place that touches the list, for no longer than this line. The
        // item is in a box, which does not move when the list grows, and nothing is taken out before `self` is dropped.
        unsafe {
            let rest = &mut *self.rest.get();
            rest.push(Box::new(item));
            &*std::ptr::from_ref::<Item>(&rest[rest.len() - 1])
        }
    }

    /// Holds integers.
    #[inline]
    pub fn ints(&self, v: Dims) -> &[i64] {
        let i = self.n.get();
        if i < QUICK {
            self.n.set(i + 1);
            // SAFETY: slot `i` was never written and is not borrowed; it stays as it is until `self` is dropped.
            return unsafe { (*self.ints.get().cast::<MaybeUninit<Dims>>().add(i)).write(v) };
        }
        if let Item::Ints(v) = self.keep(Item::Ints(v)) { v } else { &[] }
    }

    /// Holds floats.
    pub fn floats(&self, v: Vec<f64>) -> &[f64] {
        if let Item::Floats(v) = self.keep(Item::Floats(v)) { v } else { &[] }
    }

    /// Holds tensors.
    pub fn tensors(&self, v: Vec<Tensor>) -> &[Tensor] {
        if let Item::Tensors(v) = self.keep(Item::Tensors(v)) { v } else { &[] }
    }

    /// Holds indices with holes.
    pub fn opt_tensors(&self, v: Vec<Option<Tensor>>) -> &[Option<Tensor>] {
        if let Item::OptTensors(v) = self.keep(Item::OptTensors(v)) { v } else { &[] }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for i in 0..self.n.get() {
            // SAFETY: the first `n` slots were written, and nobody borrows any more.
            unsafe { self.ints.get_mut()[i].assume_init_drop() };
        }
    }
}
