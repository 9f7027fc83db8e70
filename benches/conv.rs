//! Convolutions, forward and both gradients, as fractions of the cores' peak; pooling, as fractions of the memory's. Threads:
//! `RTORCH_NUM_THREADS`.

mod machine;

use criterion::Criterion;
use machine::{Bound, row};
use rtorch::dtype::DType;
use rtorch::kernels::cpu::conv::{ConvShape, forward, grad_input, grad_weight};
use rtorch::kernels::cpu::pooling::{
    Divisor, PoolShape, adaptive_avg_backward, adaptive_avg_forward, avg_backward, avg_forward, max_backward,
    max_forward,
};
use std::hint::black_box;

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

fn convolutions(c: &mut Criterion) {
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
    for (name, s) in rows {
        let v = |a: [usize; 3]| a.iter().product::<usize>();
        let mut x = vec![0.5f32; s.n * s.groups * s.cin * v(s.in_sizes)];
        let mut w = vec![0.25f32; s.groups * s.cout * s.cin * v(s.kernel)];
        let mut y = vec![0f32; s.n * s.groups * s.cout * v(s.out_sizes)];
        let (px, pw, py) = (x.as_mut_ptr().cast::<u8>(), w.as_mut_ptr().cast::<u8>(), y.as_mut_ptr().cast::<u8>());
        let d = DType::F32;
        let work = Bound::Flops(2.0 * (s.n * s.groups * s.cout * s.cin * v(s.out_sizes) * v(s.kernel)) as f64, 1.0);
        // SAFETY: the vectors have the sizes of the shape.
        let output = || unsafe { forward(black_box(&s), d, px, pw, None, py) }.expect("memory");
        row(c, &format!("{name}/forward"), work, output);
        // SAFETY: as above.
        let by_input = || unsafe { grad_input(black_box(&s), d, py, pw, None, px) }.expect("memory");
        row(c, &format!("{name}/by_input"), work, by_input);
        // SAFETY: as above.
        let by_weight = || unsafe { grad_weight(black_box(&s), d, px, py, pw) }.expect("memory");
        row(c, &format!("{name}/by_weight"), work, by_weight);
    }
}

fn pools(c: &mut Criterion) {
    let by = Divisor { count_include_pad: true, fixed: None };
    let d = DType::F32;
    for (name, planes, size, out, k, stride, pad) in [
        ("max_pool2_lenet", 384, 28, 14, 2, 2, 0),
        ("max_pool_3_s2", 512, 56, 28, 3, 2, 1),
        ("avg_pool2", 512, 56, 28, 2, 2, 0),
    ] {
        let s = PoolShape {
            planes,
            in_sizes: [1, size, size],
            out_sizes: [1, out, out],
            kernel: [1, k, k],
            stride: [1, stride, stride],
            padding: [0, pad, pad],
            dilation: [1; 3],
        };
        let (mut x, mut y) = (vec![0.5f32; planes * size * size], vec![0f32; planes * out * out]);
        let mut at = vec![0i64; y.len()];
        let (px, py, pi) = (x.as_mut_ptr().cast::<u8>(), y.as_mut_ptr().cast::<u8>(), at.as_mut_ptr());
        let max = name.starts_with("max");
        let bytes = Bound::Bytes((4 * (x.len() + y.len()) + if max { 8 * at.len() } else { 0 }) as f64);
        row(c, &format!("{name}/forward"), bytes, || {
            // SAFETY: the vectors have the sizes of the shape.
            unsafe { if max { max_forward(&s, d, px, py, Some(pi)) } else { avg_forward(&s, d, by, px, py) } }
                .expect("memory");
        });
        row(c, &format!("{name}/backward"), bytes, || {
            // SAFETY: as above.
            let done = unsafe {
                if max {
                    max_backward(planes, size * size, out * out, d, py, pi, px)
                } else {
                    avg_backward(&s, d, by, py, px)
                }
            };
            done.expect("memory");
        });
    }
    for out in [1, 7] {
        let (planes, size, outs) = (512, [1, 56, 56], [1, out, out]);
        let (mut x, mut y) = (vec![0.5f32; planes * 56 * 56], vec![0f32; planes * out * out]);
        let (px, py) = (x.as_mut_ptr().cast::<u8>(), y.as_mut_ptr().cast::<u8>());
        let bytes = Bound::Bytes((4 * (x.len() + y.len())) as f64);
        // SAFETY: the vectors have the sizes.
        let forward = || unsafe { adaptive_avg_forward(planes, size, outs, d, px, py) }.expect("memory");
        row(c, &format!("adaptive_avg_{out}/forward"), bytes, forward);
        // SAFETY: as above.
        let backward = || unsafe { adaptive_avg_backward(planes, size, outs, d, py, px) }.expect("memory");
        row(c, &format!("adaptive_avg_{out}/backward"), bytes, backward);
    }
}

fn main() {
    let mut c = machine::criterion();
    convolutions(&mut c);
    pools(&mut c);
    c.final_summary();
}
