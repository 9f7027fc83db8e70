//! The tile machine: runs a [`Program`] over tensors a cache-sized tile at a time. Each primitive is one vector loop from
//! `math`; operands are read in place where they can be, gathered and converted into tiles where not. The bits of a
//! result do not depend on layouts, tile boundaries or threads: everything is element by element.

use super::convert::{self, Convert};
use super::math::{self, Form, Kernel};
use super::walk::{Addr, MAX_OPERANDS, Walk};
use crate::device::cpu::pool;
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::program::{Compute, Instr, Prim, Program, Src};
use crate::kernels::{Operand, Ptr};
use crate::scalar::Scalar;
use smallvec::SmallVec;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

/// Elements of a tile.
pub const TILE: usize = 1024;
/// Elements of a block of work, for a cheap program; a dearer one has smaller blocks.
const GRAIN: i64 = 32768;
/// An inner run shorter than this is gathered together with its neighbours.
const SHORT_RUN: i64 = 128;
const NONE: u8 = u8::MAX;
/// Most registers of a program.
const MAX_REGS: usize = 32;

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

#[derive(Clone, Copy)]
struct Step {
    kernel: Kernel,
    args: [Src; 3],
    /// Index of the splat tile that stands for an operand, or NONE.
    splat: [u8; 3],
    arity: u8,
    dst: u8,
    /// All operands are single elements, and so is the result.
    single: bool,
    /// An integer division, whose divisors are checked.
    divides: bool,
    /// For a power of floats with one exponent for all: the loops that square and copy.
    power: Option<[Kernel; 2]>,
    /// The output that the step may write in place, or NONE.
    direct: u8,
}

/// How an input comes to the machine, decided once per call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Not read.
    Unused,
    /// Contiguous, of the compute type: read where it is.
    InPlace,
    /// One element for the whole run.
    Single,
    /// Contiguous in memory (or gathered by the walk), converted into a tile.
    Convert,
    /// Strided: gathered, then converted if need be.
    Gather,
}

/// A program made ready for operands of given types and inner strides.
pub(super) struct Machine<'a> {
    program: &'a Program,
    elem: usize,
    steps: SmallVec<[Step; 6]>,
    ways: [Way; MAX_OPERANDS],
    loads: [Option<Convert>; MAX_OPERANDS],
    stores: [Option<Convert>; MAX_OPERANDS],
    in_types: [DType; MAX_OPERANDS],
    out_types: [DType; MAX_OPERANDS],
    /// Is the output contiguous in a chunk?
    out_flat: [bool; MAX_OPERANDS],
    consts: SmallVec<[[u64; 2]; 6]>,
    /// What each splat tile holds.
    splats: SmallVec<[Src; 4]>,
    /// Bit r: register r is one element.
    single_regs: u64,
    /// A chunk may have any length: nothing needs a tile.
    pub unbounded: bool,
    zero_division: AtomicBool,
}

