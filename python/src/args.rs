//! Python arguments against an operator's parameters: the schema says what each takes, and the messages come from it.

use crate::generator::PyGenerator;
use crate::held::Held;
use crate::object::{PyTensor, tensor_of};
use crate::types::{FORMATS, PyDType, PyFormat, device_of};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyComplex, PyFloat, PyInt, PyList, PyString, PyTuple, PyType};
use rtorch::op::Op;
use rtorch::op::arg::{Arg, Format, Param, Ty};
use rtorch::shape::Dims;
use rtorch::{DType, Scalar, Tensor};
use smallvec::SmallVec;
use std::sync::OnceLock;

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
        let mut overflow = 0;
        // SAFETY: `o` is an int.
        let i = unsafe { ffi::PyLong_AsLongLongAndOverflow(o.as_ptr(), &mut overflow) };
        return match overflow {
            0 => Ok(Some(i)),
            _ => Err(PyValueError::new_err("Overflow when unpacking long long")),
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
    let mut out = Dims::new();
    if let Ok(t) = o.cast::<PyTuple>() {
        for i in t.iter_borrowed() {
            match int_of(&i)? {
                Some(v) => out.push(v),
                None => return Ok(None),
            }
        }
        return Ok(Some(out));
    }
    let Ok(l) = o.cast::<PyList>() else { return Ok(None) };
    for i in l.iter() {
        match int_of(&i)? {
            Some(v) => out.push(v),
            None => return Ok(None),
        }
    }
    Ok(Some(out))
}

fn tensors_of(o: &Bound<'_, PyAny>) -> Option<Vec<Tensor>> {
    if let Ok(t) = o.cast::<PyTuple>() {
        return t.iter_borrowed().map(|i| tensor_of(&i).cloned()).collect();
    }
    o.cast::<PyList>().ok()?.iter().map(|i| tensor_of(&i).cloned()).collect()
}

/// The argument as this type, or None if it is of another.
pub fn parse<'a>(o: &'a Bound<'_, PyAny>, ty: Ty, held: &'a Held) -> PyResult<Option<Arg<'a>>> {
    if o.is_none() {
        // PyTorch takes None for a shape nowhere.
        return Ok(ty.optional().then_some(Arg::None));
    }
    match ty {
        Ty::Tensor | Ty::OptTensor => Ok(tensor_of(o).map(Arg::Tensor)),
        Ty::Num | Ty::OptNum => {
            if let Some(t) = tensor_of(o) {
                return Ok(Some(Arg::Tensor(t)));
            }
            Ok(scalar_of(o, true)?.map(Arg::Scalar))
        }
        Ty::Scalar | Ty::OptScalar => Ok(scalar_of(o, true)?.map(Arg::Scalar)),
        Ty::Number | Ty::OptNumber => {
            if tensor_of(o).is_some() {
                return Ok(None);
            }
            Ok(scalar_of(o, true)?.map(Arg::Scalar))
        }
        Ty::Int | Ty::OptInt => Ok(int_of(o)?.map(Arg::Int)),
        Ty::Float | Ty::OptFloat => Ok(match scalar_of(o, true)? {
            Some(Scalar::Complex(..)) | None => None,
            Some(s) => Some(Arg::Float(s.f64())),
        }),
        Ty::Bool | Ty::OptBool => {
            if let Ok(b) = o.cast::<PyBool>() {
                return Ok(Some(Arg::Bool(b.is_true())));
            }
            Ok(match numpy_scalar(o)? {
                Some(Scalar::Bool(b)) => Some(Arg::Bool(b)),
                _ => None,
            })
        }
        Ty::Ints | Ty::OptInts | Ty::Size => {
            if let Some(i) = int_of(o)? {
                return Ok(Some(Arg::Ints(held.ints(Dims::from_slice(&[i])))));
            }
            Ok(ints_of(o)?.map(|v| Arg::Ints(held.ints(v))))
        }
        Ty::Floats | Ty::OptFloats => {
            let Some(items) = items(o) else {
                return Ok(scalar_of(o, true)?.map(|s| Arg::Floats(held.floats(vec![s.f64()]))));
            };
            let mut out = Vec::new();
            for i in &items {
                match scalar_of(i, true)? {
                    Some(s) => out.push(s.f64()),
                    None => return Ok(None),
                }
            }
            Ok(Some(Arg::Floats(held.floats(out))))
        }
        Ty::Str | Ty::OptStr => Ok(match o.cast::<PyString>() {
            Ok(s) => Some(Arg::Str(s.to_str()?)),
            Err(_) => None,
        }),
        Ty::DType | Ty::NeededDType => match o.cast::<PyDType>() {
            Ok(d) => Ok(Some(Arg::DType(d.get().0))),
            Err(_) => match python_type(o) {
                Some(d) => Ok(Some(Arg::DType(d))),
                None => Ok(None),
            },
        },
        Ty::Device => Ok(device_of(o)?.map(Arg::Device)),
        Ty::Format => match o.cast::<PyFormat>() {
            Ok(f) => Ok(Some(Arg::Format(FORMATS[f.get().0 as usize & 3].0))),
            Err(_) => Ok(None),
        },
        Ty::Generator => Ok(o.cast::<PyGenerator>().ok().map(|g| Arg::Generator(&g.get().0))),
        Ty::Tensors => Ok(tensors_of(o).map(|v| Arg::Tensors(held.tensors(v)))),
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
            Ok(Some(Arg::OptTensors(held.opt_tensors(out))))
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

/// Arguments bound to an operator's parameters. (Filled in where it lies: it is large to be handed from function to function.)
#[derive(Default)]
pub struct BoundArgs<'a> {
    /// One for each parameter.
    pub values: SmallVec<[Arg<'a>; 8]>,
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
    /// The object of a method: the first argument.
    pub slf: Option<&'a Bound<'py, PyAny>>,
    /// Positional arguments.
    pub args: &'a [Bound<'py, PyAny>],
    /// Names of keyword arguments.
    pub names: &'a [Bound<'py, PyString>],
    /// Their values.
    pub values: &'a [Bound<'py, PyAny>],
    /// Does the namespace add `inplace=`?
    pub functional: bool,
    /// Is the text of a misfit wanted? Not where another overload may fit.
    pub explain: bool,
}

