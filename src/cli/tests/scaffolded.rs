//! From a legacy table with pinyin names to a package, over SQLite, MariaDB and PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

#[expect(dead_code, reason = "no service is started here")]
mod common;
#[path = "common/services.rs"]
mod services;

use std::path::Path;
use std::time::Duration;

use common::{fine, repository, tiergate};
use edge::db::{Connection, Isolation, Login, Place, Session, Stored, Tls};
use services::service;

const COLUMNS: &str = "LSH VARCHAR(40) PRIMARY KEY, SXBM VARCHAR(40), SXMC VARCHAR(100), \
    XZQHDM VARCHAR(12), BMMC VARCHAR(100), BMDM VARCHAR(20), SQRLX VARCHAR(10), SQRXM VARCHAR(60), \
    ZJLX VARCHAR(20), ZJHM VARCHAR(40), LXR VARCHAR(40), SQSJ VARCHAR(30), SLZT VARCHAR(10), \
    BLRXM VARCHAR(40), SLRQ VARCHAR(30), GXSJ VARCHAR(30), BZ VARCHAR(200)";
const ROWS: &str = "('A1', '990103001000101', '残疾人证办理', '990103101', '测试镇政府', \
    '11990103000000019T', '个人', '测试甲', '居民身份证', '990103199001010011', '测试甲', \
    '2026-11-01 09:00:00', '受理', '测试乙', '2026-11-01 10:00:00', '2026-11-01 10:00:00', NULL), \
    ('A2', '990103001000101', '残疾人证办理', '990103101', '测试镇政府', '11990103000000019T', \
    '企业', '测试店', '居民身份证', '990103199001010011', '测试甲', '2026-11-02 09:00:00', \
    '看情况', '测试乙', '2026-11-02 10:00:00', '2026-11-02 10:00:00', NULL)";

fn login(url: &str) -> Login {
    let rest = url.split_once("://").unwrap().1;
    let (who, rest) = rest.rsplit_once('@').unwrap();
    let (user, password) = who.split_once(':').unwrap();
    let (server, database) = rest.split_once('/').unwrap();
    let (host, port) = server.split_once(':').unwrap();
    Login {
        host: host.into(),
        port: port.parse().unwrap(),
        user: user.into(),
        password: Some(password.into()),
        database: database.into(),
        schema: None,
        tls: Tls::Prefer,
        ca: None,
    }
}

fn run(place: &Place, all: &[String]) {
    let session = Session {
        read_only: false,
        statement_timeout: Duration::from_secs(10),
        lock_timeout: Duration::from_secs(10),
        isolation: Isolation::ReadCommitted,
        stored: Stored::Declared,
        create: true,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = Connection::open(place, &session).await.unwrap();
        for sql in all {
            connection.execute(sql.clone()).await.unwrap();
        }
    });
}

