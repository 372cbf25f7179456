//! `tiergate authority`: the table of who may report what, kept by the top node's engineer.

use std::path::{Path, PathBuf};

use canon::{Day, Millis, NodeCode};
use clap::{Args, Subcommand};
use envelope::authority::{Authority, AuthorityError, Entitled, Section, sign_authority};
use exchange::authority as tables;
use exchange::config::NodeConfig;

use super::authority_list as list;
use crate::desk::{self, Request};
use crate::stores::{self, Access, NodesArg};
use crate::text::{Done, Exit, Failure, Finding, Lang, Out};
use crate::{files, identity, open, os};

/// Largest list, bytes.
const LIST_BYTES_MAX: u64 = 16 << 20;

/// The authority table.
#[derive(Debug, Subcommand)]
pub(crate) enum AuthorityCommand {
    /// Look a list over before it is issued: every problem with line and column · 检查授权清单
    Check {
        /// CSV, UTF-8: node, unit, regions, types, from, to, basis
        list: PathBuf,
    },
    /// Sign a list as the next edition and hand it to the nodes beneath · 签发授权表
    Issue(Issue),
    /// Show the table in force, or whether it has a line · 查看现行授权表
    Show(Show),
}

/// Arguments of `issue`.
#[derive(Debug, Args)]
pub(crate) struct Issue {
    /// CSV, UTF-8: node, unit, regions, types, from, to, basis
    list: PathBuf,
    /// The first day for which it holds; what happened before is judged by the tables before
    #[arg(long, value_name = "DAY", value_parser = day)]
    from: Day,
    /// Your operator code, for the audit chain; never a name
    #[arg(long, value_name = "CODE")]
    by: String,
    #[command(flatten)]
    nodes: NodesArg,
}

/// Arguments of `show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Lines of this sender only
    #[arg(long, value_name = "CODE")]
    sender: Option<String>,
    /// The table that holds on this day; the latest if not given
    #[arg(long, value_name = "DAY", value_parser = day)]
    day: Option<Day>,
    /// Lines that cover this unit
    #[arg(long, value_name = "CODE")]
    unit: Option<String>,
    /// Lines that cover this region
    #[arg(long, value_name = "CODE")]
    region: Option<String>,
    /// Lines that cover this record type, wire name
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    #[command(flatten)]
    nodes: NodesArg,
}

fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| "write YYYY-MM-DD · 应写作 YYYY-MM-DD".into())
}

/// Runs the command.
pub(crate) fn run(command: AuthorityCommand, out: &Out) -> Done {
    match command {
        AuthorityCommand::Check { list } => check(&list, out),
        AuthorityCommand::Issue(args) => os::block_on(issue(&args, out))?,
        AuthorityCommand::Show(args) => os::block_on(show(&args, out))?,
    }
}

fn read(path: &Path) -> Result<(Vec<Entitled>, Vec<Finding>), Failure> {
    let text = files::text(path, LIST_BYTES_MAX)?;
    Ok(list::read(&path.display().to_string(), &text))
}

fn check(path: &Path, out: &Out) -> Done {
    let (lines, wrong) = read(path)?;
    let n = lines.len();
    out.verdict(
        &wrong,
        format!("{n} lines, nothing wrong; issue them with `tiergate authority issue`"),
        format!("共 {n} 行，均无问题；可用 tiergate authority issue 签发"),
    )
}

async fn issue(args: &Issue, out: &Out) -> Done {
    let (lines, wrong) = read(&args.list)?;
    if !wrong.is_empty() {
        return out.verdict(&wrong, String::new(), String::new());
    }
    let (config, code) = stores::the_identity(&args.nodes)?;
    if config.trust.authority.as_ref() != Some(&code) {
        return Err(Failure::usage(
            format!(
                "`{code}` believes no table of its own: write `authority = \"{code}\"` into [trust] here and at every node beneath"
            ),
            format!(
                "『{code}』未配置为授权表签发节点：请在本级及下级的 [trust] 中写 authority = \"{code}\""
            ),
        ));
    }
    let now = os::now();
    let before = in_force(&config, &code).await?;
    let (made, change) = next(&config, &code, before, (args.from, lines), now)?;
    let document = made.write();
    Authority::read(&document).map_err(|e| unfit(&e))?;
    let own = config.identities.iter().find(|i| i.code == code);
    let own = own.ok_or_else(|| Failure::usage("no such identity", "没有该身份"))?;
    let material = identity::identity(&config, own, now)?.map_err(|f| open::problems(&[f]))?;
    let signature = sign_authority(&document, material.first());
    let signature = signature.map_err(|e| super::keys::signing(&e))?;
    let signature = String::from_utf8_lossy(&signature).into_owned();
    let edition = made.edition;
    let request = Request::Authority { edition, document, signature, by: args.by.clone() };
    let trust = open::trust(&config, own.environment)?;
    let asked = desk::ask_with(&config, &code, &request, Some(&trust), now).await?;
    let (added, gone) = change;
    out.say(
        format_args!(
            "edition {edition}, from {}: {added} lines more, {gone} lines fewer than before",
            args.from
        ),
        format_args!("第 {edition} 版，自 {} 起：新增 {added} 行，撤销 {gone} 行", args.from),
    )?;
    desk::told(&asked, out).await
}

