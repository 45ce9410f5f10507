//! The ports of the top module, with what each is for.

use super::Package;

/// A port.
pub(super) struct Port {
    pub name: String,
    pub output: bool,
    pub bits: u32,
    pub meaning: String,
}

fn port(name: &str, output: bool, bits: u32, meaning: impl Into<String>) -> Port {
    Port { name: name.to_owned(), output, bits, meaning: meaning.into() }
}

/// All ports, in the order of a reader: clock, reset, input, output, registers.
pub(super) fn ports(package: &Package) -> Vec<Port> {
    let m = package.manifest;
    let [_, x_bits, y_bits] = package.bus_bits();
    let mhz = package.clock_mhz();
    let mut ports = vec![port(package.clock(), false, 1, format!("clock, rising edge; {mhz} MHz in the constraints"))];
    let reset = package.reset().map(|name| port(name, false, 1, "reset, active low, synchronous to the clock"));
    ports.extend(reset);
    let x = match m.pixels {
        Some(p) => {
            format!("a pixel: channel i at [{0}*i +: {0}], {1} rows of {2} pixels", m.in_width, p.rows, p.columns)
        }
        None => format!("an input vector: number i at [{0}*i +: {0}]", m.in_width),
    };
    let y = format!("an output vector: number i at [{0}*i +: {0}]", m.out_width);
    if !package.is_stream() {
        ports.push(port(&m.input_port, false, x_bits, x));
        let what = if m.pixels.is_some() { "the first pixel of a vector" } else { "a vector" };
        let every = format!("{} has {what} in this cycle; {} cycles from one to the next at least", m.input_port, m.ii);
        ports.extend(m.input_valid.as_ref().map(|name| port(name, false, 1, every)));
        ports.push(port(&m.output_port, true, y_bits, y));
        let there = format!("{} has a new vector, {} after its input", m.output_port, m.latency_cycles);
        ports.extend(m.output_valid.as_ref().map(|name| port(name, true, 1, there)));
        return ports;
    }
    let beats = package.framed.map_or(1, |(core, _)| core.input_beats);
    let x = match beats {
        1 => x,
        _ => format!(
            "an input vector in {beats} beats, the lowest bits first; in it number i at [{0}*i +: {0}]",
            m.in_width
        ),
    };
    ports.push(port("s_axis_tdata", false, x_bits, x));
    if package.framed.is_some() {
        ports.push(port(
            "s_axis_tuser",
            false,
            16,
            "with the first beat of a vector: its bunch crossing, or what else a frame is to say",
        ));
        ports.push(port(
            "s_axis_tlast",
            false,
            1,
            "with the last beat of a vector: its frame ends with it; 0 if frames may end as they fill",
        ));
    }
    ports.push(port("s_axis_tvalid", false, 1, "a beat is offered; never waits for tready"));
    ports.push(port("s_axis_tready", true, 1, "it is taken in this cycle if tvalid is high too; from a register"));
    if package.has_output_clock() {
        ports.push(port("m_axis_aclk", false, 1, "clock of the output, of any frequency and phase"));
        ports.push(port(
            "m_axis_aresetn",
            false,
            1,
            "its reset, active low, synchronous to it; low together with aresetn",
        ));
    }
    match package.framed {
        Some((core, _)) => ports.extend([
            port("m_axis_tdata", true, core.output_bits, "bytes of frames, the first byte lowest"),
            port(
                "m_axis_tkeep",
                true,
                core.output_bits / 8,
                "bytes that are there: all, but in the last beat of a frame",
            ),
            port("m_axis_tlast", true, 1, "the last beat of a frame"),
        ]),
        None => ports.push(port("m_axis_tdata", true, y_bits, y)),
    }
    ports.push(port("m_axis_tvalid", true, 1, "a beat is offered; holds, and so does its data, until it is taken"));
    ports.push(port("m_axis_tready", false, 1, "it is taken in this cycle if tvalid is high too"));
    if let Some(score) = package.framed.and_then(|(core, _)| core.score) {
        let after =
            format!("how unlike its background an event is, {} after its last input beat", score.latency_cycles);
        let register =
            if package.has_registers() { "the register THRESHOLD".to_owned() } else { score.threshold.to_string() };
        ports.extend([
            port("score", true, score.bits, after),
            port("score_above", true, 1, format!("it is larger than {register}")),
            port("score_valid", true, 1, "score and score_above are those of an event, in this cycle only"),
        ]);
    }
    if package.has_registers() {
        ports.extend(axi_lite());
    }
    ports
}

/// AXI4-Lite, as `link_registers` has it.
fn axi_lite() -> Vec<Port> {
    let ports = [
        ("awaddr", false, 8, "write address, in bytes"),
        ("awvalid", false, 1, "a write address is offered"),
        ("awready", true, 1, "it is taken"),
        ("wdata", false, 32, "write data"),
        ("wstrb", false, 4, "which of its bytes are written"),
        ("wvalid", false, 1, "write data is offered"),
        ("wready", true, 1, "it is taken"),
        ("bresp", true, 2, "0 written, 2 there is no such register or it is read only"),
        ("bvalid", true, 1, "a write is answered"),
        ("bready", false, 1, "the answer is taken"),
        ("araddr", false, 8, "read address, in bytes"),
        ("arvalid", false, 1, "a read address is offered"),
        ("arready", true, 1, "it is taken"),
        ("rdata", true, 32, "read data"),
        ("rresp", true, 2, "0 read, 2 there is no such register"),
        ("rvalid", true, 1, "a read is answered"),
        ("rready", false, 1, "the answer is taken"),
    ];
    ports.map(|(name, output, bits, meaning)| port(&format!("s_axil_{name}"), output, bits, meaning)).into()
}
