use std::collections::HashSet;

use ndarray::{Array2, array};

use super::registers::{Access, RANGE, REGISTERS, ip_xact};
use super::*;
use crate::fixed::QFormat;
use crate::hw::{self, CompileOptions};
use crate::link::{LINK_SCHEMA, LearnOptions, read_frames};
use crate::model::QuantizedModel;
use crate::verilog::{self, CoreOptions, Identity, VerilogDesign};

fn tiny() -> QuantizedModel {
    serde_json::from_str(include_str!("../../tests/golden/tiny.quant.json")).unwrap()
}

fn design(interface: Interface) -> VerilogDesign {
    let options = CompileOptions { clock_mhz: Some(150.0), slack: Some(1), ..Default::default() };
    let graph = hw::compile(&tiny().encoder, &options).unwrap();
    verilog::emit(&tiny(), &graph, interface, &options).unwrap()
}

fn folded(interface: Interface) -> VerilogDesign {
    let options = CompileOptions { clock_mhz: Some(150.0), slack: Some(1), ..Default::default() };
    verilog::emit_folded(&tiny(), &hw::fold(&tiny().encoder, &options, 5).unwrap(), interface, &options).unwrap()
}

fn link() -> Link {
    let formats = tiny().encoder.output_formats();
    let events = vec![vec![1; formats.len()], vec![0; formats.len()], vec![0; formats.len()]];
    let options = LearnOptions { frame_events: 7, ..Default::default() };
    Link::learn(&formats, events.iter().map(Vec::as_slice), &options).unwrap()
}

fn framed() -> (VerilogDesign, Link) {
    framed_with(link(), CoreOptions::default())
}

fn framed_with(link: Link, options: CoreOptions) -> (VerilogDesign, Link) {
    assert_eq!(link.schema, LINK_SCHEMA);
    (verilog::with_link(design(Interface::Kernel), &link, &options).unwrap(), link)
}

/// A core with all that a core can have.
fn with_everything() -> CoreOptions {
    CoreOptions { bits: 64, input_bits: Some(8), drop: true, registers: true, output_clock: true, lut_ram: true }
}

/// Numbers within the formats; the outputs are not those of the model.
fn vectors(manifest: &DesignManifest, n: usize) -> Vectors {
    let rows = |formats: &[QFormat]| {
        Array2::from_shape_fn((n, formats.len()), |(r, c)| {
            let f = formats[c];
            QFormat::min(f) + (r * 7 + c * 3) as i64 % (1 << f.width)
        })
    };
    Vectors { inputs: rows(&manifest.input_formats), outputs: rows(&manifest.output_formats) }
}

fn all(design: &VerilogDesign, link: Option<&Link>) -> Vec<(String, String)> {
    let m = &design.manifest;
    super::files(m, link, &vectors(m, 100)).unwrap()
}

fn text<'a>(files: &'a [(String, String)], end: &str) -> &'a str {
    &files.iter().find(|(name, _)| name.ends_with(end)).unwrap_or_else(|| panic!("no {end}")).1
}

/// Direction, bits and name of the ports that a module declares.
fn declared(verilog: &str) -> HashSet<(bool, u32, String)> {
    let port = |line: &str| {
        let words: Vec<&str> = line.trim().trim_end_matches(';').split_whitespace().collect();
        let output = match *words.first()? {
            "input" => false,
            "output" => true,
            _ => return None,
        };
        let range = words.iter().find_map(|w| w.strip_prefix('[')?.strip_suffix(":0]")?.parse::<u32>().ok());
        Some((output, range.map_or(1, |top| top + 1), (*words.last()?).to_owned()))
    };
    verilog.lines().filter_map(port).collect()
}

