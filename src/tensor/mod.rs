//! `Tensor`: a shared handle whose parts (storage, layout, dtype) can be replaced, with a slot for autograd.
//! Nothing here computes: views are arithmetic on layouts, everything else is an operator.

pub mod create;
pub mod display;
pub mod graph;
pub mod mode;
pub mod sparse;

use crate::device::Device;
use crate::dtype::{DType, Element};
use crate::error::Result;
use crate::kernels::Operand;
use crate::memory::Storage;
use crate::scalar::Scalar;
use crate::shape::{Dims, Layout, contiguous_strides_at, dims_at};
use graph::{Edge, Node};
use parking_lot::lock_api::{RawRwLock as _, RawRwLockRecursive as _};
use parking_lot::{Mutex, RawRwLock};
use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

/// A tensor. Cloning gives another reference to the same tensor, as an assignment in Python does.
#[derive(Clone)]
pub struct Tensor(Arc<Handle>);

/// What a [`Tensor`] refers to. Public so that the host language's binding can hold a weak reference.
pub struct Handle {
    body: Locked,
    /// Does this leaf require a gradient, or has it a grad_fn? Read on every call, so it stands apart.
    requires_grad: AtomicBool,
    /// Was it made in inference mode?
    inference: AtomicBool,
    /// Is it a view whose base may gain a history later?
    is_view: AtomicBool,
    auto: Mutex<Auto>,
    /// The host language's object for this tensor: borrowed, see `python/src/tensor.rs`.
    host: AtomicPtr<()>,
}

/// The parts with their lock. (`RwLock<Body>` could only be filled by moving a whole `Body` there, see [`Tensor::place`].)
struct Locked {
    lock: RawRwLock,
    body: UnsafeCell<Body>,
}

const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Body>()
};
// SAFETY: the body is looked at under the shared lock and changed under the exclusive one; it may be shared and sent itself.
unsafe impl Sync for Locked {}

/// A tensor's parts, locked for reading.
pub struct BodyRef<'a> {
    of: &'a Locked,
    /// The lock is given back by the thread that took it.
    _here: PhantomData<*const ()>,
}

impl std::ops::Deref for BodyRef<'_> {
    type Target = Body;
    #[inline(always)]
    fn deref(&self) -> &Body {
        // SAFETY: the shared lock is held as long as `self` lives.
        unsafe { &*self.of.body.get() }
    }
}

impl Drop for BodyRef<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `Tensor::body` took it.
        unsafe { self.of.lock.unlock_shared() }
    }
}

/// The replaceable parts of a tensor.
#[derive(Clone)]
pub struct Body {
    /// The bytes.
    pub storage: Storage,
    /// How the elements lie in them.
    pub layout: Layout,
    /// Element type.
    pub dtype: DType,
    /// Product of the sizes, kept because every call asks.
    pub numel: i64,
    /// C order without gaps, kept for the same reason.
    pub contiguous: bool,
    /// A version counter apart from the storage's: what `.data` gives does not count with its origin.
    pub version: Option<Arc<AtomicU32>>,
}

impl Body {
    fn new(storage: Storage, layout: Layout, dtype: DType) -> Body {
        let (numel, contiguous) = layout.extent();
        Body { storage, layout, dtype, numel, contiguous, version: None }
    }

    /// Address of the first element.
    #[inline]
    pub fn ptr(&self) -> *mut u8 {
        // `wrapping`: an empty or meta tensor may have no memory at all, and its address is not used.
        self.storage.ptr().wrapping_add(self.layout.offset as usize * self.dtype.size())
    }

    /// As a kernel's argument.
    #[inline]
    pub fn operand(&self) -> Operand<'_> {
        Operand { ptr: self.ptr(), dtype: self.dtype, strides: &self.layout.strides }
    }

    fn version(&self) -> u32 {
        match &self.version {
            Some(v) => v.load(Ordering::Relaxed),
            None => self.storage.version(),
        }
    }
}

/// How a view came to be: decides whether it may be written in place (PyTorch's CreationMeta).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// An ordinary view.
    Default,
    /// One of several outputs of one node (`unbind`, `split`, `chunk`).
    MultiOutput,
    /// Made under `no_grad`.
    NoGrad,
    /// Made inside a custom `Function`.
    Custom,
    /// Made in inference mode.
    Inference,
}

