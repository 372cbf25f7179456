//! A key on a PKCS#11 token (SoftHSM): it asks for its certificate, signs, and says in clear words what is wrong.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

#[expect(dead_code, reason = "keys are born on the token here")]
mod common;
#[path = "common/nodes.rs"]
mod nodes;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use common::{Said, Service, fine, repository};

/// Longest wait for the process.
const LONGEST: Duration = Duration::from_secs(60);
/// Where Debian's `libsofthsm2` lays the library.
const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const CONF: &str = "SOFTHSM2_CONF";
const TOWN: [&str; 2] = ["--config", "town/node.toml"];

/// A token of its own, with keys that were born outside so that the test needs no further tool.
struct Rig {
    folder: tempfile::TempDir,
}

impl Rig {
    fn new() -> Self {
        let rig = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir_all(rig.dir().join("tokens")).unwrap();
        std::fs::create_dir_all(rig.dir().join("town/drops")).unwrap();
        let tokens = rig.dir().join("tokens").display().to_string();
        let text = format!("directories.tokendir = {tokens}\nobjectstore.backend = file\n");
        std::fs::write(rig.conf(), text).unwrap();
        rig.softhsm(&[
            "--init-token",
            "--free",
            "--label",
            "gate",
            "--pin",
            "2468",
            "--so-pin",
            "97531",
        ]);
        rig.pin("2468\n");
        fine(rig.dir(), &["ca", "new", "--out", "ca"]);
        rig
    }

    fn dir(&self) -> &Path {
        self.folder.path()
    }

    fn conf(&self) -> PathBuf {
        self.dir().join("softhsm2.conf")
    }

    fn softhsm(&self, args: &[&str]) {
        let mut command = Command::new("softhsm2-util");
        let said = common::ended(command.args(args).env(CONF, self.conf()));
        assert_eq!(said.code, 0, "{args:?}: {}{}", said.out, said.err);
    }

    fn openssl(&self, args: &[&str]) -> String {
        let said = common::ended(Command::new("openssl").args(args).current_dir(self.dir()));
        assert_eq!(said.code, 0, "{args:?}: {}{}", said.out, said.err);
        said.out + &said.err
    }

