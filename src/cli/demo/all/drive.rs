//! How a department's system is played by its samples: the carrier of each kind of source.
//!
//! A kind that is not here cannot be played, says so by its name and fails the demo.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use adapt::{Package, Source};
use canon::Millis;

use super::department::Department;
use super::posts::Posts;
use super::service::Web;
use super::tables::{self, Tables};
use super::tap::Tap;
use crate::demo::prepare::{not_written, write};
use crate::text::Failure;

/// A department's system, ready to be played.
pub(super) enum Live {
    /// Files dropped into a folder.
    Drops(Drops),
    /// Tables of a database.
    Tables(Box<Tables>),
    /// A web service.
    Web(Box<Web>),
    /// Documents that are posted.
    Posts(Box<Posts>),
    /// A program.
    Tap(Tap),
}

/// Why there is none: English, Chinese.
pub(super) type Unplayed = (String, String);

/// Kinds of which the samples are files.
const DROPPED: [&str; 6] = ["csv", "xlsx", "xls", "dbf", "xml", "json"];

/// The system of a department below the folder of all of them.
pub(super) fn live(
    department: &Department,
    folder: &Path,
    databases: &tables::Databases,
) -> Result<Live, Unplayed> {
    let Department { name, kind, package, files, .. } = department;
    match kind.as_str() {
        kind if DROPPED.contains(&kind) => {
            Drops::of(package, files, folder.join("drops").join(name)).map(Live::Drops)
        }
        "sql" | "front_table" => {
            Tables::of(department, folder, databases).map(|t| Live::Tables(Box::new(t)))
        }
        "http_pull" => {
            let secret = folder.join("systems").join(format!("{name}.secret"));
            Web::of(department, secret).map(|w| Live::Web(Box::new(w)))
        }
        "http_push" | "soap_push" => {
            let token = folder.join("systems").join(format!("{name}.token"));
            Posts::of(department, token).map(|p| Live::Posts(Box::new(p)))
        }
        "exec" => {
            let said = folder.join("systems").join(format!("{name}.jsonl"));
            Tap::of(department, said).map(Live::Tap)
        }
        kind => Err((
            format!("a source of kind `{kind}` cannot be played by the demo; see drive.rs"),
            format!("演示程序尚不能模拟 {kind} 类来源"),
        )),
    }
}

impl Live {
    /// What its system is, in a word.
    pub(super) fn word(&self) -> String {
        match self {
            Self::Drops(drops) => drops.word.clone(),
            Self::Tables(tables) => tables.word(),
            Self::Web(_) => "http".to_owned(),
            Self::Posts(_) => "post".to_owned(),
            Self::Tap(_) => "singer".to_owned(),
        }
    }

    /// How many rounds its samples have.
    pub(super) fn rounds(&self) -> usize {
        match self {
            Self::Drops(drops) => drops.rounds.len(),
            Self::Tables(tables) => tables.rounds(),
            Self::Web(web) => web.rounds(),
            Self::Posts(posts) => posts.rounds(),
            Self::Tap(tap) => tap.rounds(),
        }
    }

    /// The lines of `[adapter.source]`.
    pub(super) fn config(&self) -> String {
        match self {
            Self::Drops(drops) => drops.config(),
            Self::Tables(tables) => tables.config(),
            Self::Web(web) => web.config(),
            Self::Posts(posts) => posts.config(),
            Self::Tap(tap) => tap.config(),
        }
    }

    /// Makes the empty system.
    pub(super) async fn stand(&self) -> Result<(), Failure> {
        match self {
            Self::Drops(drops) => {
                let folder = &drops.folder;
                std::fs::create_dir_all(folder).map_err(|e| not_written(folder, &e))
            }
            Self::Tables(tables) => tables.stand().await,
            Self::Web(web) => web.stand(),
            Self::Posts(posts) => posts.stand(),
            Self::Tap(tap) => tap.stand(),
        }
    }

    /// The system says what a round has; said twice it is the same.
    pub(super) async fn say(
        &self,
        round: usize,
        now: Millis,
        listener: Option<SocketAddr>,
    ) -> Result<(), Failure> {
        match self {
            Self::Drops(drops) => drops.say(round),
            Self::Tables(tables) => tables.say(round, now).await,
            Self::Web(web) => {
                web.say(round, now);
                Ok(())
            }
            Self::Posts(posts) => posts.say(round, listener).await,
            Self::Tap(tap) => tap.say(round),
        }
    }

    /// Whether nothing that was said is left to be read, as far as the carrier shows it.
    pub(super) fn is_read(&self) -> bool {
        match self {
            Self::Drops(drops) => drops.is_read(),
            Self::Tables(_) | Self::Web(_) | Self::Posts(_) | Self::Tap(_) => true,
        }
    }

