//! Which instruction set kernels use: the best of the machine, or what `RTORCH_ISA` (`avx512`, `avx2`, `portable`) forces.

use std::sync::atomic::{AtomicU8, Ordering};

/// Instruction sets with kernels of their own, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Isa {
    /// What every machine has.
    Portable = 1,
    /// AVX2 with FMA and F16C.
    Avx2 = 2,
    /// AVX-512 F, VL, DQ, BW, CD (with FMA and F16C).
    Avx512 = 3,
}

static CHOSEN: AtomicU8 = AtomicU8::new(0);

/// The instruction set in use; found at the first call and fixed from then on.
#[inline]
pub fn isa() -> Isa {
    match CHOSEN.load(Ordering::Relaxed) {
        1 => Isa::Portable,
        2 => Isa::Avx2,
        3 => Isa::Avx512,
        _ => detect(),
    }
}

#[cold]
fn detect() -> Isa {
    let best = best();
    let isa = match std::env::var("RTORCH_ISA").as_deref() {
        Ok("portable") => Isa::Portable,
        Ok("avx2") => best.min(Isa::Avx2),
        _ => best,
    };
    CHOSEN.store(isa as u8, Ordering::Relaxed);
    isa
}

/// The best that this machine has.
pub fn best() -> Isa {
    #[cfg(target_arch = "x86_64")]
    {
        let avx2 =
            is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c");
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512cd");
        if avx2 && avx512 {
            return Isa::Avx512;
        }
        if avx2 {
            return Isa::Avx2;
        }
    }
    Isa::Portable
}

/// Does the machine multiply bf16 pairs (`vdpbf16ps`), and is AVX-512 in use?
pub fn has_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        isa() == Isa::Avx512 && is_x86_feature_detected!("avx512bf16")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}
