//! The backward walk: nodes in reverse order of recording, each once, when all its gradients have come. Iterative: a chain
//! of a million nodes needs no stack.

use super::address::{AddressMap, AddressSet};
use crate::error::Result;
use crate::ops;
use crate::shape::show;
use crate::tensor::graph::{Edge, Grads, Node};
use crate::tensor::{Tensor, mode};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

fn key(node: &Arc<Node>) -> usize {
    Arc::as_ptr(node) as usize
}

/// A node whose gradients have all come.
struct Ready(Arc<Node>, Grads);

impl PartialEq for Ready {
    fn eq(&self, o: &Ready) -> bool {
        self.0.seq == o.0.seq
    }
}
impl Eq for Ready {}
impl PartialOrd for Ready {
    fn partial_cmp(&self, o: &Ready) -> Option<Ordering> {
        Some(self.cmp(o))
    }
}
impl Ord for Ready {
    fn cmp(&self, o: &Ready) -> Ordering {
        self.0.seq.cmp(&o.0.seq)
    }
}

/// A node that is waiting for gradients.
struct Waiting {
    /// How many edges lead to it from nodes that will run.
    missing: usize,
    grads: Grads,
}

fn edges(node: &Node) -> smallvec::SmallVec<[Option<Edge>; 3]> {
    node.edges.lock().clone()
}

