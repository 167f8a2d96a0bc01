//! What a test that fails is told.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

/// What an assertion that fails says.
fn said(check: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(check)).unwrap_err();
    payload.downcast_ref::<String>().unwrap().clone()
}

#[test]
fn all() {
    let spike = spike();
    let told = said(|| assert_paged!(spike, "card payment failed"));
    println!("{told}\n-----");
    let _inside = spike.enter();
    warn!("cache is cold");
    error!(target: "noisy", "again");
    error!(spike = false, "never mind");
    info!(spike.status = "resolved", "typo");
    debug!("too low");
    error!(target: "shop::cache", "no node");
    for order in 0..3 {
        error!(order, "card payment failed");
    }
    for name in ["a", "b", "c", "d", "e", "f", "g"] {
        error!("plan {name} is gone");
    }
    println!("{}\n-----", said(|| assert_paged!(spike, "card payment faild")));
    println!("{}\n-----", said(|| assert_paged!(spike, "card payment failed", severity(Severity::Sev1), body("fields.order", 17))));
    println!("{}\n-----", said(|| assert_paged!(spike, "card payment failed", times(2), resolved())));
    println!("{}\n-----", said(|| assert_not_paged!(spike, "card payment failed")));
    println!("{}\n-----", said(|| assert_not_paged!(spike)));
    println!("{}\n-----", said(|| assert_not_paged!(spike, "cache is warm", occurred())));
}