impl<'a> Machine<'a> {
    /// `ins[i]` is (dtype, stride in bytes within a chunk, address); `outs` likewise. A stride of 0 with `count > 1` means
    /// one element. Inputs and outputs with the same address are taken for the same tensor.
    pub fn new(
        program: &'a Program,
        compute: Compute,
        params: &[Scalar],
        ins: &[(DType, i64, *mut u8)],
        outs: &[(DType, i64, *mut u8)],
    ) -> Result<Machine<'a>> {
        let native = compute.dtype();
        let elem = native.size();
        if ins.len() + outs.len() > MAX_OPERANDS
            || ins.len() < program.n_in
            || outs.len() < program.outs.len()
            || params.len() < program.n_params
            || program.n_regs > MAX_REGS
        {
            return Err(malformed(program));
        }
        let mut m = Machine {
            program,
            elem,
            steps: SmallVec::new(),
            ways: [Way::Unused; MAX_OPERANDS],
            loads: [None; MAX_OPERANDS],
            stores: [None; MAX_OPERANDS],
            in_types: [native; MAX_OPERANDS],
            out_types: [native; MAX_OPERANDS],
            out_flat: [true; MAX_OPERANDS],
            consts: SmallVec::new(),
            splats: SmallVec::new(),
            single_regs: 0,
            unbounded: true,
            zero_division: AtomicBool::new(false),
        };
        for &c in &program.consts {
            m.consts.push(convert::scalar_bytes(Scalar::Float(c), native));
        }
        for &p in &params[..program.n_params] {
            m.consts.push(convert::scalar_bytes(p, native));
        }
        let mut used = 0u32;
        for s in program.code.iter().flat_map(|i| &i.args[..i.prim.arity()]).chain(&program.outs) {
            if let Src::In(i) = *s {
                used |= 1 << i.min(31);
            }
        }
        for (i, &(dtype, stride, _)) in ins.iter().enumerate() {
            m.in_types[i] = dtype;
            if used & (1 << i) == 0 {
                continue;
            }
            m.ways[i] = if stride == 0 {
                Way::Single
            } else if stride != dtype.size() as i64 {
                Way::Gather
            } else if dtype == native {
                Way::InPlace
            } else {
                Way::Convert
            };
            if dtype != native {
                m.loads[i] = Some(convert::load(dtype, compute));
            }
            m.unbounded &= matches!(m.ways[i], Way::InPlace | Way::Single);
        }
        for (o, &(dtype, stride, _)) in outs.iter().enumerate() {
            m.out_types[o] = dtype;
            m.out_flat[o] = stride == dtype.size() as i64;
            if dtype != native {
                m.stores[o] = Some(convert::store(compute, dtype));
            }
        }
        m.plan(compute, ins, outs)?;
        Ok(m)
    }

    fn plan(&mut self, compute: Compute, ins: &[(DType, i64, *mut u8)], outs: &[(DType, i64, *mut u8)]) -> Result<()> {
        let p = self.program;
        for instr in &p.code {
            let arity = instr.prim.arity();
            let mut single = [true; 3];
            for k in 0..arity {
                single[k] = self.is_single(instr.args[k]);
            }
            let all_single = single[..arity].iter().all(|&s| s);
            let mut step = Step {
                kernel: noop,
                args: instr.args,
                splat: [NONE; 3],
                arity: arity as u8,
                dst: instr.dst,
                single: all_single,
                divides: compute == Compute::I64 && divides(instr.prim),
                power: None,
                direct: NONE,
            };
            if is_power(compute, instr.prim) && single[1] {
                let of = |p| math::kernel(compute, p, Form::VV);
                step.power = of(Prim::Square).zip(of(Prim::Copy)).map(|(s, c)| [s, c]);
            }
            let wish = match (arity, all_single, single[0], single[1]) {
                (2, false, true, _) => Form::SV,
                (2, false, _, true) => Form::VS,
                _ => Form::VV,
            };
            let have = if wish == Form::VV { None } else { math::kernel(compute, instr.prim, wish) };
            step.kernel = match have {
                Some(k) => k,
                None => {
                    if !all_single {
                        for k in 0..arity {
                            if single[k] {
                                let at = self.splats.iter().position(|s| *s == instr.args[k]);
                                // A register changes its value, so a tile of its own.
                                let at = match (at, instr.args[k]) {
                                    (Some(at), s) if !matches!(s, Src::Reg(_)) => at,
                                    _ => {
                                        self.splats.push(instr.args[k]);
                                        self.splats.len() - 1
                                    }
                                };
                                step.splat[k] = at as u8;
                                self.unbounded = false;
                            }
                        }
                    }
                    match math::kernel(compute, instr.prim, Form::VV) {
                        Some(k) => k,
                        None => return Err(missing(instr.prim, compute)),
                    }
                }
            };
            let bit = 1u64 << (instr.dst & 63);
            if all_single {
                self.single_regs |= bit
            } else {
                self.single_regs &= !bit
            }
            self.steps.push(step);
        }
        // Which steps may write an output in place.
        for (o, src) in p.outs.iter().enumerate() {
            let direct = match *src {
                Src::Reg(r)
                    if self.out_flat[o] && self.stores[o].is_none() && self.single_regs & (1 << (r & 63)) == 0 =>
                {
                    self.last_writer(r).filter(|&s| {
                        self.steps[s].direct == NONE
                            && !self.reads_after(s, outs[o].2, ins, in_place(p.code[s].prim))
                            && !overwritten(outs, o)
                    })
                }
                _ => None,
            };
            match direct {
                Some(s) => self.steps[s].direct = o as u8,
                None => self.unbounded = false,
            }
        }
        if self.steps.iter().any(|s| s.direct == NONE && !s.single) {
            self.unbounded = false;
        }
        Ok(())
    }

    fn is_single(&self, s: Src) -> bool {
        match s {
            Src::In(i) => self.ways[i as usize & 15] == Way::Single,
            Src::Const(_) | Src::Param(_) => true,
            Src::Reg(r) => self.single_regs & (1 << (r & 63)) != 0,
        }
    }

    fn last_writer(&self, r: u8) -> Option<usize> {
        self.steps.iter().rposition(|s| s.dst == r)
    }

    /// Does step `s` or a later one, or an output, read an input that lies at `ptr`? The first operand of step `s` may,
    /// where its loop works in place.
    fn reads_after(&self, s: usize, ptr: *mut u8, ins: &[(DType, i64, *mut u8)], in_place: bool) -> bool {
        let hit = |x: &Src| matches!(*x, Src::In(i) if ins[i as usize].2 == ptr);
        let step = &self.steps[s];
        let skip = (in_place && step.splat[0] == NONE) as usize;
        step.args[skip.min(step.arity as usize)..step.arity as usize].iter().any(hit)
            || self.steps[s + 1..].iter().any(|t| t.args[..t.arity as usize].iter().any(hit))
            || self.program.outs.iter().any(hit)
    }

    /// Bytes of scratch that [`run`](Self::run) needs.
    pub fn scratch(&self) -> usize {
        if self.unbounded && self.program.n_regs == 1 && self.loads.iter().all(|l| l.is_none()) && self.steps.len() <= 1
        {
            return 0;
        }
        let tiles = self.program.n_regs + 1 + self.program.n_in + self.splats.len();
        tiles * TILE * self.elem + TILE * 16 + (self.program.n_in + 1) * 16 + self.splats.len() * 8
    }

    fn tile(&self, scratch: *mut u8, i: usize) -> *mut u8 {
        scratch.wrapping_add(i * TILE * self.elem)
    }

    /// How many elements of each splat tile are filled, behind everything else in the scratch.
    fn filled(&self, scratch: *mut u8) -> *mut usize {
        let tiles = self.program.n_regs + 1 + self.program.n_in + self.splats.len();
        scratch.wrapping_add(tiles * TILE * self.elem + TILE * 16 + (self.program.n_in + 1) * 16) as *mut usize
    }

    /// To be called on scratch before the first `run` with it.
    pub fn begin(&self, scratch: *mut u8) {
        for i in 0..self.splats.len() {
            // SAFETY: scratch is as large as `scratch()` says, so this lies inside.
            unsafe { *self.filled(scratch).add(i) = 0 };
        }
    }

    /// Runs the program on `n` elements (at most [`TILE`], unless `unbounded`).
    ///
    /// # Safety
    /// Addresses and strides as announced to `new`, valid for `n` elements; scratch as asked for by `scratch`.
    pub unsafe fn run(
        &self,
        scratch: *mut u8,
        ins: &[*mut u8],
        in_strides: &[i64],
        outs: &[*mut u8],
        out_strides: &[i64],
        n: usize,
    ) {
        let p = self.program;
        let elem = self.elem;
        let first_in = p.n_regs + 1;
        let first_splat = first_in + p.n_in;
        let raw = self.tile(scratch, first_splat + self.splats.len());
        let slots = raw.wrapping_add(TILE * 16);
        let mut at: [*const u8; MAX_OPERANDS] = [std::ptr::null(); MAX_OPERANDS];
        for i in 0..p.n_in {
            // SAFETY: addresses and strides are valid for n elements, tiles for TILE, slots for one each.
            unsafe {
                at[i] = match self.ways[i] {
                    Way::Unused => continue,
                    Way::InPlace => ins[i],
                    Way::Single => match self.loads[i] {
                        None => ins[i],
                        Some(load) => {
                            let slot = slots.add(i * 16);
                            load(slot, ins[i], 1);
                            slot
                        }
                    },
                    Way::Convert => {
                        let t = self.tile(scratch, first_in + i);
                        if let Some(load) = self.loads[i] {
                            load(t, ins[i], n);
                        }
                        t
                    }
                    Way::Gather => {
                        let t = self.tile(scratch, first_in + i);
                        let size = self.in_types[i].size();
                        match self.loads[i] {
                            None => convert::gather(size, t, ins[i], in_strides[i], n),
                            Some(load) => {
                                convert::gather(size, raw, ins[i], in_strides[i], n);
                                load(t, raw, n);
                            }
                        }
                        t
                    }
                };
            }
        }
        // regs[r] is where the value of register r is; tile_of[r] which tile is its own; one tile is spare, so that a step
        // never writes over its operands.
        let mut regs: [*const u8; MAX_REGS] = [std::ptr::null(); MAX_REGS];
        let mut tile_of = [0u8; MAX_REGS];
        for r in 0..p.n_regs {
            tile_of[r] = r as u8;
        }
        let mut spare = p.n_regs as u8;
        for (k, step) in self.steps.iter().enumerate() {
            let mut a: [*const u8; 3] = [std::ptr::null(); 3];
            let mut kernel = step.kernel;
            let mut plain = None;
            if let Some(loops) = step.power {
                let e = self.value(step.args[1], &at, &regs);
                // SAFETY: the exponent is one element of the compute type, F32 or F64.
                let e = unsafe { if elem == 4 { *e.cast::<f32>() as f64 } else { *e.cast::<f64>() } };
                plain = [2.0, 1.0].iter().position(|&x| x == e);
                if let Some(i) = plain {
                    kernel = loops[i];
                }
            }
            for j in 0..step.arity as usize {
                a[j] = self.value(step.args[j], &at, &regs);
                if step.splat[j] != NONE && (plain.is_none() || j == 0) {
                    let which = step.splat[j] as usize;
                    let t = self.tile(scratch, first_splat + which);
                    let filled = self.filled(scratch).wrapping_add(which);
                    let fixed = matches!(step.args[j], Src::Const(_) | Src::Param(_));
                    // SAFETY: a splat tile has TILE elements, and the value is one element.
                    unsafe {
                        if !fixed {
                            convert::gather(elem, t, a[j], 0, n);
                        } else if *filled < n {
                            convert::gather(elem, t, a[j], 0, n);
                            *filled = n;
                        }
                    }
                    a[j] = t;
                }
            }
            let dst = if step.direct != NONE {
                outs[step.direct as usize]
            } else {
                let t = self.tile(scratch, spare as usize);
                std::mem::swap(&mut spare, &mut tile_of[step.dst as usize]);
                t
            };
            let m = if step.single { 1 } else { n };
            if step.divides {
                // SAFETY: a[1] has m elements, or one where the loop takes a scalar.
                unsafe { self.check_divisors(k, a[1] as *const i64, m) };
            }
            // SAFETY: operands and destination hold m elements each, or one in a scalar position.
            unsafe { kernel(dst, a[0], a[1], a[2], m) };
            regs[step.dst as usize] = dst;
        }
        for (o, src) in p.outs.iter().enumerate() {
            let v = self.value(*src, &at, &regs);
            if std::ptr::eq(v, outs[o]) && self.out_flat[o] && self.stores[o].is_none() {
                continue;
            }
            let size = self.out_types[o].size();
            // SAFETY: the output has n elements at this stride; raw holds TILE elements of any size.
            unsafe {
                if self.is_single(*src) {
                    let mut one = [0u64; 2];
                    let one = one.as_mut_ptr() as *mut u8;
                    match self.stores[o] {
                        Some(store) => store(one, v, 1),
                        None => std::ptr::copy_nonoverlapping(v, one, elem),
                    }
                    if self.out_flat[o] {
                        convert::gather(size, outs[o], one, 0, n);
                    } else {
                        for i in 0..n {
                            let to = outs[o].wrapping_offset(i as isize * out_strides[o] as isize);
                            std::ptr::copy_nonoverlapping(one, to, size);
                        }
                    }
                } else {
                    match (self.stores[o], self.out_flat[o]) {
                        (None, true) => std::ptr::copy(v, outs[o], n * size),
                        (Some(store), true) => store(outs[o], v, n),
                        (None, false) => convert::scatter(size, outs[o], out_strides[o], v, n),
                        (Some(store), false) => {
                            store(raw, v, n);
                            convert::scatter(size, outs[o], out_strides[o], raw, n);
                        }
                    }
                }
            }
        }
    }

    #[inline]
    fn value(&self, s: Src, at: &[*const u8; MAX_OPERANDS], regs: &[*const u8; MAX_REGS]) -> *const u8 {
        match s {
            Src::In(i) => at[i as usize & 15],
            Src::Const(i) => self.consts[i as usize].as_ptr() as *const u8,
            Src::Param(i) => self.consts[self.program.consts.len() + i as usize].as_ptr() as *const u8,
            Src::Reg(r) => regs[r as usize & (MAX_REGS - 1)],
        }
    }

    /// # Safety
    /// `b` has `n` elements (one, where the operand is single).
    #[cold]
    unsafe fn check_divisors(&self, step: usize, b: *const i64, n: usize) {
        let s = &self.steps[step];
        let n = if self.is_single(s.args[1]) && s.splat[1] == NONE { 1 } else { n };
        let mut zero = false;
        for i in 0..n {
            // SAFETY: by the contract.
            zero |= unsafe { *b.add(i) == 0 };
        }
        if zero {
            self.zero_division.store(true, Ordering::Relaxed);
        }
    }

    /// The error of the runs so far: an integer was divided by zero.
    pub fn finish(&self) -> Result<()> {
        if self.zero_division.load(Ordering::Relaxed) {
            bail!(Runtime, "ZeroDivisionError");
        }
        Ok(())
    }
}

