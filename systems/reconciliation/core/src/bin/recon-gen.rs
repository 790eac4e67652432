//! `recon-gen --rows N --seed S --out DIR`: writes left.csv, right.csv and truth.csv into a directory.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use recon_core::synth::{Config, generate};

const USAGE: &str = "usage: recon-gen --rows N --seed S --out DIR";

fn main() -> ExitCode {
    let outcome = parse(std::env::args().skip(1)).and_then(|(config, out)| {
        write(&config, &out).map_err(|error| format!("cannot write to {}: {error}", out.display()))
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Nothing is left to do if standard error is closed.
            let _ = writeln!(io::stderr(), "{message}");
            ExitCode::from(2)
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<(Config, PathBuf), String> {
    let (mut rows, mut seed, mut out) = (None, 1, None);
    while let Some(name) = arguments.next() {
        let value = arguments
            .next()
            .ok_or_else(|| format!("{name} needs a value\n{USAGE}"))?;
        let bad = |_| format!("{name} {value} is no number\n{USAGE}");
        match name.as_str() {
            "--rows" => rows = Some(value.parse().map_err(bad)?),
            "--seed" => seed = value.parse().map_err(bad)?,
            "--out" => out = Some(PathBuf::from(value)),
            _ => return Err(format!("unknown argument {name}\n{USAGE}")),
        }
    }
    match (rows, out) {
        (Some(rows), Some(out)) => Ok((Config::new(rows, seed), out)),
        _ => Err(USAGE.to_owned()),
    }
}

fn write(config: &Config, out: &std::path::Path) -> io::Result<()> {
    fs::create_dir_all(out)?;
    let data = generate(config);
    let create = |name: &str| File::create(out.join(name)).map(BufWriter::new);
    let mut file = create("left.csv")?;
    data.write_left(&mut file)?;
    file.flush()?;
    file = create("right.csv")?;
    data.write_right(&mut file)?;
    file.flush()?;
    file = create("truth.csv")?;
    data.write_truth(&mut file)?;
    file.flush()
}
