//! Times of calls: an interceptor that notes what ran, when, and with which shapes. `torch.profiler` reads them.

use super::Rets;
use super::arg::Arg;
use super::intercept::{self, Call, Guard, Interceptor};
use crate::error::Result;
use crate::shape::Dims;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

/// Something that took time.
#[derive(Clone, Debug)]
pub struct Event {
    /// The operator's Python name, or what the user called it.
    pub name: Cow<'static, str>,
    /// Is it an operator? Else it is a block that the user named.
    pub is_op: bool,
    /// Nanoseconds since the profile began.
    pub start: u64,
    /// As `start`; 0 while it runs.
    pub end: u64,
    /// How many others it ran in.
    pub depth: u32,
    /// The shapes of its tensor arguments, where they are wanted.
    pub shapes: Vec<Dims>,
}

struct Profile {
    began: Instant,
    shapes: bool,
    depth: Cell<u32>,
    /// In the order in which they began.
    events: RefCell<Vec<Event>>,
}

impl Profile {
    fn now(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    fn begin(&self, name: Cow<'static, str>, is_op: bool, shapes: Vec<Dims>) -> usize {
        let depth = self.depth.get();
        self.depth.set(depth + 1);
        let mut events = self.events.borrow_mut();
        events.push(Event { name, is_op, start: self.now(), end: 0, depth, shapes });
        events.len() - 1
    }

    fn end(&self, at: usize) {
        let now = self.now();
        if let Some(e) = self.events.borrow_mut().get_mut(at) {
            e.end = now;
        }
        self.depth.set(self.depth.get().saturating_sub(1));
    }
}

impl Interceptor for Profile {
    fn call(&self, call: Call, next: &mut dyn FnMut(Call) -> Result<Rets>) -> Result<Rets> {
        let mut shapes = Vec::new();
        if self.shapes {
            shapes.extend(call.args.iter().filter_map(|a| if let Arg::Tensor(t) = a { Some(t.sizes()) } else { None }));
        }
        let at = self.begin(Cow::Borrowed(call.op.python_name()), true, shapes);
        let out = next(call);
        self.end(at);
        out
    }
}

thread_local! {
    static RUNNING: RefCell<Option<(Rc<Profile>, Guard)>> = const { RefCell::new(None) };
}

/// Begins a profile of this thread; false if one runs already.
pub fn start(shapes: bool) -> bool {
    RUNNING.with_borrow_mut(|r| {
        if r.is_some() {
            return false;
        }
        let (depth, events) = (Cell::new(0), RefCell::default());
        let profile = Rc::new(Profile { began: Instant::now(), shapes, depth, events });
        *r = Some((profile.clone(), intercept::push(profile)));
        true
    })
}

/// Ends the profile; what it saw.
pub fn stop() -> Vec<Event> {
    let Some((profile, guard)) = RUNNING.with_borrow_mut(Option::take) else { return Vec::new() };
    drop(guard);
    let now = profile.now();
    let mut events = profile.events.take();
    for e in events.iter_mut().filter(|e| e.end == 0) {
        e.end = now;
    }
    events
}

/// Notes the begin of a block; what [`leave`] wants to know, or None where no profile runs.
pub fn enter(name: String) -> Option<usize> {
    RUNNING.with_borrow(|r| r.as_ref().map(|(p, _)| p.begin(Cow::Owned(name), false, Vec::new())))
}

/// Notes the end of a block.
pub fn leave(at: usize) {
    RUNNING.with_borrow(|r| {
        if let Some((p, _)) = r {
            p.end(at);
        }
    });
}
