//! Prints programs as CUDA C++ kernels: a small struct with the formula, and an entry point that hands it to a template
//! of `/cuda`. Several kernels may stand in one compilation; names must differ then.

use super::names::{compute_type, element, literal};
pub use super::names::{prim_name, prim_supports};
use crate::dtype::DType;
use crate::kernels::program::{Compute, Program, Reduce, Src};
use std::fmt::Write;

/// Threads per block that the entry points are compiled for.
pub const BLOCK: u32 = 256;

/// How a pointwise kernel finds its elements. Tensors are counted outputs first, then inputs.
///
/// Entry point: `name(outputs..., inputs..., parameters..., n, strides)`; parameters have the compute type, `n` and the
/// strides are 64-bit where `wide`, else 32-bit (n and every offset below 2^31).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IndexForm {
    /// Dimensions after merging; 0 is "all contiguous in the same order" and needs no strides.
    pub ndim: u8,
    /// Elements per load: 1, 2, 4, 8 or 16. More than 1 asks that every tensor has innermost stride 1 (0 where `zero`
    /// says so), that pointers and outer strides are aligned to it, and that it divides the innermost size (not
    /// for 0 and 1 dimensions: the rest is done one by one).
    pub vec: u8,
    /// Bit t: the innermost stride of tensor t is 0 (with `ndim` 0: tensor t is one element).
    pub zero: u32,
    /// 64-bit indices.
    pub wide: bool,
}

impl IndexForm {
    /// All tensors contiguous, `vec` elements at a time.
    pub const fn contiguous(vec: u8) -> IndexForm {
        IndexForm { ndim: 0, vec, zero: 0, wide: false }
    }

    /// Any strides over `ndim` dimensions.
    pub const fn strided(ndim: u8) -> IndexForm {
        IndexForm { ndim, vec: 1, zero: 0, wide: false }
    }
}

/// How a reduction is spread over threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// A warp per output: short rows.
    Warp,
    /// A block per output, or per chunk of one: with gridDim.y > 1, `out[o * gridDim.y + chunk]` are partial results.
    Block,
    /// Neighbouring threads have neighbouring outputs: columns. Block (x, y) with x * y <= 256; chunks as in `Block`.
    Column,
}

/// How a reduction kernel finds its elements. Entry point: `name(output, inputs..., parameters of pre, parameters of
/// post, n_out, n_red, [chunk unless Warp], kept strides, reduced strides)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReduceForm {
    /// The spread.
    pub way: Way,
    /// Dimensions that stay, 1 or more.
    pub kept: u8,
    /// Dimensions that are reduced, 1 or more.
    pub reduced: u8,
    /// Elements per load along the innermost reduced dimension (1 for `Column`); it divides `n_red`'s innermost size
    /// and the chunk.
    pub vec: u8,
    /// Bit i: input i has stride 0 in the innermost reduced dimension.
    pub zero: u32,
    /// 64-bit indices.
    pub wide: bool,
}

/// A running combination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Scan {
    Sum,
    Prod,
    LogSumExp,
    /// Values and indices.
    Max,
    Min,
}

/// Along which memory a scan, arg or softmax kernel walks: `[rows, n]` or `[outer, n, inner]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Along {
    /// A warp per row (softmax only; elsewhere as `Rows`).
    ShortRows,
    Rows,
    Columns,
}

/// What a softmax kernel gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Softmax {
    Softmax,
    LogSoftmax,
    LogSumExp,
    SoftmaxGrad,
    LogSoftmaxGrad,
}

/// What a scatter does where an element exists already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Scatter {
    Assign,
    Add,
    Mul,
    Max,
    Min,
}

