//! From streamed design to its modules: the top with lines, windows, counters and the bank, one module of adders for each layer
//! that streams, and one for the rest.
//!
//! ```text
//! x, s<k> ─► s<k+1>_hold ─► s<k+1>_lines ─► s<k+1>_c<n> ─► s<k+1>_window ─► <top>_at_<layer> ─► s<k+1>
//! x_valid, s<k>_next ─► s<k+1>_start ─► s<k+1>_walk ─► row, column ─┘   └─► s<k+1>_next
//! s<last> ─► bank ─► <top>_rest ─► y
//! ```
//!
//! `s<k>_next` is high one cycle before the first position of stream `k` of each vector. Counters have a reset, nothing else does.

use std::fmt::Write as _;

use super::bus::{Reads, number};
use super::core::gather_unread;
use super::print::{Kind, Module};
use super::{Lanes, core, folded, stream_sums};
use crate::hw::Target;
use crate::hw::stream::{Built, Grid, MEMORY_CYCLES, Rest, StreamLayer, Streamed, bits, timers};
use crate::model::IntegerNetwork;
use crate::model::network::INPUT;

/// Hand-written parts: module, which is the name of the file, and text.
pub(super) const PARTS: [(&str, &str); 3] = [
    ("stream_delay", include_str!("../../hdl/stream_delay.v")),
    ("stream_timer", include_str!("../../hdl/stream_timer.v")),
    ("stream_walk", include_str!("../../hdl/stream_walk.v")),
];

/// Name and text of each module, the top first, without the hand-written parts.
pub(super) fn modules(
    streamed: &Streamed,
    top: &str,
    header: &dyn Fn(&str) -> Vec<String>,
    target: Target,
) -> Vec<(String, String)> {
    let mut files = vec![(top.to_owned(), Top::new(streamed, top).text(&header("streamed shift-add encoder")))];
    for (k, layer) in streamed.layers.iter().enumerate() {
        let name = position_module(top, layer);
        let lanes = Lanes { input: streamed.lane(k), output: streamed.lane(k + 1) };
        let text = core::module(&layer.graph, &name, &header("one position of a layer"), lanes, false, target);
        files.push((name, text));
    }
    if let Some(rest) = &streamed.rest {
        let outputs = &streamed.output_formats;
        let output = outputs.iter().map(|f| f.width).max().unwrap_or(1);
        let lanes = Lanes { input: rest_lane(&rest.network), output };
        let (name, header) = (format!("{top}_rest"), header("the layers after those that stream"));
        let text = match &rest.built {
            Built::Pipelined(graph) | Built::Summed(_, graph) => {
                core::module(graph, &name, &header, lanes, false, target)
            }
            Built::Folded(folded) => folded::module(folded, &name, &header, lanes, false),
        };
        files.push((name, text));
    }
    files
}

fn position_module(top: &str, layer: &StreamLayer) -> String {
    format!("{top}_at_{}", layer.network.layers[0].name)
}

/// Bits of an element of what the rest reads.
fn rest_lane(network: &IntegerNetwork) -> u32 {
    network.formats_of(INPUT).iter().map(|f| f.width).max().unwrap_or(1)
}

/// The top module as it is printed.
pub(super) struct Top<'a> {
    streamed: &'a Streamed,
    name: &'a str,
    pub reads: Reads,
    pub m: Module,
    /// Statements of the clocked block.
    pub clocked: String,
}

impl<'a> Top<'a> {
    fn new(streamed: &'a Streamed, name: &'a str) -> Self {
        Top { streamed, name, reads: Reads::default(), m: Module::default(), clocked: String::new() }
    }

    fn text(mut self, header: &[String]) -> String {
        let (streamed, n) = (self.streamed, self.streamed.layers.len());
        let x_bits = self.width(0);
        let y_bits =
            streamed.output_formats.len() as u32 * streamed.output_formats.iter().map(|f| f.width).max().unwrap_or(1);
        for (port, kind, width) in [
            ("clk", Kind::Input, 1),
            ("resetn", Kind::Input, 1),
            ("x", Kind::Input, x_bits),
            ("x_valid", Kind::Input, 1),
            ("y", Kind::Output, y_bits),
            ("y_valid", Kind::Output, 1),
        ] {
            self.m.declare(port, kind, width);
        }
        for k in 0..n {
            self.layer(k);
        }
        self.end();
        let _ = writeln!(self.m.body, "\nalways @(posedge clk) begin\n{}end", self.clocked);
        gather_unread(&mut self.m, &self.reads);
        self.m.text(self.name, header)
    }

