//! Axes: from values to places, and the ticks between.

use super::look::raised;

/// A tick of an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Where, in 0..=1 of the axis.
    pub at: f64,
    /// What stands beside it; absent for a small tick.
    pub label: Option<String>,
}

/// One axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    low: f64,
    high: f64,
    log: bool,
    whole: bool,
    labels: bool,
    inner: bool,
    title: String,
    unit: String,
}

impl Axis {
    /// Equal steps; an axis of no length is widened.
    pub fn linear(low: f64, high: f64) -> Self {
        let good = low.is_finite() && high.is_finite();
        let (low, high) = if good { (low, high) } else { (0.0, 1.0) };
        let widen = if high > low { 0.0 } else { (low.abs() * 0.5).max(0.5) };
        Axis {
            low: low - widen,
            high: high + widen,
            log: false,
            whole: false,
            labels: true,
            inner: false,
            title: String::new(),
            unit: String::new(),
        }
    }

    /// Equal factors; both ends must be positive.
    pub fn log(low: f64, high: f64) -> Self {
        let low = if low.is_finite() && low > 0.0 { low } else { 1e-3 };
        let high = if high.is_finite() && high > low { high } else { low * 10.0 };
        Axis { log: true, ..Axis::linear(low, high) }
    }

    /// With a title and a unit.
    #[must_use]
    pub fn titled(mut self, title: &str, unit: &str) -> Self {
        (self.title, self.unit) = (title.to_owned(), unit.to_owned());
        self
    }

    /// With ticks but no words.
    #[must_use]
    pub fn bare(mut self) -> Self {
        self.labels = false;
        self
    }

    /// With no label near its ends, where those of a neighbour stand.
    #[must_use]
    pub fn inner(mut self) -> Self {
        self.inner = true;
        self
    }

    /// With ticks at whole numbers only.
    #[must_use]
    pub fn whole(mut self) -> Self {
        self.whole = true;
        self
    }

    /// Lowest value.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// Highest value.
    pub fn high(&self) -> f64 {
        self.high
    }

    /// Whether words stand beside it.
    pub fn has_labels(&self) -> bool {
        self.labels
    }

