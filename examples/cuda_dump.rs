//! Writes CUDA kernels as text, one after the other, each under a line `=== name`: what tests/cuda_check.py compiles
//! and what tests/python/test_cuda_text.py runs on the CPU. `cargo run --example cuda_dump > kernels.txt`

use rtorch::dtype::{ALL, DType};
use rtorch::kernels::cuda::print::*;
use rtorch::kernels::program::{Compute, Instr, Prim, Program, Reduce, Src};

const F: DType = DType::F32;
const FLOATS: [DType; 4] = [DType::F16, DType::BF16, DType::F32, DType::F64];
const COMPUTES: [(&str, Compute, DType); 5] = [
    ("f32", Compute::F32, DType::F32),
    ("f64", Compute::F64, DType::F64),
    ("i64", Compute::I64, DType::I64),
    ("c64", Compute::C64, DType::C64),
    ("c128", Compute::C128, DType::C128),
];
const PRIMS: std::ops::RangeInclusive<u8> = Prim::Copy as u8..=Prim::Select as u8;

fn prims() -> Vec<Prim> {
    use Prim::*;
    #[rustfmt::skip]
    let all = vec![
        Copy, Neg, Abs, Sign, Recip, Sqrt, Rsqrt, Square, Exp, Exp2, Expm1, Log, Log2, Log10, Log1p, Sin, Cos, Tan, Asin,
        Acos, Atan, Sinh, Cosh, Tanh, Asinh, Acosh, Atanh, Sigmoid, Erf, Erfc, Erfinv, Lgamma, Digamma, Floor, Ceil,
        Round, Trunc, IsNan, IsInf, LogicalNot, BitNot, SignBit, Conj, Real, Imag, Angle, Add, Sub, Mul, Div, TruncDiv,
        FloorDiv, Remainder, Fmod, Pow, Atan2, Hypot, Copysign, NextAfter, Max, Min, Fmax, Fmin, Eq, Ne, Lt, Le, Gt, Ge,
        LogicalAnd, LogicalOr, LogicalXor, BitAnd, BitOr, BitXor, Shl, Shr, Complex, Select,
    ];
    assert_eq!(all.len(), PRIMS.count(), "a primitive is missing here");
    all
}

/// A formula that is written down in order; every result gets its own register.
#[derive(Default)]
struct Build(Program);

impl Build {
    fn new(n_in: usize, n_params: usize) -> Build {
        Build(Program { n_in, n_params, ..Program::default() })
    }
    fn c(&mut self, x: f64) -> Src {
        self.0.consts.push(x);
        Src::Const(self.0.consts.len() as u8 - 1)
    }
    fn op(&mut self, prim: Prim, args: &[Src]) -> Src {
        let dst = self.0.n_regs as u8;
        self.0.n_regs += 1;
        let at = |k: usize| args.get(k).copied().unwrap_or(args[0]);
        self.0.code.push(Instr { prim, dst, args: [at(0), at(1), at(2)] });
        Src::Reg(dst)
    }
    fn out(mut self, outs: &[Src]) -> Program {
        self.0.outs = outs.to_vec();
        self.0
    }
}

fn prim(p: Prim) -> Program {
    let n = prim_arity(p);
    let mut b = Build::new(n, 0);
    let ins: Vec<Src> = (0..n as u8).map(Src::In).collect();
    let r = b.op(p, &ins);
    b.out(&[r])
}

/// 0.5 * x * (1 + erf(x / sqrt(2))).
fn gelu() -> Program {
    let mut b = Build::new(1, 0);
    let (half, one, s) = (b.c(0.5), b.c(1.0), b.c(std::f64::consts::FRAC_1_SQRT_2));
    let x = Src::In(0);
    let e = b.op(Prim::Mul, &[x, s]);
    let e = b.op(Prim::Erf, &[e]);
    let e = b.op(Prim::Add, &[e, one]);
    let h = b.op(Prim::Mul, &[half, x]);
    let r = b.op(Prim::Mul, &[h, e]);
    b.out(&[r])
}

