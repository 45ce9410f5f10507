//! The recipe: one TOML file that describes a whole run. Every section has defaults; unknown keys are errors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::data::{Selection, SplitOptions, TransformSpec};
use crate::error::{Code, Error, Result};
use crate::fixed::{Overflow, Rounding};
use crate::hw::{Effort, Reuse, Target};
use crate::link::{LearnOptions, Predictor, WaveOptions};
use crate::physics;
use crate::quantize::QuantizeOptions;
use crate::train::TrainOptions;
use crate::verilog::{CoreOptions, Interface};

/// A whole run, from data to report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// `[a-z][a-z0-9_]*`: names the model, the Verilog top and the files.
    pub name: String,
    /// Where the data come from.
    pub data: DataSection,
    /// How rows are divided into training, validation and test parts.
    #[serde(default)]
    pub split: SplitOptions,
    /// How columns become features.
    #[serde(default)]
    pub transform: TransformSpec,
    /// Network and optimiser.
    #[serde(default)]
    pub train: TrainOptions,
    /// Formats.
    #[serde(default)]
    pub quantize: QuantizeOptions,
    /// The emitted design.
    #[serde(default)]
    pub hardware: HardwareSection,
    /// The core around it that sends frames; without this section there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkSection>,
    /// Formulas that predict a column from others, for the codec: `E = "hypot(p, m)"`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub relations: BTreeMap<String, String>,
    /// What the codec may change of which column, `*` of all others: `abs:0.1`, `rel:1e-3` of each value, `range:1e-3` of the
    /// column's range, `bits:10` of the mantissa, `exact` or `drop`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bounds: BTreeMap<String, String>,
    /// What the compression does to an analysis: observables before and after, in the report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub physics: Vec<physics::Section>,
    /// What the design is checked with.
    #[serde(default)]
    pub verify: VerifySection,
    /// What `sluice search` tries in place of what stands above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchSection>,
}

/// Lists of what is tried, all with all; an empty one is what the recipe says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SearchSection {
    /// Sizes of the encoder's hidden layers.
    pub hidden: Vec<Vec<usize>>,
    /// Numbers sent.
    pub latent: Vec<usize>,
    /// Budgets of lookup tables, for `train.widths`; prices are where training begins then.
    pub lut: Vec<u64>,
    /// Prices of a bit of an adder, for `train.widths`.
    pub adder_price: Vec<f64>,
    /// Prices of a bit of a latent.
    pub latent_price: Vec<f64>,
    /// Prices of a bit of the latents' information, `train.rate_price`.
    pub rate_price: Vec<f64>,
    /// So many of all, drawn at random; 0 is all.
    pub trials: usize,
    /// Seed of the draw.
    pub seed: u64,
}

/// A file or a toy detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSection {
    /// A data file; relative paths start at the recipe's folder. `--data` replaces it.
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// A toy detector instead: `trigger-cells`, `jets`, `pulses` or `flow`.
    #[serde(default)]
    pub toy: Option<String>,
    /// Rows that the toy detector makes.
    #[serde(default = "toy_rows")]
    pub toy_rows: usize,
    /// Seed of the toy detector.
    #[serde(default)]
    pub toy_seed: u64,
    /// What is taken of the file.
    #[serde(default)]
    pub select: Selection,
}

fn toy_rows() -> usize {
    20_000
}

/// Options of `emit`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HardwareSection {
    /// `kernel` or `axis`.
    pub interface: Interface,
    /// Clock to schedule for.
    pub clock_mhz: f64,
    /// FPGA family whose delays the scheduler uses.
    pub target: Target,
    /// How long to search for adders to share: `fast`, `default` or `max`.
    pub effort: Effort,
    /// Cycles from one vector to the next: 1 is fully pipelined, more of them share the adders.
    pub reuse: u32,
    /// Lookup tables that the design may use, by the compiler's estimate: the reuse is the least that fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_lut: Option<u64>,
    /// Multipliers (DSP slices) that a folded design may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_dsp: Option<u32>,
    /// A pixel a cycle, convolutions built once.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stream: bool,
}

impl HardwareSection {
    /// The reuse as asked for, or the budget that it follows from.
    pub fn reuse(&self) -> Reuse {
        match self.max_lut {
            _ if self.stream => Reuse::Stream,
            Some(most) => Reuse::MaxLut(most),
            None => Reuse::Cycles(self.reuse),
        }
    }
}

impl Default for HardwareSection {
    fn default() -> Self {
        HardwareSection {
            interface: Interface::Kernel,
            clock_mhz: 100.0,
            target: Target::Ecp5,
            effort: Effort::Default,
            reuse: 1,
            max_lut: None,
            max_dsp: None,
            stream: false,
        }
    }
}

/// What an event is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoder {
    /// What the trained encoder gives for a row.
    #[default]
    Neural,
    /// The numbers of a row as they are.
    Rows,
    /// A sample of each column.
    Waveform,
}

