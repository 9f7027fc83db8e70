//! Chains: several cheap primitives on floats in one pass. A block of elements stays in vector registers from the first
//! primitive of the chain to the last, and each further operand is read where it lies, be it a vector or one element. The
//! arithmetic is that of the loops in `loops.rs`, primitive by primitive, so that a chain gives the bits of its parts.

use super::Kernel;
#[cfg(target_arch = "x86_64")]
use super::lanes::x86;
use super::lanes::{Lanes, plain_f32, plain_f64};
use crate::device::cpu::isa;
use crate::dtype::DType;
use crate::kernels::program::{Compute, Prim};
use std::mem::MaybeUninit;

/// How elements lie in memory, where they are not the numbers that are computed with: a chain converts them as it reads
/// and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Mem {
    /// As they are computed with.
    Own,
    Bf16,
    F16,
    /// 1 and 0; read, any byte but 0 is 1.
    Bool,
}

impl Mem {
    /// How elements of a dtype lie in memory for a chain of this type of numbers, if chains can read and write them.
    pub fn of(dtype: DType, compute: Compute) -> Option<Mem> {
        match (dtype, compute) {
            (DType::F32, Compute::F32) | (DType::F64, Compute::F64) => Some(Mem::Own),
            (DType::BF16, Compute::F32) => Some(Mem::Bf16),
            (DType::F16, Compute::F32) => Some(Mem::F16),
            (DType::Bool, Compute::F32 | Compute::F64) => Some(Mem::Bool),
            _ => None,
        }
    }

    /// Bytes of an element, where those of a number are `own`.
    #[inline(always)]
    fn size(self, own: usize) -> usize {
        match self {
            Mem::Own => own,
            Mem::Bf16 | Mem::F16 => 2,
            Mem::Bool => 1,
        }
    }
}

/// One link: `acc = op(acc, x)`, or for selects `acc = op(acc, x, y)`.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// What is done.
    pub op: Op,
    /// Bit 0: `x` is one element; bit 1: `y` is.
    pub single: u8,
    /// Operands; not read by links that have none. Single ones are numbers.
    pub args: [*const u8; 2],
    /// How the operands lie in memory.
    pub mem: [Mem; 2],
    /// How far the operands of the next row are, in bytes.
    pub steps: [isize; 2],
    /// The loop of [`Op::Call`], on vectors.
    pub call: Option<Kernel>,
}

/// How many rows a chain goes over, and how far `out` and `first` of the next one are, in bytes.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Rows {
    pub count: usize,
    pub out: isize,
    pub first: isize,
    /// How `first` and `out` lie in memory.
    pub from: Mem,
    pub to: Mem,
    /// Results go past the caches, which they are too large for: nothing is read to be overwritten. The caller fences.
    pub past: bool,
}

impl Rows {
    /// One row.
    pub const ONE: Rows = Rows { count: 1, out: 0, first: 0, from: Mem::Own, to: Mem::Own, past: false };
}

/// What a link does with the value so far and its operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Op {
    Neg,
    Abs,
    Square,
    Recip,
    Sqrt,
    Rsqrt,
    Not,
    Add,
    Mul,
    Sub,
    /// `x - acc`
    SubFrom,
    Div,
    /// `x / acc`
    DivInto,
    Max,
    /// The value is the second operand (which matters for zeros of two signs).
    MaxOf,
    Min,
    MinOf,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    And,
    Or,
    /// `acc != 0 ? x : y`
    Choose,
    /// `x != 0 ? acc : y`
    Then,
    /// `x != 0 ? y : acc`
    Else,
    /// A loop of its own over the block, of one operand.
    Call,
}

/// May loops be called for each block? Not where blocks are too short for it.
pub fn calls() -> bool {
    isa::isa() != isa::Isa::Portable
}

