//! Histories that in-place calls rewrite: of the written tensor, and of the base of a written view.

use super::*;
use crate::shape::Layout;
use crate::tensor::graph::{Backward, Grads};
use smallvec::SmallVec;

/// The tensors of an in-place call as backward will need them: where the written tensor itself is kept, a copy with its
/// history stands for it. Called before anything is written.
pub fn before_inplace(target: &Tensor, tensors: &[&Tensor], keeps: impl Fn(usize) -> bool) -> Result<Vec<Tensor>> {
    graph::refresh(target);
    let mut out = Vec::with_capacity(tensors.len());
    for (i, t) in tensors.iter().enumerate() {
        if t.same(target) && keeps(i) {
            let copy = t.copied(t.dtype())?;
            if let Some(e) = edge(t) {
                copy.set_grad_fn(e);
            }
            out.push(copy);
        } else {
            out.push((*t).clone());
        }
    }
    Ok(out)
}

/// Counts a recorded write. The grad_fn of a view was brought up to date by [`before_inplace`] and is right until
/// [`rebase`]: it must not be made anew for the node's own edge.
pub fn written(target: &Tensor) {
    target.bump();
    target.view_is_right();
}

/// Makes `node` the history of a tensor that was written in place; for a view, of its base as well.
pub fn rebase(target: &Tensor, node: Arc<Node>) -> Result<()> {
    let Some(view) = target.origin() else {
        target.set_grad_fn(Edge { node, index: 0 });
        target.with_auto_mut(|a| a.rewritten += 1);
        return Ok(());
    };
    let base = view.base;
    // The base's old history goes first; the node's own edge to the view is replaced by it.
    let mut edges: SmallVec<[Option<Edge>; 3]> = SmallVec::new();
    edges.push(edge(&base));
    let inner = node.edges.lock().clone();
    let mine = edge(target);
    let mut self_at = None;
    for (i, e) in inner.iter().enumerate() {
        let is_self = match (e, &mine) {
            (Some(a), Some(b)) => self_at.is_none() && Arc::ptr_eq(&a.node, &b.node) && a.index == b.index,
            _ => false,
        };
        if is_self {
            self_at = Some(i);
        }
        edges.push(if is_self { None } else { e.clone() });
    }
    let place = Place { layout: target.layout(), complex: target.dtype().is_complex() };
    let copy = CopySlices { inner: node, place, base: base.layout(), self_at };
    let outer = Node::new(Box::new(copy), edges);
    outer.describe(std::slice::from_ref(&base));
    base.set_grad_fn(Edge { node: outer, index: 0 });
    base.with_auto_mut(|a| a.rewritten += 1);
    graph::renew(target, &base);
    Ok(())
}

/// Where a view lies in its base's memory, in units of its own dtype: enough to make it again from any tensor that lies as
/// the base does. Of the views with another dtype than their base, only those of complex numbers as pairs of reals (and
/// back) are differentiable, so that the two kinds of dtype say which steps lead from one to the other.
struct Place {
    layout: Layout,
    complex: bool,
}

impl Place {
    /// The view of `base`, whose memory begins `skipped` of its own elements after where the old base's did.
    fn again(&self, base: &Tensor, skipped: i64) -> Result<Tensor> {
        let steps = steps::get()?;
        let strided = |t: &Tensor, l: &Layout, skipped: i64| {
            (steps.strided)(t, &Layout { offset: l.offset - skipped, ..l.clone() })
        };
        match (base.dtype().is_complex(), self.complex) {
            (true, false) => strided(&(steps.pairs)(base)?, &self.layout, 2 * skipped),
            (false, true) => {
                let mut pairs = self.layout.clone();
                pairs.offset *= 2;
                pairs.strides.iter_mut().for_each(|s| *s *= 2);
                pairs.sizes.push(2);
                pairs.strides.push(1);
                (steps.complex)(&strided(base, &pairs, skipped)?)
            }
            _ => strided(base, &self.layout, skipped),
        }
    }
}

/// History of a base whose view was written in place: outside of the view the gradient passes, inside it goes through
/// what was written.
struct CopySlices {
    inner: Arc<Node>,
    place: Place,
    base: Layout,
    /// Which input of `inner` is the view itself; None where its old value does not count (`fill_`, `copy_`).
    self_at: Option<usize>,
}

impl Backward for CopySlices {
    fn name(&self) -> &str {
        "CopySlices"
    }

    fn run(&self, node: &Arc<Node>, grads: Grads) -> Result<Grads> {
        let g = match grads.first().cloned().flatten() {
            Some(g) => g,
            None => zeros_for(node, 0)?,
        };
        // A copy that lies as the base does, in which the view has its old place.
        let base = Tensor::empty_strided(&self.base.sizes, &self.base.strides, g.dtype(), g.device())?;
        let steps = steps::get()?;
        (steps.write)(&base, &g)?;
        let slice = |t: &Tensor| self.place.again(t, self.base.offset);
        let part = (steps.copy)(&slice(&base)?)?;
        let Some(b) = &self.inner.backward else { bail!(Runtime, "CopySlices over a leaf") };
        let inner = b.run(&self.inner, Grads::from_iter([Some(part)]))?;
        // Autograd of the gradient itself: the slice is written in place, which is recorded like any other write.
        let hole = slice(&base)?;
        let mut out: Grads = SmallVec::new();
        match self.self_at.and_then(|i| inner.get(i).cloned().flatten()) {
            Some(p) => (steps.write)(&hole, &p)?,
            None => (steps.clear)(&hole)?,
        }
        out.push(Some(base));
        for (i, g) in inner.into_iter().enumerate() {
            out.push(if Some(i) == self.self_at { None } else { g });
        }
        Ok(out)
    }

    fn release(&self) {
        if let Some(b) = &self.inner.backward {
            b.release();
        }
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// The history of a view whose base was written: `as_strided` of the base (PyTorch prints `AsStridedBackward0`).
pub(super) fn renew(view: &Tensor, base: &Tensor) -> Option<Edge> {
    let _recorded = mode::NoGrad::with(true);
    let place = Place { layout: view.layout(), complex: view.dtype().is_complex() };
    // Only its history is wanted; the tensor itself goes again.
    place.again(base, 0).ok()?.with_auto(|a| a.grad_fn.clone())
}
