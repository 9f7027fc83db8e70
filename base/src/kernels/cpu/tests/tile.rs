use super::*;
use crate::dtype::{B8, bf16, f16};
use crate::kernels::cpu::copy::{copy, fill};
use crate::kernels::cpu::tile::map;
use crate::kernels::program::Compute;
use crate::scalar::Scalar;

fn ramp(n: usize) -> Vec<f32> {
    (0..n).map(|i| (i as f32 * 0.37).sin() * 3.0).collect()
}

#[test]
fn adds_contiguous_broadcast_and_strided() {
    let p = single(Prim::Add);
    for (m, n) in [(1, 1), (3, 5), (70, 700), (1000, 3), (257, 129)] {
        let shape = [m as i64, n as i64];
        let a = T::new(ramp(m * n), &shape);
        let b = T::new(ramp(n), &[n as i64]);
        let out = vec![0f32; m * n];
        let so = contiguous_strides(&shape);
        map(&p, Compute::F32, &[], &shape, &[a.op(), op(&b.data, &[0, 1])], &[op(&out, &so)]).unwrap();
        for i in 0..m {
            for j in 0..n {
                assert_eq!(out[i * n + j], a.data[i * n + j] + b.data[j]);
            }
        }
        // Column vector, and a transposed output.
        let c = ramp(m);
        map(&p, Compute::F32, &[], &shape, &[a.op(), op(&c, &[1, 0])], &[op(&out, &[1, m as i64])]).unwrap();
        for i in 0..m {
            for j in 0..n {
                assert_eq!(out[j * m + i], a.data[i * n + j] + c[i]);
            }
        }
    }
}

#[test]
fn a_program_with_constants_parameters_and_two_outputs() {
    // r0 = a * b; r0 = r0 + c0; r1 = exp(r0) / p0; outs r0, r1
    let p = Program {
        n_in: 2,
        n_params: 1,
        consts: vec![0.5],
        code: vec![
            instr(Prim::Mul, 0, &[Src::In(0), Src::In(1)]),
            instr(Prim::Add, 0, &[Src::Reg(0), Src::Const(0)]),
            instr(Prim::Exp, 1, &[Src::Reg(0)]),
            instr(Prim::Div, 1, &[Src::Reg(1), Src::Param(0)]),
        ],
        outs: vec![Src::Reg(0), Src::Reg(1)],
        n_regs: 2,
        id: 0,
    };
    let n = 100_000;
    let s = [n as i64];
    let (a, b) = (T::new(ramp(n), &s), T::new(ramp(n), &s));
    let (x, y) = (T::new(vec![0f32; n], &s), T::new(vec![f16::ZERO; n], &s));
    map(&p, Compute::F32, &[Scalar::Float(3.0)], &s, &[a.op(), b.op()], &[x.op(), y.op()]).unwrap();
    for i in 0..n {
        let r = a.data[i] * b.data[i] + 0.5;
        assert_eq!(x.data[i], r);
        let e = r.exp() / 3.0;
        assert!((y.data[i].to_f32() - e).abs() <= e * 0.001 + 1e-7, "{i} {} {e}", y.data[i]);
    }
    // In place: out 0 is input 0.
    let keep = a.data.clone();
    map(&p, Compute::F32, &[Scalar::Float(3.0)], &s, &[a.op(), b.op()], &[a.op(), y.op()]).unwrap();
    for i in 0..n {
        assert_eq!(a.data[i], keep[i] * b.data[i] + 0.5);
    }
}

