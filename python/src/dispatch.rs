//! Python functions and methods from the operator table: one array of trampolines, nothing written per operator. (The way
//! is measured: a const-generic trampoline behind METH_FASTCALL costs what a hand-written method costs.)

use crate::args::{BoundArgs, Given, Misfit, Overload, bind, no_overload, scalar_of, signature};
use crate::error::{IntoPy, raise};
use crate::held::Held;
use crate::object::{PyTensor, tensor_of, wrap};
use crate::overrides;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};
use rtorch::op::arg::{Arg, Ty};
use rtorch::op::call::{Mode, call_as};
use rtorch::op::{Grad, Kind, Op, Rets, flag, registry};
use rtorch::ops;
use smallvec::SmallVec;
use std::ffi::CString;
use std::sync::OnceLock;

/// One Python callable.
struct Entry {
    name: String,
    ops: Vec<Overload>,
    /// `self` is the first argument.
    method: bool,
    /// The result goes into the first argument.
    inplace: bool,
    /// It stands in `nn.functional`.
    functional: bool,
    /// "Tensor" for a method, else the namespace ("" is `torch`).
    place: String,
    /// The callable itself, for those who see calls.
    object: Option<Py<PyAny>>,
}

static ENTRIES: OnceLock<Vec<Entry>> = OnceLock::new();

type Fast = unsafe extern "C" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    ffi::Py_ssize_t,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

unsafe extern "C" fn trampoline<const I: usize>(
    slf: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    nargs: ffi::Py_ssize_t,
    kwnames: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls with the GIL held and with `nargs` positional arguments followed by one value per name.
    unsafe { dispatch(I, slf, args, nargs, kwnames) }
}

/// `[[trampoline::<0>, ...], ...]`: stable Rust wants the numbers as literals.
macro_rules! bank {
    ($($d:literal)*) => { bank!(@rows [$($d)*] $($d)*) };
    (@rows $all:tt $($a:literal)*) => { [$(bank!(@row $a $all)),*] };
    (@row $a:literal [$($b:literal)*]) => { [$(trampoline::<{ $a * 64 + $b }> as Fast),*] };
}

static TRAMPOLINES: [[Fast; 64]; 64] = bank!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63);

fn fast(i: usize) -> Option<Fast> {
    TRAMPOLINES.get(i / 64).and_then(|r| r.get(i % 64)).copied()
}