#[test]
fn ports_are_those_of_the_emitted_module_and_each_is_in_template_and_data_sheet() {
    let (with_frames, link_of_it) = framed();
    let (with_all, link_of_all) = framed_with(link(), with_everything());
    let fixed = Link { fixed_bits: Some(128), ..link() };
    let (with_fixed, link_of_fixed) = framed_with(fixed, CoreOptions { registers: true, ..CoreOptions::default() });
    let designs = [
        (design(Interface::Kernel), None),
        (design(Interface::Axis), None),
        (folded(Interface::Kernel), None),
        (folded(Interface::Axis), None),
        (with_frames, Some(link_of_it)),
        (with_all, Some(link_of_all)),
        (with_fixed, Some(link_of_fixed)),
    ];
    for (design, link) in &designs {
        let framed = design.manifest.link.as_ref().zip(link.as_ref());
        let package = Package { manifest: &design.manifest, framed };
        let verilog = text(&design.files, &format!("{}.v", package.top()));
        let mine = ports::ports(&package).into_iter().map(|p| (p.output, p.bits, p.name)).collect();
        assert_eq!(declared(verilog), mine, "{}", package.top());
        let files = all(design, link.as_ref());
        for (_, _, name) in &mine {
            assert!(text(&files, "_inst.v").contains(&format!(".{name}({name})")), "{name}");
            assert!(text(&files, "DATASHEET.md").contains(&format!("| `{name}` |")), "{name}");
        }
    }
}

#[test]
fn no_placeholder_is_left_and_no_file_is_written_twice() {
    let (with_frames, link) = framed_with(link(), with_everything());
    let mut lists = vec![all(&with_frames, Some(&link)), all(&design(Interface::Axis), None)];
    lists.push(all(&folded(Interface::Kernel), None));
    for files in lists {
        let names: HashSet<&String> = files.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), files.len());
        for (name, text) in &files {
            assert!(text.ends_with('\n') && text.is_ascii(), "{name}");
            let mut parts = text.split('@').skip(1);
            assert!(!parts.any(|p| !p.is_empty() && p.chars().all(|c| c.is_ascii_lowercase() || c == '_')), "{name}");
        }
    }
}

#[test]
fn both_clocks_and_their_crossing_are_constrained() {
    let (with_frames, link) = framed();
    let one = all(&with_frames, Some(&link));
    let (with_clock, link) = framed_with(link, CoreOptions { output_clock: true, ..CoreOptions::default() });
    let two = all(&with_clock, Some(&link));
    assert!(!text(&one, ".xdc").contains("m_axis_aclk"));
    assert!(text(&one, ".xdc").contains("create_clock -name aclk -period 6.667 [get_ports aclk]\n"));
    for wanted in [
        "create_clock -name m_axis_aclk -period 6.667",
        "set_max_delay -datapath_only -from [get_clocks aclk] -to [get_clocks m_axis_aclk] 6.667\n",
        "set_max_delay -datapath_only -from [get_clocks m_axis_aclk] -to [get_clocks aclk] 6.667\n",
    ] {
        assert!(text(&two, ".xdc").contains(wanted), "{wanted}");
    }
    assert!(text(&two, ".lpf").contains("FREQUENCY PORT \"m_axis_aclk\" 150.000 MHZ;"));
}

#[test]
fn the_latency_of_a_core_is_to_a_word_or_to_a_frame_of_fixed_size() {
    let latency = |link: Link| {
        let (design, link) = framed_with(link, CoreOptions::default());
        let files = all(&design, Some(&link));
        text(&files, "DATASHEET.md").lines().find(|line| line.starts_with("| Latency |")).unwrap().to_owned()
    };
    assert!(latency(link()).contains(" from a vector to the memory word that it completes, at least; "));
    let fixed = latency(Link { fixed_bits: Some(128), ..link() });
    assert!(fixed.contains(" from a vector to its frame, at least; ") && !fixed.contains("word"), "{fixed}");
}

#[test]
fn expected_beats_are_frames_of_the_outputs() {
    let (design, link) = framed();
    let files = all(&design, Some(&link));
    let mut bytes = Vec::new();
    for line in text(&files, "expected.hex").lines().filter(|line| !line.starts_with("//")) {
        let fields: Vec<u64> = line.split('_').map(|f| u64::from_str_radix(f, 16).unwrap()).collect();
        let &[last, keep, data] = &fields[..] else { panic!("{line}") };
        assert!(last == 1 || keep == 0xff, "{line}");
        bytes.extend(data.to_le_bytes().into_iter().take(keep.count_ones() as usize));
    }
    let (frames, damages) = read_frames(&link, &bytes);
    assert!(damages.is_empty(), "{damages:?}");
    let events: Vec<Vec<i64>> = frames.iter().flat_map(|f| f.events.iter().cloned()).collect();
    let sent = vectors(&design.manifest, 100).outputs;
    assert_eq!(events, sent.rows().into_iter().map(|row| row.to_vec()).collect::<Vec<_>>());
    // Some end as they fill, some early, the last one with the last event.
    assert!(frames.iter().any(|f| f.events.len() == 7) && frames.iter().any(|f| f.events.len() < 7));
    let stimuli = text(&files, "stimuli.hex").lines().filter(|line| !line.starts_with("//"));
    assert!(stimuli.clone().count() == 100 && stimuli.last().unwrap().starts_with("1_"));
}