/// A view's origin.
#[derive(Clone)]
pub struct ViewOf {
    /// The tensor that is not itself a view.
    pub base: Tensor,
    /// How the view was made.
    pub creation: Creation,
    /// Name of the operator that made it (with its overload), for messages.
    pub by: &'static str,
    /// The version of the memory and the base's count of rewritten histories when the view's grad_fn was last right.
    pub seen: (u32, u64),
}

/// Something kept alive for the host language: see `Handle::host`.
pub trait Keep: Send + Sync {
    /// For the binding's own use.
    fn as_any(&self) -> &dyn std::any::Any;
}

/// A hook on a tensor's gradient. Returns a replacement, or None to leave it.
pub trait Hook: Send + Sync {
    /// Called with the gradient.
    fn call(&self, grad: &Tensor) -> Result<Option<Tensor>>;
    /// For the binding's garbage collector.
    fn as_any(&self) -> &dyn std::any::Any;
}

/// The autograd slot of a tensor.
#[derive(Default)]
pub struct Auto {
    /// The accumulated gradient of a leaf (or of a tensor that retains it).
    pub grad: Option<Tensor>,
    /// Keeps the host's object for `grad` alive once the host has seen it.
    pub grad_keep: Option<Box<dyn Keep>>,
    /// The node that made this tensor, and which output of it this is.
    pub grad_fn: Option<Edge>,
    /// The leaf's node in graphs; weak, since the node holds the leaf.
    pub accumulator: Weak<Node>,
    /// Set if this tensor is a view.
    pub view: Option<ViewOf>,
    /// What few tensors have.
    pub rare: Option<Box<Rare>>,
    /// How often an in-place write, its own or through a view, rewrote this tensor's history.
    pub rewritten: u64,
}

/// Hooks and the like, in a box of their own: the slot is part of every tensor.
#[derive(Default)]
pub struct Rare {
    /// A leaf's hooks with their ids, in order of registration: its node may come and go. Those of a computed tensor are on
    /// its node.
    pub hooks: Vec<(u64, Arc<dyn Hook>)>,
    /// On which node each hook of a computed tensor is: an in-place write gives the tensor another node.
    pub hooked: Vec<(u64, Weak<Node>)>,
    /// Hooks of a leaf that run after its gradient was accumulated.
    pub post_hooks: Vec<(u64, Arc<dyn Hook>)>,
    /// Keep the gradient of this non-leaf too.
    pub retains_grad: bool,
}

impl Auto {
    /// Hooks and the like, made if there were none.
    pub fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Is the gradient of this non-leaf kept too?
    pub fn retains_grad(&self) -> bool {
        self.rare.as_ref().is_some_and(|r| r.retains_grad)
    }

    /// The hooks of a leaf.
    pub fn hooks(&self) -> &[(u64, Arc<dyn Hook>)] {
        self.rare.as_ref().map_or(&[], |r| &r.hooks)
    }

    /// The hooks of a leaf that run after its gradient was accumulated.
    pub fn post_hooks(&self) -> &[(u64, Arc<dyn Hook>)] {
        self.rare.as_ref().map_or(&[], |r| &r.post_hooks)
    }
}

static NEXT_HOOK: AtomicU64 = AtomicU64::new(1);

impl Tensor {
    /// A tensor over `storage`. The layout must lie inside it (checked in debug builds; public makers check always).
    pub fn from_parts(storage: Storage, layout: Layout, dtype: DType) -> Tensor {
        debug_assert!(layout.end() as usize * dtype.size() <= storage.nbytes(), "layout outside of storage");
        Tensor::over(storage, &layout, dtype, None, None)
    }

    /// A tensor of these parts.
    #[inline]
    fn over(
        storage: Storage,
        layout: &Layout,
        dtype: DType,
        version: Option<Arc<AtomicU32>>,
        view: Option<ViewOf>,
    ) -> Tensor {
        let (numel, contiguous) = layout.extent();
        Tensor::place(
            storage,
            dtype,
            (numel, contiguous),
            version,
            view,
            layout.offset,
            &layout.sizes,
            Some(&layout.strides),
        )
    }

