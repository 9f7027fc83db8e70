//! Random operators against PyTorch's recorded results (`record.py`): what they give, and how much they draw.

use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::random::Generator;
use crate::op::arg::SharedGenerator;
use crate::ops;
use crate::tensor::Tensor;
use parking_lot::Mutex;
use std::sync::Arc;

fn seeded(seed: u64) -> SharedGenerator {
    Arc::new(Mutex::new(Generator::with_seed(seed)))
}

fn hash(t: &Tensor) -> u64 {
    let t = t.copied(t.dtype()).expect("copied");
    let b = t.body().clone();
    // SAFETY: the copy is contiguous.
    let bytes = unsafe { std::slice::from_raw_parts(b.ptr(), b.numel as usize * b.dtype.size()) };
    bytes.iter().fold(0xcbf29ce484222325, |h, &x| (h ^ x as u64).wrapping_mul(0x100000001b3))
}

fn arange(a: i64, b: i64) -> Result<Tensor> {
    let v: Vec<f32> = (a..b).map(|i| i as f32).collect();
    Tensor::from_slice(&v, &[b - a])
}

fn ones(sizes: &[i64]) -> Result<Tensor> {
    Tensor::full(sizes, 1, DType::F32, crate::Device::Cpu)
}

fn probs(n: i64) -> Result<Tensor> {
    // torch.linspace(0, 1, n)
    let step = 1.0 / (n - 1) as f32;
    let v: Vec<f32> =
        (0..n).map(|i| if i < n / 2 { step * i as f32 } else { 1.0 - step * (n - i - 1) as f32 }).collect();
    Tensor::from_slice(&v, &[n])
}

fn empty(sizes: &[i64], d: DType) -> Result<Tensor> {
    Tensor::zeros(sizes, d, crate::Device::Cpu)
}

/// `zeros(6, 8)[:, ::2]`.
fn gaps() -> Result<Tensor> {
    ops::slice(&empty(&[6, 8], DType::F32)?, 1, None, None, 2)
}

