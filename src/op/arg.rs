//! Arguments of a call: borrowed, in the order of the operator's parameters; and the types that a literal may declare.

use crate::device::Device;
use crate::dtype::DType;
use crate::error::Result;
use crate::scalar::Scalar;
use crate::shape;
use crate::tensor::Tensor;

pub use crate::kernels::cpu::random::SharedGenerator;

/// How a result should lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Format {
    Contiguous,
    Preserve,
    ChannelsLast,
    ChannelsLast3d,
}

/// One argument.
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub enum Arg<'a> {
    None,
    Tensor(&'a Tensor),
    Tensors(&'a [Tensor]),
    OptTensors(&'a [Option<Tensor>]),
    Scalar(Scalar),
    Int(i64),
    Ints(&'a [i64]),
    Float(f64),
    Floats(&'a [f64]),
    Bool(bool),
    Str(&'a str),
    DType(DType),
    Device(Device),
    Format(Format),
    Generator(&'a SharedGenerator),
}

impl Arg<'_> {
    /// For messages: a tensor by dtype and shape, anything else as Python writes it.
    #[cold]
    pub fn show(&self) -> String {
        let tensor = |t: &Tensor| format!("{} {}", t.dtype().name(), shape::show(&t.sizes()));
        let list = |items: Vec<String>| {
            let more = if items.len() > 8 { ", ..." } else { "" };
            format!("[{}{more}]", items.iter().take(8).cloned().collect::<Vec<_>>().join(", "))
        };
        match self {
            Arg::None => "None".into(),
            Arg::Tensor(t) => tensor(t),
            Arg::Tensors(ts) => list(ts.iter().map(tensor).collect()),
            Arg::OptTensors(ts) => list(ts.iter().map(|t| t.as_ref().map_or("None".into(), tensor)).collect()),
            Arg::Scalar(s) => s.to_string(),
            Arg::Int(i) => i.to_string(),
            Arg::Ints(v) => list(v.iter().map(i64::to_string).collect()),
            Arg::Float(x) => x.to_string(),
            Arg::Floats(v) => list(v.iter().map(f64::to_string).collect()),
            Arg::Bool(b) => if *b { "True" } else { "False" }.into(),
            Arg::Str(s) => format!("'{s}'"),
            Arg::DType(d) => format!("torch.{}", d.name()),
            Arg::Device(d) => format!("'{d}'"),
            Arg::Format(_) => "memory_format".into(),
            Arg::Generator(_) => "Generator".into(),
        }
    }
}

/// A tensor or a number: what arithmetic takes on either side.
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub enum Num<'a> {
    Tensor(&'a Tensor),
    Scalar(Scalar),
}

impl<'a> From<&'a Tensor> for Num<'a> {
    fn from(t: &'a Tensor) -> Num<'a> {
        Num::Tensor(t)
    }
}

impl<S: Into<Scalar>> From<S> for Num<'_> {
    fn from(s: S) -> Self {
        Num::Scalar(s.into())
    }
}

/// What a parameter takes: decides parsing, messages and stubs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Ty {
    Tensor,
    OptTensor,
    Tensors,
    /// Indices of advanced indexing: tensors with holes.
    OptTensors,
    /// A tensor or a number.
    Num,
    OptNum,
    Scalar,
    OptScalar,
    /// A number that takes part in type promotion.
    Number,
    OptNumber,
    Int,
    OptInt,
    /// Integers, or one that stands for all (`kernel_size=3`).
    Ints,
    OptInts,
    /// A shape, which may also be given as separate arguments: `view(2, 3)`.
    Size,
    Float,
    OptFloat,
    Floats,
    OptFloats,
    Bool,
    OptBool,
    Str,
    OptStr,
    DType,
    /// A dtype that must be given.
    NeededDType,
    Device,
    Format,
    Generator,
}

impl Ty {
    /// May it be absent or None?
    pub fn optional(self) -> bool {
        use Ty::*;
        matches!(
            self,
            OptTensor
                | OptNum
                | OptScalar
                | OptNumber
                | OptInt
                | OptInts
                | OptFloat
                | OptFloats
                | OptBool
                | OptStr
                | DType
                | Device
                | Format
                | Generator
        )
    }

    /// The type in messages, as PyTorch writes it.
    pub fn name(self) -> &'static str {
        use Ty::*;
        match self {
            Tensor | OptTensor => "Tensor",
            Tensors | OptTensors => "tuple of Tensors",
            Num | OptNum => "Tensor or Number",
            Scalar | OptScalar | Number | OptNumber => "Number",
            Int | OptInt => "int",
            Ints | OptInts | Size => "tuple of ints",
            Float | OptFloat => "float",
            Floats | OptFloats => "tuple of floats",
            Bool | OptBool => "bool",
            Str | OptStr => "str",
            DType | NeededDType => "torch.dtype",
            Device => "torch.device",
            Format => "torch.memory_format",
            Generator => "torch.Generator",
        }
    }
}

/// A parameter type as a literal names it (`input: Tensor`): the Rust type of its values, and the way to and from [`Arg`].
pub trait Marker {
    /// The type in Rust's signatures.
    type Rust<'a>;
    /// The type in schemas.
    const TY: Ty;
    /// Into an argument.
    fn arg<'a>(v: Self::Rust<'a>) -> Arg<'a>;
    /// Out of an argument.
    fn get<'a>(a: Arg<'a>) -> Result<Self::Rust<'a>>;
}

