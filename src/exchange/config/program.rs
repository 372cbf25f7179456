//! Programs that read a source: what is run, with what, for how long.

use std::path::PathBuf;
use std::sync::Arc;

use super::read::{Cx, duration};
use super::tree::{Spot, Tab};

/// A program that speaks the Singer protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its file.
    pub file: PathBuf,
    /// What it is given, before `--config`, `--catalog` and `--state`.
    pub arguments: Vec<Arc<str>>,
    /// The text of its configuration, with places for secrets and values.
    pub config: Option<PathBuf>,
    /// Its catalogue.
    pub catalog: Option<PathBuf>,
    /// Names of our environment that it is given; nothing else of it is.
    pub environment: Vec<Arc<str>>,
    /// Longest run, ms; instead of the limit's.
    pub longest_run: Option<i64>,
    /// Longest silence, ms; instead of the limit's.
    pub longest_silence: Option<i64>,
}

impl Program {
    /// Its files, with their keys in the configuration.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &PathBuf)> {
        let config = self.config.iter().map(|path| ("config", path));
        let catalog = self.catalog.iter().map(|path| ("catalog", path));
        std::iter::once(("command", &self.file)).chain(config).chain(catalog)
    }
}

/// Reads `command` with what belongs to it: `config`, `catalog`, `environment`, `longest_run`,
/// `longest_silence`. None where there is no `command`.
pub(crate) fn program(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Option<Program> {
    let command = tab.texts("command", cx.problems);
    let config = tab.text("config", cx.problems).map(|s| cx.base.join(s.text));
    let catalog = tab.text("catalog", cx.problems).map(|s| cx.base.join(s.text));
    let environment = tab.texts("environment", cx.problems).unwrap_or_default();
    let longest_run = within(tab, "longest_run", "program_run_max", cx);
    let longest_silence = within(tab, "longest_silence", "program_silence_max", cx);
    let mut words = command?.into_iter();
    let file = words.next();
    let named = file.as_ref().is_some_and(|f: &Spot| f.text.contains('/'));
    let legal = |name: &Spot| {
        !name.text.is_empty() && !name.text.contains(['=', '\0']) && !name.text.contains(' ')
    };
    if let Some(bad) = environment.iter().find(|name| !legal(name)) {
        cx.problems.push(
            "config.bad_value",
            &bad.at,
            tab.key("environment"),
            "must be names of variables, without values; what is secret goes into `secrets`",
            "只写变量名，不写值；口令请写入 secrets",
        );
    }
    if !named {
        cx.problems.push(
            "config.bad_value",
            &tab.spot("command"),
            tab.key("command"),
            "must be a list whose first word is the program's path (with a `/`), then its arguments; no shell reads it",
            "应为列表：首项为程序路径（含 /），其后为参数；不经 shell",
        );
        return None;
    }
    Some(Program {
        file: cx.base.join(file?.text),
        arguments: words.map(|s| s.text.into()).collect(),
        config,
        catalog,
        environment: environment.into_iter().map(|s| s.text.into()).collect(),
        longest_run,
        longest_silence,
    })
}

/// A time that the limit of this name allows.
pub(super) fn within(
    tab: &mut Tab<'_>,
    key: &'static str,
    limit: &str,
    cx: &mut Cx<'_>,
) -> Option<i64> {
    let limit = super::LIMITS.iter().find(|l| l.name == limit)?;
    let ms = duration(tab, key, cx)?;
    let fits = u64::try_from(ms).is_ok_and(|n| n >= limit.min && n <= limit.max);
    if !fits {
        let (min, max) = (limit.unit.show(limit.min), limit.unit.show(limit.max));
        cx.problems.push(
            "config.out_of_range",
            &tab.spot(key),
            tab.key(key),
            format!("must lie between {min} and {max}"),
            format!("应在 {min} 与 {max} 之间"),
        );
    }
    fits.then_some(ms)
}

#[cfg(test)]
mod tests {
    use super::super::tests::with_source;

    #[test]
    fn a_program_is_a_list_of_words_with_its_files() {
        let nodes = with_source(
            "command = [\"/opt/taps/tap-dbf.py\", \"--x\"]\nconfig = \"tap.json\"\nenvironment = [\"LANG\"]\nlongest_run = \"10 min\"",
        )
        .unwrap();
        let program = nodes[0].adapters[0].source.program.clone().unwrap();
        assert_eq!((program.arguments.len(), program.files().count()), (1, 2));
        assert_eq!((program.longest_run, program.longest_silence), (Some(600_000), None));
        assert_eq!(&*program.environment[0], "LANG");
    }

    #[test]
    fn what_cannot_be_run_is_said() {
        for (source, key, words) in [
            ("command = [\"tap-dbf\"]", "command", "with a `/`"),
            ("command = []", "command", "must be a list"),
            ("command = [\"/a.b\"]\nenvironment = [\"A=1\"]", "environment", "without values"),
            ("command = [\"/a.b\"]\nlongest_run = \"1 ms\"", "longest_run", "must lie between"),
            ("command = [\"/gone.sh\"]", "command", "there is no file"),
            ("command = [\"/a.b\"]\nurl = \"http://h\"", "folder", "exactly one place"),
        ] {
            let said = with_source(source).unwrap_err();
            let hit = said.iter().any(|p| p.key.contains(key) && p.en.contains(words));
            assert!(hit, "{source}: {said:?}");
        }
    }
}
