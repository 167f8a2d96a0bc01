//! Lines of files, gzip files and stdin.
//!
//! Invariants: holds one block, and no line longer than [`LONGEST`]; a file that ends early gives
//! the lines that it has.

use std::{
    cell::Cell,
    fs::File,
    io::{self, Cursor, Read},
    path::{Path, PathBuf},
    rc::Rc,
};

use flate2::read::MultiGzDecoder;
use memchr::memchr;

use super::{
    line::{Event, Line},
    wrapping::inside,
};

const BLOCK: usize = 1 << 20;
/// A longer line is no event: it is counted and skipped.
const LONGEST: usize = 4 << 20;
/// Where the first time of a file is looked for, in lines.
const FIRST: usize = 10_000;

/// A source of lines.
pub(super) struct Input {
    from: Box<dyn Read>,
    block: Vec<u8>,
    start: usize,
    end: usize,
    /// The rest of a line that is too long is still to be skipped.
    skips: bool,
    /// Bytes read of the file as it is on disk.
    pub(super) read: Rc<Cell<u64>>,
}

/// A line, or that there was one that is too long.
pub(super) enum Piece<'a> {
    Line(&'a [u8]),
    TooLong,
}

/// Where a log is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Stdin,
    File(PathBuf),
}

/// When the first event of a file was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begins {
    At(i64),
    /// It has no lines.
    Never,
    /// No line tells, or it can't be read twice.
    Unknown,
}

impl Place {
    pub(super) fn of(path: &Path) -> Self {
        if path == Path::new("-") { Self::Stdin } else { Self::File(path.to_owned()) }
    }

    /// For people.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Stdin => "stdin".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// Bytes on disk, if that is known.
    pub(super) fn size(&self) -> Option<u64> {
        match self {
            Self::Stdin => None,
            Self::File(path) => {
                path.metadata().ok().filter(|meta| meta.is_file()).map(|meta| meta.len())
            }
        }
    }

    pub(super) fn open(&self) -> io::Result<Input> {
        match self {
            Self::Stdin => Input::new(io::stdin()),
            Self::File(path) => Input::new(File::open(path)?),
        }
    }

    /// When the file begins.
    fn begins(&self) -> Begins {
        let Some(mut input) = self.size().and_then(|_| self.open().ok()) else {
            return Begins::Unknown;
        };
        for at in 0..FIRST {
            let piece = match input.next() {
                Ok(Some(piece)) => piece,
                Ok(None) if at == 0 => return Begins::Never,
                Ok(None) | Err(_) => break,
            };
            let Piece::Line(line) = piece else { continue };
            let line = inside(line);
            let text = String::from_utf8_lossy(&line);
            if let Line::Event(Event { time: Some(time), .. }) = Event::read(&text) {
                return Begins::At(time);
            }
        }
        Begins::Unknown
    }
}

/// Puts files in the order of their first events: `app.log*` names the newest first. What does not
/// tell stays where it is, and is named.
pub(super) fn in_order(places: &mut [Place]) -> Vec<String> {
    if places.len() < 2 {
        return Vec::new();
    }
    let begins: Vec<Begins> = places.iter().map(Place::begins).collect();
    let mut told: Vec<(i64, usize)> = Vec::new();
    let mut unsorted = Vec::new();
    for (at, (place, begins)) in places.iter().zip(&begins).enumerate() {
        match begins {
            Begins::At(time) => told.push((*time, at)),
            Begins::Never => {}
            Begins::Unknown => unsorted.push(place.name()),
        }
    }
    let slots: Vec<usize> = told.iter().map(|(_, at)| *at).collect();
    told.sort();
    let from: Vec<Place> = places.to_vec();
    for (slot, (_, at)) in slots.into_iter().zip(told) {
        if let (Some(place), Some(sorted)) = (places.get_mut(slot), from.get(at)) {
            place.clone_from(sorted);
        }
    }
    unsorted
}

impl Input {
    fn new(from: impl Read + 'static) -> io::Result<Self> {
        let read = Rc::new(Cell::new(0));
        let mut from = Counted { from, read: Rc::clone(&read) };
        let mut head = [0; 2];
        let known = fill(&mut from, &mut head)?;
        let is_gzip = known == 2 && head == [0x1f, 0x8b];
        let head = Cursor::new(head.into_iter().take(known).collect::<Vec<u8>>());
        let from = head.chain(from);
        let from: Box<dyn Read> = if is_gzip {
            Box::new(MultiGzDecoder::new(Buffered::new(from)))
        } else {
            Box::new(from)
        };
        Ok(Self { from, block: vec![0; BLOCK], start: 0, end: 0, skips: false, read })
    }

    /// The next line, without its end.
    pub(super) fn next(&mut self) -> io::Result<Option<Piece<'_>>> {
        let mut looked = 0_usize;
        loop {
            let held = self.block.get(self.start..self.end).unwrap_or(&[]);
            if let Some(at) = held.get(looked..).and_then(|rest| memchr(b'\n', rest)) {
                let from = self.start;
                let to = from.saturating_add(looked).saturating_add(at);
                self.start = to.saturating_add(1);
                if std::mem::take(&mut self.skips) {
                    return Ok(Some(Piece::TooLong));
                }
                return Ok(Some(Piece::Line(self.line(from, to))));
            }
            looked = held.len();
            if looked >= LONGEST {
                (self.start, self.end, self.skips, looked) = (0, 0, true, 0);
            }
            if self.more()? == 0 {
                let (from, to) = (self.start, self.end);
                self.start = to;
                if std::mem::take(&mut self.skips) {
                    return Ok(Some(Piece::TooLong));
                }
                return Ok((from < to).then(|| Piece::Line(self.line(from, to))));
            }
        }
    }

    fn line(&self, from: usize, to: usize) -> &[u8] {
        let line = self.block.get(from..to).unwrap_or(&[]);
        line.strip_suffix(b"\r").unwrap_or(line)
    }

    /// Reads more behind what is held; how much.
    fn more(&mut self) -> io::Result<usize> {
        if self.start > 0 {
            self.block.copy_within(self.start..self.end, 0);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
        }
        if self.end == self.block.len() {
            self.block.resize(self.block.len().saturating_mul(2), 0);
        }
        let room = self.block.get_mut(self.end..).unwrap_or(&mut []);
        let read = read_some(&mut self.from, room)?;
        self.end = self.end.saturating_add(read);
        Ok(read)
    }
}

/// Reads until there is something, or an end.
fn read_some(from: &mut impl Read, room: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(room) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Reads until the room is full, or to the end.
fn fill(from: &mut impl Read, room: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0_usize;
    while let Some(rest) = room.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match read_some(from, rest)? {
            0 => break,
            read => filled = filled.saturating_add(read),
        }
    }
    Ok(filled)
}

type Buffered<R> = io::BufReader<R>;

/// Counts what is read.
struct Counted<R> {
    from: R,
    read: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(room)?;
        self.read.set(self.read.get().saturating_add(read as u64));
        Ok(read)
    }
}