    /// Where `v` lies: 0 at the low end, 1 at the high end, cut to that.
    pub fn at(&self, v: f64) -> f64 {
        let at = if self.log {
            (v.max(f64::MIN_POSITIVE) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (v - self.low) / (self.high - self.low)
        };
        if at.is_nan() { 0.0 } else { at.clamp(0.0, 1.0) }
    }

    /// Title with the unit, and the power of ten that the labels leave out.
    pub fn title(&self) -> String {
        let power = match self.power() {
            0 => String::new(),
            p => format!("10{}", raised(p)),
        };
        let unit = if self.unit == "1" { "" } else { &self.unit };
        let space = if power.is_empty() || unit.is_empty() { "" } else { " " };
        let bracket = format!("{power}{space}{unit}");
        match (self.title.is_empty(), bracket.is_empty()) {
            (_, true) => self.title.clone(),
            (true, false) => format!("[{bracket}]"),
            (false, false) => format!("{} [{bracket}]", self.title),
        }
    }

    /// Labels of linear axes with very large or small numbers are in units of this power of ten.
    fn power(&self) -> i32 {
        let largest = self.low.abs().max(self.high.abs());
        if self.by_powers() || !self.labels || (0.05..1e5).contains(&largest) {
            return 0;
        }
        (largest.log10().floor() as i32).div_euclid(3) * 3
    }

    /// Within half a decade there are no round powers to stand on.
    fn by_powers(&self) -> bool {
        self.log && self.high / self.low > 4.0
    }

    /// About `wanted` labelled ticks and small ones between.
    pub fn ticks(&self, wanted: usize) -> Vec<Tick> {
        let mut ticks = if self.by_powers() { self.log_ticks(wanted) } else { self.linear_ticks(wanted) };
        if self.inner {
            ticks.iter_mut().filter(|t| !(0.06..=0.94).contains(&t.at)).for_each(|t| t.label = None);
        }
        ticks
    }

    fn linear_ticks(&self, wanted: usize) -> Vec<Tick> {
        let wanted = wanted.max(1) as f64;
        // On a logarithmic axis steps are smallest at the high end, and must not become smaller.
        let (rough, [one, two, five]) = if self.log {
            (self.high * (1.0 - (self.low / self.high).powf(0.7 / wanted)), [1.0, 2.0, 5.0])
        } else {
            ((self.high - self.low) / wanted, [1.5, 3.5, 7.5])
        };
        let decade = 10f64.powf(rough.log10().floor());
        let (step, parts) = match rough / decade {
            r if r < one => (decade, 5),
            r if r < two => (2.0 * decade, 4),
            r if r < five => (5.0 * decade, 5),
            _ => (10.0 * decade, 5),
        };
        let (step, parts) = if self.whole && step < 1.0 { (1.0, 1) } else { (step, parts) };
        let parts = if self.whole && step / f64::from(parts) < 1.0 { 1 } else { parts };
        let small = step / f64::from(parts);
        let scale = 10f64.powi(-self.power());
        let digits = (-(step * scale).log10().floor()).clamp(0.0, 9.0) as usize;
        let slack = (self.high - self.low) * 1e-9;
        let first = ((self.low - slack) / small).ceil() as i64;
        let last = ((self.high + slack) / small).floor() as i64;
        let ticks = (first..=last.min(first + 400)).map(|i| {
            let v = i as f64 * small;
            let label = (i % i64::from(parts) == 0).then(|| {
                let text = format!("{:.digits$}", v * scale);
                // -0.0 would say "-0".
                if text.trim_start_matches(['-', '0', '.']).is_empty() { "0".to_owned() } else { text }
            });
            Tick { at: self.at(v), label }
        });
        ticks.collect()
    }

    fn log_ticks(&self, wanted: usize) -> Vec<Tick> {
        let slack = 1.0 + 1e-9;
        let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let inside = |v: f64| v >= self.low / slack && v <= self.high * slack;
        let decades = (first..=last).filter(|d| inside(10f64.powi(*d))).count();
        let every = decades.div_ceil(wanted.max(1)).max(1) as i32;
        let mut ticks = Vec::new();
        for d in first..=last {
            for m in 1..10 {
                let v = f64::from(m) * 10f64.powi(d);
                if !inside(v) {
                    continue;
                }
                // Less than two decades need labels in between.
                let label = match m {
                    1 if d.rem_euclid(every) == 0 => Some(power_of_ten(1, d)),
                    2 | 5 if decades < 2 => Some(power_of_ten(m, d)),
                    _ => None,
                };
                if m == 1 || every == 1 {
                    ticks.push(Tick { at: self.at(v), label });
                }
            }
        }
        ticks
    }
}

fn power_of_ten(m: i32, d: i32) -> String {
    match (m, d) {
        (m, -2..=3) => {
            let digits = (-d).max(0) as usize;
            format!("{:.digits$}", f64::from(m) * 10f64.powi(d))
        }
        (1, d) => format!("10{}", raised(d)),
        (m, d) => format!("{m}×10{}", raised(d)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(a: &Axis, n: usize) -> Vec<String> {
        a.ticks(n).into_iter().filter_map(|t| t.label).collect()
    }

    #[test]
    fn ticks_stand_at_round_numbers() {
        assert_eq!(labels(&Axis::linear(-0.13, 0.41), 5), ["-0.1", "0", "0.1", "0.2", "0.3", "0.4"]);
        assert_eq!(labels(&Axis::linear(0.5, 20.5), 4), ["5", "10", "15", "20"]);
        assert_eq!(labels(&Axis::log(0.5, 2e4), 10), ["1", "10", "100", "1000", "10⁴"]);
        assert_eq!(labels(&Axis::log(0.008, 0.04), 5), ["0.01", "0.02"]);
        assert_eq!(labels(&Axis::log(0.008, 0.0121), 4), ["8", "9", "10", "11", "12"]);
        let crowded = labels(&Axis::log(0.045, 0.104), 8);
        assert!(crowded.starts_with(&["0.05".into(), "0.06".into()]) && crowded.len() < 7, "{crowded:?}");
        assert_eq!(labels(&Axis::linear(0.0, 2.0).whole(), 8), ["0", "1", "2"]);
    }

    #[test]
    fn large_numbers_leave_their_power_to_the_title() {
        let a = Axis::linear(0.0, 3.2e6).titled("pt", "MeV");
        assert_eq!(
            (labels(&a, 3), a.title().as_str()),
            (vec!["0".into(), "1".into(), "2".into(), "3".into()], "pt [10⁶ MeV]")
        );
        assert_eq!(Axis::linear(0.0, 10.0).titled("n", "1").title(), "n");
    }

    #[test]
    fn an_axis_without_length_is_widened() {
        let a = Axis::linear(3.0, 3.0);
        assert_eq!((a.low(), a.high(), a.at(3.0)), (1.5, 4.5, 0.5));
        assert_eq!(Axis::linear(f64::NAN, 1.0).at(f64::NAN), 0.0);
    }
}
