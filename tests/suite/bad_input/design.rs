//! Design folders that were changed or lost a file, and options that a design cannot meet.

use super::super::{design, sluice, stderr};

/// (what is done to a copy of the golden design `d`: file, text to find, what replaces it; arguments; all that is said)
type DesignCase = (&'static str, &'static str, &'static str, &'static [&'static str], &'static str);

/// Replaces nothing.
const NO: &str = "";
/// A whole file is removed, not a part of it.
const ALL: &str = "*";

const DESIGN_CASES: &[DesignCase] = &[
    (
        NO,
        NO,
        NO,
        &["verify", "nowhere"],
        "error[V001]: `nowhere` is not a design folder\n  cause: it has no design.json\n  \
         hint:  `sluice emit MODEL --out FOLDER` writes one\n",
    ),
    (
        "d/design.json",
        ALL,
        NO,
        &["verify", "d"],
        "error[V001]: `d` is not a design folder\n  cause: it has no design.json\n  \
         hint:  `sluice emit MODEL --out FOLDER` writes one\n",
    ),
    (
        "d/design.json",
        "  \"top\": \"tiny\",\n",
        NO,
        &["verify", "d"],
        "error[V001]: `d/design.json` is not what it should be\n  cause: missing field `top` at line {last} column 1\n",
    ),
    (
        "d/design.json",
        "sluice.design/1",
        "sluice.design/9",
        &["verify", "d"],
        "error[V001]: `sluice.design/9` is not `sluice.design/1`\n  where: d/design.json\n  hint:  emit the design again\n",
    ),
    (
        "d/tiny.v",
        ALL,
        NO,
        &["verify", "d"],
        "error[V001]: `d/tiny.v` is missing\n  cause: No such file or directory (os error 2)\n",
    ),
    (
        "d/tiny.v",
        " + ",
        " - ",
        &["verify", "d"],
        "error[V001]: `d/tiny.v` was changed since it was emitted\n  hint:  emit the design again\n",
    ),
    (
        "d/design.json",
        "    \"tiny.v\"\n",
        "    \"../tiny.v\"\n",
        &["verify", "d"],
        "error[V001]: `../tiny.v` is not a file of the design folder\n  where: d/design.json\n  \
         hint:  emit the design again\n",
    ),
    (
        "d/design.json",
        "    \"tiny.v\"\n",
        "    \"more.v\"\n",
        &["verify", "d"],
        "error[V001]: there is no checksum for `more.v`\n  where: d/design.json\n  hint:  emit the design again\n",
    ),
    (
        "d/design.json",
        "\"width\": 4",
        "\"width\": 3",
        &["verify", "d"],
        "error[V001]: design.json has other formats than the model beside it\n  where: d\n  \
         hint:  emit the design again\n",
    ),
    (
        "d/design.json",
        "\"in_width\": 4",
        "\"in_width\": 2",
        &["verify", "d"],
        "error[V001]: design `tiny`: bus elements of 2 bits do not hold its formats\n  where: d\n",
    ),
    (
        "d/design.json",
        "\"top\": \"tiny\"",
        "\"top\": \"tiny(x);\"",
        &["verify", "d"],
        "error[V001]: design `tiny(x);`: a module or port name is not a plain Verilog identifier\n  where: d\n",
    ),
    (
        NO,
        NO,
        NO,
        &["verify", "d", "--stall", "200"],
        "error[U001]: a stall of 200 % leaves no time to send\n  hint:  use 0 to 95\n",
    ),
    (
        NO,
        NO,
        NO,
        &["verify", "d", "--stall", "10"],
        "error[U001]: cannot stall `tiny` 10 % of the time\n  cause: a kernel has no ready signal\n  \
         hint:  lower the stall rate, or emit the design with the axis interface\n",
    ),
    (NO, NO, NO, &["verify", "d", "--random", "0"], "error[U001]: a design cannot be verified with 0 vectors\n"),
    (
        NO,
        NO,
        NO,
        &["verify", "d", "--random", "10", "--replay", "10"],
        "error[U001]: there is no vector 10 to replay\n  cause: the run has 10 vectors, counted from 0\n  \
         hint:  use the --random, --vectors and --seed of the run that found it\n",
    ),
    (
        "v.vec",
        NO,
        "1 2 2\n1 2 | 3 4\n",
        &["verify", "d", "--vectors", "v.vec"],
        "error[V002]: `v.vec` does not fit the design\n  cause: vectors of 2 -> 2 values, design of 3 -> 2\n",
    ),
    (
        "v.vec",
        NO,
        "1 3 2\n1 2 99 | 3 4\n",
        &["verify", "d", "--vectors", "v.vec"],
        "error[V002]: `v.vec` does not fit the design\n  cause: vector 0: input word 2: 99 does not fit ufixed<4,1>\n",
    ),
    (
        "v.vec",
        NO,
        "1 3 2\n1 2 3  3 4\n",
        &["verify", "d", "--vectors", "v.vec"],
        "error[V002]: there is no `|` between inputs and outputs\n  where: v.vec, line 2\n  \
         hint:  line 1 is `N n_in n_out`, then N lines of `inputs | outputs`, all integers\n",
    ),
    (
        NO,
        NO,
        NO,
        &["emit", "d/model.quant.json", "--out", "o", "--clock-mhz", "5000"],
        "error[H002]: no schedule meets 5000 MHz\n  \
         cause: one operation alone takes 4.86 ns by the delay model\n  hint:  ask for 205 MHz or less\n  where: ecp5\n",
    ),
    (
        NO,
        NO,
        NO,
        &["emit", "d/model.quant.json", "--out", "o", "--latency", "0"],
        "error[H002]: a latency of 0 cycles cannot be reached\n  \
         hint:  the outputs are registered: ask for 1 or more\n",
    ),
    (
        NO,
        NO,
        NO,
        &["emit", "d/model.quant.json", "--out", "o", "--reuse", "0"],
        "error[U001]: a reuse of `0` makes no sense\n  hint:  use 1 (fully pipelined), more cycles, or auto\n",
    ),
    (
        NO,
        NO,
        NO,
        &["emit", "d/model.quant.json", "--out", "o", "--reuse", "100"],
        "error[U001]: a reuse of 100 saves nothing over one of 9\n  \
         cause: a reuse of that many cycles already takes the widest accumulator bit by bit\n  hint:  use 2 to 9\n",
    ),
    (
        NO,
        NO,
        NO,
        &["emit", "d/model.quant.json", "--out", "o", "--reuse", "auto"],
        "error[U001]: `--reuse auto` has no budget\n  hint:  pass --max-lut\n",
    ),
    (
        NO,
        NO,
        NO,
        &["emit", "d/model.quant.json", "--out", "o", "--reuse", "4", "--max-lut", "90"],
        "error[U001]: `--max-lut` is a budget of `--reuse auto` only\n  hint:  pass --reuse auto\n",
    ),
    (
        NO,
        NO,
        NO,
        &["emit", "d/model.quant.json", "--out", "o", "--max-dsp", "8"],
        "error[U001]: `--max-dsp` is a budget of folded designs only\n  \
         hint:  pass --reuse with 2 cycles or more, or --reuse auto\n",
    ),
    (
        NO,
        NO,
        NO,
        &["emit", "d/model.quant.json", "--out", "o", "--reuse", "4", "--max-dsp", "8", "--target", "ice40"],
        "error[U001]: iCE40 HX parts have no multipliers\n  hint:  leave --max-dsp out\n",
    ),
    (
        NO,
        NO,
        NO,
        &["passes", "d/model.quant.json", "--after", "luck"],
        "error[U001]: there is no pass `luck`\n  \
         hint:  one of build, constants, share, dead, dead_bits, rank\n",
    ),
];

#[test]
fn bad_designs_end_with_status_2_and_exactly_this_text() {
    for (file, from, to, args, expected) in DESIGN_CASES {
        let folder = tempfile::tempdir().unwrap();
        design::copy_golden(&folder.path().join("d"));
        let path = folder.path().join(file);
        match (*file, *from) {
            (NO, _) => {}
            (_, ALL) => std::fs::remove_file(&path).unwrap(),
            (_, NO) => std::fs::write(&path, to).unwrap(),
            (_, from) => {
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(text.contains(from), "`{from}` is not in {file}");
                std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
            }
        }
        let last = std::fs::read_to_string(folder.path().join("d/design.json")).map_or(0, |text| text.lines().count());
        let out = sluice(folder.path(), args);
        assert_eq!(stderr(&out), expected.replace("{last}", &last.to_string()), "{file} {from} {args:?}");
        assert_eq!(out.status.code(), Some(2), "{args:?}");
        assert!(out.stdout.is_empty() && !folder.path().join("o").exists(), "{args:?} left something");
    }
}
