//! What an operator is. An operator is ONE literal in ONE file of `src/ops/` (see `macros.rs` for its look); everything
//! else (Rust function and method, Python function, method, in-place and `out=` forms, messages, stubs, docs, tests, CUDA
//! text) is read off that literal. The kinds are those of [`Kind`]: formula (pointwise), reduction (a formula, combined), kernel,
//! composite, view (computes a layout only), and what is made of other tensors (sparse).

pub mod arg;
pub mod autocast;
pub mod call;
mod compiled;
pub mod cuda;
pub mod derive;
pub mod expr;
pub mod formula;
pub mod intercept;
mod layout;
pub mod loss;
#[macro_use]
pub mod macros;
pub mod profile;
mod promotion;
mod quick;
pub mod record;
pub mod reduction;
pub mod registry;
pub mod steps;
pub mod target;

use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::program::Reduce;
use crate::shape::{Dims, Layout};
use crate::tensor::Tensor;
use crate::tensor::graph::Grads;
use arg::{Ctx, Param};
use autocast::Cast;
use expr::{E, Fx};
use record::Bw;
use smallvec::SmallVec;

/// Results of a call.
pub type Rets = SmallVec<[Tensor; 2]>;

/// Shape and dtype of a result, before it is allocated.
#[derive(Clone, Debug)]
pub struct Meta {
    /// The sizes.
    pub sizes: Dims,
    /// The element type.
    pub dtype: DType,
    /// Strides other than contiguous ones (of a dense layout).
    pub strides: Option<Dims>,
}

impl Meta {
    /// A contiguous result.
    pub fn new(sizes: impl Into<Dims>, dtype: DType) -> Meta {
        Meta { sizes: sizes.into(), dtype, strides: None }
    }

    /// What `t` has: sizes, dtype, and strides if they are dense.
    pub fn like(t: &Tensor) -> Meta {
        let b = t.body();
        let strides = (!b.contiguous && b.layout.is_dense()).then(|| b.layout.strides.clone());
        Meta { sizes: crate::shape::dims(&b.layout.sizes), dtype: b.dtype, strides }
    }
}

/// Shapes and dtypes of all results.
pub type Metas = SmallVec<[Meta; 1]>;

/// Which dtype a formula computes in and gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// PyTorch's promotion of all tensors and numbers.
    Promote,
    /// The same, but integers become the default float.
    Float,
    /// Computed in the promoted type, the result is bool.
    Compare,
    /// Promoted; a complex type gives its real type (`abs`).
    Real,
    /// As `Real`, and integers become the default float.
    RealFloat,
    /// Real parts become complex (`torch.complex`).
    Complex,
    /// Promotion without the first argument (`where`).
    Rest,
    /// Computed as it is, the result bool (uint8 for uint8): `any`, `all`.
    Bits,
    /// float64, or complex128 for complex arguments.
    Double,
    /// The dtype of the first tensor; the others are converted to it.
    First,
}

/// What runs.
pub enum Kind {
    /// Pointwise.
    Formula(fn(&Fx) -> E),
    /// Pointwise, then reduced over `dim`, then pointwise on the result: `post(f, accumulated, count)`.
    Reduction(fn(&Fx) -> E, Reduce, Option<fn(&Fx, E, E) -> E>),
    /// A layout on the memory of argument 0.
    View(fn(&Ctx) -> Result<(Layout, DType)>),
    /// Several such layouts; what they give may not be written in place.
    Views(fn(&Ctx) -> Result<Vec<(Layout, DType)>>),
    /// A meta function and one entry point a device.
    Kernel(Kernel),
    /// A body in tensor operations.
    Composite(fn(&Ctx) -> Result<Rets>),
    /// Results that are not allocated: sparse tensors of their parts, and the parts.
    Made(fn(&Ctx) -> Result<Rets>),
}

/// A kernel operator.
#[derive(Clone, Copy)]
pub struct Kernel {
    /// Shapes and dtypes of the results; all checks are here, for every device.
    pub meta: fn(&Ctx) -> Result<Metas>,
    /// Writes the results, which are allocated (contiguous unless the meta says otherwise) and not initialised.
    pub cpu: fn(&Ctx, &[Tensor]) -> Result<()>,
    /// The file of `cuda/` with its device code; "" until it has one.
    pub cuda: &'static str,
}

