//! How a tensor is printed: PyTorch's text, letter for letter. A pure function of an address, a layout and the options;
//! of a large tensor only the elements that appear in the summary are read.

use crate::dtype::{self, C32, C64, DType, bf16, f16};
use parking_lot::RwLock;

/// What `torch.set_printoptions` sets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PrintOptions {
    /// Digits after the point.
    pub precision: usize,
    /// Tensors with more elements than this are summarised.
    pub threshold: f64,
    /// Elements at each end of a dimension in a summary.
    pub edgeitems: usize,
    /// Characters per line.
    pub linewidth: usize,
    /// Scientific notation always, never, or by PyTorch's rule.
    pub sci_mode: Option<bool>,
}

impl PrintOptions {
    /// The `default` profile, with which every process starts.
    pub const DEFAULT: PrintOptions =
        PrintOptions { precision: 4, threshold: 1000.0, edgeitems: 3, linewidth: 80, sci_mode: None };

    /// A profile laid over these options: `default`, `short` or `full`; other names change nothing, as in PyTorch.
    pub fn profile(self, name: &str) -> PrintOptions {
        let d = PrintOptions { sci_mode: self.sci_mode, ..PrintOptions::DEFAULT };
        match name {
            "default" => d,
            "short" => PrintOptions { precision: 2, edgeitems: 2, ..d },
            "full" => PrintOptions { threshold: f64::INFINITY, ..d },
            _ => self,
        }
    }
}

impl Default for PrintOptions {
    fn default() -> PrintOptions {
        PrintOptions::DEFAULT
    }
}

static OPTIONS: RwLock<PrintOptions> = RwLock::new(PrintOptions::DEFAULT);

/// The options in use.
pub fn options() -> PrintOptions {
    *OPTIONS.read()
}

/// Sets the options for the whole process.
pub fn set_options(o: PrintOptions) {
    *OPTIONS.write() = o;
}

/// The elements to print. Every index of `sizes` must be readable memory for the length of the call.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Address of element (0, 0, ...).
    pub ptr: *const u8,
    /// Element type.
    pub dtype: DType,
    /// Size of each dimension.
    pub sizes: &'a [i64],
    /// Distance in elements between neighbours of each dimension.
    pub strides: &'a [i64],
}

/// Everything after `tensor(` and before the closing parenthesis, suffixes included. `indent` is the length of the prefix.
pub fn body(v: &View, indent: usize, suffixes: &[String], opts: &PrintOptions) -> String {
    finish(&contents(v, indent, opts), indent, suffixes, opts)
}

/// The numbers in their brackets, without suffixes.
pub fn contents(v: &View, indent: usize, opts: &PrintOptions) -> String {
    if v.sizes.contains(&0) {
        return "[]".into();
    }
    let numel: f64 = v.sizes.iter().map(|&s| s as f64).product();
    let summarize = numel > opts.threshold;
    let (mut first, mut second) = (Formatter::new(opts), Formatter::new(opts));
    let mut values = Values { v, edge: if summarize { opts.edgeitems } else { usize::MAX } };
    values.visit(0, 0, &mut |x| match x {
        Value::Complex(re, im) => {
            first.see(Value::Float(re));
            second.see(Value::Float(im));
        }
        x => first.see(x),
    });
    // The widths need to know the mode, and the mode every value: a second walk.
    first.decide();
    second.decide();
    values.visit(0, 0, &mut |x| match x {
        Value::Complex(re, im) => {
            first.widen(Value::Float(re));
            second.widen(Value::Float(im));
        }
        x => first.widen(x),
    });
    let mut p = Printer { v, opts, summarize, first, second, out: String::new() };
    p.tensor(0, 0, indent);
    p.out
}

/// Contents followed by the suffixes, with a line break before a suffix that would not fit on the line.
pub fn finish(contents: &str, indent: usize, suffixes: &[String], opts: &PrintOptions) -> String {
    let mut out = contents.to_string();
    // The length that PyTorch takes for the last line is two more than it is.
    let mut line = 2 + match contents.rfind('\n') {
        Some(p) => contents[p + 1..].chars().count(),
        None => indent + contents.chars().count(),
    };
    for s in suffixes {
        let len = s.chars().count();
        if line + len + 2 > opts.linewidth {
            out.push_str(",\n");
            spaces(&mut out, indent);
            line = indent + len;
        } else {
            out.push_str(", ");
            line += len + 2;
        }
        out.push_str(s);
    }
    out
}

