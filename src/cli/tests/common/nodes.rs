//! Configurations of the two nodes that most stories have: a town that reads drops, above it a county.

use super::repository;

/// What every node's configuration begins with.
pub(crate) fn head(node: &str) -> String {
    format!(
        "version = 1\n\n[node]\ndata = \".\"\n\n[store]\nurl = \"sqlite:node.db\"\n\n[trust]\n\
         anchors = [\"../ca/ca.pem\"]\n\n[[identity]]\ncode = \"{node}\"\nenvironment = \"demo\"\n\
         key = \"file:node.key\"\ncertificate = \"node.pem\"\n"
    )
}

/// The town's own: the county over a link (`link` has what its carrier needs), and the window's drops.
pub(crate) fn town(carrier: &str, link: &str) -> String {
    let package = repository().join("adapters/township_window");
    let package = package.display();
    format!(
        "\n[[link]]\nname = \"up\"\npeer = \"county\"\ncarrier = \"{carrier}\"\nparent = true\n{link}\n\
         [[route]]\ndestination = \"county\"\nformat = \"supervision/1\"\n\n[[adapter]]\n\
         package = \"{package}\"\ndestination = \"county\"\ninterval = \"100 ms\"\n\n\
         [adapter.source]\nfolder = \"drops\"\nsettle = \"0 s\"\n"
    )
}
