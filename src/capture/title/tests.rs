//! One example or more for every rule, and the properties that hold for any input.

use std::time::{Duration, Instant};

use super::{MAX_CHARS, Parts, Spare, chars, clean, derive, random, scan, verbatim, words, write};

mod cost;
mod golden;
mod properties;
mod shapes;

fn p(message: &str) -> String {
    let mut out = String::new();
    scan::run(message, &mut out, &mut Spare::default(), usize::MAX);
    out
}

fn v(title: &str) -> String {
    let mut out = String::from("left over");
    verbatim(title, &mut out);
    out
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (message, title) in cases {
        assert_eq!(p(message), *title, "for {message:?}");
    }
}

// === Values ===

#[test]
fn f097_words_with_digits_are_values() {
    check(&[
        ("failed to load user 4711 from 10.0.0.7:5432", "failed to load user # from #"),
        ("user 4711 failed", "user # failed"),
        ("worker node3 gone after -5 tries, 50% done", "worker # gone after # tries, # done"),
        ("id 9f86d081884c7d65 and 0x7fff and 12D3KooWa96qDP", "id # and # and #"),
        ("request 550e8400-e29b-41d4-a716-446655440000 lost", "request # lost"),
        ("took 15ms, then 654.946µs, then 1h30m", "took #, then #, then #"),
    ]);
}

#[test]
fn f097_a_million_ids_are_one_title() {
    let title = derive("user 0 failed", "shop");
    for id in (0..1_000_000_u64).step_by(997) {
        assert_eq!(derive(&format!("user {id} failed"), "shop"), title);
    }
}

#[test]
fn names_with_digits_stay() {
    for name in [
        "HTTP/1.1 sha256 utf8 utf-8 ipv4 s3 h2 http2 base64 md5 x509 i32 u64 Int64 Utf8Error v2",
        "Base64Decode ed25519 L5D_ORIG_PROTO v1/v2 4xx non-2xx to_u64",
    ] {
        for word in name.split(' ') {
            assert_eq!(p(&format!("cannot use {word} here")), format!("cannot use {word} here"));
        }
    }
    check(&[("Connection refused (os error 111)", "Connection refused (os error #)")]);
}

#[test]
fn random_letters_are_values() {
    check(&[
        ("job run_SFaBKCFXlLncAVjzTaiTqQxW lost", "job # lost"),
        ("hash deadbeef lost", "hash # lost"),
        ("XmlHttpRequest and ReadOnly stay", "XmlHttpRequest and ReadOnly stay"),
    ]);
}

#[test]
fn addresses_paths_and_urls_are_values() {
    check(&[
        ("GET https://a.example/x?y=1, then stop", "GET #, then stop"),
        ("mail to bob@example.org bounced", "mail to # bounced"),
        ("published svix@1.2.3", "published #"),
        ("no [::1]:5432 and no fe80::1:2 there", "no # and no # there"),
        ("open /etc/app/config.toml failed", "open # failed"),
        ("open ./state and ../x and ~/y", "open # and # and #"),
        (r"open C:\Users\alice\x.db failed", "open # failed"),
        ("objects/acme/metrics missing", "# missing"),
        ("bad host db.example.com today", "bad host # today"),
        ("at src/main.rs:12 and main.rs:12", "at # and #"),
    ]);
}

#[test]
fn prose_with_slashes_stays() {
    check(&[
        ("login/register over I/O and text/plain", "login/register over I/O and text/plain"),
        ("GET /metrics failed", "GET /metrics failed"),
    ]);
}

