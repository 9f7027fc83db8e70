//! The order of the layers: a folder of `base/src` and `src` names only those before it (design.md 7), and nothing outside `ops/` decides
//! by an operator's name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The layers in order. `op` and `tensor` know of each other's data: a tensor holds its graph node, a node holds tensors.
/// `device` stands before `memory`, since a storage knows on which device it lies.
const LAYERS: &[&str] =
    &["error", "dtype", "scalar", "shape", "device", "memory", "kernels", "tensor", "op", "ops", "autograd"];

/// What may be named against the order, with the reason.
const EXCEPTIONS: &[(&str, &str, &str)] =
    &[("device/cuda/compile.rs", "kernels", "the compiler's options and headers stand with the text that needs them")];

/// Names at the crate's root that stand for a layer.
const ROOT: &[(&str, &str)] = &[
    ("Device", "device"),
    ("DType", "dtype"),
    ("Error", "error"),
    ("Kind", "error"),
    ("Result", "error"),
    ("Scalar", "scalar"),
    ("Tensor", "tensor"),
    ("bail", "error"),
    ("err", "error"),
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for e in entries.flatten() {
        let path = e.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|x| x == "rs") {
            found.push(path);
        }
    }
}

/// The code of a file: no comments, no text of strings, nothing from the first `#[cfg(test)]` module on.
fn code(text: &str) -> String {
    let mut out = String::new();
    let mut test = false;
    for line in text.lines() {
        let bare = line.split("//").next().unwrap_or("");
        if bare.trim_start().starts_with("#[cfg(test)]") || bare.trim_start().starts_with("#[cfg(all(test") {
            test = true;
        } else if test && bare.trim_start().starts_with("mod ") && bare.trim_end().ends_with('{') {
            break;
        } else if !bare.trim().is_empty() && !bare.trim_start().starts_with("#[") {
            if !test {
                out.push_str(bare);
                out.push('\n');
            }
            test = false;
        }
    }
    out
}

/// The files of the core with the layer that each belongs to.
fn sources() -> Vec<(PathBuf, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut out = Vec::new();
    for src in [root.join("base/src"), root.join("src")] {
        sources_of(&src, &mut out);
    }
    assert!(out.len() > 50, "the sources were not found");
    out
}

fn sources_of(src: &Path, out: &mut Vec<(PathBuf, String, String)>) {
    let mut all = Vec::new();
    files(src, &mut all);
    for path in all {
        let Ok(inside) = path.strip_prefix(src) else { continue };
        let parts: Vec<String> = inside.iter().map(|p| p.to_string_lossy().into_owned()).collect();
        // Tests may look everywhere.
        if parts.iter().any(|p| p.contains("tests")) || parts[0] == "lib.rs" {
            continue;
        }
        let layer = parts[0].trim_end_matches(".rs").to_string();
        let text = fs::read_to_string(&path).unwrap_or_default();
        out.push((inside.to_path_buf(), layer, code(&text)));
    }
}

/// What stands behind `crate::` in `text`: the first name of each path, groups included.
fn named(text: &str) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + 7..];
        let group = rest.strip_prefix('{').and_then(|r| r.split('}').next());
        for part in group.unwrap_or(rest).split(',') {
            let name: String = part.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            out.insert(name);
            if group.is_none() {
                break;
            }
        }
    }
    out
}

#[test]
fn a_layer_uses_only_those_before_it() {
    let place: BTreeMap<&str, usize> = LAYERS.iter().enumerate().map(|(i, l)| (*l, i)).collect();
    let mut wrong = Vec::new();
    for (path, layer, text) in sources() {
        let Some(&own) = place.get(layer.as_str()) else {
            wrong.push(format!("{}: {layer} is no layer: add it to LAYERS at its place", path.display()));
            continue;
        };
        for name in named(&text) {
            let used = ROOT.iter().find(|r| r.0 == name).map_or(name.as_str(), |r| r.1);
            if let Some(&at) = place.get(used)
                && at > own
                && !EXCEPTIONS.iter().any(|e| path == Path::new(e.0) && used == e.1)
            {
                wrong.push(format!("{} names crate::{name}, which is a layer above {layer}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_outside_ops_decides_by_an_operators_name() {
    let mut wrong = Vec::new();
    for (path, layer, text) in sources() {
        if layer == "ops" {
            continue;
        }
        for (i, line) in text.lines().enumerate() {
            let decides =
                ["match op.name", "match cx.op.name", "match self.op.name", "op.py ==", "op.name ==", "op.name !="];
            if decides.iter().any(|d| line.contains(d)) {
                wrong.push(format!("{}, line {} of its code: {}", path.display(), i + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "give the operator's literal a flag instead:\n{}", wrong.join("\n"));
}