    /// A handle whose parts are written where they stay, number by number: moving a structure of 300 bytes that was written a
    /// moment ago takes longer than all the rest (see `shape::dims`). Without strides it is contiguous.
    #[inline(always)]
    fn place(
        storage: Storage,
        dtype: DType,
        (numel, contiguous): (i64, bool),
        version: Option<Arc<AtomicU32>>,
        view: Option<ViewOf>,
        offset: i64,
        sizes: &[i64],
        strides: Option<&[i64]>,
    ) -> Tensor {
        let is_view = view.is_some();
        let handle = Arc::<Handle>::new_uninit();
        let p = Arc::as_ptr(&handle).cast_mut().cast::<Handle>();
        // SAFETY: nobody else knows of the place yet, and every field is written.
        unsafe {
            (&raw mut (*p).body.lock).write(RawRwLock::INIT);
            let body = (&raw mut (*p).body.body).cast::<Body>();
            (&raw mut (*body).storage).write(storage);
            dims_at(&raw mut (*body).layout.sizes, sizes);
            match strides {
                Some(s) => dims_at(&raw mut (*body).layout.strides, s),
                None => contiguous_strides_at(&raw mut (*body).layout.strides, sizes),
            }
            (&raw mut (*body).layout.offset).write(offset);
            (&raw mut (*body).dtype).write(dtype);
            (&raw mut (*body).numel).write(numel);
            (&raw mut (*body).contiguous).write(contiguous);
            (&raw mut (*body).version).write(version);
            (&raw mut (*p).requires_grad).write(AtomicBool::new(false));
            (&raw mut (*p).inference).write(AtomicBool::new(mode::inference()));
            (&raw mut (*p).is_view).write(AtomicBool::new(is_view));
            (&raw mut (*p).auto).write(Mutex::new(Auto::default()));
            (&raw mut (*p).host).write(AtomicPtr::new(std::ptr::null_mut()));
            if is_view {
                (*p).auto.get_mut().view = view;
            }
        }
        // SAFETY: written above.
        Tensor(unsafe { handle.assume_init() })
    }

    /// Uninitialised memory, contiguous.
    pub fn empty(sizes: &[i64], dtype: DType, device: Device) -> Result<Tensor> {
        let n = crate::shape::numel(sizes)?;
        let Some(nbytes) = (n as usize).checked_mul(dtype.size()).filter(|&b| b <= i64::MAX as usize) else {
            bail!(Runtime, "Storage size calculation overflowed with sizes={}", crate::shape::show(sizes));
        };
        Ok(Tensor::packed(Storage::alloc(nbytes, device)?, sizes, n, dtype))
    }

    /// All of a new storage, contiguous.
    #[inline]
    pub(super) fn packed(storage: Storage, sizes: &[i64], numel: i64, dtype: DType) -> Tensor {
        Tensor::place(storage, dtype, (numel, true), None, None, 0, sizes, None)
    }

    /// Uninitialised contiguous memory on the CPU for a shape that a tensor has already, of `numel` elements.
    #[inline]
    pub(crate) fn fresh(sizes: &[i64], numel: i64, dtype: DType) -> Result<Tensor> {
        let storage = Storage::alloc(numel as usize * dtype.size(), Device::Cpu)?;
        Ok(Tensor::packed(storage, sizes, numel, dtype))
    }

    /// Uninitialised memory with given strides, which must be those of a dense layout.
    pub fn empty_strided(sizes: &[i64], strides: &[i64], dtype: DType, device: Device) -> Result<Tensor> {
        let n = crate::shape::numel(sizes)?;
        if strides.iter().any(|&s| s < 0) {
            bail!(
                Runtime,
                "as_strided: Negative strides are not supported at the moment, got strides: {}",
                crate::shape::show(strides)
            );
        }
        // Beyond 64 bits the end would come out small, and writes would go anywhere.
        let steps = sizes.iter().zip(strides).map(|(&n, &s)| (n - 1).max(0) as i128 * s as i128);
        let last = steps.fold(0, i128::saturating_add);
        if n > 0 && last.saturating_add(1).saturating_mul(dtype.size() as i128) > i64::MAX as i128 {
            bail!(
                Runtime,
                "Storage size calculation overflowed with sizes={} and strides={}",
                crate::shape::show(sizes),
                crate::shape::show(strides)
            );
        }
        let layout = Layout { sizes: sizes.into(), strides: strides.into(), offset: 0 };
        let storage = Storage::alloc(layout.end() as usize * dtype.size(), device)?;
        Ok(Tensor::from_parts(storage, layout, dtype))
    }

