//! Which text the programmer wrote: that which lies where the program's constants lie.
//!
//! The pieces that `fmt` writes of a message are in the executable's read-only memory when they
//! stand in the source, and on the heap or a stack when they were made. So do names of variants
//! and fields that `derive(Debug)` prints, and error texts that are constants. Addresses are
//! compared, nothing is read through them.
//!
//! Reads one file, once. Known on Linux only; elsewhere nobody can tell, and the rules of text
//! have to do.

use std::ops::Range;

/// Read-only memory of the program and its libraries, in ascending order.
#[derive(Debug)]
pub(crate) struct Literals {
    ranges: Vec<Range<usize>>,
}

impl Literals {
    /// Those of this process; `None` where that can't be found out. Libraries that are loaded
    /// later are not among them: what they wrote counts as values.
    pub(crate) fn of_this_process() -> Option<Self> {
        let maps = std::fs::read("/proc/self/maps").ok()?;
        let literals = Self::parse(&String::from_utf8_lossy(&maps));
        // Our own must be there, or the file does not mean what we think.
        literals.holds(env!("CARGO_PKG_DESCRIPTION")).then_some(literals)
    }

    /// Of the mappings of files that are mapped for execution, too, all that can't be written.
    /// (A data file that a program maps read-only holds values.)
    fn parse(maps: &str) -> Self {
        let mappings = || maps.lines().filter_map(Mapping::parse);
        let runs = |path: &str| mappings().any(|other| other.executable && other.path == path);
        let constant = |mapping: &Mapping<'_>| !mapping.writable && runs(mapping.path);
        let mut ranges: Vec<_> = mappings().filter(constant).map(|mapping| mapping.range).collect();
        ranges.sort_by_key(|range| range.start);
        ranges.dedup_by(|next, range| {
            let touches = range.end == next.start;
            if touches {
                range.end = next.end;
            }
            touches
        });
        Self { ranges }
    }

    /// Whether `text` lies in the program. Nothing lies nowhere.
    pub(crate) fn holds(&self, text: &str) -> bool {
        let start = text.as_ptr().addr();
        let before = self.ranges.partition_point(|range| range.start <= start);
        let range = before.checked_sub(1).and_then(|at| self.ranges.get(at));
        range.is_some_and(|range| start < range.end) && !text.is_empty()
    }
}

/// A line of `/proc/self/maps`, of a mapped file.
struct Mapping<'a> {
    range: Range<usize>,
    writable: bool,
    executable: bool,
    path: &'a str,
}

impl<'a> Mapping<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        // 7f1c8e000000-7f1c8e021000 r-xp 00000000 08:01 131 /usr/bin/shop
        let mut words = line.splitn(6, ' ');
        let (start, end) = words.next()?.split_once('-')?;
        let start = usize::from_str_radix(start, 16).ok()?;
        let end = usize::from_str_radix(end, 16).ok()?;
        let [_, w, x, _] = words.next()?.as_bytes() else { return None };
        let path = words.nth(3)?.trim_start();
        let (writable, executable) = (*w == b'w', *x == b'x');
        path.starts_with('/').then_some(Self { range: start..end, writable, executable, path })
    }
}

#[cfg(test)]
mod tests {
    use super::Literals;

    #[test]
    fn only_what_cannot_be_written_of_a_file_that_runs_is_constant() {
        let maps = "\
            1000-2000 r--p 00000000 08:01 1 /bin/shop\n\
            2000-3000 r-xp 00001000 08:01 1 /bin/shop\n\
            3000-4000 rw-p 00002000 08:01 1 /bin/shop\n\
            5000-6000 rw-p 00000000 00:00 0 [heap]\n\
            7000-8000 r--s 00000000 08:01 2 /data/orders of today\n\
            8000-9000 r-xp 00000000 08:01 3 /lib/with a space.so (deleted)\n\
            9000-a000 r-xp 00000000 00:00 0 [vdso]\n\
            nonsense\n";
        assert_eq!(Literals::parse(maps).ranges, [0x1000..0x3000, 0x8000..0x9000]);
        assert!(Literals::parse("").ranges.is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn constants_are_told_from_what_was_made() {
        let literals = Literals::of_this_process().unwrap();
        let (made, on_stack) = (String::from("made"), [b'a'; 4]);
        assert!(literals.holds("written") && literals.holds(std::any::type_name::<Literals>()));
        assert!(!literals.holds(&made) && !literals.holds(std::str::from_utf8(&on_stack).unwrap()));
        assert!(!literals.holds(""), "nothing may have any address");
    }
}