/// The gradient.
#[derive(Clone, Copy)]
pub enum Grad {
    /// From the formula; for a composite, from its parts.
    Derived,
    /// As formulas: one for each tensor argument, of `G` (gradient), arguments and the output; see [`expr::GradFx`].
    Formulas(fn(&Fx, GradE) -> Vec<Option<E>>),
    /// In tensor operations. The first list names the arguments that are kept, the second the outputs.
    Ops(&'static [u8], &'static [u8], fn(&Bw) -> Result<Grads>),
    /// Constant almost everywhere: the result is recorded with zero gradients (PyTorch does so for `round`, `sign`).
    Zero,
    /// Results never require a gradient (comparisons, indices).
    None,
}

/// The expressions that a gradient written as a formula may use besides the arguments.
#[derive(Clone, Copy)]
pub struct GradE {
    /// The gradient of the output.
    pub g: E,
    /// The output, kept from the forward pass.
    pub y: E,
}

/// How an operator acts on a batch dimension that vmap adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    /// Elementwise: a leading dimension is broadcast like any other.
    Broadcast,
    /// Leading dimensions are free already.
    Leading,
    /// The dimension arguments shift by one.
    ShiftDims,
    /// The batch folds into the operator's own batch dimension (or groups).
    Fold,
    /// By its parts (composites and views written in such).
    Parts,
    /// One slice at a time.
    Loop,
}

/// Forms and places that an operator does not have, and other facts.
#[allow(missing_docs)]
pub mod flag {
    pub const NO_FUNCTION: u32 = 1;
    pub const NO_METHOD: u32 = 2;
    pub const INPLACE: u32 = 4;
    pub const OUT: u32 = 8;
    /// Makes a tensor: takes dtype, layout, device, requires_grad, pin_memory.
    pub const FACTORY: u32 = 16;
    /// Writes its first argument (`copy_`, `fill_`, `uniform_`): the name ends in `_` and there is no other form.
    pub const MUTATES: u32 = 32;
    /// Draws random numbers.
    pub const RANDOM: u32 = 64;
    /// Not for users: backward kernels and the like.
    pub const PRIVATE: u32 = 128;
    /// Division of integers by zero raises.
    pub const ZERO_DIV: u32 = 256;
    /// The result may be its own argument (`contiguous`, `to`).
    pub const MAY_ALIAS: u32 = 512;
    /// A kernel that writes into a copy of its first argument; the in-place form writes into the argument itself.
    pub const UPDATES: u32 = 1024;
    /// A list of tensors may also be given as separate arguments: `meshgrid(a, b)`.
    pub const SPREAD: u32 = 4096;
    /// A loss: a formula whose `reduction` says whether it is then summed or averaged over everything.
    pub const LOSS: u32 = 2048;
    /// Takes tensors of different devices (`copy_`).
    pub const MANY_DEVICES: u32 = 8192;
    /// `out=` must have memory apart from the arguments'.
    pub const OUT_APART: u32 = 16384;
    /// Writes its first argument, but reads the others before (`fill_`): they may lie in the same memory.
    pub const READS_FIRST: u32 = 32768;
    /// The result's shape depends on the elements (`nonzero`): a meta tensor has none.
    pub const READS_ELEMENTS: u32 = 65536;
    /// Its kernel needs the cargo feature `linalg`; in a build without it Python does not have the name.
    pub const NEEDS_LINALG: u32 = 131072;
    /// Knows of layouts itself: sparse tensors may be arguments like any other.
    pub const SPARSE: u32 = 262144;
    /// The in-place form takes the result's shape (`addbmm_`), where others refuse one that is not the tensor's own.
    pub const RESIZES: u32 = 524288;
    /// `out=` must have the result's dtype.
    pub const OUT_TYPED: u32 = 1048576;
}

