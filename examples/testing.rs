//! Does it page? A program, and the tests that say so before a night does.
//!
//!     cargo test --example testing --features testing
//!     SPIKE_MODE=dry-run cargo run --example testing --features testing

use tracing::{error, info, warn};
use tracing_spike::{Builder, Error, Rule, Severity};

/// What pages, and how: the same in production and in the tests.
fn paging(builder: Builder) -> Builder {
    builder
        .filter("error,shop::billing=warn")
        .rule(Rule::target("shop::billing").severity(Severity::Sev1))
}

fn main() -> Result<(), Error> {
    let _spike = paging(tracing_spike::from_env()).init()?;
    for order in 1..=4 {
        charge(order);
    }
    settle();
    Ok(())
}

/// Charges an order.
fn charge(order: u64) {
    match order % 4 {
        0 => info!(target: "shop::billing", order, "card charged"),
        1 => warn!(target: "shop::billing", order, "card charged late"),
        _ => error!(target: "shop::billing", order, "card declined"),
    }
}

/// All is well again.
fn settle() {
    info!(target: "shop::billing", { spike.status = "resolve" }, "card declined");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tracing_spike::{Error, Severity, assert_not_paged, assert_paged, testing::Spike};

    use super::{charge, paging, settle};

    #[test]
    fn a_declined_card_pages_with_the_order() -> Result<(), Error> {
        let spike = Spike::new(paging)?;
        let _inside = spike.enter();
        charge(2);
        assert_paged!(
            spike,
            "card declined in shop::billing",
            severity(Severity::Sev1),
            body("fields.order", 2),
        );
        Ok(())
    }

    #[test]
    fn a_card_that_was_charged_does_not_page() -> Result<(), Error> {
        let spike = Spike::new(paging)?;
        let _inside = spike.enter();
        charge(4);
        assert_not_paged!(spike, "card charged", occurred());
        charge(1);
        assert_paged!(spike, "card charged late");
        Ok(())
    }

    #[test]
    fn one_bad_night_is_one_incident_and_ends() -> Result<(), Error> {
        let spike = Spike::new(paging)?;
        let _inside = spike.enter();
        for minute in 0..480 {
            charge(4 * minute + 2);
            spike.advance(Duration::from_secs(60));
        }
        settle();
        assert_paged!(spike, "card declined", times(1), resolved());
        Ok(())
    }
}
