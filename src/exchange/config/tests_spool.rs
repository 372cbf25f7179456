//! `[link.spool]`, right and wrong.

use bus::spool::Form;

use super::tests::{COUNTY, alone};
use super::*;

fn over_files(more: &str) -> String {
    let rest = if more.contains("readers") { "" } else { "plain = \"the gate inspects\"\n" };
    let link = format!("carrier = \"spool\"\nparent = true\n[link.spool]\n{rest}{more}");
    COUNTY.replacen("carrier = \"local\"\nparent = true", &link, 1)
}

#[test]
fn a_link_over_files_has_the_gates_patience_and_may_lead_out_of_the_process() {
    let nodes = alone(&over_files("folder = \"gate\"")).unwrap();
    let link = &nodes[0].links[0];
    let spool = link.spool.as_ref().unwrap();
    assert_eq!(link.carrier, Carrier::Spool);
    let base = "a/gate".into();
    assert_eq!(spool.place, SpoolPlace::Folders { base, out: None, incoming: None });
    let day = 86_400_000;
    assert_eq!((spool.overdue, spool.grace, spool.inquiry), (7 * day, day, day));
    assert_eq!((spool.back, spool.settings.form), (Back::Gate, Form::Zst));
    let nodes = alone(&over_files(
        "folder = \"gate\"\nout = \"/mnt/up\"\nin = \"/mnt/down\"\nform = \"xml\"\nreturn = \"manual\"\n\
         name = \"{to}-{digest}\"\nname_length = 60\nmax_file = \"2 MiB\"\nfiles_per_minute = 30\n\
         repeat = 3\npatience = \"1 h\"\npoll = \"5 s\"\nreceipt_overdue = \"10 d\"",
    ))
    .unwrap();
    let spool = nodes[0].links[0].spool.as_ref().unwrap();
    assert_eq!(
        (spool.back, spool.settings.form, spool.settings.repeat),
        (Back::Manual, Form::Xml, 3)
    );
    assert!(spool.back.is_no_way());
    assert_eq!(spool.settings.max_file, 2 << 20);
    let table = "form = \"table\"\ndatabase = \"sqlite:front.db\"\nin_table = \"gate_in\"";
    let nodes = alone(&over_files(table)).unwrap();
    let place = &nodes[0].links[0].spool.as_ref().unwrap().place;
    let (database, out, incoming) = ("a/front.db".into(), "tiergate_out".into(), "gate_in".into());
    assert_eq!(*place, SpoolPlace::Table { database, out, incoming });
}

#[test]
fn what_is_wrong_with_a_gate_is_said_in_one_pass() {
    let wrong = over_files(
        "out = \"x\"\nin = \"x\"\nform = \"zpi\"\nreturn = \"never\"\nname = \"{from}\"\n\
         name_length = 9\nmax_file = \"1 KiB\"\nrepeat = 0\npatience = \"soon\"\nfolders = \"gate\"",
    );
    let found = alone(&wrong).expect_err("wrong");
    let keys: Vec<String> = found.iter().map(|p| format!("{} {}", p.code, p.key)).collect();
    let hints: Vec<&str> = found.iter().filter_map(|p| p.hint.as_deref()).collect();
    for expected in [
        "config.missing_key link[1].spool.folder",
        "config.bad_value link[1].spool.form",
        "config.bad_value link[1].spool.return",
        "config.bad_value link[1].spool.name",
        "config.out_of_range link[1].spool.name_length",
        "config.out_of_range link[1].spool.max_file",
        "config.out_of_range link[1].spool.repeat",
        "config.bad_value link[1].spool.patience",
        "config.unknown_key link[1].spool.folders",
    ] {
        assert!(keys.contains(&expected.to_owned()), "{expected}: {keys:#?}");
    }
    assert!(hints.contains(&"zip") && hints.contains(&"folder"), "{hints:?}");
    let same =
        alone(&over_files("folder = \"g\"\nout = \"x\"\nin = \"x\"")).expect_err("one folder");
    assert_eq!(same[0].key, "link[1].spool.in");
    let table = over_files(
        "form = \"table\"\ndatabase = \"postgres://u:hunter2@h/x\"\nout_table = \"a; DROP\"\nin_table = \"tiergate_in\"",
    );
    let found = alone(&table).expect_err("wrong");
    let keys: Vec<&str> = found.iter().map(|p| p.key.as_str()).collect();
    assert_eq!(keys, ["link[1].spool.database", "link[1].spool.out_table"]);
    assert!(found.iter().all(|p| !p.en.contains("hunter2") && !p.zh.contains("hunter2")));
    let local = COUNTY.replacen("parent = true", "parent = true\n[link.spool]\nfolder = \"x\"", 1);
    let found = alone(&local).expect_err("no gate here");
    assert!(found.iter().any(|p| p.key == "link[1].spool" && p.en.contains("carrier = \"spool\"")));
}