/// a + alpha * b.
fn add_alpha() -> Program {
    let mut b = Build::new(2, 1);
    let m = b.op(Prim::Mul, &[Src::In(1), Src::Param(0)]);
    let r = b.op(Prim::Add, &[Src::In(0), m]);
    b.out(&[r])
}

/// Two outputs: a * b and a - b.
fn two_outputs() -> Program {
    let mut b = Build::new(2, 0);
    let m = b.op(Prim::Mul, &[Src::In(0), Src::In(1)]);
    let s = b.op(Prim::Sub, &[Src::In(0), Src::In(1)]);
    b.out(&[m, s])
}

/// The Adam step: p, m, v from p, g, m, v.
fn adam() -> Program {
    let mut b = Build::new(4, 6);
    let (p, g, m, v) = (Src::In(0), Src::In(1), Src::In(2), Src::In(3));
    let (b1, b2, eps, lr, c1, c2) =
        (Src::Param(0), Src::Param(1), Src::Param(2), Src::Param(3), Src::Param(4), Src::Param(5));
    let one = b.c(1.0);
    let i1 = b.op(Prim::Sub, &[one, b1]);
    let i2 = b.op(Prim::Sub, &[one, b2]);
    let m1 = b.op(Prim::Mul, &[m, b1]);
    let g1 = b.op(Prim::Mul, &[g, i1]);
    let m = b.op(Prim::Add, &[m1, g1]);
    let v1 = b.op(Prim::Mul, &[v, b2]);
    let g2 = b.op(Prim::Square, &[g]);
    let g2 = b.op(Prim::Mul, &[g2, i2]);
    let v = b.op(Prim::Add, &[v1, g2]);
    let mh = b.op(Prim::Div, &[m, c1]);
    let vh = b.op(Prim::Div, &[v, c2]);
    let d = b.op(Prim::Sqrt, &[vh]);
    let d = b.op(Prim::Add, &[d, eps]);
    let s = b.op(Prim::Div, &[mh, d]);
    let s = b.op(Prim::Mul, &[s, lr]);
    let p = b.op(Prim::Sub, &[p, s]);
    b.out(&[p, m, v])
}

/// The difference squared (mse_loss before its mean).
fn square_difference() -> Program {
    let mut b = Build::new(2, 0);
    let d = b.op(Prim::Sub, &[Src::In(0), Src::In(1)]);
    let r = b.op(Prim::Square, &[d]);
    b.out(&[r])
}

/// x * p0.
fn scaled() -> Program {
    let mut b = Build::new(1, 1);
    let r = b.op(Prim::Mul, &[Src::In(0), Src::Param(0)]);
    b.out(&[r])
}

fn identity() -> Program {
    Build::new(1, 0).out(&[Src::In(0)])
}

fn show(name: &str, text: &str) {
    println!("=== {name}\n{text}");
}

fn map(name: &str, p: &Program, c: Compute, ins: &[DType], outs: &[DType], form: IndexForm) {
    show(name, &map_kernel(name, p, c, ins, outs, form));
}

