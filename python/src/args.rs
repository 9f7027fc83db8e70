//! Python arguments against an operator's parameters: the schema says what each takes, and the messages come from it.

use crate::generator::PyGenerator;
use crate::tensor::{PyTensor, tensor_of};
use crate::types::{FORMATS, PyDType, PyFormat, device_of};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyComplex, PyFloat, PyInt, PyList, PyString, PyTuple};
use rtorch::op::Op;
use rtorch::op::arg::{Arg, Format, Param, SharedGenerator, Ty};
use rtorch::shape::Dims;
use rtorch::{DType, Scalar, Tensor};
use smallvec::SmallVec;

/// A parsed argument: what [`Arg`] borrows from. Tensors are borrowed from Python objects that live as long as the call.
pub enum Value {
    /// A constant of the schema or nothing to own.
    Plain(Arg<'static>),
    /// A tensor inside a Python object that the caller of the call holds.
    Tensor(*const Tensor),
    /// Tensors of a list.
    Tensors(Vec<Tensor>),
    /// Indices with holes.
    OptTensors(Vec<Option<Tensor>>),
    /// Integers.
    Ints(Dims),
    /// Floats.
    Floats(Vec<f64>),
    /// Text.
    Str(String),
    /// A generator.
    Generator(SharedGenerator),
}

impl Value {
    /// The argument for the core.
    pub fn arg(&self) -> Arg<'_> {
        match self {
            Value::Plain(a) => *a,
            // SAFETY: see the variant: the Python object outlives the call.
            Value::Tensor(t) => Arg::Tensor(unsafe { &**t }),
            Value::Tensors(v) => Arg::Tensors(v),
            Value::OptTensors(v) => Arg::OptTensors(v),
            Value::Ints(v) => Arg::Ints(v),
            Value::Floats(v) => Arg::Floats(v),
            Value::Str(s) => Arg::Str(s),
            Value::Generator(g) => Arg::Generator(g),
        }
    }
}

/// A Python number, if it is one. 0-d tensors and NumPy's scalars count where `loose`.
pub fn scalar_of(o: &Bound<'_, PyAny>, loose: bool) -> PyResult<Option<Scalar>> {
    if let Ok(f) = o.cast::<PyFloat>() {
        return Ok(Some(Scalar::Float(f.value())));
    }
    if let Ok(b) = o.cast::<PyBool>() {
        return Ok(Some(Scalar::Bool(b.is_true())));
    }
    if o.cast::<PyInt>().is_ok() {
        return match o.extract::<i64>() {
            Ok(i) => Ok(Some(Scalar::Int(i))),
            Err(_) => Err(PyValueError::new_err("Overflow when unpacking long long")),
        };
    }
    if let Ok(c) = o.cast::<PyComplex>() {
        return Ok(Some(Scalar::Complex(c.real(), c.imag())));
    }
    if !loose || o.cast::<PyString>().is_ok() {
        return Ok(None);
    }
    if let Some(t) = tensor_of(o) {
        if t.numel() == 1 && !t.requires_grad() {
            return Ok(t.item().ok());
        }
        return Ok(None);
    }
    numpy_scalar(o)
}

/// NumPy's scalars: `np.int64(3)`, `np.float32(2)`.
#[cold]
fn numpy_scalar(o: &Bound<'_, PyAny>) -> PyResult<Option<Scalar>> {
    let t = o.get_type();
    if !t.module().is_ok_and(|m| m.to_cow().is_ok_and(|m| m == "numpy")) {
        return Ok(None);
    }
    if o.hasattr("ndim")? && o.getattr("ndim")?.extract::<i64>()? != 0 {
        return Ok(None);
    }
    let v = o.call_method0("item")?;
    scalar_of(&v, false)
}

