//! Services of every kind, and what is read of them: in order, once, whole, and how it is said when
//! it cannot be.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use adapt::Package;
use canon::Day;

use super::*;
use crate::http;
use crate::legacy_http::{Asked, Reply, Service};

const NOW: &str = "2026-11-21 12:00:00";

fn now() -> Millis {
    Millis::parse(NOW).unwrap()
}

/// A package whose source is this.
fn package(source: &str) -> adapt::HttpSource {
    let text = format!(
        "[adapter]\nedition = 1\nname = \"p\"\nversion = \"1\"\ntitle_zh = \"测\"\ntitle_en = \"t\"\nsystem = \"p\"\nformat = \"supervision/1\"\n{source}\n[[record]]\ntype = \"work_order\"\nfrom = \"orders\"\n[record.fields]\norder_no = \"no\"\n"
    );
    let package = Package::read(&[("adapter.toml".to_owned(), text.into_bytes())].into());
    let package = package.unwrap_or_else(|p| panic!("{p:?}"));
    let adapt::Source::Http(source) = package.source else { panic!("not a web service") };
    *source
}

/// The usual query with something more.
fn orders(more: &str) -> String {
    format!(
        "[[source.query]]\nname = \"orders\"\nrecord = \"data/rows\"\ncolumns = [\"no\", \"at\"]\nkey = [\"no\"]\n{more}"
    )
}

const PAGED: &str = "path = \"/orders\"\nparams = { page = \"{page}\", size = \"{size}\" }\ndetect = \"compare\"\n[source.query.pages]\nby = \"page\"\nsize = 2\n";

fn settings(service: &Service, source: &str) -> Settings {
    let client = http::Settings {
        connect_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_millis(500),
        timeout: Duration::from_secs(5),
        answer_bytes_max: 100_000,
        ..http::Settings::default()
    };
    let url = http::address(&format!("{}/api", service.url())).unwrap();
    let mut settings = Settings::of("p", url, client, &package(source));
    settings.secrets = BTreeMap::from([("key".to_owned(), "geheim".to_owned())]);
    settings.compare_every_ms = 60_000;
    settings
}

fn source(service: &Service, text: &str) -> HttpPull {
    HttpPull::new(settings(service, text)).unwrap()
}

/// What a service was asked, in order.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Asked>>>);

impl Seen {
    fn targets(&self) -> Vec<String> {
        self.0.lock().unwrap().drain(..).map(|a| a.target).collect()
    }
}

/// A service that answers by `answer` and remembers.
fn service(mut answer: impl FnMut(&Asked) -> Reply + Send + 'static) -> (Service, Seen) {
    let seen = Seen::default();
    let kept = seen.clone();
    let service = Service::start(move |asked| {
        kept.0.lock().unwrap().push(asked.clone());
        answer(asked)
    });
    (service.unwrap(), seen)
}

fn rows(numbers: impl IntoIterator<Item = u64>, more: &str) -> Reply {
    let rows: Vec<String> = numbers
        .into_iter()
        .map(|n| format!("{{\"no\":{n},\"at\":\"2026-11-20 10:00:{:02}\"}}", n % 60))
        .collect();
    Reply::json(200, format!("{{\"code\":0,\"data\":{{\"rows\":[{}]{more}}}}}", rows.join(",")))
}

/// Rows 1 to `last`, two a page, by the page asked for.
fn paged(asked: &Asked, last: u64) -> Reply {
    let page: u64 = asked.query("page").unwrap().parse().unwrap();
    rows((page - 1) * 2 + 1..=last.min(page * 2), "")
}

/// Reads from `cursor` until there is no more; the numbers of the rows, and the cursor.
async fn drain(
    source: &mut HttpPull,
    mut cursor: Option<String>,
    limit: usize,
) -> Result<(Vec<String>, Option<String>), SourceError> {
    let mut given = Vec::new();
    for _ in 0..200 {
        let page = source.read(cursor.as_deref(), now(), limit).await?;
        given.extend(page.rows().map(|r| r.cell(0).unwrap_or("-").to_owned()));
        cursor = Some(page.cursor);
        if !page.more {
            return Ok((given, cursor));
        }
    }
    panic!("it does not end");
}