/// An operator.
pub struct Op {
    /// The Rust name, which is unique.
    pub name: &'static str,
    /// The Python name, with an overload's name behind a dot where there are several: `max.dim`.
    pub py: &'static str,
    /// What it computes, in a sentence or two.
    pub doc: &'static str,
    /// Its parameters.
    pub params: &'static [Param],
    /// Names of the results; [""] is one tensor, ["*"] a list, [] nothing.
    pub rets: &'static [&'static str],
    /// What runs.
    pub kind: Kind,
    /// Its gradient.
    pub grad: Grad,
    /// Dtypes of a formula or reduction.
    pub rule: Rule,
    /// Which dtypes a formula accepts as computation type; empty means all.
    pub only: &'static [DType],
    /// Forms and facts.
    pub flags: u32,
    /// PyTorch's node name if it is not the Python name in camel case. A composite that has one gives it to its last node.
    pub node: &'static str,
    /// The same for formulas whose node is named by what they are called with.
    pub node_by: Option<fn(&Fx) -> &'static str>,
    /// Where else the function stands: `nn.functional`, `special`, `linalg`; "" is `torch` itself.
    pub spaces: &'static [&'static str],
    /// Other names of the same operator: `absolute`, `special.expit`.
    pub aliases: &'static [&'static str],
    /// The batch rule.
    pub batch: Batch,
    /// What autocast does with its arguments.
    pub cast: Cast,
    /// What it does where an argument is sparse.
    pub sparse: Option<fn(&Ctx, call::Mode) -> Result<Rets>>,
    /// A check of the arguments beyond types.
    pub check: Option<fn(&Ctx) -> Result<()>>,
    /// Compiled forms, made at first use.
    pub cache: formula::Cache,
}

