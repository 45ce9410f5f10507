//! Requantizers whose accumulator has too many values to try them all: asked of z3.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::smt::{defined_at, question};
use crate::error::{Code, Error, Result};
use crate::hw::{Requantizer, WideRequantizer};
use crate::tool::{Tool, tool};

/// How to get the solver.
const HINT: &str = "apt install z3";

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wide {
    /// Requantizers shown equal for every value.
    pub proved: usize,
    /// The others, as `layer[output]`.
    pub open: Vec<String>,
    /// Why they are open; absent if none is.
    pub why: Option<String>,
    /// Version line of the solver; empty if it was not needed, or is not there.
    pub tool: String,
}

/// Asks about every requantizer in the list. That the solver is not there, or that the time is not enough, is no error.
///
/// # Errors
/// [`Code::Graph`] with layer, output and accumulator of the first difference; [`Code::ToolFailed`] if the solver and the
/// definition disagree about a single value.
pub(super) fn wide(list: &[Requantizer], limit: Duration) -> Result<Wide> {
    let asked: Vec<(&Requantizer, &WideRequantizer)> =
        list.iter().filter_map(|r| Some((r, r.wide.as_ref()?))).collect();
    let name = |r: &Requantizer| format!("{}[{}]", r.layer, r.output);
    let mut result = Wide::default();
    if asked.is_empty() {
        return Ok(result);
    }
    let z3 = match tool("z3", HINT) {
        Ok(z3) => z3,
        Err(e) if e.code() == Code::MissingTool => {
            result.open = asked.iter().map(|(r, _)| name(r)).collect();
            result.why = Some(format!("z3 is not there ({HINT})"));
            return Ok(result);
        }
        Err(e) => return Err(e),
    };
    result.tool.clone_from(&z3.version);
    let start = Instant::now();
    let left = || limit.saturating_sub(start.elapsed());
    // Rows often differ in nothing that matters here: each question once.
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut questions: Vec<String> = Vec::new();
    let mut number = |text: String| {
        *numbers.entry(text).or_insert_with_key(|text| {
            questions.push(text.clone());
            questions.len() - 1
        })
    };
    // The relation, at the ends and near zero, must allow what the definition gives: else it would be true of anything.
    let some = |r: &WideRequantizer| [r.t.0, (-r.from.0 / r.from.1).clamp(r.t.0, r.t.1), r.t.1];
    let at: Vec<(usize, [usize; 3])> = asked
        .iter()
        .map(|(_, w)| (number(question(w)), some(w).map(|t| number(defined_at(w, t, w.at(t).0)))))
        .collect();
    let answers = answers(&z3, &questions, left())?;
    for ((r, w), (main, ends)) in asked.into_iter().zip(at) {
        let said = |i: usize| answers.get(i).map_or("unknown", String::as_str);
        if ends.iter().any(|i| said(*i) == "unsat") {
            return Err(disagree(&z3, w));
        }
        match said(main) {
            "unsat" if ends.iter().all(|i| said(*i) == "sat") => result.proved += 1,
            "sat" => return Err(differs(&z3, r, w, left())?),
            _ => result.open.push(name(r)),
        }
    }
    if !result.open.is_empty() {
        result.why = Some(format!("z3 did not end within {} s", limit.as_secs()));
    }
    Ok(result)
}

/// `sat`, `unsat` or `unknown` for each question, in order; fewer if the time is over.
pub(super) fn answers(z3: &Tool, questions: &[String], limit: Duration) -> Result<Vec<String>> {
    let each = questions.iter().map(|q| format!("(reset)\n{q}")).collect::<String>();
    let log = run(z3, &each, limit)?;
    Ok(log.lines().filter(|l| ["sat", "unsat", "unknown"].contains(l)).map(str::to_owned).collect())
}

/// What z3 prints.
fn run(z3: &Tool, text: &str, limit: Duration) -> Result<String> {
    let work = tempfile::tempdir().map_err(|e| Error::io("create", &std::env::temp_dir(), &e))?;
    let path = work.path().join("questions.smt2");
    std::fs::write(&path, text).map_err(|e| Error::io("write", &path, &e))?;
    // It stops by itself, with what it has answered so far on its output; a second later it would be stopped.
    let seconds = limit.as_secs().max(1);
    let time = format!("-T:{seconds}");
    z3.run_within(work.path(), &[time.as_str(), "questions.smt2"], Duration::from_secs(seconds + 10))
}

/// The difference that the solver has found, tried out.
fn differs(z3: &Tool, r: &Requantizer, w: &WideRequantizer, limit: Duration) -> Result<Error> {
    let log = run(z3, &format!("{}(get-value (t))\n", question(w)), limit)?;
    let t = value(&log).ok_or_else(|| disagree(z3, w))?;
    let (wanted, built) = w.at(t);
    if wanted == built {
        return Err(disagree(z3, w));
    }
    let v = w.from.0 + w.from.1 * t;
    Ok(Error::new(
        Code::Graph,
        format!("layer `{}`, output {}: the accumulator {v} is requantized to another number", r.layer, r.output),
    )
    .cause(format!("{wanted} by the definition, {built} in the graph")))
}

/// The number in `((t #x..))` or `((t #b..))`.
fn value(log: &str) -> Option<i128> {
    let (_, digits) = log.split_once("((t #")?;
    let digits = digits.split(')').next()?;
    let (radix, bits, digits) = match digits.split_at_checked(1)? {
        ("x", d) => (16, 4 * d.len() as u32, d),
        (_, d) => (2, d.len() as u32, d),
    };
    // The upper digits of wide words repeat the sign.
    let tail = digits.get(digits.len().saturating_sub(if radix == 16 { 32 } else { 128 })..)?;
    let raw = u128::from_str_radix(tail, radix).ok()?;
    let spare = 128u32.saturating_sub(bits);
    Some((raw << spare) as i128 >> spare)
}

fn disagree(z3: &Tool, w: &WideRequantizer) -> Error {
    Error::new(Code::ToolFailed, "z3 and the definition disagree about one number")
        .cause(format!("{w:?}"))
        .note("tool", z3.version.clone())
        .hint("this is a fault in sluice or in the solver: please report it")
}