#[test]
fn numbers_lie_in_their_lanes_lowest_first() {
    let m = design(Interface::Kernel).manifest;
    // Lanes of 4 bits in, 5 bits out.
    assert_eq!((m.in_width, m.out_width), (4, 5));
    let vectors = Vectors { inputs: array![[-8, 7, 10]], outputs: array![[-1, 2]] };
    let files = super::files(&m, None, &vectors).unwrap();
    assert!(text(&files, "stimuli.hex").ends_with("\na78\n"));
    assert!(text(&files, "expected.hex").ends_with("\n05f\n"));
}

#[test]
fn vectors_of_another_design_and_a_link_that_is_not_its_own_are_rejected() {
    let (design, link) = framed();
    let m = &design.manifest;
    let wrong = |link: Option<&Link>, vectors: &Vectors| super::files(m, link, vectors).unwrap_err().code();
    assert_eq!(wrong(None, &vectors(m, 3)), Code::Design);
    let other = Link { frame_events: 3, ..link.clone() };
    assert_eq!(wrong(Some(&other), &vectors(m, 3)), Code::Design);
    assert_eq!(wrong(Some(&link), &vectors(m, 0)), Code::Vectors);
    let narrow = Vectors { inputs: Array2::zeros((3, 1)), ..vectors(m, 3) };
    assert_eq!(wrong(Some(&link), &narrow), Code::Vectors);
}

#[test]
fn registers_have_addresses_and_bits_of_their_own() {
    assert!(REGISTERS.windows(2).all(|r| r[0].offset < r[1].offset && r[0].name != r[1].name));
    let names: HashSet<&str> = REGISTERS.iter().map(|r| r.name).collect();
    assert_eq!(names.len(), REGISTERS.len());
    for r in REGISTERS {
        assert!(r.offset % 4 == 0 && r.offset + 4 <= RANGE && !r.fields.is_empty(), "{}", r.name);
        let mut used = 0;
        for f in r.fields {
            assert!(f.low + f.bits <= 32 && used & f.mask() == 0 && f.mask() >= used, "{}.{}", r.name, f.name);
            used |= f.mask();
        }
    }
    // A counter is two words, the low one first and on an address that a 64-bit bus could read.
    for pair in REGISTERS.iter().filter(|r| r.offset >= 0x20).collect::<Vec<_>>().chunks(2) {
        assert_eq!(pair[0].name.strip_suffix("_lo"), pair[1].name.strip_suffix("_hi"));
        assert!(pair[0].offset % 8 == 0 && pair[1].offset == pair[0].offset + 4);
    }
    let writable: Vec<&str> =
        (REGISTERS.iter().filter(|r| r.fields.iter().any(|f| f.access != Access::Read))).map(|r| r.name).collect();
    assert_eq!(writable, ["control", "threshold"]);
}

#[test]
fn the_map_for_tools_is_well_formed_and_whole() {
    let xml = ip_xact("a", &Identity { version: 1, model: 2, link: 3 });
    let mut open: Vec<&str> = Vec::new();
    for tag in xml.split('<').skip(1).map(|t| t.split_once('>').unwrap().0).filter(|t| !t.starts_with('?')) {
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None => open.push(tag.split(' ').next().unwrap()),
        }
    }
    assert!(open.is_empty(), "{open:?}");
    assert_eq!(xml.matches("<ipxact:register>").count(), REGISTERS.len());
    assert_eq!(xml.matches("<ipxact:field>").count(), REGISTERS.iter().map(|r| r.fields.len()).sum::<usize>());
    let (design, link) = framed_with(link(), with_everything());
    let header = all(&design, Some(&link));
    let (header, id) = (text(&header, "_registers.h").to_owned(), link.id());
    assert!(header.contains(&format!("#define TINY_LINK_LINK_VALUE 0x{id:08X}u\n")), "{header}");
    for r in REGISTERS {
        assert!(
            header.contains(&format!("#define SLUICE_{:<30} 0x{:02X}u ", r.name.to_uppercase(), r.offset)),
            "{}",
            r.name
        );
    }
}