impl<'a, 'py> Given<'a, 'py> {
    /// How many arguments by position, `self` counted.
    #[inline]
    fn len(&self) -> usize {
        self.args.len() + self.slf.is_some() as usize
    }

    /// Argument `i`, `self` first.
    #[inline]
    fn get(&self, i: usize) -> Option<&'a Bound<'py, PyAny>> {
        match (self.slf, i) {
            (Some(s), 0) => Some(s),
            (Some(_), i) => self.args.get(i - 1),
            (None, i) => self.args.get(i),
        }
    }
}

/// An operator as calls from Python see it.
pub struct Overload {
    /// The operator.
    pub op: &'static Op,
    plan: OnceLock<Plan>,
    /// The class of its named tuples.
    pub class: PyOnceLock<Py<PyType>>,
}

/// What its parameters say, read once: defaults are texts in the literal.
struct Plan {
    /// How many parameters may be given by position.
    positional: usize,
    /// Those without a default, as bits.
    required: u64,
    defaults: Box<[Arg<'static>]>,
    inplace: Option<usize>,
}

impl Overload {
    /// Of this operator.
    pub fn new(op: &'static Op) -> Overload {
        Overload { op, plan: OnceLock::new(), class: PyOnceLock::new() }
    }

    fn plan(&self) -> &Plan {
        self.plan.get_or_init(|| Plan {
            positional: self.op.params.iter().take_while(|p| !p.keyword).count(),
            required: self
                .op
                .params
                .iter()
                .enumerate()
                .fold(0, |bits, (i, p)| bits | (p.default_arg().is_none() as u64) << i),
            defaults: self.op.params.iter().map(|p| p.default_arg().unwrap_or(Arg::None)).collect(),
            inplace: self.op.position("inplace"),
        })
    }