/// What stands after the numbers, in PyTorch's order. `device` is the text of a device that is not the default one,
/// `grad_fn` the name of the node that made the tensor; `meta` says that there are no numbers to show.
pub fn suffixes(
    dtype: DType,
    sizes: &[i64],
    device: Option<&str>,
    meta: bool,
    grad_fn: Option<&str>,
    requires_grad: bool,
    opts: &PrintOptions,
) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(d) = device {
        out.push(format!("device='{d}'"));
    }
    let default = dtype::default_dtype();
    let plain = [default, default.to_complex(), DType::I64, DType::Bool];
    let empty = sizes.contains(&0);
    if meta || (empty && sizes.len() != 1) || (!empty && opts.edgeitems == 0) {
        out.push(format!("size={}", tuple(sizes)));
    }
    if if meta || empty { dtype != default } else { !plain.contains(&dtype) } {
        out.push(format!("dtype=torch.{}", dtype.name()));
    }
    if let Some(name) = grad_fn {
        out.push(format!("grad_fn=<{name}>"));
    } else if requires_grad {
        out.push("requires_grad=True".into());
    }
    out
}

/// `(2, 3)`, `(2,)`, `()`: a shape as Python writes a tuple.
pub fn tuple(sizes: &[i64]) -> String {
    match sizes {
        [n] => format!("({n},)"),
        _ => format!("({})", sizes.iter().map(|s| s.to_string()).collect::<Vec<_>>().join(", ")),
    }
}

#[derive(Clone, Copy)]
enum Value {
    Bool(bool),
    Int(i64),
    Float(f64),
    Complex(f64, f64),
}

fn get<T: Copy>(v: &View, at: i64) -> T {
    // SAFETY: `at` comes from indices inside `sizes`; who makes a `View` promises that they are readable.
    unsafe { (v.ptr as *const T).offset(at as isize).read_unaligned() }
}

/// The element at this distance from the first.
fn read(v: &View, at: i64) -> Value {
    match v.dtype {
        DType::Bool => Value::Bool(get::<u8>(v, at) != 0),
        DType::U8 => Value::Int(get::<u8>(v, at) as i64),
        DType::I8 => Value::Int(get::<i8>(v, at) as i64),
        DType::I16 => Value::Int(get::<i16>(v, at) as i64),
        DType::I32 => Value::Int(get::<i32>(v, at) as i64),
        DType::I64 => Value::Int(get::<i64>(v, at)),
        DType::F16 => Value::Float(get::<f16>(v, at).to_f64()),
        DType::BF16 => Value::Float(get::<bf16>(v, at).to_f64()),
        DType::F32 => Value::Float(get::<f32>(v, at) as f64),
        DType::F64 => Value::Float(get::<f64>(v, at)),
        DType::C64 => {
            let c = get::<C32>(v, at);
            Value::Complex(c.re as f64, c.im as f64)
        }
        DType::C128 => {
            let c = get::<C64>(v, at);
            Value::Complex(c.re, c.im)
        }
    }
}

/// Walks the elements that will be shown.
struct Values<'a> {
    v: &'a View<'a>,
    edge: usize,
}

impl Values<'_> {
    fn visit(&mut self, dim: usize, at: i64, f: &mut dyn FnMut(Value)) {
        if dim == self.v.sizes.len() {
            return f(read(self.v, at));
        }
        let (n, stride) = (self.v.sizes[dim], self.v.strides[dim]);
        for i in shown(n, self.edge).flatten() {
            self.visit(dim + 1, at + i * stride, f);
        }
    }
}

/// The indices of a dimension that are shown; None stands for the dots.
fn shown(n: i64, edge: usize) -> impl Iterator<Item = Option<i64>> {
    let edge = i64::try_from(edge).unwrap_or(i64::MAX);
    let cut = n > edge.saturating_mul(2);
    let (a, b) = if cut { (edge, n - edge) } else { (n, n) };
    (0..a).map(Some).chain(cut.then_some(None)).chain((b..n).map(Some))
}