/// Writes the instructions; input i is the variable `{input}{i}`, parameter j is `p{j + first_param}`.
fn body(out: &mut String, p: &Program, c: Compute, input: &str, first_param: usize, indent: &str) {
    let src = |s: Src| match s {
        Src::In(i) => format!("{input}{i}"),
        Src::Const(i) => literal(p.consts.get(i as usize).copied().unwrap_or(f64::NAN), c),
        Src::Param(i) => format!("p{}", i as usize + first_param),
        Src::Reg(i) => format!("r{i}"),
    };
    if p.n_regs > 0 {
        let regs: Vec<String> = (0..p.n_regs).map(|r| format!("r{r}")).collect();
        let _ = writeln!(out, "{indent}{} {};", compute_type(c), regs.join(", "));
    }
    for i in &p.code {
        let args: Vec<String> = i.args[..i.prim.arity()].iter().map(|a| src(*a)).collect();
        let _ = writeln!(out, "{indent}r{} = prim::{}({});", i.dst, prim_name(i.prim), args.join(", "));
    }
}

/// An output of a program as an expression.
fn output(p: &Program, k: usize, c: Compute, input: &str, first_param: usize) -> String {
    match p.outs.get(k) {
        Some(Src::In(i)) => format!("{input}{i}"),
        Some(Src::Const(i)) => literal(p.consts.get(*i as usize).copied().unwrap_or(f64::NAN), c),
        Some(Src::Param(i)) => format!("p{}", *i as usize + first_param),
        Some(Src::Reg(i)) => format!("r{i}"),
        None => literal(f64::NAN, c),
    }
}

fn index_type(wide: bool) -> &'static str {
    if wide { "u64" } else { "u32" }
}

/// A list of declarations: fields or arguments, and the names.
#[derive(Default)]
struct Decls(Vec<(String, String)>);

impl Decls {
    fn push(&mut self, ty: impl Into<String>, name: impl Into<String>) {
        self.0.push((ty.into(), name.into()));
    }
    fn fields(&self) -> String {
        self.0.iter().map(|(t, n)| format!("    {t} {n};\n")).collect()
    }
    fn args(&self) -> String {
        self.0.iter().map(|(t, n)| format!("{t} {n}")).collect::<Vec<_>>().join(", ")
    }
    fn names(&self) -> String {
        self.0.iter().map(|(_, n)| n.clone()).collect::<Vec<_>>().join(", ")
    }
}

/// `vec<float, W> a0 = load<W>(in0 + off[1]);` or the splat of one element.
fn load(d: DType, i: usize, tensor: usize, zero: bool, ndim: u8) -> String {
    let at = if zero && ndim == 0 { String::new() } else { format!(" + off[{tensor}]") };
    let how = if zero { "splat" } else { "load" };
    format!("        const vec<{}, W> a{i} = {how}<W>(in{i}{at});\n", element(d))
}

const HEAD: &str = "extern \"C\" __global__ void __launch_bounds__(256) ";

