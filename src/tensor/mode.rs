//! Per-thread switches: is the graph recorded (`no_grad`, `enable_grad`), is this inference mode, is anybody
//! intercepting calls?

use std::cell::Cell;

/// All switches of a thread: together, because finding a thread's variable costs more than reading it.
struct Switches {
    grad: Cell<bool>,
    inference: Cell<bool>,
    intercepted: Cell<bool>,
    packing: Cell<bool>,
    anomaly: Cell<u8>,
}

thread_local! {
    static SWITCHES: Switches = const {
        Switches {
            grad: Cell::new(true),
            inference: Cell::new(false),
            intercepted: Cell::new(false),
            packing: Cell::new(false),
            anomaly: Cell::new(0),
        }
    };
}

/// Are operators recorded?
#[inline]
pub fn grad() -> bool {
    SWITCHES.with(|s| s.grad.get())
}

/// Switches recording; returns what it was.
#[inline]
pub fn set_grad(on: bool) -> bool {
    SWITCHES.with(|s| s.grad.replace(on))
}

/// Is this inference mode?
#[inline]
pub fn inference() -> bool {
    SWITCHES.with(|s| s.inference.get())
}

/// Switches inference mode; returns what it was.
pub fn set_inference(on: bool) -> bool {
    SWITCHES.with(|s| s.inference.replace(on))
}

/// Does anybody see calls before they run? (`op/intercept.rs` knows who.)
#[inline]
pub fn intercepted() -> bool {
    SWITCHES.with(|s| s.intercepted.get())
}

/// Says whether somebody does; returns what it was.
pub fn set_intercepted(on: bool) -> bool {
    SWITCHES.with(|s| s.intercepted.replace(on))
}

/// Anomaly mode: 0 off, 1 on without the check for NaN, 2 on with it.
#[inline]
pub fn anomaly() -> u8 {
    SWITCHES.with(|s| s.anomaly.get())
}

/// Sets anomaly mode.
pub fn set_anomaly(v: u8) {
    SWITCHES.with(|s| s.anomaly.set(v))
}

/// Are saved tensors given to the host's hooks?
#[inline]
pub fn packing() -> bool {
    SWITCHES.with(|s| s.packing.get())
}

/// Switches hooks on saved tensors; returns what it was.
pub fn set_packing(on: bool) -> bool {
    SWITCHES.with(|s| s.packing.replace(on))
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
