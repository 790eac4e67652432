//! `plimsoll schema`.

use super::Context;
use crate::exit::ExitStatus;

pub(crate) fn run(context: &Context) -> ExitStatus {
    context.printer.data(plimsoll_model::schema().trim_end());
    ExitStatus::Success
}
