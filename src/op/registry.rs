//! All operators by name, for those above `ops/` and for what goes over the whole table. Files of `ops/` hand their tables in
//! once. (What `op/` itself calls is in `steps.rs`.)

use super::Op;
use crate::error::Result;
use std::collections::HashMap;
use std::sync::OnceLock;

static TABLES: OnceLock<&'static [&'static [&'static Op]]> = OnceLock::new();
static BY_NAME: OnceLock<HashMap<&'static str, &'static Op>> = OnceLock::new();

/// Makes the tables known; the first call counts (`ops::init`).
pub fn install(tables: &'static [&'static [&'static Op]]) {
    _ = TABLES.set(tables);
}

/// All operators, in the order of the tables.
pub fn all() -> impl Iterator<Item = &'static Op> {
    TABLES.get().into_iter().flat_map(|t| t.iter()).flat_map(|t| t.iter()).copied()
}

/// The operator with this Rust name.
pub fn get(name: &str) -> Result<&'static Op> {
    let map = BY_NAME.get_or_init(|| all().map(|op| (op.name, op)).collect());
    map.get(name).copied().ok_or_else(|| crate::err!(Runtime, "there is no operator named {name}"))
}
