//! Bad files, recipes, models, designs and options: each ends with status 2, one clear error, and no file left behind.
//!
//! A new case is one entry of [`CASES`] (data files: `files.rs`, designs: `design.rs`, reports: `figures.rs`): what is wrong, what is done to a copy of the good files, the arguments, and the
//! first line of the error.

mod design;
mod figures;
mod files;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use super::{sluice, stderr};

struct Case {
    what: &'static str,
    /// Makes the bad thing in a folder that holds the good files of [`good`].
    spoil: fn(&Path),
    /// Separated by spaces; a first word `PATH=...` is the environment variable.
    args: &'static str,
    /// The line on stderr that begins with `error`; after a line break, what the lines below it must hold.
    error: &'static str,
}

const fn case(what: &'static str, spoil: fn(&Path), args: &'static str, error: &'static str) -> Case {
    Case { what, spoil, args, error }
}

/// A file with this content.
fn put(at: &Path, name: &str, content: &[u8]) {
    let path = at.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

/// A recipe for 300 rows of 48 numbers, with more text behind it.
fn recipe(at: &Path, more: &str) {
    let text = format!("name = \"a\"\n[data]\ntoy = \"trigger-cells\"\ntoy_rows = 300\n{more}\n");
    put(at, "r.toml", text.as_bytes());
}

/// The good file with `old` replaced once.
fn edit(at: &Path, name: &str, old: &str, new: &str) {
    let text = std::fs::read_to_string(at.join(name)).unwrap();
    assert!(text.contains(old), "`{old}` is not in {name}");
    put(at, name, text.replacen(old, new, 1).as_bytes());
}

/// The good file without its last `bytes`.
fn cut(at: &Path, name: &str, bytes: usize) {
    let content = std::fs::read(at.join(name)).unwrap();
    put(at, name, &content[..content.len() - bytes]);
}

/// The first `bytes` of the good file.
fn keep(at: &Path, name: &str, bytes: usize) {
    let content = std::fs::read(at.join(name)).unwrap();
    put(at, name, &content[..bytes]);
}

/// The container as a later version would write it, with a sound checksum.
fn set_version(at: &Path, name: &str, version: u8) {
    let mut content = std::fs::read(at.join(name)).unwrap();
    content[8] = version;
    let crc = crc32c::crc32c(&content[..28]);
    content[28..32].copy_from_slice(&crc.to_le_bytes());
    put(at, name, &content);
}

/// The good file with one bit of one byte changed.
fn flip(at: &Path, name: &str, byte: usize) {
    let mut content = std::fs::read(at.join(name)).unwrap();
    content[byte] ^= 0x10;
    put(at, name, &content);
}

#[rustfmt::skip] // one table
const CASES: &[Case] = &[
    case("text under the name of an array", |at| put(at, "x.npy", b"no numpy here"),
        "inspect x.npy",
        "error[D001]: `x.npy` is cut, damaged or not a NumPy array"),
    case("an array cut in its header", |at| put(at, "x.npy", b"\x93NUMPY\x01\x00\x76\x00{'descr'"),
        "inspect x.npy",
        "error[D001]: `x.npy` is cut, damaged or not a NumPy array"),
    case("a cut archive", |at| put(at, "x.npz", b"PK\x03\x04 cut"),
        "inspect x.npz",
        "error[D001]: `x.npz` is cut, damaged or not a NumPy array"),
    case("a word among numbers", |at| put(at, "x.csv", b"x,y\n1,2\n3,four\n"),
        "inspect x.csv",
        "error[D001]: `x.csv` is not a table of numbers\nline 3"),
    case("a line with too few fields", |at| put(at, "x.csv", b"x,y\n1,2\n3\n"),
        "inspect x.csv",
        "error[D001]: `x.csv` is not a table of numbers\nline 3"),
    case("raw numbers without a type", |at| put(at, "x.dat", b"1 2 3"),
        "inspect x.dat",
        "error[U001]: `x.dat` does not say what numbers it holds"),
    case("a format that nobody knows", |at| put(at, "x.xyz", b"1 2 3"),
        "inspect x.xyz",
        "error[D002]: `x.xyz`: files of this kind are not known"),
    case("a file that is not there", |_| {}, "inspect missing.npy", "error[I001]: cannot read `missing.npy`"),
    case("a column that is not there", |_| {}, "compress a.csv x.slc --columns z", "error[D003]: there is no column `z`"),
    case("a file cut in its data", |at| cut(at, "a.npy", 400), "compress a.npy x.slc", "error[D001]: `a.npy` is cut"),
    case("a toy detector that does not exist", |_| {},
        "toy unicorns x.npy",
        "error[U003]: there is no toy detector `unicorns`\nhint:  there is: trigger-cells, jets, pulses, flow"),
    case("a toy written in an unknown format", |_| {},
        "toy jets x.xyz",
        "error[D002]: `x.xyz`: files of this kind are not known"),
    case("a toy without rows", |_| {}, "toy jets x.npy --rows 0", "error[U001]: a toy detector makes at least 1 row"),
    case("a toy larger than memory", |_| {},
        "toy jets x.npy --rows 99999999999999",
        "error[U001]: a toy detector makes at most 10000000 rows"),
    case("a recipe with a number for a name", |at| put(at, "r.toml", b"name = 3"),
        "run r.toml",
        "error[R001]: the recipe does not parse\ninvalid type: integer `3`, expected a string"),
    case("a name with capitals", |at| put(at, "r.toml", b"name = \"Big Name\"\n[data]\n"),
        "run r.toml",
        "error[M001]: `Big Name` cannot name a model"),
    case("a recipe without data", |at| put(at, "r.toml", b"name = \"a\"\n[data]\n"),
        "run r.toml",
        "error[R001]: the recipe names no data"),
    case("two sources of data", |at| put(at, "r.toml", b"name = \"a\"\n[data]\ntoy = \"jets\"\npath = \"x.npy\"\n"),
        "run r.toml",
        "error[R001]: `data` names both a file and a toy detector"),
    case("an unknown toy in a recipe", |at| put(at, "r.toml", b"name = \"a\"\n[data]\ntoy = \"unicorns\"\n"),
        "run r.toml",
        "error[U003]: there is no toy detector `unicorns`"),
    case("a recipe that is not there", |_| {}, "run missing.toml", "error[I001]: cannot read `missing.toml`"),
    case("a recipe that is not text", |at| put(at, "r.toml", b"\xff\xfe\x00"),
        "run r.toml",
        "error[I001]: cannot read `r.toml`"),
    case("an unknown key", |at| recipe(at, "[train]\nlayers = 3"),
        "train r.toml",
        "error[R001]: the recipe does not parse\nunknown field `layers`"),
    case("a negative number of epochs", |at| recipe(at, "[train]\nepochs = -3"),
        "train r.toml",
        "error[R001]: the recipe does not parse\ninvalid value: integer `-3`, expected usize"),
    case("a word for a number", |at| recipe(at, "[train]\nlatent = \"four\""),
        "train r.toml",
        "error[R001]: the recipe does not parse\ninvalid type: string \"four\", expected usize"),
    case("no latents", |at| recipe(at, "[train]\nlatent = 0"),
        "train r.toml",
        "error[R001]: `latent` is 0, the rows have 48 features"),
    case("more latents than features", |at| recipe(at, "[train]\nlatent = 49"),
        "train r.toml",
        "error[R001]: `latent` is 49, the rows have 48 features"),
    case("an empty batch", |at| recipe(at, "[train]\nbatch = 0"), "train r.toml", "error[R001]: `batch` is 0"),
    case("an empty layer", |at| recipe(at, "[train]\nhidden = [0]"),
        "train r.toml",
        "error[R001]: a hidden layer has size 0"),
    case("a network larger than memory", |at| recipe(at, "[train]\nhidden = [99999999]"),
        "train r.toml",
        "error[R001]: the network would have 5600007624 weights, at most 100000000 fit"),
    case("a negative step size", |at| recipe(at, "[train]\nlearning_rate = -1.0"),
        "train r.toml",
        "error[R001]: `learning_rate` is -1"),
    case("an image of another size", |at| recipe(at, "[train]\nconv = { in_shape = [5, 5, 5], filters = 2, kernel = [3, 3] }"),
        "train r.toml",
        "error[R001]: an image of [5, 5, 5] has 125 values, the rows 48"),
    case("words of no bits", |at| recipe(at, "[quantize]\nweight_bits = 0"),
        "train r.toml",
        "error[R001]: `weight_bits` is 0"),
    case("words of too many bits", |at| recipe(at, "[quantize]\nlatent_bits = 65"),
        "train r.toml",
        "error[R001]: `latent_bits` is 65"),
    case("nothing left to train on", |at| recipe(at, "[split]\ntest = 0.9\nvalidation = 0.2"),
        "train r.toml",
        "error[R001]: the shares of validation and test leave nothing to train on"),
    case("a normalisation of an absent column", |at| recipe(at, "[transform.columns]\nenergy = \"minmax\""),
        "train r.toml",
        "error[D003]: there is no column `energy`"),
    case("a negative clock", |at| recipe(at, "[hardware]\nclock_mhz = -5.0"),
        "run r.toml",
        "error[R001]: a clock of -5 MHz makes no sense"),
    case("an unknown family", |at| recipe(at, "[hardware]\ntarget = \"virtex2\""),
        "run r.toml",
        "error[R001]: the recipe does not parse\nunknown variant `virtex2`, expected one of `ecp5`, `ice40`, `xcup`, `xc7`, `generic`"),
    case("a stream that always waits", |at| recipe(at, "[verify]\nstall = 99"),
        "run r.toml",
        "error[R001]: a stall of more than 95 % leaves no time to send"),
    case("no vectors", |at| recipe(at, "[verify]\nrandom = 0"),
        "run r.toml",
        "error[R001]: a design cannot be verified with 0 vectors"),
    case("too many seeds", |at| recipe(at, "[verify]\nseeds = 1000"),
        "run r.toml",
        "error[R001]: 1000 seeds of place and route are too many"),
    case("a recipe for data with NaN", |at| { put(at, "nan.csv", b"x,y\n1,2\nNaN,3\n4,5\n6,7\n8,9\n"); put(at, "r.toml", b"name = \"a\"\n[data]\npath = \"nan.csv\"\n[train]\nlatent = 1\n") },
        "train r.toml",
        "error[D005]: row 1, column `x` is NaN or infinite"),
    case("a trained model without fields", |at| put(at, "m.json", b"{}"),
        "quantize m.json",
        "error[M001]: `m.json` is not what it should be\nmissing field"),
    case("a model of a future version", |at| edit(at, "m.quant.json", "sluice.quantized/1", "sluice.quantized/99"),
        "emit m.quant.json --out x",
        "error[M001]: `schema` is `sluice.quantized/99`, not `sluice.quantized/1`"),
    case("half a model", |at| put(at, "m.json", b"["),
        "import m.json",
        "error[M001]: this is not a model in the neutral encoder form"),
    case("a table that is too short", |at| put(at, "t.json", TABLES.replacen("[-13, ", "[", 1).as_bytes()),
        "emit t.json --out x",
        "error[M002]: layer `code`: table 0 has 15 entries, fixed<4,2> has 16\nhint:  one for each raw input, -8 to 7"),
    case("a table with a number beyond its format", |at| put(at, "t.json", TABLES.replacen("[-13, ", "[-17, ", 1).as_bytes()),
        "emit t.json --out x",
        "error[Q002]: layer `code`, table 0, entry 0: -17 does not fit fixed<5,2>"),
    case("a lookup with too many tables", |at| put(at, "t.json", TABLES.replacen("[-13, ", "[], [], [-13, ", 1).as_bytes()),
        "emit t.json --out x",
        "error[M002]: layer `code`: 3 tables for 4 elements\nhint:  give one table for all elements, or one a channel"),
    case("a lookup of wide words", |at| put(at, "t.json", TABLES.replacen("\"width\": 4", "\"width\": 17", 1).as_bytes()),
        "emit t.json --out x",
        "error[U003]: layer `code` looks up inputs of 17 bits\nhint:  16 is the most"),
    case("a lookup with weights of its own", |at| put(at, "t.json", TABLES.replacen("\"n\": 4", "\"n\": \"four\"", 1).as_bytes()),
        "emit t.json --out x",
        "error[M001]: `t.json` is not what it should be\ninvalid type: string \"four\""),
    case("a lookup of more elements than there are", |at| put(at, "t.json", TABLES.replacen("\"n\": 4", "\"n\": 5", 1).as_bytes()),
        "emit t.json --out x",
        "error[M002]: layer `code` takes 5 values, its inputs [\"x\"] give 4"),
    case("a lookup of more elements than fit anywhere", |at| {
            let many = TABLES.replacen("\"n\": 4", "\"n\": 4000000000", 1).replacen("\"n_in\": 4", "\"n_in\": 4000000000", 1);
            put(at, "t.json", many.as_bytes());
        },
        "emit t.json --out x",
        "error[U003]: layer `code` has 4000000000 elements"),
    case("a maximum in another format", |at| put(at, "t.json", TABLES.replacen("\"width\": 4, \"frac\": 2}", "\"width\": 4, \"frac\": 1}", 1).as_bytes()),
        "emit t.json --out x",
        "error[M002]: layer `peak`: input 0 is fixed<4,3>, its channel fixed<4,2>"),
    case("a window that is not there", |at| put(at, "t.json", TABLES.replacen("\"kernel\": [2, 2]", "\"kernel\": [0, 2]", 1).as_bytes()),
        "emit t.json --out x",
        "error[M002]: layer `peak`: a size of the pooling is 0"),
    case("a window that may lie outside", |at| put(at, "t.json", TABLES.replacen("\"pad\": [0, 0, 0, 1]", "\"pad\": [0, 0, 0, 2]", 1).as_bytes()),
        "emit t.json --out x",
        "error[M002]: layer `peak`: padding [0, 0, 0, 2] is not less than the window [2, 2]"),
    case("a window larger than the image", |at| put(at, "t.json", TABLES.replacen("\"kernel\": [2, 2]", "\"kernel\": [5, 2]", 1).as_bytes()),
        "emit t.json --out x",
        "error[M002]: layer `peak`: kernel [5, 2] is larger than the padded image"),
    case("an average that says nothing of its weight", |at| {
            let three = TABLES.replacen("\"weight\": 1,", "", 1).replacen("\"kernel\": [1, 2]", "\"kernel\": [1, 3]", 1);
            put(at, "t.json", three.replacen("\"pad\": [0, 0, 0, 0]", "\"pad\": [0, 1, 0, 1]", 1).as_bytes());
        },
        "emit t.json --out x",
        "error[M001]: layer `mean` averages 3 values and has no `weight` with a `weight_format`\nhint:  21845 in ufixed<16,0> is near 1/3"),
    case("a function that is not a table yet", |at| put(at, "t.json", TABLES.replacen("\"tables\": [", "\"function\": [", 1).as_bytes()),
        "emit t.json --out x",
        "error[M001]: `t.json` is not what it should be\nmissing field `tables`"),
    case("a function that nobody knows", |at| put(at, "t.json", TABLES.replacen("\"tables\": [", "\"function\": {\"name\": \"sine\"}, \"t\": [", 1).as_bytes()),
        "import t.json --out x",
        "error[M001]: the function or what belongs to it is not known\nunknown variant `sine`"),
    case("a model with a weight that is a word", |at| edit(at, "m.quant.json", "\"bias\": [", "\"bias\": [\"one\","),
        "emit m.quant.json --out x",
        "error[M001]: `m.quant.json` is not what it should be\ninvalid type: string \"one\""),
    case("a model of another schema", |at| edit(at, "m.quant.json", "sluice.quantized", "sluice.other"),
        "emit m.quant.json --out x",
        "error[M001]: `schema` is `sluice.other/1`, not `sluice.quantized/1`"),
    case("a trained model where a quantized one belongs", |_| {},
        "emit m.trained.json --out x",
        "error[M001]: `m.trained.json` is not what it should be"),
    case("a quantized model where a trained one belongs", |_| {},
        "quantize m.quant.json",
        "error[M001]: `m.quant.json` is not what it should be"),
    case("a model that is not there", |_| {},
        "compress a.npy x.slc --mode neural --model missing.json",
        "error[I001]: cannot read `missing.json`"),
    case("data of another shape than the model's", |_| {},
        "compress a.csv x.slc --mode neural --model m.quant.json",
        "error[D004]: column `code` has 1 values in a row, the model takes 48"),
    case("a design that is not there", |_| {}, "verify missing", "error[V001]: `missing` is not a design folder"),
    case("a design without its manifest", |at| std::fs::remove_file(at.join("d/design.json")).unwrap(),
        "verify d",
        "error[V001]: `d` is not a design folder"),
    case("a design that was edited", |at| edit(at, "d/m.v", "endmodule", "endmodule "),
        "verify d",
        "error[V001]: `d/m.v` was changed since it was emitted"),
    case("a design that was edited, for synthesis", |at| edit(at, "d/m.v", "endmodule", "endmodule "),
        "synth d",
        "error[V001]: `d/m.v` was changed since it was emitted"),
    case("vectors that are not vectors", |at| put(at, "v.vec", b"hello\n"),
        "verify d --vectors v.vec",
        "error[V002]: `hello` is not `N n_in n_out`"),
    case("vectors of another shape", |at| put(at, "v.vec", b"1 2 1\n0 0 | 0\n"),
        "verify d --vectors v.vec",
        "error[V002]: `v.vec` does not fit the design"),
    case("no Verilator", |_| {},
        "PATH=/nonexistent verify d",
        "error[X001]: verilator not found\nhint:  apt install verilator"),
    case("no Yosys", |_| {}, "PATH=/nonexistent synth d", "error[X001]: yosys not found\nhint:  apt install yosys"),
    case("a stall without time to send", |_| {},
        "verify d --stall 99",
        "error[U001]: a stall of 99 % leaves no time to send"),
    case("verification without vectors", |_| {},
        "verify d --random 0",
        "error[U001]: a design cannot be verified with 0 vectors"),
    case("too many seeds of place and route", |_| {},
        "synth d --seeds 1000",
        "error[U001]: 1000 seeds of place and route are too many"),
    case("synthesis for an unknown family", |_| {},
        "synth d --target virtex2",
        "error: invalid value 'virtex2' for '--target <TARGET>': unknown variant `virtex2`, expected one of `generic`, `ecp5`, `xcup`, `xc7`, `ice40`, `rtl`"),
    case("a clock that stands", |_| {},
        "emit m.quant.json --out x --clock-mhz 0",
        "error[H002]: a clock of 0 MHz makes no sense"),
    case("a latency and a clock", |_| {},
        "emit m.quant.json --out x --clock-mhz 100 --latency 3",
        "error: the argument '--clock-mhz <CLOCK_MHZ>' cannot be used with '--latency <LATENCY>'"),
    case("an interface that does not exist", |_| {},
        "emit m.quant.json --out x --interface pcie",
        "error: invalid value 'pcie' for '--interface <INTERFACE>': unknown variant `pcie`, expected `kernel` or `axis`"),
    case("a design folder in a file", |_| {}, "emit m.quant.json --out a.npy/x", "error[I001]: cannot create `a.npy/x`"),
    case("a container that is none", |at| put(at, "x.slc", b"not a container"),
        "inspect x.slc",
        "error[C001]: the container is damaged at byte 0: its magic is missing"),
    case("an empty container", |at| put(at, "x.slc", b""),
        "decompress x.slc b.npy",
        "error[C001]: the container is damaged at byte 0: it ends within its prefix"),
    case("a container of a future version", |at| set_version(at, "a.slc", 3),
        "decompress a.slc b.npy",
        "error[C002]: the container has version 3, flags 0; this program reads 2, 0"),
    case("a container of another kind", |at| flip(at, "a.slc", 4),
        "decompress a.slc b.npy",
        "error[C001]: the container is damaged at byte 0: its magic is missing"),
    case("a container cut at its end", |at| cut(at, "a.slc", 30),
        "decompress a.slc b.npy",
        "error[C001]: the container is damaged at byte 9128: there is no sound trailer: the file is cut or its end was changed"),
    case("a container cut in its header", |at| keep(at, "a.slc", 20),
        "decompress a.slc b.npy",
        "error[C001]: the container is damaged at byte 20: it ends within its prefix"),
    case("a flipped bit in a block", |at| flip(at, "a.slc", 2000),
        "decompress a.slc b.npy",
        "error[C001]: the container is damaged at byte 225: block 0 does not match its CRC"),
    case("a flipped bit in the header", |at| flip(at, "a.slc", 40),
        "decompress a.slc b.npy",
        "error[C001]: the container is damaged at byte 32: the header does not match its CRC"),
    case("a container written as an unknown format", |_| {},
        "decompress a.slc b.xyz",
        "error[D002]: `b.xyz`: files of this kind are not known"),
    case("a bound of a lossless file", |_| {},
        "compress a.csv x.slc --mode lossless --bound abs:1",
        "error[U001]: `--mode bounded` and `--bound` go together"),
    case("a bound of a column that is not there", |_| {},
        "compress a.csv x.slc --bound-of nope=abs:1",
        "error[D003]: there is no column `nope` to bound"),
    case("a column without its bound", |_| {},
        "compress a.csv x.slc --bound-of x",
        "error[U001]: `x` is no column with a bound"),
    case("a mantissa of too many bits", |_| {},
        "compress a.csv x.slc --bound bits:60",
        "error[C003]: column `x`: a mantissa has no 60 bits"),
    case("a part larger than the whole", |_| {},
        "compress a.csv x.slc --bound rel:2",
        "error[C003]: column `x`: 2 is no part of a value"),
    case("a recipe that says nothing to the codec", |at| put(at, "r.toml", b"name = \"a\"\n"),
        "compress a.csv x.slc --recipe r.toml",
        "error[R001]: the file says nothing to the codec"),
    case("rows added to a container of other columns", |_| {},
        "compress a.csv a.slc --append",
        "error[D002]: `a.slc` has other columns than the data"),
    case("a column that a container does not have", |_| {},
        "decompress a.slc b.npy --columns nope",
        "error[D003]: there is no column `nope`"),
    case("a figure of another kind", |_| {},
        "compare a.csv --plot x.gif",
        "error[U001]: a figure cannot be a `.gif`"),
    case("a mode without its bound", |_| {},
        "compress a.csv x.slc --mode bounded",
        "error[U001]: `--mode bounded` and `--bound` go together"),
    case("a mode without its model", |_| {},
        "compress a.csv x.slc --mode neural",
        "error[U001]: `--mode neural` and `--model` go together"),
    case("a model with another mode", |_| {},
        "compress a.npy x.slc --mode lossless --model m.quant.json",
        "error[U001]: `--mode neural` and `--model` go together"),
    case("a negative bound", |_| {},
        "compress a.csv x.slc --mode bounded --bound abs:-1",
        "error[U001]: `abs:-1` is not a bound\na bound is a positive number"),
    case("a bound without a number", |_| {},
        "compress a.csv x.slc --mode bounded --bound some",
        "error[U001]: `some` is not a bound"),
    case("blocks without rows", |_| {},
        "compress a.csv x.slc --block-rows 0",
        "error[U001]: a block of 0 rows holds nothing"),
    case("a file compressed into itself", |_| {}, "compress a.npy a.npy", "error[U001]: `a.npy` is input and output"),
    case("a container decompressed into itself", |_| {},
        "decompress a.slc ./a.slc",
        "error[U001]: `a.slc` is input and output"),
    case("a container in a file", |_| {}, "compress a.npy a.csv/x.slc", "error[I001]: cannot create `a.csv`"),
    case("rows that do not pair", |_| {},
        "evaluate a.npy a.csv",
        "error[D004]: the original has 300 rows, the reconstruction 2"),
    case("a run that is not there", |_| {}, "report missing", "error[P001]: `missing` holds no report"),
    case("a run with a damaged report", |at| put(at, "run/report.json", b"{"),
        "report run",
        "error[P001]: `run/report.json` is not what it should be"),
    case("an option that does not exist", |_| {}, "inspect a.npy --colour", "error: unexpected argument '--colour' found"),
    case("a verb that does not exist", |_| {}, "polish a.npy", "error: unrecognized subcommand 'polish'"),
];

/// A model of lookups and pooling.
const TABLES: &str = include_str!("../../golden/tables.quant.json");

/// Data, a container, models and a design, made once: `a.csv`, `a.npy`, `a.slc`, `m.trained.json`, `m.quant.json`, `d/`.
fn good() -> &'static Path {
    static GOOD: OnceLock<tempfile::TempDir> = OnceLock::new();
    GOOD.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "a.csv", b"x\n1\n2\n");
        let recipe = "name = \"m\"\n[data]\ntoy = \"trigger-cells\"\ntoy_rows = 300\n\
            [train]\nlatent = 3\nhidden = []\nepochs = 1\nqat_epochs = 0\n[quantize]\nweight_bits = 3\n";
        put(folder.path(), "m.toml", recipe.as_bytes());
        for args in [
            "toy trigger-cells a.npy --rows 300",
            "compress a.npy a.slc",
            "train m.toml --out m.trained.json",
            "quantize m.trained.json --out m.quant.json",
            "emit m.quant.json --out d",
        ] {
            let out = sluice(folder.path(), &args.split(' ').collect::<Vec<_>>());
            assert!(out.status.success(), "{args}: {}", stderr(&out));
        }
        folder
    })
    .path()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// Every file below `folder`.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.insert(path.display().to_string());
        }
    }
    all
}

