//! What holds for every page: headers, the secret of forms, who may.

use axum::http::{Method, Request};

use super::super::Role;
use super::{PASSWORD, account, last_line, line};
use crate::test_hall::{Ground, Visitor};

const PAUSE: [(&str, &str); 3] = [("name", "city"), ("to", "off"), ("reason", "试验")];

#[tokio::test]
async fn every_answer_has_its_headers() {
    let ground = Ground::new();
    let mut known = Visitor::with(&ground.hall, &[Role::Security]).await;
    let mut stranger = Visitor::stranger(&ground.hall);
    let mut answers = Vec::new();
    for path in [
        "/",
        "/login",
        "/setup?token=x",
        "/me",
        "/me/second",
        "/accounts",
        "/nothing",
        "/assets/style.css",
        "/api/v1/x",
    ] {
        answers.push((path, known.get(path).await));
        answers.push((path, stranger.get(path).await));
    }
    answers.push(("post /login", stranger.post("/login", &[("account", "x")]).await));
    answers.push(("post /nothing", stranger.post("/nothing", &[]).await));
    answers.push(("post /accounts/change", known.post("/accounts/change", &[]).await));
    for (path, answer) in answers {
        let header = |name: &str| {
            let value = answer.headers.get(name);
            value.unwrap_or_else(|| panic!("{path}: no {name}")).to_str().unwrap().to_owned()
        };
        let policy = header("content-security-policy");
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
            "form-action 'self'",
        ] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        assert!(!header("referrer-policy").is_empty(), "{path}");
        assert!(header("strict-transport-security").starts_with("max-age="), "{path}");
        let kept = if path.starts_with("/assets/") { "public, max-age=3600" } else { "no-store" };
        assert_eq!(header("cache-control"), kept, "{path}");
    }
}

#[tokio::test]
async fn a_form_without_the_secret_of_its_page_changes_nothing() {
    let ground = Ground::new();
    let mut system = Visitor::with(&ground.hall, &[Role::System]).await;
    let other = Visitor::with(&ground.hall, &[Role::System]).await;
    let right = system.csrf.clone();
    let changed = format!("{}0", right.get(..right.len() - 1).unwrap());
    let longer = format!("{right}0");
    for wrong in ["", "x", &other.csrf, &changed, &longer] {
        wrong.clone_into(&mut system.csrf);
        let answer = system.post("/links/switch", &PAUSE).await;
        assert_eq!(answer.status, 403, "{wrong}");
        assert!(answer.body.contains("admin.csrf"), "{}", answer.body);
    }
    let bare = Request::builder().method(Method::POST).uri("/links/switch");
    let answer = system.send(bare, "name=city&to=off&reason=x".into()).await;
    assert_eq!(answer.status, 403);
    let paused = ground.hall.store().status().await.unwrap().links;
    assert!(paused.iter().all(|link| link.paused.is_none()));
    system.csrf = right;
    assert_eq!(system.post("/links/switch", &PAUSE).await.place(), "/");
    assert_eq!(last_line(&ground.hall).await, line("system", "pause.link", "city", true));
}

#[tokio::test]
async fn a_login_that_another_site_sends_is_refused() {
    let ground = Ground::new();
    account(&ground.hall, "op01", &[Role::Observer]).await;
    for (site, status) in [("cross-site", 403), ("same-origin", 303)] {
        let request = Request::builder().method(Method::POST).uri("/login");
        let request = request.header("sec-fetch-site", site);
        let form = format!("account=op01&password={PASSWORD}");
        let answer = Visitor::stranger(&ground.hall).send(request, form).await;
        assert_eq!(answer.status, status, "{site}");
    }
}

#[tokio::test]
async fn an_observer_looks_and_does_nothing() {
    let ground = Ground::new();
    let hall = &ground.hall;
    let mut observer = Visitor::with(hall, &[Role::Observer]).await;
    let page = observer.get("/").await;
    assert!(page.status == 200 && !page.body.contains("/links/switch"), "{}", page.body);
    assert_eq!(observer.get("/problems").await.status, 200);
    assert_eq!(observer.post("/links/switch", &PAUSE).await.status, 403);
    assert_eq!(last_line(hall).await, line("observer", "pause.link", "city", false));
    let window = [("name", "window"), ("to", "off"), ("reason", "x")];
    assert_eq!(observer.post("/adapters/switch", &window).await.status, 403);
    for what in ["return", "resubmit", "void"] {
        let form = [("numbers", "1"), ("what", what), ("reason", "x")];
        assert_eq!(observer.post("/problems/act", &form).await.status, 403, "{what}");
    }
    let status = hall.store().status().await.unwrap();
    assert!(status.links.iter().all(|link| link.paused.is_none()));
}
