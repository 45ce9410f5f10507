//! What a verb says on stderr: lines about what it did, and a bar where it takes longer than two seconds.

use std::fmt::Display;
use std::io::Write as _;
use std::sync::mpsc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work shorter than this shows no bar.
const PATIENCE: Duration = Duration::from_secs(2);

/// One line on stderr. A closed stderr is no reason to stop.
pub fn say(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A bar that appears after two seconds, and never where stderr is not a terminal. Gone when dropped.
pub struct Progress {
    bar: ProgressBar,
    /// Dropped with the bar: the thread that waits to show it then ends.
    _done: mpsc::Sender<()>,
}

impl Progress {
    /// For work of known length.
    ///
    /// * `verb`: what is going on
    /// * `len`: steps
    /// * `unit`: what a step is, in the plural
    pub fn new(verb: &str, len: usize, unit: &str) -> Self {
        Self::with(
            ProgressBar::new(len as u64),
            &format!("{verb} {{bar:30}} {{pos}}/{{len}} {unit}{{msg}}, {{eta}} left"),
        )
    }

    /// For work whose length nobody knows.
    pub fn spinner(verb: &str, what: &str) -> Self {
        Self::with(ProgressBar::no_length(), &format!("{verb} {{spinner}} {what}, {{elapsed}}"))
    }

    fn with(bar: ProgressBar, template: &str) -> Self {
        bar.set_draw_target(ProgressDrawTarget::hidden());
        bar.set_style(ProgressStyle::with_template(template).expect("a template of constant parts"));
        let (done, wait) = mpsc::channel::<()>();
        let shown = bar.clone();
        std::thread::spawn(move || {
            if wait.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) && !shown.is_finished() {
                // indicatif draws nothing where stderr is not a terminal.
                shown.set_draw_target(ProgressDrawTarget::stderr());
                shown.enable_steady_tick(Duration::from_millis(250));
            }
        });
        Progress { bar, _done: done }
    }

    /// `n` steps are done.
    pub fn add(&self, n: usize) {
        self.bar.inc(n as u64);
    }

    /// One step is done; `message` stands behind the count.
    pub fn step(&self, message: &str) {
        self.bar.set_message(format!(", {message}"));
        self.add(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