/// The package that a table gives, and what a preview of it says.
fn story(dir: &Path, place: &Place, database: &str, password: Option<&str>) {
    let table = format!("t_bjxx_{}", std::process::id());
    let drop = format!("DROP TABLE IF EXISTS {table}");
    let make = format!("CREATE TABLE {table} ({COLUMNS})");
    run(place, &[drop.clone(), make, format!("INSERT INTO {table} VALUES {ROWS}")]);
    let mut base = vec!["--database", database];
    if let Some(word) = password {
        std::fs::write(dir.join("word"), word).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(dir.join("word"), mode).unwrap();
        }
        base.extend(["--password", "file:word"]);
    }
    let with = |first: &[&'static str]| [first, &base].concat();
    let listed = fine(dir, &with(&["adapter", "new", "--out", "mine"]));
    assert!(listed.out.contains(&table), "{}", listed.out);
    let mut args = with(&["adapter", "new", "--out", "mine"]);
    args.extend(["--table", &table]);
    let made = fine(dir, &args);
    assert!(!password.is_some_and(|p| made.out.contains(p)), "no password is said");
    let toml = std::fs::read_to_string(dir.join("mine/adapter.toml")).unwrap();
    // PostgreSQL folds names to small letters.
    let lower = toml.to_lowercase();
    for line in [
        "detect = \"modified_time\"\ncursor = \"gxsj\"\nkey = [\"lsh\"]",
        "applicant_name = { from = \"sqrxm\"",
        "applicant_id_type = { from = \"zjlx\"",
        "accepted_at = { from = \"slrq\"",
        "unit_code = { from = \"bmdm\"",
    ] {
        assert!(lower.contains(line), "no `{line}` in:\n{toml}");
    }
    let states = std::fs::read_to_string(dir.join("mine/tables/accept_state.csv")).unwrap();
    assert!(states.contains("受理,1,受理（1 行）") && states.contains("看情况,?,"), "{states}");
    assert!(!lower.contains("测试甲"), "no row is copied");
    // What could not be decided is what the check names, and nothing else.
    let check = tiergate(dir, &["check", "adapter", "mine"]);
    let odd = check.out.lines().filter(|l| l.contains("mine/"));
    let known = |l: &&str| l.contains("field_unmapped") || l.contains("bad_code");
    assert_eq!(odd.filter(|l| !known(l)).count(), 0, "{}", check.out);
    let wide = with(&["adapter", "preview", "mine"]);
    let said = tiergate(dir, &wide);
    assert_eq!(said.code, 1, "the marked places are told first: {}", said.out);
    run(place, &[drop]);
}

#[test]
fn a_password_in_the_address_is_refused_and_not_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let url = "mysql://me:hidden@127.0.0.1:1/db";
    let said = tiergate(dir.path(), &["adapter", "new", "--database", url, "--out", "mine"]);
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains("--password") && !said.err.contains("hidden"), "{}", said.err);
}

#[test]
fn a_dbf_table_becomes_a_package_with_the_memo_file_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let sample = repository().join("adapters/complaints/samples/handled");
    std::fs::copy(sample.join("input.dbf"), dir.path().join("ts1.dbf")).unwrap();
    let alone = tiergate(dir.path(), &["adapter", "new", "ts1.dbf", "--out", "mine"]);
    assert!(alone.code != 0 && alone.err.contains(".fpt"), "{}", alone.err);
    // In capitals, as the old programs name their files.
    std::fs::copy(sample.join("input.fpt"), dir.path().join("TS1.FPT")).unwrap();
    fine(dir.path(), &["adapter", "new", "ts1.dbf", "--out", "mine", "--sample", "1"]);
    let kept = dir.path().join("mine/samples/first");
    for ending in ["dbf", "fpt"] {
        let (was, is) = (sample.join("input.x"), kept.join("input.x"));
        let read = |path: &Path| std::fs::read(path.with_extension(ending)).unwrap();
        assert_eq!(read(&was), read(&is), "the sample is whole");
    }
    let package = repository().join("adapters/complaints").display().to_string();
    let said = fine(dir.path(), &["adapter", "preview", &package, "ts1.dbf", "--json"]);
    assert!(said.out.contains("申请逾期未办") && said.out.contains("予以受理"), "{}", said.out);
}

#[test]
fn a_table_of_sqlite_becomes_a_package() {
    let dir = tempfile::tempdir().unwrap();
    story(dir.path(), &Place::Sqlite(dir.path().join("old.db")), "sqlite:old.db", None);
}

#[test]
fn a_table_of_mariadb_becomes_a_package() {
    let dir = tempfile::tempdir().unwrap();
    let login = login(&service("TIERGATE_TEST_MARIADB"));
    let Login { host, port, user, database, .. } = &login;
    let url = format!("mysql://{user}@{host}:{port}/{database}");
    let word = login.password.clone();
    story(dir.path(), &Place::Mysql(login), &url, word.as_deref());
}

#[test]
fn a_table_of_postgresql_becomes_a_package() {
    let dir = tempfile::tempdir().unwrap();
    let login = login(&service("TIERGATE_TEST_POSTGRES"));
    let Login { host, port, user, database, .. } = &login;
    let url = format!("postgres://{user}@{host}:{port}/{database}");
    let word = login.password.clone();
    story(dir.path(), &Place::Postgres(login), &url, word.as_deref());
}