/// How the numbers of one tensor (or of its real or imaginary parts) are written, which depends on all of them.
struct Formatter {
    precision: usize,
    forced: Option<bool>,
    min: f64,
    max: f64,
    whole: bool,
    sci: bool,
    width: usize,
}

impl Formatter {
    fn new(opts: &PrintOptions) -> Formatter {
        Formatter {
            precision: opts.precision,
            forced: opts.sci_mode,
            min: f64::INFINITY,
            max: 0.0,
            whole: true,
            sci: false,
            width: 1,
        }
    }

    fn see(&mut self, x: Value) {
        if let Value::Float(x) = x
            && x.is_finite()
            && x != 0.0
        {
            self.min = self.min.min(x.abs());
            self.max = self.max.max(x.abs());
            self.whole &= x == x.ceil();
        }
    }

    fn decide(&mut self) {
        // Zeros, infinities and NaN alone are never written in scientific notation.
        self.sci = self.max > 0.0
            && self.forced.unwrap_or(self.max / self.min > 1000.0 || self.max > 1.0e8 || self.min < 1.0e-4);
    }

    fn widen(&mut self, x: Value) {
        if let Value::Float(x) = x
            && (x == 0.0 || !x.is_finite())
        {
            return;
        }
        let mut s = String::new();
        self.write(&mut s, x, 0);
        self.width = self.width.max(s.len());
    }

    /// Appends `x`, padded to `width` from the left.
    fn write(&self, out: &mut String, x: Value, width: usize) {
        let s = match x {
            Value::Bool(b) => if b { "True" } else { "False" }.to_string(),
            Value::Int(i) => i.to_string(),
            Value::Float(x) | Value::Complex(x, _) => {
                if x.is_nan() {
                    "nan".to_string()
                } else if x.is_infinite() {
                    if x > 0.0 { "inf" } else { "-inf" }.to_string()
                } else if self.sci {
                    scientific(x, self.precision)
                } else if self.whole {
                    format!("{x:.0}.")
                } else {
                    format!("{x:.*}", self.precision)
                }
            }
        };
        spaces(out, width.saturating_sub(s.len()));
        out.push_str(&s);
    }
}

/// C's `%.*e`: an exponent has a sign and at least two digits.
fn scientific(x: f64, precision: usize) -> String {
    let s = format!("{x:.precision$e}");
    match s.split_once('e') {
        Some((m, e)) => {
            let (sign, digits) = match e.strip_prefix('-') {
                Some(d) => ('-', d),
                None => ('+', e),
            };
            format!("{m}e{sign}{digits:0>2}")
        }
        None => s,
    }
}

fn spaces(out: &mut String, n: usize) {
    out.extend(std::iter::repeat_n(' ', n));
}

struct Printer<'a> {
    v: &'a View<'a>,
    opts: &'a PrintOptions,
    summarize: bool,
    first: Formatter,
    second: Formatter,
    out: String,
}

