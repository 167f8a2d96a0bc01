//! Why a part of a message is a value: the rules by name, for people who ask.
//!
//! Invariant: says what the scan did and decides nothing.

/// A part of a message that became `#`, from [`explain`](super::explain).
///
/// ```
/// let values = tracing_spike::title::explain("seat 41 is taken");
/// assert_eq!((values[0].text.as_str(), values[0].rule), ("41", "a number"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Value {
    /// As it stands in the message, but for characters that nobody sees.
    pub text: String,
    /// The rule that took it for a value, in a few words: `"a number"`, `"in quotes"`.
    pub rule: &'static str,
}

/// The rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Address,
    Code,
    Compound,
    Date,
    Due,
    Ending,
    Details,
    Hash,
    Joined,
    Keyed,
    List,
    Literal,
    Named,
    Number,
    Digits,
    Path,
    Quoted,
    Random,
    Request,
    Statement,
    Structure,
    Url,
}

impl Rule {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Address => "an address",
            Self::Code => "a place in code, or a path",
            Self::Compound => "a name with both - and _",
            Self::Date => "a day or month in a date",
            Self::Due => "all that follows a label or verb that takes a value",
            Self::Ending => "ends as a host, a file or a deployment does",
            Self::Details => "what a value printed for debugging holds, but for its kinds",
            Self::Hash => "a placeholder",
            Self::Joined => "numbers joined: an address, a time, a version",
            Self::Keyed => "the value of key=value",
            Self::List => "a list or a map",
            Self::Literal => "a value by itself: true, None, localhost",
            Self::Named => "a name after the word for its sort",
            Self::Number => "a number",
            Self::Digits => "digits in it, and no name of a technology",
            Self::Path => "a path",
            Self::Quoted => "in quotes",
            Self::Random => "letters that no word has",
            Self::Request => "a request, but for its method",
            Self::Statement => "a statement of SQL",
            Self::Structure => "a value printed for debugging",
            Self::Url => "a URL",
        }
    }
}

/// Collects the values of one scan.
#[derive(Debug, Default)]
pub(super) struct Trace {
    pub(super) values: Vec<Value>,
}

impl Trace {
    #[cold]
    pub(super) fn note(&mut self, text: &str, rule: Rule) {
        // What hangs on a value is no part of it.
        let text = text.trim_end_matches([':', '.', ',', ';', '!', '?']);
        if text.chars().any(char::is_alphanumeric) {
            self.values.push(Value { text: text.to_owned(), rule: rule.words() });
        }
    }
}