#[test]
fn integers_wrap_and_division_by_zero_is_an_error() {
    let s = [4i64];
    let a = T::new(vec![7i8, -7, 127, -128], &s);
    let b = T::new(vec![2i8, 2, 1, -1], &s);
    let o = T::new(vec![0i8; 4], &s);
    map(&single(Prim::Add), Compute::I64, &[], &s, &[a.op(), b.op()], &[o.op()]).unwrap();
    assert_eq!(o.data, [9, -5, -128, 127]);
    map(&single(Prim::FloorDiv), Compute::I64, &[], &s, &[a.op(), b.op()], &[o.op()]).unwrap();
    assert_eq!(o.data, [3, -4, 127, -128]);
    map(&single(Prim::Remainder), Compute::I64, &[], &s, &[a.op(), b.op()], &[o.op()]).unwrap();
    assert_eq!(o.data, [1, 1, 0, 0]);
    let z = T::new(vec![1i8, 0, 1, 1], &s);
    let e = map(&single(Prim::FloorDiv), Compute::I64, &[], &s, &[a.op(), z.op()], &[o.op()]).unwrap_err();
    assert_eq!(e.text(), "ZeroDivisionError");
    let bools = T::new(vec![B8(0); 4], &s);
    map(&single(Prim::Lt), Compute::I64, &[], &s, &[a.op(), b.op()], &[bools.op()]).unwrap();
    assert_eq!(bools.data, [B8(0), B8(1), B8(0), B8(1)]);
}

/// Small integers are divided as f64, in stretches; large ones one by one.
#[test]
fn integers_of_any_size_divide_exactly() {
    let edge = 1i64 << 51;
    let mut v = vec![1, -1, 2, -2, 3, 7, -7, 10, 1000, edge - 1, -edge, edge, edge + 1, i64::MAX, i64::MIN];
    for i in 0..600 {
        v.push((i * 7_919_777_777) % (edge / 3) - 1_000_000_007 * i);
    }
    for d in [3, 7, 1_000_003, edge / 7] {
        v.extend([d * 5, d * 5 - 1, -d * 5, -d * 5 + 1]);
    }
    // Division by zero is an error, tested elsewhere.
    v.retain(|x| *x != 0);
    let small: Vec<i64> = v.iter().copied().filter(|x| x.unsigned_abs() < edge as u64 / 2).collect();
    let euclid = |x: i128, y: i128| x.div_euclid(y) - ((y < 0) && x.rem_euclid(y) != 0) as i128;
    for (prim, want) in [
        (Prim::FloorDiv, (|x, y, q: i128| (x, y, q).2) as fn(i128, i128, i128) -> i128),
        (Prim::Remainder, |x, y, q| x - q * y),
        (Prim::TruncDiv, |x, y, _| x / y),
        (Prim::Fmod, |x, y, _| x % y),
    ] {
        for set in [&v, &small] {
            let s = [set.len() as i64];
            let a = T::new(set.clone(), &s);
            let o = T::new(vec![0i64; set.len()], &s);
            for shift in [1, 5, 11] {
                let b: Vec<i64> = (0..set.len()).map(|i| set[(i * 3 + shift) % set.len()]).collect();
                let b = T::new(b, &s);
                for single in [false, true] {
                    let divisor = if single { op(&b.data, &[0]) } else { b.op() };
                    map(&super::single(prim), Compute::I64, &[], &s, &[a.op(), divisor], &[o.op()]).unwrap();
                    for i in 0..set.len() {
                        let (x, y) = (a.data[i] as i128, b.data[if single { 0 } else { i }] as i128);
                        // Floor division by the remainder with the divisor's sign.
                        let floor = if y > 0 { x.div_euclid(y) } else { euclid(x, y) };
                        assert_eq!(o.data[i], want(x, y, floor) as i64, "{prim:?} {x} {y}");
                    }
                }
            }
        }
    }
}

#[test]
fn scalars_in_any_position_give_the_same_bits() {
    let n = 1000;
    let s = [n as i64];
    let a = T::new(ramp(n), &s);
    let full = T::new(vec![1.7f32; n], &s);
    let one = [1.7f32];
    for prim in [Prim::Add, Prim::Sub, Prim::Div, Prim::Pow, Prim::Max, Prim::Lt, Prim::Atan2, Prim::Fmod] {
        let (x, y) = (T::new(vec![0f32; n], &s), T::new(vec![0f32; n], &s));
        for swap in [false, true] {
            let ins = |b: Operand<'static>| if swap { [b, a.op()] } else { [a.op(), b] };
            let f: Operand = full.op();
            let f = Operand { strides: &[1], ..f };
            map(&single(prim), Compute::F32, &[], &s, &ins(f), &[x.op()]).unwrap();
            map(&single(prim), Compute::F32, &[], &s, &ins(op(&one, &[0])), &[y.op()]).unwrap();
            for i in 0..n {
                assert_eq!(x.data[i].to_bits(), y.data[i].to_bits(), "{prim:?} {swap} {i}");
            }
        }
    }
}