/// How waveforms are sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WaveSection {
    /// What a sample is predicted from.
    pub predictor: Predictor,
    /// Whether what is left is sent by Rice codes, instead of by learned tables.
    pub rice: bool,
    /// What a sample may differ by from what is sent.
    pub bound: u32,
    /// Whether rows follow each other in time, and each of their numbers is a lane.
    pub continuous: bool,
    /// Whether the channels of a row go side by side.
    pub lanes: bool,
    /// Records of a frame; 0 is as good as 1.
    pub records: u32,
}

/// Options of `link`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinkSection {
    /// What an event is made of. Without a neural encoder nothing is trained.
    pub encoder: Encoder,
    /// Of waveforms.
    pub waveform: WaveSection,
    /// Bits of a number that no encoder makes, instead of as many as the data need.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_bits: Option<u32>,
    /// Bits of an output beat: 32, 64, 128 or 256.
    pub bits: u32,
    /// Bits of an input beat, if a vector comes in several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_bits: Option<u32>,
    /// Whether events that find no room are lost and counted; else the input waits.
    pub drop: bool,
    /// Whether the core has registers behind AXI4-Lite.
    pub registers: bool,
    /// Whether the output has a clock of its own.
    pub output_clock: bool,
    /// Whether words and frames wait in LUT RAM: larger than block RAM, and faster.
    pub lut_ram: bool,
    /// Events of a frame, at most; of waveforms 8192 if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_events: Option<u16>,
    /// Whether every number is sent as it is, instead of by a prefix code learned from the training rows.
    pub fixed: bool,
    /// The longest code, in bits.
    pub longest: u32,
    /// Whether only what is not 0 is sent; if not said, whatever takes fewer bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zero_suppression: Option<bool>,
    /// Below which size numbers are sent as 0, with zero suppression.
    pub threshold: u32,
    /// Frames of so many bits instead, one an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_bits: Option<u32>,
}

impl LinkSection {
    /// What the core has beside codes and frames.
    pub fn core(&self) -> CoreOptions {
        CoreOptions {
            bits: self.bits,
            input_bits: self.input_bits,
            drop: self.drop,
            registers: self.registers,
            output_clock: self.output_clock,
            lut_ram: self.lut_ram,
        }
    }

    /// How the codes of waveforms are learned.
    pub fn learn_waves(&self) -> WaveOptions {
        let WaveSection { predictor, rice, bound, .. } = self.waveform;
        let frame_events = self.frame_events.unwrap_or(WaveOptions::default().frame_events);
        WaveOptions { predictor, tables: !rice, bound, frame_events }
    }

    /// How the codes are learned.
    pub fn learn(&self) -> LearnOptions {
        LearnOptions {
            prefix: !self.fixed,
            longest: self.longest,
            zero_suppression: self.zero_suppression,
            threshold: self.threshold,
            frame_events: self.frame_events.unwrap_or(LearnOptions::default().frame_events),
            fixed_bits: self.frame_bits,
        }
    }
}

impl Default for LinkSection {
    fn default() -> Self {
        let LearnOptions { longest, zero_suppression, threshold, .. } = LearnOptions::default();
        let CoreOptions { bits, input_bits, drop, registers, output_clock, lut_ram } = CoreOptions::default();
        LinkSection {
            encoder: Encoder::Neural,
            waveform: WaveSection::default(),
            sample_bits: None,
            bits,
            input_bits,
            drop,
            registers,
            output_clock,
            lut_ram,
            frame_events: None,
            fixed: false,
            longest,
            zero_suppression,
            threshold,
            frame_bits: None,
        }
    }
}

/// Options of `verify` and `synth`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VerifySection {
    /// Stimuli: extremes first, then random ones.
    pub random: usize,
    /// How often `tready` is held low, in percent (`axis` only).
    pub stall: u32,
    /// Vectors that Icarus runs as a second opinion; 0 turns it off.
    pub icarus: usize,
    /// Whether Yosys counts cells and nextpnr, where it is installed, places and routes for ECP5.
    pub synth: bool,
    /// Seeds of place and route; 0 leaves it out: a design of 20,000 lookup tables takes many minutes.
    pub seeds: u32,
    /// Place and route of a seed is given up after this many seconds; the report says so.
    pub route_seconds: u64,
}

impl Default for VerifySection {
    fn default() -> Self {
        VerifySection { random: 100_000, stall: 0, icarus: 500, synth: true, seeds: 0, route_seconds: 600 }
    }
}

/// What a recipe says to the codec.
#[derive(Debug, Default, Deserialize)]
pub struct CodecSections {
    /// Names of columns, and formulas that predict them.
    #[serde(default)]
    pub relations: BTreeMap<String, String>,
    /// Names of columns, and what may change of them.
    #[serde(default)]
    pub bounds: BTreeMap<String, String>,
}

