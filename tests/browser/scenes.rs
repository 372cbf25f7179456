//! What is played. Each scene opens browsers of its own; what one leaves behind, the next may find.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fantoccini::Locator;

use crate::stage::{Browser, Pages, SEEN_WITHIN, Stage};

/// A password that fulfils the rules; of a test, for a demo that ends with it.
const PASSWORD: &str = "Qinghe-2026-demo";
/// Every page that an observer sees: path, Chinese, English.
const PAGES: &[(&str, &str, &str)] = &[
    ("/", "今日总览", "Overview"),
    ("/nodes", "节点名录", "Nodes"),
    ("/records", "报文与办件", "Records and cases"),
    ("/problems", "问题数据", "Problem data"),
    ("/dead", "停发待处置", "Stopped, to be dealt with"),
    ("/reconcile", "对账", "Reconciliation"),
    ("/ranking", "报送质量排名", "Reporting quality"),
    ("/adapters", "适配器", "Adapters"),
    ("/certificates", "证书", "Certificates"),
];

/// One scene over the stage.
pub(crate) type Scene = for<'s> fn(&'s Stage) -> Pin<Box<dyn Future<Output = ()> + 's>>;

/// Every scene by its name, in their order.
pub(crate) const SCENES: &[(&str, Scene)] = &[
    ("the_morning_look", |s| Box::pin(the_morning_look(s))),
    ("every_page_in_both_languages", |s| Box::pin(every_page_in_both_languages(s))),
    ("an_observer_sees_no_button", |s| Box::pin(an_observer_sees_no_button(s))),
    ("pages_work_without_a_script", |s| Box::pin(pages_work_without_a_script(s))),
    ("a_link_is_paused_and_resumed", |s| Box::pin(a_link_is_paused_and_resumed(s))),
    ("a_row_goes_back_to_its_unit", |s| Box::pin(a_row_goes_back_to_its_unit(s))),
    ("the_auditor_walks_the_chain", |s| Box::pin(the_auditor_walks_the_chain(s))),
    ("wrong_passwords_lock_an_account", |s| Box::pin(wrong_passwords_lock_an_account(s))),
];

/// The account of a role: its link if it was never used, else its password.
async fn enter(browser: &Browser, pages: &Pages, role: &str) {
    let link = pages.links.iter().find(|(name, _)| name == role);
    let (_, link) = link.unwrap_or_else(|| panic!("no link for {role}: {:?}", pages.links));
    browser.open(link).await;
    if browser.has("input[name=again]").await {
        browser.fill("input[name=password]", PASSWORD).await;
        browser.fill("input[name=again]", PASSWORD).await;
        browser.click("form.stack button.first").await;
        browser.text("h1").await;
        return;
    }
    browser.open(&format!("{}/login", pages.address)).await;
    browser.fill("input[name=account]", role).await;
    browser.fill("input[name=password]", PASSWORD).await;
    browser.click("form.stack button.first").await;
    browser.text("main h1").await;
}

/// As [`enter`], for a role that changes something: its telephone is enrolled.
async fn enter_with_telephone(browser: &Browser, pages: &Pages, role: &str) {
    enter(browser, pages, role).await;
    browser.open(&format!("{}/me/second", pages.address)).await;
    let secret = browser.text("#secret").await;
    browser.fill("input[name=password]", PASSWORD).await;
    browser.fill("input[name=code]", &code(&secret)).await;
    browser.click("form.stack button.first").await;
    browser.wait_for("恢复码").await;
}

/// What a telephone shows now for a secret in base32 (RFC 6238).
fn code(secret: &str) -> String {
    let (mut bits, mut held, mut key) = (0_u32, 0, Vec::new());
    for letter in secret.bytes().filter(u8::is_ascii_alphanumeric) {
        let five = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            other => panic!("`{other}` is not of base32"),
        };
        (bits, held) = ((bits << 5) | u32::from(five), held + 5);
        if held >= 8 {
            held -= 8;
            key.push((bits >> held) as u8);
        }
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    let tag = ring::hmac::sign(&key, &(now / 30).to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[tag.len() - 1] & 15);
    let part: [u8; 4] = tag[at..at + 4].try_into().expect("four bytes");
    format!("{:06}", (u32::from_be_bytes(part) & 0x7fff_ffff) % 1_000_000)
}

/// One page, ten seconds: what is wrong stands first, and it follows the node by itself.
async fn the_morning_look(stage: &Stage) {
    let browser = stage.browser(true).await;
    let city = stage.of("city");
    enter(&browser, city, "observer").await;
    browser.open(&city.address).await;
    assert_eq!(browser.text("main h1").await, "今日总览");
    // The province is cut off: what waits for it, and since when.
    browser.wait_for("不可达").await;
    let links = browser.text("section:nth-of-type(2)").await;
    assert!(links.contains("积压") && links.contains("会自动重试"), "{links}");
    browser.picture("overview-city-zh").await;
    // The script takes up what the server draws anew.
    let followed = browser.client.wait().at_most(SEEN_WITHIN);
    let followed = followed.for_element(Locator::Css("#moving[data-at]")).await;
    followed.unwrap_or_else(|e| panic!("it does not follow: {e}"));
    browser.client.set_window_size(390, 844).await.expect("a telephone");
    browser.picture("overview-city-phone").await;
    browser.close().await;
}

