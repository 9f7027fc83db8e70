//! Einstein's notation: sums of products over dimensions named by letters. Operands are joined two at a time, from left to
//! right, each pair as one batched matrix product.

use crate::error::Result;
use crate::op::flag;
use crate::ops;
use crate::ops::short::mul;
use crate::shape::Dims;
use crate::tensor::Tensor;

ops! {
    /// The sum of products of the operands over the letters that the output does not name: `einsum("ij,jk->ik", a, b)`.
    fn einsum(equation: Str, operands: Tensors) -> Tensor = {
        if operands.is_empty() {
            bail!(
                Value,
                "einsum(): must specify the equation string and at least one operand, or at least one operand and its subscripts list"
            );
        }
        run(equation, operands)
    } { .with(flag::NO_METHOD | flag::SPREAD) }
}

/// A dimension: a letter, or one of those that `...` stands for (counted from the right).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Label {
    Letter(u8),
    Dots(usize),
}

/// A tensor with the label of each of its dimensions, all different.
struct Named {
    t: Tensor,
    labels: Vec<Label>,
}

/// One term of an equation: letters, and where the dots stand.
fn parse(text: &str, which: &str, base: usize) -> Result<Vec<Option<u8>>> {
    let b = text.as_bytes();
    let (mut out, mut i) = (Vec::new(), 0);
    while i < b.len() {
        match b[i] {
            b' ' => {}
            b'.' => {
                if b.get(i + 1) != Some(&b'.') || b.get(i + 2) != Some(&b'.') {
                    bail!(Runtime, "einsum(): found '.' for {which} that is not part of any ellipsis");
                }
                if out.contains(&None) {
                    bail!(Runtime, "einsum(): found '.' for {which} for which an ellipsis was already found");
                }
                out.push(None);
                i += 2;
            }
            c if c.is_ascii_alphabetic() => out.push(Some(c)),
            _ => bail!(
                Runtime,
                "einsum(): invalid subscript given at index {} in the equation string, subscripts must be in [a-zA-Z]",
                base + i
            ),
        }
        i += 1;
    }
    Ok(out)
}