fn maps() {
    for (cn, c, d) in COMPUTES {
        for p in prims().into_iter().filter(|p| prim_supports(*p, c)) {
            let v = if d.size() == 16 { 1 } else { 2 };
            let name = format!("prim_{}_{cn}", prim_name(p));
            map(&name, &prim(p), c, &vec![d; prim_arity(p)], &[d], IndexForm::contiguous(v));
        }
        let mut special = Build::new(1, 0);
        let (inf, nan) = (special.c(f64::NEG_INFINITY), special.c(f64::NAN));
        let program = special.out(&[inf, nan]);
        if c != Compute::I64 {
            map(&format!("special_{cn}"), &program, c, &[d], &[d, d], IndexForm::contiguous(1));
        }
    }
    for d in FLOATS {
        let v = (16 / d.size().max(4)) as u8;
        map(&format!("gelu_{}", d.name()), &gelu(), Compute::of(d), &[d], &[d], IndexForm::contiguous(v));
        let tanh = prim(Prim::Tanh);
        map(&format!("tanh_{}", d.name()), &tanh, Compute::of(d), &[d], &[d], IndexForm::contiguous(v));
    }
    for d in ALL {
        let c = Compute::of(d);
        let v = (16 / d.size()).clamp(1, 8) as u8;
        map(&format!("add_alpha_{}", d.name()), &add_alpha(), c, &[d, d], &[d], IndexForm::contiguous(v));
        let lt = prim(if d.is_complex() { Prim::Ne } else { Prim::Lt });
        map(&format!("lt_{}", d.name()), &lt, c, &[d, d], &[DType::Bool], IndexForm::contiguous(4.min(v)));
        let select = prim(Prim::Select);
        map(&format!("where_{}", d.name()), &select, c, &[DType::Bool, d, d], &[d], IndexForm::contiguous(1));
        map(&format!("to_float_{}", d.name()), &identity(), Compute::F32, &[d], &[F], IndexForm::contiguous(4.min(v)));
    }
    let mut p = prim(Prim::Complex);
    p.n_in = 2;
    map("complex_of_parts", &p, Compute::C64, &[F, F], &[DType::C64], IndexForm::contiguous(1));
    map("abs_of_complex", &prim(Prim::Abs), Compute::C64, &[DType::C64], &[F], IndexForm::contiguous(2));
    map("two_outputs", &two_outputs(), Compute::F32, &[F, DType::F16], &[F, DType::BF16], IndexForm::contiguous(4));
    map("adam", &adam(), Compute::F32, &[F; 4], &[F; 3], IndexForm::contiguous(4));
    // Index forms: a + alpha * b.
    let forms = [
        ("contiguous_v1", IndexForm::contiguous(1)),
        ("contiguous_v2", IndexForm::contiguous(2)),
        ("contiguous_v4", IndexForm::contiguous(4)),
        ("number_v4", IndexForm { ndim: 0, vec: 4, zero: 4, wide: false }),
        ("strided_1", IndexForm::strided(1)),
        ("strided_2", IndexForm::strided(2)),
        ("strided_3", IndexForm::strided(3)),
        ("strided_5", IndexForm::strided(5)),
        ("rows_v4", IndexForm { ndim: 2, vec: 4, zero: 0, wide: false }),
        ("columns_v4", IndexForm { ndim: 2, vec: 4, zero: 4, wide: false }),
        ("wide_contiguous_v4", IndexForm { ndim: 0, vec: 4, zero: 0, wide: true }),
        ("wide_3", IndexForm { ndim: 3, vec: 1, zero: 0, wide: true }),
    ];
    for (n, form) in forms {
        map(&format!("form_{n}"), &add_alpha(), Compute::F32, &[F, F], &[F], form);
    }
    for from in ALL {
        for to in ALL {
            let v = (16 / from.size().max(to.size())).clamp(1, 4) as u8;
            let name = format!("copy_{}_{}", from.name(), to.name());
            show(&name, &copy_kernel(&name, from, to, IndexForm::contiguous(v)));
        }
    }
    show("copy_strided", &copy_kernel("copy_strided", F, DType::F16, IndexForm::strided(3)));
    for (n, from, to) in
        [("f32", F, F), ("f16", DType::F16, F), ("u8", DType::U8, DType::U8), ("c128", DType::C128, DType::C128)]
    {
        let name = format!("transpose_{n}");
        show(&name, &transpose_kernel(&name, from, to, false));
    }
}

