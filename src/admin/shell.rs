//! What stands around every page: the head, the way to the other pages, who is here.

use maud::{DOCTYPE, Markup, html};

use crate::access::{Power, Who};
use crate::hall::Hall;
use crate::tongue::Tongue;

/// A page in the list of pages: path, what it is called, what it needs.
pub struct Place {
    /// Its path.
    pub path: &'static str,
    /// English.
    pub en: &'static str,
    /// Chinese.
    pub zh: &'static str,
    /// Who may look at it.
    pub power: Power,
}

const fn place(path: &'static str, en: &'static str, zh: &'static str, power: Power) -> Place {
    Place { path, en, zh, power }
}

/// Every page, in the order of the day.
pub const PLACES: &[Place] = &[
    place("/", "Overview", "今日总览", Power::Look),
    place("/nodes", "Nodes", "节点名录", Power::Look),
    place("/records", "Records and cases", "报文与办件", Power::Look),
    place("/problems", "Problem data", "问题数据", Power::Look),
    place("/dead", "Stopped, to be dealt with", "停发待处置", Power::Look),
    place("/reconcile", "Reconciliation", "对账", Power::Look),
    place("/ranking", "Reporting quality", "报送质量排名", Power::Look),
    place("/adapters", "Adapters", "适配器", Power::Look),
    place("/doctor", "Check-up", "连接体检", Power::Settings),
    place("/certificates", "Certificates", "证书", Power::Look),
    place("/audit", "Audit", "审计", Power::AuditLog),
    place("/settings", "Settings", "设置", Power::Settings),
    place("/accounts", "Accounts", "账号", Power::Accounts),
];

/// A page for somebody who is known. `here` is its path in [`PLACES`].
pub fn page(hall: &Hall, who: &Who, here: &str, title: &str, body: Markup) -> Markup {
    let tongue = who.tongue;
    let seen = PLACES.iter().filter(|p| who.may(p.power));
    frame(
        tongue,
        title,
        html! {
            header.top {
                a.skip href="#main" { (tongue.of("Skip to the content", "跳到正文")) }
                strong.node { (hall.title) }
                span.quiet { (hall.node.code) " · " (environment(hall, tongue)) }
                form.tongue method="post" action="/language" {
                    button type="submit" name="lang" value=(tongue.of("zh", "en")) { (tongue.of("中文", "English")) }
                }
                details.me {
                    summary { (who.account) }
                    p.quiet { @for role in &who.roles { (tongue.of(role.name().0, role.name().1)) " " } }
                    p { a href="/me" { (tongue.of("My account", "我的账号")) } }
                    form method="post" action="/logout" {
                        input type="hidden" name="csrf" value=(who.csrf);
                        button type="submit" { (tongue.of("Log out", "退出")) }
                    }
                }
            }
            div.columns {
                nav aria-label=(tongue.of("Pages", "页面")) {
                    @for p in seen {
                        a href=(p.path) aria-current=[(p.path == here).then_some("page")] { (tongue.of(p.en, p.zh)) }
                    }
                }
                main id="main" tabindex="-1" {
                    h1 { (title) }
                    (body)
                }
            }
        },
    )
}

/// A page for somebody who is not known yet, or where something went wrong.
pub fn bare(tongue: Tongue, title: &str, body: Markup) -> Markup {
    frame(
        tongue,
        title,
        html! {
            main.bare id="main" {
                h1 { (title) }
                (body)
            }
        },
    )
}

fn frame(tongue: Tongue, title: &str, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(tongue.of("en", "zh-CN")) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Tiergate" }
                link rel="stylesheet" href="/assets/style.css";
                link rel="icon" href="data:,";
                script src="/assets/live.js" defer {}
            }
            body { (body) }
        }
    }
}

fn environment(hall: &Hall, tongue: Tongue) -> &'static str {
    match hall.node.environment {
        canon::Environment::Formal => tongue.of("formal", "正式环境"),
        canon::Environment::Joint => tongue.of("joint testing", "联调环境"),
        canon::Environment::Demo => tongue.of("demo", "演示环境"),
    }
}

/// A form with one button that does something: asks why, and says who may.
pub fn deed(
    who: &Who,
    action: &str,
    fields: &[(&str, &str)],
    button: (&'static str, &'static str),
) -> Markup {
    html! {
        form.deed method="post" action=(action) {
            input type="hidden" name="csrf" value=(who.csrf);
            @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
            label {
                span { (who.of("Why", "原因")) }
                input type="text" name="reason" required maxlength="500" autocomplete="off";
            }
            button type="submit" { (who.of(button.0, button.1)) }
        }
    }
}
