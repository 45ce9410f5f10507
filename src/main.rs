//! The `sluice` command. Exit status: 0 fine, 1 a mismatch was found, 2 bad input or a missing tool.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match sluice::cli::Cli::parse().run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
