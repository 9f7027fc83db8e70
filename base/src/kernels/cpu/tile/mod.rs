//! The tile machine: runs a [`Program`] over tensors a cache-sized tile at a time. Each primitive is one vector loop from
//! `math`; operands are read in place where they can be, gathered and converted into tiles where not. The bits of a
//! result do not depend on layouts, tile boundaries or threads: everything is element by element.
//!
//! Here: the machine's data, and the way of a call. `plan` and `place` make the steps, `run` goes through them on one chunk,
//! `feed` cuts tensors of any layout into chunks.

mod feed;
mod place;
mod plan;
mod run;

use super::convert::{self, Convert};
use super::math::chain::{self, Chain, Mem};
use super::math::{self, Form, Kernel};
use super::walk::{MAX_OPERANDS, Walk};
use crate::device::cpu::pool;
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::program::{Compute, Instr, Prim, Program, Src};
use crate::kernels::{Operand, Ptr};
use crate::scalar::Scalar;
use feed::Feed;
use plan::{divides, in_place, power};
use smallvec::SmallVec;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Elements of a tile.
pub const TILE: usize = 1024;
/// From so many bytes on, a result is written past the caches: it would not stay there.
pub(super) const LARGE: i64 = 16 << 20;
/// Elements of a block of work, for a cheap program; a dearer one has smaller blocks.
const GRAIN: i64 = 32768;
/// A cache line of scratch memory.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line([u64; 8]);

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    static ARENAS: [Cell<Vec<Line>>; 3] = const { [const { Cell::new(Vec::new()) }; 3] };
}

/// Runs `f` with at least `bytes` of scratch memory, aligned to 64 bytes, that belongs to this call.
pub(super) fn with_scratch<R>(bytes: usize, f: impl FnOnce(*mut u8) -> R) -> R {
    if bytes == 0 {
        return f(std::ptr::null_mut());
    }
    let depth = DEPTH.get();
    let which = depth.min(2);
    let mut arena = ARENAS.with(|a| a[which].take());
    let lines = bytes.div_ceil(64);
    if arena.len() < lines {
        arena = vec![Line([0; 8]); lines.max(512)];
    }
    DEPTH.set(depth + 1);
    let r = f(arena.as_mut_ptr() as *mut u8);
    DEPTH.set(depth);
    // What is large is not kept.
    if arena.len() <= 1 << 16 {
        ARENAS.with(|a| a[which].set(arena));
    }
    r
}

/// Where a value lies: so many bytes behind one of the bases of a run.
#[derive(Clone, Copy)]
struct At {
    base: u8,
    off: u32,
}

/// The bases: the scratch, `Machine::fixed`, then the inputs and the outputs.
const SCRATCH: u8 = 0;
const FIXED: u8 = 1;
const INS: u8 = 2;

/// How an input comes to the machine.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Contiguous, of the compute type: read where it is.
    InPlace,
    /// One element for the whole run.
    Single,
    /// Contiguous in memory (or gathered by the feed), converted into a tile, or by the chains that read it.
    Convert,
    /// Strided: gathered, then converted if need be.
    Gather,
}

/// An input that is brought into the scratch before the steps.
#[derive(Clone, Copy)]
struct Fetch {
    input: u8,
    way: Way,
    size: u8,
    load: Option<Convert>,
    to: At,
}

/// What a step does.
#[derive(Clone, Copy)]
enum Work {
    /// One primitive.
    One { kernel: Kernel, args: [At; 3] },
    /// Links `from..from + len`, beginning with the value at `first`; how that and the result lie in memory.
    Chain { first: At, from: u16, len: u16, mem: [Mem; 2] },
}

