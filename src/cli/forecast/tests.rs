//! The forecast against the layer itself, and against what no log should look like.

mod lines;
mod proof;
