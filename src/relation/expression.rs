//! Formulas over columns: `hypot(PRI_tau_eta - PRI_lep_eta, dphi(PRI_tau_phi, PRI_lep_phi))`.

use std::fmt;
use std::iter::Peekable;
use std::str::{Chars, FromStr};

use crate::error::{Code, Error, Result};
use crate::fixed::portable;

/// A formula. Its columns are numbered in the order in which they first occur.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    text: String,
    columns: Vec<String>,
    root: Node,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Number(f64),
    Column(usize),
    Call(Function, Vec<Node>),
}

/// No formula is nested deeper: what reads it calls itself.
const DEEPEST: usize = 100;

/// What a formula can compute, each with the number of its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Add,
    Subtract,
    Multiply,
    Divide,
    Negate,
    Hypot,
    Dphi,
    Atan2,
    Min,
    Max,
    Sqrt,
    Abs,
    Sign,
    Sin,
    Cos,
    Sinh,
    Cosh,
    Exp,
    Ln,
}

/// Names in formulas. `dphi(a, b)` is `a - b` brought to -pi ..= pi; `sign` is -1, 0 or 1.
const NAMES: [(&str, Function, usize); 14] = [
    ("hypot", Function::Hypot, 2),
    ("dphi", Function::Dphi, 2),
    ("atan2", Function::Atan2, 2),
    ("min", Function::Min, 2),
    ("max", Function::Max, 2),
    ("sqrt", Function::Sqrt, 1),
    ("abs", Function::Abs, 1),
    ("sign", Function::Sign, 1),
    ("sin", Function::Sin, 1),
    ("cos", Function::Cos, 1),
    ("sinh", Function::Sinh, 1),
    ("cosh", Function::Cosh, 1),
    ("exp", Function::Exp, 1),
    ("ln", Function::Ln, 1),
];

impl Function {
    /// The value; functions of one argument take no notice of `y`.
    fn of(self, x: f64, y: f64) -> f64 {
        match self {
            Function::Add => x + y,
            Function::Subtract => x - y,
            Function::Multiply => x * y,
            Function::Divide => x / y,
            Function::Negate => -x,
            Function::Hypot => (x * x + y * y).sqrt(),
            Function::Dphi => portable::wrap(x - y),
            Function::Atan2 => portable::atan2(x, y),
            Function::Min => x.min(y),
            Function::Max => x.max(y),
            Function::Sqrt => x.sqrt(),
            Function::Abs => x.abs(),
            Function::Sign if x == 0.0 => 0.0,
            Function::Sign => x.signum(),
            Function::Sin => portable::sin(x),
            Function::Cos => portable::cos(x),
            Function::Sinh => portable::sinh(x),
            Function::Cosh => portable::cosh(x),
            Function::Exp => portable::exp(x),
            Function::Ln => portable::ln(x),
        }
    }
}

impl Expression {
    /// Names of the columns that it is computed from.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Its value for every row.
    ///
    /// * `columns`: one slice for each of [`columns`](Self::columns), all of the same length
    ///
    /// # Panics
    /// If there are fewer slices than columns, or they differ in length.
    pub fn evaluate(&self, columns: &[&[f64]]) -> Vec<f64> {
        /// Rows that are computed at once.
        const ROWS: usize = 1024;
        let rows = columns.first().map_or(0, |c| c.len());
        let mut out = Vec::with_capacity(rows);
        for from in (0..rows).step_by(ROWS) {
            let to = (from + ROWS).min(rows);
            let part: Vec<&[f64]> = columns.iter().map(|c| &c[from..to]).collect();
            out.extend(self.root.evaluate(&part, to - from));
        }
        out
    }
}