    /// Bits of stream `k`.
    fn width(&self, k: usize) -> u32 {
        self.streamed.before(k).channels * self.streamed.lane(k)
    }

    fn stream(k: usize) -> String {
        if k == 0 { "x".to_owned() } else { format!("s{k}") }
    }

    fn token_of(k: usize) -> String {
        if k == 0 { "x_valid".to_owned() } else { format!("s{k}_next") }
    }

    /// A comment.
    pub fn note(&mut self, text: &str) {
        let _ = writeln!(self.m.body, "\n// {text}");
    }

    /// Bits `low..low + bits` of a bus, extended to `to` bits by sign or zero.
    pub fn part(&self, (name, full): (&str, u32), low: u32, (bits, signed): (u32, bool), to: u32) -> String {
        self.reads.mark(name, low, bits);
        let high = low + bits - 1;
        let one = |i: u32| if full == 1 { name.to_owned() } else { format!("{name}[{i}]") };
        let text = match bits {
            n if n == full => name.to_owned(),
            1 => one(low),
            _ => format!("{name}[{high}:{low}]"),
        };
        match to.saturating_sub(bits) {
            0 => text,
            n if signed => format!("{{{{{n}{{{}}}}}, {text}}}", one(high)),
            n => format!("{{{n}'b0, {text}}}"),
        }
    }

    /// Bits of the row and of the column of the last stream.
    pub fn place_bits(&self) -> (u32, u32) {
        let grid = self.streamed.before(self.streamed.layers.len());
        (bits(grid.rows - 1), bits(grid.columns - 1))
    }

    /// Positions of a row of the last stream.
    pub fn last_columns(&self) -> u32 {
        self.streamed.before(self.streamed.layers.len()).columns
    }

    pub fn register(&mut self, name: &str, width: u32, text: &str) {
        self.m.declare(name, Kind::Reg, width);
        let _ = writeln!(self.clocked, "  {name} <= {text};");
    }

    pub fn assign(&mut self, name: &str, width: u32, text: &str) {
        self.m.declare(name, Kind::Wire, width);
        let _ = writeln!(self.m.body, "assign {name} = {text};");
    }

    /// `name` is `from` so many cycles ago, at least 1.
    fn delay(&mut self, name: &str, from: &str, width: u32, cycles: u32) {
        if cycles >= MEMORY_CYCLES {
            let counter = bits(cycles - 1);
            self.m.declare(name, Kind::Wire, width);
            let _ = writeln!(
                self.m.body,
                "stream_delay #(.WIDTH({width}), .BITS({counter}), .LAST({counter}'d{})) {name}_memory (\n  \
                 .clk(clk), .resetn(resetn), .d({from}), .q({name})\n);",
                cycles - 1
            );
            return;
        }
        let mut from = from.to_owned();
        for n in 1..cycles {
            let next = format!("{name}_d{n}");
            self.register(&next, width, &from);
            from = next;
        }
        self.register(name, width, &from);
    }

    /// `name` is high so many cycles after `from`.
    pub fn token(&mut self, name: &str, from: &str, cycles: u32) {
        let mut from = from.to_owned();
        let steps = timers(cycles, self.streamed.ii);
        for (i, step) in steps.iter().enumerate() {
            let next = if i + 1 == steps.len() { name.to_owned() } else { format!("{name}_t{i}") };
            match *step {
                1 => self.register(&next, 1, &format!("resetn & {from}")),
                n if n < MEMORY_CYCLES => {
                    let row = format!("{next}_at");
                    self.register(&row, n, &format!("resetn ? {{{row}[{}:0], {from}}} : {n}'b0", n - 2));
                    self.assign(&next, 1, &format!("{row}[{}]", n - 1));
                }
                n => {
                    let left = bits(n - 1);
                    self.m.declare(&next, Kind::Wire, 1);
                    let _ = writeln!(
                        self.m.body,
                        "stream_timer #(.BITS({left}), .LEFT({left}'d{})) {next}_timer (\n  \
                         .clk(clk), .resetn(resetn), .start({from}), .done({next})\n);",
                        n - 1
                    );
                }
            }
            from = next;
        }
        if steps.is_empty() {
            self.assign(name, 1, &from);
        }
    }

