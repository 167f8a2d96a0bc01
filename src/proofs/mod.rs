//! What is proved of the gate and the outbox together, under virtual time: the real ones, with the
//! two ways between them, against a model of Spike that gets some requests late. And of all of it
//! together, over real HTTP.
//!
//! `exhaustive.rs` looks at everything that can happen in a small world, `nights.rs` at some of what
//! can happen in a large one; both are made of `world.rs`. `chaos.rs` is the one over HTTP.
//! `forecast.rs` holds `spike forecast` against the layer.

#[cfg(feature = "sandbox")]
mod chaos;
mod exhaustive;
mod failing;
#[cfg(feature = "cli")]
mod forecast;
mod nights;
mod world;
