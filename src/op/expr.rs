//! Formulas: expressions over primitives, written in Rust with operators (`f.x(0).tanh() * 2.0`), kept as a graph with
//! equal parts shared, and compiled to a [`Program`].

use crate::kernels::program::{Compute, Instr, Prim, Program, Src};
use std::cell::RefCell;
use std::collections::HashMap;

/// An expression: an index into the graph that is being built on this thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct E(pub(crate) u32);

/// A node of an expression graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    In(u8),
    Param(u8),
    /// Bits of an `f64`.
    Const(u64),
    Op(Prim, [E; 3], u8),
}

/// An expression graph: nodes come after their operands.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    pub(crate) nodes: Vec<Node>,
    index: HashMap<Node, u32>,
}

thread_local! {
    static BUILDING: RefCell<Graph> = RefCell::new(Graph::default());
}

/// Builds a graph: `f` makes expressions, which go into `start` (empty for a new formula).
pub(crate) fn build<R>(start: Graph, f: impl FnOnce() -> R) -> (Graph, R) {
    let outer = BUILDING.replace(start);
    let r = f();
    (BUILDING.replace(outer), r)
}

fn add(node: Node) -> E {
    BUILDING.with_borrow_mut(|g| {
        if let Some(&i) = g.index.get(&node) {
            return E(i);
        }
        let i = g.nodes.len() as u32;
        g.nodes.push(node);
        g.index.insert(node, i);
        E(i)
    })
}

pub(crate) fn node(e: E) -> Node {
    BUILDING.with_borrow(|g| g.nodes[e.0 as usize])
}

pub(crate) fn input(i: usize) -> E {
    add(Node::In(i as u8))
}

pub(crate) fn param(i: usize) -> E {
    add(Node::Param(i as u8))
}

/// A constant of a formula.
pub fn lit(v: f64) -> E {
    add(Node::Const(v.to_bits()))
}

fn value(e: E) -> Option<f64> {
    match node(e) {
        Node::Const(b) => Some(f64::from_bits(b)),
        _ => None,
    }
}

pub(crate) fn is(e: E, v: f64) -> bool {
    value(e).is_some_and(|x| x == v)
}

pub(crate) fn unary(p: Prim, a: E) -> E {
    use Prim::*;
    if p == Copy {
        return a;
    }
    if let Some(v) = value(a) {
        let folded = match p {
            Neg => Some(-v),
            Sqrt => Some(v.sqrt()),
            Conj | Real => Some(v),
            Recip => Some(1.0 / v),
            Square => Some(v * v),
            _ => None,
        };
        if let Some(v) = folded {
            return lit(v);
        }
    }
    if let (Neg, Node::Op(Neg, [x, ..], _)) = (p, node(a)) {
        return x;
    }
    add(Node::Op(p, [a, a, a], 1))
}

pub(crate) fn binary(p: Prim, a: E, b: E) -> E {
    use Prim::*;
    // Only rewrites that keep every value, NaN and infinities included. (Zeros come from derivatives of constants.)
    if let (Some(x), Some(y)) = (value(a), value(b)) {
        let folded = match p {
            Add => Some(x + y),
            Sub => Some(x - y),
            Mul => Some(x * y),
            Div => Some(x / y),
            _ => None,
        };
        if let Some(v) = folded {
            return lit(v);
        }
    }
    match p {
        Mul if is(a, 1.0) => return b,
        Mul | Div if is(b, 1.0) => return a,
        Mul if is(a, -1.0) => return unary(Neg, b),
        Mul if is(b, -1.0) => return unary(Neg, a),
        _ => {}
    }
    add(Node::Op(p, [a, b, a], 2))
}

/// `a` where `c` is not 0, else `b`.
pub fn select(c: E, a: E, b: E) -> E {
    if a == b {
        return a;
    }
    add(Node::Op(Prim::Select, [c, a, b], 3))
}

macro_rules! methods {
    ($($name:ident $p:ident),* ; $($bname:ident $bp:ident),*) => {
        #[allow(missing_docs)]
        impl E {
            $(pub fn $name(self) -> E { unary(Prim::$p, self) })*
            $(pub fn $bname(self, o: impl Into<E>) -> E { binary(Prim::$bp, self, o.into()) })*
        }
    };
}
methods!(abs Abs, sign Sign, recip Recip, sqrt Sqrt, rsqrt Rsqrt, square Square, exp Exp, exp2 Exp2, expm1 Expm1, log Log, log2 Log2,
    log10 Log10, log1p Log1p, sin Sin, cos Cos, tan Tan, asin Asin, acos Acos, atan Atan, sinh Sinh, cosh Cosh, tanh Tanh,
    asinh Asinh, acosh Acosh, atanh Atanh, sigmoid Sigmoid, erf Erf, erfc Erfc, erfinv Erfinv, lgamma Lgamma, digamma Digamma,
    floor Floor, ceil Ceil, round Round, trunc Trunc, is_nan IsNan, is_inf IsInf, not LogicalNot, bit_not BitNot,
    signbit SignBit, conj Conj, real Real, imag Imag, angle Angle ;
    pow Pow, atan2 Atan2, hypot Hypot, copysign Copysign, nextafter NextAfter, max Max, min Min, fmax Fmax, fmin Fmin, eq Eq, ne Ne, lt Lt, le Le,
    gt Gt, ge Ge, and LogicalAnd, or LogicalOr, xor LogicalXor, bit_and BitAnd, bit_or BitOr, bit_xor BitXor, shl Shl, shr Shr,
    trunc_div TruncDiv, floor_div FloorDiv, remainder Remainder, fmod Fmod, complex Complex);

