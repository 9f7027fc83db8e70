//! From a program to steps: what one call can say once and for all. Numbers are folded, a select by a number becomes the
//! operand it chooses, cheap primitives on floats that follow each other join to chains, and every value gets its place.

use super::{At, Machine, Plan, SCRATCH, TILE, Way};
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
/// Most instructions: values are counted in 16 bits.
const MOST: usize = 10_000;
pub(super) const NEVER: u16 = u16::MAX;

/// Type, stride in bytes within a chunk, address.
pub(super) type About = (DType, i64, *mut u8);

/// A value of the program.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Val {
    In(u8),
    /// A number, in `Machine::fixed`.
    Fixed(u16),
    /// The result of a node.
    Node(u16),
}

/// An instruction that is left after folding.
pub(super) struct Node {
    pub(super) prim: Prim,
    pub(super) args: [Val; 3],
    pub(super) arity: u8,
    /// One element, computed anew in each run.
    pub(super) single: bool,
    /// How often the result is read.
    pub(super) uses: u8,
    /// Part of the chain of a later node.
    pub(super) absorbed: bool,
    /// For links: which operand is the value so far, and whether that is the chain of an earlier node.
    pub(super) at: u8,
    pub(super) extends: bool,
    pub(super) link: Option<chain::Op>,
    /// The last step that reads the result.
    pub(super) last: u16,
    pub(super) place: At,
}

pub(super) type Nodes = SmallVec<[Node; 8]>;

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
            || program.code.len() > MOST
        {
            return Err(super::malformed(program));
        }
        let native = compute.dtype();
        let mut key =
            Key { program: program.id, compute, operands: [0; MAX_OPERANDS], shared: 0, params: SmallVec::new() };
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

pub(super) struct Planner<'m> {
    pub(super) m: &'m mut Plan,
    pub(super) program: &'m Program,
    pub(super) compute: Compute,
    pub(super) ins: &'m [About],
    pub(super) outs: &'m [About],
    pub(super) nodes: Nodes,
    /// Tiles and single elements of the scratch that are given away.
    pub(super) tiles: u32,
    pub(super) slots: u32,
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

    pub(super) fn way(&self, i: usize) -> Way {
        way(&self.ins[i], self.compute.dtype())
    }

    pub(super) fn is_single(&self, v: Val) -> bool {
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
        Val::Node((self.nodes.len() - 1) as u16)
    }

    pub(super) fn kernel(&self, prim: Prim, form: Form) -> Result<Kernel> {
        math::kernel(self.compute, prim, form).ok_or_else(|| super::missing(prim, self.compute))
    }

    /// Instructions to nodes; what is known is computed at once. Gives the value of each output.
    fn fold(&mut self) -> Result<SmallVec<[Val; 4]>> {
        let p = self.program;
        let mut regs = [Val::Fixed(0); MAX_REGS];
        let value = |regs: &[Val; MAX_REGS], s: Src| match s {
            Src::In(i) => Val::In(i),
            Src::Const(i) => Val::Fixed(i as u16),
            Src::Param(i) => Val::Fixed((p.consts.len() + i as usize) as u16),
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
                Val::Fixed((self.m.fixed.len() - 1) as u16)
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
}