/// What is wrong with the answer to a case, if anything.
fn complaint(case: &Case) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    copy(good(), folder.path());
    (case.spoil)(folder.path());
    let before = files(folder.path());
    let mut args: Vec<&str> = case.args.split(' ').collect();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    if let Some(path) = args[0].strip_prefix("PATH=") {
        command.env("PATH", path);
        args.remove(0);
    }
    let out = command.args(&args).current_dir(folder.path()).output().unwrap();
    let text = stderr(&out);
    let errors: Vec<&str> = text.lines().filter(|l| l.starts_with("error")).collect();
    let left: Vec<String> = files(folder.path()).difference(&before).cloned().collect();
    let (first, below) = case.error.split_once('\n').unwrap_or((case.error, ""));
    let said = errors == [first] && text.contains(below) && !text.contains("panicked");
    let fine = out.status.code() == Some(2) && said && left.is_empty();
    (!fine).then(|| {
        format!(
            "{}: sluice {}\n  status {:?}, left behind {left:?}\n  expected {}\n{text}",
            case.what,
            case.args,
            out.status.code(),
            case.error
        )
    })
}

#[test]
fn bad_input_ends_with_status_2_and_one_clear_error_and_no_file() {
    let complaints: Vec<String> = CASES.iter().filter_map(complaint).collect();
    assert!(complaints.is_empty(), "{} of {} cases:\n{}", complaints.len(), CASES.len(), complaints.join("\n"));
}