    /// Counters that follow a grid from the token `start` on: `<prefix>_valid`, `_last`, `_row`, `_column`.
    fn walk(&mut self, prefix: &str, start: &str, grid: &Grid) {
        let sizes = [grid.rows, grid.columns, grid.row_pitch, grid.column_pitch].map(|n| (bits(n - 1), n - 1));
        for (suffix, width) in [("valid", 1), ("last", 1), ("row", sizes[0].0), ("column", sizes[1].0)] {
            let name = format!("{prefix}_{suffix}");
            self.m.declare(&name, Kind::Wire, width);
            self.reads.declare(&name, width);
        }
        let names = ["ROW", "COLUMN", "IN_ROW", "WAIT"];
        let list = |text: &dyn Fn(&str, (u32, u32)) -> String| {
            names.iter().zip(sizes).map(|(n, s)| text(n, s)).collect::<Vec<_>>().join(", ")
        };
        let widths = list(&|name, (bits, _)| format!(".{name}_BITS({bits})"));
        let lasts = list(&|name, (bits, last)| format!(".LAST_{name}({bits}'d{last})"));
        let _ = writeln!(
            self.m.body,
            "stream_walk #(\n  {widths},\n  {lasts}\n) {prefix}_walk (\n  .clk(clk), .resetn(resetn), .start({start}), \
             .valid({prefix}_valid), .last({prefix}_last), .row({prefix}_row), .column({prefix}_column)\n);"
        );
    }

    fn layer(&mut self, k: usize) {
        let streamed = self.streamed;
        let (layer, input, width) = (&streamed.layers[k], streamed.before(k), self.width(k));
        let [height, across] = layer.window.kernel;
        let (s, name) = (format!("s{}", k + 1), &layer.network.layers[0].name);
        let Grid { rows, columns, channels, .. } = layer.output;
        let _ = writeln!(
            self.m.body,
            "\n// `{name}`: {rows} rows of {columns} positions with {channels} channels, the first in cycle {}",
            layer.output.start
        );
        let mut newest = Self::stream(k);
        if layer.hold > 0 {
            let held = format!("{s}_hold");
            self.delay(&held, &newest, width, layer.hold);
            newest = held;
        }
        // Row by row, the top one lowest.
        let mut column = newest.clone();
        if height > 1 {
            let lines = format!("{s}_lines");
            let bits = width * (height - 1);
            let from = if height > 2 { format!("{{{newest}, {lines}[{}:{width}]}}", bits - 1) } else { newest.clone() };
            self.delay(&lines, &from, bits, input.row_pitch);
            column = format!("{s}_c0");
            self.assign(&column, width * height, &format!("{{{newest}, {lines}}}"));
        }
        let mut across_names = vec![column.clone()];
        for n in 1..across {
            let next = format!("{s}_c{n}");
            self.delay(&next, &column, width * height, input.column_pitch);
            across_names.push(next.clone());
            column = next;
        }
        let tap = |ky: u32, kx: u32| {
            let name = &across_names[(across - 1 - kx) as usize];
            match (height, width) {
                (1, _) => name.clone(),
                (_, 1) => format!("{name}[{ky}]"),
                _ => format!("{name}[{}:{}]", (ky + 1) * width - 1, ky * width),
            }
        };
        let taps = (0..height).flat_map(|ky| (0..across).map(move |kx| (ky, kx)));
        let [to_walk, to_next] = streamed.tokens(k);
        let token = Self::token_of(k);
        let list: Vec<String> = if layer.masked {
            let start = format!("{s}_start");
            self.token(&start, &token, to_walk);
            self.walk(&s, &start, &layer.output);
            let fill = self.fill(layer, streamed.lane(k));
            taps.map(|(ky, kx)| match self.inside(&s, layer, input, ky, kx) {
                None => tap(ky, kx),
                Some(never) if never == "1'b0" => fill.clone(),
                Some(open) => format!("{open} ? {} : {fill}", tap(ky, kx)),
            })
            .collect()
        } else {
            taps.map(|(ky, kx)| tap(ky, kx)).collect()
        };
        let list: Vec<String> = list.into_iter().rev().collect();
        let window = if list.len() == 1 { list.concat() } else { format!("{{\n    {}\n  }}", list.join(",\n    ")) };
        let (seen, bits) = (format!("{s}_window"), width * height * across);
        if layer.masked {
            self.register(&seen, bits, &window);
        } else {
            self.assign(&seen, bits, &window);
        }
        let out = self.width(k + 1);
        self.m.declare(&s, Kind::Wire, out);
        let module = position_module(self.name, layer);
        let _ = writeln!(self.m.body, "{module} {s}_position (.clk(clk), .x({seen}), .y({s}));");
        self.token(&format!("{s}_next"), &token, to_next);
    }