impl Node {
    fn evaluate(&self, columns: &[&[f64]], rows: usize) -> Vec<f64> {
        match self {
            Node::Number(x) => vec![*x; rows],
            Node::Column(k) => columns[*k].to_vec(),
            Node::Call(function, arguments) => {
                let mut all = arguments[0].evaluate(columns, rows);
                match arguments.get(1).map(|a| a.evaluate(columns, rows)) {
                    Some(second) => all.iter_mut().zip(second).for_each(|(x, y)| *x = function.of(*x, y)),
                    None => all.iter_mut().for_each(|x| *x = function.of(*x, 0.0)),
                }
                all
            }
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Expression {
    type Err = Error;

    /// Reads numbers, names of columns (in backquotes if they are not letters, digits, `_` and `.`), `+ - * /`, brackets
    /// and functions.
    fn from_str(text: &str) -> Result<Self> {
        let mut parser = Parser { rest: text.chars().peekable(), text, columns: Vec::new(), depth: 0 };
        let root = parser.sum()?;
        parser.space();
        match parser.rest.peek().copied() {
            Some(c) => Err(parser.error(format!("`{c}` is not expected here"))),
            None if parser.columns.is_empty() => Err(parser.error("it has no column".to_owned())),
            None => Ok(Expression { text: text.trim().to_owned(), columns: parser.columns, root }),
        }
    }
}

struct Parser<'a> {
    rest: Peekable<Chars<'a>>,
    text: &'a str,
    columns: Vec<String>,
    depth: usize,
}

impl Parser<'_> {
    fn error(&self, what: String) -> Error {
        let at = self.text.chars().count() - self.rest.clone().count();
        let names: Vec<&str> = NAMES.iter().map(|(name, ..)| *name).collect();
        Error::new(Code::Recipe, format!("the formula `{}` is not one: {what} (character {})", self.text, at + 1))
            .hint(format!("columns, numbers, + - * / ( ) and {}", names.join(" ")))
    }

    fn space(&mut self) {
        while self.rest.next_if(|c| c.is_whitespace()).is_some() {}
    }

    fn take(&mut self, c: char) -> bool {
        self.space();
        self.rest.next_if_eq(&c).is_some()
    }

    fn expect(&mut self, c: char) -> Result<()> {
        if self.take(c) { Ok(()) } else { Err(self.error(format!("`{c}` is missing"))) }
    }

    fn sum(&mut self) -> Result<Node> {
        let mut all = self.product()?;
        loop {
            let function = if self.take('+') {
                Function::Add
            } else if self.take('-') {
                Function::Subtract
            } else {
                return Ok(all);
            };
            all = Node::Call(function, vec![all, self.product()?]);
        }
    }

    fn product(&mut self) -> Result<Node> {
        let mut all = self.factor()?;
        loop {
            let function = if self.take('*') {
                Function::Multiply
            } else if self.take('/') {
                Function::Divide
            } else {
                return Ok(all);
            };
            all = Node::Call(function, vec![all, self.factor()?]);
        }
    }

    fn factor(&mut self) -> Result<Node> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.error("it is nested too deeply".to_owned()));
        }
        let node = self.single();
        self.depth -= 1;
        node
    }

    fn single(&mut self) -> Result<Node> {
        if self.take('-') {
            return Ok(Node::Call(Function::Negate, vec![self.factor()?]));
        }
        if self.take('(') {
            let inner = self.sum()?;
            self.expect(')')?;
            return Ok(inner);
        }
        if self.take('`') {
            let mut name = String::new();
            while let Some(c) = self.rest.next_if(|c| *c != '`') {
                name.push(c);
            }
            self.expect('`')?;
            return Ok(self.column(name));
        }
        match self.rest.peek().copied() {
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(c) if c.is_alphabetic() || c == '_' => {
                let mut name = String::new();
                while let Some(c) = self.rest.next_if(|c| c.is_alphanumeric() || matches!(c, '_' | '.')) {
                    name.push(c);
                }
                if self.take('(') { self.call(&name) } else { Ok(self.column(name)) }
            }
            Some(c) => Err(self.error(format!("`{c}` is not expected here"))),
            None => Err(self.error("it ends too early".to_owned())),
        }
    }

    fn number(&mut self) -> Result<Node> {
        let mut digits = String::new();
        while let Some(c) = self.rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '.') {
            digits.push(c);
            if matches!(c, 'e' | 'E') {
                digits.extend(self.rest.next_if(|c| matches!(c, '+' | '-')));
            }
        }
        let number = digits.parse::<f64>().ok().filter(|x| x.is_finite());
        number.map(Node::Number).ok_or_else(|| self.error(format!("`{digits}` is no number")))
    }

    fn call(&mut self, name: &str) -> Result<Node> {
        let Some((_, function, n)) = NAMES.iter().find(|(known, ..)| *known == name) else {
            return Err(self.error(format!("there is no function `{name}`")));
        };
        let mut arguments = vec![self.sum()?];
        while self.take(',') {
            arguments.push(self.sum()?);
        }
        self.expect(')')?;
        if arguments.len() != *n {
            return Err(self.error(format!("`{name}` takes {n} arguments, not {}", arguments.len())));
        }
        Ok(Node::Call(*function, arguments))
    }

    fn column(&mut self, name: String) -> Node {
        let known = self.columns.iter().position(|c| *c == name);
        Node::Column(known.unwrap_or_else(|| {
            self.columns.push(name);
            self.columns.len() - 1
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, columns: &[f64]) -> f64 {
        let columns: Vec<&[f64]> = columns.iter().map(std::slice::from_ref).collect();
        text.parse::<Expression>().unwrap().evaluate(&columns)[0]
    }

    #[test]
    fn formulas_have_the_usual_precedence() {
        assert_eq!(value("a - b - 2 * -c / 4", &[1.0, 2.0, 6.0]), 2.0);
        assert_eq!(value("(a + b) * 1e-1", &[1.0, 2.0]), 3.0 * 0.1);
        assert_eq!(value("hypot(`p x`, jet.py)", &[3.0, 4.0]), 5.0);
        assert_eq!(value("max(a, min(b, a)) + sign(a - b)", &[1.0, 2.0]), 0.0);
        let turned = value("dphi(a, b)", &[3.0, -3.0]);
        assert!((turned - (6.0 - std::f64::consts::TAU)).abs() < 1e-15);
    }

    #[test]
    fn what_is_no_formula_is_refused_with_its_place() {
        for (text, what) in [
            ("a +", "it ends too early (character 4)"),
            ("a b", "`b` is not expected here (character 3)"),
            ("foo(a)", "there is no function `foo`"),
            ("hypot(a)", "takes 2 arguments, not 1"),
            ("(a", "`)` is missing"),
            ("1.2.3 * a", "`1.2.3` is no number"),
            ("1 + 2", "it has no column"),
            ("`a", "``` is missing"),
        ] {
            let error = text.parse::<Expression>().unwrap_err().to_string();
            assert!(error.contains(what), "{text}: {error}");
        }
        let deep = "(".repeat(5000) + "a";
        assert!(deep.parse::<Expression>().unwrap_err().to_string().contains("nested too deeply"));
        assert!(("-".repeat(5000) + "a").parse::<Expression>().is_err());
    }
}