    fn pin(&self, text: &str) {
        let path = self.dir().join("town/pin");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// A key of these `openssl genpkey` arguments onto the token; its file goes.
    fn key(&self, label: &str, id: &str, made: &[&str]) {
        self.openssl(&[&["genpkey", "-out", "key.pem", "-algorithm"], made].concat());
        let file = self.dir().join("key.pem");
        let path = file.display().to_string();
        self.softhsm(&[
            "--import", &path, "--token", "gate", "--label", label, "--id", id, "--pin", "2468",
        ]);
        std::fs::remove_file(file).unwrap();
    }

    fn tiergate(&self, args: &[&str]) -> Said {
        common::ended(common::program(self.dir(), args).env(CONF, self.conf()))
    }

    fn csr(&self, label: &str, suite: &str, out: &str) -> Said {
        self.tiergate(&[
            "keys",
            "csr",
            "--module",
            MODULE,
            "--token",
            "gate",
            "--label",
            label,
            "--pin",
            "file:town/pin",
            "--suite",
            suite,
            "--node",
            "town",
            "--environment",
            "demo",
            "--region",
            "99",
            "--out",
            out,
        ])
    }

    /// The town's certificate, for the key of that label.
    fn certificate(&self, label: &str, suite: &str) {
        let csr = format!("{label}.csr");
        let said = self.csr(label, suite, &csr);
        assert_eq!(said.code, 0, "{suite}: {}{}", said.out, said.err);
        // Another program than ours sees that the token signed, with the key that the request names.
        assert!(self.openssl(&["req", "-in", &csr, "-noout", "-verify"]).contains("verify OK"));
        let out = format!("town/{label}.pem");
        fine(self.dir(), &["ca", "issue", "--ca", "ca", "--csr", &csr, "--out", &out]);
    }

    /// The town's configuration; `changed` lines of its token in place of the right ones.
    fn config(&self, label: &str, suite: &str, changed: &[(&str, &str)]) {
        let mut token = format!(
            "token = {{ module = \"{MODULE}\", token = \"gate\", key = \"{label}\", pin = \"file:pin\", wait = \"20 s\" }}"
        );
        for (from, to) in changed {
            assert!(token.contains(from), "{from}");
            token = token.replace(from, to);
        }
        let own = format!("suite = \"{suite}\"\n{token}\ncertificate = \"{label}.pem\"");
        let head = nodes::head("town")
            .replace("key = \"file:node.key\"\ncertificate = \"node.pem\"", &own);
        let text = head + &nodes::town("local", "");
        std::fs::write(self.dir().join("town/node.toml"), text).unwrap();
    }

    fn county(&self) {
        let dir = self.dir();
        std::fs::create_dir_all(dir.join("county")).unwrap();
        fine(dir, &["keys", "new", "--out", "county/node.key"]);
        fine(
            dir,
            &[
                "ca",
                "issue",
                "--ca",
                "ca",
                "--node",
                "county",
                "--region",
                "99",
                "--key",
                "county/node.key",
                "--out",
                "county/node.pem",
            ],
        );
        let link = "\n[[link]]\nname = \"town\"\npeer = \"town\"\ncarrier = \"local\"\n";
        std::fs::write(dir.join("county/node.toml"), nodes::head("county") + link).unwrap();
    }

    fn check(&self) -> Said {
        self.tiergate(&["check", "config", "town/node.toml", "county/node.toml"])
    }

    #[track_caller]
    fn refused(&self, code: &str, words: &str) {
        let said = self.check();
        assert!(
            said.code == 1 && said.out.contains(code) && said.out.contains(words),
            "{code} {words}: {}{}",
            said.out,
            said.err
        );
        assert!(!said.out.contains("2468") && !said.out.contains("1357"), "{}", said.out);
    }
}

const P256: &str = "ecdsa-p256-sha256";

#[test]
fn a_token_asks_for_its_certificate_and_signs_in_each_suite_it_knows() {
    let rig = Rig::new();
    rig.county();
    for (label, id, suite, made) in [
        ("a", "01", P256, &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"][..]),
        ("b", "02", "rsa-sha256", &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
        ("c", "03", "ed25519-sha256", &["ED25519"]),
    ] {
        rig.key(label, id, made);
        rig.certificate(label, suite);
        rig.config(label, suite, &[]);
        let said = rig.check();
        assert_eq!(said.code, 0, "{suite}: {}{}", said.out, said.err);
    }
    let said = rig.tiergate(&[&["doctor"][..], &TOWN].concat());
    assert!(said.out.contains("✓ town: key `c` on token `gate` signs"), "{}{}", said.out, said.err);
    let zh = rig.tiergate(&[&["--lang", "zh", "doctor"][..], &TOWN].concat());
    assert!(zh.out.contains("密码设备『gate』上的密钥『c』可以签名"), "{}", zh.out);
}

#[test]
fn what_is_wrong_with_a_token_is_said_in_clear_words() {
    let rig = Rig::new();
    rig.county();
    rig.key("a", "01", &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    rig.key("b", "02", &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    rig.key("r", "03", &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
    rig.certificate("a", P256);
    for (from, to, code, words) in [
        ("\"gate\"", "\"away\"", "token.absent", "`away`; there are: gate"),
        ("\"a\"", "\"z\"", "token.key_absent", "`z` on token `gate`"),
        ("\"a\"", "\"r\"", "token.key_suite", "`r` on `gate`, ecdsa-p256-sha256"),
        ("\"a\"", "\"b\"", "config.certificate", "not of the certificate's key"),
        (MODULE, "/usr/bin/env", "token.module", "/usr/bin/env"),
        (MODULE, "/nowhere.so", "config.file_missing", "there is no file /nowhere.so"),
        ("file:pin", "2468", "config.secret_literal", "a secret itself never stands here"),
        ("file:pin", "file:none", "config.file_missing", "there is no file"),
        ("\"20 s\"", "\"2 h\"", "config.out_of_range", "between 1 ms and 60 s"),
    ] {
        rig.config("a", P256, &[(from, to)]);
        rig.refused(code, words);
    }
    // A key that is no RSA key, and the suite that no token knows.
    rig.config("a", "rsa-sha256", &[]);
    rig.refused("config.certificate", "the key is for `ecdsa-p256-sha256`");
    let said = rig.csr("a", "sm2-sm3", "none.csr");
    assert!(said.code == 3 && said.err.contains("for sm2-sm3 a `signer` program"), "{}", said.err);
    rig.config("a", P256, &[("token =", "signer = { command = [\"/bin/cat\"] }\ntoken =")]);
    rig.refused("config.bad_value", "one key has one holder");
    rig.config("a", P256, &[]);
    rig.pin("1357\n");
    rig.refused("token.pin_refused", "token `gate`: PinIncorrect");
    let zh =
        rig.tiergate(&["--lang", "zh", "check", "config", "town/node.toml", "county/node.toml"]);
    assert!(zh.out.contains("设备拒绝该 PIN"), "{}", zh.out);
    rig.pin("2468\n");
    assert_eq!(rig.check().code, 0);
    // Two keys of one label.
    rig.key("a", "04", &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    rig.refused("token.ambiguous", "key `a` on `gate`");
}

/// Records go up signed on the token.
#[test]
fn a_service_signs_on_a_token() {
    let rig = Rig::new();
    let dir = rig.dir();
    rig.county();
    rig.key("a", "01", &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    rig.certificate("a", P256);
    rig.config("a", P256, &[]);
    let conf = rig.conf().display().to_string();
    let _service = Service::in_environment(dir, &["town", "county"], &[(CONF, &conf)]);
    let status = || rig.tiergate(&["status", "--json", "--config", "town/node.toml"]).out;
    let accepted = |rows: u32| {
        let (began, wanted) = (Instant::now(), format!("\"accepted\": {rows}"));
        while !status().contains(&wanted) {
            assert!(began.elapsed() < LONGEST, "{}", status());
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let sample = repository().join("adapters/township_window/samples/ordinary/input.csv");
    std::fs::copy(sample, dir.join("town/drops/window-20140919.csv")).unwrap();
    accepted(12);
}
