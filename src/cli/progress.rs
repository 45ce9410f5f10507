//! Progress on stderr: nothing for short work, a bar for long work, never where stderr is not a terminal.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work shorter than this shows no bar.
const PATIENCE: Duration = Duration::from_secs(2);

/// A bar that appears when the work turns out to take longer than two seconds.
pub struct Progress {
    bar: ProgressBar,
    start: Instant,
    shown: Mutex<bool>,
}

impl Progress {
    /// * `verb`: what is going on
    /// * `len`: steps; 0 if nobody knows
    /// * `unit`: what a step is, in the plural
    pub fn new(verb: &str, len: usize, unit: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(len as u64), ProgressDrawTarget::hidden());
        let template = if len > 0 {
            format!("{verb} {{bar:30}} {{pos}}/{{len}} {unit}{{msg}}, {{eta}} left")
        } else {
            format!("{verb} {{spinner}} {{pos}} {unit}{{msg}}, {{elapsed}}")
        };
        bar.set_style(ProgressStyle::with_template(&template).expect("a template of constant parts"));
        Progress { bar, start: Instant::now(), shown: Mutex::new(false) }
    }

    /// Shows it at once: for work that is known to be long.
    pub fn at_once(self) -> Self {
        self.reveal();
        self.bar.enable_steady_tick(Duration::from_millis(250));
        self
    }

    /// `n` steps are done.
    pub fn add(&self, n: usize) {
        self.bar.inc(n as u64);
        if self.start.elapsed() > PATIENCE {
            self.reveal();
        }
    }

    /// One step is done; `message` stands behind the count.
    pub fn step(&self, message: &str) {
        self.bar.set_message(format!(", {message}"));
        self.add(1);
    }

    fn reveal(&self) {
        let mut shown = self.shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !std::mem::replace(&mut shown, true) {
            // indicatif draws nothing where stderr is not a terminal.
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