/// What becomes of the gradients.
#[derive(Clone, Copy)]
pub enum Want<'a> {
    /// Every leaf accumulates its own.
    Leaves,
    /// Only what lies on the way to these runs, and they too: those that are leaves accumulate (`backward(inputs=)`).
    Only(&'a [Edge]),
    /// What arrives at these is returned, and nothing is accumulated (`grad`).
    Returned(&'a [Edge]),
}

/// Walks from `roots`; the result is what `Want::Returned` asks for.
pub fn run(roots: Vec<(Edge, Tensor)>, want: Want, retain: bool, create: bool) -> Result<Grads> {
    let _mode = mode::NoGrad::with(create);
    let retain = retain || create;
    let start: Vec<Arc<Node>> = roots.iter().map(|r| r.0.node.clone()).collect();
    let (targets, returned): (Option<&[Edge]>, &[Edge]) = match want {
        Want::Leaves => (None, &[]),
        Want::Only(w) => (Some(w), &[]),
        Want::Returned(w) => (Some(w), w),
    };
    let useful = targets.map(|w| useful(&start, w));
    let runs = |n: &Arc<Node>| useful.as_ref().is_none_or(|u| u.contains(&key(n)));

    // How many gradients each node waits for.
    let mut waiting: AddressMap<Waiting> = AddressMap::default();
    let mut seen = AddressSet::default();
    let mut stack: Vec<Arc<Node>> = Vec::new();
    for n in &start {
        if runs(n) && seen.insert(key(n)) {
            stack.push(n.clone());
        }
    }
    while let Some(n) = stack.pop() {
        for e in n.edges.lock().iter().flatten() {
            if !runs(&e.node) {
                continue;
            }
            waiting.entry(key(&e.node)).or_insert_with(|| Waiting { missing: 0, grads: Grads::new() }).missing += 1;
            if seen.insert(key(&e.node)) {
                stack.push(e.node.clone());
            }
        }
    }

    let mut ready: BinaryHeap<Ready> = BinaryHeap::new();
    let mut first: AddressMap<(Arc<Node>, Grads)> = AddressMap::default();
    for (e, g) in roots {
        if runs(&e.node) {
            // A gradient that was given may have another dtype than the tensor it is for.
            let meta = e.node.outs.lock().get(e.index as usize).map(|m| m.dtype);
            let g = match meta {
                Some(d) if d != g.dtype() => crate::op::record::fit(g.clone(), &g.sizes(), d)?,
                _ => g,
            };
            add(&mut first.entry(key(&e.node)).or_insert_with(|| (e.node.clone(), Grads::new())).1, e.index, g)?;
        }
    }
    for (k, (n, grads)) in first {
        match waiting.get_mut(&k) {
            Some(w) => {
                for (i, g) in grads.into_iter().enumerate() {
                    if let Some(g) = g {
                        add(&mut w.grads, i as u32, g)?;
                    }
                }
            }
            None => ready.push(Ready(n, grads)),
        }
    }

    let mut captured: Grads = returned.iter().map(|_| None).collect();
    let capture = |node: &Arc<Node>, grads: &Grads, captured: &mut Grads| {
        for (i, w) in returned.iter().enumerate() {
            if Arc::ptr_eq(&w.node, node) {
                captured[i] = grads.get(w.index as usize).cloned().flatten();
            }
        }
    };
    while let Some(Ready(node, mut grads)) = ready.pop() {
        let next = edges(&node);
        // A node that was only asked for its own gradients does not run.
        let itself = match want {
            Want::Leaves => true,
            Want::Only(w) => {
                w.iter().any(|w| Arc::ptr_eq(&w.node, &node)) || next.iter().flatten().any(|e| runs(&e.node))
            }
            Want::Returned(_) => next.iter().flatten().any(|e| runs(&e.node)),
        };
        if itself {
            // As PyTorch has it: what is returned for a tensor on the way to another is what came, before its hooks.
            capture(&node, &grads, &mut captured);
        }
        tensor_hooks(&node, &mut grads)?;
        if !itself {
            capture(&node, &grads, &mut captured);
            continue;
        }
        let hooked = node.hooks.lock().is_some();
        if hooked {
            pre_hooks(&node, &mut grads)?;
        }
        if let Some(leaf) = &node.leaf {
            // Taken out of the list, so that nobody else holds it, unless the hooks are to see it.
            let g = grads.first_mut().and_then(|g| if hooked { g.clone() } else { g.take() });
            let given = if hooked { grads } else { Grads::new() };
            if let Some(g) = g {
                accumulate(leaf, g, create)?;
            }
            if hooked {
                for (_, hook) in node.with_hooks(|h| h.post.clone()) {
                    hook.call(&given, Some(&Grads::new()))?;
                }
            }
            continue;
        }
        let results = if grads.iter().all(Option::is_none) && !node.backward.as_ref().is_some_and(|b| b.wants_zeros()) {
            next.iter().map(|_| None).collect()
        } else {
            step(&node, grads, retain)?
        };
        for (e, g) in next.into_iter().zip(results.into_iter().chain(std::iter::repeat(None))) {
            let Some(e) = e else { continue };
            if !runs(&e.node) {
                continue;
            }
            let k = key(&e.node);
            let Some(w) = waiting.get_mut(&k) else { continue };
            if let Some(g) = g {
                add(&mut w.grads, e.index, g)?;
            }
            w.missing -= 1;
            if w.missing == 0
                && let Some(w) = waiting.remove(&k)
            {
                ready.push(Ready(e.node, w.grads));
            }
        }
    }
    Ok(captured)
}

/// The nodes on some way from `start` to `wanted`.
fn useful(start: &[Arc<Node>], wanted: &[Edge]) -> AddressSet {
    let targets: AddressSet = wanted.iter().map(|e| key(&e.node)).collect();
    let mut useful = AddressSet::default();
    let mut done = AddressSet::default();
    // Post-order without recursion: a node is looked at again after its successors.
    let mut stack: Vec<(Arc<Node>, bool)> = start.iter().map(|n| (n.clone(), false)).collect();
    while let Some((n, again)) = stack.pop() {
        let k = key(&n);
        if again {
            if targets.contains(&k) || n.edges.lock().iter().flatten().any(|e| useful.contains(&key(&e.node))) {
                useful.insert(k);
            }
            continue;
        }
        if !done.insert(k) {
            continue;
        }
        stack.push((n.clone(), true));
        for e in n.edges.lock().iter().flatten() {
            if !done.contains(&key(&e.node)) {
                stack.push((e.node.clone(), false));
            }
        }
    }
    useful
}

/// Adds a gradient to those that have come for output `index`.
fn add(grads: &mut Grads, index: u32, g: Tensor) -> Result<()> {
    let i = index as usize;
    if grads.len() <= i {
        grads.resize(i + 1, None);
    }
    grads[i] = Some(match grads[i].take() {
        None => g,
        Some(old) => sum(old, g)?,
    });
    Ok(())
}

fn sum(a: Tensor, b: Tensor) -> Result<Tensor> {
    // A strided tensor plus a sparse one: only this order is an operator.
    let (a, b) = if a.is_sparse() && !b.is_sparse() { (b, a) } else { (a, b) };
    ops::add((&a).into(), (&b).into(), None)
}

/// Hooks on the tensors that the node made (or on the leaf), then the gradients that they retain.
fn tensor_hooks(node: &Arc<Node>, grads: &mut Grads) -> Result<()> {
    if let Some(leaf) = &node.leaf {
        for (_, hook) in leaf.with_auto(|a| a.hooks().to_vec()) {
            if let Some(Some(g)) = grads.first().cloned()
                && let Some(new) = hook.call(&g)?
            {
                grads[0] = Some(new);
            }
        }
        return Ok(());
    }
    let hooks = {
        let h = node.hooks.lock();
        let Some(h) = h.as_ref() else { return Ok(()) };
        (h.tensor.clone(), h.retain.clone())
    };
    for (index, _, hook) in hooks.0 {
        if let Some(Some(g)) = grads.get(index as usize).cloned()
            && let Some(new) = hook.call(&g)?
        {
            grads[index as usize] = Some(new);
        }
    }
    for (index, weak) in hooks.1 {
        if let (Some(t), Some(Some(g))) = (Tensor::upgrade(&weak), grads.get(index as usize)) {
            t.set_grad(Some(match t.grad() {
                Some(old) => sum(old, g.clone())?,
                None => g.clone(),
            }));
        }
    }
    Ok(())
}

/// Hooks on the node itself, before it runs.
fn pre_hooks(node: &Arc<Node>, grads: &mut Grads) -> Result<()> {
    for (_, hook) in node.with_hooks(|h| h.pre.clone()) {
        if let Some(new) = hook.call(grads, None)? {
            *grads = new;
        }
    }
    Ok(())
}

/// Runs one node.
fn step(node: &Arc<Node>, grads: Grads, retain: bool) -> Result<Grads> {
    let Some(backward) = &node.backward else { return Ok(Grads::new()) };
    let post = node.hooks.lock().as_ref().map(|h| h.post.clone()).unwrap_or_default();
    let given = if post.is_empty() { Grads::new() } else { grads.clone() };
    let mut results = backward.run(node, grads).map_err(|e| explain(node, e))?;
    if !retain {
        backward.release();
    }
    if mode::anomaly() == 2 {
        check_nan(node, &results)?;
    }
    for (_, hook) in post {
        if let Some(new) = hook.call(&given, Some(&results))? {
            results = new;
        }
    }
    fit_to_inputs(node, &mut results)?;
    Ok(results)
}

/// Gradients that a custom function or a hook returned must suit the tensors they are for.
fn fit_to_inputs(node: &Arc<Node>, results: &mut Grads) -> Result<()> {
    let suits = |(e, g): (&Option<Edge>, &Option<Tensor>)| {
        let (Some(e), Some(g)) = (e, g) else { return true };
        let (outs, b) = (e.node.outs.lock(), g.body());
        outs.get(e.index as usize).is_none_or(|m| b.dtype == m.dtype && crate::shape::same(&b.layout.sizes, &m.sizes))
    };
    if node.edges.lock().iter().zip(results.iter()).all(suits) {
        return Ok(());
    }
    for (i, e) in edges(node).iter().enumerate() {
        let (Some(e), Some(Some(g))) = (e, results.get(i)) else { continue };
        let meta = e.node.outs.lock().get(e.index as usize).cloned();
        let Some(m) = meta else { continue };
        let (sizes, dtype) = {
            let b = g.body();
            if b.layout.sizes == m.sizes && b.dtype == m.dtype {
                continue;
            }
            (b.layout.sizes.clone(), b.dtype)
        };
        let fits = crate::shape::broadcast(&sizes, &m.sizes).is_ok_and(|s| s == sizes);
        if !fits {
            bail!(
                Runtime,
                "Function {} returned an invalid gradient at index {i} - got {} but expected shape compatible with {}",
                node.name(),
                show(&sizes),
                show(&m.sizes)
            );
        }
        _ = dtype;
        let new = crate::op::record::fit(g.clone(), &m.sizes, m.dtype)?;
        results[i] = Some(new);
    }
    Ok(())
}

#[cold]
fn explain(node: &Node, e: crate::error::Error) -> crate::error::Error {
    match node.with_hooks(|h| h.traceback.clone()) {
        Some(line) if !e.text().contains(&line) => e.map_text(|t| format!("{t}\nThe forward call was:\n{line}")),
        _ => e,
    }
}

fn check_nan(node: &Node, results: &Grads) -> Result<()> {
    for (i, g) in results.iter().enumerate() {
        let Some(g) = g else { continue };
        if !g.dtype().is_differentiable() {
            continue;
        }
        let bad = ops::any(&ops::isnan(g)?)?.item()?.truth();
        if bad {
            let line = node
                .with_hooks(|h| h.traceback.clone())
                .map(|l| format!("\nThe forward call was:\n{l}"))
                .unwrap_or_default();
            bail!(
                Runtime,
                "Function '{}' returned nan values in its {i}th output.\nThat gradient has shape {}. Square roots, logarithms, \
                 norms and quotients have no finite gradient at an input of 0: add an eps, or clamp() the input.{line}",
                node.name(),
                show(&g.sizes())
            );
        }
    }
    Ok(())
}

/// Adds a gradient to a leaf's `.grad`.
fn accumulate(leaf: &Tensor, g: Tensor, create: bool) -> Result<()> {
    let old = leaf.grad();
    match old {
        _ if g.is_sparse() || old.as_ref().is_some_and(Tensor::is_sparse) => accumulate_sparse(leaf, old, g, create)?,
        Some(old) if !create && old.is_contiguous() && old.dtype() == g.dtype() => {
            let _off = mode::NoGrad::new();
            ops::add_(&old, &g)?;
        }
        Some(old) => leaf.set_grad(Some(sum(old, g)?)),
        None => {
            // A gradient that nobody else holds, laid out like the leaf and without gaps, is taken as it is; another is copied.
            let own = !create && g.ref_count() == 1 && g.base().is_none() && {
                let (b, l) = (g.body(), leaf.body());
                b.storage.use_count() == 1
                    && crate::shape::same(&b.layout.strides, &l.layout.strides)
                    && (b.contiguous || b.layout.is_dense())
            };
            let g = if own {
                if g.requires_grad() { g.detached() } else { g }
            } else if create {
                ops::duplicate(&g, None)?
            } else {
                let new = Tensor::empty_strided(&leaf.sizes(), &dense_strides(leaf), g.dtype(), g.device())?;
                new.copy_raw(&g)?;
                new
            };
            leaf.set_grad(Some(g));
        }
    }
    for (_, h) in leaf.with_auto(|a| a.post_hooks().to_vec()) {
        h.call(leaf)?;
    }
    Ok(())
}

/// The same where the gradient, or what is there, is sparse: places are joined, and a strided sum stays strided.
#[cold]
fn accumulate_sparse(leaf: &Tensor, old: Option<Tensor>, g: Tensor, create: bool) -> Result<()> {
    let _mode = mode::NoGrad::with(create && mode::grad());
    match old {
        Some(old) if create || (old.is_sparse() && !g.is_sparse()) => leaf.set_grad(Some(sum(old, g)?)),
        Some(old) => _ = ops::add_(&old, &g)?,
        None => {
            let own = !create && g.ref_count() == 1;
            leaf.set_grad(Some(if own { g.detached() } else { ops::duplicate(&g, None)? }));
        }
    }
    Ok(())
}

fn dense_strides(t: &Tensor) -> crate::shape::Dims {
    let l = t.layout();
    if l.is_dense() { l.strides } else { crate::shape::contiguous_strides(&l.sizes) }
}
