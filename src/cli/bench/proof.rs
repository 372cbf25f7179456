//! One record's evidence out of very many: what exporting and verifying it takes, as two programs from
//! their start to their end, over the stores that a whole chain has filled.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use canon::{Key, RecordId};
use serde::Serialize;

use super::ground::Ground;
use super::nodes::Authority;
use super::report::Line;
use super::{chain, input};
use crate::files;
use crate::text::{Failure, Out, Table};

/// Records whose evidence is made, spread over all.
const SAMPLES: u64 = 50;
/// Sender and receiver.
const TIERS: usize = 2;

/// What it took.
#[derive(Debug, Serialize)]
pub(crate) struct Proof {
    /// How the stores were filled.
    filled: Line,
    samples: usize,
    /// `tiergate evidence export`, both nodes asked.
    export: Spread,
    /// `tiergate-verify`.
    verify: Spread,
    /// One after the other.
    both: Spread,
}

/// Milliseconds by the clock.
#[derive(Clone, Copy, Debug, Serialize)]
struct Spread {
    least: f64,
    median: f64,
    most: f64,
}

impl Spread {
    fn of(mut taken: Vec<f64>) -> Self {
        taken.sort_by(f64::total_cmp);
        let at = |n: usize| taken.get(n).copied().unwrap_or_default();
        Self { least: at(0), median: at(taken.len() / 2), most: at(taken.len().saturating_sub(1)) }
    }
}

impl Proof {
    /// For people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let head = format!("evidence of one record of {}", self.filled.records);
        let mut table = Table::new([head.as_str(), "samples", "least ms", "median ms", "most ms"]);
        for (name, spread) in [
            ("evidence export", self.export),
            ("tiergate-verify", self.verify),
            ("both, one after the other", self.both),
        ] {
            table.row([
                name.to_owned(),
                self.samples.to_string(),
                format!("{:.1}", spread.least),
                format!("{:.1}", spread.median),
                format!("{:.1}", spread.most),
            ]);
        }
        let rate = format!("filled over one hop at {:.0} records/s", self.filled.rate());
        std::iter::once(String::new()).chain(table.lines()).chain([rate]).collect()
    }
}

/// Fills two nodes through the chain, then asks for evidence.
pub(crate) async fn run(
    ground: &Ground,
    folder: &Path,
    records: u64,
    out: &Out,
) -> Result<Proof, Failure> {
    if ground.postgres.is_some() {
        return Err(Failure::usage(
            "--evidence measures stores in SQLite files; leave --postgres out",
            "--evidence 只测量 SQLite 存储，请去掉 --postgres",
        ));
    }
    let (filled, mut authority) = chain::settled(ground, folder, TIERS, records, out).await?;
    let configs = configured(folder, ground, &mut authority)?;
    let cases = filled.records / input::RECORDS_PER_ROW;
    let samples = SAMPLES.min(cases).max(1);
    let (mut export, mut verify, mut both) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..samples {
        // The middle of each part, so that neither the first page nor the last is special.
        let case = (2 * n + 1) * cases / (2 * samples);
        let file = folder.join(format!("proof-{n}.json"));
        let made = timed(exporting(&configs, case, &file)?)?;
        let judged = timed(verifying(folder, &file)?)?;
        export.push(made);
        verify.push(judged);
        both.push(made + judged);
    }
    let samples = both.len();
    let (export, verify) = (Spread::of(export), Spread::of(verify));
    Ok(Proof { filled, samples, export, verify, both: Spread::of(both) })
}

/// Configurations of the chain's nodes beside their stores.
fn configured(
    folder: &Path,
    ground: &Ground,
    authority: &mut Authority,
) -> Result<Vec<PathBuf>, Failure> {
    let write = |name: String, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|e| files::cannot(&path, &e))?;
        Ok::<_, Failure>(path)
    };
    write("ca.pem".into(), authority.root_pem())?;
    let codes = super::nodes::codes(TIERS);
    let mut configs = Vec::with_capacity(codes.len());
    for (tier, code) in codes.iter().enumerate() {
        let (key, certificate) = authority.pem(code)?;
        write(format!("{code}.key"), &key)?;
        write(format!("{code}.pem"), &certificate)?;
        let (peer, parent) = match tier {
            0 => (&codes[1], true),
            _ => (&codes[0], false),
        };
        let text = format!(
            "version = 1\n[node]\ndata = \".\"\n[store]\nurl = \"sqlite:{code}.db\"\n\
             [trust]\nanchors = [\"ca.pem\"]\n[[identity]]\nsuite = \"{}\"\ncode = \"{code}\"\n\
             environment = \"demo\"\nkey = \"file:{code}.key\"\ncertificate = \"{code}.pem\"\n\
             [[link]]\nname = \"other\"\npeer = \"{peer}\"\ncarrier = \"local\"\nparent = {parent}\n",
            ground.suite
        );
        configs.push(write(format!("{code}.toml"), &text)?);
    }
    Ok(configs)
}

fn exporting(configs: &[PathBuf], case: u64, file: &Path) -> Result<Command, Failure> {
    let number = input::number(case);
    // The source says whose the case is.
    let namespace = input::unit_code(case % input::DEPARTMENTS);
    let record = RecordId { kind: "SL".into(), key: Key::new(&namespace, &[&number]), version: 1 };
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--lang", "en", "evidence", "export"]).arg(record.to_string());
    command.arg("--out").arg(file).arg("--config").args(configs);
    Ok(command)
}

fn verifying(folder: &Path, file: &Path) -> Result<Command, Failure> {
    let auditors = std::env::current_exe()?.with_file_name("tiergate-verify");
    let mut command = Command::new(auditors);
    command.args(["--lang", "en"]).arg(file).arg("--anchor").arg(folder.join("ca.pem"));
    Ok(command)
}

/// Runs a program to its end; milliseconds. One that does not end well was not measured.
fn timed(mut command: Command) -> Result<f64, Failure> {
    command.stdin(Stdio::null());
    let began = Instant::now();
    let ended = command.output();
    let taken = began.elapsed().as_secs_f64() * 1e3;
    let program = command.get_program().to_string_lossy().into_owned();
    let ended = ended.map_err(|e| files::cannot(Path::new(&program), &e))?;
    if ended.status.success() {
        return Ok(taken);
    }
    let said = String::from_utf8_lossy(&ended.stdout).into_owned()
        + &String::from_utf8_lossy(&ended.stderr);
    Err(Failure::environment(
        format!("{program} did not end well ({}): {said}", ended.status),
        format!("{program} 未正常结束（{}）：{said}", ended.status),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_its_least_its_middle_and_its_most() {
        let spread = Spread::of(vec![5.0, 1.0, 9.0, 2.0, 3.0]);
        assert_eq!((spread.least, spread.median, spread.most), (1.0, 3.0, 9.0));
    }
}