/// How a primitive becomes a link when its operand number `at` is the value so far. The other operands, in order, are the
/// link's. None where the primitive is no link.
pub fn link(prim: Prim, at: usize) -> Option<Op> {
    let two = |first, second| Some(if at == 0 { first } else { second });
    match prim {
        Prim::Neg => Some(Op::Neg),
        Prim::Abs => Some(Op::Abs),
        Prim::Square => Some(Op::Square),
        Prim::Recip => Some(Op::Recip),
        Prim::Sqrt => Some(Op::Sqrt),
        Prim::Rsqrt => Some(Op::Rsqrt),
        Prim::LogicalNot => Some(Op::Not),
        Prim::Add => Some(Op::Add),
        Prim::Mul => Some(Op::Mul),
        Prim::Sub => two(Op::Sub, Op::SubFrom),
        Prim::Div => two(Op::Div, Op::DivInto),
        Prim::Max => two(Op::Max, Op::MaxOf),
        Prim::Min => two(Op::Min, Op::MinOf),
        Prim::Eq => Some(Op::Eq),
        Prim::Ne => Some(Op::Ne),
        Prim::Lt => two(Op::Lt, Op::Gt),
        Prim::Le => two(Op::Le, Op::Ge),
        Prim::Gt => two(Op::Gt, Op::Lt),
        Prim::Ge => two(Op::Ge, Op::Le),
        Prim::LogicalAnd => Some(Op::And),
        Prim::LogicalOr => Some(Op::Or),
        Prim::Select => Some([Op::Choose, Op::Then, Op::Else][at.min(2)]),
        _ => None,
    }
}

/// `out[i] = links(first[i])` for `i < n`, in each row; the links' addresses are moved on. `out` may be the address of any
/// operand, but must not overlap it otherwise.
pub type Chain = unsafe fn(out: *mut u8, first: *const u8, links: &mut [Link], n: usize, rows: Rows);

/// Orders results that went past the caches before what follows.
pub fn fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of every x86-64.
    unsafe {
        std::arch::x86_64::_mm_sfence()
    };
}

/// The loop over chains of f32, or of f64.
#[inline]
pub fn chain(double: bool) -> Chain {
    chain_for(isa::isa(), double)
}

/// [`chain`] for a given instruction set, which the machine must have.
pub fn chain_for(isa: isa::Isa, double: bool) -> Chain {
    match (isa, double) {
        #[cfg(target_arch = "x86_64")]
        (isa::Isa::Avx512, false) => x86::wide_f32,
        #[cfg(target_arch = "x86_64")]
        (isa::Isa::Avx512, true) => x86::wide_f64,
        #[cfg(target_arch = "x86_64")]
        (isa::Isa::Avx2, false) => x86::half_f32,
        #[cfg(target_arch = "x86_64")]
        (isa::Isa::Avx2, true) => x86::half_f64,
        (_, false) => plain_f32,
        (_, true) => plain_f64,
    }
}

