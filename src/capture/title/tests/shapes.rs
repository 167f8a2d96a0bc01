//! Values as programs print them, at random: each kind of them by name.
//!
//! A generator that owes nothing to the rules: what they should find is written here a second
//! time, from how the values are made.

/// A generator of numbers: SplitMix64.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 32) % end.max(1)
    }

    pub(super) fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).expect("small")]
    }

    /// As many characters of `alphabet`.
    fn chars(&mut self, count: u64, alphabet: &str) -> String {
        let alphabet: Vec<char> = alphabet.chars().collect();
        (0..count).map(|_| self.pick(&alphabet)).collect()
    }

    fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    fn hex(&mut self, count: u64) -> String {
        self.chars(count, "0123456789abcdef")
    }

    fn word(&mut self) -> &'static str {
        self.pick(&WORDS)
    }

    /// A number of a random length.
    fn number(&mut self) -> String {
        let most = self.between(1, 63);
        (self.next() >> (63 - most)).to_string()
    }
}

const WORDS: [&str; 24] = [
    "river", "garden", "silver", "candle", "orders", "payments", "alpha", "beacon", "harbor",
    "violet", "maple", "copper", "north", "ledger", "signal", "window", "planet", "summer",
    "carts", "mail", "zebra", "falcon", "ember", "quartz",
];

pub(super) const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE58: &str = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const CROCKFORD: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

