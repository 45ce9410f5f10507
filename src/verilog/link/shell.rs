//! The module `<name>_link`: what lies between the kernel, its codes and the ports.

use super::super::DesignManifest;
use super::super::print::{Kind, Module};
use super::{CoreOptions, Identity, OUTPUT_FLIGHT, OUTPUT_LOG2, SLACK, Sizes, code};
use crate::link::Link;

/// Its text.
pub(super) fn text(
    kernel: &DesignManifest,
    link: &Link,
    sizes: &Sizes,
    options: &CoreOptions,
    header: &[String],
) -> String {
    let mut shell = Shell { m: Module::default(), kernel, link, sizes, options };
    shell.ports();
    let parts = [
        shell.control(),
        shell.input(),
        shell.kernel(),
        shell.score(),
        shell.credits(),
        if link.fixed_bits.is_some() { shell.fixed_frames() } else { shell.frames() },
        shell.output(),
    ];
    shell.m.body = parts.concat();
    shell.m.text(&format!("{}_link", kernel.top), header)
}

struct Shell<'a> {
    m: Module,
    kernel: &'a DesignManifest,
    link: &'a Link,
    sizes: &'a Sizes,
    options: &'a CoreOptions,
}

impl Shell<'_> {
    fn declare(&mut self, kind: Kind, signals: &[(&str, u32)]) {
        signals.iter().for_each(|(name, width)| self.m.declare(name, kind, *width));
    }

    fn vector_bits(&self) -> u32 {
        self.kernel.in_width * self.kernel.input_formats.len() as u32
    }

    fn ports(&mut self) {
        use Kind::{Input, Output};
        let out = self.sizes.output_bits;
        self.declare(Input, &[("aclk", 1), ("aresetn", 1)]);
        if self.options.output_clock {
            self.declare(Input, &[("m_axis_aclk", 1), ("m_axis_aresetn", 1)]);
        }
        let beat = self.options.input_bits.unwrap_or(self.vector_bits());
        self.declare(Input, &[("s_axis_tdata", beat), ("s_axis_tuser", 16), ("s_axis_tlast", 1), ("s_axis_tvalid", 1)]);
        self.declare(Output, &[("s_axis_tready", 1), ("m_axis_tdata", out), ("m_axis_tkeep", out / 8)]);
        self.declare(Output, &[("m_axis_tlast", 1), ("m_axis_tvalid", 1)]);
        self.declare(Input, &[("m_axis_tready", 1)]);
        if self.kernel.score.is_some() {
            self.declare(Output, &[("score", self.score_bits()), ("score_above", 1), ("score_valid", 1)]);
        }
        if self.options.registers {
            self.declare(Input, &[("s_axil_awaddr", 8), ("s_axil_awvalid", 1)]);
            self.declare(Output, &[("s_axil_awready", 1)]);
            self.declare(Input, &[("s_axil_wdata", 32), ("s_axil_wstrb", 4), ("s_axil_wvalid", 1)]);
            self.declare(Output, &[("s_axil_wready", 1), ("s_axil_bresp", 2), ("s_axil_bvalid", 1)]);
            self.declare(Input, &[("s_axil_bready", 1), ("s_axil_araddr", 8), ("s_axil_arvalid", 1)]);
            self.declare(Output, &[("s_axil_arready", 1), ("s_axil_rdata", 32), ("s_axil_rresp", 2)]);
            self.declare(Output, &[("s_axil_rvalid", 1)]);
            self.declare(Input, &[("s_axil_rready", 1)]);
        }
    }

    /// Reset, loss and counters.
    fn control(&mut self) -> String {
        let drop = u32::from(self.options.drop);
        self.declare(Kind::Wire, &[("resetn", 1), ("sent", 1), ("sent_last", 1), ("held_back", 1)]);
        if self.options.drop {
            self.declare(Kind::Wire, &[("drop", 1)]);
        }
        if !self.options.registers {
            let constant = if self.options.drop { "assign drop = 1'b1;\n" } else { "" };
            self.declare(Kind::Wire, &[("unused_sent", 1)]);
            return format!(
                "\nassign resetn = aresetn;\n{constant}assign unused_sent = &{{1'b0, sent, sent_last, held_back}};\n"
            );
        }
        self.declare(Kind::Wire, &[("count", 8), ("threshold", 16), ("wrong_crc", 1), ("core_resetn", 1)]);
        let identity = Identity::new(self.kernel, self.link.id());
        let threshold = match self.kernel.score {
            Some(score) => score.threshold,
            None if self.link.zero_suppression => self.link.threshold as u16,
            None => 0,
        };
        let has_threshold = self.link.zero_suppression || self.kernel.score.is_some();
        let mut text = String::new();
        if !self.options.drop {
            self.declare(Kind::Wire, &[("may_drop", 1)]);
        }
        if !self.options.drop || !has_threshold {
            self.declare(Kind::Wire, &[("unused_settings", 1)]);
            let mut unused = vec!["1'b0"];
            unused.extend((!self.options.drop).then_some("may_drop"));
            unused.extend((!has_threshold).then_some("threshold"));
            text = format!("assign unused_settings = &{{{}}};\n", unused.join(", "));
        }
        format!(
            "
assign count = {{wrong_crc, truncated, {lost}, held_back, s_axis_tvalid & ~s_axis_tready, sent & sent_last, sent, {taken}}};
link_registers #(
  .VERSION(32'h{version:08x}), .MODEL(32'h{model:08x}), .LINK(16'h{id:04x}), .DROP(1'b{drop}), .THRESHOLD(16'd{threshold})
) registers (
  .aclk(aclk), .aresetn(aresetn),
  .s_axil_awaddr(s_axil_awaddr), .s_axil_awvalid(s_axil_awvalid), .s_axil_awready(s_axil_awready),
  .s_axil_wdata(s_axil_wdata), .s_axil_wstrb(s_axil_wstrb), .s_axil_wvalid(s_axil_wvalid), .s_axil_wready(s_axil_wready),
  .s_axil_bresp(s_axil_bresp), .s_axil_bvalid(s_axil_bvalid), .s_axil_bready(s_axil_bready),
  .s_axil_araddr(s_axil_araddr), .s_axil_arvalid(s_axil_arvalid), .s_axil_arready(s_axil_arready),
  .s_axil_rdata(s_axil_rdata), .s_axil_rresp(s_axil_rresp), .s_axil_rvalid(s_axil_rvalid), .s_axil_rready(s_axil_rready),
  .count(count), .input_ready(s_axis_tready), .output_waits(held_back),
  .core_resetn(core_resetn), .drop({drop_port}), .threshold(threshold)
);
// The core's own comes a cycle late: without the other a beat could be taken in between.
assign resetn = aresetn & core_resetn;
{text}",
            version = identity.version,
            model = identity.model,
            id = identity.link,
            lost = if self.options.drop { "take & lose" } else { "1'b0" },
            taken = if self.options.drop { "take & ~lose" } else { "take" },
            drop_port = if self.options.drop { "drop" } else { "may_drop" },
        )
    }

    /// Vectors, out of one or several beats.
    fn input(&mut self) -> String {
        let (beats, vector) = (self.sizes.input_beats, self.vector_bits());
        self.declare(Kind::Wire, &[("vector", vector), ("user", 16), ("last", 1), ("vector_valid", 1), ("ready", 1)]);
        let Some(beat) = self.options.input_bits else {
            return "
assign vector = s_axis_tdata;
assign user = s_axis_tuser;
assign last = s_axis_tlast;
assign vector_valid = s_axis_tvalid;
assign s_axis_tready = ready;
"
            .to_owned();
        };
        let all = beat * beats;
        self.declare(Kind::Wire, &[("gathered", all), ("misframed", 1), ("unused_gathered", 1)]);
        let above = if all > vector { format!(", gathered[{}:{vector}]", all - 1) } else { String::new() };
        format!(
            "
link_gather #(.BEAT({beat}), .BEATS({beats})) gather (
  .clk(aclk), .resetn(resetn),
  .s_data(s_axis_tdata), .s_user(s_axis_tuser), .s_last(s_axis_tlast), .s_valid(s_axis_tvalid), .s_ready(s_axis_tready),
  .m_data(gathered), .m_user(user), .m_last(last), .m_valid(vector_valid), .m_ready(ready), .fault(misframed)
);
assign vector = gathered[{}:0];
assign unused_gathered = &{{1'b0, misframed{above}}};
",
            vector - 1
        )
    }

    fn kernel(&mut self) -> String {
        let (name, ii, cycles) = (&self.kernel.top, self.kernel.ii, self.kernel.latency_cycles.0);
        let (y_bits, code) = (self.kernel.out_width * self.kernel.output_formats.len() as u32, self.sizes.code);
        let chunk = self.link.worst_event_bits() as u32;
        let folded = if ii > 1 { ", .resetn(resetn), .x_valid(take), .y_valid(kernel_valid)" } else { "" };
        let mut watched = String::new();
        if self.link.has_waveforms() {
            // As late as the kernel's outputs.
            let (valid, first) = match cycles {
                0 => ("take".to_owned(), "starts".to_owned()),
                1 => ("valid[0]".to_owned(), "first".to_owned()),
                n => (format!("valid[{}]", n - 1), format!("first[{}]", n - 1)),
            };
            watched = format!(", .resetn(resetn), .valid({valid}), .first({first})");
        }
        if self.options.registers && self.link.zero_suppression {
            watched += ", .threshold(threshold)";
        }
        let side = format!("{name}_code code (.clk(aclk){watched}, .y(y), .chunk(chunk), .bits(bits));");
        let mut text = format!(
            "
{name} kernel (.clk(aclk), .x(vector), .y(y){folded});
{side}
"
        );
        if ii > 1 {
            self.declare(Kind::Wire, &[("kernel_valid", 1), ("unused_valid", 1)]);
            text += "assign unused_valid = &{1'b0, kernel_valid};\n";
        }
        self.declare(Kind::Wire, &[("y", y_bits), ("chunk", chunk), ("bits", code::count_bits(chunk))]);
        self.declare(Kind::Reg, &[("valid", code)]);
        text
    }

    fn score_bits(&self) -> u32 {
        self.kernel.output_formats.last().map_or(1, |f| f.width)
    }

    /// The last output of the kernel beside the stream: of every vector taken, also of one that is lost.
    fn score(&mut self) -> String {
        let Some(score) = self.kernel.score else { return String::new() };
        let (bits, low) = (self.score_bits(), self.kernel.out_width * (self.kernel.output_formats.len() as u32 - 1));
        let value = if bits == 1 { format!("y[{low}]") } else { format!("y[{}:{low}]", low + bits - 1) };
        let (threshold, wide) = match self.options.registers {
            true => ("threshold".to_owned(), code::pad(&value, bits, 16)),
            false => (format!("{bits}'d{}", score.threshold), value.clone()),
        };
        let there = match self.kernel.latency_cycles.0 {
            0 => "take".to_owned(),
            cycles => format!("valid[{}]", cycles - 1),
        };
        self.declare(Kind::Reg, &[("score_now", bits), ("above_now", 1), ("valid_now", 1)]);
        format!(
            "
// How unlike its background an event is, and whether it is to be kept.
always @(posedge aclk) begin
  score_now <= {value};
  above_now <= {wide} > {threshold};
  valid_now <= resetn & {there};
end
assign score = score_now;
assign score_above = above_now;
assign score_valid = valid_now;
"
        )
    }

    /// What may come in, and what comes with it.
    fn credits(&mut self) -> String {
        let Sizes { code, words_log2, frames_log2, .. } = *self.sizes;
        let (waves, fixed) = (self.link.has_waveforms(), self.link.fixed_bits.is_some());
        let margin = self.sizes.flight + SLACK;
        let drop = self.options.drop;
        self.declare(Kind::Wire, &[("take", 1), ("closes", 1)]);
        self.declare(Kind::Wire, &[("words_used", words_log2 + 1)]);
        self.declare(Kind::Reg, &[("open", 1), ("number", 32)]);
        let mut text = String::new();
        let mut room = format!("(words_used < {}'d{})", words_log2 + 1, (1 << words_log2) - margin);
        if !fixed {
            self.declare(Kind::Wire, &[("frames_used", frames_log2 + 1)]);
            room += &format!(" & (frames_used < {}'d{})", frames_log2 + 1, (1 << frames_log2) - margin);
        }
        // Whether there is room, or a vector may be lost.
        let may = if drop { "(open | may_lose)" } else { "open" };
        let paced = match self.kernel.ii {
            1 => "",
            ii => {
                let wide = 32 - (ii - 1).leading_zeros();
                self.declare(Kind::Reg, &[("left", wide)]);
                text += &format!(
                    "
// Cycles until the kernel can take the next vector.
always @(posedge aclk) begin
  if (~resetn) left <= {wide}'d0;
  else left <= take ? {wide}'d{} : |left ? left - {wide}'d1 : {wide}'d0;
end
",
                    ii - 1
                );
                " & ~(|left)"
            }
        };
        text += &format!(
            "
assign take = vector_valid & ready;
assign ready = {may}{paced};
"
        );
        text += if drop {
            self.declare(Kind::Wire, &[("lose", 1)]);
            self.declare(Kind::Reg, &[("losing", 1), ("may_lose", 1)]);
            "
// Events without room are lost. The first that finds room again is lost too: it is known to be the last of them.
// So it is if losses are forbidden in their midst.
assign lose = losing | (may_lose & ~open);
always @(posedge aclk) begin
  may_lose <= resetn & drop;
  if (~resetn) losing <= 1'b0;
  else if (take) losing <= lose & ~open;
end
"
        } else {
            ""
        };
        let ends = if drop { "lose ? open : " } else { "" };
        if waves {
            self.declare(Kind::Reg, &[("starts", 1), ("place", 16)]);
            let cycles = self.kernel.latency_cycles.0;
            let follow = match cycles {
                0 => String::new(),
                1 => "  first <= starts;\n".to_owned(),
                n => format!("  first <= {{first[{}:0], starts}};\n", n - 2),
            };
            if cycles > 0 {
                self.declare(Kind::Reg, &[("first", cycles)]);
            }
            let goes_on =
                if drop { "closes ? 16'd0 : lose ? place : place + 16'd1" } else { "closes ? 16'd0 : place + 16'd1" };
            let still = if drop { "closes | (lose & starts)" } else { "closes" };
            text += &format!(
                "
// Where frames begin and end: prediction starts anew with each.
assign closes = {ends}last | (place == 16'd{});
always @(posedge aclk) begin
{follow}  if (~resetn) begin
    starts <= 1'b1;
    place  <= 16'd0;
  end else if (take) begin
    starts <= {still};
    place  <= {goes_on};
  end
end
",
                self.link.frame_events - 1
            );
        } else {
            text += &format!("assign closes = {ends}last;\n");
        }
        let shifted = if code > 1 { format!("{{valid[{}:0], take}}", code - 2) } else { "take".to_owned() };
        let coded = self.coded();
        let delay = self.delay();
        text += &format!(
            "
// What comes with a vector waits for its chunk.
{delay}always @(posedge aclk) begin
  if (~resetn) begin
    valid  <= {code}'d0;
    number <= 32'd0;
    open   <= 1'b0;
  end else begin
    valid  <= {shifted};
    number <= number + {{31'd0, {coded}}};
    // Room for all that may be on its way.
    open   <= {room};
  end
end
"
        );
        text
    }

    /// Bunch crossing, end of a frame and, if there is any, loss, until the chunk comes.
    fn delay(&mut self) -> String {
        let (code, width) = (self.sizes.code, 17 + u32::from(self.options.drop));
        let from = if self.options.drop { "{lose, closes, user}" } else { "{closes, user}" };
        if code < 2 {
            self.declare(Kind::Reg, &[("side", width)]);
            return format!("always @(posedge aclk) side <= {from};\n");
        }
        self.declare(Kind::Wire, &[("side", width)]);
        let (last, bits) = (code - 1, u32::BITS - (code - 1).leading_zeros());
        format!(
            "stream_delay #(.WIDTH({width}), .BITS({bits}), .LAST({bits}'d{last})) sides (
  .clk(aclk), .resetn(resetn), .d({from}), .q(side)
);
"
        )
    }

    /// Whether the chunk is of an event that was lost.
    fn lost(&self) -> &'static str {
        if self.options.drop { "side[17]" } else { "1'b0" }
    }

    /// In the cycle of a chunk.
    fn coded(&self) -> String {
        if self.sizes.code > 1 { format!("valid[{}]", self.sizes.code - 1) } else { "valid".to_owned() }
    }

    fn frames(&mut self) -> String {
        let Sizes { output_bits, word_log2, words_log2, frames_log2, .. } = *self.sizes;
        let word = 1 << word_log2;
        let (chunk, units) = (self.link.worst_event_bits() as u32, self.link.frame_limit_log2 - 3);
        let (bits, output_log2) = (code::count_bits(chunk), output_bits.trailing_zeros());
        self.declare(
            Kind::Wire,
            &[
                ("word_valid", 1),
                ("packed_word", word),
                ("frame_valid", 1),
                ("frame_ready", 1),
                ("frame_mark", 48),
                ("frame_events", 16),
                ("frame_lost", 16),
                ("frame_units", units),
                ("frame_empty", 1),
                ("next_word", word),
                ("next_word_ready", 1),
                ("next_frame", 81 + units),
                ("next_frame_valid", 1),
                ("next_frame_ready", 1),
                ("beat", output_bits),
                ("beat_units", output_log2 - 4),
                ("beat_last", 1),
                ("beat_valid", 1),
                ("made", output_bits),
                ("made_units", output_bits / 32),
                ("made_last", 1),
                ("made_valid", 1),
                ("made_ready", 1),
                ("made_used", OUTPUT_LOG2 + 1),
                ("sealed_units", output_bits / 32),
                ("unused_ready", 1),
            ],
        );
        self.declare(Kind::Reg, &[("go", 1)]);
        let lut_ram = u32::from(self.options.lut_ram);
        let keep: Vec<String> = match output_bits / 32 {
            1 => vec!["{4{sealed_units}}".to_owned()],
            units => (0..units).rev().map(|unit| format!("{{4{{sealed_units[{unit}]}}}}")).collect(),
        };
        let mut truncated = "";
        if self.options.registers {
            self.declare(Kind::Wire, &[("truncated", 1)]);
            truncated = "assign truncated = 1'b0;\n";
        }
        format!(
            "
link_pack #(
  .WORD_LOG2({word_log2}), .BITS_LOG2({bits}), .CHUNK({chunk}), .LIMIT_LOG2({limit}), .FRAME_EVENTS({events}), .MARK(48)
) pack (
  .clk(aclk), .resetn(resetn),
  .s_valid({coded}), .s_chunk(chunk), .s_bits({chunk_bits}), .s_last(side[16]), .s_lost({lost}),
  .s_mark({{side[15:0], number}}),
  .word_valid(word_valid), .word(packed_word),
  .frame_valid(frame_valid), .frame_mark(frame_mark), .frame_events(frame_events), .frame_lost(frame_lost),
  .frame_units(frame_units), .frame_empty(frame_empty)
);
link_store #(.WIDTH({word}), .DEPTH_LOG2({words_log2}), .LUT_RAM({lut_ram})) words (
  .clk(aclk), .resetn(resetn), .s_data(packed_word), .s_valid(word_valid),
  .next(next_word_ready), .m_data(next_word), .used(words_used)
);
link_fifo #(.WIDTH({frame_bits}), .DEPTH_LOG2({frames_log2}), .LUT_RAM({lut_ram})) frames (
  .clk(aclk), .resetn(resetn),
  .s_data({{frame_empty, frame_units, frame_lost, frame_events, frame_mark}}), .s_valid(frame_valid), .s_ready(frame_ready),
  .m_data(next_frame), .m_valid(next_frame_valid), .m_ready(next_frame_ready), .used(frames_used)
);
{truncated}link_frame #(.WORD_LOG2({word_log2}), .OUT_LOG2({output_log2}), .UNIT_BITS({units}), .MODEL(16'h{id:04x})) framing (
  .clk(aclk), .resetn(resetn), .go(go),
  .frame_mark(next_frame[47:0]), .frame_events(next_frame[63:48]), .frame_lost(next_frame[79:64]),
  .frame_units(next_frame[{frame_top}:80]), .frame_empty(next_frame[{empty}]),
  .frame_valid(next_frame_valid), .frame_ready(next_frame_ready),
  .word(next_word), .word_ready(next_word_ready),
  .m_data(beat), .m_units(beat_units), .m_last(beat_last), .m_valid(beat_valid)
);
link_crc #(.OUT_LOG2({output_log2})) seal (
  .clk(aclk), .resetn(resetn),
  .s_data(beat), .s_units(beat_units), .s_last(beat_last), .s_valid(beat_valid),
  .m_data(made), .m_keep(made_units), .m_last(made_last), .m_valid(made_valid)
);
link_fifo #(.WIDTH({made_bits}), .DEPTH_LOG2({OUTPUT_LOG2}), .LUT_RAM(1)) outgoing (
  .clk(aclk), .resetn(resetn),
  .s_data({{made_last, made_units, made}}), .s_valid(made_valid), .s_ready(made_ready),
  .m_data({{sealed_last, sealed_units, sealed}}), .m_valid(sealed_valid), .m_ready(sealed_ready), .used(made_used)
);
assign sealed_keep = {{{keep}}};
always @(posedge aclk) go <= made_used <= {used_bits}'d{go_used};
// There is always room.
assign unused_ready = &{{1'b0, frame_ready, made_ready}};
",
            coded = self.coded(),
            lost = self.lost(),
            chunk_bits = if self.options.drop { format!("side[17] ? {bits}'d0 : bits") } else { "bits".to_owned() },
            limit = self.link.frame_limit_log2,
            events = self.link.frame_events,
            frame_bits = 81 + units,
            empty = 80 + units,
            frame_top = 79 + units,
            made_bits = output_bits + output_bits / 32 + 1,
            keep = keep.join(", "),
            used_bits = OUTPUT_LOG2 + 1,
            go_used = (1 << OUTPUT_LOG2) - OUTPUT_FLIGHT,
            id = self.link.id(),
        )
    }

    fn fixed_frames(&mut self) -> String {
        let Sizes { output_bits, words_log2, .. } = *self.sizes;
        let chunk = self.link.worst_event_bits() as u32;
        self.declare(
            Kind::Wire,
            &[("made", output_bits), ("made_valid", 1), ("made_ready", 1), ("truncated", 1), ("unused_made", 1)],
        );
        self.declare(Kind::Wire, &[("lost_frame", 1)]);
        // A run of lost events leaves the frame of its last one.
        let coded = self.coded();
        let valid = if self.options.drop { format!("{coded} & (side[16] | ~side[17])") } else { coded };
        let truncated = if self.options.registers { "" } else { ", truncated" };
        format!(
            "
link_fixed #(.FRAME({output_bits}), .CHUNK({chunk}), .BITS_LOG2({bits}), .LINK(8'h{id:02x})) framing (
  .clk(aclk), .resetn(resetn),
  .s_valid({valid}), .s_chunk(chunk), .s_bits(bits), .s_lost({lost}), .s_mark({{side[15:0], number}}),
  .valid(made_valid), .frame(made), .truncated(truncated), .lost(lost_frame)
);
link_fifo #(.WIDTH({output_bits}), .DEPTH_LOG2({words_log2}), .LUT_RAM({lut_ram})) words (
  .clk(aclk), .resetn(resetn),
  .s_data(made), .s_valid(made_valid), .s_ready(made_ready),
  .m_data(sealed), .m_valid(sealed_valid), .m_ready(sealed_ready), .used(words_used)
);
assign sealed_keep = {{{keep}{{1'b1}}}};
assign sealed_last = 1'b1;
// There is always room.
assign unused_made = &{{1'b0, made_ready, lost_frame{last}{truncated}}};
",
            bits = code::count_bits(chunk),
            lut_ram = u32::from(self.options.lut_ram),
            lost = self.lost(),
            id = self.link.id() as u8,
            keep = output_bits / 8,
            last = if self.options.drop { "" } else { ", side[16]" },
        )
    }

    fn output(&mut self) -> String {
        let out = self.sizes.output_bits;
        let all = out + out / 8 + 1;
        self.declare(
            Kind::Wire,
            &[("sealed", out), ("sealed_keep", out / 8), ("sealed_last", 1), ("sealed_valid", 1), ("sealed_ready", 1)],
        );
        let mut text = String::new();
        if self.options.registers && self.link.fixed_bits.is_none() {
            self.declare(Kind::Wire, &[("checked", 1), ("unused_checked", 1)]);
        }
        if self.options.registers {
            text += &match self.link.fixed_bits {
                Some(_) => "assign wrong_crc = 1'b0;\n".to_owned(),
                None => format!(
                    "
link_check #(.OUT_LOG2({})) check (
  .clk(aclk), .resetn(resetn),
  .m_data(sealed), .m_keep(sealed_keep), .m_last(sealed_last), .m_valid(sealed_valid), .m_ready(sealed_ready),
  .checked(checked), .fault(wrong_crc)
);
assign unused_checked = &{{1'b0, checked}};
",
                    out.trailing_zeros()
                ),
            };
        }
        text += "
assign sent = sealed_valid & sealed_ready;
assign sent_last = sealed_last;
assign held_back = sealed_valid & ~sealed_ready;
";
        text + &match self.options.output_clock {
            // A soft reset of one side alone would confuse it.
            true => format!(
                "link_cross #(.WIDTH({all}), .DEPTH_LOG2(4)) crossing (
  .s_clk(aclk), .s_resetn(aresetn), .m_clk(m_axis_aclk), .m_resetn(m_axis_aresetn),
  .s_data({{sealed_last, sealed_keep, sealed}}), .s_valid(sealed_valid), .s_ready(sealed_ready),
  .m_data({{m_axis_tlast, m_axis_tkeep, m_axis_tdata}}), .m_valid(m_axis_tvalid), .m_ready(m_axis_tready)
);
"
            ),
            false => "assign {m_axis_tlast, m_axis_tkeep, m_axis_tdata} = {sealed_last, sealed_keep, sealed};
assign m_axis_tvalid = sealed_valid;
assign sealed_ready = m_axis_tready;
"
            .to_owned(),
        }
    }
}
