//! The forecast against the layer itself, and against what no log should look like.

mod lines;
#[expect(clippy::print_stdout, reason = "a proof tells what it has looked at")]
mod proof;