fn numbers(range: std::ops::RangeInclusive<u64>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

#[tokio::test]
async fn pages_by_number_end_with_an_empty_one_or_where_the_total_says() {
    let (desk, seen) = service(|asked| paged(asked, 5));
    let mut pull = source(&desk, &format!("[source]\nkind = \"http_pull\"\n{}", orders(PAGED)));
    let (given, _) = drain(&mut pull, None, 100).await.unwrap();
    assert_eq!(given, numbers(1..=5));
    let asked = |n: u64| format!("/api/orders?page={n}&size=2");
    assert_eq!(seen.targets(), [asked(1), asked(2), asked(3), asked(4)]);

    let (desk, seen) = service(|asked| {
        let page: u64 = asked.query("page").unwrap().parse().unwrap();
        rows((page - 1) * 2 + 1..=5.min(page * 2), ",\"total\":5")
    });
    let text = orders(&format!("{PAGED}total = \"data/total\"\n"));
    let mut pull = source(&desk, &format!("[source]\nkind = \"http_pull\"\n{text}"));
    let first = pull.read(None, now(), 100).await.unwrap();
    assert_eq!((first.row(0).unwrap().reference().as_str(), first.more), ("orders:1", true));
    let (given, _) = drain(&mut pull, Some(first.cursor), 100).await.unwrap();
    assert_eq!(given, numbers(3..=5));
    assert_eq!(seen.targets().len(), 3);
}

#[tokio::test]
async fn offsets_cursors_and_links_lead_on_and_a_cursor_is_escaped() {
    let (desk, _) = service(|asked| {
        let from: u64 = asked.query("skip").unwrap().parse().unwrap();
        // Gives fewer than it is asked for: the offset counts what came.
        rows(from + 1..=7.min(from + 3), "")
    });
    let text = orders(
        "path = \"orders\"\nparams = { skip = \"{offset}\", take = \"{size}\" }\ndetect = \"compare\"\n[source.query.pages]\nby = \"offset\"\nsize = 50\n",
    );
    let mut pull = source(&desk, &format!("[source]\nkind = \"http_pull\"\n{text}"));
    assert_eq!(drain(&mut pull, None, 100).await.unwrap().0, numbers(1..=7));

    let (desk, seen) = service(|asked| match asked.query("after") {
        None => rows(1..=2, ",\"next\":\"a&b=/\""),
        Some("a%26b%3D%2F") => rows(3..=3, ",\"next\":null"),
        other => panic!("{other:?}"),
    });
    let text = orders(
        "path = \"/orders\"\nparams = { after = \"{cursor}\" }\ndetect = \"compare\"\n[source.query.pages]\nby = \"cursor\"\nnext = \"data/next\"\n",
    );
    let mut pull = source(&desk, &format!("[source]\nkind = \"http_pull\"\n{text}"));
    assert_eq!(drain(&mut pull, None, 100).await.unwrap().0, numbers(1..=3));
    assert_eq!(seen.targets()[0], "/api/orders", "no cursor, no parameter");

    let (desk, _) = service(|asked| match asked.target.as_str() {
        "/api/orders" => rows(1..=2, ",\"next\":\"/api/orders/2?x=1\""),
        "/api/orders/2?x=1" => rows(3..=4, ",\"next\":\"3\""),
        "/api/orders/3" => rows(5..=5, ",\"next\":\"https://elsewhere.example/\""),
        other => panic!("{other}"),
    });
    let text = orders(
        "path = \"/orders\"\ndetect = \"compare\"\n[source.query.pages]\nby = \"link\"\nnext = \"data/next\"\n",
    );
    let mut pull = source(&desk, &format!("[source]\nkind = \"http_pull\"\n{text}"));
    let error = drain(&mut pull, None, 100).await.unwrap_err();
    assert_eq!(
        (error.code(), error.disposition()),
        ("source.answer_refused", crate::Disposition::Halt)
    );
}

#[tokio::test]
async fn a_page_larger_than_a_turn_is_given_in_parts_and_another_answer_from_its_beginning() {
    let extra = Arc::new(Mutex::new(0));
    let more = Arc::clone(&extra);
    let (desk, seen) = service(move |_| rows(1..=7 + *more.lock().unwrap(), ""));
    let text = format!(
        "[source]\nkind = \"http_pull\"\n{}",
        orders("path = \"/orders\"\ndetect = \"compare\"\n")
    );
    let mut pull = source(&desk, &text);
    let first = pull.read(None, now(), 3).await.unwrap();
    let second = pull.read(Some(&first.cursor), now(), 3).await.unwrap();
    assert_eq!((first.len(), second.len(), seen.targets().len()), (3, 3, 1));
    assert!(first.pass.is_some_and(|p| !p.complete && p.number == 1));
    // A restart: the answer is asked for again, and goes on where it was.
    let mut again = source(&desk, &text);
    let third = again.read(Some(&second.cursor), now(), 3).await.unwrap();
    let given: Vec<_> = third.rows().map(|r| r.cell(0).unwrap().to_owned()).collect();
    assert_eq!((given, third.more), (numbers(7..=7), false));
    assert!(third.pass.is_some_and(|p| p.complete));
    // The answer is another one by then: none of its rows may be missed.
    *extra.lock().unwrap() = 1;
    let mut again = source(&desk, &text);
    let (given, _) = drain(&mut again, Some(second.cursor), 3).await.unwrap();
    assert_eq!(given, numbers(1..=8));
}

#[tokio::test]
async fn changed_rows_are_asked_for_since_a_little_before_the_last_pass() {
    let (desk, seen) = service(|asked| paged(asked, 3));
    let text = orders(
        "path = \"/orders\"\nparams = { page = \"{page}\", since = \"{since}\" }\ndetect = \"modified_time\"\ncursor = \"at\"\noverlap_seconds = 60\nbegin = \"2020-01-01 00:00:00\"\n[source.query.pages]\nby = \"page\"\nsize = 2\nlast = \"short\"\n",
    );
    let mut pull =
        source(&desk, &format!("[source]\nkind = \"http_pull\"\ntimes = \"iso\"\n{text}"));
    let (given, cursor) = drain(&mut pull, None, 100).await.unwrap();
    assert_eq!(given, numbers(1..=3));
    drain(&mut pull, cursor, 100).await.unwrap();
    let asked = seen.targets();
    assert_eq!(asked[0], "/api/orders?page=1&since=2020-01-01T00%3A00%3A00%2B08%3A00");
    assert_eq!(asked[2], "/api/orders?page=1&since=2026-11-20T09%3A59%3A03%2B08%3A00");

    let (desk, _) = service(|_| Reply::json(200, r#"{"data":{"rows":[{"no":1,"at":"soon"}]}}"#));
    let text = text
        .replace("by = \"page\"\nsize = 2\nlast = \"short\"", "by = \"page\"\nlast = \"short\"");
    let mut pull = source(&desk, &format!("[source]\nkind = \"http_pull\"\n{text}"));
    let error = drain(&mut pull, None, 100).await.unwrap_err();
    assert_eq!(error.code(), "source.time_missing");
}

#[tokio::test]
async fn a_feed_goes_on_from_what_it_handed_out_and_an_idle_one_changes_nothing() {
    let (desk, seen) = service(|asked| match asked.query("from").unwrap_or("0") {
        "0" => rows(1..=2, ",\"next\":\"c2\""),
        "c2" => rows(3..=3, ",\"next\":\"c3\""),
        "c3" => rows([], ",\"next\":\"c3\""),
        other => panic!("{other}"),
    });
    let text = orders(
        "path = \"/changes\"\nparams = { from = \"{cursor}\" }\ndetect = \"feed\"\n[source.query.pages]\nby = \"cursor\"\nnext = \"data/next\"\n",
    );
    let mut pull = source(&desk, &format!("[source]\nkind = \"http_pull\"\n{text}"));
    let (given, cursor) = drain(&mut pull, None, 100).await.unwrap();
    assert_eq!((given, seen.targets().len()), (numbers(1..=3), 3));
    let idle = pull.read(cursor.as_deref(), now(), 100).await.unwrap();
    assert!(idle.is_empty() && !idle.more);
    assert_eq!(seen.targets(), ["/api/changes?from=c3"]);
    let again = pull.read(Some(&idle.cursor), now().plus(600_000), 100).await.unwrap();
    let later = pull.read(Some(&again.cursor), now().plus(660_000), 100).await.unwrap();
    assert_eq!(again.cursor, later.cursor, "nothing to commit");
}

#[tokio::test]
async fn pages_that_come_round_or_never_end_or_are_too_few_are_named() {
    // It ignores the page; it repeats its last one; it goes round three.
    for (round, skip) in [(1, 0), (1, 4), (3, 0)] {
        let (desk, _) = service(move |asked| {
            let page: u64 = asked.query("page").unwrap().parse().unwrap();
            let page = if page <= skip { page } else { skip + (page - 1) % round + 1 };
            rows([page * 10], "")
        });
        let mut pull = source(&desk, &format!("[source]\nkind = \"http_pull\"\n{}", orders(PAGED)));
        let error = drain(&mut pull, None, 100).await.unwrap_err();
        assert_eq!(error.code(), "source.page_repeated", "{round} {skip}");
    }
    let (desk, _) = service(|_| rows(1..=2, ",\"next\":\"same\""));
    let text = orders(
        "path = \"/o\"\nparams = { after = \"{cursor}\" }\ndetect = \"compare\"\n[source.query.pages]\nby = \"cursor\"\nnext = \"data/next\"\n",
    );
    let mut pull = source(&desk, &format!("[source]\nkind = \"http_pull\"\n{text}"));
    assert_eq!(drain(&mut pull, None, 9).await.unwrap_err().code(), "source.page_repeated");

    let (desk, _) = service(|asked| paged(asked, 1_000));
    let text = orders(&format!("{PAGED}max = 5\n"));
    let mut pull = source(&desk, &format!("[source]\nkind = \"http_pull\"\n{text}"));
    assert_eq!(drain(&mut pull, None, 9).await.unwrap_err().code(), "source.limit");

    // Fewer rows than it says: the pass begins anew, from its first page.
    let whole = Arc::new(Mutex::new(false));
    let mended = Arc::clone(&whole);
    let (desk, _) = service(move |asked| {
        let page: u64 = asked.query("page").unwrap().parse().unwrap();
        let last = if *mended.lock().unwrap() { 5 } else { 2 };
        rows((page - 1) * 2 + 1..=last.min(page * 2), ",\"total\":5")
    });
    let text = orders(&format!("{PAGED}total = \"data/total\"\n"));
    let mut pull = source(&desk, &format!("[source]\nkind = \"http_pull\"\n{text}"));
    let first = pull.read(None, now(), 9).await.unwrap();
    let error = pull.read(Some(&first.cursor), now(), 9).await.unwrap_err();
    assert_eq!(
        (error.code(), error.disposition()),
        ("source.pages_short", crate::Disposition::Retry)
    );
    *whole.lock().unwrap() = true;
    let later = now().plus(60_000);
    let again = pull.read(Some(&first.cursor), later, 9).await.unwrap();
    assert_eq!(again.row(0).unwrap().cell(0), Some("1"));
}

const TOKEN: &str = "[source]\nkind = \"http_pull\"\n[source.headers]\nauthorization = \"Bearer {token}\"\n[source.code]\npath = \"code\"\nfine = [\"0\"]\nempty = [\"9\"]\nlogin = [\"401\"]\ndenied = [\"403\"]\n[source.login]\npath = \"/login\"\nbody = '{\"key\":\"{secret.key}\"}'\ntoken = \"token\"\nexpires = \"expires_in\"\n";

#[tokio::test]
async fn a_token_is_got_used_and_renewed_by_status_by_code_and_before_its_end() {
    let logins = Arc::new(Mutex::new(0));
    let count = Arc::clone(&logins);
    let (desk, _) = service(move |asked| {
        let mut logins = count.lock().unwrap();
        if asked.path() == "/api/login" {
            assert_eq!(asked.body, br#"{"key":"geheim"}"#);
            *logins += 1;
            return Reply::json(200, format!("{{\"token\":\"t{logins}\",\"expires_in\":100}}"));
        }
        // The first token is refused by status, the second by code.
        match asked.header("authorization") {
            Some("Bearer t1") => Reply::json(401, "{}"),
            Some("Bearer t2") if asked.query("page") == Some("2") => {
                Reply::json(200, r#"{"code":"401"}"#)
            }
            Some("Bearer t2" | "Bearer t3" | "Bearer t4") => paged(asked, 3),
            other => panic!("{other:?}"),
        }
    });
    let mut pull = source(&desk, &format!("{TOKEN}{}", orders(PAGED)));
    let (given, cursor) = drain(&mut pull, None, 100).await.unwrap();
    assert_eq!((given, *logins.lock().unwrap()), (numbers(1..=3), 3));
    // 100 s are over: a new one, before the service says so.
    let later = now().plus(75_000);
    pull.read(cursor.as_deref(), later, 100).await.unwrap();
    assert_eq!(*logins.lock().unwrap(), 4);
}

#[tokio::test]
async fn who_is_not_let_in_does_not_knock_again_for_a_while() {
    for (login, cases) in [
        (Reply::json(200, r#"{"token":"t"}"#), Reply::json(401, "{}")),
        (Reply::json(200, r#"{"token":"t"}"#), Reply::json(200, r#"{"code":403}"#)),
        (Reply::json(200, r#"{"token":""}"#), Reply::Silence),
        (Reply::json(400, "{}"), Reply::Silence),
    ] {
        let (desk, seen) = service(move |asked| match asked.path() {
            "/api/login" => login.clone(),
            _ => cases.clone(),
        });
        let mut pull = source(&desk, &format!("{TOKEN}{}", orders(PAGED)));
        let error = pull.read(None, now(), 9).await.unwrap_err();
        assert_eq!(error.code(), "source.denied", "{error}");
        assert!(!error.to_string().contains("geheim"));
        let asked = seen.targets().len();
        assert!(asked <= 4, "{asked}");
        for seconds in [1, 60, 599] {
            let again = pull.read(None, now().plus(seconds * 1000), 9).await.unwrap_err();
            assert_eq!(again, error);
        }
        assert_eq!(seen.targets().len(), 0, "nobody knocked");
        pull.read(None, now().plus(601_000), 9).await.unwrap_err();
        assert!(!seen.targets().is_empty());
    }
}

#[tokio::test]
async fn a_service_in_trouble_is_left_alone_and_asked_again_in_its_time() {
    let packed = Reply::json(200, vec![0x1f; 90_000]).with("content-encoding", "gzip");
    let half =
        b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"data\":{\"rows\":[{\"no\":1}".to_vec();
    let cut = Reply::json(200, r#"{"code":0,"data":{"rows":[{"no":1,"at":"2026-11-20"},{"no""#);
    let replies = [
        (Reply::json(500, ""), "source.answer"),
        (Reply::json(503, "").with("retry-after", "1"), "source.answer"),
        (Reply::json(429, ""), "source.answer"),
        (Reply::Silence, "source.answer_slow"),
        (Reply::Bytes(half), "source.answer"),
        (cut, "source.answer"),
        (packed, "source.answer"),
        (Reply::json(200, "<html>maintenance</html>"), "source.answer"),
        (Reply::json(200, r#"{"code":-7,"msg":"甲"}"#), "source.answer"),
        (Reply::json(200, r#"{"data":{"rows":[]}}"#), "source.answer"),
        (Reply::Bytes(Vec::new()), "source.unreachable"),
        (Reply::json(404, ""), "source.answer_refused"),
        (Reply::json(302, "").with("location", "http://127.0.0.1:1/"), "source.answer_refused"),
        (Reply::json(200, vec![b' '; 100_001]), "source.limit"),
    ];
    let text = format!(
        "[source]\nkind = \"http_pull\"\n[source.code]\npath = \"code\"\nfine = [\"0\"]\nempty = [\"9\"]\n{}",
        orders(PAGED)
    );
    for (reply, code) in replies {
        let mut left = VecDeque::from([reply.clone()]);
        let (desk, seen) =
            service(move |asked| left.pop_front().unwrap_or_else(|| paged(asked, 3)));
        let mut pull = source(&desk, &text);
        let error = pull.read(None, now(), 9).await.unwrap_err();
        assert_eq!(error.code(), code, "{reply:?} {error}");
        assert!(canon::code(code).is_some(), "{code} is not listed");
        assert!(!error.to_string().contains('甲'), "{error}");
        assert_eq!(pull.read(None, now().plus(500), 9).await.unwrap_err(), error);
        assert_eq!(seen.targets().len(), 1, "it was asked once");
        let page = pull.read(None, now().plus(120_000), 9).await.unwrap();
        assert_eq!(page.len(), 2, "nothing was lost: {code}");
    }
    let (desk, _) = service(|_| Reply::json(503, "").with("retry-after", "3600"));
    let mut pull = source(&desk, &text);
    let error = pull.read(None, now(), 9).await.unwrap_err();
    assert_eq!(pull.read(None, now().plus(3_599_000), 9).await.unwrap_err(), error);
    // Its own word for no rows.
    let (desk, _) = service(|_| Reply::json(200, r#"{"code":9}"#));
    let (given, _) = drain(&mut source(&desk, &text), None, 9).await.unwrap();
    assert!(given.is_empty());
}

#[tokio::test]
async fn xml_is_read_as_json_is_and_a_bad_row_stands_beside_the_good_ones() {
    let (desk, seen) = service(|asked| {
        let page = asked.query("p").unwrap();
        let row = match page {
            "1" => "<row no='1'/><row no='2'><at>a</at><at>b</at></row>",
            _ => "",
        };
        let body = format!("<r><code>0</code><n>2</n><rows>{row}</rows></r>");
        Reply::json(200, body)
    });
    let text = "[source]\nkind = \"http_pull\"\nanswers = \"xml\"\n[source.code]\npath = \"code\"\nfine = [\"0\"]\n[[source.query]]\nname = \"orders\"\npath = \"/x\"\nmethod = \"POST\"\ncontent = \"xml\"\nbody = \"<q>{value.organ}</q>\"\nparams = { p = \"{page}\" }\nrecord = \"r/rows/row\"\ncolumns = [\"@no\", \"at\", \"no\"]\nkey = [\"@no\"]\ndetect = \"compare\"\n[source.query.pages]\nby = \"page\"\ntotal = \"n\"\n";
    let mut settings = settings(&desk, text);
    let missing = HttpPull::new(settings.clone()).map(|_| ()).unwrap_err();
    assert!(missing.to_string().contains("organ"), "{missing}");
    settings.values.insert("organ".into(), "<甲>".into());
    let mut pull = HttpPull::new(settings).unwrap();
    let page = pull.read(None, now(), 9).await.unwrap();
    let refs: Vec<String> = page.rows().map(|r| r.reference()).collect();
    assert_eq!((refs, page.more), (vec!["orders:1".to_owned()], false));
    assert_eq!(
        (page.broken[0].reference.as_str(), page.broken[0].code),
        ("orders:#2", "adapter.not_one_value")
    );
    let asked = seen.0.lock().unwrap()[0].clone();
    assert_eq!(asked.body, "<q>&lt;甲&gt;</q>".as_bytes());
    assert_eq!(asked.header("content-type"), Some("text/xml; charset=utf-8"));
}

#[tokio::test]
async fn old_days_are_asked_for_by_their_first_and_last_moment() {
    let (desk, seen) = service(|asked| paged(asked, 3));
    let text = format!(
        "[source]\nkind = \"http_pull\"\ntimes = \"compact\"\n{}[source.query.history]\nparams = {{ page = \"{{page}}\", from = \"{{from}}\", to = \"{{to}}\" }}\n",
        orders(PAGED)
    );
    let day = |text| Day::parse(text).unwrap();
    let old = settings(&desk, &text).history(day("2026-01-01"), day("2026-01-31")).unwrap();
    let mut pull = HttpPull::new(old).unwrap();
    let (given, cursor) = drain(&mut pull, None, 9).await.unwrap();
    assert_eq!(given, numbers(1..=3));
    let first = &seen.targets()[0];
    assert_eq!(first, "/api/orders?page=1&from=20260101000000&to=20260131235959");
    let done = pull.read(cursor.as_deref(), now().plus(1_000_000), 9).await.unwrap();
    assert!(done.is_empty() && !done.more && seen.targets().is_empty(), "once is enough");
    let none = settings(&desk, &format!("[source]\nkind = \"http_pull\"\n{}", orders(PAGED)));
    let error = none.history(day("2026-01-01"), day("2026-01-31")).unwrap_err();
    assert!(error.to_string().contains("source.query.history"), "{error}");
}

#[tokio::test]
async fn the_rate_is_kept_and_the_doctor_says_what_he_sees() {
    let (desk, seen) = service(|asked| paged(asked, 9));
    let text = format!("[source]\nkind = \"http_pull\"\nper_minute = 1200\n{}", orders(PAGED));
    let mut pull = source(&desk, &text);
    let began = tokio::time::Instant::now();
    drain(&mut pull, None, 100).await.unwrap();
    // Six pages: five at once, the sixth after a twentieth of a second.
    assert_eq!(seen.targets().len(), 6);
    assert!(began.elapsed() >= Duration::from_millis(45), "{:?}", began.elapsed());

    let looked = probe(&settings(&desk, &text), now()).await;
    assert!(looked.iter().all(|s| s.fine), "{looked:?}");
    let (bad, _) = service(|_| Reply::json(404, ""));
    let looked = probe(&settings(&bad, &text), now()).await;
    assert!(looked.iter().any(|s| !s.fine && s.en.contains("source.answer_refused")), "{looked:?}");
    let mut far = settings(&desk, &format!("{TOKEN}{}", orders(PAGED)));
    far.url = http::address("http://10.255.255.1/api").unwrap();
    far.source.queries.clear();
    let looked = probe(&far, now()).await;
    assert!(looked.iter().any(|s| s.step == "encryption" && !s.fine), "{looked:?}");
}