/// Does the primitive divide (which by an integer 0 is an error)?
fn divides(p: Prim) -> bool {
    matches!(p, Prim::TruncDiv | Prim::FloorDiv | Prim::Remainder | Prim::Fmod)
}

/// Has the primitive loops that may write over their first operand?
fn in_place(p: Prim) -> bool {
    matches!(p, Prim::Add | Prim::Sub | Prim::Mul | Prim::Div | Prim::Max | Prim::Min)
}

/// Is it a power of floats? Squares (and first powers, in the derivative of squares) take loops of their own.
fn is_power(compute: Compute, prim: Prim) -> bool {
    prim == Prim::Pow && matches!(compute, Compute::F32 | Compute::F64)
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
    let arity = instr.prim.arity();
    let mut bytes = [[0u64; 2]; 3];
    let mut ptrs: [*const u8; 3] = [std::ptr::null(); 3];
    let mut single = [false; 3];
    for k in 0..arity {
        let number = match instr.args[k] {
            Src::In(i) => {
                let o = ins.get(i as usize)?;
                if o.dtype != native || o.ptr == out.ptr && total > 16 && !(k == 0 && in_place(instr.prim)) {
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
    if is_power(compute, instr.prim) && single[1] && !single[0] {
        return None;
    }
    let form = match (single, total) {
        (_, 1) | ([false, false, false], _) => Form::VV,
        ([false, true, false], _) => Form::VS,
        ([true, false, false], _) if arity == 2 => Form::SV,
        _ => return None,
    };
    let kernel = if small { math::kernel_i32(instr.prim, form)? } else { math::kernel(compute, instr.prim, form)? };
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
    let blocks = (total + grain - 1) / grain;
    pool::parallel(blocks as usize, &|b| {
        let start = b as i64 * grain;
        let n = (total - start).min(grain) as usize;
        let off = start as usize * elem;
        let at = |k: usize| if single[k] { from[k].get() } else { from[k].get().wrapping_add(off) };
        // SAFETY: as above, for the elements of this block.
        unsafe { kernel(to.get().wrapping_add(off), at(0), at(1), at(2), n) };
    });
    Some(())
}

/// Is the memory of output `o` also that of a later output?
fn overwritten(outs: &[(DType, i64, *mut u8)], o: usize) -> bool {
    outs.iter().enumerate().any(|(i, x)| i != o && x.2 == outs[o].2)
}

unsafe fn noop(_o: *mut u8, _a: *const u8, _b: *const u8, _c: *const u8, _n: usize) {}

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

/// Rough cost of a program in units of a cheap primitive.
fn cost(p: &Program) -> i64 {
    p.code
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
            | Prim::Fmod => 16,
            p if (p as u8) >= Prim::Exp as u8 && (p as u8) < Prim::Floor as u8 => 6,
            _ => 1,
        })
        .sum::<i64>()
        .max(1)
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
    let run = Runner::new(program, compute, params, &walk, &ops, outs.len())?;
    let grain = grain(program);
    if walk.total <= grain {
        run.range(0, walk.total);
    } else {
        let blocks = (walk.total + grain - 1) / grain;
        pool::parallel(blocks as usize, &|b| {
            let start = b as i64 * grain;
            run.range(start, (start + grain).min(walk.total));
        });
    }
    run.machine.finish()
}

/// A machine together with the walk that feeds it.
pub(super) struct Runner<'a> {
    pub machine: Machine<'a>,
    walk: &'a Walk,
    n_out: usize,
    n_in: usize,
    /// Inner strides of the operands as the machine sees them, outputs first.
    strides: [i64; MAX_OPERANDS],
    sizes: [usize; MAX_OPERANDS],
    /// Bit i: operand i is collected into a tile piece by piece, because its inner runs are short.
    pieces: u32,
    /// Bit i: operand i lies flat, or is one element (only looked at when runs are short).
    short: bool,
}

// SAFETY: the raw pointers in a walk are addresses of operands; threads work on different ranges of the index space.
unsafe impl Sync for Runner<'_> {}

impl<'a> Runner<'a> {
    /// `ops` are the outputs (`n_out` of them), then the inputs.
    pub fn new(
        program: &'a Program,
        compute: Compute,
        params: &[Scalar],
        walk: &'a Walk,
        ops: &[Operand],
        n_out: usize,
    ) -> Result<Runner<'a>> {
        let mut strides = [0; MAX_OPERANDS];
        let mut sizes = [0; MAX_OPERANDS];
        let mut pieces = 0;
        let short = walk.ndim() > 1 && walk.size(0) < SHORT_RUN;
        let mut about: SmallVec<[(DType, i64, *mut u8); 6]> = SmallVec::new();
        for (i, o) in ops.iter().enumerate() {
            let size = o.dtype.size();
            sizes[i] = size;
            strides[i] = if short {
                if walk.is_flat(i, size as i64) {
                    size as i64
                } else if i >= n_out && walk.is_single(i) {
                    0
                } else {
                    pieces |= 1 << i;
                    size as i64
                }
            } else if walk.total == 1 {
                size as i64
            } else {
                walk.stride(0, i)
            };
            about.push((o.dtype, strides[i], o.ptr));
        }
        let (outs, ins) = about.split_at(n_out);
        let machine = Machine::new(program, compute, params, ins, outs)?;
        Ok(Runner { machine, walk, n_out, n_in: ops.len() - n_out, strides, sizes, pieces, short })
    }

    /// Runs `[start, end)` of the walk's index space.
    pub fn range(&self, start: i64, end: i64) {
        let m = &self.machine;
        if !self.short {
            with_scratch(m.scratch(), |scratch| {
                m.begin(scratch);
                let max = if m.unbounded { i64::MAX } else { TILE as i64 };
                self.walk.range(start, end, max, |a, n| {
                    let (outs, ins) = a.p.split_at(self.n_out);
                    let (os, is) = self.strides.split_at(self.n_out);
                    // SAFETY: the walk gives addresses inside the operands, n elements each at these strides.
                    unsafe { m.run(scratch, ins, is, outs, os, n as usize) };
                });
            });
            return;
        }
        let n_ops = self.n_in + self.n_out;
        let own = self.machine.scratch().div_ceil(64) * 64;
        with_scratch(own + n_ops * TILE * 16, |scratch| {
            let buffers = scratch.wrapping_add(own);
            self.machine.begin(scratch);
            let mut pos = start;
            while pos < end {
                let n = (end - pos).min(TILE as i64);
                let mut a = Addr { p: [std::ptr::null_mut(); MAX_OPERANDS] };
                for i in 0..n_ops {
                    a.p[i] = if self.pieces & (1 << i) != 0 {
                        buffers.wrapping_add(i * TILE * 16)
                    } else {
                        self.walk.ptr(i).wrapping_offset((pos * self.strides[i]) as isize)
                    };
                }
                if self.pieces >> self.n_out != 0 {
                    let mut done = 0;
                    self.walk.range(pos, pos + n, i64::MAX, |at, len| {
                        for i in self.n_out..n_ops {
                            if self.pieces & (1 << i) != 0 {
                                let to = a.p[i].wrapping_add(done * self.sizes[i]);
                                // SAFETY: the walk gives len elements at this stride; the buffer has TILE.
                                unsafe {
                                    convert::gather(self.sizes[i], to, at.p[i], self.walk.stride(0, i), len as usize)
                                };
                            }
                        }
                        done += len as usize;
                    });
                }
                {
                    let (outs, ins) = a.p.split_at(self.n_out);
                    let (os, is) = self.strides.split_at(self.n_out);
                    // SAFETY: buffers hold n elements, flat operands too.
                    unsafe { m.run(scratch, ins, is, outs, os, n as usize) };
                }
                if self.pieces & ((1 << self.n_out) - 1) != 0 {
                    let mut done = 0;
                    self.walk.range(pos, pos + n, i64::MAX, |at, len| {
                        for i in 0..self.n_out {
                            if self.pieces & (1 << i) != 0 {
                                let from = a.p[i].wrapping_add(done * self.sizes[i]);
                                // SAFETY: as above.
                                unsafe {
                                    convert::scatter(self.sizes[i], at.p[i], self.walk.stride(0, i), from, len as usize)
                                };
                            }
                        }
                        done += len as usize;
                    });
                }
                pos += n;
            }
        });
    }
}
