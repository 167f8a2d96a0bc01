//! What holds for any message, checked on random ones. `SPIKE_TITLE_CASES` says how many;
//! `.ci/long properties` says millions.

#![expect(clippy::print_stdout, reason = "what was measured is for people")]

use std::{collections::HashMap, env, fmt::Write as _, sync::OnceLock};

use proptest::{
    collection::vec,
    prelude::{ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof},
    proptest,
    sample::select,
};

use super::shapes::{Dice, SHAPES, SHY};
use super::{
    super::{Draft, MAX_CHARS, Parts, Spare, Titles, derive, explain},
    FRAGMENTS, Random, clean, p, v,
};

/// How many cases the environment wants.
pub(super) fn wanted() -> Option<u32> {
    static WANTED: OnceLock<Option<u32>> = OnceLock::new();
    *WANTED.get_or_init(|| env::var("SPIKE_TITLE_CASES").ok()?.parse().ok())
}

/// How many cases a property gets: `few`, or as many as the environment says.
fn cases(few: u32) -> u32 {
    wanted().unwrap_or(few)
}

fn config(few: u32) -> ProptestConfig {
    ProptestConfig { cases: cases(few), failure_persistence: None, ..ProptestConfig::default() }
}

/// Hostile text: fragments, any characters, and long runs.
fn hostile() -> impl Strategy<Value = String> {
    let fragment = select(FRAGMENTS.as_slice()).prop_map(str::to_owned);
    let any_char = any::<char>().prop_map(String::from);
    let ascii = (0x20_u8..0x7f).prop_map(|b| char::from(b).to_string());
    let run = (select(FRAGMENTS.as_slice()), 1_usize..80).prop_map(|(unit, n)| unit.repeat(n));
    let part = prop_oneof![8 => fragment, 2 => any_char, 4 => ascii, 1 => run];
    vec(part, 0..24).prop_map(|parts| parts.concat())
}

/// What is in no title, whoever wrote it.
fn forbidden(title: &str) -> Option<&str> {
    const BIDI: [char; 9] = [
        '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}',
        '\u{2068}', '\u{2069}',
    ];
    const HIDDEN: [char; 6] =
        ['\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{feff}', '\u{ad}'];
    const MARKUP: [&str; 9] = ["<", ">", "`", "{{", "}}", "{%", "%}", "://", "  "];
    const CROWDS: [&str; 4] = ["@here", "@channel", "@everyone", "@group"];
    let small = title.to_ascii_lowercase();
    if title.contains(char::is_control) {
        return Some("a control character");
    }
    if title.contains(BIDI) || title.contains(HIDDEN) {
        return Some("an invisible character");
    }
    if title.trim() != title {
        return Some("white space at an end");
    }
    let markup = MARKUP.into_iter().find(|mark| title.contains(mark));
    markup.or_else(|| CROWDS.into_iter().find(|crowd| small.contains(crowd)))
}

fn cleaned(text: &str) -> String {
    let mut out = String::new();
    clean::append(text, &mut out);
    out
}

proptest! {
    #![proptest_config(config(1_500))]

    #[test]
    fn any_event_has_one_clean_title_of_bounded_length(
        message in hostile(), target in hostile(), error in hostile(),
        span in proptest::option::of(hostile()), names in vec(hostile(), 0..3), short in any::<bool>(),
    ) {
        let fields = |visit: &mut dyn FnMut(&str)| names.iter().for_each(|name| visit(name));
        // A span's name that begins with a slash is not clean behind `::`; that is known.
        let span = span.as_deref().filter(|span| !cleaned(span).starts_with('/'));
        let parts = Parts {
            message: &message, error: &error, target: &target, span, fields: &fields,
        };
        let titles = if short { Titles::text().short() } else { Titles::text() };
        let (mut draft, mut spare) = (Draft::default(), Spare::default());
        draft.derive(&titles, &parts, &mut spare);
        let title = draft.title().to_owned();
        prop_assert!(!title.is_empty());
        prop_assert!(title.chars().count() <= MAX_CHARS, "{title}");
        prop_assert_eq!(forbidden(&title), None, "{}", title);
        // A trigger and its resolve: buffers that were used, and others.
        draft.clear();
        draft.derive(&titles, &parts, &mut spare);
        prop_assert_eq!(draft.title(), &title);
        let mut other = Draft::default();
        other.give("something else");
        other.clear();
        other.derive(&titles, &parts, &mut Spare::default());
        prop_assert_eq!(other.title(), &title);
        // A resolve by its title.
        prop_assert_eq!(v(&title), title);
    }

    #[test]
    fn what_a_program_gives_is_cleaned_once_and_for_all(text in hostile()) {
        let once = cleaned(&text);
        prop_assert_eq!(forbidden(&once), None, "{}", once);
        prop_assert_eq!(cleaned(&once), once);
        let given = v(&text);
        prop_assert_eq!(forbidden(&given), None, "{}", given);
        prop_assert_eq!(v(&given), given);
    }

    #[test]
    fn explaining_changes_nothing_and_quotes_the_message(text in hostile()) {
        let values = explain(&text);
        let visible = cleaned_of_hidden(&text);
        for value in &values {
            let quotes = text.contains(&value.text) || visible.contains(&value.text);
            prop_assert!(quotes, "{:?} is not in {:?}", value.text, text);
            prop_assert!(!value.rule.is_empty());
        }
    }

    #[test]
    fn a_message_of_words_and_values_reads_the_same_again(seed in any::<u64>()) {
        let message = ordinary(&mut Dice(seed));
        let once = p(&message);
        prop_assert_eq!(p(&once), once.clone(), "{}", message);
        prop_assert_eq!(cleaned(&once), once, "{}", message);
    }
}