fn reductions() {
    let ops = [
        ("sum", Reduce::Sum),
        ("prod", Reduce::Prod),
        ("max", Reduce::Max),
        ("min", Reduce::Min),
        ("any", Reduce::Any),
        ("all", Reduce::All),
    ];
    let form = |way, vec| ReduceForm { way, kept: 1, reduced: 1, vec, zero: 0, wide: false };
    for d in ALL {
        let c = Compute::of(d);
        for (on, op) in ops {
            if d.is_complex() && matches!(op, Reduce::Max | Reduce::Min) {
                continue;
            }
            let out = match op {
                Reduce::Any | Reduce::All => DType::Bool,
                Reduce::Sum | Reduce::Prod if d.is_integral() => DType::I64,
                _ => d,
            };
            let v = (16 / d.size()).clamp(1, 4) as u8;
            for (wn, f) in
                [("warp", form(Way::Warp, 1)), ("block", form(Way::Block, v)), ("column", form(Way::Column, 1))]
            {
                let name = format!("{on}_{wn}_{}", d.name());
                show(&name, &reduce_kernel(&name, &identity(), op, None, c, &[d], out, f));
            }
        }
    }
    for d in FLOATS {
        let mean = Some(scaled());
        let name = format!("mean_{}", d.name());
        let text =
            reduce_kernel(&name, &identity(), Reduce::Sum, mean.as_ref(), Compute::of(d), &[d], d, form(Way::Block, 2));
        show(&name, &text);
    }
    let square = square_difference();
    let general = ReduceForm { way: Way::Block, kept: 2, reduced: 2, vec: 1, zero: 0, wide: false };
    for (n, f) in [("general", general), ("general_wide", ReduceForm { wide: true, ..general })] {
        let name = format!("mse_{n}");
        show(&name, &reduce_kernel(&name, &square, Reduce::Sum, Some(&scaled()), Compute::F32, &[F, DType::F16], F, f));
    }
    let rows = ReduceForm { way: Way::Block, kept: 1, reduced: 1, vec: 4, zero: 2, wide: false };
    show("mse_rows", &reduce_kernel("mse_rows", &square, Reduce::Sum, None, Compute::F32, &[F, F], F, rows));
}

fn others() {
    for d in ALL {
        let n = d.name();
        let sum = if d.is_integral() { DType::I64 } else { d };
        for (along, an) in [(Along::Rows, "rows"), (Along::Columns, "columns")] {
            let mut scans = vec![("cumsum", Scan::Sum, sum), ("cumprod", Scan::Prod, sum)];
            if !d.is_complex() {
                scans.extend([("cummax", Scan::Max, d), ("cummin", Scan::Min, d)]);
            }
            if d.is_float() {
                scans.push(("logcumsumexp", Scan::LogSumExp, d));
            }
            for (sn, s, out) in scans {
                let name = format!("{sn}_{an}_{n}");
                show(&name, &scan_kernel(&name, s, d, out, along, false, false));
            }
            if !d.is_complex() {
                for (largest, on) in [(true, "argmax"), (false, "argmin")] {
                    let name = format!("{on}_{an}_{n}");
                    show(&name, &arg_kernel(&name, largest, d, along, false));
                }
            }
        }
        let exclusive = format!("cumsum_exclusive_{n}");
        show(&exclusive, &scan_kernel(&exclusive, Scan::Sum, d, sum, Along::Rows, true, false));
        let name = format!("gather_{n}");
        show(&name, &gather_kernel(&name, d, DType::I64, 2, false, false));
        let ops = [
            ("assign", Scatter::Assign),
            ("add", Scatter::Add),
            ("mul", Scatter::Mul),
            ("max", Scatter::Max),
            ("min", Scatter::Min),
        ];
        for (on, op) in ops {
            if d.is_complex() && matches!(op, Scatter::Max | Scatter::Min) {
                continue;
            }
            let name = format!("scatter_{on}_{n}");
            show(&name, &scatter_kernel(&name, op, d, DType::I64, 1, false, false));
        }
        let name = format!("segment_add_{n}");
        show(&name, &segment_add_kernel(&name, d, false));
    }
    show("gather_wrap_wide", &gather_kernel("gather_wrap_wide", F, DType::I32, 3, true, true));
    let softmaxes = [
        ("softmax", Softmax::Softmax),
        ("log_softmax", Softmax::LogSoftmax),
        ("logsumexp", Softmax::LogSumExp),
        ("softmax_grad", Softmax::SoftmaxGrad),
        ("log_softmax_grad", Softmax::LogSoftmaxGrad),
    ];
    for d in FLOATS {
        for (an, along) in [("short", Along::ShortRows), ("rows", Along::Rows), ("columns", Along::Columns)] {
            for (sn, s) in softmaxes {
                let name = format!("{sn}_{an}_{}", d.name());
                show(&name, &softmax_kernel(&name, s, d, d, along, false));
            }
            let name = format!("moments_{an}_{}", d.name());
            show(&name, &moments_kernel(&name, d, d, along, false));
        }
    }
}

fn main() {
    maps();
    reductions();
    others();
}