pub(super) type Shape = (&'static str, fn(&mut Dice) -> String);

fn uuid(d: &mut Dice) -> String {
    [8, 4, 4, 4, 12].map(|n| d.hex(n)).join("-")
}

fn ipv4(d: &mut Dice) -> String {
    [0; 4].map(|_| d.below(256).to_string()).join(".")
}

fn ipv6(d: &mut Dice) -> String {
    let bytes = u128::from(d.next()) << 64 | u128::from(d.next());
    std::net::Ipv6Addr::from(bytes).to_string()
}

fn stamp(d: &mut Dice) -> String {
    let (month, day) = (d.between(1, 12), d.between(1, 28));
    let [hour, minute, second] = [24, 60, 60].map(|end| d.below(end));
    format!("20{}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z", d.between(10, 60))
}

fn path(d: &mut Dice) -> String {
    let depth = d.between(2, 5);
    (0..depth).map(|_| format!("/{}", d.word())).collect()
}

fn host(d: &mut Dice) -> String {
    let end = d.pick(&["com", "org", "net", "io", "internal", "local"]);
    format!("{}.{}.{end}", d.word(), d.word())
}

/// Values whose every occurrence must become one `#`.
pub(super) const SHAPES: [Shape; 58] = [
    ("an integer", |d| d.number()),
    ("a negative number", |d| format!("-{}", d.number())),
    ("a fraction", |d| format!("{}.{}", d.number(), d.number())),
    ("a float", |d| format!("{:?}", d.below(1 << 40) as f64 / 1024.0)),
    ("scientific", |d| format!("{}.{}e-{}", d.below(10), d.number(), d.between(1, 30))),
    ("thousands", |d| format!("{},{:03},{:03}", d.between(1, 999), d.below(1000), d.below(1000))),
    ("a percentage", |d| format!("{}%", d.below(101))),
    ("a Duration", |d| {
        format!("{:?}", std::time::Duration::from_nanos(d.next() >> d.between(4, 60)))
    }),
    ("a duration in words", |d| format!("{}h{}m{}s", d.below(24), d.below(60), d.below(60))),
    ("milliseconds", |d| format!("{} ms", d.number())),
    ("seconds", |d| format!("{}s", d.number())),
    ("a size", |d| format!("{} {}", d.number(), d.pick(&["B", "kB", "KiB", "MB", "MiB", "GiB"]))),
    ("dollars", |d| format!("${}.{:02}", d.number(), d.below(100))),
    ("euros", |d| format!("€{}.{:02}", d.number(), d.below(100))),
    ("a date", |d| {
        format!("20{}-{:02}-{:02}", d.between(10, 60), d.between(1, 12), d.between(1, 28))
    }),
    ("a time stamp", stamp),
    ("a time of day", |d| {
        format!("{:02}:{:02}:{:02}.{:03}", d.below(24), d.below(60), d.below(60), d.below(1000))
    }),
    ("a uuid", uuid),
    ("a uuid without hyphens", |d| d.hex(32)),
    ("a uuid in capitals", |d| uuid(d).to_uppercase()),
    ("a sha-1", |d| d.hex(40)),
    ("a sha-256", |d| d.hex(64)),
    ("a span id", |d| d.hex(16)),
    ("a pointer", |d| format!("{:#x}", d.next() >> d.below(60))),
    ("an address of Ethereum", |d| format!("0x{}", d.hex(40))),
    ("a ULID", |d| format!("0{}", d.chars(25, CROCKFORD))),
    ("a KSUID", |d| format!("2{}", d.chars(26, ALNUM))),
    ("an object id", |d| format!("6{}", d.hex(23))),
    ("a base58 hash", |d| format!("Qm{}", d.chars(44, BASE58))),
    ("an IPv4 address", ipv4),
    ("an IPv4 address and port", |d| format!("{}:{}", ipv4(d), d.between(1, 65_535))),
    ("a network", |d| format!("{}/{}", ipv4(d), d.below(33))),
    ("an IPv6 address in brackets", |d| format!("[{}]:{}", ipv6(d), d.between(1, 65_535))),
    ("a host", host),
    ("a host and port", |d| format!("{}:{}", host(d), d.between(1, 65_535))),
    ("localhost and port", |d| format!("localhost:{}", d.between(1, 65_535))),
    ("an e-mail address", |d| format!("{}.{}@{}", d.word(), d.word(), host(d))),
    ("a URL", |d| format!("https://{}{}?page={}", host(d), path(d), d.number())),
    ("a URL of a database", |d| {
        format!("postgres://{}:{}@{}/{}", d.word(), d.word(), host(d), d.word())
    }),
    ("a path", path),
    ("a path of a file", |d| format!("{}.{}", path(d), d.pick(&["toml", "log", "json", "db"]))),
    ("a path from here", |d| format!("./{}/{}", d.word(), d.word())),
    ("a path of Windows", |d| format!(r"C:\{}\{}.txt", d.word(), d.word())),
    ("a file", |d| format!("{}.{}", d.word(), d.pick(&["toml", "log", "json", "csv", "rs"]))),
    ("a place in a file", |d| {
        format!("src/{}.rs:{}:{}", d.word(), d.between(1, 999), d.between(1, 99))
    }),
    ("a version", |d| format!("{}.{}.{}", d.below(30), d.below(30), d.below(30))),
    ("a version with v", |d| format!("v{}.{}.{}", d.below(30), d.below(30), d.below(30))),
    ("in double quotes", |d| {
        format!(
            "{:?}",
            [d.word(), d.word()][..usize::try_from(d.between(1, 2)).expect("small")].join(" ")
        )
    }),
    ("in double quotes, escaped", |d| {
        format!("{:?}", format!("{} \"{}\" \\ 'x", d.word(), d.number()))
    }),
    ("in single quotes", |d| format!("'{} {}'", d.word(), d.number())),
    ("in backticks", |d| format!("`{}::{}`", d.word(), d.word())),
    ("a list of numbers", |d| {
        format!("{:?}", (0..d.below(5)).map(|n| n + d.below(9)).collect::<Vec<_>>())
    }),
    ("a list of texts", |d| format!("{:?}", (0..d.below(4)).map(|_| d.word()).collect::<Vec<_>>())),
    ("a map", |d| format!("{{\"{}\": {}, \"{}\": \"x\"}}", d.word(), d.number(), d.word())),
    ("an Option", |d| {
        if d.below(3) == 0 { "None".to_owned() } else { format!("Some({})", d.number()) }
    }),
    ("a bool", |d| (d.below(2) == 0).to_string()),
    ("a pod", |d| {
        format!("{}-{}9-{}4", d.word(), d.hex(8), d.chars(4, "bcdfghjklmnpqrstvwxz2456789"))
    }),
    ("an instance", |d| format!("{}-{}", d.word(), d.below(100))),
];

/// Values that look like something else at times, or always, and how often their title is not the
/// most frequent, in percent at most.
pub(super) const SHY: [(Shape, u64); 16] = [
    // Without a digit, and with pairs of letters as words have them.
    (("an id with a prefix", |d| format!("ch_{}", d.chars(24, ALNUM))), 1),
    // Padded, and with three digits at most: `abc=` looks like the name of a key.
    (("a base64 key", |d| format!("{}=", d.chars(43, ALNUM))), 9),
    // The first part letters, and the second begins with one: `ef:b3:…`.
    (("a MAC address", |d| [0; 6].map(|_| d.hex(2)).join(":")), 8),
    (("an IPv6 address", ipv6), 2),
    (("seven digits of a commit", |d| d.hex(7)), 1),
    (("eight letters and digits", |d| d.chars(8, ALNUM)), 13),
    (("six letters and digits, small", |d| d.chars(6, "abcdefghijklmnopqrstuvwxyz0123456789")), 8),
    (
        ("a nanoid", |d| {
            d.chars(21, "_-ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
        }),
        1,
    ),
    (("20 letters of both cases", |d| d.chars(20, LETTERS)), 4),
    (("10 small letters", |d| d.chars(10, "abcdefghijklmnopqrstuvwxyz")), 17),
    (("six small letters", |d| d.chars(6, "abcdefghijklmnopqrstuvwxyz")), 45),
    (("six capitals", |d| d.chars(6, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")), 100),
    (
        ("a pod without a digit in it", |d| {
            format!("{}-{}", d.word(), d.chars(5, "bcdfghjklmnpqrstvwxz"))
        }),
        100,
    ),
    (("a path of one part", |d| format!("/{}", d.word())), 100),
    (("two words with a hyphen", |d| format!("{}-{}", d.word(), d.word())), 100),
    (("a bare name", |d| d.word().to_owned()), 100),
];