/// A pointwise kernel of a program: `outs[k]` of each element goes to output k.
pub fn map_kernel(
    name: &str,
    program: &Program,
    compute: Compute,
    in_dtypes: &[DType],
    out_dtypes: &[DType],
    index: IndexForm,
) -> String {
    let (c, n_out) = (compute_type(compute), out_dtypes.len());
    let n = n_out + in_dtypes.len();
    let mut fields = Decls::default();
    for (k, d) in out_dtypes.iter().enumerate() {
        fields.push(format!("{}*", element(*d)), format!("out{k}"));
    }
    for (i, d) in in_dtypes.iter().enumerate() {
        fields.push(format!("const {}*", element(*d)), format!("in{i}"));
    }
    for j in 0..program.n_params {
        fields.push(c, format!("p{j}"));
    }
    let mut t = format!(
        "#include \"map.cu\"\nstruct {name}_f {{\n    static const int N = {n};\n{}    \
         template <int W, class I> DEV void run(const I (&off)[N]) const {{\n",
        fields.fields()
    );
    for (i, d) in in_dtypes.iter().enumerate() {
        t += &load(*d, i, n_out + i, index.zero >> (n_out + i) & 1 == 1, index.ndim);
    }
    for (k, d) in out_dtypes.iter().enumerate() {
        let _ = writeln!(t, "        vec<{}, W> y{k};", element(*d));
    }
    t += "#pragma unroll\n        for (int w = 0; w < W; w++) {\n";
    for i in 0..in_dtypes.len() {
        let _ = writeln!(t, "            const {c} i{i} = cast<{c}>(a{i}.v[w]);");
    }
    body(&mut t, program, compute, "i", 0, "            ");
    for (k, d) in out_dtypes.iter().enumerate() {
        let value = output(program, k, compute, "i", 0);
        let _ = writeln!(t, "            y{k}.v[w] = cast<{}>({value});", element(*d));
    }
    t += "        }\n";
    for k in 0..n_out {
        let _ = writeln!(t, "        store<W>(out{k} + off[{k}], y{k});");
    }
    t += "    }\n};\n";
    let ix = index_type(index.wide);
    let _ = write!(
        t,
        "{HEAD}{name}({}, {ix} n, const strides<{}, {n}, {ix}> s) {{\n    const {name}_f f = {{{}}};\n    \
         map_loop<{}, {}>(f, n, s);\n}}\n",
        fields.args(),
        index.ndim,
        fields.names(),
        index.vec,
        index.ndim
    );
    t
}

/// A reduction: `pre` makes a value of each element, `reduce` combines them, `post` finishes each result (its input 0).
/// Partial results (more than one chunk) take no `post` and an `out_dtype` that holds the compute type.
pub fn reduce_kernel(
    name: &str,
    pre: &Program,
    reduce: Reduce,
    post: Option<&Program>,
    compute: Compute,
    in_dtypes: &[DType],
    out_dtype: DType,
    form: ReduceForm,
) -> String {
    let (c, n, ix) = (compute_type(compute), in_dtypes.len(), index_type(form.wide));
    let op = match reduce {
        Reduce::Sum => "sum_op",
        Reduce::Prod => "prod_op",
        Reduce::Max => "max_op",
        Reduce::Min => "min_op",
        Reduce::Any => "any_op",
        Reduce::All => "all_op",
    };
    let mut fields = Decls::default();
    for (i, d) in in_dtypes.iter().enumerate() {
        fields.push(format!("const {}*", element(*d)), format!("in{i}"));
    }
    for j in 0..pre.n_params {
        fields.push(c, format!("p{j}"));
    }
    let mut posts = Decls::default();
    for j in 0..post.map_or(0, |p| p.n_params) {
        posts.push(c, format!("p{}", pre.n_params + j));
    }
    let mut t = format!(
        "#include \"reduce.cu\"\nstruct {name}_f {{\n    typedef {c} C;\n    static const int N = {n};\n{}    \
         template <int W, class I> DEV void load(const I (&off)[N], C (&x)[W]) const {{\n",
        fields.fields()
    );
    for (i, d) in in_dtypes.iter().enumerate() {
        t += &load(*d, i, i, form.zero >> i & 1 == 1, 1).replace("= load<", "= ::load<");
    }
    t += "#pragma unroll\n        for (int w = 0; w < W; w++) {\n";
    for i in 0..n {
        let _ = writeln!(t, "            const C i{i} = cast<C>(a{i}.v[w]);");
    }
    body(&mut t, pre, compute, "i", 0, "            ");
    let _ = writeln!(t, "            x[w] = {};\n        }}\n    }}\n}};", output(pre, 0, compute, "i", 0));
    let _ = write!(t, "struct {name}_post {{\n{}    DEV {c} apply({c} i0) const {{\n", posts.fields());
    match post {
        Some(p) => {
            body(&mut t, p, compute, "i", pre.n_params, "        ");
            let _ = writeln!(t, "        return {};", output(p, 0, compute, "i", pre.n_params));
        }
        None => t += "        return i0;\n",
    }
    t += "    }\n};\n";
    let (o, kd, rd) = (element(out_dtype), form.kept, form.reduced);
    let comma = |s: String| if s.is_empty() { s } else { format!(", {s}") };
    let (chunk_arg, chunk) =
        if form.way == Way::Warp { (String::new(), "") } else { (format!("{ix} chunk, "), "chunk, ") };
    let call = match form.way {
        Way::Warp => format!("reduce_warp<{}, {op}<{c}>>", form.vec),
        Way::Block => format!("reduce_block<{}, {op}<{c}>>", form.vec),
        Way::Column => format!("reduce_column<{op}<{c}>>"),
    };
    let _ = write!(
        t,
        "{HEAD}{name}({o}* out{}{}, {ix} n_out, {ix} n_red, {chunk_arg}const strides<{kd}, {n}, {ix}> kept, \
         const strides<{rd}, {n}, {ix}> red) {{\n    const {name}_f f = {{{}}};\n    const {name}_post g = {{{}}};\n    \
         {call}(f, g, out, n_out, n_red, {chunk}kept, red);\n}}\n",
        comma(fields.args()),
        comma(posts.args()),
        fields.names(),
        posts.names(),
    );
    t
}