fn run(equation: &str, operands: &[Tensor]) -> Result<Tensor> {
    let (left, right) = match equation.find("->") {
        Some(i) => (&equation[..i], Some(&equation[i + 2..])),
        None => (equation, None),
    };
    let mut terms = Vec::new();
    let mut base = 0;
    for (k, text) in left.split(',').enumerate() {
        if k >= operands.len() {
            bail!(Runtime, "einsum(): fewer operands were provided than specified in the equation");
        }
        terms.push(parse(text, &format!("operand {k}"), base)?);
        base += text.len() + 1;
    }
    if terms.len() < operands.len() {
        bail!(Runtime, "einsum(): more operands were provided than specified in the equation");
    }
    // Names for all dimensions, and their sizes.
    let mut named = Vec::new();
    let mut sizes: Vec<(Label, i64)> = Vec::new();
    let mut widest = 0;
    for (k, (term, t)) in terms.iter().zip(operands).enumerate() {
        let (n, letters) = (t.ndim(), term.iter().flatten().count());
        let dots = term.contains(&None);
        if letters > n || (!dots && letters != n) {
            bail!(
                Runtime,
                "einsum(): the number of subscripts in the equation ({letters}) {} the number of dimensions ({n}) for operand {k}{}",
                if dots { "is more than" } else { "does not match" },
                if dots { "" } else { " and no ellipsis was given" }
            );
        }
        let hidden = n - letters;
        widest = widest.max(hidden);
        let mut labels: Vec<Label> = Vec::new();
        for c in term {
            match c {
                Some(c) => labels.push(Label::Letter(*c)),
                None => labels.extend((0..hidden).rev().map(Label::Dots)),
            }
        }
        let x = diagonals(k, t, labels)?;
        for (i, l) in x.labels.iter().enumerate() {
            let n = x.t.size_at(i);
            match sizes.iter_mut().find(|s| s.0 == *l) {
                None => sizes.push((*l, n)),
                Some(s) if s.1 == 1 => s.1 = n,
                Some(s) if n != 1 && s.1 != n => match l {
                    Label::Letter(c) => bail!(
                        Runtime,
                        "einsum(): subscript {} has size {n} for operand {k} which does not broadcast with previously seen size {}",
                        *c as char,
                        s.1
                    ),
                    Label::Dots(_) => bail!(
                        Runtime,
                        "einsum(): dimension {i} of operand {k} covered by ellipsis has size {n} which does not broadcast with \
                         previously seen size {}",
                        s.1
                    ),
                },
                _ => {}
            }
        }
        named.push(x);
    }
    let out = output(right, left.len() + 2, &terms, widest, &sizes)?;
    // A size of 1 beside a larger one is not there at all: the product broadcasts it.
    for x in &mut named {
        for i in (0..x.labels.len()).rev() {
            if x.t.size_at(i) == 1 && sizes.iter().any(|s| s.0 == x.labels[i] && s.1 != 1) {
                x.t = ops::squeeze_dim(&x.t, i as i64)?;
                x.labels.remove(i);
            }
        }
    }
    let mut rest = named.into_iter();
    let Some(mut done) = rest.next() else { bail!(Runtime, "einsum(): must provide at least one operand") };
    let rest: Vec<Named> = rest.collect();
    for (k, b) in rest.iter().enumerate() {
        let later = |l: Label| out.contains(&l) || rest[k + 1..].iter().any(|x| x.labels.contains(&l));
        done = join(done, b, &later)?;
    }
    done = summed(done, |l| out.contains(&l))?;
    // What was broadcast away completely stands in the output with its size of 1 (or stretched).
    let order: Vec<i64> =
        out.iter().filter_map(|l| done.labels.iter().position(|x| x == l)).map(|i| i as i64).collect();
    let mut t = ops::permute(&done.t, &order)?;
    for (i, l) in out.iter().enumerate() {
        if !done.labels.contains(l) {
            t = ops::unsqueeze(&t, i as i64)?;
        }
    }
    Ok(t)
}

/// Dimensions with the same letter in one operand become their diagonal.
fn diagonals(k: usize, t: &Tensor, labels: Vec<Label>) -> Result<Named> {
    let mut x = Named { t: t.clone(), labels: Vec::new() };
    for l in labels {
        let at = x.labels.len();
        let Some(first) = x.labels.iter().position(|o| *o == l) else {
            x.labels.push(l);
            continue;
        };
        let (m, n) = (x.t.size_at(first), x.t.size_at(at));
        if m != n {
            let c = if let Label::Letter(c) = l { c as char } else { '.' };
            bail!(Runtime, "einsum(): subscript {c} is repeated for operand {k} but the sizes don't match, {n} != {m}");
        }
        // The diagonal comes last; it goes back to where its first dimension was.
        let d = ops::diagonal(&x.t, 0, first as i64, at as i64)?;
        x.t = ops::movedim(&d, &[-1], &[first as i64])?;
    }
    Ok(x)
}

/// The output's labels: as written, or the dots and then in order the letters that occur once.
fn output(
    right: Option<&str>,
    base: usize,
    terms: &[Vec<Option<u8>>],
    widest: usize,
    sizes: &[(Label, i64)],
) -> Result<Vec<Label>> {
    let mut out = Vec::new();
    let Some(text) = right else {
        out.extend((0..widest).rev().map(Label::Dots));
        for c in (b'A'..=b'Z').chain(b'a'..=b'z') {
            if terms.iter().flatten().filter(|l| **l == Some(c)).count() == 1 {
                out.push(Label::Letter(c));
            }
        }
        return Ok(out);
    };
    for c in parse(text, "the output", base)? {
        match c {
            None => out.extend((0..widest).rev().map(Label::Dots)),
            Some(c) => {
                let l = Label::Letter(c);
                if out.contains(&l) {
                    bail!(Runtime, "einsum(): output subscript {} appears more than once in the output", c as char);
                }
                if !sizes.iter().any(|s| s.0 == l) {
                    bail!(
                        Runtime,
                        "einsum(): output subscript {} does not appear in the equation for any input operand",
                        c as char
                    );
                }
                out.push(l);
            }
        }
    }
    Ok(out)
}