/// `B` vectors at element `i`.
///
/// # Safety
/// The instruction set is enabled; all operands hold `B` vectors from element `i` on.
#[inline(always)]
unsafe fn block<V: Lanes, const B: usize>(out: *mut u8, first: *const u8, links: &[Link], i: usize, rows: &Rows) {
    let own = size_of::<V::T>();
    // SAFETY: by the contract.
    unsafe {
        let at = first.add(i * rows.from.size(own));
        let mut acc: [V; B] = match rows.from {
            Mem::Own => std::array::from_fn(|k| V::load(at.cast::<V::T>().add(k * V::N))),
            Mem::Bf16 => std::array::from_fn(|k| V::widen(at.add(2 * k * V::N), Mem::Bf16)),
            Mem::F16 => std::array::from_fn(|k| V::widen(at.add(2 * k * V::N), Mem::F16)),
            Mem::Bool => std::array::from_fn(|k| V::widen(at.add(k * V::N), Mem::Bool)),
        };
        for l in links {
            // The operands' numbers of this block: where they lie, or converted.
            let mut wide = [const { MaybeUninit::<[V; B]>::uninit() }; 2];
            let mut args = [std::ptr::null::<V::T>(); 2];
            for k in 0..2 {
                let (from, mem) = (l.args[k], l.mem[k]);
                args[k] = if l.single >> k & 1 != 0 {
                    from.cast()
                } else if mem == Mem::Own {
                    from.cast::<V::T>().wrapping_add(i)
                } else {
                    let (to, from) = (wide[k].as_mut_ptr().cast::<V::T>(), from.add(i * mem.size(own)));
                    macro_rules! convert {
                        ($mem:expr, $size:literal) => {
                            for j in 0..B {
                                V::widen(from.add($size * j * V::N), $mem).store(to.add(j * V::N));
                            }
                        };
                    }
                    match mem {
                        Mem::Bf16 => convert!(Mem::Bf16, 2),
                        Mem::F16 => convert!(Mem::F16, 2),
                        _ => convert!(Mem::Bool, 1),
                    }
                    to
                };
            }
            let [x, y] = args;
            macro_rules! one {
                (|$a:ident| $f:expr) => {
                    for k in 0..B {
                        let $a = acc[k];
                        acc[k] = $f;
                    }
                };
            }
            macro_rules! two {
                (|$a:ident, $x:ident| $f:expr) => {
                    if l.single & 1 != 0 {
                        let $x = V::splat(*x);
                        for k in 0..B {
                            let $a = acc[k];
                            acc[k] = $f;
                        }
                    } else {
                        for k in 0..B {
                            let ($a, $x) = (acc[k], V::load(x.add(k * V::N)));
                            acc[k] = $f;
                        }
                    }
                };
            }
            macro_rules! three {
                (|$a:ident, $x:ident, $y:ident| $f:expr) => {
                    for k in 0..B {
                        let $x = if l.single & 1 != 0 { V::splat(*x) } else { V::load(x.add(k * V::N)) };
                        let $y = if l.single & 2 != 0 { V::splat(*y) } else { V::load(y.add(k * V::N)) };
                        let $a = acc[k];
                        acc[k] = $f;
                    }
                };
            }
            match l.op {
                Op::Neg => one!(|a| a.neg()),
                Op::Abs => one!(|a| a.abs()),
                Op::Square => one!(|a| a.mul(a)),
                Op::Recip => one!(|a| V::number(1.0).div(a)),
                Op::Sqrt => one!(|a| a.sqrt()),
                Op::Rsqrt => one!(|a| V::number(1.0).div(a.sqrt())),
                Op::Not => one!(|a| a.eq(V::number(0.0))),
                Op::Add => two!(|a, x| a.add(x)),
                Op::Mul => two!(|a, x| a.mul(x)),
                Op::Sub => two!(|a, x| a.sub(x)),
                Op::SubFrom => two!(|a, x| x.sub(a)),
                Op::Div => two!(|a, x| a.div(x)),
                Op::DivInto => two!(|a, x| x.div(a)),
                Op::Max => two!(|a, x| a.max(x)),
                Op::MaxOf => two!(|a, x| x.max(a)),
                Op::Min => two!(|a, x| a.min(x)),
                Op::MinOf => two!(|a, x| x.min(a)),
                Op::Eq => two!(|a, x| a.eq(x)),
                Op::Ne => two!(|a, x| a.ne(x)),
                Op::Lt => two!(|a, x| a.lt(x)),
                Op::Le => two!(|a, x| a.le(x)),
                Op::Gt => two!(|a, x| x.lt(a)),
                Op::Ge => two!(|a, x| x.le(a)),
                Op::And => two!(|a, x| {
                    let (zero, one) = (V::number(0.0), V::number(1.0));
                    a.choose(x.choose(one, zero), zero)
                }),
                Op::Or => two!(|a, x| {
                    let (zero, one) = (V::number(0.0), V::number(1.0));
                    a.choose(one, x.choose(one, zero))
                }),
                Op::Choose => three!(|a, x, y| a.choose(x, y)),
                Op::Then => three!(|a, x, y| x.choose(a, y)),
                Op::Else => three!(|a, x, y| x.choose(y, a)),
                Op::Call => {
                    if let Some(call) = l.call {
                        // Copies in memory, so that the block itself need not live there.
                        let from = acc;
                        let mut to = MaybeUninit::<[V; B]>::uninit();
                        let at = from.as_ptr() as *const u8;
                        call(to.as_mut_ptr() as *mut u8, at, at, at, B * V::N);
                        acc = to.assume_init();
                    }
                }
            }
        }
        let at = out.add(i * rows.to.size(own));
        macro_rules! narrow {
            ($mem:expr, $size:literal) => {
                for k in 0..B {
                    acc[k].narrow(at.add($size * k * V::N), $mem, rows.past);
                }
            };
        }
        match rows.to {
            Mem::Own if rows.past => {
                for k in 0..B {
                    acc[k].stream(at.cast::<V::T>().add(k * V::N));
                }
            }
            Mem::Own => {
                for k in 0..B {
                    acc[k].store(at.cast::<V::T>().add(k * V::N));
                }
            }
            Mem::Bf16 if B > 1 => {
                for k in 0..B / 2 {
                    acc[2 * k].narrow_pair(acc[2 * k + 1], at.add(4 * k * V::N), rows.past);
                }
            }
            Mem::Bf16 => narrow!(Mem::Bf16, 2),
            Mem::F16 => narrow!(Mem::F16, 2),
            Mem::Bool => narrow!(Mem::Bool, 1),
        }
    }
}