    /// `inplace=True` of an operator that has the parameter itself.
    pub fn wants_inplace(&self, args: &[Arg]) -> bool {
        self.plan().inplace.is_some_and(|i| matches!(args[i], Arg::Bool(true)))
    }
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

fn misfit(given: Given, text: std::fmt::Arguments) -> Misfit {
    Misfit::Text(if given.explain { text.to_string() } else { String::new() })
}

fn wrong_type(given: Given, op: &Op, p: &Param, at: Option<usize>, o: &Bound<'_, PyAny>) -> Misfit {
    if !given.explain {
        return Misfit::Text(String::new());
    }
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
pub fn bind<'a>(of: &Overload, given: Given<'a, '_>, held: &'a Held, bound: &mut BoundArgs<'a>) -> Result<(), Misfit> {
    let (op, plan) = (of.op, of.plan());
    let positional = plan.positional;
    let BoundArgs { values, extras } = bound;
    let mut used = 0;
    for (i, p) in op.params[..positional].iter().enumerate() {
        let Some(o) = given.get(i) else { break };
        used = i + 1;
        if matches!(p.ty, Ty::Tensor | Ty::Num)
            && let Some(t) = tensor_of(o)
        {
            values.push(Arg::Tensor(t));
            continue;
        }
        // The last list of integers may be spread over the rest of the arguments: view(2, 3), permute(0, 2, 1).
        let last_list =
            is_list(p.ty) && op.params[i + 1..positional].iter().all(|q| q.default.is_some() || !is_list(q.ty));
        if last_list
            && p.ty == Ty::Size
            && let Some(first) = int_of(o)?
        {
            let mut dims = rtorch::shape::dims(&[first]);
            while let Some(next) = given.get(used) {
                match int_of(next)? {
                    Some(v) => dims.push(v),
                    None => break,
                }
                used += 1;
            }
            if i + 1 == positional || used == given.len() {
                values.push(Arg::Ints(held.ints(dims)));
                break;
            }
            used = i + 1;
        }
        if p.ty == Ty::Tensors && op.has(rtorch::op::flag::SPREAD) && tensor_of(o).is_some() {
            let rest: Option<Vec<Tensor>> = (i..given.len()).map(|k| tensor_of(given.get(k)?).cloned()).collect();
            if let Some(list) = rest {
                used = given.len();
                values.push(Arg::Tensors(held.tensors(list)));
                break;
            }
        }
        match parse(o, p.ty, held)? {
            Some(v) => values.push(v),
            None => return Err(wrong_type(given, op, p, Some(i), o)),
        }
    }
    // Bit i: parameter i was given.
    let mut filled = (1u64 << values.len()) - 1;
    for d in &plan.defaults[values.len()..] {
        values.push(*d);
    }
    if given.len() > used {
        if given.functional
            && given.len() == used + 1
            && plan.inplace.is_none()
            && let Some(Ok(b)) = given.get(used).map(|o| o.cast::<PyBool>())
        {
            extras.inplace = b.is_true();
            used += 1;
        }
        if given.len() > used {
            return Err(misfit(
                given,
                format_args!(
                    "{}() takes {} positional argument{} but {} {} given",
                    op.python_name(),
                    positional,
                    if positional == 1 { "" } else { "s" },
                    given.len(),
                    if given.len() == 1 { "was" } else { "were" }
                ),
            ));
        }
    }
    for (name, o) in given.names.iter().zip(given.values) {
        let text = name.to_str().map_err(Misfit::Raised)?;
        let at = op.position(text).or_else(|| op.position(spelled(text)));
        if let Some(i) = at {
            if filled >> i & 1 == 1 {
                return Err(misfit(
                    given,
                    format_args!("{}() got multiple values for argument '{text}'", op.python_name()),
                ));
            }
            match parse(o, op.params[i].ty, held)? {
                Some(v) => values[i] = v,
                None => return Err(wrong_type(given, op, &op.params[i], None, o)),
            }
            filled |= 1 << i;
            continue;
        }
        extra(op, text, o, given, extras)?;
    }
    let mut missing = plan.required & !filled;
    while missing != 0 {
        let i = missing.trailing_zeros() as usize;
        let p = &op.params[i];
        // A shape given as no arguments at all: x.view().
        if p.ty != Ty::Size || given.len() > 1 || p.keyword || op.params[0].ty == Ty::Size {
            return Err(misfit(
                given,
                format_args!("{}() missing 1 required positional arguments: \"{}\"", op.python_name(), p.name),
            ));
        }
        values[i] = Arg::Ints(&[]);
        missing &= missing - 1;
    }
    if op.has(rtorch::op::flag::FACTORY)
        && let Some(d) = crate::types::default_device()
        && let Some(i) = op.position("device")
        && extras.out.is_none()
        && matches!(values[i], Arg::None)
        && !values.iter().any(|a| matches!(a, Arg::Tensor(_)))
    {
        values[i] = Arg::Device(d);
    }
    Ok(())
}

fn extra(op: &'static Op, name: &str, o: &Bound<'_, PyAny>, given: Given, extras: &mut Extras) -> Result<(), Misfit> {
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
                    misfit(
                        given,
                        format_args!("{}(): argument 'out' must be Tensor, not {}", op.python_name(), type_name(o)),
                    )
                })?,
            };
            extras.out = Some(list);
            Ok(())
        }
        "requires_grad" if op.has(flag::FACTORY) => {
            extras.requires_grad = truth()?;
            Ok(())
        }
        "layout" if op.has(flag::FACTORY) && !o.is_none() => {
            let layout = o.str().map_err(Misfit::Raised)?.to_string();
            if layout == "torch.strided" {
                return Ok(());
            }
            let (name, windows) = (op.python_name(), op.spaces == ["signal.windows"]);
            Err(Misfit::Raised(if windows {
                let name = name.trim_start_matches("signal_");
                pyo3::exceptions::PyValueError::new_err(format!(
                    "{name} is implemented for strided tensors only, got: {layout}"
                ))
            } else {
                pyo3::exceptions::PyRuntimeError::new_err(format!(
                    "{name} is not implemented for sparse types, got: {layout}"
                ))
            }))
        }
        "pin_memory" | "layout" | "names" if op.has(flag::FACTORY) => Ok(()),
        "inplace" if given.functional => {
            extras.inplace = truth()?;
            Ok(())
        }
        _ => Err(misfit(given, format_args!("{}() got an unexpected keyword argument '{name}'", op.python_name()))),
    }
}

/// The message when no overload fits.
pub fn no_overload(name: &str, ops: &[Overload], given: Given) -> PyErr {
    let mut got: Vec<String> = given.slf.into_iter().chain(given.args).map(type_name).collect();
    for (n, v) in given.names.iter().zip(given.values) {
        got.push(format!("{n}={}", type_name(v)));
    }
    let mut text = format!(
        "{name}() received an invalid combination of arguments - got ({}), but expected one of:",
        got.join(", ")
    );
    for op in ops {
        text.push_str(&format!("\n * ({})", signature(op.op)));
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
