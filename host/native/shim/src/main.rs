use std::process::ExitCode;

use dobbs_shim::cli::{self, Asked};
use dobbs_shim::failure::Result;
use dobbs_shim::start;

/// Wrong usage, or something that is needed is missing or wrong.
const EXIT_REFUSED: u8 = 2;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(EXIT_REFUSED)
        }
    }
}

fn run() -> Result<ExitCode> {
    match cli::parse(std::env::args())? {
        Asked::Print(text) => print!("{text}"),
        Asked::Run(options) if options.check => print!("{}", start::check(&options)?),
        Asked::Run(options) => return start::run(*options),
    }
    Ok(ExitCode::SUCCESS)
}
