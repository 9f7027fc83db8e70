//! Against PyTorch's recorded numbers, and the generator by itself.

use super::*;
use crate::error::Result;

fn fnv(data: &[u8]) -> u64 {
    data.iter().fold(0xcbf29ce484222325, |h, &b| (h ^ b as u64).wrapping_mul(0x100000001b3))
}

/// `(i % 11) / 10 * scale + plus` as elements.
fn ramp(dtype: DType, n: usize, scale: f64, plus: f64) -> Vec<u8> {
    elements(dtype, n, |i| (i % 11) as f64 / 10.0 * scale, plus)
}

fn elements(dtype: DType, n: usize, f: impl Fn(usize) -> f64, plus: f64) -> Vec<u8> {
    let mut bytes = vec![0u8; n * dtype.size()];
    let done = crate::dispatch!(dtype, T in FLOAT => {
        for i in 0..n {
            let x = widen(<T as Target>::from_f64(f(i)));
            // SAFETY: `n` elements; a Vec's bytes may be unaligned.
            unsafe { bytes.as_mut_ptr().cast::<T>().add(i).write_unaligned(<T as Target>::from_f64(x + plus)) };
        }
    });
    assert!(done.is_some());
    bytes
}

/// Memory that is aligned for every element.
fn aligned(bytes: &[u8]) -> Vec<u128> {
    let mut v = vec![0u128; bytes.len() / 16 + 1];
    // SAFETY: room for all bytes.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), v.as_mut_ptr().cast(), bytes.len()) };
    v
}

fn run(g: &mut Generator, kernel: &str, d: DType, n: usize, a: f64, b: f64) -> Result<Vec<u8>> {
    let copies = if kernel == "rrelu" { 2 } else { 1 };
    let (mut count, mut size) = (n * copies, d.size());
    if kernel.starts_with("multinomial") {
        (count, size) = (a as usize, 8);
    }
    let mut out = aligned(&vec![0; count * size]);
    let p = out.as_mut_ptr().cast::<u8>();
    // SAFETY: `out` has room for every result below, and inputs have `n` elements.
    unsafe {
        match kernel {
            "rand" | "uniform" => uniform(g, p, d, n, a, b)?,
            "randn" | "normal" => normal(g, p, d, n, a, b, true)?,
            "normal_scattered" => normal(g, p, d, n, a, b, false)?,
            "exponential" => exponential(g, p, d, n, a)?,
            "cauchy" => cauchy(g, p, d, n, a, b)?,
            "log_normal" => log_normal(g, p, d, n, a, b)?,
            "geometric" => geometric(g, p, d, n, a)?,
            "random_from_to" => random_from_to(g, p, d, n, (b as i64 - a as i64) as u64, a as i64)?,
            "random_full64" => random_full64(g, p, d, n)?,
            "random" => random(g, p, d, n)?,
            "randperm" => randperm(g, p, d, n)?,
            "bernoulli" => bernoulli(g, p, d, n, a)?,
            "bernoulli_tensor" => bernoulli_tensor(g, p, d, n, aligned(&ramp(d, n, 1.0, 0.0)).as_ptr().cast(), d)?,
            "dropout" => dropout_noise(g, p, d, n, a)?,
            "rrelu" => {
                let x = aligned(&elements(d, n, |i| (i % 5) as f64 - 3.0, 0.0));
                rrelu(g, x.as_ptr().cast(), p.add(n * size), p, d, n, 0.125, 1.0 / 3.0)?
            }
            "multinomial" => {
                let w = aligned(&ramp(d, n, 3.0, 0.0));
                multinomial(g, w.as_ptr().cast(), d, 1, n, a as usize, true, p.cast())?
            }
            "multinomial_without" => {
                let w = aligned(&ramp(d, n, 3.0, 1.0));
                multinomial(g, w.as_ptr().cast(), d, 1, n, a as usize, false, p.cast())?
            }
            "poisson" => poisson(g, aligned(&ramp(d, n, a, 0.0)).as_ptr().cast(), p, d, n)?,
            "binomial" => {
                let count = aligned(&elements(d, n, |i| (i % 7) as f64 * a, 0.0));
                let prob = aligned(&ramp(d, n, 1.0, 0.0));
                binomial(g, count.as_ptr().cast(), prob.as_ptr().cast(), p, d, n)?
            }
            "gamma" => gamma(g, aligned(&ramp(d, n, a, 0.0)).as_ptr().cast(), p, d, n)?,
            _ => panic!("no kernel {kernel}"),
        }
        Ok(std::slice::from_raw_parts(p, count * size).to_vec())
    }
}

