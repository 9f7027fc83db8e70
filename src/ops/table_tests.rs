//! The table as a whole: what the compiler cannot see in a literal.

use super::*;
use crate::op::{Grad, Kind, flag};
use std::collections::HashSet;

fn table() -> Vec<&'static Op> {
    init();
    registry::all().collect()
}

#[test]
fn most_pointwise_operators_are_formulas_with_derived_gradients() {
    let formulas: Vec<_> = table().into_iter().filter(|o| matches!(o.kind, Kind::Formula(_))).collect();
    let overridden: Vec<_> =
        formulas.iter().filter(|o| matches!(o.grad, Grad::Formulas(_) | Grad::Ops(..))).map(|o| o.name).collect();
    assert!(formulas.len() >= 100, "{} formulas", formulas.len());
    assert!(overridden.len() * 10 <= formulas.len(), "{} of {}: {overridden:?}", overridden.len(), formulas.len());
}

#[test]
fn names_are_unique() {
    let mut seen = HashSet::new();
    for o in table() {
        assert!(seen.insert(o.name), "two operators are called {}", o.name);
    }
}

#[test]
fn literals_are_whole() {
    for o in table() {
        let doc = o.doc.trim();
        assert!(doc.ends_with(['.', '?', '!', ')']), "{}: the documentation is no sentence: {doc}", o.name);
        let mut names = HashSet::new();
        for p in o.params {
            assert!(names.insert(p.name), "{}: two parameters are called {}", o.name, p.name);
            assert!(
                p.default.is_none() || p.default_arg().is_some(),
                "{}: the default of {} is unknown",
                o.name,
                p.name
            );
        }
        if let Grad::Ops(args, outs, _) = o.grad {
            assert!(
                args.iter().all(|&i| ((i & !record::PLACE) as usize) < o.params.len()),
                "{}: keeps an argument it has not",
                o.name
            );
            assert!(
                outs.iter().all(|&i| o.rets == ["*"] || (i as usize) < o.rets.len()),
                "{}: keeps no result",
                o.name
            );
        }
        if let Kind::Kernel(k) = o.kind {
            assert!(!o.has(flag::MUTATES) || o.name.ends_with('_'), "{}: what writes in place ends in _", o.name);
            assert!(!k.cuda.contains(' '), "{}: {:?} is no file", o.name, k.cuda);
        }
    }
}