async fn every_page_in_both_languages(stage: &Stage) {
    let browser = stage.browser(true).await;
    for tier in ["county", "province"] {
        let pages = stage.of(tier);
        enter(&browser, pages, "observer").await;
        browser.open(&pages.address).await;
        for (lang, nth) in [("zh", 1), ("en", 2)] {
            for page in PAGES {
                browser.open(&format!("{}{}", pages.address, page.0)).await;
                let title = [page.1, page.2][nth - 1];
                assert_eq!(browser.text("main h1").await, title, "{tier} {}", page.0);
                let wide = browser.client.execute(
                    "return document.documentElement.scrollWidth > window.innerWidth",
                    Vec::new(),
                );
                let wide = wide.await.expect("a script of the driver");
                assert_eq!(wide, serde_json::json!(false), "{tier} {} is too wide", page.0);
                let name = page.0.trim_matches('/');
                let name = if name.is_empty() { "overview" } else { name };
                browser.picture(&format!("{name}-{tier}-{lang}")).await;
            }
            browser.click("form.tongue button").await;
            browser.text("main h1").await;
        }
    }
    browser.close().await;
}

async fn an_observer_sees_no_button(stage: &Stage) {
    let browser = stage.browser(true).await;
    let county = stage.of("county");
    enter(&browser, county, "observer").await;
    for page in PAGES {
        browser.open(&format!("{}{}", county.address, page.0)).await;
        browser.text("main h1").await;
        assert!(!browser.has("main form[method=post]").await, "{} has a form", page.0);
    }
    // What is not its own is not shown either, and says why.
    browser.open(&format!("{}/accounts", county.address)).await;
    browser.wait_for("无此权限").await;
    browser.close().await;
}

async fn pages_work_without_a_script(stage: &Stage) {
    let browser = stage.browser(false).await;
    let city = stage.of("city");
    enter(&browser, city, "observer").await;
    browser.open(&city.address).await;
    assert_eq!(browser.text("main h1").await, "今日总览");
    browser.wait_for("不可达").await;
    assert!(!browser.has("#moving[data-at]").await, "the script did run");
    browser.close().await;
}

async fn a_link_is_paused_and_resumed(stage: &Stage) {
    let browser = stage.browser(true).await;
    let city = stage.of("city");
    enter_with_telephone(&browser, city, "system").await;
    for (button, seen) in [("暂停", "已暂停"), ("恢复", "暂停")] {
        browser.open(&city.address).await;
        let row = "tbody tr:first-child td.says details.act";
        browser.click(&format!("{row} summary")).await;
        assert_eq!(browser.text(&format!("{row} summary")).await, button);
        browser.fill(&format!("{row} input[name=reason]"), "省平台维护").await;
        browser.click(&format!("{row} button")).await;
        browser.wait_for(seen).await;
    }
    browser.open(&city.address).await;
    assert!(!browser.text("tbody tr:first-child").await.contains("已暂停"));
    browser.close().await;
}

async fn a_row_goes_back_to_its_unit(stage: &Stage) {
    let browser = stage.browser(true).await;
    let town = stage.of("town");
    enter_with_telephone(&browser, town, "operator").await;
    // The window has filed the same mistake again; the file is taken within a moment.
    browser.until(&format!("{}/problems?state=held", town.address), "校验不通过 ·").await;
    let row = "section:nth-of-type(1) tbody tr:first-child details.act:first-child";
    assert_eq!(browser.text(&format!("{row} summary")).await, "退回来源单位");
    browser.click(&format!("{row} summary")).await;
    browser.fill(&format!("{row} input[name=reason]"), "身份证号有误，请核对").await;
    browser.picture("problems-return-zh").await;
    browser.click(&format!("{row} button")).await;
    browser.open(&format!("{}/problems?state=returned", town.address)).await;
    browser.wait_for("已退回来源单位").await;
    browser.click("section:nth-of-type(2) tbody tr:last-child a").await;
    browser.wait_for("更正期限").await;
    let body = browser.body().await;
    assert!(body.contains('*'), "personal values are starred: {body}");
    browser.picture("problem-zh").await;
    browser.close().await;
}

async fn the_auditor_walks_the_chain(stage: &Stage) {
    let browser = stage.browser(true).await;
    let town = stage.of("town");
    enter(&browser, town, "audit").await;
    browser.open(&format!("{}/audit", town.address)).await;
    let body = browser.body().await;
    assert!(body.contains("quarantine.return") && body.contains("身份证号有误，请核对"), "{body}");
    browser.open(&format!("{}/audit?verify=true", town.address)).await;
    browser.wait_for("链完整").await;
    browser.picture("audit-zh").await;
    browser.close().await;
}

async fn wrong_passwords_lock_an_account(stage: &Stage) {
    let browser = stage.browser(true).await;
    let province = stage.of("province");
    enter(&browser, province, "observer").await;
    browser.client.delete_all_cookies().await.expect("no cookies");
    // Each wrong one has to wait a little longer, until the fifth locks.
    let begun = Instant::now();
    loop {
        browser.open(&format!("{}/login", province.address)).await;
        browser.fill("input[name=account]", "observer").await;
        browser.fill("input[name=password]", "Wrong-password-1").await;
        browser.click("form.stack button.first").await;
        if browser.text(".notice.bad").await.contains("已锁定") {
            break;
        }
        assert!(begun.elapsed() < 2 * SEEN_WITHIN, "it is never locked");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    browser.picture("locked-zh").await;
    // The right one does not open it either.
    browser.fill("input[name=account]", "observer").await;
    browser.fill("input[name=password]", PASSWORD).await;
    browser.click("form.stack button.first").await;
    assert!(browser.text(".notice.bad").await.contains("已锁定"));
    browser.close().await;
}