fn run(name: &str, g: &SharedGenerator) -> Result<Tensor> {
    let g = Some(g);
    let f32s = |n: i64| empty(&[n], DType::F32);
    match name {
        "rand 7" => ops::rand(&[7], g, None, None),
        "rand f64" => ops::rand(&[20], g, Some(DType::F64), None),
        "randn 3 4 5" => ops::randn(&[3, 4, 5], g, None, None),
        "randn 7" => ops::randn(&[7], g, None, None),
        "randn c64" => ops::randn(&[10], g, Some(DType::C64), None),
        "randint" => ops::randint(10, &[30], g, None, None),
        "randint_low" => ops::randint_low(-5, 5, &[3, 4], g, None, None),
        "randperm" => ops::randperm(100, g, None, None),
        "randperm i32" => ops::randperm(20, g, Some(DType::I32), None),
        "rand_like" => ops::rand_like(&ops::t(&empty(&[5, 9], DType::F32)?)?, g, None, None, None),
        "randn_like" => ops::randn_like(&ops::t(&empty(&[5, 9], DType::F32)?)?, g, None, None, None),
        "randint_like" => ops::randint_like(&f32s(5)?, 100, g, None, None, None),
        "normal_ t" => ops::normal_(&ops::t(&empty(&[5, 7], DType::F32)?)?, 0.0, 1.0, g),
        "uniform_ t" => ops::uniform_(&ops::t(&empty(&[5, 7], DType::F32)?)?, 0.0, 1.0, g),
        "uniform_ gaps" => ops::uniform_(&gaps()?, -1.0, 2.0, g),
        "normal_ gaps" => ops::normal_(&gaps()?, 1.0, 2.0, g),
        "uniform_ gaps t" => ops::uniform_(&ops::t(&gaps()?)?, -1.0, 2.0, g),
        "random_" => ops::random_(&empty(&[10], DType::I64)?, g),
        "random_ to" => ops::random_to_(&f32s(10)?, 9, g),
        "random_ from" => ops::random_from_(&f32s(10)?, 3, Some(9), g),
        "random_ from i16" => ops::random_from_(&empty(&[10], DType::I16)?, 3, None, g),
        "bernoulli_" => ops::bernoulli_(&f32s(40)?, 0.3, g),
        "bernoulli_ p" => {
            ops::bernoulli_tensor_(&f32s(10)?, &Tensor::full(&[10], 0.6, DType::F32, crate::Device::Cpu)?, g)
        }
        "bernoulli_ p t" => ops::bernoulli_tensor_(&ops::t(&empty(&[4, 3], DType::F32)?)?, &probs(4)?, g),
        "bernoulli" => ops::bernoulli(&probs(40)?, g),
        "bernoulli p" => ops::bernoulli_p(&f32s(40)?, 0.3, g),
        "exponential_" => ops::exponential_(&f32s(20)?, 2.5, g),
        "cauchy_" => ops::cauchy_(&f32s(20)?, 1.0, 2.0, g),
        "geometric_" => ops::geometric_(&f32s(20)?, 0.3, g),
        "log_normal_" => ops::log_normal_(&f32s(20)?, 0.5, 0.8, g),
        "normal TT" => ops::normal(&arange(0, 20)?, &arange(1, 21)?, g),
        "normal Tf" => ops::normal_mean(&arange(0, 5)?, 2.0, g),
        "normal fT" => ops::normal_std(0.0, &arange(1, 6)?, g),
        "normal size" => ops::normal_size(2.0, 3.0, &[4, 5], g, None, None),
        "normal broadcast" => ops::normal(&ops::view(&arange(0, 3)?, &[3, 1])?, &arange(1, 7)?, g),
        "multinomial 1" => ops::multinomial(&arange(1, 7)?, 1, false, g),
        "multinomial r" => ops::multinomial(&arange(1, 7)?, 20, true, g),
        "multinomial" => ops::multinomial(&arange(1, 7)?, 6, false, g),
        "multinomial 2d" => ops::multinomial(&ones(&[3, 6])?, 4, false, g),
        "multinomial r1" => ops::multinomial(&ones(&[3, 6])?, 1, true, g),
        "poisson" => ops::poisson(&arange(0, 12)?, g),
        "binomial" => {
            let full = |x: f64| Tensor::full(&[10], x, DType::F32, crate::Device::Cpu);
            ops::binomial(&full(9.0)?, &full(0.4)?, g)
        }
        "gamma" => ops::_standard_gamma(&arange(1, 12)?, g),
        "rrelu" => ops::rrelu(&ops::neg(&ones(&[30])?)?, 0.125.into(), (1.0 / 3.0).into(), true, g),
        "rrelu eval" => ops::nn_rrelu(&arange(-5, 5)?, 0.125.into(), (1.0 / 3.0).into(), false, false),
        _ => global(name),
    }
}

/// Operators that know only the default generator.
fn global(name: &str) -> Result<Tensor> {
    match name {
        "dropout" => ops::nn_dropout(&ones(&[50])?, 0.5, true, false),
        "dropout .1" => ops::nn_dropout(&ones(&[7, 9])?, 0.1, true, false),
        "dropout f64" => ops::nn_dropout(&ones(&[50])?.copied(DType::F64)?, 0.3, true, false),
        "dropout t" => ops::nn_dropout(&ops::t(&ops::view(&arange(0, 35)?, &[5, 7])?)?, 0.3, true, false),
        "dropout 1" => ops::nn_dropout(&ones(&[5])?, 1.0, true, false),
        "dropout1d" => ops::dropout1d(&ones(&[8, 3])?, 0.4, true, false),
        "dropout2d" => ops::dropout2d(&ones(&[2, 8, 2, 2])?, 0.4, true, false),
        "dropout3d" => ops::dropout3d(&ones(&[8, 3, 2, 2])?, 0.4, true, false),
        "alpha" => ops::nn_alpha_dropout(&ones(&[30])?, 0.4, true, false),
        "feature_alpha" => ops::nn_feature_alpha_dropout(&ones(&[4, 5, 3])?, 0.4, true, false),
        _ => panic!("no case {name}"),
    }
}

