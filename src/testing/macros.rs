//! The two macros, which fail a user's test.
//!
//! Invariant: they panic where they are written, so that the test's own line is told.

/// Fails unless this has paged: `assert_paged!(spike, "card payment failed")`. Conditions follow
/// the title, as calls of the methods of [`Expected`](crate::testing::Expected).
///
/// A title is one in which the text occurs, with its place (` in shop::payments`) or without it.
/// When it fails, it shows what paged, what did not and why, and which title is nearest.
///
/// ```
/// use tracing_spike::{Priority, assert_paged, testing::Spike};
///
/// let spike = Spike::new(|builder| builder.priority(Priority::P1))?;
/// let _inside = spike.enter();
/// for order in [17, 18] {
///     tracing::error!(order, "card payment of order {order} failed");
/// }
/// assert_paged!(spike, "card payment of order # failed", priority(Priority::P1), times(1));
/// # Ok::<(), tracing_spike::Error>(())
/// ```
#[macro_export]
macro_rules! assert_paged {
    ($spike:expr, $title:expr $(, $condition:ident ( $($value:expr),* $(,)? ))* $(,)?) => {{
        let expected = $crate::testing::Expected::title(&$title)$(.$condition($($value),*))*;
        if let ::core::result::Result::Err(why) = $spike.paged(&expected) {
            ::core::panic!("{why}");
        }
    }};
}

/// Fails if this has paged: `assert_not_paged!(spike, "cache is cold")`, or, without a title, if
/// anything has. Conditions may follow, as with [`assert_paged!`](crate::assert_paged): then it
/// fails for a page of which they are true. With
/// [`occurred()`](crate::testing::Expected::occurred) it fails, too, if nothing with this title
/// has occurred.
///
/// ```
/// use tracing_spike::{assert_not_paged, testing::Spike};
///
/// let spike = Spike::new(|builder| builder)?;
/// let _inside = spike.enter();
/// tracing::warn!("cache is cold");
/// assert_not_paged!(spike, "cache is cold", occurred());
/// assert_not_paged!(spike);
/// # Ok::<(), tracing_spike::Error>(())
/// ```
#[macro_export]
macro_rules! assert_not_paged {
    ($spike:expr $(,)?) => { $crate::assert_not_paged!($spike, "") };
    ($spike:expr, $title:expr $(, $condition:ident ( $($value:expr),* $(,)? ))* $(,)?) => {{
        let expected = $crate::testing::Expected::title(&$title)$(.$condition($($value),*))*;
        if let ::core::result::Result::Err(why) = $spike.not_paged(&expected) {
            ::core::panic!("{why}");
        }
    }};
}