/// An integer, also from NumPy and from 0-d integer tensors; a bool counts as one only where Python's `int` would take it.
fn int_of(o: &Bound<'_, PyAny>) -> PyResult<Option<i64>> {
    if o.cast_exact::<PyInt>().is_ok() {
        return match o.extract::<i64>() {
            Ok(i) => Ok(Some(i)),
            Err(_) => Err(PyValueError::new_err("Overflow when unpacking long long")),
        };
    }
    if o.cast::<PyBool>().is_ok() || o.cast::<PyFloat>().is_ok() || o.cast::<PyString>().is_ok() {
        return Ok(None);
    }
    if let Some(t) = tensor_of(o) {
        if t.numel() == 1 && t.dtype().is_int() {
            return Ok(t.item().ok().map(Scalar::i64));
        }
        return Ok(None);
    }
    // SAFETY: `o` is a live object.
    if unsafe { ffi::PyIndex_Check(o.as_ptr()) } != 0 {
        return Ok(Some(o.extract::<i64>()?));
    }
    Ok(None)
}

/// The items of a tuple or list.
fn items<'py>(o: &Bound<'py, PyAny>) -> Option<Vec<Bound<'py, PyAny>>> {
    if let Ok(t) = o.cast::<PyTuple>() {
        return Some(t.iter().collect());
    }
    o.cast::<PyList>().ok().map(|l| l.iter().collect())
}

/// Integers of a tuple or list.
pub fn ints_of(o: &Bound<'_, PyAny>) -> PyResult<Option<Dims>> {
    let Some(items) = items(o) else { return Ok(None) };
    let mut out = Dims::new();
    for i in &items {
        match int_of(i)? {
            Some(v) => out.push(v),
            None => return Ok(None),
        }
    }
    Ok(Some(out))
}

fn tensors_of(o: &Bound<'_, PyAny>) -> Option<Vec<Tensor>> {
    let items = items(o)?;
    items.iter().map(|i| tensor_of(i).cloned()).collect()
}

/// The argument as this type, or None if it is of another.
pub fn parse(o: &Bound<'_, PyAny>, ty: Ty) -> PyResult<Option<Value>> {
    if o.is_none() {
        // PyTorch takes None for a shape nowhere.
        return Ok(ty.optional().then_some(Value::Plain(Arg::None)));
    }
    let plain = |a: Arg<'static>| Ok(Some(Value::Plain(a)));
    match ty {
        Ty::Tensor | Ty::OptTensor => Ok(tensor_of(o).map(|t| Value::Tensor(t))),
        Ty::Num | Ty::OptNum => {
            if let Some(t) = tensor_of(o) {
                return Ok(Some(Value::Tensor(t)));
            }
            Ok(scalar_of(o, true)?.map(|s| Value::Plain(Arg::Scalar(s))))
        }
        Ty::Scalar | Ty::OptScalar => Ok(scalar_of(o, true)?.map(|s| Value::Plain(Arg::Scalar(s)))),
        Ty::Number | Ty::OptNumber => {
            if tensor_of(o).is_some() {
                return Ok(None);
            }
            Ok(scalar_of(o, true)?.map(|s| Value::Plain(Arg::Scalar(s))))
        }
        Ty::Int | Ty::OptInt => Ok(int_of(o)?.map(|i| Value::Plain(Arg::Int(i)))),
        Ty::Float | Ty::OptFloat => Ok(match scalar_of(o, true)? {
            Some(Scalar::Complex(..)) | None => None,
            Some(s) => Some(Value::Plain(Arg::Float(s.f64()))),
        }),
        Ty::Bool | Ty::OptBool => {
            if let Ok(b) = o.cast::<PyBool>() {
                return plain(Arg::Bool(b.is_true()));
            }
            Ok(match numpy_scalar(o)? {
                Some(Scalar::Bool(b)) => Some(Value::Plain(Arg::Bool(b))),
                _ => None,
            })
        }
        Ty::Ints | Ty::OptInts | Ty::Size => {
            if let Some(i) = int_of(o)? {
                return Ok(Some(Value::Ints(Dims::from_elem(i, 1))));
            }
            Ok(ints_of(o)?.map(Value::Ints))
        }
        Ty::Floats | Ty::OptFloats => {
            let Some(items) = items(o) else {
                return Ok(scalar_of(o, true)?.map(|s| Value::Floats(vec![s.f64()])));
            };
            let mut out = Vec::new();
            for i in &items {
                match scalar_of(i, true)? {
                    Some(s) => out.push(s.f64()),
                    None => return Ok(None),
                }
            }
            Ok(Some(Value::Floats(out)))
        }
        Ty::Str | Ty::OptStr => Ok(match o.cast::<PyString>() {
            Ok(s) => Some(Value::Str(s.to_cow()?.into_owned())),
            Err(_) => None,
        }),
        Ty::DType | Ty::NeededDType => match o.cast::<PyDType>() {
            Ok(d) => plain(Arg::DType(d.get().0)),
            Err(_) => match python_type(o) {
                Some(d) => plain(Arg::DType(d)),
                None => Ok(None),
            },
        },
        Ty::Device => Ok(device_of(o)?.map(|d| Value::Plain(Arg::Device(d)))),
        Ty::Format => match o.cast::<PyFormat>() {
            Ok(f) => plain(Arg::Format(FORMATS[f.get().0 as usize & 3].0)),
            Err(_) => Ok(None),
        },
        Ty::Generator => Ok(o.cast::<PyGenerator>().ok().map(|g| Value::Generator(g.get().0.clone()))),
        Ty::Tensors => Ok(tensors_of(o).map(Value::Tensors)),
        Ty::OptTensors => {
            let Some(items) = items(o) else { return Ok(None) };
            let mut out = Vec::new();
            for i in &items {
                if i.is_none() {
                    out.push(None);
                } else if let Some(t) = tensor_of(i) {
                    out.push(Some(t.clone()));
                } else {
                    return Ok(None);
                }
            }
            Ok(Some(Value::OptTensors(out)))
        }
    }
}