impl From<f64> for E {
    fn from(v: f64) -> E {
        lit(v)
    }
}

macro_rules! operators {
    ($($tr:ident $f:ident $p:ident),*) => {$(
        impl std::ops::$tr<E> for E { type Output = E; fn $f(self, o: E) -> E { binary(Prim::$p, self, o) } }
        impl std::ops::$tr<f64> for E { type Output = E; fn $f(self, o: f64) -> E { binary(Prim::$p, self, lit(o)) } }
        impl std::ops::$tr<E> for f64 { type Output = E; fn $f(self, o: E) -> E { binary(Prim::$p, lit(self), o) } }
    )*};
}
operators!(Add add Add, Sub sub Sub, Mul mul Mul, Div div Div);

impl std::ops::Neg for E {
    type Output = E;
    fn neg(self) -> E {
        unary(Prim::Neg, self)
    }
}

impl Graph {
    /// The program that computes `outs`, with unused inputs left out: the second result lists the inputs that are used,
    /// in order; `Src::In(k)` is the k-th of them.
    pub(crate) fn compile(&self, outs: &[E], n_params: usize) -> (Program, Vec<u8>) {
        let n = self.nodes.len();
        let mut last_use = vec![0usize; n];
        let mut live = vec![false; n];
        for o in outs {
            live[o.0 as usize] = true;
            last_use[o.0 as usize] = usize::MAX;
        }
        for i in (0..n).rev() {
            if let (true, Node::Op(_, args, arity)) = (live[i], self.nodes[i]) {
                for a in &args[..arity as usize] {
                    live[a.0 as usize] = true;
                    last_use[a.0 as usize] = last_use[a.0 as usize].max(i);
                }
            }
        }
        let mut inputs: Vec<u8> = (0..n)
            .filter(|&i| live[i])
            .filter_map(|i| if let Node::In(k) = self.nodes[i] { Some(k) } else { None })
            .collect();
        inputs.sort_unstable();
        let mut p = Program { n_in: inputs.len(), n_params, id: Program::new_id(), ..Program::default() };
        let mut place: Vec<Option<Src>> = vec![None; n];
        let mut free: Vec<u8> = Vec::new();
        for i in (0..n).filter(|&i| live[i]) {
            place[i] = Some(match self.nodes[i] {
                Node::In(k) => Src::In(inputs.iter().position(|&x| x == k).unwrap_or(0) as u8),
                Node::Param(k) => Src::Param(k),
                Node::Const(bits) => {
                    let v = f64::from_bits(bits);
                    let k = p.consts.iter().position(|c| c.to_bits() == bits).unwrap_or_else(|| {
                        p.consts.push(v);
                        p.consts.len() - 1
                    });
                    Src::Const(k as u8)
                }
                Node::Op(prim, args, arity) => {
                    let srcs = args.map(|a| place[a.0 as usize].unwrap_or(Src::Const(0)));
                    for (j, a) in args[..arity as usize].iter().enumerate() {
                        let again = args[..j].contains(a);
                        if let (false, Src::Reg(r), true) = (again, srcs[j], last_use[a.0 as usize] == i) {
                            free.push(r);
                        }
                    }
                    let dst = free.pop().unwrap_or_else(|| {
                        p.n_regs += 1;
                        (p.n_regs - 1) as u8
                    });
                    p.code.push(Instr { prim, dst, args: srcs });
                    Src::Reg(dst)
                }
            });
        }
        p.outs = outs.iter().map(|o| place[o.0 as usize].unwrap_or(Src::Const(0))).collect();
        (p, inputs)
    }
}

/// What a formula's closure sees: the arguments of this call as expressions, texts and flags.
pub struct Fx<'a> {
    pub(crate) slots: &'a [Slot],
    pub(crate) texts: &'a [Option<String>],
    /// What the formula computes in.
    pub compute: Compute,
    /// Is the computation type bool? (Its arithmetic is that of integers, stored as != 0.)
    pub is_bool: bool,
}

/// How an argument was given; part of the key under which a compiled formula is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// A tensor: the n-th.
    In(u8),
    /// A number: the n-th.
    Param(u8),
    /// A bool.
    Flag(bool),
    /// None, or something that formulas do not read.
    Absent,
}

impl Fx<'_> {
    /// Argument `i` (by position among all parameters), be it a tensor or a number.
    pub fn x(&self, i: usize) -> E {
        match self.slots[i] {
            Slot::In(k) => input(k as usize),
            Slot::Param(k) => param(k as usize),
            Slot::Flag(b) => lit(b as u8 as f64),
            Slot::Absent => lit(f64::NAN),
        }
    }

    /// Was argument `i` given?
    pub fn given(&self, i: usize) -> bool {
        self.slots[i] != Slot::Absent
    }

    /// Is argument `i` a number, not a tensor?
    pub fn is_number(&self, i: usize) -> bool {
        matches!(self.slots[i], Slot::Param(_) | Slot::Flag(_))
    }

    /// Argument `i` as a bool.
    pub fn flag(&self, i: usize) -> bool {
        self.slots[i] == Slot::Flag(true)
    }

    /// Argument `i` as text ("" if absent).
    pub fn text(&self, i: usize) -> &str {
        self.texts[i].as_deref().unwrap_or("")
    }

    /// Is the arithmetic that of integers?
    pub fn is_int(&self) -> bool {
        self.compute == Compute::I64
    }

    /// Is the arithmetic complex?
    pub fn is_complex(&self) -> bool {
        matches!(self.compute, Compute::C64 | Compute::C128)
    }
}