#[test]
fn results_and_draws_are_pytorchs() {
    ops::init();
    // The default generator is the process's: only this test draws from it.
    let default = crate::kernels::cpu::random::default_generator();
    let mut wrong = vec![];
    for line in include_str!("recorded.txt").lines() {
        let w: Vec<&str> = line.split('\t').collect();
        let own = matches!(w[0].as_bytes(), [b'd', b'r', ..] | [b'a', b'l', ..] | [b'f', ..]);
        let g = if own { default.clone() } else { seeded(0) };
        g.lock().manual_seed(0);
        let text = |t: Result<Tensor>| t.map_or_else(|e| format!("{e:?}"), |t| format!("{:016x}", hash(&t)));
        let (got, next) = (text(run(w[0], &g)), text(ops::rand(&[3], Some(&g), None, None)));
        if got != w[1] || next != w[2] {
            wrong.push(format!("{line}: {got} {next}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn name_of(t: &Tensor) -> String {
    t.with_auto(|a| a.grad_fn.as_ref().map(|e| e.node.name().to_string())).unwrap_or_default()
}

#[test]
fn nodes_have_pytorchs_names() {
    ops::init();
    let x = ones(&[4, 5]).expect("x");
    x.set_requires_grad(true).expect("leaf");
    let y = || ops::mul((&x).into(), 1.into()).expect("y");
    let g = seeded(0);
    let g = Some(&g);
    for (t, name) in [
        (ops::uniform_(&y(), 0.0, 1.0, g), "UniformBackward0"),
        (ops::random_(&y(), g), "RandomBackward2"),
        (ops::random_to_(&y(), 5, g), "RandomBackward1"),
        (ops::random_from_(&y(), 1, Some(5), g), "RandomBackward0"),
        (ops::bernoulli_(&y(), 0.3, g), "BernoulliBackward2"),
        (ops::bernoulli_tensor_(&y(), &x, g), "BernoulliBackward1"),
        (ops::bernoulli(&x, g), "BernoulliBackward0"),
        (ops::normal(&x, &x, g), "NormalBackward3"),
        (ops::poisson(&x, g), "PoissonBackward0"),
        (ops::_standard_gamma(&x, g), "StandardGammaBackward0"),
        (ops::multinomial(&x, 2, false, g), ""),
        (ops::feature_dropout(&x, 0.3, true), "MulBackward0"),
        (ops::dropout(&x, 1.0, true), "MulBackward0"),
        (ops::rrelu(&x, 0.1.into(), 0.3.into(), true, g), "RreluWithNoiseBackward0"),
        (ops::rrelu(&x, 0.1.into(), 0.3.into(), false, g), "RreluWithNoiseBackward0"),
    ] {
        assert_eq!(name_of(&t.expect(name)), name);
    }
}

#[test]
fn refusals_are_pytorchs() {
    ops::init();
    let x = ones(&[3]).expect("x");
    let text = |r: Result<Tensor>| r.err().map(|e| e.text().to_string()).unwrap_or_default();
    assert_eq!(
        text(ops::rand(&[3], None, Some(DType::I64), None)),
        "\"check_uniform_bounds\" not implemented for 'Long'"
    );
    assert_eq!(text(ops::dropout(&x, -1.0, true)), "dropout probability has to be between 0 and 1, but got -1");
    assert_eq!(
        text(ops::nn_dropout(&x, -1.0, true, false)),
        "dropout probability has to be between 0 and 1, but got -1.0"
    );
    assert_eq!(
        text(ops::feature_dropout(&x, 0.5, true)),
        "Feature dropout requires at least 2 dimensions in the input"
    );
    let negative = ops::neg(&x).expect("neg");
    assert_eq!(text(ops::normal(&x, &negative, None)), "normal expects all elements of std >= 0.0");
    assert_eq!(
        text(ops::randperm(300, None, Some(DType::U8), None)),
        "value cannot be converted to type uint8_t without overflow"
    );
    let wide = ops::expand(&ones(&[1]).expect("one"), &[3], false).expect("wide");
    assert!(text(ops::uniform_(&wide, 0.0, 1.0, None)).starts_with("unsupported operation: more than one element"));
}