#[test]
fn the_numbers_are_pytorchs() {
    let (mut wrong, mut cases) = (vec![], 0);
    for line in include_str!("recorded.txt").lines() {
        let w: Vec<&str> = line.split(' ').collect();
        let d = DType::parse(w[1]).expect("dtype");
        let (n, a, b, seed): (usize, f64, f64, u64) =
            (w[2].parse().expect("n"), w[3].parse().expect("a"), w[4].parse().expect("b"), w[5].parse().expect("seed"));
        let mut g = Generator::with_seed(seed);
        let one = run(&mut g, w[0], d, n, a, b).expect("runs");
        let two = run(&mut g, w[0], d, n, a, b).expect("runs");
        let next = run(&mut g, "rand", DType::F32, 3, 0.0, 1.0).expect("runs");
        let text = |h: u64| format!("{h:016x}");
        let same =
            [text(fnv(&[one.clone(), two].concat())) == w[6], text(fnv(&next)) == w[7], text(fnv(&g.state())) == w[8]];
        cases += 1;
        if same != [true; 3] {
            let hex: String = one.iter().take(32).map(|b| format!("{b:02x}")).collect();
            wrong.push(format!("{same:?} {line}\n  we: {hex}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {cases} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
#[ignore = "820 MiB and some seconds"]
fn long_permutations_are_pytorchs_too() {
    let n = 214748364;
    let mut out = vec![0i32; n];
    // SAFETY: room for `n` elements.
    unsafe { randperm(&mut Generator::with_seed(0), out.as_mut_ptr().cast(), DType::I32, n) }.expect("runs");
    assert_eq!(out[..4], [180140102, 136514640, 18739608, 22357822]);
}

#[test]
fn a_state_restores_the_stream_and_its_cached_number() {
    let mut g = Generator::with_seed(7);
    g.normal64();
    for _ in 0..1000 {
        g.random();
    }
    let state = g.state();
    assert_eq!(state.len(), STATE_BYTES);
    let mut other = Generator::default();
    assert_eq!(other.initial_seed(), DEFAULT_SEED);
    other.set_state(&state).expect("valid");
    assert_eq!(other.initial_seed(), 7);
    assert_eq!(other.normal64().to_bits(), g.normal64().to_bits());
    for _ in 0..2000 {
        assert_eq!(other.random64(), g.random64());
    }
    assert!(other.set_state(&state[1..]).is_err());
    let mut bad = state.clone();
    bad[8..12].copy_from_slice(&624u32.to_le_bytes());
    bad[16..24].copy_from_slice(&624u64.to_le_bytes());
    assert!(other.set_state(&bad).is_err());
}

#[test]
fn words_come_in_order_however_they_are_asked_for() {
    let (mut a, mut b) = (Generator::with_seed(1), Generator::with_seed(1));
    let mut words = vec![0; 5000];
    let mut at = 0;
    for n in [0, 1, 2, 623, 624, 625, 1, 1249, 1000] {
        a.fill(&mut words[at..at + n]);
        at += n;
    }
    assert!(words[..at].iter().all(|&w| w == b.random()));
    a.skip(700);
    (0..700).for_each(|_| {
        b.random();
    });
    assert_eq!(a.state(), b.state());
}

#[test]
fn seeds_that_nobody_chose_differ() {
    let mut g = Generator::default();
    assert_ne!(g.seed(), g.seed());
    assert_eq!(default_generator().lock().clone().state().len(), STATE_BYTES);
}

#[test]
fn timings() {
    let n = 1 << 20;
    let mut g = Generator::with_seed(0);
    for (kernel, a) in [
        ("rand", 0.0),
        ("randn", 0.0),
        ("uniform", -1.0),
        ("bernoulli", 0.3),
        ("exponential", 1.0),
        ("randperm", 0.0),
        ("randint", 0.0),
    ] {
        for d in [DType::F32, DType::F64, DType::BF16] {
            let mut out = vec![0u128; n / 2 + 1];
            let p = out.as_mut_ptr().cast::<u8>();
            let mut best = f64::MAX;
            for _ in 0..4 {
                let start = std::time::Instant::now();
                // SAFETY: room for `n` elements of 8 bytes.
                let done = unsafe {
                    match kernel {
                        "randn" => normal(&mut g, p, d, n, 0.0, 1.0, true),
                        "bernoulli" => bernoulli(&mut g, p, d, n, a),
                        "randperm" => randperm(&mut g, p, d, n),
                        "randint" => random_from_to(&mut g, p, d, n, 10, 0),
                        "exponential" => exponential(&mut g, p, d, n, a),
                        _ => uniform(&mut g, p, d, n, a, 1.0),
                    }
                };
                assert!(done.is_ok());
                best = best.min(start.elapsed().as_secs_f64() * 1e3);
            }
            println!("{kernel} of 2^20 {}: {best:.2} ms", d.name());
        }
    }
}
