//! Per-thread switches: is the graph recorded (`no_grad`, `enable_grad`), is this inference mode, is anybody
//! intercepting calls?

use std::cell::Cell;

thread_local! {
    static GRAD: Cell<bool> = const { Cell::new(true) };
    static INFERENCE: Cell<bool> = const { Cell::new(false) };
    static ANOMALY: Cell<u8> = const { Cell::new(0) };
    static PACKING: Cell<bool> = const { Cell::new(false) };
}

/// Are operators recorded?
#[inline]
pub fn grad() -> bool {
    GRAD.get()
}

/// Switches recording; returns what it was.
pub fn set_grad(on: bool) -> bool {
    GRAD.replace(on)
}

/// Is this inference mode?
#[inline]
pub fn inference() -> bool {
    INFERENCE.get()
}

/// Switches inference mode; returns what it was.
pub fn set_inference(on: bool) -> bool {
    INFERENCE.replace(on)
}

/// Anomaly mode: 0 off, 1 on without the check for NaN, 2 on with it.
#[inline]
pub fn anomaly() -> u8 {
    ANOMALY.get()
}

/// Sets anomaly mode.
pub fn set_anomaly(v: u8) {
    ANOMALY.set(v)
}

/// Are saved tensors given to the host's hooks?
#[inline]
pub fn packing() -> bool {
    PACKING.get()
}

/// Switches hooks on saved tensors; returns what it was.
pub fn set_packing(on: bool) -> bool {
    PACKING.replace(on)
}

/// Recording off until the guard is dropped.
#[derive(Debug)]
pub struct NoGrad(bool);

impl NoGrad {
    /// Switches recording off.
    #[allow(clippy::new_without_default)]
    pub fn new() -> NoGrad {
        NoGrad(set_grad(false))
    }

    /// Switches recording to `on`.
    pub fn with(on: bool) -> NoGrad {
        NoGrad(set_grad(on))
    }
}

impl Drop for NoGrad {
    fn drop(&mut self) {
        set_grad(self.0);
    }
}