/// A running combination along a dimension of a contiguous tensor. Entry points: rows
/// `name(out, indices, x, carry, rows, n, chunk)` with a grid of (rows, chunks) blocks, `carry` of the compute type or
/// null; columns `name(out, indices, x, outer, n, inner)`. With `exclusive`, rows give what comes before each element.
pub fn scan_kernel(
    name: &str,
    scan: Scan,
    input: DType,
    output: DType,
    along: Along,
    exclusive: bool,
    wide: bool,
) -> String {
    let c = compute_type(Compute::of(output));
    let (i, o, ix) = (element(input), element(output), index_type(wide));
    let op = match scan {
        Scan::Sum => format!("scan_value<{c}, sum_op<{c}>>"),
        Scan::Prod => format!("scan_value<{c}, prod_op<{c}>>"),
        Scan::LogSumExp => format!("scan_value<{c}, logaddexp_op<{c}>>"),
        Scan::Max => format!("scan_found<{c}, cum_op<{c}, true>>"),
        Scan::Min => format!("scan_found<{c}, cum_op<{c}, false>>"),
    };
    let mut t = format!("#include \"scan.cu\"\n{HEAD}{name}({o}* out, i64* indices, const {i}* x, ");
    let _ = match along {
        Along::Columns => write!(
            t,
            "{ix} outer, {ix} n, {ix} inner) {{\n    scan_columns<{c}, {op}>(out, indices, x, outer, n, inner);\n}}\n"
        ),
        _ => write!(
            t,
            "const {c}* carry, {ix} rows, {ix} n, {ix} chunk) {{\n    \
             scan_rows<{c}, {op}, 4, {exclusive}>(out, indices, x, carry, rows, n, chunk);\n}}\n"
        ),
    };
    t
}

/// The largest (smallest) element and its index. Entry points: rows `name(values, indices, x, given, rows, n, chunk)`,
/// a grid of (rows, chunks); columns `name(values, indices, x, outer, n, inner)`. `values`, `indices`, `given` may be
/// null.
pub fn arg_kernel(name: &str, largest: bool, dtype: DType, along: Along, wide: bool) -> String {
    let (c, d, ix) = (compute_type(Compute::of(dtype)), element(dtype), index_type(wide));
    let mut t = format!("#include \"arg.cu\"\n{HEAD}{name}({d}* values, i64* indices, const {d}* x, ");
    let _ = match along {
        Along::Columns => write!(
            t,
            "{ix} outer, {ix} n, {ix} inner) {{\n    \
             arg_columns<{c}, {largest}>(values, indices, x, outer, n, inner);\n}}\n"
        ),
        _ => write!(
            t,
            "const i64* given, {ix} rows, {ix} n, {ix} chunk) {{\n    \
             arg_rows<{c}, {largest}>(values, indices, x, given, rows, n, chunk);\n}}\n"
        ),
    };
    t
}

