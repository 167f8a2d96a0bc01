//! Behaviour tests, one binary. A test that covers a case of the fault catalogue carries its
//! number (`f012_…`).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::exit,
    reason = "a test fails by panicking, and its helpers with it"
)]

mod caller;
mod capture;
mod child;
#[cfg(feature = "cli")]
mod cli;
mod config;
mod context;
mod data;
mod delivery;
mod dry;
mod exit;
mod faults;
mod flush;
mod forked;
mod health;
mod idle;
mod kills;
mod links;
mod mute;
mod neighbours;
mod network;
mod panics;
mod rig;
mod routes;
mod secrets;
mod set_filter;
mod smoke;
mod spool;
mod storms;
#[cfg(feature = "testing")]
mod testing;
mod tidy;
mod titles;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
mod tls;
mod trail;
mod words;
