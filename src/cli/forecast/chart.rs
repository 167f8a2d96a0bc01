//! When it would have paged, as a map that a terminal shows: a row a day and a column an hour, or
//! finer or coarser, as the log is long.
//!
//! Invariant: no wider than the screen, no more than [`ROWS`] rows.

use super::{
    super::terminal::{Screen, number},
    tally::Tally,
    time::{DAY, Date, SECOND, weekday},
};

/// Rows at most; the newest are shown.
const ROWS: usize = 31;

/// Columns before the chart; fewer on a screen that is narrower than this.
const LONG: usize = 18;
const SHORT: usize = 6;
const NARROW: usize = 50;

/// How long a row and a column are, and what the columns are called.
struct Scale {
    row: i64,
    column: i64,
    head: &'static str,
    what: &'static str,
}

const SCALES: [Scale; 3] = [
    Scale {
        row: 3_600 * SECOND,
        column: 300 * SECOND,
        head: "00    15    30    45",
        what: "a row is an hour, a column 5 minutes",
    },
    Scale {
        row: DAY,
        column: 3_600 * SECOND,
        head: "00    06    12    18",
        what: "a row is a day, a column an hour",
    },
    Scale {
        row: 7 * DAY,
        column: DAY,
        head: "Mo Tu We Th Fr Sa Su",
        what: "a row is a week, a column a day",
    },
];

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The finest scale that is not too high.
fn scale(first: i64, last: i64, slot: i64) -> &'static Scale {
    let [hours, days, weeks] = &SCALES;
    let length = last.saturating_sub(first);
    if slot <= hours.column && length < hours.row.saturating_mul(8) {
        hours
    } else if slot <= days.column && length < 31 * DAY {
        days
    } else {
        weeks
    }
}

/// The chart, line by line; nothing when there is nothing to show.
pub(super) fn chart(tally: &Tally, (first, last): (i64, i64), screen: Screen) -> Vec<String> {
    let scale = scale(first, last, tally.slot);
    // Weeks begin on Mondays; the first day of 1970 was a Thursday.
    let shift = if scale.row > DAY { 3 * DAY } else { 0 };
    let cell = |at: i64| {
        let at = at.saturating_add(shift);
        (at.div_euclid(scale.row), at.rem_euclid(scale.row).div_euclid(scale.column))
    };
    let mut cells = std::collections::BTreeMap::new();
    for (slot, count) in &tally.slots {
        let cell: &mut u64 = cells.entry(cell(slot.saturating_mul(tally.slot))).or_default();
        *cell = cell.saturating_add(*count);
    }
    let most = cells.values().copied().max().unwrap_or(0);
    let (from, to) = (cell(first).0, cell(last).0);
    let columns = scale.row.div_euclid(scale.column);
    let wide = match columns {
        7 => 3,
        12 => 2,
        _ => 1,
    };
    let indent = if screen.columns < NARROW { SHORT } else { LONG };
    let mut lines = vec![format!("{:indent$}{}", "", screen.dim(scale.head))];
    let (mut quiet, mut shown) = (0_i64, 0_usize);
    for row in from..=to {
        let in_row = |column: i64| cells.get(&(row, column)).copied().unwrap_or(0);
        let sum = (0..columns).fold(0, |sum: u64, column| sum.saturating_add(in_row(column)));
        let is_edge = row == from || row == to;
        if sum == 0 && !is_edge && to.saturating_sub(from) > ROWS as i64 / 2 {
            quiet = quiet.saturating_add(1);
            continue;
        }
        if std::mem::take(&mut quiet) > 0 {
            lines.push(screen.dim(&format!("{:indent$}⋮", "")));
        }
        shown = shown.saturating_add(1);
        if shown > ROWS {
            lines.push(screen.dim(&format!("{:indent$}… and more", "")));
            break;
        }
        let begins = row.saturating_mul(scale.row).saturating_sub(shift);
        let mut line = format!("{:indent$}", label(begins, scale, indent));
        for column in 0..columns {
            line.push_str(&show(in_row(column), most, wide, screen));
        }
        if sum > 0 {
            line.push_str(&format!(" {:>5}", number(sum)));
        }
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// What the chart shows, in words.
pub(super) fn legend(tally: &Tally, (first, last): (i64, i64)) -> &'static str {
    scale(first, last, tally.slot).what
}

/// When a row begins.
fn label(at: i64, scale: &Scale, indent: usize) -> String {
    let date = Date::of(at);
    let (day, clock) = (date.day(), date.clock());
    let short = day.get(5..).unwrap_or(&day);
    match (scale.row < DAY, indent == SHORT) {
        (true, true) => clock,
        (true, false) => format!("  {short} {clock}"),
        (false, true) => short.to_owned(),
        (false, false) => format!("  {} {day}", weekday(at)),
    }
}

fn show(count: u64, most: u64, wide: usize, screen: Screen) -> String {
    let cell = match count {
        0 => '·',
        _ => {
            let level = count.saturating_mul(8).saturating_sub(1).checked_div(most).unwrap_or(7);
            let level = usize::try_from(level.min(7)).unwrap_or(7);
            LEVELS.get(level).copied().unwrap_or('█')
        }
    };
    let cell = cell.to_string().repeat(wide.min(2));
    let cell = format!("{cell:<wide$}");
    if count == 0 { screen.dim(&cell) } else { screen.red(&cell) }
}

#[cfg(test)]
mod tests {
    use super::{super::time::DAY, SCALES, scale};

    #[test]
    fn a_chart_is_as_fine_as_its_rows_allow() {
        let minutes = SCALES[0].column;
        let row = |length: i64, slot: i64| scale(0, length, slot).row;
        assert_eq!(row(DAY / 24, minutes), SCALES[0].row);
        assert_eq!(row(7 * DAY, minutes), SCALES[1].row);
        assert_eq!(row(60 * DAY, minutes), SCALES[2].row);
        assert_eq!(row(DAY / 24, 12 * minutes), SCALES[1].row, "what was counted is coarser");
    }
}
