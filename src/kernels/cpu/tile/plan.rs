//! From a program to steps: what one call can say once and for all. Numbers are folded, a select by a number becomes the
//! operand it chooses, cheap primitives on floats that follow each other join to chains, and every value gets its place.

use super::{At, Divisors, FIXED, Fetch, INS, Machine, Plan, Planned, SCRATCH, Step, TILE, Way, Work};
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::convert;
use crate::kernels::cpu::math::{self, Form, Kernel, chain};
use crate::kernels::cpu::walk::MAX_OPERANDS;
use crate::kernels::program::{Compute, Prim, Program, Src};
use crate::scalar::Scalar;
use smallvec::SmallVec;
use std::cell::RefCell;
use std::sync::Arc;

/// Most registers of a program.
const MAX_REGS: usize = 32;
/// Most links of a chain.
pub(super) const MAX_LINKS: usize = 12;
const NEVER: u16 = u16::MAX;

/// Type, stride in bytes within a chunk, address.
pub(super) type About = (DType, i64, *mut u8);

/// A value of the program.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Val {
    In(u8),
    /// A number, in `Machine::fixed`.
    Fixed(u8),
    /// The result of a node.
    Node(u8),
}

/// An instruction that is left after folding.
struct Node {
    prim: Prim,
    args: [Val; 3],
    arity: u8,
    /// One element, computed anew in each run.
    single: bool,
    /// How often the result is read.
    uses: u8,
    /// Part of the chain of a later node.
    absorbed: bool,
    /// For links: which operand is the value so far, and whether that is the chain of an earlier node.
    at: u8,
    extends: bool,
    link: Option<chain::Op>,
    /// The last step that reads the result.
    last: u16,
    place: At,
}

type Nodes = SmallVec<[Node; 8]>;

/// Does the primitive divide (which by an integer 0 is an error)?
pub(super) fn divides(p: Prim) -> bool {
    matches!(p, Prim::TruncDiv | Prim::FloorDiv | Prim::Remainder | Prim::Fmod)
}

/// Has the primitive loops that may write over their first operand?
pub(super) fn in_place(p: Prim) -> bool {
    matches!(p, Prim::Add | Prim::Sub | Prim::Mul | Prim::Div | Prim::Max | Prim::Min)
}

/// The primitive that gives the powers with this exponent, if one does: as PyTorch has it, roots included.
pub(super) fn power(exponent: f64) -> Option<Prim> {
    match exponent {
        1.0 => Some(Prim::Copy),
        2.0 => Some(Prim::Square),
        0.5 => Some(Prim::Sqrt),
        -0.5 => Some(Prim::Rsqrt),
        -1.0 => Some(Prim::Recip),
        _ => None,
    }
}

/// What a plan depends on.
#[derive(Clone, PartialEq)]
struct Key {
    program: u32,
    compute: Compute,
    /// Type and way of each operand.
    operands: [u8; MAX_OPERANDS],
    /// Which operands share their address: a bit for each pair of an output and another operand.
    shared: u64,
    params: SmallVec<[[u64; 2]; 4]>,
}

/// How many plans a thread remembers.
const REMEMBERED: usize = 64;

thread_local! {
    static PLANS: RefCell<[Option<(Key, Arc<Plan>)>; REMEMBERED]> = const { RefCell::new([const { None }; REMEMBERED]) };
}