/// The markers. Names are those of [`Ty`].
#[allow(missing_docs)]
pub mod ty {
    use super::*;

    macro_rules! marker {
        ($name:ident, $rust:ty, $v:pat => $arg:expr, { $($p:pat => $r:expr),+ }) => {
            pub struct $name;
            impl Marker for $name {
                type Rust<'a> = $rust;
                const TY: Ty = Ty::$name;
                #[inline]
                fn arg<'a>($v: Self::Rust<'a>) -> Arg<'a> { $arg }
                #[inline]
                fn get<'a>(a: Arg<'a>) -> Result<Self::Rust<'a>> {
                    match a { $($p => Ok($r),)+ _ => Err(super::wrong(Ty::$name)) }
                }
            }
        };
        ($name:ident: Option, $rust:ty, $v:ident => $arg:expr, { $($p:pat => $r:expr),+ }) => {
            marker!($name, Option<$rust>, x => match x { Some($v) => $arg, None => Arg::None },
                { Arg::None => None, $($p => Some($r)),+ });
        };
    }

    marker!(Tensor, &'a crate::tensor::Tensor, t => Arg::Tensor(t), { Arg::Tensor(t) => t });
    marker!(OptTensor: Option, &'a crate::tensor::Tensor, t => Arg::Tensor(t), { Arg::Tensor(t) => t });
    marker!(Tensors, &'a [crate::tensor::Tensor], t => Arg::Tensors(t), { Arg::Tensors(t) => t });
    marker!(OptTensors, &'a [Option<crate::tensor::Tensor>], t => Arg::OptTensors(t), { Arg::OptTensors(t) => t });
    marker!(Num, super::Num<'a>, n => match n { super::Num::Tensor(t) => Arg::Tensor(t), super::Num::Scalar(s) => Arg::Scalar(s) },
        { Arg::Tensor(t) => super::Num::Tensor(t), Arg::Scalar(s) => super::Num::Scalar(s) });
    marker!(OptNum: Option, super::Num<'a>, n => match n { super::Num::Tensor(t) => Arg::Tensor(t), super::Num::Scalar(s) => Arg::Scalar(s) },
        { Arg::Tensor(t) => super::Num::Tensor(t), Arg::Scalar(s) => super::Num::Scalar(s) });
    marker!(Scalar, crate::scalar::Scalar, s => Arg::Scalar(s), { Arg::Scalar(s) => s });
    marker!(OptScalar: Option, crate::scalar::Scalar, s => Arg::Scalar(s), { Arg::Scalar(s) => s });
    marker!(Number, crate::scalar::Scalar, s => Arg::Scalar(s), { Arg::Scalar(s) => s });
    marker!(OptNumber: Option, crate::scalar::Scalar, s => Arg::Scalar(s), { Arg::Scalar(s) => s });
    marker!(Int, i64, i => Arg::Int(i), { Arg::Int(i) => i });
    marker!(OptInt: Option, i64, i => Arg::Int(i), { Arg::Int(i) => i });
    marker!(Ints, &'a [i64], i => Arg::Ints(i), { Arg::Ints(i) => i });
    marker!(OptInts: Option, &'a [i64], i => Arg::Ints(i), { Arg::Ints(i) => i });
    marker!(Size, &'a [i64], i => Arg::Ints(i), { Arg::Ints(i) => i });
    marker!(Float, f64, f => Arg::Float(f), { Arg::Float(f) => f });
    marker!(OptFloat: Option, f64, f => Arg::Float(f), { Arg::Float(f) => f });
    marker!(Floats, &'a [f64], f => Arg::Floats(f), { Arg::Floats(f) => f });
    marker!(OptFloats: Option, &'a [f64], f => Arg::Floats(f), { Arg::Floats(f) => f });
    marker!(Bool, bool, b => Arg::Bool(b), { Arg::Bool(b) => b });
    marker!(OptBool: Option, bool, b => Arg::Bool(b), { Arg::Bool(b) => b });
    marker!(Str, &'a str, s => Arg::Str(s), { Arg::Str(s) => s });
    marker!(OptStr: Option, &'a str, s => Arg::Str(s), { Arg::Str(s) => s });
    marker!(DType: Option, crate::dtype::DType, d => Arg::DType(d), { Arg::DType(d) => d });
    marker!(NeededDType, crate::dtype::DType, d => Arg::DType(d), { Arg::DType(d) => d });
    marker!(Device: Option, crate::device::Device, d => Arg::Device(d), { Arg::Device(d) => d });
    marker!(Format: Option, super::Format, f => Arg::Format(f), { Arg::Format(f) => f });
    marker!(Generator: Option, &'a SharedGenerator, g => Arg::Generator(g), { Arg::Generator(g) => g });
}

#[cold]
fn wrong(ty: Ty) -> crate::error::Error {
    crate::err!(Type, "an argument is not a {}", ty.name())
}

/// One declared parameter.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// PyTorch's name of it.
    pub name: &'static str,
    /// What it takes.
    pub ty: Ty,
    /// The default as it stands in the literal, or None.
    pub default: Option<&'static str>,
    /// Only by keyword?
    pub keyword: bool,
}

impl Param {
    /// The default as an argument: numbers, true/false, None, strings, `[]`.
    pub fn default_arg(&self) -> Option<Arg<'static>> {
        let text = match self.default {
            Some(t) => t,
            None if self.ty.optional() && self.keyword => return Some(Arg::None),
            None => return None,
        };
        Some(match (text, self.ty) {
            ("None", _) => Arg::None,
            ("true", Ty::Scalar | Ty::OptScalar | Ty::Num) => Arg::Scalar(Scalar::Bool(true)),
            ("true", _) => Arg::Bool(true),
            ("false", _) => Arg::Bool(false),
            ("[]", Ty::Floats | Ty::OptFloats) => Arg::Floats(&[]),
            ("[]", Ty::Tensors) => Arg::Tensors(&[]),
            ("[]", _) => Arg::Ints(&[]),
            ("[0]", _) => Arg::Ints(&[0]),
            ("[1]", _) => Arg::Ints(&[1]),
            ("[0, 1]", _) => Arg::Ints(&[0, 1]),
            ("[-2, -1]", _) => Arg::Ints(&[-2, -1]),
            (t, Ty::Str | Ty::OptStr) => Arg::Str(t.trim_matches('"')),
            (t, Ty::Int | Ty::OptInt) => Arg::Int(t.replace(' ', "").parse().ok()?),
            (t, Ty::Float | Ty::OptFloat) => Arg::Float(number(t)?.f64()),
            (t, _) => Arg::Scalar(number(t)?),
        })
    }
}

fn number(t: &str) -> Option<Scalar> {
    let t = t.replace(' ', "");
    match t.as_str() {
        "f64::INFINITY" => return Some(Scalar::Float(f64::INFINITY)),
        "f64::NEG_INFINITY" => return Some(Scalar::Float(f64::NEG_INFINITY)),
        _ => {}
    }
    t.parse::<i64>().map(Scalar::Int).ok().or_else(|| t.parse::<f64>().map(Scalar::Float).ok())
}

/// The arguments of a call with their operator: what a kernel's functions see. Getters go by position.
#[derive(Clone, Copy)]
pub struct Ctx<'a> {
    /// The operator, for messages.
    pub op: &'static super::Op,
    /// The arguments, all of them.
    pub args: &'a [Arg<'a>],
}

macro_rules! getters {
    ($($(#[$d:meta])* $name:ident -> $m:ident),*) => {$(
        $(#[$d])*
        #[inline]
        pub fn $name(&self, i: usize) -> Result<<ty::$m as Marker>::Rust<'a>> {
            <ty::$m as Marker>::get(self.args.get(i).copied().unwrap_or(Arg::None))
        }
    )*};
}

impl<'a> Ctx<'a> {
    getters!(
        /// Argument `i` as a tensor.
        tensor -> Tensor,
        /// As a tensor that may be absent.
        opt_tensor -> OptTensor,
        /// As several tensors.
        tensors -> Tensors,
        /// As tensors with holes.
        opt_tensors -> OptTensors,
        /// As a tensor or a number.
        num -> Num,
        /// As a number.
        scalar -> Scalar,
        /// As a number that may be absent.
        opt_scalar -> OptScalar,
        /// As an integer.
        int -> Int,
        /// As an integer that may be absent.
        opt_int -> OptInt,
        /// As integers.
        ints -> Ints,
        /// As integers that may be absent.
        opt_ints -> OptInts,
        /// As a float.
        float -> Float,
        /// As a float that may be absent.
        opt_float -> OptFloat,
        /// As floats that may be absent.
        opt_floats -> OptFloats,
        /// As a bool.
        bool -> Bool,
        /// As a bool that may be absent.
        opt_bool -> OptBool,
        /// As text.
        str -> Str,
        /// As text that may be absent.
        opt_str -> OptStr,
        /// As a dtype that may be absent.
        dtype -> DType,
        /// As a dtype that must be there.
        needed_dtype -> NeededDType,
        /// As a device that may be absent.
        device -> Device,
        /// As a memory format that may be absent.
        format -> Format,
        /// As a generator that may be absent.
        generator -> Generator
    );

    /// The dimension in argument `i`, wrapped for a tensor of `ndim` dimensions.
    pub fn dim(&self, i: usize, ndim: usize) -> Result<usize> {
        crate::shape::wrap_dim(self.int(i)?, ndim)
    }

    /// Refuses a dtype in PyTorch's words.
    pub fn refuse(&self, d: DType) -> crate::error::Error {
        not_implemented(self.op.python_name(), d)
    }

    /// For parts of gradients, which the core calls with what a forward pass left: an error unless the arguments can stem
    /// from one. Rust and Python can call them with anything.
    pub fn belong(&self, yes: bool) -> Result<()> {
        if !yes {
            bail!(
                Runtime,
                "{}: the arguments do not belong to one call\nThis is a part of another operator's gradient: shapes, dtypes and \
                 settings must be those of that operator's own call.",
                self.op.python_name()
            );
        }
        Ok(())
    }

    /// An error if the dtypes of two arguments differ.
    pub fn same_dtype(&self, a: &Tensor, b: &Tensor) -> Result<()> {
        let (x, y) = (a.dtype(), b.dtype());
        if x != y {
            bail!(
                Runtime,
                "{}: expected both tensors to have the same dtype, but got {} and {}\nConvert one of them with .to({}).",
                self.op.python_name(),
                x.name(),
                y.name(),
                x.name()
            );
        }
        Ok(())
    }
}

/// `"exp" not implemented for 'Bool'`.
#[cold]
pub fn not_implemented(op: &str, d: DType) -> crate::error::Error {
    crate::err!(NotImplemented, "\"{op}\" not implemented for '{}'", d.c10_name())
}