/// As the scan sees a text with invisible characters: without them, all white space a space.
fn cleaned_of_hidden(text: &str) -> String {
    if clean::has_hidden(text) {
        clean::visible(text).map(|c| if c.is_whitespace() { ' ' } else { c }).collect()
    } else {
        text.to_owned()
    }
}

// === Fixed points ===

/// Of hostile strings: those whose title has another title. A million take a second in release.
#[test]
fn hostile_text_has_few_titles_that_read_differently() {
    // Below that, none of the few is met.
    let count = cases(10_000).max(10_000);
    let mut random = Random(0x0ddb_1a5e_5bad_5eed);
    let (mut unstable, mut unclean, mut examples) = (0_u32, 0_u32, Vec::new());
    for _ in 0..count {
        let message = random.message();
        let once = p(&message);
        let twice = p(&once);
        unclean += u32::from(cleaned(&once) != once);
        if twice != once {
            unstable += 1;
            if examples.len() < 40 {
                examples.push(smallest(&message));
            }
        }
    }
    let mut shown = String::new();
    examples.sort();
    examples.dedup();
    for message in &examples {
        let once = p(message);
        writeln!(shown, "  {message:?}: {once:?}, then {:?}", p(&once)).expect("written");
    }
    println!("{unstable} of {count} titles read differently, {unclean} are not clean\n{shown}");
    assert_eq!(unclean, 0);
    let bound = (f64::from(count) * 5e-6).max(1.0);
    assert!(f64::from(unstable) <= bound, "{unstable} of {count} read differently:\n{shown}");
}

/// The message without whatever can go, for as long as its title has another.
fn smallest(message: &str) -> String {
    let is_odd = |text: &str| p(&p(text)) != p(text);
    let mut least: Vec<char> = message.chars().collect();
    let mut at = 0;
    while at < least.len() {
        let mut fewer = least.clone();
        fewer.remove(at);
        if is_odd(&fewer.iter().collect::<String>()) {
            (least, at) = (fewer, 0);
        } else {
            at += 1;
        }
    }
    least.into_iter().collect()
}

// === Values ===

/// What stands around a value, `{}`; none of it may change the value's being one.
const TEMPLATES: [&str; 22] = [
    "{}",
    "{} is gone",
    "could not load {}",
    "could not load {} from the cache",
    "could not load the order {}: timeout",
    "the order {}, of two, is late",
    "the order {}; it is late",
    "it is late ({}) again",
    "it is late [{}] again",
    "late id={} again",
    "late, id: {}, again",
    "late id = {}, again",
    "was {} but is not",
    "from {} to {}",
    "late {}.",
    "{}: connection refused",
    "Late {} - giving up",
    "user {} was not found in time",
    "failed to connect to {} after a while",
    "Parsing of {} failed: unexpected end of file",
    "late \"{}\" again",
    "no more of {}!",
];

/// Whether it is known that a value of this shape is not read as one here.
fn is_known(shape: &str, template: &str) -> bool {
    match template {
        // Quotes in quotes, unescaped.
        "late \"{}\" again" => {
            shape.starts_with("in double quotes") || ["a list of texts", "a map"].contains(&shape)
        }
        _ => false,
    }
}

fn filled(template: &str, shape: fn(&mut Dice) -> String, dice: &mut Dice) -> String {
    let mut parts = template.split("{}");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(&shape(dice));
        out.push_str(part);
    }
    out
}

fn ordinary(dice: &mut Dice) -> String {
    let template = dice.pick(&TEMPLATES);
    let (_, shape) = dice.pick(&SHAPES);
    filled(template, shape, dice)
}

/// The titles of a template with many values of a shape, the most frequent first.
fn titles(
    template: &str,
    shape: fn(&mut Dice) -> String,
    count: u32,
) -> Vec<(String, u32, String)> {
    let mut dice = Dice(u64::from(count));
    let mut found: HashMap<String, (u32, String)> = HashMap::new();
    for _ in 0..count {
        let message = filled(template, shape, &mut dice);
        let title = derive(&message, "shop");
        found.entry(title).or_insert((0, message)).0 += 1;
    }
    let mut found: Vec<_> =
        found.into_iter().map(|(title, (count, message))| (title, count, message)).collect();
    found.sort_by(|one, two| two.1.cmp(&one.1).then_with(|| one.0.cmp(&two.0)));
    found
}

#[test]
fn another_value_of_the_same_kind_is_the_same_title() {
    let count = cases(30).clamp(30, 20_000);
    let mut broken = Vec::new();
    for (name, shape) in SHAPES {
        for template in TEMPLATES {
            let found = titles(template, shape, count);
            if (found.len() > 1) != is_known(name, template) {
                let of = |(title, count, message): &(String, u32, String)| {
                    format!("\n      {count}: {message} => {title}")
                };
                let most: String = found.iter().take(3).map(of).collect();
                let titles = found.len();
                broken.push(format!("{name} in {template:?}: {titles} titles{most}"));
            }
        }
    }
    assert!(broken.is_empty(), "{} broken:\n  {}", broken.len(), broken.join("\n  "));
}

#[test]
fn values_that_look_like_words_are_missed_no_more_often_than_is_known() {
    let count = cases(400).clamp(400, 100_000);
    for ((name, shape), most) in SHY {
        for template in ["the order {} is late", "could not load {}"] {
            let found = titles(template, shape, count);
            let usual = found.first().map_or(0, |(_, count, _)| *count);
            let percent = f64::from((count - usual) * 1000 / count) / 10.0;
            println!("{name} in {template:?}: {percent} % missed");
            assert!(percent <= most as f64, "{name} in {template:?}: {percent} % missed");
        }
    }
}