/// Borrowed references as PyO3 sees them.
///
/// # Safety
/// `n` pointers to objects that live for `'a`, with the GIL held.
unsafe fn slice<'a, 'py>(p: *const *mut ffi::PyObject, n: usize) -> &'a [Bound<'py, PyAny>] {
    const { assert!(size_of::<Bound<'_, PyAny>>() == size_of::<*mut ffi::PyObject>()) };
    if n == 0 {
        return &[];
    }
    // SAFETY: the caller's promise; `Bound` is `repr(transparent)` over the pointer, and a shared slice drops nothing.
    unsafe { std::slice::from_raw_parts(p.cast(), n) }
}

/// What every trampoline does: find the overload, call, wrap.
///
/// # Safety
/// CPython's vectorcall convention, with the GIL held.
unsafe fn dispatch(
    i: usize,
    slf: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    nargs: ffi::Py_ssize_t,
    kwnames: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: called by CPython with the GIL held.
    let py = unsafe { Python::assume_attached() };
    let Some(entry) = ENTRIES.get().and_then(|e| e.get(i)) else {
        PyRuntimeError::new_err("rtorch is not initialised").restore(py);
        return std::ptr::null_mut();
    };
    let run = std::panic::AssertUnwindSafe(|| -> PyResult<Py<PyAny>> {
        let mut names: SmallVec<[Bound<'_, PyString>; 4]> = SmallVec::new();
        // SAFETY: see above; the objects outlive the call. `Bound` is a transparent wrapper of the pointer to an object, so
        // the caller's array of borrowed references reads as an array of `Bound`s that are not dropped.
        let (list, values) = unsafe {
            let list = slice(args, nargs as usize);
            let mut values: &[Bound<'_, PyAny>] = &[];
            if !kwnames.is_null() {
                let n = ffi::PyTuple_Size(kwnames);
                for k in 0..n {
                    let name = Bound::from_borrowed_ptr(py, ffi::PyTuple_GetItem(kwnames, k));
                    names.push(name.cast_into::<PyString>().map_err(PyErr::from)?);
                }
                values = slice(args.offset(nargs), n as usize);
            }
            (list, values)
        };
        // SAFETY: as above.
        let slf = entry.method.then(|| unsafe { &slice(&slf, 1)[0] });
        if overrides::active()
            && let Some(f) = &entry.object
            && let Some(r) = overridden(f.bind(py), slf, list, &names, values)?
        {
            return Ok(r);
        }
        let (functional, explain) = (entry.functional, entry.ops.len() == 1);
        let given = Given { slf, args: list, names: &names, values, functional, explain };
        match call_entry(py, entry, given) {
            // An argument that is no tensor, but knows what to do with the call.
            Err(e) if e.is_instance_of::<PyTypeError>(py) => match &entry.object {
                Some(f) => overridden(f.bind(py), slf, list, &names, values)?.ok_or(e),
                None => Err(e),
            },
            r => r,
        }
    });
    match std::panic::catch_unwind(run) {
        Ok(Ok(o)) => o.into_ptr(),
        Ok(Err(e)) => {
            e.restore(py);
            std::ptr::null_mut()
        }
        Err(_) => {
            PyRuntimeError::new_err(format!("internal error in {}(): please report it", entry.name)).restore(py);
            std::ptr::null_mut()
        }
    }
}

/// What those who see calls make of this one.
#[cold]
fn overridden(
    f: &Bound<'_, PyAny>,
    slf: Option<&Bound<'_, PyAny>>,
    args: &[Bound<'_, PyAny>],
    names: &[Bound<'_, PyString>],
    values: &[Bound<'_, PyAny>],
) -> PyResult<Option<Py<PyAny>>> {
    let all: SmallVec<[&Bound<'_, PyAny>; 8]> = slf.into_iter().chain(args).collect();
    let kwargs = PyDict::new(f.py());
    for (n, v) in names.iter().zip(values) {
        kwargs.set_item(n, v)?;
    }
    overrides::ask(f, &PyTuple::new(f.py(), all)?, Some(&kwargs))
}

/// The same for a slot of the class: the method of that name stands for it, or the function where no tensor comes first.
#[cold]
fn overridden_slot(name: &str, method: bool, args: &[&Bound<'_, PyAny>]) -> PyResult<Option<Py<PyAny>>> {
    let py = args[0].py();
    let class = py.get_type::<PyTensor>().into_any();
    let f = match class.getattr_opt(name)?.filter(|_| method) {
        Some(f) => f,
        None => py.import("rtorch")?.getattr(name)?,
    };
    overrides::ask(&f, &PyTuple::new(py, args)?, None)
}

/// The same for methods that are written by hand.
#[inline]
pub fn overridden_method(name: &str, args: &[&Bound<'_, PyAny>]) -> PyResult<Option<Py<PyAny>>> {
    if overrides::active() { overridden_slot(name, true, args) } else { Ok(None) }
}

fn call_entry(py: Python<'_>, entry: &Entry, given: Given) -> PyResult<Py<PyAny>> {
    for overload in &entry.ops {
        let op = overload.op;
        let held = Held::new();
        let mut b = BoundArgs::default();
        match bind(overload, given, &held, &mut b) {
            Ok(()) => {
                let args = &b.values;
                let inplace = entry.inplace || b.extras.inplace || overload.wants_inplace(args);
                let how = if inplace {
                    match args.first() {
                        Some(Arg::Tensor(t)) => Mode::InPlace(t),
                        _ => {
                            return Err(PyTypeError::new_err(format!(
                                "{}(): the first argument must be a Tensor",
                                entry.name
                            )));
                        }
                    }
                } else if let Some(out) = &b.extras.out {
                    Mode::Out(out)
                } else {
                    Mode::New
                };
                let rets = call_as(op, args, how).py()?;
                if b.extras.requires_grad {
                    for t in &rets {
                        t.set_requires_grad(true).py()?;
                    }
                }
                return give(py, overload, rets);
            }
            Err(Misfit::Raised(e)) => return Err(e),
            Err(Misfit::Text(t)) if given.explain => return Err(PyTypeError::new_err(t)),
            Err(Misfit::Text(_)) => {}
        }
    }
    Err(no_overload(&entry.name, &entry.ops, given))
}

/// The Python result: a tensor, a tuple, a named tuple.
fn give(py: Python<'_>, overload: &Overload, mut rets: Rets) -> PyResult<Py<PyAny>> {
    let op = overload.op;
    match op.rets {
        [""] => match rets.pop() {
            Some(t) => wrap(py, t),
            None => Ok(py.None()),
        },
        ["*"] => {
            let items = rets.into_iter().map(|t| wrap(py, t)).collect::<PyResult<Vec<_>>>()?;
            Ok(PyTuple::new(py, items)?.into_any().unbind())
        }
        [] => Ok(py.None()),
        names => {
            let items = rets.into_iter().map(|t| wrap(py, t)).collect::<PyResult<SmallVec<[_; 4]>>>()?;
            if names[0].starts_with('_') {
                return Ok(PyTuple::new(py, items)?.into_any().unbind());
            }
            let class = overload.class.get_or_try_init(py, || {
                let module = py.import("rtorch.return_types")?;
                Ok::<_, PyErr>(
                    module.call_method1("_class", (op.python_name(), names.to_vec()))?.cast_into::<PyType>()?.unbind(),
                )
            })?;
            // SAFETY: `_class` makes subclasses of tuple without slots or dict.
            Ok(unsafe { crate::types::tuple_of(py, class.bind(py), items.len(), items.into_iter().map(Py::into_ptr)) }?
                .unbind())
        }
    }
}

/// A Python operator on two operands: `reversed` puts the tensor second. NotImplemented for what is neither tensor nor
/// number, so that Python asks the other operand.
pub fn binary(slf: &Bound<'_, PyAny>, o: &Bound<'_, PyAny>, op: &'static Op, reversed: bool) -> PyResult<Py<PyAny>> {
    let py = slf.py();
    if overrides::active() {
        let args = if reversed { [o, slf] } else { [slf, o] };
        if let Some(r) = overridden_slot(op.python_name(), !reversed, &args)? {
            return Ok(r);
        }
    }
    let Some(a) = tensor_of(slf) else { return Ok(py.NotImplemented()) };
    let b = match tensor_of(o) {
        Some(t) => Arg::Tensor(t),
        None => match scalar_of(o, true)? {
            Some(s) if reversed || matches!(op.params[1].ty, Ty::Num | Ty::Number) => Arg::Scalar(s),
            _ => return Ok(py.NotImplemented()),
        },
    };
    let (x, y) = if reversed { (b, Arg::Tensor(a)) } else { (Arg::Tensor(a), b) };
    let args = [x, y, Arg::None];
    let mut out = call_as(op, &args[..op.params.len().min(3)], Mode::New).map_err(raise)?;
    match out.pop() {
        Some(t) => wrap(py, t),
        None => Ok(py.None()),
    }
}

/// `number / tensor`: PyTorch computes the reciprocal times the number.
pub fn reversed_div(slf: &Bound<'_, PyAny>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let py = slf.py();
    if let Some(r) = overridden_method("__rtruediv__", &[slf, o])? {
        return Ok(r);
    }
    let (Some(t), Some(s)) = (tensor_of(slf), scalar_of(o, true)?) else { return Ok(py.NotImplemented()) };
    let r = ops::reciprocal(t).py()?;
    wrap(py, ops::mul((&r).into(), rtorch::op::arg::Num::Scalar(s)).py()?)
}

/// A Python operator on one operand.
pub fn unary(slf: &Bound<'_, PyAny>, op: &'static Op) -> PyResult<Py<PyAny>> {
    if let Some(r) = overridden_method(op.python_name(), &[slf])? {
        return Ok(r);
    }
    let Some(t) = tensor_of(slf) else { return Ok(slf.py().NotImplemented()) };
    wrap(slf.py(), rtorch::op::call::only(call_as(op, &[Arg::Tensor(t)], Mode::New).py()?).py()?)
}

/// `a += b`.
pub fn inplace(slf: &Bound<'_, PyAny>, o: &Bound<'_, PyAny>, op: &'static Op) -> PyResult<()> {
    // (What they give is not looked at: the statement assigns the tensor itself.)
    if overrides::active() && overridden_slot(&format!("{}_", op.python_name()), true, &[slf, o])?.is_some() {
        return Ok(());
    }
    let Some(a) = tensor_of(slf) else { return Err(PyTypeError::new_err("not a tensor")) };
    let b = match tensor_of(o) {
        Some(t) => Arg::Tensor(t),
        None => match scalar_of(o, true)? {
            Some(s) => Arg::Scalar(s),
            None => {
                return Err(PyTypeError::new_err(format!(
                    "unsupported operand type(s) for {}_(): 'Tensor' and '{}'",
                    op.python_name(),
                    o.get_type().name()?
                )));
            }
        },
    };
    let args = [Arg::Tensor(a), b, Arg::None];
    call_as(op, &args[..op.params.len().min(3)], Mode::InPlace(a)).py()?;
    Ok(())
}

/// Does this build have what the operator needs?
fn built(op: &Op) -> bool {
    cfg!(feature = "linalg") || !op.has(flag::NEEDS_LINALG)
}

/// The name inside of a namespace: `linalg.cross` and `linalg_cross` are `cross` in `linalg`.
fn name_in(space: &str, py: &'static str) -> &'static str {
    match py.strip_prefix(space) {
        Some(r) if !space.is_empty() => r.strip_prefix(['.', '_']).unwrap_or(py),
        _ => py,
    }
}

/// Where the table's operators stand in Python, with their overloads.
fn entries() -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut index: std::collections::HashMap<(String, String), usize> = std::collections::HashMap::new();
    let mut add = |space: &str, name: String, op: &'static Op, method: bool, inplace: bool| {
        let key = (if method { "Tensor".to_string() } else { space.to_string() }, name);
        let at = *index.entry(key.clone()).or_insert_with(|| {
            entries.push(Entry {
                name: key.1.clone(),
                ops: Vec::new(),
                method,
                inplace,
                functional: space == "nn.functional",
                place: key.0,
                object: None,
            });
            entries.len() - 1
        });
        entries[at].ops.push(Overload::new(op));
    };
    for op in registry::all() {
        let mut names: Vec<(&str, &str)> = op.spaces.iter().map(|s| (*s, name_in(s, op.py))).collect();
        for a in op.aliases {
            // `special.expit` stands in a namespace; `max.other` and `absolute` stand where the operator stands.
            match a.split_once('.') {
                Some((s, n)) if matches!(s, "special" | "linalg" | "fft") => names.push((s, n)),
                _ => op.spaces.iter().for_each(|s| names.push((s, a))),
            }
        }
        for (space, py_name) in names {
            let base = py_name.split('.').next().unwrap_or(py_name);
            if op.has(flag::PRIVATE) && !base.starts_with('_') {
                continue;
            }
            let inplace = op.has(flag::INPLACE) && !base.ends_with('_') && !op.has(flag::PRIVATE);
            if !op.has(flag::NO_FUNCTION) {
                add(space, base.to_string(), op, false, false);
                if inplace && !space.starts_with("special") {
                    add(space, format!("{base}_"), op, false, true);
                }
            }
            let first = op.params.first().is_some_and(|p| matches!(p.ty, Ty::Tensor | Ty::Num));
            if first && space.is_empty() && !op.has(flag::NO_METHOD) {
                add(space, base.to_string(), op, true, false);
                if inplace {
                    add(space, format!("{base}_"), op, true, true);
                }
            }
        }
    }
    entries
}

/// Adds functions to the namespaces and methods to the class.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = m.py();
    ops::init();
    let mut entries = entries();
    let spaces = PyDict::new(py);
    let class = py.get_type::<PyTensor>();
    let existing = class.getattr("__dict__")?;
    for (i, entry) in entries.iter_mut().enumerate() {
        let Some(f) = fast(i) else {
            return Err(PyRuntimeError::new_err("more callables than trampolines: add some in dispatch.rs"));
        };
        let def = definition(&entry.name, entry, f)?;
        let (place, name) = (&entry.place, &entry.name);
        // SAFETY: the definition is leaked, so it outlives the module; the flags are those of its function's type.
        let o = unsafe {
            if place == "Tensor" {
                Bound::from_owned_ptr_or_err(py, ffi::PyDescr_NewMethod(class.as_type_ptr(), def))?
            } else {
                Bound::from_owned_ptr_or_err(
                    py,
                    ffi::PyCFunction_NewEx(def, std::ptr::null_mut(), std::ptr::null_mut()),
                )?
            }
        };
        entry.object = Some(o.clone().unbind());
        if !entry.ops.iter().any(|o| built(o.op)) {
            continue;
        }
        if place == "Tensor" {
            if !existing.contains(name)? {
                class.setattr(name.as_str(), o)?;
            }
            continue;
        }
        let space = match spaces.get_item(place)? {
            Some(s) => s.cast_into::<PyDict>().map_err(PyErr::from)?,
            None => {
                let d = PyDict::new(py);
                spaces.set_item(place, &d)?;
                d
            }
        };
        space.set_item(name, o)?;
    }
    m.add("_spaces", spaces)?;
    _ = ENTRIES.set(entries);
    Ok(())
}

/// A leaked `PyMethodDef`.
fn definition(name: &str, entry: &Entry, f: Fast) -> PyResult<*mut ffi::PyMethodDef> {
    let op = entry.ops[0].op;
    let doc = CString::new(format!("{}({})\n\n{}", name, signature(op), op.doc.trim())).map_err(PyErr::from)?;
    let name = CString::new(name).map_err(PyErr::from)?;
    let def = ffi::PyMethodDef {
        ml_name: name.into_raw(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: f },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: doc.into_raw(),
    };
    Ok(Box::into_raw(Box::new(def)))
}

/// The operators as dictionaries, for stubs, docs and tests: those of this build, or (`everything`) those that a build
/// without the feature `linalg` lacks too.
#[pyfunction]
#[pyo3(signature = (everything = false))]
pub fn _operators(py: Python<'_>, everything: bool) -> PyResult<Vec<Py<PyAny>>> {
    let mut out = Vec::new();
    for op in registry::all().filter(|op| everything || built(op)) {
        let d = PyDict::new(py);
        d.set_item("name", op.name)?;
        d.set_item("py", op.py)?;
        d.set_item("doc", op.doc.trim())?;
        d.set_item("signature", signature(op))?;
        d.set_item("flags", FLAGS.iter().filter(|(f, _)| op.has(*f)).map(|(_, n)| *n).collect::<Vec<_>>())?;
        d.set_item("rets", op.rets.to_vec())?;
        d.set_item("spaces", op.spaces.to_vec())?;
        d.set_item("aliases", op.aliases.to_vec())?;
        let params: Vec<(&str, String, Option<String>, bool)> = op
            .params
            .iter()
            .map(|p| (p.name, format!("{:?}", p.ty), p.default.map(crate::args::python_default), p.keyword))
            .collect();
        d.set_item("params", params)?;
        let (kind, cuda) = match op.kind {
            Kind::Formula(_) => ("formula", "printed from the formula"),
            Kind::Reduction(..) => ("reduction", "printed from the formula"),
            Kind::View(..) | Kind::Views(..) => ("view", "layouts only"),
            Kind::Kernel(k) => ("kernel", k.cuda),
            Kind::Composite(_) => ("composite", "by its parts"),
            Kind::Made(_) => ("made", "no kernel"),
        };
        d.set_item("kind", kind)?;
        d.set_item("cuda", cuda)?;
        let reduce = if let Kind::Reduction(_, how, _) = op.kind { format!("{how:?}") } else { String::new() };
        d.set_item("reduce", reduce)?;
        let names = |list: &[u8]| list.iter().filter_map(|&i| op.params.get(i as usize)).map(|p| p.name).collect();
        let (grad, keeps): (&str, Vec<&str>) = match op.grad {
            Grad::Derived => ("derived", Vec::new()),
            Grad::Formulas(_) => ("formulas", Vec::new()),
            Grad::Ops(args, ..) => ("operations", names(args)),
            Grad::Zero => ("zero", Vec::new()),
            Grad::None => ("none", Vec::new()),
        };
        d.set_item("grad", grad)?;
        d.set_item("keeps", keeps)?;
        d.set_item("rule", format!("{:?}", op.rule))?;
        d.set_item("only", op.only.iter().map(|t| t.name()).collect::<Vec<_>>())?;
        d.set_item("batch", format!("{:?}", op.batch))?;
        // Where the arguments decide the name there is none to tell.
        d.set_item("node", op.node_by.is_none().then(|| rtorch::op::record::node_name(op)))?;
        out.push(d.into_any().unbind());
    }
    Ok(out)
}

const FLAGS: [(u32, &str); 12] = [
    (flag::NO_FUNCTION, "no_function"),
    (flag::NO_METHOD, "no_method"),
    (flag::INPLACE, "inplace"),
    (flag::OUT, "out"),
    (flag::FACTORY, "factory"),
    (flag::MUTATES, "mutates"),
    (flag::RANDOM, "random"),
    (flag::PRIVATE, "private"),
    (flag::ZERO_DIV, "zero_div"),
    (flag::MAY_ALIAS, "may_alias"),
    (flag::UPDATES, "updates"),
    (flag::SPREAD, "spread"),
];

/// Calls one operator by its Rust name: for tests of those that no function or method reaches.
#[pyfunction]
#[pyo3(signature = (name, *args, **kwargs))]
pub fn _call(
    py: Python<'_>,
    name: &str,
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<PyAny>> {
    ops::init();
    let op = registry::get(name).py()?;
    let list: Vec<Bound<'_, PyAny>> = args.iter().collect();
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for (k, v) in kwargs.into_iter().flat_map(|d| d.iter()) {
        names.push(k.cast_into::<PyString>().map_err(PyErr::from)?);
        values.push(v);
    }
    let entry = Entry {
        name: op.python_name().to_string(),
        ops: vec![Overload::new(op)],
        method: false,
        inplace: false,
        functional: false,
        place: String::new(),
        object: None,
    };
    let given = Given { slf: None, args: &list, names: &names, values: &values, functional: false, explain: true };
    call_entry(py, &entry, given)
}

/// The CUDA text of a formula or reduction, by its Rust name: (kernel, text) for each dtype and its gradient.
#[pyfunction]
pub fn _cuda_text(name: &str) -> PyResult<Vec<(String, String)>> {
    ops::init();
    let texts = rtorch::op::cuda::texts(registry::get(name).py()?).py()?;
    Ok(texts.into_iter().map(|t| (t.name, t.text)).collect())
}

/// What is bound from the table, in order: (place, name, Rust names of the overloads, is it the in-place form); the place
/// is "Tensor" for methods, else the namespace. `everything`: as for `_operators`.
#[pyfunction]
#[pyo3(signature = (everything = false))]
pub fn _callables(everything: bool) -> Vec<(String, String, Vec<&'static str>, bool)> {
    let all = ENTRIES.get().map(Vec::as_slice).unwrap_or_default();
    all.iter()
        .filter(|e| everything || e.ops.iter().any(|o| built(o.op)))
        .map(|e| (e.place.clone(), e.name.clone(), e.ops.iter().map(|o| o.op.name).collect(), e.inplace))
        .collect()
}