/// `float`, `int`, `bool`, `complex` as dtypes.
fn python_type(o: &Bound<'_, PyAny>) -> Option<DType> {
    let py = o.py();
    if o.is(py.get_type::<PyFloat>()) {
        Some(DType::F64)
    } else if o.is(py.get_type::<PyBool>()) {
        Some(DType::Bool)
    } else if o.is(py.get_type::<PyInt>()) {
        Some(DType::I64)
    } else if o.is(py.get_type::<PyComplex>()) {
        Some(DType::C128)
    } else {
        None
    }
}

/// What factories take besides their schema, and what every operator with these forms takes.
#[derive(Default)]
pub struct Extras {
    /// `out=`.
    pub out: Option<Vec<Tensor>>,
    /// `requires_grad=True`.
    pub requires_grad: bool,
    /// `inplace=True` of `nn.functional`.
    pub inplace: bool,
}

/// Arguments bound to an operator's parameters.
pub struct BoundArgs {
    /// One for each parameter.
    pub values: SmallVec<[Value; 8]>,
    /// The rest.
    pub extras: Extras,
}

/// Why arguments do not fit an overload.
pub enum Misfit {
    /// Too many, unknown, missing: the text says it.
    Text(String),
    /// A Python exception that should pass.
    Raised(PyErr),
}

impl From<PyErr> for Misfit {
    fn from(e: PyErr) -> Misfit {
        Misfit::Raised(e)
    }
}

/// The call as Python makes it.
#[derive(Clone, Copy)]
pub struct Given<'a, 'py> {
    /// Positional arguments, `self` of a method first.
    pub args: &'a [Bound<'py, PyAny>],
    /// Names of keyword arguments.
    pub names: &'a [Bound<'py, PyString>],
    /// Their values.
    pub values: &'a [Bound<'py, PyAny>],
    /// Does the namespace add `inplace=`?
    pub functional: bool,
}

/// NumPy's spellings of parameters.
fn spelled(name: &str) -> &str {
    match name {
        "axis" => "dim",
        "keepdims" => "keepdim",
        "x" | "a" | "A" | "x1" | "self" => "input",
        "x2" => "other",
        "N" => "n",
        n => n,
    }
}

fn is_list(ty: Ty) -> bool {
    matches!(ty, Ty::Ints | Ty::OptInts | Ty::Size)
}