/// softmax and its relatives. Entry points: forward `name(out, x, ...)`, gradients `name(out, g, y, ...)`, where `...` is
/// `rows, n` or `outer, n, inner`.
pub fn softmax_kernel(name: &str, kind: Softmax, input: DType, output: DType, along: Along, wide: bool) -> String {
    let (c, ix) = (compute_type(Compute::of(input)), index_type(wide));
    let (i, o) = (element(input), element(output));
    let (kind, grad) = match kind {
        Softmax::Softmax => ("SOFTMAX", false),
        Softmax::LogSoftmax => ("LOG_SOFTMAX", false),
        Softmax::LogSumExp => ("LOGSUMEXP", false),
        Softmax::SoftmaxGrad => ("SOFTMAX", true),
        Softmax::LogSoftmaxGrad => ("LOG_SOFTMAX", true),
    };
    let (args, names) =
        if grad { (format!("const {i}* g, const {i}* y"), "g, y") } else { (format!("const {i}* x"), "x") };
    let f = if grad { "softmax_grad" } else { "softmax" };
    let mut t = format!("#include \"softmax.cu\"\n{HEAD}{name}({o}* out, {args}, ");
    let _ = match along {
        Along::Columns => write!(
            t,
            "{ix} outer, {ix} n, {ix} inner) {{\n    {f}_columns<{kind}, {c}>(out, {names}, outer, n, inner);\n}}\n"
        ),
        _ => {
            let warps = along == Along::ShortRows;
            write!(t, "{ix} rows, {ix} n) {{\n    {f}_rows<{kind}, {warps}, {c}>(out, {names}, rows, n);\n}}\n")
        }
    };
    t
}

/// Mean and variance (`m2 / divisor`). Entry points: `name(mean, var, x, rows, n, divisor)`, columns `name(mean, var, x,
/// outer, n, inner, divisor)`; `mean` and `var` may be null, `divisor` has the compute type.
pub fn moments_kernel(name: &str, input: DType, output: DType, along: Along, wide: bool) -> String {
    let (c, ix) = (compute_type(Compute::of(input)), index_type(wide));
    let (i, o) = (element(input), element(output));
    let mut t = format!("#include \"moments.cu\"\n{HEAD}{name}({o}* mean, {o}* var, const {i}* x, ");
    let _ = match along {
        Along::Columns => write!(
            t,
            "{ix} outer, {ix} n, {ix} inner, {c} divisor) {{\n    \
             moments_columns(mean, var, x, outer, n, inner, divisor);\n}}\n"
        ),
        _ => {
            let warps = along == Along::ShortRows;
            write!(
                t,
                "{ix} rows, {ix} n, {c} divisor) {{\n    moments_rows<{warps}>(mean, var, x, rows, n, divisor);\n}}\n"
            )
        }
    };
    t
}

/// An unsigned type of the same size, for code that only moves elements.
fn mover(d: DType) -> &'static str {
    match d.size() {
        1 => "u8",
        2 => "u16",
        4 => "u32",
        8 => "u64",
        _ => "c128",
    }
}

/// `out[...] = src[..., index, ...]` over `ndim` dimensions of the result (gather, index_select, embedding, take). Entry
/// point: `name(out, index, src, bad, n, size, step, strides)`.
pub fn gather_kernel(name: &str, dtype: DType, index: DType, ndim: u8, wrap: bool, wide: bool) -> String {
    let (d, i, ix) = (mover(dtype), element(index), index_type(wide));
    format!(
        "#include \"index.cu\"\n{HEAD}{name}({d}* out, const {i}* index, const {d}* src, int* bad, {ix} n, {ix} size, \
         {ix} step, const strides<{ndim}, 3, {ix}> s) {{\n    \
         gather<{wrap}>(out, index, src, bad, n, size, step, s);\n}}\n"
    )
}