#[derive(Clone, Copy)]
struct Step {
    work: Work,
    /// Of a chain of one link: its loop, which is quicker row by row.
    alone: Option<(Kernel, [At; 2])>,
    to: At,
    /// All operands are single elements, and so is the result.
    single: bool,
    /// An integer division, whose divisors are checked: all of them, or the one.
    divides: Divisors,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Divisors {
    None,
    One,
    All,
}

/// A link whose operands are places.
#[derive(Clone, Copy)]
struct LinkAt {
    op: chain::Op,
    call: Option<Kernel>,
    single: u8,
    n: u8,
    args: [At; 2],
    mem: [Mem; 2],
}

/// A tile full of one element, for loops that want vectors.
#[derive(Clone, Copy)]
struct Splat {
    step: u16,
    from: At,
    to: At,
    /// The element is a number of the formula.
    fixed: bool,
}

/// An output that no step writes itself.
#[derive(Clone, Copy)]
struct Planned {
    output: u8,
    from: At,
    single: bool,
    size: u8,
    flat: bool,
    store: Option<Convert>,
}

/// The steps of a program for operands of given types and inner strides, and for given numbers.
struct Plan {
    n_in: usize,
    n_out: usize,
    elem: usize,
    /// Constants, parameters, and what follows from them alone.
    fixed: SmallVec<[[u64; 2]; 8]>,
    fetches: SmallVec<[Fetch; 2]>,
    steps: SmallVec<[Step; 4]>,
    links: SmallVec<[LinkAt; 6]>,
    splats: SmallVec<[Splat; 2]>,
    outs: SmallVec<[Planned; 2]>,
    /// Bytes of scratch, and where in it a tile of raw elements lies.
    scratch: usize,
    raw: u32,
    chain: Chain,
    unbounded: bool,
}

/// A program made ready for a call.
pub(super) struct Machine {
    plan: Arc<Plan>,
    /// A chunk may have any length: nothing needs a tile.
    pub unbounded: bool,
    /// Most elements of a chunk.
    pub hint: usize,
    /// The outputs are written past the caches.
    past: bool,
    zero_division: AtomicBool,
}

/// Logic on bool where it lies. None where the case is another one.
fn bools(instr: &Instr, compute: Compute, total: i64, ins: &[Operand], out: &Operand) -> Option<()> {
    if compute != Compute::I64 || out.dtype != DType::Bool || ins.iter().any(|o| o.dtype != DType::Bool) {
        return None;
    }
    let at = |k: usize| match instr.args[k] {
        Src::In(i) => ins.get(i as usize).map(|o| Ptr(o.ptr)),
        _ => None,
    };
    let (to, a) = (Ptr(out.ptr), at(0)?);
    let b = if instr.prim.arity() == 2 { at(1)? } else { a };
    macro_rules! bytes {
        ($f:expr) => {
            |start: usize, n: usize| {
                // Addresses in locals: a byte that is written might be a part of what the closure holds.
                let (f, to, a, b) = ($f, to.get(), a.get(), b.get());
                for i in start..start + n {
                    // SAFETY: `total` elements at all three, and [start, start + n) lies inside.
                    unsafe { *to.add(i) = f(*a.add(i), *b.add(i)) };
                }
            }
        };
    }
    let each: &(dyn Fn(usize, usize) + Sync) = match instr.prim {
        Prim::BitAnd | Prim::LogicalAnd => &bytes!(|x: u8, y: u8| ((x != 0) & (y != 0)) as u8),
        Prim::BitOr | Prim::LogicalOr => &bytes!(|x: u8, y: u8| ((x != 0) | (y != 0)) as u8),
        Prim::BitXor | Prim::LogicalXor | Prim::Ne => &bytes!(|x: u8, y: u8| ((x != 0) ^ (y != 0)) as u8),
        Prim::LogicalNot => &bytes!(|x: u8, _: u8| (x == 0) as u8),
        _ => return None,
    };
    let blocks = (total + GRAIN - 1) / GRAIN;
    pool::parallel(blocks as usize, &|i| {
        let start = i as i64 * GRAIN;
        each(start as usize, (total - start).min(GRAIN) as usize);
    });
    Some(())
}

/// One primitive over contiguous tensors of the compute type (or one element each): straight to its loop. None where the
/// case is another one.
#[inline]
fn quick(
    program: &Program,
    compute: Compute,
    params: &[Scalar],
    shape: &[i64],
    ins: &[Operand],
    outs: &[Operand],
) -> Option<()> {
    let ([instr], [Src::Reg(r)], [out]) = (&program.code[..], &program.outs[..], outs) else { return None };
    // int32 stays int32 where that is exact.
    let small = compute == Compute::I64 && out.dtype == DType::I32;
    let native = if small { DType::I32 } else { compute.dtype() };
    if instr.dst != *r || compute == Compute::I64 && divides(instr.prim) {
        return None;
    }
    let mut total = 1i64;
    // Bit i: input i is one element for all, as a number is.
    let mut ones = (1u32 << ins.len().min(31)) - 1;
    for d in (0..shape.len()).rev() {
        if shape[d] != 1 {
            for (i, o) in ins.iter().enumerate() {
                ones &= !(((o.strides[d] != 0) as u32) << i.min(31));
            }
        }
    }
    for d in (0..shape.len()).rev() {
        if shape[d] != 1 {
            let off = |(i, o): (usize, &Operand)| o.strides[d] != total && ones >> i & 1 == 0;
            if out.strides[d] != total || ins.iter().enumerate().any(off) {
                return None;
            }
            total *= shape[d];
        }
    }
    if total <= 1 {
        ones = 0;
    }
    if total > 0 && ones == 0 && bools(instr, compute, total, ins, out).is_some() {
        return Some(());
    }
    // A result of another type (a comparison's) is converted from a tile.
    let converted = out.dtype != native;
    if converted && total > TILE as i64 {
        return None;
    }
    let (mut prim, mut arity) = (instr.prim, instr.prim.arity());
    if prim == Prim::Pow && !matches!(instr.args[1], Src::In(_)) {
        let exponent = match instr.args[1] {
            Src::Param(i) => params.get(i as usize)?.f64(),
            Src::Const(i) => *program.consts.get(i as usize)?,
            _ => return None,
        };
        // Other exponents are for the machine, cubes too.
        prim = power(exponent).filter(|_| matches!(compute, Compute::F32 | Compute::F64))?;
        arity = 1;
    }
    let mut bytes = [[0u64; 2]; 3];
    let mut ptrs: [*const u8; 3] = [std::ptr::null(); 3];
    let mut single = [false; 3];
    for k in 0..arity {
        let number = match instr.args[k] {
            Src::In(i) => {
                let o = ins.get(i as usize)?;
                if o.dtype != native || o.ptr == out.ptr && total > 16 && !(k == 0 && in_place(prim)) {
                    return None;
                }
                ptrs[k] = o.ptr;
                single[k] = ones >> i & 1 == 1;
                continue;
            }
            Src::Const(i) => Scalar::Float(*program.consts.get(i as usize)?),
            Src::Param(i) => *params.get(i as usize)?,
            Src::Reg(_) => return None,
        };
        if small && i32::try_from(number.i64()).is_err() {
            return None;
        }
        bytes[k] = convert::scalar_bytes(number, native);
        single[k] = true;
    }
    for k in 0..arity {
        if single[k] && ptrs[k].is_null() {
            ptrs[k] = bytes[k].as_ptr() as *const u8;
        }
    }
    if total * native.size() as i64 >= LARGE && chain::link(prim, 0).is_some() && compute != Compute::I64 {
        // Better past the caches, which chains can.
        return None;
    }
    let form = match (single, total) {
        (_, 1) | ([false, false, false], _) => Form::VV,
        ([false, true, false], _) => Form::VS,
        ([true, false, false], _) if arity == 2 => Form::SV,
        _ => return None,
    };
    let kernel = if small { math::kernel_i32(prim, form)? } else { math::kernel(compute, prim, form)? };
    if total <= 0 {
        return Some(());
    }
    if converted {
        let mut tile = std::mem::MaybeUninit::<[Line; TILE / 4]>::uninit();
        let tile = tile.as_mut_ptr() as *mut u8;
        // SAFETY: as below; a tile holds TILE elements of any type.
        unsafe {
            kernel(tile, ptrs[0], ptrs[1], ptrs[2], total as usize);
            convert::store(compute, out.dtype)(out.ptr, tile, total as usize);
        }
        return Some(());
    }
    let grain = grain(program);
    if total <= grain {
        // SAFETY: the operands hold `total` elements each, scalars one; the forms say which is which.
        unsafe { kernel(out.ptr, ptrs[0], ptrs[1], ptrs[2], total as usize) };
        return Some(());
    }
    let (to, from) = (Ptr(out.ptr), ptrs.map(|p| Ptr(p as *mut u8)));
    let elem = native.size();
    // Cheap loops on what no cache holds: by tiles, and from those past the caches.
    let past = total * elem as i64 >= LARGE && grain == GRAIN && !ptrs.contains(&out.ptr.cast_const());
    // The first block is longer by what lies before a cache line of the results: vectors across two are dear to write.
    let head = match (out.ptr as usize).wrapping_neg() % 64 {
        odd if odd.is_multiple_of(elem) && grain == GRAIN => (odd / elem) as i64,
        _ => 0,
    };
    let run = |start: i64, n: i64| {
        let (off, n) = (start as usize * elem, n as usize);
        let at = |k: usize| if single[k] { from[k].get() } else { from[k].get().wrapping_add(off) };
        let to = to.get().wrapping_add(off);
        if !past {
            // SAFETY: as above, for these elements.
            return unsafe { kernel(to, at(0), at(1), at(2), n) };
        }
        let each = convert::PAST / elem;
        with_scratch(convert::PAST, |tile| {
            for i in (0..n).step_by(each) {
                let at = |k: usize| if single[k] { at(k) } else { at(k).wrapping_add(i * elem) };
                let m = (n - i).min(each);
                // SAFETY: as above; the tile holds as many.
                unsafe {
                    kernel(tile, at(0), at(1), at(2), m);
                    convert::past(to.wrapping_add(i * elem), tile, m * elem);
                }
            }
            chain::fence();
        });
    };
    let blocks = (total - head + grain - 1) / grain;
    pool::parallel(blocks as usize, &|b| {
        let start = b as i64 * grain + head;
        if b == 0 && head > 0 {
            run(0, head);
        }
        run(start, (total - start).min(grain));
    });
    Some(())
}

#[cold]
fn malformed(p: &Program) -> crate::error::Error {
    crate::err!(Runtime, "a formula of {} inputs and {} outputs was called with other operands", p.n_in, p.outs.len())
}

#[cold]
fn missing(prim: Prim, compute: Compute) -> crate::error::Error {
    crate::err!(
        NotImplemented,
        "\"{}_cpu\" not implemented for '{}'",
        format!("{prim:?}").to_lowercase(),
        compute.dtype().c10_name()
    )
}

/// Rough cost of a program in units of four cheap primitives, which a chain does in one pass over memory.
fn cost(p: &Program) -> i64 {
    let quarters: i64 = p
        .code
        .iter()
        .map(|i| match i.prim {
            Prim::Pow
            | Prim::Lgamma
            | Prim::Digamma
            | Prim::Erfinv
            | Prim::Erfc
            | Prim::Atan2
            | Prim::FloorDiv
            | Prim::Remainder
            | Prim::Fmod => 48,
            p if (p as u8) >= Prim::Exp as u8 && (p as u8) < Prim::Floor as u8 => 16,
            _ => 1,
        })
        .sum();
    (quarters / 4).max(1)
}

/// Elements of a block of work of this program.
fn grain(p: &Program) -> i64 {
    (GRAIN / cost(p)).max(2048) / TILE as i64 * TILE as i64
}

/// Runs a program over tensors: `outs[o][i] = program(ins[..][i])` for every index `i` of `shape`. Inputs broadcast by
/// strides of 0. An output may be an input (same address, same strides).
pub fn map(
    program: &Program,
    compute: Compute,
    params: &[Scalar],
    shape: &[i64],
    ins: &[Operand],
    outs: &[Operand],
) -> Result<()> {
    if quick(program, compute, params, shape, ins, outs).is_some() {
        return Ok(());
    }
    if ins.len() + outs.len() > MAX_OPERANDS {
        return Err(malformed(program));
    }
    if let ([i], [Src::Reg(r)], [src], [dst]) = (&program.code[..], &program.outs[..], ins, outs)
        && i.prim == Prim::Copy
        && i.args[0] == Src::In(0)
        && i.dst == *r
        && src.dtype == dst.dtype
    {
        return super::copy::copy(shape, *src, *dst);
    }
    let mut ops: SmallVec<[Operand; 6]> = SmallVec::new();
    ops.extend(outs.iter().copied());
    ops.extend(ins.iter().copied());
    let walk = Walk::new(shape, &ops);
    if walk.total <= 0 {
        return Ok(());
    }
    Feed::new(program, compute, params, &walk, &ops, outs.len())?.all(grain(program))
}