    /// The parts, locked for reading. Hold it briefly, and never while another tensor's parts are being replaced.
    #[inline]
    pub fn body(&self) -> BodyRef<'_> {
        // Recursive: one tensor may be two arguments of a call.
        self.0.body.lock.lock_shared_recursive();
        BodyRef { of: &self.0.body, _here: PhantomData }
    }

    /// Replaces storage, layout and dtype for everybody who holds this tensor (`.data =`, `set_`, `resize_`, `t_`).
    pub fn replace(&self, storage: Storage, layout: Layout, dtype: DType) {
        let mut new = Body::new(storage, layout, dtype);
        let Locked { lock, body } = &self.0.body;
        lock.lock_exclusive();
        // SAFETY: the lock is held alone, and nothing in between panics.
        let old = unsafe {
            let body = &mut *body.get();
            new.version = body.version.take();
            let old = std::mem::replace(body, new);
            lock.unlock_exclusive();
            old
        };
        // What was there is dropped after the lock is released: the memory's owner may be the host's.
        drop(old);
    }

    /// Element type.
    #[inline]
    pub fn dtype(&self) -> DType {
        self.body().dtype
    }

    /// Where the memory lies.
    #[inline]
    pub fn device(&self) -> Device {
        self.body().storage.device()
    }

    /// The sizes.
    #[inline]
    pub fn sizes(&self) -> Dims {
        crate::shape::dims(&self.body().layout.sizes)
    }

    /// The size of one dimension (already wrapped); 1 where there is no such dimension, as broadcasting sees it.
    pub fn size_at(&self, d: usize) -> i64 {
        self.body().layout.sizes.get(d).copied().unwrap_or(1)
    }

    /// Number of dimensions.
    #[inline]
    pub fn ndim(&self) -> usize {
        self.body().layout.sizes.len()
    }

    /// Number of elements.
    #[inline]
    pub fn numel(&self) -> i64 {
        self.body().numel
    }

    /// Sizes, strides and offset.
    pub fn layout(&self) -> Layout {
        self.body().layout.clone()
    }

    /// The bytes it looks at.
    pub fn storage(&self) -> Storage {
        self.body().storage.clone()
    }

    /// C order without gaps?
    pub fn is_contiguous(&self) -> bool {
        self.body().contiguous
    }

    /// Is this the same tensor (not merely equal)?
    #[inline]
    pub fn same(&self, other: &Tensor) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// An address that identifies the tensor while it lives.
    pub fn id(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    /// How many hold this tensor.
    pub fn ref_count(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// A reference that does not keep it alive.
    pub fn downgrade(&self) -> Weak<Handle> {
        Arc::downgrade(&self.0)
    }

    /// The tensor of a weak reference, if it still lives.
    pub fn upgrade(weak: &Weak<Handle>) -> Option<Tensor> {
        weak.upgrade().map(Tensor)
    }

    /// The slot for the host language's object.
    #[inline]
    pub fn host(&self) -> &AtomicPtr<()> {
        &self.0.host
    }

    /// How often this tensor's memory was written by operators.
    pub fn version(&self) -> u32 {
        self.body().version()
    }

    /// Counts one write.
    pub fn bump(&self) {
        let body = self.body();
        match &body.version {
            Some(v) => _ = v.fetch_add(1, Ordering::Relaxed),
            None => body.storage.bump(),
        }
    }

    /// Another tensor on the same memory with its own layout, outside of autograd; shares the version counter.
    pub fn alias(&self, layout: Layout) -> Tensor {
        let b = self.body();
        Tensor::over(b.storage.clone(), &layout, b.dtype, b.version.clone(), None)
    }

    /// The same memory read as another dtype with another layout (`view(dtype)`, `view_as_real`).
    pub fn alias_as(&self, layout: Layout, dtype: DType) -> Tensor {
        let b = self.body();
        Tensor::over(b.storage.clone(), &layout, dtype, b.version.clone(), None)
    }

    /// [`alias_as`](Self::alias_as) and [`set_view`](Self::set_view) in one.
    #[inline]
    pub fn view_at(&self, layout: &Layout, dtype: DType, creation: Creation, by: &'static str) -> Tensor {
        let b = self.body();
        let view = self.view_of(b.version(), creation, by);
        Tensor::over(b.storage.clone(), layout, dtype, b.version.clone(), Some(view))
    }

    /// The same memory outside of autograd, with the version counter shared (what `detach` does).
    pub fn detached(&self) -> Tensor {
        let b = self.body();
        Tensor::again(&b, b.version.clone())
    }

    /// The same memory outside of autograd, with a version counter of its own (what `.data` does).
    pub fn data(&self) -> Tensor {
        Tensor::again(&self.body(), Some(Arc::new(AtomicU32::new(0))))
    }

    fn again(b: &Body, version: Option<Arc<AtomicU32>>) -> Tensor {
        let (extent, l) = ((b.numel, b.contiguous), &b.layout);
        Tensor::place(b.storage.clone(), b.dtype, extent, version, None, l.offset, &l.sizes, Some(&l.strides))
    }

    /// This tensor as a kernel's argument, for as long as `layout` lives; the caller keeps the storage alive.
    pub fn operand<'a>(&self, layout: &'a Layout) -> Operand<'a> {
        self.operand_at(&layout.strides)
    }

    /// The same with other strides, which must lead nowhere else.
    pub fn operand_at<'a>(&self, strides: &'a [i64]) -> Operand<'a> {
        let b = self.body();
        Operand { ptr: b.ptr(), dtype: b.dtype, strides }
    }

    // ---- the autograd slot ----

    /// Does it require a gradient, as a leaf or because it was computed from one that does?
    #[inline]
    pub fn requires_grad(&self) -> bool {
        self.0.requires_grad.load(Ordering::Relaxed)
            || (self.0.is_view.load(Ordering::Relaxed) && self.base_requires_grad())
    }

    /// A view takes it from its base, whenever and under whatever mode it was made.
    #[cold]
    fn base_requires_grad(&self) -> bool {
        // A base is never a view itself: its own flag is all.
        self.with_auto(|a| a.view.as_ref().is_some_and(|v| v.base.requires_grad_itself()))
    }

    /// Does it require a gradient by itself, not only as a view?
    pub fn requires_grad_itself(&self) -> bool {
        self.0.requires_grad.load(Ordering::Relaxed)
    }

    /// Was it made in inference mode?
    pub fn is_inference(&self) -> bool {
        self.0.inference.load(Ordering::Relaxed)
    }

    /// Is it a leaf of graphs: made by the user, not by a recorded operator?
    pub fn is_leaf(&self) -> bool {
        if !self.requires_grad() {
            return true;
        }
        graph::refresh(self);
        self.with_auto(|a| a.grad_fn.is_none())
    }

    /// Looks at the autograd slot.
    #[inline]
    pub fn with_auto<R>(&self, f: impl FnOnce(&Auto) -> R) -> R {
        f(&self.0.auto.lock())
    }

    /// Changes the autograd slot. `f` must not call into other tensors' slots of the same tensor.
    #[inline]
    pub fn with_auto_mut<R>(&self, f: impl FnOnce(&mut Auto) -> R) -> R {
        f(&mut self.0.auto.lock())
    }

    /// Looks at the slot unless somebody holds it (for the host's garbage collector, which must not wait).
    pub fn try_auto<R>(&self, f: impl FnOnce(&mut Auto) -> R) -> Option<R> {
        self.0.auto.try_lock().map(|mut a| f(&mut a))
    }

    /// Sets whether a leaf requires a gradient (`requires_grad_`), with PyTorch's refusals.
    pub fn set_requires_grad(&self, on: bool) -> Result<()> {
        if on && !self.dtype().is_differentiable() {
            bail!(
                Runtime,
                "Only Tensors of floating point and complex dtype can require gradients\nThis one is {}; convert it with .float().",
                self.dtype().name()
            );
        }
        if !on && self.requires_grad() && !self.is_leaf() {
            bail!(
                Runtime,
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph \
                 that doesn't require differentiation use var_no_grad = var.detach()."
            );
        }
        if on && self.is_inference() && !mode::inference() {
            bail!(Runtime, "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.");
        }
        self.0.requires_grad.store(on, Ordering::Relaxed);
        Ok(())
    }

    /// Makes this tensor the output of a node. A retained gradient is that of the new output.
    pub fn set_grad_fn(&self, edge: Edge) {
        // What was there is dropped after the lock is released: dropping a node may run the host's code.
        let (old, retains) = self.with_auto_mut(|a| {
            let now = a.retains_grad().then(|| edge.clone());
            (a.grad_fn.replace(edge), now)
        });
        self.0.requires_grad.store(true, Ordering::Relaxed);
        if let Some(new) = retains {
            if let Some(old) = &old {
                self.unretain(&old.node);
            }
            let weak = self.downgrade();
            new.node.with_hooks(|h| h.retain.push((new.index, weak)));
        }
    }

    /// Keeps the gradient of a computed tensor in its `.grad` (`retain_grad`); nothing happens for a leaf.
    pub fn retain_grad(&self) {
        if self.is_leaf() {
            return;
        }
        let edge = self.with_auto(|a| if a.retains_grad() { None } else { a.grad_fn.clone() });
        if let Some(e) = edge {
            self.with_auto_mut(|a| a.rare().retains_grad = true);
            let weak = self.downgrade();
            e.node.with_hooks(|h| h.retain.push((e.index, weak)));
        }
    }

    fn unretain(&self, node: &Node) {
        let me = Arc::as_ptr(&self.0);
        node.with_hooks(|h| h.retain.retain(|r| r.1.as_ptr() != me));
    }

    /// Cuts it off from its history, in place (`detach_`).
    pub fn clear_history(&self) {
        let old = self.with_auto_mut(|a| {
            a.accumulator = Weak::new();
            if let Some(r) = &mut a.rare {
                r.retains_grad = false;
            }
            a.grad_fn.take()
        });
        self.0.requires_grad.store(false, Ordering::Relaxed);
        if let Some(e) = &old {
            self.unretain(&e.node);
        }
        // The old history is dropped here, after the lock: that may run the host's code.
        drop(old);
    }

    /// The accumulated gradient.
    pub fn grad(&self) -> Option<Tensor> {
        self.with_auto(|a| a.grad.clone())
    }

    /// Replaces the accumulated gradient.
    pub fn set_grad(&self, grad: Option<Tensor>) {
        // What was there is dropped after the lock is released: dropping may run the host's code.
        let _old = self.with_auto_mut(|a| (std::mem::replace(&mut a.grad, grad), a.grad_keep.take()));
    }

    /// Marks this tensor as a view of `base` (or of what `base` is itself a view of).
    pub fn set_view(&self, base: &Tensor, creation: Creation, by: &'static str) {
        let view = base.view_of(base.version(), creation, by);
        let _late = self.with_auto_mut(|a| a.view.replace(view));
        self.0.is_view.store(true, Ordering::Relaxed);
    }

    /// What a view of this tensor, which is at `version`, says about its origin.
    #[inline]
    fn view_of(&self, version: u32, creation: Creation, by: &'static str) -> ViewOf {
        let (root, inherited) = match self.origin() {
            Some(v) => (v.base, v.creation),
            None => (self.clone(), Creation::Default),
        };
        let creation = if creation == Creation::Default { inherited } else { creation };
        // A new view has the version of what it looks at.
        let seen = (version, root.rewritten());
        ViewOf { base: root, creation, by, seen }
    }

    /// Where this view comes from.
    pub(crate) fn origin(&self) -> Option<ViewOf> {
        if !self.0.is_view.load(Ordering::Relaxed) {
            return None;
        }
        self.with_auto(|a| a.view.clone())
    }

    fn rewritten(&self) -> u64 {
        self.with_auto(|a| a.rewritten)
    }

    /// For a view: is its grad_fn right? Gives the base where it is not, because memory or history changed since.
    pub fn stale_view(&self) -> Option<Tensor> {
        if !self.0.is_view.load(Ordering::Relaxed) {
            return None;
        }
        let v = self.origin()?;
        (v.seen != (self.version(), v.base.rewritten())).then_some(v.base)
    }

    /// Notes that a view's grad_fn is right as things are now.
    pub fn view_is_right(&self) {
        if let Some(base) = self.base() {
            let seen = (self.version(), base.rewritten());
            self.with_auto_mut(|a| {
                if let Some(v) = &mut a.view {
                    v.seen = seen;
                }
            });
        }
    }

    /// The tensor that this one is a view of.
    pub fn base(&self) -> Option<Tensor> {
        if !self.0.is_view.load(Ordering::Relaxed) {
            return None;
        }
        self.with_auto(|a| a.view.as_ref().map(|v| v.base.clone()))
    }

    /// Adds a gradient hook; the number removes it again. There is one list for each output of a node: a leaf's is the
    /// leaf's own, since its node may come and go.
    pub fn add_hook(&self, hook: Arc<dyn Hook>, post_accumulate: bool) -> u64 {
        graph::refresh(self);
        let id = NEXT_HOOK.fetch_add(1, Ordering::Relaxed);
        let edge = self.with_auto_mut(|a| {
            if post_accumulate {
                a.rare().post_hooks.push((id, hook.clone()));
                return None;
            }
            let edge = a.grad_fn.clone();
            match &edge {
                Some(e) => a.rare().hooked.push((id, Arc::downgrade(&e.node))),
                None => a.rare().hooks.push((id, hook.clone())),
            }
            edge
        });
        if let Some(e) = edge {
            e.node.with_hooks(|h| h.tensor.push((e.index, id, hook)));
        }
        id
    }

    /// Takes a hook away; nothing happens if it is gone already.
    pub fn remove_hook(&self, id: u64) {
        let dropped_late = self.with_auto_mut(|a| {
            let take = |v: &mut Vec<(u64, Arc<dyn Hook>)>| v.iter().position(|h| h.0 == id).map(|i| v.remove(i));
            let r = a.rare.as_mut()?;
            let node = r.hooked.iter().position(|h| h.0 == id).and_then(|i| r.hooked.remove(i).1.upgrade());
            Some((take(&mut r.hooks), take(&mut r.post_hooks), node))
        });
        if let Some((_, _, Some(node))) = &dropped_late {
            let _late = node.with_hooks(|h| h.tensor.iter().position(|x| x.1 == id).map(|i| h.tensor.remove(i)));
        }
    }

    // ---- reading elements from Rust ----

    /// The only element, as a number.
    pub fn item(&self) -> Result<Scalar> {
        let b = self.body();
        if b.numel != 1 {
            bail!(
                Runtime,
                "a Tensor with {} elements cannot be converted to Scalar\nitem() takes the only element, this tensor has shape {}: \
                 use .tolist(), an index, or reduce it first with .mean() or .sum().",
                b.numel,
                crate::shape::show(&b.layout.sizes)
            );
        }
        if b.storage.owner().is_some() {
            self.needs_strides("the element of a sparse tensor has no address")?;
        }
        if b.storage.device() != Device::Cpu {
            bail!(Runtime, "Tensor.item() cannot be called on meta tensors");
        }
        // SAFETY: the layout lies inside the storage, and there is one element.
        Ok(unsafe { create::read(b.ptr(), b.dtype) })
    }

    /// All elements in order, converted to `T`'s dtype if `T` is not the tensor's own type.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        self.needs_strides("the elements of a sparse tensor have no addresses")?;
        let b = self.body();
        if b.storage.device() != Device::Cpu {
            bail!(Runtime, "a tensor on {} has no elements to read here", b.storage.device());
        }
        let mut out = crate::memory::filled(T::default(), b.numel as usize)?;
        let strides = crate::shape::contiguous_strides(&b.layout.sizes);
        let src = Operand { ptr: b.ptr(), dtype: b.dtype, strides: &b.layout.strides };
        let dst = Operand { ptr: out.as_mut_ptr().cast(), dtype: T::DTYPE, strides: &strides };
        crate::kernels::cpu::copy::copy(&b.layout.sizes, src, dst)?;
        Ok(out)
    }
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tensor({:?}, {})", self.sizes().as_slice(), self.dtype().name())
    }
}
