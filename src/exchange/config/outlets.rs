//! `[[outlet]]`: a platform that does not run Tiergate, behind an identity of this node.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use canon::NodeCode;

use super::foreign::{self, Database};
use super::problem::At;
use super::read::{Cx, duplicate, owner};
use super::remote::{self, Remote};
use super::secret::SecretRef;
use super::tree::Tab;

/// What stands behind an identity.
#[derive(Clone, Debug)]
pub struct OutletConfig {
    /// The identity whose records go there, and which signs the receipts.
    pub identity: NodeCode,
    /// The target's folder: its format, its map, its ways.
    pub target: PathBuf,
    /// How it is reached.
    pub way: OutletWay,
    /// Where it stands.
    pub at: At,
}

/// How a platform is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutletWay {
    /// Its front database.
    FrontDb(Database),
    /// A web service; `true` where it wants SOAP.
    Calls(Box<CallsConfig>),
}

/// A platform's web service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallsConfig {
    /// How it is written to.
    pub form: CallForm,
    /// Where it is.
    pub remote: Remote,
    /// Secrets by the names that the target's file uses.
    pub secrets: BTreeMap<Arc<str>, SecretRef>,
    /// Values likewise.
    pub values: BTreeMap<Arc<str>, Arc<str>>,
}

/// How a web service is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallForm {
    /// A body of its own.
    Http,
    /// A SOAP envelope.
    Soap,
}

#[derive(Clone, Copy)]
enum Kind {
    FrontDb,
    Http,
    Soap,
}

pub(crate) fn outlets(top: &mut Tab<'_>, data: &Path, cx: &mut Cx<'_>) -> Vec<OutletConfig> {
    let mut found: Vec<OutletConfig> = Vec::new();
    for mut tab in top.tables("outlet", cx.problems) {
        let at = tab.at.clone();
        let identity = owner(&mut tab, cx);
        let target = tab.need("target", cx.problems).map(|s| cx.base.join(s.text));
        if !tab.entries().iter().any(|(k, _)| k.text == "kind") {
            let _missing = tab.need("kind", cx.problems);
        }
        let kinds = [("front_db", Kind::FrontDb), ("http", Kind::Http), ("soap", Kind::Soap)];
        let way = match tab.word("kind", &kinds, cx.problems) {
            Some(Kind::FrontDb) => front(&mut tab, data, cx),
            Some(Kind::Http) => calls(&mut tab, CallForm::Http, cx),
            Some(Kind::Soap) => calls(&mut tab, CallForm::Soap, cx),
            // Which keys are known depends on the kind: without it none is judged.
            None => continue,
        };
        let (path, spot) = (tab.key("identity"), tab.spot("identity"));
        tab.finish(cx.problems);
        let (Some(identity), Some(target), Some(way)) = (identity, target, way) else { continue };
        if found.iter().any(|o| o.identity == identity) {
            duplicate(&spot, path, identity.as_str(), cx);
        }
        found.push(OutletConfig { identity, target, way, at });
    }
    found
}

fn front(tab: &mut Tab<'_>, data: &Path, cx: &mut Cx<'_>) -> Option<OutletWay> {
    if !tab.entries().iter().any(|(k, _)| k.text == "database") {
        let _missing = tab.need("database", cx.problems);
    }
    foreign::database(tab, data, cx).map(OutletWay::FrontDb)
}

fn calls(tab: &mut Tab<'_>, form: CallForm, cx: &mut Cx<'_>) -> Option<OutletWay> {
    if !tab.entries().iter().any(|(k, _)| k.text == "url") {
        let _missing = tab.need("url", cx.problems);
    }
    let remote = remote::remote(tab, cx);
    let secrets = remote::secrets(tab, "secrets", cx);
    let values = remote::values(tab, "values", cx);
    Some(OutletWay::Calls(Box::new(CallsConfig { form, remote: remote?, secrets, values })))
}

#[cfg(test)]
mod tests {
    use super::super::tests::over_amqp;
    use super::*;

    fn read(outlet: &str) -> Result<Vec<OutletConfig>, Vec<String>> {
        let nodes = over_amqp(outlet);
        let said = nodes.map_err(|p| p.into_iter().map(|p| format!("{} {}", p.key, p.en)));
        said.map(|nodes| nodes.into_iter().flat_map(|n| n.outlets).collect())
            .map_err(Iterator::collect)
    }

    #[test]
    fn an_outlet_is_an_identity_a_target_and_a_way_to_it() {
        let text = "[[outlet]]\ntarget = \"packages\"\nkind = \"front_db\"\ndatabase = \"sqlite:front.db\"\n";
        let found = read(text).unwrap();
        assert!(matches!(&found[0].way, OutletWay::FrontDb(Database::Sqlite(_))));
        let text = "[[outlet]]\ntarget = \"packages\"\nkind = \"soap\"\nurl = \"https://10.1.2.3/ws\"\nsecrets = { password = \"env:MQ\" }\nvalues = { user = \"990103\" }\n";
        let OutletWay::Calls(calls) = &read(text).unwrap()[0].way else { panic!("calls") };
        assert_eq!((calls.form, &*calls.remote.url), (CallForm::Soap, "https://10.1.2.3/ws"));
        assert_eq!(&*calls.values["user"], "990103");
    }

    #[test]
    fn what_is_missing_or_doubled_is_said() {
        let front = "[[outlet]]\ntarget = \"packages\"\nkind = \"front_db\"\ndatabase = \"sqlite:front.db\"\n";
        for (text, words) in [
            ("[[outlet]]\nkind = \"front_db\"\ndatabase = \"sqlite:f\"\n".to_owned(), "target"),
            ("[[outlet]]\ntarget = \"packages\"\nkind = \"front_db\"\n".to_owned(), "database"),
            ("[[outlet]]\ntarget = \"packages\"\nkind = \"http\"\n".to_owned(), "url"),
            ("[[outlet]]\ntarget = \"packages\"\n".to_owned(), "kind"),
            (
                "[[outlet]]\ntarget = \"gone\"\nkind = \"front_db\"\ndatabase = \"sqlite:f\"\n"
                    .to_owned(),
                "there is no folder",
            ),
            (front.repeat(2), "identity"),
        ] {
            let said = read(&text).unwrap_err();
            assert!(said.iter().any(|s| s.contains(words)), "{words}: {said:?}");
        }
    }
}
