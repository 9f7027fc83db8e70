//! The second half of planning: which tile, slot or tensor each value lies in, and the steps themselves.

use super::plan::{MAX_LINKS, NEVER, Nodes, Planner, Val, divides, in_place};
use super::{At, Divisors, FIXED, Fetch, INS, LinkAt, Planned, SCRATCH, Splat, Step, TILE, Way, Work};
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::convert;
use crate::kernels::cpu::math::chain::{self, Mem};
use crate::kernels::cpu::math::{self, Form, Kernel};
use crate::kernels::cpu::walk::MAX_OPERANDS;
use crate::kernels::program::Compute;
use smallvec::SmallVec;

impl Planner<'_> {
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
    pub(super) fn places(mut self, results: &[Val]) -> Result<()> {
        let native = self.compute.dtype();
        let steps: SmallVec<[usize; 16]> =
            (0..self.nodes.len()).filter(|&k| self.nodes[k].uses > 0 && !self.nodes[k].absorbed).collect();
        // Which inputs are read, and the last reader of each value.
        let mut used = 0u32;
        for (s, &k) in steps.iter().enumerate() {
            let mut last: SmallVec<[u16; 16]> = SmallVec::new();
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
        // A function alone is its loop, unless a chain would spare a conversion of its operand or its result.
        for &k in &steps {
            let node = &self.nodes[k];
            if node.link != Some(chain::Op::Call) || node.extends {
                continue;
            }
            let other = |d: DType| d != native && Mem::of(d, self.compute).is_some();
            let from = matches!(node.args[0], Val::In(i) if self.way(i as usize) == Way::Convert && other(self.ins[i as usize].0));
            let to = results.iter().zip(self.outs).any(|(v, o)| *v == Val::Node(k as u16) && other(o.0));
            if !from && !to {
                self.nodes[k].link = None;
            }
        }
        // Inputs that only chains read, which convert what they read.
        let mut chained = used;
        for &k in steps.iter().filter(|&&k| self.nodes[k].link.is_none()) {
            self.reads(k, &mut |v| {
                if let Val::In(i) = v {
                    chained &= !(1 << i);
                }
            });
        }
        for v in results {
            if let Val::In(i) = v {
                chained &= !(1 << i);
            }
        }
        let mut inputs = [At { base: SCRATCH, off: 0 }; MAX_OPERANDS];
        let mut free: SmallVec<[u32; 8]> = SmallVec::new();
        for i in (0..self.program.n_in).filter(|i| used & (1 << i) != 0) {
            let (dtype, way) = (self.ins[i].0, self.way(i));
            let load = (dtype != native).then(|| convert::load(dtype, self.compute));
            inputs[i] = match (way, load) {
                (Way::InPlace, _) | (Way::Single, None) => At { base: INS + i as u8, off: 0 },
                (Way::Convert, _) if chained >> i & 1 == 1 && Mem::of(dtype, self.compute).is_some() => {
                    At { base: INS + i as u8, off: 0 }
                }
                (Way::Single, Some(_)) => self.slot(),
                _ => {
                    self.m.unbounded = false;
                    self.tile(&mut free)
                }
            };
            if inputs[i].base != INS + i as u8 {
                self.m.fetches.push(Fetch { input: i as u8, way, size: dtype.size() as u8, load, to: inputs[i] });
            }
        }
        let fixed = |i: u16| At { base: FIXED, off: i as u32 * 16 };
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
            let work = if self.nodes[k].link.is_some() { self.chain(k, place, &at) } else { self.one(k, &at)? };
            let alone = match work {
                Work::Chain { len: 1, mem: [Mem::Own, Mem::Own], .. } => self.alone(k, &at),
                _ => None,
            };
            self.m.steps.push(Step { work, alone, to: place, single, divides: self.divisors(k) });
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
        let o = results.iter().position(|v| *v == Val::Node(k as u16))?;
        let (dtype, stride, ptr) = self.outs[o];
        let chain = self.nodes[k].link.is_some() && Mem::of(dtype, self.compute).is_some();
        if dtype != self.compute.dtype() && !chain || stride != dtype.size() as i64 {
            return None;
        }
        // Elements of other sizes in the same memory would be overwritten before they are read.
        if self.ins.iter().any(|x| x.2 == ptr && x.0.size() != dtype.size()) {
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

    fn chain(&mut self, k: usize, to: At, at: &dyn Fn(&Nodes, Val) -> At) -> Work {
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
            let call =
                (node.link == Some(chain::Op::Call)).then(|| math::kernel(self.compute, node.prim, Form::VV)).flatten();
            let mut link = LinkAt {
                op: chain::Op::Neg,
                call,
                single: 0,
                n: 0,
                args: [At { base: FIXED, off: 0 }; 2],
                mem: [Mem::Own; 2],
            };
            if let Some(op) = node.link {
                link.op = op;
            }
            for j in (0..node.arity as usize).filter(|&j| j != node.at as usize) {
                let w = link.n as usize;
                link.args[w & 1] = at(&self.nodes, node.args[j]);
                link.mem[w & 1] = self.mem(link.args[w & 1]);
                link.single |= (self.is_single(node.args[j]) as u8) << w;
                link.n += 1;
            }
            self.m.links.push(link);
        }
        let mem = [self.mem(first), self.mem(to)];
        Work::Chain { first, from: begin as u16, len: (self.m.links.len() - begin) as u16, mem }
    }

    /// The loop of a node on numbers where they lie.
    fn alone(&self, k: usize, at: &dyn Fn(&Nodes, Val) -> At) -> Option<(Kernel, [At; 2])> {
        let node = &self.nodes[k];
        let args = [0, 1].map(|j| at(&self.nodes, node.args[j.min(node.arity as usize - 1)]));
        let form = match (node.arity, self.is_single(node.args[0]), self.is_single(node.args[1])) {
            (1, ..) | (2, false, false) => Form::VV,
            (2, false, true) => Form::VS,
            (2, true, false) => Form::SV,
            _ => return None,
        };
        if args.iter().any(|&a| self.mem(a) != Mem::Own) {
            return None;
        }
        math::kernel(self.compute, node.prim, form).map(|kernel| (kernel, args))
    }

    /// How the elements at a place lie: numbers, but for tensors of another type.
    fn mem(&self, a: At) -> Mem {
        let dtype = match (a.base as usize).checked_sub(INS as usize) {
            Some(i) if a.base != SLOTS && i < self.program.n_in => self.ins[i].0,
            Some(i) if a.base != SLOTS => self.outs[i - self.program.n_in].0,
            _ => return Mem::Own,
        };
        Mem::of(dtype, self.compute).unwrap_or(Mem::Own)
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
                    self.m.splats.push(Splat { step: self.m.steps.len() as u16, from: args[j], to, fixed });
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
