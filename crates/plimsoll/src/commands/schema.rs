//! `plimsoll schema`.

use super::Context;
use crate::exit::{ExitStatus, Result};

#[expect(clippy::unnecessary_wraps, reason = "every command has this shape")]
pub(crate) fn run(context: &Context) -> Result<ExitStatus> {
    context.printer.data(plimsoll_model::json_schema().trim_end());
    Ok(ExitStatus::Success)
}
