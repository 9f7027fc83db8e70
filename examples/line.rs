//! The core without Python: a line through noisy points, found by gradient descent. `cargo run --example line`

use rtorch::tensor::mode::NoGrad;
use rtorch::{DType, Device, Result, Tensor, autograd, ops};

fn main() -> Result<()> {
    // y = 2 x - 1 with noise, 200 points
    let x = ops::randn(&[200, 1], None, None, None)?;
    let noise = ops::mul((&ops::randn(&[200, 1], None, None, None)?).into(), 0.1.into())?;
    let y = ops::sub((&ops::mul((&x).into(), 2.into())?).into(), 1.into(), None)?;
    let y = ops::add((&y).into(), (&noise).into(), None)?;

    let weight = Tensor::zeros(&[1, 1], DType::F32, Device::Cpu)?;
    let bias = Tensor::zeros(&[1], DType::F32, Device::Cpu)?;
    let parameters = [&weight, &bias];
    for p in parameters {
        p.set_requires_grad(true)?;
    }
    for step in 0..100 {
        let loss = ops::mse_loss(&ops::linear(&x, &weight, Some(&bias))?, &y, None, None, "mean", None)?;
        if step % 20 == 0 {
            println!("step {step:3}  loss {:.4}", loss.item()?.f64());
        }
        autograd::backward(&[loss], &[], &[], Default::default())?;
        let _off = NoGrad::new();
        for p in parameters {
            if let Some(g) = p.grad() {
                ops::copy_(p, &ops::sub(p.into(), (&g).into(), Some(0.1.into()))?, false)?;
            }
            p.set_grad(None);
        }
    }
    let (w, b) = (weight.item()?.f64(), bias.item()?.f64());
    println!("y = {w:.3} x + {b:.3}");
    if (w - 2.0).abs() > 0.05 || (b + 1.0).abs() > 0.05 {
        return Err(rtorch::err!(Runtime, "the line should be y = 2 x - 1"));
    }
    Ok(())
}