#[test]
fn two_links_never_share_a_folder() {
    let two = over_files("folder = \"gate\"").replace(
        "[[route]]",
        "[[link]]\nname = \"down\"\npeer = \"town\"\ncarrier = \"spool\"\n[link.spool]\nplain = \"it inspects\"\nfolder = \"gate\"\n[[route]]",
    );
    let found = alone(&two).expect_err("shared");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].code, found[0].key.as_str()), ("config.duplicate", "[link.spool] folder"));
}

#[test]
fn files_of_a_gate_are_encrypted_or_there_is_a_reason() {
    let keys = |text: &str| -> Vec<String> {
        let found = alone(text).err().unwrap_or_default();
        found.iter().map(|p| format!("{} {}", p.code, p.key)).collect()
    };
    let bare = |more: &str| {
        let link =
            format!("carrier = \"spool\"\nparent = true\n[link.spool]\nfolder = \"gate\"\n{more}");
        COUNTY.replacen("carrier = \"local\"\nparent = true", &link, 1)
    };
    assert_eq!(keys(&bare("")), ["config.missing_key link[1].spool.readers"]);
    assert_eq!(keys(&bare("readers = []")), ["config.missing_key link[1].spool.readers"]);
    for reason in ["", "why", &"x".repeat(PLAIN_REASON_CHARS_MAX + 1), "a\\u0007bell"] {
        let found = keys(&bare(&format!("plain = \"{reason}\"")));
        assert_eq!(found, ["config.bad_value link[1].spool.plain"], "{reason}");
    }
    let both = keys(&bare("readers = [\"city.pem\"]\nplain = \"the gate inspects\""));
    assert_eq!(both, ["config.bad_value link[1].spool.plain"]);
    let read = keys(&bare("readers = [\"city.pem\"]\nform = \"xml\""));
    assert_eq!(read, ["config.bad_value link[1].spool.readers"]);
    let nodes = alone(&bare("readers = [\"city.pem\"]")).unwrap();
    let rest = &nodes[0].links[0].spool.as_ref().unwrap().rest;
    assert_eq!((rest, rest.plain()), (&AtRest::Closed(vec!["a/city.pem".into()]), None));
    let nodes = alone(&bare("plain = \" the gate inspects \"")).unwrap();
    assert_eq!(nodes[0].links[0].spool.as_ref().unwrap().rest.plain(), Some("the gate inspects"));
}

#[test]
fn archive_files_are_encrypted_for_the_node_or_there_is_a_reason() {
    let keys = |text: &str| -> Vec<String> {
        let found = alone(text).err().unwrap_or_default();
        found.iter().map(|p| format!("{} {}", p.code, p.key)).collect()
    };
    let gated = over_files("folder = \"gate\"");
    let with = |more: &str| format!("{gated}\n[archive]\nfolder = \"archive\"\n{more}");
    assert_eq!(keys(&with("")), ["config.missing_key archive.plain"]);
    assert_eq!(keys(&with("plain = \"a tape robot reads it\"")), [""; 0]);
    let pair = "certificate = \"county.pem\"\nencryption = { certificate = \"enc.pem\", key = \"file:enc.key\", passphrase = \"env:MQ\" }";
    let own = with("readers = [\"auditor.pem\"]").replacen("certificate = \"county.pem\"", pair, 1);
    let nodes = alone(&own).unwrap();
    let archive = nodes[0].archive.as_ref().unwrap();
    assert_eq!(archive.rest, AtRest::Closed(vec!["a/auditor.pem".into()]));
}