impl Machine {
    /// `ins[i]` is (dtype, stride in bytes within a chunk, address); `outs` likewise. A stride of 0 means one element.
    /// Inputs and outputs with the same address are taken for the same tensor.
    pub fn new(
        program: &Program,
        compute: Compute,
        params: &[Scalar],
        ins: &[About],
        outs: &[About],
    ) -> Result<Machine> {
        let (n_in, n_out) = (program.n_in, program.outs.len());
        if ins.len() + outs.len() > MAX_OPERANDS
            || ins.len() < n_in
            || outs.len() < n_out
            || params.len() < program.n_params
            || program.n_regs > MAX_REGS
            || program.code.len() + n_in > 200
        {
            return Err(super::malformed(program));
        }
        let native = compute.dtype();
        let mut key = Key { program: program.id, compute, operands: [0; MAX_OPERANDS], shared: 0, params: SmallVec::new() };
        let mut hash = program.id as u64;
        for (k, o) in outs.iter().chain(ins).enumerate() {
            key.operands[k] = (o.0 as u8) << 2 | way(o, native) as u8;
            hash = hash.wrapping_mul(31).wrapping_add(key.operands[k] as u64);
        }
        for o in outs {
            for x in outs.iter().chain(ins) {
                key.shared = key.shared.rotate_left(1) ^ (o.2 == x.2) as u64;
            }
        }
        for &x in &params[..program.n_params] {
            key.params.push(convert::scalar_bytes(x, native));
        }
        let slot = (hash ^ hash >> 7) as usize % REMEMBERED;
        let known = program.id != 0 && outs.len() * (outs.len() + ins.len()) <= 64;
        let found = match known {
            true => PLANS.with_borrow(|all| all[slot].as_ref().filter(|e| e.0 == key).map(|e| e.1.clone())),
            false => None,
        };
        let plan = match found {
            Some(plan) => plan,
            None => {
                let plan = Arc::new(make(program, compute, &key.params, ins, outs)?);
                if known {
                    PLANS.with_borrow_mut(|all| all[slot] = Some((key, plan.clone())));
                }
                plan
            }
        };
        Ok(Machine { unbounded: plan.unbounded, plan, hint: TILE, past: false, zero_division: false.into() })
    }
}

#[cold]
fn make(program: &Program, compute: Compute, params: &[[u64; 2]], ins: &[About], outs: &[About]) -> Result<Plan> {
    let mut plan = Plan {
        n_in: program.n_in,
        n_out: program.outs.len(),
        elem: compute.dtype().size(),
        fixed: SmallVec::new(),
        fetches: SmallVec::new(),
        steps: SmallVec::new(),
        links: SmallVec::new(),
        splats: SmallVec::new(),
        outs: SmallVec::new(),
        scratch: 0,
        raw: 0,
        chain: chain::chain(compute == Compute::F64),
        unbounded: true,
    };
    for &c in &program.consts {
        plan.fixed.push(convert::scalar_bytes(Scalar::Float(c), compute.dtype()));
    }
    plan.fixed.extend_from_slice(params);
    Planner { m: &mut plan, program, compute, ins, outs, nodes: Nodes::new(), tiles: 0, slots: 0 }.plan()?;
    Ok(plan)
}

fn way(o: &About, native: DType) -> Way {
    let (dtype, stride, _) = *o;
    if stride == 0 {
        Way::Single
    } else if stride != dtype.size() as i64 {
        Way::Gather
    } else if dtype == native {
        Way::InPlace
    } else {
        Way::Convert
    }
}

struct Planner<'m> {
    m: &'m mut Plan,
    program: &'m Program,
    compute: Compute,
    ins: &'m [About],
    outs: &'m [About],
    nodes: Nodes,
    /// Tiles and single elements of the scratch that are given away.
    tiles: u32,
    slots: u32,
}