impl Printer<'_> {
    fn edge(&self) -> usize {
        if self.summarize { self.opts.edgeitems } else { usize::MAX }
    }

    fn value(&mut self, at: i64) {
        let x = read(self.v, at);
        self.first.write(&mut self.out, x, self.first.width);
        if let Value::Complex(_, im) = x {
            let mut s = String::new();
            self.second.write(&mut s, Value::Float(im), 0);
            if !s.starts_with('-') {
                self.out.push('+');
            }
            self.out.push_str(&s);
            self.out.push('j');
        }
    }

    fn tensor(&mut self, dim: usize, at: i64, indent: usize) {
        let left = self.v.sizes.len() - dim;
        match left {
            0 => return self.value(at),
            1 => return self.vector(dim, at, indent),
            _ => {}
        }
        let (n, stride) = (self.v.sizes[dim], self.v.strides[dim]);
        self.out.push('[');
        for (k, i) in shown(n, self.edge()).enumerate() {
            if k > 0 {
                self.out.push(',');
                self.out.extend(std::iter::repeat_n('\n', left - 1));
                spaces(&mut self.out, indent + 1);
            }
            match i {
                Some(i) => self.tensor(dim + 1, at + i * stride, indent + 1),
                None => self.out.push_str("..."),
            }
        }
        self.out.push(']');
    }

    fn vector(&mut self, dim: usize, at: i64, indent: usize) {
        let (n, stride) = (self.v.sizes[dim], self.v.strides[dim]);
        let mut length = self.first.width + 2;
        if self.v.dtype.is_complex() {
            length += self.second.width + 1;
        }
        let per_line = (self.opts.linewidth.saturating_sub(indent) / length).max(1);
        self.out.push('[');
        for (k, i) in shown(n, self.edge()).enumerate() {
            if k > 0 {
                self.out.push(',');
                if k % per_line == 0 {
                    self.out.push('\n');
                    spaces(&mut self.out, indent + 1);
                } else {
                    self.out.push(' ');
                }
            }
            match i {
                Some(i) => self.value(at + i * stride),
                None => self.out.push_str(if self.opts.edgeitems == 0 { "..." } else { " ..." }),
            }
        }
        self.out.push(']');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(s: &str) -> Vec<i64> {
        s.split(',').filter_map(|x| x.parse().ok()).collect()
    }

    /// Texts recorded from PyTorch 2.13; `RTORCH_DISPLAY_CASES` names another file of the same form.
    #[test]
    fn prints_what_pytorch_prints() {
        let text = match std::env::var("RTORCH_DISPLAY_CASES") {
            Ok(path) => std::fs::read_to_string(path).expect("the file of cases"),
            Err(_) => include_str!("../../tests/fixtures/display.txt").to_string(),
        };
        let mut lines = text.lines();
        let mut cases = 0;
        while let Some(head) = lines.next() {
            let f: Vec<&str> = head.split(' ').collect();
            let hex = lines.next().expect("data").as_bytes();
            let mut data: Vec<u128> = vec![0; hex.len() / 32 + 1];
            let bytes = data.as_mut_ptr() as *mut u8;
            for i in 0..hex.len() / 2 {
                let s = std::str::from_utf8(&hex[2 * i..2 * i + 2]).expect("hex");
                // SAFETY: `data` has room for all bytes of `hex`.
                unsafe { *bytes.add(i) = u8::from_str_radix(s, 16).expect("hex") };
            }
            let n: usize = f[13].parse().expect("number of lines");
            let want: Vec<&str> = (0..n).map(|_| lines.next().expect("text")).collect();
            let dtype = DType::parse(f[1]).expect("dtype");
            let opts = PrintOptions {
                precision: f[6].parse().expect("precision"),
                threshold: f[7].parse().expect("threshold"),
                edgeitems: f[8].parse().expect("edgeitems"),
                linewidth: f[9].parse().expect("linewidth"),
                sci_mode: match f[10] {
                    "t" => Some(true),
                    "f" => Some(false),
                    _ => None,
                },
            };
            let (sizes, strides) = (list(f[3]), list(f[4]));
            let offset: usize = f[5].parse().expect("offset");
            let ptr = bytes.wrapping_add(offset * dtype.size());
            let v = View { ptr, dtype, sizes: &sizes, strides: &strides };
            let grad_fn = (f[12] != "-").then_some(f[12]);
            let s = suffixes(dtype, &sizes, None, false, grad_fn, f[11] == "1", &opts);
            let got = body(&v, f[2].parse().expect("indent"), &s, &opts);
            assert_eq!(got, want.join("\n"), "case {cases}: {head}");
            cases += 1;
        }
        assert!(cases >= 300);
    }

    #[test]
    fn a_huge_tensor_is_not_read() {
        let x = [1.5f32];
        let sizes = [1 << 20, 1 << 20, 1 << 20];
        let v = View { ptr: x.as_ptr() as *const u8, dtype: DType::F32, sizes: &sizes, strides: &[0, 0, 0] };
        assert!(body(&v, 7, &[], &PrintOptions::DEFAULT).starts_with("[[[1.5000, 1.5000, 1.5000,  ..., 1.5000"));
        assert_eq!(
            finish("...", 7, &suffixes(DType::F32, &[2, 3], Some("meta"), true, None, false, &options()), &options()),
            "..., device='meta', size=(2, 3)"
        );
    }
}