#[test]
fn copies_convert_as_pytorch_does() {
    let s = [6i64];
    let a = T::new(vec![300.0f32, -1.0, 3e9, f32::NAN, f32::INFINITY, -129.0], &s);
    let u = T::new(vec![0u8; 6], &s);
    copy(&s, a.op(), u.op()).unwrap();
    assert_eq!(u.data, [44, 255, 0, 0, 0, 127]);
    let l = T::new(vec![0i64; 6], &s);
    copy(&s, a.op(), l.op()).unwrap();
    assert_eq!(l.data, [300, -1, 3_000_000_000, i64::MIN, i64::MIN, -129]);
    let h = T::new(vec![bf16::ZERO; 6], &s);
    copy(&s, l.op(), h.op()).unwrap();
    assert_eq!(h.data[0].to_f32(), 300.0);
    let t = T::new(vec![B8(7); 6], &s);
    copy(&s, h.op(), t.op()).unwrap();
    assert_eq!(t.data[0], B8(1));
    fill(&s, u.op(), Scalar::Int(-2)).unwrap();
    assert_eq!(u.data, [254; 6]);
}

#[test]
fn halves_round_as_the_half_crate() {
    let mut x = 0u32;
    let mut v = vec![];
    loop {
        v.push(f32::from_bits(x));
        let (y, over) = x.overflowing_add(65537 * 3 + 2);
        if over {
            break;
        }
        x = y;
    }
    let s = [v.len() as i64];
    let a = T::new(v, &s);
    let h = T::new(vec![f16::ZERO; a.data.len()], &s);
    let b = T::new(vec![bf16::ZERO; a.data.len()], &s);
    copy(&s, a.op(), h.op()).unwrap();
    copy(&s, a.op(), b.op()).unwrap();
    for i in 0..a.data.len() {
        let x = a.data[i];
        if x.is_nan() {
            assert!(h.data[i].is_nan() && b.data[i].is_nan());
        } else {
            assert_eq!(h.data[i], f16::from_f32(x), "{x}");
            assert_eq!(b.data[i], bf16::from_f32(x), "{x}");
        }
    }
    let all: Vec<f16> = (0..=65535).map(f16::from_bits).collect();
    let s = [65536];
    let all = T::new(all, &s);
    let back = T::new(vec![0f32; 65536], &s);
    copy(&s, all.op(), back.op()).unwrap();
    for i in 0..65536 {
        let w = all.data[i].to_f32();
        assert!(back.data[i] == w || w.is_nan() && back.data[i].is_nan());
    }
}

#[test]
fn permuted_copies() {
    for shape in [[5i64, 7, 3], [64, 33, 100], [1, 200, 300]] {
        let n: i64 = shape.iter().product();
        let a: Vec<i32> = (0..n as i32).collect();
        for perm in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1], [2, 0, 1], [1, 2, 0]] {
            let c = contiguous_strides(&shape);
            let new_shape: Vec<i64> = perm.iter().map(|&i: &usize| shape[i]).collect();
            let strides: Vec<i64> = perm.iter().map(|&i| c[i]).collect();
            let out = T::new(vec![0i32; n as usize], &new_shape);
            copy(&new_shape, op(&a, &strides), out.op()).unwrap();
            let mut k = 0;
            for i in 0..new_shape[0] {
                for j in 0..new_shape[1] {
                    for l in 0..new_shape[2] {
                        assert_eq!(out.data[k], a[(i * strides[0] + j * strides[1] + l * strides[2]) as usize]);
                        k += 1;
                    }
                }
            }
        }
    }
}