    /// A whole position of fill.
    fn fill(&self, layer: &StreamLayer, lane: u32) -> String {
        let width = lane * layer.window.fill.len() as u32;
        if layer.window.fill.iter().all(|f| *f == 0) {
            return format!("{width}'b0");
        }
        let list: Vec<String> = layer.window.fill.iter().rev().map(|f| number((*f).into(), lane)).collect();
        format!("{{{}}}", list.join(", "))
    }

    /// When a tap lies inside the image; `None` if it always does.
    fn inside(&self, s: &str, layer: &StreamLayer, input: &Grid, ky: u32, kx: u32) -> Option<String> {
        let mut parts = Vec::new();
        for (d, k, size, count, name) in [
            (0, ky, input.rows, layer.output.rows, format!("{s}_row")),
            (1, kx, input.columns, layer.output.columns, format!("{s}_column")),
        ] {
            let Some((low, high)) = layer.window.inside(d, k, size, count) else { return Some("1'b0".to_owned()) };
            let width = bits(count - 1);
            let mut part = |text: String| {
                self.reads.mark(&name, 0, width);
                parts.push(text);
            };
            if low == high && count > 1 {
                part(format!("({name} == {width}'d{low})"));
                continue;
            }
            if low > 0 {
                part(format!("({name} >= {width}'d{low})"));
            }
            if high < count - 1 {
                part(format!("({name} <= {width}'d{high})"));
            }
        }
        match parts.len() {
            0 => None,
            1 => Some(parts.concat()),
            _ => Some(format!("({})", parts.join(" & "))),
        }
    }

    /// The bank, the rest, and the outputs.
    fn end(&mut self) {
        let (streamed, n) = (self.streamed, self.streamed.layers.len());
        let (last, grid, width) = (Self::stream(n), *streamed.before(n), self.width(n));
        let _ = writeln!(self.m.body, "\n// {} positions make a whole", grid.positions());
        self.walk("end", &Self::token_of(n), &grid);
        let mut whole = last.clone();
        let rest = format!("{}_rest rest", self.name);
        if let Some(Rest { network, built: Built::Summed(sums, graph) }) = &streamed.rest {
            let from = (last.as_str(), streamed.lane(n));
            let (whole, token) = stream_sums::sums(self, sums, from, &Self::token_of(n), rest_lane(network));
            let _ = writeln!(self.m.body, "{rest} (.clk(clk), .x({whole}), .y(y));");
            self.token("done", &token, graph.latency.0);
            self.m.body += "assign y_valid = done;\n";
            return;
        }
        if grid.positions() > 1 {
            let bits = (grid.positions() - 1) * width;
            let kept = match grid.positions() {
                2 => last.clone(),
                _ => format!("{{{last}, bank[{}:{width}]}}", bits - 1),
            };
            self.m.declare("bank", Kind::Reg, bits);
            let _ = writeln!(self.clocked, "  if (end_valid) bank <= {kept};");
            self.reads.mark("end_valid", 0, 1);
            whole = format!("{{{last}, bank}}");
        }
        self.reads.mark("end_last", 0, 1);
        match streamed.rest.as_ref().map(|r| &r.built) {
            None | Some(Built::Summed(..)) => {
                let _ = writeln!(self.m.body, "assign y = {whole};\nassign y_valid = end_last;");
            }
            Some(Built::Pipelined(graph)) => {
                let _ = writeln!(self.m.body, "{rest} (.clk(clk), .x({whole}), .y(y));");
                self.token("done", "end_last", graph.latency.0);
                self.m.body += "assign y_valid = done;\n";
            }
            Some(Built::Folded(_)) => {
                let ports = ".clk(clk), .resetn(resetn)";
                let _ = writeln!(
                    self.m.body,
                    "{rest} (\n  {ports}, .x({whole}), .x_valid(end_last), .y(y), .y_valid(y_valid)\n);"
                );
            }
        }
    }
}