impl Op {
    /// The start of every literal (`macros.rs` writes this call).
    pub const fn new(
        name: &'static str,
        py: &'static str,
        doc: &'static str,
        params: &'static [Param],
        rets: &'static [&'static str],
        body: Option<fn(&Ctx) -> Result<Rets>>,
    ) -> Op {
        Op {
            name,
            py,
            doc,
            params,
            rets,
            kind: Kind::Composite(match body {
                Some(f) => f,
                None => call::no_body,
            }),
            grad: Grad::Derived,
            rule: Rule::Promote,
            only: &[],
            flags: 0,
            node: "",
            node_by: None,
            spaces: &[""],
            aliases: &[],
            batch: Batch::Parts,
            cast: Cast::Leave,
            sparse: None,
            check: None,
            cache: formula::Cache::new(),
        }
    }

    /// A pointwise operator: it also has in-place and `out=` forms.
    pub const fn formula(mut self, f: fn(&Fx) -> E) -> Op {
        self.kind = Kind::Formula(f);
        self.batch = Batch::Broadcast;
        self.flags |= flag::INPLACE | flag::OUT;
        self
    }

    /// A reduction of a formula over `dim`.
    pub const fn reduction(mut self, pre: fn(&Fx) -> E, how: Reduce, post: Option<fn(&Fx, E, E) -> E>) -> Op {
        self.kind = Kind::Reduction(pre, how, post);
        self.batch = Batch::ShiftDims;
        self.flags |= flag::OUT;
        self
    }

    /// A loss: a formula of all its tensors, then by its parameter `reduction` the mean, the sum, or every element
    /// ("none"). The gradient is derived from the formula.
    pub const fn loss(mut self, f: fn(&Fx) -> E) -> Op {
        self.kind = Kind::Reduction(f, Reduce::Sum, None);
        self.batch = Batch::Loop;
        self.flags |= flag::LOSS | flag::PRIVATE | flag::NO_FUNCTION | flag::NO_METHOD;
        self
    }

    /// A view of the first argument.
    pub const fn view(mut self, f: fn(&Ctx) -> Result<(Layout, DType)>) -> Op {
        self.kind = Kind::View(f);
        self.batch = Batch::ShiftDims;
        self
    }

    /// Several views of the first argument.
    pub const fn views(mut self, f: fn(&Ctx) -> Result<Vec<(Layout, DType)>>) -> Op {
        self.kind = Kind::Views(f);
        self.batch = Batch::ShiftDims;
        self
    }

    /// A kernel with its meta function and its entry points.
    pub const fn kernel(
        mut self,
        meta: fn(&Ctx) -> Result<Metas>,
        cpu: fn(&Ctx, &[Tensor]) -> Result<()>,
        cuda: &'static str,
        batch: Batch,
    ) -> Op {
        self.kind = Kind::Kernel(Kernel { meta, cpu, cuda });
        self.grad = Grad::None;
        self.batch = batch;
        self
    }

    /// The Python name where it is not the Rust one and there is no overload's name.
    pub const fn named(mut self, py: &'static str) -> Op {
        self.py = py;
        self
    }

    /// Integers become the default float.
    pub const fn float(mut self) -> Op {
        self.rule = Rule::Float;
        self
    }

    /// The result is bool and has no gradient.
    pub const fn compare(mut self) -> Op {
        self.rule = Rule::Compare;
        self.grad = Grad::None;
        self
    }

    /// Another dtype rule.
    pub const fn rule(mut self, r: Rule) -> Op {
        self.rule = r;
        self
    }

    /// Only these computation types.
    pub const fn only(mut self, d: &'static [DType]) -> Op {
        self.only = d;
        self
    }

    /// The gradient as formulas.
    pub const fn grad_formulas(mut self, f: fn(&Fx, GradE) -> Vec<Option<E>>) -> Op {
        self.grad = Grad::Formulas(f);
        self
    }

    /// The gradient in tensor operations, with the arguments and outputs that it keeps.
    pub const fn grad(mut self, args: &'static [u8], outs: &'static [u8], f: fn(&Bw) -> Result<Grads>) -> Op {
        self.grad = Grad::Ops(args, outs, f);
        self
    }

    /// Recorded, with gradient zero.
    pub const fn grad_zero(mut self) -> Op {
        self.grad = Grad::Zero;
        self
    }

    /// Not recorded.
    pub const fn no_grad(mut self) -> Op {
        self.grad = Grad::None;
        self
    }

    /// PyTorch's node name.
    pub const fn node(mut self, n: &'static str) -> Op {
        self.node = n;
        self
    }

    /// PyTorch's node name where it depends on the arguments: which are numbers, or a loss's reduction.
    pub const fn node_by(mut self, f: fn(&Fx) -> &'static str) -> Op {
        self.node_by = Some(f);
        self
    }

    /// Where the function stands.
    pub const fn spaces(mut self, s: &'static [&'static str]) -> Op {
        self.spaces = s;
        self
    }

    /// Only in `nn.functional`, no method.
    pub const fn functional(mut self) -> Op {
        self.spaces = &["nn.functional"];
        self.flags |= flag::NO_METHOD;
        self
    }

    /// Other names.
    pub const fn aliases(mut self, a: &'static [&'static str]) -> Op {
        self.aliases = a;
        self
    }

    /// Sets flags.
    pub const fn with(mut self, f: u32) -> Op {
        self.flags |= f;
        self
    }

    /// Clears flags.
    pub const fn without(mut self, f: u32) -> Op {
        self.flags &= !f;
        self
    }

    /// The batch rule.
    pub const fn batch(mut self, b: Batch) -> Op {
        self.batch = b;
        self
    }

    /// What autocast does with the arguments.
    pub const fn cast(mut self, c: Cast) -> Op {
        self.cast = c;
        self
    }

    /// What it does where an argument is sparse; recorded by its parts.
    pub const fn sparse(mut self, f: fn(&Ctx, call::Mode) -> Result<Rets>) -> Op {
        self.sparse = Some(f);
        self
    }

    /// Makes or takes tensors apart whatever their layout: results by this function, recorded by the gradient below.
    pub const fn made(mut self, f: fn(&Ctx) -> Result<Rets>) -> Op {
        self.kind = Kind::Made(f);
        self.grad = Grad::None;
        self.flags |= flag::SPARSE;
        self.batch = Batch::Loop;
        self
    }

    /// A check of the arguments.
    pub const fn check(mut self, f: fn(&Ctx) -> Result<()>) -> Op {
        self.check = Some(f);
        self
    }

    /// A kernel whose result starts as a copy of the first argument (`scatter`, `index_add`): it finds that in `out[0]`.
    pub const fn updates(self) -> Op {
        self.with(flag::UPDATES | flag::INPLACE | flag::OUT)
    }

    /// Has it this flag?
    pub const fn has(&self, f: u32) -> bool {
        self.flags & f != 0
    }

    /// The Python name without the overload's.
    pub fn python_name(&self) -> &'static str {
        let (py, space) = (self.py, self.spaces.first().copied().unwrap_or(""));
        let Some(rest) = py.strip_prefix(space).filter(|_| !space.is_empty()).and_then(|s| s.strip_prefix('.')) else {
            return py.split('.').next().unwrap_or(py);
        };
        // `special.entr` is `special_entr` in PyTorch's messages, and mostly in Rust.
        let last = rest.split('.').next().unwrap_or(rest);
        if self.name.strip_suffix(last).is_some_and(|head| head.ends_with('_')) { self.name } else { last }
    }

    /// The position of a parameter.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.params.iter().position(|p| p.name == name)
    }
}