/// The type of an argument in messages.
pub fn type_name(o: &Bound<'_, PyAny>) -> String {
    type_name_to(o, 3)
}

/// A list that holds itself has no bottom.
fn type_name_to(o: &Bound<'_, PyAny>, depth: usize) -> String {
    if depth > 0
        && let Some(items) = items(o)
    {
        let kind = if o.cast::<PyTuple>().is_ok() { "tuple" } else { "list" };
        let mut names: Vec<String> = items.iter().take(4).map(|o| type_name_to(o, depth - 1)).collect();
        names.dedup();
        return format!("{kind} of ({})", names.join(", "));
    }
    if o.cast::<PyTensor>().is_ok() {
        return o.get_type().name().map(|n| n.to_string()).unwrap_or_default();
    }
    if o.is_none() {
        return "NoneType".into();
    }
    o.get_type().qualname().map(|n| n.to_string()).unwrap_or_default()
}

fn wrong_type(op: &Op, p: &Param, at: Option<usize>, o: &Bound<'_, PyAny>) -> Misfit {
    let place = at.map(|i| format!(" (position {})", i + 1)).unwrap_or_default();
    Misfit::Text(format!(
        "{}(): argument '{}'{place} must be {}, not {}",
        op.python_name(),
        p.name,
        p.ty.name(),
        type_name(o)
    ))
}

/// Binds a call to one overload.
pub fn bind(op: &'static Op, given: Given) -> Result<BoundArgs, Misfit> {
    let n = op.params.len();
    let positional = op.params.iter().take_while(|p| !p.keyword).count();
    let mut slots: SmallVec<[Option<Value>; 8]> = SmallVec::new();
    slots.resize_with(n, || None);
    let mut extras = Extras::default();
    let mut used = 0;
    for (i, p) in op.params[..positional].iter().enumerate() {
        let Some(o) = given.args.get(i) else { break };
        used = i + 1;
        // The last list of integers may be spread over the rest of the arguments: view(2, 3), permute(0, 2, 1).
        let last_list =
            is_list(p.ty) && op.params[i + 1..positional].iter().all(|q| q.default.is_some() || !is_list(q.ty));
        if last_list
            && p.ty == Ty::Size
            && let Some(first) = int_of(o)?
        {
            let mut dims = Dims::from_elem(first, 1);
            while let Some(next) = given.args.get(used) {
                match int_of(next)? {
                    Some(v) => dims.push(v),
                    None => break,
                }
                used += 1;
            }
            if i + 1 == positional || used == given.args.len() {
                slots[i] = Some(Value::Ints(dims));
                break;
            }
            used = i + 1;
        }
        if p.ty == Ty::Tensors && op.has(rtorch::op::flag::SPREAD) && tensor_of(o).is_some() {
            let rest: Option<Vec<Tensor>> = given.args[i..].iter().map(|a| tensor_of(a).cloned()).collect();
            if let Some(list) = rest {
                used = given.args.len();
                slots[i] = Some(Value::Tensors(list));
                break;
            }
        }
        match parse(o, p.ty)? {
            Some(v) => slots[i] = Some(v),
            None => return Err(wrong_type(op, p, Some(i), o)),
        }
    }
    // A shape given as no arguments at all: x.view(), torch.zeros(()) is another thing.
    if given.args.len() > used {
        if given.functional
            && given.args.len() == used + 1
            && op.position("inplace").is_none()
            && let Ok(b) = given.args[used].cast::<PyBool>()
        {
            extras.inplace = b.is_true();
            used += 1;
        }
        if given.args.len() > used {
            return Err(Misfit::Text(format!(
                "{}() takes {} positional argument{} but {} {} given",
                op.python_name(),
                positional,
                if positional == 1 { "" } else { "s" },
                given.args.len(),
                if given.args.len() == 1 { "was" } else { "were" }
            )));
        }
    }
    for (name, o) in given.names.iter().zip(given.values) {
        let text = name.to_cow().map_err(Misfit::Raised)?;
        let at = op.position(&text).or_else(|| op.position(spelled(&text)));
        if let Some(i) = at {
            if slots[i].is_some() {
                return Err(Misfit::Text(format!("{}() got multiple values for argument '{text}'", op.python_name())));
            }
            match parse(o, op.params[i].ty)? {
                Some(v) => slots[i] = Some(v),
                None => return Err(wrong_type(op, &op.params[i], None, o)),
            }
            continue;
        }
        extra(op, &text, o, given.functional, &mut extras)?;
    }
    let mut values: SmallVec<[Value; 8]> = SmallVec::new();
    for (slot, p) in slots.into_iter().zip(op.params) {
        values.push(match slot {
            Some(v) => v,
            None => match p.default_arg() {
                Some(a) => Value::Plain(a),
                None if p.ty == Ty::Size && given.args.len() <= 1 && !p.keyword && op.params[0].ty != Ty::Size => {
                    Value::Ints(Dims::new())
                }
                None => {
                    return Err(Misfit::Text(format!(
                        "{}() missing 1 required positional arguments: \"{}\"",
                        op.python_name(),
                        p.name
                    )));
                }
            },
        });
    }
    Ok(BoundArgs { values, extras })
}

