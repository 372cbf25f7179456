//! What the tests of the built program share: running it, a service that ends with its test, keys and
//! certificates of the nodes of a story.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// Exit code, standard output, standard error.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}{}", self.out, self.err))
    }
}

/// The program, as its user sees it.
pub(crate) fn program(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tiergate"));
    command.args(args).current_dir(dir);
    command.env_remove("LC_ALL").env_remove("LC_MESSAGES").env("LANG", "C");
    command
}

/// Runs the program to its end.
pub(crate) fn tiergate(dir: &Path, args: &[&str]) -> Said {
    ended(&mut program(dir, args))
}

/// Runs a command to its end.
pub(crate) fn ended(command: &mut Command) -> Said {
    let output = command.output().expect("the program was built for this test");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program writes UTF-8");
    Said {
        code: output.status.code().expect("no signal ended it"),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// Runs the program, which has nothing to complain about.
#[track_caller]
pub(crate) fn fine(dir: &Path, args: &[&str]) -> Said {
    let said = tiergate(dir, args);
    assert_eq!(said.code, 0, "{args:?}: {}{}", said.out, said.err);
    said
}

/// Nodes as a service; a failed test leaves none behind.
pub(crate) struct Service(Child);

impl Service {
    pub(crate) fn start(dir: &Path, nodes: &[&str]) -> Self {
        Self::in_environment(dir, nodes, &[])
    }

    /// The same with variables of its own.
    pub(crate) fn in_environment(dir: &Path, nodes: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = program(dir, &["run", "--config"]);
        command.envs(variables.iter().copied());
        command.args(nodes.iter().map(|node| format!("{node}/node.toml")));
        command.stdout(Stdio::null()).stdin(Stdio::null());
        Self(command.spawn().expect("the program starts"))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if self.0.kill().is_ok() {
            self.0.wait().expect("a child");
        }
    }
}

/// Suite of the nodes where it does not matter.
pub(crate) const USUAL: &str = "ecdsa-p256-sha256";

/// Key of a suite, certificate and configuration for each node, below `dir`.
pub(crate) fn prepare(dir: &Path, suite: &str, nodes: &[&str], config: impl Fn(&str) -> String) {
    fine(dir, &["ca", "new", "--out", "ca", "--suite", suite]);
    for &node in nodes {
        std::fs::create_dir_all(dir.join(node).join("drops")).expect("a folder");
        let (key, pem) = (format!("{node}/node.key"), format!("{node}/node.pem"));
        fine(dir, &["keys", "new", "--suite", suite, "--out", &key]);
        fine(
            dir,
            &[
                "ca", "issue", "--ca", "ca", "--node", node, "--region", "99", "--key", &key,
                "--out", &pem,
            ],
        );
        std::fs::write(dir.join(node).join("node.toml"), config(node)).expect("a configuration");
    }
}

/// The checkout.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the checkout")
}