/// The sections `relations` and `bounds` of a TOML file, whatever else it holds.
///
/// # Errors
/// `I001`, or `R001` if there is neither.
pub fn codec_sections(path: &Path) -> Result<CodecSections> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, &e))?;
    let wrong = |cause: &str| {
        Error::new(Code::Recipe, "the file says nothing to the codec")
            .at(path.display().to_string())
            .cause(cause.trim_end())
            .hint("a section `[relations]` has lines like `E = \"hypot(p, m)\"`, `[bounds]` like `E = \"rel:1e-3\"`")
    };
    let file: CodecSections = toml::from_str(&text).map_err(|e| wrong(&e.to_string()))?;
    if file.relations.is_empty() && file.bounds.is_empty() {
        return Err(wrong("there is no section `[relations]` or `[bounds]`"));
    }
    Ok(file)
}

/// The sections `[[physics]]` of a TOML file, whatever else it holds.
///
/// # Errors
/// `I001`, or `R001` if there is none or one of them makes no sense.
pub fn physics_sections(path: &Path) -> Result<Vec<physics::Section>> {
    #[derive(Deserialize)]
    struct File {
        #[serde(default)]
        physics: Vec<physics::Section>,
    }
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, &e))?;
    let wrong = |cause: &str| {
        Error::new(Code::Recipe, "the file names no observables")
            .at(path.display().to_string())
            .cause(cause.trim_end())
            .hint("a section `[[physics]]` has a `kind`: `peak`, `selection`, `image` or `pulse`; docs/PHYSICS.md has their keys")
    };
    let file: File = toml::from_str(&text).map_err(|e| wrong(&e.to_string()))?;
    if file.physics.is_empty() {
        return Err(wrong("there is no section `[[physics]]`"));
    }
    file.physics.iter().try_for_each(physics::Section::check).map_err(|e| e.at(path.display().to_string()))?;
    Ok(file.physics)
}

impl Recipe {
    /// Reads a recipe and makes its data path relative to the working folder.
    ///
    /// # Errors
    /// `I001`, or `R001` with line and key.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, &e))?;
        let mut recipe = Recipe::parse(&text).map_err(|e| e.at(path.display().to_string()))?;
        if let (Some(data), Some(folder)) = (&recipe.data.path, path.parent()) {
            recipe.data.path = Some(folder.join(data));
        }
        Ok(recipe)
    }

    /// Refuses a recipe whose network has no firmware, for what ends in firmware.
    ///
    /// # Errors
    /// `U003`.
    pub fn firmware(&self) -> Result<()> {
        if self.train.transformer.is_none() {
            return Ok(());
        }
        Err(Error::new(Code::Unsupported, "a transformer has no firmware, and this ends in firmware")
            .hint("`sluice train`, `quantize`, `compress --mode neural --model` and `evaluate` do the rest"))
    }

    /// Parses and checks the text of a recipe.
    ///
    /// # Errors
    /// `R001`, or `M001` for an impossible name.
    pub fn parse(text: &str) -> Result<Self> {
        let recipe: Recipe = toml::from_str(text)
            .map_err(|e| Error::new(Code::Recipe, "the recipe does not parse").cause(e.to_string().trim_end()))?;
        recipe.quantize.check()?;
        recipe.physics.iter().try_for_each(physics::Section::check)?;
        if !recipe.physics.is_empty() && recipe.link.as_ref().is_some_and(|l| l.encoder != Encoder::Neural) {
            return Err(Error::new(Code::Recipe, "a recipe without a network makes no report with observables").hint(
                "leave `[[physics]]` out; `sluice evaluate --physics` takes the file that the frames give back",
            ));
        }
        crate::model::quantized::check_name(&recipe.name)?;
        if recipe.data.path.is_some() && recipe.data.toy.is_some() {
            return Err(
                Error::new(Code::Recipe, "`data` names both a file and a toy detector").hint("keep one of them")
            );
        }
        let clock = recipe.hardware.clock_mhz;
        if !(clock.is_finite() && clock > 0.0) {
            return Err(Error::new(Code::Recipe, format!("a clock of {clock} MHz makes no sense")));
        }
        if recipe.hardware.reuse == 0 {
            return Err(Error::new(Code::Recipe, "a reuse of 0 makes no sense").hint("1 is fully pipelined"));
        }
        if recipe.hardware.reuse > 1 && recipe.hardware.max_lut.is_some() {
            return Err(Error::new(Code::Recipe, "`hardware` has a reuse and a budget to choose one by")
                .hint("keep `reuse` or `max_lut`"));
        }
        if recipe.hardware.max_dsp.is_some() && recipe.hardware.reuse == 1 && recipe.hardware.max_lut.is_none() {
            return Err(Error::new(
                Code::Recipe,
                "`hardware` has a budget of multipliers for a design that is not folded",
            )
            .hint("set `reuse` to 2 or more, or `max_lut`; or leave `max_dsp` out"));
        }
        if recipe.hardware.stream && (recipe.hardware.reuse > 1 || recipe.hardware.max_lut.is_some()) {
            return Err(Error::new(Code::Recipe, "`hardware` streams pixels and has a reuse or a budget for one")
                .hint("keep `stream`, or `reuse` or `max_lut`"));
        }
        let manner = (recipe.quantize.rounding, recipe.quantize.overflow);
        if recipe.train.widths.epochs > 0 && manner != (Rounding::Truncate, Overflow::Saturate) {
            return Err(Error::new(
                Code::Recipe,
                "trained widths lose low bits and saturate, `quantize` asks for another manner",
            )
            .hint("leave `quantize.rounding` and `quantize.overflow` out, or `train.widths`"));
        }
        if recipe.link.is_some() && recipe.hardware.stream {
            return Err(Error::new(Code::Recipe, "a streamed design cannot send frames")
                .hint("leave `hardware.stream` or `link` out"));
        }
        if recipe.link.as_ref().is_some_and(|l| l.encoder != Encoder::Waveform && l.waveform != WaveSection::default())
        {
            return Err(
                Error::new(Code::Recipe, "`link.waveform` is of no use").hint("set `link.encoder = \"waveform\"`")
            );
        }
        if recipe.verify.stall > 95 {
            return Err(
                Error::new(Code::Recipe, "a stall of more than 95 % leaves no time to send").hint("use 0 to 95")
            );
        }
        if recipe.verify.random == 0 {
            return Err(Error::new(Code::Recipe, "a design cannot be verified with 0 vectors"));
        }
        if recipe.verify.seeds > 100 {
            return Err(Error::new(
                Code::Recipe,
                format!("{} seeds of place and route are too many", recipe.verify.seeds),
            )
            .hint("use 0 to 100"));
        }
        Ok(recipe)
    }

    /// SHA-256 of the recipe's meaning, hexadecimal.
    pub fn checksum(&self) -> String {
        checksum_of(self)
    }
}