/// From so many elements on, a row whose results begin inside of a vector is brought to its border first: vectors across
/// two cache lines are dear to write.
const WORTH: usize = 1024;

/// Blocks have `B` vectors, as many as cover the latency of an addition and stay in registers.
///
/// # Safety
/// As for [`Chain`], with the instruction set enabled.
#[inline(always)]
pub(super) unsafe fn run<V: Lanes, const B: usize>(
    out: *mut u8,
    first: *const u8,
    links: &mut [Link],
    n: usize,
    rows: Rows,
) {
    let (mut out, mut first) = (out, first);
    let elem = rows.to.size(size_of::<V::T>());
    let cached = Rows { past: false, ..rows };
    for row in 0..rows.count {
        if row > 0 {
            (out, first) = (out.wrapping_offset(rows.out), first.wrapping_offset(rows.first));
            for l in &mut *links {
                for k in 0..2 {
                    l.args[k] = l.args[k].wrapping_offset(l.steps[k]);
                }
            }
        }
        let mut i = 0;
        // SAFETY: all operands hold n elements (one, where single).
        unsafe {
            // Both are powers of two.
            let ahead = (out as usize).wrapping_neg() & (elem * V::N - 1);
            if ahead != 0 && n >= WORTH && ahead & (elem - 1) == 0 {
                i = ahead / elem;
                part::<V>(out, first, links, 0, i, &rows);
            }
            let here = if ahead == 0 || i > 0 { &rows } else { &cached };
            while i + B * V::N <= n {
                block::<V, B>(out, first, links, i, here);
                i += B * V::N;
            }
            while B > 4 && i + 4 * V::N <= n {
                block::<V, 4>(out, first, links, i, &cached);
                i += 4 * V::N;
            }
            while i + V::N <= n {
                block::<V, 1>(out, first, links, i, &cached);
                i += V::N;
            }
            if i < n {
                part::<V>(out, first, links, i, n - i, &rows);
            }
        }
    }
}

/// Fewer elements than a vector has, link by link through vectors on the stack: the same instructions on other lanes.
///
/// # Safety
/// As for [`block`], for `rest` elements.
#[inline(always)]
unsafe fn part<V: Lanes>(out: *mut u8, first: *const u8, links: &[Link], i: usize, rest: usize, rows: &Rows) {
    // No vector has more lanes, no element more bytes.
    let mut from = [0u64; 16];
    let (mut x, mut y, mut acc) = (from, from, from);
    let own = size_of::<V::T>();
    // SAFETY: the caller gives `rest` elements, fewer than V::N <= 16, from element i on.
    unsafe {
        let take = |from: *const u8, to: &mut [u64; 16], mem: Mem| {
            let size = mem.size(own);
            std::ptr::copy_nonoverlapping(from.add(i * size), to.as_mut_ptr().cast(), rest * size);
        };
        take(first, &mut from, rows.from);
        let mut at = from.as_ptr().cast::<u8>();
        let mut mem = rows.from;
        for (j, l) in links.iter().enumerate() {
            let mut link = *l;
            for (k, to) in [&mut x, &mut y].into_iter().enumerate() {
                if !l.args[k].is_null() && l.single >> k & 1 == 0 {
                    take(l.args[k], to, l.mem[k]);
                    link.args[k] = to.as_ptr().cast();
                }
            }
            let to = if j + 1 == links.len() { rows.to } else { Mem::Own };
            let one = Rows { from: mem, to, ..Rows::ONE };
            block::<V, 1>(acc.as_mut_ptr().cast(), at, std::slice::from_ref(&link), 0, &one);
            (at, mem) = (acc.as_ptr().cast(), Mem::Own);
        }
        let size = rows.to.size(own);
        std::ptr::copy_nonoverlapping(acc.as_ptr().cast::<u8>(), out.add(i * size), rest * size);
    }
}