fn unfit(e: &AuthorityError) -> Failure {
    Failure::usage(e.to_string(), format!("授权表不可用：{e}"))
}

/// The next edition, and how many lines it has more and fewer than the table before.
fn next(
    config: &NodeConfig,
    code: &NodeCode,
    before: Option<Authority>,
    (from, lines): (Day, Vec<Entitled>),
    now: Millis,
) -> Result<(Authority, (usize, usize)), Failure> {
    let section = Section::new(from, lines);
    let issued = Millis(now.0 - now.0.rem_euclid(1000));
    let environment = config.identities.iter().find(|i| i.code == *code).map(|i| i.environment);
    let environment =
        environment.ok_or_else(|| Failure::usage("no such identity", "没有该身份"))?;
    let old: Vec<Entitled> = before.iter().flat_map(|b| b.sections.last()).flat_map(own).collect();
    let new = own(&section);
    let added = new.iter().filter(|line| old.binary_search(line).is_err()).count();
    let gone = old.iter().filter(|line| new.binary_search(line).is_err()).count();
    let made = match before {
        Some(before) => before.with(before.edition.saturating_add(1), issued, section),
        None => Authority {
            issuer: code.clone(),
            environment,
            edition: 1,
            issued,
            sections: vec![section],
        },
    };
    Ok((made, (added, gone)))
}

fn own(section: &Section) -> Vec<Entitled> {
    section.lines().into_iter().cloned().collect()
}

/// The edition that stands in a node's store.
async fn in_force(config: &NodeConfig, code: &NodeCode) -> Result<Option<Authority>, Failure> {
    let store = stores::open_store(config, code, Access::Read).await?;
    let unusable = |e: &dyn std::fmt::Display| {
        Failure::environment(format!("{code}: {e}"), format!("{code}：{e}"))
    };
    let Some(stored) = tables::stored(&store).await.map_err(|e| unusable(&e))? else {
        return Ok(None);
    };
    let read = Authority::read(&stored.document).map_err(|e| unusable(&e))?;
    Ok(Some(read).filter(|table| config.trust.authority.as_ref() == Some(&table.issuer)))
}

async fn show(args: &Show, out: &Out) -> Done {
    let (config, code) = stores::the_identity(&args.nodes)?;
    let Some(table) = in_force(&config, &code).await? else {
        out.value(&serde_json::json!({ "ok": true, "edition": null }))?;
        out.say(
            "no authority table is in force here: nodes speak for the regions in their certificates",
            "本级尚无授权表：各节点按证书所载区划上报",
        )?;
        return Ok(Exit::Fine);
    };
    let held = match args.day {
        Some(day) => table.on(day).map(|(_, section)| section),
        None => table.sections.last(),
    };
    let fits = |line: &&Entitled| {
        let none_or = |given: &Option<String>, is: &dyn Fn(&str) -> bool| {
            given.as_ref().is_none_or(|text| is(text))
        };
        let about = (args.unit.as_deref(), args.region.as_deref(), args.kind.as_deref());
        none_or(&args.sender, &|n| line.node.as_str() == n)
            && line.covers_given(about)
            && args.day.is_none_or(|d| line.from <= d && line.to.is_none_or(|to| d <= to))
    };
    let lines: Vec<&Entitled> = held.map(Section::lines).unwrap_or_default();
    let lines: Vec<&Entitled> = lines.into_iter().filter(fits).collect();
    let from = held.map(|section| section.from.to_string());
    out.value(&serde_json::json!({
        "ok": !lines.is_empty(), "edition": table.edition, "issuer": table.issuer.as_str(),
        "issued": table.issued.to_string(), "from": from,
        "lines": lines.iter().map(|line| as_json(line)).collect::<Vec<_>>(),
    }))?;
    let (edition, issuer, issued) = (table.edition, &table.issuer, table.issued);
    let from = from.unwrap_or_else(|| "-".to_owned());
    out.say(
        format_args!(
            "edition {edition} of `{issuer}`, issued {issued}; this table holds from {from}"
        ),
        format_args!("『{issuer}』第 {edition} 版，{issued} 签发；本表自 {from} 起适用"),
    )?;
    for line in &lines {
        if !out.json {
            out.text(told(line, out.lang))?;
        }
    }
    if lines.is_empty() {
        out.say("no line for that", "没有相应的授权行")?;
        return Ok(Exit::Problems);
    }
    Ok(Exit::Fine)
}

fn as_json(line: &Entitled) -> serde_json::Value {
    serde_json::json!({
        "node": line.node.as_str(), "unit": line.unit, "regions": line.regions, "types": line.types,
        "from": line.from.to_string(), "to": line.to.map(|d| d.to_string()), "basis": line.basis,
    })
}

fn told(line: &Entitled, lang: Lang) -> String {
    let Entitled { node, unit, regions, types, from, to, basis } = line;
    let (regions, types) = (regions.join(" "), types.join(" "));
    let to = to.map_or_else(|| "…".to_owned(), |day| day.to_string());
    match lang {
        Lang::En => format!(
            "  {node}  unit {unit}  regions {regions}  types {types}  {from} to {to}  {basis}"
        ),
        Lang::Zh => {
            format!("  {node}  单位 {unit}  区划 {regions}  类型 {types}  {from} 至 {to}  {basis}")
        }
    }
}