/// `x` summed over the labels that nobody keeps.
fn summed(x: Named, keep: impl Fn(Label) -> bool) -> Result<Named> {
    let over: Dims = (0..x.labels.len()).filter(|&i| !keep(x.labels[i])).map(|i| i as i64).collect();
    if over.is_empty() {
        return Ok(x);
    }
    let t = ops::sum(&x.t, Some(&over), false, Some(x.t.dtype()))?;
    Ok(Named { t, labels: x.labels.into_iter().filter(|l| keep(*l)).collect() })
}

/// The product of two operands, summed over what they share and nobody needs later.
fn join(a: Named, b: &Named, later: &dyn Fn(Label) -> bool) -> Result<Named> {
    let a = summed(a, |l| later(l) || b.labels.contains(&l))?;
    let b = summed(Named { t: b.t.clone(), labels: b.labels.clone() }, |l| later(l) || a.labels.contains(&l))?;
    let shared = |l: &Label| a.labels.contains(l) && b.labels.contains(l);
    let of =
        |x: &Named, f: &dyn Fn(&Label) -> bool| -> Vec<Label> { x.labels.iter().copied().filter(|l| f(l)).collect() };
    let batch = of(&a, &|l| shared(l) && later(*l));
    let inner = of(&a, &|l| shared(l) && !later(*l));
    let (rows, cols) = (of(&a, &|l| !shared(l)), of(&b, &|l| !shared(l)));
    // Permuted to these groups, in sizes.
    let grouped = |x: &Named, groups: [&Vec<Label>; 3]| -> Result<(Tensor, [Dims; 3])> {
        let at = |l: &Label| x.labels.iter().position(|o| o == l).unwrap_or(0);
        let order: Dims = groups.iter().flat_map(|g| g.iter().map(|l| at(l) as i64)).collect();
        let sizes = groups.map(|g| g.iter().map(|l| x.t.size_at(at(l))).collect::<Dims>());
        Ok((ops::permute(&x.t, &order)?, sizes))
    };
    let (ta, sa) = grouped(&a, [&batch, &rows, &inner])?;
    let (tb, sb) = grouped(&b, [&batch, &inner, &cols])?;
    let n = |s: &[i64]| s.iter().product::<i64>();
    let mut to = sa[0].clone();
    to.extend_from_slice(&sa[1]);
    to.extend_from_slice(&sb[2]);
    let labels = [batch, rows, cols].concat();
    let t = if inner.is_empty() {
        // Nothing to sum: a product with broadcasting.
        let mut wide = sa[0].clone();
        wide.extend_from_slice(&sa[1]);
        wide.extend(sb[2].iter().map(|_| 1));
        let mut other = sb[0].clone();
        other.extend(sa[1].iter().map(|_| 1));
        other.extend_from_slice(&sb[2]);
        mul(&ops::reshape(&ta, &wide)?, &ops::reshape(&tb, &other)?)?
    } else if sa[0].is_empty() {
        let p = ops::mm(&ops::reshape(&ta, &[n(&sa[1]), n(&sa[2])])?, &ops::reshape(&tb, &[n(&sb[1]), n(&sb[2])])?)?;
        ops::reshape(&p, &to)?
    } else {
        let x = ops::reshape(&ta, &[n(&sa[0]), n(&sa[1]), n(&sa[2])])?;
        let y = ops::reshape(&tb, &[n(&sb[0]), n(&sb[1]), n(&sb[2])])?;
        ops::reshape(&ops::bmm(&x, &y)?, &to)?
    };
    Ok(Named { t, labels })
}