/// SHA-256 of a value's JSON, hexadecimal.
pub fn checksum_of<T: Serialize>(value: &T) -> String {
    let json = serde_json::to_vec(value).expect("plain data serialises");
    Sha256::digest(json).iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_with_an_unknown_key_is_rejected_with_its_line() {
        let e = Recipe::parse("name = \"a\"\n[data]\ntoy = \"jets\"\ncolour = 3\n").unwrap_err();
        assert_eq!(e.code(), Code::Recipe);
        assert!(e.to_string().contains("line 4") && e.to_string().contains("colour"), "{e}");
    }

    #[test]
    fn a_recipe_with_two_sources_is_rejected() {
        let e = Recipe::parse("name = \"a\"\n[data]\ntoy = \"jets\"\npath = \"x.npz\"\n").unwrap_err();
        assert_eq!(e.what(), "`data` names both a file and a toy detector");
    }

    #[test]
    fn a_recipe_with_an_impossible_reuse_is_rejected() {
        let parse =
            |hardware: &str| Recipe::parse(&format!("name = \"a\"\n[data]\ntoy = \"jets\"\n[hardware]\n{hardware}\n"));
        assert_eq!(parse("reuse = 0").unwrap_err().what(), "a reuse of 0 makes no sense");
        let both = parse("reuse = 4\nmax_lut = 900").unwrap_err();
        assert_eq!(both.what(), "`hardware` has a reuse and a budget to choose one by");
        assert_eq!(parse("reuse = 4").unwrap().hardware.reuse(), Reuse::Cycles(4));
        assert_eq!(parse("max_lut = 900").unwrap().hardware.reuse(), Reuse::MaxLut(900));
        let dsp = parse("max_dsp = 9").unwrap_err();
        assert_eq!(dsp.what(), "`hardware` has a budget of multipliers for a design that is not folded");
        assert_eq!(parse("reuse = 4\nmax_dsp = 9").unwrap().hardware.max_dsp, Some(9));
        assert_eq!(parse("").unwrap().hardware.reuse(), Reuse::Cycles(1));
        assert_eq!(parse("stream = true").unwrap().hardware.reuse(), Reuse::Stream);
        let both = parse("reuse = 4\nstream = true").unwrap_err();
        assert_eq!(both.what(), "`hardware` streams pixels and has a reuse or a budget for one");
    }

    #[test]
    fn a_recipe_that_cannot_be_verified_is_rejected() {
        let text = "name = \"a\"\n[data]\ntoy = \"jets\"\n[verify]\nrandom = 0\n";
        assert_eq!(Recipe::parse(text).unwrap_err().what(), "a design cannot be verified with 0 vectors");
    }
}