fn extra(
    op: &'static Op,
    name: &str,
    o: &Bound<'_, PyAny>,
    functional: bool,
    extras: &mut Extras,
) -> Result<(), Misfit> {
    use rtorch::op::flag;
    let truth = || o.is_truthy().map_err(Misfit::Raised);
    match name {
        "out" if op.has(flag::OUT) => {
            if o.is_none() {
                return Ok(());
            }
            let list = match tensor_of(o) {
                Some(t) => vec![t.clone()],
                None => tensors_of(o).ok_or_else(|| {
                    Misfit::Text(format!("{}(): argument 'out' must be Tensor, not {}", op.python_name(), type_name(o)))
                })?,
            };
            extras.out = Some(list);
            Ok(())
        }
        "requires_grad" if op.has(flag::FACTORY) => {
            extras.requires_grad = truth()?;
            Ok(())
        }
        "pin_memory" | "layout" | "names" if op.has(flag::FACTORY) => Ok(()),
        "inplace" if functional => {
            extras.inplace = truth()?;
            Ok(())
        }
        _ => Err(Misfit::Text(format!("{}() got an unexpected keyword argument '{name}'", op.python_name()))),
    }
}

/// The message when no overload fits.
pub fn no_overload(name: &str, ops: &[&'static Op], given: Given) -> PyErr {
    let mut got: Vec<String> = given.args.iter().map(type_name).collect();
    for (n, v) in given.names.iter().zip(given.values) {
        got.push(format!("{n}={}", type_name(v)));
    }
    let mut text = format!(
        "{name}() received an invalid combination of arguments - got ({}), but expected one of:",
        got.join(", ")
    );
    for op in ops {
        text.push_str(&format!("\n * ({})", signature(op)));
    }
    PyTypeError::new_err(text)
}

/// `Tensor input, *, Tensor out = None`: parameters as PyTorch's messages write them.
pub fn signature(op: &Op) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut star = false;
    for p in op.params {
        if p.keyword && !star {
            parts.push("*".into());
            star = true;
        }
        parts.push(match p.default {
            Some(d) => format!("{} {} = {}", p.ty.name(), p.name, python_default(d)),
            None => format!("{} {}", p.ty.name(), p.name),
        });
    }
    parts.join(", ")
}

/// A default as Python writes it.
pub fn python_default(d: &str) -> String {
    match d {
        "true" => "True".into(),
        "false" => "False".into(),
        "f64::INFINITY" => "inf".into(),
        "f64::NEG_INFINITY" => "-inf".into(),
        d => d.replace('"', "'"),
    }
}

/// The format of a plain argument (for methods written by hand).
pub fn format_of(o: &Bound<'_, PyAny>) -> Option<Format> {
    o.cast::<PyFormat>().ok().map(|f| FORMATS[f.get().0 as usize & 3].0)
}
