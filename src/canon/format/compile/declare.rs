//! Checks and rules: the closed vocabulary of what XSD 1.0 cannot say.

use super::super::model::{
    Check, CheckKind, Direction, Kind, Other, RecordType, Rule, RuleBody, TypeIx,
};
use super::super::workdays::WORKDAYS_MAX;
use super::super::xsd::Node;
use super::super::{TOKEN_MAX, is_token};
use super::Ctx;
use super::condition::{condition, field, record, time_field, weight};
use super::record::origin;

const WEIGHT: [&str; 3] = ["severity", "error_from", "history"];

/// Checks of one field (`t:check` in its appinfo).
pub(crate) fn checks(nodes: &[&Node], owner: &RecordType, ctx: &mut Ctx) -> Vec<Check> {
    let mut checks = vec![];
    for node in nodes {
        ctx.only(node, &["is", "when", WEIGHT[0], WEIGHT[1], WEIGHT[2]]);
        let word = node.attr("is").unwrap_or("");
        let Some(kind) = CheckKind::ALL.iter().copied().find(|k| k.as_str() == word) else {
            let words: Vec<_> = CheckKind::ALL.iter().map(|k| k.as_str()).collect();
            ctx.at(node, format!("check `{word}` is not one of {}", words.join(", ")));
            continue;
        };
        let when = condition(node, "when", owner, false, ctx);
        checks.push(Check { kind, when, weight: weight(node, ctx) });
    }
    checks
}

/// Rules of one record type.
pub(crate) fn rules(nodes: &[&Node], ix: usize, types: &[RecordType], ctx: &mut Ctx) -> Vec<Rule> {
    let owner = &types[ix];
    let mut rules: Vec<Rule> = vec![];
    for node in nodes {
        let Some(rule) = rule(node, owner, types, ctx) else { continue };
        if rules.iter().any(|r| r.id == rule.id) {
            ctx.at(node, format!("rule id `{}` stands twice; rename one", rule.id));
        }
        rules.push(rule);
    }
    rules
}

fn rule(node: &Node, owner: &RecordType, types: &[RecordType], ctx: &mut Ctx) -> Option<Rule> {
    let mut allowed = vec!["id", "field", "when", "origin", WEIGHT[0], WEIGHT[1], WEIGHT[2]];
    allowed.extend(match node.name {
        "t:range" => &["min", "max"][..],
        "t:order" => &["after", "before", "same_part", "where"],
        "t:within" => &["of", "workdays", "calendar"],
        "t:needs" => &["record", "where"],
        _ => &[],
    });
    ctx.only(node, &allowed);
    let Some(id) = node.attr("id") else {
        ctx.at(node, "a rule needs an id; it is what people and tests call it");
        return None;
    };
    let named = node.attr("field").unwrap_or("");
    let target = field(node, named, owner, ctx)?;
    let body = match node.name {
        "t:require" => RuleBody::Require,
        "t:range" => range(node, owner, target, ctx)?,
        "t:order" => order(node, named, owner, types, ctx)?,
        "t:within" => within(node, named, owner, ctx)?,
        _ => needs(node, types, ctx)?,
    };
    Some(Rule {
        id: format!("{}.{id}", owner.wire).into(),
        field: target,
        when: condition(node, "when", owner, false, ctx),
        weight: weight(node, ctx),
        origin: origin(node, ctx),
        body,
    })
}

fn range(node: &Node, owner: &RecordType, target: usize, ctx: &mut Ctx) -> Option<RuleBody> {
    if owner.fields[target].kind != Kind::Int {
        ctx.at(
            node,
            format!("`{}` is no whole number; range is for kind int", owner.fields[target].wire),
        );
    }
    let bound = |name: &str, open: i64| match node.attr(name) {
        None => Some(open),
        Some(text) => text.parse::<i64>().ok(),
    };
    let (Some(min), Some(max)) = (bound("min", i64::MIN), bound("max", i64::MAX)) else {
        ctx.at(node, "min and max are whole numbers");
        return None;
    };
    Some(RuleBody::Range { min, max })
}

fn order(
    node: &Node,
    named: &str,
    owner: &RecordType,
    types: &[RecordType],
    ctx: &mut Ctx,
) -> Option<RuleBody> {
    time_field(node, named, owner, ctx)?;
    let (direction, path) = match (node.attr("after"), node.attr("before")) {
        (Some(path), None) => (Direction::After, path),
        (None, Some(path)) => (Direction::Before, path),
        _ => {
            ctx.at(node, "an order rule has exactly one of `after` and `before`");
            return None;
        }
    };
    let same_part = flag(node, "same_part", ctx);
    let other = match path.split_once('.') {
        None => Other::Field(time_field(node, path, owner, ctx)?),
        Some((wire, name)) => {
            let TypeIx(at) = record(node, wire, types, ctx)?;
            let there = &types[usize::from(at)];
            let ix = time_field(node, name, there, ctx)?;
            if !there.fields[ix].fact {
                ctx.at(node, format!("`{path}` is no fact; mark it fact=\"true\""));
            }
            let filter = condition(node, "where", there, true, ctx);
            Other::Fact { record: TypeIx(at), field: ix, same_part, filter }
        }
    };
    Some(RuleBody::Order { direction, other })
}

fn within(node: &Node, named: &str, owner: &RecordType, ctx: &mut Ctx) -> Option<RuleBody> {
    time_field(node, named, owner, ctx)?;
    let other = time_field(node, node.attr("of").unwrap_or(""), owner, ctx)?;
    let workdays = node.attr("workdays").and_then(|n| n.parse().ok());
    let Some(workdays) = workdays.filter(|n| (1..=WORKDAYS_MAX).contains(n)) else {
        ctx.at(node, format!("workdays is a whole number from 1 to {WORKDAYS_MAX}"));
        return None;
    };
    let Some(calendar) = node.attr("calendar").filter(|name| is_token(name, TOKEN_MAX)) else {
        ctx.at(node, "calendar names the open list of holidays and worked weekends");
        return None;
    };
    Some(RuleBody::Within { other, workdays, calendar: calendar.into() })
}

fn needs(node: &Node, types: &[RecordType], ctx: &mut Ctx) -> Option<RuleBody> {
    let ix = record(node, node.attr("record").unwrap_or(""), types, ctx)?;
    let filter = condition(node, "where", &types[usize::from(ix.0)], true, ctx);
    Some(RuleBody::Needs { record: ix, filter })
}

/// A true/false attribute.
pub(crate) fn flag(node: &Node, name: &str, ctx: &mut Ctx) -> bool {
    match node.attr(name) {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => {
            ctx.at(node, format!("{name}=\"{other}\" is not true or false"));
            false
        }
    }
}