impl Planner<'_> {
    fn plan(mut self) -> Result<()> {
        let results = self.fold()?;
        self.live(&results);
        if self.is_float() {
            self.join();
        }
        self.places(&results)
    }

    fn way(&self, i: usize) -> Way {
        way(&self.ins[i], self.compute.dtype())
    }

    fn is_single(&self, v: Val) -> bool {
        match v {
            Val::In(i) => self.way(i as usize) == Way::Single,
            Val::Fixed(_) => true,
            Val::Node(k) => self.nodes[k as usize].single,
        }
    }

    /// A number of the compute type as f64; complex numbers have none.
    fn number(&self, v: Val) -> Option<f64> {
        let Val::Fixed(i) = v else { return None };
        let bits = self.m.fixed[i as usize][0];
        match self.compute {
            Compute::F32 => Some(f32::from_bits(bits as u32) as f64),
            Compute::F64 => Some(f64::from_bits(bits)),
            Compute::I64 => Some(bits as i64 as f64),
            _ => None,
        }
    }

    fn is_float(&self) -> bool {
        matches!(self.compute, Compute::F32 | Compute::F64)
    }

    fn node(&mut self, prim: Prim, args: [Val; 3], arity: usize) -> Val {
        let single = args[..arity].iter().all(|&a| self.is_single(a));
        self.nodes.push(Node {
            prim,
            args,
            arity: arity as u8,
            single,
            uses: 0,
            absorbed: false,
            at: 0,
            extends: false,
            link: None,
            last: NEVER,
            place: At { base: SCRATCH, off: 0 },
        });
        Val::Node((self.nodes.len() - 1) as u8)
    }

    fn kernel(&self, prim: Prim, form: Form) -> Result<Kernel> {
        math::kernel(self.compute, prim, form).ok_or_else(|| super::missing(prim, self.compute))
    }

    /// Instructions to nodes; what is known is computed at once. Gives the value of each output.
    fn fold(&mut self) -> Result<SmallVec<[Val; 4]>> {
        let p = self.program;
        let mut regs = [Val::Fixed(0); MAX_REGS];
        let value = |regs: &[Val; MAX_REGS], s: Src| match s {
            Src::In(i) => Val::In(i),
            Src::Const(i) => Val::Fixed(i),
            Src::Param(i) => Val::Fixed(p.consts.len() as u8 + i),
            Src::Reg(r) => regs[r as usize & (MAX_REGS - 1)],
        };
        for instr in &p.code {
            let arity = instr.prim.arity();
            let mut args = [Val::Fixed(0); 3];
            for k in 0..arity {
                args[k] = value(&regs, instr.args[k]);
            }
            let mut prim = instr.prim;
            let mut n = arity;
            if prim == Prim::Pow
                && self.is_float()
                && let Some(short) = self.number(args[1]).and_then(power)
            {
                (prim, n) = (short, 1);
            }
            let traps = self.compute == Compute::I64 && divides(prim);
            let v = if args[..n].iter().all(|a| matches!(a, Val::Fixed(_))) && !traps {
                let kernel = self.kernel(prim, Form::VV)?;
                let at = |k: usize| match args[k] {
                    Val::Fixed(i) => self.m.fixed[i as usize].as_ptr() as *const u8,
                    _ => std::ptr::null(),
                };
                let mut out = [0u64; 2];
                // SAFETY: one element of the compute type each.
                unsafe { kernel(out.as_mut_ptr() as *mut u8, at(0), at(1.min(n - 1)), at(2.min(n - 1)), 1) };
                self.m.fixed.push(out);
                Val::Fixed((self.m.fixed.len() - 1) as u8)
            } else if let (Prim::Select, Some(c)) = (prim, self.number(args[0])) {
                if c != 0.0 { args[1] } else { args[2] }
            } else if prim == Prim::Copy && self.compute != Compute::C64 && self.compute != Compute::C128 {
                args[0]
            } else {
                let cube = prim == Prim::Pow && self.is_float() && self.number(args[1]) == Some(3.0);
                if cube {
                    args[1] = self.node(Prim::Square, args, 1);
                    prim = Prim::Mul;
                }
                self.node(prim, args, n)
            };
            regs[instr.dst as usize & (MAX_REGS - 1)] = v;
        }
        Ok(p.outs.iter().map(|s| value(&regs, *s)).collect())
    }

    /// Counts the readers of each node; dead ones have none.
    fn live(&mut self, results: &[Val]) {
        for v in results {
            if let Val::Node(k) = v {
                // Twice: a result is no part of a longer chain.
                self.nodes[*k as usize].uses = 2;
            }
        }
        for k in (0..self.nodes.len()).rev() {
            if self.nodes[k].uses == 0 {
                continue;
            }
            for j in 0..self.nodes[k].arity as usize {
                if let Val::Node(a) = self.nodes[k].args[j] {
                    let a = &mut self.nodes[a as usize];
                    a.uses = a.uses.saturating_add(1);
                }
            }
        }
    }

    /// The link that a node is when its operand `at` is the value so far.
    fn link(&self, node: &Node, at: usize) -> Option<chain::Op> {
        chain::link(node.prim, at).or_else(|| {
            let call = node.arity == 1 && chain::calls() && math::kernel(self.compute, node.prim, Form::VV).is_some();
            call.then_some(chain::Op::Call)
        })
    }

    /// Joins primitives to chains: a link goes on where an earlier chain ended, if nothing else reads that.
    fn join(&mut self) {
        let mut length: SmallVec<[u8; 16]> = SmallVec::from_elem(0, self.nodes.len());
        for k in 0..self.nodes.len() {
            let node = &self.nodes[k];
            if node.uses == 0 || node.single {
                continue;
            }
            let n = node.arity as usize;
            let (mut best, mut start) = (None, None);
            for j in 0..n {
                if self.link(node, j).is_none() || self.is_single(node.args[j]) {
                    continue;
                }
                start = start.or(Some(j));
                if let Val::Node(a) = node.args[j] {
                    let long = length[a as usize];
                    let fits = self.nodes[a as usize].uses == 1 && long > 0 && (long as usize) < MAX_LINKS;
                    if fits && best.is_none_or(|(_, l)| long > l) {
                        best = Some((j, long));
                    }
                }
            }
            let (at, extends) = match (best, start) {
                (Some((j, _)), _) => (j, true),
                (None, Some(j)) => (j, false),
                _ => continue,
            };
            length[k] = best.map_or(1, |(_, l)| l + 1);
            let (link, before) = (self.link(node, at), node.args[at]);
            if let (true, Val::Node(a)) = (extends, before) {
                self.nodes[a as usize].absorbed = true;
            }
            let node = &mut self.nodes[k];
            (node.at, node.extends, node.link) = (at as u8, extends, link);
        }
    }

    /// Calls `f` with every value that the step of node `k` reads.
    fn reads(&self, k: usize, f: &mut dyn FnMut(Val)) {
        let node = &self.nodes[k];
        for j in 0..node.arity as usize {
            match node.args[j] {
                Val::Node(a) if node.extends && j == node.at as usize => self.reads(a as usize, f),
                v => f(v),
            }
        }
    }

    fn tile(&mut self, free: &mut SmallVec<[u32; 8]>) -> At {
        let t = free.pop().unwrap_or_else(|| {
            self.tiles += 1;
            self.tiles - 1
        });
        At { base: SCRATCH, off: t * self.tile_bytes() }
    }

    fn tile_bytes(&self) -> u32 {
        (TILE * self.m.elem) as u32
    }

    /// Slots are counted from the end of the tiles, which is known last: `places` moves them there.
    fn slot(&mut self) -> At {
        self.slots += 1;
        At { base: SLOTS, off: (self.slots - 1) * 16 }
    }

    /// Gives every value its place and writes the steps.
    fn places(mut self, results: &[Val]) -> Result<()> {
        let native = self.compute.dtype();
        let steps: SmallVec<[usize; 16]> =
            (0..self.nodes.len()).filter(|&k| self.nodes[k].uses > 0 && !self.nodes[k].absorbed).collect();
        // Which inputs are read, and the last reader of each value.
        let mut used = 0u32;
        for (s, &k) in steps.iter().enumerate() {
            let mut last: SmallVec<[u8; 16]> = SmallVec::new();
            self.reads(k, &mut |v| match v {
                Val::In(i) => used |= 1 << i,
                Val::Node(a) => last.push(a),
                Val::Fixed(_) => {}
            });
            for a in last {
                self.nodes[a as usize].last = s as u16;
            }
        }
        for v in results {
            match v {
                Val::In(i) => used |= 1 << i,
                Val::Node(k) => self.nodes[*k as usize].last = NEVER,
                Val::Fixed(_) => {}
            }
        }
        let mut inputs = [At { base: SCRATCH, off: 0 }; MAX_OPERANDS];
        let mut free: SmallVec<[u32; 8]> = SmallVec::new();
        for i in (0..self.program.n_in).filter(|i| used & (1 << i) != 0) {
            let (dtype, way) = (self.ins[i].0, self.way(i));
            let load = (dtype != native).then(|| convert::load(dtype, self.compute));
            inputs[i] = match (way, load) {
                (Way::InPlace, _) | (Way::Single, None) => At { base: INS + i as u8, off: 0 },
                (Way::Single, Some(_)) => self.slot(),
                _ => {
                    self.m.unbounded = false;
                    self.tile(&mut free)
                }
            };
            if inputs[i].base < INS {
                self.m.fetches.push(Fetch { input: i as u8, way, size: dtype.size() as u8, load, to: inputs[i] });
            }
        }
        let fixed = |i: u8| At { base: FIXED, off: i as u32 * 16 };
        for (s, &k) in steps.iter().enumerate() {
            let single = self.nodes[k].single;
            let direct = if single { None } else { self.direct(results, &steps, s) };
            let place = match direct {
                Some(o) => At { base: INS + (self.program.n_in + o) as u8, off: 0 },
                None if single => self.slot(),
                None => {
                    self.m.unbounded = false;
                    self.tile(&mut free)
                }
            };
            let at = |nodes: &Nodes, v: Val| match v {
                Val::In(i) => inputs[i as usize],
                Val::Fixed(i) => fixed(i),
                Val::Node(k) => nodes[k as usize].place,
            };
            // A function alone is its loop.
            let alone = self.nodes[k].link == Some(chain::Op::Call) && !self.nodes[k].extends;
            if alone {
                self.nodes[k].link = None;
            }
            let work = if self.nodes[k].link.is_some() {
                self.chain(k, &at)
            } else {
                self.one(k, &at)?
            };
            self.m.steps.push(Step {
                work,
                to: place,
                single,
                divides: self.divisors(k),
            });
            self.nodes[k].place = place;
            // Tiles whose last reader this was.
            for a in 0..self.nodes.len() {
                let n = &self.nodes[a];
                if n.last == s as u16 && n.place.base == SCRATCH && !n.single && !n.absorbed {
                    free.push(n.place.off / self.tile_bytes());
                }
            }
        }
        for (o, v) in results.iter().enumerate() {
            let (dtype, stride, _) = self.outs[o];
            let base = INS + (self.program.n_in + o) as u8;
            let from = match *v {
                Val::In(i) => inputs[i as usize],
                Val::Fixed(i) => fixed(i),
                Val::Node(k) => self.nodes[k as usize].place,
            };
            if from.base == base {
                continue;
            }
            self.m.unbounded = false;
            self.m.outs.push(Planned {
                output: o as u8,
                from,
                single: self.is_single(*v),
                size: dtype.size() as u8,
                flat: stride == dtype.size() as i64,
                store: (dtype != native).then(|| convert::store(self.compute, dtype)),
            });
        }
        self.settle();
        Ok(())
    }

    /// The places behind the tiles: one tile for raw elements of any size, then the slots.
    fn settle(&mut self) {
        let m = &mut *self.m;
        m.raw = self.tiles * (TILE * m.elem) as u32;
        let needs_raw = m.fetches.iter().any(|f| f.way == Way::Gather && f.load.is_some())
            || m.outs.iter().any(|o| !o.flat && o.store.is_some());
        let slots = m.raw + if needs_raw { TILE as u32 * 16 } else { 0 };
        let fix = |a: &mut At| {
            if a.base == SLOTS {
                *a = At { base: SCRATCH, off: slots + a.off };
            }
        };
        m.fetches.iter_mut().for_each(|f| fix(&mut f.to));
        m.outs.iter_mut().for_each(|o| fix(&mut o.from));
        m.links.iter_mut().for_each(|l| l.args.iter_mut().for_each(fix));
        m.splats.iter_mut().for_each(|s| fix(&mut s.from));
        for s in &mut m.steps {
            fix(&mut s.to);
            match &mut s.work {
                Work::One { args, .. } => args.iter_mut().for_each(fix),
                Work::Chain { first, .. } => fix(first),
            }
        }
        m.scratch = (slots + self.slots * 16) as usize;
    }

    /// The output that step `s` may write itself.
    fn direct(&self, results: &[Val], steps: &[usize], s: usize) -> Option<usize> {
        let k = steps[s];
        let o = results.iter().position(|v| *v == Val::Node(k as u8))?;
        let (dtype, stride, ptr) = self.outs[o];
        if dtype != self.compute.dtype() || stride != dtype.size() as i64 {
            return None;
        }
        if self.outs.iter().enumerate().any(|(i, x)| i != o && x.2 == ptr) {
            return None;
        }
        let hit = |v: Val| matches!(v, Val::In(i) if self.ins[i as usize].2 == ptr);
        if results.iter().any(|&v| hit(v)) {
            return None;
        }
        let node = &self.nodes[k];
        if node.link.is_none() {
            // A loop of its own: its first operand at most.
            let skip = in_place(node.prim) as usize;
            if node.args[skip.min(node.arity as usize)..node.arity as usize].iter().any(|&v| hit(v)) {
                return None;
            }
        }
        let mut later = false;
        for &t in &steps[s + 1..] {
            self.reads(t, &mut |v| later |= hit(v));
        }
        (!later).then_some(o)
    }

    fn chain(&mut self, k: usize, at: &dyn Fn(&Nodes, Val) -> At) -> Work {
        let mut list: SmallVec<[usize; MAX_LINKS]> = SmallVec::new();
        let mut here = k;
        loop {
            list.push(here);
            let node = &self.nodes[here];
            match (node.extends, node.args[node.at as usize]) {
                (true, Val::Node(a)) => here = a as usize,
                _ => break,
            }
        }
        let begin = self.m.links.len();
        let start = &self.nodes[here];
        let first = at(&self.nodes, start.args[start.at as usize]);
        for &i in list.iter().rev() {
            let node = &self.nodes[i];
            let call = (node.link == Some(chain::Op::Call)).then(|| math::kernel(self.compute, node.prim, Form::VV)).flatten();
            let mut link = super::LinkAt { op: chain::Op::Neg, call, single: 0, n: 0, args: [At { base: FIXED, off: 0 }; 2] };
            if let Some(op) = node.link {
                link.op = op;
            }
            for j in (0..node.arity as usize).filter(|&j| j != node.at as usize) {
                let w = link.n as usize;
                link.args[w & 1] = at(&self.nodes, node.args[j]);
                link.single |= (self.is_single(node.args[j]) as u8) << w;
                link.n += 1;
            }
            self.m.links.push(link);
        }
        Work::Chain { first, from: begin as u16, len: (self.m.links.len() - begin) as u16 }
    }

    fn divisors(&self, k: usize) -> Divisors {
        let node = &self.nodes[k];
        if self.compute != Compute::I64 || !divides(node.prim) {
            Divisors::None
        } else if self.is_single(node.args[1]) {
            Divisors::One
        } else {
            Divisors::All
        }
    }

    /// A loop of its own.
    fn one(&mut self, k: usize, at: &dyn Fn(&Nodes, Val) -> At) -> Result<Work> {
        let node = &self.nodes[k];
        let (prim, n, single, vals) = (node.prim, node.arity as usize, node.single, node.args);
        let mut args = [At { base: FIXED, off: 0 }; 3];
        for j in 0..n {
            args[j] = at(&self.nodes, vals[j]);
        }
        let alone = |j: usize| j < n && self.is_single(vals[j]);
        let form = match (n, single) {
            (2, false) if alone(0) => Form::SV,
            (2, false) if alone(1) => Form::VS,
            _ => Form::VV,
        };
        if form != Form::VV
            && let Some(kernel) = math::kernel(self.compute, prim, form)
        {
            return Ok(Work::One { kernel, args });
        }
        let kernel = self.kernel(prim, Form::VV)?;
        if !single {
            for j in 0..n {
                if self.is_single(vals[j]) {
                    // A tile of its own: what stands in it may be kept from run to run.
                    let to = self.tile(&mut SmallVec::new());
                    let fixed = matches!(vals[j], Val::Fixed(_));
                    self.m.splats.push(super::Splat { step: self.m.steps.len() as u8, from: args[j], to, fixed });
                    self.m.unbounded = false;
                    args[j] = to;
                }
            }
        }
        Ok(Work::One { kernel, args })
    }
}

/// Stands for the slots while it is not known where they begin.
const SLOTS: u8 = u8::MAX;
