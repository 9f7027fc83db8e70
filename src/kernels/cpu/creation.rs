//! stub
use crate::error::Result;
use crate::kernels::Operand;
use crate::scalar::Scalar;
pub fn arange(_o: Operand, _n: i64, _a: Scalar, _s: Scalar) -> Result<()> {
    Ok(())
}