/// `out[..., index, ...] = op(out[..., index, ...], src[...])`, in order along each line. Entry point: `name(out, index,
/// src, bad, lines, count, size, out_step, index_step, src_step, strides over the lines)`.
pub fn scatter_kernel(name: &str, op: Scatter, dtype: DType, index: DType, ndim: u8, wrap: bool, wide: bool) -> String {
    let (i, ix) = (element(index), index_type(wide));
    let compute = compute_type(Compute::of(dtype));
    let (d, c) = if op == Scatter::Assign { (mover(dtype), mover(dtype)) } else { (element(dtype), compute) };
    let op = match op {
        Scatter::Assign => "assign_op",
        Scatter::Add => "sum_op",
        Scatter::Mul => "prod_op",
        Scatter::Max => "max_op",
        Scatter::Min => "min_op",
    };
    format!(
        "#include \"index.cu\"\n{HEAD}{name}({d}* out, const {i}* index, const {d}* src, int* bad, {ix} lines, {ix} count, \
         {ix} size, {ix} out_step, {ix} index_step, {ix} src_step, const strides<{ndim}, 3, {ix}> s) {{\n    \
         scatter<{wrap}, {c}, {op}<{c}>>(out, index, src, bad, lines, count, size, out_step, index_step, src_step, s);\n}}\n"
    )
}

/// Sums of source rows into result rows (see cuda/index.cu). Entry point: `name(out, src, target, start, order,
/// segments, width)`.
pub fn segment_add_kernel(name: &str, dtype: DType, wide: bool) -> String {
    let (d, c, ix) = (element(dtype), compute_type(Compute::of(dtype)), index_type(wide));
    format!(
        "#include \"index.cu\"\n{HEAD}{name}({d}* out, const {d}* src, const i64* target, const i64* start, \
         const i64* order, {ix} segments, {ix} width) {{\n    \
         segment_add<{c}>(out, src, target, start, order, segments, width);\n}}\n"
    )
}

/// A copy that changes the type: one output, one input, no compute type between them. Entry point as `map_kernel`.
pub fn copy_kernel(name: &str, from: DType, to: DType, index: IndexForm) -> String {
    let (f, o, ix) = (element(from), element(to), index_type(index.wide));
    let read = load(from, 0, 1, index.zero >> 1 & 1 == 1, index.ndim);
    format!(
        "#include \"copy.cu\"\nstruct {name}_f {{\n    static const int N = 2;\n    {o}* out0;\n    const {f}* in0;\n    \
         template <int W, class I> DEV void run(const I (&off)[N]) const {{\n{read}        vec<{o}, W> y;\n\
         #pragma unroll\n        for (int w = 0; w < W; w++) y.v[w] = cast<{o}>(a0.v[w]);\n        \
         store<W>(out0 + off[0], y);\n    }}\n}};\n\
         {HEAD}{name}({o}* out0, const {f}* in0, {ix} n, const strides<{nd}, 2, {ix}> s) {{\n    \
         const {name}_f f = {{out0, in0}};\n    map_loop<{v}, {nd}>(f, n, s);\n}}\n",
        nd = index.ndim,
        v = index.vec
    )
}

/// A batched transposition with a cast, 32 x 8 threads. Entry point: `name(out, in, batch, rows, cols, in_batch, in_row,
/// out_batch, out_row)`.
pub fn transpose_kernel(name: &str, from: DType, to: DType, wide: bool) -> String {
    let (f, o, ix) = (element(from), element(to), index_type(wide));
    format!(
        "#include \"copy.cu\"\n{HEAD}{name}({o}* out, const {f}* in, {ix} batch, {ix} rows, {ix} cols, {ix} in_batch, \
         {ix} in_row, {ix} out_batch, {ix} out_row) {{\n    \
         transpose(out, in, batch, rows, cols, in_batch, in_row, out_batch, out_row);\n}}\n"
    )
}
