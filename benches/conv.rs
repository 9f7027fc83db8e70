//! Convolution rows of the shared bench, forward and both gradients, best times. `cargo bench --bench conv -- [FILTER]`;
//! `benches/conv_torch.py` runs this and torch around it.

use rtorch::device::cpu::pool;
use rtorch::dtype::DType;
use rtorch::kernels::cpu::conv::{ConvShape, forward, grad_input, grad_weight};
use std::hint::black_box;
use std::time::Instant;

/// Best seconds per call, over about `budget` seconds.
fn time(mut f: impl FnMut(), budget: f64) -> f64 {
    f();
    let mut best = f64::MAX;
    let start = Instant::now();
    let mut samples = 0;
    while samples < 5 || start.elapsed().as_secs_f64() < budget {
        let t = Instant::now();
        f();
        best = best.min(t.elapsed().as_secs_f64());
        samples += 1;
    }
    best
}

fn shape(x: [usize; 5], w: [usize; 5], stride: usize, padding: usize, dilation: usize, groups: usize) -> ConvShape {
    let mut s = ConvShape {
        n: x[0],
        groups,
        cin: x[1] / groups,
        cout: w[0] / groups,
        in_sizes: [x[2], x[3], x[4]],
        out_sizes: [1; 3],
        kernel: [w[2], w[3], w[4]],
        stride: [1; 3],
        padding: [0; 3],
        dilation: [1; 3],
    };
    for d in 0..3 {
        if s.in_sizes[d] > 1 {
            (s.stride[d], s.padding[d], s.dilation[d]) = (stride, padding, dilation);
        }
        s.out_sizes[d] = ConvShape::out_size(s.in_sizes[d], s.kernel[d], s.stride[d], s.padding[d], s.dilation[d])
            .unwrap_or_default();
    }
    s
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let mut filter = String::new();
    let mut budget = 0.1;
    let mut it = args.iter();
    while let Some(a) = it.next() {
        let mut num = || it.next().and_then(|v| v.parse::<f64>().ok());
        match a.as_str() {
            "--threads" => pool::set_num_threads(num().unwrap_or(1.0) as usize),
            "--budget" => budget = num().unwrap_or(budget),
            f => filter = f.to_string(),
        }
    }
    let rows = [
        ("lenet1_64x1x28x28_5x5", shape([64, 1, 1, 28, 28], [6, 1, 1, 5, 5], 1, 2, 1, 1)),
        ("lenet2_64x6x14x14_5x5", shape([64, 6, 1, 14, 14], [16, 6, 1, 5, 5], 1, 0, 1, 1)),
        ("tiny_1x1x8x8_3x3", shape([1, 1, 1, 8, 8], [4, 1, 1, 3, 3], 1, 0, 1, 1)),
        ("cifar_8x3x32x32_3x3", shape([8, 3, 1, 32, 32], [64, 3, 1, 3, 3], 1, 1, 1, 1)),
        ("cifar_8x64x32x32_3x3", shape([8, 64, 1, 32, 32], [64, 64, 1, 3, 3], 1, 1, 1, 1)),
        ("resnet_2x64x56x56_3x3_s1", shape([2, 64, 1, 56, 56], [64, 64, 1, 3, 3], 1, 1, 1, 1)),
        ("resnet_2x128x28x28_3x3_s2", shape([2, 128, 1, 28, 28], [256, 128, 1, 3, 3], 2, 1, 1, 1)),
        ("resnet_2x512x7x7_3x3", shape([2, 512, 1, 7, 7], [512, 512, 1, 3, 3], 1, 1, 1, 1)),
        ("resnet_2x256x14x14_1x1", shape([2, 256, 1, 14, 14], [1024, 256, 1, 1, 1], 1, 0, 1, 1)),
        ("resnet_1x3x224x224_7x7_s2", shape([1, 3, 1, 224, 224], [64, 3, 1, 7, 7], 2, 3, 1, 1)),
        ("depthwise_2x128x28x28_3x3", shape([2, 128, 1, 28, 28], [128, 1, 1, 3, 3], 1, 1, 1, 128)),
        ("groups8_2x128x28x28_3x3", shape([2, 128, 1, 28, 28], [128, 16, 1, 3, 3], 1, 1, 1, 8)),
        ("dilated_2x64x28x28_3x3", shape([2, 64, 1, 28, 28], [64, 64, 1, 3, 3], 1, 2, 2, 1)),
        ("conv1d_16x64x512_k5", shape([16, 64, 1, 1, 512], [64, 64, 1, 1, 5], 1, 2, 1, 1)),
        ("conv3d_1x8x16x32x32_3x3x3", shape([1, 8, 16, 32, 32], [16, 8, 3, 3, 3], 1, 1, 1, 1)),
        // Transposed: its forward is the gradient by the input of the convolution 32x32 -> 16x16.
        ("convT_2x64x16x16_4x4_s2", shape([2, 32, 1, 32, 32], [64, 32, 1, 4, 4], 2, 1, 1, 1)),
    ];
    println!("{:<28}{:>12}{:>12}{:>12}{:>10}", "row", "fwd us", "dx us", "dw us", "GFLOP/s");
    for (name, s) in rows {
        if !name.contains(&filter) {
            continue;
        }
        let v = |a: [usize; 3]| a.iter().product::<usize>();
        let x = vec![0.5f32; s.n * s.groups * s.cin * v(s.in_sizes)];
        let w = vec![0.25f32; s.groups * s.cout * s.cin * v(s.kernel)];
        let y = vec![0f32; s.n * s.groups * s.cout * v(s.out_sizes)];
        let (px, pw, py) = (x.as_ptr() as *mut u8, w.as_ptr() as *mut u8, y.as_ptr() as *mut u8);
        let d = DType::F32;
        let run = |f: &dyn Fn() -> rtorch::error::Result<()>| {
            time(
                || {
                    if let Err(e) = f() {
                        println!("{e}");
                    }
                },
                budget,
            ) * 1e6
        };
        // SAFETY: the vectors have the sizes of the shape.
        let fwd = run(&|| unsafe { forward(black_box(&s), d, px, pw, None, py) });
        // SAFETY: as above.
        let dx = run(&|| unsafe { grad_input(black_box(&s), d, py, pw, None, px) });
        // SAFETY: as above.
        let dw = run(&|| unsafe { grad_weight(black_box(&s), d, px, py, pw) });
        let flops = 2.0 * (s.n * s.groups * s.cout * s.cin * v(s.out_sizes) * v(s.kernel)) as f64;
        println!("{:<28}{:>12.2}{:>12.2}{:>12.2}{:>10.1}", name, fwd, dx, dw, flops / fwd / 1e3);
    }
}