#[test]
fn quoted_text_is_a_value() {
    check(&[
        (r#"no column "orders \"x\"" found"#, "no column # found"),
        ("no column 'orders' found", "no column # found"),
        ("no column `orders` found", "no column # found"),
        ("no table ‘a b’ and “c d” found", "no table # and # found"),
        ("query 'DELETE FROM t WHERE at < '2022-12-26'' failed", "query # failed"),
    ]);
}

#[test]
fn apostrophes_are_not_quotes() {
    check(&[
        ("can't open the user's file", "can't open the user's file"),
        ("the users' file isn't there", "the users file isn't there"),
        ("it's 'orders' that isn't there", "it's # that isn't there"),
        ("lone \" and ' and ` vanish", "lone and and vanish"),
    ]);
}

#[test]
fn values_of_keys_are_values() {
    check(&[
        ("expired, topic: orders", "expired, topic: #"),
        ("expired, topic: orders, next", "expired, topic: #, next"),
        ("expired topic=orders mode=fast", "expired topic=# mode=#"),
        ("stored = orders, type = disk", "stored = #, type = #"),
        ("login uid=0 user= host=b", "login uid=# user= host=#"),
        ("id:5 and overlap:false", "id:# and overlap:#"),
    ]);
}

#[test]
fn errors_keep_their_kind() {
    check(&[
        (
            "failed to x: connection refused (os error 111)",
            "failed to x: connection refused (os error #)",
        ),
        ("error: timeout", "error: timeout"),
        ("failed to connect to redis: timeout", "failed to connect to redis: timeout"),
        ("failed to decode: InvalidSignature", "failed to decode: InvalidSignature"),
        ("failed to read file: No such file", "failed to read file: No such file"),
        ("task 51233 failed: cancelled", "task # failed: cancelled"),
        (
            "call failed: status: Unavailable, message: \"x\"",
            "call failed: status: Unavailable, message: #",
        ),
        (
            "failed to a: failed to b: permission denied",
            "failed to a: failed to b: permission denied",
        ),
    ]);
    assert_ne!(p("failed to x: operation timed out"), p("failed to x: permission denied"));
}

#[test]
fn debug_output_keeps_kinds_and_drops_values() {
    check(&[
        (r#"x failed: Custom { kind: TimedOut, error: "a b" }"#, "x failed: Custom(TimedOut)"),
        (
            r#"x failed: Os { code: 111, kind: ConnectionRefused, message: "c" }"#,
            "x failed: Os(ConnectionRefused)",
        ),
        (
            r#"x failed: Status { code: Unavailable, message: "m", source: None }"#,
            "x failed: Status(Unavailable)",
        ),
        ("x failed: AcquireError(())", "x failed: AcquireError(#)"),
        (
            "x failed: hyper::Error(Http2, Error { kind: Reset(StreamId(7), PROTOCOL_ERROR, Remote) })",
            "x failed: hyper::Error(Reset StreamId PROTOCOL_ERROR Remote)",
        ),
        ("x failed: QuotaExceeded { used: 5, limit: 4 }", "x failed: QuotaExceeded(#)"),
        ("state Job { id: 5, name: \"a\" } skipped", "state # skipped"),
        ("from Some(\"a\") to None", "from # to #"),
        ("columns [1, 2] and [\"a\"] and [] and {\"a\": 1}", "columns # and # and # and #"),
        ("region 4711(3, 5) lost", "region # lost"),
    ]);
}

#[test]
fn brackets_around_text_stay() {
    check(&[
        ("[preauth] closed (really)", "[preauth] closed (really)"),
        ("main() failed in connect(5)", "main() failed in connect(#)"),
        ("gave up (5) and [6]", "gave up # and #"),
    ]);
}

#[test]
fn times_are_values_whatever_their_form() {
    check(&[
        ("at 2024-01-01T10:00:00.5Z and 2024-01-01 10:00:00 UTC", "at # and #"),
        ("at Fri Jun 17 20:55:06 2005 again", "at # again"),
        ("used 5 MB of 3 GiB", "used # of #"),
    ]);
}

#[test]
fn runs_of_values_collapse() {
    check(&[("codes 1 2 3, 4 - 5 / 6 end", "codes # end"), ("a 1 b 2", "a # b #")]);
}

#[test]
fn names_after_the_word_for_their_sort_are_values() {
    check(&[
        ("session closed for user alice", "session closed for user #"),
        ("invalid user alice from 10.0.0.1", "invalid user # from #"),
        ("user unknown", "user unknown"),
        ("for user not found", "for user not found"),
        ("unexpected state Closed", "unexpected state #"),
        ("unexpected end of file", "unexpected end of file"),
    ]);
}

#[test]
fn statements_are_values() {
    check(&[
        ("no answer to SELECT * FROM t WHERE id = 5", "no answer to #"),
        ("UPDATE failed", "UPDATE failed"),
    ]);
}

#[test]
fn letters_that_hardly_ever_follow_one_another_are_counted_as_by_hand() {
    // A capital behind a small letter begins a word.
    let by_hand = |word: &str| {
        let pairs = word.as_bytes().windows(2);
        let strange = pairs.filter(|two| match *two {
            [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase() => false,
            [a, b] => {
                let followers = random::STRANGERS[usize::from((a | 0x20) - b'a')];
                followers.as_bytes().contains(&(b | 0x20))
            }
            _ => false,
        });
        strange.count() > 1
    };
    let mut random = Random(7);
    for _ in 0..100_000 {
        let len = 6 + random.next(30);
        let letter = |random: &mut Random| char::from(b"eeetanxzkvWQ"[random.next(12)]);
        let word: String = (0..len).map(|_| letter(&mut random)).collect();
        assert_eq!(random::is_strange(word.as_bytes()), by_hand(&word), "{word}");
    }
}

#[test]
fn known_words_are_not_strange() {
    // The scan does not ask.
    for (word, _) in words::KNOWN {
        assert!(!random::is_strange(word.as_bytes()), "{word}");
    }
}

#[test]
fn a_run_of_bytes_is_found_whatever_is_behind_it() {
    for byte in 0..=u8::MAX {
        for len in 0..8 {
            let mut eight = [b'm'; 8];
            eight[len..].fill(byte);
            let number = u64::from_le_bytes(eight);
            let others = chars::others::<b'a', b'z'>(number);
            if byte.is_ascii_lowercase() {
                assert_eq!(others, 0, "{byte}");
            } else {
                assert_eq!(others.trailing_zeros() as usize / 8, len, "{byte}");
                assert_eq!(number & chars::below(others), number & ((1 << (len * 8)) - 1));
            }
        }
    }
}

// === Titles ===

fn title(message: &str, error: &str, span: Option<&str>, names: &[&str]) -> String {
    let fields = |visit: &mut dyn FnMut(&str)| names.iter().for_each(|n| visit(n));
    let mut out = String::from("left over");
    let parts = Parts { message, error, target: "shop::orders", span, fields: &fields };
    write(&parts, &mut out, &mut Spare::default());
    out
}

#[test]
fn a_title_falls_back_and_is_never_empty() {
    assert_eq!(title("paid 5", "boom", Some("pay"), &["a"]), "paid # in shop::orders");
    assert_eq!(title(" \u{200b}\n", "boom 5", Some("pay"), &["a"]), "boom # in shop::orders::pay");
    assert_eq!(title("", "boom", None, &["a"]), "boom in shop::orders");
    let names = ["order_id", "attempt"];
    assert_eq!(title("", "", Some("pay"), &names), "error with order_id, attempt in shop::orders");
    assert_eq!(title("", " ", Some("pay"), &[]), "error in shop::orders");
    assert_eq!(derive("", ""), "error");
    assert_eq!(derive("...", ""), "error");
    assert_eq!(derive("a b", ""), "a b");
}

#[test]
fn field_names_come_from_a_real_field_set_without_allocation() {
    let names = ["order_id"];
    let visit = |f: &mut dyn FnMut(&str)| names.iter().for_each(|n| f(n));
    let parts = Parts { message: "", error: "", target: "t", span: None, fields: &visit };
    let mut out = String::with_capacity(256);
    let before = out.as_ptr();
    write(&parts, &mut out, &mut Spare::default());
    assert_eq!(out, "error with order_id in t");
    assert_eq!(out.as_ptr(), before, "the buffer had room");
}

#[test]
fn f083_a_long_message_is_cut_on_a_word_and_keeps_its_target() {
    for len in [199, 200, 201, 1 << 20] {
        let message = "word ".repeat(len / 5 + 1);
        let title = derive(&message, "shop::orders");
        assert!(title.chars().count() <= MAX_CHARS);
        assert!(title.ends_with("word... in shop::orders"), "{title}");
    }
    for (len, cut) in [(199, false), (200, false), (201, true)] {
        let title = derive(&"o".repeat(len), "");
        assert_eq!(title.ends_with("..."), cut, "{len}");
        assert_eq!(title.chars().count(), len.min(MAX_CHARS));
    }
}

#[test]
fn f083_a_cut_never_splits_a_character() {
    for pad in 0..8 {
        for unit in ["é", "字", "e\u{301}", "👩\u{200d}👩\u{200d}👧", "👍🏽", "🇩🇪"]
        {
            let message = "x".repeat(pad) + &unit.repeat(300);
            let title = derive(&message, "t");
            assert!(title.chars().count() <= MAX_CHARS);
            let text = title.strip_suffix("... in t").expect("cut");
            if unit == "e\u{301}" {
                assert!(text.ends_with("e\u{301}"), "{title}");
            }
            assert_eq!(v(&message).chars().count().min(MAX_CHARS + 1), v(&message).chars().count());
        }
    }
}

#[test]
fn f083_a_long_target_loses_its_beginning() {
    let target = "a::".repeat(300) + "end";
    let title = derive("failed", &target);
    assert!(title.starts_with("failed in ...") && title.ends_with("a::end"), "{title}");
    assert_eq!(title.chars().count(), "failed in ".len() + 120);
    let both = derive(&"word ".repeat(100), &target);
    assert!(both.chars().count() <= MAX_CHARS && both.ends_with("a::end"), "{both}");
}

#[test]
fn f083_long_given_titles_stay_apart_and_derived_ones_carry_no_hash() {
    let long = "word ".repeat(100);
    let (a, b) = (v(&format!("{long}a")), v(&format!("{long}b")));
    assert_ne!(a, b);
    assert!(a.chars().count() <= MAX_CHARS);
    assert_eq!(v(&a), a);
    let (_, hash) = a.rsplit_once("... ").expect("a hash");
    assert!(hash.len() == 8 && hash.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(derive(&format!("{long}a"), ""), derive(&format!("{long}b"), ""));
    assert_eq!(v(&"x".repeat(200)), "x".repeat(200));
    assert!(v(&"x".repeat(201)).starts_with("xxxx"));
    assert_eq!(v("db 7 is down"), "db 7 is down");
}

#[test]
fn a_given_title_of_nothing_is_empty() {
    assert_eq!(v(""), "");
    assert_eq!(v(" \t\u{200b}\u{202e}"), "");
}

// === Cleaning ===

#[test]
fn f087_invisible_characters_go() {
    for (dirty, clean) in [
        ("a\0b\u{7f}c\u{85}d", "abc d"),
        ("a\u{202e}b\u{2066}c\u{200b}d\u{feff}e", "abcde"),
        ("a \t\r\n\u{2028} b\u{a0}c", "a b c"),
        ("\u{1b}[31mred\u{1b}[0m alert", "red alert"),
        ("  a  ", "a"),
    ] {
        assert_eq!(v(dirty), clean);
        assert_eq!(p(dirty), clean);
    }
}

#[test]
fn f088_markup_is_harmless() {
    for (dirty, clean) in [
        ("<!channel> down", "!channel down"),
        ("<@U1> down", "U1 down"),
        ("@everyone: x@here y@everyone", "everyone: xhere yeveryone"),
        ("mail bob@example.org", "mail bob@example.org"),
        ("<script>alert</script>", "script alert /script"),
        ("{{secret}} {% if %}", "{secret} { if %"),
        ("see https://evil.example/x", "see https:evil.example/x"),
        ("a -> b => c", "a to b to c"),
        ("run `rm`", "run rm"),
    ] {
        assert_eq!(v(dirty), clean, "for {dirty:?}");
    }
    for bad in ["<", ">", "`", "{{", "@channel", "@here", "@everyone", "://"] {
        let derived = derive(&format!("x {bad} y{bad}z <!{bad}> {{{{a}}}}"), &format!("t{bad}"));
        assert!(!derived.contains(bad), "{derived}");
    }
}

// === Properties ===

/// What hostile and ordinary messages are made of.
const FRAGMENTS: [&str; 108] = [
    " ",
    " ",
    " ",
    " ",
    "  ",
    "\n",
    "a",
    "user",
    "failed",
    "error",
    "Error",
    "for",
    "from",
    "is",
    "to",
    "unexpected",
    "state",
    "Closed",
    "Some",
    "None",
    "Custom",
    "ReadOnly",
    "kind",
    "status",
    "invalid",
    "topic",
    "key",
    "true",
    "null",
    "UTC",
    "Jun",
    "ms",
    "SELECT",
    " FROM ",
    "5",
    "4711",
    "0x1f",
    "10.0.0.1",
    "1.5",
    "utf8",
    "v2",
    "HTTP/1.1",
    "deadbeef",
    "é",
    "字",
    "e\u{301}",
    "👩\u{200d}👧",
    "\u{202e}",
    "\u{200b}",
    "\u{1b}[1m",
    "\0",
    "\u{a0}",
    "\"",
    "'",
    "`",
    "‘",
    "’",
    "“",
    "”",
    "«",
    "»",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "<",
    ">",
    ",",
    ";",
    ":",
    ": ",
    "::",
    "=",
    " = ",
    "==",
    "!=",
    "=>",
    "->",
    "-",
    "_",
    ".",
    "..",
    "...",
    "/",
    "//",
    "://",
    "\\",
    "@",
    "@here",
    "#",
    "##",
    "%",
    "$",
    "!",
    "?",
    "*",
    "|",
    "&",
    "~/",
    "./",
    "/x/y",
    "a_b",
    "a-b",
    "a.b",
    "A",
    "é'",
];

/// A small generator of hostile messages: xorshift over fragments.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits").checked_rem(below).expect("some")
    }

    fn message(&mut self) -> String {
        let mut message = String::new();
        for _ in 0..=self.next(14) {
            message.push_str(FRAGMENTS[self.next(FRAGMENTS.len())]);
        }
        message
    }
}

#[test]
fn any_message_gives_a_clean_title_and_the_same_again() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut failures = Vec::new();
    for _ in 0..40_000 {
        let message = random.message();
        let once = p(&message);
        let twice = p(&once);
        let mut cleaned = String::new();
        clean::append(&once, &mut cleaned);
        if twice != once || cleaned != once {
            failures.push(format!("{message:?}: {once:?}, then {twice:?}, clean {cleaned:?}"));
        }
        let given = v(&message);
        assert_eq!(v(&given), given, "cleaning {message:?}");
        let title = derive(&message, "shop::orders");
        assert!(!title.is_empty() && title.chars().count() <= MAX_CHARS);
        assert_eq!(title, derive(&message, "shop::orders"), "trigger and resolve");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn f083_hostile_messages_end() {
    // How soon, `cost` measures (`.ci/long properties`).
    for unit in cost::UNITS {
        let size = if cfg!(debug_assertions) { 1 << 17 } else { 1 << 20 };
        let message = unit.repeat(size / unit.len());
        let start = Instant::now();
        let title = derive(&message, "t");
        let whole = p(&message);
        let took = start.elapsed();
        assert!(!title.is_empty() && whole.len() <= message.len().saturating_mul(2));
        assert!(took < Duration::from_secs(5), "{unit:?} took {took:?}");
    }
}
