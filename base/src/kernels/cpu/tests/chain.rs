use super::*;
use crate::device::cpu::isa::{self, Isa};
use crate::kernels::cpu::math::chain::{Link, Mem, Op, Rows, chain_for, link};
use crate::kernels::cpu::math::{Form, kernel_for};
use crate::kernels::cpu::tile::map;
use crate::kernels::program::Compute;
use crate::scalar::Scalar;

const LINKS: &[Prim] = &[
    Prim::Neg,
    Prim::Abs,
    Prim::Square,
    Prim::Recip,
    Prim::Sqrt,
    Prim::Rsqrt,
    Prim::LogicalNot,
    Prim::Add,
    Prim::Sub,
    Prim::Mul,
    Prim::Div,
    Prim::Max,
    Prim::Min,
    Prim::Eq,
    Prim::Ne,
    Prim::Lt,
    Prim::Le,
    Prim::Gt,
    Prim::Ge,
    Prim::LogicalAnd,
    Prim::LogicalOr,
    Prim::Select,
];

fn isas() -> Vec<Isa> {
    [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(|i| *i <= isa::best()).collect()
}

/// Zeros of both signs, infinities, NaN and numbers, in an order that depends on `salt`.
fn odd(n: usize, salt: usize) -> Vec<f64> {
    let v = [0.0, -0.0, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 0.3, -2.7, 1e-40, 3e38];
    (0..n).map(|i| if i % 3 == 0 { (i * salt) as f64 * 0.37 - 5.0 } else { v[(i * salt + i / 7) % v.len()] }).collect()
}

/// The bits, all NaN alike.
fn bits(x: f64) -> u64 {
    if x.is_nan() { u64::MAX } else { x.to_bits() }
}

macro_rules! links_give_the_bits_of_loops {
    ($name:ident, $T:ty, $compute:expr, $double:literal) => {
        #[test]
        fn $name() {
            for isa in isas() {
                for n in [1, 5, 16, 31, 300] {
                    let v: Vec<Vec<$T>> =
                        [3, 5, 8].map(|s| odd(n, s).iter().map(|x| *x as $T).collect()).into_iter().collect();
                    for &prim in LINKS {
                        let arity = prim.arity();
                        for at in 0..arity {
                            let Some(op) = link(prim, at) else { panic!("{prim:?} is no link") };
                            for single in 0..4u8 {
                                let mut want = vec![0 as $T; n];
                                // The loop over vectors, where a single operand is a vector of one value.
                                let mut full = v.clone();
                                let others: Vec<usize> = (0..arity).filter(|&j| j != at).collect();
                                for (k, &j) in others.iter().enumerate() {
                                    if single >> k & 1 == 1 {
                                        full[j] = vec![v[j][0]; n];
                                    }
                                }
                                let p = |j: usize| full[j.min(arity - 1)].as_ptr() as *const u8;
                                let k = kernel_for(isa, $compute, prim, Form::VV).unwrap();
                                // SAFETY: vectors of n elements.
                                unsafe { k(want.as_mut_ptr() as *mut u8, p(0), p(1), p(2), n) };
                                let mut args = [std::ptr::null(); 2];
                                for (k, &j) in others.iter().enumerate() {
                                    args[k] = v[j].as_ptr() as *const u8;
                                }
                                let mut links =
                                    [Link { op, single, args, mem: [Mem::Own; 2], steps: [0; 2], call: None }];
                                let mut got = v[at].clone();
                                let to = got.as_mut_ptr() as *mut u8;
                                // SAFETY: vectors of n elements; in place on the first operand.
                                unsafe { chain_for(isa, $double)(to, to, &mut links, n, Rows::ONE) };
                                for i in 0..n {
                                    assert_eq!(
                                        bits(got[i] as f64),
                                        bits(want[i] as f64),
                                        "{isa:?} {prim:?} operand {at} single {single} at {i} of {n}: {:?}",
                                        full.iter().map(|f| f[i]).collect::<Vec<_>>()
                                    );
                                }
                            }
                        }
                    }
                }
            }
        }
    };
}
links_give_the_bits_of_loops!(links_of_f32_give_the_bits_of_loops, f32, Compute::F32, false);
links_give_the_bits_of_loops!(links_of_f64_give_the_bits_of_loops, f64, Compute::F64, true);

/// Halves and truth values that chains read and write themselves, at every length and position in a cache line: the bits of
/// one element's conversion.
#[test]
fn chains_convert_as_single_elements_do() {
    use crate::kernels::cpu::convert::{bf16_from_f32, bf16_to_f32, f16_from_f32, f16_to_f32};
    let put = |mem: Mem, x: f32| -> Vec<u8> {
        match mem {
            Mem::Own => x.to_le_bytes().to_vec(),
            Mem::Bf16 => bf16_from_f32(x).to_le_bytes().to_vec(),
            Mem::F16 => f16_from_f32(x).to_le_bytes().to_vec(),
            Mem::Bool => vec![(x != 0.0) as u8],
        }
    };
    let get = |mem: Mem, b: &[u8]| -> f32 {
        match mem {
            Mem::Own => f32::from_le_bytes([b[0], b[1], b[2], b[3]]),
            Mem::Bf16 => bf16_to_f32(u16::from_le_bytes([b[0], b[1]])),
            Mem::F16 => f16_to_f32(u16::from_le_bytes([b[0], b[1]])),
            Mem::Bool => (b[0] != 0) as u8 as f32,
        }
    };
    let values = |n: usize, salt: usize| -> Vec<f32> {
        // Ties of both halves and their neighbours, denormals of all three types among them.
        let ties =
            [0x3f80_8000, 0x3f81_8000, 0x3f80_8001, 0x3f80_1000, 0x3f80_3000, 0x0000_8000, 0x0001_8000, 0x7f7f_ffff, 1];
        let each =
            |(i, x): (usize, f64)| if i % 2 == 0 { x as f32 } else { f32::from_bits(ties[(i * salt) % ties.len()]) };
        odd(n, salt).into_iter().enumerate().map(each).collect()
    };
    let mems = [Mem::Own, Mem::Bf16, Mem::F16, Mem::Bool];
    for isa in isas() {
        for (n, shift) in [(1, 0), (7, 1), (16, 0), (31, 1), (300, 0), (1100, 3)] {
            for (from, x, to) in mems.iter().flat_map(|&a| mems.iter().flat_map(move |&b| mems.map(|c| (a, b, c)))) {
                for past in [false, true] {
                    let lay = |v: &[f32], mem: Mem| -> Vec<u8> { v.iter().flat_map(|&v| put(mem, v)).collect() };
                    let (a, b) = (lay(&values(n, 3), from), lay(&values(n, 5), x));
                    let size = |mem| put(mem, 0.0).len();
                    let zero = 0f32;
                    let link = |op, arg: *const u8, mem, single| Link {
                        op,
                        single,
                        args: [arg, std::ptr::null()],
                        mem: [mem, Mem::Own],
                        steps: [0; 2],
                        call: None,
                    };
                    let add = |p| link(Op::Add, p, x, 0);
                    let max = link(Op::Max, (&raw const zero).cast(), Mem::Own, 1);
                    let mut room = vec![0u64; n / 2 + 40];
                    let out = room.as_mut_ptr().cast::<u8>().wrapping_add(shift * size(to));
                    let rows = Rows { from, to, past, ..Rows::ONE };
                    // SAFETY: n elements of each type.
                    unsafe { chain_for(isa, false)(out, a.as_ptr(), &mut [add(b.as_ptr()), max], n, rows) };
                    for i in 0..n {
                        let y = get(from, &a[i * size(from)..]) + get(x, &b[i * size(x)..]);
                        let want = put(to, if y < 0.0 { 0.0 } else { y });
                        // SAFETY: inside `room`.
                        let got = unsafe { std::slice::from_raw_parts(out.add(i * size(to)), size(to)) };
                        let nan = y.is_nan() && get(to, got).is_nan();
                        assert!(
                            nan || got == want,
                            "{isa:?} {from:?} {x:?} {to:?} at {i} of {n}: {y} {got:?} {want:?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_chain_of_many_links_reads_values_that_are_used_twice() {
    // y = (x * 2 - b) / (x + 1); z = max(y, b) * y, with y an output too.
    let p = Program {
        n_in: 2,
        consts: vec![2.0, 1.0],
        code: vec![
            instr(Prim::Mul, 0, &[Src::In(0), Src::Const(0)]),
            instr(Prim::Sub, 0, &[Src::Reg(0), Src::In(1)]),
            instr(Prim::Add, 1, &[Src::In(0), Src::Const(1)]),
            instr(Prim::Div, 0, &[Src::Reg(0), Src::Reg(1)]),
            instr(Prim::Max, 1, &[Src::Reg(0), Src::In(1)]),
            instr(Prim::Mul, 1, &[Src::Reg(1), Src::Reg(0)]),
        ],
        outs: vec![Src::Reg(1), Src::Reg(0)],
        n_regs: 2,
        ..Program::default()
    };
    for n in [1, 100, 5000] {
        let s = [n as i64];
        let a: Vec<f32> = (0..n).map(|i| (i as f32 * 0.7).sin() + 1.5).collect();
        let (a, b) = (T::new(a, &s), T::new((0..n).map(|i| (i as f32 * 0.3).cos()).collect(), &s));
        let (z, y) = (T::new(vec![0f32; n], &s), T::new(vec![0f32; n], &s));
        map(&p, Compute::F32, &[], &s, &[a.op(), b.op()], &[z.op(), y.op()]).unwrap();
        let keep = a.data.clone();
        // And over its first operand.
        map(&p, Compute::F32, &[], &s, &[a.op(), b.op()], &[a.op(), y.op()]).unwrap();
        for i in 0..n {
            let q = (keep[i] * 2.0 - b.data[i]) / (keep[i] + 1.0);
            assert_eq!(y.data[i], q);
            assert_eq!(z.data[i], if q < b.data[i] { b.data[i] } else { q } * q);
            assert_eq!(a.data[i], z.data[i]);
        }
    }
}

#[test]
fn a_select_by_a_number_takes_one_side() {
    // p0 < 0.5 ? x + p0 * (y - x) : y - (y - x) * (1 - p0)
    let p = Program {
        n_in: 2,
        n_params: 1,
        consts: vec![0.5, 1.0],
        code: vec![
            instr(Prim::Lt, 0, &[Src::Param(0), Src::Const(0)]),
            instr(Prim::Sub, 1, &[Src::In(1), Src::In(0)]),
            instr(Prim::Mul, 2, &[Src::Param(0), Src::Reg(1)]),
            instr(Prim::Add, 2, &[Src::In(0), Src::Reg(2)]),
            instr(Prim::Sub, 3, &[Src::Const(1), Src::Param(0)]),
            instr(Prim::Mul, 1, &[Src::Reg(1), Src::Reg(3)]),
            instr(Prim::Sub, 1, &[Src::In(1), Src::Reg(1)]),
            instr(Prim::Select, 0, &[Src::Reg(0), Src::Reg(2), Src::Reg(1)]),
        ],
        outs: vec![Src::Reg(0)],
        n_regs: 4,
        id: Program::new_id(),
    };
    let n = 3000;
    let s = [n as i64];
    let (x, y) = (T::new(vec![3f32; n], &s), T::new(vec![7f32; n], &s));
    let o = T::new(vec![0f32; n], &s);
    // One program, remembered, with other numbers each time.
    for (w, want) in [(0.25, 4.0), (0.75, 6.0), (0.0, 3.0), (1.0, 7.0), (0.25, 4.0)] {
        map(&p, Compute::F32, &[Scalar::Float(w)], &s, &[x.op(), y.op()], &[o.op()]).unwrap();
        assert!(o.data.iter().all(|v| *v == want), "{w}: {}", o.data[0]);
    }
}

#[test]
fn powers_with_a_number_are_products_and_roots() {
    let n = 2000;
    let s = [n as i64];
    let x: Vec<f64> = (0..n).map(|i| i as f64 * 0.01).collect();
    let x = T::new(x, &s);
    let o = T::new(vec![0f64; n], &s);
    let mut p = single(Prim::Pow);
    p.n_in = 1;
    p.n_params = 1;
    p.code[0].args[1] = Src::Param(0);
    for (e, want) in [
        (1.0, (|v| v) as fn(f64) -> f64),
        (2.0, |v| v * v),
        (3.0, |v| v * v * v),
        (0.5, f64::sqrt),
        (-1.0, |v| 1.0 / v),
        (-0.5, |v| 1.0 / v.sqrt()),
    ] {
        map(&p, Compute::F64, &[Scalar::Float(e)], &s, &[x.op()], &[o.op()]).unwrap();
        for i in 0..n {
            assert_eq!(o.data[i], want(x.data[i]), "{} ** {e}", x.data[i]);
        }
    }
}

/// x * 2 - b in any layout: short runs, rows at any distance, operands that repeat, that lie across, that go backwards.
#[test]
fn every_layout_gives_the_same() {
    let p = Program {
        n_in: 2,
        consts: vec![2.0],
        code: vec![instr(Prim::Mul, 0, &[Src::In(0), Src::Const(0)]), instr(Prim::Sub, 0, &[Src::Reg(0), Src::In(1)])],
        outs: vec![Src::Reg(0)],
        n_regs: 1,
        id: Program::new_id(),
        ..Program::default()
    };
    let pool: Vec<f32> = (0..320_000i64).map(|i| ((i * 7919) % 1013) as f32).collect();
    let halves: Vec<crate::dtype::f16> = pool.iter().map(|x| crate::dtype::f16::from_f32(*x)).collect();
    for [a, b, c] in [[3i64, 5, 7], [40, 3, 64], [2, 300, 200], [5, 17, 513], [600, 1, 33], [9, 130, 130]] {
        let shape = [a, b, c];
        let n = (a * b * c) as usize;
        let flat = [b * c, c, 1];
        let layouts = [
            flat,
            [1, a, a * b],
            [b * c, 1, b],
            [c, a * c, 1],
            [0, 0, 1],
            [0, 1, 0],
            [1, 0, 0],
            [0, 0, 0],
            [2 * b * c, 2 * c, 2],
            [b * (c + 3), c + 3, 1],
        ];
        for (ix, x) in layouts.into_iter().enumerate() {
            for y in layouts.into_iter().skip(ix % 3).step_by(3) {
                let out = vec![0f32; n];
                let half = x[2] != 1;
                let first = if half { op(&halves, &x) } else { op(&pool, &x) };
                map(&p, Compute::F32, &[], &shape, &[first, op(&pool, &y)], &[op(&out, &flat)]).unwrap();
                for i in 0..a {
                    for j in 0..b {
                        for k in 0..c {
                            let at = |s: [i64; 3]| (i * s[0] + j * s[1] + k * s[2]) as usize;
                            let u = if half { halves[at(x)].to_f32() } else { pool[at(x)] };
                            assert_eq!(out[at(flat)], u * 2.0 - pool[at(y)], "{shape:?} {x:?} {y:?} at {i} {j} {k}");
                        }
                    }
                }
            }
        }
    }
}