    /// Whether each row is read exactly once.
    pub(super) const fn reads_once(&self) -> bool {
        matches!(self, Self::Drops(_) | Self::Posts(_))
    }
}

/// A folder into which the samples' files are dropped.
pub(super) struct Drops {
    folder: PathBuf,
    word: String,
    /// Name and bytes of each round's files: one, and before it the memo file of a DBF table.
    rounds: Vec<Vec<(String, Vec<u8>)>>,
}

impl Drops {
    fn of(
        package: &Package,
        files: &BTreeMap<String, Vec<u8>>,
        folder: PathBuf,
    ) -> Result<Self, Unplayed> {
        let Source::Files(source) = &package.source else {
            return Err(("it does not read files".into(), "该适配包不读文件".into()));
        };
        let mut rounds = Vec::new();
        for (sample, number) in rounds_of(package) {
            let input = |name: &&String| {
                let stem = if number == 1 { "input.".into() } else { format!("input.{number}.") };
                name.strip_prefix(&stem).is_some_and(|ending| !ending.contains('.'))
            };
            let inputs = package.samples.get(&sample).into_iter().flatten().map(|(name, _)| name);
            let Some(input) = inputs.into_iter().find(input) else { continue };
            let ending = input.rsplit('.').next().unwrap_or_default();
            let name = file_name(&source.files, rounds.len() + 1, ending);
            let Some(name) = name else {
                let pattern = &source.files;
                return Err((
                    format!("no file name of its own fits the pattern `{pattern}`"),
                    format!("文件名模式『{pattern}』无法生成文件名"),
                ));
            };
            let mut round = Vec::new();
            let stem = |name: &str| name.rsplit_once('.').map(|(stem, _)| stem.to_owned());
            let (from, to) = (stem(input).unwrap_or_default(), stem(&name).unwrap_or_default());
            for ending in ["dbt", "fpt", ending] {
                let bytes = files.get(&format!("samples/{sample}/{from}.{ending}"));
                round.extend(bytes.map(|bytes| (format!("{to}.{ending}"), bytes.clone())));
            }
            rounds.push(round);
        }
        let first = rounds.first().and_then(|round| round.last());
        let word = first.and_then(|(name, _)| name.rsplit('.').next());
        let word = word.unwrap_or("?").to_owned();
        Ok(Self { folder, word, rounds })
    }

    fn config(&self) -> String {
        let name = self.folder.file_name().unwrap_or_default().to_string_lossy();
        format!("folder = \"drops/{name}\"\nsettle = \"0 s\"\n")
    }

    fn say(&self, round: usize) -> Result<(), Failure> {
        for (name, bytes) in self.rounds.get(round).into_iter().flatten() {
            // Whole at once, as a good department does it.
            let (half, whole) = (self.folder.join(format!(".{name}")), self.folder.join(name));
            write(&half, bytes)?;
            std::fs::rename(&half, &whole).map_err(|e| not_written(&whole, &e))?;
        }
        Ok(())
    }

    fn is_read(&self) -> bool {
        self.rounds.iter().flatten().all(|(name, _)| !self.folder.join(name).exists())
    }
}

/// The rounds of all samples, in the order in which `adapt::sample::run_all` takes them.
pub(super) fn rounds_of(package: &Package) -> Vec<(String, usize)> {
    let mut all = Vec::new();
    for (sample, files) in &package.samples {
        let input = |name: &&String| name.starts_with("input.") && !adapt::form::is_memo(name);
        let count = files.keys().filter(input).count();
        all.extend((1..=count).map(|number| (sample.clone(), number)));
    }
    all
}

/// A name that fits the pattern, ordered by the number.
fn file_name(pattern: &str, number: usize, ending: &str) -> Option<String> {
    let number = format!("{number:03}");
    let mut name = String::new();
    let mut numbered = false;
    for c in pattern.chars() {
        match c {
            '*' if !numbered => {
                name.push_str(&number);
                numbered = true;
            }
            '*' => {}
            '?' => name.push('0'),
            c => name.push(c),
        }
    }
    if !name.ends_with(&format!(".{ending}")) {
        let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
        name = format!("{stem}.{ending}");
    }
    (numbered && adapt::form::matches(pattern, &name)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gets_a_name_that_its_pattern_takes() {
        let name = |pattern, ending| file_name(pattern, 7, ending);
        assert_eq!(name("window-*.csv", "csv").as_deref(), Some("window-007.csv"));
        assert_eq!(name("*公开*目录*.xls*", "xlsx").as_deref(), Some("007公开目录.xlsx"));
        assert_eq!(name("ts*.dbf", "dbf").as_deref(), Some("ts007.dbf"));
        assert_eq!(name("one.csv", "csv"), None, "two files of one name");
        assert_eq!(name("*.txt", "csv"), None);
    }
}
