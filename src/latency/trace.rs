//! Arrivals from a file: CSV, a line an event.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::filling::CROSSING_HZ;
use super::source::{Arrival, Clock};
use crate::error::{Code, Error, Result};

/// What a line says when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Crossing,
    Nanosecond,
    Cycle,
}

/// Where the columns are.
#[derive(Clone, Copy, Debug)]
struct Columns {
    time: (usize, Unit),
    channel: Option<usize>,
    size: Option<usize>,
}

/// A line.
#[derive(Clone, Copy, Debug)]
struct Line {
    time: f64,
    channel: usize,
    size: u32,
}

/// A trace, read as it is needed.
#[derive(Debug)]
pub struct Trace {
    path: PathBuf,
    reader: csv::Reader<File>,
    record: csv::StringRecord,
    columns: Columns,
    clock: Clock,
    channel: usize,
}

impl Trace {
    /// Of a channel.
    ///
    /// # Errors
    /// [`Code::Io`]; [`Code::DataDamaged`] for what has no time.
    pub fn open(path: &Path, clock: Clock, channel: usize) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io("read", path, &e))?;
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).comment(Some(b'#')).from_reader(file);
        let head = reader.headers().map_err(|e| wrong(path, e.to_string()))?;
        let find = |name: &str| head.iter().position(|h| h == name);
        let units = [("bx", Unit::Crossing), ("ns", Unit::Nanosecond), ("cycle", Unit::Cycle)];
        let times: Vec<_> = units.iter().filter_map(|(name, unit)| find(name).map(|k| (k, *unit))).collect();
        let [time] = times[..] else {
            return Err(wrong(path, format!("{} of the columns `bx`, `ns` and `cycle` are there", times.len()))
                .hint("its first line names the columns: one of these, and if wanted `channel` and `size`"));
        };
        let columns = Columns { time, channel: find("channel"), size: find("size") };
        Ok(Trace { path: path.to_owned(), reader, record: csv::StringRecord::new(), columns, clock, channel })
    }

    /// The next of any channel.
    fn line(&mut self) -> Result<Option<Line>> {
        if !self.reader.read_record(&mut self.record).map_err(|e| wrong(&self.path, e.to_string()))? {
            return Ok(None);
        }
        let Columns { time, channel, size } = self.columns;
        let bad = |k: usize| {
            let line = self.record.position().map_or(0, csv::Position::line);
            wrong(&self.path, format!("`{}` in line {line}", self.record.get(k).unwrap_or("")))
        };
        let number = |k: usize| self.record.get(k).and_then(|v| v.parse::<u32>().ok()).ok_or_else(|| bad(k));
        let value = self.record.get(time.0).and_then(|v| v.parse::<f64>().ok());
        Ok(Some(Line {
            time: value.filter(|v| (0.0..1e15).contains(v)).ok_or_else(|| bad(time.0))?,
            channel: channel.map_or(Ok(0), number)? as usize,
            size: size.map_or(Ok(1), number)?,
        }))
    }
}

impl Iterator for Trace {
    type Item = Arrival;

    /// A trace was checked before: what has become unreadable since ends it.
    fn next(&mut self) -> Option<Arrival> {
        loop {
            let line = self.line().ok()??;
            if self.columns.channel.is_some() && line.channel != self.channel {
                continue;
            }
            let at = match self.columns.time.1 {
                Unit::Crossing if line.time.fract() == 0.0 => self.clock.crossing(line.time as u64),
                Unit::Crossing => self.clock.seconds(line.time / CROSSING_HZ),
                Unit::Nanosecond => self.clock.seconds(line.time * 1e-9),
                Unit::Cycle => line.time.ceil() as u64,
            };
            return Some(Arrival { at, size: line.size });
        }
    }
}

fn wrong(path: &Path, what: String) -> Error {
    Error::new(Code::DataDamaged, "this is no trace of events").at(path.display().to_string()).cause(what)
}

/// Reads a trace to its end.
///
/// # Errors
/// Those of [`Trace::open`]; [`Code::DataDamaged`] for numbers that are none, and times that go back.
pub fn check(path: &Path) -> Result<()> {
    let mut trace = Trace::open(path, Clock::new(100.0), 0)?;
    let (mut last, mut lines) = (Vec::<f64>::new(), 0u64);
    while let Some(Line { time, channel, .. }) = trace.line()? {
        lines += 1;
        if channel >= 1024 {
            return Err(wrong(path, format!("channel {channel} of event {lines}: 1023 is the last")));
        }
        if last.len() <= channel {
            last.resize(channel + 1, 0.0);
        }
        if time < last[channel] {
            return Err(wrong(path, format!("event {lines} is at {time}, the one before at {}", last[channel])));
        }
        last[channel] = time;
    }
    match lines {
        0 => Err(wrong(path, "there are no events".to_owned())),
        _ => Ok(()),
    }
}

/// Stalls of a link: CSV with columns `from_ns` and `length_ns`.
///
/// # Errors
/// [`Code::Io`]; [`Code::DataDamaged`] for numbers that are none, and stalls that overlap.
pub fn stalls(path: &Path, clock: Clock) -> Result<Vec<(u64, u64)>> {
    let wrong = |what: String| {
        Error::new(Code::DataDamaged, "this is no list of stalls")
            .at(path.display().to_string())
            .cause(what)
            .hint("CSV with the columns from_ns and length_ns")
    };
    let file = File::open(path).map_err(|e| Error::io("read", path, &e))?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).comment(Some(b'#')).from_reader(file);
    #[derive(serde::Deserialize)]
    struct Stall {
        from_ns: f64,
        length_ns: f64,
    }
    let mut all: Vec<(u64, u64)> = Vec::new();
    for (k, stall) in reader.deserialize().enumerate() {
        let Stall { from_ns, length_ns } = stall.map_err(|e| wrong(e.to_string()))?;
        if !((0.0..1e15).contains(&from_ns) && length_ns > 0.0 && length_ns < 1e15) {
            return Err(wrong(format!("stall {} is from {from_ns} ns on for {length_ns} ns", k + 1)));
        }
        let from = clock.seconds(from_ns * 1e-9);
        if all.last().is_some_and(|(_, to)| *to > from) {
            return Err(wrong(format!("stall {} begins before the one before is over", k + 1)));
        }
        all.push((from, clock.seconds((from_ns + length_ns) * 1e-9).max(from + 1)));
    }
    Ok(all)
}
