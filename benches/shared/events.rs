//! What is measured: the same events, from the same places, with the same values, whoever listens.

use std::{error::Error, fmt, hint::black_box, ops::Range};

use tracing::{debug, error, info, info_span, span::EnteredSpan, trace};

/// Words of one length, so that all messages have one length too. No title rule takes a variable
/// part for one of these, or one of these for a variable part.
const WORDS: [&str; 32] = [
    "amber", "apple", "beach", "bread", "brick", "chalk", "cloud", "coral", "daisy", "eagle",
    "fence", "flame", "grape", "green", "honey", "jelly", "lemon", "maple", "melon", "olive",
    "onion", "paper", "peach", "pearl", "plant", "river", "royal", "spoon", "stone", "sugar",
    "tiger", "wheat",
];

/// Callsites of [`fresh`].
pub(crate) const SITES: usize = 200;

/// Events of [`fresh`] with a title each, none refused: 5 of each callsite.
pub(crate) const FRESH: u64 = 1000;

/// A call for each number; compiled into one loop, so that no call of ours is counted with it.
#[inline(always)]
pub(crate) fn each(numbers: Range<u64>, run: impl Fn(u64)) {
    for number in numbers {
        run(black_box(number));
    }
}

fn word(number: u64, place: u32) -> &'static str {
    WORDS[(number >> (5 * place)) as usize % WORDS.len()]
}

/// What went wrong, with what caused it.
#[derive(Debug)]
struct Failed {
    order: u64,
    source: Timeout,
}

#[derive(Debug)]
struct Timeout;

#[derive(Debug)]
enum State {
    Waiting(#[expect(dead_code, reason = "only its Debug reads it")] u32),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer about order {}", self.order)
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("operation timed out")
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

impl Error for Timeout {}

/// Five fields of mixed types, an error with a source, and a message.
macro_rules! told {
    ($order:expr, $($message:tt)+) => {{
        let order = $order;
        let failed = Failed { order, source: Timeout };
        error!(
            order,
            amount = 129.95_f64,
            retry = true,
            region = "eu-north",
            state = ?State::Waiting(3),
            error = &failed as &dyn Error,
            $($message)+
        );
    }};
}

/// The same with a message of 60 bytes with five values in it. Each use is a callsite of its own.
macro_rules! incident {
    ($number:expr, $words:expr) => {{
        let order = 1_000_000 + $number % 1_000_000;
        let [first, second, third, fourth]: [&str; 4] = $words;
        told!(order, "no {first} {second} {third} {fourth} left for order {order}: it failed");
    }};
}

macro_rules! five {
    ($($what:tt)*) => { [$($what)*, $($what)*, $($what)*, $($what)*, $($what)*] };
}

macro_rules! eight {
    ($($what:tt)*) => {
        [$($what)*, $($what)*, $($what)*, $($what)*, $($what)*, $($what)*, $($what)*, $($what)*]
    };
}

/// So many callsites.
type Sites = [[[fn(u64); 8]; 5]; 5];

static SITES_OF_FRESH: Sites = five!(five!(eight!(|number| incident!(
    number,
    [word(number, 0), word(number, 1), "crate", "chalk"]
))));

/// An incident that has not occurred before, if `number`, below [`FRESH`], was not used before. Its
/// callsite is that of each [`SITES`]th.
pub(crate) fn fresh(number: u64) {
    let sites = SITES_OF_FRESH.as_flattened().as_flattened();
    sites[number as usize % SITES](number);
}

/// The same incident as before, of another order.
pub(crate) fn repeat(number: u64) {
    incident!(number, ["green", "olive", "crate", "chalk"]);
}

/// An order's id that looks another each time.
fn id(number: u64) -> u64 {
    1_000_000 + number.wrapping_mul(2_654_435_761) % 9_000_000
}

/// The same incident, in messages that have nothing in common but their title.
pub(crate) fn anew(number: u64) {
    let id = id(number);
    told!(id, "no green olive crate chalk left for order o-{id:x}: it failed");
}

/// As [`anew`], of 600 bytes.
pub(crate) fn long(number: u64) {
    const MORE: &str = "green olive crate chalk left for order of it, since it failed; no ";
    let (id, [a, b, c, d, e, f, g, h]) = (id(number), [MORE; 8]);
    told!(
        id,
        "no {a}{b}{c}{d}{e}{f}{g}{h}green olive crate chalk left for order o-{id:x}: it failed"
    );
}

/// An incident with a title of its own, the first million times, from one of eight callsites.
pub(crate) fn distinct(number: u64) {
    static SITES: [fn(u64); 8] =
        eight!(|number| incident!(number, [0, 1, 2, 3].map(|place| word(number, place))));
    SITES[number as usize % SITES.len()](number);
}

/// Two spans of two fields each, entered.
pub(crate) fn spans() -> [EnteredSpan; 2] {
    let outer = info_span!("request", request_id = 7_310_u64, path = "/orders/reserve").entered();
    let inner = info_span!("reserve", shelf = 17_u64, warm = true).entered();
    [outer, inner]
}

/// A span of two fields: made, entered, left and closed.
pub(crate) fn span(number: u64) {
    let span = info_span!("request", request_id = number, path = "/orders/reserve");
    drop(span.enter());
}

/// The same without a field.
pub(crate) fn bare_span(_: u64) {
    let span = info_span!("request");
    drop(span.enter());
}

pub(crate) fn disabled_trace(number: u64) {
    trace!(number, path = "/orders/reserve", warm = true, "read a line");
}

pub(crate) fn disabled_debug(number: u64) {
    debug!(number, path = "/orders/reserve", warm = true, "read a line");
}

pub(crate) fn disabled_info(number: u64) {
    info!(number, path = "/orders/reserve", warm = true, "read a line");
}
