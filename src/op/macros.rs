//! `ops!`: the look of operator literals. One invocation a file lists its operators:
//!
//! ```text
//! ops! {
//!     /// Hyperbolic tangent of each element.
//!     fn tanh(input: Tensor) -> Tensor { .float().formula(|f| f.x(0).tanh()) }
//!
//!     /// The largest value along `dim`, and where it is.
//!     "max.dim" fn max_dim(input: Tensor, dim: Int, keepdim: Bool = false) -> (values, indices) { .kernel(...) }
//!
//!     /// Mean squared difference.
//!     fn mse_loss(input: Tensor, target: Tensor; reduction: Str = "mean") -> Tensor = { ...Rust on tensors... } { .functional() }
//! }
//! ```
//!
//! Parameters behind `;` are keyword-only. Types are the markers of `arg::ty`. A body behind `=` is a composite; the chain
//! in braces is a chain of methods on [`super::Op`]. For each operator the macro makes a Rust function, a method of
//! `Tensor` where the first parameter is a tensor, and a static; for the file the table `OPS`.

/// See the module's documentation.
#[macro_export]
macro_rules! ops {
    ($(
        $(#[doc = $doc:literal])+
        $($py:literal)? fn $name:ident ( $($p:ident : $t:ident $(= $d:expr)?),* $(; $($kp:ident : $kt:ident $(= $kd:expr)?),+)? ) -> $ret:tt
        $(= $body:block)? { $($chain:tt)* }
    )*) => {
        $(
            #[doc(hidden)]
            pub mod $name {
                #[allow(unused_imports)]
                use super::*;
                #[allow(unused_imports)]
                use $crate::op::arg::{Arg, Ctx, Marker, Param, Ty, ty};

                $crate::composite_body!{ ($($p: $t,)* $($($kp: $kt,)+)?) $ret [$($body)?] }

                /// The operator's literal.
                pub static OP: $crate::op::Op = $crate::op::Op::new(
                    stringify!($name),
                    $crate::py_name!($name $($py)?),
                    concat!($($doc, "\n"),+),
                    &[
                        $(Param { name: stringify!($p), ty: <ty::$t as Marker>::TY, default: $crate::default_text!($($d)?), keyword: false },)*
                        $($(Param { name: stringify!($kp), ty: <ty::$kt as Marker>::TY, default: $crate::default_text!($($kd)?), keyword: true },)+)?
                    ],
                    $crate::ret_names!($ret),
                    $crate::body_fn!($($body)?),
                ) $($chain)*;

                impl $crate::tensor::Tensor {
                    $crate::op_method!{ $name $ret ($(#[doc = $doc])+) ($($p: $t,)* $($($kp: $kt,)+)?) }
                }
            }

            $(#[doc = $doc])+
            pub fn $name<'a>($($p: <$crate::op::arg::ty::$t as $crate::op::arg::Marker>::Rust<'a>,)*
                $($($kp: <$crate::op::arg::ty::$kt as $crate::op::arg::Marker>::Rust<'a>,)+)?) -> $crate::error::Result<$crate::ret_type!($ret)> {
                use $crate::op::arg::Marker;
                // A Rust program need not know that the operators are to be made known first.
                $crate::init();
                let out = $crate::op::call::call(&$name::OP, &[
                    $(<$crate::op::arg::ty::$t as Marker>::arg($p),)*
                    $($(<$crate::op::arg::ty::$kt as Marker>::arg($kp),)+)?
                ])?;
                $crate::ret_value!($ret, out)
            }
        )*

        /// The operators of this file.
        pub(crate) static OPS: &[&$crate::op::Op] = &[$(&$name::OP),*];
    };
}

/// The wrapper that unpacks a composite's arguments.
#[doc(hidden)]
#[macro_export]
macro_rules! composite_body {
    ($params:tt $ret:tt []) => {};
    (($($p:ident : $t:ident,)*) $ret:tt [$body:block]) => {
        #[allow(unused_mut, unused_variables, clippy::redundant_closure_call)]
        pub(super) fn body(cx: &Ctx) -> $crate::error::Result<$crate::op::Rets> {
            let mut args = cx.args.iter();
            $(let $p = <ty::$t as Marker>::get(*args.next().unwrap_or(&Arg::None))?;)*
            let run = || -> $crate::error::Result<$crate::ret_type!($ret)> { $body };
            Ok($crate::ret_pack!($ret, run()?))
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! body_fn {
    () => {
        None
    };
    ($body:block) => {
        Some(body)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! py_name {
    ($name:ident) => {
        stringify!($name)
    };
    ($name:ident $py:literal) => {
        $py
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! default_text {
    () => {
        None
    };
    ($d:expr) => {
        Some(stringify!($d))
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! ret_names {
    (Tensor) => {
        &[""]
    };
    (Tensors) => {
        &["*"]
    };
    (()) => {
        &[]
    };
    (($($r:ident),+)) => {
        &[$(stringify!($r)),+]
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! ret_type {
    (Tensor) => { $crate::tensor::Tensor };
    (Tensors) => { Vec<$crate::tensor::Tensor> };
    (()) => { () };
    (($($r:ident),+)) => { [$crate::tensor::Tensor; $crate::count!($($r)+)] };
}

#[doc(hidden)]
#[macro_export]
macro_rules! ret_value {
    (Tensor, $out:expr) => {
        $crate::op::call::only($out)
    };
    (Tensors, $out:expr) => {
        Ok($out.into_vec())
    };
    ((), $out:expr) => {{
        _ = $out;
        Ok(())
    }};
    (($($r:ident),+), $out:expr) => {
        $crate::op::call::exactly($out)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! ret_pack {
    (Tensor, $r:expr) => {
        $crate::op::Rets::from_iter([$r])
    };
    (Tensors, $r:expr) => {
        $crate::op::Rets::from_vec($r)
    };
    ((), $r:expr) => {{
        $r;
        $crate::op::Rets::new()
    }};
    (($($n:ident),+), $r:expr) => {
        $crate::op::Rets::from_iter($r)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! count {
    () => { 0 };
    ($x:tt $($rest:tt)*) => { 1 + $crate::count!($($rest)*) };
}

/// The method of `Tensor`, for operators whose first parameter is a tensor.
#[doc(hidden)]
#[macro_export]
macro_rules! op_method {
    ($name:ident $ret:tt ($($doc:tt)*) ($first:ident : Tensor, $($p:ident : $t:ident,)*)) => {
        $($doc)*
        pub fn $name<'a>(&'a self, $($p: <ty::$t as Marker>::Rust<'a>),*) -> $crate::error::Result<$crate::ret_type!($ret)> {
            super::$name(self, $($p),*)
        }
    };
    ($name:ident $ret:tt ($($doc:tt)*) ($first:ident : Num, $($p:ident : $t:ident,)*)) => {
        $($doc)*
        pub fn $name<'a>(&'a self, $($p: <ty::$t as Marker>::Rust<'a>),*) -> $crate::error::Result<$crate::ret_type!($ret)> {
            super::$name($crate::op::arg::Num::Tensor(self), $($p),*)
        }
    };
    ($($other:tt)*) => {};
}
